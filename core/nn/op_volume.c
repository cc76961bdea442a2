/* Conv of volumes [1, C, D, H, W], and ConvTranspose of sequences, maps and volumes: the way back of a
 * convolution, run forward. ONNX weights [K][C/G][window], of a ConvTranspose [C][K/G][window]. */
#include "graph.h"

#define MAX_TRANSPOSED 65536 /* of an output's extents */

typedef struct volume {
    cr_volume kernel; /* of a ConvTranspose: of what it is the way back */
    bool transposed;
    const cr_tensor *weights, *bias; /* bias may be NULL */
    size_t n_in, n_out;              /* elements of an image */
    int k;                           /* channels of the output */
} volume;

/* The input with its channels last in memory. */
static cr_status arrange(cr_graph *graph, cr_node *node, const cr_value **in,
                         int order[CR_MAX_DIMS], cr_error *err)
{
    CR_OR_RETURN(cr_node_value(graph, node, 0, in, err));
    const int n = (*in)->shape.n_dims;
    if (n < 3 || n > 5)
        return cr_fail(err, CR_EINPUT, "input 1 has %d dimensions, 3 to 5 are supported", n);
    if ((*in)->shape.dims[0] != 1)
        return cr_fail(err, CR_EINPUT, "input 1 has %d maps for one image, only 1 is supported",
                       (*in)->shape.dims[0]);
    for (int d = 0; d < n; d++)
        order[d] = d == 0 ? 0 : d < n - 1 ? d + 1 : 1;
    CR_OR_RETURN(cr_node_arrange(graph, node, 0, order, err));
    *in = &graph->values[node->inputs[0]];
    return CR_OK;
}

/* Weights and bias: *k output channels. */
static cr_status read_weights(cr_graph *graph, cr_node *node, volume *p, const cr_shape *in,
                              cr_error *err)
{
    int64_t groups;
    const int c = in->dims[1];
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &p->weights, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 2, &p->bias, err));
    CR_OR_RETURN(cr_attribute_int(node, "group", 1, &groups, err));
    const cr_tensor *w = p->weights;
    bool fits =
        w && w->n_dims == in->n_dims && w->n > 0 && groups >= 1 && groups <= c && c % groups == 0;
    fits = fits &&
           (p->transposed ? w->dims[0] == c : w->dims[1] == c / groups && w->dims[0] % groups == 0);
    const int64_t k = !fits ? 0 : p->transposed ? w->dims[1] * groups : w->dims[0];
    if (!fits || k > CR_MAX_ELEMENTS || (p->bias && p->bias->n != k))
        return cr_fail(err, CR_EINPUT, "its weights do not fit an input of %d channels", c);
    p->k = (int)k;
    p->kernel.groups = (int)groups;
    p->kernel.c = p->transposed ? p->k : c;
    p->kernel.k = p->transposed ? c : p->k;
    node->n_folds = p->k;
    node->n_weights = (size_t)w->n + (size_t)p->k;
    node->n_parameters = w->n + (p->bias ? p->bias->n : 0);
    return CR_OK;
}

/* The output of a ConvTranspose along each dimension, and its pads: given, or of an output that is given,
 * in which case auto_pad says which end gets the larger part. */
static cr_status transpose_spans(cr_graph *graph, const cr_node *node, int n, cr_span *spans,
                                 cr_error *err)
{
    const char *auto_pad;
    int64_t beyond[3] = {0}, outputs[3];
    bool present, sized;
    CR_OR_RETURN(cr_spans_read(graph, node, n, spans, &auto_pad, err));
    CR_OR_RETURN(cr_attribute_ints(node, "output_padding", n, beyond, &present, err));
    CR_OR_RETURN(cr_attribute_ints(node, "output_shape", n, outputs, &sized, err));
    const bool same = strncmp(auto_pad, "SAME", 4) == 0;
    for (int d = 0; d < n; d++) {
        cr_span *s = &spans[d];
        const int64_t reach = cr_span_reach(s);
        if (beyond[d] < 0 || beyond[d] > MAX_TRANSPOSED || reach > MAX_TRANSPOSED ||
            (sized && (outputs[d] < 1 || outputs[d] > MAX_TRANSPOSED)))
            return cr_fail(err, CR_EINPUT, "its window or its output is out of range");
        const int64_t whole = (int64_t)s->stride * (s->size - 1) + beyond[d] + reach;
        const int64_t out = sized  ? outputs[d]
                            : same ? (int64_t)s->size * s->stride
                                   : whole - s->before - s->after;
        const int64_t pad = whole > out ? whole - out : 0;
        if (out < 1 || out > MAX_TRANSPOSED)
            return cr_fail(err, CR_EINPUT, "its output would be empty or too large");
        s->out = (int)out;
        if (sized || same)
            s->before = (int)(strcmp(auto_pad, "SAME_UPPER") == 0 ? pad / 2 : pad - pad / 2);
    }
    return CR_OK;
}

