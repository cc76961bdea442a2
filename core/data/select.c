/* Which images are localized, and which are taken at all. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool is_digits(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return n > 0;
}

/* Whether the list is of numbers, as ILSVRC's blacklist: its first line is one, and no image's id
 * is, for which it could be taken. */
static bool has_numbers(const cr_truth *truth, const uint8_t *bytes, size_t n_bytes)
{
    cr_line line = {0};
    size_t position = 0;
    while (cr_line_next(bytes, n_bytes, &position, &line) && line.n == 0)
        ;
    if (!is_digits(line.text, line.n))
        return false;
    for (int i = 0; i < truth->n_rows; i++) {
        const cr_truth_row *row = &truth->rows[truth->by_id[i].value];
        if (row->image != row->path ||
            is_digits(truth->by_id[i].text, strlen(truth->by_id[i].text)))
            return false;
    }
    return true;
}

/* The row of a number, -1 where a part of a numbered set does not have it, -2 where none can. */
static int find_number(const cr_truth *truth, int number, bool numbered)
{
    int low = 0, high = truth->n_rows;
    if (number < 1 || (!numbered && number > truth->n_rows))
        return -2;
    if (!numbered)
        return truth->by_id[number - 1].value;
    while (low < high) {
        int middle = low + (high - low) / 2, have = cr_truth_number(truth, middle, true);
        if (have == number)
            return truth->by_id[middle].value;
        if (have < number)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* Numbers are looked up by bisection, so they must ascend with the ids. */
static bool numbers_ascend(const cr_truth *truth)
{
    if (!cr_truth_numbered(truth))
        return false;
    for (int i = 1; i < truth->n_rows; i++)
        if (cr_truth_number(truth, i, true) <= cr_truth_number(truth, i - 1, true))
            return false;
    return true;
}

cr_status cr_truth_exclude(cr_truth *truth, const char *path, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, position = 0;
    cr_line line = {0};
    cr_pool pool = {0};
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    const bool by_number = has_numbers(truth, bytes, n_bytes), numbered = numbers_ascend(truth);
    while (cr_line_next(bytes, n_bytes, &position, &line)) {
        uint32_t text;
        int32_t number = 0;
        if (line.n == 0)
            continue;
        pool.n_bytes = 0;
        CR_TRY(cr_pool_add(&pool, line.text, line.n, &text, err));
        if (by_number && !cr_parse_whole(pool.text + text, 99999999, &number)) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: '%s' is no image number as those above it",
                             path, line.number, cr_quote(line.text, line.n).text);
            goto cleanup;
        }
        int n = 0;
        const int place = by_number ? 0 : cr_truth_find_all(truth, pool.text + text, &n);
        const int row = by_number ? find_number(truth, number, numbered) : -1;
        if (row == -2 || (n == 0 && !by_number)) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: image '%s' is not in the ground truth", path,
                             line.number, cr_quote(line.text, line.n).text);
            goto cleanup;
        }
        if (row >= 0)
            truth->rows[row].localize = 0;
        for (int i = 0; i < n; i++)
            truth->rows[truth->by_id[place + i].value].localize = 0;
    }

cleanup:
    free(pool.text);
    free(bytes);
    return status;
}

/* Marks the rows that the list names. */
static cr_status mark_listed(const cr_truth *truth, const char *path, int32_t *line_of,
                             cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, position = 0;
    cr_line line = {0};
    cr_pool pool = {0};
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    while (cr_line_next(bytes, n_bytes, &position, &line)) {
        uint32_t text;
        if (line.n == 0)
            continue;
        pool.n_bytes = 0;
        CR_TRY(cr_pool_add(&pool, line.text, line.n, &text, err));
        int n;
        const int place = cr_truth_find_all(truth, pool.text + text, &n);
        const cr_quoted shown = cr_quote(line.text, line.n);
        if (n == 0)
            status = cr_fail(err, CR_EINPUT, "%s:%d: image '%s' is not in the ground truth", path,
                             line.number, shown.text);
        for (int i = 0; i < n && status == CR_OK; i++) {
            int32_t *line_of_row = &line_of[truth->by_id[place + i].value];
            if (*line_of_row)
                status = cr_fail(err, CR_EINPUT, "%s:%d: image '%s' was on line %d already", path,
                                 line.number, shown.text, *line_of_row);
            *line_of_row = line.number;
        }
        CR_TRY(status);
    }

cleanup:
    free(pool.text);
    free(bytes);
    return status;
}

static cr_status mark_classes(const cr_class_list *classes, const cr_data_source *source,
                              bool *wanted, cr_error *err)
{
    for (int i = 0; i < source->n_subset_classes; i++) {
        const char *wnid = source->subset_classes[i];
        const int class = cr_classes_find(classes, wnid);
        if (class < 0)
            return cr_fail(err, CR_EINPUT,
                           "dataset.subset: class '%s' is not in the synset list %s",
                           cr_quote(wnid, strlen(wnid)).text, classes->path);
        wanted[class] = true;
    }
    return CR_OK;
}

cr_status cr_truth_select(const cr_truth *truth, const cr_class_list *classes,
                          const cr_data_source *source, int **chosen, int *n_chosen, cr_error *err)
{
    cr_status status = CR_OK;
    size_t n_rows = 0;
    int n = 0, stride = source->subset_stride > 1 ? source->subset_stride : 1, place = 0;
    for (int i = 0; i < truth->n_rows; i++)
        n_rows =
            (size_t)truth->by_id[i].value >= n_rows ? (size_t)truth->by_id[i].value + 1 : n_rows;
    int32_t *line_of = cr_alloc(n_rows, sizeof *line_of);
    bool *wanted = cr_alloc((size_t)classes->n, sizeof *wanted);
    *chosen = cr_alloc((size_t)truth->n_rows, sizeof **chosen);
    if (!line_of || !wanted || !*chosen) {
        status = cr_fail_memory(err, "the image list", n_rows, sizeof *line_of);
        goto cleanup;
    }
    if (source->subset_list)
        CR_TRY(mark_listed(truth, source->subset_list, line_of, err));
    CR_TRY(mark_classes(classes, source, wanted, err));
    for (int i = 0; i < truth->n_rows && (source->limit == 0 || n < source->limit); i++) {
        const int row = truth->by_id[i].value;
        if ((source->subset_list && !line_of[row]) ||
            (source->n_subset_classes &&
             (truth->rows[row].label < 0 || !wanted[truth->rows[row].label])))
            continue;
        if (place++ % stride == 0)
            (*chosen)[n++] = i;
    }
    *n_chosen = n;
    if (n == 0)
        status = cr_fail(err, CR_EINPUT, "dataset.subset: no image of %s is in it",
                         cr_truth_path(source));

cleanup:
    free(line_of);
    free(wanted);
    if (status != CR_OK) {
        free(*chosen);
        *chosen = NULL;
    }
    return status;
}
