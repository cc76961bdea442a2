/* Running a compiled network: forward through all steps, segment by segment, backward as far as the
 * targets. */
#include "relevance.h"

#include <string.h>

static void after_step(cr_net *net, int s)
{
    net->last_done = s;
    if (net->on_layer)
        net->on_layer(net->on_layer_context);
}

/* Images first .. first + n - 1. */
static void step_forward(const cr_net *net, const cr_step *step, int first, int n)
{
    if (net->precision == CR_BFLOAT16) {
        cr_bfloat16_forward(net, step, first, n);
        return;
    }
    const cr_real *x[CR_MAX_ACTIVATIONS];
    for (int j = 0; j < step->node.n_x; j++)
        x[j] = cr_net_at(net, step->x[j]) + (size_t)first * step->x_stride[j];
    cr_run run = {.node = &step->node,
                  .n = n,
                  .m = 1,
                  .adds = step->adds,
                  .rows = net->rows + first,
                  .x = x,
                  .x_step = step->x_step,
                  .y = cr_net_at(net, step->y) + (size_t)first * step->y_stride,
                  .y_step = step->y_step,
                  .weights = step->weights,
                  .scratch = cr_net_at(net, step->scratch)};
    step->node.op->forward(&run);
    if (cr_clamps(step->node.clamp) && !(step->node.flags & CR_OP_CLAMPS))
        cr_clamp_forward(step->node.clamp, (size_t)n * step->y_size, run.y, run.y);
}

/* The steps of a tail; NULL: all. */
static void forward(cr_net *net, const bool *runs, int n)
{
    for (int begin = 0, end; begin < net->n_steps; begin = end) {
        int group = net->steps[begin].group;
        for (end = begin + 1; end < net->n_steps && net->steps[end].group == group;)
            end++;
        for (int first = 0; first < n; first += group)
            for (int s = begin; s < end; s++) {
                if (runs && !runs[s])
                    continue;
                step_forward(net, &net->steps[s], first, n - first < group ? n - first : group);
                after_step(net, s);
            }
    }
}

void cr_net_forward(cr_net *net, int n)
{
    if (net->precision == CR_BFLOAT16 && !net->input_exact)
        cr_bfloat16_round((size_t)n, net->input_size, cr_net_input(net), 0);
    forward(net, NULL, n);
}

void cr_net_forward_tail(cr_net *net, int t, int n)
{
    if (net->precision == CR_BFLOAT16 && !net->target_exact[t])
        cr_bfloat16_round((size_t)n, net->target_sizes[t], cr_net_tail_input(net, t), 0);
    forward(net, net->tails[t].runs, n);
}

void cr_net_forward_tail_of(cr_net *net, int t, int image)
{
    for (int s = 0; s < net->n_steps; s++)
        if (net->tails[t].runs[s]) {
            step_forward(net, &net->steps[s], image, 1);
            after_step(net, s);
        }
}

void cr_step_mask(const cr_step *step, cr_rule rule, int n, int m, const cr_real *y,
                  ptrdiff_t y_step, cr_real *values)
{
    cr_clamp clamp = step->node.clamp;
    if (!cr_clamps(clamp))
        return;
    const bool rectifies = rule != CR_RULE_PLAIN && cr_rectifies(clamp);
    if (rectifies && rule == CR_RULE_DECONV)
        clamp.lo = -(cr_real)INFINITY;
    size_t pixels = y_step ? step->y_stride / (size_t)y_step : 1;
    size_t channels = step->y_size / pixels;
    cr_clamp_mask(clamp, (size_t)n, m, pixels, channels, y, y_step, values);
    for (size_t i = 0; rectifies && i < (size_t)n * (size_t)m * step->y_size; i++)
        values[i] = values[i] > 0 ? values[i] : 0;
}

