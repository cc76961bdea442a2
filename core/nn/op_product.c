/* MatMul of two activations: matrices in any dimensions, these in any order in memory as long as the
 * rows or the columns of each matrix lie side by side. Of one activation with weights: op_gemm.c. */
#include "graph.h"

#include "camrank/blas.h"

#include "move.h"

/* A matrix of each product: steps in memory from row to row and from column to column. */
typedef struct matrix {
    size_t size; /* of an image */
    size_t row, column;
    size_t outer[CR_MAX_DIMS]; /* from product to product, along each dimension of the output */
} matrix;

typedef struct product {
    int m, n, k; /* [m][k] by [k][n] */
    int n_outer, outer[CR_MAX_DIMS];
    int n_products;
    matrix a, b, y;
} product;

/* Steps along the output's dimensions; 0 where the value has one for all. */
static void find_steps(const cr_value *value, int n_outer, matrix *of)
{
    size_t strides[CR_MAX_DIMS];
    const int n = value->shape.n_dims;
    cr_move_strides(&value->shape, value->order, strides);
    of->size = cr_shape_size(&value->shape);
    of->row = strides[n - 2];
    of->column = strides[n - 1];
    for (int d = 0; d < n_outer; d++) {
        const int own = d - (n_outer - (n - 2));
        of->outer[d] = own < 0 || value->shape.dims[own] == 1 ? 0 : strides[own];
    }
}

/* Has input i lie so that its matrices' rows or columns are side by side: in ONNX's order if not. */
static cr_status arrange(cr_graph *graph, cr_node *node, int i, cr_error *err)
{
    const cr_value *value;
    cr_status status = cr_node_value(graph, node, i, &value, err);
    if (status != CR_OK)
        return status;
    const int n = value->shape.n_dims, last = cr_value_last_dim(value);
    int plain[CR_MAX_DIMS];
    for (int d = 0; d < n; d++)
        plain[d] = d;
    if (n < 2)
        return cr_fail(err, CR_EINPUT, "input %d has %d dimensions, 2 or more are supported", i + 1,
                       n);
    return last >= n - 2 ? CR_OK : cr_node_arrange(graph, node, i, plain, err);
}

/* The output's order: that of the first matrix, if its columns lie side by side in the same dimensions. */
static void set_order(const cr_value *a, const cr_shape *out, int *order)
{
    const int n = out->n_dims;
    for (int d = 0; d < n; d++)
        order[d] = d;
    if (a->shape.n_dims != n || a->order[n - 1] != n - 1)
        return;
    memcpy(order, a->order, (size_t)n * sizeof *order);
}

