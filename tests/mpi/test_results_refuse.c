/* What core/results refuses: to create over a file, what cannot be stored, what is no results file. */
#include "made_up.h"

#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>

/* A whole file. */
static void write_whole(const cr_par *par, const char *file)
{
    cr_error err = {0};
    cr_results *results = create(par, file, CR_SLOTS, false, false, &err);
    if (!results)
        return;
    write_chunks(par, results, N_IMAGES);
    CHECK_OK(cr_results_flush(results, &err), &err);
    CHECK_OK(cr_results_close(&results, &err), &err);
}

static void create_existing_file_without_replace_is_refused_and_kept(const cr_par *par)
{
    const char *file = file_in_folder("kept.h5");
    cr_error err = {0};
    struct stat info;
    if (par->rank == 0) {
        FILE *out = fopen(file, "w");
        CHECK(out && fputs("mine", out) >= 0 && fclose(out) == 0);
    }
    cr_par_barrier(par, &err);
    cr_results_plan plan = make_plan(0, false, false);
    cr_dataset data = make_data();
    cr_results *results = NULL;
    CHECK_EQUAL(cr_results_create(par, file, false, &plan, &data, &results, &err), CR_EINPUT);
    CHECK(results == NULL && strstr(err.message, "exists already") != NULL);
    CHECK(stat(file, &info) == 0 && info.st_size == 4);
    cr_results_plan_free(&plan);
    cr_data_free(&data);
}

/* One rank is given another path, as on a machine where the folder is not mounted. */
static void create_path_that_one_rank_cannot_reach_fails_on_all(const cr_par *par)
{
    const char *file = file_in_folder("reach.h5");
    const bool bad = par->rank == par->size - 1;
    cr_error err = {0};
    struct stat info;
    cr_results_plan plan = make_plan(0, false, false);
    cr_dataset data = make_data();
    cr_results *results = NULL;
    CHECK_EQUAL(cr_results_create(par, bad ? "/proc/nowhere/reach.h5" : file, false, &plan, &data,
                                  &results, &err),
                CR_EINPUT);
    CHECK(results == NULL && strstr(err.message, "/proc/nowhere/reach.h5: ") != NULL);
    cr_par_barrier(par, &err);
    CHECK(stat(file, &info) != 0);
    cr_results_plan_free(&plan);
    cr_data_free(&data);
}

static void create_plan_with_a_bad_name_is_refused(const cr_par *par)
{
    cr_error err = {0};
    cr_dataset data = make_data();
    cr_results *results = NULL;
    static const char *const names[] = {"", ".", "..", "a/b", "alpha_net.2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cr_results_plan plan = make_plan(0, false, false);
        snprintf(plan.models[0].name, sizeof plan.models[0].name, "%s", names[i]);
        CHECK_EQUAL(
            cr_results_create(par, file_in_folder("bad.h5"), false, &plan, &data, &results, &err),
            CR_EINPUT);
        cr_results_plan_free(&plan);
    }
    cr_data_free(&data);
}

static void create_plan_of_maps_too_large_is_refused(const cr_par *par)
{
    cr_error err = {0};
    cr_dataset data = make_data();
    cr_results *results = NULL;
    cr_results_plan plan = make_plan(0, false, false);
    cr_results_variant *variant = &plan.models[0].variants[0];
    variant->map_width = variant->map_height = 4096;
    variant->n_views = 2;
    CHECK_EQUAL(
        cr_results_create(par, file_in_folder("bad.h5"), false, &plan, &data, &results, &err),
        CR_EINPUT);
    CHECK(strstr(err.message, "maps of 33554432 values, not at most 16777216") != NULL);
    cr_results_plan_free(&plan);
    cr_data_free(&data);
}

static void check_refused(const char *file, const char *words)
{
    cr_error err = {0};
    cr_results *results = NULL;
    CHECK_EQUAL(cr_results_open(file, &results, &err), CR_EINPUT);
    CHECK(results == NULL);
    harness_check(strncmp(err.message, file, strlen(file)) == 0 && strstr(err.message, words),
                  __FILE__, __LINE__, "`%s` has no `%s`", err.message, words);
}

