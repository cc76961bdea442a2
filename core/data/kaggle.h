/* kaggle.h - the steps of cr_data_read_kaggle, each on its own: the class list, the ground truth
 * and the folder. Private to core/data. All lists are initialised with {0}, and freed by their
 * _fini also after a failure. Errors: CR_EINPUT naming file and line. */
#ifndef CAMRANK_DATA_KAGGLE_H
#define CAMRANK_DATA_KAGGLE_H

#include "camrank/data.h"
#include "names.h"

/* Largest text file that is read, and largest coordinate: no image is decoded that is larger. */
#define CR_DATA_MAX_FILE_BYTES ((size_t)1 << 30)
#define CR_DATA_MAX_COORDINATE 65500

typedef struct cr_class_list {
    cr_pool pool;
    cr_data_class *classes; /* [n], offsets into pool, in the order of the file */
    cr_name *by_wnid;       /* [n], sorted; value is the class */
    int n;
} cr_class_list;

cr_status cr_classes_read(const char *path, cr_class_list *list, cr_error *err);
void cr_classes_fini(cr_class_list *list);

/* One image of the ground truth. */
typedef struct cr_truth_row {
    uint32_t id; /* offset into pool, without an image extension */
    int32_t label, first_box, n_boxes;
    int32_t line; /* of the file, from 1 */
    int32_t localize;
} cr_truth_row;

typedef struct cr_truth {
    cr_pool pool;
    cr_truth_row *rows; /* in the order of the file */
    cr_box *boxes;
    cr_name *by_id; /* [n_rows], sorted, no id twice; value is the row */
    int n_rows, n_boxes;
} cr_truth;

cr_status cr_truth_read(const char *path, const cr_class_list *classes, cr_truth *truth,
                        cr_error *err);

/* Takes the images that the list at `path` names out of localization. */
cr_status cr_truth_exclude(cr_truth *truth, const char *path, cr_error *err);
void cr_truth_fini(cr_truth *truth);

typedef struct cr_folder {
    cr_pool pool;
    cr_name *by_stem; /* [n], sorted, no stem twice; value is the file's offset into pool */
    int n;
} cr_folder;

/* The image files (jpg, jpeg, png in any case) of a folder, hidden ones left out. */
cr_status cr_folder_list(const char *path, cr_folder *folder, cr_error *err);
void cr_folder_fini(cr_folder *folder);

#endif
