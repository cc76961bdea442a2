#include "kaggle.h"

#include <csv.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What the callbacks of libcsv share. After a failure they do nothing. */
typedef struct reader {
    const char *path;
    const cr_class_list *classes;
    cr_truth *truth;
    cr_error *err;
    cr_status status;
    size_t rows_capacity, boxes_capacity;
    int line;       /* being parsed */
    int row_line;   /* on which the current row began */
    bool row_ended; /* the next line begins a row */
    bool header_seen;
    int n_fields;   /* of the current row so far */
    cr_pool fields; /* of the current row */
    uint32_t field[2];
} reader;

static void on_field(void *bytes, size_t n, void *data)
{
    reader *r = data;
    if (r->status == CR_OK && r->n_fields < 2)
        r->status = cr_pool_add(&r->fields, n ? bytes : "", n, &r->field[r->n_fields], r->err);
    if (r->status == CR_OK && n && memchr(bytes, 0, n))
        r->status = cr_fail(r->err, CR_EINPUT, "%s:%d: a zero byte", r->path, r->line);
    if (r->n_fields < INT_MAX)
        r->n_fields++;
}

/* The next word of *text, in place; NULL at the end. */
static char *next_word(char **text)
{
    static const char blanks[] = " \t\r\n";
    char *word = *text + strspn(*text, blanks);
    if (*word == 0)
        return NULL;
    *text = word + strcspn(word, blanks);
    if (**text)
        *(*text)++ = 0;
    return word;
}

static bool parse_coordinate(const char *word, int32_t *value)
{
    size_t n = strlen(word);
    *value = 0;
    if (n == 0 || n > 6)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (word[i] < '0' || word[i] > '9')
            return false;
        *value = *value * 10 + (word[i] - '0');
    }
    return *value <= CR_DATA_MAX_COORDINATE;
}

/* One `wnid x0 y0 x1 y1` whose wnid is read already. */
static cr_status add_box(reader *r, const char *wnid, char **text, cr_truth_row *row)
{
    static const char *const side[] = {"x0", "y0", "x1", "y1"};
    int32_t value[4];
    cr_truth *t = r->truth;
    const cr_name *class = cr_names_find(r->classes->by_wnid, r->classes->n, wnid);
    if (!class)
        return cr_fail(r->err, CR_EINPUT, "%s:%d: class '%s' is not in the synset list", r->path,
                       r->row_line, cr_quote(wnid, strlen(wnid)).text);
    if (row->n_boxes > 0 && class->value != row->label)
        return cr_fail(r->err, CR_EINPUT, "%s:%d: boxes of two classes, the second is '%s'",
                       r->path, r->row_line, cr_quote(wnid, strlen(wnid)).text);
    for (int i = 0; i < 4; i++) {
        const char *word = next_word(text);
        if (!word)
            return cr_fail(r->err, CR_EINPUT,
                           "%s:%d: box %d has no %s; a box is `wnid x0 y0 x1 y1`", r->path,
                           r->row_line, row->n_boxes + 1, side[i]);
        if (!parse_coordinate(word, &value[i]))
            return cr_fail(r->err, CR_EINPUT,
                           "%s:%d: box %d: %s is '%s', must be a whole number from 0 to %d",
                           r->path, r->row_line, row->n_boxes + 1, side[i],
                           cr_quote(word, strlen(word)).text, CR_DATA_MAX_COORDINATE);
    }
    cr_box box = {value[0], value[1], value[2], value[3]};
    if (box.x1 < box.x0 || box.y1 < box.y0)
        return cr_fail(r->err, CR_EINPUT, "%s:%d: box %d is empty: %d %d %d %d", r->path,
                       r->row_line, row->n_boxes + 1, box.x0, box.y0, box.x1, box.y1);
    cr_status status =
        cr_reserve(&t->boxes, (size_t)t->n_boxes, &r->boxes_capacity, sizeof *t->boxes, r->err);
    if (status != CR_OK)
        return status;
    t->boxes[t->n_boxes++] = box;
    row->label = class->value;
    row->n_boxes++;
    return CR_OK;
}

static cr_status add_row(reader *r)
{
    cr_truth *t = r->truth;
    const char *id = r->fields.text + r->field[0];
    char *boxes = r->fields.text + r->field[1];
    size_t n_id = cr_stem_length(id, strlen(id), NULL);
    cr_truth_row row = {.first_box = t->n_boxes, .line = r->row_line, .localize = 1};
    if (n_id == 0)
        return cr_fail(r->err, CR_EINPUT, "%s:%d: no image id", r->path, r->row_line);
    for (const char *wnid; (wnid = next_word(&boxes));) {
        cr_status status = add_box(r, wnid, &boxes, &row);
        if (status != CR_OK)
            return status;
    }
    if (row.n_boxes == 0)
        return cr_fail(r->err, CR_EINPUT, "%s:%d: image '%s' has no box", r->path, r->row_line,
                       cr_quote(id, n_id).text);
    cr_status status = cr_pool_add(&t->pool, id, n_id, &row.id, r->err);
    if (status == CR_OK)
        status =
            cr_reserve(&t->rows, (size_t)t->n_rows, &r->rows_capacity, sizeof *t->rows, r->err);
    if (status == CR_OK)
        t->rows[t->n_rows++] = row;
    return status;
}

