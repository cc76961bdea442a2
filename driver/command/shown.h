/* shown.h - one image of a results file as pictures show it: its map, its boxes and its classes, under one
 * variant and protocol. All functions are Local. */
#ifndef CAMRANK_DRIVER_SHOWN_H
#define CAMRANK_DRIVER_SHOWN_H

#include "camrank/figure.h"
#include "camrank/results.h"

enum { CR_SHOWN_BOXES = 2 }; /* of a class under one protocol */

typedef struct cr_shown {
    /* Which: the caller's. */
    cr_results *results;
    const char *path; /* of the file, for messages */
    int image, model, variant, protocol, slot;
    /* What the file has of it. */
    int32_t top_class[CR_TOP];
    float top_logit[CR_TOP], truth_logit, log_sum;
    cr_box boxes[CR_SLOTS * CR_SHOWN_BOXES];
    double iou[CR_SLOTS * CR_SHOWN_BOXES];
    float *maps; /* of all slots, raw; owned: cr_shown_free */
} cr_shown;

/* Reads the image. Errors: CR_EINPUT for one that failed, is not computed, or whose map was not kept. */
cr_status cr_shown_read(cr_shown *shown, cr_error *err);
void cr_shown_free(cr_shown *shown);

/* The class of the map, -1 for none, and its probability, NaN where it has none. */
int32_t cr_shown_class(const cr_shown *shown);
double cr_shown_probability(const cr_shown *shown);

/* The best class where the variant's maps of it are kept, else the ground-truth class. */
int cr_shown_first_slot(const cr_results_model *model, int variant);

/* Decodes the image from `folder`, its folder or tar; NULL: where it was in the run. *path, if it is asked for,
 * is the caller's (free), also after an error. Errors: those of reading it, with a word on where to look. */
cr_status cr_shown_decode(const cr_shown *shown, const char *folder, int mpixels, cr_image *image,
                          char **path, cr_error *err);

/* The map as cr_picture_map makes it, for a picture of `width` x `height` of an image that is `image` large.
 * `views` [CR_MAX_VIEWS] are the parts that the network saw, in that picture; *n_views is 0 where it saw all. */
typedef struct cr_shown_map {
    float *map; /* the caller's (free) */
    cr_view views[CR_MAX_VIEWS];
    int n_views;
    bool is_empty;
} cr_shown_map;
cr_status cr_shown_make_map(const cr_shown *shown, const cr_image *image, int width, int height,
                            cr_shown_map *map, cr_error *err);

/* The ground-truth boxes, and then those of the class, in a picture that is so many times as wide and high;
 * `label` is of the first of the class. Returns how many, at most the image's and CR_SHOWN_BOXES. */
int cr_shown_list_boxes(const cr_shown *shown, double x, double y, const char *label,
                        cr_figure_box *boxes);
extern const cr_figure_line cr_shown_truth, cr_shown_predicted;

#endif