cr_status cr_product_load(cr_graph *graph, cr_node *node, cr_error *err)
{
    product *p;
    cr_shape out = {0};
    node->op = &cr_op_product;
    node->flags = cr_op_product.flags;
    CR_OR_RETURN(arrange(graph, node, 0, err));
    CR_OR_RETURN(arrange(graph, node, 1, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    const cr_value *a = &graph->values[node->inputs[0]], *b = &graph->values[node->inputs[1]];
    const int n_a = a->shape.n_dims, n_b = b->shape.n_dims;
    out.n_dims = n_a > n_b ? n_a : n_b;
    p->n_outer = out.n_dims - 2;
    p->n_products = 1;
    bool fits = a->shape.dims[n_a - 1] == b->shape.dims[n_b - 2];
    for (int d = 0; fits && d < p->n_outer; d++) {
        const int at_a = d - (out.n_dims - n_a), at_b = d - (out.n_dims - n_b);
        const int of_a = at_a < 0 ? 1 : a->shape.dims[at_a];
        const int of_b = at_b < 0 ? 1 : b->shape.dims[at_b];
        fits = of_a == of_b || of_a == 1 || of_b == 1;
        out.dims[d] = p->outer[d] = of_a > of_b ? of_a : of_b;
    }
    if (!fits)
        return cr_fail(err, CR_EINPUT, "its matrices do not fit one another");
    p->m = out.dims[p->n_outer] = a->shape.dims[n_a - 2];
    p->k = a->shape.dims[n_a - 1];
    p->n = out.dims[p->n_outer + 1] = b->shape.dims[n_b - 1];
    CR_OR_RETURN(cr_node_set_shape(graph, node, &out, err));
    for (int d = 0; d < p->n_outer; d++)
        p->n_products *= out.dims[d];
    cr_value *y = &graph->values[node->y];
    set_order(a, &out, y->order);
    find_steps(a, p->n_outer, &p->a);
    find_steps(b, p->n_outer, &p->b);
    find_steps(y, p->n_outer, &p->y);
    node->flops = 2.0 * (double)cr_shape_size(&out) * p->k;
    return CR_OK;
}

/* y [m][n] = a [m][k] b [k][n] + beta y; each has one step of 1, or one row or column. */
static void multiply(int m, int n, int k, const cr_real *a, size_t a_row, size_t a_column,
                     const cr_real *b, size_t b_row, size_t b_column, cr_real beta, cr_real *y,
                     size_t y_row, size_t y_column)
{
    if (y_column != 1 &&
        n > 1) { /* the product's transpose is that of the transposes, turned round */
        multiply(n, m, k, b, b_column, b_row, a, a_column, a_row, beta, y, y_column, y_row);
        return;
    }
    const bool ta = a_column != 1 && k > 1, tb = b_column != 1 && n > 1;
    const size_t lda = ta ? a_column : a_row, ldb = tb ? b_column : b_row;
    const size_t least_a = (size_t)(ta ? m : k), least_b = (size_t)(tb ? k : n);
    cr_gemm(ta, tb, m, n, k, a, (int)(lda > least_a ? lda : least_a), b,
            (int)(ldb > least_b ? ldb : least_b), beta, y,
            (int)(y_row > (size_t)n ? y_row : (size_t)n));
}

/* Where product i of an image has its matrix. */
static size_t place(const product *p, const matrix *of, int i)
{
    size_t at = 0;
    for (int d = p->n_outer - 1; d >= 0; d--) {
        at += (size_t)(i % p->outer[d]) * of->outer[d];
        i /= p->outer[d];
    }
    return at;
}

static void multiply_all(const product *p, int n, const cr_real *a, const cr_real *b, cr_real beta,
                         cr_real *y)
{
    for (int image = 0; image < n; image++, a += p->a.size, b += p->b.size, y += p->y.size)
        for (int i = 0; i < p->n_products; i++)
            multiply(p->m, p->n, p->k, a + place(p, &p->a, i), p->a.row, p->a.column,
                     b + place(p, &p->b, i), p->b.row, p->b.column, beta, y + place(p, &p->y, i),
                     p->y.row, p->y.column);
}

static void forward(const cr_run *run)
{
    multiply_all(run->node->params, run->n, run->x[0], run->x[1], 0, run->y);
}

/* dx += of the images' m gradients each: da = dy b', db = a' dy. */
static void backward_along(const product *p, int n, int m, const cr_real *a, const cr_real *b,
                           const cr_real *dy, cr_real *da, cr_real *db)
{
    for (int g = 0; g < n * m; g++, dy += p->y.size) {
        const cr_real *of_a = a + (size_t)(g / m) * p->a.size;
        const cr_real *of_b = b + (size_t)(g / m) * p->b.size;
        for (int i = 0; i < p->n_products; i++) {
            const size_t at_a = place(p, &p->a, i), at_b = place(p, &p->b, i);
            const cr_real *d = dy + place(p, &p->y, i);
            if (da)
                multiply(p->m, p->k, p->n, d, p->y.row, p->y.column, of_b + at_b, p->b.column,
                         p->b.row, 1, da + (size_t)g * p->a.size + at_a, p->a.row, p->a.column);
            if (db)
                multiply(p->k, p->n, p->m, of_a + at_a, p->a.column, p->a.row, d, p->y.row,
                         p->y.column, 1, db + (size_t)g * p->b.size + at_b, p->b.row, p->b.column);
        }
    }
}

static void backward(const cr_run *run)
{
    backward_along(run->node->params, run->n, run->m, run->x[0], run->x[1], run->dy, run->dx[0],
                   run->dx[1]);
}

static void tangent(const cr_run *run)
{
    multiply_all(run->node->params, run->n, run->tx[0], run->x[1], 0, run->ty);
    multiply_all(run->node->params, run->n, run->x[0], run->tx[1], 1, run->ty);
}

static void curve(const cr_run *run)
{
    backward_along(run->node->params, 1, run->m, run->tx[0], run->tx[1], run->dy, run->dx[0],
                   run->dx[1]);
}

const cr_op cr_op_product = {.type = "MatMul",
                             .flags = CR_OP_OWN_ORDER | CR_OP_NEEDS_X,
                             .forward = forward,
                             .backward = backward,
                             .tangent = tangent,
                             .curve = curve};
