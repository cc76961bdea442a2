/* The keys of a job for libcyaml, completed from the tables of parameters, and its failures said in
 * the job's own words. */
#include "job_schema.h"

#include "job.h"

#include "camrank/image.h"
#include "camrank/method.h"
#include "camrank/near.h"
#include "camrank/results.h"

#include <cyaml/cyaml.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST CYAML_FLAG_DEFAULT
#define MAY CYAML_FLAG_OPTIONAL
#define MAX_PATH 4095
#define STRING(key, flags, type, member, max) \
    CYAML_FIELD_STRING_PTR(key, flags, type, member, 1, max)
#define WORD(key, flags, type, member, words) \
    CYAML_FIELD_ENUM(key, CYAML_FLAG_STRICT | (flags), type, member, words, CYAML_ARRAY_LEN(words))
#define WORD_PTR(key, flags, type, member, words)                               \
    CYAML_FIELD_ENUM_PTR(key, CYAML_FLAG_STRICT | (flags), type, member, words, \
                         CYAML_ARRAY_LEN(words))

static const cyaml_strval_t failures[] = {{"wrong", 0}, {"skip", 1}};
static const cyaml_strval_t resizes[] = {{"squash", CR_RESIZE_SQUASH},
                                         {"short-side", CR_RESIZE_SHORT_SIDE}};
static const cyaml_strval_t crops[] = {{"center", CR_CROP_CENTER}, {"ten", CR_CROP_TEN}};
#define FILTER_WORD(filter, name) {name, filter},
static const cyaml_strval_t filters[] = {CR_FILTER_LIST(FILTER_WORD)};
#define CHANNELS_WORD(channels, name, n) {name, channels},
static const cyaml_strval_t channels[] = {CR_CHANNELS_LIST(CHANNELS_WORD)};
static const cyaml_strval_t kept_classes[] = {{"all", CR_SLOTS}, {"truth", 1}, {"none", 0}};
static const cyaml_strval_t map_types[] = {{"float32", 0}, {"float16", 1}};

static const cyaml_strval_t random_orders[] = {{"cascading", CR_RANDOM_CASCADING},
                                               {"independent", CR_RANDOM_INDEPENDENT}};
static const cyaml_strval_t precisions[] = {{"float32", CR_FLOAT32}, {"bfloat16", CR_BFLOAT16}};
static const cyaml_strval_t truths[] = {{"false", 0}, {"true", 1}};

static const cyaml_schema_value_t whole_number = {CYAML_VALUE_INT(MUST, int64_t)};
static const cyaml_schema_value_t number = {CYAML_VALUE_FLOAT(CYAML_FLAG_STRICT, double)};
static const cyaml_schema_value_t kernel = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 2 * CR_NAME_BYTES)};

static const cyaml_schema_value_t layer_name = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CR_NAME_BYTES - 1)};

