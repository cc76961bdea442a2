/* net.h - inside of nn: a compiled network. */
#ifndef CAMRANK_NN_NET_H
#define CAMRANK_NN_NET_H

#include "graph.h"

/* A piece of the arena: when it is in use, and where it lies. Steps count forward nodes, then, of a net
 * that wants curvature, the same again along a tangent, then backward nodes; a buffer is in use from step `first` to step `last`, both included. */
typedef struct cr_buffer {
    size_t n_reals; /* 0: not in use */
    int first, last;
    size_t offset; /* cr_reals into the arena, a multiple of 64 */
    bool whole;    /* of a value: has room for the batch, not for a group only */
} cr_buffer;

/* In place of an offset into the arena: there is no such buffer. */
#define CR_NOWHERE SIZE_MAX

/* plan.c: places the buffers so that no two that are in use at the same step overlap; *n_reals is
 * the size of the whole. */
cr_status cr_buffers_place(cr_buffer *buffers, int n_buffers, size_t *n_reals, cr_error *err);

/* What a step costs, in bytes and floating-point operations of one image. */
typedef struct cr_step_load {
    double weight_bytes; /* of all images together */
    double
        pass_bytes; /* that take the time of what each pass does, however many images it is for */
    double activation_bytes; /* read and written */
    double crossing_bytes;   /* of values from steps before, for this step or later ones */
    double flops;
} cr_step_load;

/* segment.c: group [n_steps] is how many images go through a step before they go on; consecutive
 * steps of the same group are a segment, and run one after the other for each group. */
cr_status cr_segments_choose(const cr_step_load *loads, int n_steps, int batch, int *group,
                             cr_error *err);

/* Reduces the room of values that live inside one segment to a group of images, and extends the time
 * of the others to the whole of the segments that write and read them. Before, values are timed by
 * steps and have room for the batch; `whole` is set for the input alone. */
void cr_segments_fit(const int *group, int n_steps, int batch, int n_values, cr_buffer *values);

/* pattern.c: puts one node in the place of several that compute a known function, where neither a
 * target nor another node needs what is between. `graph` is a copy of the caller's: it gets nodes of
 * its own, in `memory`; those that nothing needs any more are still among them. */
cr_status cr_patterns_take(cr_graph *graph, const cr_net_target *targets, int n_targets,
                           cr_arena *memory, cr_error *err);

/* Of a layer's weights, for relevance. */
typedef enum cr_part_of_weights {
    CR_ALL_WEIGHTS,
    CR_POSITIVE_WEIGHTS,
    CR_NEGATIVE_WEIGHTS,
    CR_WEIGHTS_OF_ONE,
    CR_N_WEIGHT_PARTS
} cr_part_of_weights;

/* Of a step that multiplies bfloat16 (pairs of kernels.h): its convolution forward and back, of n rows an image. */
typedef struct cr_native {
    bool runs; /* it is such a step, and the rest is there */
    int n;
    cr_pairs forth, back;
    const cr_bfloat16 *weights, *weights_back;
    const cr_real *bias;
    size_t weights_at, weights_back_at, bias_at; /* cr_reals into the block of weights */
} cr_native;

/* Of a step that computes in float32, in a net in bfloat16: so many rows of its output at a time, and the cr_reals that
 * these are with what they need. */
typedef struct cr_pieces {
    int rows, at_once; /* 0: it is computed as a whole */
    size_t n_reals;
} cr_pieces;

/* One node, ready to run. Places are elements of the value's own type into the arena, or CR_NOWHERE: cr_reals
 * but where the value is stored as bfloat16. */
typedef struct cr_step {
    cr_node node;      /* with the clamp, and the input of a sum, that were fused into it */
    bool adds;         /* the latter: see cr_run */
    bool in_place;     /* a Concat whose inputs lie in its output already */
    size_t *x;         /* [n_x] place */
    size_t *x_size;    /* [n_x] elements of one image */
    ptrdiff_t *x_step; /* [n_x] as in cr_run */
    size_t *x_stride;  /* [n_x] from one image of the batch to the next; 0 where x holds a group */
    size_t y;          /* place */
    size_t y_size, y_stride;
    ptrdiff_t y_step;
    int group; /* images at a time in the forward pass */
    const cr_real *weights, *weights_back;
    size_t weights_at, weights_back_at;     /* cr_reals into the block of weights */
    const cr_real *fold_scale, *fold_shift; /* [n_folds] to be folded in, or NULL */
    size_t scratch, scratch_back;           /* places */
    size_t converts; /* cr_reals into either scratch: where there is room for what is converted */
    bool *x_half, *dx_half, y_half, dy_half; /* [n_x] stored as bfloat16 */
    size_t *x_row, y_row;                    /* [n_x] elements that lie side by side */
    bool y_exact;                            /* as compile.h has it */
    cr_native native;
    cr_pieces pieces;
    bool back;        /* runs in the backward pass; the rest is for that */
    size_t dy;        /* place */
    size_t dy_masked; /* place of a copy for the clamp to mask, where dy itself is a result */
    size_t *dx;       /* [n_x] place; CR_NOWHERE where no gradient is wanted */
    bool *dx_first;   /* [n_x] nothing has been added to it before this step: zero it */
    bool bends;       /* runs along tangents, too: a target that wants curvature is before it */
    int *maker;       /* [n_x] the step that x comes from; -1: it is the input */
    size_t *tx, ty;   /* [n_x] places of tangents */
    size_t scratch_tangent;
    bool first; /* of those with weights that relevance is passed through */
    const cr_real *parts[CR_N_WEIGHT_PARTS];
    size_t parts_at[CR_N_WEIGHT_PARTS]; /* into the block of weights, or CR_NOWHERE */
} cr_step;

