/* The formats of charts. */
#include "canvas.h"
#include "internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

static cr_status draw_cairo(const cr_chart *chart, const char *name, double scale, FILE *out,
                            cr_error *err)
{
    cr_status status = CR_OK;
    const cr_figure_format *format = cr_figure_format_named(name);
    const double height = cr_chart_measure(chart, NULL, NULL);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_surface_t *surface;
    cairo_t *cr;
    CR_TRY(cr_format_begin(format, chart->width * scale, height * scale, out, &surface, &cr, err));
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_set_font_options(cr, options);
    cairo_scale(cr, scale, scale);
    cr_canvas canvas = cr_canvas_of_cairo(cr);
    if (height < 0 || cr_chart_draw(chart, &canvas, height) < 0)
        CR_TRY(cr_fail(err, CR_EINTERNAL, "out of memory: a figure"));
    status = cr_format_end(format, cr, CR_FIGURE_QUALITY, out, err);

cleanup:
    cairo_font_options_destroy(options);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return status;
}

static cr_status write_png(const cr_chart *chart, double dots, FILE *out, cr_error *err)
{
    return draw_cairo(chart, "png", dots / 72, out, err);
}

static cr_status write_jpg(const cr_chart *chart, double dots, FILE *out, cr_error *err)
{
    return draw_cairo(chart, "jpg", dots / 72, out, err);
}

static cr_status write_pdf(const cr_chart *chart, double dots, FILE *out, cr_error *err)
{
    (void)dots;
    return draw_cairo(chart, "pdf", 1, out, err);
}

/* The element has the chart's size, or takes that of its place in a page. */
static void put_svg(const cr_chart *chart, bool has_size, FILE *out)
{
    const double height = cr_chart_measure(chart, NULL, NULL);
    cr_canvas canvas = cr_canvas_of_svg(out);
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"");
    if (has_size)
        fprintf(out, " width=\"%.2fpt\" height=\"%.2fpt\"", chart->width, height);
    fprintf(out, " viewBox=\"0 0 %.2f %.2f\">\n<title>", chart->width, height);
    cr_put_xml(out, chart->title ? chart->title : "");
    fputs("</title>\n<desc>", out);
    cr_put_xml(out, chart->description ? chart->description : "");
    fprintf(out,
            "</desc>\n<g%s font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\" "
            "stroke-linejoin=\"round\">\n",
            has_size ? " color=\"#212121\"" : "");
    cr_chart_draw(chart, &canvas, height);
    fputs("</g>\n</svg>\n", out);
}

void cr_chart_put_svg(const cr_chart *chart, FILE *out)
{
    put_svg(chart, false, out);
}

static cr_status write_svg(const cr_chart *chart, double dots, FILE *out, cr_error *err)
{
    (void)dots;
    (void)err;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
    put_svg(chart, true, out);
    return CR_OK;
}

/* A field with quotes where it needs them. */
static void put_csv(FILE *out, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static cr_status write_csv(const cr_chart *chart, double dots, FILE *out, cr_error *err)
{
    bool first = true;
    (void)dots;
    (void)err;
    for (int c = 0; c < CR_CHART_DATUM_COLUMNS; c++)
        if (chart->columns[c]) {
            fprintf(out, "%s%s", first ? "" : ",", chart->columns[c]);
            first = false;
        }
    fputc('\n', out);
    for (size_t i = 0; i < chart->n_data; i++) {
        const cr_chart_datum *datum = &chart->data[i];
        const char *texts[] = {datum->series, datum->name};
        const double values[] = {datum->x, datum->y, datum->low, datum->high};
        first = true;
        for (int c = 0; c < CR_CHART_DATUM_COLUMNS; c++) {
            if (!chart->columns[c])
                continue;
            fputs(first ? "" : ",", out);
            first = false;
            if (c < 2)
                put_csv(out, texts[c] ? texts[c] : "");
            else if (!isnan(values[c - 2]))
                fprintf(out, "%.17g", values[c - 2]);
        }
        fputc('\n', out);
    }
    return CR_OK;
}

static bool is_jpg(const char *bytes, size_t n)
{
    return cr_figure_format_kind(cr_figure_format_named("jpg"))(bytes, n);
}

static bool is_pdf(const char *bytes, size_t n)
{
    return cr_figure_format_kind(cr_figure_format_named("pdf"))(bytes, n);
}

static bool is_svg(const char *bytes, size_t n)
{
    return cr_figure_format_kind(cr_figure_format_named("svg"))(bytes, n);
}

/* One of ours begins with the name of its first column. */
static bool is_csv(const char *bytes, size_t n)
{
    static const char *const starts[] = {"row,", "model,", "pair,"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (n >= strlen(starts[i]) && memcmp(bytes, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static const cr_chart_format formats[] = {
    {"png", NULL, cr_file_is_png, write_png}, {"jpg", "jpeg", is_jpg, write_jpg},
    {"pdf", NULL, is_pdf, write_pdf},         {"svg", NULL, is_svg, write_svg},
    {"csv", NULL, is_csv, write_csv},
};

cr_status cr_chart_format_find(const char *path, const cr_chart_format **format, cr_error *err)
{
    const char *dot = strrchr(cr_path_name(path), '.');
    const char *ending = dot ? dot + 1 : "";
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcasecmp(ending, formats[i].name) == 0 ||
            (formats[i].other && strcasecmp(ending, formats[i].other) == 0)) {
            *format = &formats[i];
            return CR_OK;
        }
    return cr_fail(err, CR_EUSAGE, "%s: a figure's name must end in .png, .jpg, .pdf, .svg or .csv",
                   path);
}

cr_status cr_chart_write(const char *path, const cr_chart_format *format, const cr_chart *chart,
                         double dots, cr_error *err)
{
    const char *name = path ? path : "standard output";
    if (chart->failed)
        return cr_fail(err, CR_EINTERNAL, "out of memory: a figure");
    FILE *out = path ? fopen(path, "wbe") : stdout;
    if (!out)
        return cr_fail(err, CR_EIO, "%s: %s", name, strerror(errno));
    cr_status status = format->write(chart, dots, out, err);
    if (status == CR_OK && (fflush(out) != 0 || ferror(out)))
        status = cr_fail(err, CR_EIO, "%s", strerror(errno));
    if (status != CR_OK)
        cr_fail_in(err, "%s: ", name);
    if (path && fclose(out) != 0 && status == CR_OK)
        status = cr_fail(err, CR_EIO, "%s: %s", name, strerror(errno));
    return status;
}
