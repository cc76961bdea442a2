/* The table of formats. */
#include "internal.h"

#include <string.h>

#define ROW(name, _) {#name, cr_report_##name},
const cr_report_format cr_report_formats[] = {CR_REPORT_FORMATS(ROW, ){NULL, NULL}};

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
