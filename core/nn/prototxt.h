/* prototxt.h - protobuf's text format, as a tree: Caffe's descriptions of networks. */
#ifndef CAMRANK_NN_PROTOTXT_H
#define CAMRANK_NN_PROTOTXT_H

#include "camrank/base.h"

/* A field of a message, `key: value` or `key { ... }`. */
typedef struct cr_text {
    const char *key;
    int line;
    const char *value; /* a number, a name or the content of a string; NULL: a message */
    struct cr_text *first,
        *next; /* the fields of that; what follows in the message that it is in */
} cr_text;

/* Reads a text into a message without a key. Errors: CR_EINPUT naming the line of what is no protobuf text, or
 * nests too deep; CR_EINTERNAL (memory). */
cr_status cr_text_parse(const uint8_t *bytes, size_t n_bytes, cr_arena *memory, cr_text *top,
                        cr_error *err);

/* The first field with this key from `field` on; NULL. */
const cr_text *cr_text_next(const cr_text *field, const char *key);

/* The field that counts, the last; NULL. `message` may be NULL. */
const cr_text *cr_text_get(const cr_text *message, const char *key);

/* The value of a field, or `absent`. Errors: CR_EINPUT naming line and key for what is no such value. */
cr_status cr_text_string(const cr_text *message, const char *key, const char *absent,
                         const char **value, cr_error *err);
cr_status cr_text_int(const cr_text *message, const char *key, int64_t absent, int64_t *value,
                      cr_error *err);
cr_status cr_text_real(const cr_text *message, const char *key, double absent, double *value,
                       cr_error *err);
cr_status cr_text_bool(const cr_text *message, const char *key, bool absent, bool *value,
                       cr_error *err);

/* A repeated field, of at most `most` values. */
cr_status cr_text_ints(const cr_text *message, const char *key, int most, int64_t *values, int *n,
                       cr_error *err);

#endif
