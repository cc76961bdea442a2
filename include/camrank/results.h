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
#include "camrank/method.h"
#include "camrank/metric.h"
#include "camrank/par.h"
#include "camrank/report.h"

/* Rows that are worth a rank's while to count: reading fewer costs as much. */
#define CR_RESULTS_SHARE 4096

/* One method at one layer of one model, or at several: a row of the error table. */
typedef struct cr_results_variant {
    char method[CR_NAME_BYTES]; /* one of cr_methods, or another program's */
    char as[CR_NAME_BYTES]; /* the name that the job gives the row; "": that of method and layer */
    cr_method_parameters parameters; /* of a method of cr_methods, which `scaling` is among */
    bool of_image;                   /* its maps are of the image: the same for all classes */
    char layer[CR_LAYERS_BYTES];     /* the target layer's output name in the ONNX file; of several,
                                        joined by '+' */
    bool fused;                      /* the maps of several layers as one */
    cr_fusion fusion;                /* how */
    bool layer_given;                /* the job names the layer: it is part of the row's name */
    cr_scaling scaling;              /* how its maps are scaled before upsampling */
    int map_width, map_height;       /* native resolution of its maps */
    int n_views;                     /* maps of each class: of how many views of the image */
    int map_slots;      /* maps kept for each image: 0 none, 1 ground truth, 6 all slots */
    char baselines[65]; /* SHA-256 of the inputs that a method compares with, or "" */
} cr_results_variant;

/* Values of the maps of one class of one image. Local. */
static inline size_t cr_results_map_values(const cr_results_variant *variant)
{
    return (size_t)variant->n_views * (size_t)variant->map_height * (size_t)variant->map_width;
}

#define CR_KERNELS_BYTES 1024
#define CR_RANDOMISED_BYTES (2 * CR_NAME_BYTES + 64)

typedef struct cr_results_model {
    char name[CR_NAME_BYTES]; /* also the HDF5 group: letters, digits and . _ - only */
    char file[256];           /* as the job names it */
    char sha256[65];          /* of the ONNX file, or of the sums of it and the files beside it
                                 (docs/format.md); "": maps of another program, without a network */
    char input[256];          /* the input specification, one line of text */
    char filter[32];          /* the resize filter of the input, by its name */
    char tokens[48];          /* the rectangle that the job says its tokens are, or "" */
    char kernels[CR_KERNELS_BYTES]; /* those that the job wants, in its order, one a line; or "" */
    char output[CR_NAME_BYTES];     /* the output that the job names; "" for the network's own */
    double parameters,
        flops; /* its weights, and the operations of an image, a multiply-add two; 0: not known */
    cr_precision precision;               /* of its numbers; of another program's maps CR_FLOAT32 */
    char randomised[CR_RANDOMISED_BYTES]; /* what of it was drawn at random, or "" */
    int n_variants;
    cr_results_variant *variants; /* owned */
} cr_results_model;

/* Whether classes were predicted: not where the maps are another program's. Local. */
static inline bool cr_results_has_network(const cr_results_model *model)
{
    return model->sha256[0] != 0;
}

/* What a results file is about: known before the first image, written at creation, read back by
 * cr_results_open. */
enum { CR_PATH_BYTES = 4096 };
typedef struct cr_results_plan {
    char job_name[CR_NAME_BYTES];
    char *job_text;         /* the job file, verbatim; owned */
    char *overrides;        /* the --set options, one a line; "" if none; owned */
    char libraries[256];    /* versions of the libraries, one line */
    int n_protocols;        /* 1 to CR_MAX_PROTOCOLS, by different names */
    cr_protocol *protocols; /* owned */
    /* What a table for people shows: the protocols' errors, MaxBoxAcc, MaxBoxAccV2. */
    bool show_protocols, show_v1, show_v2;
    bool skip_failed; /* images that fail are left out; else they count as wrong */
    /* The results file whose best thresholds the rows of the same names have here, "" for none, and the SHA-256 of
     * what there chooses them. */
    char threshold_from[CR_PATH_BYTES], threshold_sha256[65];
    int batch;        /* images in a chunk */
    int map_slots;    /* of the variants that a job's method says nothing of */
    bool map_float16; /* maps stored as float16, else float32 */
    bool has_empty;   /* rows say which maps are empty; files of older versions do not */
    bool has_states;  /* each variant of a row has a state of its own; of schema 1 not */
    bool has_log_sum; /* rows have it; files of older versions do not */
    /* Of the image set, whatever it says: what needs these is not in the file. */
    bool no_labels, no_boxes;
    bool has_difficult; /* some boxes are of objects that VOC calls difficult */
    /* By the place in cr_metrics: those that are not in every file, and their parameters. */
    struct cr_results_metric {
        bool wanted;
        cr_metric_parameters parameters;
    } metrics[CR_METRIC_MAX];
    int n_models;             /* 0: a file of the image set alone */
    cr_results_model *models; /* owned */
} cr_results_plan;

