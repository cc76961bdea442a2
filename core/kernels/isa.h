/* isa.h - the inner loops that are compiled once for each instruction set, and which is used.
 *
 * It is the fastest of the CPU (cr_isa_usual), or what the environment variable CAMRANK_ISA names (any,
 * avx2, avx512, avx512-bf16, amx); other values of it, and what the CPU lacks or the kernel does not
 * permit, are passed over here: the program refuses them as it starts (cr_kernels_check_isa). The variable
 * is read once. Products and sums are contracted where the set
 * can, so that results differ between sets by rounding. The last two are avx512 but for products of
 * bfloat16 (pairs.h).
 *
 * isa_any.c, isa_avx2.c and isa_avx512.c each include the *_loops.h, having set what vector.h
 * asks for. Nobody looks at floating-point traps: without them the compiler may compute both sides of a
 * choice, and so vectorise it. Jumps are not threaded: else a value that is clamped to a constant is
 * computed on a path of its own, and vectors then take both paths, each with its division. */
#ifndef CAMRANK_KERNELS_ISA_H
#define CAMRANK_KERNELS_ISA_H

#include "camrank/kernels.h"

typedef enum cr_isa {
    CR_ISA_ANY,
    CR_ISA_AVX2,
    CR_ISA_AVX512,
    CR_ISA_AVX512_BF16,
    CR_ISA_AMX,
    CR_N_ISAS
} cr_isa;

/* packed.h: c [rows][width] = a [rows][runs][depth] times b [runs][depth][width], plus bias (may be
 * NULL), plus add (may be NULL; may be c), clamped if `clamps`. The width is
 * CR_PANEL or less by steps of CR_PANEL_STEP. */
typedef struct cr_panel {
    int rows, width, runs, depth;
    const cr_real *a;
    ptrdiff_t lda, run_step;
    const cr_real *b;
    const cr_real *next; /* the panel after this one, which is fetched meanwhile */
    const cr_real *bias, *add;
    ptrdiff_t add_step;
    bool clamps;
    cr_clamp clamp;
    cr_real *c;
    ptrdiff_t ldc;
} cr_panel;

/* depthwise.c: a row of output pixels; grouped.c: a block of their outputs. Columns of the input are
 * counted from the first one under the first window; steps are in cr_real. */
#define CR_BLOCK 8
#define CR_BLOCK_INPUTS 64
typedef struct cr_row {
    int q, c; /* pixels of the output; channels, of grouped.c inputs of a joined group */
    int s, stride, dilation; /* columns of the window; from window to window; within a window */
    int at_once;             /* of grouped.c: columns of the window that go over the input together,
                              * 1, or 3 of 3 */
    int r0, r1;              /* rows of the window that lie inside the input */
    int left, right;         /* the first column inside the input, and the one behind its last */
    const cr_real *x;        /* column 0 of the window's first row, inside or not */
    ptrdiff_t row, column;  /* steps of x from row to row of the window and from column to column */
    const cr_real *weights; /* laid out as each of the two says */
    const cr_real *bias;
    const cr_real *add; /* may be NULL; of grouped.c it may be y */
    cr_clamp clamp;
    cr_real *y;
    ptrdiff_t add_step, y_step; /* from pixel to pixel */
} cr_row;

/* winograd.h: a tile of pixels to its points, and the products to a tile of pixels. Point (i, j), of 6
 * by 6, is at (6 i + j) point_step, whether or not it is taken: a multiple of CR_WINOGRAD_LANES
 * channels, filled up with zeros. */
#define CR_WINOGRAD_LANES 16
typedef struct cr_winograd_tile {
    int channels;
    int points_h, points_w; /* points of each direction that are taken: the first 3 to 6 */
    int rows, columns;      /* pixels of the tile that there are, from its first_*: as many as its
                             * points or fewer; of the way back two fewer than its points */
    int first_row, first_column;
    ptrdiff_t row, column; /* steps of pixels, in cr_real */
    const cr_real *from;   /* the tile's first pixel, there or not; its first point */
    cr_real *to;
    ptrdiff_t point_step;
    const cr_real *bias, *add;     /* of the way back; may be NULL; add may be `to` */
    ptrdiff_t add_row, add_column; /* steps of add */
    cr_clamp clamp;
} cr_winograd_tile;

typedef struct cr_isa_loops {
    void (*panel)(const cr_panel *panel);
    void (*depthwise)(const cr_row *row);
    void (*grouped)(const cr_row *row);
    void (*winograd_points)(const cr_winograd_tile *tile);
    void (*winograd_pixels)(const cr_winograd_tile *tile);
    void (*unary)(cr_unary_op op, size_t n, const cr_real *x, cr_real *y); /* y may be x */
    void (*softmax)(size_t rows, int c, const cr_real *x, cr_real *y);     /* y may be x */
} cr_isa_loops;

extern const cr_isa_loops cr_loops_any, cr_loops_avx2, cr_loops_avx512;

/* Those in use. */
const cr_isa_loops *cr_loops(void);

/* The best that this CPU has, and what is used of it unless CAMRANK_ISA names another: AVX512_BF16 without AMX
 * is left to AMD's CPUs. */
cr_isa cr_isa_best(void);
cr_isa cr_isa_usual(cr_isa best);

/* The one in use, and its name in CAMRANK_ISA. */
cr_isa cr_isa_used(void);
const char *cr_isa_name(cr_isa isa);

/* For tests: use `isa`, no more than cr_isa_best(), from now on. */
void cr_isa_use(cr_isa isa);

#endif
