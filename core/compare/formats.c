/* The table of formats. */
#include "internal.h"

#include <string.h>

/* Whether `start` stands at the beginning of n bytes, behind blanks, brackets and digits. */
static bool begins(const char *bytes, size_t n, const char *start)
{
    size_t at = 0;
    while (at < n && strchr(" \n{0123456789", bytes[at]))
        at++;
    return n - at >= strlen(start) && memcmp(bytes + at, start, strlen(start)) == 0;
}

static bool is_csv(const char *bytes, size_t n)
{
    return begins(bytes, n, "file_a,model_a,") || begins(bytes, n, "variant_a,runs_a,");
}

static bool is_json(const char *bytes, size_t n)
{
    return begins(bytes, n, "\"schema\": \"camrank-compare-1\"");
}

static bool is_text(const char *bytes, size_t n)
{
    return begins(bytes, n, "rows of ");
}

static bool is_markdown(const char *bytes, size_t n)
{
    return n > 2 && bytes[0] == '-' && is_text(bytes + 1, n - 1);
}

static bool is_latex(const char *bytes, size_t n)
{
    return n > 2 && bytes[0] == '%' && is_text(bytes + 1, n - 1);
}

#define ROW(name, _) {#name, cr_compare_##name, is_##name},
static const cr_compare_format formats[] = {CR_COMPARE_FORMATS(ROW, ){NULL, NULL, NULL}};

cr_status cr_compare_format_find(const char *name, const cr_compare_format **format, cr_error *err)
{
    for (*format = formats; (*format)->name; ++*format)
        if (strcmp(name, (*format)->name) == 0)
            return CR_OK;
    return cr_fail(err, CR_EUSAGE, "unknown format `%s`: one of " CR_COMPARE_FORMAT_NAMES(", "),
                   name);
}

/* A comparison and the format that it is written in. */
typedef struct form {
    const cr_compare *compare;
    const cr_compare_format *format;
} form;

static bool put_form(const void *of, FILE *out)
{
    const form *as = of;
    return as->format->write(as->compare, out);
}

cr_status cr_compare_write(const cr_compare *compare, const cr_compare_format *format, char **text,
                           cr_error *err)
{
    return cr_form_write(put_form, &(form){compare, format}, "the comparison", text, err);
}