void cr_results_plan_free(cr_results_plan *plan);

/* Whether a file of this plan has the metric at this place of cr_metrics. Local. */
static inline bool cr_results_has_metric(const cr_results_plan *plan, int metric)
{
    return cr_metrics[metric]->always || plan->metrics[metric].wanted;
}

/* Maps of an image that the file has of a variant: those of the last slots, and one where they are of the
 * image. Local. */
int cr_results_kept_maps(const cr_results_variant *variant);

/* Whether the file has maps of any variant of a model. Local. */
bool cr_results_keeps_maps(const cr_results_model *model);

/* The variant's name: `as` where there is one; else METHOD, or METHOD@LAYER where the job names
 * the layer. Its HDF5 group has the same name with ':' for every '/'. Local. */
void cr_results_variant_name(const cr_results_variant *variant, char name[2 * CR_NAME_BYTES]);

/* State of a variant's row, in a file whose plan has got more protocols or metrics: its maps are there, or
 * its `reason` says why they are not, and the network is not needed to score them. */
enum { CR_ROW_KEPT = 3 };

/* The rows of one chunk under one model, n = number of images. All arrays are the caller's. */
typedef struct cr_results_rows {
    int first, n;   /* image indices first .. first + n - 1 */
    bool sees_kept; /* for reading: CR_ROW_KEPT is told apart; else it is CR_ROW_EMPTY, or what the
                       whole row is */
    uint8_t *state; /* [n] CR_ROW_DONE or CR_ROW_FAILED; read back also CR_ROW_EMPTY */
    int32_t *size;  /* [n][2] width, height of the original image; 0 0 if not decoded */
    char (*reason)[CR_REASON_BYTES]; /* [n] "" or why the image failed */
    int32_t
        *top_class; /* [n][CR_TOP], best first; of equal logits the lower class first; -1 failed */
    float *top_logit;   /* [n][CR_TOP]; NaN failed */
    float *truth_logit; /* [n] logit of the ground-truth class; NaN failed */
    float *
        log_sum; /* [n] exp(logit - log_sum) is a class's softmax; NaN failed, or where the network ends
                       in no softmax but a sigmoid; where plan->has_log_sum */
    struct cr_results_maps {
        uint8_t *state; /* [n] where the row is done: CR_ROW_FAILED if the variant's maps alone have
                           failed, CR_ROW_EMPTY if they are not computed; else that of the row, if that
                           is read too */
        char (*reason)
            [CR_REASON_BYTES]; /* [n] "" or why the variant failed; of schema 1 as the row's */
        float
            *maps; /* [n][S][n_views][map_height][map_width], raw; NaN failed. All S slots, however
                          many the variant keeps; may be NULL where it keeps none */
        uint8_t
            *empty; /* [n][S] 1: the map is empty (cr_loc_map_is_empty); where plan->has_empty */
        uint8_t *levels; /* [n][CR_SWEEP_LEVELS] of the ground-truth class, the bits of
                            cr_loc_sweep; 0 failed or without ground-truth boxes */
        /* By the place in the columns of all metrics (cr_metric_column_at), of those that stand once a
         * variant and have no member of their own here: [n] images of its extents. */
        void *columns[CR_METRIC_MAX_COLUMNS];
        struct cr_results_boxes {
            cr_box *boxes; /* [n][S][n_boxes of the protocol]; all -1 failed, or no such box */
            double *iou;   /* [n][S][n_boxes] best IoU of the box with a ground-truth box of the
                              image, whatever the class of the slot, 0 of one that does not exist;
                              NaN failed, or an image without ground-truth boxes */
            void *columns[CR_METRIC_MAX_COLUMNS]; /* those of metrics under protocols, likewise */
        } * protocols;                            /* [n_protocols of the plan] */
    } * variants;                                 /* [n_variants of the model] */
} cr_results_rows;

