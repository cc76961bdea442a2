/* Layer-wise relevance propagation: how a step shares the relevance of its output out among its inputs.
 *
 * Where there are weights the rules differ in which weights and inputs count: the positive, the negative, all.
 * Each is the same three calls of a convolution's own kernels, with other weights in the place of its own:
 * forward for the sums z, backward of R / z, times the input. So no rule needs a kernel, and an operator says
 * only which convolution it is (cr_linear). What adds, averages or interpolates shares by parts, R x / z, with
 * its own forward and backward; what moves elements or takes a maximum passes R back as it does a gradient;
 * functions of single values and scales leave R alone. Winograd's way is not taken, since its errors
 * are relative to the largest value, and the sums are divided by.
 *
 * Formulas: Montavon et al., Layer-Wise Relevance Propagation: An Overview (2019), table 1; for inputs of both
 * signs, and for sums, as zennit (Anders et al., arXiv 2106.13200) generalises them. */
#include "relevance.h"

cr_passing cr_node_passing(const cr_node *node)
{
    const unsigned flags = node->flags;
    return node->op->linear                                         ? CR_PASSES_BY_WEIGHTS
           : flags & (CR_OP_ALIAS | CR_OP_MOVES | CR_OP_CONCAT)     ? CR_PASSES_BACK
           : flags & (CR_OP_AFFINE | CR_OP_CLAMP | CR_OP_ACTIVATES) ? CR_PASSES_AS_IT_IS
           : flags & CR_OP_FOLDS                                    ? CR_PASSES_NOTHING
           : flags & CR_OP_LINEAR                                   ? CR_PASSES_BY_PARTS
           : flags & CR_OP_POOLS                                    ? CR_PASSES_BACK
                                                                    : CR_PASSES_NOTHING;
}

static cr_relevance_rule rule_of(const cr_relevance *rules, const cr_node *node, bool first)
{
    return first && rules->has_first ? rules->first : node->op->conv ? rules->conv : rules->dense;
}

unsigned cr_relevance_weights(const cr_relevance *rules, const cr_node *node, bool first)
{
    static const unsigned of_rule[] = {
        [CR_RELEVANCE_EPSILON] = 1u << CR_ALL_WEIGHTS,
        [CR_RELEVANCE_ALPHA_BETA] = 1u << CR_POSITIVE_WEIGHTS | 1u << CR_NEGATIVE_WEIGHTS,
        [CR_RELEVANCE_GAMMA] = 1u << CR_POSITIVE_WEIGHTS | 1u << CR_NEGATIVE_WEIGHTS,
        [CR_RELEVANCE_FLAT] = 1u << CR_WEIGHTS_OF_ONE,
        [CR_RELEVANCE_Z_BOX] =
            1u << CR_ALL_WEIGHTS | 1u << CR_POSITIVE_WEIGHTS | 1u << CR_NEGATIVE_WEIGHTS,
    };
    return node->op->linear && !rules->rescales ? of_rule[rule_of(rules, node, first)] : 0;
}

/* The cheapest that has no weights of its own for the way back, as only one that transforms has. */
static const cr_way *way_of(const cr_window *win)
{
    const cr_way *best = NULL;
    for (int i = 0; cr_ways[i]; i++)
        if (!cr_ways[i]->weights_back && cr_ways[i]->fits(win) &&
            (!best || cr_way_cost(cr_ways[i], win) < cr_way_cost(best, win)))
            best = cr_ways[i];
    return best;
}

size_t cr_relevance_n_weights(const cr_node *node)
{
    const cr_linear linear = node->op->linear(node);
    return way_of(&linear.win)->weights(&linear.win) + (size_t)linear.win.k;
}

/* Arrays as large as x and as y, each at a multiple of 16. */
enum { N_LIKE_X = 4, N_LIKE_Y = 8 };

size_t cr_relevance_scratch(const cr_node *node, size_t all_x, size_t y)
{
    size_t n = cr_whole_lines(node->n_scratch);
    if (node->op->linear) {
        const cr_linear linear = node->op->linear(node);
        n += cr_whole_lines(way_of(&linear.win)->scratch(&linear.win));
    }
    return n + N_LIKE_X * cr_whole_lines(all_x) + N_LIKE_Y * cr_whole_lines(y);
}

