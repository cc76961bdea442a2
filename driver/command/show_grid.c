/* The grid of camrank show. An image is read once for its row, and made small: only small copies are kept. */
#include "show_grid.h"

#include "camrank/near.h"
#include "choose_images.h"
#include "driver/picture.h"
#include "plot_data.h"
#include "shown.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 24, CAPTION = 200 };

static const char *const grids[] = {"methods", "classes", "models"};
enum { METHODS, CLASSES, MODELS, N_GRIDS };

cr_status cr_grid_check(const char *grid, const char *choice, cr_error *err)
{
    bool is_grid = false, is_choice = !choice;
    for (int g = 0; g < N_GRIDS; g++)
        is_grid = is_grid || strcmp(grids[g], grid) == 0;
    if (!is_grid)
        return cr_fail(err, CR_EUSAGE, "--grid %.100s: must be methods, classes or models", grid);
    for (int c = 0; c < CR_N_CHOICES && choice; c++)
        is_choice = is_choice || strcmp(cr_choice_names[c], choice) == 0;
    return is_choice ? CR_OK
                     : cr_fail(err, CR_EUSAGE,
                               "--pick %.100s: must be worst, best, random, flipped, largest or "
                               "smallest",
                               choice);
}

/* What a column shows: a variant of a model, and of `classes` a rank. */
typedef struct column {
    int model, variant, slot;
    char name[CAPTION];
} column;

/* A row of the grid, with copies of its own. */
typedef struct line {
    cr_image image;
    cr_figure_box *boxes[1 + MOST_COLUMNS];
    cr_shown_map maps[MOST_COLUMNS];
    char captions[1 + MOST_COLUMNS][CAPTION];
} line;

typedef struct grid {
    const cr_grid_request *request;
    cr_plot_file plot; /* its results; the rest where images are chosen */
    int protocol;
    int n_columns;
    column columns[MOST_COLUMNS];
    int n_lines;
    int *images; /* [n_lines] */
    line *lines;
    cr_figure_panel *panels;
    int n_maps;
    cr_error no_map; /* the first reason why a cell has none */
} grid;

static void add_column(grid *g, int model, int variant, int slot, const char *name)
{
    if (g->n_columns == MOST_COLUMNS)
        return;
    column *to = &g->columns[g->n_columns++];
    *to = (column){model, variant, slot, ""};
    snprintf(to->name, sizeof to->name, "%.190s", name);
}

/* Images are picked by the ground-truth class's box, and then shown with it. */
static int slot_of(const cr_grid_request *r, const cr_results_model *model, int variant)
{
    return r->truth || r->choice ? CR_SLOT_TRUTH : cr_shown_first_slot(model, variant);
}

static void list_columns(grid *g)
{
    const cr_grid_request *r = g->request;
    const cr_results_plan *plan = cr_results_get_plan(g->plot.results);
    const cr_results_model *model = &plan->models[r->pick.model];
    char name[2 * CR_NAME_BYTES], other[2 * CR_NAME_BYTES];
    cr_results_variant_name(&model->variants[r->pick.variant], name);
    for (int v = 0; v < model->n_variants && strcmp(r->grid, grids[METHODS]) == 0; v++) {
        cr_results_variant_name(&model->variants[v], other);
        add_column(g, r->pick.model, v, slot_of(r, model, v), other);
    }
    for (int k = 0; k < CR_TOP && strcmp(r->grid, grids[CLASSES]) == 0; k++)
        add_column(g, r->pick.model, r->pick.variant, k, "");
    for (int m = 0; m < plan->n_models && strcmp(r->grid, grids[MODELS]) == 0; m++)
        for (int v = 0; v < plan->models[m].n_variants; v++) {
            cr_results_variant_name(&plan->models[m].variants[v], other);
            if (strcmp(name, other) == 0)
                add_column(g, m, v, slot_of(r, &plan->models[m], v), plan->models[m].name);
        }
}

static cr_status find_ids(grid *g, cr_error *err)
{
    const cr_dataset *data = cr_results_get_data(g->plot.results);
    for (; g->n_lines < g->request->n_images; g->n_lines++) {
        const char *id = g->request->images[g->n_lines];
        g->images[g->n_lines] = cr_data_find(data, id);
        if (g->images[g->n_lines] >= 0)
            continue;
        cr_near near;
        cr_near_begin(&near, id);
        for (int i = 0; i < data->n_images; i++)
            cr_near_add(&near, cr_data_image_id(data, i), strlen(cr_data_image_id(data, i)));
        return cr_fail(err, CR_EINPUT, "%s: holds no image %.100s%s", g->request->results, id,
                       cr_near_text(&near));
    }
    return CR_OK;
}

