/* RISE: the mean of random masks, each weighted by what the class's score is behind it. The masks depend on
 * the image and on nothing else, so that they are the same in every run. */
#include "internal.h"

#include "camrank/multiversion.h"

typedef struct rise {
    cr_map_form form;
    int masks, grid;
    double probability;
    int seed, score;
} rise;

enum { MOST_CELLS = 64 };

static int n_passes(const void *parameters, int width, int height, int n_channels)
{
    (void)width;
    (void)height;
    (void)n_channels;
    return ((const rise *)parameters)->masks;
}

/* In the scratch: scores of an input, [n_slots]; the sums of scores times masks, [n_slots][H W]. */
static double *scores_of(const cr_method_run *run)
{
    return (double *)(void *)run->scratch;
}

static double *sums_of(const cr_method_run *run)
{
    return scores_of(run) + run->n_slots;
}

/* A grid of s x s cells, 1 with the given probability, enlarged to s + 1 cells of the input and shifted by
 * less than one. */
static void make_mask(const cr_method_run *run, int k)
{
    const rise *r = run->parameters;
    const cr_passes *passes = run->passes;
    const int s = r->grid;
    const uint64_t key = cr_mix(cr_mix(run->seed ^ cr_mix((uint64_t)r->seed)) ^ (uint64_t)k);
    cr_real cells[MOST_CELLS * MOST_CELLS];
    for (int i = 0; i < s * s; i++)
        cells[i] = (double)(cr_mix(key ^ (uint64_t)i) >> 11) * 0x1p-53 < r->probability;
    const int high = (run->height + s - 1) / s, wide = (run->width + s - 1) / s;
    const int down = (int)(cr_mix(key ^ (uint64_t)(s * s)) % (uint64_t)high);
    const int right = (int)(cr_mix(key ^ (uint64_t)(s * s + 1)) % (uint64_t)wide);
    cr_stretch y = cr_stretch_even(s, (s + 1) * high), x = cr_stretch_even(s, (s + 1) * wide);
    y.start += down * y.step;
    x.start += right * x.step;
    y.mirrored = x.mirrored = true;
    cr_passes_enlarge(passes, cells, s, s, y, x);
}

static void fill(const void *user, int k, cr_real *to)
{
    const cr_method_run *run = user;
    make_mask(run, k);
    cr_passes_hide(run->passes, to);
}

CR_MULTIVERSION
static void add_times(size_t n, double times, const cr_real *mask, double *restrict sums)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += times * (double)mask[i];
}

static void take(const void *user, int k, const cr_real *logits)
{
    const cr_method_run *run = user;
    const rise *r = run->parameters;
    const size_t n_places = (size_t)run->height * (size_t)run->width;
    make_mask(run, k);
    cr_scores((cr_score)r->score, logits, run->passes->n_classes, run->classes, run->n_slots,
              scores_of(run));
    for (int slot = 0; slot < run->n_slots; slot++)
        add_times(n_places, scores_of(run)[slot], run->passes->mask,
                  sums_of(run) + (size_t)slot * n_places);
}

static void run(const cr_method_run *run)
{
    const rise *r = run->parameters;
    const size_t n = (size_t)run->n_slots * (size_t)run->height * (size_t)run->width;
    double *sums = sums_of(run);
    for (size_t i = 0; i < n; i++)
        sums[i] = 0;
    cr_passes_run(run->passes, r->masks, fill, take, run);
    for (size_t i = 0; i < n; i++)
        run->maps[i] = (cr_real)(sums[i] / r->masks / r->probability);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_channels;
    return cr_reals_of_doubles((size_t)n_slots * ((size_t)n_places + 1));
}

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(false, MIN_MAX),
    {"masks", CR_PARAMETER_WHOLE, .offset = offsetof(rise, masks), .least = 1, .most = 1000000,
     .fallback = 4000, .help = "how many; the paper takes 4000 with VGG-16, 8000 with ResNet-50"},
    {"grid", CR_PARAMETER_WHOLE, .offset = offsetof(rise, grid), .least = 1, .most = MOST_CELLS,
     .fallback = 7, .help = "cells of a mask along a side"},
    {"probability", CR_PARAMETER_NUMBER, .offset = offsetof(rise, probability), .least = 1e-3,
     .most = 1, .fallback = .5, .help = "of a cell to be seen"},
    {"seed", CR_PARAMETER_WHOLE, .offset = offsetof(rise, seed), .most = 2147483647,
     .help = "of the masks; another gives other maps"},
    {"score", CR_PARAMETER_WORD, .offset = offsetof(rise, score), .fallback = CR_SCORE_PROBABILITY,
     .words = cr_score_words, .help = "what a mask weighs"},
};

const cr_method cr_method_rise = {
    .name = "rise",
    .source = "Petsiuk et al., BMVC 2018, equation 6",
    .formula = "sum_i p(X M_i) M_i / (N P), N random masks M_i, P their probability",
    .needs = CR_NEEDS_PASSES,
    .of_input = true,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .n_passes = n_passes,
    .cost = "1 and one a mask",
    .run = run,
};
