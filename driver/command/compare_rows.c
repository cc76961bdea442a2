/* Which rows of the files are compared. */
#include "compare_rows.h"
#include "camrank/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODEL, METHOD, PROTOCOL, N_PARTS };

static const char *part_of(const cr_compare_row *row, int part)
{
    return part == MODEL ? row->model : part == METHOD ? row->method : row->protocol;
}

static void add_row(const cr_compare_file *file, cr_compare_place place, cr_compare_place *to,
                    cr_compare_row *row)
{
    const cr_results_plan *plan = cr_results_get_plan(file->results);
    const bool is_baseline = place.model < 0;
    *to = place;
    if (is_baseline)
        snprintf(to->method, sizeof to->method, "%s", cr_baseline_names[place.row]);
    else
        cr_results_row_name(&plan->models[place.model], place.row, to->method);
    *row = (cr_compare_row){
        .file = file->path,
        .model = is_baseline ? CR_BASELINE_MODEL : plan->models[place.model].name,
        .method = to->method,
        .protocol = plan->protocols[place.protocol].name,
        .precision = "",
        .has_network = !is_baseline && cr_results_has_network(&plan->models[place.model])};
    if (row->has_network)
        row->precision = cr_precision_names[plan->models[place.model].precision];
}

/* The baselines last. */
static cr_status list_all(const cr_compare_file *files, int n, cr_compare_place **places,
                          cr_compare_row **rows, int *n_rows, cr_error *err)
{
    size_t most = 0;
    for (int f = 0; f < n; f++) {
        const cr_results_plan *plan = cr_results_get_plan(files[f].results);
        most += (size_t)(cr_results_count_rows(plan) + CR_N_BASELINES) * (size_t)plan->n_protocols;
    }
    *places = cr_alloc(most, sizeof **places);
    *rows = cr_alloc(most, sizeof **rows);
    if (!*places || !*rows)
        return cr_fail_memory(err, "rows", most, sizeof **places);
    for (int f = 0; f < n; f++) {
        const cr_results_plan *plan = cr_results_get_plan(files[f].results);
        for (int m = 0; m < plan->n_models; m++)
            for (int r = 0; r < cr_results_n_rows(&plan->models[m]); r++)
                for (int p = 0; p < plan->n_protocols; p++, ++*n_rows)
                    add_row(&files[f], (cr_compare_place){f, m, r, p, ""}, &(*places)[*n_rows],
                            &(*rows)[*n_rows]);
    }
    for (int f = 0; f < n; f++) {
        const int n_protocols = cr_results_get_plan(files[f].results)->n_protocols;
        for (int b = 0; b < CR_N_BASELINES && cr_results_has_baselines(files[f].results); b++)
            for (int p = 0; p < n_protocols; p++, ++*n_rows)
                add_row(&files[f], (cr_compare_place){f, -1, b, p, ""}, &(*places)[*n_rows],
                        &(*rows)[*n_rows]);
    }
    return CR_OK;
}

/* Whether a part of a row is called so; the layer of a method may be short. */
static bool is_part(const cr_compare_row *row, int part, const char *name, size_t length)
{
    return cr_name_is(part_of(row, part), name, length) ||
           (part == METHOD && cr_name_is_short_for(row->method, name, length));
}

/* Whether a name of the list is one of the parts that rows have, and whether it is this row's. */
static void look_up(const cr_compare_row *rows, int n_rows, int part, const cr_compare_row *row,
                    const char *only, bool *is_asked, bool *is_chosen)
{
    const char *name;
    *is_asked = *is_chosen = false;
    while (*only) {
        const size_t length = cr_names_next(&only, &name);
        for (int r = 0; r < n_rows && !*is_asked; r++)
            *is_asked = is_part(&rows[r], part, name, length);
        *is_chosen = *is_chosen || is_part(row, part, name, length);
    }
}

enum { LIST_BYTES = 300 };

