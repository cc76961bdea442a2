/* npy.h - arrays in NumPy's .npy files, and maps, as wsolevaluation stores them. All functions are Local. */
#ifndef CAMRANK_NPY_H
#define CAMRANK_NPY_H

#include "camrank/base.h"
#include "camrank/number.h"

#define CR_NPY_MAX_DIMS 8
#define CR_NPY_MAX_HEADER 4096   /* bytes */
#define CR_NPY_MAGIC "\x93NUMPY" /* a file begins with it */

/* An array where it lies in the bytes of its file. */
typedef struct cr_npy_array {
    int n_dims;
    int64_t dims[CR_NPY_MAX_DIMS]; /* each 0 to 2^31 */
    size_t n;                      /* elements */
    cr_number type;                /* booleans: unsigned, of a byte */
    bool is_bool;
    bool by_column; /* Fortran's order */
    const uint8_t *values;
} cr_npy_array;

/* The array in the n_bytes of a .npy file (format 1 to 3) of float16, float32, float64, integers of 8 to 64
 * bits in either byte order, or booleans. `name` is for messages. Errors: CR_EINPUT, naming `name` and what
 * is wrong, as that values are missing or left over. */
cr_status cr_npy_array_find(const uint8_t *bytes, size_t n_bytes, const char *name,
                            cr_npy_array *array, cr_error *err);

/* Where in `values`, counted in elements, element i of the array is, in C's order. */
size_t cr_npy_array_at(const cr_npy_array *array, size_t i);

/* Largest side of a map in a file. */
#define CR_NPY_MAX_SIDE 16384

/* A map: values[height][width], owned (free). */
typedef struct cr_npy_map {
    int width, height;
    float *values;
} cr_npy_map;

/* The map in the n_bytes of a .npy file (format 1 to 3): a two-dimensional array, or one with
 * further dimensions of 1 in front, of float16, float32, float64 or integers of 8 to 64 bits in either
 * byte order, in C or Fortran order. Values are rounded to float32; they may be NaN or infinite. `name` is for
 * messages. Errors: CR_EINPUT, naming `name` and what is wrong, before anything is allocated that
 * the file does not fill. *map is {0} on failure. */
cr_status cr_npy_parse(const uint8_t *bytes, size_t n_bytes, const char *name, cr_npy_map *map,
                       cr_error *err);

/* cr_file_read and cr_npy_parse. A file that is not there is CR_EINPUT like any other. */
cr_status cr_npy_read(const char *path, cr_npy_map *map, cr_error *err);

/* Whether a file begins as a .npy file does. */
bool cr_file_is_npy(const char *bytes, size_t n);

/* Writes a map [height][width], format 1.0, which numpy.load reads; its values as float64, which is
 * what wsolevaluation's evaluator insists on, or as float32. Errors: CR_EIO naming `path`. */
cr_status cr_npy_write(const char *path, const float *values, int width, int height, bool float64,
                       cr_error *err);

#endif
