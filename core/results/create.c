/* create.c - the file at its final size. Rank 0 makes it alone, without MPI: whatever allocates space
 * is collective in parallel HDF5, whose other ranks wait for ever where a write of one fails. */
#include "internal.h"

#include "camrank/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a file is one of ours, of any version: nothing else is ever replaced. */
static bool is_ours(const char *path)
{
    char schema[64] = "";
    hid_t file;
    cr_h5_quiet();
    if (cr_h5_open(path, &file, NULL) != CR_OK)
        return false;
    const cr_h5_at at = {file, path, "/"};
    cr_h5_get_text(at, "schema", schema, sizeof schema, NULL);
    cr_h5_close(file);
    return strncmp(schema, "camrank-results-", strlen("camrank-results-")) == 0;
}

/* Rank 0: whether there may be a file `path`. */
static cr_status may_be_made(const char *path, bool replace, cr_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        if (!S_ISREG(info.st_mode))
            return cr_fail(err, CR_EINPUT, "%s: %s; a results file is wanted", path,
                           S_ISDIR(info.st_mode) ? "is a folder" : "exists and is no regular file");
        if (!replace)
            return cr_fail(err, CR_EINPUT,
                           "%s: exists already; --resume continues it, --force replaces it", path);
        if (access(path, W_OK) != 0)
            return cr_fail(err, CR_EINPUT, "%s: cannot be written: %s", path, strerror(errno));
        if (info.st_size > 0 && !is_ours(path))
            return cr_fail(err, CR_EINPUT,
                           "%s: exists and is no results file of camrank; it is not replaced",
                           path);
    }
    return CR_OK;
}

/* Rank 0: room on the disk for n_bytes of the open file, so that none of its rows finds the disk
 * full. Some file systems cannot tell. */
static cr_status reserve(const cr_results *results, int fd, size_t n_bytes, cr_error *err)
{
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)n_bytes) != 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return cr_fail(err, CR_EIO, "%s: needs %zu bytes: %s", results->path, n_bytes,
                       strerror(errno));
    return CR_OK;
}

/* Whether nothing is lost where the file is removed: there is none, or it is what a killed run leaves, HDF5
 * or its beginning. */
static bool is_leftover(const char *path)
{
    static const char hdf5[] = "\x89HDF\r\n\x1a\n", none[sizeof hdf5 - 1];
    char bytes[sizeof hdf5 - 1] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT;
    const ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    return n == 0 ||
           (n > 0 && (memcmp(bytes, hdf5, (size_t)n) == 0 || memcmp(bytes, none, (size_t)n) == 0));
}

/* Rank 0: an empty file to write to, instead of one that a killed run has left. */
static cr_status make_empty(const cr_results *results, bool *made, cr_error *err)
{
    if (!is_leftover(results->part))
        return cr_fail(
            err, CR_EINPUT,
            "%s: cannot be written: it is called %s until it is whole, and another file has "
            "that name",
            results->path, results->part);
    unlink(results->part);
    int fd = open(results->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)0666);
    if (fd < 0)
        return cr_fail(err, CR_EINPUT, "%s: cannot be written: %s: %s", results->path,
                       results->part, strerror(errno));
    *made = true;
    const size_t n_bytes = cr_results_bytes(&results->plan, &results->data);
    cr_status status = reserve(results, fd, n_bytes, err);
    close(fd);
    return status;
}

