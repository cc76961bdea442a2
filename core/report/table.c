/* table.c - the forms for people: plain text, Markdown, LaTeX. */
#include "internal.h"

#include "sheet.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Failed images that are named. */
enum { NAMED = 5 };

typedef void put_text(FILE *out, const char *text);

static bool has_models(const cr_report *report)
{
    return report->n_rows > 0 && !report->rows[0].is_baseline;
}

static bool has_networks(const cr_report *report)
{
    for (int i = 0; i < report->n_rows; i++)
        if (report->rows[i].has_network)
            return true;
    return false;
}

/* "12", or "10 to 12" where rows differ. Baselines count only where they are alone. */
static void put_range(const cr_report *report, FILE *out, size_t offset, const char *protocol)
{
    const bool baselines = !has_models(report);
    const bool classified = offset == offsetof(cr_report_row, n_images);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        int64_t n;
        if (row->is_baseline != baselines || (classified && !row->has_network) ||
            (protocol && strcmp(protocol, row->protocol) != 0))
            continue;
        memcpy(&n, (const char *)row + offset, sizeof n);
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    if (least < most)
        fprintf(out, "%" PRId64 " to ", least);
    fprintf(out, "%" PRId64, most);
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* The resize filter of all networks, or of each. */
static void put_filters(const cr_report *report, FILE *out, put_text *put)
{
    bool same = true;
    const char *first = NULL, *last = NULL;
    for (int i = 0; i < report->n_rows; i++)
        if (report->rows[i].has_network) {
            first = first ? first : report->rows[i].filter;
            same = same && strcmp(first, report->rows[i].filter) == 0;
        }
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        if (!row->has_network || (last && (same || strcmp(last, row->model) == 0)))
            continue;
        fprintf(out, last ? ", " : ", resize filter ");
        put(out, row->filter);
        if (!same) {
            fprintf(out, " (");
            put(out, row->model);
            fputc(')', out);
        }
        last = row->model;
    }
}

static void put_protocols(const cr_report *report, FILE *out, const char *prefix, put_text *put)
{
    for (int p = 0; report->show_protocols && p < report->n_protocols; p++) {
        const cr_protocol *protocol = &report->protocols[p];
        fprintf(out, "%sprotocol ", prefix);
        put(out, protocol->name);
        fprintf(out, " (threshold %.4g %% of the maximum, ", 100 * protocol->threshold);
        if (protocol->loose > 0)
            fprintf(out, "and %.4g %%, ", 100 * protocol->loose);
        fprintf(out, "%d-connected, IoU at least %g): localization over ", protocol->connectivity,
                protocol->iou);
        put_range(report, out, offsetof(cr_report_row, n_localized), protocol->name);
        if (protocol->exclude && report->n_excluded > 0)
            fprintf(out, " images, blacklist of %" PRId64 "\n", report->n_excluded);
        else
            fprintf(out, " images, no blacklist\n");
    }
}

/* How far each model is, where one is not finished. */
static void put_missing(const cr_report *report, FILE *out, const char *prefix, put_text *put)
{
    const char *last = NULL;
    if (report->n_missing == 0)
        return;
    fprintf(out, "%sPartial: of %" PRId64 " images are computed ", prefix, report->n_images);
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        if (row->is_baseline || (last && strcmp(last, row->model) == 0))
            continue;
        fprintf(out, "%s%" PRId64 " under ", last ? ", " : "", report->n_images - row->n_missing);
        put(out, row->model);
        last = row->model;
    }
    fprintf(out, "; the numbers are of these.\n");
}

/* Which rows have many maps that say nothing. */
static void put_empty(const cr_report *report, FILE *out, const char *prefix, put_text *put)
{
    static const char *const what[] = {"top-1", "GT-known"};
    const double many = 5;
    bool any = false;
    for (int i = 0; i < report->n_rows; i += report->n_protocols) {
        const cr_report_row *row = &report->rows[i];
        const int64_t empty[] = {row->top1_empty, row->gt_known_empty};
        for (int k = 0; k < 2; k++) {
            const double percent = 100.0 * (double)empty[k] / (double)row->n_localized;
            if (empty[k] <= 0 || percent <= many)
                continue;
            fprintf(out,
                    any ? ", " : "%sEmpty maps, whose box is the whole image, are many: ", prefix);
            put(out, row->model);
            fputc(' ', out);
            put(out, row->variant);
            fprintf(out, " %.1f %% (%s)", percent, what[k]);
            any = true;
        }
    }
    if (any)
        fprintf(out, ".\n");
}

