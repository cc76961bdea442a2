/* internal.h - the steps of cr_data_read, each on its own: class list, ground truth, image files,
 * selection. Private to core/data. All lists are initialised with {0}, and freed by their _fini
 * also after a failure. Errors, unless said otherwise: CR_EINPUT naming file and line. */
#ifndef CAMRANK_DATA_INTERNAL_H
#define CAMRANK_DATA_INTERNAL_H

#include "camrank/data.h"
#include "names.h"

/* Largest text file and largest single annotation that are read, and largest coordinate: no image
 * is decoded that is larger. */
#define CR_DATA_MAX_FILE_BYTES ((size_t)1 << 30)
#define CR_DATA_MAX_XML_BYTES ((size_t)1 << 20)
#define CR_DATA_MAX_COORDINATE 65500

/* Where something stands, for messages. */
typedef struct cr_place {
    const char *path;
    int line;
} cr_place;

/* classes.c */

typedef struct cr_class_list {
    cr_pool pool;
    cr_data_class *classes; /* [n], offsets into pool, in the order of the file */
    cr_name *by_wnid;       /* [n], sorted; value is the class */
    char *path;             /* of the synset list, for messages */
    size_t capacity;
    int n;
} cr_class_list;

/* A synset list: `wnid name` lines, in the order of the classes. */
cr_status cr_classes_read(const char *path, cr_class_list *list, cr_error *err);

/* CUB's classes.txt in `folder`: `number folder` lines, numbered from 1. */
cr_status cr_classes_read_cub(const char *folder, cr_class_list *list, cr_error *err);

/* Appends a class: both texts are copied, the name as cr_pool_add_text does. */
cr_status cr_classes_add(cr_class_list *list, const char *wnid, size_t n_wnid, const char *name,
                         size_t n_name, cr_error *err);

/* Makes by_wnid, once all are there. A class that comes twice is refused by its line: classes are in the
 * order of the lines of `path`. */
cr_status cr_classes_index(cr_class_list *list, const char *path, cr_error *err);

/* Gives every class its devkit id, from `id wnid` lines or the devkit's meta.mat; synsets that are no
 * class are passed over. */
cr_status cr_classes_read_devkit(const char *path, cr_class_list *list, cr_error *err);

/* The class with this wnid, or -1. */
int cr_classes_find(const cr_class_list *list, const char *wnid);

/* Fails where the list, read from `path`, has wnids (n and eight digits) that are not in ascending
 * order: `who` numbers the classes by sorted wnids. */
cr_status cr_classes_check_sorted(const cr_class_list *list, const char *path, const char *who,
                                  cr_error *err);

/* A class index as number, 0 to n - 1. */
cr_status cr_classes_parse_index(const cr_class_list *list, const cr_place *at, const char *text,
                                 int32_t *label, cr_error *err);
void cr_classes_fini(cr_class_list *list);

/* files.c, tar.c */

typedef struct cr_file {
    uint32_t stem, path;     /* offsets into the pool: the name alone, the path below the folder */
    int64_t offset, n_bytes; /* in the tar */
} cr_file;

typedef struct cr_files {
    cr_pool pool;
    cr_file *items;
    cr_name *by_stem; /* [n], sorted; value is the item */
    size_t capacity;
    int n;
    bool is_tar;
} cr_files;

/* The image files (jpg, jpeg, png in any case) of a folder and the folders in it, or of a tar,
 * hidden ones left out. */
cr_status cr_files_list(const char *path, cr_files *files, cr_error *err);

/* The item that is the image which the ground truth names by `path`: that of its name, if there is one and
 * ids are no paths; else that of its path, or one of which one ends in the other, folder by folder. -1:
 * there is none. *other is a second one that it could be as well, or -1. */
int cr_files_match(const cr_files *files, const char *path, bool by_path, int *other);

/* Adds a file if its name is an image's. */
cr_status cr_files_add(cr_files *files, const char *path, int64_t offset, int64_t n_bytes,
                       cr_error *err);

/* The images of a tar that is not compressed, with their places. */
cr_status cr_tar_list(const char *path, cr_files *files, cr_error *err);
void cr_files_fini(cr_files *files);

/* mat.c: the synsets of a MAT-file of n bytes as `id wnid` lines. *text is the caller's (free), also
 * after a failure. Errors: CR_EINPUT naming `path` for a file of another kind, or that has no such
 * table. */
