/* layout.c - the one description of every dataset, from which creating, writing, reading, checking
 * and measuring all follow. docs/format.md says the same to readers of the file. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

#define PIXEL "pixel of the original image"

/* Extents after the first axis come last; 0 for none. */
#define COLUMN(id, name, owner, kind, fill, type, member, unit, description, ...)              \
    [CR_COLUMN_##id] = {name,          CR_OF_##owner,          CR_KIND_##kind, CR_FILL_##fill, \
                        {__VA_ARGS__}, offsetof(type, member), unit,           description}

typedef struct cr_results_maps cr_maps;
typedef struct cr_results_boxes cr_boxes;

static const cr_column columns[CR_COLUMN_METRICS] = {
    COLUMN(WNID, "wnid", CLASSES, TEXT, NONE, cr_data_class, wnid, "", "WordNet id of the class",
           0),
    COLUMN(NAME, "name", CLASSES, TEXT, NONE, cr_data_class, name, "",
           "name of the class; may be empty", 0),
    COLUMN(DEVKIT, "devkit_id", CLASSES, I32, NONE, cr_data_class, devkit, "",
           "id in ILSVRC's devkit, from 1; 0 where it is not known", 0),
    COLUMN(ID, "id", IMAGES, TEXT, NONE, cr_data_image, id, "",
           "file name without its extension; in ascending byte order", 0),
    COLUMN(FILE, "file", IMAGES, TEXT, NONE, cr_data_image, file, "",
           "file name inside the attribute `folder` of /images", 0),
    COLUMN(LABEL, "label", IMAGES, I32, NONE, cr_data_image, label, "class",
           "ground truth: row of /classes", 0),
    COLUMN(LOCALIZE, "localize", IMAGES, FLAG, NONE, cr_data_image, localize, "",
           "1, or 0 where the image counts for classification only", 0),
    COLUMN(FIRST_BOX, "first_box", IMAGES, I32, NONE, cr_data_image, first_box, "row",
           "row of /ground_truth/boxes that is the image's first box", 0),
    COLUMN(N_BOXES, "n_boxes", IMAGES, I32, NONE, cr_data_image, n_boxes, "rows",
           "number of the image's boxes", 0),
    COLUMN(N_DIFFICULT, "n_difficult", IMAGES, I32, NONE, cr_data_image, n_difficult, "rows",
           "how many of them, the last, are of objects that VOC calls difficult", 0),
    COLUMN(ANNOTATED, "size", IMAGES, I32, NONE, cr_data_image, width, "pixel",
           "width, height as annotated; 0, 0 where the layout does not say", 2),
    COLUMN(TRUE_BOXES, "boxes", BOXES, I32, NONE, cr_box, x0, PIXEL,
           "x0, y0, x1, y1: 0-based, inclusive on all sides", 4),
    COLUMN(DONE, "done", MODEL, U8, ZERO, cr_results_rows, state, "",
           "0 not computed yet, 1 done, 2 failed; written after the rest of the row", 0),
    COLUMN(REASON, "reason", MODEL, REASON, NONE, cr_results_rows, reason, "",
           "why the image failed, or empty", 0),
    COLUMN(SIZE, "size", MODEL, I32, MINUS_ONE, cr_results_rows, size, "pixel",
           "width, height of the original image; 0, 0 if it could not be decoded", 2),
    COLUMN(TOP_CLASS, "top_class", MODEL, I32, MINUS_ONE, cr_results_rows, top_class, "class",
           "the five classes with the largest logits, best first", CR_TOP),
    COLUMN(TOP_LOGIT, "top_logit", MODEL, F32, NOT_A_NUMBER, cr_results_rows, top_logit, "1",
           "their logits, before softmax", CR_TOP),
    COLUMN(TRUTH_LOGIT, "truth_logit", MODEL, F32, NOT_A_NUMBER, cr_results_rows, truth_logit, "1",
           "logit of the ground-truth class", 0),
    COLUMN(LOG_SUM, "log_sum", MODEL, F32, NOT_A_NUMBER, cr_results_rows, log_sum, "1",
           "logarithm of the sum of exp(logit) over all classes", 0),
    COLUMN(VARIANT_DONE, "done", VARIANT, U8, ZERO, cr_maps, state, "",
           "0 not computed yet, 1 done, 2 failed; written after the rest of the variant's row", 0),
    COLUMN(VARIANT_REASON, "reason", VARIANT, REASON, NONE, cr_maps, reason, "",
           "why the variant failed, or empty", 0),
    /* Never filled: on most file systems rows not yet written take no space. */
    COLUMN(MAPS, "maps", VARIANT, MAP, NONE, cr_maps, maps, "1",
           "raw activation maps [slot][y][x], of several views [slot][view][y][x], at the "
           "resolution of "
           "the layer",
           CR_EXTENT_KEPT, CR_EXTENT_VIEWS, CR_EXTENT_HEIGHT, CR_EXTENT_WIDTH),
    COLUMN(EMPTY, "empty", VARIANT, U8, ZERO, cr_maps, empty, "",
           "[slot] 1 where the map has no positive value (of a method without ReLU: one value "
           "only), so "
           "that its box is the whole image",
           CR_SLOTS),
};