/* Room for n rows of model `model`, in an arena of the caller: every array, but the maps only where
 * `maps` is true. Errors: CR_EINTERNAL (memory). Local. */
cr_status cr_results_rows_alloc(const cr_results_plan *plan, int model, int n, bool maps,
                                cr_arena *arena, cr_results_rows *rows, cr_error *err);

/* The parameters of a metric; of one under protocols, the protocol. Local. */
static inline const void *cr_results_metric_parameters(const cr_results_plan *plan, int metric,
                                                       int protocol)
{
    return cr_metrics[metric]->of_protocol ? (const void *)&plan->protocols[protocol]
                                           : (const void *)plan->metrics[metric].parameters.bytes;
}

/* Where the values of a column of a metric lie: of all images of the rows, and how many an image has. NULL
 * where the rows have none.
 *   column    its place in the columns of all metrics
 *   protocol  of a metric under protocols; else it counts for nothing
 * Local. */
void *cr_results_metric_array(const struct cr_results_maps *maps, int column, int protocol);
size_t cr_results_metric_items(const cr_results_plan *plan, int column, int protocol);

/* Bytes of an item of a metric's column in memory. Local. */
size_t cr_metric_item_bytes(const cr_metric_column *column);

/* Room for what the plan's metrics give n images, and for `empty` and `protocols`, in an arena of the
 * caller. False when out of memory. Local. */
bool cr_results_metrics_alloc(const cr_results_plan *plan, size_t n, cr_arena *arena,
                              struct cr_results_maps *maps);

/* So many rows of a model as are best copied at a time, with their maps; at least 1. Local. */
int cr_results_slice(const cr_results_plan *plan, int model);

typedef struct cr_results cr_results;

/* Whether making `path` would replace `input`, by whatever names: it is that file, or has the name that
 * `path` has while it is made. Local. */
bool cr_results_replaces(const char *path, const char *input);

/* Creates `path` with every dataset at its final size, writes images, labels, ground truth, classes
 * and all attributes (rank 0, without MPI), and syncs. Only then the file gets its name, and takes
 * the place of one to be replaced: at any moment a file of that name opens. Symbolic links are followed.
 * Errors: CR_EINPUT for a file that exists (unless `replace`, and it is a results file), or that another run is writing, for a path that some rank cannot write or that
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
 * of the job and the names of the model files may differ), or for one that was repacked. A
 * file that lacks something of the plan is replaced by one that has what it has. Variants that lack
 * protocols or metrics are CR_ROW_KEPT there, if the file has all their maps as float32; else they are missing.
 * Collective. */
cr_status cr_results_resume(const cr_par *par, const char *path, const cr_results_plan *plan,
                            const cr_dataset *data, cr_results **results, bool *resumed,
                            cr_error *err);

/* Bytes that the file will need, rounded up by a few kilobytes a dataset, for `camrank check`;
 * SIZE_MAX if that many do not fit. Local. */
size_t cr_results_bytes(const cr_results_plan *plan, const cr_dataset *data);

/* Whether the maps of row b of variant `variant` of model `model` can be kept: not where the plan keeps float16 and a finite
 * value is beyond +-65504. Errors: CR_EINPUT naming the map and the value. Local. */
cr_status cr_results_check_maps(const cr_results_plan *plan, const cr_dataset *data, int model,
                                int variant, const cr_results_rows *rows, int b, cr_error *err);

/* Writes the rows of model `model`, then marks them: of each variant, and then those of the model. A
 * variant whose rows are all CR_ROW_EMPTY is left alone, and so is what is of the model where `state` is
 * NULL. For a file that is open for writing. Independent: Local. Errors: CR_EIO; CR_EINTERNAL (memory, or a row that
 * cr_results_check_maps refuses). */
