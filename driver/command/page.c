/* The page of a results file: facts, and the pictures of each row: the worst, the best, some at random, and those
 * that are otherwise under another row. */
#include "page.h"

#include "choose_images.h"
#include "driver/picture.h"
#include "shown.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pictures of all rows, of a row and a reason, and bytes of all: the page stays below 5 MB. */
enum { MOST_PICTURES = 260, MOST_EACH = 8, SIDE = 168, MOST_BYTES = 2600000 };

enum { N_WHY = CR_CHOOSE_FLIPPED + 1 };

static cr_status choose(cr_page_file *file, int row, cr_choice why, int n_each, cr_error *err)
{
    const cr_plot_data *plot = &file->plot.data;
    const cr_plot_row *of = &plot->rows[row];
    const int other = why == CR_CHOOSE_FLIPPED ? cr_choose_other(plot, row) : -1;
    const cr_chosen chosen = {
        .choice = why, .row = row, .other = other, .class = -1, .outcome = -1, .seed = 0};
    int images[MOST_EACH];
    const int n = cr_choose_images(plot, &chosen, n_each, images);
    if (n < 0)
        return cr_fail_memory(err, "pictures", (size_t)plot->data->n_images, sizeof *images);
    for (int i = 0; i < n; i++)
        file->page.pictures[file->page.n_pictures++] =
            (cr_page_picture){.row = row,
                              .why = cr_choice_names[why],
                              .image = images[i],
                              .top_class = of->top_class[images[i]],
                              .iou = of->iou[images[i]],
                              .outcome = (cr_outcome)of->outcome[images[i]],
                              .other = other < 0 ? NULL : plot->rows[other].label};
    return CR_OK;
}

/* The picture of an image as a JPEG, no larger than SIDE. */
static cr_status draw(cr_page_file *file, const char *path, const char *folder, int mpixels,
                      cr_page_picture *picture, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(file->plot.results);
    const cr_row_place at = cr_row_place_of(plan, file->plot.data.rows[picture->row].of);
    cr_shown shown = {.results = file->plot.results,
                      .path = path,
                      .image = picture->image,
                      .model = at.model,
                      .variant = at.variant,
                      .protocol = at.protocol,
                      .slot = CR_SLOT_TRUTH};
    const size_t n_boxes =
        (size_t)file->plot.data.data->images[picture->image].n_boxes + CR_SHOWN_BOXES;
    cr_image image = {0}, small = {0};
    cr_shown_map map = {0};
    cr_figure_box *boxes = cr_alloc(n_boxes, sizeof *boxes);
    if (!boxes)
        CR_TRY(cr_fail_memory(err, "boxes", n_boxes, sizeof *boxes));
    CR_TRY(cr_shown_read(&shown, err));
    CR_TRY(cr_shown_decode(&shown, folder, mpixels, &image, NULL, err));
    const double scale =
        fmin(1, SIDE / (double)(image.width > image.height ? image.width : image.height));
    const int width = (int)fmax(1, round(image.width * scale));
    const int height = (int)fmax(1, round(image.height * scale));
    CR_TRY(cr_image_resize(&image, width, height, CR_FILTER_PIL_BILINEAR, &small, err));
    CR_TRY(cr_shown_make_map(&shown, &image, width, height, &map, err));
    const int n = cr_shown_list_boxes(&shown, width / (double)image.width,
                                      height / (double)image.height, NULL, boxes);
    const cr_figure_panel panel = {.image = &small,
                                   .map = map.map,
                                   .n_views = map.n_views,
                                   .views = map.views,
                                   .n_boxes = n,
                                   .boxes = boxes};
    file->page.has_frames = file->page.has_frames || map.n_views > 0;
    CR_TRY(cr_picture_jpeg(&panel, 78, &picture->jpeg, &picture->n_bytes, err));

cleanup:
    free(boxes);
    free(map.map);
    cr_shown_free(&shown);
    cr_image_free(&small);
    cr_image_free(&image);
    return status;
}

