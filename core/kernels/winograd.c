/* Winograd's F(4x4, 3x3). Letters as in kernels.h; T tiles of 4x4 output pixels make a block.
 *
 * A tile of the output comes from 6x6 pixels of the input. Both they and the weights go to 36
 * points, where convolving is multiplying: for each point, [T][C] by [C][K]. That is 36
 * multiplications for 16 pixels in place of 144.
 *
 * The polynomials are evaluated at 0, +-a, +-b and infinity. a = 5/8, b = 3/2 leave half the
 * rounding error of the usual 1 and 2, and the products that they make are exact in float. On
 * random data in [-1, 1] the largest error measured is 6 times 2^-24 of the largest sum of
 * magnitudes in a tile, at any depth; test_kernels.c asserts 16. */
#include "winograd.h"

#include "multiversion.h"
#include "packed.h"

#include <string.h>

#define A ((cr_real)0.625)
#define B ((cr_real)1.5)
#define A2 (A * A)
#define B2 (B * B)

#define LANES 16
#define POINTS 36
/* Transformed pixels and products of a block are to stay in a second-level cache of 2 MiB, as long
 * as the tiles are enough to use each weight often. */
#define BLOCK_VALUES ((size_t)288 * 1024)
#define MIN_TILES 112

typedef cr_real vector __attribute__((vector_size(LANES * sizeof(cr_real))));
typedef cr_real loose_vector
    __attribute__((vector_size(LANES * sizeof(cr_real)), aligned(sizeof(cr_real)), may_alias));

static int rounded(int channels)
{
    return (channels + LANES - 1) / LANES * LANES;
}

bool cr_winograd_fits(const cr_window *win)
{
    return win->r == 3 && win->s == 3 && win->stride_h == 1 && win->stride_w == 1 &&
           win->dilation_h == 1 && win->dilation_w == 1 && win->groups == 1 && win->pad_top <= 2 &&
           win->pad_left <= 2 && win->c >= LANES && win->k >= LANES && win->p >= 4 && win->q >= 4;
}

cr_window cr_winograd_back(const cr_window *win)
{
    cr_window back = *win;
    back.h = win->p, back.w = win->q, back.c = win->k;
    back.p = win->h, back.q = win->w, back.k = win->c;
    back.pad_top = 2 - win->pad_top;
    back.pad_left = 2 - win->pad_left;
    return back;
}