cr_status cr_results_write(cr_results *results, int model, const cr_results_rows *rows,
                           cr_error *err);

/* Reads the states of all rows of a model and of one of its variants, [n_images] each. Errors: CR_EIO;
 * CR_EINTERNAL (memory). Local. */
cr_status cr_results_read_states(cr_results *results, int model, int variant, uint8_t *of_model,
                                 uint8_t *of_variant, cr_error *err);

/* Hands everything written to the file system, so that all ranks can read it. For a file that
 * is open for writing. Collective. */
cr_status cr_results_flush(cr_results *results, cr_error *err);

/* Closes the file and frees. *results becomes NULL. Collective for a file that is
 * open for writing, Local for one opened by cr_results_open. */
cr_status cr_results_close(cr_results **results, cr_error *err);

/* In place of cr_results_close after CR_EIO: lets other runs at the file, and nothing else. *results
 * becomes NULL. Local. */
void cr_results_abandon(cr_results **results);

/* Whether other runs are kept away from a file that is open for writing: not on a file system that knows
 * no locks. Counts on rank 0. Local. */
bool cr_results_is_locked(const cr_results *results);

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

/* A row of tables is a variant of a model; a model without any has one row, of its classes alone, whose
 * name is empty. How many a model has, and all of them together. Local. */
int cr_results_n_rows(const cr_results_model *model);
int cr_results_count_rows(const cr_results_plan *plan);

/* The name of a row: its variant's, or "". Local. */
void cr_results_row_name(const cr_results_model *model, int row, char name[2 * CR_NAME_BYTES]);

/* The sums of the plan's metrics are one array: of each row of all models, in the order of the plan, those
 * of each metric, in the order of the table, under each protocol where the metric is under these. Of a
 * row of classes alone they are those of images without boxes. */

/* Integers in the sums of one row. Local. */
size_t cr_results_count_sums(const cr_results_plan *plan);

/* Where a metric's begin, of a row by its place among those of all models, under a protocol. Local. */
size_t cr_results_sums_at(const cr_results_plan *plan, int row, int metric, int protocol);

/* Those of all metrics, likewise; NULL of one that the plan has not. Local. */
void cr_results_find_sums(const cr_results_plan *plan, const int64_t *sums, int row, int protocol,
                          const int64_t *of[CR_METRIC_MAX]);

/* Adds up images first .. first + n - 1 for every row of every model.
 *   sums  [cr_results_count_rows][cr_results_count_sums], the caller's, overwritten
 * Errors: CR_EIO; CR_EINPUT for a row that cannot be (a state, an IoU or a level that is none).
 * Local; after cr_results_flush on a file that is being written. */
cr_status cr_results_tally(cr_results *results, int first, int n, int64_t *sums, cr_error *err);

/* What sees the sums of one image alone, of a metric, and under a protocol (0 where it is not under them). */
typedef void cr_results_visit_sums(void *context, int metric, int protocol, int image,
                                   const int64_t *sums);

/* The same of all images for one row, `sums` [cr_results_count_sums], with what each image adds shown to
 * `visit`; NULL for nobody. */
cr_status cr_results_tally_row(cr_results *results, int model, int row, int64_t *sums,
                               cr_results_visit_sums *visit, void *context, cr_error *err);

/* Those of `localization` over all images, by ground-truth class:
 *   tallies  [cr_results_count_rows][n_protocols][n_classes] */
cr_status cr_results_tally_classes(cr_results *results, cr_tally *tallies, cr_error *err);

/* Writes the summary table from the sums of all images. Collective; all ranks pass the same. */
cr_status cr_results_write_summary(cr_results *results, const int64_t *sums, cr_error *err);

/* Makes the report of a file from its rows. *report is {0} on failure. Where the options ask for it by class,
 * the formats are of the classes: see cr_report_write. Errors: those of cr_report_check_names and
 * cr_report_arrange; CR_EINPUT where no row is left. Local. */
