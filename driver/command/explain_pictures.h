/* explain_pictures.h - the pictures of `camrank explain`: one an image, and a sheet of all. Local. */
#ifndef CAMRANK_DRIVER_EXPLAIN_PICTURES_H
#define CAMRANK_DRIVER_EXPLAIN_PICTURES_H

#include "camrank/figure.h"
#include "driver/single.h"

typedef struct cr_explain_pictures cr_explain_pictures;

/* For n_images images and n_maps maps of each, into `folder`, which is made with the first picture.
 *   ending   of the names of files
 *   replace  pictures that are there
 *   images   [n_images] the files that are read, of which none is ever replaced; the caller's
 * Errors: CR_EINTERNAL (memory). */
cr_status cr_explain_pictures_new(const char *folder, const cr_figure_format *format,
                                  const char *ending, bool replace, const char *const *images,
                                  int n_images, int n_maps, cr_explain_pictures **pictures,
                                  cr_error *err);
void cr_explain_pictures_free(cr_explain_pictures *pictures);

/* Whether all pictures can be made, before the network runs. Errors: CR_EINPUT naming one that is there, or
 * cannot be written. */
cr_status cr_explain_pictures_check(cr_explain_pictures *pictures, cr_error *err);

/* Draws the picture of the image `path`, called like it, and keeps what the sheet has of it; a line on
 * standard error for each map that shows nothing. Errors:
 * those of cr_picture_map, cr_new_file_begin and cr_figure_write. */
cr_status cr_explain_picture(cr_explain_pictures *pictures, const cr_single *single,
                             const char *path, const cr_image *image,
                             const cr_single_result *result, cr_error *err);

/* Draws sheet.ENDING. */
cr_status cr_explain_sheet(cr_explain_pictures *pictures, const cr_single *single, cr_error *err);

#endif
