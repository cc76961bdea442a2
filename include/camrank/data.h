/* data.h - an image set in memory: images in a fixed order, their labels and all their boxes.
 *
 * Every layout that can be read leads to the same cr_dataset, and images are read alike from a
 * folder, from class folders and from a tar. All functions are Local: rank 0 reads the set and the
 * driver sends the packed form, with the index of the tar, to the others. */
#ifndef CAMRANK_DATA_H
#define CAMRANK_DATA_H

#include "camrank/base.h"
#include "camrank/geometry.h"

/* Largest image file, in a folder or a tar, that is read. */
#define CR_DATA_MAX_IMAGE_BYTES ((size_t)1 << 30)

typedef struct cr_data_image {
    uint32_t id;       /* offset into `text`: file name without its image extension, or the path
                          without it where names repeat */
    uint32_t image;    /* offset into `text`: the id without the class, of a pair; else the id */
    uint32_t file;     /* offset into `text`: path inside the folder, or member of the tar */
    int32_t label;     /* class index, 0-based, the order of the synset list; -1 where there are no
                          labels */
    int32_t first_box; /* its boxes are boxes[first_box .. first_box + n_boxes - 1] */
    int32_t n_boxes;   /* 0 where there are no boxes */
    int32_t n_difficult; /* of these the last so many are of objects that VOC calls difficult */
    int32_t localize;    /* 0: counted for classification only (the exclude list), else 1 */
    int32_t width;       /* pixels, as annotated; 0 where the layout does not say */
    int32_t height;
    int32_t
        has_mask; /* 1: there is a file of its mask, cr_data_mask_path, or there are `mask_files` */
    int32_t
        mask_by_file; /* 1: it is named as the image's file is, in the same folders; else as its id */
    int32_t mask; /* the object's pixels in that file: 0, what is not black; 1 to 254: this entry of
                         PASCAL VOC's palette, of which 255 is what does not count */
    uint32_t
        mask_files; /* offset into `text`: the file of pixels that do not count, which may be "", and
                            those of the masks of its objects, with \n between them, below the folder of
                            masks; "" where the ground truth names none */
    int64_t first_outline,
        n_outlines; /* values in `outlines` of its objects; 0 where it has none there */
    int64_t offset; /* of its bytes in the tar; 0 in a folder */
    int64_t n_bytes;
} cr_data_image;

typedef struct cr_data_class {
    uint32_t wnid;  /* offset into `text` */
    uint32_t name;  /* offset into `text`; UTF-8, may be "" */
    int32_t devkit; /* id in ILSVRC's devkit, from 1; 0: not known */
} cr_data_class;

/* How the pixels of an object are given. */
typedef enum cr_outline {
    CR_OUTLINE_POLYGON =
        1,           /* x, y, of three points at least, as whole fifths of a pixel: its outline */
    CR_OUTLINE_RUNS, /* lengths of runs of pixels, column by column, of which the second is the first
                             inside; they fill the image */
    CR_OUTLINE_IGNORED = 4, /* added to either: its pixels do not count */
} cr_outline;
#define CR_OUTLINE_SCALE 5

struct cr_class_list;
struct cr_files;
struct cr_truth;

/* Images are sorted by id (byte order), which is the order of everything that follows. */
typedef struct cr_dataset {
    int n_images, n_boxes, n_classes;
    cr_data_image *images;
    cr_box *boxes; /* original pixels, inclusive, 0-based */
    cr_data_class *classes;
    int32_t *
        outlines; /* outlines of objects, one behind the other: a cr_outline, how many values follow, these */
    int64_t n_outlines; /* values */
    char *text;         /* zero-terminated strings, one after the other; text[0] is "" */
    size_t text_bytes;
    char *folder;         /* of the image files, or the tar; "" without images */
    bool is_tar;          /* `folder` is a tar */
    char *masks;          /* the folder of the masks; "" without masks */
    int n_masks;          /* images that have one */
    char *segments;       /* the folder of segmentations, one of each image; "" without them */
    int fd;               /* of the tar after cr_data_open; 0: not open */
    int n_excluded;       /* images with localize = 0 */
    int box_past;         /* pixels beyond an image's last that a box may reach: 0 or 1 */
    int n_unlisted_files; /* image files that the ground truth does not name */
    char unlisted[224];   /* the first three of them, "a, b, c, ..." */
} cr_dataset;