static void put_failures(const cr_report *report, FILE *out, const char *prefix, put_text *put)
{
    put_missing(report, out, prefix, put);
    put_empty(report, out, prefix, put);
    if (report->n_failed > 0)
        fprintf(out, "%s%" PRId64 " image%s failed and %s %s:\n", prefix, report->n_failed,
                plural(report->n_failed), report->n_failed == 1 ? "is" : "are",
                report->skip_failed ? "left out" : "counted as wrong");
    for (int i = 0; i < report->n_failures && i < NAMED; i++) {
        const cr_report_failure *failure = &report->failures[i];
        fprintf(out, "%s  ", prefix);
        put(out, failure->image);
        fprintf(out, " (");
        put(out, failure->model);
        fprintf(out, "): ");
        put(out, failure->reason);
        fprintf(out, "\n");
    }
    if (report->n_failures > NAMED)
        fprintf(out, "%s  ...\n", prefix);
}

/* Lines about the set, the protocols, the denominators, failures and missing images, each with
 * `prefix` in front. `put` escapes what comes from outside. */
static void put_notes(const cr_report *report, FILE *out, const char *prefix, put_text *put)
{
    fputs(prefix, out);
    put(out, report->job_name);
    fprintf(out, ": %" PRId64 " image%s", report->n_images, plural(report->n_images));
    put_filters(report, out, put);
    fputc('\n', out);
    put_protocols(report, out, prefix, put);
    fprintf(out, "%sErrors in %%, with their 95 %% intervals (Wilson)", prefix);
    if (has_networks(report)) {
        fprintf(out, "; classification over ");
        put_range(report, out, offsetof(cr_report_row, n_images), NULL);
        fprintf(out, " images");
    }
    fprintf(out, ".\n");
    if (!report->classes) {
        fprintf(out, "%sMaxBoxAcc in %%: over ", prefix);
        put_range(report, out, offsetof(cr_report_row, n_swept), NULL);
        fprintf(out,
                " images, no blacklist, at the best of %d thresholds; held: at the one best for a "
                "fifth of them, over the rest.\n",
                CR_SWEEP_LEVELS);
    }
    put_failures(report, out, prefix, put);
}

static cr_sheet_cell number_cell(cr_sheet *sheet, const char *format, double value)
{
    return (cr_sheet_cell){isnan(value) ? "-" : cr_sheet_text(sheet, format, value), NULL};
}

/* Error k of a row, with its interval. */
static cr_sheet_cell error_cell(cr_sheet *sheet, const cr_report_row *row, int k)
{
    cr_sheet_cell cell = number_cell(sheet, "%.2f", cr_report_value(row, k));
    if (!isnan(row->low[k]))
        cell.below = cr_sheet_text(sheet, "%.1f-%.1f", row->low[k], row->high[k]);
    return cell;
}

static cr_sheet_cell metric_cell(cr_sheet *sheet, double value, double held_out)
{
    cr_sheet_cell cell = number_cell(sheet, "%.2f", value);
    if (!isnan(held_out))
        cell.below = cr_sheet_text(sheet, "held %.2f", held_out);
    return cell;
}

static const char *const error_titles[CR_REPORT_ERRORS] = {"top-1 cls", "top-5 cls", "top-1 loc",
                                                           "top-5 loc", "GT-known"};

/* The main table: a line a variant. Of several protocols each has a group of columns. Baselines alone
 * have no classes. */
