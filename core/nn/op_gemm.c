/* Gemm and MatMul with constant weights: fully connected layers. Ours are packed, then bias [K]. */
#include "compose.h"

typedef struct gemm {
    int rows, c, k;  /* of one image */
    cr_conv conv;    /* of one row */
    bool transposed; /* the model has them [K][C] */
    double alpha, beta;
    const cr_tensor *weights, *bias; /* bias may be NULL; 1 or K values */
} gemm;

/* A 1x1 convolution over one pixel: a fully connected layer is that. */
static cr_conv pixel(int c, int k)
{
    cr_window win = {.h = 1,
                     .w = 1,
                     .c = c,
                     .p = 1,
                     .q = 1,
                     .k = k,
                     .r = 1,
                     .s = 1,
                     .stride_h = 1,
                     .stride_w = 1,
                     .dilation_h = 1,
                     .dilation_w = 1,
                     .groups = 1};
    return (cr_conv){win, cr_way_of(&win)};
}

/* The order of a value with its last dimension behind the others: also where that is of extent 1, which lies
 * anywhere, for an output has more of it. */
static void order_last(const cr_value *in, int order[CR_MAX_DIMS])
{
    const int last = in->shape.n_dims - 1;
    int n = 0;
    for (int i = 0; i <= last; i++)
        if (in->order[i] != last)
            order[n++] = in->order[i];
    order[n] = last;
}

static cr_status set_weights(cr_graph *graph, cr_node *node, gemm *p, const cr_value *in,
                             cr_error *err)
{
    const cr_tensor *w = p->weights;
    cr_value out = *in;
    int last = in->shape.n_dims - 1;
    p->c = in->shape.dims[last];
    p->rows = (int)(cr_shape_size(&in->shape) / (size_t)p->c);
    if (!w || w->n_dims != 2 || w->dims[p->transposed ? 1 : 0] != p->c)
        return cr_fail(err, CR_EINPUT, "its weights do not fit an input of %d values", p->c);
    p->k = (int)w->dims[p->transposed ? 0 : 1];
    const cr_tensor *bias = p->bias;
    if (bias && bias->n != 1 && (bias->n != p->k || bias->dims[bias->n_dims - 1] != p->k))
        return cr_fail(err, CR_EINPUT, "its bias has %lld values, 1 or %d are supported",
                       (long long)p->bias->n, p->k);
    node->n_folds = p->k;
    p->conv = pixel(p->c, p->k);
    node->n_weights = p->conv.way->weights(&p->conv.win) + (size_t)p->k;
    node->n_scratch = p->conv.way->scratch(&p->conv.win);
    node->n_parameters = w->n + (p->bias ? p->bias->n : 0);
    node->flops = 2.0 * (double)w->n * p->rows;
    out.shape.dims[last] = p->k;
    order_last(in, out.order);
    return cr_node_set_like(graph, node, &out, err);
}

static cr_status load_gemm(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *shape;
    const cr_value *in;
    gemm *p;
    int64_t trans_a, trans_b;
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 2, &shape, err));
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &p->weights, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 2, &p->bias, err));
    CR_OR_RETURN(cr_attribute_int(node, "transA", 0, &trans_a, err));
    CR_OR_RETURN(cr_attribute_int(node, "transB", 0, &trans_b, err));
    CR_OR_RETURN(cr_attribute_float(node, "alpha", 1, &p->alpha, err));
    CR_OR_RETURN(cr_attribute_float(node, "beta", 1, &p->beta, err));
    if (trans_a)
        return cr_fail(err, CR_EINPUT, "transA would mix the images of a batch");
    p->transposed = trans_b != 0;
    return set_weights(graph, node, p, in, err);
}

/* Input i, a vector, as a matrix of one row or one column. */
static cr_status put_matrix(cr_graph *graph, const cr_node *node, int i, int *id, cr_error *err)
{
    const cr_value *value = &graph->values[node->inputs[i]];
    if (!value->constant)
        return cr_put_ints(graph, node, "Unsqueeze", node->inputs[i], &(int64_t){i}, 1, id, err);
    cr_tensor matrix = value->tensor;
    matrix.n_dims = 2;
    matrix.dims[1 - i] = matrix.dims[0];
    matrix.dims[i] = 1;
    return cr_graph_add_constant(graph, NULL, &matrix, id, err);
}

/* A product with a vector: one of matrices, of which the added dimensions are taken away again. */
static cr_status load_vectors(cr_graph *graph, cr_node *node, cr_error *err)
{
    int64_t added[2];
    int n = 0, ids[2] = {node->inputs[0], node->inputs[1]};
    for (int i = 0; i < 2; i++)
        if (cr_node_has_dims(graph, node, i, 1)) {
            CR_OR_RETURN(put_matrix(graph, node, i, &ids[i], err));
            added[n++] = i - 2;
        }
    CR_OR_RETURN(cr_node_insert(graph, node, "MatMul", ids, 2, NULL, &ids[0], err));
    CR_OR_RETURN(cr_graph_add_ints(graph, added, n, &ids[1], err));
    return cr_node_become(graph, node, "Squeeze", ids, 2, NULL, err);
}

