/* base.h - what every module stands on: status codes, the error record, checked sizes, files.
 *
 * Every function in core that can fail returns a cr_status and, on failure, fills the cr_error of
 * the caller with one line that says what, where and, if it helps, what to do. Nothing in core
 * prints or exits. All functions of this header are Local (no communication). */
#ifndef CAMRANK_BASE_H
#define CAMRANK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CR_VERSION "0.1.0"
#define CR_NAME_BYTES 128   /* longest name of a model, method or layer, zero included */
#define CR_REASON_BYTES 200 /* of the text why an image failed, zero included */

/* code, exit code of the program, meaning. The order is the order of severity: ranks that fail
 * differently agree on the largest. */
#define CR_STATUS_LIST(X)                                \
    X(CR_OK, 0, "done")                                  \
    X(CR_ESTOPPED, 75, "stopped early and resumable")    \
    X(CR_EUSAGE, 2, "wrong command line or environment") \
    X(CR_EINPUT, 3, "unusable input")                    \
    X(CR_EIO, 4, "MPI, HDF5 or file system failure")     \
    X(CR_EINTERNAL, 5, "internal error or out of memory")

typedef enum cr_status {
#define CR_STATUS_ENUM(code, exit_code, text) code,
    CR_STATUS_LIST(CR_STATUS_ENUM)
#undef CR_STATUS_ENUM
} cr_status;

/* The exit code of the program for `status`. */
int cr_status_exit_code(cr_status status);

/* One failure. A plain value: initialise with {0}, copy freely. */
typedef struct cr_error {
    cr_status status;
    char message[480]; /* UTF-8, one line, no newline at the end */
} cr_error;

/* Fills `err` (which may be NULL) and returns `status`, so that a failing function can end in
 * `return cr_fail(err, CR_EINPUT, "%s: ...", path)`. Line breaks and other control characters in the
 * text become spaces, what is not UTF-8 '?'. */
cr_status cr_fail(cr_error *err, cr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts formatted text in front of the message of `err`, to add the place as an error travels up.
 * Returns err->status. */
cr_status cr_fail_in(cr_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs a call that returns a cr_status; on failure leaves through the function's `cleanup:` label.
 * The function declares `cr_status status = CR_OK;`. */
#define CR_TRY(call)         \
    do {                     \
        status = (call);     \
        if (status != CR_OK) \
            goto cleanup;    \
    } while (0)

/* Runs a call that returns a cr_status, and on failure returns that: in functions that have nothing to clean up. */
#define CR_OR_RETURN(call)                 \
    do {                                   \
        const cr_status failure_ = (call); \
        if (failure_ != CR_OK)             \
            return failure_;               \
    } while (0)

/* *product = a * b; false, leaving *product alone, if it does not fit. */
static inline bool cr_size_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* Zeroed memory for n items; NULL when out of memory or when n * item_bytes does not fit. n = 0
 * gives a pointer that can be freed. Release with free(). */
void *cr_alloc(size_t n, size_t item_bytes);

/* The same, aligned to 64 bytes, for arrays of numbers. Release with free(). */
void *cr_alloc_aligned(size_t n, size_t item_bytes);

/* Room for one more item in an array that grows, released with free(): items is a pointer to the array's
 * pointer, which has n items and room for *capacity. Errors: CR_EINTERNAL (memory). */
cr_status cr_reserve(void *items, size_t n, size_t *capacity, size_t item_bytes, cr_error *err);

/* Whether so much memory could be had just now: for libraries that do not take no for an answer. */
bool cr_memory_is_there(size_t bytes);

/* Zeroed memory of its own pages, of 2 MB where the system has such, which cost nothing until they are
 * touched: for large blocks of which not all may be needed. NULL as for cr_alloc. Release with
 * cr_pages_free and the same size; NULL is fine there. */
void *cr_pages_alloc(size_t n, size_t item_bytes);
void cr_pages_free(void *pages, size_t n, size_t item_bytes);

/* Many small blocks that are freed together. Initialise with {0}. */
typedef struct cr_arena {
    struct cr_arena_block *blocks;
} cr_arena;

/* Zeroed, 16-byte aligned memory that lives until cr_arena_free; NULL when out of memory or when
 * n * item_bytes does not fit. */
void *cr_arena_alloc(cr_arena *arena, size_t n, size_t item_bytes);
void cr_arena_free(cr_arena *arena);

/* cr_fail with CR_EINTERNAL and "out of memory: <what> needs <bytes> bytes". */
cr_status cr_fail_memory(cr_error *err, const char *what, size_t n, size_t item_bytes);

/* The status of a system call that failed with this errno: CR_EIO where the storage is at fault
 * (EIO, ESTALE, too many open files and the like), CR_EINPUT where the path is. */
cr_status cr_errno_status(int reason);

/* The size of a regular file. Errors, naming `path`: CR_EINPUT when it cannot be opened, is no regular
 * file or is larger than `max_bytes`; CR_EIO when the storage fails. */
cr_status cr_file_size(const char *path, size_t max_bytes, size_t *n_bytes, cr_error *err);

/* Reads the first n_bytes of a regular file into `bytes`. Errors, naming `path`: CR_EINPUT, also when
 * the file ends before; CR_EIO when the storage fails. */
cr_status cr_file_read_part(const char *path, void *bytes, size_t n_bytes, cr_error *err);

/* Reads the whole of a regular file. *bytes is owned by the caller (free) and is followed by one
 * zero byte that *n_bytes does not count. Errors, naming `path`: CR_EINPUT when it cannot be opened,
 * is no regular file, is larger than `max_bytes` or shrinks; CR_EIO when the storage fails. */
cr_status cr_file_read(const char *path, size_t max_bytes, uint8_t **bytes, size_t *n_bytes,
                       cr_error *err);

/* `path` itself if absolute, else `folder`/`path`. The caller frees; NULL when out of memory. */
char *cr_path_join(const char *folder, const char *path);

/* The folder part of `path` ("." if it has none). The caller frees; NULL when out of memory. */
char *cr_path_folder(const char *path);

/* Makes the folder that `path` lies in, and those above it, where they are missing. Errors, naming
 * `path`: CR_EINPUT, or CR_EIO where the storage fails. */
cr_status cr_path_make_folder(const char *path, cr_error *err);

/* The last part of `path`, inside it. */
const char *cr_path_name(const char *path);

/* The length of the UTF-8 character that begins n_bytes > 0 of text; 0 if none does. */
size_t cr_utf8_bytes(const char *text, size_t n_bytes);

/* SHA-256 of n_bytes, as 64 hexadecimal digits and a zero. */
void cr_sha256_hex(const void *bytes, size_t n_bytes, char hex[65]);

/* The finisher of SplitMix64 (Steele, Lea and Flood 2014): random bits of a number. */
static inline uint64_t cr_mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#endif