cr_status cr_mat_synset_lines(const char *path, const uint8_t *mat, size_t n_bytes, char **text,
                              size_t *n_text, cr_error *err);

/* truth.c */

/* One image of the ground truth. */
typedef struct cr_truth_row {
    uint32_t path;  /* offset into pool: as the ground truth names it, without an image extension */
    uint32_t stem;  /* the last part of that */
    uint32_t image; /* `path`, without the class of a pair */
    int32_t label;
    int32_t first_box, n_boxes; /* after cr_truth_finish */
    int32_t n_difficult;        /* the last of them */
    int32_t line;               /* of the file that lists the images, from 1; 0 where none does */
    int32_t localize;
    int32_t width, height;             /* 0: not annotated */
    int32_t mask;                      /* as in cr_data_image */
    uint32_t mask_files;               /* likewise, an offset into mask_files */
    int64_t first_outline, n_outlines; /* values of its objects in `outlines` */
} cr_truth_row;

typedef struct cr_truth {
    const cr_files *files; /* of the images, for layouts that go by them; NULL without images */
    cr_pool pool;          /* stays as it is once by_id is made */
    cr_pool mask_files;    /* of rows, each replaced by one longer */
    cr_truth_row *rows;    /* in the order of the file */
    cr_box *boxes;         /* grouped by row after cr_truth_finish */
    int32_t *box_row;      /* [n_boxes] until then */
    cr_name *by_id;        /* [n_rows], sorted, no id twice; value is the row */
    bool by_path;          /* ids are paths, as images in different folders have one name */
    int32_t *outlines;     /* as in cr_dataset */
    size_t n_outlines, outlines_capacity;
    int n_rows, n_boxes;
    size_t rows_capacity, boxes_capacity, box_rows_capacity;
} cr_truth;

/* Adds an image: `name` may be a path and bear an image extension. */
cr_status cr_truth_add_row(cr_truth *truth, const cr_place *at, const char *name, cr_error *err);

/* Adds an image for one of its classes, which are rows of their own: NAME:CLASS. */
cr_status cr_truth_add_pair(cr_truth *truth, const cr_place *at, const char *name,
                            const char *class, cr_error *err);

/* Adds all image files as rows, and gives them their ids. */
cr_status cr_truth_add_files(cr_truth *truth, const char *images, cr_error *err);

/* Adds a box to row `row`. */
cr_status cr_truth_add_box(cr_truth *truth, const cr_place *at, int row, const cr_box *box,
                           cr_error *err);

/* The same from four words, x0, y0, x1, y1; `who` is what a message calls the box. */
cr_status cr_truth_add_words(cr_truth *truth, const cr_place *at, int row, const char *who,
                             char *const word[4], cr_error *err);

/* Adds a file to the masks of row `row`, and that of pixels that do not count, "" for none: an image has one
 * at most. */
cr_status cr_truth_add_mask(cr_truth *truth, const cr_place *at, int row, const char *object,
                            const char *ignored, cr_error *err);

/* Gives the rows their ids and sorts them by these. The id of an image is its name without folders and
 * extension; or, where two of all images of the ground truth have one name in different folders, that of
 * every image is its path, so that ids depend on no subset. An id that comes twice is refused, or, with `merge`, its later rows, whose
 * labels must be the same, give their boxes to the first. `path` is the file that lists the images.
 * No row may be added afterwards. */
cr_status cr_truth_index(cr_truth *truth, const char *path, bool merge, cr_error *err);

/* Where the ground truth is, for messages: in the images where a layout goes by them alone. */
static inline const char *cr_truth_path(const cr_data_source *source)
{
    return source->ground_truth ? source->ground_truth : source->images;
}

/* The row of the image `name`, which may be a path, or -1. After cr_truth_index. */
int cr_truth_find(const cr_truth *truth, const char *name);

/* The places in by_id of the image `name`, the first of *n: one, or, of an image without a class, those of all
 * its pairs. *n is 0 where there is none. */
int cr_truth_find_all(const cr_truth *truth, const char *name, int *n);

/* Brings the boxes together by row. Images must all have a label or none, and a box or none, and none a
 * box without a label. After cr_truth_index. */
cr_status cr_truth_finish(cr_truth *truth, const char *path, cr_error *err);

