/* open.c - a file from outside: nothing in it is believed before it is checked. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a table shows: attribute `table`, a list of words. */
static cr_status get_shown(cr_h5_at at, cr_results_plan *plan, cr_error *err)
{
    char text[64], again[64];
    cr_status status = cr_h5_get_text(at, "table", text, sizeof text, err);
    if (status != CR_OK)
        return status;
    plan->show_protocols = strstr(text, "protocols") != NULL;
    plan->show_v1 = strstr(text, "wsol-v1") != NULL;
    plan->show_v2 = strstr(text, "wsol-v2") != NULL;
    cr_shown_text(plan, again);
    return strcmp(text, again) == 0 ? CR_OK
                                    : cr_fail(err, CR_EINPUT, "%s: %s: attribute `table` is `%s`",
                                              at.file, at.place, text);
}

static cr_status get_root(cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_h5_at at = {results->file, results->path, "/"};
    cr_results_plan *plan = &results->plan;
    char schema[64];
    int choice;
    CR_TRY(cr_h5_get_text(at, "schema", schema, sizeof schema, err));
    plan->has_states = strcmp(schema, CR_RESULTS_SCHEMA_1) != 0;
    if (plan->has_states && strcmp(schema, CR_RESULTS_SCHEMA) != 0) {
        status = cr_fail(err, CR_EINPUT, "%s: schema is `%s`; this program reads `%s` and `%s`",
                         results->path, schema, CR_RESULTS_SCHEMA_1, CR_RESULTS_SCHEMA);
        goto cleanup;
    }
    CR_TRY(cr_h5_get_text(at, "job_name", plan->job_name, sizeof plan->job_name, err));
    CR_TRY(cr_h5_dup_text(at, "job", &plan->job_text, err));
    CR_TRY(cr_h5_dup_text(at, "overrides", &plan->overrides, err));
    CR_TRY(cr_h5_get_text(at, "libraries", plan->libraries, sizeof plan->libraries, err));
    CR_TRY(get_shown(at, plan, err));
    CR_TRY(cr_h5_get_word(at, "failed", (const char *const[]){"wrong", "skip"}, 2, &choice, err));
    plan->skip_failed = choice;
    CR_TRY(cr_h5_get_int(at, "batch", &plan->batch, err));
    if (H5Aexists(at.id, "threshold_from") > 0) {
        CR_TRY(cr_h5_get_text(at, "threshold_from", plan->threshold_from,
                              sizeof plan->threshold_from, err));
        CR_TRY(cr_h5_get_text(at, "threshold_sha256", plan->threshold_sha256,
                              sizeof plan->threshold_sha256, err));
    }
    int has_empty = 0; /* of older files */
    if (H5Aexists(at.id, "empty_maps") > 0)
        CR_TRY(cr_h5_get_int(at, "empty_maps", &has_empty, err));
    plan->has_empty = has_empty != 0;
    plan->has_log_sum = H5Aexists(at.id, "log_sums") > 0;
    CR_TRY(cr_h5_get_int(at, "map_slots", &plan->map_slots, err));
    CR_TRY(cr_h5_get_word(at, "map_type", (const char *const[]){"float32", "float16"}, 2, &choice,
                          err));
    plan->map_float16 = choice;

cleanup:
    return status;
}

/* A group inside another, found by going through its links. `name` is that of the group. */
typedef cr_status visit_group(cr_results *results, cr_h5_at at, const char *name, int model,
                              int index, cr_error *err);

