/* Rows of the error table, their images, their classes and their comparison, for figures. */
#include "plot_data.h"

#include "driver/cpus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

cr_row_place cr_row_place_of(const cr_results_plan *plan, const cr_report_row *row)
{
    cr_row_place at = {0};
    char name[2 * CR_NAME_BYTES];
    while (strcmp(plan->models[at.model].name, row->model) != 0)
        at.model++;
    for (;; at.variant++) {
        cr_results_row_name(&plan->models[at.model], at.variant, name);
        if (strcmp(name, row->variant) == 0)
            break;
    }
    while (strcmp(plan->protocols[at.protocol].name, row->protocol) != 0)
        at.protocol++;
    return at;
}

static void take_image(void *context, int image, const cr_metric_image *seen,
                       const cr_verdict *verdict, const uint8_t *levels,
                       const cr_metric_given *given)
{
    const cr_plot_row *row = context;
    (void)levels;
    (void)given;
    if (verdict->is_missing || !verdict->is_localized)
        return;
    row->iou[image] = verdict->has_failed ? 0 : verdict->iou;
    row->right[image] = verdict->gt_known_right;
    const cr_outcomes outcomes = cr_metric_outcomes(seen);
    row->outcome[image] = (uint8_t)(seen->has_network ? outcomes.top1 : outcomes.gt_known);
    if (seen->has_network && seen->model_state == CR_ROW_DONE)
        row->top_class[image] = seen->top_class[0];
}

static cr_status read_images(cr_plot_file *file, cr_error *err)
{
    for (int r = 0; r < file->data.n_rows; r++) {
        cr_plot_row *row = &file->data.rows[r];
        const cr_row_place at = cr_row_place_of(cr_results_get_plan(file->results), row->of);
        CR_OR_RETURN(cr_results_visit_images(file->results, at.model, at.variant, at.protocol,
                                             CR_RESULTS_IOU | CR_RESULTS_BOXES, take_image, row,
                                             err));
    }
    return CR_OK;
}

/* A row whose curves are added up, and whether there was the memory. */
typedef struct curve_sums {
    cr_plot_row *row;
    bool failed;
} curve_sums;

static void take_curves(void *context, int image, const cr_metric_image *seen,
                        const cr_verdict *verdict, const uint8_t *levels,
                        const cr_metric_given *given)
{
    curve_sums *to = context;
    (void)image;
    (void)levels;
    for (int k = 0; k < CR_PLOT_N_CURVES; k++) {
        const int m = cr_metric_find(cr_plot_curve_metrics[k]);
        if (!given[m].columns || verdict->is_missing || seen->model_state != CR_ROW_DONE)
            continue;
        int column = 0;
        while (cr_metrics[m]->columns[column].extents[0] != CR_METRIC_EXTENT_OWN)
            column++;
        to->failed |= !cr_plot_add_image_curve(&to->row->curves[k], given[m].columns[column],
                                               cr_metrics[m]->extent(given[m].parameters));
    }
}

static cr_status read_curves(cr_plot_file *file, cr_error *err)
{
    for (int r = 0; r < file->data.n_rows; r++) {
        curve_sums to = {&file->data.rows[r], false};
        const cr_row_place at = cr_row_place_of(cr_results_get_plan(file->results), to.row->of);
        CR_OR_RETURN(cr_results_visit_images(file->results, at.model, at.variant, at.protocol,
                                             CR_RESULTS_IOU, take_curves, &to, err));
        if (to.failed)
            return cr_fail(err, CR_EINTERNAL, "out of memory: curves");
    }
    return CR_OK;
}

/* The largest box's share of an image of this size. */
static double share_of(const cr_dataset *data, const cr_data_image *image, double width,
                       double height)
{
    double most = 0;
    for (int b = image->first_box; b < image->first_box + image->n_boxes; b++) {
        const cr_box *box = &data->boxes[b];
        most = fmax(most, ((double)box->x1 - box->x0 + 1) * ((double)box->y1 - box->y0 + 1));
    }
    return most > 0 && width > 0 && height > 0 ? fmin(1, most / (width * height)) : NAN;
}

/* Sizes as annotated, else as the first model decoded them. */
static cr_status read_sizes(cr_plot_file *file, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = file->data.data;
    int32_t(*sizes)[2] = cr_alloc((size_t)data->n_images, sizeof *sizes);
    if (!sizes)
        return cr_fail_memory(err, "sizes", (size_t)data->n_images, sizeof *sizes);
    cr_results_rows rows = {.n = data->n_images, .size = &sizes[0][0]};
    CR_TRY(cr_results_read(file->results, 0, &rows, err));
    for (int i = 0; i < data->n_images; i++) {
        const cr_data_image *image = &data->images[i];
        const bool annotated = image->width > 0 && image->height > 0;
        file->data.share[i] = share_of(data, image, annotated ? image->width : sizes[i][0],
                                       annotated ? image->height : sizes[i][1]);
    }

cleanup:
    free(sizes);
    return status;
}

