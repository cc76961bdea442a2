/* Conv. ONNX weights [K][C/G][R][S]; ours packed, then bias [K]. */
#include "graph.h"

#include <stdio.h>

typedef struct conv {
    cr_conv conv;
    const cr_tensor *weights, *bias; /* bias may be NULL */
} conv;

/* The weights that a way needs, with the bias behind those of the way forth. */
static void set_way(cr_node *node, const cr_way *way)
{
    conv *p = node->params;
    const cr_window *win = &p->conv.win;
    p->conv.way = way;
    node->flags &= ~(unsigned)CR_OP_OVERWRITES;
    node->flags |= way->adds_in_place ? CR_OP_OVERWRITES : 0;
    node->n_weights = way->weights(win) + (size_t)win->k;
    node->n_weights_back = way->weights_back ? way->weights_back(win) : 0;
    node->n_scratch = way->scratch(win);
}

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *in;
    conv *p;
    int64_t groups;
    int pad_bottom, pad_right;
    if (cr_node_has_dims(graph, node, 0, 3))
        return cr_widen_load(graph, node, err);
    if (cr_node_has_dims(graph, node, 0, 5))
        return cr_volume_load(graph, node, err);
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 4, &in, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &p->weights, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 2, &p->bias, err));
    CR_OR_RETURN(cr_attribute_int(node, "group", 1, &groups, err));
    const cr_tensor *w = p->weights;
    int c = cr_shape_c(in);
    if (!w || w->n_dims != 4 || groups < 1 || groups > c || c % groups ||
        w->dims[1] != c / groups || w->dims[0] % groups || w->n < 1 ||
        (p->bias && p->bias->n != w->dims[0]))
        return cr_fail(err, CR_EINPUT, "its weights do not fit an input of %d channels", c);
    /* Dimensions of a tensor whose elements we hold fit an int. */
    cr_window *win = &p->conv.win;
    win->r = (int)w->dims[2];
    win->s = (int)w->dims[3];
    win->k = (int)w->dims[0];
    win->groups = (int)groups;
    CR_OR_RETURN(cr_window_load(graph, node, in, false, win, &pad_bottom, &pad_right, err));
    node->n_folds = win->k;
    node->n_parameters = w->n + (p->bias ? p->bias->n : 0);
    node->flops = 2.0 * (double)w->n * win->p * win->q;
    set_way(node, cr_way_of(win));
    return cr_node_set_shape(graph, node, &(cr_shape){4, {1, win->k, win->p, win->q}}, err);
}

const cr_conv *cr_conv_of(const cr_node *node)
{
    return &((const conv *)node->params)->conv;
}

/* ONNX's weights, each output channel scaled. */
typedef struct scaled {
    const conv *conv;
    const uint8_t *reals; /* the weights', */
    size_t step;          /* as the tensor has them */
    const cr_real *scale; /* may be NULL */
    const int *ties;      /* as the node has them, where weights are rounded; or NULL */
} scaled;

static scaled scale_weights(const cr_node *node, const cr_real *scale, const int *ties)
{
    const conv *p = node->params;
    return (scaled){p, p->weights->reals, p->weights->step, scale, ties};
}

static cr_real scaled_weight(const void *context, int k, int c, int t)
{
    const scaled *p = context;
    const cr_window *win = &p->conv->conv.win;
    size_t at = (size_t)k * (size_t)(win->c / win->groups) + (size_t)c;
    at = at * (size_t)(win->r * win->s) + (size_t)t;
    const cr_real value = cr_real_at(p->reals, at * p->step) * (p->scale ? p->scale[k] : 1);
    return p->ties ? cr_bfloat16_value(cr_bfloat16_tied(value, p->ties[k])) : value;
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

static cr_real plain_bias(const cr_node *node, int k)
{
    const conv *p = node->params;
    return p->bias ? cr_tensor_real(p->bias, (size_t)k) : 0;
}

static cr_linear linear(const cr_node *node)
{
    return (cr_linear){cr_conv_of(node)->win, 1, plain_weight, plain_bias};
}

static void pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights)
{
    (void)graph;
    const conv *p = node->params;
    const cr_window *win = &p->conv.win;
    const scaled s = scale_weights(node, scale, node->ties);
    p->conv.way->pack(win, scaled_weight, &s, weights);
    cr_real *bias = weights + p->conv.way->weights(win);
    for (int k = 0; k < win->k; k++)
        bias[k] = plain_bias(node, k) * (scale ? scale[k] : 1) + (shift ? shift[k] : 0);
}

