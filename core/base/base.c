/* Status and error record, memory, files, paths, SHA-256 and the arena. Messages are one line of
 * printable text, whatever is quoted in them; sizes are checked before anything is allocated. */
#include "camrank/base.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

int cr_status_exit_code(cr_status status)
{
    switch (status) {
#define CR_STATUS_CASE(code, exit_code, text) \
    case code:                                \
        return exit_code;
        CR_STATUS_LIST(CR_STATUS_CASE)
#undef CR_STATUS_CASE
    }
    return 5;
}

size_t cr_utf8_bytes(const char *text, size_t n_bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    const size_t n = at[0] < 0x80   ? 1
                     : at[0] < 0xc2 ? 0
                     : at[0] < 0xe0 ? 2
                     : at[0] < 0xf0 ? 3
                     : at[0] < 0xf5 ? 4
                                    : 0;
    if (n > n_bytes)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates and what lies past U+10FFFF show in the second byte. */
    const bool wrong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
                       (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f);
    return wrong ? 0 : n;
}

/* Messages quote files from outside, and go to terminals and into JSON. */
static void one_line(char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        size_t n = cr_utf8_bytes(text, left);
        if (n == 0)
            *text = '?';
        else if ((unsigned char)*text < ' ' || *text == 127)
            *text = ' ';
        else if (n == 2 && (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0)
            memset(text, ' ', n); /* U+0080 to U+009F, control characters too */
        n = n ? n : 1;
        text += n;
        left -= n;
    }
}

cr_status cr_fail(cr_error *err, cr_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        one_line(err->message);
        err->status = status;
    }
    return status;
}

cr_status cr_fail_in(cr_error *err, const char *format, ...)
{
    cr_error inner = *err;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof err->message)
        snprintf(err->message + length, sizeof err->message - (size_t)length, "%s", inner.message);
    one_line(err->message);
    return inner.status;
}

void *cr_alloc(size_t n, size_t item_bytes)
{
    return calloc(n ? n : 1, item_bytes ? item_bytes : 1);
}

/* Without them all is slower by a few percent. */
static void wish_for_huge_pages(void *block, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGE)
        madvise(block, bytes, MADV_HUGEPAGE);
#else
    (void)block;
    (void)bytes;
#endif
}

bool cr_memory_is_there(size_t bytes)
{
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block != MAP_FAILED && munmap(block, bytes) == 0;
}

cr_status cr_reserve(void *items, size_t n, size_t *capacity, size_t item_bytes, cr_error *err)
{
    if (n < *capacity)
        return CR_OK;
    size_t wanted = n < 32 ? 64 : 2 * n, bytes;
    void *block, *larger = NULL;
    memcpy(&block, items, sizeof block);
    if (cr_size_mul(wanted, item_bytes, &bytes))
        larger = realloc(block, bytes);
    if (!larger)
        return cr_fail_memory(err, "a list", wanted, item_bytes);
    memcpy(items, &larger, sizeof larger);
    *capacity = wanted;
    return CR_OK;
}

void *cr_alloc_aligned(size_t n, size_t item_bytes)
{
    size_t bytes;
    if (!cr_size_mul(n, item_bytes, &bytes))
        return NULL;
    size_t align = bytes < HUGE_PAGE ? 64 : HUGE_PAGE;
    if (bytes > SIZE_MAX - align)
        return NULL;
    bytes = (bytes + align) / align * align; /* aligned_alloc wants a multiple, and never zero */
    void *block = aligned_alloc(align, bytes);
    if (!block)
        return NULL;
    wish_for_huge_pages(block, bytes);
    return memset(block, 0, bytes);
}

/* At least one, as nothing cannot be mapped. False if it does not fit. */
static bool pages_bytes(size_t n, size_t item_bytes, size_t *bytes)
{
    if (!cr_size_mul(n, item_bytes, bytes) || *bytes > SIZE_MAX / 2)
        return false;
    *bytes = *bytes ? *bytes : 1;
    return true;
}

void *cr_pages_alloc(size_t n, size_t item_bytes)
{
    size_t bytes;
    if (!pages_bytes(n, item_bytes, &bytes))
        return NULL;
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    wish_for_huge_pages(pages, bytes);
    return pages;
}

void cr_pages_free(void *pages, size_t n, size_t item_bytes)
{
    size_t bytes;
    if (pages && pages_bytes(n, item_bytes, &bytes))
        munmap(pages, bytes);
}

cr_status cr_fail_memory(cr_error *err, const char *what, size_t n, size_t item_bytes)
{
    return cr_fail(err, CR_EINTERNAL, "out of memory: %s needs %zu x %zu bytes", what, n,
                   item_bytes);
}

cr_status cr_errno_status(int reason)
{
    static const int storage[] = {EIO, ESTALE, ENXIO, ENODEV, ETIMEDOUT, EMFILE, ENFILE};
    for (size_t i = 0; i < sizeof storage / sizeof *storage; i++)
        if (reason == storage[i])
            return CR_EIO;
    return CR_EINPUT;
}

