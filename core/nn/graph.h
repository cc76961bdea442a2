/* graph.h - inside of nn: the graph of a loaded model, and what an operator is.
 *
 * An operator is one file, op_*.c: it reads its attributes and infers its output's shape (load),
 * lays out its weights (pack), runs forward and backward and, where it is not linear, along a tangent.
 * Adding one means that file, a row in ops.c and a test. */
#ifndef CAMRANK_NN_GRAPH_H
#define CAMRANK_NN_GRAPH_H

#include "camrank/nn.h"

#include "onnx/onnx.pb-c.h"

#include <math.h>
#include <string.h>

typedef struct cr_node cr_node;
typedef struct cr_run cr_run;
typedef struct cr_sequence cr_sequence;

/* Bytes of somebody else's; NULL where there are none. */
typedef struct cr_onnx_bytes {
    const uint8_t *bytes;
    size_t n_bytes;
} cr_onnx_bytes;

/* A constant: of the model, or computed of such. Types of real numbers are float32 here, whole numbers
 * and booleans int64. */
typedef struct cr_tensor {
    int n_dims;
    int64_t dims[CR_MAX_DIMS];
    int64_t n;            /* number of elements */
    int data_type;        /* in the file; of other types than the above nothing is kept */
    size_t step;          /* bytes from real to real: 0 where one, the only there, stands for all */
    const uint8_t *reals; /* float32 at any address, else NULL */
    const int64_t *ints;  /* else NULL */
} cr_tensor;

static inline cr_real cr_real_at(const uint8_t *reals, size_t byte)
{
    float value;
    memcpy(&value, reals + byte, sizeof value);
    return (cr_real)value;
}

static inline cr_real cr_tensor_real(const cr_tensor *tensor, size_t i)
{
    return cr_real_at(tensor->reals, i * tensor->step);
}

/* Names and their numbers: symbols.c. */
typedef struct cr_symbol {
    const char *name;
    int number;
} cr_symbol;

typedef struct cr_symbols {
    cr_symbol *places;
    size_t n_places;
} cr_symbols;

typedef struct cr_value {
    const char *name;
    bool constant;
    cr_tensor tensor; /* if constant */
    cr_shape shape;   /* of one image, if not constant */
    int whole;        /* an activation's type in the model where that is one of integers, else 0 */
    int order[CR_MAX_DIMS]; /* its dimensions as they lie in memory, slowest first */
    int reordered;          /* the same value in the usual order, once it was needed; else 0 */
    int given;    /* of a constant: the activation that supplies it, once needed; else 0 */
    cr_map map;   /* of an activation: how its memory is one, before cr_graph_map asks for more */
    int producer; /* node, or -1: the input or a constant */
} cr_value;

enum {
    CR_OP_ALIAS = 1,       /* the output is the input; nothing runs */
    CR_OP_FOLDS = 2,       /* a following scale and shift of each channel can go into the weights */
    CR_OP_CLAMPS = 4,      /* applies node->clamp itself */
    CR_OP_NEEDS_X = 8,     /* backward reads the inputs of the forward pass */
    CR_OP_NEEDS_Y = 16,    /* backward reads the output of the forward pass */
    CR_OP_POOLS = 32,      /* a pooling */
    CR_OP_AFFINE = 64,     /* is a scale and shift of each channel */
    CR_OP_CLAMP = 128,     /* is a clamp */
    CR_OP_MOVES = 256,     /* only rearranges elements */
    CR_OP_ANY_ORDER = 512, /* takes its inputs as they lie in memory, but all in one order; others
                              get the usual order */
    CR_OP_ADD = 1024,      /* adds two activations element by element */
    CR_OP_ADDS = 2048,     /* can add one more activation to what it writes, before the clamp: it is
                              then the last of its inputs, and run.adds is set */
    CR_OP_CONCAT = 4096,   /* is a Concat along the channels of maps */
    CR_OP_READS_STEPS = 8192,   /* of maps: keeps to run.x_step, also in backward; */
    CR_OP_WRITES_STEPS = 16384, /* to run.y_step. Others find 0 there */
    CR_OP_OVERWRITES = 32768,   /* can write its output over an input of the same shape; one that
                                   ADDS, over what it adds */
    CR_OP_LINEAR = 65536,       /* forward is linear but for the clamp and what cr_bias gives */
    CR_OP_OWN_ORDER = 131072,   /* takes its inputs as they lie, each in its own order */
    CR_OP_ACTIVATES = 262144,   /* an activation function: relevance passes as it is */
    CR_OP_ROUNDS = 524288,      /* of a net's own nodes: the weights of its products are rounded to
                                   bfloat16 */
};

