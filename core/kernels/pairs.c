/* Convolutions of bfloat16. Letters as in kernels.h.
 *
 * Rows of the product are output pixels. One pixel with nothing around it is read where the input lies, other windows
 * from a copy that has the padding, in which the window's places are at the same distances from every pixel. Of few
 * channels, such as those of an image, a row of the window is one run there, and what a chunk has too many of it is
 * multiplied by 0. With stride 1 a tile runs over the pixels of the copy's row, those of its padding too, which are
 * thrown away. Other rows are gathered.
 *
 * The way back is a convolution of dy with the window turned round; where the forward pass strides, dy lies that
 * far apart, with nothing between. */
#include "isa.h"
#include "pairs_winograd.h"

#include <string.h>

/* Values of the input that stay in the second-level cache meanwhile, and in the first-level one; weights that stay in the
 * second; places of a window that are read where they lie; and pixels of an output's row, for a tile to be of one row
 * only. */
#define BAND_VALUES ((size_t)192 * 1024)
#define NEAR_VALUES ((size_t)16 * 1024)
#define WEIGHT_VALUES ((size_t)512 * 1024)
#define MOST_RUNS 512
#define LEAST_STRIDED 28

static int whole(int n, int unit)
{
    return (n + unit - 1) / unit * unit;
}

bool cr_pairs_fit(const cr_window *win)
{
    return cr_pairs_loops_used() && win->groups == 1 &&
           win->pad_top <= win->dilation_h * (win->r - 1) &&
           win->pad_left <= win->dilation_w * (win->s - 1);
}

cr_pairs cr_pairs_forward(const cr_window *win)
{
    return (cr_pairs){*win, 1, 1, false};
}

cr_pairs cr_pairs_backward(const cr_window *win)
{
    const bool connects = win->r * win->s == 1 && win->h * win->w == 1;
    cr_pairs back = {*win, win->stride_h, win->stride_w, connects};
    cr_window *w = &back.win;
    w->h = win->p;
    w->w = win->q;
    w->c = win->k;
    w->p = win->h;
    w->q = win->w;
    w->k = win->c;
    w->stride_h = w->stride_w = 1;
    w->pad_top = win->dilation_h * (win->r - 1) - win->pad_top;
    w->pad_left = win->dilation_w * (win->s - 1) - win->pad_left;
    return back;
}

/* How rows of the product come about. */
typedef enum way { BY_POINTS, AS_IT_LIES, FROM_COPY, GATHERED } way;

static bool strides(const cr_window *win)
{
    return win->stride_h > 1 || win->stride_w > 1;
}

/* Whether a row of the window is one run of the copy. */
static bool joins(const cr_window *win)
{
    return win->c < CR_PAIRS_CHUNK / 2 && win->dilation_w == 1;
}

static way way_of(const cr_pairs *p)
{
    const cr_window *win = &p->win;
    const bool whole_pixels = win->c >= CR_PAIRS_CHUNK / 2;
    if (cr_six_fits(p))
        return BY_POINTS;
    if (p->up_h > 1 || p->up_w > 1 || win->r * win->s > MOST_RUNS)
        return GATHERED;
    if (win->r * win->s > 1)
        return joins(win) || (whole_pixels && (!strides(win) || win->q >= LEAST_STRIDED))
                   ? FROM_COPY
                   : GATHERED;
    return !strides(win) && win->p == win->h && win->q == win->w && win->c % CR_PAIRS_CHUNK == 0
               ? AS_IT_LIES
               : GATHERED;
}

/* Runs of the depth, how many values of such are of the input, and its length with what fills it up. */
static int runs_of(const cr_pairs *p)
{
    const cr_window *win = &p->win;
    return way_of(p) != FROM_COPY ? 1 : joins(win) ? win->r : win->r * win->s;
}

static int values_of_run(const cr_pairs *p)
{
    const cr_window *win = &p->win;
    return win->r * win->s * win->c / runs_of(p);
}

static int run_of(const cr_pairs *p)
{
    return whole(values_of_run(p), CR_PAIRS_CHUNK);
}

static int depth_of(const cr_pairs *p)
{
    return run_of(p) * runs_of(p);
}

size_t cr_pairs_weights(const cr_pairs *p)
{
    if (way_of(p) == BY_POINTS)
        return cr_six_weights(p);
    if (p->turned)
        return 0;
    return (size_t)depth_of(p) * (size_t)whole(p->win.k, CR_PAIRS_COLUMNS);
}

