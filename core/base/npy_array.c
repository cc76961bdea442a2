/* npy_array.c - an array in a .npy file. The format is NumPy's (numpy.lib.format): a magic string, the
 * version, the length of the header, the header, which is a Python dictionary of `descr`,
 * `fortran_order` and `shape`, and the array. */
#include "camrank/npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC_BYTES = sizeof CR_NPY_MAGIC - 1 };

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

/* `'<f4'`: byte order, kind, bytes; `'|b1'`. */
static bool parse_number(const char *descr, cr_npy_array *array)
{
    static const char orders[] = "<>|", kinds[] = "iufb";
    const char *order, *kind;
    if (!descr || strnlen(descr, 5) < 5 || descr[0] != '\'' || descr[4] != '\'' ||
        !(order = strchr(orders, descr[1])) || !(kind = strchr(kinds, descr[2])))
        return false;
    array->is_bool = *kind == 'b';
    array->type = (cr_number){array->is_bool ? CR_NUMBER_UNSIGNED : (cr_number_kind)(kind - kinds),
                              descr[3] - '0', *order == '>'};
    return cr_number_is_known(array->type) && (*order != '|' || array->type.bytes == 1) &&
           (!array->is_bool || array->type.bytes == 1);
}

/* `(1, 224, 224)`. */
static bool parse_shape(const char *text, cr_npy_array *array)
{
    array->n_dims = 0;
    array->n = 1;
    if (!text || *text++ != '(')
        return false;
    while (*(text += strspn(text, " ,")) != ')') {
        char *end;
        if (array->n_dims == CR_NPY_MAX_DIMS || *text < '0' || *text > '9')
            return false;
        errno = 0;
        const long dim = strtol(text, &end, 10);
        if (errno || dim > INT32_MAX || __builtin_mul_overflow(array->n, (size_t)dim, &array->n))
            return false;
        array->dims[array->n_dims++] = dim;
        text = end;
    }
    return true;
}

/* The header as text, and where the array begins; false where it is none. */
static bool take_header(const uint8_t *bytes, size_t n_bytes, char header[CR_NPY_MAX_HEADER + 1],
                        size_t *begin)
{
    if (n_bytes < 12 || memcmp(bytes, CR_NPY_MAGIC, MAGIC_BYTES) != 0 || bytes[6] < 1 ||
        bytes[6] > 3)
        return false;
    const size_t at = bytes[6] == 1 ? 10 : 12;
    size_t n = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1)
        n |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (n > CR_NPY_MAX_HEADER || n > n_bytes - at)
        return false;
    memcpy(header, bytes + at, n);
    header[n] = 0;
    *begin = at + n;
    return true;
}

cr_status cr_npy_array_find(const uint8_t *bytes, size_t n_bytes, const char *name,
                            cr_npy_array *array, cr_error *err)
{
    char header[CR_NPY_MAX_HEADER + 1];
    size_t begin, wanted;
    *array = (cr_npy_array){0};
    if (!take_header(bytes, n_bytes, header, &begin))
        return cr_fail(err, CR_EINPUT, "%s: no .npy file, or cut short", name);
    if (!parse_number(value_of(header, "descr"), array))
        return cr_fail(err, CR_EINPUT,
                       "%s: its type must be integers of 8 to 64 bits or float16, float32 or "
                       "float64",
                       name);
    if (!parse_shape(value_of(header, "shape"), array) ||
        __builtin_mul_overflow(array->n, (size_t)array->type.bytes, &wanted))
        return cr_fail(err, CR_EINPUT, "%s: its header has no shape of at most %d dimensions", name,
                       CR_NPY_MAX_DIMS);
    const char *order = value_of(header, "fortran_order");
    array->by_column = order && strncmp(order, "True", 4) == 0;
    if (!array->by_column && !(order && strncmp(order, "False", 5) == 0))
        return cr_fail(err, CR_EINPUT, "%s: its header does not say the order", name);
    if (n_bytes - begin != wanted)
        return cr_fail(err, CR_EINPUT, "%s: %zu bytes of values, must be %zu", name,
                       n_bytes - begin, wanted);
    array->values = bytes + begin;
    return CR_OK;
}

size_t cr_npy_array_at(const cr_npy_array *array, size_t i)
{
    size_t at = 0;
    if (!array->by_column)
        return i;
    for (int d = array->n_dims - 1; d >= 0; d--) { /* the last dimension is the slowest there */
        size_t step = 1;
        for (int e = 0; e < d; e++)
            step *= (size_t)array->dims[e];
        at += i % (size_t)array->dims[d] * step;
        i /= (size_t)array->dims[d];
    }
    return at;
}

bool cr_file_is_npy(const char *bytes, size_t n)
{
    return n >= MAGIC_BYTES && memcmp(bytes, CR_NPY_MAGIC, MAGIC_BYTES) == 0;
}