typedef struct part_context {
    const cr_node *node;
    cr_linear linear;
    cr_part_of_weights part;
    const cr_real *scale;
} part_context;

static cr_real part_of(cr_part_of_weights part, cr_real w)
{
    return part == CR_POSITIVE_WEIGHTS   ? (w > 0 ? w : 0)
           : part == CR_NEGATIVE_WEIGHTS ? (w < 0 ? w : 0)
           : part == CR_WEIGHTS_OF_ONE   ? 1
                                         : w;
}

static cr_real weight_of(const void *context, int k, int c, int t)
{
    const part_context *p = context;
    return part_of(p->part, p->linear.weight(p->node, k, c, t) * (p->scale ? p->scale[k] : 1));
}

void cr_relevance_pack(const cr_node *node, cr_part_of_weights part, const cr_real *scale,
                       const cr_real *shift, cr_real *weights)
{
    const part_context context = {node, node->op->linear(node), part, scale};
    const cr_window *win = &context.linear.win;
    const cr_way *way = way_of(win);
    way->pack(win, weight_of, &context, weights);
    weights += way->weights(win);
    for (int k = 0; k < win->k; k++) {
        const cr_real bias = context.linear.bias(node, k) * (scale ? scale[k] : 1);
        weights[k] = part == CR_WEIGHTS_OF_ONE ? 0 : part_of(part, bias + (shift ? shift[k] : 0));
    }
}

/* z, away from 0. */
static cr_real stable(cr_real z, double epsilon)
{
    return z + (z < 0 ? -(cr_real)epsilon : (cr_real)epsilon);
}

/* An image of a step. */
typedef struct place {
    const cr_net *net;
    const cr_step *step;
    const cr_relevance *rules;
    cr_run run; /* of the image; m gradients */
    size_t size_x, size_y;
    cr_linear linear;
    const cr_way *way;
    cr_real *like_x[N_LIKE_X], *like_y[N_LIKE_Y], *scratch;
} place;

static void convolve(const place *p, cr_part_of_weights part, bool biased, const cr_real *x,
                     cr_real *y)
{
    const cr_real *weights = p->step->parts[part];
    p->way->forward(&p->linear.win,
                    &(cr_conv_pass){.n = p->linear.n,
                                    .x = x,
                                    .weights = weights,
                                    .bias = biased ? weights + p->way->weights(&p->linear.win)
                                                   : p->net->no_bias,
                                    .clamp = CR_NO_CLAMP,
                                    .y = y,
                                    .scratch = p->scratch});
}

/* dx += the relevance over z, convolved back. */
static void convolve_back(const place *p, cr_part_of_weights part, const cr_real *dy, cr_real *dx)
{
    p->way->backward(&p->linear.win, &(cr_conv_back){.n = p->linear.n,
                                                     .dy = dy,
                                                     .weights = p->step->parts[part],
                                                     .dx = dx,
                                                     .scratch = p->scratch});
}

static void clear(cr_real *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = 0;
}

/* Input j of the image as its elements alone. */
static void gather(const place *p, int j, cr_real *to)
{
    const cr_real *x = p->run.x[j];
    const size_t step = (size_t)p->run.x_step[j], size = p->step->x_size[j];
    const size_t n = step ? size / (p->step->x_stride[j] / step) : size;
    for (size_t at = 0; at < size; at += n, x += step ? step : n)
        memcpy(to + at, x, n * sizeof *to);
}

/* Whether any is negative, and these apart: x becomes what is positive. */
static bool take_negative(size_t n, cr_real *x, cr_real *negative)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        negative[i] = x[i] < 0 ? x[i] : 0;
        any = any || x[i] < 0;
        x[i] = x[i] < 0 ? 0 : x[i];
    }
    return any;
}

static void add_product(size_t n, cr_real factor, const cr_real *a, const cr_real *b, cr_real *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += factor * a[i] * b[i];
}

