/* metric.h - what a map is worth: the metrics, what is counted, and the numbers of the error table from
 * it. A metric is one file of core/metric and one row of its table. All functions are Local. */
#ifndef CAMRANK_METRIC_H
#define CAMRANK_METRIC_H

#include "camrank/base.h"
#include "camrank/geometry.h"
#include "camrank/kernels.h"
#include "camrank/loc.h"
#include "camrank/parameter.h"

/* What became of an image that counts for localization: key in JSON and CSV, title, meaning. A box is wrong
 * when its best IoU with a ground-truth box of the image is below the protocol's. A wrong box B is,
 * of the first of these that holds, where G is any ground-truth box of the image:
 *   merged     at least half of each of two or more G lies in B: several objects as one
 *   part       at least three quarters of B lie in one G: part of the object
 *   too_large  at least three quarters of one G lie in B: the object, and more
 *   missed     B has no pixel in common with any G
 *   shifted    none of these
 * Shares are of pixels, of boxes with inclusive sides. */
#define CR_OUTCOME_LIST(X)                                                                     \
    X(RIGHT, "right", "right", "The class and the box are right.")                             \
    X(WRONG_CLASS, "wrong_class", "wrong class", "The first prediction is another class.")     \
    X(PART, "part", "part", "At least three quarters of the box lie in one object's box.")     \
    X(TOO_LARGE, "too_large", "too large",                                                     \
      "The box holds three quarters of an object's, and more.")                                \
    X(SHIFTED, "shifted", "shifted", "The box is wrong, and nothing of the others.")           \
    X(MERGED, "merged", "merged", "The box holds half of each of two or more objects' boxes.") \
    X(MISSED, "missed", "missed", "The box has no pixel in common with any object's.")         \
    X(FAILED, "failed", "failed", "There is no box: the image failed, and counts as wrong.")

typedef enum cr_outcome {
#define CR_OUTCOME_ENUM(name, key, title, meaning) CR_OUTCOME_##name,
    CR_OUTCOME_LIST(CR_OUTCOME_ENUM)
#undef CR_OUTCOME_ENUM
        CR_N_OUTCOMES
} cr_outcome;

/* Keys of the outcomes, titles, and a sentence on each. */
extern const char *const cr_outcome_keys[CR_N_OUTCOMES];
extern const char *const cr_outcome_titles[CR_N_OUTCOMES];
extern const char *const cr_outcome_meanings[CR_N_OUTCOMES];

/* Why a box is wrong: one of the five of above that are about a box. `n_truth` >= 1. */
cr_outcome cr_outcome_of_box(cr_box box, const cr_box *truth, int n_truth);

#define CR_SLOTS (CR_TOP + 1) /* slots 0..4: the top five; slot 5: the ground-truth class */
#define CR_SLOT_TRUTH CR_TOP  /* the slot of the ground-truth class */

/* State of an image under a model, or one of its variants. */
enum { CR_ROW_EMPTY = 0, CR_ROW_DONE = 1, CR_ROW_FAILED = 2 };

/* What is known of one image under one variant, and under a protocol where it is about boxes. Arrays are
 * the caller's. */
typedef struct cr_metric_image {
    const cr_protocol *protocol;
    int32_t label;
    bool localize; /* it is not on the exclude list */
    const cr_box *truth;
    int n_truth;
    bool has_network;         /* classes were predicted */
    bool skip_failed;         /* an image that failed is left out; else it counts as wrong */
    uint8_t state;            /* of the variant */
    uint8_t model_state;      /* of the model: where it failed there are no classes */
    const int32_t *top_class; /* [CR_TOP] */
    const cr_box *boxes;      /* [CR_SLOTS][n_boxes of the protocol] */
    const double *iou;        /* the same; NULL for a verdict on the classes alone */
    const uint8_t *empty; /* [CR_SLOTS] whether maps are empty; NULL where the file does not say */
    int part;             /* cr_held_out_part of its id */
} cr_metric_image;

/* What a metric gave for an image, and by which parameters. */
typedef struct cr_metric_given {
    const void *parameters;
    const void *const
        *columns; /* [n_columns] the image's values in each; NULL where there are none */
} cr_metric_given;