/* Calls `visit` for every group inside `place`, with its attribute `index`; NULL only counts. */
static cr_status visit_groups(cr_results *results, const char *place, int model, visit_group *visit,
                              int *n_groups, cr_error *err)
{
    cr_status status = CR_OK;
    H5G_info_t info;
    hid_t child = -1, group = H5Gopen2(results->file, place, H5P_DEFAULT);
    *n_groups = 0;
    if (group < 0 || H5Gget_info(group, &info) < 0) {
        status = cr_h5_fail(err, CR_EINPUT, "%s: %s", results->path, place);
        goto cleanup;
    }
    if (info.nlinks > 2 * CR_MAX_MODELS) {
        status = cr_fail(err, CR_EINPUT, "%s: %s: %llu entries", results->path, place,
                         (unsigned long long)info.nlinks);
        goto cleanup;
    }
    for (hsize_t i = 0; i < info.nlinks; i++) {
        char name[2 * CR_NAME_BYTES];
        cr_results_path path;
        ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                            sizeof name, H5P_DEFAULT);
        if (length >= 0 && (size_t)length < sizeof name)
            child = H5Oopen(group, name, H5P_DEFAULT);
        if (child < 0) {
            status = cr_h5_fail(err, CR_EINPUT, "%s: %s: entry %llu", results->path, place,
                                (unsigned long long)i);
            goto cleanup;
        }
        if (H5Iget_type(child) == H5I_GROUP) {
            (*n_groups)++;
            snprintf(path, sizeof path, "%.240s/%.255s", place, name);
            const cr_h5_at at = {child, results->path, path};
            int index;
            if (visit) {
                CR_TRY(cr_h5_get_int(at, "index", &index, err));
                CR_TRY(visit(results, at, name, model, index, err));
            }
        }
        cr_h5_close(child);
        child = -1;
    }

cleanup:
    cr_h5_close(child);
    cr_h5_close(group);
    return status;
}

static cr_status bad_index(cr_h5_at at, int index, cr_error *err)
{
    return cr_fail(err, CR_EINPUT, "%s: %s: attribute `index` is %d: out of range or not unique",
                   at.file, at.place, index);
}

static cr_status get_model(cr_results *results, cr_h5_at at, const char *name, int model, int index,
                           cr_error *err)
{
    (void)model;
    if (index < 0 || index >= results->plan.n_models || results->plan.models[index].name[0])
        return bad_index(at, index, err);
    cr_results_model *of = &results->plan.models[index];
    if (strlen(name) >= sizeof of->name)
        return cr_fail(err, CR_EINPUT, "%s: %s: the name is longer than %zu bytes", at.file,
                       at.place, sizeof of->name - 1);
    memcpy(of->name, name, strlen(name) + 1);
    CR_OR_RETURN(cr_h5_get_text(at, "file", of->file, sizeof of->file, err));
    CR_OR_RETURN(cr_h5_get_text(at, "sha256", of->sha256, sizeof of->sha256, err));
    CR_OR_RETURN(cr_h5_get_text(at, "input", of->input, sizeof of->input, err));
    CR_OR_RETURN(cr_h5_get_text(at, "filter", of->filter, sizeof of->filter, err));
    if (H5Aexists(at.id, "kernels") > 0)
        CR_OR_RETURN(cr_h5_get_text(at, "kernels", of->kernels, sizeof of->kernels, err));
    if (H5Aexists(at.id, "output") > 0)
        CR_OR_RETURN(cr_h5_get_text(at, "output", of->output, sizeof of->output, err));
    if (H5Aexists(at.id, "tokens") > 0)
        CR_OR_RETURN(cr_h5_get_text(at, "tokens", of->tokens, sizeof of->tokens, err));
    if (H5Aexists(at.id, "parameters") > 0) { /* older files do not say */
        CR_OR_RETURN(cr_h5_get_double(at, "parameters", &of->parameters, err));
        CR_OR_RETURN(cr_h5_get_double(at, "flops", &of->flops, err));
    }
    if (H5Aexists(at.id, "precision") > 0) { /* older files are of float32 */
        int precision;
        CR_OR_RETURN(
            cr_h5_get_word(at, "precision", cr_precision_names, CR_N_PRECISIONS, &precision, err));
        of->precision = (cr_precision)precision;
    }
    if (H5Aexists(at.id, "randomised") > 0)
        CR_OR_RETURN(cr_h5_get_text(at, "randomised", of->randomised, sizeof of->randomised, err));
    return CR_OK;
}

/* A parameter that the file does not name is younger than the file: it has its fallback. */
static cr_status get_parameters(cr_h5_at at, cr_results_variant *variant, cr_error *err)
{
    const cr_method *method = cr_method_find(variant->method);
    if (!method)
        return CR_OK;
    variant->parameters = cr_method_plain(method).parameters;
    variant->fused = H5Aexists(at.id, cr_fusion_parameters.items->key) > 0;
    if (variant->fused)
        CR_OR_RETURN(cr_parameters_get(at, cr_fusion_parameters, &variant->fusion, err));
    for (int i = 0; i < method->parameters.n; i++) {
        const cr_parameters one = {method->parameters.items + i, 1};
        if (H5Aexists(at.id, one.items->key) > 0)
            CR_OR_RETURN(cr_parameters_get(at, one, variant->parameters.bytes, err));
    }
    return CR_OK;
}

