/* Normalisations by an image's own statistics: of groups of channels (InstanceNormalization,
 * GroupNormalization), of neighbouring channels (LRN); and those that are made of other operators. */
#include "compose.h"

typedef struct group_norm {
    cr_group_norm kernel;
    int n_scales;
    const cr_tensor *scale, *shift;
} group_norm;

/* Scale and shift of `n` channels or groups. */
static cr_status read_scales(cr_graph *graph, cr_node *node, int n, group_norm *p, cr_error *err)
{
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &p->scale, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 2, &p->shift, err));
    if (!p->scale || !p->shift || p->scale->n != n || p->shift->n != n)
        return cr_fail(err, CR_EINPUT, "its scale and shift must hold %d values", n);
    p->n_scales = n;
    node->n_weights = 2 * (size_t)n;
    node->n_parameters = 2 * (int64_t)n;
    return CR_OK;
}

/* Groups of the channels of a map lie beside one another at each pixel; those of anything else lie whole
 * behind one another. */
static cr_status load_groups(cr_graph *graph, cr_node *node, int64_t groups, group_norm **params,
                             cr_error *err)
{
    double epsilon;
    const cr_value *in;
    group_norm *p;
    int plain[CR_MAX_DIMS];
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_attribute_float(node, "epsilon", 1e-5, &epsilon, err));
    const int n_dims = in->shape.n_dims, c = n_dims > 1 ? in->shape.dims[1] : 0;
    if (n_dims < 2 || in->shape.dims[0] != 1 || groups < 1 || groups > c || c % groups)
        return cr_fail(err, CR_EINPUT, "its groups do not fit an input of %d channels", c);
    const bool map = n_dims == 4 && cr_value_is_usual(in);
    for (int d = 0; d < n_dims; d++)
        plain[d] = d;
    if (!map) {
        CR_OR_RETURN(cr_node_arrange(graph, node, 0, plain, err));
        in = &graph->values[node->inputs[0]];
    }
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    const size_t size = cr_shape_size(&in->shape), hw = size / (size_t)c;
    const int members = c / (int)groups;
    p->kernel = (cr_group_norm){.groups = (int)groups,
                                .members = map ? members : (int)hw,
                                .places = map ? hw : (size_t)members,
                                .group_step = map ? (size_t)members : size / (size_t)groups,
                                .place_step = map ? (size_t)c : hw,
                                .epsilon = (cr_real)epsilon};
    node->flops = 8.0 * (double)size;
    CR_OR_RETURN(cr_node_set_like(graph, node, in, err));
    *params = p;
    return CR_OK;
}

static cr_status load_instance(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    group_norm *p;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    const int c = cr_shape_c(&in->shape);
    CR_OR_RETURN(load_groups(graph, node, c, &p, err));
    return read_scales(graph, node, c, p, err);
}

/* Scale and shift are one a group in operator sets 18 to 20, one a channel from 21 on: a member of a map's
 * groups, a place of others'. */
static cr_status load_group(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    group_norm *p;
    int64_t groups;
    CR_OR_RETURN(cr_attribute_int(node, "num_groups", 0, &groups, err));
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    const int c = cr_shape_c(&in->shape);
    const bool map = in->shape.n_dims == 4;
    if (map)
        CR_OR_RETURN(cr_node_usual(graph, node, 0, err));
    CR_OR_RETURN(load_groups(graph, node, groups, &p, err));
    if (graph->opset >= 21)
        p->kernel.scales = map ? CR_SCALE_MEMBERS : CR_SCALE_PLACES;
    return read_scales(graph, node, graph->opset >= 21 ? c : (int)groups, p, err);
}

static void group_pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                       const cr_real *shift, cr_real *weights)
{
    (void)graph, (void)scale, (void)shift;
    const group_norm *p = node->params;
    for (int i = 0; i < p->n_scales; i++) {
        weights[i] = cr_tensor_real(p->scale, (size_t)i);
        weights[p->n_scales + i] = cr_tensor_real(p->shift, (size_t)i);
    }
}

static void group_forward(const cr_run *run)
{
    const group_norm *p = run->node->params;
    cr_group_norm_forward(&p->kernel, run->n, run->x[0], run->weights, run->weights + p->n_scales,
                          run->y);
}

static void group_backward(const cr_run *run)
{
    const group_norm *p = run->node->params;
    cr_group_norm_backward(&p->kernel, run->n, run->m, run->x[0], run->weights, run->dy,
                           run->dx[0]);
}

static void group_tangent(const cr_run *run)
{
    const group_norm *p = run->node->params;
    cr_group_norm_tangent(&p->kernel, run->n, run->x[0], run->weights, run->tx[0], run->ty);
}

static void group_curve(const cr_run *run)
{
    const group_norm *p = run->node->params;
    cr_group_norm_curve(&p->kernel, run->m, run->x[0], run->weights, run->tx[0], run->dy,
                        run->dx[0]);
}

#define GROUP_OP(symbol, name, loader)                              \
    const cr_op symbol = {.type = name,                             \
                          .min_inputs = 3,                          \
                          .max_inputs = 3,                          \
                          .flags = CR_OP_ANY_ORDER | CR_OP_NEEDS_X, \
                          .load = loader,                           \
                          .pack = group_pack,                       \
                          .forward = group_forward,                 \
                          .backward = group_backward,               \
                          .tangent = group_tangent,                 \
                          .curve = group_curve}

