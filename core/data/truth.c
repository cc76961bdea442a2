/* The ground truth while it is read: images, boxes, ids. */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool cr_parse_whole(const char *text, int32_t max, int32_t *value)
{
    int64_t number = 0;
    size_t n = strlen(text);
    if (n == 0 || n > 10)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *value = (int32_t)(number <= max ? number : 0);
    return number <= max;
}

/* A name as ids have it, n bytes: from its first folder or from its last part on, without an image
 * extension. */
static const char *id_of(const char *name, bool by_path, size_t *n)
{
    const char *last = cr_path_name(name);
    while (by_path && (name[0] == '/' || strncmp(name, "./", 2) == 0))
        name++;
    const char *start = by_path ? name : last;
    *n = (size_t)(last - start) + cr_stem_length(last, strlen(last), NULL);
    return start;
}

static cr_status add_row(cr_truth *t, const cr_place *at, const char *name, const char *class,
                         cr_error *err)
{
    size_t n, n_stem;
    const char *path = id_of(name, true, &n), *stem = id_of(name, false, &n_stem);
    cr_truth_row row = {.label = -1, .line = at->line, .localize = 1};
    if (n_stem == 0)
        return cr_fail(err, CR_EINPUT, "%s:%d: no image id", at->path, at->line);
    if (!cr_is_utf8(path, n))
        return cr_fail(err, CR_EINPUT, "%s:%d: the image id '%s' is not UTF-8", at->path,
                       at->line ? at->line : 1, cr_quote(stem, n_stem).text);
    if (t->n_rows == INT_MAX)
        return cr_fail(err, CR_EINPUT, "%s:%d: too many images", at->path, at->line);
    cr_status status = cr_pool_add(&t->pool, path, n, &row.path, err);
    row.image = row.path;
    if (class && status == CR_OK) {
        t->pool.n_bytes--; /* its zero */
        uint32_t rest;
        status = cr_pool_add(&t->pool, ":", 1, &rest, err);
        t->pool.n_bytes -= status == CR_OK;
        if (status == CR_OK)
            status = cr_pool_add(&t->pool, class, strlen(class), &rest, err);
        if (status == CR_OK)
            status = cr_pool_add(&t->pool, path, n, &row.image, err);
    }
    row.stem = row.path + (uint32_t)(n - n_stem);
    if (status == CR_OK)
        status = cr_reserve(&t->rows, (size_t)t->n_rows, &t->rows_capacity, sizeof *t->rows, err);
    if (status == CR_OK)
        t->rows[t->n_rows++] = row;
    return status;
}

cr_status cr_truth_add_row(cr_truth *t, const cr_place *at, const char *name, cr_error *err)
{
    return add_row(t, at, name, NULL, err);
}

cr_status cr_truth_add_pair(cr_truth *t, const cr_place *at, const char *name, const char *class,
                            cr_error *err)
{
    return add_row(t, at, name, class, err);
}

cr_status cr_truth_add_files(cr_truth *t, const char *images, cr_error *err)
{
    const cr_files *files = t->files;
    const cr_place at = {images, 0};
    if (files->n == 0)
        return cr_fail(err, CR_EINPUT, "%s: no image file in it", images);
    for (int i = 0; i < files->n; i++)
        CR_OR_RETURN(cr_truth_add_row(t, &at, files->pool.text + files->items[i].path, err));
    return cr_truth_index(t, images, false, err);
}

cr_status cr_truth_add_box(cr_truth *t, const cr_place *at, int row, const cr_box *box,
                           cr_error *err)
{
    if (t->n_boxes == INT_MAX)
        return cr_fail(err, CR_EINPUT, "%s:%d: too many boxes", at->path, at->line);
    size_t n = (size_t)t->n_boxes;
    cr_status status = cr_reserve(&t->boxes, n, &t->boxes_capacity, sizeof *t->boxes, err);
    if (status == CR_OK)
        status = cr_reserve(&t->box_row, n, &t->box_rows_capacity, sizeof *t->box_row, err);
    if (status != CR_OK)
        return status;
    t->boxes[n] = *box;
    t->box_row[n] = row;
    t->n_boxes++;
    return CR_OK;
}

cr_status cr_truth_add_words(cr_truth *t, const cr_place *at, int row, const char *who,
                             char *const word[4], cr_error *err)
{
    static const char *const side[] = {"x0", "y0", "x1", "y1"};
    int32_t value[4];
    for (int i = 0; i < 4; i++)
        if (!cr_parse_whole(word[i], CR_DATA_MAX_COORDINATE, &value[i]))
            return cr_fail(err, CR_EINPUT,
                           "%s:%d: %s: %s is '%s', must be a whole number from 0 to %d", at->path,
                           at->line, who, side[i], cr_quote(word[i], strlen(word[i])).text,
                           CR_DATA_MAX_COORDINATE);
    const cr_box box = {value[0], value[1], value[2], value[3]};
    if (box.x1 < box.x0 || box.y1 < box.y0)
        return cr_fail(
            err, CR_EINPUT,
            "%s:%d: %s is empty: %d %d %d %d; x0 y0 x1 y1 are wanted, not x y width height",
            at->path, at->line, who, box.x0, box.y0, box.x1, box.y1);
    return cr_truth_add_box(t, at, row, &box, err);
}

