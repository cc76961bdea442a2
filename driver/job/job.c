/* From the YAML of a job to a checked struct: defaults, limits, paths, and --set. Every message
 * names the key, and the line or the option that it came from. */
#include "job.h"

#include "camrank/near.h"
#include "camrank/nn.h"
#include "camrank/report.h"

#include "job_given.h"
#include "job_input.h"
#include "job_method.h"
#include "job_metric.h"
#include "job_path.h"
#include "job_protocol.h"
#include "job_random.h"
#include "job_schema.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BATCH 1024

/* snprintf for key paths, whose parts are known to be short. */
#define KEY(...) snprintf(key, sizeof key, __VA_ARGS__)

/* Both have room for CR_NAME_BYTES; libcyaml has checked the length. */
static void copy_name(char *to, const char *from)
{
    snprintf(to, CR_NAME_BYTES, "%s", from ? from : "");
}

/* The names of the layouts that take a key, with `between` between them. */
static const char *layouts_with(cr_data_key key, const char *between, char text[CR_JOB_PATH_BYTES])
{
    size_t n = 0;
    text[0] = 0;
    for (const cr_layout *const *layout = cr_layouts; *layout; layout++)
        if (cr_data_key_use(*layout, key) != CR_KEY_REFUSED && n < CR_JOB_PATH_BYTES)
            n += (size_t)snprintf(text + n, CR_JOB_PATH_BYTES - n, "%s%s", n ? between : "",
                                  (*layout)->name);
    return text;
}

/* The layout, and the keys that go with it. */
static cr_status read_layout(cr_job_source *source, const cr_job_raw_dataset *raw,
                             const char *folder, cr_job *job, cr_error *err)
{
#define KEY_PATH(KEY, member) &job->data.member,
    const char **const paths[] = {CR_DATA_KEY_LIST(KEY_PATH)};
    char key[CR_JOB_PATH_BYTES], names[CR_JOB_PATH_BYTES];
    const cr_layout *layout = job->data.layout = cr_layout_find(raw->layout);
    cr_near near;
    layouts_with(CR_DATA_IMAGES, " or ", names);
    if (!layout)
        return cr_job_fail(err, source, "dataset.layout", "must be %s, not \"%.64s\"%s", names,
                           raw->layout, cr_near_of(&near, raw->layout, names));
    for (cr_data_key k = 0; k < CR_DATA_N_KEYS; k++) {
        KEY("dataset.%s", cr_data_key_name(k));
        if (!raw->keys[k] && cr_data_key_use(layout, k) == CR_KEY_NEEDED)
            return cr_job_fail(err, source, "dataset", "the key \"%s\" is missing",
                               cr_data_key_name(k));
        if (raw->keys[k] && cr_data_key_use(layout, k) == CR_KEY_REFUSED)
            return cr_job_fail(err, source, key, "not for layout %s, only for %s", layout->name,
                               layouts_with(k, ", ", names));
        const bool none = k == CR_DATA_IMAGES && strcmp(raw->keys[k], "none") == 0;
        if (none && cr_data_key_use(layout, k) == CR_KEY_NEEDED)
            return cr_job_fail(err, source, key, "none is not for layout %s", layout->name);
        if (!raw->keys[k] || none)
            continue;
        cr_status status =
            cr_job_read_path(source, key, folder, raw->keys[k], (char **)paths[k], err);
        if (status != CR_OK)
            return status;
    }
    return CR_OK;
}

static cr_status read_subset(cr_job_source *source, const cr_job_raw_subset *raw,
                             const char *folder, cr_job *job, cr_error *err)
{
    cr_data_source *data = &job->data;
    data->subset_stride = raw->stride ? cr_job_clamp_int(*raw->stride) : 1;
    if (data->subset_stride < 1)
        return cr_job_fail(err, source, "dataset.subset.stride", "%d, must be 1 or more",
                           data->subset_stride);
    char **classes = cr_alloc(raw->n_classes, sizeof *classes);
    if (!classes)
        return cr_fail_memory(err, "job", raw->n_classes, sizeof *classes);
    data->subset_classes = (const char *const *)classes;
    for (unsigned i = 0; i < raw->n_classes; i++) {
        classes[i] = strdup(raw->classes[i]);
        if (!classes[i])
            return cr_fail_memory(err, "job", strlen(raw->classes[i]), 1);
        data->n_subset_classes++;
    }
    return raw->list ? cr_job_read_path(source, "dataset.subset.list", folder, raw->list,
                                        (char **)&data->subset_list, err)
                     : CR_OK;
}

