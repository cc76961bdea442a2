#include "harness.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t n_checks, n_failures;
static int this_rank;
static const char *this_case = "";
static char folder[512];

bool harness_check(bool holds, const char *file, int line, const char *format, ...)
{
    n_checks++;
    if (holds)
        return true;
    n_failures++;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "rank %d: %s: %s:%d: failed: %s\n", this_rank, this_case, file, line, text);
    return false;
}

bool harness_check_equal(int64_t a, int64_t b, const char *file, int line, const char *text)
{
    return harness_check(a == b, file, line, "%s (%lld and %lld)", text, (long long)a,
                         (long long)b);
}

bool harness_check_text(const char *a, const char *b, const char *file, int line, const char *text)
{
    return harness_check(strcmp(a, b) == 0, file, line, "%s (\"%s\" and \"%s\")", text, a, b);
}

const char *harness_folder(void)
{
    return folder;
}

static void make_folder(const cr_par *par)
{
    if (par->rank == 0) {
        const char *top = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/camrank-test-XXXXXX", top && *top ? top : "/tmp");
        if (!mkdtemp(folder))
            folder[0] = 0;
    }
    MPI_Bcast(folder, (int)sizeof folder, MPI_CHAR, 0, par->comm);
}

static void remove_folder(void)
{
    DIR *open_folder = opendir(folder);
    if (!open_folder)
        return;
    for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(open_folder), entry->d_name, 0);
    closedir(open_folder);
    rmdir(folder);
}

int harness_run(int argc, char **argv, const harness_case *cases, int n_cases)
{
    cr_par par;
    cr_error err = {0};
    MPI_Init(&argc, &argv);
    if (cr_par_init(&par, MPI_COMM_WORLD, &err) != CR_OK) {
        fprintf(stderr, "%s\n", err.message);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    this_rank = par.rank;
    make_folder(&par);
    for (int i = 0; i < n_cases && folder[0]; i++) {
        this_case = cases[i].name;
        cases[i].test(&par);
        MPI_Barrier(par.comm);
    }
    int64_t counts[2] = {n_checks, n_failures};
    MPI_Allreduce(MPI_IN_PLACE, counts, 2, MPI_INT64_T, MPI_SUM, par.comm);
    if (par.rank == 0) {
        remove_folder();
        printf("%s: %d cases, %d ranks, %lld checks, %lld failed\n", argv[0], n_cases, par.size,
               (long long)counts[0], (long long)counts[1]);
    }
    cr_par_fini(&par);
    MPI_Finalize();
    return counts[0] > 0 && counts[1] == 0 ? 0 : 1;
}
