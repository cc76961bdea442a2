/* depthwise_loops.h - depthwise.c's inner loop (isa.h): a row of output pixels. Where the window is a
 * usual one, the sums of PIXELS of them stay in registers while it is passed over, row by row: a
 * row's weights are loaded once, and so is each value of the input, for all windows that it is in. */
#include "vector.h"

#ifdef __SANITIZE_ADDRESS__
#define PIXELS 2 /* the compiler takes minutes over the checks of more */
#else
#define PIXELS 7 /* as many as maps have columns, in many networks, or a part of these */
#endif

/* What lies beside the input. */
static const cr_real depthwise_zeros[2 * ISA_LANES];

/* Everything but p, first and c is a constant wherever this is inlined. At a border some windows hang
 * over the input, and some pixels may lie behind the last. */
ISA_INLINE void depthwise_pixels(const cr_row *p, const int vectors, const int s_n,
                                 const int stride, const bool border, int first, int c)
{
    vector sum[PIXELS][2], weights[7][2];
    int at = first * stride;
#pragma GCC unroll 8
    for (int t = 0; t < PIXELS; t++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sum[t][v] = VECTOR(p->bias + c + v * ISA_LANES);
    for (int r = p->r0; r < p->r1; r++) {
        const cr_real *x = p->x + r * p->row + at * p->column + c;
        const cr_real *row_weights = p->weights + (ptrdiff_t)r * s_n * p->c + c;
#pragma GCC unroll 8
        for (int s = 0; s < s_n; s++)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                weights[s][v] = VECTOR(row_weights + s * p->c + v * ISA_LANES);
#pragma GCC unroll 32
        for (int u = 0; u < (PIXELS - 1) * stride + s_n; u++) {
            bool inside = !border || (at + u >= p->left && at + u < p->right);
            const cr_real *from = inside ? x + u * p->column : depthwise_zeros;
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) {
                vector value = VECTOR(from + v * ISA_LANES);
#pragma GCC unroll 8
                for (int s = 0; s < s_n; s++)
                    if (u >= s && (u - s) % stride == 0 && (u - s) / stride < PIXELS)
                        sum[(u - s) / stride][v] += value * weights[s][v];
            }
        }
    }
#pragma GCC unroll 8
    for (int t = 0; t < PIXELS; t++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            ptrdiff_t to = c + v * ISA_LANES;
            cr_real *y = p->y + (first + t) * p->y_step + to;
            if (border && first + t >= p->q)
                break;
            if (p->add)
                sum[t][v] += VECTOR(p->add + (first + t) * p->add_step + to);
            *(loose_vector *)y = sum[t][v];
            clamp_values(p->clamp, ISA_LANES, y);
        }
}

ISA_INLINE void depthwise_channels(const cr_row *p, const int vectors, const int s_n,
                                   const int stride, int c)
{
    for (int first = 0; first < p->q; first += PIXELS) {
        int at = first * stride, end = at + (PIXELS - 1) * stride + s_n;
        if (first + PIXELS <= p->q && at >= p->left && end <= p->right)
            depthwise_pixels(p, vectors, s_n, stride, false, first, c);
        else
            depthwise_pixels(p, vectors, s_n, stride, true, first, c);
    }
}

ISA_INLINE void depthwise_usual(const cr_row *p, const int s_n, const int stride)
{
    int c = 0;
    for (; ISA_VECTORS == 2 && c + 2 * ISA_LANES <= p->c; c += 2 * ISA_LANES)
        depthwise_channels(p, 2, s_n, stride, c);
    for (; c + ISA_LANES <= p->c; c += ISA_LANES)
        depthwise_channels(p, 1, s_n, stride, c);
    if (c < p->c) /* once more, with some that are done */
        depthwise_channels(p, 1, s_n, stride, p->c - ISA_LANES);
}

static void depthwise_any(const cr_row *p)
{
    for (int j = 0; j < p->q; j++) {
        cr_real *y = p->y + j * p->y_step;
        for (int c = 0; c < p->c; c++)
            y[c] = p->bias[c];
        for (int r = p->r0; r < p->r1; r++)
            for (int s = 0; s < p->s; s++) {
                int u = j * p->stride + s * p->dilation;
                const cr_real *x = p->x + r * p->row + u * p->column;
                const cr_real *weights = p->weights + (ptrdiff_t)(r * p->s + s) * p->c;
                if (u >= p->left && u < p->right)
#pragma GCC ivdep
                    for (int c = 0; c < p->c; c++)
                        y[c] += x[c] * weights[c];
            }
        for (int c = 0; c < p->c; c++)
            y[c] += p->add ? p->add[j * p->add_step + c] : 0;
        clamp_values(p->clamp, p->c, y);
    }
}

static void depthwise_row(const cr_row *p)
{
    bool usual = p->dilation == 1 && p->c >= ISA_LANES && (p->stride == 1 || p->stride == 2);
    switch (usual ? 2 * p->s + p->stride - 1 : 0) {
    case 6:
        depthwise_usual(p, 3, 1);
        return;
    case 7:
        depthwise_usual(p, 3, 2);
        return;
    case 10:
        depthwise_usual(p, 5, 1);
        return;
    case 11:
        depthwise_usual(p, 5, 2);
        return;
    case 14:
        depthwise_usual(p, 7, 1);
        return;
    default:
        depthwise_any(p);
    }
}

#undef PIXELS