/* R x / z, z the sum of all x w and the bias. */
static void share_epsilon(const place *p, const cr_real *r, cr_real *dx)
{
    cr_real *x = p->like_x[0], *g = p->like_x[2], *z = p->like_y[0], *s = p->like_y[3];
    for (size_t i = 0; i < p->size_y; i++)
        s[i] = r[i] / stable(z[i], p->rules->epsilon);
    clear(g, p->size_x);
    convolve_back(p, CR_ALL_WEIGHTS, s, g);
    add_product(p->size_x, 1, x, g, dx);
}

static void begin_epsilon(const place *p)
{
    gather(p, 0, p->like_x[0]);
    convolve(p, CR_ALL_WEIGHTS, true, p->like_x[0], p->like_y[0]);
}

/* By positive and negative contributions. With a those of x+ w+ + x- w- and b those of x+ w- + x- w+, biases
 * among them, the one share is over p a + q b and the other over q a + p b: alpha-beta has (p, q) = (1, 0), and
 * gamma (1 + gamma, 1), where of the two shares z = a + b chooses by its sign. */
static void begin_signed(const place *p)
{
    cr_real *x = p->like_x[0], *negative = p->like_x[1];
    cr_real *a = p->like_y[0], *b = p->like_y[1], *t = p->like_y[2];
    gather(p, 0, x);
    const bool any = take_negative(p->size_x, x, negative);
    convolve(p, CR_POSITIVE_WEIGHTS, true, x, a);
    convolve(p, CR_NEGATIVE_WEIGHTS, true, x, b);
    for (int k = 0; any && k < 2; k++) {
        convolve(p, k ? CR_POSITIVE_WEIGHTS : CR_NEGATIVE_WEIGHTS, false, negative, t);
        cr_real *to = k ? b : a;
        for (size_t i = 0; i < p->size_y; i++)
            to[i] += t[i];
    }
    p->like_x[3][0] = any;
}

static void share_signed(const place *p, bool gamma, const cr_real *r, cr_real *dx)
{
    const cr_relevance *rules = p->rules;
    const cr_real *a = p->like_y[0], *b = p->like_y[1];
    cr_real *u = p->like_y[3], *v = p->like_y[4], *g = p->like_x[2];
    const bool negative = p->like_x[3][0] != 0, crosses = gamma || rules->alpha != 1;
    const cr_real f = gamma ? 1 + (cr_real)rules->gamma : 1, q = gamma ? 1 : 0;
    for (size_t i = 0; i < p->size_y; i++) {
        const cr_real z = a[i] + b[i];
        const cr_real one = gamma ? z > 0 : (cr_real)rules->alpha;
        const cr_real other = gamma ? z < 0 : 1 - (cr_real)rules->alpha;
        const cr_real s =
            one != 0 ? one * r[i] / stable(f * a[i] + q * b[i], rules->stabilizer) : 0;
        const cr_real t =
            other != 0 ? other * r[i] / stable(q * a[i] + f * b[i], rules->stabilizer) : 0;
        u[i] = f * s + q * t;
        v[i] = q * s + f * t;
    }
    for (int k = 0; k < 1 + negative; k++) {
        clear(g, p->size_x);
        convolve_back(p, k ? CR_NEGATIVE_WEIGHTS : CR_POSITIVE_WEIGHTS, u, g);
        if (crosses)
            convolve_back(p, k ? CR_POSITIVE_WEIGHTS : CR_NEGATIVE_WEIGHTS, v, g);
        add_product(p->size_x, 1, p->like_x[k], g, dx);
    }
}

/* Every input alike. */
static void begin_flat(const place *p)
{
    cr_real *ones = p->like_x[0];
    for (size_t i = 0; i < p->size_x; i++)
        ones[i] = 1;
    convolve(p, CR_WEIGHTS_OF_ONE, false, ones, p->like_y[0]);
}

static void share_flat(const place *p, const cr_real *r, cr_real *dx)
{
    cr_real *z = p->like_y[0], *s = p->like_y[3];
    for (size_t i = 0; i < p->size_y; i++)
        s[i] = r[i] / stable(z[i], p->rules->stabilizer);
    convolve_back(p, CR_WEIGHTS_OF_ONE, s, dx);
}

