/* HTML: one page with all of a report, which needs nothing from anywhere: style, script, figures and pictures are in
 * it. Every text that comes from outside goes through cr_put_xml. */
#include "internal.h"

#include "camrank/page.h"
#include "page.h"

#include <inttypes.h>

void cr_html_put_head(FILE *out, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    cr_put_xml(out, title);
    fprintf(out, " - camrank</title>\n<style>\n%s</style>\n</head>\n<body>\n", page_css);
}

void cr_html_put_end(FILE *out)
{
    fprintf(out, "</main>\n<script>\n%s</script>\n</body>\n</html>\n", page_js);
}

static void put_head(const cr_report *report, FILE *out)
{
    cr_html_put_head(out, report->job_name);
    fputs("<a class=\"skip\" href=\"#errors\">to the error table</a>\n<header><h1>", out);
    cr_put_xml(out, report->job_name);
    fputs("</h1>\n<p class=\"note\">A report of camrank " CR_VERSION
          ". The page is self-contained and loads nothing from the Internet.</p>\n",
          out);
}

static void put_navigation(const cr_report *report, FILE *out)
{
    fputs("<nav aria-label=\"Sections\"><ul>\n<li><a href=\"#run\">What was run</a></li>\n"
          "<li><a href=\"#errors\">Errors</a></li>\n",
          out);
    if (report->page && report->page->plot)
        fputs("<li><a href=\"#figures\">Figures</a></li>\n"
              "<li><a href=\"#comparison\">Comparison</a></li>\n"
              "<li><a href=\"#classes\">Classes</a></li>\n",
              out);
    if (report->page)
        fputs("<li><a href=\"#pictures\">Pictures</a></li>\n", out);
    fputs("</ul></nav>\n</header>\n<main>\n<p id=\"said\" class=\"note\" role=\"status\" "
          "aria-live=\"polite\"></p>\n",
          out);
}

void cr_html_put_fact(FILE *out, const char *title, const char *value)
{
    if (!value || !value[0])
        return;
    fprintf(out, "<dt>%s</dt><dd>", title);
    cr_put_xml(out, value);
    fputs("</dd>\n", out);
}

static void put_counts(const cr_report *report, FILE *out)
{
    fprintf(out, "<dt>images</dt><dd>%" PRId64 "</dd>\n", report->n_images);
    if (report->n_excluded > 0)
        fprintf(out, "<dt>on the exclude list</dt><dd>%" PRId64 "</dd>\n", report->n_excluded);
    fprintf(out, "<dt>failed</dt><dd>%" PRId64 "%s</dd>\n", report->n_failed,
            report->n_failed == 0 ? ""
            : report->skip_failed ? ", left out"
                                  : ", counted as wrong");
    if (report->n_missing > 0)
        fprintf(out,
                "<dt>not computed yet</dt><dd>%" PRId64 ": the numbers are of the others</dd>\n",
                report->n_missing);
}

