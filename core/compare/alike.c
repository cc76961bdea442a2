/* How alike the rows of a pair are, image by image: a map that stays when the network's weights are drawn anew,
 * or changes with the precision, is seen here. */
#include "internal.h"

#include "camrank/loc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 1 << 26 };

const cr_alike_number cr_alike_numbers[CR_N_ALIKE] = {
    [CR_ALIKE_CLASS] = {"same_top1", "same top-1", true, 2},
    [CR_ALIKE_TOP5] = {"same_top5", "same top-5", true, 2},
    [CR_ALIKE_BOX] = {"same_box", "IoU > 0.9", true, 2},
    [CR_ALIKE_IOU] = {"box_iou", "IoU", false, 4},
    [CR_ALIKE_CORRELATION] = {"correlation", "correlation", false, 4},
    [CR_ALIKE_RANKS] = {"rank_correlation", "rank corr.", false, 4},
    [CR_ALIKE_SSIM] = {"ssim", "SSIM", false, 4},
};

typedef struct cr_compare_likeness {
    int width, height, n;   /* images so far */
    double *values, *ranks; /* [n_rows][places] of an image */
    double *of;             /* [n_pairs][CR_N_ALIKE][n_images]; NaN where nothing can be said */
} cr_compare_likeness;

static size_t count_places(const cr_compare_likeness *all)
{
    return (size_t)all->width * (size_t)all->height;
}

cr_status cr_compare_begin_alike(cr_compare *compare, int width, int height, cr_error *err)
{
    cr_arena *arena = &compare->room->arena;
    const size_t places = (size_t)width * (size_t)height, n_rows = (size_t)compare->n_rows;
    const size_t n_figures = (size_t)compare->n_pairs * CR_N_ALIKE;
    const double n_values = (double)n_figures * compare->n_images;
    if (n_values > MOST_VALUES)
        return cr_fail(err, CR_EINPUT,
                       "--alike: %d pairs on %d images are more than can be done at a time: "
                       "--against and --only choose among them",
                       compare->n_pairs, compare->n_images);
    cr_compare_likeness *all = cr_arena_alloc(arena, 1, sizeof *all);
    if (!all)
        return cr_fail_memory(err, "a comparison", 1, sizeof *all);
    *all = (cr_compare_likeness){.width = width, .height = height};
    all->values = cr_arena_alloc(arena, n_rows * places, sizeof *all->values);
    all->ranks = cr_arena_alloc(arena, n_rows * places, sizeof *all->ranks);
    all->of = cr_arena_alloc(arena, n_figures * (size_t)compare->n_images, sizeof *all->of);
    compare->alike = cr_arena_alloc(arena, n_figures, sizeof *compare->alike);
    if (!all->values || !all->ranks || !all->of || !compare->alike)
        return cr_fail_memory(err, "a comparison", (size_t)n_values + 2 * n_rows * places,
                              sizeof(double));
    compare->room->likeness = all;
    return CR_OK;
}

bool cr_compare_is_computed(const cr_compare *compare, int image)
{
    return !compare->room->missing[image];
}

static bool have_same_classes(const int32_t *a, const int32_t *b)
{
    for (int i = 0; i < CR_TOP; i++) {
        bool found = false;
        for (int k = 0; k < CR_TOP; k++)
            found = found || a[i] == b[k];
        if (!found)
            return false;
    }
    return true;
}

static cr_status fill(const cr_compare *compare, int pair, const cr_compare_sight *sights,
                      double figures[CR_N_ALIKE], cr_error *err)
{
    const cr_compare_likeness *all = compare->room->likeness;
    const cr_compare_pair *of = &compare->metrics[0].pairs[pair];
    const cr_compare_sight *a = &sights[of->a], *b = &sights[of->b];
    const size_t places = count_places(all);
    const size_t at = (size_t)of->a * places, bt = (size_t)of->b * places;
    for (int k = 0; k < CR_N_ALIKE; k++)
        figures[k] = NAN;
    if (a->top_class && b->top_class) {
        figures[CR_ALIKE_CLASS] = a->top_class[0] == b->top_class[0];
        figures[CR_ALIKE_TOP5] = have_same_classes(a->top_class, b->top_class);
    }
    if (a->box && b->box) {
        figures[CR_ALIKE_IOU] = cr_iou(*a->box, *b->box);
        figures[CR_ALIKE_BOX] = figures[CR_ALIKE_IOU] > 0.9;
    }
    if (!a->map || !b->map)
        return CR_OK;
    figures[CR_ALIKE_CORRELATION] = cr_stat_correlation(all->values + at, all->values + bt, places);
    figures[CR_ALIKE_RANKS] = cr_stat_correlation(all->ranks + at, all->ranks + bt, places);
    return cr_stat_ssim(a->map, b->map, all->width, all->height, &figures[CR_ALIKE_SSIM], err);
}

