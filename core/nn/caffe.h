/* caffe.h - inside of nn: a Caffe network on its way to messages of ONNX. A layer is a function in one of
 * caffe_layers.c's and caffe_shapes.c's tables, which puts the nodes that compute it. */
#ifndef CAMRANK_NN_CAFFE_H
#define CAMRANK_NN_CAFFE_H

#include "compose.h"
#include "prototxt.h"
#include "reader.h"

/* A value between layers: its name there, and its shape, of one image. */
typedef struct cr_caffe_value {
    const char *name;
    int n_dims;
    int64_t dims[CR_MAX_DIMS];
} cr_caffe_value;

/* Learned numbers of a layer. */
typedef struct cr_caffe_blob {
    int n_dims;
    int64_t dims[CR_MAX_DIMS];
    size_t n;
    cr_onnx_bytes raw;  /* float32 in the file's bytes; or */
    const float *reals; /* owned by the weights or the translation */
} cr_caffe_blob;

/* caffe_weights.c: a .caffemodel, of which messages are without the file's name. */
typedef struct cr_caffe_weights {
    cr_wire wire;
    bool old; /* of V1 layers */
    int n_layers;
} cr_caffe_weights;

/* *weights is to be freed in any case. */
cr_status cr_caffe_weights_read(const uint8_t *bytes, size_t n_bytes, cr_caffe_weights *weights,
                                cr_error *err);
void cr_caffe_weights_free(cr_caffe_weights *weights);

/* The blobs of the first layer with this name that has any; *n is 0 for none. */
cr_status cr_caffe_weights_find(const cr_caffe_weights *weights, const char *layer,
                                cr_arena *memory, cr_caffe_blob **blobs, int *n, cr_error *err);

typedef struct cr_caffe_node {
    Onnx__NodeProto proto;
    cr_attributes with;                 /* its attributes */
    int64_t ints[CR_MAX_ATTRIBUTES][4]; /* lists of these */
    struct cr_caffe_node *next;
} cr_caffe_node;

typedef struct cr_caffe_tensor {
    Onnx__TensorProto proto;
    int64_t dims[CR_MAX_DIMS];
    cr_onnx_bytes raw;
    struct cr_caffe_tensor *next;
} cr_caffe_tensor;

/* The translation. */
typedef struct cr_caffe {
    cr_arena *memory;
    cr_caffe_weights weights;
    cr_caffe_node *nodes, **end_of_nodes;
    cr_caffe_tensor *tensors, **end_of_tensors;
    size_t n_nodes, n_tensors;
} cr_caffe;

typedef struct cr_caffe_kind cr_caffe_kind;

typedef struct cr_caffe_layer {
    const char *name;
    const cr_caffe_kind *kind;
    const cr_text *text, *param; /* the layer, and the message of its kind; NULL */
    int n_bottoms, n_tops;
    const cr_caffe_value **bottoms;
    cr_caffe_value *tops; /* with their names; their shapes are the layer's to set */
    int n_blobs;
    const cr_caffe_blob *blobs;
} cr_caffe_layer;

/* A type of layers. Errors of `put` are without the layer's name. */
struct cr_caffe_kind {
    const char *type;  /* as a layer has it; V1's are the same but for case and _ */
    const char *param; /* the field with its parameters; NULL */
    int most_bottoms, most_tops;
    cr_status (*put)(cr_caffe *c, cr_caffe_layer *layer, cr_error *err);
};

/* Of layers that compute, and of those that pool, normalise or change shapes; both end with {0}. */
extern const cr_caffe_kind cr_caffe_layers[], cr_caffe_shapes[];

/* Puts a node behind the others. An output that is NULL gets a name of its own, which is then
 * (*node)->proto.output[0]. */
cr_status cr_caffe_put(cr_caffe *c, const cr_caffe_layer *layer, const char *op,
                       const char *const *inputs, int n_inputs, const char *output,
                       cr_caffe_node **node, cr_error *err);
/* An attribute of at most 4 integers, which are copied. */
void cr_caffe_set_ints(cr_caffe_node *node, const char *name, const int64_t *values, int n);

/* The same for what has one input and no attributes; *y is its output. */
cr_status cr_caffe_put_one(cr_caffe *c, const cr_caffe_layer *layer, const char *op, const char *x,
                           const char *output, const char **y, cr_error *err);

/* And with a number as the second input. */
cr_status cr_caffe_put_number(cr_caffe *c, const cr_caffe_layer *layer, const char *op,
                              const char *x, double value, const char *output, const char **y,
                              cr_error *err);

/* Blob i of the layer as a tensor of this shape. Errors: CR_EINPUT where it is missing or of another. */
cr_status cr_caffe_put_blob(cr_caffe *c, const cr_caffe_layer *layer, int i, const int64_t *dims,
                            int n_dims, const char **name, cr_error *err);
/* The same of a blob that has the first of these dimensions alone; the others are 1. */
cr_status cr_caffe_put_spread(cr_caffe *c, const cr_caffe_layer *layer, int i, const int64_t *dims,
                              int n_dims, const char **name, cr_error *err);
cr_status cr_caffe_check_blob(const cr_caffe_layer *layer, int i, const int64_t *dims, int n_dims,
                              cr_error *err);
double cr_caffe_blob_real(const cr_caffe_blob *blob, size_t i);

/* Numbers, which are copied, as a tensor. */
cr_status cr_caffe_put_reals(cr_caffe *c, const cr_caffe_layer *layer, const float *values,
                             const int64_t *dims, int n_dims, const char **name, cr_error *err);
cr_status cr_caffe_put_ints(cr_caffe *c, const cr_caffe_layer *layer, const int64_t *values, int n,
                            const char **name, cr_error *err);

/* The top has the bottom's shape. */
void cr_caffe_same_shape(cr_caffe_layer *layer);

/* An axis of the first bottom, counted from the end where it is negative. Errors: CR_EINPUT where there is none. */
cr_status cr_caffe_axis(const cr_caffe_layer *layer, const char *key, int64_t absent, int *axis,
                        cr_error *err);

#endif
