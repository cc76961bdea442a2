/* What became of the images of a pair. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

static const cr_compare_seen *seen_at(const cr_compare *compare, int row, int image)
{
    return compare->room->seen + (size_t)row * (size_t)compare->n_shared + (size_t)image;
}

static bool counts_everywhere(const cr_compare *compare, int image)
{
    for (int r = 0; r < compare->n_rows; r++)
        if (!seen_at(compare, r, image)->counts)
            return false;
    return !compare->room->missing[image];
}

static bool is_of_truth(const cr_compare *compare, int a, int b)
{
    const cr_metric_of lead = cr_compare_number(&compare->metrics[compare->lead])->of;
    return lead == CR_METRIC_OF_TRUTH || !compare->rows[a].has_network ||
           !compare->rows[b].has_network;
}

static double change(const cr_compare_flip *flip)
{
    return flip->iou_b - flip->iou_a;
}

static int by_growth(const void *one, const void *other)
{
    const cr_compare_flip *a = one, *b = other;
    const int order = (change(a) < change(b)) - (change(a) > change(b));
    return order ? order : (a->image > b->image) - (a->image < b->image);
}

static int by_loss(const void *one, const void *other)
{
    const cr_compare_flip *a = one, *b = other;
    const int order = (change(a) > change(b)) - (change(a) < change(b));
    return order ? order : (a->image > b->image) - (a->image < b->image);
}

cr_status cr_compare_find_flips(const cr_compare *compare, int a, int b, cr_compare_flips *flips,
                                cr_error *err)
{
    const size_t n = (size_t)compare->n_shared;
    *flips = (cr_compare_flips){.of_truth = is_of_truth(compare, a, b),
                                .better = cr_alloc(n, sizeof *flips->better),
                                .worse = cr_alloc(n, sizeof *flips->worse)};
    if (!flips->better || !flips->worse) {
        cr_compare_flips_free(flips);
        return cr_fail_memory(err, "images that changed", 2 * n, sizeof *flips->better);
    }
    for (int i = 0; i < compare->n_shared; i++) {
        const cr_compare_seen *in_a = seen_at(compare, a, i), *in_b = seen_at(compare, b, i);
        if (!counts_everywhere(compare, i))
            continue;
        const cr_compare_flip flip = {i, in_a->outcome[flips->of_truth],
                                      in_b->outcome[flips->of_truth], in_a->iou[flips->of_truth],
                                      in_b->iou[flips->of_truth]};
        flips->n++;
        flips->table[flip.a][flip.b]++;
        if (change(&flip) > 0)
            flips->better[flips->n_better++] = flip;
        if (change(&flip) < 0)
            flips->worse[flips->n_worse++] = flip;
    }
    qsort(flips->better, (size_t)flips->n_better, sizeof *flips->better, by_growth);
    qsort(flips->worse, (size_t)flips->n_worse, sizeof *flips->worse, by_loss);
    const int most = compare->options.n_flips;
    flips->n_better = flips->n_better < most ? flips->n_better : most;
    flips->n_worse = flips->n_worse < most ? flips->n_worse : most;
    return CR_OK;
}

void cr_compare_flips_free(cr_compare_flips *flips)
{
    free(flips->better);
    free(flips->worse);
    *flips = (cr_compare_flips){0};
}
