/* kernels.h - the arithmetic of a network, forward and backward, on plain arrays.
 *
 * Letters: N images, H x W height and width of the input, C its channels, K channels of the output,
 * P x Q height and width of the output, R x S height and width of a window, G groups. Arrays are
 * channels last: x [N][H][W][C], y [N][P][Q][K]. Backward kernels ADD to dx; only gradients with
 * respect to activations exist, as nothing is trained here. In a backward kernel M gradients belong
 * to each image (one for each class followed back): dy [N][M][...], dx [N][M][...], while x and y
 * of the forward pass are [N][...]. An x_step or y_step is the distance of x or y from pixel to pixel
 * (or row to row), in cr_real, where their channels lie among others, and 0 where they lie alone.
 *
 * Of kernels that are not linear there are two more (B. A. Pearlmutter, Fast exact multiplication by
 * the Hessian, Neural Computation 6, 1994). A tangent kernel writes the derivative ty of y along tx,
 * one for each image: tx like x, ty like y, without steps. A curve kernel ADDS to dx what the backward
 * kernel's result changes by along tx while dy stays; it is of one image, dy and dx [M][...]. Where the
 * function is linear in pieces that is nothing, and where it is linear forward is the tangent kernel.
 *
 * All functions are Local and do not allocate; all but cr_kernels_check_isa cannot fail. */
#ifndef CAMRANK_KERNELS_H
#define CAMRANK_KERNELS_H

#include "camrank/base.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* float; double only in the build that checks gradients by finite differences. */
#ifndef CR_REAL
#define CR_REAL float
#endif
typedef CR_REAL cr_real;

/* The distance of pixels of c channels that such a step means. */
static inline ptrdiff_t cr_step_of(ptrdiff_t step, int c)
{
    return step ? step : c;
}

/* The instruction set that the kernels use, such as "avx512": the fastest of the CPU, or what
 * the environment variable CAMRANK_ISA names (any, avx2, avx512, avx512-bf16, amx). AVX512_BF16 without AMX is the
 * fastest on AMD's CPUs only: on Intel's its peak is half that of float32. */
const char *cr_kernels_isa(void);

/* Whether CAMRANK_ISA, where it is set, names an instruction set of this CPU. Errors: CR_EUSAGE. */
cr_status cr_kernels_check_isa(cr_error *err);

/* A bfloat16: the upper half of a float32. Values are rounded to the nearest, of two alike to the even one;
 * denormal numbers become 0, as the CPUs' own instructions have it, and a NaN stays one. */
typedef uint16_t cr_bfloat16;

/* The value that a bfloat16 stands for, and the bfloat16 that x is rounded to. */
cr_real cr_bfloat16_value(cr_bfloat16 x);
cr_bfloat16 cr_bfloat16_of(cr_real x);

/* The same of rows of c values, which are x_step and y_step apart where that is not 0; and x rounded where it
 * lies. */
void cr_bfloat16_load(size_t rows, size_t c, const cr_bfloat16 *x, ptrdiff_t x_step, cr_real *y,
                      ptrdiff_t y_step);
void cr_bfloat16_store(size_t rows, size_t c, const cr_real *x, ptrdiff_t x_step, cr_bfloat16 *y,
                       ptrdiff_t y_step);
void cr_bfloat16_round(size_t rows, size_t c, cr_real *x, ptrdiff_t x_step);

/* A weight rounded up from another place on than the tie, which is the middle between two neighbours: `tie` below it,
 * in 0x10000ths of their distance, |tie| <= CR_TIE_MOST. A bfloat16 stays what it is. */
enum { CR_TIE_MOST = 0x4000, CR_TIE_STEPS = 512 };
cr_bfloat16 cr_bfloat16_tied(cr_real weight, int tie);

/* Finds the tie with which the errors of a filter's weights add up to as little as possible: all zero at first, then
 * each weight is added. The order of these may change the tie. */