size_t cr_winograd_weights(const cr_window *win)
{
    return POINTS * cr_packed_size(win->c, win->k);
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

size_t cr_winograd_scratch(const cr_window *win)
{
    return POINTS * block_tiles(win) * (row_values(win->c) + row_values(win->k));
}

/* One direction of the weights' transform: 3 values to 6 points. */
static void weight_points(const double g[3], double u[6])
{
    const double a = (double)A, b = (double)B, a2 = a * a, b2 = b * b;
    const double na = 2 * a2 * (a2 - b2), nb = 2 * b2 * (b2 - a2);
    u[0] = g[0] / (a2 * b2);
    u[1] = (g[0] + a * g[1] + a2 * g[2]) / na;
    u[2] = (g[0] - a * g[1] + a2 * g[2]) / na;
    u[3] = (g[0] + b * g[1] + b2 * g[2]) / nb;
    u[4] = (g[0] - b * g[1] + b2 * g[2]) / nb;
    u[5] = g[2];
}

void cr_winograd_pack(const cr_window *win, cr_weight_fn weight, const void *context,
                      cr_real *packed)
{
    size_t size = cr_packed_size(win->c, win->k);
    memset(packed, 0, POINTS * size * sizeof *packed);
    for (int k = 0; k < win->k; k++)
        for (int c = 0; c < win->c; c++) {
            double rows[3][6], columns[6][3], points[6];
            for (int r = 0; r < 3; r++) {
                double g[3];
                for (int s = 0; s < 3; s++)
                    g[s] = (double)weight(context, k, c, 3 * r + s);
                weight_points(g, rows[r]);
            }
            for (int j = 0; j < 6; j++)
                for (int r = 0; r < 3; r++)
                    columns[j][r] = rows[r][j];
            size_t at = cr_packed_at(win->c, win->k, c, k);
            for (int j = 0; j < 6; j++) {
                weight_points(columns[j], points);
                for (int i = 0; i < 6; i++)
                    packed[(size_t)(i * 6 + j) * size + at] = (cr_real)points[i];
            }
        }
}

/* One direction of the pixels' transform, and of the products' back: `step` vectors apart. */
#define PIXEL_POINTS(x, step, v, v_step)                                               \
    do {                                                                               \
        vector even_a = x[4 * step] - B2 * x[2 * step];                                \
        vector even_b = x[4 * step] - A2 * x[2 * step];                                \
        vector odd_a = A * (x[3 * step] - B2 * x[1 * step]);                           \
        vector odd_b = B * (x[3 * step] - A2 * x[1 * step]);                           \
        v[0] = A2 * B2 * x[0] - (A2 + B2) * x[2 * step] + x[4 * step];                 \
        v[1 * v_step] = even_a + odd_a;                                                \
        v[2 * v_step] = even_a - odd_a;                                                \
        v[3 * v_step] = even_b + odd_b;                                                \
        v[4 * v_step] = even_b - odd_b;                                                \
        v[5 * v_step] = A2 * B2 * x[1 * step] - (A2 + B2) * x[3 * step] + x[5 * step]; \
    } while (0)

#define PRODUCT_PIXELS(m, step, y, y_step)                                             \
    do {                                                                               \
        vector sum_a = m[1 * step] + m[2 * step], sum_b = m[3 * step] + m[4 * step];   \
        vector less_a = m[1 * step] - m[2 * step], less_b = m[3 * step] - m[4 * step]; \
        y[0] = m[0] + sum_a + sum_b;                                                   \
        y[1 * y_step] = A * less_a + B * less_b;                                       \
        y[2 * y_step] = A2 * sum_a + B2 * sum_b;                                       \
        y[3 * y_step] = A2 * A * less_a + B2 * B * less_b + m[5 * step];               \
    } while (0)

/* What is common to the tiles of a pass. */
typedef struct pass {
    const cr_window *win;
    int tiles_h, tiles_w;
    const cr_real *x, *bias;
    cr_real *y;
    cr_clamp clamp;
    cr_real *pixels, *products; /* [36][T][row_values] */
    size_t n_tiles;             /* T of this block */
} pass;

/* First output pixel of a tile, and its image. */
typedef struct place {
    size_t image;
    int i, j;
} place;

static place place_of(const pass *p, size_t tile)
{
    size_t each = (size_t)p->tiles_h * (size_t)p->tiles_w;
    int t = (int)(tile % each);
    return (place){tile / each, t / p->tiles_w * 4, t % p->tiles_w * 4};
}

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

CR_MULTIVERSION
static void transform_pixels(const pass *p, size_t tile, size_t t)
{
    const cr_window *win = p->win;
    place at = place_of(p, tile);
    int i0 = at.i - win->pad_top, j0 = at.j - win->pad_left;
    bool inside = i0 >= 0 && j0 >= 0 && i0 + 6 <= win->h && j0 + 6 <= win->w;
    const cr_real *image = p->x + at.image * (size_t)win->h * (size_t)win->w * (size_t)win->c;
    size_t row = row_values(win->c), point = p->n_tiles * row;
    cr_real *to = p->pixels + t * row;
    for (int c = 0; c < win->c; c += LANES, to += LANES) {
        int count = at_most(LANES, win->c - c);
        vector d[POINTS], v[POINTS];
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++) {
                const cr_real *from = image + ((ptrdiff_t)(i0 + i) * win->w + j0 + j) * win->c + c;
                if (inside && count == LANES)
                    d[i * 6 + j] = *(const loose_vector *)from;
                else {
                    d[i * 6 + j] = (vector){0};
                    if (i0 + i >= 0 && i0 + i < win->h && j0 + j >= 0 && j0 + j < win->w)
                        memcpy(&d[i * 6 + j], from, (size_t)count * sizeof *from);
                }
            }
        for (int j = 0; j < 6; j++)
            PIXEL_POINTS((d + j), 6, (v + j), 6);
        for (int i = 0; i < 6; i++) {
            PIXEL_POINTS((v + i * 6), 1, d, 1);
            for (int j = 0; j < 6; j++)
                *(loose_vector *)(to + (size_t)(i * 6 + j) * point) = d[j];
        }
    }
}

