/* Resize, and Upsample as it was called before: an interpolation along each dimension whose extent
 * changes, one node each. Coordinates and taps are those of ONNX's definition of Resize. */
#include "move.h"

#define MAX_TAPS 65536 /* of a filter that is widened against aliasing */

typedef struct interpolation {
    cr_interpolate kernel;
    size_t outer; /* of one image */
} interpolation;

/* How positions of the output become positions of the input. */
typedef struct rule {
    const char *coordinates, *nearest;
    int n_taps; /* 1 nearest, 2 linear, 4 cubic */
    double cubic;
    bool exclude_outside, antialias;
    const char *aspect;
    const cr_tensor
        *region; /* of tf_crop_and_resize: where each dimension starts and ends, as parts of it */
} rule;

/* What node->wish of one of ours is. */
typedef struct along {
    int dim, n_out;
    double scale, start, end;
    const rule *rule;
} along;

static double position(const along *a, int i, int n_in)
{
    const char *mode = a->rule->coordinates;
    const double half = (i + 0.5) / a->scale - 0.5;
    if (strcmp(mode, "asymmetric") == 0)
        return i / a->scale;
    if (strcmp(mode, "align_corners") == 0)
        return a->n_out > 1 ? (double)i * (n_in - 1) / (a->scale * n_in - 1) : 0;
    if (strcmp(mode, "pytorch_half_pixel") == 0)
        return a->n_out > 1 ? half : 0;
    if (strcmp(mode, "tf_half_pixel_for_nn") == 0)
        return (i + 0.5) / a->scale;
    if (strcmp(mode, "tf_crop_and_resize") == 0)
        return (n_in - 1) * (a->n_out > 1 ? a->start + i * (a->end - a->start) / (a->n_out - 1)
                                          : (a->start + a->end) / 2);
    if (strcmp(mode, "half_pixel_symmetric") == 0)
        return n_in / 2.0 * (1 - a->n_out / (a->scale * n_in)) + half;
    return half;
}

static double nearest(const rule *r, double x)
{
    return strcmp(r->nearest, "floor") == 0               ? floor(x)
           : strcmp(r->nearest, "ceil") == 0              ? ceil(x)
           : strcmp(r->nearest, "round_prefer_ceil") == 0 ? floor(x + 0.5)
                                                          : ceil(x - 0.5);
}

/* The weight of a sample at a distance, of Keys' cubic convolution (1981) with its parameter. */
static double cubic_weight(double a, double distance)
{
    const double d = fabs(distance);
    return d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
           : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                   : 0;
}

/* How much closer samples count as where the filter is widened: by as much as the output is smaller. */
static double shrinking(const along *a)
{
    return a->rule->antialias && a->rule->n_taps > 1 && a->scale < 1 ? a->scale : 1;
}

/* The samples that the filter reaches, on both sides. */
static double count_taps(const along *a)
{
    const double shrinks = shrinking(a);
    return shrinks < 1 ? 2 * ceil(a->rule->n_taps / 2 / shrinks) : a->rule->n_taps;
}

/* The samples that output i is made of, and their weights; none of what lies outside of a region. */
static void find_taps(const along *a, int i, int n_in, int n_taps, int *index, double *weights)
{
    const rule *r = a->rule;
    const double shrinks = shrinking(a), x = position(a, i, n_in);
    const double first = floor(x) - (n_taps / 2 - (n_taps > 1));
    const bool nowhere = r->region && (x < 0 || x > n_in - 1);
    double sum = 0;
    for (int t = 0; t < n_taps; t++) {
        const double at = r->n_taps == 1 ? nearest(r, x) : first + t;
        const bool outside = at < 0 || at > n_in - 1;
        index[t] = (int)fmin(fmax(at, 0), n_in - 1);
        weights[t] = r->n_taps == 1   ? 1
                     : r->n_taps == 2 ? fmax(0, 1 - shrinks * fabs(x - at))
                                      : cubic_weight(r->cubic, shrinks * (x - at));
        if (r->n_taps > 1 && r->exclude_outside && outside)
            weights[t] = 0;
        sum += weights[t];
    }
    for (int t = 0; t < n_taps; t++)
        weights[t] = nowhere ? 0 : weights[t] / sum;
}

