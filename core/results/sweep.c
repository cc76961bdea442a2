/* sweep.c - the metrics over all thresholds, from counts. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int cr_held_out_part(const char *id)
{
    char hex[65], first[9] = "";
    cr_sha256_hex(id, strlen(id), hex);
    memcpy(first, hex, sizeof first - 1);
    return strtoul(first, NULL, 16) % 5 != 0;
}

static double percent(int64_t right, int64_t counted)
{
    return counted > 0 ? 100.0 * (double)right / (double)counted : NAN;
}

/* The share of the images that are right by this bit at the best level. */
static double best_share(const cr_sweep *sweep, int bit)
{
    int64_t best = 0;
    for (int level = 0; level < CR_SWEEP_LEVELS; level++) {
        const int64_t right = sweep->right[0][bit][level] + sweep->right[1][bit][level];
        best = right > best ? right : best;
    }
    return percent(best, sweep->n_images[0] + sweep->n_images[1]);
}

static double held_out_share(const cr_sweep *sweep, int bit)
{
    int best = 0;
    for (int level = 1; level < CR_SWEEP_LEVELS; level++)
        if (sweep->right[0][bit][level] > sweep->right[0][bit][best])
            best = level;
    return sweep->n_images[0] > 0 ? percent(sweep->right[1][bit][best], sweep->n_images[1]) : NAN;
}

cr_sweep_scores cr_sweep_score(const cr_sweep *sweep)
{
    cr_sweep_scores scores = {
        .max_box_acc = best_share(sweep, 1),
        .max_box_acc_held_out = held_out_share(sweep, 1),
    };
    for (int bit = 3; bit < CR_SWEEP_BITS; bit++) {
        scores.max_box_acc_v2 += best_share(sweep, bit);
        scores.max_box_acc_v2_held_out += held_out_share(sweep, bit);
    }
    scores.max_box_acc_v2 /= 3;
    scores.max_box_acc_v2_held_out /= 3;
    return scores;
}