/* A table without sorting. */
static void put_networks(const cr_page *page, FILE *out)
{
    fputs(
        "<h3>Networks</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th class=\"text\">name</th>"
        "<th class=\"text\">file</th><th class=\"text\">SHA-256</th><th class=\"text\">input</th>"
        "<th class=\"text\">methods</th></tr></thead>\n<tbody>\n",
        out);
    for (int m = 0; m < page->n_networks; m++) {
        const cr_page_network *network = &page->networks[m];
        const char *texts[] = {network->name, network->file, network->sha256, network->input,
                               network->methods};
        fputs("<tr>", out);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            fputs("<td class=\"text\"><code>", out);
            cr_put_xml(out, texts[i][0] ? texts[i] : "-");
            fputs("</code></td>", out);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void put_protocols(const cr_report *report, FILE *out)
{
    char text[CR_PARAMETER_BYTES];
    fputs("<h3>Protocols</h3>\n<div class=\"scroll\"><table id=\"protocol-table\">\n<thead><tr><th "
          "class=\"text\">parameter</th>",
          out);
    for (int p = 0; p < report->n_protocols; p++) {
        fputs("<th class=\"text\">", out);
        cr_put_xml(out, report->protocols[p].name);
        fputs("</th>", out);
    }
    fputs("<th class=\"text\">meaning</th></tr></thead>\n<tbody>\n", out);
    for (int k = 0; k < cr_protocol_parameters.n; k++) {
        const cr_parameter *parameter = &cr_protocol_parameters.items[k];
        fprintf(out, "<tr><th scope=\"row\" class=\"text\">%s</th>", parameter->key);
        for (int p = 0; p < report->n_protocols; p++) {
            cr_parameter_print(parameter, cr_parameter_value(parameter, &report->protocols[p]),
                               false, text);
            fputs("<td class=\"text\">", out);
            cr_put_xml(out, text);
            fputs("</td>", out);
        }
        fputs("<td class=\"text wide\">", out);
        cr_put_xml(out, parameter->help);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void put_failures(const cr_report *report, FILE *out)
{
    if (report->n_failures == 0)
        return;
    fprintf(out, "<details><summary>Images that failed (%d%s)</summary>\n<ul>\n",
            report->n_failures, report->n_failures == CR_REPORT_MAX_FAILURES ? ", the first" : "");
    for (int i = 0; i < report->n_failures; i++) {
        fputs("<li>", out);
        cr_put_xml(out, report->failures[i].image);
        fputs(" (", out);
        cr_put_xml(out, report->failures[i].model);
        fputs("): ", out);
        cr_put_xml(out, report->failures[i].reason);
        fputs("</li>\n", out);
    }
    fputs("</ul></details>\n", out);
}

static void put_run(const cr_report *report, FILE *out)
{
    const cr_page *page = report->page;
    fputs(
        "<section id=\"run\" aria-labelledby=\"run-title\"><h2 id=\"run-title\">What was run</h2>\n"
        "<dl>\n",
        out);
    cr_html_put_fact(out, "results file", page ? page->file : NULL);
    put_counts(report, out);
    cr_html_put_fact(out, "made with", page ? page->libraries : NULL);
    cr_html_put_fact(out, "set on the command line", page ? page->overrides : NULL);
    fputs("</dl>\n", out);
    if (page && page->n_networks > 0)
        put_networks(page, out);
    put_protocols(report, out);
    put_failures(report, out);
    if (page && page->job_text && page->job_text[0]) {
        fputs("<details><summary>The job file</summary>\n<pre>", out);
        for (const char *line = page->job_text; *line;) {
            const size_t n = strcspn(line, "\n");
            char *copy = strndup(line, n);
            cr_put_xml(out, copy ? copy : "");
            free(copy);
            fputc('\n', out);
            line += n + (line[n] == '\n');
        }
        fputs("</pre></details>\n", out);
    }
    fputs("</section>\n", out);
}

/* The head of a column, a button that sorts. */
static void put_column(const cr_sheet *sheet, int c, FILE *out)
{
    const cr_sheet_column *column = &sheet->columns[c];
    fprintf(out, "<th scope=\"col\" data-c=\"%d\"%s><button type=\"button\"", c,
            column->left ? " class=\"text\"" : "");
    if (sheet->meanings[c]) {
        fputs(" title=\"", out);
        cr_put_xml(out, sheet->meanings[c]);
        fputs("\"", out);
    }
    fputs(">", out);
    if (column->group) {
        cr_put_xml(out, column->group);
        fputc(' ', out);
    }
    cr_put_xml(out, column->title);
    fprintf(out, "%s</button></th>", cr_sheet_arrow(column));
}

bool cr_sheet_put_html(const cr_sheet *sheet, const char *id, const char *caption, FILE *out)
{
    fprintf(
        out,
        "<div class=\"tools\" hidden><button type=\"button\" data-copy data-table=\"%s\">Copy the "
        "table</button></div>\n<div class=\"scroll\"><table id=\"%s\">\n<caption>%s</caption>\n"
        "<thead><tr>",
        id, id, caption);
    for (int c = 0; c < sheet->n_columns; c++)
        put_column(sheet, c, out);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int line = 0; line < sheet->n_lines; line++) {
        fputs("<tr>", out);
        for (int c = 0; c < sheet->n_columns; c++) {
            const cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
            fprintf(out, "<td%s data-v=\"",
                    sheet->columns[c].left ? " class=\"text\""
                    : cell->is_best        ? " class=\"best\""
                                           : "");
            cr_put_xml(out, cell->text);
            fputs("\">", out);
            cr_put_xml(out, cell->text);
            for (int k = 0; k < CR_SHEET_BELOW && cell->below[k]; k++) {
                fputs(" <small>", out);
                cr_put_xml(out, cell->below[k]);
                fputs("</small>", out);
            }
            fputs("</td>", out);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    return !sheet->failed;
}

static bool put_errors(const cr_report *report, FILE *out)
{
    cr_sheet sheet, outcomes = {0};
    /* The tables of all rows, whatever is there of classes. */
    cr_report all = *report;
    all.classes = NULL;
    all.width = 0;
    fputs("<section id=\"errors\" aria-labelledby=\"errors-title\"><h2 "
          "id=\"errors-title\">Errors</h2>\n",
          out);
    char line[CR_REPORT_DOUBT_BYTES];
    for (const char *rest = report->doubts; cr_report_next_doubt(&rest, line);) {
        fputs("<p class=\"doubt\" role=\"alert\"><strong>Doubtful:</strong> ", out);
        cr_put_xml(out, line);
        fputs("</p>\n", out);
    }
    cr_report_make_sheet(&all, true, &sheet);
    bool whole = cr_sheet_put_html(
        &sheet, "error-table",
        "One line per row. Arrows say which way is better; the best of a column is "
        "bold. A click on a title sorts.",
        out);
    fputs("<details open><summary>What the numbers mean</summary>\n<dl>\n", out);
    for (int c = 0; c < sheet.n_columns; c++)
        if (sheet.meanings[c] && (c == 0 || sheet.meanings[c] != sheet.meanings[c - 1])) {
            bool before = false;
            for (int other = 0; other < c; other++)
                before = before || sheet.meanings[other] == sheet.meanings[c];
            if (before)
                continue;
            fputs("<dt>", out);
            cr_put_xml(out, sheet.columns[c].title);
            fputs("</dt><dd>", out);
            cr_put_xml(out, sheet.meanings[c]);
            fputs("</dd>\n", out);
        }
    fputs("</dl>\n<pre>", out);
    cr_report_put_notes(&all, out, "", cr_put_xml);
    fputs("</pre></details>\n", out);
    if (report->show_protocols && report->n_columns == 0)
        cr_report_make_outcomes(&all, &outcomes);
    if (outcomes.n_lines > 0) {
        fputs("<h3>Outcomes</h3>\n", out);
        whole = cr_sheet_put_html(
                    &outcomes, "outcome-table",
                    "Images by what became of them. Of a wrong box: part, it is inside the "
                    "object; too large, it holds the object and more; merged, it holds several "
                    "objects; missed, it touches none; shifted, none of these.",
                    out) &&
                whole;
    }
    fputs("</section>\n", out);
    whole = whole && !outcomes.failed;
    cr_sheet_fini(&outcomes);
    cr_sheet_fini(&sheet);
    return whole;
}

bool cr_report_html(const cr_report *report, FILE *out)
{
    const cr_page *page = report->page;
    put_head(report, out);
    put_navigation(report, out);
    put_run(report, out);
    bool whole = put_errors(report, out);
    if (page && page->plot) {
        whole = cr_html_put_figures(page, out) && whole;
        whole = cr_html_put_comparison(page, out) && whole;
        whole = cr_html_put_classes(page, out) && whole;
    }
    if (page)
        cr_html_put_gallery(page, out);
    cr_html_put_end(out);
    return whole;
}
