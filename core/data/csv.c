/* CSV files, row by row, with the line of each for messages. Fed to libcsv line by line, since it
 * does not count them; what is not UTF-8 is refused. */
#include "internal.h"

#include <csv.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What the callbacks of libcsv share. After a failure they do nothing. */
typedef struct reader {
    const char *path, *columns;
    int n_columns, least; /* as many as the header has, `least` of them at least */
    cr_csv_take *take;
    void *context;
    cr_error *err;
    cr_status status;
    int line;          /* being parsed */
    int row_line;      /* on which the current row began */
    bool row_ended;    /* the next line begins a row */
    bool needs_header; /* has not been seen yet */
    bool row_seen;
    int n_fields;   /* of the current row so far */
    cr_pool fields; /* of the current row */
    uint32_t field[CR_CSV_MAX_FIELDS];
} reader;

static void on_field(void *bytes, size_t n, void *data)
{
    reader *r = data;
    if (r->status == CR_OK && r->n_fields < CR_CSV_MAX_FIELDS)
        r->status = cr_pool_add(&r->fields, n ? bytes : "", n, &r->field[r->n_fields], r->err);
    if (r->status == CR_OK && n && memchr(bytes, 0, n))
        r->status = cr_fail(r->err, CR_EINPUT, "%s:%d: a zero byte", r->path, r->line);
    if (r->status == CR_OK && !cr_is_utf8(bytes, n))
        r->status = cr_fail(r->err, CR_EINPUT,
                            "%s:%d: '%s' is not UTF-8 (Latin-1?); save the file as UTF-8", r->path,
                            r->line, cr_quote(bytes, n).text);
    if (r->n_fields < INT_MAX)
        r->n_fields++;
}

static bool is_header(const reader *r)
{
    const char *name = r->columns;
    for (int i = 0; i < r->n_columns; i++) {
        const char *field = r->fields.text + r->field[i];
        size_t n = strcspn(name, ",");
        if (strlen(field) != n || strncmp(field, name, n) != 0)
            return false;
        name += n + (name[n] == ',');
    }
    return true;
}

static cr_status take_row(reader *r)
{
    cr_csv_row row = {.at = {r->path, r->row_line}};
    if (r->needs_header && r->n_fields >= r->least && r->n_fields < r->n_columns)
        r->n_columns = r->n_fields;
    if (r->n_fields != r->n_columns)
        return cr_fail(r->err, CR_EINPUT, "%s:%d: %d column%s, must be %s", r->path, r->row_line,
                       r->n_fields, r->n_fields == 1 ? "" : "s", r->columns);
    if (r->needs_header) {
        r->needs_header = false;
        return is_header(r) ? CR_OK
                            : cr_fail(r->err, CR_EINPUT, "%s:%d: the header is not %s", r->path,
                                      r->row_line, r->columns);
    }
    r->row_seen = true;
    static char none[] = "";
    for (int i = 0; i < CR_CSV_MAX_FIELDS; i++)
        row.field[i] = i < r->n_columns ? r->fields.text + r->field[i] : none;
    return r->take(&row, r->context, r->err);
}

static void on_row(int terminator, void *data)
{
    (void)terminator;
    reader *r = data;
    if (r->status == CR_OK && r->n_fields > 0)
        r->status = take_row(r);
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

cr_status cr_csv_read(const char *path, const char *columns, int least, bool has_header,
                      cr_csv_take *take, void *context, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    reader r = {.path = path,
                .columns = columns,
                .n_columns = 1,
                .least = least,
                .take = take,
                .context = context,
                .err = err,
                .needs_header = has_header};
    for (const char *p = columns; *p; p++)
        r.n_columns += *p == ',';
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    CR_TRY(parse(&r, bytes, n_bytes));
    if (r.needs_header)
        status = cr_fail(err, CR_EINPUT, "%s: empty, must begin with %s", path, columns);
    else if (!r.row_seen)
        status =
            cr_fail(err, CR_EINPUT, has_header ? "%s: a header and no image" : "%s: empty", path);

cleanup:
    free(r.fields.text);
    free(bytes);
    return status;
}
