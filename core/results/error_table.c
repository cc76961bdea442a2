/* The error table of a results file: its rows counted, and the baselines, for core/report. */
#include "intervals.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char baseline[] = CR_BASELINE_MODEL; /* the model of the baselines */

static cr_report_row *add_row(const cr_protocol *protocol, cr_report *report)
{
    cr_report_row *row = &report->rows[report->n_rows++];
    *row = (cr_report_row){
        .protocol = protocol->name,
        .n_excluded = protocol->exclude ? report->data->n_excluded : 0,
        .threshold = protocol->threshold,
        .iou = protocol->iou,
    };
    return row;
}

/* Whether rows of this name are asked for; baselines have the model "baseline". */
static bool takes(const cr_report_options *options, const char *model, const char *method)
{
    return cr_report_takes(options->models, model) && cr_report_takes(options->methods, method);
}

/* Whether any row of a model is asked for. */
static bool takes_any(const cr_report_options *options, const cr_results_model *model)
{
    char name[2 * CR_NAME_BYTES];
    for (int v = 0; v < cr_results_n_rows(model); v++) {
        cr_results_row_name(model, v, name);
        if (takes(options, model->name, name))
            return true;
    }
    return false;
}

/* Part 0, of which the best thresholds are, becomes all images of `chosen`, part 1 all of `scored`. */
static void hold_out(const cr_sweep *chosen, const cr_sweep *scored, cr_report_row *row)
{
    const cr_sweep *const of[CR_N_PARTS] = {chosen, scored};
    cr_sweep both = {0};
    for (int to = 0; to < CR_N_PARTS; to++)
        for (int part = 0; part < CR_N_PARTS; part++) {
            both.n_images[to] += of[to]->n_images[part];
            for (int bit = 0; bit < CR_SWEEP_BITS; bit++)
                for (int level = 0; level < CR_SWEEP_LEVELS; level++)
                    both.right[to][bit][level] += of[to]->right[part][bit][level];
        }
    const int64_t *sums[CR_METRIC_MAX] = {[CR_METRIC_MAX_BOX_ACC] = (const int64_t *)&both};
    cr_metric_value values[CR_METRIC_MAX_NUMBERS];
    cr_metric_count(sums, values);
    for (int k = 0; k < cr_metric_n_numbers(); k++)
        if (cr_metric_number_at(k, NULL)->held_out)
            row->values[k] = values[k];
}

static cr_status fill_precisions(cr_results *results, int model, int v, int protocol,
                                 size_t first_class, int n_threads, const cr_report *report,
                                 cr_report_row *row, cr_error *err)
{
    cr_report_ap *by_class = report->precisions ? report->precisions + first_class : NULL;
    cr_report_ap all;
    CR_OR_RETURN(cr_precisions_fill(results, model, v, protocol, n_threads, by_class, &all, err));
    cr_report_fill_precisions(&all, row);
    row->precisions = by_class;
    return CR_OK;
}

static cr_status add_rows(cr_results *results, int model, int v, int at, int64_t *sums,
                          cr_elsewhere *from, int n_threads, cr_report *report, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_sweep *chosen = NULL;
    char name[2 * CR_NAME_BYTES];
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_results_model *of = &plan->models[model];
    const int64_t *found[CR_METRIC_MAX];
    cr_intervals intervals = {0};
    cr_report_row *rows = &report->rows[report->n_rows];
    CR_TRY(cr_intervals_init(plan, report->data, &intervals, err));
    CR_TRY(cr_results_tally_row(results, model, v, sums, cr_intervals_see, &intervals, err));
    cr_results_row_name(of, v, name);
    if (from)
        CR_TRY(cr_elsewhere_row(from, of->name, name, &chosen, err));
    for (int p = 0; p < report->n_protocols; p++) {
        const int place = cr_plan_find_protocol(plan, report->protocols[p].name);
        cr_report_row *row = add_row(&report->protocols[p], report);
        row->model = of->name;
        row->has_network = cr_results_has_network(of);
        row->filter = row->has_network ? of->filter : "";
        row->input = row->has_network ? of->input : "";
        row->parameters = of->parameters > 0 ? of->parameters : NAN;
        row->flops = of->flops > 0 ? of->flops : NAN;
        row->precision = row->has_network ? cr_precision_names[of->precision] : "";
        row->method = v < of->n_variants ? of->variants[v].method : "";
        row->layer = v < of->n_variants ? of->variants[v].layer : "";
        snprintf(row->variant, sizeof row->variant, "%s", name);
        cr_results_find_sums(plan, sums, 0, place, found);
        cr_report_fill(found, row);
        if (chosen)
            hold_out(chosen, (const cr_sweep *)found[CR_METRIC_MAX_BOX_ACC], row);
        cr_report_fill_empty(report, (const cr_tally *)found[CR_METRIC_LOCALIZATION], row);
        const size_t first_class =
            (size_t)(at * plan->n_protocols + place) * (size_t)report->data->n_classes;
        if (report->classes)
            row->classes = report->classes + first_class;
        if (report->has_metric[CR_METRIC_MEAN_AP])
            CR_TRY(fill_precisions(results, model, v, place, first_class, n_threads, report, row,
                                   err));
    }
    status = cr_intervals_fill(&intervals, report, n_threads, rows, err);

cleanup:
    cr_intervals_fini(&intervals);
    return status;
}

