/* paper.c - a report beside the tables of a paper.
 *
 *   cam2016      B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, "Learning Deep Features for
 *                Discriminative Localization", CVPR 2016, tables 1 and 2
 *   gradcam2017  R. R. Selvaraju et al., "Grad-CAM", ICCV 2017 and IJCV 2020, table 1: localization */
#include "internal.h"

#include <math.h>
#include <string.h>

enum { N_ERRORS = 4 };

typedef struct published {
    const char *model;  /* as a job names it: no `*`, blank or bracket */
    const char *method; /* what the paper used */
    double errors[N_ERRORS];
} published;

typedef struct paper {
    const char *key, *title;
    const published *rows;
    int n_rows;
} paper;

static const char *const errors[N_ERRORS] = {"top1_cls_error", "top5_cls_error", "top1_loc_error",
                                             "top5_loc_error"};

static const published cam2016[] = {
    {"GoogLeNet-GAP", "cam", {35.0, 13.2, 56.40, 43.00}},
    {"VGGnet-GAP", "cam", {33.4, 12.2, 57.20, 45.14}},
    {"GoogLeNet", "cam", {31.9, 11.3, 60.09, 49.34}},
    {"AlexNet-star-GAP", "cam", {44.9, 20.9, 63.75, 49.53}},
    {"AlexNet-GAP", "cam", {51.1, 26.3, 67.19, 52.16}},
    {"NIN", "cam", {41.9, 19.6, 65.47, 54.19}},
    {"GoogLeNet-GMP", "cam", {35.6, 13.9, 57.78, 45.26}},
    {"GoogLeNet", "saliency", {31.9, 11.3, 61.31, 50.55}}, /* which it calls Backprop */
    {"VGGnet", "saliency", {31.2, 11.4, 61.12, 51.46}},
    {"AlexNet", "saliency", {42.6, 19.5, 65.17, 52.64}},
};

static const published gradcam2017[] = {
    {"VGG-16", "grad-cam", {NAN, NAN, 56.51, 46.41}},
    {"AlexNet", "grad-cam", {NAN, NAN, 68.3, 56.6}},
    {"GoogLeNet", "grad-cam", {NAN, NAN, 60.09, 49.34}},
};

#define PAPER(key, title)                                   \
    {                                                       \
#key, title, key, (int)(sizeof key / sizeof key[0]) \
    }

static const paper papers[] = {
    PAPER(cam2016, "Zhou et al., CVPR 2016, tables 1 and 2"),
    PAPER(gradcam2017, "Selvaraju et al., ICCV 2017, table 1"),
};

static void put_number(FILE *out, double value, const char *format)
{
    char text[32] = "-";
    if (!isnan(value))
        snprintf(text, sizeof text, format, value);
    fprintf(out, "  %10s", text);
}

/* The lines of one published row beside one measured one, or beside none (NULL). */
static void put_row(FILE *out, const published *of, const cr_report_row *row, bool precisions)
{
    for (int k = 0; k < N_ERRORS; k++) {
        const int number = cr_metric_number_find(errors[k]);
        const double measured = row ? row->values[number].value : NAN;
        if (isnan(of->errors[k]))
            continue;
        fprintf(out, "%-18s%-10s%-20s%-10s", of->model, of->method, row ? row->protocol : "-",
                cr_metric_number_at(number, NULL)->title);
        put_number(out, measured, "%.2f");
        put_number(out, of->errors[k], "%.2f");
        put_number(out, measured - of->errors[k], "%+.2f");
        fprintf(out, precisions ? "  %s\n" : "\n", row ? cr_report_precision(row) : "-");
    }
}

static bool is_of(const cr_report_row *row, const published *of)
{
    const size_t n = strlen(of->method); /* the paper's own form, not one that a job has changed */
    return strcmp(row->model, of->model) == 0 && strcmp(row->method, of->method) == 0 &&
           strncmp(row->variant, of->method, n) == 0 &&
           (row->variant[n] == 0 || row->variant[n] == '@');
}

/* A report beside a paper. */
typedef struct beside {
    const cr_report *report;
    const paper *of;
} beside;

static bool put_paper(const void *both, FILE *out)
{
    const cr_report *report = ((const beside *)both)->report;
    const paper *of = ((const beside *)both)->of;
    const bool precisions = cr_report_has_precision(report);
    int n_used = 0, n_rows = 0;
    for (int i = 0; i < report->n_rows; i++)
        n_rows += !report->rows[i].is_baseline;
    fprintf(out, "%s; errors in %% on the validation set.\n\n", of->title);
    fprintf(out, "%-18s%-10s%-20s%-10s  %10s  %10s  %10s%s\n", "model", "method", "protocol",
            "error", "measured", "published", "difference", precisions ? "  precision" : "");
    for (int p = 0; p < of->n_rows; p++) {
        bool found = false;
        for (int i = 0; i < report->n_rows; i++)
            if (is_of(&report->rows[i], &of->rows[p])) {
                put_row(out, &of->rows[p], &report->rows[i], precisions);
                found = true;
                n_used++;
            }
        if (!found)
            put_row(out, &of->rows[p], NULL, precisions);
    }
    if (n_used < n_rows)
        fprintf(out,
                "\n%d of the file's %d rows are not in the paper: models count as the paper's by "
                "their names above.\n",
                n_rows - n_used, n_rows);
    return true;
}

cr_status cr_report_paper(const cr_report *report, const char *name, char **text, cr_error *err)
{
    const int n_papers = (int)(sizeof papers / sizeof papers[0]);
    int p = 0;
    *text = NULL;
    while (p < n_papers && strcmp(papers[p].key, name) != 0)
        p++;
    if (p == n_papers)
        return cr_fail(err, CR_EUSAGE, "unknown paper `%s`: one of cam2016, gradcam2017", name);
    return cr_form_write(put_paper, &(beside){report, &papers[p]}, "the report", text, err);
}
