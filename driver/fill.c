/* What metrics give that were added to a file, as the run over all would have given it. */
#include "fill.h"

#include "worker/score.h"

/* Row b under one variant, whose maps are there. */
static cr_status fill_row(const cr_session *s, const cr_results_plan *from, int model, int v,
                          const cr_results_rows *rows, int b, cr_loc_workspace *workspace,
                          cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_variant *variant = &s->plan.models[model].variants[v];
    const int32_t *size = rows->size + 2 * b;
    const char *id = cr_data_image_id(&s->data, rows->first + b);
    const int first_slot = from->map_slots == CR_SLOTS || variant->of_image ? 0 : CR_SLOT_TRUTH;
    const size_t place = (size_t)b * CR_SLOTS + (size_t)first_slot;
    cr_view views[CR_MAX_VIEWS];
    CR_TRY(cr_image_check_size(id, size[0], size[1], s->job.image_mpixels, err));
    cr_input_views(&s->models[model].input, size[0], size[1], views);
    const cr_loc_map map = {
        .maps = rows->variants[v].maps + place * cr_results_map_values(variant),
        .width = variant->map_width,
        .height = variant->map_height,
        .scaling = variant->scaling,
        .n_views = variant->n_views,
        .views = views,
    };
    const cr_score_image image = {.data = &s->data,
                                  .index = rows->first + b,
                                  .width = size[0],
                                  .height = size[1],
                                  .plan = &s->plan,
                                  .known = from};
    status = cr_score_maps(&image, &map, first_slot, variant->of_image, &rows->variants[v], b,
                           workspace, err);
    if (status != CR_OK)
        cr_fail_in(err, "%s: ", id);

cleanup:
    return status;
}

cr_status cr_fill_metrics(void *context, const cr_results_plan *from, int model,
                          const cr_results_rows *rows, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_session *s = context;
    cr_loc_workspace workspace = {0};
    for (int v = 0; v < s->plan.models[model].n_variants; v++)
        for (int b = 0; b < rows->n; b++)
            if (rows->variants[v].state[b] == CR_ROW_DONE)
                CR_TRY(fill_row(s, from, model, v, rows, b, &workspace, err));
            else
                cr_score_blank(&s->plan, from, &rows->variants[v], b);

cleanup:
    cr_loc_workspace_fini(&workspace);
    return status;
}