/* The other ranks: a collective open of a path that one rank does not see would hang the rest. */
static cr_status reach(const cr_results *results, cr_error *err)
{
    int fd = open(results->part, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return cr_fail(err, CR_EINPUT, "%s: cannot be written: %s: %s", results->path,
                       results->part, strerror(errno));
    close(fd);
    return CR_OK;
}

static cr_status copy_all(const cr_results_plan *plan, const cr_dataset *data, cr_results *results,
                          cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *packed = NULL;
    size_t packed_bytes;
    CR_TRY(cr_results_check(results->path, plan, data, err));
    CR_TRY(cr_results_plan_copy(plan, &results->plan, err));
    results->plan.no_labels = !cr_data_has_labels(data);
    results->plan.no_boxes = !cr_data_has_boxes(data);
    results->plan.has_difficult = cr_data_has_difficult(data);
    CR_TRY(cr_results_make_groups(results, err));
    CR_TRY(cr_data_pack(data, &packed, &packed_bytes, err));
    CR_TRY(cr_data_unpack(packed, packed_bytes, &results->data, err));

cleanup:
    free(packed);
    return status;
}

static cr_status put_root(const cr_results *results, cr_error *err)
{
    const cr_h5_at at = {results->file, results->path, "/"};
    const cr_results_plan *plan = &results->plan;
    CR_OR_RETURN(cr_h5_put_text(at, "schema",
                                plan->has_states ? CR_RESULTS_SCHEMA : CR_RESULTS_SCHEMA_1, err));
    CR_OR_RETURN(cr_h5_put_text(at, "camrank_version", CR_VERSION, err));
    CR_OR_RETURN(cr_h5_put_text(at, "job_name", plan->job_name, err));
    CR_OR_RETURN(cr_h5_put_text(at, "job", plan->job_text, err));
    CR_OR_RETURN(cr_h5_put_text(at, "overrides", plan->overrides, err));
    CR_OR_RETURN(cr_h5_put_text(at, "libraries", plan->libraries, err));
    char shown[64];
    cr_shown_text(plan, shown);
    CR_OR_RETURN(cr_h5_put_text(at, "table", shown, err));
    CR_OR_RETURN(cr_h5_put_text(at, "failed", plan->skip_failed ? "skip" : "wrong", err));
    if (plan->threshold_from[0]) {
        CR_OR_RETURN(cr_h5_put_text(at, "threshold_from", plan->threshold_from, err));
        CR_OR_RETURN(cr_h5_put_text(at, "threshold_sha256", plan->threshold_sha256, err));
    }
    CR_OR_RETURN(cr_h5_put_int(at, "batch", plan->batch, err));
    CR_OR_RETURN(cr_h5_put_int(at, "empty_maps", plan->has_empty, err));
    if (plan->has_log_sum)
        CR_OR_RETURN(cr_h5_put_int(at, "log_sums", 1, err));
    CR_OR_RETURN(cr_h5_put_int(at, "map_slots", plan->map_slots, err));
    CR_OR_RETURN(cr_h5_put_text(at, "map_type", plan->map_float16 ? "float16" : "float32", err));
    return cr_h5_put_text(at, "slots",
                          "0 to 4: the network's top five classes, best first; "
                          "5: the ground-truth class",
                          err);
}

static cr_status put_network(cr_h5_at at, const cr_results_model *model, cr_error *err)
{
    CR_OR_RETURN(cr_h5_put_text(at, "precision", cr_precision_names[model->precision], err));
    if (model->parameters <= 0)
        return CR_OK;
    CR_OR_RETURN(cr_h5_put_double(at, "parameters", model->parameters, err));
    return cr_h5_put_double(at, "flops", model->flops, err);
}

static cr_status put_model(cr_h5_at at, const cr_results_model *model, int index, cr_error *err)
{
    CR_OR_RETURN(cr_h5_put_int(at, "index", index, err));
    CR_OR_RETURN(cr_h5_put_text(at, "file", model->file, err));
    CR_OR_RETURN(cr_h5_put_text(at, "sha256", model->sha256, err));
    CR_OR_RETURN(cr_h5_put_text(at, "input", model->input, err));
    CR_OR_RETURN(cr_h5_put_text(at, "filter", model->filter, err));
    if (model->kernels[0])
        CR_OR_RETURN(cr_h5_put_text(at, "kernels", model->kernels, err));
    if (model->output[0])
        CR_OR_RETURN(cr_h5_put_text(at, "output", model->output, err));
    if (model->tokens[0])
        CR_OR_RETURN(cr_h5_put_text(at, "tokens", model->tokens, err));
    if (cr_results_has_network(model))
        CR_OR_RETURN(put_network(at, model, err));
    if (model->randomised[0])
        CR_OR_RETURN(cr_h5_put_text(at, "randomised", model->randomised, err));
    return CR_OK;
}

static cr_status put_variant(cr_h5_at at, const cr_results_plan *plan,
                             const cr_results_variant *variant, int index, cr_error *err)
{
    CR_OR_RETURN(cr_h5_put_int(at, "index", index, err));
    CR_OR_RETURN(cr_h5_put_text(at, "method", variant->method, err));
    CR_OR_RETURN(cr_h5_put_text(at, "layer", variant->layer, err));
    CR_OR_RETURN(cr_h5_put_int(at, "layer_given", variant->layer_given, err));
    if (variant->as[0])
        CR_OR_RETURN(cr_h5_put_text(at, "as", variant->as, err));
    if (variant->of_image)
        CR_OR_RETURN(cr_h5_put_int(at, "of_image", true, err));
    const cr_method *method = cr_method_find(variant->method);
    if (method)
        CR_OR_RETURN(cr_parameters_put(at, method->parameters, variant->parameters.bytes, err));
    else
        CR_OR_RETURN(cr_h5_put_text(at, "scaling", cr_scaling_text(variant->scaling), err));
    if (variant->fused)
        CR_OR_RETURN(cr_parameters_put(at, cr_fusion_parameters, &variant->fusion, err));
    CR_OR_RETURN(cr_h5_put_int(at, "map_width", variant->map_width, err));
    CR_OR_RETURN(cr_h5_put_int(at, "map_height", variant->map_height, err));
    CR_OR_RETURN(cr_h5_put_int(at, "views", variant->n_views, err));
    if (variant->baselines[0])
        CR_OR_RETURN(cr_h5_put_text(at, "baselines_sha256", variant->baselines, err));
    if (variant->map_slots != plan->map_slots)
        CR_OR_RETURN(cr_h5_put_int(at, "map_slots", variant->map_slots, err));
    return CR_OK;
}

static cr_status put_group(cr_h5_at at, const cr_results_plan *plan, cr_group group, cr_error *err)
{
    const cr_results_model *model = &plan->models[group.model];
    if (group.protocol >= 0)
        return CR_OK;
    return group.variant < 0
               ? put_model(at, model, group.model, err)
               : put_variant(at, plan, &model->variants[group.variant], group.variant, err);
}

/* Makes a group and leaves it open in at->id. */
static cr_status create_group(const cr_results *results, cr_h5_at *at, cr_error *err)
{
    at->file = results->path;
    at->id = H5Gcreate2(results->file, at->place, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return at->id < 0 ? cr_h5_fail(err, CR_EIO, "%s: %s", results->path, at->place) : CR_OK;
}

/* /metrics: those that are not in every file. */
static cr_status create_metrics(const cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    cr_results_path path = "/metrics";
    cr_h5_at at = {.id = -1, .place = path};
    bool begun = false;
    for (int m = 0; cr_metrics[m]; m++) {
        if (!plan->metrics[m].wanted)
            continue;
        if (!begun)
            CR_TRY(create_group(results, &at, err));
        cr_h5_close(at.id);
        at.id = -1;
        begun = true;
        snprintf(path, sizeof path, "/metrics/%s", cr_metrics[m]->name);
        CR_TRY(create_group(results, &at, err));
        CR_TRY(cr_parameters_put(at, cr_metrics[m]->parameters, plan->metrics[m].parameters.bytes,
                                 err));
    }

cleanup:
    cr_h5_close(at.id);
    return status;
}

static cr_status put_folders(cr_h5_at at, const cr_dataset *data, cr_error *err)
{
    CR_OR_RETURN(cr_h5_put_text(at, "folder", data->folder, err));
    if (data->masks && data->masks[0])
        CR_OR_RETURN(cr_h5_put_text(at, "masks", data->masks, err));
    return data->segments && data->segments[0] ? cr_h5_put_text(at, "segments", data->segments, err)
                                               : CR_OK;
}

static cr_status create_groups(const cr_results *results, cr_error *err)
{
    static const char *const plain[] = {"/classes", "/images", "/ground_truth", "/protocols",
                                        "/models"};
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    cr_h5_at at = {.id = -1};
    CR_TRY(put_root(results, err));
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        at.place = plain[i];
        CR_TRY(create_group(results, &at, err));
        if (strcmp(plain[i], "/images") == 0)
            CR_TRY(put_folders(at, &results->data, err));
        cr_h5_close(at.id);
        at.id = -1;
    }
    cr_results_path path;
    at.place = path;
    for (int p = 0; p < plan->n_protocols; p++) {
        snprintf(path, sizeof path, "/protocols/%s", plan->protocols[p].name);
        CR_TRY(create_group(results, &at, err));
        CR_TRY(cr_h5_put_int(at, "index", p, err));
        CR_TRY(cr_parameters_put(at, cr_protocol_parameters, &plan->protocols[p], err));
        cr_h5_close(at.id);
        at.id = -1;
    }
    CR_TRY(create_metrics(results, err));
    for (cr_group group = {-1, -1, -1}; cr_group_next(plan, &group);) {
        cr_layout_group(plan, group, path);
        CR_TRY(create_group(results, &at, err));
        CR_TRY(put_group(at, plan, group, err));
        cr_h5_close(at.id);
        at.id = -1;
    }

cleanup:
    cr_h5_close(at.id);
    return status;
}

/* `type` is the column's. */
static herr_t set_fill(hid_t properties, cr_column_id column, hid_t type)
{
    uint8_t value[sizeof(double)] = {0};
    const double whole = NAN;
    const float single = NAN;
    switch (cr_column_at(column).fill) {
    case CR_FILL_NONE:
        return H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
    case CR_FILL_ZERO:
        break;
    case CR_FILL_MINUS_ONE:
        memset(value, 0xff, sizeof value);
        break;
    case CR_FILL_NOT_A_NUMBER:
        if (cr_column_at(column).kind == CR_KIND_F64)
            memcpy(value, &whole, sizeof whole);
        else
            memcpy(value, &single, sizeof single);
    }
    return H5Pset_fill_value(properties, type, value);
}

/* `group` as for cr_layout_shape; its path is `folder`. */
static cr_status create_column(const cr_results *results, const char *folder, cr_column_id column,
                               cr_group group, int64_t n, hid_t *dataset, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_column of = cr_column_at(column);
    hsize_t shape[CR_MAX_RANK];
    const int n_dims = cr_layout_shape(column, &results->plan, group, n, shape);
    const size_t text_bytes =
        of.kind == CR_KIND_TEXT ? cr_layout_text_bytes(column, &results->data) : 0;
    cr_results_path place;
    snprintf(place, sizeof place, "%.480s/%s", folder, of.name);
    hid_t space = H5Screate_simple(n_dims, shape, NULL);
    hid_t type = cr_layout_type(column, &results->plan, text_bytes);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), link = H5Pcreate(H5P_LINK_CREATE);
    if (space < 0 || type < 0 || properties < 0 || H5Pset_create_intermediate_group(link, 1) < 0 ||
        H5Pset_layout(properties, H5D_CONTIGUOUS) < 0 ||
        H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY) < 0 ||
        H5Pset_obj_track_times(properties, false) < 0 || set_fill(properties, column, type) < 0)
        CR_TRY(cr_h5_fail(err, CR_EIO, "%s: %s", results->path, place));
    *dataset = H5Dcreate2(results->file, place, type, space, link, properties, H5P_DEFAULT);
    const cr_h5_at at = {*dataset, results->path, place};
    if (*dataset < 0)
        CR_TRY(cr_h5_fail(err, CR_EIO, "%s: %s", results->path, place));
    CR_TRY(cr_h5_put_text(at, "description", of.description, err));
    if (of.unit[0])
        CR_TRY(cr_h5_put_text(at, "unit", of.unit, err));