cr_status cr_truth_add_mask(cr_truth *t, const cr_place *at, int row, const char *object,
                            const char *ignored, cr_error *err)
{
    const bool is_first = t->rows[row].mask_files == 0;
    if (!*object || strchr(object, '\n') || strchr(ignored, '\n'))
        return cr_fail(err, CR_EINPUT, "%s:%d: no mask", at->path, at->line);
    if (!is_first && *ignored)
        return cr_fail(err, CR_EINPUT, "%s:%d: the image has a mask of what does not count already",
                       at->path, at->line);
    const char *before = is_first ? ignored : t->mask_files.text + t->rows[row].mask_files;
    const size_t n = strlen(before) + strlen(object) + 2;
    char *joined = cr_alloc(n, 1);
    if (!joined)
        return cr_fail_memory(err, at->path, n, 1);
    snprintf(joined, n, "%s\n%s", before, object);
    const cr_status status =
        cr_pool_add(&t->mask_files, joined, n - 1, &t->rows[row].mask_files, err);
    free(joined);
    return status;
}

static cr_status fail_repeated(const cr_truth *t, const char *path, const cr_name *a,
                               const cr_name *b, cr_error *err)
{
    const cr_quoted id = cr_quote(b->text, strlen(b->text));
    if (t->rows[b->value].line == 0)
        return cr_fail(err, CR_EINPUT, "%s: image '%s' is there twice", path, id.text);
    return cr_fail(err, CR_EINPUT, "%s:%d: image '%s' was on line %d already", path,
                   t->rows[b->value].line, id.text, t->rows[a->value].line);
}

static cr_status merge_rows(cr_truth *t, const char *path, cr_error *err)
{
    int32_t *owner = cr_alloc((size_t)t->n_rows, sizeof *owner);
    int n = 0;
    if (!owner)
        return cr_fail_memory(err, path, (size_t)t->n_rows, sizeof *owner);
    cr_status status = CR_OK;
    for (int i = 0; i < t->n_rows && status == CR_OK; i++) {
        cr_name *last = n ? &t->by_id[n - 1] : NULL, here = t->by_id[i];
        bool same = last && strcmp(last->text, here.text) == 0;
        owner[here.value] = same ? last->value : here.value;
        if (!same)
            t->by_id[n++] = here;
        else if (t->rows[here.value].label != t->rows[last->value].label)
            status = cr_fail(err, CR_EINPUT, "%s:%d: image '%s' had another label on line %d", path,
                             t->rows[here.value].line, cr_quote(here.text, strlen(here.text)).text,
                             t->rows[last->value].line);
    }
    for (int i = 0; i < t->n_boxes; i++)
        t->box_row[i] = owner[t->box_row[i]];
    t->n_rows = n; /* what by_id leads to; the rows themselves keep their places */
    free(owner);
    return status;
}

static const char *path_of(const cr_truth *t, int i)
{
    return t->pool.text + t->rows[t->by_id[i].value].path;
}

static void sort_rows(cr_truth *t)
{
    for (int i = 0; i < t->n_rows; i++)
        t->by_id[i] = (cr_name){t->pool.text + (t->by_path ? t->rows[i].path : t->rows[i].stem), i};
    cr_names_sort(t->by_id, t->n_rows);
}

cr_status cr_truth_index(cr_truth *t, const char *path, bool merge, cr_error *err)
{
    t->by_id = cr_alloc((size_t)t->n_rows, sizeof *t->by_id);
    if (!t->by_id)
        return cr_fail_memory(err, path, (size_t)t->n_rows, sizeof *t->by_id);
    sort_rows(t);
    for (int i = 1; i < t->n_rows && !t->by_path; i++)
        t->by_path = strcmp(t->by_id[i - 1].text, t->by_id[i].text) == 0 &&
                     strcmp(path_of(t, i - 1), path_of(t, i)) != 0;
    if (t->by_path)
        sort_rows(t);
    if (merge)
        return merge_rows(t, path, err);
    for (int i = 1; i < t->n_rows; i++)
        if (strcmp(t->by_id[i - 1].text, t->by_id[i].text) == 0)
            return fail_repeated(t, path, &t->by_id[i - 1], &t->by_id[i], err);
    return CR_OK;
}