/* What of an image counts, and whether it is right. What does not count, or has failed, is not right. */
typedef struct cr_verdict {
    bool is_missing; /* not computed yet: nothing else is true */
    bool has_failed;
    bool is_classified; /* counts for the classification errors */
    bool is_localized;  /* counts for the localization errors: it has ground-truth boxes, and is not
                           excluded if the protocol honours that */
    bool has_prediction; /* is localized, and classes were predicted */
    bool is_swept;       /* counts for MaxBoxAcc: it has ground-truth boxes, excluded or not */
    bool top1_class_right, top5_class_right;
    bool top1_loc_right, top5_loc_right, gt_known_right;
    double top1_iou; /* of the first prediction's box; 0 where its class is wrong */
    double iou; /* best of the ground-truth class's box, of two the one that top-1 takes; 0 where it
                   failed. As the file has it: it may be none */
} cr_verdict;

/* Whether an image with ground-truth boxes counts for localization, on the exclude list or not, and
 * whether a box of this class and best IoU is right for an image of class `label`. */
bool cr_metric_localizes(const cr_protocol *protocol, bool localize);
bool cr_metric_hits(const cr_protocol *protocol, int32_t label, int32_t class, double iou);

/* The rules are those of the devkit's eval_clsloc.m, with the protocol's predictions, IoU and exclusion; a
 * label may be predicted several times. */
cr_verdict cr_metric_judge(const cr_metric_image *image);

/* What became of an image that counts for localization: its first prediction, and the box of the
 * ground-truth class. Needs `boxes` and `iou`. */
typedef struct cr_outcomes {
    cr_outcome top1, gt_known;
} cr_outcomes;
cr_outcomes cr_metric_outcomes(const cr_metric_image *image);

/* The sums of the metric `localization`: counts of one variant under one protocol. */
typedef struct cr_tally {
    int64_t n_images;    /* counted for classification; 0 for maps without a network */
    int64_t n_failed;    /* failed: among n_images unless plan->skip_failed */
    int64_t n_missing;   /* rows not computed yet; counted nowhere else */
    int64_t n_localized; /* counted for localization: without the exclude list, if the protocol
                            honours it, and without images that have no ground-truth box */
    int64_t top1_class_right, top5_class_right;
    int64_t top1_loc_right, top5_loc_right, gt_known_right;
    int64_t iou_sum;                    /* of the ground-truth class, in units of 2^-40 */
    int64_t top1_empty, gt_known_empty; /* of n_localized: the map behind each of these is empty */
    int64_t top1_outcomes[CR_N_OUTCOMES]; /* of the first prediction; they sum to n_localized, or
                                                 to 0 for maps without a network */
    int64_t gt_known_outcomes[CR_N_OUTCOMES]; /* of the ground-truth class's box, of two the one
                                                 that top-1 takes; the same */
} cr_tally;

#define CR_TALLY_FIELDS ((int)(sizeof(cr_tally) / sizeof(int64_t)))

/* The images are in two parts, to choose a threshold on the one and to score it on the other: an
 * image is held out to choose (part 0) where the first 32 bits of the SHA-256 of its id, most
 * significant byte first, are divisible by 5; else it is in part 1. So a part is about a fifth, and
 * an image stays in its part whatever set or subset it belongs to. The id is the image's own, n bytes, without the
 * class of a pair: all rows of an image are in one part. */
enum { CR_N_PARTS = 2 };
int cr_held_out_part(const char *id, size_t n);

/* The sums of the metric `max-box-acc`, over all thresholds (wsol-v1, wsol-v2): images with a ground-truth
 * box, the exclude list notwithstanding; a failed image counts as wrong at every level unless
 * plan->skip_failed. */
enum { CR_SWEEP_BITS = 6 };
typedef struct cr_sweep {
    int64_t n_images[CR_N_PARTS];
    int64_t right[CR_N_PARTS][CR_SWEEP_BITS][CR_SWEEP_LEVELS]; /* images whose bit is set */
} cr_sweep;

#define CR_SWEEP_FIELDS ((int)(sizeof(cr_sweep) / sizeof(int64_t)))

enum {
    CR_METRIC_MAX = 32,
    CR_METRIC_MAX_NUMBERS = 128,
    CR_METRIC_MAX_NAMED = 128,
    CR_METRIC_MAX_COLUMNS = 128
};

