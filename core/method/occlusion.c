/* Occlusion: how far the class's score falls where a window of the input is covered, at each pixel the mean
 * over the windows that cover it. Windows go from the top left corner on; the last of a row or column are
 * cut at the border, and a pixel that none covers is 0. */
#include "internal.h"

#include <math.h>
#include <string.h>

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

static size_t n_places_of(const cr_method_run *run)
{
    return (size_t)run->height * (size_t)run->width;
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
    const int n = run->passes->n_channels;
    memcpy(to, run->passes->input, run->passes->size * sizeof *to);
    for (int y = c.y0; y < c.y1; y++)
        for (int i = n * c.x0; i < n * c.x1; i++)
            to[n * y * run->width + i] = (cr_real)o->baseline;
}

/* In the scratch: scores of the input as it is and of a covered one, [n_slots] each; the sums of falls,
 * [n_slots][H W], and behind them the windows over each pixel. */
static double *scores_of(const cr_method_run *run)
{
    return (double *)(void *)run->scratch;
}

static double *sums_of(const cr_method_run *run)
{
    return scores_of(run) + 2 * run->n_slots;
}

static void take(const void *user, int k, const cr_real *logits)
{
    const cr_method_run *run = user;
    const occlusion *o = run->parameters;
    const double *whole = scores_of(run);
    double *covered = scores_of(run) + run->n_slots;
    const cover c = cover_of(run, k);
    cr_scores((cr_score)o->score, logits, run->passes->n_classes, run->classes, run->n_slots,
              covered);
    for (int slot = 0; slot <= run->n_slots; slot++) {
        const double value = slot < run->n_slots ? whole[slot] - covered[slot] : 1;
        for (int y = c.y0; y < c.y1; y++) {
            double *row =
                sums_of(run) + (size_t)slot * n_places_of(run) + (size_t)y * (size_t)run->width;
            for (int x = c.x0; x < c.x1; x++)
                row[x] += value;
        }
    }
}

static void run(const cr_method_run *run)
{
    const occlusion *o = run->parameters;
    const cr_passes *passes = run->passes;
    const size_t n_places = n_places_of(run);
    double *sums = sums_of(run);
    const double *windows = sums + (size_t)run->n_slots * n_places;
    for (size_t i = 0; i < (size_t)(run->n_slots + 1) * n_places; i++)
        sums[i] = 0;
    cr_scores((cr_score)o->score, run->logits, passes->n_classes, run->classes, run->n_slots,
              scores_of(run));
    cr_passes_run(passes, n_passes(run->parameters, run->width, run->height, passes->n_channels),
                  fill, take, run);
    for (size_t i = 0; i < (size_t)run->n_slots * n_places; i++)
        run->maps[i] = (cr_real)(sums[i] / fmax(windows[i % n_places], 1));
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_channels;
    return cr_reals_of_doubles(2 * (size_t)n_slots + (size_t)(n_slots + 1) * (size_t)n_places);
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
