/* Layout `csv`: `image,label,x0,y0,x1,y1`, a row a box, those of an image anywhere; the label is a wnid or
 * a class index from 0. Without boxes these columns are empty or not there, without labels that of the
 * label is, too. */
#include "internal.h"

typedef struct context {
    const cr_class_list *classes;
    cr_truth *truth;
} context;

static cr_status take_row(const cr_csv_row *in, void *data, cr_error *err)
{
    const context *c = data;
    int row = c->truth->n_rows;
    cr_status status = cr_truth_add_row(c->truth, &in->at, in->field[0], err);
    if (status != CR_OK)
        return status;
    int32_t *label = &c->truth->rows[row].label;
    const bool has_box = in->field[2][0] || in->field[3][0] || in->field[4][0] || in->field[5][0];
    if (!in->field[1][0] && !has_box)
        return CR_OK;
    *label = cr_classes_find(c->classes, in->field[1]);
    if (*label < 0)
        status = cr_classes_parse_index(c->classes, &in->at, in->field[1], label, err);
    return status == CR_OK && has_box
               ? cr_truth_add_words(c->truth, &in->at, row, "the box", in->field + 2, err)
               : status;
}

static cr_status read_csv(const cr_data_source *source, const cr_class_list *classes,
                          cr_truth *truth, cr_error *err)
{
    context c = {classes, truth};
    cr_status status =
        cr_csv_read(source->ground_truth, "image,label,x0,y0,x1,y1", 1, true, take_row, &c, err);
    return status == CR_OK ? cr_truth_index(truth, source->ground_truth, true, err) : status;
}

const cr_layout cr_layout_csv = {
    .name = "csv",
    .ground_truth = "your own: `image,label,x0,y0,x1,y1`, a row a box, the label a wnid or a class "
                    "index from 0; or `image,label`, or `image`",
    .keys = CR_KEYS_WITH_SYNSETS,
    .has_labels = true,
    .has_boxes = true,
    .read = read_csv,
};
