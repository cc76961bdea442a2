/* Functions of single values. Those made of exp and erf are in unary_loops.h: there products and sums
 * are contracted, which is a third of the time. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"
#include "functions.h"
#include "isa.h"

#include <math.h>

#define SQRT(x) _Generic((cr_real){0}, double : sqrt, default : sqrtf)(x)
#define POW(x, y) _Generic((cr_real){0}, double : pow, default : powf)(x, y)

static inline cr_real clamp01(cr_real x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

#define EACH_VALUE(value)                 \
    _Pragma("GCC ivdep") /* y may be x */ \
        for (size_t i = 0; i < n; i++) y[i] = value

CR_MULTIVERSION
static void simple_forward(const cr_unary *p, size_t n, const cr_real *x, cr_real *y)
{
    cr_real alpha = p->alpha, beta = p->beta;
    switch (p->op) {
    case CR_HARD_SIGMOID:
        EACH_VALUE(clamp01(alpha * x[i] + beta));
        return;
    case CR_HARD_SWISH:
        EACH_VALUE(x[i] * clamp01(x[i] / 6 + (cr_real)0.5));
        return;
    case CR_SQRT:
        EACH_VALUE(SQRT(x[i]));
        return;
    case CR_POW:
        if (alpha == 2)
            EACH_VALUE(x[i] * x[i]);
        else
            EACH_VALUE(POW(x[i], alpha));
        return;
    default:
        return;
    }
}

void cr_unary_forward(const cr_unary *p, int n_images, const cr_real *x, cr_real *y)
{
    size_t n = (size_t)n_images * p->n;
    bool by_exp = p->op == CR_SIGMOID || p->op == CR_SILU || p->op == CR_ERF || p->op == CR_GELU;
    if (by_exp)
        cr_loops()->unary(p->op, n, x, y);
    else
        simple_forward(p, n, x, y);
}

/* dy/dx at x, where the function has the value y. */
static inline cr_real slope(cr_unary_op op, cr_real alpha, cr_real x, cr_real y)
{
    switch (op) {
    case CR_SIGMOID:
        return y * (1 - y);
    case CR_HARD_SIGMOID:
        return y > 0 && y < 1 ? alpha : 0;
    case CR_HARD_SWISH:
        return x < -3 ? 0 : x > 3 ? 1 : x / 3 + (cr_real)0.5; /* as PyTorch has it at 3 */
    case CR_ERF:
        return (cr_real)1.1283791670955126 * CR_EXP(-x * x); /* 2 / sqrt(pi) */
    case CR_SQRT:
        return (cr_real)0.5 / y;
    case CR_POW:
        return alpha == 2 ? 2 * x : alpha == 0 ? 0 : alpha * POW(x, alpha - 1);
    case CR_SILU: {
        cr_real s = cr_sigmoid(x);
        return s * (1 + x * (1 - s));
    }
    case CR_GELU: /* 1 / sqrt(2 pi) */
        return cr_normal(x) + x * (cr_real)0.39894228040143268 * CR_EXP(x * x * (cr_real)-0.5);
    }
    return 0;
}

/* `op` is a constant wherever this is inlined, so that the loop is that function's own. */
static inline __attribute__((always_inline)) void add_slopes(const cr_unary_op op,
                                                             const cr_unary *p, const cr_real *x,
                                                             const cr_real *y, const cr_real *dy,
                                                             cr_real *restrict dx)
{
    for (size_t i = 0; i < p->n; i++)
        dx[i] += dy[i] * slope(op, p->alpha, x[i], y[i]);
}

#define SLOPES(op)                       \
    case op:                             \
        add_slopes(op, p, x, y, dy, dx); \
        return;

CR_MULTIVERSION
static void image_backward(const cr_unary *p, const cr_real *x, const cr_real *y, const cr_real *dy,
                           cr_real *restrict dx)
{
    switch (p->op) {
        SLOPES(CR_SIGMOID)
        SLOPES(CR_HARD_SIGMOID)
        SLOPES(CR_HARD_SWISH)
        SLOPES(CR_ERF)
        SLOPES(CR_SQRT)
        SLOPES(CR_POW)
        SLOPES(CR_SILU)
        SLOPES(CR_GELU)
    }
}

void cr_unary_backward(const cr_unary *p, int n_images, int m, const cr_real *x, const cr_real *y,
                       const cr_real *dy, cr_real *dx)
{
    for (int b = 0; b < n_images * m; b++, dy += p->n, dx += p->n) {
        size_t at = (size_t)(b / m) * p->n;
        image_backward(p, x + at, y ? y + at : NULL, dy, dx);
    }
}

void cr_unary_tangent(const cr_unary *p, int n_images, const cr_real *x, const cr_real *y,
                      const cr_real *tx, cr_real *ty)
{
    for (size_t i = 0; i < (size_t)n_images * p->n; i++)
        ty[i] = 0;
    cr_unary_backward(p, n_images, 1, x, y, tx, ty);
}

/* The second derivative at x, where the function has the value y; at a kink that of one side. */
static cr_real bend(cr_unary_op op, cr_real alpha, cr_real x, cr_real y)
{
    switch (op) {
    case CR_SIGMOID:
        return y * (1 - y) * (1 - 2 * y);
    case CR_HARD_SIGMOID:
        return 0;
    case CR_HARD_SWISH:
        return x < -3 || x > 3 ? 0 : (cr_real)1 / 3;
    case CR_ERF:
        return -2 * x * slope(op, alpha, x, y);
    case CR_SQRT:
        return (cr_real)-0.25 / (y * y * y);
    case CR_POW:
        return alpha == 2                 ? 2
               : alpha == 0 || alpha == 1 ? 0
                                          : alpha * (alpha - 1) * POW(x, alpha - 2);
    case CR_SILU: {
        cr_real s = cr_sigmoid(x);
        return s * (1 - s) * (2 + x * (1 - 2 * s));
    }
    case CR_GELU: /* 1 / sqrt(2 pi) */
        return (cr_real)0.39894228040143268 * CR_EXP(x * x * (cr_real)-0.5) * (2 - x * x);
    }
    return 0;
}

void cr_unary_curve(const cr_unary *p, int m, const cr_real *x, const cr_real *y, const cr_real *tx,
                    const cr_real *dy, cr_real *dx)
{
    for (size_t i = 0; i < p->n; i++) {
        cr_real bent = bend(p->op, p->alpha, x[i], y[i]) * tx[i];
        for (size_t j = i; j < (size_t)m * p->n; j += p->n)
            dx[j] += dy[j] * bent;
    }
}