static void open_what_is_no_results_file_is_refused(const cr_par *par)
{
    cr_error err = {0};
    write_whole(par, file_in_folder("whole.h5"));
    if (par->rank == 0) {
        check_refused(file_in_folder("absent.h5"), "No such file");
        check_refused(harness_folder(), "not a regular file");
        FILE *out = fopen(file_in_folder("text.h5"), "w");
        CHECK(out && fputs("not HDF5 at all\n", out) >= 0 && fclose(out) == 0);
        check_refused(path, "signature");
        hid_t foreign =
            H5Fcreate(file_in_folder("foreign.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        CHECK(foreign >= 0 && H5Fclose(foreign) >= 0);
        check_refused(path, "no attribute `schema`");
        /* Cut at every tenth: HDF5 notices that the end is missing. */
        struct stat info;
        CHECK_EQUAL(stat(file_in_folder("whole.h5"), &info), 0);
        for (int tenth = 9; tenth >= 0; tenth--) {
            CHECK_EQUAL(truncate(path, info.st_size * tenth / 10), 0);
            check_refused(path, "not a readable HDF5 file");
        }
    }
    cr_par_barrier(par, &err);
}

/* Overwrites one integer in a dataset of a good file; cr_results_open must notice. */
static void check_poisoned(const char *dataset, int row, int value, const char *words)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t id = H5Dopen2(file, dataset, H5P_DEFAULT), space = H5Dget_space(id);
    const hsize_t at[2] = {(hsize_t)row, 0}, one = 1; /* of two columns the first */
    hid_t cell = H5Screate_simple(1, &one, NULL);
    int kept = 0;
    CHECK(H5Sselect_elements(space, H5S_SELECT_SET, 1, at) >= 0);
    CHECK(H5Dread(id, H5T_NATIVE_INT, cell, space, H5P_DEFAULT, &kept) >= 0);
    CHECK(H5Dwrite(id, H5T_NATIVE_INT, cell, space, H5P_DEFAULT, &value) >= 0);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    H5Dclose(id);
    H5Fclose(file);
    check_refused(path, words);
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    id = H5Dopen2(file, dataset, H5P_DEFAULT);
    CHECK(H5Dwrite(id, H5T_NATIVE_INT, cell, space, H5P_DEFAULT, &kept) >= 0);
    H5Dclose(id);
    H5Sclose(cell);
    H5Sclose(space);
    H5Fclose(file);
}

static void check_without(const char *link)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    CHECK(H5Lmove(file, link, file, "/aside", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    cr_error err = {0};
    cr_results *results = NULL;
    CHECK_EQUAL(cr_results_open(path, &results, &err), CR_EINPUT);
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    CHECK(H5Lmove(file, "/aside", file, link, H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
}

static void open_inconsistent_file_is_refused(const cr_par *par)
{
    cr_error err = {0};
    write_whole(par, file_in_folder("poison.h5"));
    if (par->rank == 0) {
        check_poisoned("/images/label", 4, N_CLASSES, "its label is no class");
        check_poisoned("/images/label", 4, -1, "its label is no class");
        check_poisoned("/images/first_box", 36, 1 << 30, "boxes are not in the file");
        check_poisoned("/images/first_box", 36, -1, "boxes are not in the file");
        check_poisoned("/images/n_boxes", 3, 0x7fffffff, "boxes are not in the file");
        check_poisoned("/images/n_boxes", 3, 0, "boxes are not in the file");
        check_poisoned("/images/localize", 3, 2, "`localize`");
        check_poisoned("/ground_truth/boxes", 2, -1, "box 2 is none: -1 ");
        check_poisoned("/ground_truth/boxes", 2, 70000, "box 2 is none: 70000 ");
        check_without("/images/id");
        check_without("/models");
        check_without("/models/zebra-net/cam/cam-paper/iou");
        check_without("/models/zebra-net/cam/levels");
        check_without("/models/zebra-net/done");
        check_without("/protocols");
        check_without("/protocols/cam-paper");
        cr_results *results = NULL;
        CHECK_OK(cr_results_open(path, &results, &err), &err);
        CHECK_EQUAL(results ? check_all_rows(results) : 0, N_MODELS * N_IMAGES);
        CHECK_OK(cr_results_close(&results, &err), &err);
    }
    cr_par_barrier(par, &err);
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(create_existing_file_without_replace_is_refused_and_kept),
        HARNESS_CASE(create_path_that_one_rank_cannot_reach_fails_on_all),
        HARNESS_CASE(create_plan_with_a_bad_name_is_refused),
        HARNESS_CASE(create_plan_of_maps_too_large_is_refused),
        HARNESS_CASE(open_what_is_no_results_file_is_refused),
        HARNESS_CASE(open_inconsistent_file_is_refused),
    };
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
