/* npy.c - a map in a .npy file. */
#include "camrank/npy.h"

#include "camrank/number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last two dimensions, if the others are 1. */
static bool find_sides(const cr_npy_array *array, int *height, int *width)
{
    const int n = array->n_dims;
    const int64_t *dims = array->dims;
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

cr_status cr_npy_parse(const uint8_t *bytes, size_t n_bytes, const char *name, cr_npy_map *map,
                       cr_error *err)
{
    cr_npy_array array;
    int width, height;
    *map = (cr_npy_map){0};
    CR_OR_RETURN(cr_npy_array_find(bytes, n_bytes, name, &array, err));
    if (array.is_bool)
        return cr_fail(err, CR_EINPUT, "%s: its type must be numbers, not booleans", name);
    if (!find_sides(&array, &height, &width))
        return cr_fail(err, CR_EINPUT, "%s: its shape must be (height, width), each 1 to %d", name,
                       CR_NPY_MAX_SIDE);
    map->values = cr_alloc(array.n, sizeof *map->values);
    if (!map->values)
        return cr_fail_memory(err, name, array.n, sizeof *map->values);
    map->width = width;
    map->height = height;
    if (!array.by_column)
        cr_number_to_float32(array.type, array.values, array.n, map->values);
    for (size_t i = 0; array.by_column && i < array.n; i++)
        cr_number_to_float32(array.type,
                             array.values + cr_npy_array_at(&array, i) * (size_t)array.type.bytes,
                             1, &map->values[i]);
    return CR_OK;
}

cr_status cr_npy_read(const char *path, cr_npy_map *map, cr_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    *map = (cr_npy_map){0};
    const size_t most = (size_t)CR_NPY_MAX_SIDE * CR_NPY_MAX_SIDE * 8 + CR_NPY_MAX_HEADER + 12;
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
    memcpy(header, CR_NPY_MAGIC "\1\0", 8);
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