static cr_status make_rows(cr_results *results, const cr_report_options *options,
                           cr_elsewhere *from, cr_report *report, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const size_t n_sums = cr_results_count_sums(plan);
    int64_t *sums = cr_alloc(n_sums, sizeof *sums);
    char name[2 * CR_NAME_BYTES];
    if (!sums)
        CR_TRY(cr_fail_memory(err, "the report", n_sums, sizeof *sums));
    for (int m = 0, at = 0; m < plan->n_models; m++)
        for (int v = 0; v < cr_results_n_rows(&plan->models[m]); v++, at++) {
            cr_results_row_name(&plan->models[m], v, name);
            if (takes(options, plan->models[m].name, name))
                CR_TRY(add_rows(results, m, v, at, sums, from, options->n_threads, report, err));
        }

cleanup:
    free(sums);
    return status;
}

/* `tallies` of the whole image's box; `own` where the baseline's box is that. */
static void add_baseline(const cr_results_plan *plan, const char *method, const cr_tally *tallies,
                         bool own, const cr_sweep *sweep, cr_report *report)
{
    for (int p = 0; p < report->n_protocols; p++) {
        const cr_tally *tally = &tallies[cr_plan_find_protocol(plan, report->protocols[p].name)];
        cr_report_row *row = add_row(&report->protocols[p], report);
        row->model = baseline;
        row->method = method;
        row->layer = row->filter = row->input = row->precision = "";
        row->parameters = row->flops = NAN;
        snprintf(row->variant, sizeof row->variant, "%s", method);
        row->is_baseline = true;
        /* What is not counted has no denominator. */
        const int64_t *sums[CR_METRIC_MAX] = {[CR_METRIC_LOCALIZATION] =
                                                  (const int64_t *)(own ? tally : &(cr_tally){0}),
                                              [CR_METRIC_MAX_BOX_ACC] = (const int64_t *)sweep};
        cr_report_fill(sums, row);
        row->n_localized = tally->n_localized;
        row->threshold = NAN;
        row->n_images = row->n_swept;
        /* One box whatever the threshold, or one of each size. */
        row->n_curve = own ? CR_SWEEP_LEVELS : CR_CENTER_BOXES;
        for (int level = 1; level < CR_SWEEP_LEVELS && own; level++)
            row->curve[level] = row->curve[0];
        for (int k = 0; k < cr_metric_n_numbers(); k++)
            if (cr_metric_number_at(k, NULL)->better == CR_METRIC_NEITHER)
                row->values[k].value = NAN;
    }
}