static void step_tangent(const cr_net *net, const cr_step *step, int first, int n)
{
    static const ptrdiff_t no_steps[CR_MAX_ACTIVATIONS];
    const cr_real *x[CR_MAX_ACTIVATIONS], *tx[CR_MAX_ACTIVATIONS];
    const cr_real *y = cr_net_at(net, step->y) + (size_t)first * step->y_stride;
    cr_node unclamped = step->node;
    unclamped.clamp = CR_NO_CLAMP;
    for (int j = 0; j < step->node.n_x; j++) {
        x[j] = cr_net_at(net, step->x[j]) + (size_t)first * step->x_stride[j];
        tx[j] = cr_net_at(net, step->tx[j]);
    }
    const bool linear = step->node.flags & CR_OP_LINEAR;
    cr_run run = {.node = &unclamped,
                  .n = n,
                  .m = 1,
                  .adds = step->adds,
                  .x = linear ? tx : x,
                  .x_step = linear ? no_steps : step->x_step,
                  .y = linear ? cr_net_at(net, step->ty) : (cr_real *)y,
                  .weights = step->weights,
                  .scratch = cr_net_at(net, step->scratch_tangent),
                  .zeros = linear ? net->zeros : NULL,
                  .tx = tx,
                  .ty = cr_net_at(net, step->ty)};
    (linear ? step->node.op->forward : step->node.op->tangent)(&run);
    cr_step_mask(step, CR_RULE_PLAIN, n, 1, y, step->y_step, run.ty);
}

const cr_real *cr_net_tangent(cr_net *net, int t, int first, int n)
{
    const size_t size = net->target_sizes[t];
    const int from = net->target_steps[t];
    memcpy(cr_net_at(net, net->target_tangents[t]),
           cr_net_activations(net, t) + (size_t)first * size, (size_t)n * size * sizeof(cr_real));
    for (int s = from + 1; s < net->n_steps; s++) {
        const cr_step *step = &net->steps[s];
        if (!step->bends)
            continue;
        /* What does not depend on the target stays. */
        for (int j = 0; j < step->node.n_x; j++)
            if (step->maker[j] < from ||
                (step->maker[j] > from && !net->steps[step->maker[j]].bends))
                memset(cr_net_at(net, step->tx[j]), 0,
                       (size_t)n * step->x_size[j] * sizeof(cr_real));
        step_tangent(net, step, first, n);
        after_step(net, s);
    }
    return cr_net_at(net, net->logits_tangent);
}

/* Adds to the second half of an image's gradients what the first changes by; dy is masked. */
static void step_curve(const cr_net *net, const cr_step *step, const cr_run *run)
{
    const int half = run->m / 2;
    const cr_real *x[CR_MAX_ACTIVATIONS], *tx[CR_MAX_ACTIVATIONS];
    cr_real *dx[CR_MAX_ACTIVATIONS];
    for (int i = 0; i < run->n; i++) {
        for (int j = 0; j < step->node.n_x; j++) {
            const size_t size = step->x_size[j];
            x[j] = run->x[j] + (size_t)i * step->x_stride[j];
            tx[j] = cr_net_at(net, step->tx[j]) + (size_t)i * size;
            dx[j] = run->dx[j] ? run->dx[j] + (size_t)(i * run->m + half) * size : NULL;
        }
        cr_run one = *run;
        one.n = 1;
        one.m = half;
        one.x = x;
        one.y = run->y + (size_t)i * step->y_stride;
        one.dy = run->dy + (size_t)(i * run->m) * step->y_size;
        one.dx = dx;
        one.tx = tx;
        one.ty = cr_net_at(net, step->ty) + (size_t)i * step->y_size;
        step->node.op->curve(&one);
    }
}

void cr_step_show_bias(const cr_net *net, const cr_step *step, const cr_run *run)
{
    const cr_shape *shape = &net->graph->values[step->node.y].shape;
    const cr_real *bias = !net->on_bias || !step->node.op->bias || shape->n_dims != 4 ? NULL
                          : step->native.runs ? step->native.bias
                                              : step->node.op->bias(run);
    if (bias)
        net->on_bias(net->on_bias_user, &(cr_net_bias){.height = cr_shape_h(shape),
                                                       .width = cr_shape_w(shape),
                                                       .n_channels = cr_shape_c(shape),
                                                       .n = run->n,
                                                       .m = run->m,
                                                       .bias = bias,
                                                       .gradients = run->dy});
}