/* A metric's, with the member of the rows that it is in memory. */
static cr_column metric_column(int k)
{
    static const struct {
        cr_column_kind kind;
        cr_fill fill;
    } kinds[] = {[CR_METRIC_U8] = {CR_KIND_U8, CR_FILL_ZERO},
                 [CR_METRIC_I32] = {CR_KIND_I32, CR_FILL_MINUS_ONE},
                 [CR_METRIC_F64] = {CR_KIND_F64, CR_FILL_NOT_A_NUMBER}};
    /* Of the two metrics that are in every file, which come first. */
    static const size_t members[] = {offsetof(cr_boxes, boxes), offsetof(cr_boxes, iou),
                                     offsetof(cr_maps, levels)};
    int metric;
    const cr_metric_column *from = cr_metric_column_at(k, &metric);
    const bool of_protocol = cr_metrics[metric]->of_protocol;
    const size_t place = (size_t)k;
    cr_column column = {
        .name = from->name,
        .owner = of_protocol ? CR_OF_PROTOCOL : CR_OF_VARIANT,
        .kind = kinds[from->kind].kind,
        .fill = kinds[from->kind].fill,
        .offset = place < sizeof members / sizeof members[0] ? members[place]
                  : of_protocol ? offsetof(cr_boxes, columns) + place * sizeof(void *)
                                : offsetof(cr_maps, columns) + place * sizeof(void *),
        .unit = from->unit,
        .description = from->description,
    };
    memcpy(column.extents, from->extents, sizeof from->extents);
    return column;
}

cr_column cr_column_at(int column)
{
    return column < CR_COLUMN_METRICS ? columns[column] : metric_column(column - CR_COLUMN_METRICS);
}

int cr_n_columns(void)
{
    return CR_COLUMN_METRICS + cr_metric_n_columns();
}

bool cr_group_next(const cr_results_plan *plan, cr_group *group)
{
    const int m = group->model, v = group->variant, p = group->protocol;
    if (v >= 0 && p + 1 < plan->n_protocols)
        group->protocol++;
    else if (m >= 0 && v + 1 < plan->models[m].n_variants)
        *group = CR_GROUP_VARIANT(m, v + 1);
    else
        *group = CR_GROUP_MODEL(m + 1);
    return group->model < plan->n_models;
}

cr_column_owner cr_group_owner(cr_group group)
{
    return group.protocol >= 0 ? CR_OF_PROTOCOL : group.variant >= 0 ? CR_OF_VARIANT : CR_OF_MODEL;
}

void cr_layout_group(const cr_results_plan *plan, cr_group group, cr_results_path path)
{
    const cr_results_model *of = &plan->models[group.model];
    const size_t room = sizeof(cr_results_path);
    int length = snprintf(path, room, "/models/%s", of->name);
    if (group.variant < 0)
        return;
    char name[2 * CR_NAME_BYTES];
    cr_results_variant_name(&of->variants[group.variant], name);
    for (char *at = name; (at = strchr(at, '/')) != NULL;)
        *at = ':';
    length += snprintf(path + length, room - (size_t)length, "/%s", name);
    if (group.protocol >= 0)
        snprintf(path + length, room - (size_t)length, "/%s", plan->protocols[group.protocol].name);
}

const char *cr_layout_set_group(cr_column_owner owner)
{
    return owner == CR_OF_CLASSES  ? "/classes"
           : owner == CR_OF_IMAGES ? "/images"
                                   : "/ground_truth";
}

int cr_layout_shape(cr_column_id column, const cr_results_plan *plan, cr_group group, int64_t n,
                    hsize_t shape[CR_MAX_RANK])
{
    const cr_results_variant *variant =
        group.variant < 0 ? NULL : &plan->models[group.model].variants[group.variant];
    int n_dims = 1;
    shape[0] = (hsize_t)n;
    for (int i = 0; i < CR_MAX_RANK - 1 && cr_column_at(column).extents[i]; i++) {
        int extent = cr_column_at(column).extents[i];
        if (extent == CR_EXTENT_KEPT)
            extent = cr_results_kept_maps(variant);
        else if (extent == CR_EXTENT_VIEWS)
            extent = variant->n_views;
        else if (extent == CR_EXTENT_HEIGHT)
            extent = variant->map_height;
        else if (extent == CR_EXTENT_WIDTH)
            extent = variant->map_width;
        else if (column >= CR_COLUMN_METRICS)
            extent = cr_results_metric_extent(plan, (int)column - CR_COLUMN_METRICS, group.protocol,
                                              extent);
        const int of = cr_column_at(column).extents[i];
        if ((of != CR_EXTENT_BOXES && of != CR_EXTENT_VIEWS) || extent > 1)
            shape[n_dims++] = (hsize_t)extent;
    }
    return n_dims;
}

