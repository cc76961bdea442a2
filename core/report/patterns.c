/* Patterns of a set as a page and as CSV: where in the frame the maps of each class look, the regions that they pick
 * out most strongly, and which further labels go with that. */
#include "internal.h"

#include "camrank/chart.h"
#include "camrank/patterns.h"

#include <csv.h>
#include <math.h>
#include <string.h>

static const char *name_of(const cr_patterns *p, const cr_pattern_class *c)
{
    return cr_data_class_name(p->data, c->class);
}

static void put_facts(const cr_patterns *p, FILE *out)
{
    fputs("<section id=\"run\" aria-labelledby=\"run-title\"><h2 id=\"run-title\">What it is "
          "of</h2>\n<dl>\n",
          out);
    cr_html_put_fact(out, "results file", p->file);
    cr_html_put_fact(out, "network", p->model);
    cr_html_put_fact(out, "method", p->method);
    cr_html_put_fact(out, "layer", p->layer);
    cr_html_put_fact(out, "boxes of the protocol", p->protocol);
    cr_html_put_fact(out, "classes",
                     p->predicted ? "those that the network predicts, each image's map of its own"
                                  : "those of the ground truth, each image's map of its own");
    fputs("</dl>\n</section>\n", out);
}

static bool put_classes(const cr_patterns *p, FILE *out)
{
    enum { NAME, IMAGES, STRONGEST, X, Y, N };
    static const cr_sheet_column columns[N] = {[NAME] = {.title = "class", .left = true},
                                               [IMAGES] = {.title = "images"},
                                               [STRONGEST] = {.title = "strongest value"},
                                               [X] = {.title = "centre x, %"},
                                               [Y] = {.title = "centre y, %"}};
    static const char *const meanings[N] = {
        [NAME] = "the class, or the label that stands for it",
        [IMAGES] = "images of the class, of which there is a map",
        [STRONGEST] = "the largest value of any map of the class, as the method gives it",
        [X] = "the centre of mass of the mean map, in % of the frame's width from the left",
        [Y] = "the same in % of its height from the top"};
    cr_sheet sheet;
    cr_sheet_init(&sheet, N, p->n_classes);
    for (int k = 0; k < N && !sheet.failed; k++) {
        sheet.columns[k] = columns[k];
        sheet.meanings[k] = meanings[k];
    }
    for (int i = 0; i < p->n_classes && !sheet.failed; i++) {
        const cr_pattern_class *c = &p->classes[i];
        cr_sheet_cell *cells = &sheet.cells[i * N];
        cells[NAME].text = name_of(p, c);
        cells[IMAGES].text = cr_sheet_text(&sheet, "%d", c->n_images);
        cells[STRONGEST].text = cr_sheet_text(&sheet, "%.4g", (double)c->regions[0].value);
        cells[X].text = isnan(c->x) ? "-" : cr_sheet_text(&sheet, "%.1f", 100 * c->x);
        cells[Y].text = isnan(c->y) ? "-" : cr_sheet_text(&sheet, "%.1f", 100 * c->y);
    }
    fputs("<section id=\"classes\" aria-labelledby=\"classes-title\"><h2 id=\"classes-title\">"
          "Where the maps look</h2>\n<div class=\"tools\" hidden><label>Search<input "
          "type=\"search\" data-table=\"class-table\"></label></div>\n",
          out);
    const bool whole =
        !sheet.failed && cr_sheet_put_html(&sheet, "class-table", "A line a class.", out);
    fputs("</section>\n", out);
    cr_sheet_fini(&sheet);
    return whole;
}

static void begin_item(FILE *out, const char *class_name, const char *kind)
{
    fputs("<li", out);
    cr_html_put_attribute(out, "class", class_name);
    cr_html_put_attribute(out, "kind", kind);
    fputs(">", out);
}

static void put_mean(const cr_patterns *p, const cr_pattern_class *c, FILE *out)
{
    begin_item(out, name_of(p, c), "mean map");
    if (c->picture.jpeg)
        cr_html_put_picture(out, "Mean map of ", name_of(p, c), c->picture.jpeg,
                            c->picture.n_bytes);
    fputs("<p><strong>", out);
    cr_put_xml(out, name_of(p, c));
    fprintf(out, "</strong><br>mean map of %d image%s</p></li>\n", c->n_images,
            c->n_images == 1 ? "" : "s");
}

