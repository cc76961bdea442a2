/* Winograd's F(4x4, 3x3). Letters as in kernels.h; T tiles of 4x4 output pixels make a block.
 *
 * A tile of the output comes from 6x6 pixels of the input. Both they and the weights go to 36
 * points, where convolving is multiplying: for each point, [T][C] by [C][K]. That is 36
 * multiplications for 16 pixels in place of 144. Where the last tile of a row or a column is cut off
 * to n pixels, the first n + 2 points of that direction do (F(n, 3) with the same weights): the
 * products of the others leave such tiles out.
 *
 * On random data in [-1, 1] the largest error measured is 6 times 2^-24 of the largest sum of
 * magnitudes in a tile, at any depth; test_kernels.c asserts 16. Through VGG-16, all of whose layers but
 * the first go this way, the logits differ from those of gather.c by 2e-6 of their range: F(2x2,
 * 3x3), which errs less and multiplies more, is not needed. */
#include "winograd.h"

#include "isa.h"
#include "packed.h"
#include "ways.h"

#include <string.h>

#define LANES CR_WINOGRAD_LANES
#define ALONG CR_WINOGRAD_ALONG
#define POINTS (ALONG * ALONG)
/* Transformed pixels and products of a block are to stay in a second-level cache of 2 MiB, as long
 * as the tiles are enough to use each weight often. */
#define BLOCK_VALUES ((size_t)288 * 1024)
#define MIN_TILES 112
#define MAX_TILES 128 /* what 16 channels give */

static int rounded(int channels)
{
    return (channels + LANES - 1) / LANES * LANES;
}

static bool fits(const cr_window *win)
{
    return win->r == 3 && win->s == 3 && win->stride_h == 1 && win->stride_w == 1 &&
           win->dilation_h == 1 && win->dilation_w == 1 && win->groups == 1 && win->pad_top <= 2 &&
           win->pad_left <= 2 && win->c >= LANES && win->k >= LANES && win->p >= 4 && win->q >= 4;
}

/* The convolution that takes gradients of `win` back: of dy, with weights turned by 180 degrees
 * and channels exchanged. */
static cr_window window_back(const cr_window *win)
{
    cr_window back = *win;
    back.h = win->p, back.w = win->q, back.c = win->k;
    back.p = win->h, back.q = win->w, back.k = win->c;
    back.pad_top = 2 - win->pad_top;
    back.pad_left = 2 - win->pad_left;
    return back;
}

/* Weights of a point. */
static size_t n_point_weights(const cr_window *win)
{
    return cr_packed_size(win->c, rounded(win->k));
}

static size_t n_weights(const cr_window *win)
{
    return POINTS * n_point_weights(win);
}

static size_t n_weights_back(const cr_window *win)
{
    cr_window back = window_back(win);
    return n_weights(&back);
}

/* Rows of transformed pixels and of products, apart so that points do not meet in the cache. */
static size_t row_values(int channels)
{
    return (size_t)rounded(channels) + LANES;
}

static size_t block_tiles(const cr_window *win)
{
    size_t tiles = BLOCK_VALUES / (POINTS * (row_values(win->c) + row_values(win->k)));
    return tiles < MIN_TILES ? MIN_TILES : tiles;
}

static size_t block_size(const cr_window *win)
{
    return POINTS * block_tiles(win) * (row_values(win->c) + row_values(win->k));
}

/* Points of the last tile along `pixels` of the output. */
static int last_points(int pixels)
{
    return (pixels - 1) % 4 + 3;
}

static int points_along(int pixels)
{
    return (pixels - 1) / 4 * ALONG + last_points(pixels);
}

static void work(const cr_window *win, double work[CR_N_WORKS])
{
    double points = (double)points_along(win->p) * points_along(win->q);
    cr_packed_work(points, (int)block_tiles(win), 1, rounded(win->k), win->c, work);
    work[CR_WORK_POINTS] += points * rounded(win->c);
    work[CR_WORK_PIXELS] += points * rounded(win->k);
}

static size_t scratch(const cr_window *win)
{
    cr_window back = window_back(win);
    return block_size(win) > block_size(&back) ? block_size(win) : block_size(&back);
}

/* One direction of the weights' transform: 3 values to 6 points. */
static void weight_points(const double g[3], double u[ALONG])
{
    const double a = CR_WINOGRAD_A, b = CR_WINOGRAD_B, a2 = a * a, b2 = b * b;
    const double na = 2 * a2 * (a2 - b2), nb = 2 * b2 * (b2 - a2);
    u[0] = g[0] / (a2 * b2);
    u[1] = (g[0] + a * g[1] + a2 * g[2]) / na;
    u[2] = (g[0] - a * g[1] + a2 * g[2]) / na;
    u[3] = g[2];
    u[4] = (g[0] + b * g[1] + b2 * g[2]) / nb;
    u[5] = (g[0] - b * g[1] + b2 * g[2]) / nb;
}