/* What a number is of, which decides where it stands. */
typedef enum cr_metric_of {
    CR_METRIC_OF_CLASSES, /* the predicted classes: the same under all protocols */
    CR_METRIC_OF_TOP,     /* the predicted classes' boxes under a protocol */
    CR_METRIC_OF_TRUTH,   /* the ground-truth class's box under a protocol */
    /* All thresholds, as in wsol-v1 and wsol-v2: the same under all protocols, and of all classes. */
    CR_METRIC_OF_SWEEP_V1,
    CR_METRIC_OF_SWEEP_V2,
    CR_METRIC_OF_MAP, /* the map of the ground-truth class: the same */
} cr_metric_of;

/* CR_METRIC_NEITHER is of a threshold at which another number is: told by reports, of maps alone, and not
 * kept in /summary. */
typedef enum cr_metric_better { CR_METRIC_DOWN, CR_METRIC_UP, CR_METRIC_NEITHER } cr_metric_better;

/* CR_METRIC_WILSON comes with the number; CR_METRIC_BOOTSTRAP is of reports, from resampled images. */
typedef enum cr_metric_interval {
    CR_METRIC_NONE,
    CR_METRIC_WILSON,
    CR_METRIC_BOOTSTRAP
} cr_metric_interval;

/* A number, NaN where nothing was counted, and its 95 % interval, NaN where it has none. */
typedef struct cr_metric_value {
    double value, low, high;
} cr_metric_value;

/* A number of a metric. Every format of a report and /summary in the file follow it. */
typedef struct cr_metric_number {
    const char *key; /* in JSON, CSV and /summary */
    const char *
        title; /* of its column for people; below another number, what stands in front of it; NULL: people
                   see it only where they ask for it */
    const char *unit; /* "%", or "" of a share of 1 */
    cr_metric_better better;
    int places; /* behind the point, for people */
    cr_metric_of of;
    cr_metric_interval interval;
    const char *below; /* key of the number below which people find it; NULL: in its own column */
    cr_metric_value (*count)(const int64_t *sums); /* from the metric's sums */
    /* Of one image, for what compares images: NaN where it does not count, else 1 right and 0 wrong where
     * `unit` is "%", or the value whose mean the number is. NULL: of a sweep. */
    double (*of_image)(const cr_metric_image *image, const cr_verdict *verdict,
                       const cr_metric_given *given);
    /* Of a sweep, whose images count where is_swept: right is the one that has this bit at the best level
     * (cr_metric_best_level). -1: of no single image. */
    int bit;
    bool held_out; /* the level is best for part 0, and the images are those of part 1 */
} cr_metric_number;

/* The level at which most images are right by a bit: of all, or of part 0; of equal ones the lowest. */
int cr_metric_best_level(const cr_sweep *sweep, int bit, bool held_out);

/* One of a metric's sums that /summary names. */
typedef struct cr_metric_sum {
    const char *key;
    int at;        /* its place in the sums */
    bool of_empty; /* about empty maps: -1 where the file does not say which are */
} cr_metric_sum;

/* A column of a metric in the results file: what it gives for each image, or each slot of an image. Where
 * there is nothing it holds 0, -1 or NaN, by its kind. */
typedef enum cr_metric_kind { CR_METRIC_U8, CR_METRIC_I32, CR_METRIC_F64 } cr_metric_kind;

enum {
    CR_METRIC_EXTENT_BOXES = -4, /* the protocol's n_boxes; no axis at all where that is 1 */
    CR_METRIC_EXTENT_OWN = -6,   /* cr_metric.extent */
};
#define CR_METRIC_MAX_EXTENTS 4

typedef struct cr_metric_column {
    const char
        *name; /* in the group of the variant, as NAME/COLUMN; of a metric under protocols, in that
                         of the protocol inside it */
    cr_metric_kind kind;
    int extents[CR_METRIC_MAX_EXTENTS]; /* of an image, CR_SLOTS first where `of_slots`; 0 ends */
    const char *unit, *description;     /* attributes; unit "" for none */
    bool
        of_boxes; /* it says nothing, and is not in the file, where there are no ground-truth boxes */
} cr_metric_column;

/* A map to be scored. */
typedef struct cr_metric_map {
    const void *parameters; /* the metric's; of one under protocols, the cr_protocol */
    const cr_loc_map *map;
    int width, height;             /* of the image */
    const cr_loc_picture *picture; /* as cr_loc_boxes wants it */
    const cr_box *truth;
    int n_truth; /* 0: nothing to compare with */
    /* [mask_height][mask_width] 1 on the object, 2 where pixels do not count, else 0; of a size of its own;
     * NULL where there is none. */
    const uint8_t *mask;
    int mask_width, mask_height;
} cr_metric_map;

