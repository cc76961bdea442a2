/* JSON (RFC 8259) from front to back, without a tree of it: a file of annotations may be half a gigabyte. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define MAX_NUMBER 64 /* characters */

cr_status cr_json_fail(const cr_json *json, const char *why, cr_error *err)
{
    return cr_fail(err, CR_EINPUT, "%s: at byte %zu: %s", json->path, json->at + 1, why);
}

static int peek(const cr_json *json)
{
    return json->at < json->n_bytes ? json->bytes[json->at] : -1;
}

static int skip_space(cr_json *json)
{
    while (peek(json) >= 0 && strchr(" \t\r\n", peek(json)) && peek(json))
        json->at++;
    return peek(json);
}

int cr_json_next(cr_json *json)
{
    const int c = skip_space(json);
    return c == '-' || (c >= '0' && c <= '9') ? 0 : c > 0 && strchr("{[\"tfn", c) ? c : -1;
}

static bool take_byte(cr_json *json, int byte)
{
    const bool is = skip_space(json) == byte;
    json->at += is;
    return is;
}

static cr_status put(cr_json *json, size_t *n, int byte, cr_error *err)
{
    CR_OR_RETURN(cr_reserve(&json->text, *n + 1, &json->text_capacity, 1, err));
    json->text[(*n)++] = (char)byte;
    return CR_OK;
}

static cr_status take_hex(cr_json *json, unsigned *code, cr_error *err)
{
    *code = 0;
    for (int i = 0; i < 4; i++, json->at++) {
        const int c = peek(json);
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return cr_json_fail(json, "four hexadecimal digits must follow \\u", err);
        *code = 16 * *code + (unsigned)digit;
    }
    return CR_OK;
}

static cr_status put_code(cr_json *json, size_t *n, unsigned code, cr_error *err)
{
    const int n_rest = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned heads[] = {0, 0xc0, 0xe0, 0xf0};
    CR_OR_RETURN(put(json, n, (int)(heads[n_rest] | code >> 6 * n_rest), err));
    for (int i = n_rest - 1; i >= 0; i--)
        CR_OR_RETURN(put(json, n, (int)(0x80 | (code >> 6 * i & 0x3f)), err));
    return CR_OK;
}

/* Behind a backslash. */
static cr_status take_escape(cr_json *json, size_t *n, cr_error *err)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const int c = peek(json);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    unsigned code, low;
    json->at += c >= 0;
    if (found)
        return put(json, n, to[found - from], err);
    if (c != 'u')
        return cr_json_fail(json, "no such escape in a string", err);
    CR_OR_RETURN(take_hex(json, &code, err));
    if (code >= 0xd800 && code < 0xdc00) {
        if (json->at + 2 > json->n_bytes || memcmp(json->bytes + json->at, "\\u", 2) != 0)
            return cr_json_fail(json, "half of a surrogate pair", err);
        json->at += 2;
        CR_OR_RETURN(take_hex(json, &low, err));
        if (low < 0xdc00 || low > 0xdfff)
            return cr_json_fail(json, "half of a surrogate pair", err);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code == 0 || (code >= 0xdc00 && code < 0xe000))
        return cr_json_fail(json, "a character that no text has", err);
    return put_code(json, n, code, err);
}

cr_status cr_json_get_text(cr_json *json, const char **text, size_t *n, cr_error *err)
{
    size_t n_bytes = 0;
    if (!take_byte(json, '"'))
        return cr_json_fail(json, "a string must stand here", err);
    for (int c; (c = peek(json)) != '"';) {
        if (c < 0x20)
            return cr_json_fail(json, c < 0 ? "cut short" : "a control character in a string", err);
        json->at++;
        CR_OR_RETURN(c == '\\' ? take_escape(json, &n_bytes, err) : put(json, &n_bytes, c, err));
    }
    json->at++;
    CR_OR_RETURN(put(json, &n_bytes, 0, err));
    if (!cr_is_utf8(json->text, n_bytes - 1))
        return cr_json_fail(json, "a string that is not UTF-8", err);
    *text = json->text;
    *n = n_bytes - 1;
    return CR_OK;
}

cr_status cr_json_get_number(cr_json *json, double *number, cr_error *err)
{
    char word[MAX_NUMBER + 1], *end;
    size_t n = 0;
    skip_space(json);
    while (n < MAX_NUMBER && peek(json) > 0 && strchr("0123456789+-.eE", peek(json)))
        word[n++] = (char)json->bytes[json->at++];
    word[n] = 0;
    *number = strtod(word, &end);
    if (n == 0 || n == MAX_NUMBER || *end || !isfinite(*number))
        return cr_json_fail(json, "a number must stand here", err);
    return CR_OK;
}

cr_status cr_json_get_whole(cr_json *json, int64_t least, int64_t most, int64_t *number,
                            cr_error *err)
{
    double value;
    CR_OR_RETURN(cr_json_get_number(json, &value, err));
    if (floor(value) != value || value < (double)least || value > (double)most)
        return cr_fail(err, CR_EINPUT,
                       "%s: at byte %zu: the number before it must be whole, %lld to %lld",
                       json->path, json->at + 1, (long long)least, (long long)most);
    *number = (int64_t)value;
    return CR_OK;
}

cr_status cr_json_each(cr_json *json, int open, cr_json_take *take, void *context, cr_error *err)
{
    const char *key = NULL;
    size_t n;
    if (cr_json_next(json) != open)
        return cr_json_fail(
            json, open == '{' ? "an object must stand here" : "a list must stand here", err);
    if (++json->depth > MAX_DEPTH)
        return cr_json_fail(json, "too many levels", err);
    json->at++;
    const int close = open == '{' ? '}' : ']';
    for (bool first = true; !(first && take_byte(json, close)); first = false) {
        if (open == '{') {
            CR_OR_RETURN(cr_json_get_text(json, &key, &n, err));
            if (!take_byte(json, ':'))
                return cr_json_fail(json, "a colon must follow a key", err);
        }
        CR_OR_RETURN(take(json, key, context, err));
        if (take_byte(json, close))
            break;
        if (!take_byte(json, ','))
            return cr_json_fail(
                json, skip_space(json) < 0 ? "cut short" : "a comma must stand here", err);
    }
    json->depth--;
    return CR_OK;
}

static cr_status skip_value(cr_json *json, const char *key, void *context, cr_error *err)
{
    (void)key;
    (void)context;
    return cr_json_skip(json, err);
}

cr_status cr_json_skip(cr_json *json, cr_error *err)
{
    static const char *const words[] = {"true", "false", "null"};
    const int next = cr_json_next(json);
    const char *text;
    double number;
    size_t n;
    if (next == '{' || next == '[')
        return cr_json_each(json, next, skip_value, NULL, err);
    if (next == '"')
        return cr_json_get_text(json, &text, &n, err);
    if (next == 0)
        return cr_json_get_number(json, &number, err);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        n = strlen(words[i]);
        if (json->n_bytes - json->at >= n && memcmp(json->bytes + json->at, words[i], n) == 0) {
            json->at += n;
            return CR_OK;
        }
    }
    return cr_json_fail(json, json->at < json->n_bytes ? "a value must stand here" : "cut short",
                        err);
}

cr_status cr_json_end(cr_json *json, cr_error *err)
{
    return skip_space(json) < 0 ? CR_OK : cr_json_fail(json, "something behind the end", err);
}

void cr_json_fini(cr_json *json)
{
    free(json->text);
    json->text = NULL;
}