/* A layer with constant weights, as a convolution. */
typedef struct cr_linear {
    cr_window win;
    int n; /* so many for each image: rows of a matrix */
    /* As the model has them, nothing folded in; output channel k, input channel c, place t of the window. */
    cr_real (*weight)(const cr_node *node, int k, int c, int t);
    cr_real (*bias)(const cr_node *node, int k);
} cr_linear;

/* How an operator can be computed in pieces: rows of the output (0: it cannot), those of its inputs, and which of them
 * some of the output's need, n from `first` on. */
typedef struct cr_cut {
    int rows;
    int x_rows[2], first[2], n[2];
} cr_cut;

/* Where a row of the output is made of the same one of each input. */
static inline cr_cut cr_cut_alike(size_t rows, int first, int n)
{
    return (cr_cut){(int)rows, {(int)rows, (int)rows}, {first, first}, {n, n}};
}

/* Of a window: its rows as cr_window_rows has them. */
static inline cr_cut cr_cut_window(const cr_window *win, int first, int n)
{
    cr_cut cut = {win->p, .x_rows = {win->h}};
    cut.n[0] = cr_window_rows(win, first, n, &cut.first[0]).h;
    return cut;
}

typedef struct cr_op {
    const char *type;
    int min_inputs, max_inputs; /* in ONNX, constants included */
    int first_part, n_parts; /* outputs behind the first, each made by a node of its own, are from
                                first_part up to n_parts; no others */
    unsigned flags;

    /* Reads node->proto, checks, sets the output's shape, params, n_weights, flops. May replace
     * node->flags. Errors: CR_EINPUT; the caller puts node and operator in front. */
    cr_status (*load)(cr_graph *graph, cr_node *node, cr_error *err);

    /* Writes node->n_weights values. scale and shift [K] are folded in, or are NULL. */
    void (*pack)(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights);

    /* Writes node->n_weights_back values, of a node whose backward runs. NULL where that is 0. */
    void (*pack_back)(const cr_node *node, const cr_real *scale, cr_real *weights);

    /* Of a linear layer from one pixel: the weight from channel c to output k. Others: NULL. */
    cr_real (*weight)(const cr_node *node, int k, int c);

    /* What relevance is passed through by weights; NULL: it is no such layer. */
    cr_linear (*linear)(const cr_node *node);

    /* The convolution that it is; NULL: none. */
    const cr_conv *(*conv)(const cr_node *node);

    void (*forward)(const cr_run *run);
    void (*backward)(const cr_run *run);

    /* Of one whose output can be computed in pieces: what rows first .. first + n - 1 of an image's output need, and
     * forward of these alone, of one image; x and y are where the rows begin. Both NULL: it is computed as a whole. */
    cr_cut (*cut)(const cr_node *node, int first, int n);
    void (*forward_rows)(const cr_run *run, int first, int n);

    /* What is added to each channel of a map; NULL: nothing, or it is not known as a layer's bias. */
    const cr_real *(*bias)(const cr_run *run);

    /* Of one that is not CR_OP_LINEAR: writes ty, the derivative of y along tx, before the clamp. NULL:
     * not known. */
    void (*tangent)(const cr_run *run);

    /* Adds to dx what backward's result changes by along tx while dy stays. NULL: nothing, where the
     * operator is linear in pieces. */
    void (*curve)(const cr_run *run);
} cr_op;

extern const cr_op *const cr_ops[]; /* ends with NULL */

#define CR_MAX_ACTIVATIONS 64 /* inputs of one node that are no constants */

