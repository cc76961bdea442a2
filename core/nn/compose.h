/* compose.h - inside of nn: for operators that are made of others, what puts these in front of a node. */
#ifndef CAMRANK_NN_COMPOSE_H
#define CAMRANK_NN_COMPOSE_H

#include "graph.h"

enum { CR_MAX_ATTRIBUTES = 6 };

/* Attributes for a node that is put in, at most so many; names, lists and texts must stay until it is. To be
 * zeroed. */
typedef struct cr_attributes {
    Onnx__NodeProto proto;
    Onnx__AttributeProto made[CR_MAX_ATTRIBUTES], *list[CR_MAX_ATTRIBUTES];
} cr_attributes;
void cr_attributes_int(cr_attributes *a, const char *name, int64_t value);
void cr_attributes_float(cr_attributes *a, const char *name, double value);
void cr_attributes_ints(cr_attributes *a, const char *name, const int64_t *values, int n);
void cr_attributes_string(cr_attributes *a, const char *name, const char *text);
const Onnx__NodeProto *cr_attributes_proto(cr_attributes *a);

/* An operator of one input in front of `node`; of two inputs; of x and a constant, a list or a number. */
cr_status cr_put(cr_graph *graph, const cr_node *node, const char *type, int x, int *y,
                 cr_error *err);
cr_status cr_put_pair(cr_graph *graph, const cr_node *node, const char *type, int a, int b, int *y,
                      cr_error *err);
cr_status cr_put_ints(cr_graph *graph, const cr_node *node, const char *type, int x,
                      const int64_t *ints, int n, int *y, cr_error *err);
cr_status cr_put_number(cr_graph *graph, const cr_node *node, const char *type, int x,
                        double number, int *y, cr_error *err);

/* Of one input with attributes. */
cr_status cr_put_with(cr_graph *graph, const cr_node *node, const char *type, int x,
                      cr_attributes *with, int *y, cr_error *err);

/* A Transpose of n dimensions. */
cr_status cr_put_transpose(cr_graph *graph, const cr_node *node, int x, const int64_t *perm, int n,
                           int *y, cr_error *err);

/* A reduction over these axes, which are kept or not. */
cr_status cr_put_reduction(cr_graph *graph, const cr_node *node, const char *type, int x,
                           const int64_t *axes, int n_axes, bool keep, int *y, cr_error *err);

/* A Softmax over the last dimension, in any operator set. */
cr_status cr_put_softmax(cr_graph *graph, const cr_node *node, int x, int *y, cr_error *err);

/* A constant of real numbers, which the caller fills. */
cr_status cr_put_reals(cr_graph *graph, int n_dims, const int64_t *dims, float **values, int *id,
                       cr_error *err);

#endif
