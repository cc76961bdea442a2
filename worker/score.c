/* From the maps of an image to what the metrics of the plan say of them. */
#include "score.h"

#include "camrank/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the values of a slot of row b lie in a metric's columns, and their bytes; of a metric that scores
 * one map only there is one slot. */
typedef struct values {
    void *at[CR_METRIC_MAX_COLUMNS];
    size_t bytes[CR_METRIC_MAX_COLUMNS];
} values;

static values values_of(const cr_results_plan *plan, const struct cr_results_maps *out, int m,
                        int protocol, int b, int slot)
{
    values of = {{NULL}, {0}};
    const cr_metric *metric = cr_metrics[m];
    const size_t n_slots = metric->of_slots ? CR_SLOTS : 1;
    for (int j = 0; j < metric->n_columns; j++) {
        const int k = cr_metric_first_column(m) + j;
        char *array = cr_results_metric_array(out, k, protocol);
        of.bytes[j] = cr_metric_item_bytes(&metric->columns[j]) *
                      cr_results_metric_items(plan, k, protocol) / n_slots;
        of.at[j] =
            array + ((size_t)b * n_slots + (metric->of_slots ? (size_t)slot : 0)) * of.bytes[j];
    }
    return of;
}

bool cr_score_needs_masks(const cr_results_plan *plan)
{
    bool needs = false;
    for (int m = 0; cr_metrics[m]; m++)
        needs = needs ||
                (cr_results_has_metric(plan, m) && cr_metrics[m]->needs & CR_METRIC_NEEDS_MASKS);
    return needs;
}

void cr_score_find_values(const cr_results_plan *plan, const struct cr_results_maps *out,
                          int metric, int b, void **at)
{
    const values of = values_of(plan, out, metric, 0, b, 0);
    memcpy(at, of.at, (size_t)cr_metrics[metric]->n_columns * sizeof *at);
}

static int count_protocols(const cr_results_plan *plan, int m)
{
    return cr_metrics[m]->of_protocol ? plan->n_protocols : 1;
}

static void blank_column(const cr_metric_column *column, void *at, size_t bytes)
{
    const double none = NAN;
    if (column->kind != CR_METRIC_F64)
        memset(at, column->kind == CR_METRIC_I32 ? 0xff : 0, bytes);
    for (size_t i = 0; column->kind == CR_METRIC_F64 && i < bytes; i += sizeof none)
        memcpy((char *)at + i, &none, sizeof none);
}

static void blank_metric(const cr_results_plan *plan, const struct cr_results_maps *out, int m,
                         int b)
{
    for (int p = 0; p < count_protocols(plan, m); p++)
        for (int slot = 0; slot < (cr_metrics[m]->of_slots ? CR_SLOTS : 1); slot++) {
            const values of = values_of(plan, out, m, p, b, slot);
            for (int j = 0; j < cr_metrics[m]->n_columns; j++)
                blank_column(&cr_metrics[m]->columns[j], of.at[j], of.bytes[j]);
        }
}

void cr_score_blank(const cr_results_plan *plan, const struct cr_results_maps *out, int b)
{
    memset(out->empty + (size_t)b * CR_SLOTS, 0, CR_SLOTS);
    for (int m = 0; cr_metrics[m]; m++)
        if (cr_results_has_metric(plan, m))
            blank_metric(plan, out, m, b);
}

static bool needs_picture(const cr_results_plan *plan)
{
    for (int p = 0; p < plan->n_protocols; p++)
        if (cr_protocol_needs_picture(&plan->protocols[p]))
            return true;
    return false;
}

/* The longer side of a picture is one of an image that is not larger. */
static int reduced(int side, int longer)
{
    const int64_t most = CR_LOC_PICTURE_SIDE;
    const int n = longer > most ? (int)((side * most + longer / 2) / longer) : side;
    return n > 0 ? n : 1;
}

