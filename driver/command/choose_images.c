/* Chooses images: the worst, the best, some at random, those that flipped, and by the size of their objects. */
#include "choose_images.h"

#include <math.h>
#include <stdlib.h>

const char *const cr_choice_names[CR_N_CHOICES] = {"worst",   "best",    "random",
                                                   "flipped", "largest", "smallest"};

typedef struct item {
    double value;
    uint64_t key;
    int image;
} item;

static int compare_items(const void *x, const void *y)
{
    const item *a = x, *b = y;
    if (a->value < b->value || a->value > b->value)
        return a->value < b->value ? -1 : 1;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->image > b->image) - (a->image < b->image);
}

/* A number of an image's id that says nothing, so that a choice is of the image and not of its place: FNV-1a, and
 * the last step of SplitMix64. */
static uint64_t key_of(const char *id, uint64_t seed)
{
    uint64_t key = 14695981039346656037u ^ seed;
    for (; *id; id++)
        key = (key ^ (unsigned char)*id) * 1099511628211u;
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    key = (key ^ key >> 27) * 0x94d049bb133111ebu;
    return key ^ key >> 31;
}

/* The smaller the earlier; NaN: not at all. */
static double value_of(const cr_plot_data *plot, const cr_chosen *chosen, int image)
{
    const cr_plot_row *row = &plot->rows[chosen->row];
    const double iou = row->iou[image];
    if (isnan(iou) || row->outcome[image] == CR_OUTCOME_FAILED ||
        (chosen->class >= 0 && plot->data->images[image].label != chosen->class) ||
        (chosen->outcome >= 0 && row->outcome[image] != chosen->outcome))
        return NAN;
    switch (chosen->choice) {
    case CR_CHOOSE_WORST:
        return iou;
    case CR_CHOOSE_BEST:
        return -iou;
    case CR_CHOOSE_LARGEST:
        return -plot->share[image];
    case CR_CHOOSE_SMALLEST:
        return plot->share[image];
    case CR_CHOOSE_FLIPPED: {
        const cr_plot_row *other = chosen->other < 0 ? NULL : &plot->rows[chosen->other];
        if (!other || isnan(other->iou[image]) || row->right[image] == other->right[image])
            return NAN;
        return -fabs(iou - other->iou[image]);
    }
    default:
        return 0;
    }
}

int cr_choose_other(const cr_plot_data *plot, int row)
{
    const int k = cr_metric_number_find("mean_iou");
    int best = -1;
    for (int r = 0; r < plot->n_rows; r++)
        if (r != row && !isnan(plot->rows[r].of->values[k].value) &&
            (best < 0 || plot->rows[r].of->values[k].value > plot->rows[best].of->values[k].value))
            best = r;
    return best;
}

int cr_choose_images(const cr_plot_data *plot, const cr_chosen *chosen, int n, int *images)
{
    int n_found = 0;
    item *items = cr_alloc((size_t)plot->data->n_images, sizeof *items);
    if (!items)
        return -1;
    for (int i = 0; i < plot->data->n_images; i++) {
        const double value = value_of(plot, chosen, i);
        if (!isnan(value))
            items[n_found++] =
                (item){value, key_of(cr_data_image_id(plot->data, i), chosen->seed), i};
    }
    qsort(items, (size_t)n_found, sizeof *items, compare_items);
    n_found = n_found < n ? n_found : n;
    for (int i = 0; i < n_found; i++)
        images[i] = items[i].image;
    free(items);
    return n_found;
}
