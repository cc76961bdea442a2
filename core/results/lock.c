/* lock.c - one run at a time writes a results file.
 *
 * The locks lie on a companion, FILE.lock, and not on the file: network file systems turn HDF5's
 * own lock of a reader into a lock on the whole file, and `camrank report` must work during a run;
 * and who is locked out for good by a server that still believes in a dead machine can remove the
 * companion. They are open-file-description locks: POSIX's are lost when the process closes any
 * descriptor of the file. Each rank holds its own byte, so that a rank that outlives rank 0 by a
 * second still keeps the next run away. The kernel, or the server, drops them with their process.
 *
 * The companion's text names its owner; all ranks must read the same, or they see different
 * folders by the same name. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long the ranks of a run whose rank 0 is gone may take to end, and how long a new file may
 * take to be seen on another machine. In steps of NAP_MS. */
enum { NAP_MS = 50, SURVIVORS_MS = 10000, UNSEEN_MS = 3000 };

typedef char owner_text[160];

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000L}, NULL);
}

static bool lock_byte(int fd, int rank)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = rank, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &range) == 0;
}

/* Of the errno of a failed lock. Else the file system has no locks, and there is no protection. */
static bool is_held(int reason)
{
    return reason == EAGAIN || reason == EACCES;
}

/* Whether another rank than 0 of an earlier run holds its byte. */
static bool has_survivors(int fd)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 0};
    return fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

static void read_owner(int fd, owner_text owner)
{
    ssize_t n = pread(fd, owner, sizeof(owner_text) - 1, 0);
    owner[n > 0 ? n : 0] = 0;
    owner[strcspn(owner, "\n")] = 0;
}

static cr_status fail_held(const cr_lock *lock, const char *path, cr_error *err)
{
    owner_text owner;
    read_owner(lock->fd, owner);
    return cr_fail(err, CR_EINPUT,
                   "%s: another run is writing it: %s; if that one is dead and its machine too, "
                   "remove %s",
                   path, owner, lock->path);
}

static void close_lock(cr_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}

/* Opens the companion and locks rank 0's byte. Who held the lock may have removed the file between
 * our opening and locking it: then *stale. */
static cr_status try_lock(const char *path, cr_lock *lock, bool *stale, cr_error *err)
{
    struct stat ours, there;
    owner_text owner;
    /* O_NONBLOCK: never waits for a FIFO. */
    lock->fd =
        open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, (mode_t)0666);
    if (lock->fd < 0)
        return cr_fail(err, CR_EINPUT, "%s: cannot be written: %s", path, strerror(errno));
    if (fstat(lock->fd, &ours) != 0 || !S_ISREG(ours.st_mode))
        return cr_fail(err, CR_EINPUT, "%s: cannot be locked: %s is no regular file", path,
                       lock->path);
    read_owner(lock->fd, owner);
    if (ours.st_size > 0 && strncmp(owner, "process ", strlen("process ")) != 0)
        return cr_fail(err, CR_EINPUT, "%s: cannot be locked: %s exists and is no lock of camrank",
                       path, lock->path);
    lock->none = !lock_byte(lock->fd, 0);
    if (lock->none && is_held(errno))
        return fail_held(lock, path, err);
    *stale =
        stat(lock->path, &there) != 0 || there.st_ino != ours.st_ino || there.st_dev != ours.st_dev;
    return CR_OK;
}

/* Rank 0. */
static cr_status lock_first(const char *path, cr_lock *lock, owner_text owner, cr_error *err)
{
    cr_status status = CR_OK;
    bool stale = true;
    while (stale) {
        close_lock(lock);
        CR_TRY(try_lock(path, lock, &stale, err));
    }
    for (int waited = 0; has_survivors(lock->fd); waited += NAP_MS) {
        if (waited >= SURVIVORS_MS) {
            status = fail_held(lock, path, err);
            goto cleanup;
        }
        nap();
    }
    lock->owned = true;
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(owner, sizeof(owner_text), "process %ld on %s (%lld.%09ld)", (long)getpid(), host,
             (long long)now.tv_sec, now.tv_nsec);
    const ssize_t length = (ssize_t)strlen(owner);
    if (ftruncate(lock->fd, 0) != 0 || pwrite(lock->fd, owner, (size_t)length, 0) != length ||
        fsync(lock->fd) != 0)
        status = cr_fail(err, CR_EIO, "%s: %s", lock->path, strerror(errno));

cleanup:
    return status;
}

/* The other ranks. A machine may need a moment to see what another has written. */
static cr_status lock_next(const char *path, int rank, cr_lock *lock, const owner_text owner,
                           cr_error *err)
{
    owner_text seen = "";
    int reason = 0;
    for (int waited = 0; waited < UNSEEN_MS; waited += NAP_MS) {
        close_lock(lock);
        lock->fd = open(lock->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        reason = errno;
        if (lock->fd >= 0)
            read_owner(lock->fd, seen);
        if (strcmp(seen, owner) == 0) {
            if (lock_byte(lock->fd, rank) || !is_held(errno))
                return CR_OK;
            return fail_held(lock, path, err);
        }
        nap();
    }
    return cr_fail(err, CR_EINPUT, "%s: not the file that rank 0 made: %s", path,
                   lock->fd < 0 ? strerror(reason) : "another file by that name");
}

cr_status cr_lock_take(const cr_par *par, const char *path, cr_lock *lock, cr_error *err)
{
    cr_status status = CR_OK;
    owner_text owner = "";
    lock->path = cr_alloc(strlen(path) + sizeof ".lock", 1);
    if (!lock->path)
        status = cr_fail_memory(err, path, strlen(path) + sizeof ".lock", 1);
    CR_TRY(cr_par_agree(par, status, err));
    sprintf(lock->path, "%s.lock", path);
    if (par->rank == 0)
        status = lock_first(path, lock, owner, err);
    CR_TRY(cr_par_follow(par, status, err));
    status =
        cr_par_check(MPI_Bcast(owner, (int)sizeof owner, MPI_CHAR, 0, par->comm), "MPI_Bcast", err);
    if (status == CR_OK && par->rank != 0)
        status = lock_next(path, par->rank, lock, owner, err);
    CR_TRY(cr_par_agree(par, status, err));

cleanup:
    return status;
}

void cr_lock_drop(cr_lock *lock)
{
    /* Removed while it is held: whoever waits for it notices, and starts over. */
    if (lock->owned)
        unlink(lock->path);
    close_lock(lock);
    free(lock->path);
    *lock = (cr_lock){.fd = -1};
}
