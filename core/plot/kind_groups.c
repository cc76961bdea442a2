/* Errors by the size of the largest object, and by the number of objects. */
#include "kinds.h"

#include <math.h>

static const double sizes[] = {0.05, 0.1, 0.2, 0.4, 0.6, 0.8};
static const char *const size_names[] = {"0-5",   "5-10",  "10-20", "20-40",
                                         "40-60", "60-80", "80-100"};
enum { N_SIZES = sizeof size_names / sizeof *size_names };

static int size_of(const cr_plot_data *data, int image)
{
    int g = 0;
    if (isnan(data->share[image]))
        return -1;
    while (g < N_SIZES - 1 && data->share[image] >= sizes[g])
        g++;
    return g;
}

static cr_status make_size(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const cr_plot_groups groups = {N_SIZES, size_names,
                                          "share of the image that its largest object has, %",
                                          "object_percent", size_of};
    return cr_plot_add_groups(data, &groups, chart, err);
}

static const char *const object_names[] = {"1", "2", "3", "4", "5 and more"};
enum { N_OBJECTS = sizeof object_names / sizeof *object_names };

static int objects_of(const cr_plot_data *data, int image)
{
    const int n = data->data->images[image].n_boxes;
    return n < 1 ? -1 : n < N_OBJECTS ? n - 1 : N_OBJECTS - 1;
}

static cr_status make_objects(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const cr_plot_groups groups = {N_OBJECTS, object_names, "objects in the image",
                                          "objects", objects_of};
    return cr_plot_add_groups(data, &groups, chart, err);
}

const cr_plot_kind cr_plot_size = {
    .name = "size",
    .title = "Localization error by the size of the object",
    .summary = "the error by the share of the image that its largest object has",
    .reading =
        "Images are put in groups by the share of their area that the largest ground-truth box "
        "has. A "
        "point is the error of a group, its line the 95 % interval: long where images are few.",
    .needs = CR_PLOT_NEEDS_IMAGES | CR_PLOT_NEEDS_SIZES,
    .make = make_size,
};

const cr_plot_kind cr_plot_objects = {
    .name = "objects",
    .title = "Localization error by the number of objects",
    .summary = "the error by the number of objects in the image",
    .reading = "Images are put in groups by the number of their ground-truth boxes. A point is the "
               "error of a "
               "group, its line the 95 % interval: long where images are few.",
    .needs = CR_PLOT_NEEDS_IMAGES,
    .make = make_objects,
};