/* Of pixels between `low` and `high`: z = x w - low w+ - high w-. */
static void begin_box(const place *p)
{
    const cr_relevance *rules = p->rules;
    const size_t c = (size_t)p->linear.win.c;
    cr_real *x = p->like_x[0], *low = p->like_x[1], *high = p->like_x[3];
    cr_real *z = p->like_y[0], *t = p->like_y[2];
    gather(p, 0, x);
    for (size_t i = 0; i < p->size_x; i++) {
        low[i] = rules->low[i % c];
        high[i] = rules->high[i % c];
    }
    convolve(p, CR_ALL_WEIGHTS, true, x, z);
    for (int k = 0; k < 2; k++) {
        convolve(p, k ? CR_NEGATIVE_WEIGHTS : CR_POSITIVE_WEIGHTS, true, k ? high : low, t);
        for (size_t i = 0; i < p->size_y; i++)
            z[i] -= t[i];
    }
}

static void share_box(const place *p, const cr_real *r, cr_real *dx)
{
    static const cr_part_of_weights parts[] = {CR_ALL_WEIGHTS, CR_POSITIVE_WEIGHTS,
                                               CR_NEGATIVE_WEIGHTS};
    const cr_real *x[] = {p->like_x[0], p->like_x[1], p->like_x[3]};
    cr_real *z = p->like_y[0], *s = p->like_y[3], *g = p->like_x[2];
    for (size_t i = 0; i < p->size_y; i++)
        s[i] = r[i] / stable(z[i], p->rules->stabilizer);
    for (int k = 0; k < 3; k++) {
        clear(g, p->size_x);
        convolve_back(p, parts[k], s, g);
        add_product(p->size_x, k ? -1 : 1, x[k], g, dx);
    }
}

static void begin_weights(const place *p, cr_relevance_rule rule)
{
    if (rule == CR_RELEVANCE_EPSILON)
        begin_epsilon(p);
    else if (rule == CR_RELEVANCE_FLAT)
        begin_flat(p);
    else if (rule == CR_RELEVANCE_Z_BOX)
        begin_box(p);
    else
        begin_signed(p);
}

static void share_weights(const place *p, cr_relevance_rule rule, const cr_real *r, cr_real *dx)
{
    if (rule == CR_RELEVANCE_EPSILON)
        share_epsilon(p, r, dx);
    else if (rule == CR_RELEVANCE_FLAT)
        share_flat(p, r, dx);
    else if (rule == CR_RELEVANCE_Z_BOX)
        share_box(p, r, dx);
    else
        share_signed(p, rule == CR_RELEVANCE_GAMMA, r, dx);
}

/* What the step computes, before clamp and sum. */
static void compute(const place *p, cr_real *y)
{
    cr_node unclamped = p->step->node;
    unclamped.clamp = CR_NO_CLAMP;
    unclamped.n_x -= p->step->adds;
    cr_run run = p->run;
    run.node = &unclamped;
    run.adds = false;
    run.y = y;
    run.y_step = 0;
    run.scratch = p->scratch;
    p->step->node.op->forward(&run);
}

/* The sum that was fused into the step: of the relevance r what belongs to its own term stays, the rest
 * goes to dx of the other. */
static void share_sum(const place *p, const cr_real *own, cr_real *r, cr_real *dx)
{
    const int j = p->step->node.n_x - 1;
    const cr_real *other = p->run.x[j];
    for (size_t i = 0; i < p->size_y; i++) {
        const cr_real s = r[i] / stable(own[i] + other[i], p->rules->stabilizer);
        if (dx)
            dx[i] += s * other[i];
        r[i] = s * own[i];
    }
}

static cr_real *dx_of(const place *p, int j, int slot)
{
    cr_real *dx = p->run.dx[j];
    return dx ? dx + (size_t)slot * p->step->x_size[j] : NULL;
}