struct cr_node {
    const char *type;             /* the ONNX operator */
    const cr_op *op;              /* the one of that name, unless its load found a simpler one */
    const char *name;             /* of the node, or of its output if it has none */
    const Onnx__NodeProto *proto; /* while loading */
    const void *wish;             /* while loading, of one of ours: what it is to be */
    int part;                     /* which of the outputs of that */
    unsigned flags;               /* op->flags unless load changed them */
    int n_inputs;                 /* values, constants included; -1 where one is left out */
    int *inputs;
    int n_x; /* activations among the inputs, in order */
    int *x;
    int y; /* the output value */
    void *params;
    cr_clamp clamp; /* of the output; the whole line if none */
    int *ties;   /* [n_folds] of a net's own node, that ROUNDS: see cr_bfloat16_tied; else NULL */
    int n_folds; /* CR_OP_FOLDS: channels, element i in memory being of channel i % n_folds */
    size_t n_weights;      /* cr_real that pack writes */
    size_t n_weights_back; /* and pack_back */
    size_t n_scratch;      /* cr_real */
    int64_t n_parameters;
    double flops; /* for one image */
};

struct cr_graph {
    char name[256];
    int64_t opset;
    cr_arena arena;   /* everything below but the constants' data */
    cr_arena weights; /* that of them which is not read in place; only load and pack need any */
    const cr_nn_files *files; /* while loading */
    cr_symbols names;         /* while loading: of the model's own values */
    cr_sequence *sequences;   /* while loading: sequence.c */
    bool computes;            /* while loading: constants are what runs, see constant.c */
    double work;              /* operations done for constants, and */
    size_t n_computed;        /* elements of what came of them */
    int n_values, max_values;
    cr_value *values;
    int n_nodes, max_nodes;
    cr_node *nodes;    /* in an order of execution */
    int input, logits; /* values */
    char chosen
        [200];     /* which of several outputs was taken by itself; "" where that is no question */
    char cut[200]; /* what stood between the logits and the output; "" for nothing */
    bool binary;   /* one output stands for two classes */
    char widened[40];               /* as cr_graph_widened has it */
    const cr_random_layers *random; /* while loading; NULL: none */
    int n_weighted;                 /* layers with weights, in the order of execution: random.c */
    int *weighted;                  /* their outputs */
    double *weighted_bound;         /* of weights that are drawn */
    int declared_batch;             /* of the input in the model; 0 if open */
    int n_rows;             /* of the inputs that have one for each image; 0: there are none */
    char rows_of[200];      /* the file of the first of them */
    size_t n_moved;         /* entries of all tables of moves */
    cr_precision precision; /* of its nets */
};

/* What forward and backward of a node see. Letters as in kernels.h: n images; in backward each has
 * m gradients. */
struct cr_run {
    const cr_node *node;
    int n, m;
    bool adds;       /* CR_OP_ADDS: x[n_x - 1] is to be added; backward need not see to it */
    const int *rows; /* [n] forward: which of the rows of inputs that have one for each image */
    const cr_real *const *x; /* [n_x] */
    const ptrdiff_t *x_step; /* [n_x] from pixel to pixel of x, in cr_real, where its channels lie
                                among others; 0 where they lie alone, as those of dx and dy do */
    cr_real *y;
    ptrdiff_t y_step;
    cr_real *dy;        /* backward; already masked by the clamp */
    cr_real *const *dx; /* [n_x], NULL where not wanted; to be added to */
    const cr_real *weights;
    const cr_real *weights_back; /* backward */
    cr_real *scratch;
    /* Along a tangent. With `zeros`, as many as the node has channels, a linear operator runs forward on
     * tangents: x and y are these. For tangent and curve tx [n_x] and ty are those of x and y, their
     * channels alone; curve is of one image. */
    const cr_real *zeros;
    const cr_real *const *tx;
    cr_real *ty;
};

/* What a linear operator adds to its channels, which is at `at` in its weights: nothing to tangents. */
static inline const cr_real *cr_bias(const cr_run *run, size_t at)
{
    return run->zeros ? run->zeros : run->weights + at;
}

static inline bool cr_clamps(cr_clamp clamp)
{
    return isfinite(clamp.lo) || isfinite(clamp.hi);
}

/* Whether it is a ReLU, or one that ends. */
static inline bool cr_rectifies(cr_clamp clamp)
{
    return clamp.lo == 0;
}

/* Elements of one image. */
static inline size_t cr_shape_size(const cr_shape *s)
{
    size_t n = 1;
    for (int i = 0; i < s->n_dims; i++)
        n *= (size_t)s->dims[i];
    return n;
}

