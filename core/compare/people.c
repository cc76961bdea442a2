/* The forms for people: text, Markdown, LaTeX. They have the same parts, in another order of notes. */
#include "internal.h"

#include <stdlib.h>

/* How a form puts its parts. */
typedef struct form {
    bool (*put_sheet)(const cr_sheet *sheet, FILE *out);
    cr_put_text *put;
    const char *prefix;     /* of a line that is no table */
    const char *heading[2]; /* what stands around the line above a table */
    int width;              /* of the table of rows, above which they are numbered; 0: any */
    const char *around[2];  /* what stands around a table */
    int page;               /* a wider table is put in parts; 0: any */
} form;

static bool put_sheet(const form *as, cr_sheet *sheet, FILE *out)
{
    sheet->n_fixed = as->page ? 1 : 0;
    sheet->width = as->page;
    fputs(as->around[0], out);
    const bool whole = as->put_sheet(sheet, out) && !sheet->failed;
    fputs(as->around[1], out);
    cr_sheet_fini(sheet);
    return whole;
}

/* Lists the rows with numbers, and puts these in the table. */
static void number_rows(cr_sheet *sheet, const form *as, FILE *out)
{
    for (int line = 0; line < sheet->n_lines; line++) {
        cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns];
        fprintf(out, "%s%3d  ", as->prefix, line + 1);
        as->put(out, cell->text);
        fputc('\n', out);
        cell->text = cr_sheet_text(sheet, "%3d", line + 1);
    }
    fputc('\n', out);
}

static bool put_rows(const cr_compare *compare, const form *as, FILE *out)
{
    cr_sheet sheet;
    cr_compare_make_rows(compare, &sheet);
    if (!sheet.failed && as->width && cr_sheet_width(&sheet) > as->width)
        number_rows(&sheet, as, out);
    return put_sheet(as, &sheet, out);
}

static bool put_classes(const cr_compare *compare, const form *as, int m, int pair, FILE *out)
{
    const cr_compare_metric *metric = &compare->metrics[m];
    char name[CR_COMPARE_NAME_BYTES];
    cr_compare_class *classes;
    cr_sheet sheet;
    int n;
    if (cr_compare_classes(compare, metric, &metric->pairs[pair], &classes, &n, NULL) != CR_OK)
        return false;
    cr_compare_metric_name(metric, name);
    fprintf(out, "\n%sBy class, %s; BH: p corrected by Benjamini and Hochberg over %d classes.\n\n",
            as->prefix, name, n);
    cr_compare_make_classes(compare, metric, classes, n, &sheet);
    free(classes);
    return put_sheet(as, &sheet, out);
}

static bool put_list(const cr_compare *compare, const form *as, const cr_compare_flip *list, int n,
                     const char *title, FILE *out)
{
    cr_sheet sheet;
    fprintf(out, "\n%s%s, the %d that changed most\n\n", as->prefix, title, n);
    cr_compare_make_flips(compare, list, n, &sheet);
    return put_sheet(as, &sheet, out);
}

static bool put_flips(const cr_compare *compare, const form *as, int pair, FILE *out)
{
    const cr_compare_pair *of = &compare->metrics[0].pairs[pair];
    cr_compare_flips flips;
    cr_sheet sheet;
    if (cr_compare_find_flips(compare, of->a, of->b, &flips, NULL) != CR_OK)
        return false;
    fprintf(out, "\n%sWhat became of each image of A in B, by %s: %d images\n\n", as->prefix,
            flips.of_truth ? "the ground-truth class's box" : "the first prediction", flips.n);
    cr_compare_make_outcomes(&flips, &sheet);
    bool whole = put_sheet(as, &sheet, out);
    whole = put_list(compare, as, flips.better, flips.n_better, "Better in B", out) && whole;
    whole = put_list(compare, as, flips.worse, flips.n_worse, "Worse in B", out) && whole;
    cr_compare_flips_free(&flips);
    return whole;
}

static bool put_pair(const cr_compare *compare, const form *as, int pair, FILE *out)
{
    cr_sheet sheet;
    fprintf(out, "\n%s", as->heading[0]);
    cr_compare_put_heading(compare, pair, out, as->put);
    fprintf(out, "%s\n", as->heading[1]);
    cr_compare_make_pair(compare, pair, &sheet);
    bool whole = put_sheet(as, &sheet, out);
    fputc('\n', out);
    for (int m = 0; m < compare->n_metrics; m++) {
        fprintf(out, "%s", as->prefix);
        cr_compare_put_sentence(compare, &compare->metrics[m], &compare->metrics[m].pairs[pair],
                                out);
        fputc('\n', out);
    }
    for (int m = 0; m < compare->n_metrics; m++)
        if (cr_compare_shows_classes(compare, m))
            whole = put_classes(compare, as, m, pair, out) && whole;
    if (compare->options.n_flips > 0)
        whole = put_flips(compare, as, pair, out) && whole;
    return whole;
}