static void put_region(const cr_patterns *p, const cr_pattern_class *c, int i, FILE *out)
{
    const cr_pattern_region *r = &c->regions[i];
    const char *id = cr_data_image_id(p->data, r->image);
    begin_item(out, name_of(p, c), "region");
    if (r->picture.jpeg)
        cr_html_put_picture(out, "Region of ", id, r->picture.jpeg, r->picture.n_bytes);
    fputs("<p><strong>", out);
    cr_put_xml(out, name_of(p, c));
    fprintf(out, "</strong><br>%d: ", i + 1);
    cr_put_xml(out, id);
    fprintf(out, "<br>%.4g", (double)r->value);
    if (r->box.x0 >= 0)
        fprintf(out, ", at %d, %d, %d x %d", r->box.x0, r->box.y0, r->box.x1 - r->box.x0 + 1,
                r->box.y1 - r->box.y0 + 1);
    fputs("</p></li>\n", out);
}

static void put_pictures(const cr_patterns *p, FILE *out)
{
    fputs("<section id=\"pictures\" aria-labelledby=\"pictures-title\"><h2 id=\"pictures-title\">"
          "Regions</h2>\n<p>Of each class the mean of its maps, each from 0 to 1, in the frame "
          "that the network sees; and the regions of the images whose maps reach the largest "
          "values: the box of the map, cut out of the image, with that value.</p>\n",
          out);
    if (p->no_pictures) {
        fputs("<p class=\"note\">", out);
        cr_put_xml(out, p->no_pictures);
        fputs("</p>\n", out);
    }
    if (p->n_drawn < p->n_classes)
        fprintf(out, "<p class=\"note\">Pictures are of the first %d of %d classes.</p>\n",
                p->n_drawn, p->n_classes);
    fputs("<div class=\"tools\" hidden>\n<label>Class<select data-filter=\"class\">\n<option "
          "value=\"\">all</option>\n",
          out);
    for (int i = 0; i < p->n_drawn; i++)
        cr_html_put_option(out, name_of(p, &p->classes[i]));
    fputs("</select></label>\n<label>Shown<select data-filter=\"kind\">\n<option "
          "value=\"\">all</option>\n",
          out);
    cr_html_put_option(out, "mean map");
    cr_html_put_option(out, "region");
    fputs("</select></label>\n<span id=\"shown\" role=\"status\" aria-live=\"polite\"></span></div>"
          "\n<ul class=\"gallery\">\n",
          out);
    for (int i = 0; i < p->n_drawn; i++) {
        put_mean(p, &p->classes[i], out);
        for (int k = 0; k < p->classes[i].n_regions; k++)
            put_region(p, &p->classes[i], k, out);
    }
    fputs("</ul>\n", out);
    cr_html_put_dialog(out);
    fputs("</section>\n", out);
}

static void fill_label(cr_sheet *sheet, cr_sheet_cell *cells, const char *class_name,
                       const cr_pattern_label *l)
{
    cells[0].text = class_name;
    cells[1].text = l->name;
    cells[2].text = cr_sheet_text(sheet, "%.2f", l->value);
    cells[3].text = cr_sheet_text(sheet, "%.2f", l->low);
    cells[4].text = cr_sheet_text(sheet, "%.2f", l->high);
    cells[5].text = cr_sheet_text(sheet, "%d", l->n);
    cells[6].text = cr_sheet_text(sheet, "%d", l->n_high);
}

