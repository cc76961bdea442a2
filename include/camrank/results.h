/* results.h - the HDF5 file of a run: created at its final size, written row by row by all ranks,
 * read by report and show. The layout, for readers in other languages, is in docs/format.md.
 *
 * A row is one image under one model. Its place is fixed by the image's index, so the file does not
 * depend on the number of ranks. Every dataset is contiguous, allocated when created, unfiltered,
 * and flushed before the first row; a row's `done` flag is written after the row: a file whose
 * writers are killed opens, and what is marked done is right. Until then it is called FILE.part.
 * While it is being written there is a FILE.lock, which keeps other runs away.
 *
 * In what follows S = CR_SLOTS classes are localized in each image. */
#ifndef CAMRANK_RESULTS_H
#define CAMRANK_RESULTS_H

#include "camrank/base.h"
#include "camrank/data.h"
#include "camrank/geometry.h"
#include "camrank/loc.h"
#include "camrank/par.h"

#define CR_SLOTS (CR_TOP + 1) /* slots 0..4: the top five; slot 5: the ground-truth class */
#define CR_SLOT_TRUTH CR_TOP  /* the slot of the ground-truth class */
#define CR_REASON_BYTES 200   /* of a failure's text in the file, zero included */
#define CR_NAME_BYTES 128     /* longest model, method or layer name, zero included */

/* Rows that are worth a rank's while to count: reading fewer costs as much. */
#define CR_RESULTS_SHARE 4096

/* State of a row. */
enum { CR_ROW_EMPTY = 0, CR_ROW_DONE = 1, CR_ROW_FAILED = 2 };

/* One method at one layer of one model: a row of the error table. */
typedef struct cr_results_variant {
    char method[CR_NAME_BYTES]; /* "cam", "grad-cam" */
    char layer[CR_NAME_BYTES];  /* the target layer's output name in the ONNX file */
    bool layer_given;           /* the job names the layer: it is part of the row's name */
    cr_scaling scaling;         /* how its maps are scaled before upsampling */
    int map_width, map_height;  /* native resolution of its maps */
    int n_views;                /* maps of each class: of how many views of the image */
} cr_results_variant;

/* Values of the maps of one class of one image. Local. */
static inline size_t cr_results_map_values(const cr_results_variant *variant)
{
    return (size_t)variant->n_views * (size_t)variant->map_height * (size_t)variant->map_width;
}

typedef struct cr_results_model {
    char name[CR_NAME_BYTES]; /* also the HDF5 group: letters, digits and . _ - only */
    char file[256];           /* as the job names it */
    char sha256[65];          /* of the ONNX file */
    char input[256];          /* the input specification, one line of text */
    int n_variants;
    cr_results_variant *variants; /* owned */
} cr_results_model;

/* What a results file is about: known before the first image, written at creation, read back by
 * cr_results_open. */
typedef struct cr_results_plan {
    char job_name[CR_NAME_BYTES];
    char *job_text;      /* the job file, verbatim; owned */
    char *overrides;     /* the --set options, one a line; "" if none; owned */
    char libraries[256]; /* versions of the libraries, one line */
    cr_protocol protocol;
    bool skip_failed; /* images that fail are left out; else they count as wrong */
    int batch;        /* images in a chunk */
    int map_slots;    /* maps kept for each image: 0 none, 1 ground truth, 6 all slots */
    bool map_float16; /* maps stored as float16, else float32 */
    int n_models;
    cr_results_model *models; /* owned */
} cr_results_plan;

void cr_results_plan_free(cr_results_plan *plan);

/* The variant's name as the job gives it: "grad-cam", or "grad-cam@layer" where the job names the
 * layer. Its HDF5 group has the same name with ':' for every '/'. Local. */
void cr_results_variant_name(const cr_results_variant *variant, char name[2 * CR_NAME_BYTES]);

/* The rows of one chunk under one model, n = number of images. All arrays are the caller's. */
typedef struct cr_results_rows {
    int first, n;   /* image indices first .. first + n - 1 */
    uint8_t *state; /* [n] CR_ROW_DONE or CR_ROW_FAILED; read back also CR_ROW_EMPTY */
    int32_t *size;  /* [n][2] width, height of the original image; 0 0 if not decoded */
    char (*reason)[CR_REASON_BYTES]; /* [n] "" or why the image failed */
    int32_t
        *top_class; /* [n][CR_TOP], best first; of equal logits the lower class first; -1 failed */
    float *top_logit;   /* [n][CR_TOP]; NaN failed */
    float *truth_logit; /* [n] logit of the ground-truth class; NaN failed */
    struct cr_results_maps {
        float
            *maps; /* [n][S][n_views][map_height][map_width], raw; NaN failed. All S slots, however
                          many plan->map_slots keeps; may be NULL where it keeps none */
        cr_box *boxes; /* [n][S]; all -1 failed */
        double *iou;   /* [n][S] best IoU of the box with a ground-truth box of the image, whatever
                          the class of the slot; NaN failed or not localized (exclude list) */
    } * variants;      /* [n_variants of the model] */
} cr_results_rows;

typedef struct cr_results cr_results;