CR_MULTIVERSION
static void transform_products(const pass *p, size_t tile, size_t t)
{
    const cr_window *win = p->win;
    place at = place_of(p, tile);
    int rows = at_most(4, win->p - at.i), columns = at_most(4, win->q - at.j);
    size_t row = row_values(win->k), point = p->n_tiles * row;
    const cr_real *from = p->products + t * row, lo = p->clamp.lo, hi = p->clamp.hi;
    cr_real *image = p->y + at.image * (size_t)win->p * (size_t)win->q * (size_t)win->k;
    for (int k = 0; k < win->k; k += LANES, from += LANES) {
        int count = at_most(LANES, win->k - k);
        vector m[POINTS], half[4 * 6], pixels[4], bias = {0};
        for (int i = 0; i < POINTS; i++)
            m[i] = *(const loose_vector *)(from + (size_t)i * point);
        for (int j = 0; j < 6; j++)
            PRODUCT_PIXELS((m + j), 6, (half + j), 6);
        if (p->bias)
            memcpy(&bias, p->bias + k, (size_t)count * sizeof *p->bias);
        for (int i = 0; i < rows; i++) {
            PRODUCT_PIXELS((half + i * 6), 1, pixels, 1);
            for (int j = 0; j < columns; j++) {
                cr_real *y = image + ((ptrdiff_t)(at.i + i) * win->q + at.j + j) * win->k + k;
                vector value = pixels[j] + bias;
                if (!p->bias) {
                    vector before = {0};
                    memcpy(&before, y, (size_t)count * sizeof *y);
                    value += before;
                }
                if (count == LANES) {
                    *(loose_vector *)y = value;
                    for (int l = 0; l < LANES; l++) {
                        cr_real low = y[l] < lo ? lo : y[l];
                        y[l] = low > hi ? hi : low;
                    }
                } else
                    for (int l = 0; l < count; l++) {
                        cr_real low = value[l] < lo ? lo : value[l];
                        y[l] = low > hi ? hi : low;
                    }
            }
        }
    }
}

void cr_winograd_run(const cr_window *win, int n, const cr_real *x, const cr_real *packed,
                     const cr_real *bias, cr_clamp clamp, cr_real *y, cr_real *scratch)
{
    pass p = {.win = win,
              .tiles_h = (win->p + 3) / 4,
              .tiles_w = (win->q + 3) / 4,
              .x = x,
              .bias = bias,
              .y = y,
              .clamp = clamp,
              .pixels = scratch};
    size_t tiles = (size_t)n * (size_t)p.tiles_h * (size_t)p.tiles_w;
    size_t n_blocks = (tiles + block_tiles(win) - 1) / block_tiles(win);
    for (size_t b = 0; b < n_blocks; b++) {
        size_t first = tiles * b / n_blocks;
        p.n_tiles = tiles * (b + 1) / n_blocks - first;
        p.products = scratch + POINTS * p.n_tiles * row_values(win->c);
        for (size_t t = 0; t < p.n_tiles; t++)
            transform_pixels(&p, first + t, t);
        for (size_t i = 0; i < POINTS; i++)
            cr_packed_multiply(&(cr_product){.m = (int)p.n_tiles,
                                             .n = rounded(win->k),
                                             .d = win->c,
                                             .a = p.pixels + i * p.n_tiles * row_values(win->c),
                                             .lda = (ptrdiff_t)row_values(win->c),
                                             .b = packed + i * cr_packed_size(win->c, win->k),
                                             .clamp = CR_NO_CLAMP,
                                             .c = p.products + i * p.n_tiles * row_values(win->k),
                                             .ldc = (ptrdiff_t)row_values(win->k)});
        for (size_t t = 0; t < p.n_tiles; t++)
            transform_products(&p, first + t, t);
    }
}