static cr_status read_dataset(cr_job_source *source, const cr_job_raw_dataset *raw,
                              const char *folder, cr_job *job, cr_error *err)
{
    cr_status status = CR_OK;
    if (raw->limit < 0 || raw->limit > INT_MAX)
        return cr_job_fail(err, source, "dataset.limit", "must be 0 (all images) to %d", INT_MAX);
    job->data.limit = (int)raw->limit;
    job->skip_failed = raw->failed == 1;
    CR_TRY(read_layout(source, raw, folder, job, err));
    CR_TRY(read_subset(source, &raw->subset, folder, job, err));
cleanup:
    return status;
}

/* Whether they are known, and fit, is the network's to say. */
static cr_status read_kernels(cr_job_source *source, const cr_job_raw_model *raw, unsigned i,
                              cr_job_model *model, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    size_t n = 0;
    for (unsigned j = 0; j < raw->n_kernels && n < sizeof model->kernels; j++)
        n += (size_t)snprintf(model->kernels + n, sizeof model->kernels - n, "%s%s",
                              j > 0 ? "\n" : "", raw->kernels[j]);
    KEY("models.%u.kernels", i);
    if (n >= sizeof model->kernels)
        return cr_job_fail(err, source, key, "are longer than %zu bytes together",
                           sizeof model->kernels - raw->n_kernels);
    return CR_OK;
}

/* Whether a layer has so many is the network's to say. */
static cr_status read_tokens(cr_job_source *source, const cr_job_raw_tokens *raw, unsigned i,
                             cr_tokens *tokens, cr_error *err)
{
    enum { MOST = 4096 };
    char key[CR_JOB_PATH_BYTES];
    KEY("models.%u.tokens", i);
    if (!cr_job_tree_find(&source->changed, key))
        return CR_OK;
    if (raw->height < 1 || raw->height > MOST || raw->width < 1 || raw->width > MOST ||
        raw->skip < 0 || raw->skip > MOST)
        return cr_job_fail(
            err, source, key,
            "height and width must be 1 to %d, skip 0 to %d, not %lld, %lld and %lld", MOST, MOST,
            (long long)raw->height, (long long)raw->width, (long long)raw->skip);
    *tokens = (cr_tokens){(int)raw->height, (int)raw->width, (int)raw->skip};
    return CR_OK;
}

static cr_status read_models(cr_job_source *source, const cr_job_raw *raw, const char *folder,
                             cr_job *job, cr_error *err)
{
    cr_status status = CR_OK;
    char key[CR_JOB_PATH_BYTES];
    job->models = cr_alloc(raw->n_models, sizeof *job->models);
    if (!job->models)
        return cr_fail_memory(err, "job", raw->n_models, sizeof *job->models);
    for (unsigned i = 0; i < raw->n_models; i++) {
        const cr_job_raw_model *from = &raw->models[i];
        cr_job_model *model = &job->models[i];
        job->n_models++;
        KEY("models.%u.name", i);
        if (!cr_job_is_plain_name(from->name))
            return cr_job_fail(err, source, key,
                               "\"%.64s\", must be letters, digits and . _ -, a letter or digit "
                               "first",
                               from->name);
        if (strcmp(from->name, CR_BASELINE_MODEL) == 0)
            return cr_job_fail(err, source, key, "\"%s\" is the name of the rows without a model",
                               from->name);
        for (unsigned j = 0; j < i; j++)
            if (strcmp(job->models[j].name, from->name) == 0)
                return cr_job_fail(err, source, key, "\"%s\" is the name of models[%u] too",
                                   from->name, j);
        copy_name(model->name, from->name);
        copy_name(model->output, from->output);
        copy_name(model->layer, from->layer);
        model->precision = (cr_precision)from->precision;
        snprintf(model->file_given, sizeof model->file_given, "%s", from->file);
        KEY("models.%u.file", i);
        CR_TRY(cr_job_read_path(source, key, folder, from->file, &model->file, err));
        KEY("models.%u.weights", i);
        if (from->weights)
            CR_TRY(cr_job_read_path(source, key, folder, from->weights, &model->weights, err));
        CR_TRY(cr_job_read_given(source, i, folder, &model->inputs, err));
        CR_TRY(read_kernels(source, from, i, model, err));
        CR_TRY(read_tokens(source, &from->tokens, i, &model->tokens, err));
        CR_TRY(cr_job_read_random(source, &from->randomise, i, &model->randomise, err));
        CR_TRY(cr_job_read_input(source, &from->input, i, &model->input, err));
        KEY("models.%u.input.mean_file", i);
        if (from->input.mean_file)
            CR_TRY(cr_job_read_path(source, key, folder, from->input.mean_file, &model->mean_file,
                                    err));
        KEY("models.%u.methods", i);
        if (cr_job_tree_find(&source->changed, key))
            CR_TRY(cr_job_read_methods(source, key, from->methods, from->n_methods, &job->data,
                                       &model->methods, err));
    }
cleanup:
    return status;
}

