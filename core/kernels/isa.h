/* isa.h - the inner loops that are compiled once for each instruction set, and which is used.
 *
 * It is the best of the CPU, or a lesser one that the environment variable CAMRANK_ISA names (any,
 * avx2, avx512); other values of it, and what the CPU lacks, are passed over. The variable is read
 * once. Products and sums are contracted where the set can, so that results differ between sets by
 * rounding.
 *
 * isa_any.c, isa_avx2.c and isa_avx512.c each include panel_loops.h, depthwise_loops.h,
 * unary_loops.h and winograd_loops.h, having set what vector.h asks for. */
#ifndef CAMRANK_KERNELS_ISA_H
#define CAMRANK_KERNELS_ISA_H

#include "camrank/kernels.h"

typedef enum cr_isa { CR_ISA_ANY, CR_ISA_AVX2, CR_ISA_AVX512, CR_N_ISAS } cr_isa;

/* packed.h: c [rows][width] = a [rows][runs][depth] times b [runs][depth][width], plus bias (may be
 * NULL), plus add (may be NULL; may be c), clamped if `clamps`. The width is CR_PANEL or half. */
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

/* depthwise.h: `pixels` (1 or CR_DEPTHWISE_PIXELS) output pixels side by side, of which rows r0 to
 * r1 and columns s0 to s1 of the window lie inside the input. Steps are in cr_real. */
#define CR_DEPTHWISE_PIXELS 4
typedef struct cr_depthwise_pixels {
    int pixels, c;
    int r0, r1, s0, s1, s;       /* s: columns of the window */
    const cr_real *x;            /* under the first window's first position, inside or not */
    ptrdiff_t step, row, column; /* of x from pixel to pixel, and from position to position */
    const cr_real *weights, *bias;
    const cr_real *add; /* [pixels][c]; may be NULL, not y */
    cr_clamp clamp;
    cr_real *y;
    ptrdiff_t y_step; /* from pixel to pixel */
} cr_depthwise_pixels;

/* winograd.h: a tile of pixels to its 36 points, and 36 products to a tile of pixels. Points are
 * point_step apart, a multiple of CR_WINOGRAD_LANES channels, filled up with zeros. */
#define CR_WINOGRAD_LANES 16
typedef struct cr_winograd_tile {
    int channels;
    int rows, columns; /* pixels of the tile that there are, from its first_* */
    int first_row, first_column;
    ptrdiff_t row, column; /* steps of pixels, in cr_real */
    const cr_real *from;   /* the tile's first pixel, there or not; its first point */
    cr_real *to;
    ptrdiff_t point_step;
    const cr_real *bias, *add;     /* of the way back; may be NULL */
    ptrdiff_t add_row, add_column; /* steps of add */
    cr_clamp clamp;
} cr_winograd_tile;

typedef struct cr_isa_loops {
    void (*panel)(const cr_panel *panel);
    void (*depthwise)(const cr_depthwise_pixels *pixels);
    void (*winograd_points)(const cr_winograd_tile *tile);
    void (*winograd_pixels)(const cr_winograd_tile *tile);
    void (*unary)(cr_unary_op op, size_t n, const cr_real *x, cr_real *y); /* y may be x */
} cr_isa_loops;

extern const cr_isa_loops cr_loops_any, cr_loops_avx2, cr_loops_avx512;

/* Those in use. */
const cr_isa_loops *cr_loops(void);

/* The best that this CPU has. */
cr_isa cr_isa_best(void);

/* The one in use, and its name in CAMRANK_ISA. */
cr_isa cr_isa_used(void);
const char *cr_isa_name(cr_isa isa);

/* For tests: use `isa`, no more than cr_isa_best(), from now on. */
void cr_isa_use(cr_isa isa);

#endif
