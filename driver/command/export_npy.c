/* export_npy.c - maps as .npy files. */
#include "camrank/image.h"
#include "camrank/new_file.h"
#include "camrank/npy.h"

#include "driver/input_text.h"
#include "export.h"
#include "kept.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What a file names may have been made to lead elsewhere. */
static bool stays_inside(const char *file)
{
    for (const char *at = file; at; at = strchr(at, '/')) {
        at += *at == '/';
        const size_t n = strcspn(at, "/");
        if (n == 0 || (n <= 2 && strncmp(at, "..", n) == 0))
            return false;
    }
    return true;
}

static cr_status write_map(const cr_loc_map *map, int width, int height, bool raw, bool replace,
                           const char *path, cr_loc_workspace *workspace, cr_error *err)
{
    cr_status status = CR_OK;
    float frame[CR_FRAME * CR_FRAME];
    cr_new_file file;
    CR_TRY(cr_new_file_begin(path, cr_file_is_npy, replace, NULL, 0, &file, err));
    if (raw)
        status = cr_npy_write(file.path, map->maps, map->width, map->height, false, err);
    else
        status =
            cr_loc_score_map(map, CR_UPSAMPLING_BILINEAR, width, height, frame, workspace, err);
    if (status == CR_OK && !raw)
        status = cr_npy_write(file.path, frame, CR_FRAME, CR_FRAME, true, err);
    /* Synced one by one, 50,000 of them would take as long as the run. */
    status = cr_new_file_end(&file, false, status, err);

cleanup:
    return status;
}

/* Image i, whose row is the only one of `rows`. */
static cr_status export_image(const cr_dataset *data, const cr_results_variant *variant,
                              const cr_pick *pick, const cr_results_rows *rows,
                              const cr_input_spec *spec, bool raw, bool replace, const char *folder,
                              cr_loc_workspace *workspace, cr_error *err)
{
    cr_status status = CR_OK;
    const int i = rows->first;
    const char *file = cr_data_shares_file(data, i) ? cr_data_image_id(data, i)
                                                    : data->text + data->images[i].file;
    const int width = rows->size[0], height = rows->size[1];
    const size_t n = strlen(folder) + strlen(file) + sizeof "/.npy";
    const size_t values = cr_results_map_values(variant);
    cr_view views[CR_MAX_VIEWS];
    char *path = cr_alloc(n, 1);
    if (!path)
        return cr_fail_memory(err, "a path", n, 1);
    if (!stays_inside(file))
        CR_TRY(cr_fail(err, CR_EINPUT, "`%s` would lie outside of %s", file, folder));
    CR_TRY(cr_image_check_size(file, width, height, INT_MAX, err));
    cr_input_views(spec, width, height, views);
    const cr_loc_map map = {rows->variants[pick->variant].maps + CR_SLOT_TRUTH * values,
                            variant->map_width,
                            variant->map_height,
                            variant->scaling,
                            variant->n_views,
                            views};
    if (raw && (variant->n_views > 1 || spec->resize != CR_RESIZE_SQUASH || spec->short_side))
        CR_TRY(cr_fail(err, CR_EINPUT,
                       "raw maps of crops would lose their place in the image: export without "
                       "--raw"));
    snprintf(path, n, "%s/%s.npy", folder, file);
    CR_TRY(write_map(&map, width, height, raw, replace, path, workspace, err));

cleanup:
    free(path);
    return status;
}

cr_status cr_export_npy(const char *path, cr_results *results, const cr_pick *pick, bool raw,
                        bool replace, const char *folder, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_dataset *data = cr_results_get_data(results);
    const cr_results_model *model = &plan->models[pick->model];
    const cr_results_variant *variant = &model->variants[pick->variant];
    cr_loc_workspace workspace = {0};
    cr_arena arena = {0};
    cr_results_rows rows;
    cr_input_spec spec;
    if (variant->map_slots == 0)
        return cr_kept_check(path, plan, pick->model, pick->variant, CR_SLOT_TRUTH, "", NULL, err);
    CR_TRY(cr_input_text_of_model(path, model, &spec, err));
    CR_TRY(cr_results_rows_alloc(plan, pick->model, 1, true, &arena, &rows, err));
    rows.n = 1;
    for (rows.first = 0; rows.first < data->n_images; rows.first++) {
        CR_TRY(cr_results_read(results, pick->model, &rows, err));
        if (rows.variants[pick->variant].state[0] != CR_ROW_DONE)
            continue;
        CR_TRY(cr_kept_check(path, plan, pick->model, pick->variant, CR_SLOT_TRUTH,
                             cr_data_image_id(data, rows.first),
                             rows.variants[pick->variant].maps +
                                 CR_SLOT_TRUTH * cr_results_map_values(variant),
                             err));
        CR_TRY(
            export_image(data, variant, pick, &rows, &spec, raw, replace, folder, &workspace, err));
    }

cleanup:
    cr_loc_workspace_fini(&workspace);
    cr_arena_free(&arena);
    if (status == CR_EINPUT && strncmp(err->message, path, strlen(path)) != 0)
        cr_fail_in(err, "%s: ", path);
    return status;
}