static cr_status get_variant(cr_results *results, cr_h5_at at, const char *name, int model,
                             int index, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_model *of = &results->plan.models[model];
    if (index < 0 || index >= of->n_variants || of->variants[index].method[0])
        return bad_index(at, index, err);
    cr_results_variant *variant = &of->variants[index];
    int given, maximum, of_image = 0;
    CR_TRY(cr_h5_get_text(at, "method", variant->method, sizeof variant->method, err));
    CR_TRY(cr_h5_get_text(at, "layer", variant->layer, sizeof variant->layer, err));
    CR_TRY(cr_h5_get_int(at, "layer_given", &given, err));
    variant->layer_given = given != 0;
    CR_TRY(cr_h5_get_word(
        at, "scaling",
        (const char *const[]){cr_scaling_text(CR_SCALING_MIN_MAX), cr_scaling_text(CR_SCALING_MAX)},
        2, &maximum, err));
    variant->scaling = maximum ? CR_SCALING_MAX : CR_SCALING_MIN_MAX;
    if (H5Aexists(at.id, "as") > 0)
        CR_TRY(cr_h5_get_text(at, "as", variant->as, sizeof variant->as, err));
    if (H5Aexists(at.id, "of_image") > 0)
        CR_TRY(cr_h5_get_int(at, "of_image", &of_image, err));
    variant->of_image = of_image != 0;
    CR_TRY(get_parameters(at, variant, err));
    CR_TRY(cr_h5_get_int(at, "map_width", &variant->map_width, err));
    CR_TRY(cr_h5_get_int(at, "map_height", &variant->map_height, err));
    CR_TRY(cr_h5_get_int(at, "views", &variant->n_views, err));
    if (H5Aexists(at.id, "baselines_sha256") > 0)
        CR_TRY(cr_h5_get_text(at, "baselines_sha256", variant->baselines, sizeof variant->baselines,
                              err));
    variant->map_slots = results->plan.map_slots;
    if (H5Aexists(at.id, "map_slots") > 0)
        CR_TRY(cr_h5_get_int(at, "map_slots", &variant->map_slots, err));
    cr_results_path group;
    cr_layout_group(&results->plan, CR_GROUP_VARIANT(model, index), group);
    const char *expected = strrchr(group, '/') + 1;
    if (strcmp(expected, name) != 0)
        status = cr_fail(err, CR_EINPUT, "%s: %s: by its attributes the group is `%s`", at.file,
                         at.place, expected);

cleanup:
    return status;
}

static cr_status get_protocol(cr_results *results, cr_h5_at at, const char *name, int model,
                              int index, cr_error *err)
{
    (void)model;
    const cr_results_plan *plan = &results->plan;
    if (index < 0 || index >= plan->n_protocols || plan->protocols[index].name[0])
        return bad_index(at, index, err);
    cr_protocol *protocol = &plan->protocols[index];
    if (strlen(name) >= sizeof protocol->name)
        return cr_fail(err, CR_EINPUT, "%s: %s: the name is longer than %zu bytes", at.file,
                       at.place, sizeof protocol->name - 1);
    memcpy(protocol->name, name, strlen(name) + 1);
    return cr_parameters_get(at, cr_protocol_parameters, protocol, err);
}

static cr_status get_protocols(cr_results *results, cr_error *err)
{
    cr_results_plan *plan = &results->plan;
    int n;
    CR_OR_RETURN(visit_groups(results, "/protocols", -1, NULL, &n, err));
    plan->protocols = cr_alloc((size_t)n, sizeof *plan->protocols);
    if (!plan->protocols)
        return cr_fail_memory(err, results->path, (size_t)n, sizeof *plan->protocols);
    plan->n_protocols = n;
    return visit_groups(results, "/protocols", -1, get_protocol, &n, err);
}

/* Of a metric in the group /metrics. */
static cr_status get_metric(cr_results *results, int metric, cr_error *err)
{
    cr_status status = CR_OK;
    struct cr_results_metric *of = &results->plan.metrics[metric];
    cr_results_path path;
    snprintf(path, sizeof path, "/metrics/%s", cr_metrics[metric]->name);
    const hid_t group = H5Gopen2(results->file, path, H5P_DEFAULT);
    if (group < 0)
        return cr_h5_fail(err, CR_EINPUT, "%s: %s", results->path, path);
    of->wanted = true;
    CR_TRY(cr_parameters_get((cr_h5_at){group, results->path, path}, cr_metrics[metric]->parameters,
                             of->parameters.bytes, err));

cleanup:
    cr_h5_close(group);
    return status;
}