/* *to is *value, or `fallback` where that is not given. */
static cr_status read_limit(cr_job_source *source, const char *key, const int64_t *value,
                            int fallback, int most, int *to, cr_error *err)
{
    if (value && (*value < 1 || *value > most))
        return cr_job_fail(err, source, key, "%lld, must be 1 to %d", (long long)*value, most);
    *to = value ? (int)*value : fallback;
    return CR_OK;
}

/* Of a network without one, the classes alone are computed: by a list that is empty, not by none. */
static cr_status check_methods(cr_job_source *source, const cr_job *job, int m, cr_error *err)
{
    if (job->models[m].methods.specs || cr_job_tree_find(&source->changed, "methods"))
        return CR_OK;
    return cr_job_fail(err, source, "",
                       "the key \"methods\" is missing (methods: [] is for classes alone)");
}

static cr_status read_job(cr_job_source *source, const cr_job_raw *raw, const char *folder,
                          cr_job *job, cr_error *err)
{
    cr_status status = CR_OK;
    copy_name(job->name, raw->name);
    CR_TRY(read_dataset(source, &raw->dataset, folder, job, err));
    CR_TRY(read_models(source, raw, folder, job, err));
    if (job->n_models > 0 && !job->data.images)
        CR_TRY(cr_job_fail(err, source, "dataset.images",
                           "none is for a job without models (models: [])"));
    CR_TRY(cr_job_read_methods(source, "methods", raw->methods, raw->n_methods, &job->data,
                               &job->methods, err));
    for (int m = 0; m < job->n_models; m++)
        CR_TRY(check_methods(source, job, m, err));
    CR_TRY(cr_job_read_protocols(source, raw, job, err));
    CR_TRY(cr_job_read_metrics(source, raw, job, err));
    CR_TRY(cr_job_read_keep(source, "heatmaps.classes", raw->heatmaps.classes, job->data.layout,
                            &job->map_slots, err));
    job->map_float16 = raw->heatmaps.type == 1;
    CR_TRY(read_limit(source, "batch", raw->batch, 16, MAX_BATCH, &job->batch, err));
    CR_TRY(read_limit(source, "limits.activations_mb", raw->limits.activations_mb,
                      CR_NET_DEFAULT_ACTIVATIONS_MB, INT_MAX, &job->activations_mb, err));
    CR_TRY(read_limit(source, "limits.image_mpixels", raw->limits.image_mpixels,
                      CR_IMAGE_DEFAULT_MPIXELS, CR_IMAGE_MAX_MPIXELS, &job->image_mpixels, err));
    if (raw->threshold_from)
        CR_TRY(cr_job_read_path(source, "threshold_from", folder, raw->threshold_from,
                                &job->threshold_from, err));
    CR_TRY(cr_job_read_path(source, "output", folder, raw->output, &job->output, err));
cleanup:
    return status;
}

