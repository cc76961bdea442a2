/* resume.c - going on with a file: rank 0 checks it as it would any file from outside, then all
 * open it for writing. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Rank 0. */
static cr_status find(const char *path, int64_t *there, cr_error *err)
{
    struct stat info;
    *there = stat(path, &info) == 0;
    if (!*there && errno != ENOENT)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    if (*there && access(path, R_OK | W_OK) != 0)
        return cr_fail(err, CR_EINPUT, "%s: cannot be written: %s", path, strerror(errno));
    return CR_OK;
}

static bool is_contiguous(hid_t dataset)
{
    hid_t properties = H5Dget_create_plist(dataset);
    const bool is = properties >= 0 && H5Pget_layout(properties) == H5D_CONTIGUOUS;
    cr_h5_close(properties);
    return is;
}

/* What several ranks write independently must not be chunked or compressed. */
static cr_status check_writable(const cr_results *results, cr_error *err)
{
    bool fits = is_contiguous(results->summary);
    for (int i = 0; i < results->n_groups; i++)
        for (int column = 0; column < cr_n_columns(); column++) {
            const hid_t dataset = results->groups[i].of[column];
            fits = fits && (dataset < 0 || is_contiguous(dataset));
        }
    return fits ? CR_OK
                : cr_fail(err, CR_EINPUT, "%s: has been repacked: it can be read, but not resumed",
                          results->path);
}

/* Rank 0: a file that is there. *part is the file, open, where it has only a part of what is wanted; then
 * another takes its place. */
static cr_status check_file(const char *path, const cr_results_plan *plan, const cr_dataset *data,
                            char libraries[256], cr_results **part, cr_error *err)
{
    cr_status status = CR_OK;
    cr_results *stored = NULL;
    cr_error differs;
    CR_TRY(cr_results_open(path, &stored, err));
    CR_TRY(cr_results_is_part_of(stored, plan, data, err));
    memcpy(libraries, stored->plan.libraries, sizeof stored->plan.libraries);
    if (cr_results_compare(stored, plan, data, "now", &differs) != CR_OK) {
        *part = stored;
        return CR_OK;
    }
    CR_TRY(cr_summary_open(stored, err));
    CR_TRY(check_writable(stored, err));

cleanup:
    cr_results_release(stored, NULL);
    return status;
}

/* Open MPI (ompio) guards a file pointer that all ranks could share, and that nobody here uses, by a
 * named semaphore; a run that is killed inside MPI_File_open leaves it locked, and then every later
 * one on the machine that opens a file of this name would wait for it for ever. Those that have it
 * open lose nothing with its name. */
static void drop_semaphore(const char *path)
{
#ifdef OPEN_MPI
    const char *slash = strrchr(path, '/');
    char name[300];
    if (snprintf(name, sizeof name, "/OMPIO_%s", slash ? slash + 1 : path) < (int)sizeof name)
        sem_unlink(name);
#else
    (void)path;
#endif
}

/* Open MPI's file layer (ompio 4.1) ends the program where a path is longer than its buffers of 256
 * bytes: a long one is shortened by way of its folder, open in this process. */
static cr_status short_path(cr_results *results, char path[256], cr_error *err)
{
    enum { LONG = 160 };
    char *folder = NULL;
    snprintf(path, 256, "%s", results->path);
    if (strlen(results->path) <= LONG)
        return CR_OK;
    folder = cr_path_folder(results->path);
    if (!folder)
        return cr_fail_memory(err, results->path, 1, 1);
    results->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (results->folder < 0)
        return cr_fail(err, CR_EINPUT, "%s: cannot be written: %s", results->path, strerror(errno));
    snprintf(path, 256, "/proc/self/fd/%d/%s", results->folder, cr_path_name(results->path));
    if (access(path, R_OK | W_OK) != 0)
        return cr_fail(err, CR_EINPUT, "%s: a path of more than %d bytes needs /proc: %s",
                       results->path, LONG, strerror(errno));
    return CR_OK;
}

cr_status cr_results_open_shared(cr_results *results, cr_error *err)
{
    cr_status status = CR_OK, local = CR_OK;
    char path[256];
    hid_t access_list = H5Pcreate(H5P_FILE_ACCESS);
    if (access_list < 0 || H5Pset_fapl_mpio(access_list, results->par.comm, MPI_INFO_NULL) < 0)
        local = cr_h5_fail(err, CR_EIO, "%s", results->path);
    else if (access(results->path, R_OK | W_OK) != 0)
        local =
            cr_fail(err, CR_EINPUT, "%s: cannot be written: %s", results->path, strerror(errno));
    else
        local = short_path(results, path, err);
    CR_TRY(cr_par_agree(&results->par, local, err));
    drop_semaphore(results->path);
    results->file = H5Fopen(path, H5F_ACC_RDWR, access_list);
    if (results->file < 0)
        local = cr_h5_fail(err, CR_EIO, "%s", results->path);
    CR_TRY(cr_par_agree(&results->par, local, err));
    local = cr_results_open_columns(results, err);
    if (local == CR_OK)
        local = cr_summary_open(results, err);
    /* Rank 0 has seen that the file is good: it cannot be read. */
    if (local == CR_EINPUT)
        local = err->status = CR_EIO;
    CR_TRY(cr_par_agree(&results->par, local, err));

cleanup:
    cr_h5_close(access_list);
    return status;
}

cr_status cr_results_resume(const cr_par *par, const char *path, const cr_results_plan *plan,
                            const cr_dataset *data, cr_results **results, bool *resumed,
                            cr_error *err)
{
    cr_status status = CR_OK, local = CR_OK;
    cr_results *resuming = NULL, *part = NULL;
    int64_t there = 0;
    *results = NULL;
    *resumed = false;
    CR_TRY(cr_results_begin(par, path, plan, data, &resuming, err));
    if (par->rank == 0)
        local = find(path, &there, err);
    CR_TRY(cr_par_follow(par, local, err));
    CR_TRY(cr_par_sum(par, &there, 1, err));
    if (there && par->rank == 0) {
        unlink(resuming->part);
        local = check_file(path, plan, data, resuming->plan.libraries, &part, err);
    }
    CR_TRY(cr_par_follow(par, local, err));
    local = cr_par_check(MPI_Bcast(resuming->plan.libraries, (int)sizeof resuming->plan.libraries,
                                   MPI_CHAR, 0, par->comm),
                         "MPI_Bcast", err);
    CR_TRY(cr_par_agree(par, local, err));
    int64_t makes = !there || part;
    CR_TRY(cr_par_max(par, &makes, 1, err));
    if (makes)
        CR_TRY(cr_results_make_file(resuming, there != 0, part, err));
    else
        CR_TRY(cr_results_open_shared(resuming, err));
    *resumed = there;
    *results = resuming;
    resuming = NULL;

cleanup:
    cr_results_release(part, NULL);
    cr_results_fail(resuming, status);
    return status;
}