typedef struct cr_ties {
    double error; /* sum of rounded less exact weights */
    double moves[2]
                [CR_TIE_STEPS + 1]; /* what it changes by, up and down, at each step of the tie */
} cr_ties;
void cr_ties_add(cr_ties *ties, cr_real weight);
int cr_ties_find(const cr_ties *ties);

/* The interval that an activation clamps to: ReLU is [0, inf], ReLU6 [0, 6], none [-inf, inf]. */
typedef struct cr_clamp {
    cr_real lo, hi;
} cr_clamp;
#define CR_NO_CLAMP ((cr_clamp){-(cr_real)INFINITY, (cr_real)INFINITY})

/* y = min(max(x, lo), hi); NaN stays NaN. y may be x. */
void cr_clamp_forward(cr_clamp clamp, size_t n, const cr_real *x, cr_real *y);

/* dy is set to 0 where the forward output y is not strictly inside the interval (PyTorch's ReLU).
 *   y [n_images][rows][c], rows y_step apart; dy [n_images][m][rows][c] */
void cr_clamp_mask(cr_clamp clamp, size_t n_images, int m, size_t rows, size_t c, const cr_real *y,
                   ptrdiff_t y_step, cr_real *dy);

/* A convolution or a pooling window over one image. What lies outside the input is padding. */
typedef struct cr_window {
    int h, w, c; /* input */
    int p, q, k; /* output; k = c for pooling */
    int r, s;    /* window */
    int stride_h, stride_w;
    int pad_top, pad_left;
    int dilation_h, dilation_w;
    int groups; /* of a convolution; 1 for pooling */
} cr_window;

/* The window of rows first .. first + n - 1 of the output alone: of the input's rows it has those that they see, from
 * *x_first on. */
cr_window cr_window_rows(const cr_window *win, int first, int n, int *x_first);

/* The weight from input channel c of its group to output channel k (of all) at window position
 * t = r S + s. */
typedef cr_real (*cr_weight_fn)(const void *context, int k, int c, int t);

/* What a convolution of n images reads and writes: y = clamp(x * weights + bias + add). */
typedef struct cr_conv_pass {
    int n;
    const cr_real *x;
    ptrdiff_t x_step;
    const cr_real *weights, *bias; /* packed; [K] */
    const cr_real *add;            /* [n][P][Q][K], or NULL; y if the way adds in place */
    cr_clamp clamp;
    cr_real *y;
    ptrdiff_t y_step;
    cr_real *scratch;
} cr_conv_pass;

/* The same of its way back: dx += dy convolved back. */
typedef struct cr_conv_back {
    int n;             /* gradients: N x M */
    const cr_real *dy; /* before the clamp */
    const cr_real *weights, *weights_back;
    cr_real *dx;
    cr_real *scratch;
} cr_conv_back;

/* The kinds of work that ways are made of. What each takes depends on the instruction set: the rates
 * of conv.c. */
typedef enum cr_work {
    CR_WORK_MULTIPLY, /* multiply-adds of a product, with those that fill up its panels and tiles */
    CR_WORK_STORE,    /* sums of a product, written once for each slice of its depth */
    CR_WORK_WEIGHTS,  /* packed weights that a product reads, each time that it does */
    CR_WORK_COPY,     /* values copied into place for a product */
    CR_WORK_RUN,      /* and the runs that they are copied in */
    CR_WORK_POINTS,   /* Winograd's: points that pixels go to */
    CR_WORK_PIXELS,   /* and that pixels come from */
    CR_WORK_LANES,    /* multiply-adds of channels, each by itself */
    CR_WORK_BLOCKS,   /* multiply-adds of groups, with those that fill up their blocks */
    CR_WORK_MOVE,     /* values of input and output: of all ways the same, and no way's to count */
    CR_WORK_CALL,     /* 1: the same */
    CR_N_WORKS
} cr_work;

