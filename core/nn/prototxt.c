/* Reads protobuf's text format without a description of its messages: Caffe's hold much that a network at
 * work does not need. protobuf-c has no reader of it. */
#include "prototxt.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define MAX_TOKEN 4096

typedef struct parser {
    const uint8_t *at, *end;
    int line, depth;
    cr_arena *memory;
} parser;

static cr_status fail(const parser *p, const char *what, cr_error *err)
{
    return cr_fail(err, CR_EINPUT, "line %d: %s", p->line, what);
}

/* The next byte that is neither space nor comment; -1 at the end. */
static int peek(parser *p)
{
    for (bool comment = false; p->at < p->end; p->at++) {
        comment = *p->at == '#' || (comment && *p->at != '\n');
        p->line += *p->at == '\n';
        if (!comment && !isspace(*p->at))
            return *p->at;
    }
    return -1;
}

static bool take(parser *p, int byte)
{
    if (peek(p) != byte)
        return false;
    p->at++;
    return true;
}

static cr_status copy(parser *p, const char *bytes, size_t n, const char **text, cr_error *err)
{
    char *to = cr_arena_alloc(p->memory, n + 1, 1);
    if (!to)
        return cr_fail_memory(err, "a text", n, 1);
    if (n)
        memcpy(to, bytes, n);
    *text = to;
    return CR_OK;
}

static bool is_word(int byte)
{
    return isalnum(byte) || byte == '_' || byte == '.' || byte == '-' || byte == '+';
}

static cr_status parse_word(parser *p, const char **word, cr_error *err)
{
    peek(p);
    const char *start = (const char *)p->at;
    size_t n = 0;
    while (p->at < p->end && is_word(*p->at)) {
        p->at++;
        n++;
    }
    if (n == 0)
        return fail(p, p->at == p->end ? "the file ends too early" : "a name or value is missing",
                    err);
    if (n > MAX_TOKEN)
        return fail(p, "a name is too long", err);
    return copy(p, start, n, word, err);
}

/* Strings that follow one another are one. */
static cr_status parse_string(parser *p, const char **string, cr_error *err)
{
    char text[MAX_TOKEN];
    size_t n = 0;
    for (int quote; (quote = peek(p)) == '"' || quote == '\'';) {
        for (p->at++; p->at < p->end && *p->at != quote; p->at++) {
            if (*p->at == '\n' || *p->at == 0)
                return fail(p, "a string does not end on its line", err);
            if (*p->at == '\\')
                return fail(p, "a string has an escape sequence; none is supported", err);
            if (n == sizeof text)
                return fail(p, "a string is too long", err);
            text[n++] = (char)*p->at;
        }
        if (p->at == p->end)
            return fail(p, "a string does not end", err);
        p->at++;
    }
    return copy(p, text, n, string, err);
}

static cr_status parse_fields(parser *p, int closing, cr_text *message, cr_error *err);

static cr_status parse_value(parser *p, cr_text *field, cr_error *err)
{
    const int byte = peek(p);
    if (byte == '"' || byte == '\'')
        return parse_string(p, &field->value, err);
    if (!take(p, '{') && !take(p, '<'))
        return parse_word(p, &field->value, err);
    if (++p->depth > MAX_DEPTH)
        return fail(p, "messages nest too deep", err);
    const cr_status status = parse_fields(p, byte == '{' ? '}' : '>', field, err);
    p->depth--;
    return status;
}

static cr_status add(parser *p, const char *key, cr_text ***end, cr_text **field, cr_error *err)
{
    *field = cr_arena_alloc(p->memory, 1, sizeof **field);
    if (!*field)
        return cr_fail_memory(err, "a text", 1, sizeof **field);
    **field = (cr_text){.key = key, .line = p->line};
    **end = *field;
    *end = &(*field)->next;
    return CR_OK;
}

