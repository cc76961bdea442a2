/* internal.h - what the files of core/results share: the table of columns, the open file, and
 * small helpers over HDF5. */
#ifndef CAMRANK_RESULTS_INTERNAL_H
#define CAMRANK_RESULTS_INTERNAL_H

#include "camrank/number.h"
#include "camrank/parameter.h"
#include "camrank/results.h"

#include <hdf5.h>

#define CR_RESULTS_SCHEMA "camrank-results-2"
#define CR_RESULTS_SCHEMA_1 "camrank-results-1" /* without states of variants: it is read */

/* Bounds on what is believed of a file from outside, before memory is allocated for it. */
enum {
    CR_MAX_IMAGES = 1 << 24,
    CR_MAX_BOXES = 1 << 26,
    CR_MAX_CLASSES = 1 << 20,
    CR_MAX_MODELS = 1024, /* and variants of a model */
    CR_MAX_MAP_SIDE = 4096,
    CR_MAX_MAP_VIEWS = 64,
    CR_MAX_MAP_VALUES = 1 << 24,    /* of all views */
    CR_MAX_TEXT_BYTES = 4096,       /* of one id, file or class name */
    CR_MAX_ATTRIBUTE_BYTES = 60000, /* HDF5 ends at 64 KiB */
    CR_MAX_COLUMN_BYTES = 1 << 29,  /* so that offsets into cr_dataset.text fit */
};

/* layout.c: the table of all datasets but the summary. Each has one row an image, class or box. */

typedef enum cr_column_owner {
    CR_OF_CLASSES,
    CR_OF_IMAGES,
    CR_OF_BOXES,
    CR_OF_MODEL,
    CR_OF_VARIANT,
    CR_OF_PROTOCOL,
} cr_column_owner;

typedef enum cr_column_kind {
    CR_KIND_U8,     /* uint8_t, uint8 in the file */
    CR_KIND_FLAG,   /* int32_t, uint8 in the file */
    CR_KIND_I32,    /* int32_t */
    CR_KIND_F32,    /* float */
    CR_KIND_F64,    /* double */
    CR_KIND_MAP,    /* float, float32 or float16 in the file */
    CR_KIND_REASON, /* char[CR_REASON_BYTES] */
    CR_KIND_TEXT,   /* uint32_t offset into cr_dataset.text; fixed-length string in the file */
} cr_column_kind;

typedef enum cr_column_fill {
    CR_FILL_NONE,
    CR_FILL_ZERO,
    CR_FILL_MINUS_ONE,
    CR_FILL_NOT_A_NUMBER
} cr_fill;

/* Extents that depend on the plan; those of boxes and views are left out where they are 1. */
enum {
    CR_EXTENT_KEPT = -1,
    CR_EXTENT_HEIGHT = -2,
    CR_EXTENT_WIDTH = -3,
    CR_EXTENT_BOXES = CR_METRIC_EXTENT_BOXES,
    CR_EXTENT_VIEWS = -5,
};

enum { CR_MAX_RANK = 5 }; /* dimensions of the largest dataset */

typedef struct cr_column {
    const char *name; /* in its group */
    cr_column_owner owner;
    cr_column_kind kind;
    cr_fill fill;
    int extents[CR_MAX_RANK - 1]; /* after the first axis; 0 ends */
    size_t offset; /* in cr_data_image, cr_data_class, cr_box, cr_results_rows, its variants or
                      their protocols */
    const char *unit, *description;
} cr_column;

typedef enum cr_column_id {
    CR_COLUMN_WNID,
    CR_COLUMN_NAME,
    CR_COLUMN_DEVKIT,
    CR_COLUMN_ID,
    CR_COLUMN_FILE,
    CR_COLUMN_LABEL,
    CR_COLUMN_LOCALIZE,
    CR_COLUMN_FIRST_BOX,
    CR_COLUMN_N_BOXES,
    CR_COLUMN_N_DIFFICULT,
    CR_COLUMN_ANNOTATED,
    CR_COLUMN_TRUE_BOXES,
    CR_COLUMN_DONE,
    CR_COLUMN_REASON,
    CR_COLUMN_SIZE,
    CR_COLUMN_TOP_CLASS,
    CR_COLUMN_TOP_LOGIT,
    CR_COLUMN_TRUTH_LOGIT,
    CR_COLUMN_LOG_SUM,
    CR_COLUMN_VARIANT_DONE,
    CR_COLUMN_VARIANT_REASON,
    CR_COLUMN_MAPS,
    CR_COLUMN_EMPTY,
    CR_COLUMN_METRICS, /* from here on those of cr_metric_column_at, in their order */
    CR_MAX_COLUMNS = CR_COLUMN_METRICS + CR_METRIC_MAX_COLUMNS,
} cr_column_id;