static cr_status load_matmul(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    gemm *p;
    if (cr_node_has_dims(graph, node, 0, 1) || cr_node_has_dims(graph, node, 1, 1))
        return load_vectors(graph, node, err);
    const int x = node->inputs[0], w = node->inputs[1];
    if (x < 0 || w < 0 || graph->values[x].constant || !graph->values[w].constant ||
        graph->values[w].tensor.n_dims != 2)
        return cr_product_load(graph, node, err);
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    if (in->shape.n_dims == 0)
        return cr_fail(err, CR_EINPUT, "its input is a single number");
    const int last = in->shape.n_dims - 1;
    if (cr_value_last_dim(in) != last && in->shape.dims[last] > 1) {
        int order[CR_MAX_DIMS];
        order_last(in, order);
        CR_OR_RETURN(cr_node_arrange(graph, node, 0, order, err));
        in = &graph->values[node->inputs[0]];
    }
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &p->weights, err));
    p->alpha = 1;
    return set_weights(graph, node, p, in, err);
}

typedef struct scaled {
    const gemm *gemm;
    const uint8_t *reals; /* the weights', */
    size_t step;          /* as the tensor has them */
    const cr_real *scale; /* may be NULL */
    const int *ties;      /* as the node has them, where weights are rounded; or NULL */
} scaled;

static scaled scale_weights(const cr_node *node, const cr_real *scale, const int *ties)
{
    const gemm *p = node->params;
    return (scaled){p, p->weights->reals, p->weights->step, scale, ties};
}

static cr_real scaled_weight(const void *context, int k, int c, int t)
{
    (void)t;
    const scaled *s = context;
    const gemm *p = s->gemm;
    size_t at =
        p->transposed ? (size_t)k * (size_t)p->c + (size_t)c : (size_t)c * (size_t)p->k + (size_t)k;
    const cr_real value =
        (cr_real)p->alpha * cr_real_at(s->reals, at * s->step) * (s->scale ? s->scale[k] : 1);
    return s->ties ? cr_bfloat16_value(cr_bfloat16_tied(value, s->ties[k])) : value;
}

static cr_real weight(const cr_node *node, int k, int c)
{
    const scaled s = scale_weights(node, NULL, NULL);
    return scaled_weight(&s, k, c, 0);
}

static cr_real plain_weight(const cr_node *node, int k, int c, int t)
{
    const scaled s = scale_weights(node, NULL, NULL);
    return scaled_weight(&s, k, c, t);
}

static cr_real bias(const cr_node *node, int k)
{
    const gemm *p = node->params;
    return p->bias ? (cr_real)p->beta * cr_tensor_real(p->bias, p->bias->n == 1 ? 0 : (size_t)k)
                   : 0;
}

static cr_linear linear(const cr_node *node)
{
    const gemm *p = node->params;
    return (cr_linear){p->conv.win, p->rows, plain_weight, bias};
}

static void pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights)
{
    (void)graph;
    const gemm *p = node->params;
    const scaled s = scale_weights(node, scale, node->ties);
    p->conv.way->pack(&p->conv.win, scaled_weight, &s, weights);
    weights += p->conv.way->weights(&p->conv.win);
    for (int k = 0; k < p->k; k++)
        *weights++ = bias(node, k) * (scale ? scale[k] : 1) + (shift ? shift[k] : 0);
}

static void forward(const cr_run *run)
{
    const gemm *p = run->node->params;
    const cr_conv *conv = &p->conv;
    conv->way->forward(&conv->win,
                       &(cr_conv_pass){.n = run->n * p->rows,
                                       .x = run->x[0],
                                       .weights = run->weights,
                                       .bias = cr_bias(run, conv->way->weights(&conv->win)),
                                       .add = run->adds ? run->x[1] : NULL,
                                       .clamp = run->node->clamp,
                                       .y = run->y,
                                       .scratch = run->scratch});
}

static void backward(const cr_run *run)
{
    const gemm *p = run->node->params;
    const cr_conv *conv = &p->conv;
    if (run->dx[0])
        conv->way->backward(&conv->win, &(cr_conv_back){.n = run->n * run->m * p->rows,
                                                        .dy = run->dy,
                                                        .weights = run->weights,
                                                        .dx = run->dx[0],
                                                        .scratch = run->scratch});
}

const cr_op cr_op_gemm = {.type = "Gemm",
                          .min_inputs = 2,
                          .max_inputs = 3,
                          .flags = CR_OP_FOLDS | CR_OP_ADDS | CR_OP_CLAMPS | CR_OP_OVERWRITES |
                                   CR_OP_LINEAR,
                          .load = load_gemm,
                          .pack = pack,
                          .weight = weight,
                          .linear = linear,
                          .forward = forward,
                          .backward = backward};

const cr_op cr_op_matmul = {.type = "MatMul",
                            .min_inputs = 2,
                            .max_inputs = 2,
                            .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER | CR_OP_FOLDS | CR_OP_ADDS |
                                     CR_OP_CLAMPS | CR_OP_OVERWRITES | CR_OP_LINEAR,
                            .load = load_matmul,
                            .pack = pack,
                            .weight = weight,
                            .linear = linear,
                            .forward = forward,
                            .backward = backward};
