/* Depthwise convolution. Letters as in kernels.h. Several output pixels side by side share the
 * weights while their sums stay in registers; where a window hangs over the border, one pixel does. */
#include "depthwise.h"

#include "multiversion.h"
#include "window.h"

#define LANES 16
#define PIXELS 4

typedef cr_real vector __attribute__((vector_size(LANES * sizeof(cr_real))));
typedef cr_real loose_vector
    __attribute__((vector_size(LANES * sizeof(cr_real)), aligned(sizeof(cr_real)), may_alias));

/* `step` from one pixel's window to the next, `row` and `column` from one position of a window to
 * the next, in cr_real. */
typedef struct steps {
    ptrdiff_t step, row, column;
} steps;

static inline cr_real clamped(cr_clamp clamp, cr_real v)
{
    v = v < clamp.lo ? clamp.lo : v;
    return v > clamp.hi ? clamp.hi : v;
}

/* PIXELS pixels of a row; x is at the first one's window. */
CR_MULTIVERSION
static void pixels_inside(const cr_window *win, const steps *st, const cr_real *x,
                          const cr_real *weights, const cr_real *bias, cr_clamp clamp, cr_real *y)
{
    ptrdiff_t c_n = win->c, c = 0;
    for (; c + LANES <= c_n; c += LANES) {
        vector first = *(const loose_vector *)(bias + c), sum[PIXELS];
        for (int t = 0; t < PIXELS; t++)
            sum[t] = first;
        for (int r = 0; r < win->r; r++)
            for (int s = 0; s < win->s; s++) {
                vector weight = *(const loose_vector *)(weights + (r * win->s + s) * c_n + c);
                const cr_real *from = x + r * st->row + s * st->column + c;
                for (int t = 0; t < PIXELS; t++)
                    sum[t] += *(const loose_vector *)(from + t * st->step) * weight;
            }
        for (int t = 0; t < PIXELS; t++) {
            cr_real *to = y + t * c_n + c;
            *(loose_vector *)to = sum[t];
            for (int l = 0; l < LANES; l++)
                to[l] = clamped(clamp, to[l]);
        }
    }
    for (; c < c_n; c++)
        for (int t = 0; t < PIXELS; t++) {
            cr_real sum = bias[c];
            for (int r = 0; r < win->r; r++)
                for (int s = 0; s < win->s; s++)
                    sum += x[t * st->step + r * st->row + s * st->column + c] *
                           weights[(r * win->s + s) * c_n + c];
            y[t * c_n + c] = clamped(clamp, sum);
        }
}

CR_MULTIVERSION
static void pixel_at_border(const cr_window *win, cr_inside in, const cr_real *x,
                            const cr_real *restrict weights, const cr_real *restrict bias,
                            cr_clamp clamp, cr_real *restrict y)
{
    int c_n = win->c;
    for (int c = 0; c < c_n; c++)
        y[c] = bias[c];
    for (int r = in.r0; r < in.r1; r++)
        for (int s = in.s0; s < in.s1; s++) {
            const cr_real *restrict from = x + ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w +
                                                in.x + s * win->dilation_w) *
                                                   c_n;
            const cr_real *restrict weight = weights + (ptrdiff_t)(r * win->s + s) * c_n;
            for (int c = 0; c < c_n; c++)
                y[c] += from[c] * weight[c];
        }
    for (int c = 0; c < c_n; c++)
        y[c] = clamped(clamp, y[c]);
}

static bool is_inside(const cr_window *win, int i, int j)
{
    cr_inside in = cr_window_inside(win, i, j);
    return in.y >= 0 && in.x >= 0 && in.r1 == win->r && in.s1 == win->s;
}

void cr_depthwise_forward(const cr_window *win, int n, const cr_real *x, const cr_real *weights,
                          const cr_real *bias, cr_clamp clamp, cr_real *y)
{
    ptrdiff_t c_n = win->c;
    steps st = {win->stride_w * c_n, (ptrdiff_t)win->dilation_h * win->w * c_n,
                win->dilation_w * c_n};
    for (int b = 0; b < n; b++, x += (ptrdiff_t)win->h * win->w * c_n)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q;) {
                cr_inside in = cr_window_inside(win, i, j);
                if (j + PIXELS <= win->q && is_inside(win, i, j) &&
                    is_inside(win, i, j + PIXELS - 1)) {
                    pixels_inside(win, &st, x + ((ptrdiff_t)in.y * win->w + in.x) * c_n, weights,
                                  bias, clamp, y);
                    j += PIXELS;
                    y += PIXELS * c_n;
                } else {
                    pixel_at_border(win, in, x, weights, bias, clamp, y);
                    j++;
                    y += c_n;
                }
            }
}

CR_MULTIVERSION
void cr_depthwise_backward(const cr_window *win, int n, const cr_real *restrict dy,
                           const cr_real *restrict weights, cr_real *restrict dx)
{
    int c_n = win->c;
    size_t image_size = (size_t)win->h * (size_t)win->w * (size_t)c_n;
    for (int b = 0; b < n; b++)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++, dy += c_n) {
                cr_inside in = cr_window_inside(win, i, j);
                for (int r = in.r0; r < in.r1; r++)
                    for (int s = in.s0; s < in.s1; s++) {
                        cr_real *restrict to = dx + (size_t)b * image_size +
                                               ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w +
                                                in.x + s * win->dilation_w) *
                                                   c_n;
                        const cr_real *restrict wt =
                            weights + (size_t)(r * win->s + s) * (size_t)c_n;
                        for (int c = 0; c < c_n; c++)
                            to[c] += dy[c] * wt[c];
                    }
            }
}