/* The class of a name or an id. */
static cr_status find_class(const cr_dataset *data, const char *name, int32_t *class, cr_error *err)
{
    cr_near near;
    *class = -1;
    if (!name)
        return CR_OK;
    cr_near_begin(&near, name);
    for (*class = 0; *class < data->n_classes; ++*class) {
        const char *wnid = data->text + data->classes[*class].wnid;
        if (strcmp(cr_data_class_name(data, *class), name) == 0 || strcmp(wnid, name) == 0)
            return CR_OK;
        cr_near_add(&near, cr_data_class_name(data, *class),
                    strlen(cr_data_class_name(data, *class)));
    }
    return cr_fail(err, CR_EINPUT, "--class: there is no class \"%.100s\"%s", name,
                   cr_near_text(&near));
}

static cr_status find_outcome(const char *name, int *outcome, cr_error *err)
{
    char known[200] = "";
    *outcome = -1;
    if (!name)
        return CR_OK;
    for (*outcome = 0; *outcome < CR_N_OUTCOMES; ++*outcome) {
        if (strcmp(cr_outcome_keys[*outcome], name) == 0)
            return CR_OK;
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", *outcome ? ", " : "",
                 cr_outcome_keys[*outcome]);
    }
    return cr_fail(err, CR_EUSAGE, "--outcome %.100s: must be one of %s", name, known);
}

/* The row that images are held against, MODEL/METHOD. */
static cr_status find_against(const grid *g, int row, int *other, cr_error *err)
{
    const cr_plot_data *plot = &g->plot.data;
    char name[4 * CR_NAME_BYTES];
    if (!g->request->against) {
        *other = cr_choose_other(plot, row);
        return CR_OK;
    }
    for (*other = 0; *other < plot->n_rows; ++*other) {
        const cr_report_row *of = plot->rows[*other].of;
        snprintf(name, sizeof name, "%s/%s", of->model, of->variant);
        if (strcmp(name, g->request->against) == 0)
            return CR_OK;
    }
    return cr_fail(err, CR_EINPUT, "--against: there is no row \"%.100s\", which is MODEL/METHOD",
                   g->request->against);
}

static cr_status choose(grid *g, cr_error *err)
{
    const cr_grid_request *r = g->request;
    const cr_results_plan *plan = cr_results_get_plan(g->plot.results);
    const cr_plot_data *plot = &g->plot.data;
    cr_chosen chosen = {.other = -1, .seed = (uint64_t)r->seed};
    char name[2 * CR_NAME_BYTES];
    cr_results_variant_name(&plan->models[r->pick.model].variants[r->pick.variant], name);
    while (strcmp(plot->rows[chosen.row].of->model, plan->models[r->pick.model].name) != 0 ||
           strcmp(plot->rows[chosen.row].of->variant, name) != 0)
        chosen.row++;
    while (strcmp(cr_choice_names[chosen.choice], r->choice) != 0)
        chosen.choice++;
    CR_OR_RETURN(find_class(plot->data, r->class, &chosen.class, err));
    CR_OR_RETURN(find_outcome(r->outcome, &chosen.outcome, err));
    if (chosen.choice == CR_CHOOSE_FLIPPED)
        CR_OR_RETURN(find_against(g, chosen.row, &chosen.other, err));
    g->n_lines = cr_choose_images(plot, &chosen, r->count, g->images);
    if (g->n_lines < 0)
        return cr_fail_memory(err, "images", (size_t)plot->data->n_images, sizeof *g->images);
    return g->n_lines > 0 ? CR_OK
                          : cr_fail(err, CR_EINPUT, "%s: no image is such a one", r->results);
}

/* A map of a single pixel each is drawn grey, as the papers of such methods do. */
static const cr_overlay *overlay_of(const grid *g, const column *c, const cr_image *image)
{
    const cr_results_variant *variant =
        &cr_results_get_plan(g->plot.results)->models[c->model].variants[c->variant];
    const cr_overlay *grey = NULL;
    cr_error ignored;
    if (g->request->overlay)
        return g->request->overlay;
    if (variant->map_width * 2 >= image->width || variant->map_width >= 96)
        cr_overlay_find("grey", &grey, &ignored);
    return grey;
}

