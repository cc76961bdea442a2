/* Layout `devkit`: ILSVRC2012_validation_ground_truth.txt, devkit ids, a line an image; the boxes are
 * those of annotations as in layout `xml`, whose classes must agree with it. Without annotations it is the
 * labels of the image files. */
#include "internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct label_list {
    int32_t *ids; /* devkit ids, a line each */
    size_t capacity;
    int n;
} label_list;

static cr_status read_labels(const char *path, int n_classes, label_list *labels, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, position = 0;
    cr_line line = {0};
    int empty = 0;
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    while (cr_line_next(bytes, n_bytes, &position, &line)) {
        char text[12] = "";
        int32_t id = 0;
        if (line.n == 0) {
            empty = empty ? empty : line.number;
            continue;
        }
        memcpy(text, line.text, line.n < sizeof text ? line.n : sizeof text - 1);
        if (empty || !cr_parse_whole(text, n_classes, &id) || id < 1) {
            status =
                empty ? cr_fail(err, CR_EINPUT, "%s:%d: an empty line between labels", path, empty)
                      : cr_fail(err, CR_EINPUT, "%s:%d: '%s' is no devkit id, which are 1 to %d",
                                path, line.number, cr_quote(line.text, line.n).text, n_classes);
            goto cleanup;
        }
        CR_TRY(cr_reserve(&labels->ids, (size_t)labels->n, &labels->capacity, sizeof *labels->ids,
                          err));
        labels->ids[labels->n++] = id;
    }

cleanup:
    free(bytes);
    return status;
}

/* The label of each image must be the class of its boxes. */
static cr_status check_labels(const cr_data_source *source, const cr_class_list *classes,
                              const cr_truth *truth, const label_list *labels, cr_error *err)
{
    const bool numbered = cr_truth_numbered(truth);
    if (!numbered && labels->n != truth->n_rows)
        return cr_fail(err, CR_EINPUT, "%s: %d labels, but %s annotates %d images",
                       source->ground_truth, labels->n, source->boxes, truth->n_rows);
    for (int i = 0; i < truth->n_rows; i++) {
        const char *id = truth->by_id[i].text;
        const int number = cr_truth_number(truth, i, numbered);
        const int class = truth->rows[truth->by_id[i].value].label;
        if (number < 1 || number > labels->n)
            return cr_fail(err, CR_EINPUT, "%s: %d labels, none for image '%s'",
                           source->ground_truth, labels->n, cr_quote(id, strlen(id)).text);
        if (labels->ids[number - 1] != classes->classes[class].devkit)
            return cr_fail(err, CR_EINPUT,
                           "%s:%d: image '%s' is of devkit class %d, but %s says %s, which is "
                           "devkit class %d: another order of classes or of images",
                           source->ground_truth, number, cr_quote(id, strlen(id)).text,
                           labels->ids[number - 1], source->boxes,
                           classes->pool.text + classes->classes[class].wnid,
                           classes->classes[class].devkit);
    }
    return CR_OK;
}

/* Without boxes the images are those that lie there. */
static cr_status take_labels(const cr_data_source *source, const cr_class_list *classes,
                             cr_truth *truth, const label_list *labels, cr_error *err)
{
    cr_status status = CR_OK;
    int *class_of = cr_alloc((size_t)classes->n + 1, sizeof *class_of);
    if (!class_of)
        return cr_fail_memory(err, source->ground_truth, (size_t)classes->n, sizeof *class_of);
    if (!truth->files)
        CR_TRY(cr_fail(err, CR_EINPUT,
                       "%s: without `boxes` the images are needed, whose labels these are",
                       source->ground_truth));
    for (int c = 0; c < classes->n; c++)
        class_of[classes->classes[c].devkit] = c;
    CR_TRY(cr_truth_add_files(truth, source->images, err));
    const bool numbered = cr_truth_numbered(truth);
    if (!numbered && labels->n != truth->n_rows)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: %d labels, but %s has %d images", source->ground_truth,
                       labels->n, source->images, truth->n_rows));
    for (int i = 0; i < truth->n_rows; i++) {
        const char *id = truth->by_id[i].text;
        const int number = cr_truth_number(truth, i, numbered);
        if (number < 1 || number > labels->n)
            CR_TRY(cr_fail(err, CR_EINPUT, "%s: %d labels, none for image '%s'",
                           source->ground_truth, labels->n, cr_quote(id, strlen(id)).text));
        truth->rows[truth->by_id[i].value].label = class_of[labels->ids[number - 1]];
    }

cleanup:
    free(class_of);
    return status;
}

static cr_status read_devkit(const cr_data_source *source, const cr_class_list *classes,
                             cr_truth *truth, cr_error *err)
{
    cr_status status = CR_OK;
    label_list labels = {0};
    CR_TRY(read_labels(source->ground_truth, classes->n, &labels, err));
    if (source->boxes) {
        CR_TRY(cr_annotations_read(source->boxes, classes, false, truth, err));
        CR_TRY(check_labels(source, classes, truth, &labels, err));
    } else
        CR_TRY(take_labels(source, classes, truth, &labels, err));

cleanup:
    free(labels.ids);
    return status;
}

const cr_layout cr_layout_devkit = {
    .name = "devkit",
    .ground_truth =
        "`ILSVRC2012_validation_ground_truth.txt`, with `devkit_synsets` and, where there "
        "are boxes, `boxes`: the annotations as in `xml`",
    .keys = {[CR_DATA_IMAGES] = CR_KEY_TAKEN,
             [CR_DATA_GROUND_TRUTH] = CR_KEY_NEEDED,
             [CR_DATA_SYNSETS] = CR_KEY_NEEDED,
             [CR_DATA_DEVKIT_SYNSETS] = CR_KEY_NEEDED,
             [CR_DATA_EXCLUDE] = CR_KEY_TAKEN,
             [CR_DATA_MASKS] = CR_KEY_TAKEN,
             [CR_DATA_BOXES] = CR_KEY_TAKEN},
    .has_labels = true,
    .has_boxes = true,
    .has_sizes = true,
    .read = read_devkit,
};