/* The metrics that are not in every file. Each has to be known, since /summary has its numbers. */
static cr_status get_metrics(cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    H5G_info_t info;
    hsize_t n = 0;
    if (H5Lexists(results->file, "/metrics", H5P_DEFAULT) <= 0)
        return CR_OK;
    const hid_t group = H5Gopen2(results->file, "/metrics", H5P_DEFAULT);
    if (group < 0 || H5Gget_info(group, &info) < 0)
        CR_TRY(cr_h5_fail(err, CR_EINPUT, "%s: /metrics", results->path));
    for (int m = 0; cr_metrics[m]; m++)
        if (!cr_metrics[m]->always && H5Lexists(group, cr_metrics[m]->name, H5P_DEFAULT) > 0) {
            CR_TRY(get_metric(results, m, err));
            n++;
        }
    if (n < info.nlinks)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: /metrics: holds one that this program does not know",
                       results->path));

cleanup:
    cr_h5_close(group);
    return status;
}

static cr_status get_models(cr_results *results, cr_error *err)
{
    cr_results_plan *plan = &results->plan;
    int n;
    CR_OR_RETURN(visit_groups(results, "/models", -1, NULL, &n, err));
    plan->models = cr_alloc((size_t)n, sizeof *plan->models);
    if (!plan->models)
        return cr_fail_memory(err, results->path, (size_t)n, sizeof *plan->models);
    plan->n_models = n;
    CR_OR_RETURN(visit_groups(results, "/models", -1, get_model, &n, err));
    for (int m = 0; m < plan->n_models; m++) {
        cr_results_path group;
        cr_results_model *model = &plan->models[m];
        cr_layout_group(plan, CR_GROUP_MODEL(m), group);
        CR_OR_RETURN(visit_groups(results, group, m, NULL, &n, err));
        model->variants = cr_alloc((size_t)n, sizeof *model->variants);
        if (!model->variants)
            return cr_fail_memory(err, results->path, (size_t)n, sizeof *model->variants);
        model->n_variants = n;
        CR_OR_RETURN(visit_groups(results, group, m, get_variant, &n, err));
    }
    return CR_OK;
}

/* Opens a dataset and checks its type. The number of its rows becomes *n, unless *n is not -1: then
 * it must be that. *text_bytes is the length of the strings of a text column. */
static cr_status open_column(cr_results *results, const char *folder, cr_column_id column,
                             cr_group group, int64_t *n, size_t *text_bytes, hid_t *dataset,
                             cr_error *err)
{
    cr_status status = CR_OK;
    hsize_t expected[CR_MAX_RANK], shape[CR_MAX_RANK] = {0};
    hid_t type = -1, wanted = -1, space = -1, properties = -1;
    cr_results_path place;
    snprintf(place, sizeof place, "%.480s/%s", folder, cr_column_at(column).name);
    *dataset = H5Dopen2(results->file, place, H5P_DEFAULT);
    if (*dataset >= 0) {
        type = H5Dget_type(*dataset);
        space = H5Dget_space(*dataset);
        properties = H5Dget_create_plist(*dataset);
    }
    if (type < 0 || space < 0 || properties < 0) {
        status = cr_h5_fail(err, CR_EINPUT, "%s: %s", results->path, place);
        goto cleanup;
    }
    CR_TRY(cr_h5_check_storage(properties, results->path, place, err));
    if (cr_column_at(column).kind == CR_KIND_TEXT)
        *text_bytes = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0
                          ? H5Tget_size(type)
                          : 0;
    bool fits = true;
    if (cr_column_at(column).kind == CR_KIND_TEXT)
        fits = *text_bytes >= 1 && *text_bytes <= CR_MAX_TEXT_BYTES;
    if (fits) {
        wanted = cr_layout_type(column, &results->plan, *text_bytes);
        fits = H5Tequal(type, wanted) > 0;
    }
    if (!fits) {
        status = cr_fail(err, CR_EINPUT, "%s: %s: wrong data type", results->path, place);
        goto cleanup;
    }
    fits = H5Sget_simple_extent_ndims(space) ==
               cr_layout_shape(column, &results->plan, group, *n, expected) &&
           H5Sget_simple_extent_dims(space, shape, NULL) >= 0;
    for (int i = *n < 0; fits && i < CR_MAX_RANK && i < H5Sget_simple_extent_ndims(space); i++)
        fits = shape[i] == expected[i];
    if (!fits) {
        status = cr_fail(err, CR_EINPUT, "%s: %s: wrong shape", results->path, place);
        goto cleanup;
    }
    *n = (int64_t)shape[0];

cleanup:
    cr_h5_close(properties);
    cr_h5_close(space);
    cr_h5_close(wanted);
    cr_h5_close(type);
    return status;
}