/* Keys of a job that name what a set is made of, and members of cr_data_source. */
#define CR_DATA_KEY_LIST(KEY)                                                                      \
    KEY(IMAGES, images)             /* folder of image files, flat or in folders, or an          \
                                       uncompressed tar of such; NULL: none are needed */ \
    KEY(GROUND_TRUTH, ground_truth) /* file or folder, as the layout has it */                     \
    KEY(SYNSETS, synsets)           /* the class order, `wnid name` lines */                       \
    KEY(DEVKIT_SYNSETS, devkit_synsets) /* devkit ids: the devkit's meta.mat, or `id wnid` lines \
                                           (synsets that are no class are passed over) */ \
    KEY(BOXES, boxes)     /* annotations as in layout xml, where ground_truth has no boxes */      \
    KEY(EXCLUDE, exclude) /* images that are not localized: ids, a line each, or numbers */        \
    KEY(MASKS,                                                                                     \
        masks) /* folder of masks: ID.png of an image, or its file's path with .png, not 0 \
                             on the object, and, where there is one, ID_ignore.png, not 0 where       \
                             pixels do not count */       \
    KEY(SEGMENTS,                                                                                  \
        segments) /* folder of segmentations: ID.png or ID.npy of an image, or its file's  \
                               path so, a number for each pixel */       \
    KEY(BASELINES, baselines) /* folder, or tar, of images that methods compare with */

#define CR_DATA_KEY_ENUM(KEY, member) CR_DATA_##KEY,
#define CR_DATA_KEY_MEMBER(KEY, member) const char *member;

typedef enum cr_data_key { CR_DATA_KEY_LIST(CR_DATA_KEY_ENUM) CR_DATA_N_KEYS } cr_data_key;

/* What a layout does with a key. */
typedef enum cr_key_use { CR_KEY_REFUSED, CR_KEY_TAKEN, CR_KEY_NEEDED } cr_key_use;

typedef struct cr_layout cr_layout;

/* Where an image set lies. Paths are ready to open. What is not used is NULL or 0. */
typedef struct cr_data_source {
    const cr_layout *layout;
    CR_DATA_KEY_LIST(CR_DATA_KEY_MEMBER)
    const char *subset_list;           /* ids of the images that are taken, a line each */
    const char *const *subset_classes; /* [n_subset_classes] wnids of the images that are taken */
    int n_subset_classes;
    int subset_stride; /* every so-manyth of these by id, from the first; 0 and 1: every one */
    int limit;         /* the first so many of these; 0: all. Images not taken need no file */
} cr_data_source;

/* A form in which ground truth comes. A layout is one file of core/data and one row of its table;
 * nothing outside that room compares names of layouts. */
struct cr_layout {
    const char *name;
    const char *ground_truth;        /* what that key names, a line of Markdown */
    cr_key_use keys[CR_DATA_N_KEYS]; /* as a job must give them; CR_KEY_REFUSED where not written */
    bool has_labels;                 /* images can have a label; all have one or none */
    bool has_boxes;                  /* images can have boxes; all have one at least, or none */
    bool has_masks;                  /* they come with the ground truth */
    bool of_pairs;  /* an image with objects of several classes is a row for each: IMAGE:CLASS */
    bool has_sizes; /* of the images, as far as they are annotated */
    int box_past;   /* as in cr_dataset */
    /* The class list; NULL: it is the file `synsets`. `files`: of the images, or
     * NULL. Private to core/data, as `read` is. */
    cr_status (*read_classes)(const cr_data_source *source, const struct cr_files *files,
                              struct cr_class_list *classes, cr_error *err);
    /* Fills a truth that is {0}: images, labels, boxes. */
    cr_status (*read)(const cr_data_source *source, const struct cr_class_list *classes,
                      struct cr_truth *truth, cr_error *err);
};

/* All of them, in the order in which they are listed; NULL behind the last. */
extern const cr_layout *const cr_layouts[];

/* The layout with this name; NULL. */
const cr_layout *cr_layout_find(const char *name);

/* The layout that a ground truth, or, of NULL, the images alone, most likely have. */
const cr_layout *cr_layout_guess(const char *ground_truth, const char *images);

/* The name of a key, as jobs have it. */
const char *cr_data_key_name(cr_data_key key);

/* What a layout does with it: what is not of the ground truth, any takes. */
cr_key_use cr_data_key_use(const cr_layout *layout, cr_data_key key);