/* What protocols see of the image. */
static cr_status read_picture(const cr_score_image *image, cr_image *picture, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    cr_image whole = {0};
    const char *id = cr_data_image_id(image->data, image->index);
    const int longer = image->width > image->height ? image->width : image->height;
    CR_TRY(cr_data_image_read(image->data, image->index, &bytes, &n_bytes, err));
    CR_TRY(cr_image_decode(bytes, n_bytes, id, image->max_mpixels, &whole, err));
    if (whole.width != image->width || whole.height != image->height)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: is %d x %d, its maps are of one of %d x %d", id,
                       whole.width, whole.height, image->width, image->height));
    status = cr_image_resize(&whole, reduced(image->width, longer), reduced(image->height, longer),
                             CR_FILTER_PIL_BILINEAR, picture, err);

cleanup:
    cr_image_free(&whole);
    free(bytes);
    return status;
}

/* Under every protocol where the metric is under these. */
static cr_status score_slot(const cr_score_image *image, const cr_loc_map *map,
                            const cr_loc_picture *picture, int m, int slot,
                            const struct cr_results_maps *out, int b, cr_loc_workspace *workspace,
                            cr_error *err)
{
    const cr_data_image *of = &image->data->images[image->index];
    for (int p = 0; p < count_protocols(image->plan, m); p++) {
        const values to = values_of(image->plan, out, m, p, b, slot);
        const cr_metric_map scored = {
            .parameters = cr_results_metric_parameters(image->plan, m, p),
            .map = map,
            .width = image->width,
            .height = image->height,
            .picture = picture,
            .truth = image->data->boxes + of->first_box,
            .n_truth = of->n_boxes,
            .mask = image->mask->pixels,
            .mask_width = image->mask->width,
            .mask_height = image->mask->height,
        };
        CR_OR_RETURN(cr_metrics[m]->score(&scored, to.at, workspace, err));
    }
    return CR_OK;
}

/* What a map is worth that is the same as that of another slot. */
static void copy_slot(const cr_score_image *image, int m, int from, int to,
                      const struct cr_results_maps *out, int b)
{
    for (int p = 0; p < count_protocols(image->plan, m); p++) {
        const values source = values_of(image->plan, out, m, p, b, from);
        const values target = values_of(image->plan, out, m, p, b, to);
        for (int j = 0; j < cr_metrics[m]->n_columns; j++)
            memcpy(target.at[j], source.at[j], source.bytes[j]);
    }
}

static cr_status score_slots(const cr_score_image *image, const cr_loc_map *first, int first_slot,
                             bool same, const cr_loc_picture *picture,
                             const struct cr_results_maps *out, int b, cr_loc_workspace *workspace,
                             cr_error *err)
{
    const size_t n = (size_t)first->n_views * (size_t)first->width * (size_t)first->height;
    const bool has_label = image->data->images[image->index].label >= 0;
    cr_loc_map map = *first;
    for (int slot = first_slot; slot < (has_label ? CR_SLOTS : CR_SLOT_TRUTH); slot++) {
        uint8_t *empty = out->empty + b * CR_SLOTS;
        const bool again = same && slot > first_slot;
        map.maps = first->maps + (size_t)(slot - first_slot) * n;
        empty[slot] = again ? empty[first_slot] : cr_loc_map_is_empty(&map);
        for (int m = 0; cr_metrics[m]; m++) {
            if (!cr_results_has_metric(image->plan, m) || !cr_metrics[m]->score ||
                (!cr_metrics[m]->of_slots && slot != CR_SLOT_TRUTH))
                continue;
            if (again && cr_metrics[m]->of_slots)
                copy_slot(image, m, first_slot, slot, out, b);
            else
                CR_OR_RETURN(score_slot(image, &map, picture, m, slot, out, b, workspace, err));
        }
    }
    return CR_OK;
}

cr_status cr_score_maps(const cr_score_image *image, const cr_loc_map *first, int first_slot,
                        bool same, const struct cr_results_maps *out, int b,
                        cr_loc_workspace *workspace, cr_error *err)
{
    cr_image reduced = {0};
    cr_score_blank(image->plan, out, b);
    if (needs_picture(image->plan))
        CR_OR_RETURN(read_picture(image, &reduced, err));
    const cr_loc_picture picture = {reduced.width, reduced.height, reduced.rgb};
    const cr_status status =
        score_slots(image, first, first_slot, same, &picture, out, b, workspace, err);
    cr_image_free(&reduced);
    return status;
}
