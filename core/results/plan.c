/* What a file is about: copied, named and checked. A plan from a job and one from a file pass the
 * same limits. */
#include "internal.h"

#include "camrank/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cr_results_plan_free(cr_results_plan *plan)
{
    for (int m = 0; plan->models && m < plan->n_models; m++)
        free(plan->models[m].variants);
    free(plan->models);
    free(plan->protocols);
    free(plan->job_text);
    free(plan->overrides);
    *plan = (cr_results_plan){0};
}

cr_status cr_results_plan_copy(const cr_results_plan *plan, cr_results_plan *copy, cr_error *err)
{
    *copy = *plan;
    copy->job_text = strdup(plan->job_text);
    copy->overrides = strdup(plan->overrides);
    copy->protocols = cr_alloc((size_t)plan->n_protocols, sizeof *copy->protocols);
    copy->models = cr_alloc((size_t)plan->n_models, sizeof *copy->models);
    bool whole = copy->job_text && copy->overrides && copy->protocols && copy->models;
    if (whole)
        memcpy(copy->protocols, plan->protocols,
               (size_t)plan->n_protocols * sizeof *copy->protocols);
    for (int m = 0; whole && m < plan->n_models; m++) {
        const cr_results_model *model = &plan->models[m];
        copy->models[m] = *model;
        copy->models[m].variants =
            cr_alloc((size_t)model->n_variants, sizeof *copy->models[m].variants);
        if (!copy->models[m].variants)
            whole = false;
        else if (model->n_variants > 0)
            memcpy(copy->models[m].variants, model->variants,
                   (size_t)model->n_variants * sizeof *model->variants);
    }
    if (whole)
        return CR_OK;
    cr_results_plan_free(copy);
    return cr_fail_memory(err, "the plan of the results", (size_t)plan->n_models,
                          sizeof *copy->models);
}

void cr_results_variant_name(const cr_results_variant *variant, char name[2 * CR_NAME_BYTES])
{
    const bool layer = variant->layer_given && !variant->as[0];
    snprintf(name, (size_t)(2 * CR_NAME_BYTES), "%.127s%s%.127s",
             variant->as[0] ? variant->as : variant->method, layer ? "@" : "",
             layer ? variant->layer : "");
}

int cr_results_kept_maps(const cr_results_variant *variant)
{
    return variant->of_image && variant->map_slots > 1 ? 1 : variant->map_slots;
}

bool cr_results_keeps_maps(const cr_results_model *model)
{
    bool keeps = false;
    for (int v = 0; v < model->n_variants; v++)
        keeps = keeps || model->variants[v].map_slots > 0;
    return keeps;
}

const char *cr_scaling_text(cr_scaling scaling)
{
    return scaling == CR_SCALING_MIN_MAX ? "min-max" : "max";
}

int cr_results_n_rows(const cr_results_model *model)
{
    return model->n_variants > 0 ? model->n_variants : 1;
}

int cr_results_count_rows(const cr_results_plan *plan)
{
    int n = 0;
    for (int m = 0; m < plan->n_models; m++)
        n += cr_results_n_rows(&plan->models[m]);
    return n;
}

void cr_results_row_name(const cr_results_model *model, int row, char name[2 * CR_NAME_BYTES])
{
    name[0] = 0;
    if (row < model->n_variants)
        cr_results_variant_name(&model->variants[row], name);
}

void cr_shown_text(const cr_results_plan *plan, char text[64])
{
    snprintf(text, 64, "%s%s%s", plan->show_protocols ? "protocols " : "",
             plan->show_v1 ? "wsol-v1 " : "", plan->show_v2 ? "wsol-v2 " : "");
    if (text[0])
        text[strlen(text) - 1] = 0;
}

/* What means a group of its own in an HDF5 path. */
static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A name that is one step of an HDF5 path. */
static bool is_step(const char *name)
{
    return name[0] && !is_dots(name) && !strchr(name, '/');
}

