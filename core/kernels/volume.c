/* Convolution over up to three dimensions, plainly: for each place of the window a product of what lies
 * under it along a row, with that place's weights. Letters as in kernels.h. */
#include "camrank/blas.h"

/* The output's columns whose window place t lies inside the input along the last dimension. */
static void inside(const cr_volume *p, int t, int *first, int *last)
{
    const int start = t * p->dilation[2] - p->pad[2], step = p->stride[2];
    *first = start < 0 ? (-start + step - 1) / step : 0;
    *last = p->in[2] > start ? (p->in[2] - start + step - 1) / step : 0;
    *last = *last < p->out[2] ? *last : p->out[2];
}

/* Channels of a row of pixels: those of y from those of x, or back. */
static void convolve_row(const cr_volume *p, int n, const cr_real *weights, cr_real *x, cr_real *y,
                         bool back)
{
    const int c = p->c / p->groups, k = p->k / p->groups, step = p->stride[2] * p->c;
    if (c == 1 && k == 1) {
        for (int i = 0; i < n; i++, x += step, y += p->k)
            for (int g = 0; g < p->groups; g++)
                if (back)
                    x[g] += y[g] * weights[g];
                else
                    y[g] += x[g] * weights[g];
        return;
    }
    for (int g = 0; g < p->groups; g++, weights += (size_t)c * (size_t)k, x += c, y += k)
        if (back)
            cr_gemm(false, true, n, c, k, y, p->k, weights, k, 1, x, step);
        else
            cr_gemm(false, false, n, k, c, x, step, weights, k, 1, y, p->k);
}

/* One row of the output with all places of the window. */
static void convolve_place(const cr_volume *p, int o, int i, const cr_real *weights, cr_real *x,
                           cr_real *y, bool back)
{
    const size_t per_place = (size_t)p->c * (size_t)(p->k / p->groups);
    y += ((size_t)o * (size_t)p->out[1] + (size_t)i) * (size_t)p->out[2] * (size_t)p->k;
    for (int a = 0; a < p->window[0]; a++)
        for (int b = 0; b < p->window[1]; b++)
            for (int t = 0; t < p->window[2]; t++, weights += per_place) {
                const int at_a = o * p->stride[0] - p->pad[0] + a * p->dilation[0];
                const int at_b = i * p->stride[1] - p->pad[1] + b * p->dilation[1];
                int first, last;
                inside(p, t, &first, &last);
                if (at_a < 0 || at_a >= p->in[0] || at_b < 0 || at_b >= p->in[1] || first >= last)
                    continue;
                const int column = first * p->stride[2] - p->pad[2] + t * p->dilation[2];
                const size_t pixel =
                    ((size_t)at_a * (size_t)p->in[1] + (size_t)at_b) * (size_t)p->in[2] +
                    (size_t)column;
                convolve_row(p, last - first, weights, x + pixel * (size_t)p->c,
                             y + (size_t)first * (size_t)p->k, back);
            }
}

static size_t size_of(const int *dims, int channels)
{
    return (size_t)dims[0] * (size_t)dims[1] * (size_t)dims[2] * (size_t)channels;
}

/* What is read is not written. */
static void convolve(const cr_volume *p, int n, const cr_real *weights, cr_real *x, cr_real *y,
                     bool back)
{
    for (int image = 0; image < n; image++)
        for (int o = 0; o < p->out[0]; o++)
            for (int i = 0; i < p->out[1]; i++)
                convolve_place(p, o, i, weights, x + (size_t)image * size_of(p->in, p->c),
                               y + (size_t)image * size_of(p->out, p->k), back);
}

void cr_volume_forward(const cr_volume *p, int n, const cr_real *x, const cr_real *weights,
                       cr_real *y)
{
    convolve(p, n, weights, (cr_real *)x, y, false);
}

void cr_volume_backward(const cr_volume *p, int n, const cr_real *dy, const cr_real *weights,
                        cr_real *dx)
{
    convolve(p, n, weights, dx, (cr_real *)dy, true);
}