/* Up to `closing`, which is -1 for the end of the file. */
static cr_status parse_fields(parser *p, int closing, cr_text *message, cr_error *err)
{
    cr_text **end = &message->first, *field;
    for (int byte; (byte = peek(p)) != closing;) {
        const char *key;
        if (!isalpha(byte) && byte != '_')
            CR_OR_RETURN(
                fail(p, byte < 0 ? "the file ends inside a message" : "a name is missing", err));
        CR_OR_RETURN(parse_word(p, &key, err));
        const bool colon = take(p, ':');
        if (!colon && peek(p) != '{' && peek(p) != '<')
            CR_OR_RETURN(fail(p, "a colon or { is missing", err));
        if (take(p, '[')) {
            while (!take(p, ']')) {
                CR_OR_RETURN(add(p, key, &end, &field, err));
                CR_OR_RETURN(parse_value(p, field, err));
                if (!take(p, ',') && peek(p) != ']')
                    CR_OR_RETURN(fail(p, "a comma or ] is missing", err));
            }
        } else {
            CR_OR_RETURN(add(p, key, &end, &field, err));
            CR_OR_RETURN(parse_value(p, field, err));
        }
        if (!take(p, ','))
            take(p, ';');
    }
    if (closing >= 0)
        p->at++;
    return CR_OK;
}

cr_status cr_text_parse(const uint8_t *bytes, size_t n_bytes, cr_arena *memory, cr_text *top,
                        cr_error *err)
{
    parser p = {.at = bytes, .end = bytes + n_bytes, .line = 1, .memory = memory};
    *top = (cr_text){.line = 1};
    return parse_fields(&p, -1, top, err);
}

const cr_text *cr_text_next(const cr_text *field, const char *key)
{
    while (field && strcmp(field->key, key) != 0)
        field = field->next;
    return field;
}

const cr_text *cr_text_get(const cr_text *message, const char *key)
{
    const cr_text *found = NULL;
    for (const cr_text *f = message ? message->first : NULL; (f = cr_text_next(f, key));
         f = f->next)
        found = f;
    return found;
}

static cr_status fail_value(const cr_text *field, const char *what, cr_error *err)
{
    return cr_fail(err, CR_EINPUT, "line %d: %.60s is no %s", field->line, field->key, what);
}

cr_status cr_text_string(const cr_text *message, const char *key, const char *absent,
                         const char **value, cr_error *err)
{
    const cr_text *field = cr_text_get(message, key);
    if (field && !field->value)
        return fail_value(field, "name", err);
    *value = field ? field->value : absent;
    return CR_OK;
}

static cr_status read_int(const cr_text *field, int64_t *value, cr_error *err)
{
    char *end = NULL;
    errno = 0;
    *value = field->value ? strtoll(field->value, &end, 10) : 0;
    if (!field->value || end == field->value || *end || errno || *value > INT32_MAX ||
        *value < INT32_MIN)
        return fail_value(field, "integer", err);
    return CR_OK;
}

cr_status cr_text_int(const cr_text *message, const char *key, int64_t absent, int64_t *value,
                      cr_error *err)
{
    const cr_text *field = cr_text_get(message, key);
    *value = absent;
    return field ? read_int(field, value, err) : CR_OK;
}

cr_status cr_text_ints(const cr_text *message, const char *key, int most, int64_t *values, int *n,
                       cr_error *err)
{
    *n = 0;
    for (const cr_text *f = message ? message->first : NULL; (f = cr_text_next(f, key));
         f = f->next) {
        if (*n == most)
            return cr_fail(err, CR_EINPUT, "line %d: %.60s is there more than %d times", f->line,
                           key, most);
        const cr_status status = read_int(f, &values[(*n)++], err);
        if (status != CR_OK)
            return status;
    }
    return CR_OK;
}

cr_status cr_text_real(const cr_text *message, const char *key, double absent, double *value,
                       cr_error *err)
{
    const cr_text *field = cr_text_get(message, key);
    char *end = NULL;
    *value = absent;
    if (!field)
        return CR_OK;
    *value = field->value ? strtod(field->value, &end) : 0;
    if (end && (*end == 'f' || *end == 'F') && end > field->value)
        end++;
    if (!field->value || end == field->value || *end || !isfinite(*value))
        return fail_value(field, "number", err);
    return CR_OK;
}

cr_status cr_text_bool(const cr_text *message, const char *key, bool absent, bool *value,
                       cr_error *err)
{
    const cr_text *field = cr_text_get(message, key);
    *value = absent;
    if (!field)
        return CR_OK;
    const char *text = field->value ? field->value : "";
    *value = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!*value && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return fail_value(field, "true or false", err);
    return CR_OK;
}