static cr_status apply_set(cr_job_tree *tree, const char *set, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    size_t length = strcspn(set, "=");
    for (size_t at = 0, n; set[at]; at += n) {
        n = cr_utf8_bytes(set + at, strlen(set + at));
        if (n == 0 || iscntrl((unsigned char)set[at]))
            return cr_fail(err, CR_EUSAGE, "--set %.160s: %s", set,
                           n ? "control character" : "not UTF-8");
    }
    if (length == 0 || length >= sizeof key || !set[length])
        return cr_fail(err, CR_EUSAGE, "--set %.160s: must be key=value", set);
    KEY("%.*s", (int)length, set);
    if (*key == '.' || key[length - 1] == '.' || strstr(key, ".."))
        return cr_fail(err, CR_EUSAGE, "--set %.160s: \"%s\" is not a key", set, key);
    /* Of the two only one may be there. */
    if (strcmp(key, "protocol") == 0 || strcmp(key, "protocols") == 0)
        cr_job_tree_remove(tree, strcmp(key, "protocol") == 0 ? "protocols" : "protocol");
    cr_status status = cr_job_tree_set(tree, key, set + length + 1, err);
    if (status == CR_EINPUT) {
        err->status = CR_EUSAGE;
        return cr_fail_in(err, "--set %.160s: ", set);
    }
    return status;
}

/* The --set options, one a line. */
static cr_status join_sets(const char *const *sets, int n_sets, char **joined, cr_error *err)
{
    size_t bytes = 1, n = 0;
    for (int i = 0; i < n_sets; i++)
        bytes += strlen(sets[i]) + 1;
    *joined = cr_alloc(bytes, 1);
    if (!*joined)
        return cr_fail_memory(err, "job", bytes, 1);
    for (int i = 0; i < n_sets; i++)
        n += (size_t)snprintf(*joined + n, bytes - n, "%s\n", sets[i]);
    return CR_OK;
}

/* What may be given by its name alone becomes a mapping, a number for all channels a list. Before --set, so that it can change a key of
 * such an item; after, for those that it gives. */
static cr_status wrap(cr_job_tree *tree, cr_error *err)
{
    static const char *const named[][2] = {
        {"protocols.*", "name"},        {"methods.*", "name"},        {"metrics.*", "name"},
        {"models.*.methods.*", "name"}, {"models.*.input", "preset"}, {"defaults.input", "preset"}};
    static const char *const lists[] = {"models.*.input.mean", "models.*.input.std",
                                        "defaults.input.mean", "defaults.input.std"};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        CR_OR_RETURN(cr_job_tree_wrap(tree, named[i][0], named[i][1], err));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        CR_OR_RETURN(cr_job_tree_wrap(tree, lists[i], NULL, err));
    return CR_OK;
}

/* Gives each model what `defaults` has and it has not. */
static cr_status complete_models(cr_job_tree *tree, cr_error *err)
{
    /* Of what a key of the model's own replaces, nothing is left. */
    static const char *const replaced[][2] = {
        {"resize", "short_side"}, {"resize", "crop"}, {"mean_file", "mean"}, {"mean", "mean_file"}};
    enum { N_REPLACED = sizeof replaced / sizeof *replaced };
    char key[CR_JOB_PATH_BYTES];
    for (int i = 0; i < CR_JOB_MAX_LIST; i++) {
        KEY("models.%d", i);
        if (!cr_job_tree_find(tree, key))
            break;
        KEY("models.%d.input.preset", i);
        const bool own = cr_job_tree_find(tree, key) != NULL;
        const char *except[N_REPLACED + 1] = {NULL};
        for (int r = 0, n = 0; r < N_REPLACED; r++) {
            KEY("models.%d.input.%s", i, replaced[r][0]);
            if (cr_job_tree_find(tree, key))
                except[n++] = replaced[r][1];
        }
        KEY("models.%d.input", i);
        if (!own)
            CR_OR_RETURN(cr_job_tree_complete(tree, key, "defaults.input", except, err));
        KEY("models.%d", i);
        CR_OR_RETURN(cr_job_tree_complete(tree, key, "defaults", NULL, err));
    }
    return CR_OK;
}