static cr_status make_baselines(cr_results *results, const cr_report_options *options,
                                cr_elsewhere *from, cr_report *report, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const size_t n = (size_t)plan->n_protocols;
    cr_tally *tallies = cr_alloc(n, sizeof *tallies);
    cr_intervals intervals[CR_N_BASELINES] = {{0}};
    cr_sweep *sweeps = cr_alloc(2 * CR_N_BASELINES, sizeof *sweeps),
             *chosen = sweeps + CR_N_BASELINES;
    if (!tallies || !sweeps)
        CR_TRY(cr_fail_memory(err, "the report", n, sizeof *tallies));
    for (int b = 0; b < CR_N_BASELINES; b++)
        CR_TRY(cr_intervals_init(plan, report->data, &intervals[b], err));
    CR_TRY(cr_results_baselines(results, tallies, &sweeps[0], &sweeps[1], cr_intervals_see,
                                (void *const[]){&intervals[0], &intervals[1]}, err));
    if (from)
        CR_TRY(cr_elsewhere_baselines(from, chosen, err));
    for (int b = 0; b < CR_N_BASELINES; b++) {
        cr_report_row *rows = &report->rows[report->n_rows];
        if (!takes(options, baseline, cr_baseline_names[b]))
            continue;
        add_baseline(plan, cr_baseline_names[b], tallies, b == 0, &sweeps[b], report);
        for (cr_report_row *row = rows; from && row < &report->rows[report->n_rows]; row++)
            hold_out(&chosen[b], &sweeps[b], row);
        CR_TRY(cr_intervals_fill(&intervals[b], report, options->n_threads, rows, err));
    }

cleanup:
    for (int b = 0; b < CR_N_BASELINES; b++)
        cr_intervals_fini(&intervals[b]);
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

static void see_rows(cr_results *results, int model, const cr_results_rows *rows,
                     const cr_report_options *options, uint8_t *seen, cr_report *report)
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
            if (rows->variants[v].state[i] == CR_ROW_DONE)
                continue;
            cr_results_variant_name(&of->variants[v], name);
            if (!takes(options, of->name, name))
                continue;
            if (rows->variants[v].state[i] == CR_ROW_EMPTY)
                seen[i] |= SEEN_MISSING;
            if (rows->variants[v].state[i] != CR_ROW_FAILED)
                continue;
            seen[i] |= SEEN_FAILED;
            add_failure(report, results, model, rows->first + i, name, rows->variants[v].reason[i]);
        }
    }
}

static cr_status read_states(cr_results *results, int model, const cr_report_options *options,
                             uint8_t *seen, cr_report *report, cr_error *err)
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
        see_rows(results, model, &rows, options, seen + rows.first, report);
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

static cr_status make_classes(cr_results *results, cr_report *report, cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(results);
    const size_t n_rows = (size_t)cr_results_count_rows(plan) * (size_t)plan->n_protocols;
    size_t n;
    if (!cr_size_mul(n_rows, (size_t)report->data->n_classes, &n) || n > INT_MAX)
        return cr_fail(err, CR_EINPUT, "%zu rows of %d classes are too many", n_rows,
                       report->data->n_classes);
    report->classes = cr_alloc(n, sizeof *report->classes);
    if (report->has_metric[CR_METRIC_MEAN_AP])
        report->precisions = cr_alloc(n, sizeof *report->precisions);
    if (!report->classes || (report->has_metric[CR_METRIC_MEAN_AP] && !report->precisions))
        return cr_fail_memory(err, "the report", n, sizeof *report->classes);
    return cr_results_tally_classes(results, report->classes, err);
}

/* What models, variants and protocols the file has, each name once, and whether those asked for are
 * among them; *methods is the full names of those asked for, the caller's. */
static cr_status check_options(const cr_results_plan *plan, const cr_report_options *options,
                               char **methods, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n_variants = (size_t)cr_results_count_rows(plan);
    const size_t most =
        n_variants + (size_t)plan->n_models + (size_t)plan->n_protocols + CR_N_BASELINES;
    char(*names)[2 * CR_NAME_BYTES] = cr_alloc(n_variants + 1, sizeof *names);
    const char **known = cr_alloc(most, sizeof *known);
    int n = 0, n_names = 0;
    if (!names || !known)
        CR_TRY(cr_fail_memory(err, "names", most, sizeof *names));
    for (int m = 0; m < plan->n_models; m++)
        known[n++] = plan->models[m].name;
    known[n++] = baseline;
    CR_TRY(cr_report_check_names("model", options->models, known, n, err));
    n = 0;
    for (int m = 0; m < plan->n_models; m++)
        for (int v = 0; v < plan->models[m].n_variants; v++) {
            cr_results_variant_name(&plan->models[m].variants[v], names[n_names]);
            bool seen = false;
            for (int i = 0; i < n && !seen; i++)
                seen = strcmp(known[i], names[n_names]) == 0;
            if (!seen)
                known[n++] = names[n_names++];
        }
    for (int b = 0; b < CR_N_BASELINES; b++)
        known[n++] = cr_baseline_names[b];
    CR_TRY(cr_report_full_names("method", options->methods, known, n, methods, err));
    for (n = 0; n < plan->n_protocols; n++)
        known[n] = plan->protocols[n].name;
    CR_TRY(cr_report_check_names("protocol", options->protocols, known, n, err));

cleanup:
    free(known);
    free(names);
    return status;
}

