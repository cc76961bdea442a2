#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double cr_tally_error(int64_t right, int64_t counted)
{
    return counted > 0 ? 100.0 * (double)(counted - right) / (double)counted : NAN;
}

double cr_tally_mean_iou(const cr_tally *tally)
{
    return tally->n_localized > 0 ? ldexp((double)tally->iou_sum, -40) / (double)tally->n_localized
                                  : NAN;
}

/* Adds one computed image. `iou` is that of its slots. */
static void add_done(const cr_protocol *protocol, const cr_data_image *image,
                     const int32_t *top_class, const double *iou, cr_tally *tally)
{
    bool class_right = false, loc_right = false;
    for (int k = 0; k < CR_TOP; k++)
        if (top_class[k] == image->label) {
            class_right = true;
            loc_right = loc_right || (image->localize && iou[k] >= protocol->iou);
        }
    tally->n_images++;
    tally->top1_class_right += top_class[0] == image->label;
    tally->top5_class_right += class_right;
    if (!image->localize)
        return;
    tally->n_localized++;
    tally->top1_loc_right += top_class[0] == image->label && iou[0] >= protocol->iou;
    tally->top5_loc_right += loc_right;
    tally->gt_known_right += iou[CR_SLOT_TRUTH] >= protocol->iou;
    tally->iou_sum += llround(ldexp(iou[CR_SLOT_TRUTH], 40));
}

static cr_status tally_slice(cr_results *results, int model, const cr_results_rows *rows,
                             cr_tally *tallies, cr_error *err)
{
    const cr_results_plan *plan = &results->plan;
    for (int v = 0; v < plan->models[model].n_variants; v++)
        for (int i = 0; i < rows->n; i++) {
            const cr_data_image *image = &results->data.images[rows->first + i];
            const double *iou = rows->variants[v].iou + (size_t)i * CR_SLOTS;
            cr_tally *tally = &tallies[v];
            switch (rows->state[i]) {
            case CR_ROW_EMPTY:
                tally->n_missing++;
                continue;
            case CR_ROW_FAILED:
                tally->n_failed++;
                if (!plan->skip_failed) {
                    tally->n_images++;
                    tally->n_localized += image->localize;
                }
                continue;
            case CR_ROW_DONE:
                break;
            default:
                return cr_fail(err, CR_EINPUT, "%s: model %s, image %s: %d is no state",
                               results->path, plan->models[model].name,
                               cr_data_image_id(&results->data, rows->first + i), rows->state[i]);
            }
            if (image->localize && !(iou[CR_SLOT_TRUTH] >= 0 && iou[CR_SLOT_TRUTH] <= 1))
                return cr_fail(err, CR_EINPUT, "%s: model %s, image %s: %g is no IoU",
                               results->path, plan->models[model].name,
                               cr_data_image_id(&results->data, rows->first + i),
                               iou[CR_SLOT_TRUTH]);
            add_done(&plan->protocol, image, rows->top_class + (size_t)i * CR_TOP, iou, tally);
        }
    return CR_OK;
}

static cr_status tally_model(cr_results *results, int model, int first, int n, cr_tally *tallies,
                             cr_error *err)
{
    cr_status status = CR_OK;
    const size_t slice = (size_t)(n < CR_RESULTS_SHARE ? n : CR_RESULTS_SHARE);
    const int n_variants = results->plan.models[model].n_variants;
    cr_results_rows rows = {
        .state = cr_alloc(slice, 1),
        .top_class = cr_alloc(slice, CR_TOP * sizeof *rows.top_class),
        .variants = cr_alloc((size_t)n_variants, sizeof *rows.variants),
    };
    /* One block for all variants, or a variant at a time: a job has a handful. */
    double *iou = cr_alloc(slice * (size_t)n_variants, CR_SLOTS * sizeof *iou);
    if (!rows.state || !rows.top_class || !rows.variants || !iou) {
        status = cr_fail_memory(err, "counting", slice, CR_SLOTS * sizeof *iou);
        goto cleanup;
    }
    for (int v = 0; v < n_variants; v++)
        rows.variants[v].iou = iou + (size_t)v * slice * CR_SLOTS;
    for (int done = 0; done < n; done += rows.n) {
        rows.first = first + done;
        rows.n = n - done < CR_RESULTS_SHARE ? n - done : CR_RESULTS_SHARE;
        CR_TRY(cr_results_read(results, model, &rows, err));
        CR_TRY(tally_slice(results, model, &rows, tallies, err));
    }

cleanup:
    free(iou);
    free(rows.variants);
    free(rows.top_class);
    free(rows.state);
    return status;
}

cr_status cr_results_tally(cr_results *results, int first, int n, cr_tally *tallies, cr_error *err)
{
    cr_status status = CR_OK;
    cr_tally *at = tallies;
    for (int m = 0; m < results->plan.n_models; m++) {
        const int n_variants = results->plan.models[m].n_variants;
        memset(at, 0, (size_t)n_variants * sizeof *at);
        CR_TRY(tally_model(results, m, first, n, at, err));
        at += n_variants;
    }

cleanup:
    return status;
}
