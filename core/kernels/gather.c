/* Convolution of gathered pixels. Letters as in kernels.h; D = R S C/G values make a row.
 *
 * Convolution as one product: a row for each output pixel, of the values under its window. Channels
 * last makes that R S runs of C/G values, and R runs where the pixels under a row of the window lie
 * side by side. */
#include "gather.h"

#include "camrank/multiversion.h"
#include "packed.h"
#include "ways.h"
#include "window.h"

#include <string.h>

/* Rows that are multiplied together: their input is to stay in a second-level cache of 2 MiB. */
#define BLOCK_VALUES ((size_t)128 * 1024)
#define MIN_ROWS 112

static int depth_of(const cr_window *win)
{
    return win->r * win->s * (win->c / win->groups);
}

size_t cr_gather_block(const cr_window *win)
{
    size_t rows = BLOCK_VALUES / (size_t)depth_of(win);
    return rows < MIN_ROWS ? MIN_ROWS : rows;
}

size_t cr_gather_scratch(const cr_window *win)
{
    return cr_gather_block(win) * (size_t)depth_of(win);
}

size_t cr_gather_weights(const cr_window *win)
{
    return (size_t)win->groups * cr_packed_size(depth_of(win), win->k / win->groups);
}

void cr_gather_pack(const cr_window *win, cr_weight_fn weight, const void *context, cr_real *packed)
{
    int cg = win->c / win->groups, kg = win->k / win->groups, d = depth_of(win);
    size_t size = cr_packed_size(d, kg);
    memset(packed, 0, (size_t)win->groups * size * sizeof *packed);
    for (int k = 0; k < win->k; k++)
        for (int t = 0; t < win->r * win->s; t++)
            for (int c = 0; c < cg; c++)
                packed[(size_t)(k / kg) * size + cr_packed_at(d, kg, t * cg + c, k % kg)] =
                    weight(context, k, c, t);
}

/* Output pixels of all images as rows, for one group. */
typedef struct gather {
    const cr_window *win;
    const cr_real *x; /* at the group's first channel */
    ptrdiff_t x_step;
    int run; /* values of a run */
} gather;

static inline void copy(cr_real *to, const cr_real *from, int n)
{
    for (; n >= 16; n -= 16, to += 16, from += 16)
        memcpy(to, from, 16 * sizeof *to);
    memcpy(to, from, (size_t)n * sizeof *to);
}

static void gather_rows(const void *context, size_t first, int rows, int k, int depth, cr_real *to,
                        ptrdiff_t step)
{
    const gather *g = context;
    const cr_window *win = g->win;
    size_t pq = (size_t)win->p * (size_t)win->q;
    size_t image_size = (size_t)win->h * (size_t)win->w * (size_t)g->x_step;
    bool wide = g->run > win->c / win->groups; /* a run is a row of the window */
    for (size_t row = first; row < first + (size_t)rows; row++, to += step) {
        int at = (int)(row % pq);
        cr_inside in = cr_window_inside(win, at / win->q, at % win->q);
        const cr_real *corner =
            g->x + row / pq * image_size + ((ptrdiff_t)in.y * win->w + in.x) * g->x_step;
        for (int done = 0, n; done < depth; done += n) {
            int run = (k + done) / g->run, from = (k + done) % g->run;
            int r = wide ? run : run / win->s, s = wide ? 0 : run % win->s;
            /* What of the run lies inside the input, as seen from its start. */
            int lo = wide ? in.s0 * win->c : 0, hi = wide ? in.s1 * win->c : g->run;
            if (r < in.r0 || r >= in.r1 || (!wide && (s < in.s0 || s >= in.s1)))
                lo = hi = 0;
            n = g->run - from < depth - done ? g->run - from : depth - done;
            lo = lo < from ? from : lo > from + n ? from + n : lo;
            hi = hi < lo ? lo : hi > from + n ? from + n : hi;
            ptrdiff_t offset =
                ((ptrdiff_t)r * win->dilation_h * win->w + s * win->dilation_w) * g->x_step;
            memset(to + done, 0, (size_t)(lo - from) * sizeof *to);
            if (hi > lo)
                copy(to + done + lo - from, corner + offset + lo, hi - lo);
            memset(to + done + hi - from, 0, (size_t)(from + n - hi) * sizeof *to);
        }
    }
}

