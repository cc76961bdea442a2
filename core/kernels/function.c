/* Functions of single values that no network spends much time in, each with its first and second
 * derivative. Those that are worth a loop of their own are in unary.c. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"
#include "functions.h"

#include <math.h>

#define M(name) _Generic((cr_real){0}, double : name, default : name##f)
#define SQUARE(x) ((x) * (x))

static inline cr_real sign(cr_real x)
{
    return (cr_real)((x > 0) - (x < 0));
}

static inline cr_real softplus(cr_real x)
{
    return M(log1p)(CR_EXP(-M(fabs)(x))) + (x > 0 ? x : 0);
}

/* x times the sigmoid of v, whose derivatives along x are v1 and v2. */
static inline cr_real gated_slope(cr_real x, cr_real v, cr_real v1)
{
    const cr_real s = cr_sigmoid(v);
    return s + x * s * (1 - s) * v1;
}

static inline cr_real gated_bend(cr_real x, cr_real v, cr_real v1, cr_real v2)
{
    const cr_real s = cr_sigmoid(v), s1 = s * (1 - s);
    return 2 * s1 * v1 + x * s1 * ((1 - 2 * s) * v1 * v1 + v2);
}

/* GELU by tanh is x Sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)). */
#define GATE (cr_real)1.5957691216057308
#define CUBE (cr_real)0.044715

static inline cr_real mish_slope(cr_real x)
{
    const cr_real t = M(tanh)(softplus(x));
    return t + x * (1 - t * t) * cr_sigmoid(x);
}

static inline cr_real mish_bend(cr_real x)
{
    const cr_real t = M(tanh)(softplus(x)), s = cr_sigmoid(x), u = 1 - t * t;
    return 2 * u * s + x * u * s * (1 - s - 2 * t * s);
}

/* name, value, slope, bend; of x, with parameters a and b. At a kink the side that PyTorch takes. */
#define FUNCTIONS(X)                                                                          \
    X(ABS, M(fabs)(x), sign(x), 0)                                                            \
    X(ACOS, M(acos)(x), -1 / M(sqrt)(1 - x * x), -x / M(pow)(1 - x * x, (cr_real)1.5))        \
    X(ACOSH, M(acosh)(x), 1 / M(sqrt)(x * x - 1), -x / M(pow)(x * x - 1, (cr_real)1.5))       \
    X(ASIN, M(asin)(x), 1 / M(sqrt)(1 - x * x), x / M(pow)(1 - x * x, (cr_real)1.5))          \
    X(ASINH, M(asinh)(x), 1 / M(sqrt)(x * x + 1), -x / M(pow)(x * x + 1, (cr_real)1.5))       \
    X(ATAN, M(atan)(x), 1 / (1 + x * x), -2 * x / SQUARE(1 + x * x))                          \
    X(ATANH, M(atanh)(x), 1 / (1 - x * x), 2 * x / SQUARE(1 - x * x))                         \
    X(CEIL, M(ceil)(x), 0, 0)                                                                 \
    X(CELU, x > 0 ? x : a * M(expm1)(x / a), x > 0 ? 1 : CR_EXP(x / a),                       \
      x > 0 ? 0 : CR_EXP(x / a) / a)                                                          \
    X(COS, M(cos)(x), -M(sin)(x), -M(cos)(x))                                                 \
    X(COSH, M(cosh)(x), M(sinh)(x), M(cosh)(x))                                               \
    X(ELU, x > 0 ? x : a * M(expm1)(x), x > 0 ? 1 : a * CR_EXP(x), x > 0 ? 0 : a * CR_EXP(x)) \
    X(EXP, M(exp)(x), M(exp)(x), M(exp)(x))                                                   \
    X(FLOOR, M(floor)(x), 0, 0)                                                               \
    X(GELU_BY_TANH, x *cr_sigmoid(GATE *x *(1 + CUBE * x * x)),                               \
      gated_slope(x, GATE *x *(1 + CUBE * x * x), GATE *(1 + 3 * CUBE * x * x)),              \
      gated_bend(x, GATE *x *(1 + CUBE * x * x), GATE *(1 + 3 * CUBE * x * x),                \
                 GATE * 6 * CUBE * x))                                                        \
    X(IS_INF, isinf(x) ? (x > 0 ? a : b) : 0, 0, 0)                                           \
    X(IS_NAN, isnan(x), 0, 0)                                                                 \
    X(LEAKY_RELU, x > 0 ? x : a * x, x > 0 ? 1 : a, 0)                                        \
    X(LOG, M(log)(x), 1 / x, -1 / (x * x))                                                    \
    X(MISH, x *M(tanh)(softplus(x)), mish_slope(x), mish_bend(x))                             \
    X(NEG, -x, -1, 0)                                                                         \
    X(NON_ZERO, x != 0, 0, 0)                                                                 \
    X(NOT, x == 0, 0, 0)                                                                      \
    X(RECIPROCAL, 1 / x, -1 / (x * x), 2 / (x * x * x))                                       \
    X(ROUND, M(rint)(x), 0, 0)                                                                \
    X(SELU, b *(x > 0 ? x : a * M(expm1)(x)), b *(x > 0 ? 1 : a * CR_EXP(x)),                 \
      x > 0 ? 0 : b * a * CR_EXP(x))                                                          \
    X(SHRINK, x<-b ? x + a : x> b ? x - a : 0, x<-b || x> b, 0)                               \
    X(SIGN, sign(x), 0, 0)                                                                    \
    X(SIN, M(sin)(x), M(cos)(x), -M(sin)(x))                                                  \
    X(SINH, M(sinh)(x), M(cosh)(x), M(sinh)(x))                                               \
    X(SOFTPLUS, softplus(x), cr_sigmoid(x), cr_sigmoid(x) * (1 - cr_sigmoid(x)))              \
    X(SOFTSIGN, x / (1 + M(fabs)(x)), 1 / SQUARE(1 + M(fabs)(x)),                             \
      -2 * sign(x) / (SQUARE(1 + M(fabs)(x)) * (1 + M(fabs)(x))))                             \
    X(SWISH, x *cr_sigmoid(a *x), gated_slope(x, a *x, a), gated_bend(x, a *x, a, 0))         \
    X(TAN, M(tan)(x), 1 + SQUARE(M(tan)(x)), 2 * M(tan)(x) * (1 + SQUARE(M(tan)(x))))         \
    X(TANH, M(tanh)(x), 1 - SQUARE(M(tanh)(x)), -2 * M(tanh)(x) * (1 - SQUARE(M(tanh)(x))))   \
    X(THRESHOLDED_RELU, x > a ? x : 0, x > a, 0)                                              \
    X(TRUNC, M(trunc)(x), 0, 0)

