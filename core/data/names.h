/* names.h - strings in one growing block, and finding them. Private to core/data. */
#ifndef CAMRANK_DATA_NAMES_H
#define CAMRANK_DATA_NAMES_H

#include "camrank/base.h"

/* Zero-terminated strings one after the other. Adding may move the block: keep offsets. Initialise
 * with {0}; offset 0 is "" once anything has been added. */
typedef struct cr_pool {
    char *text;
    size_t n_bytes, capacity;
} cr_pool;

/* Adds n bytes and a zero. CR_EINTERNAL when out of memory or past 4 GiB. */
cr_status cr_pool_add(cr_pool *pool, const char *bytes, size_t n, uint32_t *offset, cr_error *err);

bool cr_is_utf8(const void *bytes, size_t n);

/* The same for text that people read: as it is if it is UTF-8, else from Latin-1. */
cr_status cr_pool_add_text(cr_pool *pool, const char *bytes, size_t n, uint32_t *offset,
                           cr_error *err);

/* A string and what belongs to it, to be sorted and found. */
typedef struct cr_name {
    const char *text;
    int32_t value;
} cr_name;

/* In byte order; equal strings by value. */
void cr_names_sort(cr_name *names, int n);

/* The first of the sorted names that is `text`, or NULL. */
const cr_name *cr_names_find(const cr_name *names, int n, const char *text);

/* The length of a file name without .jpg, .jpeg or .png in any case; that of all of it if it has
 * none of these. *is_image (may be NULL) says which. */
size_t cr_stem_length(const char *name, size_t n, bool *is_image);

/* At most 60 bytes from outside made fit for a message: printable ASCII, the rest as '?'. */
typedef struct cr_quoted {
    char text[64];
} cr_quoted;
cr_quoted cr_quote(const char *bytes, size_t n);

/* One line of a block of text, without its end and without blanks around it. */
typedef struct cr_line {
    const char *text;
    size_t n;
    int number; /* from 1 */
} cr_line;

/* The next line of the n bytes at `bytes`; ends with LF, CR or CR LF, the last one with or without.
 * Start with {0}; false at the end. A byte order mark is passed over. */
bool cr_line_next(const uint8_t *bytes, size_t n_bytes, size_t *position, cr_line *line);

#endif