static void caption_cell(const grid *g, const column *c, const cr_shown *shown, char *caption)
{
    const cr_dataset *data = cr_results_get_data(g->plot.results);
    const cr_protocol *protocol = &cr_results_get_plan(g->plot.results)->protocols[g->protocol];
    const double probability = cr_shown_probability(shown);
    const double iou = shown->iou[shown->slot * protocol->n_boxes];
    size_t n = 0;
    if (c->name[0])
        n += (size_t)snprintf(caption, CAPTION, "%.80s: ", c->name);
    if (data->images[shown->image].n_boxes > 0 && !isnan(iou))
        n += (size_t)snprintf(caption + n, CAPTION - n, "IoU %.2f, ", iou);
    if (!isnan(probability))
        n += (size_t)snprintf(caption + n, CAPTION - n, "%.0f %% ", 100 * probability);
    snprintf(caption + n, CAPTION - n, "%.80s", cr_data_class_name(data, cr_shown_class(shown)));
}

static cr_status draw_cell(grid *g, line *to, const column *c, int place, int image,
                           const cr_image *whole, cr_figure_panel *panel, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(g->plot.results);
    cr_shown shown = {.results = g->plot.results,
                      .path = g->request->results,
                      .image = image,
                      .model = c->model,
                      .variant = c->variant,
                      .protocol = g->protocol,
                      .slot = c->slot};
    const double x = to->image.width / (double)whole->width;
    const double y = to->image.height / (double)whole->height;
    const size_t n_boxes = (size_t)cr_results_get_data(g->plot.results)->images[image].n_boxes;
    cr_shown_map *map = &to->maps[place];
    *panel = (cr_figure_panel){.image = &to->image, .caption = to->captions[1 + place]};
    to->boxes[1 + place] = cr_alloc(n_boxes + CR_SHOWN_BOXES, sizeof **to->boxes);
    if (!to->boxes[1 + place])
        return cr_fail_memory(err, "boxes", n_boxes, sizeof **to->boxes);
    status = cr_shown_read(&shown, err);
    if (status == CR_EINPUT) {
        if (!g->no_map.message[0])
            g->no_map = *err;
        snprintf(to->captions[1 + place], CAPTION, "%.150s: no map", c->name);
        cr_shown_free(&shown);
        return CR_OK;
    }
    CR_TRY(status);
    CR_TRY(cr_shown_make_map(&shown, whole, to->image.width, to->image.height, map, err));
    caption_cell(g, c, &shown, to->captions[1 + place]);
    panel->map = map->map;
    panel->n_views = map->n_views;
    panel->views = map->views;
    panel->overlay = overlay_of(g, c, whole);
    panel->level = panel->overlay ? 0 : cr_protocol_level(&plan->protocols[g->protocol]);
    panel->boxes = to->boxes[1 + place];
    panel->n_boxes = cr_shown_list_boxes(&shown, x, y, NULL, to->boxes[1 + place]);
    g->n_maps++;

cleanup:
    cr_shown_free(&shown);
    return status;
}

static cr_status draw_line(grid *g, int n, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = cr_results_get_data(g->plot.results);
    const cr_grid_request *r = g->request;
    const cr_shown shown = {.results = g->plot.results, .image = g->images[n]};
    line *to = &g->lines[n];
    cr_figure_panel *panels = &g->panels[n * (g->n_columns + 1)];
    cr_image whole = {0};
    CR_TRY(cr_shown_decode(&shown, r->folder, r->image_mpixels, &whole, NULL, err));
    const double scale =
        r->side / (double)(whole.width > whole.height ? whole.width : whole.height);
    CR_TRY(cr_image_resize(&whole, (int)fmax(1, round(whole.width * scale)),
                           (int)fmax(1, round(whole.height * scale)), CR_FILTER_PIL_BILINEAR,
                           &to->image, err));
    snprintf(to->captions[0], CAPTION, "%.80s: %.80s", cr_data_image_id(data, shown.image),
             cr_data_class_name(data, data->images[shown.image].label));
    panels[0] = (cr_figure_panel){.image = &to->image, .caption = to->captions[0]};
    for (int c = 0; c < g->n_columns; c++)
        CR_TRY(draw_cell(g, to, &g->columns[c], c, shown.image, &whole, &panels[1 + c], err));

cleanup:
    cr_image_free(&whole);
    return status;
}

