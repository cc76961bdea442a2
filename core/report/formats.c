/* The table of formats. */
#include "internal.h"

#include <string.h>

static bool begins(const char *bytes, size_t n, const char *start)
{
    return n >= strlen(start) && memcmp(bytes, start, strlen(start)) == 0;
}

static bool is_csv(const char *bytes, size_t n)
{
    return begins(bytes, n, "model,method,");
}

static bool is_json(const char *bytes, size_t n)
{
    return begins(bytes, n, "{\n  \"schema\": \"camrank-report-1\"");
}

static bool is_html(const char *bytes, size_t n)
{
    return begins(bytes, n, "<!DOCTYPE html>");
}

static bool is_latex(const char *bytes, size_t n)
{
    return begins(bytes, n, "% \\usepackage{booktabs");
}

/* Text and Markdown have no mark of their own. */
#define KIND_text NULL
#define KIND_csv is_csv
#define KIND_json is_json
#define KIND_markdown NULL
#define KIND_latex is_latex
#define KIND_html is_html

/* The page alone has pictures. */
#define PAGE_text false
#define PAGE_csv false
#define PAGE_json false
#define PAGE_markdown false
#define PAGE_latex false
#define PAGE_html true

#define ROW(name, _) {#name, cr_report_##name, KIND_##name, PAGE_##name},
const cr_report_format cr_report_formats[] = {CR_REPORT_FORMATS(ROW, ){NULL, NULL, NULL, false}};

cr_status cr_report_format_find(const char *name, const cr_report_format **format, cr_error *err)
{
    for (*format = cr_report_formats; (*format)->name; ++*format)
        if (strcmp(name, (*format)->name) == 0)
            return CR_OK;
    return cr_fail(err, CR_EUSAGE, "unknown format `%s`: one of " CR_REPORT_FORMAT_NAMES(", "),
                   name);
}

/* A report and the format that it is written in. */
typedef struct form {
    const cr_report *report;
    const cr_report_format *format;
} form;

static bool put_form(const void *of, FILE *out)
{
    const form *as = of;
    return as->format->write(as->report, out);
}

cr_status cr_report_write(const cr_report *report, const cr_report_format *format, char **text,
                          cr_error *err)
{
    return cr_form_write(put_form, &(form){report, format}, "the report", text, err);
}
