/* depthwise_loops.h - depthwise.c's inner loops (isa.h): the sums of several pixels stay in registers
 * while the window is passed over, 2 vectors of channels at a time, which share its weights. */
#include "vector.h"

/* `pixels` and `vectors` are constants wherever this is inlined. */
ISA_INLINE void depthwise_sums(const cr_depthwise_pixels *p, const int pixels, const int vectors,
                               int c)
{
    wide sum[CR_DEPTHWISE_PIXELS][2];
#pragma GCC unroll 4
    for (int t = 0; t < pixels; t++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sum[t][v] = LOAD(p->bias + c + v * WIDE);
    for (int r = p->r0; r < p->r1; r++)
        for (int s = p->s0; s < p->s1; s++) {
            const cr_real *weights = p->weights + (ptrdiff_t)(r * p->s + s) * p->c + c;
            const cr_real *x = p->x + r * p->row + s * p->column + c;
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) {
                wide weight = LOAD(weights + v * WIDE);
#pragma GCC unroll 4
                for (int t = 0; t < pixels; t++)
                    sum[t][v] += LOAD(x + t * p->step + v * WIDE) * weight;
            }
        }
#pragma GCC unroll 4
    for (int t = 0; t < pixels; t++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            int at = c + v * WIDE;
            if (p->add)
                sum[t][v] += LOAD(p->add + (ptrdiff_t)t * p->c + at);
            store_clamped(p->clamp, &sum[t][v], p->y + t * p->y_step + at);
        }
}

ISA_INLINE void depthwise_all(const cr_depthwise_pixels *p, const int pixels)
{
    int c = 0;
    for (; c + 2 * WIDE <= p->c; c += 2 * WIDE)
        depthwise_sums(p, pixels, 2, c);
    for (; c + WIDE <= p->c; c += WIDE)
        depthwise_sums(p, pixels, 1, c);
    if (c < p->c && p->c >= WIDE) { /* once more, with some that are done */
        depthwise_sums(p, pixels, 1, p->c - WIDE);
        return;
    }
    for (; c < p->c; c++)
        for (int t = 0; t < pixels; t++) {
            cr_real sum = p->bias[c];
            for (int r = p->r0; r < p->r1; r++)
                for (int s = p->s0; s < p->s1; s++)
                    sum += p->x[t * p->step + r * p->row + s * p->column + c] *
                           p->weights[(ptrdiff_t)(r * p->s + s) * p->c + c];
            cr_real *y = p->y + t * p->y_step + c;
            *y = p->add ? sum + p->add[(ptrdiff_t)t * p->c + c] : sum;
            clamp_values(p->clamp, 1, y);
        }
}

static void depthwise_pixels(const cr_depthwise_pixels *p)
{
    if (p->pixels == 1)
        depthwise_all(p, 1);
    else
        depthwise_all(p, CR_DEPTHWISE_PIXELS);
}
