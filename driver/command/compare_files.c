/* A comparison as commands make it: files opened, images matched, rows read one after the other. */
#include "compare_alike.h"
#include "compare_precisions.h"

#include <stdlib.h>

cr_status cr_compare_files_open(const char *const *paths, int n, cr_compare_files *files,
                                cr_error *err)
{
    files->files = cr_alloc((size_t)n, sizeof *files->files);
    files->sets = cr_alloc((size_t)n, sizeof *files->sets);
    if (!files->files || !files->sets)
        return cr_fail_memory(err, "files", (size_t)n, sizeof *files->files);
    for (; files->n_files < n; files->n_files++) {
        const int f = files->n_files;
        files->files[f].path = paths[f];
        CR_OR_RETURN(cr_results_open(paths[f], &files->files[f].results, err));
        files->sets[f] = (cr_compare_set){.path = paths[f],
                                          .data = cr_results_get_data(files->files[f].results)};
    }
    return CR_OK;
}

bool cr_compare_files_have(const cr_compare_files *files, int metric, int *without)
{
    const bool needs_pairs = cr_metrics[metric]->needs & CR_METRIC_NEEDS_PAIRS;
    for (*without = 0; *without < files->n_files; ++*without)
        if (!cr_results_has_metric(cr_results_get_plan(files->files[*without].results), metric) ||
            (needs_pairs && !cr_data_has_pairs(files->sets[*without].data)))
            return false;
    return true;
}

/* Which row of which comparison the images go to that are read. */
typedef struct target {
    cr_compare *compare;
    int row;
    const int32_t *places;
} target;

static void take_image(void *context, int image, const cr_metric_image *seen,
                       const cr_verdict *verdict, const uint8_t *levels,
                       const cr_metric_given *given)
{
    const target *to = context;
    if (to->places[image] < 0)
        return;
    const bool has_outcomes = to->compare->needs_boxes && verdict->is_localized;
    const cr_outcomes outcomes = has_outcomes ? cr_metric_outcomes(seen) : (cr_outcomes){0};
    cr_compare_add(to->compare, to->row, to->places[image], seen, verdict,
                   has_outcomes ? &outcomes : NULL, levels, given);
}

/* What chose the row's thresholds, where its file's job took them from another; else *chosen stays NULL. */
static cr_status find_chosen(const cr_compare_file *file, const cr_compare_place *at,
                             cr_sweep baselines[CR_N_BASELINES], const cr_sweep **chosen,
                             cr_error *err)
{
    cr_status status = CR_OK;
    char name[2 * CR_NAME_BYTES];
    const cr_results_plan *plan = cr_results_get_plan(file->results);
    *chosen = NULL;
    if (!file->from)
        return CR_OK;
    if (at->model < 0) {
        status = cr_elsewhere_baselines(file->from, baselines, err);
        *chosen = &baselines[at->row];
    } else {
        cr_results_row_name(&plan->models[at->model], at->row, name);
        status = cr_elsewhere_row(file->from, plan->models[at->model].name, name, chosen, err);
    }
    return status;
}

static cr_status read_rows(cr_compare_files *files, cr_error *err)
{
    const cr_compare *compare = &files->compare;
    const int parts = (compare->needs_iou ? CR_RESULTS_IOU : 0) |
                      (compare->needs_boxes ? CR_RESULTS_BOXES : 0) |
                      (compare->needs_levels ? CR_RESULTS_LEVELS : 0);
    cr_sweep baselines[CR_N_BASELINES];
    for (int f = 0; f < files->n_files && compare->needs_levels; f++)
        CR_OR_RETURN(cr_elsewhere_open(NULL, cr_results_get_plan(files->files[f].results),
                                       &files->files[f].from, err));
    for (int r = 0; r < files->n_rows; r++) {
        const cr_compare_place *at = &files->places[r];
        const cr_sweep *chosen;
        target to = {&files->compare, r, files->sets[at->file].places};
        cr_results *results = files->files[at->file].results;
        CR_OR_RETURN(
            at->model < 0
                ? cr_results_visit_baseline(results, at->row, at->protocol, take_image, &to, err)
                : cr_results_visit_images(results, at->model, at->row, at->protocol, parts,
                                          take_image, &to, err));
        CR_OR_RETURN(find_chosen(&files->files[at->file], at, baselines, &chosen, err));
        cr_compare_row_done(&files->compare, r, chosen);
    }
    return CR_OK;
}

cr_status cr_compare_files_run(cr_compare_files *files, const cr_compare_options *options,
                               cr_error *err)
{
    CR_OR_RETURN(
        cr_compare_match(files->sets, files->n_files, &files->shared, &files->n_shared, err));
    CR_OR_RETURN(cr_compare_begin(options, files->sets, files->n_files, files->shared,
                                  files->n_shared, files->rows, files->n_rows, &files->compare,
                                  err));
    CR_OR_RETURN(read_rows(files, err));
    if (files->compare.needs_whole)
        CR_OR_RETURN(cr_compare_files_precisions(files, err));
    CR_OR_RETURN(cr_compare_finish(&files->compare, err));
    return options->alike ? cr_compare_files_alike(files, err) : CR_OK;
}

void cr_compare_files_close(cr_compare_files *files)
{
    cr_compare_free(&files->compare);
    for (int f = 0; f < files->n_files; f++) {
        cr_elsewhere_close(&files->files[f].from);
        cr_results_close(&files->files[f].results, NULL);
        free(files->sets[f].places);
    }
    free(files->rows);
    free(files->places);
    free(files->shared);
    free(files->sets);
    free(files->files);
}