static bool is_map_slots(int n)
{
    return n == 0 || n == 1 || n == CR_SLOTS;
}

static cr_status check_model(const char *path, const cr_results_plan *plan, int m, cr_error *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const cr_results_model *model = &plan->models[m];
    cr_results_path group, other;
    if (!is_step(model->name) || strspn(model->name, allowed) != strlen(model->name))
        return cr_fail(err, CR_EINPUT,
                       "%s: model name `%s`: only letters, digits and . _ - are allowed", path,
                       model->name);
    for (int i = 0; i < m; i++)
        if (strcmp(plan->models[i].name, model->name) == 0)
            return cr_fail(err, CR_EINPUT, "%s: two models are named `%s`", path, model->name);
    if (model->n_variants > CR_MAX_MODELS)
        return cr_fail(err, CR_EINPUT, "%s: model %s has %d methods, not at most %d", path,
                       model->name, model->n_variants, CR_MAX_MODELS);
    for (int v = 0; v < model->n_variants; v++) {
        const cr_results_variant *variant = &model->variants[v];
        cr_layout_group(plan, CR_GROUP_VARIANT(m, v), group);
        /* A row may be named by layers with a / in them, which its group has not. */
        if (!is_step(variant->method) || is_dots(variant->as))
            return cr_fail(err, CR_EINPUT, "%s: %s: `%s` is no name of a method", path, group,
                           is_step(variant->method) ? variant->as : variant->method);
        if (variant->map_width < 1 || variant->map_width > CR_MAX_MAP_SIDE ||
            variant->map_height < 1 || variant->map_height > CR_MAX_MAP_SIDE)
            return cr_fail(err, CR_EINPUT, "%s: %s: maps of %d x %d, not 1 to %d a side", path,
                           group, variant->map_width, variant->map_height, CR_MAX_MAP_SIDE);
        if (variant->n_views < 1 || variant->n_views > CR_MAX_MAP_VIEWS)
            return cr_fail(err, CR_EINPUT, "%s: %s: maps of %d views, not 1 to %d", path, group,
                           variant->n_views, CR_MAX_MAP_VIEWS);
        if (!is_map_slots(variant->map_slots))
            return cr_fail(err, CR_EINPUT, "%s: %s: %d maps an image, not 0, 1 or %d", path, group,
                           variant->map_slots, CR_SLOTS);
        if (cr_results_map_values(variant) > CR_MAX_MAP_VALUES)
            return cr_fail(err, CR_EINPUT, "%s: %s: maps of %zu values, not at most %d", path,
                           group, cr_results_map_values(variant), CR_MAX_MAP_VALUES);
        for (int i = 0; i < v; i++) {
            cr_layout_group(plan, CR_GROUP_VARIANT(m, i), other);
            if (strcmp(group, other) == 0)
                return cr_fail(err, CR_EINPUT, "%s: two methods would be stored in %s", path,
                               group);
        }
    }
    return CR_OK;
}

static cr_status check_protocols(const char *path, const cr_results_plan *plan, cr_error *err)
{
    if (plan->n_protocols < 1 || plan->n_protocols > CR_MAX_PROTOCOLS)
        return cr_fail(err, CR_EINPUT, "%s: %d protocols, not 1 to %d", path, plan->n_protocols,
                       CR_MAX_PROTOCOLS);
    for (int p = 0; p < plan->n_protocols; p++) {
        const cr_protocol *protocol = &plan->protocols[p];
        cr_error fault;
        if (!is_step(protocol->name))
            return cr_fail(err, CR_EINPUT, "%s: `%s` is no name of a protocol", path,
                           protocol->name);
        if (cr_metric_find(protocol->name) >= 0)
            return cr_fail(err, CR_EINPUT, "%s: protocol `%s` has the name of a metric", path,
                           protocol->name);
        if (cr_protocol_check(protocol, &fault) != CR_OK)
            return cr_fail(err, CR_EINPUT, "%s: protocol %s: %.200s", path, protocol->name,
                           fault.message);
        for (int i = 0; i < p; i++)
            if (strcmp(plan->protocols[i].name, protocol->name) == 0)
                return cr_fail(err, CR_EINPUT, "%s: two protocols are named `%s`", path,
                               protocol->name);
    }
    return CR_OK;
}