cleanup:
    cr_h5_close(link);
    cr_h5_close(properties);
    cr_h5_close(type);
    cr_h5_close(space);
    return status;
}

/* Writes a column of the image set. */
static cr_status write_set_column(const cr_results *results, cr_column_id column, hid_t dataset,
                                  cr_error *err)
{
    cr_status status = CR_OK;
    const cr_column of = cr_column_at(column);
    const size_t text_bytes =
        of.kind == CR_KIND_TEXT ? cr_layout_text_bytes(column, &results->data) : 0;
    uint8_t *rows, *buffer = NULL;
    size_t stride;
    const int n = cr_layout_set_rows(of.owner, &results->data, &rows, &stride);
    hid_t type = cr_layout_type(column, &results->plan, text_bytes);
    const size_t n_items = of.extents[0] ? (size_t)of.extents[0] : 1;
    const size_t item = n_items * H5Tget_size(type);
    buffer = cr_alloc((size_t)n, item);
    if (!buffer) {
        status = cr_fail_memory(err, of.name, (size_t)n, item);
        goto cleanup;
    }
    for (int i = 0; i < n; i++) {
        const uint8_t *from = rows + (size_t)i * stride + of.offset;
        uint8_t *to = buffer + (size_t)i * item;
        if (of.kind == CR_KIND_TEXT) {
            uint32_t offset;
            memcpy(&offset, from, sizeof offset);
            const char *text = results->data.text + offset;
            memcpy(to, text, strlen(text));
        } else {
            cr_layout_pack(column, &results->plan, from, n_items, to);
        }
    }
    if (n > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer) < 0)
        status = cr_h5_fail(err, CR_EIO, "%s: %s", results->path, of.name);

