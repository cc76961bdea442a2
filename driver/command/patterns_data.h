/* patterns_data.h - patterns of a set, read from the maps of one variant of a results file. Local. */
#ifndef CAMRANK_DRIVER_PATTERNS_DATA_H
#define CAMRANK_DRIVER_PATTERNS_DATA_H

#include "camrank/patterns.h"
#include "pick.h"

typedef struct cr_patterns_request {
    const char *path; /* of the results file */
    cr_pick pick;
    bool predicted;         /* by the classes that the network predicts */
    int n_regions;          /* of each class, at most */
    double share;           /* of high activation */
    const char *attributes; /* a CSV file; NULL: none */
    const char *folder;     /* of the images now; NULL: as in the run */
    int mpixels;
} cr_patterns_request;

/* What a cr_patterns is made in. Begins as {0}; cr_patterns_file_close releases it, also after an error. */
typedef struct cr_patterns_file {
    cr_results *results;
    cr_patterns patterns;
    cr_arena arena;
    cr_attributes attributes;
    cr_error no_pictures;
    char method[2 * CR_NAME_BYTES];
    /* [n_images] */
    float *values;    /* the largest of the map; NaN: there is none */
    int32_t *classes; /* its class */
    cr_box *boxes;    /* its box */
} cr_patterns_file;

/* Opens the file, reads all maps and makes the pictures. Errors: CR_EINPUT for a file without such maps, or one
 * whose maps are of several views, or of no class; those of cr_results_open, cr_pick_find and
 * cr_attributes_read. A picture that cannot be made is missing, and the patterns say why. */
cr_status cr_patterns_file_open(const cr_patterns_request *request, cr_patterns_file *file,
                                cr_error *err);
void cr_patterns_file_close(cr_patterns_file *file);

#endif
