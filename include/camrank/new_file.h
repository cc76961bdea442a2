/* new_file.h - a file that a command makes: written beside its place, and put there once it is whole, so
 * that no reader sees half of it and nothing is lost where writing fails. All functions are Local. */
#ifndef CAMRANK_NEW_FILE_H
#define CAMRANK_NEW_FILE_H

#include "camrank/base.h"

/* The path that a path leads to: symbolic links at its end are followed, also where nothing is there yet,
 * each from its own folder. *target is the caller's (free). Errors: CR_EINPUT for a loop. */
cr_status cr_path_resolve(const char *path, char **target, cr_error *err);

/* Whether two paths lead to one file, by whatever names. */
bool cr_path_is_same(const char *a, const char *b);

/* Whether a file that begins with these bytes is one of the kind that is to be written. n may be less
 * than CR_KIND_BYTES in a short file. */
enum { CR_KIND_BYTES = 512 };
typedef bool cr_file_kind(const char *bytes, size_t n);

bool cr_file_is_png(const char *bytes, size_t n);

typedef struct cr_new_file {
    char *place; /* where it goes; owned */
    char *path;  /* where to write it: the caller opens and closes; owned */
    bool beside; /* that is not its place yet */
} cr_new_file;

/* Finds out where to write. A file that is there is replaced where `replace` is set and it is empty or of
 * the kind; a device or a pipe is written to as it is. Missing folders are made.
 *   inputs  [n_inputs] files that are read: none of them may be the place
 * Errors: CR_EINPUT naming `path`; CR_EIO where it cannot be written. *file is {0} on failure. */
cr_status cr_new_file_begin(const char *path, cr_file_kind *kind, bool replace,
                            const char *const *inputs, int n_inputs, cr_new_file *file,
                            cr_error *err);

/* Puts the file in its place, once it is written (`status` CR_OK), with `sync` also past a crash of the
 * machine; else removes it. Returns `status`, or CR_EIO. */
cr_status cr_new_file_end(cr_new_file *file, bool sync, cr_status status, cr_error *err);

#endif
