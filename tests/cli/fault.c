/* fault.c - a storage that fails, is slow or stands still, for the tests of the command line and
 * tests/scale/bench.py: a library that is preloaded and makes the Nth call of a kind on files of some
 * name fail, and every later one, as a full disk does.
 *
 *   CAMRANK_STORAGE_FAULT=CALL:N:HOW:PATH[:RANK]
 *     CALL  write, read (any kind of it), sync, size (ftruncate and fallocate)
 *     HOW   ENOSPC, EDQUOT, EIO; short: that call alone does half of it; once: that call alone fails
 *           with EIO; slow: it does not fail, but takes 5 ms longer; held: it waits as long as there
 *           is the file that CAMRANK_STORAGE_HELD names, and makes one of that name and .RANK
 *     PATH  what the file's absolute path must begin with; ending in $, all of it
 *     RANK  only there */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CALL, COUNT, HOW, PATH, RANK, N_PARTS };

/* The failure wanted, 0: none, or SHORT. */
enum { SHORT = -1 };

static char spec[512], *part[N_PARTS];
static int is_here;

/* Once: threads of Open MPI read and write before main begins, while others change the environment. */
__attribute__((constructor)) static void parse(void)
{
    const char *given = getenv("CAMRANK_STORAGE_FAULT"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    char *rest = spec;
    if (!given || strlen(given) >= sizeof spec)
        return;
    strcpy(spec, given);
    for (int i = 0; i < N_PARTS; i++)
        part[i] = strsep(&rest, ":");
    is_here = part[PATH] && (!part[RANK] || strcmp(rank ? rank : "0", part[RANK]) == 0);
}

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void wait_here(void)
{
    const char *file = getenv("CAMRANK_STORAGE_HELD"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    char mark[PATH_MAX];
    if (!file || access(file, F_OK) != 0)
        return;
    snprintf(mark, sizeof mark, "%s.%s", file, rank ? rank : "0");
    close(open(mark, O_WRONLY | O_CREAT, 0600));
    while (access(file, F_OK) == 0)
        rest();
}

static int failure(const char *call, int fd)
{
    static atomic_int n_calls;
    char link[32], path[PATH_MAX];
    if (!is_here || strcmp(part[CALL], call) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    const size_t wanted = strcspn(part[PATH], "$");
    if (strncmp(path, part[PATH], wanted) != 0 || (part[PATH][wanted] && path[wanted]))
        return 0;
    const int before = atoi(part[COUNT]) - 1 - atomic_fetch_add(&n_calls, 1);
    const char *how = part[HOW];
    const int is_held = strcmp(how, "held") == 0;
    if (is_held || strcmp(how, "slow") == 0) {
        if (before <= 0)
            (is_held ? wait_here : rest)();
        return 0;
    }
    const int error = strcmp(how, "ENOSPC") == 0   ? ENOSPC
                      : strcmp(how, "EDQUOT") == 0 ? EDQUOT
                      : strcmp(how, "short") == 0  ? SHORT
                                                   : EIO;
    const int once = error == SHORT || strcmp(how, "once") == 0;
    return before == 0 || (before < 0 && !once) ? error : 0;
}

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* One of the calls that move bytes; n_bytes is the variable of its size. */
#define MOVE(type, name, call, n_bytes, parameters, arguments) \
    type name parameters                                       \
    {                                                          \
        const int error = failure(call, fd);                   \
        if (error > 0) {                                       \
            errno = error;                                     \
            return -1;                                         \
        }                                                      \
        if (error == SHORT)                                    \
            n_bytes = n_bytes > 1 ? n_bytes / 2 : n_bytes;     \
        return NEXT(name) arguments;                           \
    }

MOVE(ssize_t, write, "write", n, (int fd, const void *from, size_t n), (fd, from, n))
MOVE(ssize_t, pwrite, "write", n, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))
MOVE(ssize_t, pwrite64, "write", n, (int fd, const void *from, size_t n, off_t at),
     (fd, from, n, at))
MOVE(ssize_t, writev, "write", n, (int fd, const struct iovec *from, int n), (fd, from, n))
MOVE(ssize_t, pwritev, "write", n, (int fd, const struct iovec *from, int n, off_t at),
     (fd, from, n, at))
MOVE(ssize_t, read, "read", n, (int fd, void *to, size_t n), (fd, to, n))
MOVE(ssize_t, pread, "read", n, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
MOVE(ssize_t, pread64, "read", n, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
MOVE(ssize_t, preadv, "read", n, (int fd, const struct iovec *to, int n, off_t at), (fd, to, n, at))

#define CHANGE(name, call, parameters, arguments) \
    int name parameters                           \
    {                                             \
        const int error = failure(call, fd);      \
        if (error > 0) {                          \
            errno = error;                        \
            return -1;                            \
        }                                         \
        return NEXT(name) arguments;              \
    }

CHANGE(fsync, "sync", (int fd), (fd))
CHANGE(fdatasync, "sync", (int fd), (fd))
CHANGE(ftruncate, "size", (int fd, off_t size), (fd, size))
CHANGE(ftruncate64, "size", (int fd, off_t size), (fd, size))
CHANGE(fallocate, "size", (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