void cr_pairs_pack(const cr_pairs *p, cr_weight_fn weight, const void *context, cr_bfloat16 *packed)
{
    enum { CHUNK = CR_PAIRS_CHUNK };
    const cr_window *win = &p->win;
    if (way_of(p) == BY_POINTS) {
        cr_six_pack(p, weight, context, packed);
        return;
    }
    const size_t panel = (size_t)depth_of(p) * CR_PAIRS_COLUMNS;
    const int values = values_of_run(p), run = run_of(p);
    memset(packed, 0, cr_pairs_weights(p) * sizeof *packed);
    for (int k = 0; k < win->k; k++)
        for (int t = 0; t < win->r * win->s; t++)
            for (int c = 0; c < win->c; c++) {
                const int at = t * win->c + c, column = k % CR_PAIRS_COLUMNS;
                const int d = at / values * run + at % values;
                cr_bfloat16 *chunk = packed + (size_t)(k / CR_PAIRS_COLUMNS) * panel +
                                     (size_t)(d / CHUNK) * CHUNK * CR_PAIRS_COLUMNS;
                chunk[column / 16 * CHUNK * 16 + d % CHUNK / 2 * 32 + column % 16 * 2 + d % 2] =
                    cr_bfloat16_of(weight(context, k, c, t));
            }
}

/* Of a copy: values of a pixel, pixels of a row, rows under n rows of output, and all values, with what a last run
 * reads too many. */
static int copy_pixel(const cr_window *win)
{
    return joins(win) ? win->c : whole(win->c, CR_PAIRS_CHUNK);
}

static int copy_width(const cr_window *win)
{
    return (win->q - 1) * win->stride_w + win->dilation_w * (win->s - 1) + 1;
}

static int copy_rows(const cr_window *win, int n)
{
    return (n - 1) * win->stride_h + win->dilation_h * (win->r - 1) + 1;
}

static size_t copy_size(const cr_window *win, int n)
{
    return (size_t)copy_rows(win, n) * (size_t)copy_width(win) * (size_t)copy_pixel(win) +
           CR_PAIRS_CHUNK;
}

/* How many rows of output go together, and images, where one is less than that. */
static int band_of(const cr_pairs *p)
{
    int n = p->win.p;
    while (n > 1 && copy_size(&p->win, n) > BAND_VALUES)
        n = (n + 1) / 2;
    return n;
}

static int images_of(const cr_pairs *p)
{
    const size_t size = copy_size(&p->win, p->win.p);
    return size >= BAND_VALUES ? 1 : (int)(BAND_VALUES / size);
}

/* Rows that go together otherwise. */
static size_t block_of(const cr_pairs *p)
{
    const size_t rows = BAND_VALUES / (size_t)depth_of(p) / CR_PAIRS_ROWS * CR_PAIRS_ROWS;
    return rows < CR_PAIRS_ROWS ? CR_PAIRS_ROWS : rows;
}

static size_t scratch_of_rows(const cr_pairs *p)
{
    /* A last tile has rows that are read in vain. */
    const size_t extra = CR_PAIRS_ROWS * (size_t)(p->win.stride_w * run_of(p));
    switch (way_of(p)) {
    case BY_POINTS:
        return cr_six_scratch(p);
    case AS_IT_LIES:
        return extra;
    case FROM_COPY:
        return (size_t)images_of(p) * copy_size(&p->win, band_of(p)) + extra;
    default:
        return block_of(p) * (size_t)depth_of(p);
    }
}

size_t cr_pairs_scratch(const cr_pairs *p)
{
    return scratch_of_rows(p) + (p->turned ? (size_t)depth_of(p) * CR_PAIRS_COLUMNS : 0);
}

double cr_pairs_pass_bytes(const cr_pairs *p)
{
    return way_of(p) == BY_POINTS ? cr_six_pass_bytes(p) : 0;
}

/* One panel of the output. */
typedef struct columns {
    cr_pairs_tile tile;
    cr_pairs_finish finish;
} columns;

static columns columns_of(const cr_pairs *p, const cr_pairs_pass *pass, int k,
                          const ptrdiff_t *runs)
{
    static const ptrdiff_t none[1];
    const int left = p->win.k - k;
    const ptrdiff_t y_step = cr_step_of(pass->y_step, p->win.k);
    return (columns){
        .tile = {.n_runs = runs_of(p),
                 .run_chunks = run_of(p) / CR_PAIRS_CHUNK,
                 .last_pairs = ((values_of_run(p) - 1) % CR_PAIRS_CHUNK + 2) / 2,
                 .runs = runs ? runs : none,
                 .b = pass->weights + (size_t)k * (size_t)depth_of(p)},
        .finish = {.n = left < CR_PAIRS_COLUMNS ? left : CR_PAIRS_COLUMNS,
                   .bias = pass->bias ? pass->bias + k : NULL,
                   .add = pass->add ? pass->add + k : NULL,
                   .add_step = p->win.k,
                   .clamp = pass->clamp,
                   .y = pass->reals ? NULL : pass->y + k,
                   .reals = pass->reals ? pass->reals + k : NULL,
                   .y_step = y_step},
    };
}