bool cr_layout_has(cr_column_id column, const cr_results_plan *plan, cr_group group)
{
    if (column == CR_COLUMN_ANNOTATED)
        return plan->n_models == 0;
    if (column == CR_COLUMN_N_DIFFICULT)
        return plan->has_difficult;
    if (column == CR_COLUMN_EMPTY)
        return plan->has_empty;
    if (column == CR_COLUMN_TRUTH_LOGIT)
        return !plan->no_labels;
    if (column == CR_COLUMN_LOG_SUM)
        return plan->has_log_sum;
    if (column == CR_COLUMN_VARIANT_DONE || column == CR_COLUMN_VARIANT_REASON)
        return plan->has_states;
    if (column >= CR_COLUMN_METRICS) {
        int metric;
        const cr_metric_column *of = cr_metric_column_at((int)column - CR_COLUMN_METRICS, &metric);
        return cr_results_has_metric(plan, metric) && !(of->of_boxes && plan->no_boxes);
    }
    return cr_column_at(column).kind != CR_KIND_MAP ||
           plan->models[group.model].variants[group.variant].map_slots > 0;
}

hid_t cr_layout_type(cr_column_id column, const cr_results_plan *plan, size_t text_bytes)
{
    switch (cr_column_at(column).kind) {
    case CR_KIND_U8:
    case CR_KIND_FLAG:
        return H5Tcopy(H5T_STD_U8LE);
    case CR_KIND_I32:
        return H5Tcopy(H5T_STD_I32LE);
    case CR_KIND_F32:
        return H5Tcopy(H5T_IEEE_F32LE);
    case CR_KIND_MAP:
        return plan->map_float16 ? cr_h5_float16() : H5Tcopy(H5T_IEEE_F32LE);
    case CR_KIND_F64:
        return H5Tcopy(H5T_IEEE_F64LE);
    case CR_KIND_REASON:
        return cr_h5_string(CR_REASON_BYTES, H5T_STR_NULLPAD);
    case CR_KIND_TEXT:
        return cr_h5_string(text_bytes, H5T_STR_NULLPAD);
    }
    return -1;
}

int cr_layout_set_rows(cr_column_owner owner, const cr_dataset *data, uint8_t **rows,
                       size_t *stride)
{
    switch (owner) {
    case CR_OF_CLASSES:
        *rows = (uint8_t *)data->classes;
        *stride = sizeof *data->classes;
        return data->n_classes;
    case CR_OF_IMAGES:
        *rows = (uint8_t *)data->images;
        *stride = sizeof *data->images;
        return data->n_images;
    default:
        *rows = (uint8_t *)data->boxes;
        *stride = sizeof *data->boxes;
        return data->n_boxes;
    }
}

size_t cr_layout_text_bytes(cr_column_id column, const cr_dataset *data)
{
    uint8_t *rows;
    size_t stride, longest = 1;
    int n = cr_layout_set_rows(cr_column_at(column).owner, data, &rows, &stride);
    for (int i = 0; i < n; i++) {
        uint32_t offset;
        memcpy(&offset, rows + (size_t)i * stride + cr_column_at(column).offset, sizeof offset);
        size_t bytes = strlen(data->text + offset);
        if (bytes > longest)
            longest = bytes;
    }
    return longest;
}

static size_t column_bytes(cr_column_id column, const cr_results_plan *plan, cr_group group,
                           int64_t n, size_t text_bytes)
{
    hsize_t shape[CR_MAX_RANK];
    int n_dims = cr_layout_shape(column, plan, group, n, shape);
    hid_t type = cr_layout_type(column, plan, text_bytes);
    size_t bytes = type < 0 ? 0 : H5Tget_size(type);
    cr_h5_close(type);
    for (int i = 0; i < n_dims; i++)
        if (!cr_size_mul(bytes, (size_t)shape[i], &bytes))
            return SIZE_MAX;
    return bytes;
}

/* Headers of groups, datasets and attributes: measured, rounded up. */
enum { FILE_BYTES = 32768, OBJECT_BYTES = 4096 };

static size_t add(size_t total, size_t bytes)
{
    return __builtin_add_overflow(total, bytes, &total) ||
                   __builtin_add_overflow(total, OBJECT_BYTES, &total)
               ? SIZE_MAX
               : total;
}

size_t cr_results_bytes(const cr_results_plan *plan, const cr_dataset *data)
{
    const cr_group none = {-1, -1, -1};
    size_t total = FILE_BYTES + strlen(plan->job_text) + strlen(plan->overrides);
    for (int column = 0; column < cr_n_columns(); column++) {
        uint8_t *rows;
        size_t stride, text_bytes = 1;
        if (cr_column_at(column).owner > CR_OF_BOXES || !cr_layout_has(column, plan, none))
            continue;
        if (cr_column_at(column).kind == CR_KIND_TEXT)
            text_bytes = cr_layout_text_bytes(column, data);
        const int n = cr_layout_set_rows(cr_column_at(column).owner, data, &rows, &stride);
        total = add(total, column_bytes(column, plan, none, n, text_bytes));
    }
    for (cr_group group = none; cr_group_next(plan, &group);)
        for (int column = 0; column < cr_n_columns(); column++)
            if (cr_column_at(column).owner == cr_group_owner(group) &&
                cr_layout_has(column, plan, group))
                total = add(total, column_bytes(column, plan, group, data->n_images, 1));
    return total;
}
