/* scratch.h - a folder for the files of one test, with everything in it removed at its end. */
#ifndef CAMRANK_TESTS_SCRATCH_H
#define CAMRANK_TESTS_SCRATCH_H

#include <stddef.h>

/* Below TMPDIR or /tmp; the path of the one there is. */
extern char scratch[64];

/* Makes and removes it: 0, or -1 as cmocka's setups and teardowns have it. */
int scratch_make(void);
int scratch_remove(void **state);

/* The path of a file in it; one of eight buffers in turn. */
const char *scratch_path(const char *name);

void scratch_write(const char *name, const void *bytes, size_t n);
void scratch_write_text(const char *name, const char *text);

#endif