static cr_pairs_finish finish_of(const columns *strip, size_t first)
{
    cr_pairs_finish f = strip->finish;
    if (f.reals)
        f.reals += (ptrdiff_t)first * f.y_step;
    else
        f.y += (ptrdiff_t)first * f.y_step;
    f.add = f.add ? f.add + (ptrdiff_t)first * f.add_step : NULL;
    return f;
}

/* Rows of c from `from` on go to output pixels from `first` on. */
static void finish(const columns *strip, const float *c, int from, int rows, size_t first)
{
    cr_pairs_finish f = finish_of(strip, first);
    f.rows = rows;
    f.c = c + from * CR_PAIRS_COLUMNS;
    cr_pairs_loops_used()->finish(&f);
}

/* All rows of a tile go to output pixels from `first` on. */
static void multiply_tile(const columns *strip, size_t first)
{
    const cr_pairs_loops *loops = cr_pairs_loops_used();
    if (!loops->tile_to) {
        loops->tile(&strip->tile);
        finish(strip, strip->tile.c, 0, strip->tile.rows, first);
        return;
    }
    const cr_pairs_finish f = finish_of(strip, first);
    loops->tile_to(&strip->tile, &f);
}

/* A panel of turned weights: of each panel that the way forward has, the chunk that lies at depth k. */
static const cr_bfloat16 *turn_panel(const cr_pairs *p, const cr_pairs_pass *pass, int k)
{
    enum { BLOCK = CR_PAIRS_CHUNK * CR_PAIRS_COLUMNS };
    const size_t panel = (size_t)whole(p->win.k, CR_PAIRS_CHUNK) * CR_PAIRS_COLUMNS;
    cr_bfloat16 *to = pass->scratch + scratch_of_rows(p);
    for (int j = 0; j < depth_of(p) / CR_PAIRS_CHUNK; j++)
        cr_pairs_loops_used()->turn(pass->weights + (size_t)j * panel +
                                        (size_t)(k / CR_PAIRS_CHUNK) * BLOCK,
                                    to + (ptrdiff_t)j * BLOCK);
    return to;
}

/* Rows that are multiplied by all weights before the next are, so that an output's pixels are written whole: few, for tiles
 * of AMX where the weights stay in the second-level cache; all of them otherwise. */
static size_t rows_at_once(const cr_pairs *p, size_t m)
{
    const size_t depth = (size_t)depth_of(p),
                 rows = NEAR_VALUES / depth / CR_PAIRS_ROWS * CR_PAIRS_ROWS;
    if (cr_pairs_loops_used()->tile_to || p->turned || cr_pairs_weights(p) > WEIGHT_VALUES)
        return m;
    return rows < CR_PAIRS_ROWS ? CR_PAIRS_ROWS : rows;
}

/* m rows of one run each, lda apart, to output pixels from `first` on. If `tail`, the last tile's rows are there. */
static void multiply_rows(const cr_pairs *p, const cr_pairs_pass *pass, const cr_bfloat16 *a,
                          ptrdiff_t lda, size_t m, const cr_bfloat16 *tail, size_t first)
{
    float c[CR_PAIRS_ROWS * CR_PAIRS_COLUMNS];
    const size_t at_once = rows_at_once(p, m);
    for (size_t from = 0; from < m; from += at_once)
        for (int k = 0; k < p->win.k; k += CR_PAIRS_COLUMNS) {
            columns strip = columns_of(p, pass, k, NULL);
            strip.tile.c = c;
            if (p->turned)
                strip.tile.b = turn_panel(p, pass, k);
            for (size_t row = from; row < m && row < from + at_once; row += CR_PAIRS_ROWS) {
                strip.tile.rows = m - row < CR_PAIRS_ROWS ? (int)(m - row) : CR_PAIRS_ROWS;
                const bool last = tail && strip.tile.rows < CR_PAIRS_ROWS;
                strip.tile.a = last ? tail : a + (ptrdiff_t)row * lda;
                strip.tile.lda = last ? run_of(p) : lda;
                multiply_tile(&strip, first + row);
            }
        }
}

