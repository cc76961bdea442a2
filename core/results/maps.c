/* maps.c - maps of other programs: .npy files, or a dataset of an HDF5 file. */
#include "camrank/maps.h"

#include "camrank/npy.h"
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_CHUNK_BYTES = 1 << 28, /* which HDF5 reads as a whole */
};

struct cr_maps {
    const cr_dataset *data;
    char *path;          /* of the folder or the file */
    const char *dataset; /* its name, behind the path; NULL: a folder */
    hid_t file, set;     /* -1: a folder */
    int width, height;   /* of the dataset's maps */
    float *values;       /* of the last map */
};

/* The ':' between the file and the name of a dataset, or NULL. */
static char *find_dataset(char *place)
{
    static const char *const endings[] = {".h5:", ".hdf5:"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char *at = strstr(place, endings[i]);
        if (at)
            return at + strlen(endings[i]) - 1;
    }
    return NULL;
}

/* Whether numbers are of a type that numpy has: HDF5 1.10 writes beyond its memory as it converts
 * some of those that can be made with any number of bits anywhere. */
static bool is_plain(hid_t type)
{
    const hid_t half = cr_h5_float16();
    const hid_t plain[] = {H5T_STD_I8LE,   H5T_STD_I16LE,  H5T_STD_I32LE, H5T_STD_I64LE,
                           H5T_STD_U8LE,   H5T_STD_U16LE,  H5T_STD_U32LE, H5T_STD_U64LE,
                           H5T_IEEE_F32LE, H5T_IEEE_F64LE, half};
    const H5T_order_t order = H5Tget_order(type);
    const hid_t little = H5Tcopy(type);
    bool is = false;
    if ((order == H5T_ORDER_LE || order == H5T_ORDER_BE) && H5Tset_order(little, H5T_ORDER_LE) >= 0)
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
            is = is || H5Tequal(little, plain[i]) > 0;
    cr_h5_close(little);
    cr_h5_close(half);
    return is;
}

/* What is not a plain array of numbers is refused, and what HDF5 would take much memory to read. */
static cr_status check_numbers(const cr_maps *maps, hid_t type, hid_t properties, cr_error *err)
{
    hsize_t chunk[3] = {0};
    if (!is_plain(type))
        return cr_fail(err, CR_EINPUT,
                       "%s: dataset %s: must hold integers of 8 to 64 bits or float16, float32 or "
                       "float64",
                       maps->path, maps->dataset);
    if (H5Pget_layout(properties) == H5D_CHUNKED) {
        H5Pget_chunk(properties, 3, chunk);
        const double bytes = (double)chunk[0] * (double)chunk[1] * (double)chunk[2];
        if (bytes * (double)H5Tget_size(type) > MAX_CHUNK_BYTES)
            return cr_fail(err, CR_EINPUT,
                           "%s: dataset %s: has chunks of %llu x %llu x %llu, more than the limit "
                           "of %d bytes",
                           maps->path, maps->dataset, (unsigned long long)chunk[0],
                           (unsigned long long)chunk[1], (unsigned long long)chunk[2],
                           MAX_CHUNK_BYTES);
    }
    return CR_OK;
}

static cr_status open_dataset(cr_maps *maps, cr_error *err)
{
    cr_status status = CR_OK;
    hsize_t shape[H5S_MAX_RANK] = {0};
    hid_t space = -1, type = -1, properties = -1;
    cr_h5_quiet();
    CR_TRY(cr_h5_open(maps->path, &maps->file, err));
    maps->set = H5Dopen2(maps->file, maps->dataset, H5P_DEFAULT);
    if (maps->set >= 0) {
        space = H5Dget_space(maps->set);
        type = H5Dget_type(maps->set);
        properties = H5Dget_create_plist(maps->set);
    }
    if (space < 0 || type < 0 || properties < 0)
        CR_TRY(cr_h5_fail(err, CR_EINPUT, "%s: dataset %s", maps->path, maps->dataset));
    const int n_dims = H5Sget_simple_extent_ndims(space);
    if (n_dims == 3)
        H5Sget_simple_extent_dims(space, shape, NULL);
    if (n_dims != 3 || shape[1] < 1 || shape[1] > CR_MAX_MAP_SIDE || shape[2] < 1 ||
        shape[2] > CR_MAX_MAP_SIDE)
        CR_TRY(
            cr_fail(err, CR_EINPUT,
                    "%s: dataset %s: must have the shape (images, height, width), a side at most "
                    "%d",
                    maps->path, maps->dataset, CR_MAX_MAP_SIDE));
    if (shape[0] != (hsize_t)maps->data->n_images)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: dataset %s: %llu maps for %d images", maps->path,
                       maps->dataset, (unsigned long long)shape[0], maps->data->n_images));
    CR_TRY(check_numbers(maps, type, properties, err));
    CR_TRY(cr_h5_check_storage(properties, maps->path, maps->dataset, err));
    maps->height = (int)shape[1];
    maps->width = (int)shape[2];
    maps->values = cr_alloc((size_t)maps->width * (size_t)maps->height, sizeof *maps->values);
    if (!maps->values)
        status = cr_fail_memory(err, maps->path, (size_t)maps->width * (size_t)maps->height,
                                sizeof *maps->values);

