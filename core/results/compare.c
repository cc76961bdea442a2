/* compare.c - whether a file was made by this very job: plan and image set, attribute by
 * attribute. The job's text is not compared: comments and order of keys mean nothing. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

/* Where to find the difference, for messages, and where the other value comes from. */
typedef struct place {
    const char *path, *group, *where;
} place;

/* What of a job makes the difference, where its key has another name. */
static const char *key_of(const char *name)
{
    static const char *const keys[][2] = {
        {"number of images", "dataset.limit, dataset.subset or --limit"},
        {"map_slots", "heatmaps.classes, or `keep` of the method"},
        {"map_type", "heatmaps.type"},
        {"failed", "dataset.failed"},
        {"folder", "dataset.images"},
        {"masks", "dataset.masks"},
        {"segments", "dataset.segments"},
        {"baselines_sha256", "images of dataset.baselines"},
        {"localize", "dataset.exclude"},
        {"label", "dataset.ground_truth, or the order of dataset.synsets"},
        {"wnid", "dataset.synsets"},
        {"job_name", "name"},
        {"sha256", "models.file"},
    };
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        if (strcmp(keys[k][0], name) == 0)
            return keys[k][1];
    return NULL;
}

static cr_status compare_text(place at, const char *name, const char *stored, const char *wanted,
                              cr_error *err)
{
    const char *key = key_of(name);
    if (strcmp(stored, wanted) == 0)
        return CR_OK;
    return cr_fail(err, CR_EINPUT,
                   "%s: was made otherwise: %s: `%s` is `%.120s` in the file, `%.120s` %s%s%s%s",
                   at.path, at.group, name, stored, wanted, at.where, key ? " (" : "",
                   key ? key : "", key ? ")" : "");
}

/* Of how many maps an image are kept, in the job's words. */
static const char *slots_text(int map_slots)
{
    return map_slots == 0 ? "none" : map_slots == 1 ? "truth" : "all";
}

static cr_status compare_number(place at, const char *name, double stored, double wanted,
                                cr_error *err)
{
    char a[40], b[40];
    if (stored == wanted)
        return CR_OK;
    snprintf(a, sizeof a, "%.12g", stored);
    snprintf(b, sizeof b, "%.12g", wanted);
    /* Two that differ in the last digits only. */
    if (strcmp(a, b) == 0) {
        snprintf(a, sizeof a, "%.17g", stored);
        snprintf(b, sizeof b, "%.17g", wanted);
    }
    return compare_text(at, name, a, b, err);
}

/* What cannot differ in a file that has only a part of what is wanted. */
static cr_status compare_run(place at, const cr_results_plan *stored, const cr_results_plan *wanted,
                             cr_error *err)
{
    CR_OR_RETURN(compare_text(at, "job_name", stored->job_name, wanted->job_name, err));
    CR_OR_RETURN(compare_text(at, "failed", stored->skip_failed ? "skip" : "wrong",
                              wanted->skip_failed ? "skip" : "wrong", err));
    CR_OR_RETURN(
        compare_text(at, "threshold_from", stored->threshold_from, wanted->threshold_from, err));
    CR_OR_RETURN(compare_text(at, "threshold_sha256", stored->threshold_sha256,
                              wanted->threshold_sha256, err));
    CR_OR_RETURN(compare_number(at, "batch", stored->batch, wanted->batch, err));
    CR_OR_RETURN(compare_number(at, "empty_maps", stored->has_empty, wanted->has_empty, err));
    CR_OR_RETURN(compare_text(at, "map_slots", slots_text(stored->map_slots),
                              slots_text(wanted->map_slots), err));
    return compare_text(at, "map_type", stored->map_float16 ? "float16" : "float32",
                        wanted->map_float16 ? "float16" : "float32", err);
}

