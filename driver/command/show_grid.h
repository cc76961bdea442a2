/* show_grid.h - the grid of camrank show: images by rows, methods, classes or models by columns. Local. */
#ifndef CAMRANK_DRIVER_SHOW_GRID_H
#define CAMRANK_DRIVER_SHOW_GRID_H

#include "camrank/figure.h"
#include "pick.h"

typedef struct cr_grid_request {
    const char *results, *output, *folder;
    cr_pick pick;
    const char *grid;          /* methods, classes or models */
    const char *const *images; /* [n_images] ids; none: they are chosen */
    int n_images;
    const char *choice; /* worst, best, random, flipped, largest or smallest; NULL: none */
    const char
        *against; /* MODEL/METHOD that flipped ones are held against; NULL: the best other row */
    const char *class, *outcome; /* of these alone; NULL: all */
    int count, seed, side;
    int image_mpixels;
    bool truth, force;
    const cr_overlay *overlay; /* NULL: grey for maps of single pixels, else the first */
} cr_grid_request;

/* Whether a word is one of --grid's, or of --pick's. Errors: CR_EUSAGE naming all. */
cr_status cr_grid_check(const char *grid, const char *choice, cr_error *err);

/* Draws it. Errors: those of the parts; CR_EINPUT where no cell has a map. */
cr_status cr_show_grid(const cr_grid_request *request, cr_error *err);

#endif
