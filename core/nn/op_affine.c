/* A scale and shift of each channel: BatchNormalization (inference), and arithmetic with a constant
 * (op_binary.c). Ours is scale [C], then shift [C]; C is the last dimension in memory. */
#include "graph.h"

#include <math.h>

typedef struct affine {
    size_t rows;
    int c;
    cr_real *scale, *shift; /* [C], in the graph's arena */
} affine;

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

static void forward_of(const cr_run *run, size_t rows)
{
    const affine *p = run->node->params;
    cr_affine_forward((size_t)run->n * rows, p->c, run->x[0], run->x_step[0], run->weights,
                      cr_bias(run, (size_t)p->c), run->node->clamp, run->y, run->y_step);
}

static void forward(const cr_run *run)
{
    forward_of(run, ((const affine *)run->node->params)->rows);
}

static cr_cut cut(const cr_node *node, int first, int n)
{
    return cr_cut_alike(((const affine *)node->params)->rows, first, n);
}

static void forward_rows(const cr_run *run, int first, int n)
{
    (void)first;
    forward_of(run, (size_t)n);
}

static void backward(const cr_run *run)
{
    const affine *p = run->node->params;
    cr_affine_backward((size_t)run->n * (size_t)run->m * p->rows, p->c, run->weights, run->dy,
                       run->dx[0]);
}

/* Arithmetic with constants may be the input's, or anything. */
static const cr_real *bias_of(const cr_run *run)
{
    const affine *p = run->node->params;
    return strcmp(run->node->type, "BatchNormalization") == 0 ? run->weights + p->c : NULL;
}

static const cr_op affine_op = {.type = "affine",
                                .pack = pack,
                                .forward = forward,
                                .backward = backward,
                                .cut = cut,
                                .forward_rows = forward_rows,
                                .bias = bias_of};

cr_status cr_affine_load(cr_graph *graph, cr_node *node, const cr_value *in, cr_real **scale,
                         cr_real **shift, cr_error *err)
{
    affine *p;
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->c = cr_value_last(in);
    p->rows = cr_shape_size(&in->shape) / (size_t)p->c;
    *scale = p->scale = cr_arena_alloc(&graph->arena, (size_t)p->c, sizeof *p->scale);
    *shift = p->shift = cr_arena_alloc(&graph->arena, (size_t)p->c, sizeof *p->shift);
    if (!p->scale || !p->shift)
        return cr_fail_memory(err, "scales", 2 * (size_t)p->c, sizeof *p->scale);
    node->op = &affine_op;
    node->flags = CR_OP_AFFINE | CR_OP_FOLDS | CR_OP_CLAMPS | CR_OP_READS_STEPS |
                  CR_OP_WRITES_STEPS | CR_OP_OVERWRITES | CR_OP_LINEAR;
    node->n_folds = p->c;
    node->n_weights = 2 * (size_t)p->c;
    node->flops = 2.0 * (double)cr_shape_size(&in->shape);
    return cr_node_set_like(graph, node, in, err);
}

double cr_affine_scale(const cr_node *node, size_t i)
{
    const affine *p = node->params;
    return (double)p->scale[i % (size_t)p->c];
}

double cr_affine_shift(const cr_node *node, size_t i)
{
    const affine *p = node->params;
    return (double)p->shift[i % (size_t)p->c];
}

bool cr_affine_uniform(const cr_node *node, double *scale, double *shift)
{
    if (!(node->flags & CR_OP_AFFINE))
        return false;
    const affine *p = node->params;
    for (int k = 1; k < p->c; k++)
        if (p->scale[k] != p->scale[0] || p->shift[k] != p->shift[0])
            return false;
    *scale = (double)p->scale[0];
    *shift = (double)p->shift[0];
    return true;
}

static cr_status load_batch_norm(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_value *in;
    const cr_tensor *input[5];
    cr_real *to_scale, *to_shift;
    double epsilon;
    int64_t training;
    CR_TRY(cr_node_value(graph, node, 0, &in, err));
    CR_TRY(cr_attribute_float(node, "epsilon", 1e-5, &epsilon, err));
    CR_TRY(cr_attribute_int(node, "training_mode", 0, &training, err));
    int c = cr_shape_c(&in->shape);
    /* Up to operator set 13 the further outputs alone tell the mode. */
    if (training || node->proto->n_output > 1) {
        status = cr_fail(err, CR_EINPUT, "is in training mode; export the model after .eval()");
        goto cleanup;
    }
    if (in->shape.n_dims < 2) {
        status = cr_fail(err, CR_EINPUT, "its input has %d dimensions, 2 or more are needed",
                         in->shape.n_dims);
        goto cleanup;
    }
    for (int i = 1; i < 5; i++) {
        CR_TRY(cr_node_reals(graph, node, i, &input[i], err));
        if (!input[i] || input[i]->n != c) {
            status = cr_fail(err, CR_EINPUT, "input %d must hold %d values", i + 1, c);
            goto cleanup;
        }
    }
    if (cr_value_last_dim(in) != 1 && c > 1) {
        int order[CR_MAX_DIMS] = {0}, n = 0;
        for (int i = 0; i < in->shape.n_dims; i++)
            if (in->order[i] != 1)
                order[n++] = in->order[i];
        order[n] = 1;
        CR_TRY(cr_node_arrange(graph, node, 0, order, err));
        in = &graph->values[node->inputs[0]];
    }
    CR_TRY(cr_affine_load(graph, node, in, &to_scale, &to_shift, err));
    const int n = cr_value_last(in);
    for (int i = 0; i < n; i++) {
        int k = c > 1 ? i : 0; /* a single channel may be last along its width */
        double scale = cr_tensor_real(input[1], (size_t)k) /
                       sqrt((double)cr_tensor_real(input[4], (size_t)k) + epsilon);
        to_scale[i] = (cr_real)scale;
        to_shift[i] = (cr_real)(cr_tensor_real(input[2], (size_t)k) -
                                cr_tensor_real(input[3], (size_t)k) * scale);
    }
    node->n_parameters = 4 * (int64_t)c;

cleanup:
    return status;
}

const cr_op cr_op_batch_normalization = {
    .type = "BatchNormalization", .min_inputs = 5, .max_inputs = 5, .load = load_batch_norm};
