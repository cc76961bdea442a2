/* window.h - which part of a window lies inside the input, and what rows of output pixels share. */
#ifndef CAMRANK_KERNELS_WINDOW_H
#define CAMRANK_KERNELS_WINDOW_H

#include "isa.h"

/* The window's rows and columns that lie inside the input for one output pixel. */
typedef struct cr_inside {
    int r0, r1, s0, s1;
    int y, x; /* input pixel under window position (0, 0); may be outside */
} cr_inside;

static inline cr_inside cr_window_inside(const cr_window *win, int i, int j)
{
    cr_inside in = {.y = i * win->stride_h - win->pad_top, .x = j * win->stride_w - win->pad_left};
    int dh = win->dilation_h, dw = win->dilation_w;
    in.r0 = in.y < 0 ? (-in.y + dh - 1) / dh : 0;
    in.s0 = in.x < 0 ? (-in.x + dw - 1) / dw : 0;
    in.r1 = win->h > in.y ? (win->h - in.y + dh - 1) / dh : 0;
    in.s1 = win->w > in.x ? (win->w - in.x + dw - 1) / dw : 0;
    if (in.r1 > win->r)
        in.r1 = win->r;
    if (in.s1 > win->s)
        in.s1 = win->s;
    return in;
}

/* What all rows of a pass have in common. */
static inline cr_row cr_window_row(const cr_window *win, const cr_conv_pass *pass)
{
    ptrdiff_t x_step = cr_step_of(pass->x_step, win->c);
    return (cr_row){.q = win->q,
                    .c = win->c,
                    .s = win->s,
                    .stride = win->stride_w,
                    .dilation = win->dilation_w,
                    .left = win->pad_left,
                    .right = win->pad_left + win->w,
                    .row = (ptrdiff_t)win->dilation_h * win->w * x_step,
                    .column = x_step,
                    .weights = pass->weights,
                    .bias = pass->bias,
                    .add = pass->add,
                    .clamp = pass->clamp,
                    .y = pass->y,
                    .add_step = win->k,
                    .y_step = cr_step_of(pass->y_step, win->k)};
}

#endif
