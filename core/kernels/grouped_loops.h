/* grouped_loops.h - grouped.c's inner loop (isa.h): a block of outputs of a row of pixels. The sums of
 * ISA_PIXELS of them stay in registers; a value of the input, spread over a vector, goes into all windows
 * that it is in. */
#include "vector.h"

#define LANES (ISA_LANES < CR_BLOCK ? ISA_LANES : CR_BLOCK)
#define VECTORS (CR_BLOCK / LANES)

typedef cr_real block __attribute__((vector_size(LANES * sizeof(cr_real))));
typedef cr_real loose_block
    __attribute__((vector_size(LANES * sizeof(cr_real)), aligned(sizeof(cr_real)), may_alias));

/* What lies beside the input. */
static const cr_real grouped_zeros[CR_BLOCK_INPUTS];

/* Everything but p and first is a constant wherever this is inlined, but for the stride where n is 1.
 * At a border some windows hang over the input, and some pixels may lie behind the last. */
ISA_INLINE void grouped_pixels(const cr_row *p, const int n, const int stride, const bool border,
                               int first)
{
    block sum[ISA_PIXELS][VECTORS];
#pragma GCC unroll 8
    for (int t = 0; t < ISA_PIXELS; t++)
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++)
            sum[t][v] = *(const loose_block *)(p->bias + v * LANES);
    const cr_real *weights = p->weights + (ptrdiff_t)p->r0 * p->s * p->c * CR_BLOCK;
    for (int r = p->r0; r < p->r1; r++)
        for (int s = 0; s < p->s; s += n) {
            int at = first * stride + s * p->dilation;
            const cr_real *x = p->x + r * p->row + at * p->column;
            for (int c = 0; c < p->c; c++, weights += n * CR_BLOCK) {
                /* Columns; if only one of the window goes over the input, one for each pixel. */
                const int columns = n == 1 ? ISA_PIXELS : (ISA_PIXELS - 1) * stride + n;
                const int apart = n == 1 ? stride : 1, between = n == 1 ? 1 : stride;
#pragma GCC unroll 16
                for (int u = 0; u < columns; u++) {
                    int column = at + u * apart;
                    bool inside = !border || (column >= p->left && column < p->right);
                    cr_real value = (inside ? x + u * apart * p->column : grouped_zeros)[c];
#pragma GCC unroll 4
                    for (int w = 0; w < n; w++)
                        if (u >= w && (u - w) % between == 0 && (u - w) / between < ISA_PIXELS)
#pragma GCC unroll 2
                            for (int v = 0; v < VECTORS; v++)
                                sum[(u - w) / between][v] +=
                                    value *
                                    *(const loose_block *)(weights + w * CR_BLOCK + v * LANES);
                }
            }
        }
#pragma GCC unroll 8
    for (int t = 0; t < ISA_PIXELS; t++) {
        if (border && first + t >= p->q)
            break;
        cr_real *y = p->y + (first + t) * p->y_step;
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) {
            if (p->add)
                sum[t][v] += *(const loose_block *)(p->add + (first + t) * p->add_step + v * LANES);
            *(loose_block *)(y + v * LANES) = sum[t][v];
        }
        clamp_values(p->clamp, CR_BLOCK, y);
    }
}

ISA_INLINE void grouped_columns(const cr_row *p, const int n, const int stride)
{
    for (int first = 0; first < p->q; first += ISA_PIXELS) {
        int at = first * stride;
        int end = at + (ISA_PIXELS - 1) * stride + (p->s - 1) * p->dilation + 1;
        if (first + ISA_PIXELS <= p->q && at >= p->left && end <= p->right)
            grouped_pixels(p, n, stride, false, first);
        else
            grouped_pixels(p, n, stride, true, first);
    }
}

static void grouped_row(const cr_row *p)
{
    if (p->at_once == 1)
        grouped_columns(p, 1, p->stride);
    else if (p->stride == 1)
        grouped_columns(p, 3, 1);
    else
        grouped_columns(p, 3, 2);
}

#undef LANES
#undef VECTORS
