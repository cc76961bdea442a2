/* Values between those of a dimension, each a weighted sum of a few. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"

CR_MULTIVERSION
void cr_interpolate_forward(const cr_interpolate *p, size_t outer, const cr_real *x, cr_real *y)
{
    for (size_t o = 0; o < outer; o++, x += (size_t)p->n_in * p->inner)
        for (int i = 0; i < p->n_out; i++, y += p->inner)
            for (int t = 0; t < p->n_taps; t++) {
                const cr_real weight = p->weights[i * p->n_taps + t];
                const cr_real *from = x + (size_t)p->index[i * p->n_taps + t] * p->inner;
                for (size_t q = 0; q < p->inner; q++)
                    y[q] = weight * from[q] + (t ? y[q] : 0);
            }
}

CR_MULTIVERSION
void cr_interpolate_backward(const cr_interpolate *p, size_t outer, const cr_real *dy, cr_real *dx)
{
    for (size_t o = 0; o < outer; o++, dx += (size_t)p->n_in * p->inner)
        for (int i = 0; i < p->n_out; i++, dy += p->inner)
            for (int t = 0; t < p->n_taps; t++) {
                const cr_real weight = p->weights[i * p->n_taps + t];
                cr_real *to = dx + (size_t)p->index[i * p->n_taps + t] * p->inner;
                for (size_t q = 0; q < p->inner; q++)
                    to[q] += weight * dy[q];
            }
}
