/* What a table for people says about itself: the set, the protocols, what was counted, what failed. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

enum { NAMED = 5 }; /* failed images that are named */
enum { FRAME_BYTES = 64 };

static bool has_networks(const cr_report *report)
{
    for (int i = 0; i < report->n_rows; i++)
        if (report->rows[i].has_network)
            return true;
    return false;
}

/* "12", or "10 to 12" where rows differ, of those that have it. Baselines count only where they are alone. */
static void put_range(const cr_report *report, FILE *out, size_t offset, const char *protocol)
{
    const bool baselines = !cr_report_has_models(report);
    const bool classified = offset == offsetof(cr_report_row, n_images);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        int64_t n;
        if (row->is_baseline != baselines || (classified ? !row->has_network : !row->method[0]) ||
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

/* How images are prepared: the resize filter, as the file has it. */
static void filter_of(const cr_report_row *row, char text[FRAME_BYTES])
{
    snprintf(text, FRAME_BYTES, "%s", row->filter);
}

/* What of an image a network sees, which in the input's text stands between size and filter: `squash`, or
 * `short-side 256 crop center`. */
static void frame_of(const cr_report_row *row, char text[FRAME_BYTES])
{
    const char *at = strstr(row->input, ", ");
    const char *end = at ? strstr(at + 2, row->filter) : NULL;
    size_t n = 0;
    for (at += end ? 2 : 0; end && at + 2 < end && n + 1 < FRAME_BYTES; at++)
        if (*at != ',')
            text[n++] = *at;
    text[n] = 0;
}

/* `title`, and what all networks have, or each. */
static void put_of_networks(const cr_report *report, FILE *out, cr_put_text *put, const char *title,
                            void text_of(const cr_report_row *, char *))
{
    char first[FRAME_BYTES] = "", text[FRAME_BYTES];
    const char *last = NULL;
    bool same = true, any = false;
    for (int i = 0; i < report->n_rows; i++)
        if (report->rows[i].has_network) {
            text_of(&report->rows[i], text);
            if (!any)
                memcpy(first, text, sizeof first);
            any = true;
            same = same && strcmp(first, text) == 0;
        }
    for (int i = 0; i < report->n_rows && (!same || first[0]); i++) {
        const cr_report_row *row = &report->rows[i];
        if (!row->has_network || (last && (same || strcmp(last, row->model) == 0)))
            continue;
        text_of(row, text);
        fprintf(out, ", %s", last ? "" : title);
        put(out, text);
        if (!same) {
            fprintf(out, " (");
            put(out, row->model);
            fputc(')', out);
        }
        last = row->model;
    }
}

/* Whether some network does not see the whole image, alone. */
static bool is_cropped(const cr_report *report)
{
    char text[FRAME_BYTES];
    for (int i = 0; i < report->n_rows; i++) {
        frame_of(&report->rows[i], text);
        if (report->rows[i].has_network && text[0] && strcmp(text, "squash") != 0)
            return true;
    }
    return false;
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
    fprintf(out, "%sPartial: the numbers are of the images computed so far: ", prefix);
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        if (row->is_baseline || (last && strcmp(last, row->model) == 0))
            continue;
        fputs(last ? ", " : "", out);
        put(out, row->model);
        fprintf(out, " %" PRId64, report->n_images - row->n_missing);
        last = row->model;
    }
    fprintf(out, " of %" PRId64 ".\n", report->n_images);
}

static bool is_of_boxes(const cr_metric_number *number)
{
    return number->of == CR_METRIC_OF_TOP || number->of == CR_METRIC_OF_TRUTH;
}

static bool is_of_classes(const cr_metric_number *number)
{
    return number->of == CR_METRIC_OF_CLASSES;
}

static bool is_of_sweep(const cr_metric_number *number)
{
    return number->of == CR_METRIC_OF_SWEEP_V1 || number->of == CR_METRIC_OF_SWEEP_V2;
}

static bool is_share(const cr_metric_number *number)
{
    return number->interval == CR_METRIC_WILSON;
}

static bool is_error(const cr_metric_number *number)
{
    return is_share(number) && number->better == CR_METRIC_DOWN;
}

static bool is_mean(const cr_metric_number *number)
{
    return number->interval == CR_METRIC_BOOTSTRAP && !is_of_sweep(number);
}

/* Which classes have, too. */
static bool is_precision(const cr_metric_number *number)
{
    return is_mean(number) && number->of == CR_METRIC_OF_TOP;
}

static bool is_swept(const cr_metric_number *number)
{
    return number->interval == CR_METRIC_BOOTSTRAP && is_of_sweep(number);
}

/* Whether the table has a column of such a number: what it has none of is not explained. */
static bool shows_any(const cr_report *report, bool is(const cr_metric_number *))
{
    for (int k = 0; k < cr_metric_n_numbers(); k++)
        if (is(cr_metric_number_at(k, NULL)) && cr_report_shows(report, k))
            return true;
    return false;
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
    if (shows_any(report, is_of_boxes) || shows_any(report, is_of_sweep))
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

static void put_shares(const cr_report *report, FILE *out, const char *prefix)
{
    const bool classes = has_networks(report) && shows_any(report, is_of_classes);
    if (!shows_any(report, is_share))
        return;
    fprintf(out, "%s%s in %%, with their 95 %% intervals (Wilson%s)", prefix,
            shows_any(report, is_error) ? "Errors" : "Shares",
            report->data && !report->classes && cr_data_has_pairs(report->data)
                ? ", of the effective number of rows"
                : "");
    if (classes) {
        fprintf(out, "; classification over ");
        put_range(report, out, offsetof(cr_report_row, n_images), NULL);
        fprintf(out, " images");
    }
    fprintf(out, ".\n");
}

/* Of thresholds, which stand below MaxBoxAcc, and of intervals by resampling. */
static void put_means(const cr_report *report, FILE *out, const char *prefix)
{
    const bool means = shows_any(report, report->classes ? is_precision : is_mean);
    const bool swept = !report->classes && shows_any(report, is_swept);
    if (!(means || swept))
        return;
    fputs(prefix, out);
    if (swept)
        fprintf(out, "at: the best threshold, a share of the maximum. ");
    fprintf(out, "Intervals of %s%s%s: bootstrap, %d resamples of the images.\n",
            report->classes ? "average precision"
            : means         ? "means"
                            : "",
            means && swept ? " and of " : "", swept ? "MaxBoxAcc" : "", CR_REPORT_RESAMPLES);
}

bool cr_report_next_doubt(const char **rest, char line[CR_REPORT_DOUBT_BYTES])
{
    if (!*rest || !**rest)
        return false;
    const size_t n = strcspn(*rest, "\n");
    snprintf(line, CR_REPORT_DOUBT_BYTES, "%.*s", (int)n, *rest);
    *rest += n + ((*rest)[n] != 0);
    return true;
}

static void put_doubts(const cr_report *report, FILE *out, const char *prefix, cr_put_text *put)
{
    char line[CR_REPORT_DOUBT_BYTES];
    const char *rest = report->doubts;
    while (cr_report_next_doubt(&rest, line)) {
        fprintf(out, "%sDOUBTFUL: ", prefix);
        put(out, line);
        fputc('\n', out);
    }
}

void cr_report_put_notes(const cr_report *report, FILE *out, const char *prefix, cr_put_text *put)
{
    fputs(prefix, out);
    put(out, report->job_name);
    fprintf(out, ": %" PRId64 " image%s", report->n_images, plural(report->n_images));
    put_of_networks(report, out, put, "resize filter ", filter_of);
    if (is_cropped(report))
        put_of_networks(report, out, put, "framed by ", frame_of);
    fputc('\n', out);
    put_doubts(report, out, prefix, put);
    if (shows_any(report, is_of_boxes))
        put_protocols(report, out, prefix, put);
    put_shares(report, out, prefix);
    if (shows_any(report, is_of_sweep)) {
        fprintf(out, "%sMaxBoxAcc in %%: over ", prefix);
        put_range(report, out, offsetof(cr_report_row, n_swept), NULL);
        fprintf(out, " images, no blacklist, at the best of %d thresholds; held: at the one best ",
                CR_SWEEP_LEVELS);
        if (report->threshold_from) {
            fputs("in ", out);
            put(out, report->threshold_from);
            fputs(", over all of them.\n", out);
        } else {
            fputs("for a fifth of them, over the rest.\n", out);
        }
    }
    put_means(report, out, prefix);
    if (report->worst > 0)
        put_worst(report, out, prefix);
    put_failures(report, out, prefix, put);
}
