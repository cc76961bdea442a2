/* Reads one image of a results file for a picture: what the file has, the photograph, the map at its place. */
#include "shown.h"

#include "camrank/loc.h"
#include "driver/input_text.h"
#include "driver/picture.h"
#include "kept.h"

#include <math.h>
#include <stdlib.h>

const cr_figure_line cr_shown_truth = {.colour = {0.1, 0.9, 0.1}};
const cr_figure_line cr_shown_predicted = {.colour = {1, 0.1, 0.1}, .dashed = true};

int cr_shown_first_slot(const cr_results_model *model, int variant)
{
    return cr_results_has_network(model) && cr_kept_has(&model->variants[variant], 0)
               ? 0
               : CR_SLOT_TRUTH;
}

static const char *id_of(const cr_shown *shown)
{
    return cr_data_image_id(cr_results_get_data(shown->results), shown->image);
}

static const cr_results_variant *variant_of(const cr_shown *shown)
{
    const cr_results_plan *plan = cr_results_get_plan(shown->results);
    return &plan->models[shown->model].variants[shown->variant];
}

cr_status cr_shown_read(cr_shown *shown, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(shown->results);
    const size_t n_variants = (size_t)plan->models[shown->model].n_variants;
    const size_t values = cr_results_map_values(variant_of(shown));
    uint8_t state = CR_ROW_EMPTY, of_variant = CR_ROW_EMPTY;
    char reason[1][CR_REASON_BYTES] = {""}, why[1][CR_REASON_BYTES] = {""};
    struct cr_results_boxes protocols[CR_MAX_PROTOCOLS] = {{0}};
    struct cr_results_maps *variants = cr_alloc(n_variants, sizeof *variants);
    if (!variants)
        return cr_fail_memory(err, "variants", n_variants, sizeof *variants);
    shown->log_sum = NAN;
    shown->maps = cr_alloc(CR_SLOTS * values, sizeof *shown->maps);
    if (!shown->maps)
        CR_TRY(cr_fail_memory(err, "a map", CR_SLOTS * values, sizeof *shown->maps));
    protocols[shown->protocol] =
        (struct cr_results_boxes){.boxes = shown->boxes, .iou = shown->iou};
    variants[shown->variant] = (struct cr_results_maps){
        .state = &of_variant, .reason = why, .maps = shown->maps, .protocols = protocols};
    cr_results_rows rows = {.first = shown->image,
                            .n = 1,
                            .state = &state,
                            .reason = reason,
                            .top_class = shown->top_class,
                            .top_logit = shown->top_logit,
                            .truth_logit = &shown->truth_logit,
                            .log_sum = &shown->log_sum,
                            .variants = variants};
    CR_TRY(cr_results_read(shown->results, shown->model, &rows, err));
    if (state == CR_ROW_FAILED)
        status = cr_fail(err, CR_EINPUT, "%s: image %s failed: %s", shown->path, id_of(shown),
                         reason[0]);
    else if (of_variant == CR_ROW_FAILED)
        status = cr_fail(err, CR_EINPUT, "%s: image %s failed under this method: %s", shown->path,
                         id_of(shown), why[0]);
    else if (state != CR_ROW_DONE || of_variant != CR_ROW_DONE)
        status = cr_fail(err, CR_EINPUT, "%s: image %s has not been computed", shown->path,
                         id_of(shown));
    else
        status = cr_kept_check(shown->path, plan, shown->model, shown->variant, shown->slot,
                               id_of(shown), shown->maps + (size_t)shown->slot * values, err);

cleanup:
    free(variants);
    return status;
}

void cr_shown_free(cr_shown *shown)
{
    free(shown->maps);
    shown->maps = NULL;
}

int32_t cr_shown_class(const cr_shown *shown)
{
    const cr_dataset *data = cr_results_get_data(shown->results);
    return shown->slot == CR_SLOT_TRUTH ? data->images[shown->image].label
                                        : shown->top_class[shown->slot];
}

double cr_shown_probability(const cr_shown *shown)
{
    const float logit =
        shown->slot == CR_SLOT_TRUTH ? shown->truth_logit : shown->top_logit[shown->slot];
    const double probability = exp((double)logit - (double)shown->log_sum);
    return probability >= 0 && probability < 1.001 ? fmin(probability, 1) : NAN;
}

cr_status cr_shown_decode(const cr_shown *shown, const char *folder, int mpixels, cr_image *image,
                          char **path, cr_error *err)
{
    const cr_dataset *data = cr_results_get_data(shown->results);
    const char *file = data->text + data->images[shown->image].file;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    folder = folder ? folder : data->folder;
    char *place = cr_path_join(folder, file);
    if (path)
        *path = place;
    if (!place)
        return cr_fail_memory(err, "a path", 1, 1);
    cr_status status = cr_data_file_read(folder, file, &bytes, &n_bytes, err);
    if (status == CR_OK)
        status = cr_image_decode(bytes, n_bytes, place, mpixels, image, err);
    if (status != CR_OK)
        cr_fail_in(err, "the image is needed for the picture (--images gives its folder or tar): ");
    free(bytes);
    if (!path)
        free(place);
    return status;
}

cr_status cr_shown_make_map(const cr_shown *shown, const cr_image *image, int width, int height,
                            cr_shown_map *map, cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(shown->results);
    const cr_results_variant *variant = variant_of(shown);
    const double x = width / (double)image->width, y = height / (double)image->height;
    cr_input_spec spec;
    *map = (cr_shown_map){0};
    CR_OR_RETURN(cr_input_text_of_model(shown->path, &plan->models[shown->model], &spec, err));
    cr_input_views(&spec, image->width, image->height, map->views);
    for (int v = 0; v < variant->n_views; v++) {
        cr_region *r = &map->views[v].region;
        *r = (cr_region){r->x0 * x, r->y0 * y, r->width * x, r->height * y};
    }
    const cr_loc_map native = {
        .maps = shown->maps + (size_t)shown->slot * cr_results_map_values(variant),
        .width = variant->map_width,
        .height = variant->map_height,
        .scaling = variant->scaling,
        .n_views = variant->n_views,
        .views = map->views,
    };
    map->is_empty = cr_loc_map_is_empty(&native);
    map->n_views =
        cr_picture_is_cut(map->views, variant->n_views, width, height) ? variant->n_views : 0;
    return cr_picture_map(&native, plan->protocols[shown->protocol].upsampling, width, height,
                          &map->map, err);
}

static cr_box scale_box(const cr_box *box, double x, double y)
{
    return (cr_box){(int32_t)lround(box->x0 * x), (int32_t)lround(box->y0 * y),
                    (int32_t)lround((box->x1 + 1) * x) - 1, (int32_t)lround((box->y1 + 1) * y) - 1};
}

int cr_shown_list_boxes(const cr_shown *shown, double x, double y, const char *label,
                        cr_figure_box *boxes)
{
    const cr_dataset *data = cr_results_get_data(shown->results);
    const cr_protocol *protocol = &cr_results_get_plan(shown->results)->protocols[shown->protocol];
    const cr_data_image *truth = &data->images[shown->image];
    const int first = shown->slot * protocol->n_boxes;
    int n = 0;
    for (; n < truth->n_boxes; n++)
        boxes[n] = (cr_figure_box){scale_box(&data->boxes[truth->first_box + n], x, y),
                                   cr_shown_truth, NULL};
    for (int i = first; i < first + protocol->n_boxes; i++)
        if (shown->boxes[i].x0 >= 0)
            boxes[n++] = (cr_figure_box){scale_box(&shown->boxes[i], x, y), cr_shown_predicted,
                                         i == first ? label : NULL};
    return n;
}