static cr_status make_pictures(cr_page_file *file, const char *path, const char *folder,
                               int mpixels, cr_error *err)
{
    const cr_plot_data *plot = &file->plot.data;
    const int per = MOST_PICTURES / (N_WHY * plot->n_rows);
    const int n_each = per < 1 ? 1 : per > MOST_EACH ? MOST_EACH : per;
    size_t n_bytes = 0;
    const size_t most = (size_t)plot->n_rows * (size_t)N_WHY * (size_t)n_each;
    file->page.pictures = cr_alloc(most, sizeof *file->page.pictures);
    if (!file->page.pictures)
        return cr_fail_memory(err, "pictures", most, sizeof *file->page.pictures);
    for (int r = 0; r < plot->n_rows; r++)
        for (int why = 0; why < N_WHY; why++)
            CR_OR_RETURN(choose(file, r, (cr_choice)why, n_each, err));
    for (int i = 0; i < file->page.n_pictures && n_bytes < MOST_BYTES; i++) {
        cr_error why = {0};
        const cr_status status = draw(file, path, folder, mpixels, &file->page.pictures[i], &why);
        if (status == CR_EINTERNAL) {
            *err = why;
            return status;
        }
        if (status != CR_OK && !file->no_pictures.message[0])
            file->no_pictures = why;
        n_bytes += file->page.pictures[i].n_bytes;
    }
    return CR_OK;
}

static const char *keep(cr_arena *arena, const char *text)
{
    char *kept = cr_arena_alloc(arena, strlen(text) + 1, 1);
    return kept ? strcpy(kept, text) : "";
}

/* "cam, grad-cam@layer4". */
static const char *list_methods(cr_arena *arena, const cr_results_model *model)
{
    char name[2 * CR_NAME_BYTES], *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return "";
    for (int v = 0; v < model->n_variants; v++) {
        cr_results_variant_name(&model->variants[v], name);
        fprintf(out, "%s%s (%s, %d x %d)", v ? ", " : "", name, model->variants[v].layer,
                model->variants[v].map_width, model->variants[v].map_height);
    }
    fclose(out);
    const char *kept = keep(arena, text ? text : "");
    free(text);
    return kept;
}

static cr_status list_networks(cr_page_file *file, cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(file->plot.results);
    const size_t n = (size_t)plan->n_models;
    cr_page_network *networks = cr_arena_alloc(&file->arena, n, sizeof *networks);
    if (!networks)
        return cr_fail_memory(err, "networks", n, sizeof *networks);
    for (int m = 0; m < plan->n_models; m++) {
        const cr_results_model *model = &plan->models[m];
        networks[m] =
            (cr_page_network){model->name,  model->file,   model->sha256,
                              model->input, model->filter, list_methods(&file->arena, model)};
    }
    file->page.networks = networks;
    file->page.n_networks = plan->n_models;
    return CR_OK;
}

cr_status cr_page_file_open(const char *path, const cr_report_options *options, const char *folder,
                            int mpixels, cr_page_file *file, cr_error *err)
{
    cr_error why = {0};
    cr_plot_file *plot = &file->plot;
    cr_status status = cr_plot_file_open(
        path, options, CR_PLOT_NEEDS_IMAGES | CR_PLOT_NEEDS_SIZES | CR_PLOT_NEEDS_CLASSES, NULL,
        plot, &why);
    /* Baselines alone have nothing to draw. */
    if (status != CR_OK && (status != CR_EINPUT || plot->report.n_rows == 0)) {
        *err = why;
        return status;
    }
    const cr_results_plan *plan = cr_results_get_plan(plot->results);
    file->page = (cr_page){.file = cr_path_name(path),
                           .libraries = plan->libraries,
                           .job_text = plan->job_text,
                           .overrides = plan->overrides};
    CR_OR_RETURN(list_networks(file, err));
    plot->report.page = &file->page;
    if (status != CR_OK) {
        file->no_pictures = why;
        file->page.no_pictures = file->no_pictures.message;
        return CR_OK;
    }
    file->page.plot = &plot->data;
    status = cr_plot_file_compare(path, NULL, plot, &file->no_comparison);
    if (status != CR_OK)
        file->page.no_comparison = file->no_comparison.message;
    CR_OR_RETURN(make_pictures(file, path, folder, mpixels, err));
    if (file->no_pictures.message[0])
        file->page.no_pictures = file->no_pictures.message;
    else if (file->page.n_pictures == 0)
        file->page.no_pictures = "No image has ground-truth boxes, by which pictures are chosen.";
    return CR_OK;
}

void cr_page_file_close(cr_page_file *file)
{
    for (int i = 0; i < file->page.n_pictures; i++)
        free(file->page.pictures[i].jpeg);
    free(file->page.pictures);
    cr_arena_free(&file->arena);
    cr_plot_file_close(&file->plot);
}
