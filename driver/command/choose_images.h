/* choose_images.h - images by what became of them. All functions are Local. */
#ifndef CAMRANK_DRIVER_CHOOSE_IMAGES_H
#define CAMRANK_DRIVER_CHOOSE_IMAGES_H

#include "camrank/plot.h"

typedef enum cr_choice {
    CR_CHOOSE_WORST,  /* by the IoU of the ground-truth class's box */
    CR_CHOOSE_BEST,   /* the same */
    CR_CHOOSE_RANDOM, /* by the image's id and a seed */
    CR_CHOOSE_FLIPPED, /* right under one row and wrong under another, by the difference of their IoU */
    CR_CHOOSE_LARGEST,  /* by the share of the image that its largest object has */
    CR_CHOOSE_SMALLEST, /* the same */
    CR_N_CHOICES
} cr_choice;
extern const char *const cr_choice_names[CR_N_CHOICES];

typedef struct cr_chosen {
    cr_choice choice;
    int row;       /* of `plot`, whose images these are */
    int other;     /* the row that flipped ones are held against; -1: none */
    int32_t class; /* of these alone; -1: all */
    int outcome;   /* a cr_outcome; -1: all */
    uint64_t seed;
} cr_chosen;

/* At most n images, [n] by their index, in their order; of equal ones by id and seed. Images that failed or do
 * not count for localization are none. `plot` has what CR_PLOT_NEEDS_IMAGES asks for, and CR_PLOT_NEEDS_SIZES
 * where objects are largest or smallest. Returns how many; -1 when out of memory. */
int cr_choose_images(const cr_plot_data *plot, const cr_chosen *chosen, int n, int *images);

/* The row that another is held against where nobody says: the one with the best mean IoU, or of that one the
 * next; -1: there is none. */
int cr_choose_other(const cr_plot_data *plot, int row);

#endif