cleanup:
    cr_h5_close(type);
    free(buffer);
    return status;
}

static cr_status create_set_columns(const cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    hid_t dataset = -1;
    const cr_group no_group = {-1, -1, -1};
    for (int column = 0; column < cr_n_columns(); column++) {
        const cr_column_owner owner = cr_column_at(column).owner;
        if (owner > CR_OF_BOXES || !cr_layout_has(column, &results->plan, no_group))
            continue;
        uint8_t *rows;
        size_t stride;
        int n = cr_layout_set_rows(owner, &results->data, &rows, &stride);
        CR_TRY(
            create_column(results, cr_layout_set_group(owner), column, no_group, n, &dataset, err));
        CR_TRY(write_set_column(results, column, dataset, err));
        cr_h5_close(dataset);
        dataset = -1;
    }

cleanup:
    cr_h5_close(dataset);
    return status;
}

static cr_status create_row_columns(cr_results *results, cr_error *err)
{
    hid_t dataset = -1;
    const cr_results_plan *plan = &results->plan;
    for (cr_group group = {-1, -1, -1}; cr_group_next(plan, &group);) {
        cr_results_path folder;
        cr_layout_group(plan, group, folder);
        for (int column = 0; column < cr_n_columns(); column++)
            if (cr_column_at(column).owner == cr_group_owner(group) &&
                cr_layout_has(column, plan, group)) {
                CR_OR_RETURN(create_column(results, folder, column, group, results->data.n_images,
                                           &dataset, err));
                cr_h5_close(dataset);
                dataset = -1;
            }
    }
    return CR_OK;
}