/* A map with the network that it is of, for a metric that asks what becomes of a class's probability where
 * the image is changed by the map. Arrays are the caller's, and stay until `end`. */
typedef struct cr_metric_question {
    const void *parameters;        /* the metric's */
    int height, width, n_channels; /* of the network's input */
    const cr_real *input; /* [height][width][n_channels] as the network gets it, normalised */
    const cr_real *black, *white; /* as values of the input, [n_channels] */
    const int32_t *segments;      /* [height][width] of a metric that `wants_segments`, 0, 1, ... */
    /* [height][width] of the input: scaled as its method says, then upsampled bilinearly, pixel centres at
     * half; from 0 on, at most 1. Of an empty map all 0. */
    const float *map;
    double score;  /* the class's probability for the input as it is */
    uint64_t seed; /* of the image, the same in every run */
    void *scratch; /* as many bytes as `scratch` says, at a multiple of 64, undefined */
    void *const
        *values; /* [n_columns] where the metric's values go, which hold what stands for nothing */
} cr_metric_question;

/* How a metric asks: in place of cr_metric.score. Inputs of several maps may go through the network
 * together; an answer has the same bits whatever is beside it. */
typedef struct cr_metric_asking {
    /* Changed inputs for a map, of an input of so many pixels. */
    int (*n_passes)(const void *parameters, int width, int height);
    size_t (*scratch)(const void *parameters, int width, int height, int n_channels);
    /* Floating-point operations for a map beside those of the network, where they are not few; else NULL. */
    double (*work)(const void *parameters, int width, int height);
    void (*begin)(const cr_metric_question *question);
    /* Writes changed input k, shaped like `input`, and takes the class's probability for it: each in the
     * order of k, an answer some time after its input. */
    void (*fill)(const cr_metric_question *question, int k, cr_real *to);
    void (*take)(const cr_metric_question *question, int k, double score);
    /* In its place, of a metric that asks the method, too: with the map for input k, made as the question's is. */
    void (*take_map)(const cr_metric_question *question, int k, double score, const float *map);
    void (*end)(const cr_metric_question *question);
} cr_metric_asking;

/* Whose map, and whose probability: the first member of the parameters of a metric that asks. */
typedef enum cr_metric_class { CR_METRIC_CLASS_TRUTH, CR_METRIC_CLASS_TOP1 } cr_metric_class;

/* What a metric needs to know of the images beside their maps. */
enum {
    CR_METRIC_NEEDS_BOXES = 1,
    CR_METRIC_NEEDS_LABELS = 2,
    CR_METRIC_NEEDS_MASKS = 4,
    CR_METRIC_NEEDS_PAIRS = 8, /* images have rows for several of their classes */
};

/* A metric: a row of the table from which the columns of the file, what is counted and summed up over
 * ranks, and every table of numbers follow. */
typedef struct cr_metric {
    const char *name;
    const char *summary; /* what it says, one line */
    const char *source;  /* paper, section */
    unsigned needs;      /* CR_METRIC_NEEDS_... */
    bool always;         /* it is in every file; others are where a job names them */
    bool
        of_protocol; /* it stands once under each protocol, whose parameters are its own; else once a
                         variant */
    bool of_slots;   /* it scores the maps of all slots; else that of the ground-truth class */
    cr_parameters parameters;        /* of at most CR_METRIC_PARAMETER_BYTES */
    const cr_metric_column *columns; /* [n_columns] */
    int n_columns;
    const cr_metric_number *numbers; /* [n_numbers] */
    int n_numbers;
    const char *const *meanings; /* [n_numbers] a sentence on each */
    /* [n_numbers] what values can be; NULL, or of one: from 0 to 1, or to 100 % */
    const char *const *ranges;
    const cr_metric_sum *named; /* [n_named] */
    int n_named;
    /* Integers, so that sums do not depend on their order; reals are multiples of 2^-40. 0: its numbers are of all
     * images in order, and reports alone make them (core/results/detections.c): it has no columns, nor what
     * scores, adds and counts. */
    int n_sums;
    int n_resampled; /* of them, those that numbers with a bootstrap are of: the first so many; 0: all */
    const cr_metric_asking *asking; /* NULL: of the map alone, by `score` */
    /* Whether its parameters ask for a segmentation of each image that is given. NULL: never. */
    bool (*wants_segments)(const void *parameters);
    int (*extent)(
        const void *parameters); /* CR_METRIC_EXTENT_OWN of its columns; NULL if there is none */
    /* Scores one map. `values` [n_columns] is where those of its columns go, of its slot. Errors: those of
     * cr_loc_upsample. */
    cr_status (*score)(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err);
    /* Adds an image to `sums` [n_sums], if it counts. What counts says cr_metric_judge. Values are a file's
     * and may be anything: for one that cannot be it returns what *value is not, else NULL. */
    const char *(*add)(const cr_metric_image *image, const cr_metric_given *given, int64_t *sums,
                       double *value);
} cr_metric;