/* A way to compute a convolution. Several may fit a window; each lays weights out in an order and a
 * form of its own (Winograd's transforms them), which depend on the window only. With any of them
 * each image's result depends on that image only, in every bit.
 *
 * Errors against sums of exact products, for sums of D = R S C/G products (R S K/G on the way back)
 * with the bias and what is added, whose magnitudes come to A:
 *
 *   winograd    16 2^-24 times the largest A, of any value, at any D
 *   the others  (D + 2) 2^-24 A
 *
 * test_kernels asserts both, of every way that fits, on every instruction set. */
typedef struct cr_way {
    const char *name;
    bool adds_in_place; /* forward may be given what it adds where it is to write */
    bool by_rows;       /* a row of the output is the same bits by itself: see cr_window_rows */
    bool (*fits)(const cr_window *win);
    /* Adds the work for one image, as one of many. */
    void (*work)(const cr_window *win, double work[CR_N_WORKS]);
    size_t (*weights)(const cr_window *win); /* cr_real of the packed weights */
    size_t (*scratch)(const cr_window *win); /* cr_real of scratch, forward or backward */
    void (*pack)(const cr_window *win, cr_weight_fn weight, const void *context, cr_real *packed);
    /* What backward wants besides; both NULL for nothing. */
    size_t (*weights_back)(const cr_window *win);
    void (*pack_back)(const cr_window *win, cr_weight_fn weight, const void *context,
                      cr_real *packed);
    void (*forward)(const cr_window *win, const cr_conv_pass *pass);
    void (*backward)(const cr_window *win, const cr_conv_back *back);
} cr_way;

/* All ways; ends with NULL. The last fits every window. */
extern const cr_way *const cr_ways[];

/* The way of that name; NULL if there is none. */
const cr_way *cr_way_find(const char *name);

/* What a way that fits is estimated to take for one image, seconds: its work at the rates of the
 * instruction set in use. */
double cr_way_cost(const cr_way *way, const cr_window *win);

/* The way that a window goes unless somebody wants another: the one that is estimated to take least.
 * It depends on the shape and the instruction set only, on nothing measured, so that results do not
 * depend on batch, ranks or the machine's load. */
const cr_way *cr_way_of(const cr_window *win);

/* A convolution: its window, and the way that it goes. */
typedef struct cr_conv {
    cr_window win;
    const cr_way *way;
} cr_conv;

/* A convolution of bfloat16, products summed up in float32: forward or, with respect to its input, backward, which
 * is one where the input's pixels lie `up` apart. Errors before the rounding are those of a float32 way, and the
 * CPUs' instructions take denormal numbers for 0. */
typedef struct cr_pairs {
    cr_window win;
    int up_h, up_w;
    bool turned; /* backward, of a fully connected layer: reads the weights of the way forward */
} cr_pairs;

/* Whether the instruction set in use multiplies bfloat16, and the window is one that this can do. */
bool cr_pairs_fit(const cr_window *win);

/* About how many times as fast as those of float32 its products are. */
double cr_pairs_speed(void);

/* Bytes from memory that take as long as what each convolution does, however many images it is for. */
double cr_pairs_pass_bytes(const cr_pairs *p);
cr_pairs cr_pairs_forward(const cr_window *win);
cr_pairs cr_pairs_backward(const cr_window *win);

/* Numbers of the packed weights and of scratch. */
size_t cr_pairs_weights(const cr_pairs *p);
size_t cr_pairs_scratch(const cr_pairs *p);

/* Rounds and packs the weights: weight(context, k, c, t) to output channel k of this convolution. */
void cr_pairs_pack(const cr_pairs *p, cr_weight_fn weight, const void *context,
                   cr_bfloat16 *packed);

/* y = clamp(x * weights + bias + add) of n images, rounded, or, of reals, as it is. Each image's result depends on that image only, in
 * every bit. */
