/* Thresholds of another set: the rows of another results file over all thresholds, of which the best serve here. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cr_elsewhere {
    char path[CR_PATH_BYTES];
    const char *key; /* what names the file, for messages */
    cr_results *results;
    int64_t *sums; /* of one of its rows */
    cr_sweep sweep;
};

/* Part 0, of which the best thresholds are, becomes all images. */
static void join_parts(const cr_sweep *of, cr_sweep *all)
{
    *all = (cr_sweep){0};
    for (int part = 0; part < CR_N_PARTS; part++) {
        all->n_images[0] += of->n_images[part];
        for (int bit = 0; bit < CR_SWEEP_BITS; bit++)
            for (int level = 0; level < CR_SWEEP_LEVELS; level++)
                all->right[0][bit][level] += of->right[part][bit][level];
    }
}

/* Adds up a row there, which must be finished. */
static cr_status tally(cr_elsewhere *from, int model, int row, cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(from->results);
    const int64_t *found[CR_METRIC_MAX];
    CR_OR_RETURN(cr_results_tally_row(from->results, model, row, from->sums, NULL, NULL, err));
    cr_results_find_sums(plan, from->sums, 0, 0, found);
    if (((const cr_tally *)found[CR_METRIC_LOCALIZATION])->n_missing > 0)
        return cr_fail(err, CR_EINPUT, "%s: %s: is not finished; camrank run ... --resume goes on",
                       from->key, from->path);
    join_parts((const cr_sweep *)found[CR_METRIC_MAX_BOX_ACC], &from->sweep);
    return CR_OK;
}

cr_status cr_elsewhere_row(cr_elsewhere *from, const char *model, const char *row,
                           const cr_sweep **sweep, cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(from->results);
    char name[2 * CR_NAME_BYTES] = "";
    int m = 0, v = 0;
    while (m < plan->n_models && strcmp(plan->models[m].name, model) != 0)
        m++;
    for (; m < plan->n_models && v < cr_results_n_rows(&plan->models[m]); v++) {
        cr_results_row_name(&plan->models[m], v, name);
        if (strcmp(name, row) == 0)
            break;
    }
    if (m == plan->n_models || v == cr_results_n_rows(&plan->models[m]))
        return cr_fail(err, CR_EINPUT, "%s: %s: holds no row %s/%s", from->key, from->path, model,
                       row);
    CR_OR_RETURN(tally(from, m, v, err));
    *sweep = &from->sweep;
    return CR_OK;
}

static void ignore(void *context, int metric, int protocol, int image, const int64_t *sums)
{
    (void)context, (void)metric, (void)protocol, (void)image, (void)sums;
}

cr_status cr_elsewhere_baselines(cr_elsewhere *from, cr_sweep sweeps[CR_N_BASELINES], cr_error *err)
{
    if (!cr_results_has_baselines(from->results))
        return cr_fail(err, CR_EINPUT, "%s: %s: holds no baselines", from->key, from->path);
    const size_t n = (size_t)cr_results_get_plan(from->results)->n_protocols;
    cr_tally *tallies = cr_alloc(n, sizeof *tallies);
    cr_sweep *of = cr_alloc(CR_N_BASELINES, sizeof *of);
    cr_status status = tallies && of ? CR_OK : cr_fail_memory(err, "thresholds", n, sizeof *of);
    if (status == CR_OK)
        status = cr_results_baselines(from->results, tallies, &of[0], &of[1], ignore,
                                      (void *const[]){NULL, NULL}, err);
    for (int b = 0; b < CR_N_BASELINES && status == CR_OK; b++)
        join_parts(&of[b], &sweeps[b]);
    free(of);
    free(tallies);
    return status;
}

