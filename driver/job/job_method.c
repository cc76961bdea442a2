/* Methods by their names, with the layer and the parameters that the job gives. */
#include "job_method.h"
#include "camrank/near.h"

#include "job_parameter.h"
#include "job_protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY(...) snprintf(key, sizeof key, __VA_ARGS__)

/* The layer of METHOD@LAYER, `layer` or `layers`: one of the three, or none. */
static cr_status read_layers(cr_job_source *source, const char *item, const cr_job_raw_method *raw,
                             const char *of_name, cr_method_spec *spec, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    const char *single = of_name ? of_name : raw->layer;
    KEY("%s.layer%s", item, raw->n_layers ? "s" : "");
    if (of_name && (raw->layer || raw->n_layers))
        return cr_job_fail(err, source, key, "is given in \"%.64s\" too", raw->name);
    if (raw->layer && raw->n_layers)
        return cr_job_fail(err, source, key, "is given beside `layer`");
    if (single)
        snprintf(spec->layers[spec->n_layers++], CR_NAME_BYTES, "%s", single);
    for (unsigned k = 0; k < raw->n_layers; k++) {
        for (unsigned j = 0; j < k; j++)
            if (strcmp(raw->layers[j], raw->layers[k]) == 0)
                return cr_job_fail(err, source, key, "has \"%.64s\" twice", raw->layers[k]);
        snprintf(spec->layers[spec->n_layers++], CR_NAME_BYTES, "%s", raw->layers[k]);
    }
    if (spec->method->of_layers && spec->n_layers < 2)
        return cr_job_fail(err, source, item,
                           "%s is of several layers: name them as `layers: [A, B]`",
                           spec->method->name);
    return CR_OK;
}

/* How the maps of several layers are fused. */
static cr_status read_fusion(cr_job_source *source, const char *prefix, cr_method_spec *spec,
                             cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    const cr_parameter *given = cr_job_given_parameter(source, prefix, cr_fusion_parameters);
    KEY("%s%s", prefix, given ? given->key : "");
    if (given && spec->n_layers < 2)
        return cr_job_fail(err, source, key, "is of several layers: name them as `layers: [A, B]`");
    return cr_job_read_parameters(source, prefix, cr_fusion_parameters, &spec->fusion, err);
}

/* METHOD or METHOD@LAYER. */
static cr_status read_name(cr_job_source *source, const char *item, const cr_job_raw_method *raw,
                           cr_method_spec *spec, cr_error *err)
{
    char name[CR_NAME_BYTES];
    const char *at = strchr(raw->name, '@');
    const size_t length = at ? (size_t)(at - raw->name) : strlen(raw->name);
    if ((at && !at[1]) || length >= sizeof name || strlen(raw->name + length) > CR_NAME_BYTES)
        return cr_job_fail(err, source, item, "must be METHOD or METHOD@LAYER, not \"%.64s\"",
                           raw->name);
    snprintf(name, sizeof name, "%.*s", (int)length, raw->name);
    const cr_method *method = cr_method_find(name);
    cr_near near;
    if (!method)
        return cr_job_fail(err, source, item, "unknown method \"%.64s\"%s; see camrank methods",
                           name, cr_near_of(&near, name, cr_method_names()));
    *spec = cr_method_plain(method);
    return read_layers(source, item, raw, at ? at + 1 : NULL, spec, err);
}

/* The row's name: the job's own or, where parameters are changed, one that says so. */
static cr_status name_row(cr_job_source *source, const char *prefix, const char *as,
                          cr_method_spec *spec, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES], x[CR_PARAMETER_BYTES], y[CR_PARAMETER_BYTES];
    char layers[CR_LAYERS_BYTES], name[CR_LAYERS_BYTES + 2 * CR_NAME_BYTES];
    const cr_method *method = spec->method;
    const cr_method_spec plain = cr_method_plain(method);
    KEY("%sas", prefix);
    if (as && !cr_job_is_plain_name(as))
        return cr_job_fail(err, source, key,
                           "\"%.64s\", must be letters, digits and . _ -, a letter or digit first",
                           as);
    if (as && cr_method_find(as))
        return cr_job_fail(err, source, key, "\"%.64s\" is the name of a known method", as);
    const bool changed =
        cr_parameters_difference(method->parameters, spec->parameters.bytes, plain.parameters.bytes,
                                 x, y) ||
        cr_parameters_difference(cr_fusion_parameters, &spec->fusion, &plain.fusion, x, y);
    const bool needs_name = !as && (changed || spec->n_layers > 1);
    cr_method_layers(spec, layers);
    snprintf(name, sizeof name, "%s%s%s%s", method->name, layers[0] ? "@" : "", layers,
             changed ? " (modified)" : "");
    if (needs_name && strlen(name) >= sizeof spec->as)
        return cr_job_fail(err, source, key, "is missing: \"%.64s...\" is too long for a name",
                           name);
    snprintf(spec->as, sizeof spec->as, "%.127s", as ? as : needs_name ? name : "");
    return CR_OK;
}