typedef struct cr_pairs_pass {
    int n;
    const cr_bfloat16 *x;
    ptrdiff_t x_step;
    const cr_bfloat16 *weights;
    const cr_real *bias;    /* may be NULL */
    const cr_bfloat16 *add; /* [n][P][Q][K], may be y; may be NULL */
    cr_clamp clamp;
    cr_bfloat16 *y;
    cr_real *reals; /* NULL, or written in place of y */
    ptrdiff_t y_step;
    cr_bfloat16 *scratch;
} cr_pairs_pass;
void cr_pairs_convolve(const cr_pairs *p, const cr_pairs_pass *pass);

/* A convolution over three dimensions (fewer: the first have extent 1), by a plain kernel: x
 * [n][in][C], y [n][out][K], weights [window][G][C/G][K/G]. Forward ADDS to y as backward does to dx; what
 * is backward here is forward of a transposed convolution, whose input is dy. After cr_blas_load. */
typedef struct cr_volume {
    int in[3], out[3], window[3];
    int stride[3], pad[3], dilation[3]; /* pad: in front */
    int c, k, groups;
} cr_volume;
void cr_volume_forward(const cr_volume *p, int n, const cr_real *x, const cr_real *weights,
                       cr_real *y);
void cr_volume_backward(const cr_volume *p, int n, const cr_real *dy, const cr_real *weights,
                        cr_real *dx);

/* Maximum over the window; of equal ones the first in raster order takes the gradient (PyTorch). */
void cr_maxpool_forward(const cr_window *win, int n, const cr_real *x, ptrdiff_t x_step, cr_real *y,
                        ptrdiff_t y_step);
void cr_maxpool_backward(const cr_window *win, int n, int m, const cr_real *x, ptrdiff_t x_step,
                         const cr_real *dy, cr_real *dx);
void cr_maxpool_tangent(const cr_window *win, int n, const cr_real *x, ptrdiff_t x_step,
                        const cr_real *tx, cr_real *ty);

/* Mean over the window, which may hang over a padded border of pad_bottom and pad_right.
 *   count_padding  the padded pixels count (as 0) in the divisor */
typedef struct cr_avgpool {
    cr_window win;
    int pad_bottom, pad_right;
    bool count_padding;
} cr_avgpool;
void cr_avgpool_forward(const cr_avgpool *pool, int n, const cr_real *x, ptrdiff_t x_step,
                        cr_real *y, ptrdiff_t y_step);
void cr_avgpool_backward(const cr_avgpool *pool, int n, const cr_real *dy, cr_real *dx);

/* Over all `hw` pixels of an image: x [n][hw][c], y [n][c]. */
void cr_global_mean_forward(int n, int hw, int c, const cr_real *x, cr_real *y);
void cr_global_mean_backward(int n, int hw, int c, const cr_real *dy, cr_real *dx);
void cr_global_max_forward(int n, int hw, int c, const cr_real *x, cr_real *y);
void cr_global_max_backward(int n, int m, int hw, int c, const cr_real *x, const cr_real *dy,
                            cr_real *dx);
void cr_global_max_tangent(int n, int hw, int c, const cr_real *x, const cr_real *tx, cr_real *ty);

/* y = clamp(x * scale + shift) for each channel: x [rows][c]. y may be x, with the same
 * step. */
void cr_affine_forward(size_t rows, int c, const cr_real *x, ptrdiff_t x_step, const cr_real *scale,
                       const cr_real *shift, cr_clamp clamp, cr_real *y, ptrdiff_t y_step);
void cr_affine_backward(size_t rows, int c, const cr_real *scale, const cr_real *dy, cr_real *dx);

/* y = a op b: a, y [n][rows][c]; b the same, or [n][c], one value a channel for all rows, or
 * [n][rows], one value a row for all channels. y may be a, or b where that is the same.
 * Backward: da and db may be NULL where no gradient is wanted. */