static void make_sheet(const cr_report *report, cr_sheet *sheet)
{
    const int n_protocols = report->n_protocols, shown = report->show_protocols ? n_protocols : 0;
    const int n_lines = report->n_rows / n_protocols;
    const int n_cls = has_models(report) ? 2 : 0, first_loc = has_models(report) ? 2 : 4;
    cr_sheet_init(sheet,
                  2 + n_cls + (CR_REPORT_ERRORS - first_loc + 1) * shown + report->show_v1 +
                      report->show_v2,
                  n_lines);
    if (sheet->failed)
        return;
    cr_sheet_column *column = sheet->columns;
    *column++ = (cr_sheet_column){"model", NULL, true};
    *column++ = (cr_sheet_column){"method", NULL, true};
    for (int k = 0; k < n_cls; k++)
        *column++ = (cr_sheet_column){error_titles[k], NULL, false};
    for (int p = 0; p < shown; p++) {
        const char *group = shown > 1 ? report->protocols[p].name : NULL;
        for (int k = first_loc; k < CR_REPORT_ERRORS; k++)
            *column++ = (cr_sheet_column){error_titles[k], group, false};
        *column++ = (cr_sheet_column){"mean IoU", group, false};
    }
    if (report->show_v1)
        *column++ = (cr_sheet_column){"MaxBoxAcc", NULL, false};
    if (report->show_v2)
        *column++ = (cr_sheet_column){"MaxBoxAccV2", NULL, false};
    for (int line = 0; line < n_lines; line++) {
        const cr_report_row *row = &report->rows[line * n_protocols];
        const cr_sweep_scores *sweep = &row->sweep;
        cr_sheet_cell *cell = sheet->cells + line * sheet->n_columns;
        (cell++)->text = row->model;
        (cell++)->text = row->variant;
        for (int k = 0; k < n_cls; k++)
            *cell++ = error_cell(sheet, row, k);
        for (int p = 0; p < shown; p++) {
            for (int k = first_loc; k < CR_REPORT_ERRORS; k++)
                *cell++ = error_cell(sheet, &row[p], k);
            *cell++ = number_cell(sheet, "%.4f", row[p].mean_iou);
        }
        if (report->show_v1)
            *cell++ = metric_cell(sheet, sweep->max_box_acc, sweep->max_box_acc_held_out);
        if (report->show_v2)
            *cell++ = metric_cell(sheet, sweep->max_box_acc_v2, sweep->max_box_acc_v2_held_out);
    }
}

static void put_outcomes(cr_sheet *sheet, cr_sheet_cell *cells, const int64_t *outcomes)
{
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        cells[k].text = cr_sheet_text(sheet, "%" PRId64, outcomes[k]);
}

/* The second table: why. A line for the first prediction and one for GT-known of each row. */
static void make_outcomes(const cr_report *report, cr_sheet *sheet)
{
    int n_lines = 0;
    for (int i = 0; i < report->n_rows; i++)
        n_lines += cr_report_has_outcomes(report->rows[i].top1_outcomes) +
                   cr_report_has_outcomes(report->rows[i].gt_known_outcomes);
    const int first = 3 + (report->n_protocols > 1);
    const bool empty = report->has_empty && has_models(report);
    cr_sheet_init(sheet, first + CR_N_OUTCOMES + empty, n_lines);
    if (sheet->failed)
        return;
    static const char *const titles[] = {"model", "method", "images by outcome", "protocol"};
    for (int c = 0; c < first; c++)
        sheet->columns[c] = (cr_sheet_column){titles[c], NULL, true};
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        sheet->columns[first + k].title = cr_outcome_titles[k];
    if (empty)
        sheet->columns[first + CR_N_OUTCOMES].title = "empty map";
    cr_sheet_cell *cell = sheet->cells;
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        const int64_t *const outcomes[] = {row->top1_outcomes, row->gt_known_outcomes};
        for (int k = 0; k < 2; k++) {
            if (!cr_report_has_outcomes(outcomes[k]))
                continue;
            cell[0].text = row->model;
            cell[1].text = row->variant;
            cell[2].text = k ? "GT-known" : "top-1";
            if (first > 3)
                cell[3].text = row->protocol;
            put_outcomes(sheet, cell + first, outcomes[k]);
            const int64_t n = k ? row->gt_known_empty : row->top1_empty;
            if (empty)
                cell[first + CR_N_OUTCOMES].text =
                    n < 0 ? "-" : cr_sheet_text(sheet, "%" PRId64, n);
            cell += sheet->n_columns;
        }
    }
}

