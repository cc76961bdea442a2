/* The pictures of camrank explain. Of what the sheet shows only small copies are kept. */
#include "explain_pictures.h"

#include "command.h"

#include "driver/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 2 * CR_NAME_BYTES, LINE = 200 };

/* What the sheet has of an image. */
typedef struct small {
    cr_image image;
    float **maps;           /* [n_maps] of the small image; NULL: none */
    char (*captions)[NAME]; /* [n_maps] */
    cr_view views[CR_MAX_VIEWS];
    int n_views;                  /* 0: all was seen */
    char title[LINE], name[NAME]; /* of the picture's file */
} small;

struct cr_explain_pictures {
    const char *folder, *ending;
    const char *const *images; /* [max_small] that are read: none is ever replaced */
    const cr_figure_format *format;
    bool replace;
    int side; /* of small images */
    int n_maps, n_small, max_small;
    small *smalls;
};

cr_status cr_explain_pictures_new(const char *folder, const cr_figure_format *format,
                                  const char *ending, bool replace, const char *const *images,
                                  int n_images, int n_maps, cr_explain_pictures **result,
                                  cr_error *err)
{
    cr_explain_pictures *p = cr_alloc(1, sizeof *p);
    *result = NULL;
    if (!p || !(p->smalls = cr_alloc((size_t)n_images, sizeof *p->smalls))) {
        cr_explain_pictures_free(p);
        return cr_fail_memory(err, "pictures", (size_t)n_images, sizeof *p->smalls);
    }
    p->folder = folder;
    p->format = format;
    p->ending = ending;
    p->replace = replace;
    p->images = images;
    p->n_maps = n_maps;
    p->max_small = n_images;
    p->side = n_images <= 30 ? 240 : n_images <= 300 ? 140 : 80;
    *result = p;
    return CR_OK;
}

void cr_explain_pictures_free(cr_explain_pictures *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_small; i++) {
        for (int k = 0; p->smalls[i].maps && k < p->n_maps; k++)
            free(p->smalls[i].maps[k]);
        free(p->smalls[i].maps);
        free(p->smalls[i].captions);
        cr_image_free(&p->smalls[i].image);
    }
    free(p->smalls);
    free(p);
}

/* The maps at the size of a copy of the image; NULL for those that there are not. */
static cr_status make_maps(const cr_explain_pictures *p, const cr_image *image,
                           const cr_image *copy, const cr_single_result *result, int n_views,
                           cr_view *views, float **maps, cr_error *err)
{
    const double x = copy->width / (double)image->width, y = copy->height / (double)image->height;
    for (int i = 0; i < n_views; i++) {
        const cr_view *of = &result->views[i];
        views[i] = (cr_view){
            {of->region.x0 * x, of->region.y0 * y, of->region.width * x, of->region.height * y},
            of->flip};
    }
    for (int k = 0; k < p->n_maps; k++) {
        cr_loc_map native = result->maps[k];
        native.views = views;
        if (result->is_finite[k])
            CR_OR_RETURN(cr_picture_map(&native, CR_UPSAMPLING_BILINEAR, copy->width, copy->height,
                                        &maps[k], err));
    }
    return CR_OK;
}