static bool put_labels(const cr_patterns *p, FILE *out)
{
    static const cr_sheet_column columns[] = {{.title = "class", .left = true},
                                              {.title = "label", .left = true},
                                              {.title = "bits", .better = 1},
                                              {.title = "from"},
                                              {.title = "to"},
                                              {.title = "images that have it"},
                                              {.title = "of high activation"}};
    static const char *const meanings[] = {
        "the class",
        "a label of the list that goes with the images",
        "pointwise mutual information of having the label and of high activation: 1 is twice as "
        "often as at random",
        "the lower end of its 95 % interval",
        "the upper end",
        "images of the class that have the label",
        "of these, those whose map is among the strongest of the class"};
    enum { N = sizeof columns / sizeof *columns };
    int n = 0;
    cr_sheet sheet;
    for (int i = 0; i < p->n_classes; i++)
        n += p->classes[i].n_labels;
    cr_sheet_init(&sheet, N, n);
    for (int k = 0; k < N && !sheet.failed; k++) {
        sheet.columns[k] = columns[k];
        sheet.meanings[k] = meanings[k];
    }
    for (int i = 0, line = 0; i < p->n_classes && !sheet.failed; i++)
        for (int k = 0; k < p->classes[i].n_labels; k++, line++)
            fill_label(&sheet, &sheet.cells[line * N], name_of(p, &p->classes[i]),
                       &p->classes[i].labels[k]);
    fprintf(out,
            "<section id=\"labels\" aria-labelledby=\"labels-title\"><h2 id=\"labels-title\">Labels"
            "</h2>\n<p>Which labels go with high activation: with the strongest %.4g %% of the "
            "maps of a class.</p>\n<div class=\"tools\" hidden><label>Search<input "
            "type=\"search\" data-table=\"label-table\"></label></div>\n",
            100 * p->share);
    const bool whole = !sheet.failed &&
                       cr_sheet_put_html(&sheet, "label-table",
                                         "A line a label, by the lower end of its interval.", out);
    fputs("</section>\n", out);
    cr_sheet_fini(&sheet);
    return whole;
}

bool cr_patterns_html(const cr_patterns *p, FILE *out)
{
    cr_html_put_head(out, p->job);
    fputs("<a class=\"skip\" href=\"#pictures\">to the regions</a>\n<header><h1>", out);
    cr_put_xml(out, p->job);
    fputs("</h1>\n<p class=\"note\">Patterns of a set, by camrank " CR_VERSION
          ". The page is whole: it needs no network.</p>\n<nav aria-label=\"Sections\"><ul>\n"
          "<li><a href=\"#classes\">Where the maps look</a></li>\n<li><a "
          "href=\"#pictures\">Regions</a></li>\n",
          out);
    if (p->has_labels)
        fputs("<li><a href=\"#labels\">Labels</a></li>\n", out);
    fputs("</ul></nav>\n</header>\n<main>\n<p id=\"said\" class=\"note\" role=\"status\" "
          "aria-live=\"polite\"></p>\n",
          out);
    put_facts(p, out);
    bool whole = put_classes(p, out);
    put_pictures(p, out);
    if (p->has_labels)
        whole = put_labels(p, out) && whole;
    cr_html_put_end(out);
    return whole;
}

static void put_text(FILE *out, const char *text)
{
    csv_fwrite(out, text, strlen(text));
    fputc(',', out);
}

static void put_class(const cr_patterns *p, const cr_pattern_class *c, FILE *out)
{
    put_text(out, p->data->text + p->data->classes[c->class].wnid);
    put_text(out, name_of(p, c));
}

bool cr_patterns_regions(const cr_patterns *p, FILE *out)
{
    fputs("class,name,rank,image,value,x0,y0,x1,y1\n", out);
    for (int i = 0; i < p->n_classes; i++)
        for (int k = 0; k < p->classes[i].n_regions; k++) {
            const cr_pattern_region *r = &p->classes[i].regions[k];
            put_class(p, &p->classes[i], out);
            fprintf(out, "%d,", k + 1);
            put_text(out, cr_data_image_id(p->data, r->image));
            fprintf(out, "%.9g", (double)r->value);
            if (r->box.x0 >= 0)
                fprintf(out, ",%d,%d,%d,%d\n", r->box.x0, r->box.y0, r->box.x1, r->box.y1);
            else
                fputs(",,,,\n", out);
        }
    return true;
}

bool cr_patterns_labels(const cr_patterns *p, FILE *out)
{
    fputs("class,name,attribute,bits,low,high,images,images_high,class_images,class_high\n", out);
    for (int i = 0; i < p->n_classes; i++)
        for (int k = 0; k < p->classes[i].n_labels; k++) {
            const cr_pattern_class *c = &p->classes[i];
            const cr_pattern_label *l = &c->labels[k];
            put_class(p, c, out);
            put_text(out, l->name);
            fprintf(out, "%.17g,%.17g,%.17g,%d,%d,%d,%d\n", l->value, l->low, l->high, l->n,
                    l->n_high, c->n_images, c->n_high);
        }
    return true;
}
