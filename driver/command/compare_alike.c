/* Reads images one by one under all rows, for compare --alike. */
#include "compare_alike.h"

#include "camrank/loc.h"
#include "driver/input_text.h"
#include "kept.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row, and what is read of an image under it. */
typedef struct look {
    cr_results *results;
    const cr_compare_place *place;
    const int32_t *images; /* [n_shared] of its file */
    const cr_results_model *model;
    const cr_results_variant *variant; /* NULL: a row of classes alone */
    cr_input_spec spec;
    int slot;
    struct cr_results_maps *variants; /* [n_variants] for reading */
    cr_box *boxes;                    /* [CR_SLOTS][2] */
    float *maps, *frame;
    int32_t top_class[CR_TOP];
} look;

typedef struct looks {
    int n, width, height;
    bool
        in_input; /* all see the same part of an image, once: the frame is that part, else the whole image */
    look *rows;
    int32_t **images; /* [n_files][n_shared] */
    int n_files;
    cr_compare_sight *sights;
    cr_loc_workspace workspace;
} looks;

/* Which image of its file each of the shared ones is. */
static cr_status invert(const cr_compare_files *files, looks *all, cr_error *err)
{
    const size_t n = (size_t)files->n_shared;
    all->images = cr_alloc((size_t)files->n_files, sizeof *all->images);
    for (int f = 0; all->images && f < files->n_files; f++) {
        const cr_compare_set *set = &files->sets[f];
        int32_t *images = all->images[f] = cr_alloc(n, sizeof *images);
        all->n_files = f + 1;
        for (int i = 0; images && i < set->data->n_images; i++)
            if (set->places[i] >= 0)
                images[set->places[i]] = i;
        if (!images)
            break;
    }
    return all->images && all->images[files->n_files - 1]
               ? CR_OK
               : cr_fail_memory(err, "images", n, sizeof **all->images);
}

static cr_status open_row(const cr_compare_files *files, int r, looks *all, cr_error *err)
{
    look *row = &all->rows[r];
    row->place = &files->places[r];
    if (row->place->model < 0)
        return CR_OK;
    const cr_compare_file *file = &files->files[row->place->file];
    row->results = file->results;
    row->images = all->images[row->place->file];
    row->model = &cr_results_get_plan(row->results)->models[row->place->model];
    const size_t n_variants = (size_t)row->model->n_variants;
    row->variants = cr_alloc(n_variants, sizeof *row->variants);
    row->boxes = cr_alloc(CR_SLOTS * 2, sizeof *row->boxes);
    if (!row->variants || !row->boxes)
        return cr_fail_memory(err, "a row", n_variants, sizeof *row->variants);
    row->slot = cr_data_has_labels(cr_results_get_data(row->results)) ? CR_SLOT_TRUTH : 0;
    if (n_variants == 0)
        return CR_OK;
    row->variant = &row->model->variants[row->place->row];
    if (!cr_kept_has(row->variant, row->slot))
        return CR_OK;
    const size_t n_values = CR_SLOTS * cr_results_map_values(row->variant);
    row->maps = cr_alloc(n_values, sizeof *row->maps);
    if (!row->maps)
        return cr_fail_memory(err, "maps", n_values, sizeof *row->maps);
    return cr_input_text_of_model(file->path, row->model, &row->spec, err);
}

static bool have_one_view(const look *a, const look *b)
{
    return a->variant->n_views == 1 && b->variant->n_views == 1 && a->spec.width == b->spec.width &&
           a->spec.height == b->spec.height && a->spec.resize == b->spec.resize &&
           a->spec.short_side == b->spec.short_side && a->spec.crop == b->spec.crop;
}

/* The resolution and the part of the image that all maps are looked at. */
static void find_frame(looks *all)
{
    const look *first = NULL;
    all->width = all->height = 0;
    all->in_input = true;
    for (int r = 0; r < all->n; r++) {
        const look *row = &all->rows[r];
        if (!row->maps)
            continue;
        first = first ? first : row;
        all->in_input = all->in_input && have_one_view(first, row);
    }
    for (int r = 0; r < all->n; r++) {
        const look *row = &all->rows[r];
        if (!row->maps)
            continue;
        const bool same =
            all->width == 0 || (all->width == row->spec.width && all->height == row->spec.height);
        all->width = same ? row->spec.width : CR_FRAME;
        all->height = same ? row->spec.height : CR_FRAME;
        if (!same)
            return;
    }
    if (all->width == 0) /* there are no maps */
        all->width = all->height = 1;
}