static void run_as_it_lies(const cr_pairs *p, const cr_pairs_pass *pass)
{
    const size_t rows = (size_t)pass->n * (size_t)p->win.p * (size_t)p->win.q, block = block_of(p);
    const ptrdiff_t step = cr_step_of(pass->x_step, p->win.c);
    for (size_t first = 0; first < rows; first += block) {
        const size_t m = rows - first < block ? rows - first : block, last = m % CR_PAIRS_ROWS;
        const cr_bfloat16 *a = pass->x + (ptrdiff_t)first * step;
        for (size_t i = 0; i < last; i++)
            memcpy(pass->scratch + i * (size_t)p->win.c, a + (ptrdiff_t)(m - last + i) * step,
                   (size_t)p->win.c * sizeof *a);
        multiply_rows(p, pass, a, step, m, pass->scratch, first);
    }
}

/* The values of the input under place (r, s) of output pixel (i, j); NULL: there are none. */
static const cr_bfloat16 *pixel_under(const cr_pairs *p, const cr_bfloat16 *image, ptrdiff_t step,
                                      int i, int j, int r, int s)
{
    const cr_window *win = &p->win;
    const int y = i * win->stride_h - win->pad_top + r * win->dilation_h;
    const int x = j * win->stride_w - win->pad_left + s * win->dilation_w;
    if (y < 0 || x < 0 || y % p->up_h || x % p->up_w || y / p->up_h >= win->h ||
        x / p->up_w >= win->w)
        return NULL;
    return image + ((ptrdiff_t)(y / p->up_h) * win->w + x / p->up_w) * step;
}

static void gather_row(const cr_pairs *p, const cr_bfloat16 *image, ptrdiff_t step, int at,
                       cr_bfloat16 *to)
{
    const cr_window *win = &p->win;
    const size_t c = (size_t)win->c, places = (size_t)(win->r * win->s);
    for (int r = 0; r < win->r; r++)
        for (int s = 0; s < win->s; s++, to += c) {
            const cr_bfloat16 *from = pixel_under(p, image, step, at / win->q, at % win->q, r, s);
            if (from)
                memcpy(to, from, c * sizeof *to);
            else
                memset(to, 0, c * sizeof *to);
        }
    memset(to, 0, ((size_t)run_of(p) - places * c) * sizeof *to);
}

static void run_gathered(const cr_pairs *p, const cr_pairs_pass *pass)
{
    const cr_window *win = &p->win;
    const size_t pq = (size_t)win->p * (size_t)win->q, block = block_of(p);
    const size_t rows = (size_t)pass->n * pq, depth = (size_t)depth_of(p);
    const ptrdiff_t step = cr_step_of(pass->x_step, win->c);
    for (size_t first = 0; first < rows; first += block) {
        const size_t m = rows - first < block ? rows - first : block;
        for (size_t i = 0; i < m; i++)
            gather_row(p, pass->x + (ptrdiff_t)((first + i) / pq) * win->h * win->w * step, step,
                       (int)((first + i) % pq), pass->scratch + i * depth);
        multiply_rows(p, pass, pass->scratch, (ptrdiff_t)depth, m, NULL, first);
    }
}

/* A row of the copy: row y of the image, if there is such. */
static void copy_row(const cr_window *win, const cr_bfloat16 *image, ptrdiff_t step, int y,
                     cr_bfloat16 *to)
{
    const int width = copy_width(win), pixel = copy_pixel(win), c = win->c, left = win->pad_left;
    const int right = left + win->w < width ? left + win->w : width;
    const size_t bytes = sizeof *to;
    if (y < 0 || y >= win->h || left >= right) {
        memset(to, 0, (size_t)width * (size_t)pixel * bytes);
        return;
    }
    const cr_bfloat16 *from = image + (ptrdiff_t)y * win->w * step;
    memset(to, 0, (size_t)left * (size_t)pixel * bytes);
    to += (ptrdiff_t)left * pixel;
    if (step == pixel)
        memcpy(to, from, (size_t)(right - left) * (size_t)pixel * bytes);
    for (int x = left; step != pixel && x < right; x++, from += step) {
        memcpy(to + (ptrdiff_t)(x - left) * pixel, from, (size_t)c * bytes);
        memset(to + (ptrdiff_t)(x - left) * pixel + c, 0, (size_t)(pixel - c) * bytes);
    }
    memset(to + (ptrdiff_t)(right - left) * pixel, 0,
           (size_t)(width - right) * (size_t)pixel * bytes);
}

