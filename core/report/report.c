#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Images read at a time. */
enum { SLICE = 4096 };

static void make_rows(const cr_results_plan *plan, const cr_tally *tally, cr_report *report)
{
    cr_report_row *row = report->rows;
    for (int m = 0; m < plan->n_models; m++)
        for (int v = 0; v < plan->models[m].n_variants; v++, row++, tally++) {
            const cr_results_variant *variant = &plan->models[m].variants[v];
            *row = (cr_report_row){
                .model = plan->models[m].name,
                .method = variant->method,
                .layer = variant->layer,
                .protocol = plan->protocol.name,
                .n_images = tally->n_images,
                .n_localized = tally->n_localized,
                .top1_cls_error = cr_tally_error(tally->top1_class_right, tally->n_images),
                .top5_cls_error = cr_tally_error(tally->top5_class_right, tally->n_images),
                .top1_loc_error = cr_tally_error(tally->top1_loc_right, tally->n_localized),
                .top5_loc_error = cr_tally_error(tally->top5_loc_right, tally->n_localized),
                .gt_known_loc_error = cr_tally_error(tally->gt_known_right, tally->n_localized),
                .mean_iou = cr_tally_mean_iou(tally),
            };
            cr_results_variant_name(variant, row->variant);
        }
    report->n_rows = (int)(row - report->rows);
}

/* Per image, over the models. */
enum { SEEN_FAILED = 1, SEEN_MISSING = 2 };

static cr_status read_states(cr_results *results, int model, uint8_t *seen, cr_report *report,
                             cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = cr_results_get_data(results);
    cr_results_rows rows = {
        .state = cr_alloc(SLICE, 1),
        .reason = cr_alloc(SLICE, sizeof *rows.reason),
    };
    if (!rows.state || !rows.reason) {
        status = cr_fail_memory(err, "the report", SLICE, sizeof *rows.reason);
        goto cleanup;
    }
    for (int first = 0; first < data->n_images; first += SLICE) {
        rows.first = first;
        rows.n = data->n_images - first < SLICE ? data->n_images - first : SLICE;
        CR_TRY(cr_results_read(results, model, &rows, err));
        for (int i = 0; i < rows.n; i++) {
            if (rows.state[i] == CR_ROW_EMPTY)
                seen[first + i] |= SEEN_MISSING;
            if (rows.state[i] != CR_ROW_FAILED)
                continue;
            seen[first + i] |= SEEN_FAILED;
            if (report->n_failures == CR_REPORT_MAX_FAILURES)
                continue;
            cr_report_failure *failure = &report->failures[report->n_failures++];
            failure->model = cr_results_get_plan(results)->models[model].name;
            failure->image = cr_data_image_id(data, first + i);
            memcpy(failure->reason, rows.reason[i], sizeof failure->reason);
        }
    }

cleanup:
    free(rows.reason);
    free(rows.state);
    return status;
}

cr_status cr_report_make(cr_results *results, cr_report *report, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const int n_images = cr_results_get_data(results)->n_images;
    size_t n_rows = 0;
    for (int m = 0; m < plan->n_models; m++)
        n_rows += (size_t)plan->models[m].n_variants;
    *report = (cr_report){
        .job_name = plan->job_name,
        .n_images = n_images,
        .skip_failed = plan->skip_failed,
        .protocol = plan->protocol,
        .rows = cr_alloc(n_rows, sizeof *report->rows),
        .failures = cr_alloc(CR_REPORT_MAX_FAILURES, sizeof *report->failures),
    };
    cr_tally *tallies = cr_alloc(n_rows, sizeof *tallies);
    uint8_t *seen = cr_alloc((size_t)n_images, 1);
    if (!report->rows || !report->failures || !tallies || !seen) {
        status = cr_fail_memory(err, "the report", n_rows, sizeof *report->rows);
        goto cleanup;
    }
    CR_TRY(cr_results_tally(results, 0, n_images, tallies, err));
    make_rows(plan, tallies, report);
    for (int m = 0; m < plan->n_models; m++)
        CR_TRY(read_states(results, m, seen, report, err));
    for (int i = 0; i < n_images; i++) {
        report->n_failed += (seen[i] & SEEN_FAILED) != 0;
        report->n_missing += (seen[i] & SEEN_MISSING) != 0;
    }

cleanup:
    free(seen);
    free(tallies);
    if (status != CR_OK)
        cr_report_free(report);
    return status;
}

void cr_report_free(cr_report *report)
{
    free(report->rows);
    free(report->failures);
    *report = (cr_report){0};
}

cr_status cr_report_format_find(const char *name, cr_report_format *format, cr_error *err)
{
    static const char *const names[] = {
        [CR_REPORT_TEXT] = "text",         [CR_REPORT_CSV] = "csv",     [CR_REPORT_JSON] = "json",
        [CR_REPORT_MARKDOWN] = "markdown", [CR_REPORT_LATEX] = "latex",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (cr_report_format)i;
            return CR_OK;
        }
    return cr_fail(err, CR_EUSAGE, "unknown format `%s`: one of text, csv, json, markdown, latex",
                   name);
}

cr_status cr_report_write(const cr_report *report, cr_report_format format, char **text,
                          cr_error *err)
{
    *text = NULL;
    if (format == CR_REPORT_JSON) {
        *text = cr_report_json(report);
        return *text ? CR_OK : cr_fail(err, CR_EINTERNAL, "out of memory: the report");
    }
    size_t bytes = 0;
    FILE *out = open_memstream(text, &bytes);
    if (!out)
        return cr_fail(err, CR_EINTERNAL, "out of memory: the report");
    if (format == CR_REPORT_CSV)
        cr_report_csv(report, out);
    else if (format == CR_REPORT_MARKDOWN)
        cr_report_markdown(report, out);
    else if (format == CR_REPORT_LATEX)
        cr_report_latex(report, out);
    else
        cr_report_text(report, out);
    const bool whole = !ferror(out);
    if (fclose(out) == 0 && whole)
        return CR_OK;
    free(*text);
    *text = NULL;
    return cr_fail(err, CR_EINTERNAL, "out of memory: the report");
}
