/* Mean average precision of the rows of a comparison, and of the same images drawn anew. Detections are read twice: for
 * which images count, and then of these. */
#include "compare_precisions.h"

#include <math.h>
#include <stdlib.h>

typedef struct reading {
    cr_compare_files *files;
    int n_images;
    int32_t *images; /* [n_shared] which image each shared row is of */
    bool *counts;    /* [n_images] under all rows that have detections */
    bool *has;       /* [n_rows] whether a row has them */
    bool **kept;     /* [n_files][n_images of the file] */
    double *values;  /* [2][n_rows] of the 11 points, and of the area */
} reading;

static cr_status begin(reading *d, cr_error *err)
{
    const cr_compare_files *files = d->files;
    const cr_dataset *data = files->sets[0].data;
    const size_t n_rows = (size_t)files->n_rows;
    int32_t *all = cr_alloc((size_t)data->n_images, sizeof *all);
    d->images = cr_alloc((size_t)files->n_shared, sizeof *d->images);
    d->counts = cr_alloc((size_t)files->n_shared, sizeof *d->counts);
    d->has = cr_alloc(n_rows, sizeof *d->has);
    d->kept = cr_alloc((size_t)files->n_files, sizeof *d->kept);
    d->values = cr_alloc(2 * n_rows, sizeof *d->values);
    bool whole = all && d->images && d->counts && d->has && d->kept && d->values;
    for (int f = 0; whole && f < files->n_files; f++)
        whole = (d->kept[f] = cr_alloc((size_t)files->sets[f].data->n_images, 1)) != NULL;
    if (whole) {
        cr_data_number_images(data, all);
        for (int s = 0, last = -1; s < files->n_shared; s++) {
            const int32_t image = all[files->shared[s]];
            d->n_images += image != last;
            last = image;
            d->images[s] = d->n_images - 1;
            if (cr_compare_is_computed(&files->compare, s))
                d->counts[d->images[s]] = true;
        }
    }
    free(all);
    return whole ? CR_OK
                 : cr_fail_memory(err, "detections", (size_t)files->n_shared, sizeof *d->images);
}

static void end(reading *d)
{
    for (int f = 0; d->kept && f < d->files->n_files; f++)
        free(d->kept[f]);
    free(d->kept);
    free(d->values);
    free(d->has);
    free(d->counts);
    free(d->images);
}

/* Keeps the shared rows of all images, or of those that count. */
static void keep(reading *d, bool all)
{
    for (int f = 0; f < d->files->n_files; f++)
        for (int i = 0; i < d->files->sets[f].data->n_images; i++) {
            const int32_t shared = d->files->sets[f].places[i];
            d->kept[f][i] = shared >= 0 && (all || d->counts[d->images[shared]]);
        }
}

static cr_status read(const reading *d, int row, cr_detections *to, cr_error *err)
{
    const cr_compare_place *at = &d->files->places[row];
    *to = (cr_detections){0};
    return at->model < 0 ? CR_OK
                         : cr_results_detections(d->files->files[at->file].results, at->model,
                                                 at->row, at->protocol, d->kept[at->file], to, err);
}

/* Which rows have detections, and of the images those that count under all of them. */
static cr_status find_counted(reading *d, cr_error *err)
{
    keep(d, true);
    for (int r = 0; r < d->files->n_rows; r++) {
        cr_detections of;
        CR_OR_RETURN(read(d, r, &of, err));
        for (int i = 0; i < of.n_images && !d->has[r]; i++)
            d->has[r] = of.counts[i];
        for (int i = 0; i < of.n_images && d->has[r]; i++)
            d->counts[i] = d->counts[i] && of.counts[i];
        cr_results_detections_free(&of);
    }
    keep(d, false);
    return CR_OK;
}

/* Where the numbers of a row under all resamples go; NULL where nobody asks. */
typedef struct taking {
    const cr_detections *detections;
    double *to[2];
} taking;

static void put(cr_mean_precision of, double *const to[2], size_t at)
{
    if (to[0])
        to[0][at] = of.eleven_points;
    if (to[1])
        to[1][at] = of.area;
}

static void take(void *context, int resample, const uint16_t *counts)
{
    const taking *to = context;
    put(cr_metric_mean_precision(to->detections, counts, NULL), to->to, (size_t)resample);
}

/* The metrics that are wanted: the 11 points, and the area. */
static void find_metrics(cr_compare *compare, cr_compare_metric *metrics[2])
{
    static const char *const keys[] = {"map_voc07", "map"};
    for (int k = 0; k < 2; k++)
        for (int m = 0; m < compare->n_metrics; m++)
            if (compare->metrics[m].number == cr_metric_number_find(keys[k]))
                metrics[k] = &compare->metrics[m];
}

static cr_status fill_row(const reading *d, int row, cr_compare_metric *const metrics[2],
                          cr_error *err)
{
    const cr_compare_options *options = &d->files->compare.options;
    const size_t n_rows = (size_t)d->files->n_rows, n = (size_t)options->n_resamples;
    double *const values[2] = {d->values, d->values + n_rows};
    cr_detections of = {0};
    cr_status status = d->has[row] ? read(d, row, &of, err) : CR_OK;
    taking to = {.detections = &of};
    for (int k = 0; k < 2; k++)
        to.to[k] = metrics[k] && metrics[k]->means ? metrics[k]->means + (size_t)row * n : NULL;
    if (status == CR_OK)
        put(cr_metric_mean_precision(&of, NULL, NULL), values, (size_t)row);
    if (status == CR_OK && of.n_images > 0 && n > 0)
        status = cr_stat_resample_counts(of.n_images, CR_STAT_SEED, options->n_resamples,
                                         options->n_threads > 1 ? options->n_threads : 1, take, &to,
                                         err);
    cr_results_detections_free(&of);
    return status;
}

cr_status cr_compare_files_precisions(cr_compare_files *files, cr_error *err)
{
    cr_status status = CR_OK;
    reading d = {.files = files};
    cr_compare_metric *metrics[2] = {NULL, NULL};
    int n = 0;
    find_metrics(&files->compare, metrics);
    CR_TRY(begin(&d, err));
    CR_TRY(find_counted(&d, err));
    for (int r = 0; r < files->n_rows; r++)
        CR_TRY(fill_row(&d, r, metrics, err));
    for (int i = 0; i < d.n_images; i++)
        n += d.counts[i];
    for (int k = 0; k < 2; k++)
        if (metrics[k])
            cr_compare_set_whole(metrics[k], files->n_rows, n, d.values + k * files->n_rows);

cleanup:
    end(&d);
    return status;
}