static void pack(const cr_window *win, cr_weight_fn weight, const void *context, cr_real *packed)
{
    size_t size = n_point_weights(win);
    memset(packed, 0, POINTS * size * sizeof *packed);
    for (int k = 0; k < win->k; k++)
        for (int c = 0; c < win->c; c++) {
            double rows[3][ALONG], columns[ALONG][3], points[ALONG];
            for (int r = 0; r < 3; r++) {
                double g[3];
                for (int s = 0; s < 3; s++)
                    g[s] = (double)weight(context, k, c, 3 * r + s);
                weight_points(g, rows[r]);
            }
            for (int j = 0; j < ALONG; j++)
                for (int r = 0; r < 3; r++)
                    columns[j][r] = rows[r][j];
            size_t at = cr_packed_at(win->c, rounded(win->k), c, k);
            for (int j = 0; j < ALONG; j++) {
                weight_points(columns[j], points);
                for (int i = 0; i < ALONG; i++)
                    packed[(size_t)(i * ALONG + j) * size + at] = (cr_real)points[i];
            }
        }
}

typedef struct turned {
    cr_weight_fn weight;
    const void *context;
} turned;

static cr_real turned_weight(const void *context, int k, int c, int t)
{
    const turned *p = context;
    return p->weight(p->context, c, k, 8 - t);
}

static void pack_back(const cr_window *win, cr_weight_fn weight, const void *context,
                      cr_real *packed)
{
    cr_window back = window_back(win);
    pack(&back, turned_weight, &(turned){weight, context}, packed);
}

/* What is common to the tiles of a pass. */
typedef struct pass {
    const cr_window *win;
    const cr_real *x, *bias, *add; /* bias and add may be NULL */
    ptrdiff_t x_step, y_step;
    cr_real *y;
    cr_clamp clamp;
} pass;

/* First output pixel of a tile, its image, and the points that it takes of each direction. */
typedef struct tile {
    size_t image;
    int i, j, points_h, points_w;
} tile;

/* How a tile may be cut off, in a block's order: a point is taken by whole tiles, by those and either
 * side, or by all, which is always one run. */
enum { RIGHT, WHOLE, BOTTOM, CORNER, N_CUTS };
typedef struct tile_block {
    tile tiles[MAX_TILES];
    size_t n, ends[N_CUTS];
    cr_real *pixels, *products; /* [36][T][row_values] */
} tile_block;

static tile tile_at(const cr_window *win, size_t t)
{
    size_t across = (size_t)(win->q + 3) / 4, each = (size_t)(win->p + 3) / 4 * across;
    tile at = {t / each, (int)(t % each / across) * 4, (int)(t % across) * 4, ALONG, ALONG};
    if (at.i + 4 >= win->p)
        at.points_h = last_points(win->p);
    if (at.j + 4 >= win->q)
        at.points_w = last_points(win->q);
    return at;
}

static int cut_of(const tile *at)
{
    if (at->points_h == ALONG)
        return at->points_w == ALONG ? WHOLE : RIGHT;
    return at->points_w == ALONG ? BOTTOM : CORNER;
}

/* Tiles first to end - 1 of a pass. */
static void fill_block(tile_block *block, const cr_window *win, size_t first, size_t end)
{
    tile tiles[MAX_TILES];
    for (size_t t = first; t < end; t++)
        tiles[t - first] = tile_at(win, t);
    block->n = 0;
    for (int cut = 0; cut < N_CUTS; cut++) {
        for (size_t t = 0; t < end - first; t++)
            if (cut_of(&tiles[t]) == cut)
                block->tiles[block->n++] = tiles[t];
        block->ends[cut] = block->n;
    }
}

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

static int at_least(int a, int b)
{
    return a > b ? a : b;
}

static void transform_pixels(const pass *p, const tile_block *block, size_t t)
{
    const cr_window *win = p->win;
    const tile *at = &block->tiles[t];
    int i0 = at->i - win->pad_top, j0 = at->j - win->pad_left;
    const cr_real *image = p->x + at->image * (size_t)win->h * (size_t)win->w * (size_t)p->x_step;
    cr_loops()->winograd_points(
        &(cr_winograd_tile){.channels = win->c,
                            .points_h = at->points_h,
                            .points_w = at->points_w,
                            .first_row = at_least(0, -i0),
                            .first_column = at_least(0, -j0),
                            .rows = at_most(at->points_h, win->h - i0),
                            .columns = at_most(at->points_w, win->w - j0),
                            .row = win->w * p->x_step,
                            .column = p->x_step,
                            .from = image + ((ptrdiff_t)i0 * win->w + j0) * p->x_step,
                            .to = block->pixels + t * row_values(win->c),
                            .point_step = (ptrdiff_t)(block->n * row_values(win->c))});
}