typedef enum cr_binary_op { CR_ADD, CR_SUB, CR_MUL, CR_DIV } cr_binary_op;
typedef enum cr_spread { CR_SPREAD_NONE, CR_SPREAD_ROWS, CR_SPREAD_CHANNELS } cr_spread;
typedef struct cr_binary {
    cr_binary_op op;
    cr_spread spread; /* of b: over all rows, or over all channels */
    int rows, c;
} cr_binary;
void cr_binary_forward(const cr_binary *p, int n, const cr_real *a, const cr_real *b, cr_real *y);
void cr_binary_backward(const cr_binary *p, int n, int m, const cr_real *a, const cr_real *b,
                        const cr_real *dy, cr_real *da, cr_real *db);

/* Of CR_MUL and CR_DIV: the others are linear. */
void cr_binary_tangent(const cr_binary *p, int n, const cr_real *a, const cr_real *b,
                       const cr_real *ta, const cr_real *tb, cr_real *ty);
void cr_binary_curve(const cr_binary *p, int m, const cr_real *a, const cr_real *b,
                     const cr_real *ta, const cr_real *tb, const cr_real *dy, cr_real *da,
                     cr_real *db);

/* y = f(x) for each of n values; y may be x. alpha and beta are those of HardSigmoid, max(0, min(1,
 * alpha x + beta)); alpha is the exponent of CR_POW. Backward needs x of the forward pass,
 * [n_images][n], but for CR_SILU and CR_GELU y as well, and dy [n_images][m][n]. */
typedef enum cr_unary_op {
    CR_SIGMOID,
    CR_HARD_SIGMOID,
    CR_HARD_SWISH, /* x HardSigmoid(x), alpha 1/6, beta 1/2 */
    CR_ERF,
    CR_SQRT,
    CR_POW,
    CR_SILU, /* x Sigmoid(x) */
    CR_GELU, /* x (1 + Erf(x / sqrt 2)) / 2 */
} cr_unary_op;
typedef struct cr_unary {
    cr_unary_op op;
    cr_real alpha, beta;
    size_t n;
} cr_unary;
void cr_unary_forward(const cr_unary *p, int n_images, const cr_real *x, cr_real *y);
void cr_unary_backward(const cr_unary *p, int n_images, int m, const cr_real *x, const cr_real *y,
                       const cr_real *dy, cr_real *dx);
void cr_unary_tangent(const cr_unary *p, int n_images, const cr_real *x, const cr_real *y,
                      const cr_real *tx, cr_real *ty);
void cr_unary_curve(const cr_unary *p, int m, const cr_real *x, const cr_real *y, const cr_real *tx,
                    const cr_real *dy, cr_real *dx);

/* y = f(x) of further functions, with parameters alpha and beta, which are as ONNX has them; alpha and beta
 * of CR_FUNCTION_SELU are alpha and gamma, of CR_FUNCTION_SHRINK bias and lambd. Truth is 1 and 0. y may
 * be x. Backward needs x, [n_images][n], and dy [n_images][m][n]. */
