/* The geometry that convolutions and poolings share. */
#include "graph.h"

#include <string.h>

#define MAX_EXTENT 65536 /* of windows, strides, pads and dilations */

static cr_status two_ints(const cr_node *node, const char *name, int least, int *a, int *b,
                          cr_error *err)
{
    int64_t pair[2] = {*a, *b};
    bool present;
    cr_status status = cr_attribute_ints(node, name, 2, pair, &present, err);
    if (status != CR_OK || !present)
        return status;
    if (pair[0] < least || pair[1] < least || pair[0] > MAX_EXTENT || pair[1] > MAX_EXTENT)
        return cr_fail(err, CR_EINPUT, "attribute %s is out of range", name);
    *a = (int)pair[0];
    *b = (int)pair[1];
    return CR_OK;
}

/* Output size along one direction, and what auto_pad makes of the two pads. */
static int extent(int size, int window, int stride, int dilation, const char *auto_pad, bool ceil,
                  bool pooling, int *before, int *after)
{
    int64_t reach = (int64_t)dilation * (window - 1) + 1;
    if (reach > MAX_EXTENT)
        return 0;
    if (strncmp(auto_pad, "SAME", 4) == 0) {
        int64_t out = ((int64_t)size + stride - 1) / stride;
        int64_t pad = (out - 1) * stride + reach - size;
        if (pad < 0)
            pad = 0;
        *before = (int)(strcmp(auto_pad, "SAME_LOWER") == 0 ? (pad + 1) / 2 : pad / 2);
        *after = (int)(pad - *before);
        return (int)out;
    }
    int64_t room = (int64_t)size + *before + *after - reach;
    if (room < 0)
        return 0;
    int64_t out = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    /* A pooling window that would start in the padding behind the input is left out (PyTorch). */
    if (ceil && pooling && (out - 1) * stride >= (int64_t)size + *before)
        out--;
    return (int)out;
}

cr_status cr_window_load(cr_graph *graph, const cr_node *node, const cr_shape *in, bool pooling,
                         cr_window *win, int *pad_bottom, int *pad_right, cr_error *err)
{
    cr_status status = CR_OK;
    const char *auto_pad;
    int64_t pads[4] = {0}, ceil_mode;
    bool present;
    win->h = cr_shape_h(in);
    win->w = cr_shape_w(in);
    win->c = cr_shape_c(in);
    win->stride_h = win->stride_w = win->dilation_h = win->dilation_w = 1;
    int r = win->r, s = win->s;
    CR_TRY(two_ints(node, "kernel_shape", 1, &r, &s, err));
    if (r < 1 || s < 1 || (win->r && (win->r != r || win->s != s))) {
        status = cr_fail(err, CR_EINPUT, "attribute kernel_shape is missing or not the weights'");
        goto cleanup;
    }
    win->r = r;
    win->s = s;
    CR_TRY(two_ints(node, "strides", 1, &win->stride_h, &win->stride_w, err));
    CR_TRY(two_ints(node, "dilations", 1, &win->dilation_h, &win->dilation_w, err));
    CR_TRY(cr_attribute_ints(node, "pads", 4, pads, &present, err));
    CR_TRY(cr_attribute_string(graph, node, "auto_pad", "NOTSET", &auto_pad, err));
    CR_TRY(cr_attribute_int(node, "ceil_mode", 0, &ceil_mode, err));
    for (int i = 0; i < 4; i++)
        if (pads[i] < 0 || pads[i] > MAX_EXTENT) {
            status = cr_fail(err, CR_EINPUT, "attribute pads is out of range");
            goto cleanup;
        }
    if (strcmp(auto_pad, "VALID") == 0)
        memset(pads, 0, sizeof pads);
    else if (strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "SAME_UPPER") != 0 &&
             strcmp(auto_pad, "SAME_LOWER") != 0) {
        status = cr_fail(err, CR_EINPUT, "auto_pad %.40s is unknown", auto_pad);
        goto cleanup;
    }
    win->pad_top = (int)pads[0];
    win->pad_left = (int)pads[1];
    *pad_bottom = (int)pads[2];
    *pad_right = (int)pads[3];
    win->p = extent(win->h, win->r, win->stride_h, win->dilation_h, auto_pad, ceil_mode != 0,
                    pooling, &win->pad_top, pad_bottom);
    win->q = extent(win->w, win->s, win->stride_w, win->dilation_w, auto_pad, ceil_mode != 0,
                    pooling, &win->pad_left, pad_right);
    if (win->p < 1 || win->q < 1)
        status =
            cr_fail(err, CR_EINPUT, "its window of %d x %d is larger than its input of %d x %d",
                    win->r, win->s, win->h, win->w);

cleanup:
    return status;
}