static cr_status open_rows(const cr_compare_files *files, looks *all, cr_error *err)
{
    all->n = files->n_rows;
    all->rows = cr_alloc((size_t)all->n, sizeof *all->rows);
    all->sights = cr_alloc((size_t)all->n, sizeof *all->sights);
    if (!all->rows || !all->sights)
        return cr_fail_memory(err, "rows", (size_t)all->n, sizeof *all->rows);
    CR_OR_RETURN(invert(files, all, err));
    for (int r = 0; r < all->n; r++)
        CR_OR_RETURN(open_row(files, r, all, err));
    find_frame(all);
    for (int r = 0; r < all->n; r++) {
        const size_t places = (size_t)all->width * (size_t)all->height;
        all->rows[r].frame = cr_alloc(places, sizeof *all->rows[r].frame);
        if (!all->rows[r].frame)
            return cr_fail_memory(err, "a map", places, sizeof *all->rows[r].frame);
    }
    return CR_OK;
}

static cr_status make_frame(const look *row, const int32_t size[2], looks *all, cr_error *err)
{
    cr_view views[CR_MAX_VIEWS];
    const double x = all->width / (double)size[0], y = all->height / (double)size[1];
    cr_input_views(&row->spec, size[0], size[1], views);
    for (int v = 0; v < row->variant->n_views; v++) {
        cr_region *r = &views[v].region;
        *r = all->in_input ? (cr_region){0, 0, all->width, all->height}
                           : (cr_region){r->x0 * x, r->y0 * y, r->width * x, r->height * y};
    }
    const cr_loc_map map = {
        .maps = row->maps + (size_t)row->slot * cr_results_map_values(row->variant),
        .width = row->variant->map_width,
        .height = row->variant->map_height,
        .scaling = row->variant->scaling,
        .n_views = row->variant->n_views,
        .views = views,
    };
    return cr_loc_upsample(&map, CR_UPSAMPLING_BILINEAR, all->width, all->height, row->frame,
                           &all->workspace, err);
}

static cr_status read_row(look *row, int image, looks *all, cr_compare_sight *sight, cr_error *err)
{
    uint8_t state = CR_ROW_EMPTY, of_variant = CR_ROW_EMPTY;
    int32_t size[2] = {0, 0};
    struct cr_results_boxes protocols[CR_MAX_PROTOCOLS] = {{0}};
    *sight = (cr_compare_sight){NULL, NULL, NULL};
    if (!row->results)
        return CR_OK;
    cr_results_rows rows = {.first = row->images[image],
                            .n = 1,
                            .state = &state,
                            .size = size,
                            .top_class = row->top_class,
                            .variants = row->variants};
    protocols[row->place->protocol].boxes = row->boxes;
    if (row->variant)
        row->variants[row->place->row] = (struct cr_results_maps){
            .state = &of_variant, .maps = row->maps, .protocols = protocols};
    CR_OR_RETURN(cr_results_read(row->results, row->place->model, &rows, err));
    if (state == CR_ROW_DONE && cr_results_has_network(row->model))
        sight->top_class = row->top_class;
    if (state != CR_ROW_DONE || of_variant != CR_ROW_DONE)
        return CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(row->results);
    const int n_boxes = plan->protocols[row->place->protocol].n_boxes;
    sight->box = &row->boxes[row->slot * n_boxes];
    if (sight->box->x0 < 0)
        sight->box = NULL;
    if (!row->maps || isnan(row->maps[(size_t)row->slot * cr_results_map_values(row->variant)]))
        return CR_OK;
    sight->map = row->frame;
    return make_frame(row, size, all, err);
}

static void close_rows(looks *all)
{
    for (int r = 0; all->rows && r < all->n; r++) {
        free(all->rows[r].variants);
        free(all->rows[r].boxes);
        free(all->rows[r].maps);
        free(all->rows[r].frame);
    }
    for (int f = 0; f < all->n_files; f++)
        free(all->images[f]);
    free(all->images);
    free(all->rows);
    free(all->sights);
    cr_loc_workspace_fini(&all->workspace);
}

cr_status cr_compare_files_alike(cr_compare_files *files, cr_error *err)
{
    cr_status status = CR_OK;
    looks all = {.n = 0};
    CR_TRY(open_rows(files, &all, err));
    CR_TRY(cr_compare_begin_alike(&files->compare, all.width, all.height, err));
    for (int i = 0; i < files->n_shared; i++) {
        if (!cr_compare_is_computed(&files->compare, i))
            continue;
        for (int r = 0; r < all.n; r++)
            CR_TRY(read_row(&all.rows[r], i, &all, &all.sights[r], err));
        CR_TRY(cr_compare_add_alike(&files->compare, all.sights, err));
    }
    CR_TRY(cr_compare_end_alike(&files->compare, err));

cleanup:
    close_rows(&all);
    return status;
}