static bool put_between(const cr_compare *compare, const form *as, int between, FILE *out)
{
    const cr_compare_between *of = &compare->metrics[0].between[between];
    cr_sheet sheet;
    fprintf(out, "\n%sA: ", as->heading[0]);
    as->put(out, compare->variants[of->a].name);
    fprintf(out, "   B: ");
    as->put(out, compare->variants[of->b].name);
    fprintf(out, "%s\n", as->heading[1]);
    cr_compare_make_between(compare, between, &sheet);
    return put_sheet(as, &sheet, out);
}

static bool put_variants(const cr_compare *compare, const form *as, FILE *out)
{
    cr_sheet sheet;
    fprintf(out, "%sVariants: mean over runs (standard deviation), and the range of the runs.\n\n",
            as->prefix);
    cr_compare_make_variants(compare, &sheet);
    bool whole = put_sheet(as, &sheet, out);
    if (compare->n_between > 0)
        fputc('\n', out);
    if (compare->n_between > 0 && compare->options.n_resamples > 0)
        fprintf(out, "%sinterval: 95 %%, bootstrap over images and runs together, %d resamples.\n",
                as->prefix, compare->options.n_resamples);
    if (compare->n_between > CR_COMPARE_FEW)
        fprintf(out, "%s%d pairs of variants: --format csv and json have all of them.\n",
                as->prefix, compare->n_between);
    for (int k = 0; k < compare->n_between && compare->n_between <= CR_COMPARE_FEW; k++)
        whole = put_between(compare, as, k, out) && whole;
    return whole;
}

static bool put_alike(const cr_compare *compare, const form *as, FILE *out)
{
    cr_sheet sheet;
    fprintf(out,
            "%sHow alike pairs are, with 95 %% intervals: images with the same classes and with "
            "boxes of\n%sIoU > 0.9 in %%; mean IoU of the boxes, correlation of the maps, of "
            "their ranks, and SSIM.\n\n",
            as->prefix, cr_compare_continued(as->prefix));
    cr_compare_make_alike(compare, &sheet);
    const bool whole = put_sheet(as, &sheet, out);
    fputc('\n', out);
    return whole;
}

static bool put_all(const cr_compare *compare, const form *as, FILE *out)
{
    bool whole;
    cr_compare_put_notes(compare, out, as->prefix, as->put);
    fputc('\n', out);
    whole = put_rows(compare, as, out);
    fputc('\n', out);
    cr_compare_put_tests(compare, out, as->prefix, as->put);
    if (compare->n_rows > 2)
        fputc('\n', out);
    if (compare->alike)
        whole = put_alike(compare, as, out) && whole;
    if (compare->n_variants > 0)
        return put_variants(compare, as, out) && whole;
    if (!cr_compare_shows_pairs(compare)) {
        fprintf(
            out,
            "%s%d pairs: --against ROW shows each row beside one, --format csv and json have all "
            "of them.\n",
            as->prefix, compare->n_pairs);
        return whole;
    }
    cr_compare_put_columns(compare, out, as->prefix);
    for (int pair = 0; pair < compare->n_pairs; pair++)
        whole = put_pair(compare, as, pair, out) && whole;
    return whole;
}

bool cr_compare_text(const cr_compare *compare, FILE *out)
{
    static const form as = {cr_sheet_put_text, cr_put_plain, "", {"", ""}, 100, {"", ""}, 0};
    return put_all(compare, &as, out);
}

bool cr_compare_markdown(const cr_compare *compare, FILE *out)
{
    static const form as = {
        cr_sheet_put_markdown, cr_put_markdown, "- ", {"**", "**\n"}, 0, {"", ""}, 0};
    return put_all(compare, &as, out);
}

bool cr_compare_latex(const cr_compare *compare, FILE *out)
{
    static const form as = {cr_sheet_put_latex, cr_put_plain,  "% ",
                            {"% ", ""},         CR_LATEX_PAGE, {CR_LATEX_BEGIN, CR_LATEX_END},
                            CR_LATEX_PAGE};
    const bool whole = put_all(compare, &as, out);
    fputs("% \\usepackage{booktabs,longtable}\n", out);
    return whole;
}