/* A file of a ground truth that is a folder, `name` in `folder`: *path is the caller's (free), NULL where
 * there is no such file. Errors: CR_EINTERNAL (memory). */
cr_status cr_truth_file(const char *folder, const char *name, char **path, cr_error *err);

/* Whether all ids end in _ and eight digits, as ILSVRC's do: then these are the images' numbers,
 * and a part of the set keeps the numbers of the whole. Else images are numbered by id from 1. */
bool cr_truth_numbered(const cr_truth *truth);

/* The number of the i-th image by id. */
int cr_truth_number(const cr_truth *truth, int i, bool numbered);
void cr_truth_fini(cr_truth *truth);

/* A whole number from 0 to `max` that is nothing but digits. */
bool cr_parse_whole(const char *text, int32_t max, int32_t *value);

/* csv.c */

#define CR_CSV_MAX_FIELDS 21

typedef struct cr_csv_row {
    cr_place at;
    char *field[CR_CSV_MAX_FIELDS]; /* may be changed; "" where the file has no such column */
} cr_csv_row;

typedef cr_status cr_csv_take(const cr_csv_row *row, void *context, cr_error *err);

/* Hands the rows of a CSV file to `take`, one by one, until one fails. `columns` are their names
 * with commas between them; with has_header they are the first row, which may end after `least` of them,
 * and as many are in all rows. Lines may end in LF, CR LF or
 * CR; empty ones are passed over, and a byte order mark. What is not UTF-8 is refused. */
cr_status cr_csv_read(const char *path, const char *columns, int least, bool has_header,
                      cr_csv_take *take, void *context, cr_error *err);

/* layout.c has the table; each row stands in the file of its name (csv in plain.c). */
extern const cr_layout cr_layout_kaggle, cr_layout_xml, cr_layout_wsol, cr_layout_devkit,
    cr_layout_cub, cr_layout_csv, cr_layout_folders, cr_layout_none, cr_layout_voc, cr_layout_coco,
    cr_layout_openimages;

/* guess.c: whether a file begins with a text, a byte order mark and quotes apart; false of one that cannot be read. */
bool cr_layout_begins(const char *path, const char *with);

/* wsol.c: wsolevaluation's lists, whose localization.txt has boxes, or masks. */
cr_status cr_wsol_read(const cr_data_source *source, const cr_class_list *classes, bool masks,
                       cr_truth *truth, cr_error *err);

/* xml.c: all annotations of a folder or a tar, compressed or not, of ILSVRC or of PASCAL VOC. */
cr_status cr_annotations_read(const char *path, const cr_class_list *classes, bool is_voc,
                              cr_truth *truth, cr_error *err);

/* One annotation of n bytes. `path` is for messages, `name` the image's. */
cr_status cr_annotation_parse(const uint8_t *bytes, size_t n_bytes, const char *path,
                              const char *name, const cr_class_list *classes, bool is_voc,
                              cr_truth *truth, cr_error *err);

/* select.c */

/* Takes the images that the list at `path` names out of localization. */
cr_status cr_truth_exclude(cr_truth *truth, const char *path, cr_error *err);

/* Which of the images stay: positions in by_id, ascending. *chosen is the caller's (free). */
cr_status cr_truth_select(const cr_truth *truth, const cr_class_list *classes,
                          const cr_data_source *source, int **chosen, int *n_chosen, cr_error *err);

/* tar.c */

/* Calls `take` for each member of a tar, compressed or not, whose name ends in `ending`. */
typedef cr_status cr_tar_take(const char *path, const char *member, const uint8_t *bytes,
                              size_t n_bytes, void *context, cr_error *err);
cr_status cr_tar_each(const char *path, const char *ending, size_t max_bytes, cr_tar_take *take,
                      void *context, cr_error *err);

/* Of a layout whose classes are a list in a file of its own. */
#define CR_KEYS_WITH_SYNSETS                                                        \
    {                                                                               \
        [CR_DATA_IMAGES] = CR_KEY_TAKEN, [CR_DATA_GROUND_TRUTH] = CR_KEY_NEEDED,    \
        [CR_DATA_SYNSETS] = CR_KEY_NEEDED, [CR_DATA_DEVKIT_SYNSETS] = CR_KEY_TAKEN, \
        [CR_DATA_EXCLUDE] = CR_KEY_TAKEN, [CR_DATA_MASKS] = CR_KEY_TAKEN            \
    }

#endif