/* Of all its rows' names and right images by threshold. */
static cr_status checksum(cr_elsewhere *from, char hex[65], cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(from->results);
    struct {
        char before[65], model[CR_NAME_BYTES], row[2 * CR_NAME_BYTES];
        cr_sweep sweep;
    } *block = cr_alloc(1, sizeof *block);
    if (!block)
        return cr_fail_memory(err, "thresholds", 1, sizeof *block);
    cr_status status = CR_OK;
    for (int m = 0; m < plan->n_models; m++)
        for (int v = 0; v < cr_results_n_rows(&plan->models[m]) && status == CR_OK; v++) {
            status = tally(from, m, v, err);
            snprintf(block->model, sizeof block->model, "%s", plan->models[m].name);
            memset(block->row, 0, sizeof block->row);
            cr_results_row_name(&plan->models[m], v, block->row);
            block->sweep = from->sweep;
            cr_sha256_hex(block, sizeof *block, hex);
            memcpy(block->before, hex, sizeof block->before);
        }
    free(block);
    return status;
}

static cr_status open_file(const char *path, const char *key, cr_elsewhere **from, cr_error *err)
{
    *from = cr_alloc(1, sizeof **from);
    if (!*from)
        return cr_fail_memory(err, "thresholds", 1, sizeof **from);
    (*from)->key = key;
    snprintf((*from)->path, sizeof(*from)->path, "%s", path);
    if (cr_results_open(path, &(*from)->results, err) != CR_OK)
        return cr_fail_in(err, "%s: ", key);
    const size_t n = cr_results_count_sums(cr_results_get_plan((*from)->results));
    (*from)->sums = cr_alloc(n, sizeof *(*from)->sums);
    return (*from)->sums ? CR_OK : cr_fail_memory(err, "thresholds", n, sizeof *(*from)->sums);
}

cr_status cr_elsewhere_open(const char *path, const cr_results_plan *plan, cr_elsewhere **from,
                            cr_error *err)
{
    cr_status status = CR_OK;
    char hex[65] = "";
    *from = NULL;
    if (!path && !plan->threshold_from[0])
        return CR_OK;
    CR_TRY(open_file(path ? path : plan->threshold_from,
                     path ? "--threshold-from" : "threshold_from", from, err));
    if (!path)
        CR_TRY(checksum(*from, hex, err));
    if (!path && strcmp(hex, plan->threshold_sha256) != 0)
        status = cr_fail(err, CR_EINPUT,
                         "threshold_from: %s: is not as it was in the run: the same images and "
                         "rows are needed, or --threshold-from names another file",
                         plan->threshold_from);

cleanup:
    if (status != CR_OK)
        cr_elsewhere_close(from);
    return status;
}

cr_status cr_elsewhere_plan(const char *path, cr_results_plan *plan, cr_error *err)
{
    cr_status status = CR_OK;
    cr_elsewhere *from = NULL;
    const cr_sweep *sweep;
    char name[2 * CR_NAME_BYTES];
    char *whole = realpath(path, NULL);
    if (whole && strlen(whole) >= sizeof plan->threshold_from)
        CR_TRY(cr_fail(err, CR_EINPUT, "threshold_from: %s: the path is too long", path));
    CR_TRY(open_file(whole ? whole : path, "threshold_from", &from, err));
    for (int m = 0; m < plan->n_models; m++)
        for (int v = 0; v < cr_results_n_rows(&plan->models[m]); v++) {
            cr_results_row_name(&plan->models[m], v, name);
            CR_TRY(cr_elsewhere_row(from, plan->models[m].name, name, &sweep, err));
        }
    if (!cr_results_has_baselines(from->results))
        CR_TRY(cr_fail(err, CR_EINPUT,
                       "threshold_from: %s: has no boxes that thresholds could be chosen by",
                       from->path));
    CR_TRY(checksum(from, plan->threshold_sha256, err));
    snprintf(plan->threshold_from, sizeof plan->threshold_from, "%s", from->path);

cleanup:
    cr_elsewhere_close(&from);
    free(whole);
    return status;
}

void cr_elsewhere_close(cr_elsewhere **from)
{
    if (!*from)
        return;
    if ((*from)->results)
        cr_results_close(&(*from)->results, NULL);
    free((*from)->sums);
    free(*from);
    *from = NULL;
}