static void step_weights(const place *p)
{
    const cr_step *step = p->step;
    const cr_relevance_rule rule = rule_of(p->rules, &step->node, step->first);
    cr_real *r = p->like_y[5], *own = p->like_y[6];
    if (step->adds)
        compute(p, own);
    if (dx_of(p, 0, 0))
        begin_weights(p, rule);
    for (int slot = 0; slot < p->run.m; slot++) {
        memcpy(r, p->run.dy + (size_t)slot * p->size_y, p->size_y * sizeof *r);
        if (step->adds)
            share_sum(p, own, r, dx_of(p, step->node.n_x - 1, slot));
        if (dx_of(p, 0, slot))
            share_weights(p, rule, r, dx_of(p, 0, slot));
    }
}

/* R x / z where the output z is a sum of its inputs, each times what does not depend on it. */
static void step_parts(const place *p)
{
    const cr_step *step = p->step;
    cr_real *z = p->like_y[0], *s = p->like_y[3], *x = p->like_x[0], *g[CR_MAX_ACTIVATIONS];
    compute(p, z);
    for (int slot = 0; slot < p->run.m; slot++) {
        const cr_real *r = p->run.dy + (size_t)slot * p->size_y;
        size_t at = 0;
        for (size_t i = 0; i < p->size_y; i++)
            s[i] = r[i] / stable(z[i], p->rules->stabilizer);
        for (int j = 0; j < step->node.n_x; j++) {
            g[j] = p->like_x[1] + at;
            at += step->x_size[j];
        }
        clear(p->like_x[1], at);
        cr_run run = p->run;
        run.m = 1;
        run.dy = s;
        run.dx = g;
        run.scratch = p->scratch;
        step->node.op->backward(&run);
        for (int j = 0; j < step->node.n_x; j++) {
            cr_real *dx = dx_of(p, j, slot);
            gather(p, j, x);
            if (dx)
                add_product(step->x_size[j], 1, x, g[j], dx);
        }
    }
}

static void step_as_it_is(const place *p)
{
    cr_real *dx = p->run.dx[0];
    for (size_t i = 0; dx && i < (size_t)p->run.m * p->size_y; i++)
        dx[i] += p->run.dy[i];
}

static void carve(place *p, cr_real *scratch)
{
    size_t all_x = 0;
    for (int j = 0; j < p->step->node.n_x; j++)
        all_x += p->step->x_size[j];
    for (int k = 0; k < N_LIKE_X; k++, scratch += cr_whole_lines(all_x))
        p->like_x[k] = scratch;
    for (int k = 0; k < N_LIKE_Y; k++, scratch += cr_whole_lines(p->size_y))
        p->like_y[k] = scratch;
    p->scratch = scratch;
}

void cr_step_relevance(const cr_net *net, const cr_step *step, const cr_relevance *rules,
                       const cr_run *run)
{
    const cr_passing passing = cr_node_passing(&step->node);
    const cr_real *x[CR_MAX_ACTIVATIONS];
    cr_real *dx[CR_MAX_ACTIVATIONS];
    place p = {.net = net,
               .step = step,
               .rules = rules,
               .run = *run,
               .size_x = step->x_size[0],
               .size_y = step->y_size};
    if (passing == CR_PASSES_BY_WEIGHTS) {
        p.linear = step->node.op->linear(&step->node);
        p.way = way_of(&p.linear.win);
    }
    carve(&p, run->scratch);
    p.run.n = 1;
    p.run.x = x;
    p.run.dx = dx;
    for (int i = 0; i < run->n; i++) {
        for (int j = 0; j < step->node.n_x; j++) {
            x[j] = run->x[j] + (size_t)i * step->x_stride[j];
            dx[j] = run->dx[j] ? run->dx[j] + (size_t)(i * run->m) * step->x_size[j] : NULL;
        }
        p.run.y = run->y + (size_t)i * step->y_stride;
        p.run.dy = run->dy + (size_t)(i * run->m) * step->y_size;
        p.run.scratch = p.scratch;
        if (passing == CR_PASSES_BY_WEIGHTS)
            step_weights(&p);
        else if (passing == CR_PASSES_BY_PARTS)
            step_parts(&p);
        else if (passing == CR_PASSES_AS_IT_IS)
            step_as_it_is(&p);
        else
            step->node.op->backward(&p.run);
    }
}