/* Adds a name to a list, or once that there are more where it has no room. */
static void add_name(char list[LIST_BYTES], const char *name)
{
    static const char more[] = ", ...";
    const size_t used = strlen(list), length = strlen(name);
    const bool is_cut = used >= sizeof more && strcmp(list + used - (sizeof more - 1), more) == 0;
    if (!is_cut && used + length + 2 + sizeof more <= LIST_BYTES)
        snprintf(list + used, LIST_BYTES - used, "%s%s", used ? ", " : "", name);
    else if (!is_cut)
        snprintf(list + used, LIST_BYTES - used, "%s", more);
}

/* What models, methods and protocols are called, each name once. */
static void list_parts(const cr_compare_row *rows, int n_rows, char list[LIST_BYTES])
{
    list[0] = 0;
    for (int part = 0; part < N_PARTS; part++)
        for (int r = 0; r < n_rows; r++) {
            int first = 0;
            while (strcmp(part_of(&rows[first], part), part_of(&rows[r], part)) != 0)
                first++;
            if (first == r)
                add_name(list, part_of(&rows[r], part));
        }
}

static bool have_one_name(const cr_compare_row *a, const cr_compare_row *b)
{
    for (int part = 0; part < N_PARTS; part++)
        if (strcmp(part_of(a, part), part_of(b, part)) != 0)
            return false;
    return true;
}

/* What rows are called, each name once. */
static void list_rows(const cr_compare_row *rows, int n_rows, char list[LIST_BYTES])
{
    char name[4 * CR_NAME_BYTES];
    list[0] = 0;
    for (int r = 0; r < n_rows; r++) {
        int first = 0;
        while (!have_one_name(&rows[first], &rows[r]))
            first++;
        snprintf(name, sizeof name, "%s/%s/%s", rows[r].model, rows[r].method, rows[r].protocol);
        if (first == r)
            add_name(list, name);
    }
}

static cr_status check_names(const cr_compare_row *rows, int n_rows, const char *only,
                             cr_error *err)
{
    char known[LIST_BYTES];
    const char *name;
    while (*only) {
        const size_t length = cr_names_next(&only, &name);
        bool found = false;
        for (int r = 0; r < n_rows; r++)
            for (int part = 0; part < N_PARTS; part++)
                found = found || is_part(&rows[r], part, name, length);
        if (found)
            continue;
        list_parts(rows, n_rows, known);
        return cr_fail(err, CR_EINPUT,
                       "--only: there is no model, method or protocol \"%.*s\", but %s",
                       (int)(length < 100 ? length : 100), name, known);
    }
    return CR_OK;
}

static bool is_called(const cr_compare_row *row, const char *name);

/* Whether a row of a baseline is named, without which it is not compared. */
static bool is_named(const cr_compare_row *row, const char *only, const char *against)
{
    const char *name;
    while (only && *only) {
        const size_t length = cr_names_next(&only, &name);
        if (cr_name_is(row->model, name, length) || cr_name_is(row->method, name, length))
            return true;
    }
    return against && strstr(against, row->method) && is_called(row, against);
}

static cr_status choose(const char *only, const char *against, cr_compare_place *places,
                        cr_compare_row *rows, int *n_rows, cr_error *err)
{
    int kept = 0, n_models = 0;
    while (n_models < *n_rows && places[n_models].model >= 0)
        n_models++;
    bool *chosen = cr_alloc((size_t)*n_rows, sizeof *chosen);
    if (!chosen)
        return cr_fail_memory(err, "rows", (size_t)*n_rows, sizeof *chosen);
    for (int r = 0; r < *n_rows; r++) {
        chosen[r] = true;
        const bool is_baseline = places[r].model < 0;
        if (is_baseline)
            chosen[r] = is_named(&rows[r], only, against);
        for (int part = is_baseline ? PROTOCOL : MODEL; part < N_PARTS && only; part++) {
            bool asked, is_it;
            look_up(rows, n_models, part, &rows[r], only, &asked, &is_it);
            chosen[r] = chosen[r] && (is_it || !asked);
        }
    }
    for (int r = 0; r < *n_rows; r++)
        if (chosen[r]) {
            places[kept] = places[r];
            rows[kept] = rows[r];
            rows[kept].method = places[kept].method;
            kept++;
        }
    *n_rows = kept;
    free(chosen);
    return CR_OK;
}