cr_status cr_job_parse(const char *text, size_t n_bytes, const char *path, const char *const *sets,
                       int n_sets, cr_job *job, cr_error *err)
{
    cr_status status = CR_OK;
    cr_error own;
    cr_job_source source = {.path = path, .sets = sets, .n_sets = n_sets};
    cr_job_raw *raw = NULL;
    cr_job_tree edited = {.loaded = false};
    char *folder = NULL, *printed = NULL;
    size_t n_printed;
    int line;
    *job = (cr_job){0};
    if (!err)
        err = &own;

    if (n_bytes > CR_JOB_MAX_BYTES) {
        status = cr_fail(err, CR_EINPUT, "%s: %zu bytes, more than the limit of %zu", path, n_bytes,
                         CR_JOB_MAX_BYTES);
        goto cleanup;
    }
    status = cr_job_tree_parse(text, n_bytes, &source.given, &line, err);
    if (status == CR_EINPUT)
        cr_fail_in(err, "%s:%d: ", path, line);
    if (status != CR_OK)
        goto cleanup;

    /* With or without --set, libcyaml gets the text that the tree was checked and printed from. */
    CR_TRY(cr_job_tree_parse(text, n_bytes, &edited, &line, err));
    CR_TRY(wrap(&edited, err));
    for (int i = 0; i < n_sets; i++)
        CR_TRY(apply_set(&edited, sets[i], err));
    CR_TRY(wrap(&edited, err));
    CR_TRY(complete_models(&edited, err));
    CR_TRY(cr_job_tree_print(&edited, &printed, &n_printed, err));
    status = cr_job_tree_parse(printed, n_printed, &source.changed, &line, err);
    if (status == CR_EINPUT)
        cr_fail_in(err, "%s: ", path); /* lines are no longer the file's */
    if (status != CR_OK)
        goto cleanup;
    CR_TRY(cr_job_raw_load(printed, n_printed, &source, &raw, err));

    folder = cr_path_folder(path);
    job->text = strndup(text, n_bytes);
    if (!folder || !job->text) {
        status = cr_fail_memory(err, "job", n_bytes, 1);
        goto cleanup;
    }
    CR_TRY(join_sets(sets, n_sets, &job->overrides, err));
    CR_TRY(read_job(&source, raw, folder, job, err));

cleanup:
    cr_job_raw_free(raw);
    cr_job_tree_free(&source.given);
    cr_job_tree_free(&source.changed);
    cr_job_tree_free(&edited);
    free(printed);
    free(folder);
    if (status != CR_OK)
        cr_job_free(job);
    return status;
}

static void free_model(cr_job_model *model)
{
    free(model->file);
    free(model->weights);
    free(model->mean_file);
    cr_given_free(&model->inputs);
    free(model->randomise.at);
    free(model->methods.specs);
}

cr_status cr_job_take_part(cr_job *job, int part, int n_parts, cr_error *err)
{
    const int first = (int)((int64_t)job->n_models * (part - 1) / n_parts);
    const int last = (int)((int64_t)job->n_models * part / n_parts);
    if (n_parts == 1)
        return CR_OK;
    if (first == last)
        return cr_fail(err, CR_EUSAGE,
                       "--part %d/%d: has no model: the job has %d, so at most that many parts",
                       part, n_parts, job->n_models);
    for (int m = 0; m < job->n_models; m++)
        if (m < first || m >= last)
            free_model(&job->models[m]);
    job->n_models = last - first;
    memmove(job->models, job->models + first, (size_t)job->n_models * sizeof *job->models);
    return CR_OK;
}

void cr_job_drop_models(cr_job *job)
{
    for (int i = 0; i < job->n_models; i++)
        free_model(&job->models[i]);
    job->n_models = 0;
}

void cr_job_free(cr_job *job)
{
    cr_job_drop_models(job);
    free(job->models);
    free(job->methods.specs);
    free(job->protocols);
    free(job->text);
    free(job->overrides);
#define KEY_FREE(KEY, member) free((char *)job->data.member);
    CR_DATA_KEY_LIST(KEY_FREE)
    free((char *)job->data.subset_list);
    for (int i = 0; i < job->data.n_subset_classes; i++)
        free((char *)job->data.subset_classes[i]);
    free((void *)job->data.subset_classes);
    free(job->threshold_from);
    free(job->output);
    *job = (cr_job){0};
}