/* Appends to data->text and gives the offset. The room was made by read_set_column. */
static uint32_t append_text(cr_dataset *data, const char *text, size_t bytes)
{
    const size_t offset = data->text_bytes;
    const size_t length = strnlen(text, bytes);
    memcpy(data->text + offset, text, length);
    data->text[offset + length] = 0;
    data->text_bytes += length + 1;
    return (uint32_t)offset;
}

/* Reads a column of the image set into its member of every row. */
static cr_status read_set_column(cr_results *results, cr_column_id column, hid_t dataset,
                                 size_t text_bytes, cr_error *err)
{
    cr_status status = CR_OK;
    cr_dataset *data = &results->data;
    const cr_column of = cr_column_at(column);
    uint8_t *rows, *buffer = NULL;
    size_t stride, total;
    const int n = cr_layout_set_rows(of.owner, data, &rows, &stride);
    hid_t type = cr_layout_type(column, &results->plan, text_bytes);
    const size_t n_items = of.extents[0] ? (size_t)of.extents[0] : 1;
    const size_t item = n_items * H5Tget_size(type);
    if (!cr_size_mul((size_t)n, item + 1, &total) || total > CR_MAX_COLUMN_BYTES) {
        status = cr_fail(err, CR_EINPUT, "%s: %s/%s: larger than %d bytes", results->path,
                         cr_layout_set_group(of.owner), of.name, CR_MAX_COLUMN_BYTES);
        goto cleanup;
    }
    buffer = cr_alloc((size_t)n, item);
    char *text = of.kind == CR_KIND_TEXT ? realloc(data->text, data->text_bytes + total) : NULL;
    if (text)
        data->text = text;
    if (!buffer || (of.kind == CR_KIND_TEXT && !text)) {
        status = cr_fail_memory(err, results->path, (size_t)n, item);
        goto cleanup;
    }
    if (n > 0 && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer) < 0) {
        status = cr_h5_fail(err, CR_EINPUT, "%s: %s/%s", results->path,
                            cr_layout_set_group(of.owner), of.name);
        goto cleanup;
    }
    for (int i = 0; i < n; i++) {
        const uint8_t *from = buffer + (size_t)i * item;
        uint8_t *to = rows + (size_t)i * stride + of.offset;
        if (of.kind == CR_KIND_TEXT) {
            const uint32_t offset = append_text(data, (const char *)from, text_bytes);
            memcpy(to, &offset, sizeof offset);
        } else {
            cr_layout_unpack(column, &results->plan, from, n_items, to);
        }
    }

cleanup:
    cr_h5_close(type);
    free(buffer);
    return status;
}

/* Makes room for n rows of the owner. */
static cr_status make_rows(cr_results *results, cr_column_owner owner, int64_t n, cr_error *err)
{
    cr_dataset *data = &results->data;
    const int64_t most = owner == CR_OF_CLASSES  ? CR_MAX_CLASSES
                         : owner == CR_OF_IMAGES ? CR_MAX_IMAGES
                                                 : CR_MAX_BOXES;
    if (n < 0 || n > most)
        return cr_fail(err, CR_EINPUT, "%s: %s: %lld rows, more than the limit of %lld",
                       results->path, cr_layout_set_group(owner), (long long)n, (long long)most);
    void *rows = NULL;
    size_t stride = 0;
    if (owner == CR_OF_CLASSES) {
        rows = data->classes = cr_alloc((size_t)n, stride = sizeof *data->classes);
        data->n_classes = rows ? (int)n : 0;
    } else if (owner == CR_OF_IMAGES) {
        rows = data->images = cr_alloc((size_t)n, stride = sizeof *data->images);
        data->n_images = rows ? (int)n : 0;
    } else {
        rows = data->boxes = cr_alloc((size_t)n, stride = sizeof *data->boxes);
        data->n_boxes = rows ? (int)n : 0;
    }
    return rows ? CR_OK : cr_fail_memory(err, results->path, (size_t)n, stride);
}