/* Reads an image set. Where images have objects of several classes, an image of it is one of them for one of
 * its classes, a pair, with the boxes and the mask of that class: IMAGE:CLASS; a list of images names all pairs
 * of an image by its own id. An image's id is the name of its file without folders and image extension;
 * extensions are .jpg, .jpeg and .png in any case; hidden files do not count. Ground truth and
 * images are matched by id, wherever below the folder an image lies. Where the ground truth names two
 * images alike in different folders (ImageNetV2), every image's id is its path as the ground truth has
 * it, and that of its file is the same, or ends in it, or is what it ends in, folder by folder.
 *
 * Boxes: x0 <= x1, y0 <= y1, all from 0 to 65500, and inside the image: see cr_data_check_size. Text: lines may end in LF, CR LF
 * or CR, empty ones are passed over, a byte order mark too; CSV must be UTF-8. Class names that are
 * not UTF-8 are taken for Latin-1 and converted.
 *
 * Numbers in an exclude list (its first line is one and no id is) are those of ILSVRC's blacklist:
 * images are counted from 1 by id; where all ids end in _ and eight digits, as ILSVRC's do, these
 * digits are the number, so that part of a set can be used with the list of the whole. The lines of
 * a devkit's ground truth are numbered in the same way.
 *
 * XML is read without entities, document types and network. Nothing is unpacked; names of members
 * of a tar never become paths.
 *
 * Errors: CR_EINPUT with file and line for a bad row (wrong header or columns, a number that is
 * none, an unknown class, an image named twice, an empty box, two classes in one image, no label
 * or no box where others have one, an annotation without one of its parts, a document type), for a class listed twice or an empty line
 * between classes, for an empty set, for an unknown id in a list, for two files with one id, for a
 * tar that is compressed or cut short (naming the member), for images without a file, or without a segmentation
 * where there are any (their number, and the first three by name). And, for orders of classes that cannot be right: class indices of
 * wsolevaluation with synsets (wnids) that are not sorted; an index past the last class; devkit ids
 * that do not agree with the annotations; images in a folder named by another class of the list
 * than their label. *data is {0} on failure. */
cr_status cr_data_read(const cr_data_source *source, cr_dataset *data, cr_error *err);

/* The same as one block of bytes, to be sent to other ranks, and back. Pack: *bytes is the
 * caller's (free). Unpack trusts its input: it is only for blocks made by cr_data_pack of the same
 * program. */
cr_status cr_data_pack(const cr_dataset *data, uint8_t **bytes, size_t *n_bytes, cr_error *err);
cr_status cr_data_unpack(const uint8_t *bytes, size_t n_bytes, cr_dataset *data, cr_error *err);

/* Opens the tar, if images lie in one, to be read by cr_data_image_read. Errors: CR_EINPUT. */
cr_status cr_data_open(cr_dataset *data, cr_error *err);

/* The bytes of image i's file, from its folder or, by offset, from the tar, which must be open.
 * *bytes is the caller's (free). Errors: CR_EINPUT naming the file;
 * CR_EIO where the storage fails; CR_EINTERNAL (memory). */
cr_status cr_data_image_read(const cr_dataset *data, int i, uint8_t **bytes, size_t *n_bytes,
                             cr_error *err);

/* The same for a set that comes back from a results file, without an index: `images` is the folder
 * or the tar, `file` the path inside, cr_data_image.file. A tar is searched. */
cr_status cr_data_file_read(const char *images, const char *file, uint8_t **bytes, size_t *n_bytes,
                            cr_error *err);

/* The path of image i's mask, or of the one of pixels that do not count, which may not be there. The caller
 * frees; NULL when out of memory. */
char *cr_data_mask_path(const cr_dataset *data, int i, bool ignored);

/* The path of the file that is image i's segmentation. The caller frees; NULL where there is none, or when out of
 * memory. */
char *cr_data_segments_path(const cr_dataset *data, int i);

/* The paths of the images in a folder or a tar, as cr_data_file_read has them: zero-terminated, one after the
 * other, in byte order. *names is the caller's (free). Errors: CR_EINPUT where there is none. */
cr_status cr_data_list_images(const char *images, char **names, int *n, cr_error *err);

/* Draws n values of `outlines`, with the pixels of pycocotools: it rounds an outline to fifths of a pixel, and a pixel is
 * in where the middle of its column is crossed an odd number of times above it.
 *   mask  [height][width] 1 on an object, 2 where pixels do not count, else 0
 * Errors: CR_EINTERNAL (memory). */