static cr_status load_along(cr_graph *graph, cr_node *node, cr_error *err)
{
    const along *a = node->wish;
    const cr_value *in;
    interpolation *p;
    bool behind = false;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    if (!(count_taps(a) <= MAX_TAPS))
        return cr_fail(err, CR_EINPUT, "its scales or sizes are out of range");
    const int n_in = in->shape.dims[a->dim], n_taps = (int)count_taps(a);
    const size_t n = (size_t)a->n_out * (size_t)n_taps;
    cr_value out = *in;
    out.shape.dims[a->dim] = a->n_out;
    CR_OR_RETURN(
        cr_node_set_like(graph, node, &out, err)); /* before the tables of what is too large */
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_OR_RETURN(cr_move_take(graph, n, err));
    int *index = cr_arena_alloc(&graph->arena, n, sizeof *index);
    cr_real *weights = cr_arena_alloc(&graph->arena, n, sizeof *weights);
    double *of = cr_arena_alloc(&graph->arena, (size_t)n_taps, sizeof *of);
    if (!index || !weights || !of)
        return cr_fail_memory(err, "an interpolation", n, sizeof *weights);
    for (int i = 0; i < a->n_out; i++) {
        find_taps(a, i, n_in, n_taps, index + (size_t)i * (size_t)n_taps, of);
        for (int t = 0; t < n_taps; t++)
            weights[(size_t)i * (size_t)n_taps + (size_t)t] = (cr_real)of[t];
    }
    *p = (interpolation){{n_in, a->n_out, n_taps, 1, index, weights}, 1};
    for (int i = 0; i < in->shape.n_dims; i++) {
        const int d = in->order[i];
        if (d != a->dim)
            *(behind ? &p->kernel.inner : &p->outer) *= (size_t)in->shape.dims[d];
        behind = behind || d == a->dim;
    }
    node->flops = 2.0 * n_taps * (double)cr_shape_size(&out.shape);
    return CR_OK;
}

static void forward(const cr_run *run)
{
    const interpolation *p = run->node->params;
    cr_interpolate_forward(&p->kernel, (size_t)run->n * p->outer, run->x[0], run->y);
}

static void backward(const cr_run *run)
{
    const interpolation *p = run->node->params;
    cr_interpolate_backward(&p->kernel, (size_t)run->n * (size_t)run->m * p->outer, run->dy,
                            run->dx[0]);
}

static const cr_op interpolate_op = {.type = "interpolate",
                                     .flags = CR_OP_ANY_ORDER | CR_OP_LINEAR,
                                     .load = load_along,
                                     .forward = forward,
                                     .backward = backward};

/* The region of tf_crop_and_resize, outside of which there is nothing. */
static cr_status read_region(cr_graph *graph, const cr_node *node, rule *r, cr_error *err)
{
    double fill;
    CR_OR_RETURN(cr_attribute_float(node, "extrapolation_value", 0, &fill, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &r->region, err));
    if (!r->region || fill != 0)
        return cr_fail(err, CR_EINPUT,
                       "its region is left out, or an extrapolation_value other than 0");
    return CR_OK;
}