/* The table of a report by class: errors, and what became of the first prediction, or, without a
 * network, of the box of the ground-truth class. */
static void make_classes(const cr_report *report, cr_sheet *sheet)
{
    static const char *const titles[] = {"model", "method", "protocol", "class", "name"};
    enum {
        N_TEXTS = 5,
        ERRORS = N_TEXTS + 2,
        OUTCOMES = ERRORS + CR_REPORT_ERRORS + 1,
        N_COLUMNS = OUTCOMES + CR_N_OUTCOMES
    };
    cr_report_row row;
    int n_lines = 0, class;
    for (int i = -1; cr_report_next_class(report, &i, &class, &row);)
        n_lines++;
    cr_sheet_init(sheet, N_COLUMNS, n_lines);
    if (sheet->failed)
        return;
    for (int c = 0; c < N_TEXTS; c++)
        sheet->columns[c] = (cr_sheet_column){titles[c], NULL, true};
    sheet->columns[N_TEXTS].title = "images";
    sheet->columns[N_TEXTS + 1].title = "localized";
    for (int k = 0; k < CR_REPORT_ERRORS; k++)
        sheet->columns[ERRORS + k].title = error_titles[k];
    sheet->columns[OUTCOMES - 1] = (cr_sheet_column){"images by outcome", NULL, true};
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        sheet->columns[OUTCOMES + k].title = cr_outcome_titles[k];
    cr_sheet_cell *cell = sheet->cells;
    for (int i = -1; cr_report_next_class(report, &i, &class, &row); cell += N_COLUMNS) {
        const cr_dataset *data = report->data;
        const cr_report_row *stored = &report->rows[i / data->n_classes];
        cell[0].text = stored->model;
        cell[1].text = stored->variant;
        cell[2].text = stored->protocol;
        cell[3].text = data->text + data->classes[class].wnid;
        cell[4].text = data->text + data->classes[class].name;
        cell[N_TEXTS].text = row.has_network ? cr_sheet_text(sheet, "%" PRId64, row.n_images) : "-";
        cell[N_TEXTS + 1].text = cr_sheet_text(sheet, "%" PRId64, row.n_localized);
        for (int k = 0; k < CR_REPORT_ERRORS; k++)
            cell[ERRORS + k] = error_cell(sheet, &row, k);
        cell[OUTCOMES - 1].text = row.has_network ? "top-1" : "GT-known";
        put_outcomes(sheet, cell + OUTCOMES,
                     row.has_network ? row.top1_outcomes : row.gt_known_outcomes);
    }
}

static void make_main(const cr_report *report, cr_sheet *sheet)
{
    if (report->classes)
        make_classes(report, sheet);
    else
        make_sheet(report, sheet);
}

bool cr_report_text(const cr_report *report, FILE *out)
{
    cr_sheet sheet, outcomes = {0};
    make_main(report, &sheet);
    put_notes(report, out, "", cr_put_plain);
    fputc('\n', out);
    cr_sheet_put_plain(&sheet, out);
    if (!report->classes && report->show_protocols)
        make_outcomes(report, &outcomes);
    if (outcomes.n_lines > 0) {
        fputc('\n', out);
        cr_sheet_put_plain(&outcomes, out);
    }
    const bool whole = !sheet.failed && !outcomes.failed;
    cr_sheet_fini(&outcomes);
    cr_sheet_fini(&sheet);
    return whole;
}

bool cr_report_markdown(const cr_report *report, FILE *out)
{
    cr_sheet sheet;
    make_main(report, &sheet);
    cr_sheet_put_markdown(&sheet, out);
    fputc('\n', out);
    put_notes(report, out, "> ", cr_put_markdown);
    const bool whole = !sheet.failed;
    cr_sheet_fini(&sheet);
    return whole;
}

bool cr_report_latex(const cr_report *report, FILE *out)
{
    cr_sheet sheet;
    make_main(report, &sheet);
    /* As comments, so that a table can be included as it is. */
    put_notes(report, out, "% ", cr_put_plain);
    cr_sheet_put_latex(&sheet, out);
    const bool whole = !sheet.failed;
    cr_sheet_fini(&sheet);
    return whole;
}