/* symbols.c: room for n names, whose texts must stay; -1 is the number of a name that is not there. */
cr_status cr_symbols_init(cr_symbols *names, cr_arena *arena, size_t n, cr_error *err);
int cr_symbols_find(const cr_symbols *names, const char *name);
void cr_symbols_put(cr_symbols *names, const char *name, int number);

/* random.c: whether a node that is about to be loaded is a layer with weights, of which those that are to be
 * random get others. Where it is one, its output becomes the next of `weighted`. */
cr_status cr_random_layer(cr_graph *graph, cr_node *node, bool *is_layer, cr_error *err);

/* order.c: the nodes that the output depends on, each behind what it reads; `nodes` has room for all. */
cr_status cr_order_nodes(const Onnx__GraphProto *proto, const char *output,
                         const Onnx__NodeProto **nodes, int *n_nodes, cr_error *err);

/* input.c: the image. */
cr_status cr_input_load(cr_graph *graph, const Onnx__GraphProto *proto, int width, int height,
                        cr_error *err);

/* input_given.c: the file that is given for an input of this name; NULL: there is none. */
const cr_nn_file *cr_given_find(const cr_nn_files *files, const char *input);

/* Adds what is given for inputs as constants of their names; before cr_input_load. Errors: CR_EINPUT naming
 * the input, and the file that is no array of its type and shape. */
cr_status cr_given_load(cr_graph *graph, const Onnx__GraphProto *proto, cr_error *err);

/* build.c: a copy of a text in the graph's arena; NULL without memory. */
const char *cr_graph_text(cr_graph *graph, const char *text);

/* A value of this name; one that is taken is CR_EINPUT. */
cr_status cr_graph_add_value(cr_graph *graph, const char *name, int *id, cr_error *err);

/* A constant; one of ours without a name (NULL), of integers or of one number. */
cr_status cr_graph_add_constant(cr_graph *graph, const char *name, const cr_tensor *tensor, int *id,
                                cr_error *err);
cr_status cr_graph_add_ints(cr_graph *graph, const int64_t *values, int n, int *id, cr_error *err);
cr_status cr_graph_add_real(cr_graph *graph, double value, int *id, cr_error *err);

/* Room for the inputs of a node; then, once these are set, which of them are activations. */
cr_status cr_node_new(cr_graph *graph, int n_inputs, cr_node *node, cr_error *err);
void cr_node_connect(const cr_graph *graph, cr_node *node);

/* Loads a node whose op, name, proto and inputs are set, with an output of this name; NULL for one of
 * ours. */
cr_status cr_graph_add_node(cr_graph *graph, cr_node *node, const char *output, cr_error *err);

/* For the load of an operator that is composed of others: puts one in front of it, with the attributes
 * of proto (NULL: none), its output *y; and makes one of it, which is then loaded. */
cr_status cr_node_insert(cr_graph *graph, const cr_node *owner, const char *type, const int *inputs,
                         int n_inputs, const Onnx__NodeProto *proto, int *y, cr_error *err);
cr_status cr_node_become(cr_graph *graph, cr_node *node, const char *type, const int *inputs,
                         int n_inputs, const Onnx__NodeProto *proto, cr_error *err);

/* Puts one of ours in front, an operator that is not in ops.c: it reads x, and its load `wish`. */
cr_status cr_node_insert_wish(cr_graph *graph, const cr_op *op, int x, const void *wish, int *y,
                              cr_error *err);

/* For the load of an operator of whose output nothing is left, as where a roll by 0 is written with slices:
 * makes that a constant without elements, and the node is no more. Concat leaves it out. */
void cr_graph_make_empty(cr_graph *graph, const cr_node *node, const cr_shape *shape);

/* Has input i, an activation, lie in the usual order, or in this one. */
cr_status cr_node_usual(cr_graph *graph, cr_node *node, int i, cr_error *err);
cr_status cr_node_arrange(cr_graph *graph, cr_node *node, int i, const int *order, cr_error *err);

/* Where the model's batch is fixed, and input i a constant of n_dims dimensions that has the same for each of
 * its images: makes it that of one. */
