/* Files that commands make: nothing that is read, and nothing of another kind, is ever replaced. */
#include "camrank/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40 };

cr_status cr_path_resolve(const char *path, char **target, cr_error *err)
{
    char link[PATH_MAX];
    *target = strdup(path);
    for (int n = 0; *target; n++) {
        const ssize_t length = readlink(*target, link, sizeof link - 1);
        if (length < 0)
            return CR_OK;
        link[length] = 0;
        char *folder = cr_path_folder(*target);
        free(*target);
        *target = folder ? cr_path_join(folder, link) : NULL;
        free(folder);
        if (n == MOST_LINKS) {
            free(*target);
            *target = NULL;
            return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(ELOOP));
        }
    }
    return cr_fail_memory(err, path, strlen(path) + 1, 1);
}

bool cr_path_is_same(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

bool cr_file_is_png(const char *bytes, size_t n)
{
    static const char start[] = "\x89PNG\r\n\x1a\n";
    return n >= sizeof start - 1 && memcmp(bytes, start, sizeof start - 1) == 0;
}

/* What is at the place may be replaced; CR_OK also where nothing is. */
static cr_status check_there(const char *path, cr_file_kind *kind, bool replace, cr_error *err)
{
    char bytes[CR_KIND_BYTES];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return CR_OK;
    if (fd < 0)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    const ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    if (n < 0)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    if (n > 0 && !kind(bytes, (size_t)n))
        return cr_fail(err, CR_EINPUT,
                       "%s: exists and is a file of another kind; it is not replaced", path);
    if (!replace)
        return cr_fail(err, CR_EINPUT, "%s: exists already; --force replaces it", path);
    return CR_OK;
}

/* What /dev/stdout leads to may be a file, which is the shell's to replace; so may be what a user has
 * opened. */
static bool is_written_as_it_is(const char *path)
{
    static const char *const streams[] = {"/dev/stdout", "/dev/stderr", "/dev/fd/",
                                          "/proc/self/fd/"};
    struct stat there;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        if (strncmp(path, streams[i], strlen(streams[i])) == 0)
            return true;
    return stat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode);
}

/* An empty file of a name that nobody has; with the rights of any new file, not mkstemp's. */
static cr_status make_beside(const char *path, char *beside, cr_error *err)
{
    const int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return cr_fail(err, CR_EIO, "%s: %s", path, strerror(errno));
    const mode_t mask = umask(0);
    umask(mask);
    cr_status status = CR_OK;
    if (fchmod(fd, (mode_t)0666 & ~mask) != 0) {
        status = cr_fail(err, CR_EIO, "%s: %s", path, strerror(errno));
        unlink(beside);
    }
    close(fd);
    return status;
}

cr_status cr_new_file_begin(const char *path, cr_file_kind *kind, bool replace,
                            const char *const *inputs, int n_inputs, cr_new_file *file,
                            cr_error *err)
{
    cr_status status = CR_OK;
    *file = (cr_new_file){0};
    for (int i = 0; i < n_inputs; i++)
        if (cr_path_is_same(path, inputs[i]))
            return cr_fail(err, CR_EINPUT,
                           "%s: is read by this command (%s); name another file to write", path,
                           inputs[i]);
    CR_TRY(cr_path_resolve(path, &file->place, err));
    if (is_written_as_it_is(path)) {
        file->path = strdup(path);
    } else {
        CR_TRY(check_there(path, kind, replace, err));
        CR_TRY(cr_path_make_folder(file->place, err));
        file->path = cr_alloc(strlen(file->place) + sizeof ".XXXXXX", 1);
        if (file->path)
            sprintf(file->path, "%s.XXXXXX", file->place);
        file->beside = file->path != NULL;
    }
    if (!file->path)
        CR_TRY(cr_fail_memory(err, path, strlen(path), 1));
    if (file->beside)
        CR_TRY(make_beside(path, file->path, err));

cleanup:
    if (status != CR_OK) {
        free(file->place);
        free(file->path);
        *file = (cr_new_file){0};
    }
    return status;
}

static cr_status publish(const cr_new_file *file, bool sync, cr_error *err)
{
    const int fd = sync ? open(file->path, O_RDWR | O_CLOEXEC) : -1;
    const bool whole = !sync || (fd >= 0 && fsync(fd) == 0);
    const int reason = errno;
    if (fd >= 0)
        close(fd);
    if (!whole)
        return cr_fail(err, CR_EIO, "%s: %s", file->place, strerror(reason));
    if (rename(file->path, file->place) != 0)
        return cr_fail(err, CR_EIO, "%s: %s", file->place, strerror(errno));
    return CR_OK;
}

cr_status cr_new_file_end(cr_new_file *file, bool sync, cr_status status, cr_error *err)
{
    if (file->beside && status == CR_OK)
        status = publish(file, sync, err);
    if (file->beside && status != CR_OK)
        unlink(file->path);
    free(file->place);
    free(file->path);
    *file = (cr_new_file){0};
    return status;
}