/* The first place whose id is not before these n bytes and `next`. */
static int find_place(const cr_truth *t, const char *stem, size_t n, unsigned char next)
{
    int low = 0, high = t->n_rows;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        const char *have = t->by_id[middle].text;
        const int order = strncmp(have, stem, n);
        if (order < 0 || (order == 0 && (unsigned char)have[n] < next))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool goes_on(const cr_truth *t, int place, const char *stem, size_t n, char next)
{
    return place < t->n_rows && strncmp(t->by_id[place].text, stem, n) == 0 &&
           t->by_id[place].text[n] == next;
}

static bool is_pair(const cr_truth *t, int place)
{
    const cr_truth_row *row = &t->rows[t->by_id[place].value];
    return row->image != row->path;
}

int cr_truth_find_all(const cr_truth *t, const char *name, int *n)
{
    size_t n_bytes;
    const char *stem = id_of(name, t->by_path, &n_bytes);
    int place = find_place(t, stem, n_bytes, 0);
    *n = goes_on(t, place, stem, n_bytes, 0);
    if (*n)
        return place;
    place = find_place(t, stem, n_bytes, ':');
    while (goes_on(t, place + *n, stem, n_bytes, ':') && is_pair(t, place + *n))
        ++*n;
    return place;
}

int cr_truth_find(const cr_truth *t, const char *name)
{
    size_t n;
    const char *stem = id_of(name, t->by_path, &n);
    const int place = find_place(t, stem, n, 0);
    return goes_on(t, place, stem, n, 0) ? t->by_id[place].value : -1;
}

/* What all images have, or none, is missing in one. */
static cr_status fail_lacking(const cr_truth *t, int i, const char *path, const char *what,
                              const char *others, cr_error *err)
{
    const cr_quoted id = cr_quote(t->by_id[i].text, strlen(t->by_id[i].text));
    const int line = t->rows[t->by_id[i].value].line;
    return line ? cr_fail(err, CR_EINPUT, "%s:%d: image '%s' has no %s, but %s", path, line,
                          id.text, what, others)
                : cr_fail(err, CR_EINPUT, "%s: image '%s' has no %s, but %s", path, id.text, what,
                          others);
}

static cr_status check_rows(const cr_truth *t, const char *path, cr_error *err)
{
    bool labels = false;
    for (int i = 0; i < t->n_rows; i++)
        labels = labels || t->rows[t->by_id[i].value].label >= 0;
    for (int i = 0; i < t->n_rows; i++) {
        const cr_truth_row *row = &t->rows[t->by_id[i].value];
        if (labels && row->label < 0)
            return fail_lacking(t, i, path, "label", "others have one", err);
        if (t->n_boxes && row->n_boxes == 0)
            return fail_lacking(t, i, path, "box", "others have one", err);
        if (row->label < 0 && row->n_boxes)
            return fail_lacking(t, i, path, "label", "a box", err);
    }
    return CR_OK;
}

cr_status cr_truth_finish(cr_truth *t, const char *path, cr_error *err)
{
    cr_status status = CR_OK;
    int next = 0;
    cr_box *grouped = cr_alloc((size_t)t->n_boxes, sizeof *grouped);
    if (!grouped)
        return cr_fail_memory(err, path, (size_t)t->n_boxes, sizeof *grouped);
    for (int i = 0; i < t->n_boxes; i++)
        t->rows[t->box_row[i]].n_boxes++;
    CR_TRY(check_rows(t, path, err));
    for (int i = 0; i < t->n_rows; i++) {
        cr_truth_row *row = &t->rows[t->by_id[i].value];
        row->first_box = next;
        next += row->n_boxes;
        row->n_boxes = 0;
    }
    for (int i = 0; i < t->n_boxes; i++) {
        cr_truth_row *row = &t->rows[t->box_row[i]];
        grouped[row->first_box + row->n_boxes++] = t->boxes[i];
    }
    free(t->boxes);
    t->boxes = grouped;
    grouped = NULL;

cleanup:
    free(grouped);
    return status;
}

cr_status cr_truth_file(const char *folder, const char *name, char **path, cr_error *err)
{
    *path = cr_path_join(folder, name);
    if (!*path)
        return cr_fail_memory(err, "a path", 1, 1);
    if (access(*path, F_OK) != 0 && errno == ENOENT) {
        free(*path);
        *path = NULL;
    }
    return CR_OK;
}

#define NUMBER_DIGITS 8

bool cr_truth_numbered(const cr_truth *t)
{
    for (int i = 0; i < t->n_rows; i++) {
        const char *id = t->by_id[i].text;
        size_t n = strlen(id);
        if (n <= NUMBER_DIGITS || id[n - NUMBER_DIGITS - 1] != '_' ||
            strspn(id + n - NUMBER_DIGITS, "0123456789") != NUMBER_DIGITS)
            return false;
    }
    return t->n_rows > 0;
}

int cr_truth_number(const cr_truth *t, int i, bool numbered)
{
    const char *id = t->by_id[i].text;
    return numbered ? (int)strtol(id + strlen(id) - NUMBER_DIGITS, NULL, 10) : i + 1;
}

void cr_truth_fini(cr_truth *t)
{
    free(t->pool.text);
    free(t->mask_files.text);
    free(t->rows);
    free(t->boxes);
    free(t->box_row);
    free(t->by_id);
    free(t->outlines);
    *t = (cr_truth){0};
}