/* All columns by their place, and their number. */
cr_column cr_column_at(int column);
int cr_n_columns(void);

typedef char cr_results_path[CR_NAME_BYTES * 4];

/* A group with rows: that of a model, or of one of its variants, or of a protocol in that. */
typedef struct cr_group {
    int model, variant, protocol; /* -1: none */
} cr_group;

#define CR_GROUP_MODEL(m) ((cr_group){(m), -1, -1})
#define CR_GROUP_VARIANT(m, v) ((cr_group){(m), (v), -1})

/* Goes through the groups of a plan in the order of the job, each before those inside it; the first
 * comes after {-1, -1, -1}. Returns whether there is one. */
bool cr_group_next(const cr_results_plan *plan, cr_group *group);

/* Its columns are those of this owner. */
cr_column_owner cr_group_owner(cr_group group);

void cr_layout_group(const cr_results_plan *plan, cr_group group, cr_results_path path);

/* The group of the columns of the image set. */
const char *cr_layout_set_group(cr_column_owner owner);

/* Dimensions of a column of n rows, and its first extents; returns their number. `group` counts only
 * for columns of such groups. */
int cr_layout_shape(cr_column_id column, const cr_results_plan *plan, cr_group group, int64_t n,
                    hsize_t shape[CR_MAX_RANK]);

/* Whether the plan has the column at all. */
bool cr_layout_has(cr_column_id column, const cr_results_plan *plan, cr_group group);

/* The type of an item in the file, with which it is also read and written: HDF5 converts nothing.
 * `text_bytes` is the length of the strings of a CR_KIND_TEXT column. The caller closes; negative on
 * failure. */
hid_t cr_layout_type(cr_column_id column, const cr_results_plan *plan, size_t text_bytes);

/* Rows of a set column, where they lie in `data` and the bytes from one to the next. */
int cr_layout_set_rows(cr_column_owner owner, const cr_dataset *data, uint8_t **rows,
                       size_t *stride);

/* Length of the longest string of a text column, at least 1. */
size_t cr_layout_text_bytes(cr_column_id column, const cr_dataset *data);

/* pack.c */

/* Bytes of an item in memory. */
size_t cr_layout_item_bytes(cr_column_id column);

/* Whether items lie in the file otherwise than in memory. */
bool cr_layout_packs(cr_column_id column, const cr_results_plan *plan);

/* n items from memory to how they lie in the file, and back; but of CR_KIND_TEXT. */
void cr_layout_pack(cr_column_id column, const cr_results_plan *plan, const void *items, size_t n,
                    void *packed);
void cr_layout_unpack(cr_column_id column, const cr_results_plan *plan, const void *packed,
                      size_t n, void *items);

/* plan.c */

/* Checks names, sizes, enumerations and every cross reference. CR_EINPUT, "path: " in front. */
cr_status cr_results_check(const char *path, const cr_results_plan *plan, const cr_dataset *data,
                           cr_error *err);

cr_status cr_results_plan_copy(const cr_results_plan *plan, cr_results_plan *copy, cr_error *err);

/* results.c: the open file. */

typedef struct cr_group_ids {
    hid_t of[CR_MAX_COLUMNS]; /* open datasets; -1 where the group has no such column */
} cr_group_ids;

/* lock.c */

/* Held by a rank of a run that writes. Nothing is held where fd is -1. */
typedef struct cr_lock {
    char *path; /* of the companion; owned */
    int fd;
    bool owned; /* rank 0: removes the companion */
    bool none;  /* rank 0: the file system knows no locks */
} cr_lock;

/* Keeps every other run away from the results file `path`. Errors: CR_EINPUT for a file that
 * another run is writing, or a folder that is not the same on all ranks. On failure too, the caller
 * drops. Where the file system knows no locks nothing is kept away. Collective. */