/* Where `bends`, or another step of the same pass does, m is twice the number of functions. */
static void step_back(const cr_net *net, const cr_step *step, cr_rule rule,
                      const cr_relevance *relevance, int first, int n, int m, bool bends)
{
    if (net->precision == CR_BFLOAT16 && !relevance && m == net->n_classes_back) {
        cr_bfloat16_backward(net, step, rule, first, n, m);
        return;
    }
    size_t rows = (size_t)n * (size_t)m;
    const cr_real *x[CR_MAX_ACTIVATIONS];
    cr_real *dx[CR_MAX_ACTIVATIONS], *dy = cr_net_at(net, step->dy);
    for (int j = 0; j < step->node.n_x; j++) {
        x[j] = cr_net_at(net, step->x[j]) + (size_t)first * step->x_stride[j];
        dx[j] = cr_net_at(net, step->dx[j]);
        if (dx[j] && step->dx_first[j])
            memset(dx[j], 0, rows * step->x_size[j] * sizeof(cr_real));
    }
    cr_run run = {.node = &step->node,
                  .n = n,
                  .m = m,
                  .adds = step->adds,
                  .x = x,
                  .x_step = step->x_step,
                  .y = cr_net_at(net, step->y) + (size_t)first * step->y_stride,
                  .y_step = step->y_step,
                  .dy = dy,
                  .dx = dx,
                  .weights = step->weights,
                  .weights_back = step->weights_back,
                  .scratch = cr_net_at(net, step->scratch_back)};
    if (relevance) {
        if (relevance->rescales)
            cr_step_rescale(step, &run, relevance->reference - first);
        else
            cr_step_relevance(net, step, relevance, &run);
        return;
    }
    if (step->dy_masked != CR_NOWHERE) {
        run.dy = cr_net_at(net, step->dy_masked);
        memcpy(run.dy, dy, rows * step->y_size * sizeof(cr_real));
    }
    cr_step_mask(step, rule, n, m, run.y, step->y_step, run.dy);
    cr_step_show_bias(net, step, &run);
    cr_real *added = step->adds ? dx[step->node.n_x - 1] : NULL;
    for (size_t i = 0; added && i < rows * step->y_size; i++)
        added[i] += run.dy[i];
    step->node.op->backward(&run);
    if (bends && step->node.op->curve)
        step_curve(net, step, &run);
}

/* Gradients by a rule or, if there are such, relevance by its rules. Steps up to `from` do not run along the
 * tangent that `bends`. */
static void backward(cr_net *net, cr_rule rule, const cr_relevance *relevance, int first, int n,
                     int m, bool bends, int from)
{
    for (int s = net->n_steps - 1; s >= 0; s--)
        if (net->steps[s].back) {
            step_back(net, &net->steps[s], rule, relevance, first, n, m,
                      bends && net->steps[s].bends && s > from);
            after_step(net, s);
        }
}

/* 1 at the class of each gradient. */
static void put_classes(cr_net *net, int n, const int32_t *classes)
{
    const size_t rows = (size_t)n * (size_t)net->n_classes_back, k = (size_t)net->n_classes;
    cr_real *seed = cr_net_at(net, net->logits_gradient);
    memset(seed, 0, rows * k * sizeof(cr_real));
    for (size_t i = 0; i < rows; i++)
        seed[i * k + (size_t)classes[i]] = 1;
}

void cr_net_backward_ruled(cr_net *net, cr_rule rule, int first, int n, const int32_t *classes)
{
    put_classes(net, n, classes);
    backward(net, rule, NULL, first, n, net->n_classes_back, false, 0);
}

void cr_net_backward(cr_net *net, int first, int n, const int32_t *classes)
{
    cr_net_backward_ruled(net, CR_RULE_PLAIN, first, n, classes);
}