/* A value that a pass from a target on reads; sizes and distances in cr_reals. */
typedef struct cr_tail_value {
    size_t place, stride; /* of an image, and from one to the next */
    size_t step;          /* from one pixel to the next */
    size_t n_pixels, n_channels;
} cr_tail_value;

/* What is behind a target: see cr_net_forward_tail. */
typedef struct cr_tail {
    bool *runs; /* [n_steps] */
    int n_values;
    cr_tail_value *values; /* [n_values] the target's first */
    size_t size;           /* of an image: of them all */
} cr_tail;

struct cr_net {
    const cr_graph *graph;
    cr_precision precision;
    cr_arena memory; /* steps, pointers and what is to be folded in */
    int batch, n_classes, n_classes_back, backward_images;
    int *rows; /* [batch] as cr_net_set_row has them */
    int n_steps;
    int last_done; /* step */
    cr_step *steps;
    int n_targets;
    size_t *target_activations, *target_gradients, *target_tangents; /* [n_targets] places */
    int *target_steps;     /* [n_targets] that they come from; -1: the input */
    size_t *target_sizes;  /* [n_targets] elements of one image */
    bool *target_exact;    /* [n_targets] as compile.h has it */
    cr_tail *tails;        /* [n_targets] of those that want one */
    size_t logits_tangent; /* place */
    cr_real *zeros;        /* as cr_run has them, for any step; NULL: no target wants curvature */
    bool passes_relevance; /* a target wants it */
    cr_real *no_bias;      /* zeros, as many as any layer has channels, if that is so */
    size_t input, logits, logits_gradient; /* places */
    bool input_exact;                      /* as compile.h has it */
    size_t input_size;                     /* elements of one image */
    cr_real *arena;                        /* of n_activations; the caller's */
    size_t n_weights, n_activations;
    void (*on_layer)(void *context);
    void *on_layer_context;
    void (*on_bias)(void *user, const cr_net_bias *bias);
    void *on_bias_user;
};

/* Gradients to be put in the place of those of target t: n cr_reals. */
typedef struct cr_net_put {
    int t;
    const cr_real *gradients;
    size_t n;
} cr_net_put;

/* run.c: what is behind target t, for one image; and a part of a backward pass of it, the steps below `from`
 * down to `to`, behind putting the classes' logits, or `put`. */
void cr_net_forward_tail_of(cr_net *net, int t, int image);
void cr_net_backward_part(cr_net *net, int image, const int32_t *classes, int from, int to,
                          const cr_net_put *put);

/* Of a place in the arena, of cr_reals; NULL of none. */
static inline cr_real *cr_net_at(const cr_net *net, size_t place)
{
    return place == CR_NOWHERE ? NULL : net->arena + place;
}

/* run.c: the mask of a step's clamp by a rule, of m values of each image for each that it writes. What of
 * y is as far apart as y_step says. */
void cr_step_mask(const cr_step *step, cr_rule rule, int n, int m, const cr_real *y,
                  ptrdiff_t y_step, cr_real *values);

/* Shows the bias to who wants to see it; run->dy is masked. */
void cr_step_show_bias(const cr_net *net, const cr_step *step, const cr_run *run);

/* native.c: what a node of a net in bfloat16 is as such a step; places are none yet. */
cr_native cr_native_of(const cr_node *node);

/* cr_reals of the weights, forward and back, and of scratch for either. */
size_t cr_native_weights(const cr_pairs *pairs);
size_t cr_native_scratch(const cr_native *native);

/* Writes the weights, with what is folded in, and the bias. */
void cr_native_pack(const cr_step *step, cr_real *block);

/* run_bfloat16.c: a step of a net in bfloat16, forward, and backward by gradients. */
void cr_bfloat16_forward(const cr_net *net, const cr_step *step, int first, int n);
void cr_bfloat16_backward(const cr_net *net, const cr_step *step, cr_rule rule, int first, int n,
                          int m);

#endif
