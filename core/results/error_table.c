/* The error table of a results file: its rows counted, and the baselines, for core/report. */
#include "internal.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static cr_report_row *add_row(const cr_protocol *protocol, const cr_dataset *data,
                              cr_report *report)
{
    cr_report_row *row = &report->rows[report->n_rows++];
    *row = (cr_report_row){
        .protocol = protocol->name,
        .n_excluded = protocol->exclude ? data->n_excluded : 0,
        .threshold = protocol->threshold,
        .iou = protocol->iou,
    };
    return row;
}

static cr_status make_rows(cr_results *results, cr_report *report, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_dataset *data = cr_results_get_data(results);
    const size_t n_variants = (size_t)cr_results_count_variants(plan);
    const size_t n_sums = cr_results_count_sums(plan);
    int64_t *sums = cr_alloc(n_variants, n_sums * sizeof *sums);
    const int64_t *of[CR_METRIC_MAX];
    int at = 0;
    if (!sums)
        CR_TRY(cr_fail_memory(err, "the report", n_variants, n_sums * sizeof *sums));
    CR_TRY(cr_results_tally(results, 0, data->n_images, sums, err));
    for (int m = 0; m < plan->n_models; m++)
        for (int v = 0; v < plan->models[m].n_variants; v++, at++)
            for (int p = 0; p < plan->n_protocols; p++) {
                const cr_results_variant *variant = &plan->models[m].variants[v];
                cr_report_row *row = add_row(&plan->protocols[p], data, report);
                row->model = plan->models[m].name;
                row->has_network = cr_results_has_network(&plan->models[m]);
                row->filter = row->has_network ? plan->models[m].filter : "";
                row->method = variant->method;
                row->layer = variant->layer;
                cr_results_variant_name(variant, row->variant);
                cr_results_find_sums(plan, sums, at, p, of);
                cr_report_fill(of, row);
                cr_report_fill_empty(report, (const cr_tally *)of[CR_METRIC_LOCALIZATION], row);
            }

cleanup:
    free(sums);
    return status;
}

/* `tallies` of the whole image's box; `own` where the baseline's box is that. */
static void add_baseline(const cr_results_plan *plan, const cr_dataset *data, const char *method,
                         const cr_tally *tallies, bool own, const cr_sweep *sweep,
                         cr_report *report)
{
    for (int p = 0; p < plan->n_protocols; p++) {
        cr_report_row *row = add_row(&plan->protocols[p], data, report);
        row->model = "baseline";
        row->method = method;
        row->layer = row->filter = "";
        snprintf(row->variant, sizeof row->variant, "%s", method);
        row->is_baseline = true;
        /* What is not counted has no denominator. */
        const int64_t *sums[CR_METRIC_MAX] = {
            [CR_METRIC_LOCALIZATION] = (const int64_t *)(own ? &tallies[p] : &(cr_tally){0}),
            [CR_METRIC_MAX_BOX_ACC] = (const int64_t *)sweep};
        cr_report_fill(sums, row);
        row->n_localized = tallies[p].n_localized;
        row->threshold = NAN;
        row->n_images = row->n_swept;
        for (int level = 0; level < CR_SWEEP_LEVELS; level++)
            row->curve[level] = NAN;
    }
}

static cr_status make_baselines(cr_results *results, cr_report *report, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_dataset *data = cr_results_get_data(results);
    const size_t n = (size_t)plan->n_protocols;
    cr_tally *tallies = cr_alloc(n, sizeof *tallies);
    cr_sweep *sweeps = cr_alloc(2, sizeof *sweeps);
    if (!tallies || !sweeps)
        CR_TRY(cr_fail_memory(err, "the report", n, sizeof *tallies));
    CR_TRY(cr_results_baselines(results, tallies, &sweeps[0], &sweeps[1], err));
    add_baseline(plan, data, "whole-image", tallies, true, &sweeps[0], report);
    add_baseline(plan, data, "center-box", tallies, false, &sweeps[1], report);

cleanup:
    free(sweeps);
    free(tallies);
    return status;
}

/* Per image, over the models. */
enum { SEEN_FAILED = 1, SEEN_MISSING = 2 };

/* One more failure, `method` that of a variant that has failed alone, or "". */
static void add_failure(cr_report *report, const cr_results *results, int model, int image,
                        const char *method, const char *reason)
{
    if (report->n_failures == CR_REPORT_MAX_FAILURES)
        return;
    cr_report_failure *failure = &report->failures[report->n_failures++];
    failure->model = cr_results_get_plan(results)->models[model].name;
    failure->image = cr_data_image_id(cr_results_get_data(results), image);
    snprintf(failure->reason, sizeof failure->reason, "%s%s%s", method, method[0] ? ": " : "",
             reason);
}

