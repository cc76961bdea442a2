/* What goes along one axis and is neither a reduction nor a softmax: CumSum, and TopK, the largest or smallest
 * in their order. */
#include "graph.h"

/* The axis comes to lie last in memory. */
static cr_status arrange(cr_graph *graph, cr_node *node, int64_t given, int *axis,
                         const cr_value **in, cr_error *err)
{
    int order[CR_MAX_DIMS] = {0}, n = 0;
    CR_OR_RETURN(cr_node_value(graph, node, 0, in, err));
    CR_OR_RETURN(cr_node_axis(graph, given, (*in)->shape.n_dims, axis, err));
    for (int i = 0; i < (*in)->shape.n_dims; i++)
        if ((*in)->order[i] != *axis)
            order[n++] = (*in)->order[i];
    order[n] = *axis;
    CR_OR_RETURN(cr_node_arrange(graph, node, 0, order, err));
    *in = &graph->values[node->inputs[0]];
    if (cr_shape_size(&(*in)->shape) == 0)
        return cr_fail(err, CR_EINPUT, "it is of nothing");
    return CR_OK;
}

/* An input that is one number. */
static cr_status read_one(cr_graph *graph, const cr_node *node, int i, int64_t *value,
                          cr_error *err)
{
    const cr_tensor *tensor;
    cr_status status = cr_node_ints(graph, node, i, &tensor, err);
    if (status != CR_OK)
        return status;
    if (!tensor || tensor->n != 1)
        return cr_fail(err, CR_EINPUT, "input %d is not one number", i + 1);
    *value = tensor->ints[0];
    return CR_OK;
}

typedef struct sums {
    size_t rows; /* of an image */
    int c;
    bool exclusive, reverse;
} sums;

static cr_status load_sums(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int64_t given, exclusive, reverse;
    int axis;
    sums *p;
    CR_OR_RETURN(read_one(graph, node, 1, &given, err));
    CR_OR_RETURN(cr_attribute_int(node, "exclusive", 0, &exclusive, err));
    CR_OR_RETURN(cr_attribute_int(node, "reverse", 0, &reverse, err));
    CR_OR_RETURN(arrange(graph, node, given, &axis, &in, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    const int c = in->shape.dims[axis];
    *p = (sums){cr_shape_size(&in->shape) / (size_t)c, c, exclusive != 0, reverse != 0};
    node->flops = (double)cr_shape_size(&in->shape);
    return cr_node_set_like(graph, node, in, err);
}

/* Adds to y the sums of x up to each element, or from it on. */
static void add_sums(const sums *p, size_t rows, bool reverse, const cr_real *x, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, x += p->c, y += p->c) {
        double sum = 0;
        for (int i = 0; i < p->c; i++) {
            const int at = reverse ? p->c - 1 - i : i;
            const double before = sum;
            sum += (double)x[at];
            y[at] += (cr_real)(p->exclusive ? before : sum);
        }
    }
}

static void sums_forward(const cr_run *run)
{
    const sums *p = run->node->params;
    const size_t rows = (size_t)run->n * p->rows;
    memset(run->y, 0, rows * (size_t)p->c * sizeof *run->y);
    add_sums(p, rows, p->reverse, run->x[0], run->y);
}

static void sums_backward(const cr_run *run)
{
    const sums *p = run->node->params;
    add_sums(p, (size_t)run->n * (size_t)run->m * p->rows, !p->reverse, run->dy, run->dx[0]);
}

const cr_op cr_op_cum_sum = {.type = "CumSum",
                             .min_inputs = 2,
                             .max_inputs = 2,
                             .flags = CR_OP_ANY_ORDER | CR_OP_LINEAR,
                             .load = load_sums,
                             .forward = sums_forward,
                             .backward = sums_backward};

typedef struct top {
    size_t rows; /* of an image */
    int c, k;
    bool largest, places; /* the output: their places, not their values */
} top;

/* The output is the values or, of part 1, their places. In operator sets up to 9 k is an attribute. */
static cr_status load_top(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int64_t given, largest, k;
    int axis;
    top *p;
    CR_OR_RETURN(cr_attribute_int(node, "k", 0, &k, err));
    if (node->n_inputs > 1)
        CR_OR_RETURN(read_one(graph, node, 1, &k, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", -1, &given, err));
    CR_OR_RETURN(cr_attribute_int(node, "largest", 1, &largest, err));
    CR_OR_RETURN(arrange(graph, node, given, &axis, &in, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    const int c = in->shape.dims[axis];
    if (k < 1 || k > c)
        return cr_fail(err, CR_EINPUT, "it wants %lld of %d elements", (long long)k, c);
    *p = (top){cr_shape_size(&in->shape) / (size_t)c, c, (int)k, largest != 0, node->part == 1};
    node->n_scratch = (size_t)k;
    node->flops = (double)cr_shape_size(&in->shape) * log2(1.0 + (double)k);
    cr_value out = *in;
    out.shape.dims[axis] = (int)k;
    return cr_node_set_like(graph, node, &out, err);
}

/* The places of the first k of a row, in order; of equal ones that which comes first. */
static void find_top(const top *p, const cr_real *x, cr_real *places)
{
    int n = 0;
    for (int i = 0; i < p->c; i++) {
        int low = 0, high = n;
        while (low < high) {
            const int middle = (low + high) / 2;
            const cr_real other = x[(int)places[middle]];
            if (p->largest ? x[i] > other : x[i] < other)
                high = middle;
            else
                low = middle + 1;
        }
        if (low == p->k)
            continue;
        n += n < p->k;
        memmove(places + low + 1, places + low, (size_t)(n - 1 - low) * sizeof *places);
        places[low] = (cr_real)i;
    }
}

/* Their values in `from`, which is x or a tangent of it. */
static void take_top(const cr_run *run, const cr_real *from, bool places, cr_real *y)
{
    const top *p = run->node->params;
    const cr_real *x = run->x[0];
    for (size_t t = 0; t < (size_t)run->n * p->rows; t++, x += p->c, from += p->c, y += p->k) {
        find_top(p, x, run->scratch);
        for (int i = 0; i < p->k; i++)
            y[i] = places ? run->scratch[i] : from[(int)run->scratch[i]];
    }
}

static void top_forward(const cr_run *run)
{
    const top *p = run->node->params;
    take_top(run, run->x[0], p->places, run->y);
}

static void top_backward(const cr_run *run)
{
    const top *p = run->node->params;
    const cr_real *dy = run->dy;
    cr_real *dx = run->dx[0];
    for (size_t t = 0; !p->places && t < (size_t)run->n * (size_t)run->m * p->rows;
         t++, dy += p->k, dx += p->c) {
        const size_t image = t / p->rows / (size_t)run->m;
        find_top(p, run->x[0] + (image * p->rows + t % p->rows) * (size_t)p->c, run->scratch);
        for (int i = 0; i < p->k; i++)
            dx[(int)run->scratch[i]] += dy[i];
    }
}

static void top_tangent(const cr_run *run)
{
    const top *p = run->node->params;
    if (p->places)
        memset(run->ty, 0, (size_t)run->n * p->rows * (size_t)p->k * sizeof *run->ty);
    else
        take_top(run, run->tx[0], false, run->ty);
}

const cr_op cr_op_top_k = {.type = "TopK",
                           .min_inputs = 1,
                           .max_inputs = 2,
                           .n_parts = 2,
                           .flags = CR_OP_ANY_ORDER | CR_OP_NEEDS_X,
                           .load = load_top,
                           .forward = top_forward,
                           .backward = top_backward,
                           .tangent = top_tangent};
