/* FullGrad: what the input's gradient and those of all biases of maps contribute to the logit, each layer
 * rescaled, enlarged to the input and added up. */
#include "internal.h"

#include <math.h>

enum { OF_LAYER, OF_CHANNEL };

typedef struct full_grad {
    cr_map_form form;
    int rescale;
    bool align_corners;
    double epsilon;
} full_grad;

/* The smallest and the largest magnitude of contributions. */
typedef struct span {
    double low, high;
} span;

/* u v at n places of c channels; u is the same at every place if u_step is 0. */
typedef struct product {
    int n, c, u_step;
    const cr_real *u, *v;
} product;

static double contribution(const product *p, int i, int k)
{
    return fabs((double)p->u[i * p->u_step + k] * (double)p->v[i * p->c + k]);
}

/* Of channels first .. first + n - 1. */
static span find_span(const product *p, int first, int n)
{
    span s = {INFINITY, 0};
    for (int i = 0; i < p->n; i++)
        for (int k = first; k < first + n; k++) {
            const double v = contribution(p, i, k);
            s.low = fmin(s.low, v);
            s.high = v > s.high || isnan(v) ? v : s.high;
        }
    return s;
}

/* Adds the rescaled magnitudes of these channels up, at each place. */
static void add_rescaled(const full_grad *f, const product *p, int first, int n, cr_real *sums)
{
    const span s = find_span(p, first, n);
    const double range = s.high - s.low + f->epsilon;
    for (int i = 0; range != 0 && i < p->n; i++)
        for (int k = first; k < first + n; k++)
            sums[i] += (cr_real)((contribution(p, i, k) - s.low) / range);
}

static void sum_up(const full_grad *f, const product *p, cr_real *sums)
{
    const int n = f->rescale == OF_CHANNEL ? 1 : p->c;
    for (int i = 0; i < p->n; i++)
        sums[i] = 0;
    for (int k = 0; k < p->c; k += n)
        add_rescaled(f, p, k, n, sums);
}

/* Adds sums [h][w] to a map of the input's size. */
static void enlarge(const cr_method_run *run, const cr_real *sums, int h, int w, cr_real *map)
{
    const bool corners = ((const full_grad *)run->parameters)->align_corners;
    for (int y = 0; y < run->height; y++) {
        const cr_map_place of_y = cr_find_map_place(y, h, run->height, corners);
        const cr_real *top = sums + of_y.low * w, *bottom = sums + of_y.high * w;
        for (int x = 0; x < run->width; x++) {
            const cr_map_place of_x = cr_find_map_place(x, w, run->width, corners);
            const double around[4] = {(double)top[of_x.low], (double)top[of_x.high],
                                      (double)bottom[of_x.low], (double)bottom[of_x.high]};
            *map++ += (cr_real)cr_mix_corners(around, of_x.weight, of_y.weight);
        }
    }
}

/* In run->seen: the maps, [n_slots][H W], and the sums of a layer. */
static size_t n_seen(int n_places, int n_slots)
{
    return (size_t)(n_slots + 1) * (size_t)n_places;
}

static void see(const cr_method_run *run, const cr_net_bias *layer)
{
    const int n_places = run->height * run->width, n = layer->height * layer->width;
    const int c = layer->n_channels;
    cr_real *sums = run->seen + run->n_slots * n_places;
    for (int slot = 0; slot < run->n_slots; slot++) {
        cr_real *map = run->seen + slot * n_places;
        if (n > n_places) { /* a layer larger than the input: there is no room, and no such map */
            map[0] = (cr_real)NAN;
            continue;
        }
        const product p = {n, c, 0, layer->bias, layer->gradients + (size_t)slot * (size_t)(n * c)};
        sum_up(run->parameters, &p, sums);
        enlarge(run, sums, layer->height, layer->width, map);
    }
}

static void run_full_grad(const cr_method_run *run)
{
    const int n_places = run->height * run->width, c = run->n_channels;
    cr_real *sums = run->seen + run->n_slots * n_places;
    for (int slot = 0; slot < run->n_slots; slot++) {
        const product p = {n_places, c, c, run->activations, cr_gradient(run, slot, 0)};
        sum_up(run->parameters, &p, sums);
        for (int i = 0; i < n_places; i++)
            run->maps[slot * n_places + i] = run->seen[slot * n_places + i] + sums[i];
    }
}

static const char *const spans[] = {"layer", "channel", NULL};

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(false, MIN_MAX),
    {"rescale", CR_PARAMETER_WORD, .offset = offsetof(full_grad, rescale), .words = spans,
     .help = "what goes from 0 to 1: a layer, or each of its channels"},
    {"align_corners", CR_PARAMETER_FLAG, .offset = offsetof(full_grad, align_corners),
     .fallback = true, .help = "of the enlarging to the input"},
    {"epsilon", CR_PARAMETER_NUMBER, .offset = offsetof(full_grad, epsilon), .most = 1,
     .fallback = 1e-6, .help = "added to the largest value where that is divided by"},
};

const cr_method cr_method_full_grad = {
    .name = "full-grad",
    .source = "Srinivas and Fleuret, NeurIPS 2019, equation 6",
    .formula = "sum_c N(|g_c X_c|) + sum of N(|b g_b|) over all biases of maps, enlarged",
    .needs = CR_NEEDS_GRADIENTS,
    .of_input = true,
    .parameters = CR_PARAMETERS(parameters),
    .n_seen = n_seen,
    .see = see,
    .run = run_full_grad,
};
