/* npy.c - a map in a .npy file. The format is NumPy's (numpy.lib.format): a magic string, the
 * version, the length of the header, the header, which is a Python dictionary of `descr`,
 * `fortran_order` and `shape`, and the array. */
#include "camrank/npy.h"

#include "camrank/number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
enum { MAGIC_BYTES = 6, MAX_HEADER_BYTES = 4096, MAX_DIMS = 8 };

/* The text behind `'key':` in a header, or NULL. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *at = strstr(header, quoted);
    if (!at)
        return NULL;
    at += strlen(quoted);
    return at + strspn(at, " ");
}

/* `'<f4'`: byte order, kind, bytes. */
static bool parse_number(const char *descr, cr_number *of)
{
    static const char orders[] = "<>|", kinds[] = "iuf";
    const char *order, *kind;
    if (!descr || strnlen(descr, 5) < 5 || descr[0] != '\'' || descr[4] != '\'' ||
        !(order = strchr(orders, descr[1])) || !(kind = strchr(kinds, descr[2])))
        return false;
    *of = (cr_number){(cr_number_kind)(kind - kinds), descr[3] - '0', *order == '>'};
    return cr_number_is_known(*of) && (*order != '|' || of->bytes == 1);
}

/* `(1, 224, 224)`: the last two, if the others are 1. */
static bool parse_shape(const char *text, int *height, int *width)
{
    long dims[MAX_DIMS];
    int n = 0;
    if (!text || *text++ != '(')
        return false;
    while (*(text += strspn(text, " ,")) != ')') {
        char *end;
        if (n == MAX_DIMS || *text < '0' || *text > '9')
            return false;
        errno = 0;
        dims[n++] = strtol(text, &end, 10);
        if (errno)
            return false;
        text = end;
    }
    for (int i = 0; i < n - 2; i++)
        if (dims[i] != 1)
            return false;
    if (n < 2 || dims[n - 1] < 1 || dims[n - 1] > CR_NPY_MAX_SIDE || dims[n - 2] < 1 ||
        dims[n - 2] > CR_NPY_MAX_SIDE)
        return false;
    *height = (int)dims[n - 2];
    *width = (int)dims[n - 1];
    return true;
}

/* The header as text, and where the array begins; false where it is none. */
static bool take_header(const uint8_t *bytes, size_t n_bytes, char header[MAX_HEADER_BYTES + 1],
                        size_t *begin)
{
    if (n_bytes < 12 || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0 || bytes[6] < 1 || bytes[6] > 3)
        return false;
    const size_t at = bytes[6] == 1 ? 10 : 12;
    size_t n = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1)
        n |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (n > MAX_HEADER_BYTES || n > n_bytes - at)
        return false;
    memcpy(header, bytes + at, n);
    header[n] = 0;
    *begin = at + n;
    return true;
}

cr_status cr_npy_parse(const uint8_t *bytes, size_t n_bytes, const char *name, cr_npy_map *map,
                       cr_error *err)
{
    char header[MAX_HEADER_BYTES + 1];
    size_t begin;
    cr_number of;
    int width, height;
    *map = (cr_npy_map){0};
    if (!take_header(bytes, n_bytes, header, &begin))
        return cr_fail(err, CR_EINPUT, "%s: no .npy file, or cut short", name);
    if (!parse_number(value_of(header, "descr"), &of))
        return cr_fail(err, CR_EINPUT,
                       "%s: its type must be integers of 8 to 64 bits or float16, float32 or "
                       "float64",
                       name);
    if (!parse_shape(value_of(header, "shape"), &height, &width))
        return cr_fail(err, CR_EINPUT, "%s: its shape must be (height, width), each 1 to %d", name,
                       CR_NPY_MAX_SIDE);
    const char *order = value_of(header, "fortran_order");
    const bool by_column = order && strncmp(order, "True", 4) == 0;
    if (!by_column && !(order && strncmp(order, "False", 5) == 0))
        return cr_fail(err, CR_EINPUT, "%s: its header does not say the order", name);
    const size_t n = (size_t)width * (size_t)height, wanted = n * (size_t)of.bytes;
    if (n_bytes - begin != wanted)
        return cr_fail(err, CR_EINPUT, "%s: %zu bytes of values, must be %zu", name,
                       n_bytes - begin, wanted);
    map->values = cr_alloc(n, sizeof *map->values);
    if (!map->values)
        return cr_fail_memory(err, name, n, sizeof *map->values);
    map->width = width;
    map->height = height;
    const uint8_t *numbers = bytes + begin;
    if (!by_column)
        cr_number_to_float32(of, numbers, n, map->values);
    for (size_t x = 0; by_column && x < (size_t)width; x++)
        for (size_t y = 0; y < (size_t)height; y++, numbers += of.bytes)
            cr_number_to_float32(of, numbers, 1, &map->values[y * (size_t)width + x]);
    return CR_OK;
}

cr_status cr_npy_read(const char *path, cr_npy_map *map, cr_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    *map = (cr_npy_map){0};
    const size_t most = (size_t)CR_NPY_MAX_SIDE * CR_NPY_MAX_SIDE * 8 + MAX_HEADER_BYTES + 12;
    cr_status status = cr_file_read(path, most, &bytes, &n_bytes, err);
    if (status != CR_OK)
        return status;
    status = cr_npy_parse(bytes, n_bytes, path, map, err);
    free(bytes);
    return status;
}

/* False, with the reason in errno, where not all could be written. */
static bool write_values(FILE *file, const float *values, size_t n, bool float64)
{
    for (size_t i = 0; float64 && i < n; i++) {
        const double value = values[i];
        if (fwrite(&value, sizeof value, 1, file) != 1)
            return false;
    }
    return float64 || fwrite(values, sizeof *values, n, file) == n;
}

bool cr_file_is_npy(const char *bytes, size_t n)
{
    return n >= MAGIC_BYTES && memcmp(bytes, MAGIC, MAGIC_BYTES) == 0;
}

cr_status cr_npy_write(const char *path, const float *values, int width, int height, bool float64,
                       cr_error *err)
{
    /* The array begins at a multiple of 64 bytes, and the header ends in a newline. */
    char header[128];
    const size_t n = (size_t)width * (size_t)height;
    FILE *file = fopen(path, "wb");
    if (!file)
        return cr_fail(err, CR_EIO, "%s: %s", path, strerror(errno));
    memset(header, ' ', sizeof header);
    memcpy(header, MAGIC "\1\0", 8);
    header[8] = (char)(sizeof header - 10);
    header[9] = 0;
    int used = snprintf(header + 10, sizeof header - 10,
                        "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }",
                        float64 ? "<f8" : "<f4", height, width);
    header[10 + used] = ' ';
    header[sizeof header - 1] = '\n';
    bool good = fwrite(header, 1, sizeof header, file) == sizeof header &&
                write_values(file, values, n, float64);
    int reason = errno;
    if (fclose(file) != 0) {
        reason = good ? errno : reason;
        good = false;
    }
    return good ? CR_OK : cr_fail(err, CR_EIO, "%s: %s", path, strerror(reason));
}