cr_status cr_lock_take(const cr_par *par, const char *path, cr_lock *lock, cr_error *err);

/* Local; after the file is closed. */
void cr_lock_drop(cr_lock *lock);

struct cr_results {
    cr_par par;  /* the writers'; only where `shared` */
    bool shared; /* open for writing by all ranks, else for reading by this process */
    char *path;
    char *part; /* the file's name until it is whole */
    int folder; /* open for short_path; -1: it is not needed */
    cr_lock lock;
    hid_t file, summary;
    cr_results_plan plan;
    cr_dataset data;
    int n_groups;         /* those of cr_group_next */
    cr_group_ids *groups; /* owned */
};

/* An empty one, with no file open. NULL when out of memory. */
cr_results *cr_results_new(const char *path);

/* Makes room for the ids of the groups that the plan has. */
cr_status cr_results_make_groups(cr_results *results, cr_error *err);

/* Closes all that is open and frees. With a file made by several ranks: Collective. */
cr_status cr_results_release(cr_results *results, cr_error *err);

/* create.c. Collective, both. */

/* The common start of cr_results_create and cr_results_resume: copies plan and data, locks. */
cr_status cr_results_begin(const cr_par *par, const char *path, const cr_results_plan *plan,
                           const cr_dataset *data, cr_results **results, cr_error *err);

/* Makes the file, with the rows of `from` (rank 0; NULL for none). On failure no half-made file stays
 * behind; the caller releases. */
cr_status cr_results_make_file(cr_results *results, bool replace, cr_results *from, cr_error *err);

/* compare.c. The place of what has this name, -1 if there is none. */
int cr_plan_find_protocol(const cr_results_plan *plan, const char *name);
int cr_plan_find_model(const cr_results_plan *plan, const char *name);
int cr_plan_find_variant(const cr_results_model *model, const cr_results_variant *variant);

/* Whether all that the file has is a part of a plan: CR_EINPUT naming the first thing that is not, or is
 * another there. Models, methods and protocols may be more, and in another order. */
cr_status cr_results_is_part_of(const cr_results *stored, const cr_results_plan *plan,
                                const cr_dataset *data, cr_error *err);

/* extend.c: copies the rows of `from` to a file that has just been created for a plan that it is a part
 * of, and closes that. Local. */
cr_status cr_results_copy_rows(cr_results *to, cr_results *from, cr_error *err);

/* resume.c: opens the file, which is good, for writing by all ranks. Collective. */
cr_status cr_results_open_shared(cr_results *results, cr_error *err);

/* open.c: opens the datasets of all rows, as the plan wants them. Local. */
cr_status cr_results_open_columns(cr_results *results, cr_error *err);

/* The end of a file that could not be opened or made for writing. After CR_EIO to close it may hang
 * (HDF5 1.10): then it only unlocks, and the program has to end. */
void cr_results_fail(cr_results *results, cr_status status);

/* The ids of a group. */
cr_group_ids *cr_results_group(const cr_results *results, cr_group group);

/* summary.c */

cr_status cr_summary_create(cr_results *results, cr_error *err); /* Local */
cr_status cr_summary_open(cr_results *results, cr_error *err);   /* Local */
/* Local */
cr_status cr_summary_write(cr_results *results, const int64_t *sums, cr_error *err);

/* baseline.c. Adds to zeroed counts: whole_tallies [n_protocols], of the box of the whole image in its
 * own frame; sweeps of the box of the whole image (level 0) and of the centred squares (a level
 * each). `visit` sees what each image adds, of either, with a context of its own. */
cr_status cr_results_baselines(cr_results *results, cr_tally *whole_tallies, cr_sweep *whole,
                               cr_sweep *center, cr_results_visit_sums *visit,
                               void *const contexts[2], cr_error *err);

/* h5.c */

/* HDF5 prints its error stack unless told otherwise; and files are foreign: no link leads out of one
 * into another. */
void cr_h5_quiet(void);

/* Opens a file for reading. Errors: CR_EINPUT naming `path`; *file is then -1. */
cr_status cr_h5_open(const char *path, hid_t *file, cr_error *err);