void cr_net_backward_part(cr_net *net, int image, const int32_t *classes, int from, int to,
                          const cr_net_put *put)
{
    if (put)
        memcpy(cr_net_at(net, net->target_gradients[put->t]), put->gradients,
               put->n * sizeof(cr_real));
    else
        put_classes(net, 1, classes);
    for (int s = from - 1; s >= to; s--)
        if (net->steps[s].back) {
            step_back(net, &net->steps[s], CR_RULE_PLAIN, NULL, image, 1, net->n_classes_back,
                      false);
            after_step(net, s);
        }
}

void cr_net_backward_rescaled(cr_net *net, int image, int reference, const int32_t *classes)
{
    const cr_relevance rules = {.rescales = true, .reference = reference};
    put_classes(net, 1, classes);
    backward(net, CR_RULE_PLAIN, &rules, image, 1, net->n_classes_back, false, 0);
}

static void put_seeds(cr_net *net, int n, const cr_real *seeds)
{
    const size_t rows = (size_t)n * (size_t)net->n_classes_back;
    memcpy(cr_net_at(net, net->logits_gradient), seeds,
           rows * (size_t)net->n_classes * sizeof(cr_real));
}

void cr_net_backward_seeded(cr_net *net, cr_rule rule, int first, int n, const cr_real *seeds)
{
    put_seeds(net, n, seeds);
    backward(net, rule, NULL, first, n, net->n_classes_back, false, 0);
}

void cr_net_backward_relevance(cr_net *net, const cr_relevance *rules, int first, int n,
                               const cr_real *seeds)
{
    put_seeds(net, n, seeds);
    backward(net, CR_RULE_PLAIN, rules, first, n, net->n_classes_back, false, 0);
}

void cr_net_backward_curved(cr_net *net, int t, int first, int n, const cr_real *seeds)
{
    put_seeds(net, 2 * n, seeds);
    backward(net, CR_RULE_PLAIN, NULL, first, n, 2 * net->n_classes_back, true,
             net->target_steps[t]);
}

size_t cr_net_arena_bytes(const cr_net *net)
{
    return net->n_activations * sizeof(cr_real);
}

void cr_net_use_arena(cr_net *net, void *arena)
{
    net->arena = arena;
}

cr_real *cr_net_input(cr_net *net)
{
    return cr_net_at(net, net->input);
}

void cr_net_set_row(cr_net *net, int image, int row)
{
    net->rows[image] = row;
}

int cr_net_row(const cr_net *net, int image)
{
    return net->rows[image];
}

const cr_real *cr_net_logits(const cr_net *net)
{
    return cr_net_at(net, net->logits);
}

const cr_real *cr_net_activations(const cr_net *net, int t)
{
    return cr_net_at(net, net->target_activations[t]);
}

int cr_net_backward_images(const cr_net *net)
{
    return net->backward_images;
}

void cr_net_use_classes_back(cr_net *net, int m)
{
    net->n_classes_back = m;
}

const cr_real *cr_net_gradients(const cr_net *net, int t)
{
    return cr_net_at(net, net->target_gradients[t]);
}

int cr_net_n_layers(const cr_net *net)
{
    return net->n_steps;
}

cr_net_layer cr_net_get_layer(const cr_net *net, int i)
{
    const cr_node *node = &net->steps[i].node;
    const cr_value *value = &net->graph->values[node->y];
    return (cr_net_layer){
        .op = node->type,
        .output = value->name,
        .shape = value->shape,
        .group = net->steps[i].group,
        .in_place = net->steps[i].in_place,
        .flops = node->flops,
        .conv = node->op->conv ? node->op->conv(node) : NULL,
    };
}

void cr_net_on_layer(cr_net *net, void (*callback)(void *context), void *context)
{
    net->on_layer = callback;
    net->on_layer_context = context;
}

void cr_net_on_bias(cr_net *net, void (*callback)(void *user, const cr_net_bias *bias), void *user)
{
    net->on_bias = callback;
    net->on_bias_user = user;
}

int cr_net_layer_done(const cr_net *net)
{
    return net->last_done;
}