static cr_status write_grid(const grid *g, cr_error *err)
{
    const cr_grid_request *r = g->request;
    const cr_results_plan *plan = cr_results_get_plan(g->plot.results);
    const cr_dataset *data = cr_results_get_data(g->plot.results);
    const cr_results_model *model = &plan->models[r->pick.model];
    cr_picture_file picture;
    char title[CAPTION], name[2 * CR_NAME_BYTES];
    cr_results_variant_name(&model->variants[r->pick.variant], name);
    snprintf(title, sizeof title, "%.60s%s%.60s   %.40s",
             strcmp(r->grid, grids[MODELS]) == 0 ? "" : model->name,
             strcmp(r->grid, grids[CLASSES]) == 0 ? " " : "",
             strcmp(r->grid, grids[METHODS]) == 0 ? "" : name, plan->protocols[g->protocol].name);
    const cr_figure_entry entries[] = {{cr_shown_truth, "ground truth"},
                                       {cr_shown_predicted, "box of the map"},
                                       {cr_figure_seen, "what the network saw"}};
    bool cut = false;
    for (int i = 0; i < g->n_lines * (g->n_columns + 1); i++)
        cut = cut || g->panels[i].n_views > 0;
    const char *titles[] = {title};
    const cr_figure figure = {.n_titles = 1,
                              .titles = titles,
                              .n_rows = g->n_lines,
                              .n_columns = g->n_columns + 1,
                              .panels = g->panels,
                              .side = r->side,
                              .bar = true,
                              .overlay = g->panels[1].overlay,
                              .n_entries = 2 + cut,
                              .entries = entries};
    const char *inputs[] = {r->results, r->folder ? r->folder : data->folder};
    CR_OR_RETURN(cr_picture_begin(r->output, r->force, inputs, sizeof inputs / sizeof *inputs,
                                  &picture, err));
    const cr_status status = cr_figure_write(picture.path, picture.format, &figure, err);
    return cr_picture_end(&picture, status, err);
}

static cr_status open_file(grid *g, cr_error *err)
{
    const cr_grid_request *r = g->request;
    const cr_report_options options = {.protocols = r->pick.protocol_name};
    if (r->n_images > 0)
        return cr_results_open(r->results, &g->plot.results, err);
    return cr_plot_file_open(r->results, &options, CR_PLOT_NEEDS_IMAGES | CR_PLOT_NEEDS_SIZES, NULL,
                             &g->plot, err);
}

cr_status cr_show_grid(const cr_grid_request *request, cr_error *err)
{
    cr_status status = CR_OK;
    cr_grid_request r = *request;
    const int most = r.n_images > 0 ? r.n_images : r.count;
    grid *g = cr_alloc(1, sizeof *g);
    if (!g || !(g->images = cr_alloc((size_t)most, sizeof *g->images)) ||
        !(g->lines = cr_alloc((size_t)most, sizeof *g->lines)) ||
        !(g->panels = cr_alloc((size_t)most * (MOST_COLUMNS + 1), sizeof *g->panels)))
        CR_TRY(cr_fail_memory(err, "a grid", (size_t)most, sizeof *g->lines));
    g->request = &r;
    CR_TRY(open_file(g, err));
    CR_TRY(
        cr_pick_find(r.results, cr_results_get_plan(g->plot.results), false, true, &r.pick, err));
    g->protocol = r.pick.protocol;
    list_columns(g);
    CR_TRY(r.n_images > 0 ? find_ids(g, err) : choose(g, err));
    for (int n = 0; n < g->n_lines; n++)
        CR_TRY(draw_line(g, n, err));
    if (g->n_maps == 0) {
        *err = g->no_map;
        status = err->status;
        goto cleanup;
    }
    status = write_grid(g, err);

cleanup:
    for (int n = 0; g && n < g->n_lines && g->lines; n++) {
        cr_image_free(&g->lines[n].image);
        for (int c = 0; c <= MOST_COLUMNS; c++)
            free(g->lines[n].boxes[c]);
        for (int c = 0; c < MOST_COLUMNS; c++)
            free(g->lines[n].maps[c].map);
    }
    if (g) {
        cr_plot_file_close(&g->plot);
        free(g->images);
        free(g->lines);
        free(g->panels);
    }
    free(g);
    return status;
}
