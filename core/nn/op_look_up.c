/* Gather of a constant's first dimension by indices that are activations, as those of words are: the constant is our
 * weights. A word that there is not is not a number, so that its image fails. */
#include "graph.h"

typedef struct look_up {
    const cr_tensor *table;
    int n_rows;
    size_t size;      /* of a row */
    size_t n_indices; /* of an image */
} look_up;

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    look_up *p;
    int64_t given;
    int axis;
    const cr_shape *in;
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 0, &p->table, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", 0, &given, err));
    const int n_dims = p->table->n_dims;
    axis = (int)(given < 0 ? given + n_dims : given);
    if (axis != 0 || n_dims < 1 || p->table->n < 1)
        return cr_fail(err, CR_EINPUT,
                       "only the first dimension of a constant can be looked up by indices that "
                       "are computed");
    CR_OR_RETURN(cr_node_activation(graph, node, 1, 0, &in, err));
    cr_shape out = *in;
    if (in->n_dims + n_dims - 1 > CR_MAX_DIMS || p->table->dims[0] > INT32_MAX)
        return cr_fail(err, CR_EINPUT, "its output must have at most %d dimensions", CR_MAX_DIMS);
    for (int d = 1; d < n_dims; d++)
        out.dims[out.n_dims++] = (int)p->table->dims[d];
    p->n_rows = (int)p->table->dims[0];
    p->size = (size_t)(p->table->n / p->table->dims[0]);
    p->n_indices = cr_shape_size(in);
    node->n_weights = (size_t)p->table->n;
    node->n_parameters = p->table->n;
    CR_OR_RETURN(cr_node_set_shape(graph, node, &out, err));
    for (int d = 0; d < out.n_dims; d++)
        graph->values[node->y].order[d] = d;
    return CR_OK;
}

static void pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights)
{
    (void)graph, (void)scale, (void)shift;
    const look_up *p = node->params;
    for (size_t i = 0; i < node->n_weights; i++)
        weights[i] = cr_tensor_real(p->table, i);
}

static void forward(const cr_run *run)
{
    const look_up *p = run->node->params;
    for (size_t i = 0; i < (size_t)run->n * p->n_indices; i++) {
        const cr_real at = run->x[0][i] < 0 ? run->x[0][i] + (cr_real)p->n_rows : run->x[0][i];
        cr_real *y = run->y + i * p->size;
        if (at >= 0 && at < (cr_real)p->n_rows)
            memcpy(y, run->weights + (size_t)at * p->size, p->size * sizeof *y);
        else
            for (size_t k = 0; k < p->size; k++)
                y[k] = (cr_real)NAN;
    }
}

static void backward(const cr_run *run)
{
    (void)run; /* an index has no gradient */
}

static void tangent(const cr_run *run)
{
    const look_up *p = run->node->params;
    memset(run->ty, 0, (size_t)run->n * p->n_indices * p->size * sizeof *run->ty);
}

const cr_op cr_op_look_up = {.type = "Gather",
                             .min_inputs = 2,
                             .max_inputs = 2,
                             .load = load,
                             .pack = pack,
                             .forward = forward,
                             .backward = backward,
                             .tangent = tangent};
