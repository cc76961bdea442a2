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
    char *path;            /* of the folder or the file */
    const char *dataset;   /* its name, behind the path; NULL: a folder */
    hid_t file, set, type; /* -1: a folder */
    cr_number number;      /* the type of the dataset's numbers */
    int width, height;     /* of its maps */
    uint8_t *bytes;        /* of the last map as it lies in the file */
    float *values;         /* of the last map */
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

/* What is not a plain array of numbers is refused, and what HDF5 would take much memory to read. */
static cr_status check_numbers(cr_maps *maps, hid_t type, hid_t properties, cr_error *err)
{
    hsize_t chunk[3] = {0};
    if (!cr_h5_number(type, &maps->number))
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
    hid_t space = -1, properties = -1;
    cr_h5_quiet();
    CR_TRY(cr_h5_open(maps->path, &maps->file, err));
    maps->set = H5Dopen2(maps->file, maps->dataset, H5P_DEFAULT);
    if (maps->set >= 0) {
        space = H5Dget_space(maps->set);
        maps->type = H5Dget_type(maps->set);
        properties = H5Dget_create_plist(maps->set);
    }
    if (space < 0 || maps->type < 0 || properties < 0)
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
    CR_TRY(check_numbers(maps, maps->type, properties, err));
    CR_TRY(cr_h5_check_storage(properties, maps->path, maps->dataset, err));
    maps->height = (int)shape[1];
    maps->width = (int)shape[2];
    const size_t n = (size_t)maps->width * (size_t)maps->height;
    maps->values = cr_alloc(n, sizeof *maps->values);
    maps->bytes = cr_alloc(n, (size_t)maps->number.bytes);
    if (!maps->values || !maps->bytes)
        status = cr_fail_memory(err, maps->path, n, sizeof *maps->values);

cleanup:
    cr_h5_close(properties);
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
    maps->file = maps->set = maps->type = -1;
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
    for (int k = cr_data_shares_file(maps->data, i) ? 1 : 0; k < 2; k++) {
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
        H5Dread(maps->set, maps->type, memory, space, H5P_DEFAULT, maps->bytes) < 0)
        status = cr_h5_fail(err, cr_errno_status(errno), "%s: dataset %s: map %d", maps->path,
                            maps->dataset, i);
    else
        cr_number_to_float32(maps->number, maps->bytes, (size_t)maps->width * (size_t)maps->height,
                             maps->values);
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
    cr_h5_close(maps->type);
    cr_h5_close(maps->set);
    cr_h5_close(maps->file);
    free(maps->bytes);
    free(maps->values);
    free(maps->path);
    free(maps);
}
