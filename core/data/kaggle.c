/* Layout `kaggle`: LOC_val_solution.csv, `ImageId,PredictionString`, the latter `wnid x0 y0 x1 y1`
 * repeated, in any order of rows; the wnid alone where there are no boxes; nothing where there are no
 * labels. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

typedef struct context {
    const cr_class_list *classes;
    cr_truth *truth;
} context;

static const char blanks[] = " \t\r\n";

/* The next word of *text, in place; NULL at the end. */
static char *next_word(char **text)
{
    char *word = *text + strspn(*text, blanks);
    if (*word == 0)
        return NULL;
    *text = word + strcspn(word, blanks);
    if (**text)
        *(*text)++ = 0;
    return word;
}

/* One `wnid x0 y0 x1 y1` whose wnid is read already; the first may be the wnid alone. */
static cr_status add_box(const context *c, const cr_place *at, const char *wnid, char **text,
                         int row, int number, cr_error *err)
{
    static const char *const side[] = {"x0", "y0", "x1", "y1"};
    char *word[4];
    char who[24];
    int class = cr_classes_find(c->classes, wnid);
    int32_t *label = &c->truth->rows[row].label;
    if (class < 0)
        return cr_fail(err, CR_EINPUT, "%s:%d: class '%s' is not in the synset list %s", at->path,
                       at->line, cr_quote(wnid, strlen(wnid)).text, c->classes->path);
    if (number > 1 && class != *label)
        return cr_fail(err, CR_EINPUT, "%s:%d: boxes of two classes, the second is '%s'", at->path,
                       at->line, cr_quote(wnid, strlen(wnid)).text);
    *label = class;
    if (number == 1 && !(*text)[strspn(*text, blanks)])
        return CR_OK;
    for (int i = 0; i < 4; i++)
        if (!(word[i] = next_word(text)))
            return cr_fail(err, CR_EINPUT, "%s:%d: box %d has no %s; a box is `wnid x0 y0 x1 y1`",
                           at->path, at->line, number, side[i]);
    snprintf(who, sizeof who, "box %d", number);
    return cr_truth_add_words(c->truth, at, row, who, word, err);
}

static cr_status take_row(const cr_csv_row *in, void *data, cr_error *err)
{
    const context *c = data;
    char *boxes = in->field[1];
    int n_boxes = 0, row = c->truth->n_rows;
    CR_OR_RETURN(cr_truth_add_row(c->truth, &in->at, in->field[0], err));
    for (const char *wnid; (wnid = next_word(&boxes));)
        CR_OR_RETURN(add_box(c, &in->at, wnid, &boxes, row, ++n_boxes, err));
    return CR_OK;
}

static cr_status read_kaggle(const cr_data_source *source, const cr_class_list *classes,
                             cr_truth *truth, cr_error *err)
{
    context c = {classes, truth};
    cr_status status =
        cr_csv_read(source->ground_truth, "ImageId,PredictionString", 2, true, take_row, &c, err);
    return status == CR_OK ? cr_truth_index(truth, source->ground_truth, false, err) : status;
}

const cr_layout cr_layout_kaggle = {
    .name = "kaggle",
    .ground_truth = "`LOC_val_solution.csv`",
    .keys = CR_KEYS_WITH_SYNSETS,
    .has_labels = true,
    .has_boxes = true,
    .read = read_kaggle,
};
