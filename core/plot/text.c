/* Texts of a figure: what cannot be drawn is replaced, what is too long cut. */
#include "internal.h"

#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

void cr_set_font(cairo_t *cr, int size, bool bold)
{
    cairo_select_font_face(cr, "sans", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

/* Copies what can be drawn, with room left for an ellipsis: cairo refuses a whole figure for one
 * byte that is not UTF-8. */
static void printable(const char *text, char *out, size_t out_bytes)
{
    size_t used = 0;
    while (*text) {
        size_t n = cr_utf8_bytes(text, strlen(text)), take = n ? n : 1;
        if (used + take + sizeof ELLIPSIS > out_bytes)
            break;
        memcpy(out + used, text, take);
        if (n == 0 || (unsigned char)*text < ' ')
            out[used] = n ? ' ' : '?';
        used += take;
        text += take;
    }
    out[used] = 0;
}

double cr_fit_text(cairo_t *cr, const char *text, char *out, size_t n_bytes, double width)
{
    cairo_text_extents_t extents;
    printable(text, out, n_bytes);
    for (size_t n = strlen(out);;) {
        cairo_text_extents(cr, out, &extents);
        if (extents.x_advance <= width || n == 0)
            return extents.x_advance;
        do
            n--;
        while (n > 0 && ((unsigned char)out[n] & 0xc0) == 0x80);
        snprintf(out + n, n_bytes - n, "%s", n ? ELLIPSIS : "");
    }
}

double cr_draw_text(cairo_t *cr, const char *text, double x, double y, double width)
{
    char fitted[512];
    const double taken = cr_fit_text(cr, text, fitted, sizeof fitted, width);
    cairo_move_to(cr, x, y);
    cairo_show_text(cr, fitted);
    return taken;
}
