/* Relu and Clip, as nodes of their own; mostly they are fused into the node before. */
#include "graph.h"

/* params: the number of elements of one image. */
static cr_status load_clamp(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    size_t *size;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *size, (void **)&size, err));
    *size = cr_shape_size(&in->shape);
    node->flops = (double)*size;
    return cr_node_set_like(graph, node, in, err);
}

static cr_status load_relu(cr_graph *graph, cr_node *node, cr_error *err)
{
    node->clamp.lo = 0;
    return load_clamp(graph, node, err);
}

static cr_status bound(cr_graph *graph, const cr_node *node, int i, const char *name,
                       cr_real *value, cr_error *err)
{
    double attribute;
    const cr_tensor *input;
    cr_status status = cr_attribute_float(node, name, (double)*value, &attribute, err);
    if (status == CR_OK)
        status = cr_node_reals(graph, node, i, &input, err);
    if (status != CR_OK)
        return status;
    if (input && input->n != 1)
        return cr_fail(err, CR_EINPUT, "its bound %s is no single value", name);
    *value = input ? cr_tensor_real(input, 0) : (cr_real)attribute;
    return CR_OK;
}

/* Whether input i is there and depends on the image. */
static bool varies(const cr_graph *graph, const cr_node *node, int i)
{
    return i < node->n_inputs && node->inputs[i] >= 0 && !graph->values[node->inputs[i]].constant;
}

/* Bounds that depend on the image: a maximum, then a minimum. */
static cr_status load_clip_by_values(cr_graph *graph, cr_node *node, cr_error *err)
{
    const int hi = node->n_inputs > 2 ? node->inputs[2] : -1;
    int ids[2] = {node->inputs[0], node->inputs[1]};
    if (ids[1] >= 0 && hi >= 0)
        CR_OR_RETURN(cr_node_insert(graph, node, "Max", ids, 2, NULL, &ids[0], err));
    ids[1] = hi >= 0 ? hi : ids[1];
    return cr_node_become(graph, node, hi >= 0 ? "Min" : "Max", ids, 2, NULL, err);
}

static cr_status load_clip(cr_graph *graph, cr_node *node, cr_error *err)
{
    if (varies(graph, node, 1) || varies(graph, node, 2))
        return load_clip_by_values(graph, node, err);
    CR_OR_RETURN(bound(graph, node, 1, "min", &node->clamp.lo, err));
    CR_OR_RETURN(bound(graph, node, 2, "max", &node->clamp.hi, err));
    if (!(node->clamp.lo <= node->clamp.hi))
        return cr_fail(err, CR_EINPUT, "its bounds are in the wrong order");
    return load_clamp(graph, node, err);
}

static size_t image_size(const cr_run *run)
{
    return *(const size_t *)run->node->params;
}

static void forward(const cr_run *run)
{
    cr_clamp_forward(run->node->clamp, (size_t)run->n * image_size(run), run->x[0], run->y);
}

/* dy has been masked by the clamp: what is left passes as it is. */
static void backward(const cr_run *run)
{
    size_t n = (size_t)run->n * (size_t)run->m * image_size(run);
    for (size_t i = 0; i < n; i++)
        run->dx[0][i] += run->dy[i];
}

const cr_op cr_op_relu = {.type = "Relu",
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .flags = CR_OP_CLAMP | CR_OP_CLAMPS | CR_OP_ANY_ORDER | CR_OP_OVERWRITES |
                                   CR_OP_LINEAR,
                          .load = load_relu,
                          .forward = forward,
                          .backward = backward};

const cr_op cr_op_clip = {.type = "Clip",
                          .min_inputs = 1,
                          .max_inputs = 3,
                          .flags = CR_OP_CLAMP | CR_OP_CLAMPS | CR_OP_ANY_ORDER | CR_OP_OVERWRITES |
                                   CR_OP_LINEAR,
                          .load = load_clip,
                          .forward = forward,
                          .backward = backward};