static cr_status read_keep(cr_job_source *source, const char *prefix, const cr_job_raw_method *raw,
                           const cr_layout *layout, cr_method_spec *spec, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    KEY("%skeep", prefix);
    return cr_job_read_keep(source, key, raw->keep, layout, &spec->map_slots, err);
}

static cr_status check_wants(cr_job_source *source, const char *item, const cr_method_spec *spec,
                             const cr_data_source *data, cr_error *err)
{
    const unsigned wants = cr_method_wants(spec->method, &spec->parameters);
    if (wants & CR_WANTS_SEGMENTS && !data->segments)
        return cr_job_fail(err, source, item, "\"segments: given\" needs dataset.segments");
    if (wants & CR_WANTS_BASELINES && !data->baselines)
        return cr_job_fail(err, source, item, "\"baselines: images\" needs dataset.baselines");
    return CR_OK;
}

static bool have_one_name(const cr_method_spec *a, const cr_method_spec *b)
{
    return strcmp(a->as, b->as) == 0 &&
           (a->as[0] || (a->method == b->method && a->n_layers == b->n_layers &&
                         strcmp(a->layers[0], b->layers[0]) == 0));
}

cr_status cr_job_read_keep(cr_job_source *source, const char *key, const int *slots,
                           const cr_layout *layout, int *keep, cr_error *err)
{
    *keep = slots ? *slots : CR_KEEP_DEFAULT;
    if (*keep == 1 && !layout->has_labels)
        return cr_job_fail(err, source, key, "truth is not for layout %s, which has no labels",
                           layout->name);
    return CR_OK;
}

cr_status cr_job_read_methods(cr_job_source *source, const char *list, const cr_job_raw_method *raw,
                              unsigned n_raw, const cr_data_source *data, cr_job_methods *methods,
                              cr_error *err)
{
    cr_status status = CR_OK;
    *methods = (cr_job_methods){.specs = cr_alloc(n_raw, sizeof *methods->specs)};
    if (!methods->specs)
        return cr_fail_memory(err, "job", n_raw, sizeof *methods->specs);
    for (unsigned i = 0; i < n_raw; i++) {
        cr_method_spec *spec = &methods->specs[i];
        char item[64], prefix[72];
        snprintf(item, sizeof item, "%.40s.%u", list, i);
        snprintf(prefix, sizeof prefix, "%s.", item);
        CR_TRY(read_name(source, item, &raw[i], spec, err));
        for (const cr_method *const *other = cr_methods; *other; other++)
            CR_TRY(cr_job_refuse_parameters(source, prefix, spec->method->name,
                                            spec->method->parameters, (*other)->parameters, err));
        CR_TRY(cr_job_read_parameters(source, prefix, spec->method->parameters,
                                      spec->parameters.bytes, err));
        CR_TRY(read_fusion(source, prefix, spec, err));
        CR_TRY(name_row(source, prefix, raw[i].as, spec, err));
        CR_TRY(check_wants(source, item, spec, data, err));
        CR_TRY(read_keep(source, prefix, &raw[i], data->layout, spec, err));
        for (unsigned j = 0; j < i; j++)
            if (have_one_name(spec, &methods->specs[j]))
                CR_TRY(cr_job_fail(err, source, item,
                                   "\"%.64s\" is given twice; `as: NAME` gives one another name",
                                   spec->as[0] ? spec->as : raw[i].name));
        methods->n++;
    }

cleanup:
    if (status != CR_OK) {
        free(methods->specs);
        *methods = (cr_job_methods){0};
    }
    return status;
}
