/* A scale and shift of each channel: BatchNormalization (inference), and Add and Mul with a
 * constant. Ours is scale [C], then shift [C]. Add and Mul of two activations are here too, as one
 * ONNX operator stands for both. */
#include "graph.h"

#include <math.h>

typedef struct affine {
    size_t rows; /* H W */
    int c;
    cr_real *scale, *shift; /* [C], in the graph's arena */
} affine;

typedef struct binary {
    int hw, c;
    bool b_per_channel;
    bool swapped; /* the small operand comes first in ONNX */
} binary;

static cr_status load_affine(cr_graph *graph, cr_node *node, const cr_shape *in, affine **params,
                             cr_error *err)
{
    cr_status status = CR_OK;
    affine *p;
    if (in->n_dims != 4 && in->n_dims != 2) {
        status = cr_fail(err, CR_EINPUT, "its input has %d dimensions, 2 or 4 are supported",
                         in->n_dims);
        goto cleanup;
    }
    CR_TRY(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->c = cr_shape_c(in);
    p->rows = cr_shape_size(in) / (size_t)p->c;
    p->scale = cr_arena_alloc(&graph->arena, (size_t)p->c, sizeof *p->scale);
    p->shift = cr_arena_alloc(&graph->arena, (size_t)p->c, sizeof *p->shift);
    if (!p->scale || !p->shift) {
        status = cr_fail_memory(err, "scales", 2 * (size_t)p->c, sizeof *p->scale);
        goto cleanup;
    }
    node->flags = CR_OP_AFFINE | CR_OP_FOLDS;
    node->n_weights = 2 * (size_t)p->c;
    node->flops = 2.0 * (double)cr_shape_size(in);
    CR_TRY(cr_node_set_shape(graph, node, in, err));
    *params = p;

cleanup:
    return status;
}

static cr_status load_batch_norm(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *in;
    const cr_tensor *input[5];
    affine *p;
    double epsilon;
    int64_t training;
    CR_TRY(cr_node_activation(graph, node, 0, 0, &in, err));
    CR_TRY(cr_attribute_float(node, "epsilon", 1e-5, &epsilon, err));
    CR_TRY(cr_attribute_int(node, "training_mode", 0, &training, err));
    if (training) {
        status = cr_fail(err, CR_EINPUT, "is in training mode; export the model after .eval()");
        goto cleanup;
    }
    for (int i = 1; i < 5; i++) {
        CR_TRY(cr_node_reals(graph, node, i, &input[i], err));
        if (!input[i] || input[i]->n != cr_shape_c(in)) {
            status = cr_fail(err, CR_EINPUT, "input %d must hold %d values", i + 1, cr_shape_c(in));
            goto cleanup;
        }
    }
    CR_TRY(load_affine(graph, node, in, &p, err));
    for (int k = 0; k < p->c; k++) {
        double scale = input[1]->reals[k] / sqrt((double)input[4]->reals[k] + epsilon);
        p->scale[k] = (cr_real)scale;
        p->shift[k] = (cr_real)(input[2]->reals[k] - input[3]->reals[k] * scale);
    }
    node->n_parameters = 4 * (int64_t)p->c;

cleanup:
    return status;
}

/* Whether a constant holds one value, or one for each channel of `in` and nothing else. */
static bool is_per_channel(const cr_tensor *t, const cr_shape *in)
{
    if (!t || t->n_dims > in->n_dims)
        return false;
    if (t->n == 1)
        return true;
    int channel = t->n_dims - (in->n_dims - 1); /* where dimension 1 of `in` is, from the right */
    return channel >= 0 && channel < t->n_dims && t->n == t->dims[channel] &&
           t->n == cr_shape_c(in);
}

static cr_status load_with_constant(cr_graph *graph, cr_node *node, int constant, bool product,
                                    cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *in;
    const cr_tensor *t;
    affine *p;
    CR_TRY(cr_node_activation(graph, node, 1 - constant, 0, &in, err));
    CR_TRY(cr_node_reals(graph, node, constant, &t, err));
    if (!is_per_channel(t, in)) {
        status = cr_fail(err, CR_EINPUT, "its constant must hold 1 value or %d, one a channel",
                         cr_shape_c(in));
        goto cleanup;
    }
    CR_TRY(load_affine(graph, node, in, &p, err));
    for (int k = 0; k < p->c; k++) {
        cr_real value = t->reals[t->n == 1 ? 0 : k];
        p->scale[k] = product ? value : 1;
        p->shift[k] = product ? 0 : value;
    }
    node->n_parameters = t->n;

cleanup:
    return status;
}

static bool same_shape(const cr_shape *a, const cr_shape *b)
{
    bool same = a->n_dims == b->n_dims;
    for (int i = 0; same && i < a->n_dims; i++)
        same = a->dims[i] == b->dims[i];
    return same;
}

static bool channels_of(const cr_shape *small, const cr_shape *full)
{
    return full->n_dims == 4 && small->n_dims == 4 && small->dims[1] == full->dims[1] &&
           small->dims[2] == 1 && small->dims[3] == 1;
}

static cr_status load_binary(cr_graph *graph, cr_node *node, bool product, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *a, *b;
    binary *p;
    if (node->n_x == 1 && node->n_inputs == 2)
        return load_with_constant(graph, node, node->inputs[0] == node->x[0] ? 1 : 0, product, err);
    CR_TRY(cr_node_activation(graph, node, 0, 0, &a, err));
    CR_TRY(cr_node_activation(graph, node, 1, 0, &b, err));
    CR_TRY(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->swapped = !same_shape(a, b) && channels_of(a, b);
    if (p->swapped) {
        const cr_shape *other = a;
        a = b;
        b = other;
    }
    p->b_per_channel = !same_shape(a, b);
    if (p->b_per_channel && !channels_of(b, a)) {
        status = cr_fail(err, CR_EINPUT, "its two inputs have shapes that are not supported");
        goto cleanup;
    }
    p->c = cr_shape_c(a);
    p->hw = (int)(cr_shape_size(a) / (size_t)p->c);
    node->flops = (double)cr_shape_size(a);
    CR_TRY(cr_node_set_shape(graph, node, a, err));

cleanup:
    return status;
}

static cr_status load_add(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_binary(graph, node, false, err);
}

static cr_status load_mul(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_binary(graph, node, true, err);
}

static void pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights)
{
    (void)graph;
    const affine *p = node->params;
    for (int k = 0; k < p->c; k++) {
        weights[k] = p->scale[k] * (scale ? scale[k] : 1);
        weights[p->c + k] = p->shift[k] * (scale ? scale[k] : 1) + (shift ? shift[k] : 0);
    }
}

static void forward_affine(const cr_run *run)
{
    const affine *p = run->node->params;
    cr_affine_forward((size_t)run->n * p->rows, p->c, run->x[0], run->weights, run->weights + p->c,
                      run->y);
}

static void backward_affine(const cr_run *run)
{
    const affine *p = run->node->params;
    cr_affine_backward((size_t)run->n * (size_t)run->m * p->rows, p->c, run->weights, run->dy,
                       run->dx[0]);
}

static void forward_add(const cr_run *run)
{
    if (run->node->flags & CR_OP_AFFINE) {
        forward_affine(run);
        return;
    }
    const binary *p = run->node->params;
    cr_add_forward(run->n, p->hw, p->c, run->x[p->swapped], run->x[!p->swapped], p->b_per_channel,
                   run->y);
}

static void backward_add(const cr_run *run)
{
    if (run->node->flags & CR_OP_AFFINE) {
        backward_affine(run);
        return;
    }
    const binary *p = run->node->params;
    cr_add_backward(run->n * run->m, p->hw, p->c, run->dy, p->b_per_channel, run->dx[p->swapped],
                    run->dx[!p->swapped]);
}

static void forward_mul(const cr_run *run)
{
    if (run->node->flags & CR_OP_AFFINE) {
        forward_affine(run);
        return;
    }
    const binary *p = run->node->params;
    cr_mul_forward(run->n, p->hw, p->c, run->x[p->swapped], run->x[!p->swapped], p->b_per_channel,
                   run->y);
}

static void backward_mul(const cr_run *run)
{
    if (run->node->flags & CR_OP_AFFINE) {
        backward_affine(run);
        return;
    }
    const binary *p = run->node->params;
    cr_mul_backward(run->n, run->m, p->hw, p->c, run->x[p->swapped], run->x[!p->swapped],
                    p->b_per_channel, run->dy, run->dx[p->swapped], run->dx[!p->swapped]);
}

const cr_op cr_op_batch_normalization = {.type = "BatchNormalization",
                                         .min_inputs = 5,
                                         .max_inputs = 5,
                                         .flags = CR_OP_AFFINE | CR_OP_FOLDS,
                                         .load = load_batch_norm,
                                         .pack = pack,
                                         .forward = forward_affine,
                                         .backward = backward_affine};

const cr_op cr_op_add = {.type = "Add",
                         .min_inputs = 2,
                         .max_inputs = 2,
                         .load = load_add,
                         .pack = pack,
                         .forward = forward_add,
                         .backward = backward_add};

const cr_op cr_op_mul = {.type = "Mul",
                         .min_inputs = 2,
                         .max_inputs = 2,
                         .flags = CR_OP_NEEDS_X,
                         .load = load_mul,
                         .pack = pack,
                         .forward = forward_mul,
                         .backward = backward_mul};