#define CR_METRIC_PARAMETER_BYTES 64

typedef struct cr_metric_parameters {
    _Alignas(double) unsigned char bytes[CR_METRIC_PARAMETER_BYTES];
} cr_metric_parameters;

/* A box that is predicted for a class in an image, as average precision has it; and the objects of a class that an
 * image has. */
typedef struct cr_detection {
    double score;
    int class, image;
    bool right; /* it hits an object; one that hits a difficult one is no detection */
} cr_detection;

typedef struct cr_objects {
    int class, image, n;
} cr_objects;

/* Of a whole set. Arrays are the caller's. */
typedef struct cr_detections {
    cr_detection
        *items; /* [n] class by class, the highest score first, of equal ones the first image */
    size_t n;
    cr_objects *objects; /* [n_objects] class by class */
    size_t n_objects;
    int n_classes, n_images;
    bool *
        counts; /* [n_images] false: it is not computed, or has failed and is left out: nothing is of it */
} cr_detections;

/* Puts both arrays in their order. */
void cr_detections_sort(cr_detections *detections);

typedef struct cr_mean_precision {
    double eleven_points, area; /* in percent; NaN where no class has an object */
} cr_mean_precision;

/* Mean over the classes that have objects of the average precision: of VOC 2007 the mean over recall 0, 0.1, ..., 1
 * of the largest precision at this recall or more; of VOC 2010 and later the area under that largest precision
 * (Everingham et al., IJCV 88, 2010, section 4.2; the devkit's VOCap.m).
 *   counts    [n_images] each image stands so often in the set, its copies behind each other; NULL: once
 *   by_class  [n_classes] the average precision of each class; NULL where nobody asks */
cr_mean_precision cr_metric_mean_precision(const cr_detections *detections, const uint16_t *counts,
                                           cr_mean_precision *by_class);

/* The table: NULL behind the last of at most CR_METRIC_MAX. */
extern const cr_metric *const cr_metrics[];

/* The places of the two that the error table is made of; their sums are a cr_tally and a cr_sweep. And of the one
 * that has none. */
enum { CR_METRIC_LOCALIZATION, CR_METRIC_MAX_BOX_ACC, CR_METRIC_MEAN_AP };

/* The place in the table of the metric with this name, -1 for none. */
int cr_metric_find(const char *name);

/* The names, as `localization, max-box-acc, ...`. */
const char *cr_metric_names(void);

/* The class that a metric which asks is of. */
static inline cr_metric_class cr_metric_class_of(const cr_metric_parameters *parameters)
{
    return *(const cr_metric_class *)(const void *)parameters->bytes;
}

/* The sums of the metric that has most. */
size_t cr_metric_most_sums(void);

/* The numbers of all metrics in their order, and how many there are, at most CR_METRIC_MAX_NUMBERS. *metric
 * is the place of the number's metric; NULL if it is not asked for. */
const cr_metric_number *cr_metric_number_at(int k, int *metric);
int cr_metric_n_numbers(void);

/* What it is, a sentence: pages say it where the number stands. NULL where its metric has none, which the test of
 * reports refuses. */
const char *cr_metric_number_meaning(int k);

/* Index of the number with this key, -1 for none. */
int cr_metric_number_find(const char *key);

/* The columns of all metrics, likewise; at most CR_METRIC_MAX_COLUMNS. */
const cr_metric_column *cr_metric_column_at(int k, int *metric);
int cr_metric_n_columns(void);

/* The place among them of the first of a metric, by its place in cr_metrics. */
int cr_metric_first_column(int metric);

/* Counts the numbers of all metrics; NaN of those that have no sums.
 *   sums    [CR_METRIC_MAX] by place in the table; NULL for none
 *   values  [cr_metric_n_numbers] */
void cr_metric_count(const int64_t *const *sums, cr_metric_value *values);

#endif