static void multiply_point(const cr_window *win, const tile_block *block, const cr_real *packed,
                           int i, int j)
{
    size_t point = (size_t)(i * ALONG + j);
    bool right = j < last_points(win->q), bottom = i < last_points(win->p);
    size_t first = right ? 0 : block->ends[RIGHT];
    size_t end = block->ends[!bottom ? WHOLE : right ? CORNER : BOTTOM];
    cr_packed_multiply(
        &(cr_product){.m = (int)(end - first),
                      .n = rounded(win->k),
                      .d = win->c,
                      .a = block->pixels + (point * block->n + first) * row_values(win->c),
                      .lda = (ptrdiff_t)row_values(win->c),
                      .b = packed + point * n_point_weights(win),
                      .clamp = CR_NO_CLAMP,
                      .c = block->products + (point * block->n + first) * row_values(win->k),
                      .ldc = (ptrdiff_t)row_values(win->k)});
}

static void transform_products(const pass *p, const tile_block *block, size_t t)
{
    const cr_window *win = p->win;
    const tile *at = &block->tiles[t];
    size_t to = (at->image * (size_t)win->p + (size_t)at->i) * (size_t)win->q + (size_t)at->j;
    cr_loops()->winograd_pixels(
        &(cr_winograd_tile){.channels = win->k,
                            .points_h = at->points_h,
                            .points_w = at->points_w,
                            .rows = at_most(4, win->p - at->i),
                            .columns = at_most(4, win->q - at->j),
                            .row = win->q * p->y_step,
                            .column = p->y_step,
                            .from = block->products + t * row_values(win->k),
                            .to = p->y + (ptrdiff_t)to * p->y_step,
                            .point_step = (ptrdiff_t)(block->n * row_values(win->k)),
                            .bias = p->bias,
                            .add = p->add ? p->add + to * (size_t)win->k : NULL,
                            .add_row = (ptrdiff_t)win->q * win->k,
                            .add_column = win->k,
                            .clamp = p->clamp});
}

static void run(const cr_window *win, int n, const cr_real *packed, pass p, cr_real *scratch)
{
    p.win = win;
    p.x_step = cr_step_of(p.x_step, win->c);
    p.y_step = cr_step_of(p.y_step, win->k);
    size_t tiles = (size_t)n * ((size_t)(win->p + 3) / 4) * ((size_t)(win->q + 3) / 4);
    size_t n_blocks = (tiles + block_tiles(win) - 1) / block_tiles(win);
    for (size_t b = 0; b < n_blocks; b++) {
        tile_block block;
        fill_block(&block, win, tiles * b / n_blocks, tiles * (b + 1) / n_blocks);
        block.pixels = scratch;
        block.products = scratch + POINTS * block.n * row_values(win->c);
        for (size_t t = 0; t < block.n; t++)
            transform_pixels(&p, &block, t);
        for (int i = 0; i < ALONG; i++)
            for (int j = 0; j < ALONG; j++)
                multiply_point(win, &block, packed, i, j);
        for (size_t t = 0; t < block.n; t++)
            transform_products(&p, &block, t);
    }
}

static void forward(const cr_window *win, const cr_conv_pass *p)
{
    run(win, p->n, p->weights,
        (pass){.x = p->x,
               .x_step = p->x_step,
               .bias = p->bias,
               .add = p->add,
               .y = p->y,
               .y_step = p->y_step,
               .clamp = p->clamp},
        p->scratch);
}

static void backward(const cr_window *win, const cr_conv_back *p)
{
    cr_window back = window_back(win);
    run(&back, p->n, p->weights_back,
        (pass){.x = p->dy, .add = p->dx, .y = p->dx, .clamp = CR_NO_CLAMP}, p->scratch);
}

const cr_way cr_way_winograd = {.name = "winograd",
                                .adds_in_place = true,
                                .fits = fits,
                                .work = work,
                                .weights = n_weights,
                                .scratch = scratch,
                                .pack = pack,
                                .weights_back = n_weights_back,
                                .pack_back = pack_back,
                                .forward = forward,
                                .backward = backward};
