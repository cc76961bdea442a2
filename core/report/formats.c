/* The table of formats. */
#include "internal.h"

#include <stdlib.h>
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

cr_status cr_report_write(const cr_report *report, const cr_report_format *format, char **text,
                          cr_error *err)
{
    size_t bytes = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &bytes);
    if (!out)
        return cr_fail(err, CR_EINTERNAL, "out of memory: the report");
    const bool whole = format->write(report, out) && !ferror(out);
    if (fclose(out) == 0 && whole)
        return CR_OK;
    free(*text);
    *text = NULL;
    return cr_fail(err, CR_EINTERNAL, "out of memory: the report");
}
