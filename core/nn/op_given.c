/* What is given of an input beside the image. A constant where an operator wants an activation is the same for every
 * image: our weights are its elements, spread to the shape that is wanted, in the order in memory. Of an array with a row for
 * each image, that of the image. */
#include "move.h"

typedef struct given {
    const cr_tensor *tensor;
    cr_given as;
    size_t size;
} given;

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    given *p;
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 0, &p->tensor, err));
    p->as = *(const cr_given *)node->wish;
    p->size = cr_shape_size(&p->as.shape);
    node->n_weights = p->size;
    node->n_parameters = p->tensor->n;
    CR_OR_RETURN(cr_node_set_shape(graph, node, &p->as.shape, err));
    memcpy(graph->values[node->y].order, p->as.order, sizeof p->as.order);
    return CR_OK;
}

static void pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights)
{
    (void)graph, (void)scale, (void)shift;
    const given *p = node->params;
    const cr_tensor *t = p->tensor;
    const int n = p->as.shape.n_dims;
    size_t to[CR_MAX_DIMS] = {0}, from[CR_MAX_DIMS] = {0}, step = 1;
    cr_move_strides(&p->as.shape, p->as.order, to);
    for (int d = n - 1; d >= 0; d--) {
        const int own = d - (n - t->n_dims); /* shapes are aligned at their ends */
        from[d] = own < 0 || t->dims[own] == 1 ? 0 : step;
        step *= own < 0 ? 1 : (size_t)t->dims[own];
    }
    for (size_t i = 0; i < p->size; i++) {
        size_t rest = i, target = 0, source = 0;
        for (int d = n - 1; d >= 0; d--) {
            const size_t at = rest % (size_t)p->as.shape.dims[d];
            rest /= (size_t)p->as.shape.dims[d];
            target += at * to[d];
            source += at * from[d];
        }
        weights[target] = cr_tensor_real(t, source);
    }
}

static void forward(const cr_run *run)
{
    const given *p = run->node->params;
    for (int i = 0; i < run->n; i++)
        memcpy(run->y + (size_t)i * p->size, run->weights, p->size * sizeof *run->y);
}

static void backward(const cr_run *run)
{
    (void)run; /* it depends on nothing */
}

static cr_status load_row(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_rows *p;
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    *p = *(const cr_rows *)node->wish;
    CR_OR_RETURN(cr_node_set_shape(graph, node, &p->shape, err));
    for (int d = 0; d < p->shape.n_dims; d++)
        graph->values[node->y].order[d] = d;
    return CR_OK;
}

static void forward_row(const cr_run *run)
{
    const cr_rows *p = run->node->params;
    const size_t size = cr_shape_size(&p->shape);
    for (int i = 0; i < run->n; i++)
        memcpy(run->y + (size_t)i * size, p->values + (size_t)run->rows[i] * size,
               size * sizeof *run->y);
}

const cr_op cr_op_row = {.type = "row",
                         .flags = CR_OP_ANY_ORDER | CR_OP_LINEAR,
                         .load = load_row,
                         .forward = forward_row,
                         .backward = backward};

const cr_op cr_op_given = {.type = "given",
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .flags = CR_OP_ANY_ORDER | CR_OP_LINEAR,
                           .load = load,
                           .pack = pack,
                           .forward = forward,
                           .backward = backward};
