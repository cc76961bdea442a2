/* fuzz.h - what the fuzz targets share.
 *
 * A target is a libFuzzer one, LLVMFuzzerTestOneInput: `make fuzz` lets libFuzzer invent its inputs,
 * `make test` gives it those that are kept (replay.c). A check that fails aborts. */
#ifndef CAMRANK_TESTS_FUZZ_H
#define CAMRANK_TESTS_FUZZ_H

#include "camrank/base.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

#define FUZZ_CHECK(holds)                                                              \
    do {                                                                               \
        if (!(holds)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
            abort();                                                                   \
        }                                                                              \
    } while (0)

/* What every reader of outside input promises: it succeeds, or it refuses the input, in one line of
 * UTF-8 that begins with `place`. Returns whether it succeeded. */
bool fuzz_ok(cr_status status, const cr_error *err, const char *place);

/* The path of a file in memory that holds these bytes, until the next call. */
const char *fuzz_file(const uint8_t *bytes, size_t n_bytes);

/* A file `name` in a folder of this process, which goes when the process ends. The path is valid
 * until the eighth call from here. */
const char *fuzz_path(const char *name);
void fuzz_write(const char *name, const uint8_t *bytes, size_t n_bytes);

/* Removes a file, or a folder with all that is in it. */
void fuzz_remove(const char *path);

typedef struct fuzz_part {
    const uint8_t *bytes;
    size_t n_bytes;
} fuzz_part;

/* An input that stands for several files: what lies between the bytes 0x1e, at most n_parts; those
 * that are missing are empty. */
void fuzz_split(const uint8_t *bytes, size_t n_bytes, fuzz_part *parts, int n_parts);

/* An input that is taken bit by bit. */
typedef struct fuzz_stream {
    const uint8_t *next;
    size_t n_left;
} fuzz_stream;

/* The number of the next n <= 4 bytes, lowest first; zeros stand for those that are missing. */
uint32_t fuzz_take(fuzz_stream *from, int n);

/* A block of its own, so that AddressSanitizer sees a read beyond it, and so that it can end in a
 * zero where a text is wanted. The caller frees. */
uint8_t *fuzz_copy(const uint8_t *bytes, size_t n_bytes, bool is_text);

#endif