cr_status cr_node_of_one(cr_graph *graph, cr_node *node, int i, int n_dims, cr_error *err);

/* Makes input i, a constant, an activation of this shape and order; of its own and the usual order with
 * NULL. */
typedef struct cr_given {
    cr_shape shape;
    int order[CR_MAX_DIMS];
} cr_given;
cr_status cr_node_give(cr_graph *graph, cr_node *node, int i, const cr_given *as, cr_error *err);

/* Spreads input i, an activation, to a shape in an order. */
cr_status cr_node_spread(cr_graph *graph, cr_node *node, int i, const cr_given *to, cr_error *err);

/* broadcast.c: gives all inputs of a node the one shape, in one order, that ONNX broadcasts them to. */
cr_status cr_node_broadcast(cr_graph *graph, cr_node *node, cr_given *all, cr_error *err);

/* The load of a node that spreads its only activation so. */
cr_status cr_spread_load(cr_graph *graph, cr_node *node, const cr_given *to, cr_error *err);

/* whole.c: the type of a node's output where its inputs are integers; CR_EINPUT where these would be
 * computed with in another way than reals are. */
cr_status cr_node_whole(const cr_graph *graph, const cr_node *node, int *whole, cr_error *err);

/* Whether an operator's result is of the type of its integers. */
bool cr_keeps_whole(const char *type);

/* ops.c: NULL if there is no such operator. */
const cr_op *cr_op_find(const char *type);

/* constant.c: the result of a node all of whose inputs are constants, or of which it reads the shape
 * alone. */
cr_status cr_constant_compute(cr_graph *graph, cr_node *node, cr_tensor *result, cr_error *err);

/* Counts n more elements of such results; CR_EINPUT where they become too many. */
cr_status cr_constant_take(cr_graph *graph, size_t n, cr_error *err);

/* functions.c: the nodes of a model with its functions' bodies in place of the calls, in `memory`. */
cr_status cr_functions_inline(const Onnx__ModelProto *model, cr_arena *memory,
                              Onnx__GraphProto *graph, cr_error *err);

/* sequence.c: loads a node that makes a sequence of tensors, or reads one; *is_one is false for any other.
 * *value is what the output is the same as; -1 where that is a sequence. */
cr_status cr_sequence_load(cr_graph *graph, const Onnx__NodeProto *proto, bool *is_one, int *value,
                           cr_error *err);

/* attribute.c: attributes of a node, with their default. A wrong type or length is CR_EINPUT. */
cr_status cr_attribute_int(const cr_node *node, const char *name, int64_t absent, int64_t *value,
                           cr_error *err);
cr_status cr_attribute_float(const cr_node *node, const char *name, double absent, double *value,
                             cr_error *err);
/* Zero-terminated, inside the arena of the graph. */
cr_status cr_attribute_string(cr_graph *graph, const cr_node *node, const char *name,
                              const char *absent, const char **value, cr_error *err);
/* *present is false and `values` is left alone where there is no such attribute. */
cr_status cr_attribute_ints(const cr_node *node, const char *name, int n, int64_t *values,
                            bool *present, cr_error *err);
const Onnx__AttributeProto *cr_attribute_find(const cr_node *node, const char *name);

/* Input i as an activation of n_dims dimensions (0: any; of 4 the first is the image alone) or as a
 * constant, of reals (integers become such) or of integers; CR_EINPUT if it is not that. A constant that is wanted as an activation becomes one. An
 * optional constant that is left out is NULL. */
cr_status cr_node_activation(cr_graph *graph, cr_node *node, int i, int n_dims,
                             const cr_shape **shape, cr_error *err);
cr_status cr_node_reals(cr_graph *graph, const cr_node *node, int i, const cr_tensor **tensor,
                        cr_error *err);
cr_status cr_node_ints(const cr_graph *graph, const cr_node *node, int i, const cr_tensor **tensor,
                       cr_error *err);

/* Sets the output's shape after checking it against CR_MAX_ELEMENTS; it lies in the usual order. */
cr_status cr_node_set_shape(cr_graph *graph, cr_node *node, const cr_shape *shape, cr_error *err);

/* The usual order of a shape's dimensions in memory: channels last if there are four, else ONNX's
 * own. A Transpose or Reshape that fits leaves the elements where they are and changes the order
 * instead; an operator that needs the usual one gets a copy. */
