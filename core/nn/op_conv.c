/* Conv. ONNX weights [K][C/G][R][S]; ours packed, then bias [K]. */
#include "graph.h"

typedef struct conv {
    cr_window win;
    const cr_tensor *weights, *bias; /* bias may be NULL */
} conv;

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *in;
    conv *p;
    int64_t groups;
    int pad_bottom, pad_right;
    CR_TRY(cr_node_activation(graph, node, 0, 4, &in, err));
    CR_TRY(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_TRY(cr_node_reals(graph, node, 1, &p->weights, err));
    CR_TRY(cr_node_reals(graph, node, 2, &p->bias, err));
    CR_TRY(cr_attribute_int(node, "group", 1, &groups, err));
    const cr_tensor *w = p->weights;
    int c = cr_shape_c(in);
    if (!w || w->n_dims != 4 || groups < 1 || groups > c || c % groups ||
        w->dims[1] != c / groups || w->dims[0] % groups || w->n < 1 ||
        (p->bias && p->bias->n != w->dims[0])) {
        status = cr_fail(err, CR_EINPUT, "its weights do not fit an input of %d channels", c);
        goto cleanup;
    }
    /* Dimensions of a tensor whose elements we hold fit an int. */
    p->win.r = (int)w->dims[2];
    p->win.s = (int)w->dims[3];
    p->win.k = (int)w->dims[0];
    p->win.groups = (int)groups;
    CR_TRY(cr_window_load(graph, node, in, false, &p->win, &pad_bottom, &pad_right, err));
    node->n_folds = p->win.k;
    node->n_weights = cr_conv_weights(&p->win) + (size_t)p->win.k;
    node->n_weights_back = cr_conv_weights_back(&p->win);
    node->n_scratch = cr_conv_scratch(&p->win);
    node->n_parameters = w->n + (p->bias ? p->bias->n : 0);
    node->flops = 2.0 * (double)w->n * p->win.p * p->win.q;
    CR_TRY(cr_node_set_shape(graph, node, &(cr_shape){4, {1, p->win.k, p->win.p, p->win.q}}, err));

cleanup:
    return status;
}

const cr_window *cr_conv_window(const cr_node *node)
{
    return &((const conv *)node->params)->win;
}

/* ONNX's weights, each output channel scaled. */
typedef struct scaled {
    const conv *conv;
    const cr_real *scale; /* may be NULL */
} scaled;

static cr_real scaled_weight(const void *context, int k, int c, int t)
{
    const scaled *p = context;
    const cr_window *win = &p->conv->win;
    size_t at = (size_t)k * (size_t)(win->c / win->groups) + (size_t)c;
    at = at * (size_t)(win->r * win->s) + (size_t)t;
    return cr_tensor_real(p->conv->weights, at) * (p->scale ? p->scale[k] : 1);
}

static cr_real weight(const cr_node *node, int k, int c)
{
    return scaled_weight(&(scaled){node->params, NULL}, k, c, 0);
}

static void pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights)
{
    (void)graph;
    const conv *p = node->params;
    cr_conv_pack(&p->win, scaled_weight, &(scaled){p, scale}, weights);
    cr_real *bias = weights + cr_conv_weights(&p->win);
    for (int k = 0; k < p->win.k; k++)
        bias[k] = (p->bias ? cr_tensor_real(p->bias, (size_t)k) : 0) * (scale ? scale[k] : 1) +
                  (shift ? shift[k] : 0);
}

static void pack_back(const cr_node *node, const cr_real *scale, cr_real *weights)
{
    const conv *p = node->params;
    cr_conv_pack_back(&p->win, scaled_weight, &(scaled){p, scale}, weights);
}

static const char *kernel(const cr_node *node)
{
    return cr_conv_kernel(cr_conv_window(node));
}

static void forward(const cr_run *run)
{
    const conv *p = run->node->params;
    cr_conv_forward(&p->win, run->n, run->x[0], run->weights,
                    run->weights + cr_conv_weights(&p->win), run->adds ? run->x[1] : NULL,
                    run->node->clamp, run->y, run->scratch);
}

static void backward(const cr_run *run)
{
    const conv *p = run->node->params;
    if (run->dx[0])
        cr_conv_backward(&p->win, run->n * run->m, run->dy, run->weights, run->weights_back,
                         run->dx[0], run->scratch);
}

const cr_op cr_op_conv = {.type = "Conv",
                          .min_inputs = 2,
                          .max_inputs = 3,
                          .flags = CR_OP_FOLDS | CR_OP_ADDS | CR_OP_CLAMPS,
                          .load = load,
                          .pack = pack,
                          .pack_back = pack_back,
                          .weight = weight,
                          .kernel = kernel,
                          .forward = forward,
                          .backward = backward};
