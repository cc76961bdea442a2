#include "fuzz.h"

#include "core/data/names.h"

#include <ftw.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool fuzz_ok(cr_status status, const cr_error *err, const char *place)
{
    if (status == CR_OK)
        return true;
    FUZZ_CHECK(status == err->status);
    fprintf(stderr, "%s\n", err->message);
    FUZZ_CHECK(status == CR_EINPUT);
    FUZZ_CHECK(strncmp(err->message, place, strlen(place)) == 0);
    FUZZ_CHECK(strlen(err->message) > strlen(place));
    for (const char *p = err->message; *p; p++)
        FUZZ_CHECK((unsigned char)*p >= ' ' && *p != 127);
    FUZZ_CHECK(cr_is_utf8(err->message, strlen(err->message)));
    return false;
}

const char *fuzz_file(const uint8_t *bytes, size_t n_bytes)
{
    static char path[32];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
    FUZZ_CHECK(pwrite(fd, bytes, n_bytes, 0) == (ssize_t)n_bytes);
    return path;
}

static char folder[64];

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void fuzz_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_folder(void)
{
    fuzz_remove(folder);
}

const char *fuzz_path(const char *name)
{
    static char paths[16][128];
    static int next;
    if (!folder[0]) {
        /* In memory, where there is such a folder. */
        snprintf(folder, sizeof folder, "%s/camrank-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        FUZZ_CHECK(mkdtemp(folder));
        atexit(remove_folder);
    }
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void fuzz_write(const char *name, const uint8_t *bytes, size_t n_bytes)
{
    FILE *file = fopen(fuzz_path(name), "wb");
    FUZZ_CHECK(file && fwrite(bytes, 1, n_bytes, file) == n_bytes && fclose(file) == 0);
}

void fuzz_split(const uint8_t *bytes, size_t n_bytes, fuzz_part *parts, int n_parts)
{
    const uint8_t *end = bytes + n_bytes;
    for (int i = 0; i < n_parts; i++) {
        const uint8_t *mark =
            i + 1 < n_parts && bytes < end ? memchr(bytes, 0x1e, (size_t)(end - bytes)) : NULL;
        if (!mark)
            mark = end;
        parts[i] = (fuzz_part){bytes, (size_t)(mark - bytes)};
        bytes = mark < end ? mark + 1 : end;
    }
}

uint32_t fuzz_take(fuzz_stream *from, int n)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++) {
        value |= (uint32_t)(from->n_left ? *from->next : 0) << 8 * i;
        from->next += from->n_left > 0;
        from->n_left -= from->n_left > 0;
    }
    return value;
}

uint8_t *fuzz_copy(const uint8_t *bytes, size_t n_bytes, bool is_text)
{
    uint8_t *copy = malloc(n_bytes + is_text + (n_bytes == 0));
    FUZZ_CHECK(copy);
    if (n_bytes)
        memcpy(copy, bytes, n_bytes);
    if (is_text)
        copy[n_bytes] = 0;
    return copy;
}