cr_status cr_results_report(cr_results *results, const cr_report_options *options,
                            cr_report *report, cr_error *err);

/* Reads back rows of one model. Every array of `rows` (and of rows->variants and their
 * protocols) that is not NULL is filled; rows->first and rows->n say which. Slots whose maps were not
 * kept are NaN. Where both `state` and `top_class` are read, the classes of a row that is done are -1
 * or of the file. Errors: CR_EIO; CR_EINPUT naming the image for a class that is none; CR_EINTERNAL
 * (memory). Local. */
cr_status cr_results_read(cr_results *results, int model, cr_results_rows *rows, cr_error *err);

/* What is read of every image beside its classes: the IoU of its boxes, the boxes too, and the hits at all
 * thresholds. */
enum { CR_RESULTS_IOU = 1, CR_RESULTS_BOXES = 2, CR_RESULTS_LEVELS = 4 };

/* One image of the file; `levels` [CR_SWEEP_LEVELS] is NULL where they are not read, or it is not done;
 * `given` [CR_METRIC_MAX], by place in cr_metrics, is of the metrics that are not in every file, and
 * has no columns of those that the row has not. */
typedef void cr_results_visit(void *context, int image, const cr_metric_image *seen,
                              const cr_verdict *verdict, const uint8_t *levels,
                              const cr_metric_given *given);

/* Calls `visit` for all images in their order under one row and protocol; `parts` are as above. Errors:
 * as cr_results_tally. Local. */
cr_status cr_results_visit_images(cr_results *results, int model, int row, int protocol, int parts,
                                  cr_results_visit *visit, void *context, cr_error *err);

/* The detections of one row under a protocol: the boxes of an image's first five classes, once an image, whatever
 * number of rows it has. There are none without predicted classes, or in files of before `log_sum`: n_images is 0.
 *   kept  [n_images of the file] the rows that are looked at; NULL: all. Images that have none are not counted
 * The caller's: cr_results_detections_free. Errors: CR_EIO; CR_EINPUT for a class that is none; CR_EINTERNAL
 * (memory). Local. */
cr_status cr_results_detections(cr_results *results, int model, int row, int protocol,
                                const bool *kept, cr_detections *detections, cr_error *err);
void cr_results_detections_free(cr_detections *detections);

/* As cr_results_visit_images, for a baseline; an image whose size is not known is not done. Of the centred squares there are the
 * levels alone, [side], and no image is localized. */
enum { CR_BASELINE_WHOLE, CR_BASELINE_CENTER, CR_N_BASELINES };
extern const char *const cr_baseline_names[CR_N_BASELINES];
cr_status cr_results_visit_baseline(cr_results *results, int baseline, int protocol,
                                    cr_results_visit *visit, void *context, cr_error *err);

/* Whether the file has boxes to measure baselines by, and a row with boxes beside which they are to stand;
 * without models they stand alone. Local. */
bool cr_results_has_baselines(const cr_results *results);

/* Thresholds of another set, from `path` or, where that is NULL, from the plan's threshold_from, whose SHA-256 is
 * checked; *from is NULL where there is neither. Errors: those of cr_results_open; CR_EINPUT for a file that is not
 * finished, or no longer what it was. Local. */
typedef struct cr_elsewhere cr_elsewhere;
cr_status cr_elsewhere_open(const char *path, const cr_results_plan *plan, cr_elsewhere **from,
                            cr_error *err);
void cr_elsewhere_close(cr_elsewhere **from);

/* What chooses the thresholds of a row, all its images in part 0; there until the next call. And of the baselines.
 * Errors: CR_EINPUT naming a row that the file lacks, or where it is not finished. Local. */
cr_status cr_elsewhere_row(cr_elsewhere *from, const char *model, const char *row,
                           const cr_sweep **sweep, cr_error *err);
cr_status cr_elsewhere_baselines(cr_elsewhere *from, cr_sweep sweeps[CR_N_BASELINES],
                                 cr_error *err);

/* Fills threshold_from and threshold_sha256 of a plan from a file that must have all its rows. Errors: as above. Local. */
cr_status cr_elsewhere_plan(const char *path, cr_results_plan *plan, cr_error *err);

#endif