typedef enum cr_function_op {
    CR_FUNCTION_ABS,
    CR_FUNCTION_ACOS,
    CR_FUNCTION_ACOSH,
    CR_FUNCTION_ASIN,
    CR_FUNCTION_ASINH,
    CR_FUNCTION_ATAN,
    CR_FUNCTION_ATANH,
    CR_FUNCTION_CEIL,
    CR_FUNCTION_CELU,
    CR_FUNCTION_COS,
    CR_FUNCTION_COSH,
    CR_FUNCTION_ELU,
    CR_FUNCTION_EXP,
    CR_FUNCTION_FLOOR,
    CR_FUNCTION_GELU_BY_TANH,
    CR_FUNCTION_IS_INF, /* alpha: whether inf counts, beta: -inf */
    CR_FUNCTION_IS_NAN,
    CR_FUNCTION_LEAKY_RELU,
    CR_FUNCTION_LOG,
    CR_FUNCTION_MISH,
    CR_FUNCTION_NEG,
    CR_FUNCTION_NON_ZERO,
    CR_FUNCTION_NOT,
    CR_FUNCTION_RECIPROCAL,
    CR_FUNCTION_ROUND,
    CR_FUNCTION_SELU,
    CR_FUNCTION_SHRINK,
    CR_FUNCTION_SIGN,
    CR_FUNCTION_SIN,
    CR_FUNCTION_SINH,
    CR_FUNCTION_SOFTPLUS,
    CR_FUNCTION_SOFTSIGN,
    CR_FUNCTION_SWISH,
    CR_FUNCTION_TAN,
    CR_FUNCTION_TANH,
    CR_FUNCTION_THRESHOLDED_RELU,
    CR_FUNCTION_TRUNC,
} cr_function_op;
typedef struct cr_function {
    cr_function_op op;
    cr_real alpha, beta;
    size_t n;
} cr_function;
void cr_function_forward(const cr_function *p, int n_images, const cr_real *x, cr_real *y);
void cr_function_backward(const cr_function *p, int n_images, int m, const cr_real *x,
                          const cr_real *dy, cr_real *dx);
void cr_function_tangent(const cr_function *p, int n_images, const cr_real *x, const cr_real *tx,
                         cr_real *ty);
void cr_function_curve(const cr_function *p, int m, const cr_real *x, const cr_real *tx,
                       const cr_real *dy, cr_real *dx);

/* y = f(a, b) for each of n values; y may be a or b. CR_PAIR_MOD has the sign of b, CR_PAIR_FMOD that of a.
 * In backward n is of one image, and da or db may be NULL. */
typedef enum cr_pair_op {
    CR_PAIR_AND,
    CR_PAIR_EQUAL,
    CR_PAIR_FMOD,
    CR_PAIR_GREATER,
    CR_PAIR_GREATER_EQUAL,
    CR_PAIR_LESS,
    CR_PAIR_LESS_EQUAL,
    CR_PAIR_MAX,
    CR_PAIR_MIN,
    CR_PAIR_MOD,
    CR_PAIR_OR,
    CR_PAIR_POW,
    CR_PAIR_PRELU, /* a where it is positive, else a b */
    CR_PAIR_XOR,
} cr_pair_op;
void cr_pair_forward(cr_pair_op op, size_t n, const cr_real *a, const cr_real *b, cr_real *y);
void cr_pair_backward(cr_pair_op op, int n_images, int m, size_t n, const cr_real *a,
                      const cr_real *b, const cr_real *dy, cr_real *da, cr_real *db);
void cr_pair_tangent(cr_pair_op op, size_t n, const cr_real *a, const cr_real *b, const cr_real *ta,
                     const cr_real *tb, cr_real *ty);
void cr_pair_curve(cr_pair_op op, int m, size_t n, const cr_real *a, const cr_real *b,
                   const cr_real *ta, const cr_real *tb, const cr_real *dy, cr_real *da,
                   cr_real *db);

/* y = a where c is not 0, else b. */
void cr_choose_forward(size_t n, const cr_real *c, const cr_real *a, const cr_real *b, cr_real *y);
void cr_choose_backward(int n_images, int m, size_t n, const cr_real *c, const cr_real *dy,
                        cr_real *da, cr_real *db);

/* Of each row one number: x [rows][c], y [rows]. Of equal extremes the first takes the gradient. Backward
 * needs x and y, [n][rows][c] and [n][rows]. */
