/* The geometry that convolutions and poolings share. */
#include "graph.h"

#include <stdio.h>
#include <string.h>

#define MAX_EXTENT 65536 /* of windows, strides, pads and dilations */

/* An attribute of one number a dimension; `values` stay where there is none. */
static cr_status read_numbers(const cr_node *node, const char *name, int n, int least,
                              int64_t *values, cr_error *err)
{
    bool present;
    cr_status status = cr_attribute_ints(node, name, n, values, &present, err);
    for (int i = 0; status == CR_OK && present && i < n; i++)
        if (values[i] < least || values[i] > MAX_EXTENT)
            return cr_fail(err, CR_EINPUT, "attribute %s is out of range", name);
    return status;
}

cr_status cr_spans_read(cr_graph *graph, const cr_node *node, int n, cr_span *spans,
                        const char **auto_pad, cr_error *err)
{
    int64_t windows[3] = {0}, strides[3] = {1, 1, 1}, dilations[3] = {1, 1, 1}, pads[6] = {0};
    for (int d = 0; d < n; d++)
        windows[d] = spans[d].window;
    CR_OR_RETURN(read_numbers(node, "kernel_shape", n, 1, windows, err));
    for (int d = 0; d < n; d++)
        if (windows[d] < 1 || (spans[d].window && spans[d].window != windows[d]))
            return cr_fail(err, CR_EINPUT, "attribute kernel_shape is missing or not the weights'");
    CR_OR_RETURN(read_numbers(node, "strides", n, 1, strides, err));
    CR_OR_RETURN(read_numbers(node, "dilations", n, 1, dilations, err));
    CR_OR_RETURN(read_numbers(node, "pads", 2 * n, 0, pads, err));
    CR_OR_RETURN(cr_attribute_string(graph, node, "auto_pad", "NOTSET", auto_pad, err));
    if (strcmp(*auto_pad, "VALID") == 0)
        memset(pads, 0, sizeof pads);
    else if (strcmp(*auto_pad, "NOTSET") != 0 && strcmp(*auto_pad, "SAME_UPPER") != 0 &&
             strcmp(*auto_pad, "SAME_LOWER") != 0)
        return cr_fail(err, CR_EINPUT, "auto_pad %.40s is unknown", *auto_pad);
    for (int d = 0; d < n; d++)
        spans[d] = (cr_span){.size = spans[d].size,
                             .window = (int)windows[d],
                             .stride = (int)strides[d],
                             .dilation = (int)dilations[d],
                             .before = (int)pads[d],
                             .after = (int)pads[d + n]};
    return CR_OK;
}

/* The output's size along one dimension, and what auto_pad makes of the two pads. */
static int extent(cr_span *s, const char *auto_pad, bool ceil, bool pooling)
{
    const int64_t reach = cr_span_reach(s);
    if (reach > MAX_EXTENT)
        return 0;
    if (strncmp(auto_pad, "SAME", 4) == 0) {
        int64_t out = ((int64_t)s->size + s->stride - 1) / s->stride;
        int64_t pad = (out - 1) * s->stride + reach - s->size;
        if (pad < 0)
            pad = 0;
        s->before = (int)(strcmp(auto_pad, "SAME_LOWER") == 0 ? (pad + 1) / 2 : pad / 2);
        s->after = (int)(pad - s->before);
        return (int)out;
    }
    int64_t room = (int64_t)s->size + s->before + s->after - reach;
    if (room < 0)
        return 0;
    int64_t out = (room + (ceil ? s->stride - 1 : 0)) / s->stride + 1;
    /* A pooling window that would start in the padding behind the input is left out (PyTorch). */
    if (ceil && pooling && (out - 1) * s->stride >= (int64_t)s->size + s->before)
        out--;
    return (int)out;
}

/* "3 x 5". */
static void describe(const cr_span *spans, int n, bool of_window, char text[64])
{
    text[0] = '\0';
    for (int d = 0, used = 0; d < n; d++)
        used += snprintf(text + used, 64 - (size_t)used, "%s%d", d ? " x " : "",
                         of_window ? spans[d].window : spans[d].size);
}

cr_status cr_spans_load(cr_graph *graph, const cr_node *node, int n, bool pooling, cr_span *spans,
                        cr_error *err)
{
    const char *auto_pad;
    int64_t ceil_mode;
    char window[64], size[64];
    CR_OR_RETURN(cr_spans_read(graph, node, n, spans, &auto_pad, err));
    CR_OR_RETURN(cr_attribute_int(node, "ceil_mode", 0, &ceil_mode, err));
    describe(spans, n, true, window);
    describe(spans, n, false, size);
    for (int d = 0; d < n; d++) {
        spans[d].out = extent(&spans[d], auto_pad, ceil_mode != 0, pooling);
        if (spans[d].out < 1)
            return cr_fail(err, CR_EINPUT, "its window of %s is larger than its input of %s",
                           window, size);
    }
    return CR_OK;
}

cr_status cr_window_load(cr_graph *graph, const cr_node *node, const cr_shape *in, bool pooling,
                         cr_window *win, int *pad_bottom, int *pad_right, cr_error *err)
{
    cr_span spans[2] = {{.size = cr_shape_h(in), .window = win->r},
                        {.size = cr_shape_w(in), .window = win->s}};
    const cr_span *h = &spans[0], *w = &spans[1];
    cr_status status = cr_spans_load(graph, node, 2, pooling, spans, err);
    *win = (cr_window){.h = h->size,
                       .w = w->size,
                       .c = cr_shape_c(in),
                       .p = h->out,
                       .q = w->out,
                       .k = win->k,
                       .r = h->window,
                       .s = w->window,
                       .stride_h = h->stride,
                       .stride_w = w->stride,
                       .pad_top = h->before,
                       .pad_left = w->before,
                       .dilation_h = h->dilation,
                       .dilation_w = w->dilation,
                       .groups = win->groups};
    *pad_bottom = h->after;
    *pad_right = w->after;
    return status;
}
