/* Segmentations from PNG and .npy files. What a segment is called in its file does not matter. */
#include "segments.h"

#include "camrank/npy.h"
#include "camrank/passes.h"

#include <stdlib.h>

static cr_status read_values(const cr_npy_array *array, const char *path, cr_labels *labels,
                             cr_error *err)
{
    const size_t bytes = (size_t)array->type.bytes;
    for (size_t i = 0; i < array->n; i++) {
        int value;
        if (array->type.kind == CR_NUMBER_FLOAT ||
            !cr_number_to_int(array->type, array->values + cr_npy_array_at(array, i) * bytes,
                              &value))
            return cr_fail(err, CR_EINPUT, "%s: must have whole numbers of 32 bits", path);
        labels->values[i] = value;
    }
    return CR_OK;
}

static cr_status read_npy(const uint8_t *bytes, size_t n_bytes, const char *path, int max_mpixels,
                          cr_labels *labels, cr_error *err)
{
    cr_npy_array array;
    CR_OR_RETURN(cr_npy_array_find(bytes, n_bytes, path, &array, err));
    if (array.n_dims != 2)
        return cr_fail(err, CR_EINPUT, "%s: %d dimensions, must be 2, height and width", path,
                       array.n_dims);
    CR_OR_RETURN(cr_image_check_size(path, array.dims[1], array.dims[0], max_mpixels, err));
    *labels = (cr_labels){(int)array.dims[1], (int)array.dims[0],
                          cr_alloc(array.n, sizeof *labels->values)};
    return labels->values ? read_values(&array, path, labels, err)
                          : cr_fail_memory(err, path, array.n, sizeof *labels->values);
}

static cr_status read_file(const char *path, int max_mpixels, cr_labels *labels, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    CR_TRY(cr_file_read(path, CR_DATA_MAX_IMAGE_BYTES, &bytes, &n_bytes, err));
    if (cr_file_is_npy((const char *)bytes, n_bytes))
        CR_TRY(read_npy(bytes, n_bytes, path, max_mpixels, labels, err));
    else
        CR_TRY(cr_labels_decode(bytes, n_bytes, path, max_mpixels, labels, err));

cleanup:
    free(bytes);
    return status;
}

static int clamp(double at, int n)
{
    return at < 0 ? 0 : at >= n ? n - 1 : (int)at;
}

/* A view of the labels, at width x height. */
static void cut(const cr_labels *labels, const cr_view *view, int width, int height, int32_t *to)
{
    const cr_region *r = &view->region;
    for (int y = 0; y < height; y++) {
        const int row = clamp(r->y0 + (y + .5) * r->height / height, labels->height);
        const int32_t *from = labels->values + (size_t)row * (size_t)labels->width;
        for (int x = 0; x < width; x++) {
            const int column = view->flip ? width - 1 - x : x;
            *to++ = from[clamp(r->x0 + (column + .5) * r->width / width, labels->width)];
        }
    }
}

/* Numbers them from 0 in the order of their first pixels. False where there are too many. */
static bool number(int32_t *labels, size_t n_pixels)
{
    int32_t names[CR_MAX_SEGMENTS];
    int n = 0, last = 0;
    for (size_t i = 0; i < n_pixels; i++) {
        if (n == 0 || labels[i] != names[last])
            for (last = 0; last < n && names[last] != labels[i];)
                last++;
        if (last == CR_MAX_SEGMENTS)
            return false;
        if (last == n)
            names[n++] = labels[i];
        labels[i] = last;
    }
    return true;
}

cr_status cr_segments_read(const cr_dataset *data, int i, const int32_t size[2],
                           const cr_input_spec *spec, int max_mpixels, int32_t *to, cr_error *err)
{
    cr_status status = CR_OK;
    const int n_views = cr_input_n_views(spec);
    const size_t n_pixels = (size_t)spec->width * (size_t)spec->height;
    cr_view views[CR_MAX_VIEWS];
    cr_labels labels = {0};
    char *path = cr_data_segments_path(data, i);
    if (!path)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: no segmentation of %s any more", data->segments,
                       cr_data_image_id(data, i)));
    CR_TRY(read_file(path, max_mpixels, &labels, err));
    cr_input_views(spec, size[0], size[1], views);
    if (labels.width != size[0] || labels.height != size[1]) {
        if (n_views > 1 || labels.width != spec->width || labels.height != spec->height)
            CR_TRY(cr_fail(err, CR_EINPUT,
                           "%s: %d x %d pixels; must be as large as the image, %d x %d, or the "
                           "network's input, %d x %d",
                           path, labels.width, labels.height, size[0], size[1], spec->width,
                           spec->height));
        views[0] = (cr_view){.region = {0, 0, spec->width, spec->height}};
    }
    for (int v = 0; v < n_views; v++, to += n_pixels) {
        cut(&labels, &views[v], spec->width, spec->height, to);
        if (!number(to, n_pixels))
            CR_TRY(cr_fail(err, CR_EINPUT, "%s: more than %d segments in the network's input", path,
                           (int)CR_MAX_SEGMENTS));
    }

cleanup:
    free(labels.values);
    free(path);
    return status;
}