static bool fits(const cr_window *win)
{
    (void)win;
    return true;
}

/* Values of a run: a row of the window, or one position of it. */
static int run_of(const cr_window *win)
{
    int cg = win->c / win->groups;
    return win->groups == 1 && win->dilation_w == 1 ? win->s * cg : cg;
}

static void work(const cr_window *win, double work[CR_N_WORKS])
{
    double pixels = (double)win->p * win->q, values = pixels * depth_of(win) * win->groups;
    cr_packed_work(pixels * win->groups, MIN_ROWS, 1, win->k / win->groups, depth_of(win), work);
    work[CR_WORK_COPY] += values;
    work[CR_WORK_RUN] += values / run_of(win);
}

static void forward(const cr_window *win, const cr_conv_pass *pass)
{
    ptrdiff_t x_step = cr_step_of(pass->x_step, win->c), y_step = cr_step_of(pass->y_step, win->k);
    int cg = win->c / win->groups, kg = win->k / win->groups, d = depth_of(win);
    size_t rows = (size_t)pass->n * (size_t)win->p * (size_t)win->q, block = cr_gather_block(win);
    size_t size = cr_packed_size(d, kg);
    for (size_t first = 0; first < rows; first += block)
        for (int g = 0; g < win->groups; g++) {
            gather pixels = {win, pass->x + g * cg, x_step, x_step == win->c ? run_of(win) : cg};
            cr_packed_multiply(&(cr_product){
                .m = (int)(rows - first < block ? rows - first : block),
                .n = kg,
                .d = d,
                .fill = gather_rows,
                .context = &pixels,
                .fill_first = first,
                .b = pass->weights + (size_t)g * size,
                .bias = pass->bias + g * kg,
                .add = pass->add ? pass->add + first * (size_t)win->k + g * kg : NULL,
                .add_step = win->k,
                .clamp = pass->clamp,
                .c = pass->y + (ptrdiff_t)first * y_step + g * kg,
                .ldc = y_step,
            });
        }
}

/* The adjoint of gathering whole rows: adds them to dx. */
CR_MULTIVERSION
static void scatter_rows(const cr_window *win, int group, size_t first, size_t n,
                         const cr_real *from, cr_real *dx)
{
    int cg = win->c / win->groups;
    size_t pq = (size_t)win->p * (size_t)win->q;
    size_t image_size = (size_t)win->h * (size_t)win->w * (size_t)win->c;
    for (size_t row = first; row < first + n; row++, from += depth_of(win)) {
        cr_real *image = dx + row / pq * image_size + group * cg;
        cr_inside in = cr_window_inside(win, (int)(row % pq) / win->q, (int)(row % pq) % win->q);
        for (int r = in.r0; r < in.r1; r++)
            for (int s = in.s0; s < in.s1; s++) {
                const cr_real *run = from + (size_t)(r * win->s + s) * (size_t)cg;
                cr_real *to = image + ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w + in.x +
                                       s * win->dilation_w) *
                                          win->c;
                for (int c = 0; c < cg; c++)
                    to[c] += run[c];
            }
    }
}

void cr_gather_conv_backward(const cr_window *win, const cr_conv_back *back)
{
    int kg = win->k / win->groups, d = depth_of(win);
    size_t rows = (size_t)back->n * (size_t)win->p * (size_t)win->q, block = cr_gather_block(win);
    size_t size = cr_packed_size(d, kg);
    for (size_t first = 0; first < rows; first += block) {
        size_t m = rows - first < block ? rows - first : block;
        for (int g = 0; g < win->groups; g++) {
            cr_packed_multiply_transposed((int)m, kg, d, back->dy + first * (size_t)win->k + g * kg,
                                          win->k, back->weights + (size_t)g * size, 0,
                                          back->scratch, d);
            scatter_rows(win, g, first, m, back->scratch, back->dx);
        }
    }
}

const cr_way cr_way_gather = {.name = "gather",
                              .adds_in_place = true,
                              .fits = fits,
                              .work = work,
                              .weights = cr_gather_weights,
                              .scratch = cr_gather_scratch,
                              .pack = cr_gather_pack,
                              .forward = forward,
                              .backward = cr_gather_conv_backward};