/* What shows in the file's layout and summary beyond that. */
static cr_status compare_layout(place at, const cr_results_plan *stored,
                                const cr_results_plan *wanted, cr_error *err)
{
    char shown_stored[64], shown[64];
    cr_shown_text(stored, shown_stored);
    cr_shown_text(wanted, shown);
    CR_OR_RETURN(compare_text(at, "table", shown_stored, shown, err));
    CR_OR_RETURN(compare_text(at, "schema",
                              stored->has_states ? CR_RESULTS_SCHEMA : CR_RESULTS_SCHEMA_1,
                              wanted->has_states ? CR_RESULTS_SCHEMA : CR_RESULTS_SCHEMA_1, err));
    return compare_number(at, "number of models", stored->n_models, wanted->n_models, err);
}

/* The names of the metrics that a file has. */
static void list_metrics(const cr_results_plan *plan, char text[CR_METRIC_MAX * CR_NAME_BYTES])
{
    size_t n = 0;
    text[0] = 0;
    for (int m = 0; cr_metrics[m]; m++)
        if (cr_results_has_metric(plan, m))
            n += (size_t)snprintf(text + n, (size_t)CR_NAME_BYTES, "%s%s", n ? ", " : "",
                                  cr_metrics[m]->name);
}

/* Their parameters, of those that both have. */
static cr_status compare_metric_parameters(place file, const cr_results_plan *a,
                                           const cr_results_plan *b, cr_error *err)
{
    char name[CR_NAME_BYTES], x[CR_PARAMETER_BYTES], y[CR_PARAMETER_BYTES];
    for (int m = 0; cr_metrics[m]; m++) {
        if (!a->metrics[m].wanted || !b->metrics[m].wanted)
            continue;
        const cr_parameter *differs =
            cr_parameters_difference(cr_metrics[m]->parameters, a->metrics[m].parameters.bytes,
                                     b->metrics[m].parameters.bytes, x, y);
        snprintf(name, sizeof name, "/metrics/%s", cr_metrics[m]->name);
        if (differs)
            return compare_text((place){file.path, name, file.where}, differs->key, x, y, err);
    }
    return CR_OK;
}

static cr_status compare_metrics(place file, const cr_results_plan *a, const cr_results_plan *b,
                                 cr_error *err)
{
    char x[CR_METRIC_MAX * CR_NAME_BYTES], y[CR_METRIC_MAX * CR_NAME_BYTES];
    list_metrics(a, x);
    list_metrics(b, y);
    cr_status status = compare_text(file, "metrics", x, y, err);
    return status == CR_OK ? compare_metric_parameters(file, a, b, err) : status;
}

static cr_status compare_protocol(place file, const cr_protocol *a, const cr_protocol *b,
                                  cr_error *err)
{
    char name[64], x[CR_PARAMETER_BYTES], y[CR_PARAMETER_BYTES];
    snprintf(name, sizeof name, "/protocols/%s", a->name);
    const cr_parameter *differs = cr_parameters_difference(cr_protocol_parameters, a, b, x, y);
    return differs ? compare_text((place){file.path, name, file.where}, differs->key, x, y, err)
                   : CR_OK;
}

static cr_status compare_protocols(place file, const cr_results_plan *stored,
                                   const cr_results_plan *wanted, cr_error *err)
{
    const place all = {file.path, "/protocols", file.where};
    CR_OR_RETURN(
        compare_number(all, "number of protocols", stored->n_protocols, wanted->n_protocols, err));
    for (int p = 0; p < wanted->n_protocols; p++) {
        const cr_protocol *a = &stored->protocols[p], *b = &wanted->protocols[p];
        CR_OR_RETURN(compare_protocol(file, a, b, err));
        CR_OR_RETURN(compare_text(all, "name of a protocol", a->name, b->name, err));
    }
    return CR_OK;
}

