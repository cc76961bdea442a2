/* mat.c - the table of synsets in the devkit's meta.mat.
 *
 * A MAT-file of level 5 (MathWorks, "MAT-File Format", chapter 1): a header of 128 bytes, then
 * elements, each a tag (type, number of bytes) and a body; bodies are compressed with zlib or hold
 * further elements. libmatio reads these too, but it brings the serial HDF5 library into a program
 * that has the parallel one. */
#include "internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Types of elements, and classes of arrays. */
enum { INT8 = 1, UINT8, INT16, UINT16, INT32, UINT32, DOUBLE = 9, MATRIX = 14, COMPRESSED, UTF8 };
enum { CLASS_STRUCT = 2, CLASS_CHAR = 4 };
enum { HEADER_BYTES = 128, MAX_TABLE_BYTES = 1 << 26, MAX_WORD = 64 };

typedef struct bytes {
    const uint8_t *at;
    size_t n;
} bytes;

typedef struct element {
    uint32_t type;
    bytes body;
} element;

typedef struct array {
    int class;
    uint32_t n; /* of items */
    bytes name, rest;
} array;

static uint32_t word_at(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Takes the next element off `from`; false where there is no whole one. Up to four bytes may stand
 * in the tag itself, whose first word then has their number in its upper half. */
static bool next(bytes *from, element *out)
{
    size_t used = 8, whole;
    if (from->n < used)
        return false;
    uint32_t type = word_at(from->at), n = word_at(from->at + 4);
    out->body = (bytes){from->at + 8, n};
    if (type >> 16) {
        out->body = (bytes){from->at + 4, type >> 16};
        type &= 0xffff;
        if (out->body.n > 4)
            return false;
        whole = used;
    } else {
        if (n > from->n - used)
            return false;
        whole = used + (type == COMPRESSED ? n : ((size_t)n + 7) / 8 * 8);
    }
    out->type = type;
    used = whole < from->n ? whole : from->n;
    from->at += used;
    from->n -= used;
    return true;
}

/* The parts that all arrays begin with: flags, dimensions, name. */
static bool open_array(const element *matrix, array *out)
{
    element flags, extents, name;
    bytes rest = matrix->body;
    if (matrix->type != MATRIX || !next(&rest, &flags) || flags.type != UINT32 ||
        flags.body.n < 8 || !next(&rest, &extents) || extents.type != INT32 || !next(&rest, &name))
        return false;
    uint64_t n = 1;
    for (size_t i = 0; i + 4 <= extents.body.n && n <= INT_MAX; i += 4)
        n *= word_at(extents.body.at + i);
    *out = (array){.class = flags.body.at[0], .n = (uint32_t)n, .name = name.body, .rest = rest};
    return n <= INT_MAX;
}

static bool is_named(bytes name, const char *text)
{
    size_t n = strnlen((const char *)name.at, name.n);
    return n == strlen(text) && memcmp(name.at, text, n) == 0;
}

/* The whole number in an array of one. */
static bool read_number(const element *matrix, int32_t *value)
{
    array of;
    element data;
    double number;
    if (!open_array(matrix, &of) || of.n != 1 || !next(&of.rest, &data))
        return false;
    const size_t n = data.body.n;
    const uint8_t *at = data.body.at;
    if (data.type == UINT8 && n == 1)
        *value = at[0];
    else if (data.type == UINT16 && n == 2)
        *value = at[0] | at[1] << 8;
    else if ((data.type == INT32 || data.type == UINT32) && n == 4 && word_at(at) <= INT_MAX)
        *value = (int32_t)word_at(at);
    else if (data.type == DOUBLE && n == 8) {
        memcpy(&number, at, sizeof number);
        if (!(number >= 0 && number <= INT_MAX))
            return false;
        *value = (int32_t)number;
    } else
        return false;
    return true;
}

/* A row of printable ASCII characters. */
static bool read_word(const element *matrix, char word[MAX_WORD])
{
    array of;
    element data;
    if (!open_array(matrix, &of) || of.class != CLASS_CHAR || of.n >= MAX_WORD ||
        !next(&of.rest, &data))
        return false;
    const size_t step = data.type == UINT16 ? 2 : 1;
    if (data.body.n != of.n * step)
        return false;
    for (uint32_t i = 0; i < of.n; i++) {
        const uint8_t *at = data.body.at + i * step;
        if (at[0] <= ' ' || at[0] > '~' || (step == 2 && at[1]))
            return false;
        word[i] = (char)at[0];
    }
    word[of.n] = 0;
    return true;
}

/* The numbers of the fields `ILSVRC2012_ID` and `WNID`, and of all fields. */
static bool find_fields(bytes *rest, uint32_t *id, uint32_t *wnid, uint32_t *n_fields)
{
    element length, names;
    if (!next(rest, &length) || length.body.n != 4 || !next(rest, &names))
        return false;
    const uint32_t n = word_at(length.body.at);
    if (n < 1 || n > names.body.n)
        return false;
    *n_fields = (uint32_t)(names.body.n / n);
    *id = *wnid = *n_fields;
    for (uint32_t i = 0; i < *n_fields; i++) {
        bytes name = {names.body.at + (size_t)i * n, n};
        if (is_named(name, "ILSVRC2012_ID"))
            *id = i;
        if (is_named(name, "WNID"))
            *wnid = i;
    }
    return *id < *n_fields && *wnid < *n_fields;
}

/* A line for each item of the struct array. */
static cr_status write_lines(const char *path, array *synsets, FILE *lines, cr_error *err)
{
    uint32_t id_field, wnid_field, n_fields;
    if (!find_fields(&synsets->rest, &id_field, &wnid_field, &n_fields))
        return cr_fail(err, CR_EINPUT, "%s: `synsets` has no fields ILSVRC2012_ID and WNID", path);
    for (uint32_t i = 0; i < synsets->n; i++) {
        int32_t id = 0;
        char wnid[MAX_WORD] = "";
        bool good = true;
        for (uint32_t field = 0; field < n_fields && good; field++) {
            element item;
            good = next(&synsets->rest, &item) && (field != id_field || read_number(&item, &id)) &&
                   (field != wnid_field || read_word(&item, wnid));
        }
        if (!good)
            return cr_fail(err, CR_EINPUT, "%s: synset %u of %u cannot be read", path, i + 1,
                           synsets->n);
        fprintf(lines, "%d %s\n", id, wnid);
    }
    return CR_OK;
}

/* *out is the caller's (free). */
static cr_status inflate_body(const char *path, bytes body, uint8_t **out, size_t *n_out,
                              cr_error *err)
{
    z_stream z = {.next_in = (Bytef *)body.at, .avail_in = (uInt)body.n};
    int result = inflateInit(&z);
    *out = NULL;
    *n_out = 0;
    for (size_t room = 1 << 20; result == Z_OK && room <= MAX_TABLE_BYTES; room *= 2) {
        uint8_t *larger = realloc(*out, room);
        if (!larger) {
            result = Z_MEM_ERROR;
            break;
        }
        *out = larger;
        z.next_out = larger + *n_out;
        z.avail_out = (uInt)(room - *n_out);
        result = inflate(&z, Z_NO_FLUSH);
        *n_out = z.total_out;
    }
    inflateEnd(&z);
    if (result == Z_STREAM_END)
        return CR_OK;
    free(*out);
    *out = NULL;
    return result == Z_MEM_ERROR
               ? cr_fail_memory(err, path, MAX_TABLE_BYTES, 1)
               : cr_fail(err, CR_EINPUT, "%s: a compressed part is damaged or larger than %d bytes",
                         path, MAX_TABLE_BYTES);
}

static cr_status find_synsets(const char *path, bytes rest, FILE *lines, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *plain = NULL;
    element one;
    array synsets;
    bool found = false;
    while (!found && next(&rest, &one)) {
        if (one.type == COMPRESSED) {
            size_t n_plain;
            free(plain);
            CR_TRY(inflate_body(path, one.body, &plain, &n_plain, err));
            bytes inner = {plain, n_plain};
            if (!next(&inner, &one))
                continue;
        }
        found = open_array(&one, &synsets) && synsets.class == CLASS_STRUCT &&
                is_named(synsets.name, "synsets");
    }
    status = found ? write_lines(path, &synsets, lines, err)
                   : cr_fail(err, CR_EINPUT,
                             "%s: no struct array `synsets` in it, or the file is cut short", path);

cleanup:
    free(plain);
    return status;
}

cr_status cr_mat_synset_lines(const char *path, const uint8_t *mat, size_t n_bytes, char **text,
                              size_t *n_text, cr_error *err)
{
    *text = NULL;
    if (n_bytes < HEADER_BYTES || memcmp(mat + 124, "\0\1IM", 4) != 0)
        return cr_fail(err, CR_EINPUT,
                       "%s: not a little-endian MATLAB file of level 5, as the devkit's is", path);
    FILE *lines = open_memstream(text, n_text);
    if (!lines)
        return cr_fail_memory(err, path, n_bytes, 1);
    cr_status status =
        find_synsets(path, (bytes){mat + HEADER_BYTES, n_bytes - HEADER_BYTES}, lines, err);
    bool good = !ferror(lines);
    good = fclose(lines) == 0 && good;
    if (status == CR_OK && !good)
        status = cr_fail_memory(err, path, n_bytes, 1);
    return status;
}
