/* What all forms share: text in memory, and values in JSON. */
#include "camrank/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

cr_status cr_form_write(cr_form_put *put, const void *of, const char *what, char **text,
                        cr_error *err)
{
    size_t bytes = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &bytes);
    if (!out)
        return cr_fail(err, CR_EINTERNAL, "out of memory: %s", what);
    const bool whole = put(of, out) && !ferror(out);
    if (fclose(out) == 0 && whole)
        return CR_OK;
    free(*text);
    *text = NULL;
    return cr_fail(err, CR_EINTERNAL, "out of memory: %s", what);
}

/* Names of files need not be UTF-8, JSON must be. */
json_t *cr_json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *ascii = strdup(text);
    if (!ascii)
        return NULL;
    for (char *at = ascii; *at; at++)
        if ((unsigned char)*at > 0x7e)
            *at = '?';
    value = json_string(ascii);
    free(ascii);
    return value;
}

json_t *cr_json_number(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

/* json_object_set_new and json_array_append_new take NULL for a failure, and own what they get. */
json_t *cr_json_whole(json_t *value, int failed)
{
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}