static cr_status compare_variant(place model, const char *group, const cr_results_variant *stored,
                                 const cr_results_variant *wanted, cr_error *err)
{
    char x[CR_PARAMETER_BYTES], y[CR_PARAMETER_BYTES];
    const place at = {model.path, group, model.where};
    const cr_method *method = cr_method_find(wanted->method);
    CR_OR_RETURN(compare_text(model, "method", stored->method, wanted->method, err));
    CR_OR_RETURN(compare_text(model, "as", stored->as, wanted->as, err));
    CR_OR_RETURN(compare_text(model, "layer", stored->layer, wanted->layer, err));
    CR_OR_RETURN(
        compare_number(model, "layer_given", stored->layer_given, wanted->layer_given, err));
    const cr_parameter *differs =
        method ? cr_parameters_difference(method->parameters, stored->parameters.bytes,
                                          wanted->parameters.bytes, x, y)
               : NULL;
    if (differs)
        CR_OR_RETURN(compare_text(at, differs->key, x, y, err));
    CR_OR_RETURN(compare_text(at, "baselines_sha256", stored->baselines, wanted->baselines, err));
    CR_OR_RETURN(compare_number(at, "several layers", stored->fused, wanted->fused, err));
    differs =
        cr_parameters_difference(cr_fusion_parameters, &stored->fusion, &wanted->fusion, x, y);
    if (wanted->fused && differs)
        CR_OR_RETURN(compare_text(at, differs->key, x, y, err));
    CR_OR_RETURN(compare_text(at, "scaling", cr_scaling_text(stored->scaling),
                              cr_scaling_text(wanted->scaling), err));
    CR_OR_RETURN(compare_number(at, "map_width", stored->map_width, wanted->map_width, err));
    CR_OR_RETURN(compare_number(at, "map_height", stored->map_height, wanted->map_height, err));
    CR_OR_RETURN(compare_number(at, "views", stored->n_views, wanted->n_views, err));
    return compare_text(at, "map_slots", slots_text(stored->map_slots),
                        slots_text(wanted->map_slots), err);
}

/* All but the variants. */
static cr_status compare_network(place at, const cr_results_model *a, const cr_results_model *b,
                                 cr_error *err)
{
    CR_OR_RETURN(compare_text(at, "sha256", a->sha256, b->sha256, err));
    CR_OR_RETURN(compare_text(at, "input", a->input, b->input, err));
    CR_OR_RETURN(compare_text(at, "kernels", a->kernels, b->kernels, err));
    CR_OR_RETURN(compare_text(at, "output", a->output, b->output, err));
    CR_OR_RETURN(compare_text(at, "precision", cr_precision_names[a->precision],
                              cr_precision_names[b->precision], err));
    CR_OR_RETURN(compare_text(at, "randomised", a->randomised, b->randomised, err));
    return compare_text(at, "tokens", a->tokens, b->tokens, err);
}

static cr_status compare_model(place file, const cr_results_plan *stored,
                               const cr_results_plan *wanted, int m, cr_error *err)
{
    const cr_results_model *a = &stored->models[m], *b = &wanted->models[m];
    cr_results_path group, variant;
    cr_layout_group(wanted, CR_GROUP_MODEL(m), group);
    CR_OR_RETURN(compare_text((place){file.path, "/models", file.where}, "name of a model", a->name,
                              b->name, err));
    const place at = {file.path, group, file.where};
    CR_OR_RETURN(compare_network(at, a, b, err));
    CR_OR_RETURN(compare_number(at, "number of methods", a->n_variants, b->n_variants, err));
    for (int v = 0; v < b->n_variants; v++) {
        cr_layout_group(wanted, CR_GROUP_VARIANT(m, v), variant);
        CR_OR_RETURN(compare_variant(at, variant, &a->variants[v], &b->variants[v], err));
    }
    return CR_OK;
}