void cr_usual_order(const cr_shape *shape, int order[CR_MAX_DIMS]);
bool cr_value_is_usual(const cr_value *value);

/* Whether two orders of a shape are one in memory: dimensions of extent 1 lie anywhere. */
bool cr_same_memory(const cr_shape *shape, const int *a, const int *b);

/* The dimension whose elements lie side by side in memory (one of extent 1 lies anywhere), and its
 * extent: the "channels" of operators that work on rows of memory. */
int cr_value_last_dim(const cr_value *value);
static inline int cr_value_last(const cr_value *value)
{
    return value->shape.n_dims ? value->shape.dims[cr_value_last_dim(value)] : 1;
}

/* Sets the output's shape and order: those of an input, for operators on single elements. */
cr_status cr_node_set_like(cr_graph *graph, cr_node *node, const cr_value *input, cr_error *err);

/* Input i as an activation, in whatever order; CR_EINPUT if it is left out. */
cr_status cr_node_value(cr_graph *graph, cr_node *node, int i, const cr_value **value,
                        cr_error *err);

/* An axis of n dimensions, counted from the end where it is negative. CR_EINPUT where there is none, and
 * for the first where that tells the images of a batch apart. */
cr_status cr_node_axis(const cr_graph *graph, int64_t axis, int n, int *dim, cr_error *err);

/* Attribute `name` or input i, whichever is there, as a list of integers; *values is NULL for neither. */
cr_status cr_node_list(const cr_graph *graph, const cr_node *node, int i, const char *name,
                       const int64_t **values, int64_t *n, cr_error *err);

/* op_conv.c: what a Conv computes. */
const cr_conv *cr_conv_of(const cr_node *node);

/* op_affine.c: makes `node`, which stands for x * scale + shift with one scale and one shift for
 * each element of the last dimension in memory, an affine. *scale and *shift [cr_value_last(in)]
 * are to be filled. */
cr_status cr_affine_load(cr_graph *graph, cr_node *node, const cr_value *in, cr_real **scale,
                         cr_real **shift, cr_error *err);

/* The scale of an affine's element i in memory. */
double cr_affine_scale(const cr_node *node, size_t i);
double cr_affine_shift(const cr_node *node, size_t i);

/* The scale and shift of an affine that has the same for all channels; false of any other node. */
bool cr_affine_uniform(const cr_node *node, double *scale, double *shift);

/* op_layer_norm.c: makes `node` the mean over its input's last dimension, which is kept. */
cr_status cr_row_mean_load(cr_graph *graph, cr_node *node, cr_error *err);

/* The operators that pattern.c looks for. */
extern const cr_op cr_op_div, cr_op_erf, cr_op_hard_sigmoid, cr_op_mul, cr_op_pow, cr_op_row_mean,
    cr_op_sigmoid, cr_op_sqrt, cr_op_sub;

/* What it puts in their place, with memory for params: op_unary.c, a function of one value of n
 * elements an image; op_layer_norm.c, that of the rows of `in` without scale and shift. */
cr_status cr_unary_make(cr_arena *memory, cr_node *node, cr_unary_op op, size_t n, cr_error *err);
cr_status cr_layer_norm_make(cr_arena *memory, cr_node *node, const cr_value *in, double epsilon,
                             cr_error *err);

/* Not operators of ONNX. op_reshape.c: a copy of the input in the order that node->wish has, or the usual
 * one; op_given.c: a constant as an activation, op_expand.c: an activation spread, both as the cr_given in
 * node->wish has it. */
extern const cr_op cr_op_reorder, cr_op_given, cr_op_spread;

/* op_given.c: an input with a row for each image, as the cr_rows in node->wish has it. op_look_up.c: what is gathered of
 * a constant by indices that are activations. */
typedef struct cr_rows {
    cr_shape shape;        /* of a row */
    const cr_real *values; /* [rows], each in ONNX's order, there as long as the graph */
} cr_rows;
extern const cr_op cr_op_row, cr_op_look_up;

/* op_reduce.c: the load of a mean over any axes. op_product.c: of a MatMul of two activations. */
cr_status cr_mean_load(cr_graph *graph, cr_node *node, cr_error *err);
cr_status cr_product_load(cr_graph *graph, cr_node *node, cr_error *err);
extern const cr_op cr_op_product;

