/* Winograd's F(6x6, 3x3) for convolutions of bfloat16. Letters as in kernels.h; T tiles of 6x6 output pixels, or 4x4
 * where that is cheaper, make a block.
 *
 * Pixels and weights, as rounded as in a direct convolution, go to 64 points in float32, where convolving is
 * multiplying: for each point, [T][C] by [C][K], which is 64 multiplications for 36 pixels in place of 324. A
 * multiply-add of float32 counts for two of bfloat16, so that this is 2.5 times as fast at best, and F(2x2, 3x3) in
 * bfloat16, whose points would have to be rounded once more, 2.25 times. The last tile of a row or a column, where that
 * is enough, takes 4 or 6 points in place of 8: the products of the others leave such tiles out.
 *
 * Weights stay as they are, in a fourteenth of the memory that their points would take, and go to these once a
 * block, a panel of output channels at a time.
 *
 * The error is that of a sum in float32 in another order: on random data the largest one measured is 31 times 2^-24 of
 * the largest sum of magnitudes in a tile, a 1000th of what the rounding to bfloat16 does. */
#include "pairs_winograd.h"

#include "isa.h"
#include "packed.h"

#include <string.h>

#define ALONG CR_SIX_ALONG
#define POINTS (ALONG * ALONG)
#define LANES CR_SIX_LANES
#define COLUMNS CR_SIX_COLUMNS
/* Values at the points of a block, and how many tiles it has: enough to use the points of weights often. */
#define BLOCK_VALUES ((size_t)512 * 1024)
#define MIN_TILES 72
#define MAX_TILES 112
/* Fewer output pixels along a side leave tiles, and so uses of weights, few. */
#define LEAST_PIXELS 6

bool cr_six_fits(const cr_pairs *p)
{
    const cr_window *win = &p->win;
    return cr_pairs_loops_used()->six && p->up_h == 1 && p->up_w == 1 && win->r == 3 &&
           win->s == 3 && win->stride_h == 1 && win->stride_w == 1 && win->dilation_h == 1 &&
           win->dilation_w == 1 && win->c % LANES == 0 && win->k % LANES == 0 &&
           win->p >= LEAST_PIXELS && win->q >= LEAST_PIXELS;
}

static size_t panels_of(const cr_window *win)
{
    return (size_t)(win->k + COLUMNS - 1) / COLUMNS;
}

static size_t panel_weights(const cr_window *win)
{
    return (size_t)win->c * 9 * COLUMNS;
}

size_t cr_six_weights(const cr_pairs *p)
{
    return panels_of(&p->win) * panel_weights(&p->win);
}

void cr_six_pack(const cr_pairs *p, cr_weight_fn weight, const void *context, cr_bfloat16 *packed)
{
    const cr_window *win = &p->win;
    memset(packed, 0, cr_six_weights(p) * sizeof *packed);
    for (int k = 0; k < win->k; k++) {
        cr_bfloat16 *to = packed + (size_t)(k / COLUMNS) * panel_weights(win) + k % COLUMNS;
        for (int c = 0; c < win->c; c++)
            for (int t = 0; t < 9; t++, to += COLUMNS)
                *to = cr_bfloat16_of(weight(context, k, c, t));
    }
}

/* Rows of transformed pixels, and points of n rows: apart so that they do not meet in the cache. */
static size_t row_values(const cr_window *win)
{
    return (size_t)win->c + LANES;
}

static size_t point_values(size_t n, size_t row)
{
    return (n * row / LANES | 1) * LANES;
}

static size_t block_tiles(const cr_window *win)
{
    const size_t tiles = BLOCK_VALUES / (POINTS * row_values(win));
    return tiles < MIN_TILES ? MIN_TILES : tiles > MAX_TILES ? MAX_TILES : tiles;
}

size_t cr_six_scratch(const cr_pairs *p)
{
    const cr_window *win = &p->win;
    const size_t n = block_tiles(win);
    const size_t reals = POINTS * (point_values(n, row_values(win)) + point_values(n, COLUMNS)) +
                         (size_t)ALONG * (size_t)win->c * COLUMNS;
    return reals * sizeof(cr_real) / sizeof(cr_bfloat16);
}