static cr_status get_data(cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    cr_dataset *data = &results->data;
    int64_t n[CR_OF_BOXES + 1] = {-1, -1, -1}; /* rows of each owner, once known */
    hid_t dataset = -1, group = H5Gopen2(results->file, "/images", H5P_DEFAULT);
    if (group < 0) {
        status = cr_h5_fail(err, CR_EINPUT, "%s: /images", results->path);
        goto cleanup;
    }
    const cr_h5_at at = {group, results->path, "/images"};
    CR_TRY(cr_h5_dup_text(at, "folder", &data->folder, err));
    if (H5Aexists(group, "masks") > 0)
        CR_TRY(cr_h5_dup_text(at, "masks", &data->masks, err));
    if (H5Aexists(group, "segments") > 0)
        CR_TRY(cr_h5_dup_text(at, "segments", &data->segments, err));
    results->plan.has_difficult =
        H5Lexists(group, cr_column_at(CR_COLUMN_N_DIFFICULT).name, H5P_DEFAULT) > 0;
    data->text = cr_alloc(1, 1);
    if (!data->text) {
        status = cr_fail_memory(err, results->path, 1, 1);
        goto cleanup;
    }
    data->text_bytes = 1;
    for (int column = 0; column < cr_n_columns(); column++) {
        const cr_column_owner owner = cr_column_at(column).owner;
        if (owner > CR_OF_BOXES || !cr_layout_has(column, &results->plan, (cr_group){-1, -1, -1}))
            continue;
        size_t text_bytes = 0;
        const bool first = n[owner] < 0;
        CR_TRY(open_column(results, cr_layout_set_group(owner), column, (cr_group){-1, -1, -1},
                           &n[owner], &text_bytes, &dataset, err));
        if (first)
            CR_TRY(make_rows(results, owner, n[owner], err));
        CR_TRY(read_set_column(results, column, dataset, text_bytes, err));
        cr_h5_close(dataset);
        dataset = -1;
    }
    for (int i = 0; i < data->n_images; i++)
        data->n_excluded += !data->images[i].localize;
    results->plan.no_labels = !cr_data_has_labels(data);
    results->plan.no_boxes = !cr_data_has_boxes(data);

cleanup:
    cr_h5_close(dataset);
    cr_h5_close(group);
    return status;
}

cr_status cr_results_open_columns(cr_results *results, cr_error *err)
{
    const cr_results_plan *plan = &results->plan;
    int64_t n = results->data.n_images;
    size_t text_bytes = 0;
    for (cr_group group = {-1, -1, -1}; cr_group_next(plan, &group);) {
        cr_results_path folder;
        cr_layout_group(plan, group, folder);
        cr_group_ids *ids = cr_results_group(results, group);
        for (int column = 0; column < cr_n_columns(); column++)
            if (cr_column_at(column).owner == cr_group_owner(group) &&
                cr_layout_has(column, plan, group))
                CR_OR_RETURN(open_column(results, folder, column, group, &n, &text_bytes,
                                         &ids->of[column], err));
    }
    return CR_OK;
}

cr_status cr_results_open(const char *path, cr_results **results, cr_error *err)
{
    cr_status status = CR_OK;
    cr_results *opening = cr_results_new(path);
    *results = NULL;
    cr_h5_quiet();
    if (!opening)
        return cr_fail_memory(err, path, 1, sizeof *opening);
    CR_TRY(cr_h5_open(opening->path, &opening->file, err));
    CR_TRY(get_root(opening, err));
    CR_TRY(get_protocols(opening, err));
    CR_TRY(get_metrics(opening, err));
    CR_TRY(get_models(opening, err));
    CR_TRY(get_data(opening, err));
    CR_TRY(cr_results_check(path, &opening->plan, &opening->data, err));
    CR_TRY(cr_results_make_groups(opening, err));
    CR_TRY(cr_results_open_columns(opening, err));
    *results = opening;
    opening = NULL;

cleanup:
    cr_results_release(opening, NULL);
    return status;
}