/* Refuses a dataset of these creation properties that keeps its data in other files, or has a filter
 * other than gzip, shuffle and fletcher32: N-bit and scale-offset of HDF5 1.10 read and write beyond
 * their memory where they find other bytes than they expect. Errors: CR_EINPUT naming `file` and the
 * dataset. */
cr_status cr_h5_check_storage(hid_t properties, const char *file, const char *dataset,
                              cr_error *err);

/* Closes an identifier of any kind; nothing for a negative one. */
void cr_h5_close(hid_t id);

/* cr_fail with ": " and the innermost message of HDF5's error stack behind the text. */
cr_status cr_h5_fail(cr_error *err, cr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* IEEE 754 binary16, little-endian. The caller closes. */
hid_t cr_h5_float16(void);

/* Whether a type is one of numbers that we can read, and which. HDF5 knows others, of any number of
 * bits anywhere. */
bool cr_h5_number(hid_t type, cr_number *of);

/* A UTF-8 string of fixed length. The caller closes. */
hid_t cr_h5_string(size_t bytes, H5T_str_t padding);

/* An object whose attributes are written or read, and its place for messages. */
typedef struct cr_h5_at {
    hid_t id;
    const char *file, *place;
} cr_h5_at;

/* Errors: CR_EIO; CR_EINPUT for a text that is too long. */
cr_status cr_h5_put_text(cr_h5_at at, const char *name, const char *text, cr_error *err);
cr_status cr_h5_put_int(cr_h5_at at, const char *name, int value, cr_error *err);
cr_status cr_h5_put_double(cr_h5_at at, const char *name, double value, cr_error *err);

/* Errors: CR_EINPUT for an attribute that is missing, has another type or does not fit. `get_text`
 * wants a text of less than `bytes`; the caller of `dup_text` frees. */
cr_status cr_h5_get_text(cr_h5_at at, const char *name, char *text, size_t bytes, cr_error *err);
cr_status cr_h5_dup_text(cr_h5_at at, const char *name, char **text, cr_error *err);
cr_status cr_h5_get_int(cr_h5_at at, const char *name, int *value, cr_error *err);
cr_status cr_h5_get_double(cr_h5_at at, const char *name, double *value, cr_error *err);

/* Reads a text that must be one of n words. */
cr_status cr_h5_get_word(cr_h5_at at, const char *name, const char *const *words, int n_words,
                         int *word, cr_error *err);

/* How enumerations are spelled in the file. */
const char *cr_scaling_text(cr_scaling scaling);

/* parameter.c: parameters as attributes of a group; what is missing of those that came later has its
 * fallback. Errors: CR_EIO; CR_EINPUT for another that is missing, or that no job could have given. */
cr_status cr_parameters_put(cr_h5_at at, cr_parameters table, const void *of, cr_error *err);
cr_status cr_parameters_get(cr_h5_at at, cr_parameters table, void *of, cr_error *err);

/* What a table shows, as text and back. */
void cr_shown_text(const cr_results_plan *plan, char text[64]);

/* metrics.c: makes `array` what cr_results_metric_array gives. */
void cr_results_metric_take(struct cr_results_maps *maps, int column, int protocol, void *array);

/* metrics.c: what an extent of a column of a metric is. */
int cr_results_metric_extent(const cr_results_plan *plan, int column, int protocol, int extent);

/* columns.c: image i of rows that are read, under a protocol; `state` and `boxes` are those of the
 * variant. */
cr_metric_image cr_results_seen(const cr_results *results, int model, int protocol,
                                const cr_results_rows *rows, const uint8_t *state,
                                const struct cr_results_boxes *boxes, int i);

/* CR_EINPUT: the value of an image that is no such thing. */
cr_status cr_results_bad_row(const cr_results *results, int model, int image, double value,
                             const char *what, cr_error *err);

/* precisions.c: the numbers of the metric `mean-ap` with their intervals, of a row under a protocol; NaN where it has
 * no detections.
 *   by_class  [n_classes of the set]; NULL where nobody asks
 * Errors: those of cr_results_detections; CR_EINTERNAL (no thread). Local. */
cr_status cr_precisions_fill(cr_results *results, int model, int row, int protocol, int n_threads,
                             cr_report_ap *by_class, cr_report_ap *all, cr_error *err);

#endif