cr_status cr_compare_add_alike(cr_compare *compare, const cr_compare_sight *sights, cr_error *err)
{
    cr_compare_likeness *all = compare->room->likeness;
    const size_t places = count_places(all), n_images = (size_t)compare->n_images;
    for (int r = 0; r < compare->n_rows; r++) {
        if (!sights[r].map)
            continue;
        for (size_t i = 0; i < places; i++)
            all->values[(size_t)r * places + i] = (double)sights[r].map[i];
        CR_OR_RETURN(
            cr_stat_ranks(sights[r].map, (int)places, all->ranks + (size_t)r * places, err));
    }
    for (int pair = 0; pair < compare->n_pairs; pair++) {
        double figures[CR_N_ALIKE];
        CR_OR_RETURN(fill(compare, pair, sights, figures, err));
        for (size_t k = 0; k < CR_N_ALIKE; k++)
            all->of[((size_t)pair * CR_N_ALIKE + k) * n_images + (size_t)all->n] = figures[k];
    }
    all->n++;
    return CR_OK;
}

/* The mean of the values of n >= 1 rows, and its interval. */
static cr_status find_mean(const cr_compare *compare, const double *values,
                           cr_stat_clusters clusters, double *zeros, double *means,
                           cr_compare_alike *to, cr_error *err)
{
    const cr_compare_options *options = &compare->options;
    for (int i = 0; i < to->n; i++)
        to->value += values[i];
    to->value /= to->n;
    if (options->n_resamples == 0)
        return CR_OK;
    memset(zeros, 0, (size_t)to->n * sizeof *zeros);
    memset(means + options->n_resamples, 0, (size_t)options->n_resamples * sizeof *means);
    CR_OR_RETURN(cr_stat_resample(&values, 1, clusters, CR_STAT_SEED, options->n_resamples,
                                  options->n_threads, means, err));
    return cr_stat_bca(values, zeros, clusters, means, means + options->n_resamples,
                       options->n_resamples, &to->low, &to->high, err);
}

/* Keeps of the values of a figure those of rows of which it can be said, and which of the shared images these are;
 * returns their number. */
static int keep(const cr_compare *compare, double *values, int32_t *shared)
{
    int n = 0;
    for (int i = 0, at = 0; i < compare->n_shared; i++) {
        if (!cr_compare_is_computed(compare, i))
            continue;
        if (!isnan(values[at])) {
            shared[n] = i;
            values[n++] = values[at];
        }
        at++;
    }
    return n;
}

cr_status cr_compare_end_alike(cr_compare *compare, cr_error *err)
{
    cr_status status = CR_OK;
    cr_compare_likeness *all = compare->room->likeness;
    const size_t n = (size_t)compare->n_images;
    double *zeros = cr_alloc(n, sizeof *zeros);
    int32_t *shared = cr_alloc(2 * n, sizeof *shared), *images = shared + n;
    double *means = cr_alloc(2 * (size_t)compare->options.n_resamples + 1, sizeof *means);
    if (!zeros || !shared || !means)
        CR_TRY(cr_fail_memory(err, "means", n, sizeof *means));
    for (size_t f = 0; f < (size_t)compare->n_pairs * CR_N_ALIKE; f++) {
        cr_compare_alike *to = &compare->alike[f];
        double *values = all->of + f * n;
        *to = (cr_compare_alike){.n = keep(compare, values, shared), .low = NAN, .high = NAN};
        const cr_stat_clusters clusters = cr_compare_clusters(compare, shared, to->n, images);
        if (to->n == 0)
            to->value = NAN;
        else if (!cr_alike_numbers[f % CR_N_ALIKE].is_share)
            CR_TRY(find_mean(compare, values, clusters, zeros, means, to, err));
        else {
            cr_stat_sample sample = {0};
            for (int i = 0; i < to->n; i++)
                cr_stat_sample_add(&sample, cr_stat_cluster(clusters, i), values[i] > 0);
            to->value = 100.0 * (double)sample.sum / to->n;
            cr_stat_sample_wilson(&sample, 100, &to->low, &to->high);
        }
    }

cleanup:
    free(shared);
    free(zeros);
    free(means);
    return status;
}

void cr_compare_make_alike(const cr_compare *compare, cr_sheet *sheet)
{
    const int n = 2 + CR_N_ALIKE;
    cr_sheet_init(sheet, n, compare->n_pairs);
    if (sheet->failed)
        return;
    sheet->columns[0] = (cr_sheet_column){"A", NULL, true, 0};
    sheet->columns[1] = (cr_sheet_column){"B", NULL, true, 0};
    for (int k = 0; k < CR_N_ALIKE; k++)
        sheet->columns[2 + k].title = cr_alike_numbers[k].title;
    for (int pair = 0; pair < compare->n_pairs; pair++) {
        const cr_compare_pair *of = &compare->metrics[0].pairs[pair];
        cr_sheet_cell *cell = sheet->cells + pair * n;
        (cell++)->text = compare->rows[of->a].label;
        (cell++)->text = compare->rows[of->b].label;
        for (int k = 0; k < CR_N_ALIKE; k++, cell++) {
            const cr_compare_alike *alike = &compare->alike[pair * CR_N_ALIKE + k];
            const int places = cr_alike_numbers[k].places;
            cell->text = cr_compare_number_text(sheet, places, alike->value);
            if (!isnan(alike->low))
                cr_sheet_add_below(cell, cr_sheet_text(sheet, "%.*f, %.*f", places, alike->low,
                                                       places, alike->high));
        }
    }
}
