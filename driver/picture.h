/* picture.h - from maps to what pictures show of them. All functions are Local. */
#ifndef CAMRANK_DRIVER_PICTURE_H
#define CAMRANK_DRIVER_PICTURE_H

#include "camrank/figure.h"
#include "camrank/loc.h"

/* A map as large as the image, from 0 to 1, its maximum, or all 0: *map, [height][width], is the caller's
 * (free). Errors: those of cr_loc_upsample; CR_EINTERNAL (memory). */
cr_status cr_picture_map(const cr_loc_map *native, cr_upsampling upsampling, int width, int height,
                         float **map, cr_error *err);

/* Whether views leave out a part of the image. */
bool cr_picture_is_cut(const cr_view *views, int n_views, int width, int height);

/* A panel as a JPEG without margins, for a page: *bytes is the caller's (free). Errors: those of cr_figure_put. */
cr_status cr_picture_jpeg(const cr_figure_panel *panel, int quality, uint8_t **bytes,
                          size_t *n_bytes, cr_error *err);

/* Begins a picture that is written to `output`, `-` for standard output, in the format of its ending or
 * that of PNG. Errors: those of cr_new_file_begin and cr_figure_format_find. */
typedef struct cr_picture_file {
    const cr_figure_format *format;
    const char *path; /* for cr_figure_write */
    cr_new_file file;
} cr_picture_file;

cr_status cr_picture_begin(const char *output, bool replace, const char *const *inputs,
                           int n_inputs, cr_picture_file *picture, cr_error *err);

/* Puts the picture in its place, or, unless `status` is CR_OK, removes it. Returns `status`, or CR_EIO. */
cr_status cr_picture_end(cr_picture_file *picture, cr_status status, cr_error *err);

#endif
