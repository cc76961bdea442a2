/* The gallery of the page: pictures with their map and boxes, and what they are filtered by. */
#include "internal.h"

#include "camrank/page.h"

#include <math.h>

static void put_base64(FILE *out, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        const uint32_t b = (uint32_t)bytes[i] << 16 |
                           (i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0) |
                           (i + 2 < n ? bytes[i + 2] : 0);
        fputc(digits[b >> 18], out);
        fputc(digits[b >> 12 & 63], out);
        fputc(i + 1 < n ? digits[b >> 6 & 63] : '=', out);
        fputc(i + 2 < n ? digits[b & 63] : '=', out);
    }
}

void cr_html_put_picture(FILE *out, const char *alt, const char *of, const uint8_t *jpeg, size_t n)
{
    fprintf(out, "<button type=\"button\"><img alt=\"%s", alt);
    cr_put_xml(out, of);
    fputs("\" src=\"data:image/jpeg;base64,", out);
    put_base64(out, jpeg, n);
    fputs("\"></button>", out);
}

void cr_html_put_dialog(FILE *out)
{
    fputs("<dialog aria-label=\"A picture\"><img alt=\"\" src=\"data:image/gif;base64,"
          "R0lGODlhAQABAAAAACwAAAAAAQABAAA=\"><div class=\"about\"></div><div "
          "class=\"tools\"><button "
          "type=\"button\" data-step=\"-1\">Previous</button> <button type=\"button\" "
          "data-step=\"1\">"
          "Next</button> <button type=\"button\" data-close>Close</button></div></dialog>\n",
          out);
}

static const char *class_of(const cr_page *page, const cr_page_picture *picture)
{
    return cr_data_class_name(page->plot->data, page->plot->data->images[picture->image].label);
}

void cr_html_put_option(FILE *out, const char *value)
{
    fputs("<option value=\"", out);
    cr_put_xml(out, value);
    fputs("\">", out);
    cr_put_xml(out, value);
    fputs("</option>\n", out);
}

static const char *value_of(const cr_page *page, const cr_page_picture *picture, int what)
{
    return what == 0   ? page->plot->rows[picture->row].label
           : what == 1 ? picture->why
           : what == 2 ? class_of(page, picture)
                       : cr_outcome_titles[picture->outcome];
}

/* A choice among what pictures have, each once, in the order in which it comes. */
static void put_filter(const cr_page *page, const char *key, const char *title, int what, FILE *out)
{
    fprintf(out, "<label>%s<select data-filter=\"%s\">\n<option value=\"\">all</option>\n", title,
            key);
    for (int i = 0; i < page->n_pictures; i++) {
        const char *value = value_of(page, &page->pictures[i], what);
        bool before = false;
        for (int k = 0; k < i && !before; k++)
            before = strcmp(value_of(page, &page->pictures[k], what), value) == 0;
        if (!before)
            cr_html_put_option(out, value);
    }
    fputs("</select></label>\n", out);
}

void cr_html_put_attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " data-%s=\"", name);
    cr_put_xml(out, value);
    fputc('"', out);
}

static void put_picture(const cr_page *page, const cr_page_picture *picture, FILE *out)
{
    const cr_dataset *data = page->plot->data;
    const char *id = cr_data_image_id(data, picture->image);
    fputs("<li", out);
    cr_html_put_attribute(out, "row", value_of(page, picture, 0));
    cr_html_put_attribute(out, "why", value_of(page, picture, 1));
    cr_html_put_attribute(out, "class", value_of(page, picture, 2));
    cr_html_put_attribute(out, "outcome", value_of(page, picture, 3));
    fputs(">", out);
    if (picture->jpeg)
        cr_html_put_picture(out, "Map over ", id, picture->jpeg, picture->n_bytes);
    fputs("<p><strong>", out);
    cr_put_xml(out, id);
    fputs("</strong><br>", out);
    cr_put_xml(out, class_of(page, picture));
    if (picture->top_class >= 0) {
        fputs("; predicted ", out);
        cr_put_xml(out, cr_data_class_name(data, picture->top_class));
    }
    fputs("<br>", out);
    if (!isnan(picture->iou))
        fprintf(out, "IoU %.2f, ", picture->iou);
    fprintf(out, "%s<br>%s: ", cr_outcome_titles[picture->outcome], picture->why);
    cr_put_xml(out, page->plot->rows[picture->row].label);
    if (picture->other) {
        fputs(", unlike ", out);
        cr_put_xml(out, picture->other);
    }
    fputs("</p></li>\n", out);
}

void cr_html_put_gallery(const cr_page *page, FILE *out)
{
    fputs("<section id=\"pictures\" aria-labelledby=\"pictures-title\"><h2 "
          "id=\"pictures-title\">Pictures</h2>\n",
          out);
    if (page->no_pictures) {
        fputs("<p class=\"note\">", out);
        cr_put_xml(out, page->no_pictures);
        fputs("</p>\n", out);
    }
    if (page->n_pictures > 0) {
        fprintf(
            out,
            "<p>The map of the ground-truth class over the image: red is its maximum. "
            "Ground-truth boxes are green, the row's box is red and dashed%s. Worst and best are "
            "by the IoU of this box; flipped are right under one row and wrong under "
            "another.</p>\n<div class=\"tools\" hidden>\n",
            page->has_frames ? "; a grey dashed line frames what the network saw" : "");
        put_filter(page, "row", "Row", 0, out);
        put_filter(page, "why", "Chosen as", 1, out);
        put_filter(page, "class", "Class", 2, out);
        put_filter(page, "outcome", "Outcome", 3, out);
        fputs("<span id=\"shown\" role=\"status\" aria-live=\"polite\"></span></div>\n<ul "
              "class=\"gallery\">\n",
              out);
        for (int i = 0; i < page->n_pictures; i++)
            put_picture(page, &page->pictures[i], out);
        fputs("</ul>\n", out);
        cr_html_put_dialog(out);
    }
    fputs("</section>\n", out);
}