static cr_status compare_image(place file, const cr_dataset *stored, const cr_dataset *wanted,
                               int i, bool sizes, cr_error *err)
{
    const cr_data_image *a = &stored->images[i], *b = &wanted->images[i];
    char name[96];
    CR_OR_RETURN(compare_text((place){file.path, "/images", file.where}, "id of an image",
                              stored->text + a->id, wanted->text + b->id, err));
    snprintf(name, sizeof name, "/images: image %.64s", wanted->text + b->id);
    const place at = {file.path, name, file.where};
    CR_OR_RETURN(compare_text(at, "file", stored->text + a->file, wanted->text + b->file, err));
    CR_OR_RETURN(compare_number(at, "label", a->label, b->label, err));
    CR_OR_RETURN(compare_number(at, "localize", a->localize, b->localize, err));
    CR_OR_RETURN(compare_number(at, "n_boxes", a->n_boxes, b->n_boxes, err));
    CR_OR_RETURN(compare_number(at, "n_difficult", a->n_difficult, b->n_difficult, err));
    /* Annotated sizes are kept only where no model gives them. */
    CR_OR_RETURN(compare_number(at, "width", a->width, sizes ? b->width : 0, err));
    CR_OR_RETURN(compare_number(at, "height", a->height, sizes ? b->height : 0, err));
    for (int k = 0; k < b->n_boxes; k++) {
        const cr_box *one = &stored->boxes[a->first_box + k],
                     *two = &wanted->boxes[b->first_box + k];
        char x[64], y[64];
        snprintf(x, sizeof x, "%d %d %d %d", one->x0, one->y0, one->x1, one->y1);
        snprintf(y, sizeof y, "%d %d %d %d", two->x0, two->y0, two->x1, two->y1);
        CR_OR_RETURN(compare_text(at, "ground-truth box", x, y, err));
    }
    return CR_OK;
}

/* Of a folder that may be named later than the file is made. */
static cr_status compare_folder(place at, const char *name, const char *stored, const char *wanted,
                                cr_error *err)
{
    return stored && stored[0] && wanted && wanted[0] ? compare_text(at, name, stored, wanted, err)
                                                      : CR_OK;
}

static cr_status compare_data(place file, const cr_dataset *stored, const cr_dataset *wanted,
                              bool sizes, cr_error *err)
{
    const place images = {file.path, "/images", file.where};
    const place classes = {file.path, "/classes", file.where};
    CR_OR_RETURN(
        compare_number(images, "number of images", stored->n_images, wanted->n_images, err));
    CR_OR_RETURN(compare_text(images, "folder", stored->folder, wanted->folder, err));
    CR_OR_RETURN(compare_folder(images, "masks", stored->masks, wanted->masks, err));
    CR_OR_RETURN(compare_folder(images, "segments", stored->segments, wanted->segments, err));
    CR_OR_RETURN(
        compare_number(classes, "number of classes", stored->n_classes, wanted->n_classes, err));
    for (int c = 0; c < wanted->n_classes; c++) {
        const cr_data_class *a = &stored->classes[c], *b = &wanted->classes[c];
        CR_OR_RETURN(
            compare_text(classes, "wnid", stored->text + a->wnid, wanted->text + b->wnid, err));
        CR_OR_RETURN(
            compare_text(classes, "name", stored->text + a->name, wanted->text + b->name, err));
    }
    for (int i = 0; i < wanted->n_images; i++)
        CR_OR_RETURN(compare_image(file, stored, wanted, i, sizes, err));
    return CR_OK;
}

static cr_status compare_version(const cr_results *stored, place root, cr_error *err)
{
    char version[64];
    cr_status status = cr_h5_get_text((cr_h5_at){stored->file, stored->path, "/"},
                                      "camrank_version", version, sizeof version, err);
    return status == CR_OK ? compare_text(root, "camrank_version", version, CR_VERSION, err)
                           : status;
}

cr_status cr_results_compare(const cr_results *stored, const cr_results_plan *plan,
                             const cr_dataset *data, const char *where, cr_error *err)
{
    const place root = {stored->path, "/", where};
    CR_OR_RETURN(compare_version(stored, root, err));
    CR_OR_RETURN(compare_run(root, &stored->plan, plan, err));
    CR_OR_RETURN(compare_layout(root, &stored->plan, plan, err));
    CR_OR_RETURN(compare_protocols(root, &stored->plan, plan, err));
    CR_OR_RETURN(compare_metrics(root, &stored->plan, plan, err));
    for (int m = 0; m < plan->n_models; m++)
        CR_OR_RETURN(compare_model(root, &stored->plan, plan, m, err));
    return compare_data(root, &stored->data, data, stored->plan.n_models == 0, err);
}