static void see_rows(cr_results *results, int model, const cr_results_rows *rows, uint8_t *seen,
                     cr_report *report)
{
    const cr_results_model *of = &cr_results_get_plan(results)->models[model];
    char name[2 * CR_NAME_BYTES];
    for (int i = 0; i < rows->n; i++) {
        if (rows->state[i] == CR_ROW_EMPTY)
            seen[i] |= SEEN_MISSING;
        if (rows->state[i] == CR_ROW_FAILED) {
            seen[i] |= SEEN_FAILED;
            add_failure(report, results, model, rows->first + i, "", rows->reason[i]);
        }
        for (int v = 0; v < of->n_variants && rows->state[i] == CR_ROW_DONE; v++) {
            if (rows->variants[v].state[i] == CR_ROW_EMPTY)
                seen[i] |= SEEN_MISSING;
            if (rows->variants[v].state[i] != CR_ROW_FAILED)
                continue;
            seen[i] |= SEEN_FAILED;
            cr_results_variant_name(&of->variants[v], name);
            add_failure(report, results, model, rows->first + i, name, rows->variants[v].reason[i]);
        }
    }
}

static cr_status read_states(cr_results *results, int model, uint8_t *seen, cr_report *report,
                             cr_error *err)
{
    cr_status status = CR_OK;
    const int n_images = cr_results_get_data(results)->n_images;
    const int n_variants = cr_results_get_plan(results)->models[model].n_variants;
    cr_arena arena = {0};
    cr_results_rows rows = {
        .state = cr_arena_alloc(&arena, CR_RESULTS_SHARE, 1),
        .reason = cr_arena_alloc(&arena, CR_RESULTS_SHARE, sizeof *rows.reason),
        .variants = cr_arena_alloc(&arena, (size_t)n_variants, sizeof *rows.variants),
    };
    bool ok = rows.state && rows.reason && rows.variants;
    for (int v = 0; ok && v < n_variants; v++) {
        rows.variants[v].state = cr_arena_alloc(&arena, CR_RESULTS_SHARE, 1);
        rows.variants[v].reason =
            cr_arena_alloc(&arena, CR_RESULTS_SHARE, sizeof *rows.variants[v].reason);
        ok = rows.variants[v].state && rows.variants[v].reason;
    }
    if (!ok)
        CR_TRY(cr_fail_memory(err, "the report", CR_RESULTS_SHARE, sizeof *rows.reason));
    for (; rows.first < n_images; rows.first += CR_RESULTS_SHARE) {
        const int left = n_images - rows.first;
        rows.n = left < CR_RESULTS_SHARE ? left : CR_RESULTS_SHARE;
        CR_TRY(cr_results_read(results, model, &rows, err));
        see_rows(results, model, &rows, seen + rows.first, report);
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

static cr_status make_classes(cr_results *results, cr_report *report, cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(results);
    const size_t n_rows = (size_t)cr_results_count_variants(plan) * (size_t)plan->n_protocols;
    size_t n;
    if (!cr_size_mul(n_rows, (size_t)report->data->n_classes, &n) || n > INT_MAX)
        return cr_fail(err, CR_EINPUT, "%zu rows of %d classes are too many", n_rows,
                       report->data->n_classes);
    report->classes = cr_alloc(n, sizeof *report->classes);
    return report->classes ? cr_results_tally_classes(results, report->classes, err)
                           : cr_fail_memory(err, "the report", n, sizeof *report->classes);
}

cr_status cr_results_report(cr_results *results, bool by_class, cr_report *report, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_dataset *data = cr_results_get_data(results);
    const int n_images = data->n_images;
    const size_t n_rows = ((size_t)cr_results_count_variants(plan) + 2) * (size_t)plan->n_protocols;
    *report = (cr_report){
        .job_name = plan->job_name,
        .n_images = n_images,
        .n_excluded = data->n_excluded,
        .skip_failed = plan->skip_failed,
        .has_empty = plan->has_empty,
        .show_protocols = plan->show_protocols,
        .show_v1 = plan->show_v1,
        .show_v2 = plan->show_v2,
        .n_protocols = plan->n_protocols,
        .protocols = plan->protocols,
        .rows = cr_alloc(n_rows, sizeof *report->rows),
        .failures = cr_alloc(CR_REPORT_MAX_FAILURES, sizeof *report->failures),
        .data = data,
    };
    for (int m = 0; cr_metrics[m]; m++)
        report->has_metric[m] = cr_results_has_metric(plan, m);
    uint8_t *seen = cr_alloc((size_t)n_images, 1);
    if (!report->rows || !report->failures || !seen)
        CR_TRY(cr_fail_memory(err, "the report", n_rows, sizeof *report->rows));
    CR_TRY(make_rows(results, report, err));
    CR_TRY(make_baselines(results, report, err));
    if (by_class)
        CR_TRY(make_classes(results, report, err));
    for (int m = 0; m < plan->n_models; m++)
        CR_TRY(read_states(results, m, seen, report, err));
    for (int i = 0; i < n_images; i++) {
        report->n_failed += (seen[i] & SEEN_FAILED) != 0;
        report->n_missing += (seen[i] & SEEN_MISSING) != 0;
    }

cleanup:
    free(seen);
    if (status != CR_OK)
        cr_report_free(report);
    return status;
}