typedef enum cr_reduce_op {
    CR_REDUCE_ARG_MAX, /* which of the row, as a number; of equal ones the first, */
    CR_REDUCE_ARG_MIN,
    CR_REDUCE_L1,
    CR_REDUCE_L2,
    CR_REDUCE_LAST_ARG_MAX, /* or the last */
    CR_REDUCE_LAST_ARG_MIN,
    CR_REDUCE_LOG_SUM,
    CR_REDUCE_LOG_SUM_EXP,
    CR_REDUCE_MAX,
    CR_REDUCE_MEAN,
    CR_REDUCE_MIN,
    CR_REDUCE_PROD,
    CR_REDUCE_SUM,
    CR_REDUCE_SUM_SQUARE,
} cr_reduce_op;
void cr_reduce_forward(cr_reduce_op op, size_t rows, int c, const cr_real *x, cr_real *y);
void cr_reduce_backward(cr_reduce_op op, int n, int m, size_t rows, int c, const cr_real *x,
                        const cr_real *y, const cr_real *dy, cr_real *dx);
void cr_reduce_tangent(cr_reduce_op op, size_t rows, int c, const cr_real *x, const cr_real *y,
                       const cr_real *tx, cr_real *ty);
void cr_reduce_curve(cr_reduce_op op, int m, size_t rows, int c, const cr_real *x, const cr_real *y,
                     const cr_real *tx, const cr_real *ty, const cr_real *dy, cr_real *dx);

/* Over the channels of each row: x [rows][c], y [rows]. */
void cr_row_mean_forward(size_t rows, int c, const cr_real *x, cr_real *y);
void cr_row_mean_backward(size_t rows, int c, const cr_real *dy, cr_real *dx);

/* Layer normalisation of each row: y = (x - mean) / sqrt(variance + epsilon) * scale + shift, with
 * scale, shift [c]. y may be x. Backward needs x, [n_images][rows][c]. */
void cr_layer_norm_forward(size_t rows, int c, cr_real epsilon, const cr_real *x,
                           const cr_real *scale, const cr_real *shift, cr_real *y);
void cr_layer_norm_backward(int n_images, int m, size_t rows, int c, cr_real epsilon,
                            const cr_real *x, const cr_real *scale, const cr_real *dy, cr_real *dx);
void cr_layer_norm_tangent(size_t rows, int c, cr_real epsilon, const cr_real *x,
                           const cr_real *scale, const cr_real *tx, cr_real *ty);
void cr_layer_norm_curve(int m, size_t rows, int c, cr_real epsilon, const cr_real *x,
                         const cr_real *scale, const cr_real *tx, const cr_real *dy, cr_real *dx);

/* Local response normalisation of rows of c channels: y = x (bias + alpha / size sum)^-beta with the sum of
 * squares over `size` channels around each, (size - 1) / 2 of them before it. */
typedef struct cr_response {
    int c, size;
    cr_real alpha, beta, bias;
} cr_response;
void cr_response_forward(const cr_response *p, size_t rows, const cr_real *x, cr_real *y);
void cr_response_backward(const cr_response *p, int n, int m, size_t rows, const cr_real *x,
                          const cr_real *dy, cr_real *dx);
void cr_response_tangent(const cr_response *p, size_t rows, const cr_real *x, const cr_real *tx,
                         cr_real *ty);
void cr_response_curve(const cr_response *p, int m, size_t rows, const cr_real *x,
                       const cr_real *tx, const cr_real *dy, cr_real *dx);

/* Normalisation of each group of an image to mean 0 and variance 1, then scale and shift. Group g has
 * `places` places from g group_step on, place_step apart, with `members` elements each side by side; an
 * image is all of its groups. scale, shift [groups], or one for each member or each place of all groups. */
typedef enum cr_group_scales { CR_SCALE_GROUPS, CR_SCALE_MEMBERS, CR_SCALE_PLACES } cr_group_scales;
typedef struct cr_group_norm {
    int groups, members;
    size_t places, group_step, place_step;
    cr_group_scales scales;
    cr_real epsilon;
} cr_group_norm;
void cr_group_norm_forward(const cr_group_norm *p, int n, const cr_real *x, const cr_real *scale,
                           const cr_real *shift, cr_real *y);