#define PARAMETERS                           \
    const cr_real a = p->alpha, b = p->beta; \
    (void)a;                                 \
    (void)b

#define FORWARD(name, value, slope, bend)     \
    case CR_FUNCTION_##name:                  \
        _Pragma("GCC ivdep") /* y may be x */ \
            for (size_t i = 0; i < n; i++)    \
        {                                     \
            const cr_real x = from[i];        \
            y[i] = (cr_real)(value);          \
        }                                     \
        return;

CR_MULTIVERSION
void cr_function_forward(const cr_function *p, int n_images, const cr_real *from, cr_real *y)
{
    const size_t n = (size_t)n_images * p->n;
    PARAMETERS;
    switch (p->op) {
        FUNCTIONS(FORWARD)
    }
}

#define BACKWARD(name, value, slope, bend)     \
    case CR_FUNCTION_##name:                   \
        for (size_t i = 0; i < p->n; i++) {    \
            const cr_real x = from[i];         \
            (void)x;                           \
            dx[i] += dy[i] * (cr_real)(slope); \
        }                                      \
        return;

CR_MULTIVERSION
static void image_backward(const cr_function *p, const cr_real *from, const cr_real *dy,
                           cr_real *restrict dx)
{
    PARAMETERS;
    switch (p->op) {
        FUNCTIONS(BACKWARD)
    }
}

void cr_function_backward(const cr_function *p, int n_images, int m, const cr_real *x,
                          const cr_real *dy, cr_real *dx)
{
    for (int b = 0; b < n_images * m; b++, dy += p->n, dx += p->n)
        image_backward(p, x + (size_t)(b / m) * p->n, dy, dx);
}

void cr_function_tangent(const cr_function *p, int n_images, const cr_real *x, const cr_real *tx,
                         cr_real *ty)
{
    for (size_t i = 0; i < (size_t)n_images * p->n; i++)
        ty[i] = 0;
    cr_function_backward(p, n_images, 1, x, tx, ty);
}

#define BEND(name, value, slope, bend) \
    case CR_FUNCTION_##name:           \
        return (cr_real)(bend);

static cr_real bend_at(const cr_function *p, cr_real x)
{
    PARAMETERS;
    switch (p->op) {
        FUNCTIONS(BEND)
    }
    return 0;
}

void cr_function_curve(const cr_function *p, int m, const cr_real *x, const cr_real *tx,
                       const cr_real *dy, cr_real *dx)
{
    for (size_t i = 0; i < p->n; i++) {
        const cr_real bent = bend_at(p, x[i]) * tx[i];
        for (size_t j = i; j < (size_t)m * p->n; j += p->n)
            dx[j] += dy[j] * bent;
    }
}
