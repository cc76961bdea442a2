/* onnx_builder.h - ONNX models for tests, written in a line for each node.
 *
 *     onnx_begin(&b, 13, "1,3,8,8");
 *     onnx_add(&b, "Conv", "x w:4,3,3,3 bias:4", "y", "strides=2,2 pads=1,1,1,1");
 *     onnx_end(&b, "y");
 *
 * Inputs of a node, separated by blanks:
 *     name         a value
 *     name:2,3     a new constant of this shape, random in [-1, 1]
 *     name+2,3     the same, random in [0.5, 1.5]
 *     name=1.5     a new scalar constant
 *     name#1,-1    a new constant of int64, a list
 *     name@1       a new scalar constant of int64
 *     -            left out
 * Attributes: `name=1` is an int, `name=1.0` a float, `name=1,2` ints, `name=text` a string. */
#ifndef CAMRANK_TEST_ONNX_BUILDER_H
#define CAMRANK_TEST_ONNX_BUILDER_H

#include "camrank/nn.h"

#include "onnx/onnx.pb-c.h"

/* The messages are open to tests that damage them before packing. */
typedef struct onnx_builder {
    cr_arena arena;
    uint32_t seed;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset;
} onnx_builder;

typedef struct onnx_layer {
    const char *op, *inputs, *output, *attributes; /* attributes may be NULL */
} onnx_layer;

/* Starts a model with the float32 input "x"; a dimension 0 is left open. */
void onnx_begin(onnx_builder *b, int64_t opset, const char *input_dims);

Onnx__NodeProto *onnx_add(onnx_builder *b, const char *op, const char *inputs, const char *output,
                          const char *attributes);

/* All layers up to one whose op is NULL. */
void onnx_add_layers(onnx_builder *b, const onnx_layer *layers);

Onnx__AttributeProto *onnx_add_attribute(onnx_builder *b, Onnx__NodeProto *node, const char *name);
Onnx__TensorProto *onnx_add_tensor(onnx_builder *b, const char *name, const char *dims);
void onnx_add_input(onnx_builder *b, const char *name, const char *dims);

/* Names the output. */
void onnx_end(onnx_builder *b, const char *output);

/* The file; the caller frees. */
uint8_t *onnx_pack(const onnx_builder *b, size_t *n_bytes);

/* onnx_pack and cr_graph_load as model "m" with the model's own size. */
cr_status onnx_load(const onnx_builder *b, cr_graph **graph, cr_error *err);

/* Gives a net an arena that outlives it, full of NaN. */
void onnx_give_arena(cr_net *net);

/* The same, and its weights, packed into memory that outlives it: it can run then. */
void onnx_give_memory(cr_net *net);

/* The graph of these layers, opset 13; its output is the last one's. A failure ends the program. */
cr_graph *onnx_graph(const char *input_dims, const onnx_layer *layers);

void onnx_fini(onnx_builder *b);

/* Next number in [-1, 1) of a fixed sequence, a multiple of 2^-20: exact in float and double. */
double onnx_random(uint32_t *seed);

#endif
