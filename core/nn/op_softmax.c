/* Softmax over the channels. */
#include "graph.h"

typedef struct softmax {
    size_t rows; /* H W */
    int c;
} softmax;

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *in;
    softmax *p;
    int64_t axis;
    bool flattens = graph->opset < 13; /* then all axes from `axis` on are one */
    CR_TRY(cr_node_activation(graph, node, 0, 0, &in, err));
    CR_TRY(cr_attribute_int(node, "axis", flattens ? 1 : -1, &axis, err));
    CR_TRY(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    if (axis < 0)
        axis += in->n_dims;
    p->c = cr_shape_c(in);
    p->rows = cr_shape_size(in) / (size_t)p->c;
    if (axis != 1 || (in->n_dims != 4 && in->n_dims != 2) || (flattens && p->rows > 1)) {
        status = cr_fail(err, CR_EINPUT, "only the softmax over the channels is supported");
        goto cleanup;
    }
    node->flops = 3.0 * (double)cr_shape_size(in);
    CR_TRY(cr_node_set_shape(graph, node, in, err));

cleanup:
    return status;
}

static void forward(const cr_run *run)
{
    const softmax *p = run->node->params;
    cr_softmax_forward((size_t)run->n * p->rows, p->c, run->x[0], run->y);
}

static void backward(const cr_run *run)
{
    const softmax *p = run->node->params;
    cr_softmax_backward(run->n, run->m, p->rows, p->c, run->y, run->dy, run->dx[0]);
}

const cr_op cr_op_softmax = {.type = "Softmax",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .flags = CR_OP_NEEDS_Y,
                             .load = load,
                             .forward = forward,
                             .backward = backward};