/* Rank 0: the whole file, closed again. After CR_EIO it stays open: HDF5 1.10 may hang or crash when
 * it closes a file that it could not write. */
static cr_status create_file(cr_results *results, cr_error *err)
{
    results->file = H5Fcreate(results->part, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (results->file < 0)
        return cr_h5_fail(err, CR_EIO, "%s", results->path);
    CR_OR_RETURN(create_groups(results, err));
    CR_OR_RETURN(create_set_columns(results, err));
    CR_OR_RETURN(create_row_columns(results, err));
    CR_OR_RETURN(cr_summary_create(results, err));
    if (H5Fflush(results->file, H5F_SCOPE_GLOBAL) < 0 || H5Fclose(results->file) < 0)
        return cr_h5_fail(err, CR_EIO, "%s", results->path);
    results->file = -1;
    return CR_OK;
}

/* Rank 0: gives the finished file its name. Until it was synced once, a killed writer leaves a file
 * that does not open; so no file has the name before. */
static cr_status publish(const cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    struct stat info;
    char *folder = cr_path_folder(results->path);
    int folder_fd = -1, fd = open(results->part, O_RDWR | O_CLOEXEC);
    if (!folder)
        CR_TRY(cr_fail_memory(err, results->path, strlen(results->path), 1));
    /* Once more: HDF5 has emptied the file before it wrote. */
    if (fd >= 0 && fstat(fd, &info) == 0)
        CR_TRY(reserve(results, fd, (size_t)info.st_size, err));
    if (fd < 0 || fsync(fd) != 0 || rename(results->part, results->path) != 0)
        CR_TRY(cr_fail(err, CR_EIO, "%s: cannot be created: %s", results->path, strerror(errno)));
    /* Not every file system can sync a folder, and none needs it to survive a kill. */
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd >= 0)
        fsync(folder_fd);

cleanup:
    if (folder_fd >= 0)
        close(folder_fd);
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}