/* The name of the image without folders and extension. */
static void name_of(const char *path, char name[NAME])
{
    const char *base = cr_path_name(path), *dot = strrchr(base, '.');
    snprintf(name, NAME, "%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base), base);
}

static bool is_taken(const cr_explain_pictures *p, const char *name)
{
    bool taken = strcmp(name, "sheet") == 0;
    for (int i = 0; i < p->n_small; i++)
        taken = taken || strcmp(p->smalls[i].name, name) == 0;
    return taken;
}

/* The name of the picture of an image: one that is called like the sheet or an image before, such as those
 * of other folders, gets a number. */
static void find_name(const cr_explain_pictures *p, const char *path, char name[NAME])
{
    char plain[NAME];
    name_of(path, plain);
    snprintf(name, NAME, "%s", plain);
    for (int n = 2; is_taken(p, name); n++)
        snprintf(name, NAME, "%.*s-%d", NAME - 16, plain, n);
}

/* The path of a picture; NULL when out of memory. */
static char *path_of(const cr_explain_pictures *p, const char *name)
{
    const size_t bytes = strlen(p->folder) + NAME + 32;
    char *path = cr_alloc(bytes, 1);
    if (path)
        snprintf(path, bytes, "%s/%s.%s", p->folder, name, p->ending);
    return path;
}

cr_status cr_explain_pictures_check(cr_explain_pictures *p, cr_error *err)
{
    cr_status status = CR_OK;
    for (; p->n_small < p->max_small && status == CR_OK; p->n_small++) {
        small *of = &p->smalls[p->n_small];
        find_name(p, p->images[p->n_small], of->name);
        char *path = path_of(p, of->name);
        if (!path)
            status = cr_fail_memory(err, "a path", NAME, 1);
        else if (!p->replace && access(path, F_OK) == 0)
            status = cr_fail(err, CR_EINPUT, "%s: exists already; --force replaces it", path);
        else if (p->n_small == 0)
            status = cr_check_output(path, err);
        free(path);
    }
    p->n_small = 0;
    return status;
}

static cr_status write_figure(const cr_explain_pictures *p, const char *path,
                              const cr_figure *figure, cr_error *err)
{
    cr_picture_file file;
    cr_status status = cr_picture_begin(path, p->replace, p->images, p->max_small, &file, err);
    if (status != CR_OK)
        return status;
    status = cr_figure_write(file.path, p->format, figure, err);
    return cr_picture_end(&file, status, err);
}

/* What stands above map k. A map that shows nothing is said to be one, here and on standard error. */
static void caption_map(const cr_single *single, const cr_single_result *result, const char *path,
                        int k, char caption[NAME])
{
    const cr_method_spec *spec = &single->model.variants[k].spec;
    char layers[CR_LAYERS_BYTES];
    cr_method_layers(spec, layers);
    const char *fault = !result->is_finite[k]                   ? ": not finite"
                        : cr_loc_map_is_empty(&result->maps[k]) ? ": an empty map"
                                                                : "";
    snprintf(caption, NAME, "%.100s%s%.100s%s", spec->as[0] ? spec->as : spec->method->name,
             !spec->as[0] && layers[0] ? "@" : "", spec->as[0] ? "" : layers, fault);
    if (fault[0])
        fprintf(stderr, "camrank: %s: %s\n", path, caption);
}

static cr_status keep_small(cr_explain_pictures *p, const cr_single *single, const char *name,
                            const cr_image *image, const cr_single_result *result, bool cut,
                            cr_error *err)
{
    small *to = &p->smalls[p->n_small++];
    char text[32];
    const int longer = image->width > image->height ? image->width : image->height;
    const double scale = p->side / (double)longer;
    const int width = (int)fmax(1, round(image->width * scale));
    const int height = (int)fmax(1, round(image->height * scale));
    to->n_views = cut ? single->model.n_views : 0;
    snprintf(to->name, sizeof to->name, "%s", name);
    const bool asked = result->explained != result->top_class[0];
    const char *class = cr_class_name(&single->names, result->explained, text, sizeof text);
    if (asked)
        snprintf(to->title, sizeof to->title, "maps of %.150s", class);
    else
        snprintf(to->title, sizeof to->title, "%.1f %% %.150s", 100 * result->probability[0],
                 class);
    to->maps = cr_alloc((size_t)p->n_maps, sizeof *to->maps);
    if (!to->maps)
        return cr_fail_memory(err, "maps", (size_t)p->n_maps, sizeof *to->maps);
    CR_OR_RETURN(cr_image_resize(image, width, height, CR_FILTER_PIL_BILINEAR, &to->image, err));
    return make_maps(p, image, &to->image, result, single->model.n_views, to->views, to->maps, err);
}

cr_status cr_explain_picture(cr_explain_pictures *p, const cr_single *single, const char *path,
                             const cr_image *image, const cr_single_result *result, cr_error *err)
{
    cr_status status = CR_OK;
    const int n_views = single->model.n_views;
    const size_t n_maps = (size_t)p->n_maps;
    cr_view views[CR_MAX_VIEWS];
    char lines[2 + CR_TOP][LINE], text[32], name[NAME];
    const char *titles[2 + CR_TOP];
    int n_lines = 0;
    char *to = NULL;
    float **maps = cr_alloc(n_maps, sizeof *maps);
    char(*captions)[NAME] = cr_alloc(n_maps, sizeof *captions);
    cr_figure_panel *panels = cr_alloc(n_maps + 1, sizeof *panels);
    if (!maps || !captions || !panels)
        CR_TRY(cr_fail_memory(err, "a picture", n_maps, sizeof *panels));
    const bool cut = cr_picture_is_cut(result->views, n_views, image->width, image->height);
    CR_TRY(make_maps(p, image, image, result, n_views, views, maps, err));
    for (int k = 0; k < p->n_maps; k++)
        caption_map(single, result, path, k, captions[k]);
    snprintf(lines[n_lines++], LINE, "%.90s   %.90s", cr_path_name(path), single->model.name);
    for (int i = 0; i < CR_TOP && result->top_class[i] >= 0; i++)
        snprintf(lines[n_lines++], LINE, "%d: %.2f %%  %.150s", i + 1, 100 * result->probability[i],
                 cr_class_name(&single->names, result->top_class[i], text, sizeof text));
    if (result->explained != result->top_class[0])
        snprintf(lines[n_lines++], LINE, "maps of %.150s",
                 cr_class_name(&single->names, result->explained, text, sizeof text));
    for (int i = 0; i < n_lines; i++)
        titles[i] = lines[i];
    panels[0] = (cr_figure_panel){.image = image};
    for (size_t k = 0; k < n_maps; k++)
        panels[k + 1] = (cr_figure_panel){.caption = captions[k],
                                          .image = image,
                                          .map = maps[k],
                                          .n_views = cut ? n_views : 0,
                                          .views = views};
    const cr_figure_entry entry = {cr_figure_seen, "what the network saw"};
    const int longer = image->width > image->height ? image->width : image->height;
    const cr_figure figure = {.n_titles = n_lines,
                              .titles = titles,
                              .n_rows = 1,
                              .n_columns = p->n_maps + 1,
                              .panels = panels,
                              .side = longer > 600 ? 600 : 0,
                              .bar = true,
                              .n_entries = cut,
                              .entries = &entry};
    find_name(p, path, name);
    to = path_of(p, name);
    if (!to)
        CR_TRY(cr_fail_memory(err, "a path", NAME, 1));
    CR_TRY(write_figure(p, to, &figure, err));
    p->smalls[p->n_small].captions = captions;
    captions = NULL;
    status = keep_small(p, single, name, image, result, cut, err);

cleanup:
    for (size_t k = 0; maps && k < n_maps; k++)
        free(maps[k]);
    free(maps);
    free(captions);
    free(panels);
    free(to);
    return status;
}

/* The image and its maps are a group; groups stand side by side, so that the sheet is about square. */
cr_status cr_explain_sheet(cr_explain_pictures *p, const cr_single *single, cr_error *err)
{
    cr_status status = CR_OK;
    const int n_panels = p->n_maps + 1;
    int n_across = (int)lround(sqrt((double)p->n_small / n_panels));
    n_across = n_across < 1 ? 1 : n_across;
    const int n_rows = (p->n_small + n_across - 1) / n_across, n_columns = n_across * n_panels;
    char *path = path_of(p, "sheet");
    cr_figure_panel *panels = cr_alloc((size_t)n_rows * (size_t)n_columns, sizeof *panels);
    if (!path || !panels)
        CR_TRY(cr_fail_memory(err, "a sheet", (size_t)n_rows * (size_t)n_columns, sizeof *panels));
    if (p->n_small == 0)
        goto cleanup;
    bool cut = false;
    for (int i = 0; i < p->n_small; i++) {
        const small *of = &p->smalls[i];
        cut = cut || of->n_views > 0;
        cr_figure_panel *to = panels + i / n_across * n_columns + i % n_across * n_panels;
        to[0] = (cr_figure_panel){.caption = of->title, .image = &of->image};
        for (int k = 0; k < p->n_maps; k++)
            to[k + 1] = (cr_figure_panel){.caption = of->captions[k],
                                          .image = &of->image,
                                          .map = of->maps[k],
                                          .n_views = of->n_views,
                                          .views = of->views};
    }
    const char *titles[] = {single->model.name};
    const cr_figure_entry entry = {cr_figure_seen, "what the network saw"};
    const cr_figure figure = {.n_titles = 1,
                              .titles = titles,
                              .n_rows = n_rows,
                              .n_columns = n_columns,
                              .panels = panels,
                              .side = p->side,
                              .bar = true,
                              .n_entries = cut,
                              .entries = &entry};
    CR_TRY(write_figure(p, path, &figure, err));

cleanup:
    free(path);
    free(panels);
    return status;
}
