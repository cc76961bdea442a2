/* A chart in SVG, whose text is text and which takes the colours of a page around it. */
#include "canvas.h"

#include <string.h>

void cr_put_xml(FILE *out, const char *text)
{
    while (*text) {
        const size_t n = cr_utf8_bytes(text, strlen(text));
        const unsigned char c = (unsigned char)*text;
        if (n == 0)
            fputc('?', out);
        else if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '&')
            fputs("&amp;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else if (c == '\'')
            fputs("&#39;", out);
        else if (c < ' ' || c == 127)
            fputc(' ', out);
        else
            fwrite(text, 1, n, out);
        text += n ? n : 1;
    }
}

/* Ink is the page's; grid and ground fit it. */
static void put_colour(FILE *out, const char *name, int colour, double opacity)
{
    const double *rgb = cr_theme_colour(colour);
    if (colour == CR_COLOUR_NONE)
        fprintf(out, " %s=\"none\"", name);
    else if (colour == CR_COLOUR_INK || colour == CR_COLOUR_MUTED || colour == CR_COLOUR_GRID)
        fprintf(out, " %s=\"currentColor\"", name);
    else
        fprintf(out, " %s=\"#%02x%02x%02x\"", name, (unsigned)(rgb[0] * 255 + 0.5),
                (unsigned)(rgb[1] * 255 + 0.5), (unsigned)(rgb[2] * 255 + 0.5));
    if (colour == CR_COLOUR_GRID)
        opacity = 0.15;
    if (colour == CR_COLOUR_MUTED)
        opacity = 0.8;
    if (colour != CR_COLOUR_NONE && opacity < 1)
        fprintf(out, " %s-opacity=\"%.2g\"", name, opacity);
}

static void draw_shape(cr_canvas *canvas, const cr_shape *shape)
{
    FILE *out = canvas->to;
    int n;
    if (shape->n == 0)
        return;
    fputs("<path d=\"", out);
    for (int i = 0; i < shape->n; i++) {
        const double r = shape->radius, x = shape->x[i], y = shape->y[i];
        if (r > 0)
            fprintf(out, "M%.2f %.2fa%.2f %.2f 0 1 0 %.2f 0a%.2f %.2f 0 1 0 %.2f 0", x - r, y, r, r,
                    2 * r, r, r, -2 * r);
        else
            fprintf(out, "%s%.2f %.2f", i == 0 ? "M" : i == 1 ? "L" : " ", x, y);
    }
    fputs(shape->closed ? "Z\"" : "\"", out);
    put_colour(out, "fill", shape->fill, shape->fill_opacity);
    if (shape->fill == CR_COLOUR_PAPER || shape->stroke == CR_COLOUR_PAPER)
        fputs(shape->fill == CR_COLOUR_PAPER ? " class=\"paper\"" : " class=\"edge\"", out);
    if (shape->stroke != CR_COLOUR_NONE) {
        put_colour(out, "stroke", shape->stroke, shape->stroke_opacity);
        fprintf(out, " stroke-width=\"%.3g\"", shape->line_width);
        const double *dashes = cr_theme_dash(shape->dash, &n);
        for (int i = 0; i < n; i++)
            fprintf(out, "%s%.3g", i ? " " : " stroke-dasharray=\"", dashes[i]);
        fputs(n ? "\"" : "", out);
    }
    fputs("/>\n", out);
}

static void draw_text(cr_canvas *canvas, const cr_canvas_text *text)
{
    FILE *out = canvas->to;
    /* The length keeps the places where the reader's fonts are others. */
    fprintf(out, "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%.3g\" textLength=\"%.2f\"", text->x,
            text->y, text->size, text->width);
    put_colour(out, "fill", text->colour, 1);
    fputs(text->bold ? " font-weight=\"bold\">" : ">", out);
    cr_put_xml(out, text->text);
    fputs("</text>\n", out);
}

static void open_group(cr_canvas *canvas, const char *title)
{
    fputs("<g><title>", canvas->to);
    cr_put_xml(canvas->to, title);
    fputs("</title>", canvas->to);
}

static void close_group(cr_canvas *canvas)
{
    fputs("</g>\n", canvas->to);
}

cr_canvas cr_canvas_of_svg(FILE *out)
{
    return (cr_canvas){draw_shape, draw_text, open_group, close_group, out};
}
