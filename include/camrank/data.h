/* data.h - an image set in memory: images in a fixed order, their labels and all their boxes.
 *
 * Every layout that can be read leads to the same cr_dataset. All functions are Local: rank 0 reads
 * and the driver sends the packed form to the others. */
#ifndef CAMRANK_DATA_H
#define CAMRANK_DATA_H

#include "camrank/base.h"
#include "camrank/geometry.h"

typedef struct cr_data_image {
    uint32_t id;       /* offset into `text`: file name without its image extension */
    uint32_t file;     /* offset into `text`: file name inside the image folder */
    int32_t label;     /* class index, 0-based, the order of the synset list */
    int32_t first_box; /* its boxes are boxes[first_box .. first_box + n_boxes - 1] */
    int32_t n_boxes;   /* >= 1 */
    int32_t localize;  /* 0: counted for classification only (the exclude list), else 1 */
} cr_data_image;

typedef struct cr_data_class {
    uint32_t wnid; /* offset into `text` */
    uint32_t name; /* offset into `text`; UTF-8, may be "" */
} cr_data_class;

/* Images are sorted by id (byte order), which is the order of everything that follows. */
typedef struct cr_dataset {
    int n_images, n_boxes, n_classes;
    cr_data_image *images;
    cr_box *boxes; /* original pixels, inclusive, 0-based */
    cr_data_class *classes;
    char *text; /* zero-terminated strings, one after the other; text[0] is "" */
    size_t text_bytes;
    char *folder;         /* of the image files */
    int n_excluded;       /* images with localize = 0 */
    int n_unlisted_files; /* image files in the folder that the ground truth does not name */
} cr_dataset;

/* Where an image set lies. Paths are ready to open. */
typedef struct cr_data_source {
    const char *images;       /* folder of image files, flat */
    const char *ground_truth; /* LOC_val_solution.csv */
    const char *synsets;      /* LOC_synset_mapping.txt: the class order */
    const char *exclude;      /* NULL, or a list of image ids, one a line, not localized */
    int limit;                /* first so many images by id; 0: all. The rest need no file */
} cr_data_source;

/* Reads layout `kaggle`: header `ImageId,PredictionString`, then `id,wnid x0 y0 x1 y1 ...` in any
 * order, through libcsv; synsets as `wnid name` lines, whose line number less one is the class. x1
 * and y1 may touch the image's edge or lie one past it; x0 <= x1, y0 <= y1, all from 0 to 65500.
 * Lines may end in LF, CR LF or CR, empty ones are passed over, a byte order mark too. Ids may bear
 * one of the image extensions, which are .jpg, .jpeg and .png in any case; hidden files do not
 * count. Ids and file names are bytes; class names that are not UTF-8 are taken for Latin-1 and
 * converted.
 * Errors: CR_EINPUT with file and line for a bad row (wrong header or columns, a number that is
 * none, unknown wnid, an image named twice, boxes of two classes in one image, an empty box, no
 * box), for a wnid listed twice or an empty line between classes, for an empty set, an unknown id
 * in the exclude list, two files that differ only in their extension, or images without a file
 * (their number, and the first three by name). *data is {0} on failure. */
cr_status cr_data_read_kaggle(const cr_data_source *source, cr_dataset *data, cr_error *err);

/* The same as one block of bytes, to be sent to other ranks, and back. Pack: *bytes is the
 * caller's (free). Unpack trusts its input: it is only for blocks made by cr_data_pack of the same
 * program. */
cr_status cr_data_pack(const cr_dataset *data, uint8_t **bytes, size_t *n_bytes, cr_error *err);
cr_status cr_data_unpack(const uint8_t *bytes, size_t n_bytes, cr_dataset *data, cr_error *err);

/* The path of image i's file. The caller frees; NULL when out of memory. */
char *cr_data_image_path(const cr_dataset *data, int i);

/* Index of the image with this id (an image extension is ignored), or -1. */
int cr_data_find(const cr_dataset *data, const char *id);

static inline const char *cr_data_image_id(const cr_dataset *data, int i)
{
    return data->text + data->images[i].id;
}

void cr_data_free(cr_dataset *data);

#endif
