/* What rows are called for people: the parts of their names in which they differ. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODEL, METHOD, PROTOCOL, N_PARTS };

static const char *part_of(const cr_compare_row *row, int part)
{
    return part == MODEL ? row->model : part == METHOD ? row->method : row->protocol;
}

static bool is_shown(const cr_compare *compare, int part)
{
    for (int r = 1; r < compare->n_rows; r++)
        if (strcmp(part_of(&compare->rows[r], part), part_of(&compare->rows[0], part)) != 0)
            return true;
    return false;
}

static bool have_one_name(const cr_compare_row *a, const cr_compare_row *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->method, b->method) == 0 &&
           strcmp(a->protocol, b->protocol) == 0;
}

/* The file without its folders, where no other file is called so. */
static const char *short_file(const cr_compare *compare, const char *path)
{
    const char *name = cr_path_name(path);
    for (int s = 0; s < compare->n_sets; s++)
        if (strcmp(compare->sets[s].path, path) != 0 &&
            strcmp(cr_path_name(compare->sets[s].path), name) == 0)
            return path;
    return name;
}

/* The file's name where another row has the same name, and a number where it has the same file, too. */
static void put_label(const cr_compare *compare, int r, const bool shown[N_PARTS], FILE *out)
{
    const cr_compare_row *row = &compare->rows[r];
    bool ambiguous = false, first = true;
    int n_before = 0;
    for (int other = 0; other < compare->n_rows; other++)
        if (other != r && have_one_name(&compare->rows[other], row)) {
            ambiguous = true;
            n_before += other < r && strcmp(compare->rows[other].file, row->file) == 0;
        }
    if (ambiguous)
        fprintf(out, "%s:", short_file(compare, row->file));
    for (int part = 0; part < N_PARTS; part++)
        if (shown[part]) {
            fprintf(out, "%s%s", first ? "" : "/", part_of(row, part));
            first = false;
        }
    if (row->precision[0] && strcmp(row->precision, "float32") != 0)
        fprintf(out, " (%s)", row->precision);
    if (n_before > 0)
        fprintf(out, " (%d)", n_before + 1);
}

/* The text in the comparison's own memory; NULL when out of memory. */
static const char *keep(cr_compare *compare, const char *text, size_t bytes)
{
    char *kept = cr_arena_alloc(&compare->room->arena, bytes + 1, 1);
    if (kept)
        memcpy(kept, text, bytes);
    return kept;
}

/* A row's label, or, with `group`, that of the models that are called so, in its place. */
static const char *make_label(cr_compare *compare, const char *group, int r)
{
    bool shown[N_PARTS], any = false;
    char *text = NULL;
    size_t bytes;
    for (int part = 0; part < N_PARTS; part++) {
        shown[part] = is_shown(compare, part);
        any = any || shown[part];
    }
    shown[MODEL] = shown[MODEL] || !any;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    if (group) {
        fprintf(out, "%s", group);
        for (int part = METHOD; part < N_PARTS; part++)
            if (shown[part])
                fprintf(out, "/%s", part_of(&compare->rows[r], part));
    } else {
        put_label(compare, r, shown, out);
    }
    const bool whole = !ferror(out);
    const char *label = fclose(out) == 0 && whole ? keep(compare, text, bytes) : NULL;
    free(text);
    return label;
}

const char *cr_compare_label_group(cr_compare *compare, const char *group, int row)
{
    return make_label(compare, group, row);
}

cr_status cr_compare_label(cr_compare *compare, cr_error *err)
{
    for (int r = 0; r < compare->n_rows; r++) {
        compare->rows[r].label = make_label(compare, NULL, r);
        if (!compare->rows[r].label)
            return cr_fail(err, CR_EINTERNAL, "out of memory: a row's name");
    }
    return CR_OK;
}

/* "All rows: gap, protocol cam-paper": what the labels leave out. */
void cr_compare_put_common(const cr_compare *compare, FILE *out, const char *prefix,
                           cr_put_text *put)
{
    static const char *const titles[N_PARTS] = {"model", "method", "protocol"};
    bool any = false;
    for (int part = METHOD; part < N_PARTS; part++)
        if (!is_shown(compare, part) && part_of(&compare->rows[0], part)[0]) {
            fprintf(out, "%s%s ", any ? ", " : prefix, titles[part]);
            put(out, part_of(&compare->rows[0], part));
            any = true;
        }
    if (!is_shown(compare, MODEL) && (is_shown(compare, METHOD) || is_shown(compare, PROTOCOL))) {
        fprintf(out, "%s%s ", any ? ", " : prefix, titles[MODEL]);
        put(out, compare->rows[0].model);
        any = true;
    }
    if (any)
        fprintf(out, " in all rows.\n");
}
