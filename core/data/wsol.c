/* Layout `wsol`: a folder with wsolevaluation's image_ids.txt, class_labels.txt, image_sizes.txt and
 * localization.txt, of which the last three may be missing. Class indices are those of sorted wnids; boxes may end one pixel past the image. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct context {
    const cr_class_list *classes;
    cr_truth *truth;
} context;

static cr_status take_id(const cr_csv_row *in, void *data, cr_error *err)
{
    const context *c = data;
    return cr_truth_add_row(c->truth, &in->at, in->field[0], err);
}

/* The row of the image that a line names. */
static cr_status find_row(const context *c, const cr_csv_row *in, int *row, cr_error *err)
{
    *row = cr_truth_find(c->truth, in->field[0]);
    return *row >= 0
               ? CR_OK
               : cr_fail(err, CR_EINPUT, "%s:%d: image '%s' is not in image_ids.txt", in->at.path,
                         in->at.line, cr_quote(in->field[0], strlen(in->field[0])).text);
}

static cr_status fail_twice(const cr_csv_row *in, cr_error *err)
{
    return cr_fail(err, CR_EINPUT, "%s:%d: image '%s' is here a second time", in->at.path,
                   in->at.line, cr_quote(in->field[0], strlen(in->field[0])).text);
}

static cr_status take_label(const cr_csv_row *in, void *data, cr_error *err)
{
    const context *c = data;
    int row;
    cr_status status = find_row(c, in, &row, err);
    if (status != CR_OK)
        return status;
    if (c->truth->rows[row].label >= 0)
        return fail_twice(in, err);
    return cr_classes_parse_index(c->classes, &in->at, in->field[1], &c->truth->rows[row].label,
                                  err);
}

static cr_status take_size(const cr_csv_row *in, void *data, cr_error *err)
{
    const context *c = data;
    int row;
    int32_t width, height;
    cr_status status = find_row(c, in, &row, err);
    if (status != CR_OK)
        return status;
    if (c->truth->rows[row].width > 0)
        return fail_twice(in, err);
    if (!cr_parse_whole(in->field[1], CR_DATA_MAX_COORDINATE, &width) || width < 1 ||
        !cr_parse_whole(in->field[2], CR_DATA_MAX_COORDINATE, &height) || height < 1)
        return cr_fail(err, CR_EINPUT, "%s:%d: the size is '%s,%s', must be two of 1 to %d",
                       in->at.path, in->at.line, cr_quote(in->field[1], strlen(in->field[1])).text,
                       cr_quote(in->field[2], strlen(in->field[2])).text, CR_DATA_MAX_COORDINATE);
    c->truth->rows[row].width = width;
    c->truth->rows[row].height = height;
    return CR_OK;
}

static cr_status take_box(const cr_csv_row *in, void *data, cr_error *err)
{
    const context *c = data;
    int row;
    cr_status status = find_row(c, in, &row, err);
    return status == CR_OK
               ? cr_truth_add_words(c->truth, &in->at, row, "the box", in->field + 1, err)
               : status;
}

/* A mask of the image, and in its first line, if any, that of pixels that do not count. */
static cr_status take_mask(const cr_csv_row *in, void *data, cr_error *err)
{
    const context *c = data;
    int row;
    CR_OR_RETURN(find_row(c, in, &row, err));
    return cr_truth_add_mask(c->truth, &in->at, row, in->field[1], in->field[2], err);
}

/* One of the four files, of which the first must be there. */
static cr_status read_file(const char *folder, const char *name, const char *columns,
                           cr_csv_take *take, context *c, bool *there, cr_error *err)
{
    char *path = NULL;
    cr_status status =
        take == take_id
            ? (path = cr_path_join(folder, name)) ? CR_OK : cr_fail_memory(err, name, 1, 1)
            : cr_truth_file(folder, name, &path, err);
    *there = path != NULL;
    if (status != CR_OK || !path)
        return status;
    status = cr_csv_read(path, columns, 0, false, take, c, err);
    if (status == CR_OK && take == take_id)
        status = cr_truth_index(c->truth, path, false, err);
    free(path);
    return status;
}

/* Every image of image_ids.txt must be in the other files that are there. */
static cr_status check_complete(const char *folder, const cr_truth *truth, bool labels, bool sizes,
                                cr_error *err)
{
    for (int i = 0; i < truth->n_rows; i++) {
        const cr_truth_row *row = &truth->rows[i];
        const char *id = truth->pool.text + (truth->by_path ? row->path : row->stem);
        const char *without = labels && row->label < 0   ? "class_labels.txt"
                              : sizes && row->width == 0 ? "image_sizes.txt"
                                                         : NULL;
        if (without)
            return cr_fail(err, CR_EINPUT, "%s/image_ids.txt:%d: image '%s' is not in %s", folder,
                           row->line, cr_quote(id, strlen(id)).text, without);
    }
    return CR_OK;
}

cr_status cr_wsol_read(const cr_data_source *source, const cr_class_list *classes, bool masks,
                       cr_truth *truth, cr_error *err)
{
    const char *folder = source->ground_truth;
    context c = {classes, truth};
    bool labels, sizes, there;
    if (source->synsets)
        CR_OR_RETURN(cr_classes_check_sorted(classes, source->synsets, "class_labels.txt", err));
    CR_OR_RETURN(read_file(folder, "image_ids.txt", "image", take_id, &c, &there, err));
    CR_OR_RETURN(
        read_file(folder, "class_labels.txt", "image,class", take_label, &c, &labels, err));
    CR_OR_RETURN(
        read_file(folder, "image_sizes.txt", "image,width,height", take_size, &c, &sizes, err));
    CR_OR_RETURN(check_complete(folder, truth, labels, sizes, err));
    return masks ? read_file(folder, "localization.txt", "image,mask,ignored", take_mask, &c,
                             &there, err)
                 : read_file(folder, "localization.txt", "image,x0,y0,x1,y1", take_box, &c, &there,
                             err);
}

static cr_status read_wsol(const cr_data_source *source, const cr_class_list *classes,
                           cr_truth *truth, cr_error *err)
{
    return cr_wsol_read(source, classes, false, truth, err);
}

const cr_layout cr_layout_wsol = {
    .name = "wsol",
    .ground_truth = "the folder of wsolevaluation's `image_ids.txt`, `class_labels.txt`, "
                    "`image_sizes.txt`, `localization.txt`, of which the last three may be missing",
    .keys = CR_KEYS_WITH_SYNSETS,
    .has_labels = true,
    .has_boxes = true,
    .has_sizes = true,
    .box_past = 1,
    .read = read_wsol,
};
