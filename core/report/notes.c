/* What a table for people says about itself: the set, the protocols, what was counted, what failed. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

/* Failed images that are named. */
enum { NAMED = 5 };

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
    const bool baselines = !cr_report_has_models(report);
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
static void put_filters(const cr_report *report, FILE *out, cr_put_text *put)
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

static void put_protocols(const cr_report *report, FILE *out, const char *prefix, cr_put_text *put)
{
    for (int p = 0; report->show_protocols && p < report->n_protocols; p++) {
        const cr_protocol *protocol = &report->protocols[p];
        char text[CR_PROTOCOL_TEXT_BYTES];
        fprintf(out, "%sprotocol ", prefix);
        put(out, protocol->name);
        cr_protocol_text(protocol, text);
        fprintf(out, " (%s, %d-connected, IoU at least %g): localization over ", text,
                protocol->connectivity, protocol->iou);
        put_range(report, out, offsetof(cr_report_row, n_localized), protocol->name);
        if (protocol->exclude && report->n_excluded > 0)
            fprintf(out, " images, blacklist of %" PRId64 "\n", report->n_excluded);
        else
            fprintf(out, " images, no blacklist\n");
    }
}

/* How far each model is, where one is not finished. */
static void put_missing(const cr_report *report, FILE *out, const char *prefix, cr_put_text *put)
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
static void put_empty(const cr_report *report, FILE *out, const char *prefix, cr_put_text *put)
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

static void put_failures(const cr_report *report, FILE *out, const char *prefix, cr_put_text *put)
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

static void put_worst(const cr_report *report, FILE *out, const char *prefix)
{
    const cr_metric_number *by = cr_metric_number_at(report->worst_by, NULL);
    fprintf(out, "%sOf each row the %d class%s with the %s %s, the worst first.\n", prefix,
            report->worst, report->worst == 1 ? "" : "es",
            by->better == CR_METRIC_UP ? "least" : "most", by->title);
}

void cr_report_put_notes(const cr_report *report, FILE *out, const char *prefix, cr_put_text *put)
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
                "fifth of them, over the rest.\n"
                "%sat: the best threshold, a share of the maximum. Intervals of means and of "
                "MaxBoxAcc: bootstrap, %d resamples of the images.\n",
                CR_SWEEP_LEVELS, prefix, CR_REPORT_RESAMPLES);
    }
    if (report->worst > 0)
        put_worst(report, out, prefix);
    put_failures(report, out, prefix, put);
}