/* The rows of the comparison are those of the report. */
static cr_status choose_rows(cr_plot_file *file, cr_error *err)
{
    cr_compare_files *compared = &file->compared;
    int kept = 0;
    CR_OR_RETURN(cr_compare_list_rows(compared->files, 1, NULL, NULL, &compared->places,
                                      &compared->rows, &compared->n_rows, err));
    for (int c = 0; c < compared->n_rows; c++) {
        const cr_compare_row *row = &compared->rows[c];
        for (int r = 0; r < file->data.n_rows; r++) {
            const cr_report_row *of = file->data.rows[r].of;
            if (strcmp(of->model, row->model) != 0 || strcmp(of->variant, row->method) != 0 ||
                strcmp(of->protocol, row->protocol) != 0)
                continue;
            compared->places[kept] = compared->places[c];
            compared->rows[kept] = *row;
            compared->rows[kept].method = compared->places[kept].method;
            kept++;
            break;
        }
    }
    compared->n_rows = kept;
    return CR_OK;
}

/* The numbers that images are right by, and the mean IoU for ranks; or the one that is named. */
static cr_status choose_numbers(const cr_plot_file *file, const char *metric,
                                cr_compare_options *options, cr_error *err)
{
    int of, without;
    const int number = metric ? cr_metric_number_find(metric) : -1;
    if (metric && (number < 0 || !cr_compare_has(number)))
        return cr_fail(err, CR_EUSAGE,
                       "--metric %.100s: must be a number that camrank compare has; see camrank "
                       "compare --help",
                       metric);
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        cr_metric_number_at(k, &of);
        options->numbers[k] = metric
                                  ? k == number
                                  : cr_compare_has(k) && cr_metrics[of]->always &&
                                        cr_metrics[of]->of_protocol && cr_metrics[of]->n_sums > 0;
        if (options->numbers[k] && !cr_compare_files_have(&file->compared, of, &without))
            return cr_fail(err, CR_EINPUT, "%s: has no %s: its %s %s",
                           file->compared.files[without].path, metric,
                           cr_metrics[of]->always ? "images have one class each, which rules out"
                                                  : "job does not name the metric",
                           cr_metrics[of]->name);
    }
    options->chosen = metric != NULL;
    return CR_OK;
}

cr_status cr_plot_file_compare(const char *path, const char *metric, cr_plot_file *file,
                               cr_error *err)
{
    cr_compare_options options = {.alpha = 0.05,
                                  .against = -1,
                                  .n_resamples = metric ? CR_STAT_RESAMPLES : 0,
                                  .n_threads = cr_cpus_count()};
    CR_OR_RETURN(cr_compare_files_open(&path, 1, &file->compared, err));
    CR_OR_RETURN(choose_numbers(file, metric, &options, err));
    CR_OR_RETURN(choose_rows(file, err));
    CR_OR_RETURN(cr_compare_files_run(&file->compared, &options, err));
    const cr_compare *compare = &file->compared.compare;
    file->data.compare = compare;
    file->data.metric = &compare->metrics[compare->lead];
    for (int m = 0; m < compare->n_metrics; m++)
        if (!compare->metrics[m].is_rights && !compare->metrics[m].is_whole &&
            compare->metrics[m].n_having > 0)
            file->data.ranks = &compare->metrics[m];
    return CR_OK;
}

cr_status cr_plot_file_open(const char *path, const cr_report_options *options, unsigned needs,
                            const char *metric, cr_plot_file *file, cr_error *err)
{
    cr_report_options chosen = *options;
    chosen.by_class = chosen.by_class || needs & CR_PLOT_NEEDS_CLASSES;
    chosen.n_threads = cr_cpus_count();
    CR_OR_RETURN(cr_results_open(path, &file->results, err));
    CR_OR_RETURN(cr_results_report(file->results, &chosen, &file->report, err));
    const cr_dataset *data = cr_results_get_data(file->results);
    CR_OR_RETURN(cr_plot_data_init(&file->report, data, needs, &file->data, err));
    if (needs & CR_PLOT_NEEDS_IMAGES)
        CR_OR_RETURN(read_images(file, err));
    if (needs & CR_PLOT_NEEDS_SIZES)
        CR_OR_RETURN(read_sizes(file, err));
    if (needs & CR_PLOT_NEEDS_CURVES)
        CR_OR_RETURN(read_curves(file, err));
    if (!(needs & CR_PLOT_NEEDS_COMPARE))
        return CR_OK;
    CR_OR_RETURN(cr_plot_file_compare(path, metric, file, err));
    if (needs & CR_PLOT_NEEDS_RANKS && metric && !file->data.ranks)
        return cr_fail(
            err, CR_EUSAGE,
            "--metric %s: images are right or wrong by it: mean ranks are of values, such "
            "as mean_iou",
            metric);
    return CR_OK;
}

void cr_plot_file_close(cr_plot_file *file)
{
    cr_plot_data_free(&file->data);
    cr_report_free(&file->report);
    cr_compare_files_close(&file->compared);
    if (file->results)
        cr_results_close(&file->results, NULL);
}
