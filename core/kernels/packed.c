/* Products with a packed matrix. The depth is cut so that a panel of b stays in the first-level
 * cache while all rows of a pass over it; callers give as many rows as the second level holds. */
#include "packed.h"

#include "isa.h"

#include <math.h>

#define DEPTH 256 /* a panel of 32 KiB */

static int columns_of_last(int n)
{
    int rest = n % CR_PANEL;
    return rest == 0 || rest > CR_PANEL / 2 ? CR_PANEL : CR_PANEL / 2;
}

size_t cr_packed_size(int d, int n)
{
    size_t panels = ((size_t)n + CR_PANEL - 1) / CR_PANEL;
    return (size_t)d * ((panels - 1) * CR_PANEL + (size_t)columns_of_last(n));
}

/* Width of the panel that column j is in. */
static int width_at(int n, int j)
{
    return n - j / CR_PANEL * CR_PANEL <= CR_PANEL ? columns_of_last(n) : CR_PANEL;
}

size_t cr_packed_at(int d, int n, int k, int j)
{
    size_t panel = (size_t)j / CR_PANEL * CR_PANEL * (size_t)d;
    return panel + (size_t)k * (size_t)width_at(n, j) + (size_t)(j % CR_PANEL);
}

void cr_packed_multiply_transposed(int m, int n, int d, const cr_real *a, int lda, const cr_real *b,
                                   cr_real beta, cr_real *c, int ldc)
{
    for (int j = 0; j < n; j += CR_PANEL) {
        int columns = n - j < CR_PANEL ? n - j : CR_PANEL;
        cr_gemm(false, true, m, d, columns, a + j, lda, b + cr_packed_at(d, n, 0, j),
                width_at(n, j), j ? 1 : beta, c, ldc);
    }
}

cr_panel_fn cr_panel_function(void)
{
#if defined(__x86_64__) && !defined(__clang__)
    static const cr_panel_fn functions[] = {cr_panel_any, cr_panel_avx2, cr_panel_avx512};
    return functions[cr_isa_used()];
#else
    return cr_panel_any;
#endif
}

/* Columns j0 .. j0 + n - 1, fewer than the panel is wide: by way of a block as wide as the panel. */
static void narrow_panel(cr_panel_fn multiply, const cr_panel *panel, int n)
{
    enum { ROWS = 16 };
    cr_real block[ROWS * CR_PANEL];
    cr_panel part = *panel;
    part.c = block;
    part.ldc = CR_PANEL;
    for (int i = 0; i < panel->rows; i += ROWS) {
        part.rows = panel->rows - i < ROWS ? panel->rows - i : ROWS;
        part.a = panel->a + i * panel->lda;
        if (panel->start_step) {
            part.start = block;
            part.start_step = CR_PANEL;
            for (int t = 0; t < part.rows; t++)
                for (int j = 0; j < panel->width; j++)
                    block[t * CR_PANEL + j] =
                        j < n ? panel->start[(i + t) * panel->start_step + j] : 0;
        }
        multiply(&part);
        for (int t = 0; t < part.rows; t++)
            for (int j = 0; j < n; j++)
                panel->c[(i + t) * panel->ldc + j] = block[t * CR_PANEL + j];
    }
}

void cr_packed_multiply(const cr_product *p)
{
    cr_panel_fn multiply = cr_panel_function();
    int n_parts = (p->d + DEPTH - 1) / DEPTH, part_depth = (p->d + n_parts - 1) / n_parts;
    bool clamps = p->clamp.lo > -(cr_real)INFINITY || p->clamp.hi < (cr_real)INFINITY;
    for (int k = 0; k < p->d; k += part_depth) {
        int depth = p->d - k < part_depth ? p->d - k : part_depth;
        const cr_real *b = p->b;
        for (int j = 0; j < p->n; j += CR_PANEL) {
            int n = p->n - j < CR_PANEL ? p->n - j : CR_PANEL;
            int width = width_at(p->n, j);
            cr_real bias[CR_PANEL] = {0};
            for (int t = 0; p->start == CR_START_BIAS && t < n; t++)
                bias[t] = p->bias[j + t];
            bool from_c = k > 0 || p->start == CR_START_C;
            cr_panel panel = {.rows = p->m,
                              .width = width,
                              .depth = depth,
                              .a = p->a + k,
                              .lda = p->lda,
                              .b = b + (ptrdiff_t)k * width,
                              .start = from_c ? p->c + j : bias,
                              .start_step = from_c ? p->ldc : 0,
                              .clamps = clamps && k + depth == p->d,
                              .clamp = p->clamp,
                              .c = p->c + j,
                              .ldc = p->ldc};
            if (n == width)
                multiply(&panel);
            else
                narrow_panel(multiply, &panel, n);
            b += (ptrdiff_t)p->d * width;
        }
    }
}