/* Up to operator set 10, and in Upsample, positions were not shifted and the nearest one was below. */
static cr_status read_rule(cr_graph *graph, const cr_node *node, rule *r, cr_error *err)
{
    static const char *const known[] = {
        "half_pixel",           "pytorch_half_pixel",   "align_corners",     "asymmetric",
        "half_pixel_symmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
    const char *mode;
    int64_t exclude, antialias;
    bool is_known = false;
    const bool old = graph->opset < 11 || strcmp(node->type, "Upsample") == 0;
    CR_OR_RETURN(cr_attribute_string(graph, node, "mode", "nearest", &mode, err));
    CR_OR_RETURN(cr_attribute_string(graph, node, "coordinate_transformation_mode",
                                     old ? "asymmetric" : "half_pixel", &r->coordinates, err));
    CR_OR_RETURN(cr_attribute_string(graph, node, "nearest_mode",
                                     old ? "floor" : "round_prefer_floor", &r->nearest, err));
    CR_OR_RETURN(cr_attribute_float(node, "cubic_coeff_a", -0.75, &r->cubic, err));
    CR_OR_RETURN(cr_attribute_int(node, "exclude_outside", 0, &exclude, err));
    CR_OR_RETURN(cr_attribute_int(node, "antialias", 0, &antialias, err));
    CR_OR_RETURN(
        cr_attribute_string(graph, node, "keep_aspect_ratio_policy", "stretch", &r->aspect, err));
    r->exclude_outside = exclude != 0;
    r->antialias = antialias != 0;
    r->n_taps = strcmp(mode, "nearest") == 0                                   ? 1
                : strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0 ? 2
                : strcmp(mode, "cubic") == 0                                   ? 4
                                                                               : 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_known = is_known || strcmp(known[i], r->coordinates) == 0;
    if (!r->n_taps || !is_known)
        return cr_fail(err, CR_EINPUT, "mode %.40s with coordinates %.40s is not supported", mode,
                       r->coordinates);
    if (strcmp(r->aspect, "stretch") != 0 && strcmp(r->aspect, "not_larger") != 0 &&
        strcmp(r->aspect, "not_smaller") != 0)
        return cr_fail(err, CR_EINPUT, "keep_aspect_ratio_policy %.40s is unknown", r->aspect);
    if (strcmp(r->coordinates, "tf_crop_and_resize") == 0)
        CR_OR_RETURN(read_region(graph, node, r, err));
    return CR_OK;
}

/* The one scale of all dimensions that `sizes` allow: the least or, of not_smaller, the largest. */
static double shared_scale(const rule *r, const cr_tensor *sizes, const int64_t *axes,
                           const cr_shape *in)
{
    const bool largest = strcmp(r->aspect, "not_smaller") == 0;
    double scale = largest ? 0 : INFINITY;
    for (int i = 0; i < (int)sizes->n; i++) {
        const int64_t axis = axes ? axes[i] + (axes[i] < 0 ? in->n_dims : 0) : i;
        const double own = (double)sizes->ints[i] / in->dims[axis];
        scale = largest ? fmax(scale, own) : fmin(scale, own);
    }
    return scale;
}

/* The extent and scale of each dimension, from scales or sizes of all of them or of `axes`. */
static cr_status read_sizes(cr_graph *graph, cr_node *node, const cr_shape *in, const rule *r,
                            along *dims, cr_error *err)
{
    const bool old = graph->opset < 11 || strcmp(node->type, "Upsample") == 0;
    const Onnx__AttributeProto *listed = cr_attribute_find(node, "scales");
    const cr_tensor *scales = NULL, *sizes = NULL;
    const int64_t *axes;
    int64_t n_axes;
    const Onnx__AttributeProto *of_axes = cr_attribute_find(node, "axes");
    CR_OR_RETURN(cr_node_reals(graph, node, old ? 1 : 2, &scales, err));
    if (!old)
        CR_OR_RETURN(cr_node_ints(graph, node, 3, &sizes, err));
    scales = scales && scales->n ? scales : NULL;
    axes = of_axes ? of_axes->ints : NULL;
    n_axes = of_axes ? (int64_t)of_axes->n_ints : in->n_dims;
    const int64_t n = sizes    ? sizes->n
                      : scales ? scales->n
                      : listed ? (int64_t)listed->n_floats
                               : 0;
    if (n != n_axes || n > in->n_dims)
        return cr_fail(err, CR_EINPUT, "its scales or sizes do not fit %d dimensions", in->n_dims);
    for (int d = 0; d < in->n_dims; d++)
        dims[d] = (along){.dim = d, .n_out = in->dims[d], .scale = 1, .end = 1};
    for (int i = 0; i < (int)n; i++)
        if (axes && (axes[i] < -in->n_dims || axes[i] >= in->n_dims))
            return cr_fail(err, CR_EINPUT, "its axes are not valid");
    const bool shares = sizes && strcmp(r->aspect, "stretch") != 0;
    const double shared = shares ? shared_scale(r, sizes, axes, in) : 0;
    const cr_tensor *region = r->region;
    if (region && region->n != 2 * n)
        return cr_fail(err, CR_EINPUT, "its region does not fit %d dimensions", in->n_dims);
    for (int i = 0; i < (int)n; i++) {
        const int64_t axis = axes ? axes[i] + (axes[i] < 0 ? in->n_dims : 0) : i;
        const int extent = in->dims[axis];
        const double scale = shares   ? shared
                             : sizes  ? (double)sizes->ints[i] / extent
                             : scales ? (double)cr_tensor_real(scales, (size_t)i)
                                      : (double)listed->floats[i];
        const double out = shares  ? floor(extent * scale + 0.5)
                           : sizes ? (double)sizes->ints[i]
                                   : floor(extent * scale);
        const bool batch = axis == 0 && graph->declared_batch > 1;
        if (!(scale > 0) || !(out >= 1) || out > CR_MAX_ELEMENTS || (batch && scale != 1))
            return cr_fail(err, CR_EINPUT, "its scales or sizes are out of range");
        dims[axis].n_out = (int)out;
        dims[axis].scale = scale;
        dims[axis].start = region ? (double)cr_tensor_real(region, (size_t)i) : 0;
        dims[axis].end = region ? (double)cr_tensor_real(region, (size_t)(i + n)) : 1;
    }
    return CR_OK;
}

static cr_status load_resize(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    along dims[CR_MAX_DIMS];
    rule r = {0};
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(read_rule(graph, node, &r, err));
    CR_OR_RETURN(read_sizes(graph, node, &in->shape, &r, dims, err));
    int x = node->inputs[0];
    const int n_dims = in->shape.n_dims;
    for (int d = 0; d < n_dims; d++) {
        dims[d].rule = &r;
        if (dims[d].n_out != in->shape.dims[d] || dims[d].scale != 1 || dims[d].start != 0 ||
            dims[d].end != 1)
            CR_OR_RETURN(cr_node_insert_wish(graph, &interpolate_op, x, &dims[d], &x, err));
    }
    return cr_node_become(graph, node, "Identity", &x, 1, NULL, err);
}

#define RESIZE_OP(symbol, name, most)                                 \
    const cr_op symbol = {.type = name,                               \
                          .min_inputs = 1,                            \
                          .max_inputs = most,                         \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER, \
                          .load = load_resize}

RESIZE_OP(cr_op_resize, "Resize", 4);
RESIZE_OP(cr_op_upsample, "Upsample", 2);
