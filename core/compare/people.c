/* The forms for people: text, Markdown, LaTeX. They have the same parts, in another order of notes. */
#include "internal.h"

/* How a form puts its parts. */
typedef struct form {
    bool (*put_sheet)(const cr_sheet *sheet, FILE *out);
    cr_put_text *put;
    const char *prefix;     /* of a line that is no table */
    const char *heading[2]; /* what stands around the line above a table */
} form;

static bool put_rows(const cr_compare *compare, const form *as, FILE *out)
{
    cr_sheet sheet;
    cr_compare_make_rows(compare, &sheet);
    const bool whole = as->put_sheet(&sheet, out) && !sheet.failed;
    cr_sheet_fini(&sheet);
    return whole;
}

static bool put_pair(const cr_compare *compare, const form *as, int pair, FILE *out)
{
    cr_sheet sheet;
    fprintf(out, "\n%s", as->heading[0]);
    cr_compare_put_heading(compare, pair, out, as->put);
    fprintf(out, "%s\n", as->heading[1]);
    cr_compare_make_pair(compare, pair, &sheet);
    const bool whole = as->put_sheet(&sheet, out) && !sheet.failed;
    cr_sheet_fini(&sheet);
    fputc('\n', out);
    for (int m = 0; m < compare->n_metrics; m++) {
        fprintf(out, "%s", as->prefix);
        cr_compare_put_sentence(compare, &compare->metrics[m], &compare->metrics[m].pairs[pair],
                                out);
        fputc('\n', out);
    }
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
    if (!cr_compare_shows_pairs(compare)) {
        fprintf(
            out,
            "%s%d pairs: --against ROW shows each row beside one, --format csv and json have all "
            "of them.\n",
            as->prefix, compare->n_pairs);
        return whole;
    }
    if (compare->n_rows > 2)
        fputc('\n', out);
    cr_compare_put_columns(compare, out, as->prefix);
    for (int pair = 0; pair < compare->n_pairs; pair++)
        whole = put_pair(compare, as, pair, out) && whole;
    return whole;
}

bool cr_compare_text(const cr_compare *compare, FILE *out)
{
    static const form as = {cr_sheet_put_text, cr_put_plain, "", {"", ""}};
    return put_all(compare, &as, out);
}

bool cr_compare_markdown(const cr_compare *compare, FILE *out)
{
    static const form as = {cr_sheet_put_markdown, cr_put_markdown, "- ", {"**", "**\n"}};
    return put_all(compare, &as, out);
}

bool cr_compare_latex(const cr_compare *compare, FILE *out)
{
    static const form as = {cr_sheet_put_latex, cr_put_plain, "% ", {"% ", ""}};
    return put_all(compare, &as, out);
}