int cr_plan_find_protocol(const cr_results_plan *plan, const char *name)
{
    for (int p = 0; p < plan->n_protocols; p++)
        if (strcmp(plan->protocols[p].name, name) == 0)
            return p;
    return -1;
}

int cr_plan_find_model(const cr_results_plan *plan, const char *name)
{
    for (int m = 0; m < plan->n_models; m++)
        if (strcmp(plan->models[m].name, name) == 0)
            return m;
    return -1;
}

int cr_plan_find_variant(const cr_results_model *model, const cr_results_variant *variant)
{
    char name[2 * CR_NAME_BYTES], other[2 * CR_NAME_BYTES];
    cr_results_variant_name(variant, name);
    for (int v = 0; v < model->n_variants; v++) {
        cr_results_variant_name(&model->variants[v], other);
        if (strcmp(name, other) == 0)
            return v;
    }
    return -1;
}

static cr_status not_wanted(place at, const char *what, const char *name, cr_error *err)
{
    return cr_fail(err, CR_EINPUT,
                   "%s: was made otherwise: %s: %s %s is in the file, but not in the "
                   "job",
                   at.path, at.group, what, name);
}

/* Model m of the file among those that are wanted. */
static cr_status find_model(place root, const cr_results_plan *stored, int m,
                            const cr_results_plan *wanted, cr_error *err)
{
    const cr_results_model *model = &stored->models[m];
    const int at = cr_plan_find_model(wanted, model->name);
    cr_results_path group, variant;
    cr_layout_group(stored, CR_GROUP_MODEL(m), group);
    const place here = {root.path, group, root.where};
    if (at < 0)
        return not_wanted(root, "model", model->name, err);
    CR_OR_RETURN(compare_network(here, model, &wanted->models[at], err));
    for (int v = 0; v < model->n_variants; v++) {
        const int there = cr_plan_find_variant(&wanted->models[at], &model->variants[v]);
        cr_layout_group(stored, CR_GROUP_VARIANT(m, v), variant);
        if (there < 0)
            return not_wanted(here, "method", strrchr(variant, '/') + 1, err);
        CR_OR_RETURN(compare_variant(here, variant, &model->variants[v],
                                     &wanted->models[at].variants[there], err));
    }
    return CR_OK;
}

cr_status cr_results_is_part_of(const cr_results *stored, const cr_results_plan *plan,
                                const cr_dataset *data, cr_error *err)
{
    const place root = {stored->path, "/", "now"};
    const bool sizes = stored->plan.n_models == 0 && plan->n_models == 0;
    CR_OR_RETURN(compare_version(stored, root, err));
    CR_OR_RETURN(compare_run(root, &stored->plan, plan, err));
    for (int p = 0; p < stored->plan.n_protocols; p++) {
        const cr_protocol *protocol = &stored->plan.protocols[p];
        const int at = cr_plan_find_protocol(plan, protocol->name);
        if (at < 0)
            return not_wanted(root, "protocol", protocol->name, err);
        CR_OR_RETURN(compare_protocol(root, protocol, &plan->protocols[at], err));
    }
    for (int m = 0; cr_metrics[m]; m++)
        if (stored->plan.metrics[m].wanted && !plan->metrics[m].wanted)
            return not_wanted(root, "metric", cr_metrics[m]->name, err);
    CR_OR_RETURN(compare_metric_parameters(root, &stored->plan, plan, err));
    for (int m = 0; m < stored->plan.n_models; m++)
        CR_OR_RETURN(find_model(root, &stored->plan, m, plan, err));
    return compare_data(root, &stored->data, data, sizes, err);
}
