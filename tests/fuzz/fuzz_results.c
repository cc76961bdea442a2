/* A results file, read by everything that reads one: report, show, export, --resume.
 *
 * HDF5 1.10 does not survive every damage to its own structures, so the input is not the file but a
 * list of changes, made by HDF5 itself to a good file (CAMRANK_FUZZ_RESULTS): what we read out of a
 * file that is HDF5 is hostile here, what HDF5 reads is not. */
#include "fuzz.h"

#include "camrank/report.h"
#include "driver/command/command.h"
#include "driver/command/export.h"
#include "driver/reduce.h"

#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PLACES = 1024, MAX_CHANGES = 6, MAX_VALUE_BYTES = 16, MAX_DATASET_BYTES = 1 << 24 };

/* A dataset, or an attribute of a group or dataset, of the good file. */
typedef struct place {
    char object[256], attribute[64];
} place;

static struct {
    uint8_t *bytes;
    size_t n_bytes;
    place places[MAX_PLACES];
    int n_places;
    cr_results *results; /* what a run would make anew: its plan and its images */
    cr_par par;          /* of a run with one rank, to go on with a file */
} good;

static place *new_place(const char *object)
{
    FUZZ_CHECK(good.n_places < MAX_PLACES);
    place *new = &good.places[good.n_places++];
    snprintf(new->object, sizeof new->object, "%s", object);
    return new;
}

static herr_t note_attribute(hid_t id, const char *name, const H5A_info_t *info, void *object)
{
    (void)id;
    (void)info;
    place *new = new_place(object);
    snprintf(new->attribute, sizeof new->attribute, "%s", name);
    return 0;
}

static herr_t note_object(hid_t root, const char *name, const H5O_info_t *info, void *data)
{
    (void)data;
    (void)info;
    hid_t id = H5Oopen(root, name, H5P_DEFAULT);
    new_place(name);
    H5Aiterate2(id, H5_INDEX_NAME, H5_ITER_INC, NULL, note_attribute, (void *)(uintptr_t)name);
    H5Oclose(id);
    return 0;
}

static void check_refusal(cr_status status)
{
    FUZZ_CHECK(status == CR_OK || status == CR_EINPUT || status == CR_EIO);
}

/* What --resume does with a file but for the rows that it lacks. */
static void resume(const char *path)
{
    const cr_results_plan *plan = cr_results_get_plan(good.results);
    const cr_dataset *data = cr_results_get_data(good.results);
    cr_results *results;
    bool resumed;
    cr_error err = {0};
    if (!fuzz_ok(cr_results_resume(&good.par, path, plan, data, &results, &resumed, &err), &err,
                 path))
        return;
    FUZZ_CHECK(resumed);
    check_refusal(cr_reduce(&good.par, results, &err));
    FUZZ_CHECK(cr_results_close(&results, &err) == CR_OK);
}

/* Of LeakSanitizer, where it is there. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));
void __lsan_do_leak_check(void) __attribute__((weak));

/* MPI forgets where its memory is as it ends: leaks are looked for before. */
static void leave_mpi(void)
{
    if (__lsan_do_leak_check)
        __lsan_do_leak_check();
    MPI_Finalize();
}

/* MPI keeps what it has once taken, most of it with the first file: that is no leak of ours. */
static void start_mpi(void)
{
    cr_error err = {0};
    if (__lsan_disable)
        __lsan_disable();
    FUZZ_CHECK(MPI_Init(NULL, NULL) == MPI_SUCCESS && atexit(leave_mpi) == 0);
    FUZZ_CHECK(cr_par_init(&good.par, MPI_COMM_SELF, &err) == CR_OK);
    fuzz_write("good.h5", good.bytes, good.n_bytes);
    resume(fuzz_path("good.h5"));
    if (__lsan_enable)
        __lsan_enable();
}