static cr_status check_data(const char *path, const cr_dataset *data, cr_error *err)
{
    if (data->n_images < 1 || data->n_images > CR_MAX_IMAGES || data->n_classes < 1 ||
        data->n_classes > CR_MAX_CLASSES || data->n_boxes < 0 || data->n_boxes > CR_MAX_BOXES)
        return cr_fail(err, CR_EINPUT,
                       "%s: %d images (1 to %d), %d classes (1 to %d), %d boxes (0 to %d)", path,
                       data->n_images, CR_MAX_IMAGES, data->n_classes, CR_MAX_CLASSES,
                       data->n_boxes, CR_MAX_BOXES);
    for (int i = 0; i < data->n_boxes; i++) {
        const cr_box *box = &data->boxes[i];
        if (box->x0 < 0 || box->y0 < 0 || box->x1 < box->x0 || box->y1 < box->y0 ||
            box->x1 > CR_IMAGE_MAX_SIDE || box->y1 > CR_IMAGE_MAX_SIDE)
            return cr_fail(err, CR_EINPUT, "%s: ground-truth box %d is none: %d %d %d %d", path, i,
                           box->x0, box->y0, box->x1, box->y1);
    }
    for (int i = 0; i < data->n_images; i++) {
        const cr_data_image *image = &data->images[i];
        const char *wrong = NULL;
        if (image->label < (data->images[0].label < 0 ? -1 : 0) || image->label >= data->n_classes)
            wrong = "its label is no class";
        else if (image->width < 0 || image->height < 0 || !image->width != !image->height)
            wrong = "its annotated size is none";
        else if (image->localize != 0 && image->localize != 1)
            wrong = "`localize` is neither 0 nor 1";
        else if (image->n_boxes < (data->n_boxes > 0 ? image->localize : 0) ||
                 image->first_box < 0 || image->first_box > data->n_boxes ||
                 image->n_boxes > data->n_boxes - image->first_box)
            wrong = "its ground-truth boxes are not in the file";
        else if (image->n_difficult < 0 || image->n_difficult > image->n_boxes)
            wrong = "more of its boxes are difficult than it has";
        else if (i > 0 && strcmp(cr_data_image_id(data, i - 1), cr_data_image_id(data, i)) >= 0)
            wrong = "the ids are not in ascending order";
        if (wrong)
            return cr_fail(err, CR_EINPUT, "%s: image %d (%s): %s", path, i,
                           cr_data_image_id(data, i), wrong);
    }
    return CR_OK;
}

cr_status cr_results_check(const char *path, const cr_results_plan *plan, const cr_dataset *data,
                           cr_error *err)
{
    CR_OR_RETURN(check_protocols(path, plan, err));
    if (plan->batch < 1)
        return cr_fail(err, CR_EINPUT, "%s: impossible batch %d", path, plan->batch);
    if (!is_map_slots(plan->map_slots))
        return cr_fail(err, CR_EINPUT, "%s: %d maps an image, not 0, 1 or %d", path,
                       plan->map_slots, CR_SLOTS);
    if (plan->n_models < 0 || plan->n_models > CR_MAX_MODELS)
        return cr_fail(err, CR_EINPUT, "%s: %d models, not 0 to %d", path, plan->n_models,
                       CR_MAX_MODELS);
    for (int m = 0; m < plan->n_models; m++)
        CR_OR_RETURN(check_model(path, plan, m, err));
    return check_data(path, data, err);
}