void cr_group_norm_backward(const cr_group_norm *p, int n, int m, const cr_real *x,
                            const cr_real *scale, const cr_real *dy, cr_real *dx);
void cr_group_norm_tangent(const cr_group_norm *p, int n, const cr_real *x, const cr_real *scale,
                           const cr_real *tx, cr_real *ty);
void cr_group_norm_curve(const cr_group_norm *p, int m, const cr_real *x, const cr_real *scale,
                         const cr_real *tx, const cr_real *dy, cr_real *dx);

/* Interpolation along one dimension: y[o][i][q] = sum over t of weights[i][t] x[o][index[i][t]][q], for
 * `outer` times n_out times inner values. */
typedef struct cr_interpolate {
    int n_in, n_out, n_taps;
    size_t inner;
    const int *index;       /* [n_out][n_taps] */
    const cr_real *weights; /* [n_out][n_taps] */
} cr_interpolate;
void cr_interpolate_forward(const cr_interpolate *p, size_t outer, const cr_real *x, cr_real *y);
void cr_interpolate_backward(const cr_interpolate *p, size_t outer, const cr_real *dy, cr_real *dx);

/* Samples of maps x [n][H][W][C] at grid [n][samples][2], x and then y in [-1, 1] from the left and upper
 * edge to the other, or, with `corners`, from centre to centre of the outer pixels: y [n][samples][C].
 * Beyond the edge there is 0, the edge, or the map mirrored. In backward dx or dgrid may be NULL. */
typedef enum cr_sample_mode { CR_SAMPLE_NEAREST, CR_SAMPLE_LINEAR, CR_SAMPLE_CUBIC } cr_sample_mode;
typedef enum cr_sample_border {
    CR_SAMPLE_ZEROS,
    CR_SAMPLE_EDGE,
    CR_SAMPLE_REFLECT
} cr_sample_border;
typedef struct cr_sample {
    int h, w, c, samples;
    cr_sample_mode mode;
    cr_sample_border border;
    bool corners;
} cr_sample;
void cr_sample_forward(const cr_sample *p, int n, const cr_real *x, const cr_real *grid,
                       cr_real *y);
void cr_sample_backward(const cr_sample *p, int n, int m, const cr_real *x, const cr_real *grid,
                        const cr_real *dy, cr_real *dx, cr_real *dgrid);
void cr_sample_tangent(const cr_sample *p, int n, const cr_real *x, const cr_real *grid,
                       const cr_real *tx, const cr_real *tgrid, cr_real *ty);
void cr_sample_curve(const cr_sample *p, int m, const cr_real *x, const cr_real *grid,
                     const cr_real *tx, const cr_real *tgrid, const cr_real *dy, cr_real *dx,
                     cr_real *dgrid);

/* y[i] = index[i] >= 0 ? x[index[i]] : fill, for each of n images: rearranging, padding, cutting. Within
 * each `run` of y, which n_out is a multiple of, the index counts up by one, or is negative throughout. */
void cr_gather_forward(int n, size_t n_in, size_t n_out, size_t run, const int *index, cr_real fill,
                       const cr_real *x, cr_real *y);
void cr_gather_backward(int n, size_t n_in, size_t n_out, size_t run, const int *index,
                        const cr_real *dy, cr_real *dx);

/* Softmax over the channels: x [rows][c]. Backward needs y, [n_images][rows][c]. */
void cr_softmax_forward(size_t rows, int c, const cr_real *x, cr_real *y);
void cr_softmax_backward(int n, int m, size_t rows, int c, const cr_real *y, const cr_real *dy,
                         cr_real *dx);
void cr_softmax_tangent(size_t rows, int c, const cr_real *y, const cr_real *tx, cr_real *ty);
void cr_softmax_curve(int m, size_t rows, int c, const cr_real *y, const cr_real *ty,
                      const cr_real *dy, cr_real *dx);

#endif