static cr_status load(cr_graph *graph, cr_node *node, bool transposed, cr_error *err)
{
    const cr_value *in;
    volume *p;
    int order[CR_MAX_DIMS];
    cr_span spans[3] = {0};
    CR_OR_RETURN(arrange(graph, node, &in, order, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->transposed = transposed;
    CR_OR_RETURN(read_weights(graph, node, p, &in->shape, err));
    const int n = in->shape.n_dims - 2;
    for (int d = 0; d < n; d++)
        spans[d] = (cr_span){.size = in->shape.dims[2 + d], .window = (int)p->weights->dims[2 + d]};
    CR_OR_RETURN(transposed ? transpose_spans(graph, node, n, spans, err)
                            : cr_spans_load(graph, node, n, false, spans, err));
    cr_shape out = in->shape;
    out.dims[1] = p->k;
    for (int d = 0; d < 3; d++) {
        const cr_span one = {1, 1, 1, 1, 1, 0, 0}, *s = d < 3 - n ? &one : &spans[d - (3 - n)];
        p->kernel.in[d] = transposed ? s->out : s->size;
        p->kernel.out[d] = transposed ? s->size : s->out;
        p->kernel.window[d] = s->window;
        p->kernel.stride[d] = s->stride;
        p->kernel.pad[d] = s->before;
        p->kernel.dilation[d] = s->dilation;
        if (d >= 3 - n)
            out.dims[2 + d - (3 - n)] = s->out;
    }
    CR_OR_RETURN(cr_node_set_shape(graph, node, &out, err));
    memcpy(graph->values[node->y].order, order, sizeof order);
    p->n_in = cr_shape_size(&in->shape);
    p->n_out = cr_shape_size(&out);
    node->flops =
        2.0 * (double)p->weights->n * p->kernel.out[0] * p->kernel.out[1] * p->kernel.out[2];
    return CR_OK;
}

static cr_status load_transposed(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load(graph, node, true, err);
}

/* The channel of the output and the place in ONNX's weights of what the kernel has at window place t from
 * channel c to channel k of group g. */
static size_t place(const volume *p, size_t n_places, int g, int c, int k, size_t t, int *channel)
{
    const int of_c = p->kernel.c / p->kernel.groups, of_k = p->kernel.k / p->kernel.groups;
    *channel = p->transposed ? g * of_c + c : g * of_k + k;
    return (((size_t)(g * of_k + k) * (size_t)of_c) + (size_t)c) * n_places + t;
}

static void pack(const cr_graph *graph, const cr_node *node, const cr_real *scale,
                 const cr_real *shift, cr_real *weights)
{
    (void)graph;
    const volume *p = node->params;
    const cr_volume *v = &p->kernel;
    const size_t n_places = (size_t)v->window[0] * (size_t)v->window[1] * (size_t)v->window[2];
    for (size_t t = 0; t < n_places; t++)
        for (int g = 0; g < v->groups; g++)
            for (int c = 0; c < v->c / v->groups; c++)
                for (int k = 0; k < v->k / v->groups; k++) {
                    int channel;
                    const size_t at = place(p, n_places, g, c, k, t, &channel);
                    const cr_real value =
                        cr_tensor_real(p->weights, at) * (scale ? scale[channel] : 1);
                    *weights++ = value;
                }
    for (int k = 0; k < p->k; k++)
        *weights++ = (p->bias ? cr_tensor_real(p->bias, (size_t)k) : 0) * (scale ? scale[k] : 1) +
                     (shift ? shift[k] : 0);
}

/* Backward of a Conv and forward of a ConvTranspose are the same, and the other way round. */
static void convolve(const volume *p, bool back, int n, const cr_real *from, const cr_real *weights,
                     cr_real *to)
{
    (back != p->transposed ? cr_volume_backward : cr_volume_forward)(&p->kernel, n, from, weights,
                                                                     to);
}

static void forward(const cr_run *run)
{
    const volume *p = run->node->params;
    const cr_real *bias = cr_bias(run, (size_t)p->weights->n);
    for (size_t i = 0; i < (size_t)run->n * p->n_out; i += (size_t)p->k)
        memcpy(run->y + i, bias, (size_t)p->k * sizeof *bias);
    convolve(p, false, run->n, run->x[0], run->weights, run->y);
}

static void backward(const cr_run *run)
{
    convolve(run->node->params, true, run->n * run->m, run->dy, run->weights, run->dx[0]);
}

static const cr_op volume_op = {.type = "Conv",
                                .flags = CR_OP_FOLDS | CR_OP_OWN_ORDER | CR_OP_LINEAR,
                                .pack = pack,
                                .forward = forward,
                                .backward = backward};

cr_status cr_volume_load(cr_graph *graph, cr_node *node, cr_error *err)
{
    node->op = &volume_op;
    node->flags = volume_op.flags;
    return load(graph, node, false, err);
}

const cr_op cr_op_conv_transpose = {.type = "ConvTranspose",
                                    .min_inputs = 2,
                                    .max_inputs = 3,
                                    .flags = CR_OP_FOLDS | CR_OP_OWN_ORDER | CR_OP_LINEAR,
                                    .load = load_transposed,
                                    .pack = pack,
                                    .forward = forward,
                                    .backward = backward};
