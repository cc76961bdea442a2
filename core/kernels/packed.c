/* Products with a packed matrix. The depth is cut into slices, so that a panel of b stays in the
 * first-level cache while rows of a pass over it and the next panel is fetched into the second;
 * callers give as many rows as that holds. A slice of a is copied where a has no rows in memory, or
 * has them where a set of the cache cannot hold a tile of them. */
#include "packed.h"

#include "camrank/blas.h"
#include "isa.h"

#include <math.h>
#include <string.h>

#define DEPTH 256    /* a slice of a panel: 32 KiB */
#define ROWS 112     /* of a slice of a that is copied: eight tiles of 14, and 119 KiB */
#define APART 16     /* so that the rows of a copy do not meet in the cache */
#define BAD_STEP 512 /* rows as far apart as this, or a multiple, do meet there */
#define FEW_ROWS 4   /* a tile of fewer waits for its sums as long as one of these */

static int columns_of_last(int n)
{
    int rest = (n - 1) % CR_PANEL + 1;
    return (rest + CR_PANEL_STEP - 1) / CR_PANEL_STEP * CR_PANEL_STEP;
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

void cr_packed_work(double m, int rows, int runs, int n, int d, double work[CR_N_WORKS])
{
    double size = (double)cr_packed_size(d, n);
    int slices = runs > 1 ? 1 : (d + DEPTH - 1) / DEPTH;
    work[CR_WORK_MULTIPLY] += m * size * (rows < FEW_ROWS ? (double)FEW_ROWS / rows : 1);
    work[CR_WORK_STORE] += m * size / d * slices;
    work[CR_WORK_WEIGHTS] += m / rows * size;
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

/* The first n columns of a panel, fewer than it is wide: by way of a block as wide as the panel. */
static void narrow_panel(const cr_panel *panel, int n)
{
    enum { AT_ONCE = 16 };
    cr_real block[AT_ONCE * CR_PANEL], bias[CR_PANEL] = {0};
    cr_panel part = *panel;
    part.c = block;
    part.ldc = CR_PANEL;
    for (int j = 0; panel->bias && j < n; j++)
        bias[j] = panel->bias[j];
    part.bias = bias;
    for (int i = 0; i < panel->rows; i += AT_ONCE) {
        part.rows = panel->rows - i < AT_ONCE ? panel->rows - i : AT_ONCE;
        part.a = panel->a + i * panel->lda;
        if (panel->add) {
            part.add = block;
            part.add_step = CR_PANEL;
            for (int t = 0; t < part.rows; t++)
                for (int j = 0; j < panel->width; j++)
                    block[t * CR_PANEL + j] = j < n ? panel->add[(i + t) * panel->add_step + j] : 0;
        }
        cr_loops()->panel(&part);
        for (int t = 0; t < part.rows; t++)
            for (int j = 0; j < n; j++)
                panel->c[(i + t) * panel->ldc + j] = block[t * CR_PANEL + j];
    }
}

/* A slice of the depth, columns `from` to `from + depth` of a, for `rows` rows: all panels of b. */
static void multiply_slice(const cr_product *p, int first, int rows, int from, int depth,
                           const cr_real *a, ptrdiff_t lda)
{
    bool begins = from == 0, ends = from + depth == p->d;
    int runs = p->runs && !p->fill ? p->runs : 1;
    for (int j = 0; j < p->n; j += CR_PANEL) {
        int n = p->n - j < CR_PANEL ? p->n - j : CR_PANEL, width = width_at(p->n, j);
        const cr_real *add = begins ? p->add : p->c;
        ptrdiff_t add_step = begins ? p->add_step : p->ldc;
        cr_panel panel = {
            .rows = rows,
            .width = width,
            .runs = runs,
            .depth = depth / runs,
            .a = a,
            .lda = lda,
            .run_step = p->run_step,
            .b = p->b + (ptrdiff_t)j * p->d + (ptrdiff_t)from * width,
            .bias = begins && p->bias ? p->bias + j : NULL,
            .add = add ? add + first * add_step + j : NULL,
            .add_step = add_step,
            .clamps = ends && (p->clamp.lo > -(cr_real)INFINITY || p->clamp.hi < (cr_real)INFINITY),
            .clamp = p->clamp,
            .c = p->c + first * p->ldc + j,
            .ldc = p->ldc};
        panel.next = j + CR_PANEL < p->n
                         ? panel.b + (ptrdiff_t)CR_PANEL * p->d +
                               (ptrdiff_t)from * (width_at(p->n, j + CR_PANEL) - width)
                         : p->b + (ptrdiff_t)(ends ? 0 : from + depth) * width_at(p->n, 0);
        if (n == width)
            cr_loops()->panel(&panel);
        else
            narrow_panel(&panel, n);
    }
}

static void copy_rows(const void *context, size_t first, int rows, int k, int depth, cr_real *to,
                      ptrdiff_t step)
{
    const cr_product *p = context;
    for (int i = 0; i < rows; i++)
        memcpy(to + i * step, p->a + ((ptrdiff_t)first + i) * p->lda + k,
               (size_t)depth * sizeof *to);
}

void cr_packed_multiply(const cr_product *given)
{
    cr_product p = *given;
    if (!p.fill && p.runs <= 1 && p.lda % BAD_STEP == 0 && p.n >= 2 * CR_PANEL && p.m > 1) {
        p.fill = copy_rows;
        p.context = given;
        p.fill_first = 0;
    }
    if (!p.fill && p.runs > 1) {
        multiply_slice(&p, 0, p.m, 0, p.d, p.a, p.lda);
        return;
    }
    cr_real block[ROWS * (DEPTH + APART)];
    int n_slices = (p.d + DEPTH - 1) / DEPTH, depth = (p.d + n_slices - 1) / n_slices;
    int most = p.fill ? ROWS : p.m;
    for (int first = 0; first < p.m; first += most)
        for (int from = 0; from < p.d; from += depth) {
            int rows = p.m - first < most ? p.m - first : most;
            int slice = p.d - from < depth ? p.d - from : depth;
            if (p.fill) {
                p.fill(p.context, p.fill_first + (size_t)first, rows, from, slice, block,
                       DEPTH + APART);
                multiply_slice(&p, first, rows, from, slice, block, DEPTH + APART);
            } else
                multiply_slice(&p, first, rows, from, slice, p.a + first * p.lda + from, p.lda);
        }
}