/* widen.c: the load of a Conv or a pooling of 3 dimensions, and of a pooling of 5. */
cr_status cr_widen_load(cr_graph *graph, cr_node *node, cr_error *err);
cr_status cr_flatten_load(cr_graph *graph, cr_node *node, cr_error *err);

/* op_volume.c: the load of a Conv of 5 dimensions. */
cr_status cr_volume_load(cr_graph *graph, cr_node *node, cr_error *err);

/* attribute.c: whether input i, an activation or a constant, has so many dimensions. */
bool cr_node_has_dims(const cr_graph *graph, const cr_node *node, int i, int n_dims);

/* rounding.c: fills node->ties for its weights, scaled as pack scales them. */
void cr_node_find_ties(const cr_node *node, const cr_real *scale);

/* op_pair.c: the load of a Pow of two activations. */
cr_status cr_pow_load_pair(cr_graph *graph, cr_node *node, cr_error *err);

/* logits.c: sets graph->logits, graph->cut and graph->binary from the value that is the output. Errors: CR_EINPUT for
 * an output that is no score a class, or probabilities behind which no scores are found. */
cr_status cr_logits_find(cr_graph *graph, int output, cr_error *err);

/* map.c: sets the map of every value. `tokens` may be NULL. Errors: as cr_graph_use_tokens. */
cr_status cr_maps_find(cr_graph *graph, const cr_tokens *tokens, cr_error *err);

/* fold.c: the result of a node that computes with integers, of shapes, or makes constants; *folded is
 * false, leaving the rest alone, for any other. */
cr_status cr_fold(cr_graph *graph, cr_node *node, cr_tensor *result, bool *folded, cr_error *err);

/* Whether an operator reads nothing of its input but the shape, which is known of an activation, too. */
bool cr_fold_reads_shapes(const char *type);

/* node->params as zeroed memory of the graph's arena. */
cr_status cr_node_params(cr_graph *graph, cr_node *node, size_t bytes, void **params,
                         cr_error *err);

/* Why an operator is refused as one of a family that nothing here stands for, and what would help;
 * NULL if it is of none. */
const char *cr_onnx_why_not(const Onnx__NodeProto *node);
#define CR_ONNX_MAX_VALUES 20000         /* of a model */
bool cr_onnx_is_own(const char *domain); /* onnx.c: whether a domain is ONNX's own */

/* The name of a TensorProto's type, after "is". */
const char *cr_onnx_type_name(int data_type);

/* tensor.c: whether it is one of real numbers. */
bool cr_onnx_is_real(int data_type);

/* tensor.c: a TensorProto as a constant of the graph. Its raw data are `raw`, if that is not {0}. */
cr_status cr_onnx_tensor(cr_graph *graph, const Onnx__TensorProto *proto, cr_onnx_bytes raw,
                         cr_tensor *tensor, cr_error *err);

/* A window along one dimension. */
typedef struct cr_span {
    int size, out; /* of the input and the output */
    int window, stride, dilation;
    int before, after; /* padding */
} cr_span;

/* From the first to the last place of the window. */
static inline int64_t cr_span_reach(const cr_span *s)
{
    return (int64_t)s->dilation * (s->window - 1) + 1;
}

/* op_window.c: kernel_shape, strides, pads, dilations and auto_pad of n <= 3 dimensions, whose sizes are
 * there. The windows of a convolution are those of its weights: given, they must agree with kernel_shape. */
cr_status cr_spans_read(cr_graph *graph, const cr_node *node, int n, cr_span *spans,
                        const char **auto_pad, cr_error *err);

/* The same, with ceil_mode, of a convolution or pooling: its outputs, and the pads as auto_pad has them. */
cr_status cr_spans_load(cr_graph *graph, const cr_node *node, int n, bool pooling, cr_span *spans,
                        cr_error *err);

/* The same of a map; fills everything of *win but k and groups. */
cr_status cr_window_load(cr_graph *graph, const cr_node *node, const cr_shape *in, bool pooling,
                         cr_window *win, int *pad_bottom, int *pad_right, cr_error *err);

#endif
