/* The weights of a .caffemodel by the names of layers: read where they lie in the file, which may be of
 * several hundred MB. And a mean image, of which the mean of each channel is taken. */
#include "caffe.h"

#include "caffe.pb-c.h"

#include <stdlib.h>

/* The fields that lead to the numbers, from caffe.proto: layers or layer, blobs, data. */
static const uint32_t old_path[] = {2, 6, 5, 0}, new_path[] = {100, 7, 5, 0};

cr_status cr_caffe_weights_read(const uint8_t *bytes, size_t n_bytes, cr_caffe_weights *weights,
                                cr_error *err)
{
    *weights = (cr_caffe_weights){.old = cr_wire_has(bytes, n_bytes, old_path[0])};
    if (n_bytes >= 8 && memcmp(bytes, "\x89HDF\r\n\x1a\n", 8) == 0)
        return cr_fail(
            err, CR_EINPUT,
            "is an HDF5 file; save the weights as a binary .caffemodel (snapshot_format: "
            "BINARYPROTO)");
    const cr_status status =
        cr_wire_unpack(&caffe__net_parameter__descriptor, weights->old ? old_path : new_path, bytes,
                       n_bytes, &weights->wire, err);
    const Caffe__NetParameter *net = (Caffe__NetParameter *)weights->wire.message;
    if (status != CR_OK)
        return status;
    weights->n_layers = !net ? 0 : (int)(weights->old ? net->n_layers : net->n_layer);
    if (weights->n_layers == 0)
        return cr_fail(err, CR_EINPUT,
                       "is no .caffemodel, is damaged, or has no layers; copy it again");
    return CR_OK;
}

void cr_caffe_weights_free(cr_caffe_weights *weights)
{
    cr_wire_free(&weights->wire);
    *weights = (cr_caffe_weights){.old = false};
}

static cr_status read_shape(const Caffe__BlobProto *proto, cr_caffe_blob *blob, cr_error *err)
{
    const int64_t four[] = {proto->num, proto->channels, proto->height, proto->width};
    const int64_t *dims = proto->shape ? proto->shape->dim : four;
    const size_t n_dims = proto->shape ? proto->shape->n_dim : 4;
    int64_t n = 1;
    if (n_dims > CR_MAX_DIMS)
        return cr_fail(err, CR_EINPUT, "a blob has %zu dimensions", n_dims);
    for (size_t d = 0; d < n_dims; d++) {
        if (dims[d] < 0 || dims[d] > CR_MAX_ELEMENTS || (dims[d] && n > CR_MAX_ELEMENTS / dims[d]))
            return cr_fail(err, CR_EINPUT, "a blob has an invalid shape");
        blob->dims[d] = dims[d];
        n *= dims[d];
    }
    blob->n_dims = (int)n_dims;
    blob->n = (size_t)n;
    return CR_OK;
}

/* One of the several ways in which numbers lie in a file. */
static cr_status read_numbers(const Caffe__BlobProto *proto, cr_onnx_bytes raw, cr_arena *memory,
                              cr_caffe_blob *blob, cr_error *err)
{
    size_t n = raw.n_bytes / sizeof(float);
    if (raw.bytes) {
        blob->raw = raw;
    } else if (proto->n_double_data) {
        float *reals = cr_arena_alloc(memory, n = proto->n_double_data, sizeof *reals);
        if (!reals)
            return cr_fail_memory(err, "weights", n, sizeof *reals);
        for (size_t i = 0; i < n; i++)
            reals[i] = (float)proto->double_data[i];
        blob->reals = reals;
    } else {
        n = proto->n_data;
        blob->reals = proto->data;
    }
    if (n != blob->n || (raw.bytes && raw.n_bytes != n * sizeof(float)))
        return cr_fail(err, CR_EINPUT, "a blob holds %zu numbers, its shape needs %zu", n, blob->n);
    return CR_OK;
}

cr_status cr_caffe_weights_find(const cr_caffe_weights *weights, const char *layer,
                                cr_arena *memory, cr_caffe_blob **blobs, int *n, cr_error *err)
{
    const Caffe__NetParameter *net = (Caffe__NetParameter *)weights->wire.message;
    size_t at = 0; /* among what was left out */
    *n = 0;
    for (int i = 0; i < weights->n_layers; i++) {
        const char *name = weights->old ? net->layers[i]->name : net->layer[i]->name;
        const size_t n_blobs = weights->old ? net->layers[i]->n_blobs : net->layer[i]->n_blobs;
        Caffe__BlobProto **protos = weights->old ? net->layers[i]->blobs : net->layer[i]->blobs;
        if (n_blobs == 0 || !name || strcmp(name, layer) != 0) {
            at += n_blobs;
            continue;
        }
        *blobs = cr_arena_alloc(memory, n_blobs, sizeof **blobs);
        if (!*blobs)
            return cr_fail_memory(err, "weights", n_blobs, sizeof **blobs);
        for (size_t j = 0; j < n_blobs; j++) {
            CR_OR_RETURN(read_shape(protos[j], &(*blobs)[j], err));
            CR_OR_RETURN(
                read_numbers(protos[j], weights->wire.cut[at + j], memory, &(*blobs)[j], err));
        }
        *n = (int)n_blobs;
        break;
    }
    return CR_OK;
}

static cr_status read_mean(const Caffe__BlobProto *proto, cr_onnx_bytes raw, int n_channels,
                           cr_arena *memory, float *mean, cr_error *err)
{
    cr_caffe_blob blob = {0};
    CR_OR_RETURN(read_shape(proto, &blob, err));
    const int64_t *dims = blob.dims + (blob.n_dims == 4);
    if ((blob.n_dims != 3 && blob.n_dims != 4) || blob.n == 0 ||
        (blob.n_dims == 4 && blob.dims[0] != 1))
        return cr_fail(err, CR_EINPUT, "is no mean image of Caffe, of one [1, C, H, W]");
    if (dims[0] != n_channels)
        return cr_fail(err, CR_EINPUT, "is the mean of %lld channels, the input has %d",
                       (long long)dims[0], n_channels);
    CR_OR_RETURN(read_numbers(proto, raw, memory, &blob, err));
    const uint8_t *reals =
        blob.raw.bytes ? blob.raw.bytes : (const uint8_t *)(const void *)blob.reals;
    const size_t n_places = blob.n / (size_t)n_channels;
    for (int c = 0; c < n_channels; c++) {
        double sum = 0;
        for (size_t i = 0; i < n_places; i++)
            sum += (double)cr_real_at(reals, ((size_t)c * n_places + i) * sizeof(float));
        if (!isfinite(sum))
            return cr_fail(err, CR_EINPUT, "has a pixel that is not finite");
        mean[c] = (float)(sum / (double)n_places);
    }
    return CR_OK;
}

cr_status cr_caffe_mean_read(const uint8_t *bytes, size_t n_bytes, int n_channels, float *mean,
                             cr_error *err)
{
    static const uint32_t path[] = {5, 0}; /* its numbers */
    cr_wire wire;
    cr_arena memory = {0};
    cr_status status =
        cr_wire_unpack(&caffe__blob_proto__descriptor, path, bytes, n_bytes, &wire, err);
    if (status == CR_OK && !wire.message)
        status = cr_fail(err, CR_EINPUT, "is no mean image of Caffe, or is damaged");
    else if (status == CR_OK)
        status = read_mean((const Caffe__BlobProto *)wire.message, wire.cut[0], n_channels, &memory,
                           mean, err);
    cr_arena_free(&memory);
    cr_wire_free(&wire);
    return status;
}