static void on_row(int terminator, void *data)
{
    (void)terminator;
    reader *r = data;
    int n_fields = r->n_fields;
    if (r->status == CR_OK && n_fields > 0) {
        const char *text = r->fields.text;
        if (n_fields != 2)
            r->status =
                cr_fail(r->err, CR_EINPUT, "%s:%d: %d column%s, must be ImageId,PredictionString",
                        r->path, r->row_line, n_fields, n_fields == 1 ? "" : "s");
        else if (r->header_seen)
            r->status = add_row(r);
        else if (strcmp(text + r->field[0], "ImageId") != 0 ||
                 strcmp(text + r->field[1], "PredictionString") != 0)
            r->status =
                cr_fail(r->err, CR_EINPUT, "%s:%d: the header is not ImageId,PredictionString",
                        r->path, r->row_line);
        r->header_seen = true;
    }
    r->n_fields = 0;
    r->fields.n_bytes = 0;
    r->row_ended = true;
}

/* The bytes from `position` to the end of the line, its CR, LF or CR LF included. */
static size_t line_bytes(const uint8_t *bytes, size_t n_bytes, size_t position)
{
    size_t end = position;
    while (end < n_bytes && bytes[end] != '\n' && bytes[end] != '\r')
        end++;
    if (end + 1 < n_bytes && bytes[end] == '\r' && bytes[end + 1] == '\n')
        end++;
    return end + (end < n_bytes) - position;
}

/* Fed line by line, for libcsv does not count lines. */
static cr_status parse(reader *r, const uint8_t *bytes, size_t n_bytes)
{
    struct csv_parser csv;
    /* Every end of a line is reported, so that empty lines do not count as part of a row. */
    if (csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0)
        return cr_fail_memory(r->err, r->path, 1, sizeof csv);
    size_t position = n_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    r->row_ended = true;
    while (position < n_bytes && r->status == CR_OK) {
        size_t n = line_bytes(bytes, n_bytes, position);
        r->line++;
        if (r->row_ended)
            r->row_line = r->line;
        r->row_ended = false;
        if (csv_parse(&csv, bytes + position, n, on_field, on_row, r) != n && r->status == CR_OK)
            r->status = cr_fail(r->err, CR_EINPUT, "%s:%d: a quote out of place (%s)", r->path,
                                r->line, csv_strerror(csv_error(&csv)));
        position += n;
    }
    if (r->status == CR_OK && csv_fini(&csv, on_field, on_row, r) != 0)
        r->status =
            cr_fail(r->err, CR_EINPUT, "%s:%d: a quote that is never closed", r->path, r->row_line);
    csv_free(&csv);
    return r->status;
}

static cr_status index_rows(cr_truth *t, const char *path, cr_error *err)
{
    t->by_id = cr_alloc((size_t)t->n_rows, sizeof *t->by_id);
    if (!t->by_id)
        return cr_fail_memory(err, path, (size_t)t->n_rows, sizeof *t->by_id);
    for (int i = 0; i < t->n_rows; i++)
        t->by_id[i] = (cr_name){t->pool.text + t->rows[i].id, i};
    cr_names_sort(t->by_id, t->n_rows);
    for (int i = 1; i < t->n_rows; i++) {
        const cr_name *a = &t->by_id[i - 1], *b = &t->by_id[i];
        if (strcmp(a->text, b->text) == 0)
            return cr_fail(err, CR_EINPUT, "%s:%d: image '%s' was on line %d already", path,
                           t->rows[b->value].line, cr_quote(b->text, strlen(b->text)).text,
                           t->rows[a->value].line);
    }
    return CR_OK;
}

cr_status cr_truth_read(const char *path, const cr_class_list *classes, cr_truth *truth,
                        cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    reader r = {.path = path, .classes = classes, .truth = truth, .err = err};
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    CR_TRY(parse(&r, bytes, n_bytes));
    if (truth->n_rows == 0) {
        status = cr_fail(err, CR_EINPUT,
                         r.header_seen ? "%s: a header and no image"
                                       : "%s: empty, must begin with ImageId,PredictionString",
                         path);
        goto cleanup;
    }
    status = index_rows(truth, path, err);

cleanup:
    free(r.fields.text);
    free(bytes);
    return status;
}

cr_status cr_truth_exclude(cr_truth *truth, const char *path, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, position = 0;
    cr_line line = {0};
    cr_pool pool = {0};
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    while (cr_line_next(bytes, n_bytes, &position, &line)) {
        uint32_t id;
        if (line.n == 0)
            continue;
        pool.n_bytes = 0;
        CR_TRY(cr_pool_add(&pool, line.text, cr_stem_length(line.text, line.n, NULL), &id, err));
        const cr_name *found = cr_names_find(truth->by_id, truth->n_rows, pool.text + id);
        if (!found) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: image '%s' is not in the ground truth", path,
                             line.number, cr_quote(line.text, line.n).text);
            goto cleanup;
        }
        truth->rows[found->value].localize = 0;
    }

cleanup:
    free(pool.text);
    free(bytes);
    return status;
}

void cr_truth_fini(cr_truth *truth)
{
    free(truth->pool.text);
    free(truth->rows);
    free(truth->boxes);
    free(truth->by_id);
    *truth = (cr_truth){0};
}