static void read_good(void)
{
    const char *path = getenv("CAMRANK_FUZZ_RESULTS");
    cr_error err = {0};
    if (!path || cr_file_read(path, (size_t)1 << 24, &good.bytes, &good.n_bytes, &err) != CR_OK) {
        fprintf(stderr, "CAMRANK_FUZZ_RESULTS must name a results file: %s\n", err.message);
        exit(1);
    }

    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, note_object, NULL);
    H5Fclose(file);
    FUZZ_CHECK(cr_results_open(path, &good.results, &err) == CR_OK);
    start_mpi();
}

/* Puts bytes of the input into a value of `size` bytes, anywhere. */
static void spoil(uint8_t *value, size_t size, fuzz_stream *from)
{
    const size_t at = size ? fuzz_take(from, 3) % size : 0;
    const size_t n = 1 + fuzz_take(from, 1) % MAX_VALUE_BYTES;
    for (size_t i = at; i < size && i < at + n; i++)
        value[i] = (uint8_t)fuzz_take(from, 1);
}

/* As it is in the file, so that any bit pattern can be written. What an earlier change has made as
 * large as it claims to be is left. */
static void spoil_dataset(hid_t id, fuzz_stream *from)
{
    hid_t type = H5Dget_type(id), space = H5Dget_space(id);
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const size_t size = (size_t)(n > 0 ? n : 0) * H5Tget_size(type);
    uint8_t *value = size <= MAX_DATASET_BYTES ? cr_alloc(size, 1) : NULL;
    if (value && H5Tis_variable_str(type) == 0 &&
        H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0) {
        spoil(value, size, from);
        H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value);
    }
    free(value);
    H5Sclose(space);
    H5Tclose(type);
}

static void spoil_attribute(hid_t object, const char *name, fuzz_stream *from)
{
    hid_t id = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(id);
    const size_t size = id >= 0 ? (size_t)H5Aget_storage_size(id) : 0;
    uint8_t *value = cr_alloc(size, 1);
    if (size && H5Tis_variable_str(type) == 0 && H5Aread(id, type, value) >= 0) {
        spoil(value, size, from);
        H5Awrite(id, type, value);
    }
    free(value);
    H5Tclose(type);
    H5Aclose(id);
}

