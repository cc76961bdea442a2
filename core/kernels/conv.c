/* Convolution: which of the ways a window goes. The choice depends on the window only, so that
 * results do not depend on batch, ranks or the CPU's kind beyond rounding. */
#include "depthwise.h"
#include "direct.h"
#include "gather.h"
#include "grouped.h"
#include "winograd.h"

typedef enum way { DEPTHWISE, GROUPED, WINOGRAD, DIRECT, GATHER } way;

static way way_of(const cr_window *win)
{
    return cr_conv_is_depthwise(win) ? DEPTHWISE
           : cr_grouped_fits(win)    ? GROUPED
           : cr_winograd_fits(win)   ? WINOGRAD
           : cr_direct_fits(win)     ? DIRECT
                                     : GATHER;
}

const char *cr_conv_kernel(const cr_window *win)
{
    static const char *const names[] = {"depthwise", "grouped", "winograd", "direct", "gather"};
    return win->r * win->s == 1 && win->groups == 1 ? "pointwise" : names[way_of(win)];
}

bool cr_conv_is_depthwise(const cr_window *win)
{
    return win->groups > 1 && win->groups == win->c && win->groups == win->k;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t cr_conv_scratch(const cr_window *win)
{
    cr_window back = cr_winograd_back(win);
    switch (way_of(win)) {
    case DEPTHWISE:
        return 0;
    case GROUPED:
        return cr_grouped_scratch(win);
    case WINOGRAD:
        return larger(cr_winograd_scratch(win), cr_winograd_scratch(&back));
    case DIRECT:
        return larger(cr_direct_scratch(win), cr_gather_scratch(win));
    case GATHER:
        break;
    }
    return cr_gather_scratch(win);
}

size_t cr_conv_weights(const cr_window *win)
{
    switch (way_of(win)) {
    case DEPTHWISE:
        return cr_depthwise_weights(win);
    case GROUPED:
        return cr_grouped_weights(win);
    case WINOGRAD:
        return cr_winograd_weights(win);
    case DIRECT:
    case GATHER:
        break;
    }
    return cr_gather_weights(win);
}

void cr_conv_pack(const cr_window *win, cr_weight_fn weight, const void *context, cr_real *packed)
{
    switch (way_of(win)) {
    case DEPTHWISE:
        cr_depthwise_pack(win, weight, context, packed);
        return;
    case GROUPED:
        cr_grouped_pack(win, weight, context, packed);
        return;
    case WINOGRAD:
        cr_winograd_pack(win, weight, context, packed);
        return;
    case DIRECT:
    case GATHER:
        break;
    }
    cr_gather_pack(win, weight, context, packed);
}

size_t cr_conv_weights_back(const cr_window *win)
{
    cr_window back = cr_winograd_back(win);
    return way_of(win) == WINOGRAD ? cr_winograd_weights(&back) : 0;
}

void cr_conv_pack_back(const cr_window *win, cr_weight_fn weight, const void *context,
                       cr_real *packed)
{
    if (way_of(win) == WINOGRAD)
        cr_winograd_pack_back(win, weight, context, packed);
}

void cr_conv_forward(const cr_window *win, int n, const cr_real *x, const cr_real *weights,
                     const cr_real *bias, const cr_real *add, cr_clamp clamp, cr_real *y,
                     cr_real *scratch)
{
    switch (way_of(win)) {
    case DEPTHWISE:
        cr_depthwise_forward(win, n, x, weights, bias, add, clamp, y);
        return;
    case GROUPED:
        cr_grouped_forward(win, n, x, weights, bias, add, clamp, y, scratch);
        return;
    case WINOGRAD:
        cr_winograd_forward(win, n, x, weights, bias, add, clamp, y, scratch);
        return;
    case DIRECT:
        cr_direct_forward(win, n, x, weights, bias, add, clamp, y, scratch);
        return;
    case GATHER:
        cr_gather_conv_forward(win, n, x, weights, bias, add, clamp, y);
        return;
    }
}

void cr_conv_backward(const cr_window *win, int n, const cr_real *dy, const cr_real *weights,
                      const cr_real *weights_back, cr_real *dx, cr_real *scratch)
{
    switch (way_of(win)) {
    case DEPTHWISE:
        cr_depthwise_backward(win, n, dy, weights, dx);
        return;
    case GROUPED:
        cr_grouped_backward(win, n, dy, weights, dx);
        return;
    case WINOGRAD:
        cr_winograd_backward(win, n, dy, weights_back, dx, scratch);
        return;
    case DIRECT:
    case GATHER:
        cr_gather_conv_backward(win, n, dy, weights, dx, scratch);
        return;
    }
}