/* Rows of one protocol's name must have one protocol. */
static cr_status check_protocols(const cr_compare_file *files, const cr_compare_place *places,
                                 const cr_compare_row *rows, int n_rows, cr_error *err)
{
    char x[CR_PARAMETER_BYTES], y[CR_PARAMETER_BYTES];
    for (int r = 0; r < n_rows; r++) {
        int first = 0;
        while (strcmp(rows[first].protocol, rows[r].protocol) != 0)
            first++;
        const cr_results_plan *one = cr_results_get_plan(files[places[first].file].results);
        const cr_results_plan *other = cr_results_get_plan(files[places[r].file].results);
        const cr_parameter *differs = cr_parameters_difference(
            cr_protocol_parameters, &one->protocols[places[first].protocol],
            &other->protocols[places[r].protocol], x, y);
        if (differs)
            return cr_fail(err, CR_EINPUT, "%s: protocol %s has %s %s, in %s %s", rows[r].file,
                           rows[r].protocol, differs->key, y, rows[first].file, x);
    }
    return CR_OK;
}

cr_status cr_compare_list_rows(const cr_compare_file *files, int n, const char *only,
                               const char *against, cr_compare_place **places,
                               cr_compare_row **rows, int *n_rows, cr_error *err)
{
    *places = NULL;
    *rows = NULL;
    *n_rows = 0;
    CR_OR_RETURN(list_all(files, n, places, rows, n_rows, err));
    if (only)
        CR_OR_RETURN(check_names(*rows, *n_rows, only, err));
    CR_OR_RETURN(choose(only, against, *places, *rows, n_rows, err));
    return check_protocols(files, *places, *rows, *n_rows, err);
}

/* Whether `name` is some of the row's parts in their order, with a / between them. */
static bool has_parts(const cr_compare_row *row, const char *name)
{
    for (int mask = 1; mask < 1 << N_PARTS; mask++) {
        const char *rest = name;
        bool fits = true, first = true;
        for (int part = 0; part < N_PARTS && fits; part++) {
            if (!(mask & 1 << part))
                continue;
            const size_t length = strlen(part_of(row, part));
            fits = first || *rest++ == '/';
            fits = fits && strncmp(rest, part_of(row, part), length) == 0;
            rest += fits ? length : 0;
            first = false;
        }
        if (fits && *rest == 0)
            return true;
    }
    return false;
}

/* Whether `name` is that of the file, a colon, and parts of the row. */
static bool has_file(const cr_compare_row *row, const char *file, const char *name)
{
    const size_t length = strlen(file);
    return strncmp(name, file, length) == 0 && name[length] == ':' &&
           has_parts(row, name + length + 1);
}

static bool is_called(const cr_compare_row *row, const char *name)
{
    return has_parts(row, name) || has_file(row, row->file, name) ||
           has_file(row, cr_path_name(row->file), name);
}

cr_status cr_compare_find_row(const cr_compare_row *rows, int n_rows, const char *name, int *row,
                              cr_error *err)
{
    int n_found = 0;
    for (int r = n_rows - 1; r >= 0; r--)
        if (is_called(&rows[r], name)) {
            *row = r;
            n_found++;
        }
    if (n_found == 1)
        return CR_OK;
    if (n_found == 0) {
        char known[LIST_BYTES];
        list_rows(rows, n_rows, known);
        return cr_fail(err, CR_EINPUT, "--against %.100s: there is no such row, but %s", name,
                       known);
    }
    return cr_fail(err, CR_EUSAGE,
                   "--against %s: may be %d rows: MODEL/METHOD/PROTOCOL names one, with FILE: in "
                   "front where files have the same",
                   name, n_found);
}