static void pack_back(const cr_node *node, const cr_real *scale, cr_real *weights)
{
    const conv *p = node->params;
    const scaled s = scale_weights(node, scale, node->ties);
    p->conv.way->pack_back(&p->conv.win, scaled_weight, &s, weights);
}

static void convolve(const cr_run *run, const cr_window *win)
{
    const cr_conv *c = cr_conv_of(run->node);
    c->way->forward(win, &(cr_conv_pass){.n = run->n,
                                         .x = run->x[0],
                                         .x_step = run->x_step[0],
                                         .weights = run->weights,
                                         .bias = cr_bias(run, c->way->weights(&c->win)),
                                         .add = run->adds ? run->x[1] : NULL,
                                         .clamp = run->node->clamp,
                                         .y = run->y,
                                         .y_step = run->y_step,
                                         .scratch = run->scratch});
}

static void forward(const cr_run *run)
{
    convolve(run, &cr_conv_of(run->node)->win);
}

static cr_cut cut(const cr_node *node, int first, int n)
{
    const cr_conv *c = cr_conv_of(node);
    return c->way->by_rows ? cr_cut_window(&c->win, first, n) : (cr_cut){0};
}

static void forward_rows(const cr_run *run, int first, int n)
{
    const cr_window win = cr_window_rows(&cr_conv_of(run->node)->win, first, n, &(int){0});
    convolve(run, &win);
}

static void backward(const cr_run *run)
{
    const cr_conv *c = cr_conv_of(run->node);
    if (run->dx[0])
        c->way->backward(&c->win, &(cr_conv_back){.n = run->n * run->m,
                                                  .dy = run->dy,
                                                  .weights = run->weights,
                                                  .weights_back = run->weights_back,
                                                  .dx = run->dx[0],
                                                  .scratch = run->scratch});
}

static const cr_real *bias_of(const cr_run *run)
{
    const cr_conv *c = cr_conv_of(run->node);
    return run->weights + c->way->weights(&c->win);
}

const cr_op cr_op_conv = {.type = "Conv",
                          .min_inputs = 2,
                          .max_inputs = 3,
                          .flags = CR_OP_FOLDS | CR_OP_ADDS | CR_OP_CLAMPS | CR_OP_READS_STEPS |
                                   CR_OP_WRITES_STEPS | CR_OP_LINEAR,
                          .load = load,
                          .pack = pack,
                          .pack_back = pack_back,
                          .weight = weight,
                          .linear = linear,
                          .conv = cr_conv_of,
                          .forward = forward,
                          .backward = backward,
                          .cut = cut,
                          .forward_rows = forward_rows,
                          .bias = bias_of};

/* A Conv by its name, or by that of its output. */
static cr_node *find_conv(cr_graph *graph, const char *layer)
{
    int value = cr_graph_find(graph, layer);
    int node = value < 0 ? -1 : graph->values[value].producer;
    return node >= 0 && graph->nodes[node].op->conv ? &graph->nodes[node] : NULL;
}

static cr_status fail_unknown(const char *name, size_t n_name, cr_error *err)
{
    char known[200] = "";
    for (size_t i = 0, n = 0; cr_ways[i] && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "",
                              cr_ways[i]->name);
    return cr_fail(err, CR_EINPUT, "no kernel of convolutions is named \"%.*s\": there are %s",
                   n_name < 60 ? (int)n_name : 60, name, known);
}

cr_status cr_graph_use_kernel(cr_graph *graph, const char *kernel, cr_error *err)
{
    size_t n_name = strcspn(kernel, "@");
    const char *layer = kernel[n_name] ? kernel + n_name + 1 : NULL;
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)n_name, kernel);
    const cr_way *way = n_name < sizeof name ? cr_way_find(name) : NULL;
    cr_node *only = layer ? find_conv(graph, layer) : NULL;
    if (!way)
        return fail_unknown(kernel, n_name, err);
    if (layer && !only)
        return cr_fail(err, CR_EINPUT, "no convolution is named \"%.100s\"", layer);
    if (layer && !way->fits(&cr_conv_of(only)->win))
        return cr_fail(err, CR_EINPUT, "the kernel %s does not fit the convolution \"%.100s\"",
                       name, layer);
    for (int i = 0; i < graph->n_nodes; i++) {
        cr_node *node = &graph->nodes[i];
        if (node->op->conv && (!only || node == only) && way->fits(&cr_conv_of(node)->win))
            set_way(node, way);
    }
    return CR_OK;
}
