/* Values of parameters by their table: a number, a text, or the member of a struct, each from the
 * others. */
#include "camrank/parameter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cr_parameter *cr_parameters_find(cr_parameters table, const char *key)
{
    for (int i = 0; i < table.n; i++)
        if (strcmp(table.items[i].key, key) == 0)
            return table.items + i;
    return NULL;
}

static int count_words(const cr_parameter *parameter)
{
    int n = 0;
    while (parameter->words[n])
        n++;
    return n;
}

static void put(const cr_parameter *parameter, void *of, double value)
{
    void *at = (char *)of + parameter->offset;
    const int whole = parameter->kind == CR_PARAMETER_NUMBER ? 0 : (int)value;
    if (parameter->kind == CR_PARAMETER_NUMBER)
        memcpy(at, &value, sizeof value);
    else if (parameter->kind == CR_PARAMETER_FLAG)
        *(bool *)at = whole != 0;
    else
        memcpy(at, &whole, sizeof whole);
}

double cr_parameter_value(const cr_parameter *parameter, const void *of)
{
    const void *at = (const char *)of + parameter->offset;
    double number;
    int whole;
    if (parameter->kind == CR_PARAMETER_FLAG)
        return *(const bool *)at;
    if (parameter->kind == CR_PARAMETER_NUMBER) {
        memcpy(&number, at, sizeof number);
        return number;
    }
    memcpy(&whole, at, sizeof whole);
    return whole;
}

void cr_parameters_reset(cr_parameters table, void *of)
{
    for (int i = 0; i < table.n; i++)
        put(&table.items[i], of, table.items[i].fallback);
}

static bool is_allowed(const cr_parameter *parameter, double value)
{
    switch (parameter->kind) {
    case CR_PARAMETER_FLAG:
        return value == 0 || value == 1;
    case CR_PARAMETER_WORD:
        return value >= 0 && value < count_words(parameter) && value == floor(value);
    case CR_PARAMETER_WHOLE:
        return value >= parameter->least && value <= parameter->most &&
               fmod(value - parameter->least, parameter->step > 0 ? parameter->step : 1) == 0;
    case CR_PARAMETER_NUMBER:
        return value >= parameter->least && value <= parameter->most;
    }
    return false;
}

cr_status cr_parameter_set(const cr_parameter *parameter, void *of, double value, cr_error *err)
{
    char limits[CR_PARAMETER_BYTES];
    if (!is_allowed(parameter, value)) {
        cr_parameter_limits(parameter, limits);
        return cr_fail(err, CR_EINPUT, "%g, must be %s", value, limits);
    }
    put(parameter, of, value);
    return CR_OK;
}

/* strtod alone would take hexadecimal numbers and `inf`. */
static bool is_number(const char *text, bool whole, double *value)
{
    char *end;
    const char *digits = text + (*text == '-');
    if (whole && (strspn(digits, "0123456789") != strlen(digits) || (*digits == '0' && digits[1])))
        return false;
    *value = strtod(text, &end);
    return *text && strspn(text, "0123456789.+-eE") == strlen(text) && !*end && isfinite(*value);
}

cr_status cr_parameter_read(const cr_parameter *parameter, void *of, const char *text,
                            cr_error *err)
{
    char limits[CR_PARAMETER_BYTES];
    double value = -1;
    switch (parameter->kind) {
    case CR_PARAMETER_WHOLE:
    case CR_PARAMETER_NUMBER:
        if (!is_number(text, parameter->kind == CR_PARAMETER_WHOLE, &value))
            return cr_fail(err, CR_EINPUT, "must be a %snumber, not \"%.64s\"",
                           parameter->kind == CR_PARAMETER_WHOLE ? "whole " : "", text);
        return cr_parameter_set(parameter, of, value, err);
    case CR_PARAMETER_FLAG:
        value = strcmp(text, "true") == 0 ? 1 : strcmp(text, "false") == 0 ? 0 : -1;
        break;
    case CR_PARAMETER_WORD:
        for (int i = 0; parameter->words[i]; i++)
            if (strcmp(parameter->words[i], text) == 0)
                value = i;
        break;
    }
    if (value >= 0)
        return cr_parameter_set(parameter, of, value, err);
    cr_parameter_limits(parameter, limits);
    return cr_fail(err, CR_EINPUT, "must be %s, not \"%.64s\"", limits, text);
}

void cr_parameter_print(const cr_parameter *parameter, double value, bool exact,
                        char text[CR_PARAMETER_BYTES])
{
    if (parameter->kind == CR_PARAMETER_WORD)
        snprintf(text, CR_PARAMETER_BYTES, "%s", parameter->words[(int)value]);
    else if (parameter->kind == CR_PARAMETER_FLAG)
        snprintf(text, CR_PARAMETER_BYTES, "%s", value != 0 ? "true" : "false");
    else
        for (int digits = 12; digits <= (exact ? 17 : 12); digits++) {
            snprintf(text, CR_PARAMETER_BYTES, "%.*g", digits, value);
            if (strtod(text, NULL) == value)
                break;
        }
}

void cr_parameter_limits(const cr_parameter *parameter, char text[CR_PARAMETER_BYTES])
{
    size_t used = 0;
    text[0] = 0;
    if (parameter->kind == CR_PARAMETER_FLAG)
        snprintf(text, CR_PARAMETER_BYTES, "true or false");
    else if (parameter->kind == CR_PARAMETER_WORD)
        for (int i = 0; parameter->words[i] && used < CR_PARAMETER_BYTES; i++)
            used += (size_t)snprintf(text + used, CR_PARAMETER_BYTES - used, "%s%s",
                                     i ? " or " : "", parameter->words[i]);
    else
        snprintf(text, CR_PARAMETER_BYTES, "%.12g %s %.12g", parameter->least,
                 parameter->step > 0 && parameter->least + parameter->step == parameter->most
                     ? "or"
                     : "to",
                 parameter->most);
}

const cr_parameter *cr_parameters_difference(cr_parameters table, const void *a, const void *b,
                                             char a_text[CR_PARAMETER_BYTES],
                                             char b_text[CR_PARAMETER_BYTES])
{
    for (int i = 0; i < table.n; i++) {
        const cr_parameter *parameter = table.items + i;
        const double of_a = cr_parameter_value(parameter, a);
        const double of_b = cr_parameter_value(parameter, b);
        if (of_a == of_b)
            continue;
        cr_parameter_print(parameter, of_a, false, a_text);
        cr_parameter_print(parameter, of_b, false, b_text);
        if (strcmp(a_text, b_text) == 0) { /* they differ in the last digits only */
            cr_parameter_print(parameter, of_a, true, a_text);
            cr_parameter_print(parameter, of_b, true, b_text);
        }
        return parameter;
    }
    return NULL;
}
