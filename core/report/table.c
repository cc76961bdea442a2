/* table.c - the forms for people: plain text, Markdown, LaTeX. */
#include "internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Failed images that are named. */
enum { NAMED = 5 };

const cr_report_number cr_report_numbers[CR_REPORT_NUMBERS] = {
    {"top1_cls_error", "top-1 cls", offsetof(cr_report_row, top1_cls_error), 2},
    {"top5_cls_error", "top-5 cls", offsetof(cr_report_row, top5_cls_error), 2},
    {"top1_loc_error", "top-1 loc", offsetof(cr_report_row, top1_loc_error), 2},
    {"top5_loc_error", "top-5 loc", offsetof(cr_report_row, top5_loc_error), 2},
    {"gt_known_loc_error", "GT-known", offsetof(cr_report_row, gt_known_loc_error), 2},
    {"mean_iou", "mean IoU", offsetof(cr_report_row, mean_iou), 4},
};

double cr_report_value(const cr_report_row *row, int number)
{
    double value;
    memcpy(&value, (const char *)row + cr_report_numbers[number].offset, sizeof value);
    return value;
}

void cr_report_rounded(const cr_report_row *row, int number, char text[32])
{
    const double value = cr_report_value(row, number);
    if (isnan(value))
        strcpy(text, "-");
    else
        snprintf(text, 32, "%.*f", cr_report_numbers[number].decimals, value);
}

/* "12", or "10 to 12" where rows differ. */
static void put_range(const cr_report *report, FILE *out, size_t offset)
{
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < report->n_rows; i++) {
        int64_t n;
        memcpy(&n, (const char *)&report->rows[i] + offset, sizeof n);
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

void cr_report_notes(const cr_report *report, FILE *out, const char *prefix, cr_report_put *put)
{
    const cr_protocol *protocol = &report->protocol;
    fputs(prefix, out);
    put(out, report->job_name);
    fprintf(out, ": %" PRId64 " image%s, protocol ", report->n_images, plural(report->n_images));
    put(out, protocol->name);
    fprintf(out, " (threshold %g %% of the maximum, %d-connected, IoU at least %g)\n",
            100 * protocol->threshold, protocol->connectivity, protocol->iou);
    fprintf(out, "%sErrors in %%: classification over ", prefix);
    put_range(report, out, offsetof(cr_report_row, n_images));
    fprintf(out, " images, localization over ");
    put_range(report, out, offsetof(cr_report_row, n_localized));
    fprintf(out, ".\n");
    if (report->n_missing > 0)
        fprintf(out,
                "%sPartial: %" PRId64 " of %" PRId64
                " images are not computed yet; the numbers are of those that are.\n",
                prefix, report->n_missing, report->n_images);
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

/* What comes from a file may hold control characters, which a terminal would obey. */
static void put_plain(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

static void put_markdown(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~&", *text))
            fputc('\\', out);
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
    }
}

static void put_latex(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '\\':
            fputs("\\textbackslash{}", out);
            break;
        case '~':
            fputs("\\textasciitilde{}", out);
            break;
        case '^':
            fputs("\\textasciicircum{}", out);
            break;
        case '<':
        case '>':
        case '|':
            fprintf(out, "$%s$", *text == '|' ? "\\vert" : *text == '<' ? "<" : ">");
            break;
        case '&':
        case '%':
        case '$':
        case '#':
        case '_':
        case '{':
        case '}':
            fputc('\\', out);
            fputc(*text, out);
            break;
        default:
            fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
        }
}

/* Columns on the screen: bytes that continue a UTF-8 character take none. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put_padded(FILE *out, const char *text, int width)
{
    put_plain(out, text);
    fprintf(out, "%*s", width - width_of(text), "");
}

void cr_report_text(const cr_report *report, FILE *out)
{
    int model_width = width_of("model"), method_width = width_of("method");
    for (int i = 0; i < report->n_rows; i++) {
        const int model = width_of(report->rows[i].model);
        const int method = width_of(report->rows[i].variant);
        model_width = model > model_width ? model : model_width;
        method_width = method > method_width ? method : method_width;
    }
    cr_report_notes(report, out, "", put_plain);
    fputc('\n', out);
    put_padded(out, "model", model_width + 2);
    put_padded(out, "method", method_width);
    for (int k = 0; k < CR_REPORT_NUMBERS; k++)
        fprintf(out, "  %9s", cr_report_numbers[k].title);
    fputc('\n', out);
    for (int i = 0; i < report->n_rows; i++) {
        put_padded(out, report->rows[i].model, model_width + 2);
        put_padded(out, report->rows[i].variant, method_width);
        for (int k = 0; k < CR_REPORT_NUMBERS; k++) {
            char number[32];
            cr_report_rounded(&report->rows[i], k, number);
            fprintf(out, "  %9s", number);
        }
        fputc('\n', out);
    }
}

void cr_report_markdown(const cr_report *report, FILE *out)
{
    fprintf(out, "| model | method |");
    for (int k = 0; k < CR_REPORT_NUMBERS; k++)
        fprintf(out, " %s |", cr_report_numbers[k].title);
    fprintf(out, "\n| --- | --- |");
    for (int k = 0; k < CR_REPORT_NUMBERS; k++)
        fprintf(out, " ---: |");
    fputc('\n', out);
    for (int i = 0; i < report->n_rows; i++) {
        fprintf(out, "| ");
        put_markdown(out, report->rows[i].model);
        fprintf(out, " | ");
        put_markdown(out, report->rows[i].variant);
        fprintf(out, " |");
        for (int k = 0; k < CR_REPORT_NUMBERS; k++) {
            char number[32];
            cr_report_rounded(&report->rows[i], k, number);
            fprintf(out, " %s |", number);
        }
        fputc('\n', out);
    }
    fputc('\n', out);
    cr_report_notes(report, out, "> ", put_markdown);
}

void cr_report_latex(const cr_report *report, FILE *out)
{
    /* As comments, so that a table can be included as it is. */
    cr_report_notes(report, out, "% ", put_plain);
    fprintf(out, "\\begin{tabular}{llrrrrrr}\n\\hline\nmodel & method");
    for (int k = 0; k < CR_REPORT_NUMBERS; k++)
        fprintf(out, " & %s", cr_report_numbers[k].title);
    fprintf(out, " \\\\\n\\hline\n");
    for (int i = 0; i < report->n_rows; i++) {
        put_latex(out, report->rows[i].model);
        fprintf(out, " & ");
        put_latex(out, report->rows[i].variant);
        for (int k = 0; k < CR_REPORT_NUMBERS; k++) {
            char number[32];
            cr_report_rounded(&report->rows[i], k, number);
            fprintf(out, " & %s", number);
        }
        fprintf(out, " \\\\\n");
    }
    fprintf(out, "\\hline\n\\end{tabular}\n");
}
