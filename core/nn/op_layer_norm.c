/* LayerNormalization over the last dimensions, and the mean over the last one that its older form is made
 * of. */
#include "graph.h"

typedef struct rows {
    size_t rows;
    int c;
    cr_real epsilon;
    const cr_tensor *scale, *shift; /* of the layer normalisation; may be NULL */
} rows;

/* The dimensions from `axis` on as one row; they come to lie last in memory, in their order. */
static cr_status load_rows(cr_graph *graph, cr_node *node, int axis, const cr_value **in,
                           rows **params, cr_error *err)
{
    int order[CR_MAX_DIMS] = {0}, n = 0;
    size_t c = 1;
    CR_OR_RETURN(cr_node_value(graph, node, 0, in, err));
    const int n_dims = (*in)->shape.n_dims;
    for (int i = 0; i < n_dims; i++)
        if ((*in)->order[i] < axis)
            order[n++] = (*in)->order[i];
    for (int d = axis; d < n_dims; d++) {
        order[n++] = d;
        c *= (size_t)(*in)->shape.dims[d];
    }
    if (!cr_same_memory(&(*in)->shape, (*in)->order, order)) {
        CR_OR_RETURN(cr_node_arrange(graph, node, 0, order, err));
        *in = &graph->values[node->inputs[0]];
    }
    CR_OR_RETURN(cr_node_params(graph, node, sizeof **params, (void **)params, err));
    (*params)->c = (int)c;
    (*params)->rows = cr_shape_size(&(*in)->shape) / c;
    return CR_OK;
}

static void set_sizes(cr_node *node, const rows *p)
{
    node->n_folds = p->c;
    node->n_weights = 2 * (size_t)p->c;
    node->flops = 8.0 * (double)p->rows * p->c;
}

static cr_status load_layer_norm(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    rows *p;
    double epsilon;
    int64_t given;
    int axis;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", -1, &given, err));
    CR_OR_RETURN(cr_node_axis(graph, given, in->shape.n_dims, &axis, err));
    CR_OR_RETURN(load_rows(graph, node, axis, &in, &p, err));
    CR_OR_RETURN(cr_attribute_float(node, "epsilon", 1e-5, &epsilon, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &p->scale, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 2, &p->shift, err));
    if (!p->scale || p->scale->n != p->c || (p->shift && p->shift->n != p->c))
        return cr_fail(err, CR_EINPUT,
                       "only one scale and shift for each of its %d elements is supported", p->c);
    p->epsilon = (cr_real)epsilon;
    set_sizes(node, p);
    node->n_parameters = p->scale->n + (p->shift ? p->shift->n : 0);
    return cr_node_set_like(graph, node, in, err);
}

static void pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights)
{
    (void)graph;
    const rows *p = node->params;
    for (int k = 0; k < p->c; k++) {
        cr_real own_scale = p->scale ? cr_tensor_real(p->scale, (size_t)k) : 1;
        cr_real own_shift = p->shift ? cr_tensor_real(p->shift, (size_t)k) : 0;
        weights[k] = own_scale * (scale ? scale[k] : 1);
        weights[p->c + k] = own_shift * (scale ? scale[k] : 1) + (shift ? shift[k] : 0);
    }
}

static void layer_norm_of(const cr_run *run, size_t n)
{
    const rows *p = run->node->params;
    cr_layer_norm_forward((size_t)run->n * n, p->c, p->epsilon, run->x[0], run->weights,
                          run->weights + p->c, run->y);
}

static void layer_norm_forward(const cr_run *run)
{
    layer_norm_of(run, ((const rows *)run->node->params)->rows);
}

static cr_cut cut(const cr_node *node, int first, int n)
{
    return cr_cut_alike(((const rows *)node->params)->rows, first, n);
}

static void layer_norm_rows(const cr_run *run, int first, int n)
{
    (void)first;
    layer_norm_of(run, (size_t)n);
}

static void layer_norm_backward(const cr_run *run)
{
    const rows *p = run->node->params;
    cr_layer_norm_backward(run->n, run->m, p->rows, p->c, p->epsilon, run->x[0], run->weights,
                           run->dy, run->dx[0]);
}

static void layer_norm_tangent(const cr_run *run)
{
    const rows *p = run->node->params;
    cr_layer_norm_tangent((size_t)run->n * p->rows, p->c, p->epsilon, run->x[0], run->weights,
                          run->tx[0], run->ty);
}

static void layer_norm_curve(const cr_run *run)
{
    const rows *p = run->node->params;
    cr_layer_norm_curve(run->m, p->rows, p->c, p->epsilon, run->x[0], run->weights, run->tx[0],
                        run->dy, run->dx[0]);
}

const cr_op cr_op_layer_normalization = {.type = "LayerNormalization",
                                         .min_inputs = 2,
                                         .max_inputs = 3,
                                         .flags = CR_OP_ANY_ORDER | CR_OP_NEEDS_X | CR_OP_FOLDS |
                                                  CR_OP_OVERWRITES,
                                         .load = load_layer_norm,
                                         .pack = pack,
                                         .forward = layer_norm_forward,
                                         .backward = layer_norm_backward,
                                         .cut = cut,
                                         .forward_rows = layer_norm_rows,
                                         .tangent = layer_norm_tangent,
                                         .curve = layer_norm_curve};

cr_status cr_layer_norm_make(cr_arena *memory, cr_node *node, const cr_value *in, double epsilon,
                             cr_error *err)
{
    rows *p = cr_arena_alloc(memory, 1, sizeof *p);
    if (!p)
        return cr_fail_memory(err, "a layer normalisation", 1, sizeof *p);
    p->c = cr_value_last(in);
    p->rows = cr_shape_size(&in->shape) / (size_t)p->c;
    p->epsilon = (cr_real)epsilon;
    node->params = p;
    node->op = &cr_op_layer_normalization;
    node->flags = node->op->flags;
    set_sizes(node, p);
    return CR_OK;
}

static void row_mean_forward(const cr_run *run)
{
    const rows *p = run->node->params;
    cr_row_mean_forward((size_t)run->n * p->rows, p->c, run->x[0], run->y);
}

static void row_mean_backward(const cr_run *run)
{
    const rows *p = run->node->params;
    cr_row_mean_backward((size_t)run->n * (size_t)run->m * p->rows, p->c, run->dy, run->dx[0]);
}

const cr_op cr_op_row_mean = {.type = "row mean",
                              .flags = CR_OP_ANY_ORDER | CR_OP_LINEAR,
                              .forward = row_mean_forward,
                              .backward = row_mean_backward};

cr_status cr_row_mean_load(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    rows *p;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(load_rows(graph, node, in->shape.n_dims - 1, &in, &p, err));
    node->op = &cr_op_row_mean;
    node->flags = node->op->flags;
    node->flops = (double)cr_shape_size(&in->shape);
    cr_value out = *in;
    out.shape.dims[out.shape.n_dims - 1] = 1;
    return cr_node_set_like(graph, node, &out, err);
}