GROUP_OP(cr_op_instance_normalization, "InstanceNormalization", load_instance);
GROUP_OP(cr_op_group_normalization, "GroupNormalization", load_group);

typedef struct response {
    cr_response kernel;
    size_t rows;
} response;

static cr_status load_response(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *in;
    response *p;
    double alpha, beta, bias;
    int64_t size;
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 4, &in, err));
    CR_OR_RETURN(cr_attribute_float(node, "alpha", 1e-4, &alpha, err));
    CR_OR_RETURN(cr_attribute_float(node, "beta", 0.75, &beta, err));
    CR_OR_RETURN(cr_attribute_float(node, "bias", 1, &bias, err));
    CR_OR_RETURN(cr_attribute_int(node, "size", 0, &size, err));
    if (size < 1 || size > 65536)
        return cr_fail(err, CR_EINPUT, "attribute size is missing or out of range");
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->kernel =
        (cr_response){cr_shape_c(in), (int)size, (cr_real)alpha, (cr_real)beta, (cr_real)bias};
    p->rows = cr_shape_size(in) / (size_t)p->kernel.c;
    node->flops = (double)cr_shape_size(in) * (2.0 * (double)size + 4);
    return cr_node_set_shape(graph, node, in, err);
}

static void response_forward(const cr_run *run)
{
    const response *p = run->node->params;
    cr_response_forward(&p->kernel, (size_t)run->n * p->rows, run->x[0], run->y);
}

static void response_backward(const cr_run *run)
{
    const response *p = run->node->params;
    cr_response_backward(&p->kernel, run->n, run->m, p->rows, run->x[0], run->dy, run->dx[0]);
}

static void response_tangent(const cr_run *run)
{
    const response *p = run->node->params;
    cr_response_tangent(&p->kernel, (size_t)run->n * p->rows, run->x[0], run->tx[0], run->ty);
}

static void response_curve(const cr_run *run)
{
    const response *p = run->node->params;
    cr_response_curve(&p->kernel, run->m, p->rows, run->x[0], run->tx[0], run->dy, run->dx[0]);
}

const cr_op cr_op_lrn = {.type = "LRN",
                         .min_inputs = 1,
                         .max_inputs = 1,
                         .flags = CR_OP_NEEDS_X,
                         .load = load_response,
                         .forward = response_forward,
                         .backward = response_backward,
                         .tangent = response_tangent,
                         .curve = response_curve};

/* x / sqrt(mean of x^2 + epsilon), then times the scale. */
static cr_status load_rms(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int64_t given, axes[CR_MAX_DIMS];
    double epsilon;
    int axis, n = 0, y;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", -1, &given, err));
    CR_OR_RETURN(cr_attribute_float(node, "epsilon", 1e-5, &epsilon, err));
    CR_OR_RETURN(cr_node_axis(graph, given, in->shape.n_dims, &axis, err));
    const int x = node->inputs[0], scale = node->inputs[1];
    for (int d = axis; d < in->shape.n_dims; d++)
        axes[n++] = d;
    CR_OR_RETURN(cr_put_pair(graph, node, "Mul", x, x, &y, err));
    CR_OR_RETURN(cr_put_reduction(graph, node, "ReduceMean", y, axes, n, true, &y, err));
    CR_OR_RETURN(cr_put_number(graph, node, "Add", y, epsilon, &y, err));
    CR_OR_RETURN(cr_put(graph, node, "Sqrt", y, &y, err));
    CR_OR_RETURN(cr_put_pair(graph, node, "Div", x, y, &y, err));
    return cr_node_become(graph, node, "Mul", (int[]){y, scale}, 2, NULL, err);
}

/* (x - mean) / (sqrt(mean of (x - mean)^2) + 1e-9), as the function in ONNX's definition has it. */
static cr_status load_mean_variance(cr_graph *graph, cr_node *node, cr_error *err)
{
    const int64_t usual[] = {0, 2, 3}, *axes;
    int64_t n;
    int y, centred, axis;
    const cr_value *in;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_list(graph, node, 1, "axes", &axes, &n, err));
    axes = n ? axes : usual;
    n = n ? n : 3;
    for (int64_t i = 0; i < n; i++)
        CR_OR_RETURN(cr_node_axis(graph, axes[i], in->shape.n_dims, &axis, err));
    const int x = node->inputs[0];
    CR_OR_RETURN(cr_put_reduction(graph, node, "ReduceMean", x, axes, (int)n, true, &y, err));
    CR_OR_RETURN(cr_put_pair(graph, node, "Sub", x, y, &centred, err));
    CR_OR_RETURN(cr_put_pair(graph, node, "Mul", centred, centred, &y, err));
    CR_OR_RETURN(cr_put_reduction(graph, node, "ReduceMean", y, axes, (int)n, true, &y, err));
    CR_OR_RETURN(cr_put(graph, node, "Sqrt", y, &y, err));
    CR_OR_RETURN(cr_put_number(graph, node, "Add", y, 1e-9, &y, err));
    return cr_node_become(graph, node, "Div", (int[]){centred, y}, 2, NULL, err);
}

#define COMPOSED(symbol, name, n_inputs, loader)                      \
    const cr_op symbol = {.type = name,                               \
                          .min_inputs = n_inputs,                     \
                          .max_inputs = n_inputs,                     \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER, \
                          .load = loader}

COMPOSED(cr_op_rms_normalization, "RMSNormalization", 2, load_rms);
COMPOSED(cr_op_mean_variance_normalization, "MeanVarianceNormalization", 1, load_mean_variance);
