/* Functions of single values, and the statistics of rows that layer normalisation is made of. */
#include "camrank/kernels.h"

#include "functions.h"
#include "multiversion.h"

#include <math.h>

/* float where cr_real is float: these functions are most of the time that such a layer takes. */
#define EXP(x) _Generic((cr_real){0}, double : exp, default : cr_expf)(x)
#define ERF(x) _Generic((cr_real){0}, double : erf, default : cr_erff)(x)
#define SQRT(x) _Generic((cr_real){0}, double : sqrt, default : sqrtf)(x)
#define POW(x, y) _Generic((cr_real){0}, double : pow, default : powf)(x, y)

static inline cr_real sigmoid(cr_real x)
{
    return 1 / (1 + EXP(-x));
}

static inline cr_real clamp01(cr_real x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

CR_MULTIVERSION
void cr_unary_forward(const cr_unary *p, int n_images, const cr_real *restrict x,
                      cr_real *restrict y)
{
    size_t n = (size_t)n_images * p->n;
    cr_real alpha = p->alpha, beta = p->beta;
    switch (p->op) {
    case CR_SIGMOID:
        for (size_t i = 0; i < n; i++)
            y[i] = sigmoid(x[i]);
        return;
    case CR_HARD_SIGMOID:
        for (size_t i = 0; i < n; i++)
            y[i] = clamp01(alpha * x[i] + beta);
        return;
    case CR_HARD_SWISH:
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] * clamp01(x[i] / 6 + (cr_real)0.5);
        return;
    case CR_ERF:
        for (size_t i = 0; i < n; i++)
            y[i] = ERF(x[i]);
        return;
    case CR_SQRT:
        for (size_t i = 0; i < n; i++)
            y[i] = SQRT(x[i]);
        return;
    case CR_POW:
        for (size_t i = 0; i < n; i++)
            y[i] = alpha == 2 ? x[i] * x[i] : POW(x[i], alpha);
        return;
    }
}

/* dy/dx at x, where the function has the value y. */
static inline cr_real slope(const cr_unary *p, cr_real x, cr_real y)
{
    switch (p->op) {
    case CR_SIGMOID:
        return y * (1 - y);
    case CR_HARD_SIGMOID:
        return y > 0 && y < 1 ? p->alpha : 0;
    case CR_HARD_SWISH:
        return x < -3 ? 0 : x > 3 ? 1 : x / 3 + (cr_real)0.5; /* as PyTorch has it at 3 */
    case CR_ERF:
        return (cr_real)1.1283791670955126 * EXP(-x * x); /* 2 / sqrt(pi) */
    case CR_SQRT:
        return (cr_real)0.5 / y;
    case CR_POW:
        return p->alpha == 2 ? 2 * x : p->alpha == 0 ? 0 : p->alpha * POW(x, p->alpha - 1);
    }
    return 0;
}

void cr_unary_backward(const cr_unary *p, int n_images, int m, const cr_real *x, const cr_real *y,
                       const cr_real *dy, cr_real *dx)
{
    for (int b = 0; b < n_images * m; b++, dy += p->n, dx += p->n) {
        size_t at = (size_t)(b / m) * p->n;
        for (size_t i = 0; i < p->n; i++)
            dx[i] += dy[i] * slope(p, x[at + i], y[at + i]);
    }
}

void cr_row_mean_forward(size_t rows, int c, const cr_real *x, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, x += c) {
        cr_real sum = 0;
        for (int k = 0; k < c; k++)
            sum += x[k];
        y[t] = sum / (cr_real)c;
    }
}

CR_MULTIVERSION
void cr_row_mean_backward(size_t rows, int c, const cr_real *dy, cr_real *dx)
{
    for (size_t t = 0; t < rows; t++, dx += c) {
        cr_real each = dy[t] / (cr_real)c;
        for (int k = 0; k < c; k++)
            dx[k] += each;
    }
}

/* Mean, and 1 / sqrt(variance + epsilon), of a row. */
static void statistics(int c, cr_real epsilon, const cr_real *x, cr_real *mean, cr_real *inverse)
{
    cr_real sum = 0, squares = 0;
    for (int k = 0; k < c; k++)
        sum += x[k];
    *mean = sum / (cr_real)c;
    for (int k = 0; k < c; k++)
        squares += (x[k] - *mean) * (x[k] - *mean);
    *inverse = 1 / SQRT(squares / (cr_real)c + epsilon);
}

void cr_layer_norm_forward(size_t rows, int c, cr_real epsilon, const cr_real *x,
                           const cr_real *scale, const cr_real *shift, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, x += c, y += c) {
        cr_real mean, inverse;
        statistics(c, epsilon, x, &mean, &inverse);
        for (int k = 0; k < c; k++)
            y[k] = (x[k] - mean) * inverse * scale[k] + shift[k];
    }
}

void cr_layer_norm_backward(int n_images, int m, size_t rows, int c, cr_real epsilon,
                            const cr_real *x, const cr_real *scale, const cr_real *dy, cr_real *dx)
{
    for (int b = 0; b < n_images * m; b++) {
        const cr_real *row = x + (size_t)(b / m) * rows * (size_t)c;
        for (size_t t = 0; t < rows; t++, row += c, dy += c, dx += c) {
            cr_real mean, inverse, sum = 0, dot = 0;
            statistics(c, epsilon, row, &mean, &inverse);
            for (int k = 0; k < c; k++) {
                cr_real g = dy[k] * scale[k];
                sum += g;
                dot += g * (row[k] - mean) * inverse;
            }
            sum /= (cr_real)c;
            dot /= (cr_real)c;
            for (int k = 0; k < c; k++)
                dx[k] += inverse * (dy[k] * scale[k] - sum - (row[k] - mean) * inverse * dot);
        }
    }
}