cr_status cr_results_begin(const cr_par *par, const char *path, const cr_results_plan *plan,
                           const cr_dataset *data, cr_results **results, cr_error *err)
{
    cr_status status = CR_OK, local = CR_OK;
    char *place = NULL; /* what a link leads to, which keeps its name */
    cr_results *beginning = NULL;
    enum { LONG_NAME = 200 };
    *results = NULL;
    cr_h5_quiet();
    local = cr_path_resolve(path, &place, err);
    if (local == CR_OK && strlen(cr_path_name(place)) > LONG_NAME)
        local =
            cr_fail(err, CR_EINPUT, "%s: a name of more than %d bytes is more than MPI-IO takes",
                    place, LONG_NAME);
    if (local == CR_OK && !(beginning = cr_results_new(place)))
        local = cr_fail_memory(err, path, 1, sizeof *beginning);
    if (local == CR_OK) {
        beginning->shared = true;
        beginning->par = *par;
        local = copy_all(plan, data, beginning, err);
    }
    CR_TRY(cr_par_agree(par, local, err));
    if (par->rank == 0)
        local = cr_path_make_folder(place, err);
    CR_TRY(cr_par_follow(par, local, err));
    CR_TRY(cr_lock_take(par, place, &beginning->lock, err));
    *results = beginning;
    beginning = NULL;

cleanup:
    free(place);
    cr_results_release(beginning, NULL);
    return status;
}

cr_status cr_results_make_file(cr_results *results, bool replace, cr_results *from, cr_error *err)
{
    cr_status status = CR_OK, local = CR_OK;
    const cr_par *par = &results->par;
    bool made = false;
    if (par->rank == 0) {
        local = may_be_made(results->path, replace, err);
        if (local == CR_OK)
            local = make_empty(results, &made, err);
    }
    CR_TRY(cr_par_follow(par, local, err));
    if (par->rank != 0)
        local = reach(results, err);
    CR_TRY(cr_par_agree(par, local, err));

    if (par->rank == 0) {
        local = create_file(results, err);
        if (local == CR_OK && from)
            local = cr_results_copy_rows(results, from, err);
        if (local == CR_OK)
            local = publish(results, err);
        made = local != CR_OK;
    }
    CR_TRY(cr_par_follow(par, local, err));
    CR_TRY(cr_results_open_shared(results, err));

cleanup:
    if (status != CR_OK && made)
        unlink(results->part);
    return status;
}

cr_status cr_results_create(const cr_par *par, const char *path, bool replace,
                            const cr_results_plan *plan, const cr_dataset *data,
                            cr_results **results, cr_error *err)
{
    cr_status status = CR_OK, local = CR_OK;
    cr_results *creating = NULL;
    *results = NULL;
    /* Once more under the lock; here, so that a file that is there is refused as such. */
    if (par->rank == 0)
        local = may_be_made(path, replace, err);
    CR_TRY(cr_par_follow(par, local, err));
    CR_TRY(cr_results_begin(par, path, plan, data, &creating, err));
    CR_TRY(cr_results_make_file(creating, replace, NULL, err));
    *results = creating;
    creating = NULL;

cleanup:
    cr_results_fail(creating, status);
    return status;
}
