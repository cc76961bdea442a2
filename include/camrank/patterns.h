/* patterns.h - what the maps of each class pick out over a whole image set (Zhou et al., CVPR 2016, section 4):
 * plain data, and its forms. All functions are Local. */
#ifndef CAMRANK_PATTERNS_H
#define CAMRANK_PATTERNS_H

#include "camrank/data.h"

#include <stdio.h>

/* Bytes of a JPEG; owned; NULL: there is none. */
typedef struct cr_pattern_picture {
    uint8_t *jpeg;
    size_t n_bytes;
} cr_pattern_picture;

/* A region that a map picks out: the box of the map, in an image. */
typedef struct cr_pattern_region {
    int image;
    float value; /* the largest of the map, as the method gives it */
    cr_box box;  /* x0 -1: it has none */
    cr_pattern_picture picture;
} cr_pattern_region;

/* A label that images of the class have, and how it goes with high activation. */
typedef struct cr_pattern_label {
    const char *name;
    int n, n_high;           /* images of the class that have it; of those of high activation */
    double value, low, high; /* cr_stat_mutual */
} cr_pattern_label;

typedef struct cr_pattern_class {
    int32_t class;
    int n_images, n_high;       /* that have a map; of them, those of high activation */
    double *mean;               /* [height][width] of maps from 0 to 1 */
    double x, y;                /* its centre of mass, as shares of the frame; NaN where all is 0 */
    cr_pattern_picture picture; /* of the mean */
    int n_regions;
    cr_pattern_region *regions; /* [n_regions] the strongest first */
    int n_labels;
    cr_pattern_label *labels; /* [n_labels] by the lower end of the interval, the highest first */
} cr_pattern_class;

typedef struct cr_patterns {
    const char *file, *job, *model, *method, *layer, *protocol;
    bool predicted; /* classes are those that the network predicts; else the ground truth's */
    bool has_labels;
    double share;      /* of high activation among the images of a class */
    int width, height; /* of a map */
    const cr_dataset *data;
    int n_classes;
    cr_pattern_class *classes; /* [n_classes] that have an image, in their order */
    int n_drawn;               /* of them, the first, have pictures */
    const char *no_pictures;   /* why some are missing; NULL: none is */
} cr_patterns;

/* One page with all of it, which needs nothing from anywhere; regions, and labels, as CSV. False when out of
 * memory. */
bool cr_patterns_html(const cr_patterns *patterns, FILE *out);
bool cr_patterns_regions(const cr_patterns *patterns, FILE *out);
bool cr_patterns_labels(const cr_patterns *patterns, FILE *out);

#endif