cr_status cr_outlines_draw(const int32_t *outlines, int64_t n, int width, int height, uint8_t *mask,
                           cr_error *err);

/* How many images have a box that reaches beyond them, or another size than is annotated: original boxes
 * beside resized images, for one, do in many. Starts as {0}. */
typedef struct cr_box_census {
    int n_images, n_beyond, n_resized;
    char first[160];         /* of those beyond: id, size and box */
    char first_resized[160]; /* of the others: id and both sizes */
} cr_box_census;

void cr_box_census_add(cr_box_census *census, const cr_dataset *data, int i, int width, int height);

/* Errors: CR_EINPUT, naming `path`, both counts and the likely reason, where more than one in ten reaches
 * beyond, or has another size. */
cr_status cr_box_census_check(const cr_box_census *census, const char *path, cr_error *err);

/* CR_EINPUT, naming the file, where image i's annotation has another size, or one of its boxes has a side
 * beyond these pixels: x1 >= width + box_past, or y1 so. */
cr_status cr_data_check_size(const cr_dataset *data, int i, int width, int height, cr_error *err);

/* The path of image i's file, for messages where it lies in a tar. The caller frees; NULL when out
 * of memory. */
char *cr_data_image_path(const cr_dataset *data, int i);

/* Index of the image with this id (an image extension is ignored), or -1. */
int cr_data_find(const cr_dataset *data, const char *id);

/* The first of the *n rows of the image: that with this id, or, of an image without a class, all its pairs. */
int cr_data_find_all(const cr_dataset *data, const char *id, int *n);

/* Bytes of a row's id without the class of a pair; and whether it is of a pair of the image of the row before. */
size_t cr_data_image_bytes(const cr_dataset *data, int i);
bool cr_data_follows(const cr_dataset *data, int i);

/* Which rows are of one image: numbers the images from 0 by their first rows, images [n_images of the set] that of
 * each row. Returns how many images there are; as many as rows where there are no pairs. */
int cr_data_number_images(const cr_dataset *data, int32_t *images);

/* Whether the images have labels, and boxes: all or none. */
static inline bool cr_data_has_labels(const cr_dataset *data)
{
    return data->n_images > 0 && data->images[0].label >= 0;
}

static inline bool cr_data_has_boxes(const cr_dataset *data)
{
    return data->n_boxes > 0;
}

bool cr_data_has_difficult(const cr_dataset *data);

/* Whether an image has rows for several of its classes. */
bool cr_data_has_pairs(const cr_dataset *data);

/* Further labels of the images of a set, beside their classes. */
typedef struct cr_attributes {
    int n_names;
    const char **names; /* [n_names] in byte order */
    int n_pairs;
    struct cr_attribute_pair {
        int32_t name, image;
    } * pairs;  /* [n_pairs] by name, then by image; each once */
    char *text; /* of the names; owned, as the arrays are */
} cr_attributes;

/* Reads them from a CSV file, `image,attribute`, a row for each that an image has. Rows of images that the set
 * does not hold are passed over. Errors: CR_EINPUT with file and line for a bad row, and where no row is of an
 * image of the set; CR_EINTERNAL (memory). *attributes is {0} on failure. */
cr_status cr_attributes_read(const char *path, const cr_dataset *data, cr_attributes *attributes,
                             cr_error *err);
void cr_attributes_free(cr_attributes *attributes);

/* Whether a row shares its file with another: an image for one of its classes, whose rows stand together. */
bool cr_data_shares_file(const cr_dataset *data, int i);

static inline const char *cr_data_image_id(const cr_dataset *data, int i)
{
    return data->text + data->images[i].id;
}

/* What people call a class: its name, or its id where it has none; "no class" of -1. */
static inline const char *cr_data_class_name(const cr_dataset *data, int32_t class_index)
{
    if (class_index < 0)
        return "no class";
    const cr_data_class *of = &data->classes[class_index];
    return data->text + (data->text[of->name] ? of->name : of->wnid);
}

/* Orders in which class indices can be confused. order[i] is the class of the list whose index in
 * the other order is i. Each is [n_classes], the caller's; returns false, leaving it alone, where
 * the other order is not known (no devkit ids) or is the list's own. */
bool cr_data_devkit_order(const cr_dataset *data, int32_t *order); /* devkit id less one */
bool cr_data_sorted_order(const cr_dataset *data, int32_t *order); /* wnids in byte order */

void cr_data_free(cr_dataset *data);

#endif