/* Any type, one of ours among them. */
static hid_t take_type(fuzz_stream *from)
{
    const uint32_t kind = fuzz_take(from, 1);
    if (kind % 8 < 5) {
        const hid_t plain[] = {H5T_STD_U8LE, H5T_STD_I32LE, H5T_IEEE_F32LE, H5T_IEEE_F64LE,
                               H5T_STD_I64BE};
        return H5Tcopy(plain[kind % 8]);
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, kind % 8 == 5 ? H5T_VARIABLE : 1 + fuzz_take(from, 2) % 5000);
    H5Tset_cset(type, kind & 8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
    H5Tset_strpad(type, kind & 16 ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
    return type;
}

static hid_t take_space(fuzz_stream *from)
{
    const uint32_t kind = fuzz_take(from, 1);
    hsize_t shape[4];
    const int n_dims = (int)(kind % 6) - 1;
    if (n_dims < 0)
        return H5Screate(kind & 64 ? H5S_NULL : H5S_SCALAR);
    for (int i = 0; i < n_dims; i++)
        shape[i] = kind & 128 ? fuzz_take(from, 4) : fuzz_take(from, 1);
    return H5Screate_simple(n_dims, shape, NULL);
}

/* Something else by the same name; late allocation, so that any size can be claimed. */
static void replace_dataset(hid_t file, const char *name, fuzz_stream *from)
{
    hid_t type = take_type(from), space = take_space(from);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_LATE);
    if (fuzz_take(from, 1) & 1) {
        hsize_t chunk[4] = {4, 4, 4, 4};
        H5Pset_chunk(properties, H5Sget_simple_extent_ndims(space), chunk);
    }
    H5Ldelete(file, name, H5P_DEFAULT);
    H5Dclose(H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Pclose(properties);
    H5Sclose(space);
    H5Tclose(type);
}

static void replace_attribute(hid_t object, const char *name, fuzz_stream *from)
{
    hid_t type = take_type(from), space = take_space(from);
    H5Adelete(object, name);
    hid_t id = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const size_t size = id >= 0 ? (size_t)H5Aget_storage_size(id) : 0;
    uint8_t *value = cr_alloc(size, 1);
    if (size && H5Tis_variable_str(type) == 0) {
        spoil(value, size, from);
        H5Awrite(id, type, value);
    }
    free(value);
    H5Aclose(id);
    H5Sclose(space);
    H5Tclose(type);
}

static void change(hid_t file, fuzz_stream *from)
{
    const place *at = &good.places[fuzz_take(from, 2) % (uint32_t)good.n_places];
    const place *other = &good.places[fuzz_take(from, 2) % (uint32_t)good.n_places];
    const uint32_t what = fuzz_take(from, 1) % 16;
    hid_t object = H5Oopen(file, at->object, H5P_DEFAULT);
    if (object < 0)
        return;
    const bool is_dataset = H5Iget_type(object) == H5I_DATASET;
    if (at->attribute[0]) {
        if (what < 10)
            spoil_attribute(object, at->attribute, from);
        else if (what < 14)
            replace_attribute(object, at->attribute, from);
        else
            H5Adelete(object, at->attribute);
    } else if (is_dataset && what < 8) {
        spoil_dataset(object, from);
    } else if (is_dataset && what < 12) {
        replace_dataset(file, at->object, from);
    } else if (what == 12) {
        H5Ldelete(file, at->object, H5P_DEFAULT);
    } else if (what == 13) {
        H5Ldelete(file, other->object, H5P_DEFAULT);
        H5Lmove(file, at->object, file, other->object, H5P_DEFAULT, H5P_DEFAULT);
    } else if (what == 14) {
        H5Ldelete(file, other->object, H5P_DEFAULT);
        H5Lcreate_hard(file, at->object, file, other->object, H5P_DEFAULT, H5P_DEFAULT);
    } else {
        H5Ldelete(file, at->object, H5P_DEFAULT);
        H5Lcreate_soft(fuzz_take(from, 1) & 1 ? at->object : "/models", file, at->object,
                       H5P_DEFAULT, H5P_DEFAULT);
    }
    H5Oclose(object);
}

/* All rows of a model, as `camrank show` and the report read them. */
static void read_rows(cr_results *results, int model)
{
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_results_model *of = &plan->models[model];
    const int n = cr_results_get_data(results)->n_images;
    cr_arena arena = {0};
    cr_results_rows rows;
    cr_error err = {0};
    bool maps = true;
    for (int v = 0; v < of->n_variants; v++)
        maps = maps && of->variants[v].map_width * of->variants[v].map_height < 10000;
    FUZZ_CHECK(cr_results_rows_alloc(plan, model, n, maps, &arena, &rows, &err) == CR_OK);
    cr_status status = cr_results_read(results, model, &rows, &err);
    FUZZ_CHECK(status == CR_OK || status == CR_EIO || status == CR_EINPUT);
    cr_arena_free(&arena);
}

static void check_report(const cr_report *report)
{
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        for (int k = 0; k < cr_metric_n_numbers(); k++) {
            const cr_metric_value *of = &row->values[k];
            const double most = strcmp(cr_metric_number_at(k, NULL)->unit, "%") == 0 ? 100 : 1;
            FUZZ_CHECK(isnan(of->value) || (of->value >= 0 && of->value <= most));
            FUZZ_CHECK(isnan(of->low) || (of->low >= 0 && of->low <= of->value + 1e-9 &&
                                          of->high >= of->value - 1e-9));
        }
    }
}

static void read_all(cr_results *results, bool by_class, const char *path)
{
    cr_report report;
    cr_error err = {0};
    for (int m = 0; m < cr_results_get_plan(results)->n_models; m++)
        read_rows(results, m);
    if (!fuzz_ok(
            cr_results_report(results, &(cr_report_options){.by_class = by_class}, &report, &err),
            &err, path))
        return;
    check_report(&report);
    for (const cr_report_format *format = cr_report_formats; format->name; format++) {
        char *text = NULL;
        FUZZ_CHECK(cr_report_write(&report, format, &text, &err) == CR_OK);
        free(text);
    }
    cr_report_free(&report);
}

/* Rows in every form in which they leave the file. */
static void export_rows(cr_results *results, const char *path)
{
    const cr_results_plan *plan = cr_results_get_plan(results);
    cr_error err = {0};
    FILE *out = fopen("/dev/null", "w");
    FUZZ_CHECK(out);
    check_refusal(cr_export_csv(path, results, &(cr_pick){0}, out, &err));
    for (int m = 0; m < plan->n_models; m++)
        for (int v = 0; v < plan->models[m].n_variants; v++) {
            const cr_pick pick = {.model = m, .variant = v};
            check_refusal(cr_export_kaggle(results, &pick, out, &err));
            check_refusal(cr_export_devkit(path, results, &pick, out, &err));
        }
    fclose(out);
}

/* What takes longest, maps as large as their images, is made of one variant and one image; which ones
 * depends on the length of the input. */
static void show_maps(cr_results *results, const char *path, size_t n_bytes)
{
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_dataset *data = cr_results_get_data(results);
    if (plan->n_models == 0 || data->n_images == 0)
        return;
    const int n = (int)(n_bytes % 5040);
    const cr_results_model *model = &plan->models[n % plan->n_models];
    if (model->n_variants == 0)
        return;
    const cr_pick pick = {.model = n % plan->n_models, .variant = n % model->n_variants};
    const char *maps = fuzz_path("maps");
    cr_error err = {0};
    check_refusal(cr_export_npy(path, results, &pick, n % 4 < 2, false, maps, &err));
    fuzz_remove(maps);

    char method[2 * CR_NAME_BYTES];
    cr_results_variant_name(&model->variants[pick.variant], method);
    const char *words[] = {"show",     n % 2 ? "--truth" : "--rank=2",
                           "--images", cr_results_get_data(good.results)->folder,
                           "--model",  model->name,
                           "--method", method,
                           "-o",       fuzz_path("show.png"),
                           "--force",  "--",
                           path,       data->text + data->images[n % data->n_images].id};
    enum { N_WORDS = sizeof words / sizeof *words };
    char *arguments[N_WORDS + 1] = {0};
    for (int i = 0; i < N_WORDS; i++)
        arguments[i] = (char *)fuzz_copy((const uint8_t *)words[i], strlen(words[i]), true);
    optind = 0; /* getopt begins anew */
    err = (cr_error){0};
    check_refusal(cr_command_show.run(NULL, N_WORDS, arguments, &err));
    for (int i = 0; i < N_WORDS; i++)
        free(arguments[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    fuzz_stream from = {bytes, n_bytes};
    cr_results *results;
    cr_error err = {0};
    if (!good.bytes)
        read_good();
    fuzz_write("results.h5", good.bytes, good.n_bytes);
    const char *path = fuzz_path("results.h5");
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    FUZZ_CHECK(file >= 0);
    for (int i = 0; i < MAX_CHANGES && from.n_left; i++)
        change(file, &from);
    FUZZ_CHECK(H5Fclose(file) >= 0);
    if (fuzz_ok(cr_results_open(path, &results, &err), &err, path)) {
        read_all(results, false, path);
        read_all(results, true, path);
        export_rows(results, path);
        show_maps(results, path, n_bytes);
        cr_results_close(&results, NULL);
    }
    resume(path);
    return 0;
}