/* Opens a regular file. */
static cr_status open_file(const char *path, int *fd, size_t *n_bytes, cr_error *err)
{
    cr_status status = CR_OK;
    struct stat info;
    /* O_NONBLOCK: a FIFO in place of a file is refused below, not waited for. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 || fstat(*fd, &info) != 0)
        status = cr_fail(err, cr_errno_status(errno), "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = cr_fail(err, CR_EINPUT, "%s: not a regular file", path);
    else
        *n_bytes = (size_t)info.st_size;
    if (status != CR_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

static cr_status check_size(const char *path, size_t n_bytes, size_t max_bytes, cr_error *err)
{
    if (n_bytes > max_bytes)
        return cr_fail(err, CR_EINPUT, "%s: %zu bytes, more than the limit of %zu", path, n_bytes,
                       max_bytes);
    return CR_OK;
}

static cr_status read_open(int fd, const char *path, uint8_t *bytes, size_t n_bytes, cr_error *err)
{
    for (size_t have = 0; have < n_bytes;) {
        ssize_t got = read(fd, bytes + have, n_bytes - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return cr_fail(err, got < 0 ? cr_errno_status(errno) : CR_EINPUT,
                           "%s: %s after %zu of %zu bytes", path,
                           got < 0 ? strerror(errno) : "ends", have, n_bytes);
        have += (size_t)got;
    }
    return CR_OK;
}

cr_status cr_file_size(const char *path, size_t max_bytes, size_t *n_bytes, cr_error *err)
{
    int fd;
    cr_status status = open_file(path, &fd, n_bytes, err);
    if (status != CR_OK)
        return status;
    close(fd);
    return check_size(path, *n_bytes, max_bytes, err);
}

cr_status cr_file_read_part(const char *path, void *bytes, size_t n_bytes, cr_error *err)
{
    int fd;
    size_t size;
    cr_status status = open_file(path, &fd, &size, err);
    if (status != CR_OK)
        return status;
    status = read_open(fd, path, bytes, n_bytes, err);
    close(fd);
    return status;
}

cr_status cr_file_read(const char *path, size_t max_bytes, uint8_t **bytes, size_t *n_bytes,
                       cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *block = NULL;
    size_t size;
    int fd;
    CR_TRY(open_file(path, &fd, &size, err));
    CR_TRY(check_size(path, size, max_bytes, err));
    block = malloc(size + 1);
    if (!block) {
        status = cr_fail_memory(err, path, size, 1);
        goto cleanup;
    }
    CR_TRY(read_open(fd, path, block, size, err));
    block[size] = 0;
    *bytes = block;
    *n_bytes = size;
    block = NULL;

cleanup:
    free(block);
    if (fd >= 0)
        close(fd);
    return status;
}

char *cr_path_join(const char *folder, const char *path)
{
    if (path[0] == '/')
        return strdup(path);
    const size_t length = strlen(folder), bytes = length + strlen(path) + 2;
    char *joined = malloc(bytes);
    if (joined)
        snprintf(joined, bytes, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/",
                 path);
    return joined;
}

char *cr_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* 0, or the errno of why it cannot be made. */
static int make_folder(const char *folder)
{
    struct stat there;
    if (mkdir(folder, 0777) == 0 || (stat(folder, &there) == 0 && S_ISDIR(there.st_mode)))
        return 0;
    return errno == EEXIST ? ENOTDIR : errno;
}

cr_status cr_path_make_folder(const char *path, cr_error *err)
{
    int reason = 0;
    char *folder = cr_path_folder(path);
    if (!folder)
        return cr_fail_memory(err, path, strlen(path), 1);
    for (char *at = folder, end = 1; end && !reason; at++) {
        end = *at;
        if ((end && end != '/') || at == folder)
            continue;
        *at = 0;
        reason = make_folder(folder);
        *at = end;
    }
    free(folder);
    return reason ? cr_fail(err, cr_errno_status(reason), "%s: its folder cannot be made: %s", path,
                            strerror(reason))
                  : CR_OK;
}

const char *cr_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void cr_sha256_hex(const void *bytes, size_t n_bytes, char hex[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(bytes, n_bytes, digest);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

struct cr_arena_block {
    struct cr_arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

void *cr_arena_alloc(cr_arena *arena, size_t n, size_t item_bytes)
{
    size_t bytes;
    if (!cr_size_mul(n, item_bytes, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + 15) / 16 * 16;
    struct cr_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < bytes) {
        /* Small blocks first: many an arena holds little. */
        size_t size = !block ? 4096 : block->size < 32768 ? 2 * block->size : 65536;
        size = bytes > size ? bytes : size;
        block = calloc(1, sizeof *block + size);
        if (!block)
            return NULL;
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *place = block->bytes + block->used;
    block->used += bytes;
    return place;
}

void cr_arena_free(cr_arena *arena)
{
    while (arena->blocks) {
        struct cr_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}
