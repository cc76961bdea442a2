/* Occlusion: how far the class's score falls where a window of the input is covered, at each pixel the mean
 * over the windows that cover it. Windows go from the top left corner on; the last of a row or column are
 * cut at the border, and a pixel that none covers is 0. */
#include "internal.h"

#include <math.h>

typedef struct occlusion {
    cr_map_form form;
    int window, stride;
    double baseline;
    int score;
} occlusion;

/* Windows along a side of n pixels, enough to cover it. */
static int count(int n, const occlusion *o)
{
    return n <= o->window ? 1 : (n - o->window + o->stride - 1) / o->stride + 1;
}

static int n_passes(const void *parameters, int width, int height, int n_channels)
{
    (void)n_channels;
    return count(width, parameters) * count(height, parameters);
}

typedef struct cover {
    int x0, y0, x1, y1; /* exclusive ends */
} cover;

static cover cover_of(const cr_method_run *run, int k)
{
    const occlusion *o = run->parameters;
    const int n = count(run->width, o);
    cover c = {k % n * o->stride, k / n * o->stride, 0, 0};
    c.x1 = c.x0 + o->window < run->width ? c.x0 + o->window : run->width;
    c.y1 = c.y0 + o->window < run->height ? c.y0 + o->window : run->height;
    return c;
}

static void fill(const void *user, int k, cr_real *to)
{
    const cr_method_run *run = user;
    const occlusion *o = run->parameters;
    const cover c = cover_of(run, k);
    const cr_real *from = run->passes->input;
    for (int y = 0; y < run->height; y++)
        for (int x = 0; x < run->width; x++, from += 3, to += 3) {
            const bool covered = x >= c.x0 && x < c.x1 && y >= c.y0 && y < c.y1;
            for (int i = 0; i < 3; i++)
                to[i] = covered ? (cr_real)o->baseline : from[i];
        }
}

/* The sums of falls, [n_slots][H W], and behind them the windows over each pixel. */
static double *sums_of(const cr_method_run *run)
{
    return (double *)(void *)run->scratch;
}

static void take(const void *user, int k, const cr_real *logits)
{
    const cr_method_run *run = user;
    const occlusion *o = run->parameters;
    const cr_passes *passes = run->passes;
    const size_t n_places = (size_t)run->height * (size_t)run->width;
    const cover c = cover_of(run, k);
    for (int slot = 0; slot <= run->n_slots; slot++) {
        double value = 1;
        if (slot < run->n_slots)
            value = cr_score_of((cr_score)o->score, passes->logits, passes->n_classes,
                                run->classes[slot]) -
                    cr_score_of((cr_score)o->score, logits, passes->n_classes, run->classes[slot]);
        for (int y = c.y0; y < c.y1; y++) {
            double *row = sums_of(run) + (size_t)slot * n_places + (size_t)y * (size_t)run->width;
            for (int x = c.x0; x < c.x1; x++)
                row[x] += value;
        }
    }
}

static void run(const cr_method_run *run)
{
    const size_t n_places = (size_t)run->height * (size_t)run->width;
    double *sums = sums_of(run);
    const double *windows = sums + (size_t)run->n_slots * n_places;
    for (size_t i = 0; i < (size_t)(run->n_slots + 1) * n_places; i++)
        sums[i] = 0;
    cr_passes_run(run->passes, n_passes(run->parameters, run->width, run->height, 3), fill, take,
                  run);
    for (size_t i = 0; i < (size_t)run->n_slots * n_places; i++)
        run->maps[i] = (cr_real)(sums[i] / fmax(windows[i % n_places], 1));
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_channels;
    return cr_reals_of_doubles((size_t)(n_slots + 1) * (size_t)n_places);
}

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    {"window", CR_PARAMETER_WHOLE, .offset = offsetof(occlusion, window), .least = 1, .most = 4096,
     .fallback = 32, .help = "side of the square that is covered, in pixels of the input"},
    {"stride", CR_PARAMETER_WHOLE, .offset = offsetof(occlusion, stride), .least = 1, .most = 4096,
     .fallback = 16, .help = "pixels from one window to the next"},
    {"baseline", CR_PARAMETER_NUMBER, .offset = offsetof(occlusion, baseline), .least = -1e6,
     .most = 1e6, .help = "what covers it, as a value of the network's input"},
    {"score", CR_PARAMETER_WORD, .offset = offsetof(occlusion, score),
     .fallback = CR_SCORE_PROBABILITY, .words = cr_score_words, .help = "what falls"},
};

const cr_method cr_method_occlusion = {
    .name = "occlusion",
    .source = "Zeiler and Fergus, ECCV 2014, section 4.2",
    .formula = "mean of p(X) - p(X covered by W) over the windows W on a pixel",
    .needs = CR_NEEDS_PASSES,
    .of_input = true,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .n_passes = n_passes,
    .cost = "1 and one a window",
    .run = run,
};