/* What output rows i .. i + n - 1 of an image need. */
static void copy_band(const cr_window *win, const cr_bfloat16 *image, ptrdiff_t step, int i, int n,
                      cr_bfloat16 *to)
{
    const int rows = copy_rows(win, n);
    const ptrdiff_t row = (ptrdiff_t)copy_width(win) * copy_pixel(win);
    for (int k = 0; k < rows; k++)
        copy_row(win, image, step, i * win->stride_h - win->pad_top + k, to + k * row);
    memset(to + rows * row, 0, CR_PAIRS_CHUNK * sizeof *to);
}

/* Of a tile that begins at place `at` of the copy, the rows that are pixels of the output; the first of the band is
 * `first`. */
static void finish_pixels(const cr_pairs *p, const columns *strip, const float *c, int at, int rows,
                          size_t first)
{
    const int width = copy_width(&p->win), q = p->win.q;
    for (int from = 0, n; from < rows; from += n) {
        const int i = (at + from) / width, j = (at + from) % width;
        const int pixels = q - j < rows - from ? q - j : rows - from;
        n = width - j;
        if (pixels > 0)
            finish(strip, c, from, pixels, first + (size_t)(i * q + j));
    }
}

/* A panel of `n` rows of output, whose first pixel is `first`, from their copy. */
static void multiply_copy(const cr_pairs *p, columns *strip, const cr_bfloat16 *copy, int n,
                          size_t first)
{
    const cr_window *win = &p->win;
    const int pixel = copy_pixel(win), width = copy_width(win);
    const int q = strides(win) ? win->q : (n - 1) * width + win->q;
    float c[CR_PAIRS_ROWS * CR_PAIRS_COLUMNS];
    strip->tile.c = c;
    strip->tile.lda = win->stride_w * pixel;
    for (int i = 0; i < (strides(win) ? n : 1); i++)
        for (int at = 0; at < q; at += CR_PAIRS_ROWS) {
            strip->tile.rows = q - at < CR_PAIRS_ROWS ? q - at : CR_PAIRS_ROWS;
            strip->tile.a =
                copy +
                ((ptrdiff_t)i * win->stride_h * width + (ptrdiff_t)at * win->stride_w) * pixel;
            if (strides(win)) {
                multiply_tile(strip, first + (size_t)(i * q + at));
                continue;
            }
            cr_pairs_loops_used()->tile(&strip->tile);
            finish_pixels(p, strip, c, at, strip->tile.rows, first);
        }
}

static void run_from_copy(const cr_pairs *p, const cr_pairs_pass *pass)
{
    const cr_window *win = &p->win;
    const int band = band_of(p), images = images_of(p), taps = joins(win) ? 1 : win->s;
    const size_t pq = (size_t)win->p * (size_t)win->q, size = copy_size(win, band);
    const ptrdiff_t step = cr_step_of(pass->x_step, win->c);
    ptrdiff_t runs[MOST_RUNS];
    for (int t = 0; t < runs_of(p); t++)
        runs[t] = ((ptrdiff_t)(t / taps) * win->dilation_h * copy_width(win) +
                   (ptrdiff_t)(t % taps) * win->dilation_w) *
                  copy_pixel(win);
    for (int b = 0; b < pass->n; b += images)
        for (int i = 0; i < win->p; i += band) {
            const int n_images = pass->n - b < images ? pass->n - b : images;
            const int n = win->p - i < band ? win->p - i : band;
            for (int image = 0; image < n_images; image++)
                copy_band(win, pass->x + (ptrdiff_t)(b + image) * win->h * win->w * step, step, i,
                          n, pass->scratch + (size_t)image * size);
            for (int k = 0; k < win->k; k += CR_PAIRS_COLUMNS) {
                columns strip = columns_of(p, pass, k, runs);
                for (int image = 0; image < n_images; image++)
                    multiply_copy(p, &strip, pass->scratch + (size_t)image * size, n,
                                  (size_t)(b + image) * pq + (size_t)i * (size_t)win->q);
            }
        }
}

void cr_pairs_convolve(const cr_pairs *p, const cr_pairs_pass *pass)
{
    const cr_pairs_loops *loops = cr_pairs_loops_used();
    if (loops->begin)
        loops->begin();
    switch (way_of(p)) {
    case BY_POINTS:
        cr_six_convolve(p, pass);
        break;
    case AS_IT_LIES:
        run_as_it_lies(p, pass);
        break;
    case FROM_COPY:
        run_from_copy(p, pass);
        break;
    default:
        run_gathered(p, pass);
    }
    if (loops->end)
        loops->end();
}