/* Output pixels of a tile along a side of so many: 7 and 8 are two tiles of 4, whose 6 points each take as many
 * multiplications as 8 and 4, but fewer points of weights. */
static int tile_pixels(int side)
{
    return side == 7 || side == 8 ? 4 : 6;
}

/* Weights going to all points: measured, 1.3 of their bytes each. */
double cr_six_pass_bytes(const cr_pairs *p)
{
    const int points = (tile_pixels(p->win.p) + 2) * (tile_pixels(p->win.q) + 2);
    return 1.3 * (double)(cr_six_weights(p) * sizeof(cr_bfloat16)) * points / POINTS;
}

static int tiles_along(int side)
{
    return (side + tile_pixels(side) - 1) / tile_pixels(side);
}

/* First output pixel of a tile, its image, and the pixels that it has of each direction, rounded up. */
typedef struct tile {
    size_t image;
    int i, j, pixels_h, pixels_w;
} tile;

/* How a tile may be cut off, in a block's order: a point is taken by whole tiles, by those and either side, or by
 * all, which is always one run. */
enum { RIGHT, WHOLE, BOTTOM, CORNER, N_CUTS };
typedef struct block {
    tile tiles[MAX_TILES];
    size_t n, ends[N_CUTS];
    cr_real *pixels, *products, *weights;
    size_t pixel_step, product_step; /* from point to point */
} block;

/* Of the last tile along a side, rounded up. */
static int last_pixels(int side)
{
    return ((side - 1) % tile_pixels(side) + 2) / 2 * 2;
}

static tile tile_at(const cr_window *win, size_t t)
{
    const int h = tile_pixels(win->p), w = tile_pixels(win->q);
    const size_t across = (size_t)tiles_along(win->q), each = (size_t)tiles_along(win->p) * across;
    tile at = {t / each, (int)(t % each / across) * h, (int)(t % across) * w, h, w};
    if (at.i + h >= win->p)
        at.pixels_h = last_pixels(win->p);
    if (at.j + w >= win->q)
        at.pixels_w = last_pixels(win->q);
    return at;
}

static int cut_of(const cr_window *win, const tile *at)
{
    const bool whole_w = at->pixels_w == tile_pixels(win->q);
    if (at->pixels_h == tile_pixels(win->p))
        return whole_w ? WHOLE : RIGHT;
    return whole_w ? BOTTOM : CORNER;
}

/* Tiles first to end - 1 of a pass. */
static void fill_block(block *b, const cr_window *win, size_t first, size_t end, cr_real *scratch)
{
    b->n = 0;
    for (int cut = 0; cut < N_CUTS; cut++) {
        for (size_t t = first; t < end; t++) {
            const tile at = tile_at(win, t);
            if (cut_of(win, &at) == cut)
                b->tiles[b->n++] = at;
        }
        b->ends[cut] = b->n;
    }
    b->pixel_step = point_values(b->n, row_values(win));
    b->product_step = point_values(b->n, COLUMNS);
    b->pixels = scratch;
    b->products = b->pixels + POINTS * b->pixel_step;
    b->weights = b->products + POINTS * b->product_step;
}

static void transform_pixels(const cr_window *win, const cr_pairs_pass *pass, const block *b,
                             size_t t)
{
    const tile *at = &b->tiles[t];
    const ptrdiff_t step = cr_step_of(pass->x_step, win->c);
    const cr_bfloat16 *image = pass->x + (ptrdiff_t)at->image * win->h * win->w * step;
    cr_six_pixels from = {.channels = win->c,
                          .pixels_h = at->pixels_h,
                          .pixels_w = at->pixels_w,
                          .to = b->pixels + t * row_values(win),
                          .point_step = (ptrdiff_t)b->pixel_step};
    for (int i = 0; i < at->pixels_h + 2; i++)
        for (int j = 0; j < at->pixels_w + 2; j++) {
            const int y = at->i - win->pad_top + i, x = at->j - win->pad_left + j;
            const bool there = y >= 0 && y < win->h && x >= 0 && x < win->w;
            from.from[i][j] = there ? image + ((ptrdiff_t)y * win->w + x) * step : NULL;
        }
    cr_pairs_loops_used()->six->pixels(&from);
}