/* What must be given where no preset is says job.c. */
static const cyaml_schema_field_t input_fields[] = {
    STRING("preset", MAY, cr_job_raw_input, preset, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE_FIXED("size", MAY, cr_job_raw_input, size, &whole_number, 2),
    WORD("resize", MAY, cr_job_raw_input, resize, resizes),
    CYAML_FIELD_INT_PTR("short_side", MAY, cr_job_raw_input, short_side),
    WORD_PTR("crop", MAY, cr_job_raw_input, crop, crops),
    WORD("filter", MAY, cr_job_raw_input, filter, filters),
    WORD("channels", MAY, cr_job_raw_input, channels, channels),
    CYAML_FIELD_FLOAT("range", CYAML_FLAG_STRICT | MAY, cr_job_raw_input, range),
    CYAML_FIELD_SEQUENCE_COUNT("mean", CYAML_FLAG_POINTER | MAY, cr_job_raw_input, mean, n_mean,
                               &number, 1, CR_MAX_CHANNELS),
    STRING("mean_file", MAY, cr_job_raw_input, mean_file, 255),
    CYAML_FIELD_SEQUENCE_COUNT("std", CYAML_FLAG_POINTER | MAY, cr_job_raw_input, std, n_std,
                               &number, 1, CR_MAX_CHANNELS),
    CYAML_FIELD_END,
};

/* Keys behind the last written here are added by add_parameters; an empty one ends. */
enum { MAX_PARAMETERS = 64 };

static cyaml_schema_field_t method_fields[5 + MAX_PARAMETERS + 1] = {
    STRING("name", MUST, cr_job_raw_method, name, 2 * CR_NAME_BYTES),
    STRING("layer", MAY, cr_job_raw_method, layer, CR_NAME_BYTES - 1),
    CYAML_FIELD_SEQUENCE_COUNT("layers", CYAML_FLAG_POINTER | MAY, cr_job_raw_method, layers,
                               n_layers, &layer_name, 2, CR_MAX_LAYERS),
    STRING("as", MAY, cr_job_raw_method, as, CR_NAME_BYTES - 1),
    WORD_PTR("keep", MAY, cr_job_raw_method, keep, kept_classes),
};
static const cyaml_schema_value_t method = {
    CYAML_VALUE_MAPPING(MUST, cr_job_raw_method, method_fields)};

static const cyaml_schema_field_t tokens_fields[] = {
    CYAML_FIELD_INT("height", MUST, cr_job_raw_tokens, height),
    CYAML_FIELD_INT("width", MUST, cr_job_raw_tokens, width),
    CYAML_FIELD_INT("skip", MAY, cr_job_raw_tokens, skip),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t randomise_fields[] = {
    WORD("layers", MAY, cr_job_raw_randomise, layers, random_orders),
    WORD("logit", MAY, cr_job_raw_randomise, logit, truths),
    CYAML_FIELD_INT("seed", MAY, cr_job_raw_randomise, seed),
    CYAML_FIELD_SEQUENCE_COUNT("at", CYAML_FLAG_POINTER | MAY, cr_job_raw_randomise, at, n_at,
                               &layer_name, 1, CR_JOB_MAX_LIST),
    CYAML_FIELD_END,
};

/* Of a model and of `defaults`. */
#define SHARED_FIELDS                                                                              \
    STRING("output", MAY, cr_job_raw_model, output, CR_NAME_BYTES - 1),                            \
        STRING("layer", MAY, cr_job_raw_model, layer, CR_NAME_BYTES - 1),                          \
        CYAML_FIELD_MAPPING("tokens", MAY, cr_job_raw_model, tokens, tokens_fields),               \
        CYAML_FIELD_SEQUENCE_COUNT("kernels", CYAML_FLAG_POINTER | MAY, cr_job_raw_model, kernels, \
                                   n_kernels, &kernel, 0, CR_JOB_MAX_LIST),                        \
        WORD("precision", MAY, cr_job_raw_model, precision, precisions)

static const cyaml_schema_field_t model_fields[] = {
    STRING("name", MUST, cr_job_raw_model, name, CR_NAME_BYTES - 1),
    STRING("file", MUST, cr_job_raw_model, file, 255),
    STRING("weights", MAY, cr_job_raw_model, weights, 255),
    CYAML_FIELD_IGNORE("inputs", MAY), /* job_given.c reads it */
    SHARED_FIELDS,
    CYAML_FIELD_MAPPING("randomise", MAY, cr_job_raw_model, randomise, randomise_fields),
    CYAML_FIELD_SEQUENCE_COUNT("methods", CYAML_FLAG_POINTER | MAY, cr_job_raw_model, methods,
                               n_methods, &method, 0, CR_JOB_MAX_LIST),
    CYAML_FIELD_MAPPING("input", MUST, cr_job_raw_model, input, input_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t model = {
    CYAML_VALUE_MAPPING(MUST, cr_job_raw_model, model_fields)};

static const cyaml_schema_field_t default_fields[] = {
    SHARED_FIELDS,
    CYAML_FIELD_MAPPING("input", MAY, cr_job_raw_model, input, input_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t class_name = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CR_NAME_BYTES)};

static const cyaml_schema_field_t subset_fields[] = {
    STRING("list", MAY, cr_job_raw_subset, list, MAX_PATH),
    CYAML_FIELD_SEQUENCE_COUNT("classes", CYAML_FLAG_POINTER | MAY, cr_job_raw_subset, classes,
                               n_classes, &class_name, 1, CR_JOB_MAX_CLASSES),
    CYAML_FIELD_INT_PTR("stride", MAY, cr_job_raw_subset, stride),
    CYAML_FIELD_END,
};

#define KEY_FIELD(KEY, member)                                                        \
    STRING(#member, CR_DATA_##KEY == CR_DATA_IMAGES ? MUST : MAY, cr_job_raw_dataset, \
           keys[CR_DATA_##KEY], MAX_PATH),
static const cyaml_schema_field_t dataset_fields[] = {
    STRING("layout", MUST, cr_job_raw_dataset, layout, CYAML_UNLIMITED),
    CR_DATA_KEY_LIST(KEY_FIELD) /* which of them a layout must have says its row */
    CYAML_FIELD_MAPPING("subset", MAY, cr_job_raw_dataset, subset, subset_fields),
    CYAML_FIELD_INT("limit", MAY, cr_job_raw_dataset, limit),
    WORD("failed", MAY, cr_job_raw_dataset, failed, failures),
    CYAML_FIELD_END,
};

static cyaml_schema_field_t protocol_fields[2 + MAX_PARAMETERS + 1] = {
    STRING("name", MUST, cr_job_raw_protocol, name, CYAML_UNLIMITED),
    STRING("as", MAY, cr_job_raw_protocol, as, (int)sizeof((cr_protocol *)0)->name - 1),
};
static const cyaml_schema_value_t protocol = {
    CYAML_VALUE_MAPPING(MUST, cr_job_raw_protocol, protocol_fields)};

static cyaml_schema_field_t metric_fields[1 + MAX_PARAMETERS + 1] = {
    STRING("name", MUST, cr_job_raw_metric, name, CR_NAME_BYTES - 1),
};
static const cyaml_schema_value_t metric = {
    CYAML_VALUE_MAPPING(MUST, cr_job_raw_metric, metric_fields)};

static const cyaml_schema_field_t heatmap_fields[] = {
    WORD_PTR("classes", MAY, cr_job_raw_heatmaps, classes, kept_classes),
    WORD("type", MAY, cr_job_raw_heatmaps, type, map_types),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limit_fields[] = {
    CYAML_FIELD_INT_PTR("activations_mb", MAY, cr_job_raw_limits, activations_mb),
    CYAML_FIELD_INT_PTR("image_mpixels", MAY, cr_job_raw_limits, image_mpixels),
    CYAML_FIELD_END,
};

static cyaml_schema_field_t job_fields[14 + MAX_PARAMETERS + 1] = {
    STRING("name", MUST, cr_job_raw, name, CR_NAME_BYTES - 1),
    CYAML_FIELD_MAPPING("dataset", MUST, cr_job_raw, dataset, dataset_fields),
    CYAML_FIELD_MAPPING("defaults", MAY, cr_job_raw, defaults, default_fields),
    CYAML_FIELD_SEQUENCE_COUNT("models", CYAML_FLAG_POINTER, cr_job_raw, models, n_models, &model,
                               0, CR_JOB_MAX_LIST),
    CYAML_FIELD_SEQUENCE_COUNT("methods", CYAML_FLAG_POINTER | MAY, cr_job_raw, methods, n_methods,
                               &method, 0, CR_JOB_MAX_LIST),
    STRING("protocol", MAY, cr_job_raw, protocol, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE_COUNT("protocols", CYAML_FLAG_POINTER | MAY, cr_job_raw, protocols,
                               n_protocols, &protocol, 1, CR_MAX_PROTOCOLS),
    CYAML_FIELD_SEQUENCE_COUNT("metrics", CYAML_FLAG_POINTER | MAY, cr_job_raw, metrics, n_metrics,
                               &metric, 0, CR_METRIC_MAX),
    CYAML_FIELD_MAPPING("heatmaps", MAY, cr_job_raw, heatmaps, heatmap_fields),
    CYAML_FIELD_INT_PTR("batch", MAY, cr_job_raw, batch),
    CYAML_FIELD_MAPPING("limits", MAY, cr_job_raw, limits, limit_fields),
    STRING("threshold_from", MAY, cr_job_raw, threshold_from, MAX_PATH),
    STRING("output", MUST, cr_job_raw, output, MAX_PATH),
};
static const cyaml_schema_value_t job = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, cr_job_raw, job_fields)};

/* Allows the keys of parameters in a mapping, whatever their values: job_parameter.c reads them. */
static void add_parameters(cyaml_schema_field_t *fields, cr_parameters table)
{
    for (int i = 0; i < table.n; i++) {
        cyaml_schema_field_t *field = fields;
        while (field->key && strcmp(field->key, table.items[i].key) != 0)
            field++;
        if (!table.items[i].fixed && !field->key)
            *field =
                (cyaml_schema_field_t)CYAML_FIELD_IGNORE(table.items[i].key, CYAML_FLAG_OPTIONAL);
    }
}

static void complete_schema(void)
{
    add_parameters(protocol_fields, cr_protocol_parameters);
    for (const cr_method *const *of = cr_methods; *of; of++)
        add_parameters(method_fields, (*of)->parameters);
    add_parameters(method_fields, cr_fusion_parameters);
    for (const cr_metric *const *of = cr_metrics; *of; of++)
        add_parameters(metric_fields, (*of)->parameters);
    add_parameters(job_fields, cr_protocol_parameters);
}

/* Whether key path `a` is `b` or leads to it. */
static bool is_above(const char *a, size_t a_length, const char *b)
{
    return strncmp(a, b, a_length) == 0 && (b[a_length] == 0 || b[a_length] == '.');
}

/* Shows models.0.input as models[0].input, with a colon behind unless it is empty. */
static void show_key(const char *key, char shown[CR_JOB_PATH_BYTES])
{
    size_t n = 0;
    shown[0] = 0;
    for (const char *p = key; *p && n + 3 < CR_JOB_PATH_BYTES;) {
        size_t length = strcspn(p, ".");
        bool item = strspn(p, "0123456789") == length;
        n += (size_t)snprintf(shown + n, CR_JOB_PATH_BYTES - n,
                              item ? "[%.*s]"
                              : n  ? ".%.*s"
                                   : "%.*s",
                              (int)length, p);
        p += length + (p[length] == '.');
    }
    if (n > 0 && n + 3 < CR_JOB_PATH_BYTES)
        snprintf(shown + n, CR_JOB_PATH_BYTES - n, ": ");
}

bool cr_job_is_set(const cr_job_source *source, const char *key)
{
    for (int i = 0; i < source->n_sets; i++)
        if (is_above(source->sets[i], strcspn(source->sets[i], "="), key))
            return true;
    return false;
}

/* What stands behind `models.N.` of a key; NULL: nothing. */
static const char *in_model(const char *key)
{
    static const char models[] = "models.";
    if (strncmp(key, models, strlen(models)) != 0)
        return NULL;
    const char *rest = key + strlen(models);
    rest += strspn(rest, "0123456789");
    return rest[0] == '.' && rest[1] ? rest + 1 : NULL;
}

/* Where a value of a model comes from: `defaults.REST` in `from` where the model itself has no REST. */
static const char *trace(cr_job_source *source, const char *key, char from[CR_JOB_PATH_BYTES])
{
    const char *rest = in_model(key);
    snprintf(from, CR_JOB_PATH_BYTES, "defaults.%s", rest ? rest : "");
    const bool own = !rest || cr_job_tree_find(&source->given, key) || cr_job_is_set(source, key);
    return !own && cr_job_tree_find(&source->changed, from) ? from : key;
}

/* Fails about `key` at the place of `place`, which may be a key below it. */
static cr_status fail_at(cr_error *err, cr_job_source *source, const char *place, const char *key,
                         const char *text)
{
    char shown[CR_JOB_PATH_BYTES], from[2][CR_JOB_PATH_BYTES];
    place = trace(source, place, from[0]);
    show_key(place == from[0] ? trace(source, key, from[1]) : key, shown);
    for (int i = source->n_sets - 1; i >= 0; i--) {
        const char *set = source->sets[i];
        size_t length = strcspn(set, "=");
        bool below = *place && strlen(place) < length && is_above(place, strlen(place), set);
        if (is_above(set, length, place) || below)
            return cr_fail(err, CR_EUSAGE, "--set %.160s: %s%s", set, shown, text);
    }
    return cr_fail(err, CR_EINPUT, "%s:%d: %s%s", source->path,
                   cr_job_tree_line(&source->given, place), shown, text);
}

cr_status cr_job_fail(cr_error *err, cr_job_source *source, const char *key, const char *format,
                      ...)
{
    char text[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail_at(err, source, key, key, text);
}

/* What libcyaml logs about a failure. Its lines are those of the changed text, so only the keys
 * count: they lead to the line in the file. */
typedef struct failure {
    char message[CR_JOB_PATH_BYTES];
    char parts[CR_JOB_MAX_DEPTH][32]; /* innermost first; "" for a mapping before its first key */
    int n_parts;
} failure;

static void record(cyaml_log_t severity, void *context, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void record(cyaml_log_t severity, void *context, const char *format, va_list args)
{
    failure *f = context;
    char line[CR_JOB_PATH_BYTES], part[32] = "";
    unsigned entry;
    (void)severity;
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = 0;
    if (!f->message[0]) {
        snprintf(f->message, sizeof f->message, "%s", line);
        return;
    }
    if (f->n_parts == CR_JOB_MAX_DEPTH)
        return;
    if (sscanf(line, "  in sequence entry '%u'", &entry) == 1) /* counted from 1 */
        snprintf(part, sizeof part, "%u", entry > 0 ? entry - 1 : 0);
    else if (sscanf(line, "  in mapping field '%31[^']'", part) != 1 &&
             strncmp(line, "  in mapping (", 14) != 0)
        return;
    memcpy(f->parts[f->n_parts++], part, sizeof part);
}

/* The key path of a failure, without its innermost n_dropped parts. */
static void join_parts(const failure *f, int n_dropped, char path[CR_JOB_PATH_BYTES])
{
    size_t n = 0;
    path[0] = 0;
    for (int i = f->n_parts - 1; i >= n_dropped; i--)
        if (f->parts[i][0])
            n += (size_t)snprintf(path + n, CR_JOB_PATH_BYTES - n, "%s%s", n ? "." : "",
                                  f->parts[i]);
}

/* The schema of the value at a key path that libcyaml has reported. */
static const cyaml_schema_value_t *schema_at(const char *path)
{
    const cyaml_schema_value_t *schema = &job;
    while (*path) {
        size_t length = strcspn(path, ".");
        if (schema->type == CYAML_MAPPING) {
            const cyaml_schema_field_t *field = schema->mapping.fields;
            while (field->key &&
                   (strlen(field->key) != length || strncmp(field->key, path, length) != 0))
                field++;
            if (!field->key)
                return schema;
            schema = &field->value;
        } else if (schema->type == CYAML_SEQUENCE || schema->type == CYAML_SEQUENCE_FIXED) {
            schema = schema->sequence.entry;
        }
        path += length + (path[length] == '.');
    }
    return schema;
}

static const char *describe_wanted(const cyaml_schema_value_t *schema, char text[CR_JOB_PATH_BYTES])
{
    switch (schema->type) {
    case CYAML_INT:
        return "a whole number";
    case CYAML_FLOAT:
        return "a number";
    case CYAML_MAPPING:
        return "a mapping";
    case CYAML_SEQUENCE:
    case CYAML_SEQUENCE_FIXED:
        return "a list";
    case CYAML_ENUM: {
        size_t n = 0;
        text[0] = 0;
        for (uint32_t i = 0; i < schema->enumeration.count; i++)
            n += (size_t)snprintf(text + n, CR_JOB_PATH_BYTES - n, "%s%s", i ? " or " : "",
                                  schema->enumeration.strings[i].str);
        return text;
    }
    default:
        return "text";
    }
}

static const char *list_keys(const cyaml_schema_value_t *schema, char text[CR_JOB_PATH_BYTES])
{
    size_t n = 0;
    text[0] = 0;
    for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key; field++)
        n += (size_t)snprintf(text + n, CR_JOB_PATH_BYTES - n, "%s%s", n ? ", " : "", field->key);
    return text;
}

static cr_status fail_value(cr_error *err, cr_job_source *source, const char *path)
{
    char words[CR_JOB_PATH_BYTES];
    const char *wanted = describe_wanted(schema_at(path), words);
    yaml_node_t *node = cr_job_tree_find(&source->changed, path);
    cr_near near;
    if (node && node->type == YAML_SCALAR_NODE)
        return cr_job_fail(err, source, path, "must be %s, not \"%.64s\"%s", wanted,
                           (const char *)node->data.scalar.value,
                           cr_near_of(&near, (const char *)node->data.scalar.value, wanted));
    return cr_job_fail(err, source, path, "must be %s, not a %s", wanted,
                       node && node->type == YAML_SEQUENCE_NODE ? "list" : "mapping");
}

/* A failure about a key that libcyaml's message names last, in the mapping at `path`. */
static cr_status fail_key(cr_error *err, cr_job_source *source, const failure *f, const char *path,
                          const char *format, const char *allowed)
{
    char place[2 * CR_JOB_PATH_BYTES + 1], text[2 * CR_JOB_PATH_BYTES];
    const char *colon = strstr(f->message + strlen("Load:"), ": ");
    const char *key = colon ? colon + 2 : "";
    snprintf(place, sizeof place, "%s%s%s", path, *path ? "." : "", key);
    cr_near near;
    snprintf(text, sizeof text, format, key, cr_near_of(&near, key, allowed), allowed);
    return fail_at(err, source, place, path, text);
}

static cr_status fail_entries(cr_error *err, cr_job_source *source, const failure *f)
{
    char path[CR_JOB_PATH_BYTES];
    join_parts(f, 1, path);
    const cyaml_schema_value_t *schema = schema_at(path);
    yaml_node_t *node = cr_job_tree_find(&source->changed, path);
    ptrdiff_t n = node && node->type == YAML_SEQUENCE_NODE
                      ? node->data.sequence.items.top - node->data.sequence.items.start
                      : 0;
    if (schema->sequence.min == schema->sequence.max)
        return cr_job_fail(err, source, path, "must have %u entries, not %td", schema->sequence.min,
                           n);
    return cr_job_fail(err, source, path, "must have %u to %u entries, not %td",
                       schema->sequence.min, schema->sequence.max, n);
}

static cr_status translate(cyaml_err_t code, const failure *f, cr_job_source *source, cr_error *err)
{
    char path[CR_JOB_PATH_BYTES], keys[CR_JOB_PATH_BYTES];
    join_parts(f, 0, path);
    switch (code) {
    case CYAML_ERR_OOM:
        return cr_fail(err, CR_EINTERNAL, "out of memory: %s", source->path);
    case CYAML_ERR_INVALID_KEY:
        return fail_key(err, source, f, path, "unknown key \"%.64s\"%s; allowed: %s",
                        list_keys(schema_at(path), keys));
    case CYAML_ERR_INVALID_VALUE:
        return fail_value(err, source, path);
    case CYAML_ERR_SEQUENCE_ENTRIES_MIN:
    case CYAML_ERR_SEQUENCE_ENTRIES_MAX:
        return fail_entries(err, source, f);
    case CYAML_ERR_STRING_LENGTH_MIN:
        return cr_job_fail(err, source, path, "must not be empty");
    case CYAML_ERR_STRING_LENGTH_MAX:
        return cr_job_fail(err, source, path, "is longer than %u bytes",
                           schema_at(path)->string.max);
    case CYAML_ERR_MAPPING_FIELD_MISSING:
        join_parts(f, 1, path); /* the innermost is the last key that was read */
        return fail_key(err, source, f, path, "the key \"%.64s\" is missing%s%s", "");
    default:
        if (strstr(f->message, "already seen"))
            return cr_job_fail(err, source, path, "is given twice");
        return cr_job_fail(err, source, path, "%s", cyaml_strerror(code));
    }
}

/* libcyaml takes the number in front of `1.5x`, and would read 010 as eight. */
static bool is_number(const char *text, bool whole)
{
    const char *digits = text + (*text == '-');
    size_t n = strlen(digits);
    if (whole)
        return n >= 1 && n <= 18 && strspn(digits, "0123456789") == n && (n == 1 || *digits != '0');
    char *end;
    return n >= 1 && strspn(text, "0123456789.+-eE") == strlen(text) &&
           isfinite(strtod(text, &end)) && !*end;
}

static cr_status check_numbers(const cyaml_schema_value_t *schema, cr_job_source *source,
                               const char *path, cr_error *err)
{
    cr_status status = CR_OK;
    char below[CR_JOB_PATH_BYTES];
    yaml_node_t *node = cr_job_tree_find(&source->changed, path);
    if (!node)
        return CR_OK;
    if (schema->type == CYAML_INT || schema->type == CYAML_FLOAT)
        return node->type == YAML_SCALAR_NODE &&
                       is_number((const char *)node->data.scalar.value, schema->type == CYAML_INT)
                   ? CR_OK
                   : fail_value(err, source, path);
    const char *dot = *path ? "." : "";
    if (schema->type == CYAML_MAPPING)
        for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key; field++) {
            snprintf(below, sizeof below, "%.120s%s%.120s", path, dot, field->key);
            CR_TRY(check_numbers(&field->value, source, below, err));
        }
    if (schema->type == CYAML_SEQUENCE || schema->type == CYAML_SEQUENCE_FIXED)
        for (unsigned i = 0; i < schema->sequence.max; i++) {
            snprintf(below, sizeof below, "%.120s%s%u", path, dot, i);
            CR_TRY(check_numbers(schema->sequence.entry, source, below, err));
        }
cleanup:
    return status;
}

static cyaml_config_t config_for(failure *f)
{
    return (cyaml_config_t){
        .log_fn = record,
        .log_ctx = f,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

cr_status cr_job_raw_load(const char *text, size_t n_bytes, cr_job_source *source, cr_job_raw **raw,
                          cr_error *err)
{
    failure f = {0};
    cyaml_config_t config = config_for(&f);
    cyaml_data_t *data = NULL;
    *raw = NULL;
    complete_schema();
    cyaml_err_t code = cyaml_load_data((const uint8_t *)text, n_bytes, &config, &job, &data, NULL);
    if (code != CYAML_OK)
        return translate(code, &f, source, err);
    cr_status status = check_numbers(&job, source, "", err);
    if (status == CR_OK)
        *raw = data;
    else
        cr_job_raw_free(data);
    return status;
}

void cr_job_raw_free(cr_job_raw *raw)
{
    failure f = {0};
    cyaml_config_t config = config_for(&f);
    cyaml_free(&config, &job, raw, 0);
}
