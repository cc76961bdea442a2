/* Recipro-CAM: a place of the map is the class's score where the layer is seen around that place alone. */
#include "internal.h"

#include <string.h>

typedef struct recipro_cam {
    cr_map_form form;
    bool gaussian;
    int score;
} recipro_cam;

static int n_passes(const void *parameters, int width, int height, int n_channels)
{
    (void)parameters;
    (void)n_channels;
    return width * height;
}

/* The place, and around it what a 3 x 3 binomial window lets through. */
static void fill(const void *user, int k, cr_real *to)
{
    static const cr_real window[] = {1, 2, 1};
    const cr_method_run *run = user;
    const recipro_cam *p = run->parameters;
    const int c = run->n_channels, reach = p->gaussian ? 1 : 0;
    const int at_y = k / run->width, at_x = k % run->width;
    memset(to, 0, (size_t)run->height * (size_t)run->width * (size_t)c * sizeof *to);
    for (int y = at_y - reach; y <= at_y + reach; y++)
        for (int x = at_x - reach; x <= at_x + reach; x++) {
            if (y < 0 || y >= run->height || x < 0 || x >= run->width)
                continue;
            const cr_real seen = p->gaussian ? window[y - at_y + 1] * window[x - at_x + 1] / 16 : 1;
            const size_t place = (size_t)(y * run->width + x) * (size_t)c;
            for (int i = 0; i < c; i++)
                to[place + (size_t)i] = run->activations[place + (size_t)i] * seen;
        }
}

static double *scores_of(const cr_method_run *run)
{
    return (double *)(void *)run->scratch;
}

static void take(const void *user, int k, const cr_real *logits)
{
    const cr_method_run *run = user;
    const recipro_cam *p = run->parameters;
    double *scores = scores_of(run);
    cr_scores((cr_score)p->score, logits, run->passes->n_classes, run->classes, run->n_slots,
              scores);
    for (int slot = 0; slot < run->n_slots; slot++)
        run->maps[slot * run->height * run->width + k] = (cr_real)scores[slot];
}

static void run(const cr_method_run *run)
{
    cr_passes_run(run->passes, run->height * run->width, fill, take, run);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_places;
    (void)n_channels;
    return cr_reals_of_doubles((size_t)n_slots);
}

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(false, MIN_MAX),
    {"gaussian", CR_PARAMETER_FLAG, .offset = offsetof(recipro_cam, gaussian), .fallback = 1,
     .help = "a window of 3 x 3 is seen, of weights from 1/4 to 1/16; else the one place"},
    {"score", CR_PARAMETER_WORD, .offset = offsetof(recipro_cam, score),
     .fallback = CR_SCORE_PROBABILITY, .words = cr_score_words, .help = "of the class"},
};

const cr_method cr_method_recipro_cam = {
    .name = "recipro-cam",
    .source = "Byun and Lee, CVPR Workshops 2024, equations 1 to 3",
    .formula = "p_c(A W_i), W_i a window around place i",
    .needs = CR_NEEDS_TAIL,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .n_passes = n_passes,
    .cost = "1, and one a place of what is behind the layer",
    .run = run,
};