cleanup:
    cr_h5_close(properties);
    cr_h5_close(type);
    cr_h5_close(space);
    return status;
}

cr_status cr_maps_open(const char *place, const cr_dataset *data, cr_maps **result, cr_error *err)
{
    cr_status status = CR_OK;
    *result = NULL;
    cr_maps *maps = cr_alloc(1, sizeof *maps);
    if (!maps)
        return cr_fail_memory(err, "maps", 1, sizeof *maps);
    maps->data = data;
    maps->file = maps->set = -1;
    maps->path = strdup(place);
    if (!maps->path)
        CR_TRY(cr_fail_memory(err, "a path", strlen(place), 1));
    char *colon = find_dataset(maps->path);
    if (colon) {
        *colon = 0;
        maps->dataset = colon + 1;
        CR_TRY(open_dataset(maps, err));
    } else if (access(place, R_OK | X_OK) != 0)
        CR_TRY(cr_fail(
            err, CR_EINPUT,
            "%s: neither a folder of .npy files, nor FILE.h5:DATASET, nor a results file", place));
    *result = maps;
    maps = NULL;

cleanup:
    cr_maps_close(maps);
    return status;
}

static cr_status read_npy(cr_maps *maps, int i, const float **values, int *width, int *height,
                          cr_error *err)
{
    const char *text = maps->data->text;
    const cr_data_image *image = &maps->data->images[i];
    const char *names[] = {text + image->file, text + image->id};
    cr_npy_map map;
    cr_status status = CR_EINPUT;
    for (int k = 0; k < 2; k++) {
        const size_t n = strlen(maps->path) + strlen(names[k]) + sizeof "/.npy";
        char *path = cr_alloc(n, 1);
        if (!path)
            return cr_fail_memory(err, "a path", n, 1);
        snprintf(path, n, "%s/%s.npy", maps->path, names[k]);
        const bool there = access(path, F_OK) == 0;
        if (there || k == 1)
            status = cr_npy_read(path, &map, err);
        free(path);
        if (there)
            break;
    }
    if (status != CR_OK)
        return status;
    free(maps->values);
    *values = maps->values = map.values;
    *width = map.width;
    *height = map.height;
    return CR_OK;
}

static cr_status read_row(cr_maps *maps, int i, cr_error *err)
{
    const hsize_t start[3] = {(hsize_t)i, 0, 0};
    const hsize_t count[3] = {1, (hsize_t)maps->height, (hsize_t)maps->width};
    hid_t space = H5Dget_space(maps->set), memory = H5Screate_simple(3, count, NULL);
    cr_status status = CR_OK;
    errno = 0;
    if (space < 0 || memory < 0 ||
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        H5Dread(maps->set, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, maps->values) < 0)
        status = cr_h5_fail(err, cr_errno_status(errno), "%s: dataset %s: map %d", maps->path,
                            maps->dataset, i);
    cr_h5_close(memory);
    cr_h5_close(space);
    return status;
}

cr_status cr_maps_read(cr_maps *maps, int i, const float **values, int *width, int *height,
                       cr_error *err)
{
    if (!maps->dataset)
        return read_npy(maps, i, values, width, height, err);
    *values = maps->values;
    *width = maps->width;
    *height = maps->height;
    return read_row(maps, i, err);
}

void cr_maps_close(cr_maps *maps)
{
    if (!maps)
        return;
    cr_h5_close(maps->set);
    cr_h5_close(maps->file);
    free(maps->values);
    free(maps->path);
    free(maps);
}
