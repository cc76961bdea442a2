/* Maps as pictures show them, and the files of pictures. */
#include "picture.h"

#include <stdlib.h>
#include <string.h>

cr_status cr_picture_map(const cr_loc_map *native, cr_upsampling upsampling, int width, int height,
                         float **map, cr_error *err)
{
    const size_t n = (size_t)width * (size_t)height;
    cr_loc_workspace workspace = {0};
    float largest = 0;
    *map = cr_alloc(n, sizeof **map);
    if (!*map)
        return cr_fail_memory(err, "a picture", n, sizeof **map);
    const cr_status status =
        cr_loc_upsample(native, upsampling, width, height, *map, &workspace, err);
    cr_loc_workspace_fini(&workspace);
    if (status != CR_OK) {
        free(*map);
        *map = NULL;
        return status;
    }
    for (size_t i = 0; i < n; i++)
        largest = (*map)[i] > largest ? (*map)[i] : largest;
    for (size_t i = 0; largest > 0 && i < n; i++)
        (*map)[i] /= largest;
    return CR_OK;
}

bool cr_picture_is_cut(const cr_view *views, int n_views, int width, int height)
{
    for (int i = 0; i < n_views; i++) {
        const cr_region *r = &views[i].region;
        if (r->x0 <= 0.5 && r->y0 <= 0.5 && r->x0 + r->width >= width - 0.5 &&
            r->y0 + r->height >= height - 0.5)
            return false;
    }
    return n_views > 0;
}

cr_status cr_picture_jpeg(const cr_figure_panel *panel, int quality, uint8_t **bytes,
                          size_t *n_bytes, cr_error *err)
{
    const cr_image *image = panel->image;
    const cr_figure figure = {.n_rows = 1,
                              .n_columns = 1,
                              .panels = panel,
                              .side = image->width > image->height ? image->width : image->height,
                              .bare = true,
                              .quality = quality};
    char *text = NULL;
    FILE *out = open_memstream(&text, n_bytes);
    if (!out)
        return cr_fail_memory(err, "a picture", 1, 1);
    cr_status status = cr_figure_put(out, cr_figure_format_named("jpg"), &figure, err);
    if (fclose(out) != 0 && status == CR_OK)
        status = cr_fail_memory(err, "a picture", 1, 1);
    if (status == CR_OK)
        *bytes = (uint8_t *)text;
    else
        free(text);
    return status;
}

cr_status cr_picture_begin(const char *output, bool replace, const char *const *inputs,
                           int n_inputs, cr_picture_file *picture, cr_error *err)
{
    *picture = (cr_picture_file){.format = cr_figure_format_named("png")};
    if (strcmp(output, "-") == 0)
        return CR_OK;
    /* A device or a pipe has no ending. */
    if (strncmp(output, "/dev/", 5) != 0)
        CR_OR_RETURN(cr_figure_format_find(output, &picture->format, err));
    CR_OR_RETURN(cr_new_file_begin(output, cr_figure_format_kind(picture->format), replace, inputs,
                                   n_inputs, &picture->file, err));
    picture->path = picture->file.path;
    return CR_OK;
}

cr_status cr_picture_end(cr_picture_file *picture, cr_status status, cr_error *err)
{
    return picture->path ? cr_new_file_end(&picture->file, true, status, err) : status;
}
