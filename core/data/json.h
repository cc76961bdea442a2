/* json.h - JSON read from front to back. Private to core/data. Errors: CR_EINPUT naming file and byte, for what is
 * no JSON and for a value of another kind than is asked for. */
#ifndef CAMRANK_DATA_JSON_H
#define CAMRANK_DATA_JSON_H

#include "internal.h"

/* Initialise with the path and the bytes; cr_json_fini ends it. */
typedef struct cr_json {
    const char *path;
    const uint8_t *bytes;
    size_t n_bytes, at;
    int depth;
    char *text; /* the last string, and the key before it */
    size_t text_capacity;
} cr_json;

/* What the next value begins with: one of { [ " t f n, or 0 for a number; -1 where there is none. */
int cr_json_next(cr_json *json);

/* A member of an object, of `key`, or an item of a list, NULL. It must take the value, or cr_json_skip it. `key`
 * is over with the next string. */
typedef cr_status cr_json_take(cr_json *json, const char *key, void *context, cr_error *err);

/* Hands the members of an object, `open` is {, or the items of a list, [, to `take`, one by one, until one fails. */
cr_status cr_json_each(cr_json *json, int open, cr_json_take *take, void *context, cr_error *err);

cr_status cr_json_get_number(cr_json *json, double *number, cr_error *err);
cr_status cr_json_get_whole(cr_json *json, int64_t least, int64_t most, int64_t *number,
                            cr_error *err);

/* A string, *n bytes and a zero; it has no zero inside and is UTF-8. It stays until the next string. */
cr_status cr_json_get_text(cr_json *json, const char **text, size_t *n, cr_error *err);

cr_status cr_json_skip(cr_json *json, cr_error *err);

/* Nothing may follow. */
cr_status cr_json_end(cr_json *json, cr_error *err);

/* Fails at the present place. */
cr_status cr_json_fail(const cr_json *json, const char *why, cr_error *err);
void cr_json_fini(cr_json *json);

#endif