static cr_status find_failures(cr_results *results, const cr_report_options *options,
                               cr_report *report, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const size_t n_images = (size_t)report->data->n_images;
    uint8_t *seen = cr_alloc(n_images, 1);
    if (!seen)
        CR_TRY(cr_fail_memory(err, "the report", n_images, 1));
    for (int m = 0; m < plan->n_models; m++)
        if (takes_any(options, &plan->models[m]))
            CR_TRY(read_states(results, m, options, seen, report, err));
    for (size_t i = 0; i < n_images; i++) {
        report->n_failed += (seen[i] & SEEN_FAILED) != 0;
        report->n_missing += (seen[i] & SEEN_MISSING) != 0;
    }

cleanup:
    free(seen);
    return status;
}

cr_status cr_results_report(cr_results *results, const cr_report_options *given, cr_report *report,
                            cr_error *err)
{
    cr_status status = CR_OK;
    cr_elsewhere *from = NULL;
    char *methods = NULL;
    cr_report_options chosen = *given;
    const cr_report_options *options = &chosen;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_dataset *data = cr_results_get_data(results);
    const size_t n_protocols = (size_t)plan->n_protocols;
    const size_t n_rows = ((size_t)cr_results_count_rows(plan) + CR_N_BASELINES) * n_protocols;
    *report = (cr_report){
        .job_name = plan->job_name,
        .n_images = data->n_images,
        .n_excluded = data->n_excluded,
        .skip_failed = plan->skip_failed,
        .has_empty = plan->has_empty,
        .show_protocols = plan->show_protocols,
        .show_v1 = plan->show_v1,
        .show_v2 = plan->show_v2,
        .protocols = cr_alloc(n_protocols, sizeof *report->protocols),
        .rows = cr_alloc(n_rows, sizeof *report->rows),
        .failures = cr_alloc(CR_REPORT_MAX_FAILURES, sizeof *report->failures),
        .data = data,
    };
    for (int m = 0; cr_metrics[m]; m++)
        report->has_metric[m] =
            cr_results_has_metric(plan, m) &&
            (!(cr_metrics[m]->needs & CR_METRIC_NEEDS_PAIRS) || cr_data_has_pairs(data));
    if (!report->protocols || !report->rows || !report->failures)
        CR_TRY(cr_fail_memory(err, "the report", n_rows, sizeof *report->rows));
    CR_TRY(check_options(plan, given, &methods, err));
    chosen.methods = methods;
    for (int p = 0; p < plan->n_protocols; p++)
        if (cr_report_takes(options->protocols, plan->protocols[p].name))
            report->protocols[report->n_protocols++] = plan->protocols[p];
    if (options->by_class)
        CR_TRY(make_classes(results, report, err));
    CR_TRY(cr_elsewhere_open(options->threshold_from, plan, &from, err));
    report->threshold_from = options->threshold_from ? options->threshold_from
                             : from                  ? plan->threshold_from
                                                     : NULL;
    CR_TRY(make_rows(results, options, from, report, err));
    if (options->models || cr_results_has_baselines(results))
        CR_TRY(make_baselines(results, options, from, report, err));
    if (report->n_rows == 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "no row has such a model and such a method"));
    CR_TRY(find_failures(results, options, report, err));
    status = cr_report_arrange(report, options, err);

cleanup:
    cr_elsewhere_close(&from);
    free(methods);
    if (status != CR_OK)
        cr_report_free(report);
    return status;
}