/* Creates `path` with every dataset at its final size, writes images, labels, ground truth, classes
 * and all attributes, and flushes. Only then the file gets its name, and takes the place of one to
 * be replaced: at any moment a file of that name opens. Errors: CR_EINPUT for a file that exists
 * (unless `replace`) or that another run is writing, for a path that some rank cannot write or that
 * is not the same file on all, or for names and sizes that cannot be stored; CR_EIO with HDF5's
 * innermost message. On failure no half-made file stays behind and *results is NULL on every rank.
 * After CR_EIO, from any function of a file that is being written, HDF5 1.10 may hang or crash when
 * the file is closed or MPI is finalized: end the program without either (cr_results_abandon).
 * `plan` and `data` (the same on all ranks) are copied or written, not kept. Collective. */
cr_status cr_results_create(const cr_par *par, const char *path, bool replace,
                            const cr_results_plan *plan, const cr_dataset *data,
                            cr_results **results, cr_error *err);

/* Opens an unfinished or finished `path` for writing, whatever number of ranks it was made with, or
 * creates it where there is none; *resumed tells which. The plan of *results is `plan`, but for the
 * file's `libraries`, which may be others. Errors: as cr_results_create and cr_results_open;
 * CR_EINPUT naming the first difference for a file of another version, plan or image set (the texts
 * of the job and the names of the model files may differ), or for one that was repacked.
 * Collective. */
cr_status cr_results_resume(const cr_par *par, const char *path, const cr_results_plan *plan,
                            const cr_dataset *data, cr_results **results, bool *resumed,
                            cr_error *err);

/* Bytes that the file will need, rounded up by a few kilobytes a dataset, for `camrank check`;
 * SIZE_MAX if that many do not fit. Local. */
size_t cr_results_bytes(const cr_results_plan *plan, const cr_dataset *data);

/* Writes the rows of model `model`, then marks them. For a file that is open for
 * writing. Independent: Local. Errors: CR_EIO. */
cr_status cr_results_write(cr_results *results, int model, const cr_results_rows *rows,
                           cr_error *err);

/* Hands everything written to the file system, so that all ranks can read it. For a file that
 * is open for writing. Collective. */
cr_status cr_results_flush(cr_results *results, cr_error *err);

/* Closes the file and frees. *results becomes NULL. Collective for a file that is
 * open for writing, Local for one opened by cr_results_open. */
cr_status cr_results_close(cr_results **results, cr_error *err);

/* In place of cr_results_close after CR_EIO: lets other runs at the file, and nothing else. *results
 * becomes NULL. Local. */
void cr_results_abandon(cr_results **results);

/* Opens a finished or unfinished file for reading, by this process alone. Its content is untrusted:
 * types, shapes and cross references are checked. Errors: CR_EINPUT naming the path and what is
 * missing or wrong. Local. */
cr_status cr_results_open(const char *path, cr_results **results, cr_error *err);

/* Of an open file; valid until it is closed. Local. */
const cr_results_plan *cr_results_get_plan(const cr_results *results);

/* The image set as the file holds it: ids, labels, boxes, classes. `folder` is where the images lay
 * when the file was made; n_unlisted_files is not kept (0). Valid until the file is closed. Local.
 */
const cr_dataset *cr_results_get_data(const cr_results *results);

/* Whether an open file was made by this program version, `plan` and `data`: CR_EINPUT naming the
 * first attribute that is another, with the file's value and the wanted one. The texts of the job,
 * the libraries and the names of the model files may differ. `where` ends the message and says
 * where the wanted value is from, such as "now". Local. */
cr_status cr_results_compare(const cr_results *stored, const cr_results_plan *plan,
                             const cr_dataset *data, const char *where, cr_error *err);

/* Counts of one variant. Integers, so that sums do not depend on their order; the IoU of the
 * ground-truth class is in units of 2^-40. */
typedef struct cr_tally {
    int64_t n_images;    /* counted for classification */
    int64_t n_failed;    /* failed: among n_images unless plan->skip_failed */
    int64_t n_missing;   /* rows not computed yet; counted nowhere else */
    int64_t n_localized; /* counted for localization: without the exclude list */
    int64_t top1_class_right, top5_class_right;
    int64_t top1_loc_right, top5_loc_right, gt_known_right;
    int64_t iou_sum;
} cr_tally;

#define CR_TALLY_FIELDS ((int)(sizeof(cr_tally) / sizeof(int64_t)))

/* An error in percent: 100 * (counted - right) / counted; NaN where nothing was counted. Local. */
double cr_tally_error(int64_t right, int64_t counted);

/* Mean IoU of the ground-truth class's box with its best ground-truth box, over n_localized images;
 * a failed image adds 0. NaN where nothing was counted. Local. */
double cr_tally_mean_iou(const cr_tally *tally);

/* Adds up images first .. first + n - 1 for every variant of every model, in the order of the
 * plan. The rules are those of the devkit's eval_clsloc.m with plan->protocol's IoU.
 *   tallies  [sum of n_variants over the models], the caller's, overwritten
 * Errors: CR_EIO; CR_EINPUT for a row that cannot be (a state or an IoU that is none). Local; after
 * cr_results_flush on a file that is being written. */
cr_status cr_results_tally(cr_results *results, int first, int n, cr_tally *tallies, cr_error *err);

/* Writes the summary table from the tallies of all images. Collective; all ranks pass the same. */
cr_status cr_results_write_summary(cr_results *results, const cr_tally *tallies, cr_error *err);

/* Reads back rows of one model. Every array of `rows` (and of rows->variants) that is not NULL is
 * filled; rows->first and rows->n say which. Slots whose maps were not kept are NaN. Local. */
cr_status cr_results_read(cr_results *results, int model, cr_results_rows *rows, cr_error *err);

#endif