static void multiply_point(const cr_window *win, const block *b, int i, int j)
{
    const size_t point = (size_t)(i * ALONG + j);
    const bool right = j < last_pixels(win->q) + 2, bottom = i < last_pixels(win->p) + 2;
    const size_t first = right ? 0 : b->ends[RIGHT];
    const size_t end = b->ends[!bottom ? WHOLE : right ? CORNER : BOTTOM];
    cr_packed_multiply(
        &(cr_product){.m = (int)(end - first),
                      .n = COLUMNS,
                      .d = win->c,
                      .a = b->pixels + point * b->pixel_step + first * row_values(win),
                      .lda = (ptrdiff_t)row_values(win),
                      .b = b->weights + (size_t)j * (size_t)win->c * COLUMNS,
                      .clamp = CR_NO_CLAMP,
                      .c = b->products + point * b->product_step + first * COLUMNS,
                      .ldc = COLUMNS});
}

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

static void transform_products(const cr_window *win, const cr_pairs_pass *pass, const block *b,
                               size_t t, int k)
{
    const tile *at = &b->tiles[t];
    const ptrdiff_t step = cr_step_of(pass->y_step, win->k);
    const size_t to = (at->image * (size_t)win->p + (size_t)at->i) * (size_t)win->q + (size_t)at->j;
    cr_pairs_loops_used()->six->products(
        &(cr_six_products){.channels = win->k - k < COLUMNS ? win->k - k : COLUMNS,
                           .pixels_h = at->pixels_h,
                           .pixels_w = at->pixels_w,
                           .rows = at_most(at->pixels_h, win->p - at->i),
                           .columns = at_most(at->pixels_w, win->q - at->j),
                           .from = b->products + t * COLUMNS,
                           .point_step = (ptrdiff_t)b->product_step,
                           .bias = pass->bias ? pass->bias + k : NULL,
                           .add = pass->add ? pass->add + to * (size_t)win->k + k : NULL,
                           .add_row = (ptrdiff_t)win->q * win->k,
                           .add_column = win->k,
                           .clamp = pass->clamp,
                           .y = pass->reals ? NULL : pass->y + (ptrdiff_t)to * step + k,
                           .reals = pass->reals ? pass->reals + (ptrdiff_t)to * step + k : NULL,
                           .y_row = win->q * step,
                           .y_column = step});
}

void cr_six_convolve(const cr_pairs *p, const cr_pairs_pass *pass)
{
    const cr_window *win = &p->win;
    const size_t each = (size_t)tiles_along(win->p) * (size_t)tiles_along(win->q);
    const size_t tiles = (size_t)pass->n * each;
    const size_t n_blocks = (tiles + block_tiles(win) - 1) / block_tiles(win);
    for (size_t at = 0; at < n_blocks; at++) {
        block b;
        fill_block(&b, win, tiles * at / n_blocks, tiles * (at + 1) / n_blocks,
                   (cr_real *)(void *)pass->scratch);
        for (size_t t = 0; t < b.n; t++)
            transform_pixels(win, pass, &b, t);
        for (int k = 0; k < win->k; k += COLUMNS) {
            const cr_bfloat16 *weights = pass->weights + (size_t)(k / COLUMNS) * panel_weights(win);
            for (int i = 0; i < tile_pixels(win->p) + 2; i++) {
                cr_pairs_loops_used()->six->weights(win->c, i, weights, b.weights);
                for (int j = 0; j < tile_pixels(win->q) + 2; j++)
                    multiply_point(win, &b, i, j);
            }
            for (size_t t = 0; t < b.n; t++)
                transform_products(win, pass, &b, t, k);
        }
    }
}
