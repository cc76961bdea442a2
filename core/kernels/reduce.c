/* Reductions of rows to one number each. */
#include "camrank/kernels.h"

#include <math.h>

/* The place of the largest or smallest value; of equal ones the first. */
static int extreme(cr_reduce_op op, int c, const cr_real *x)
{
    int at = 0;
    for (int k = 1; k < c; k++)
        if (op == CR_REDUCE_MAX ? x[k] > x[at] : x[k] < x[at])
            at = k;
    return at;
}

static double sum_of(cr_reduce_op op, int c, const cr_real *x)
{
    double sum = op == CR_REDUCE_PROD;
    const double largest =
        op == CR_REDUCE_LOG_SUM_EXP ? (double)x[extreme(CR_REDUCE_MAX, c, x)] : 0;
    for (int k = 0; k < c; k++) {
        const double v = (double)x[k];
        switch (op) {
        case CR_REDUCE_L1:
            sum += fabs(v);
            break;
        case CR_REDUCE_L2:
        case CR_REDUCE_SUM_SQUARE:
            sum += v * v;
            break;
        case CR_REDUCE_PROD:
            sum *= v;
            break;
        case CR_REDUCE_LOG_SUM_EXP:
            sum += exp(v - largest);
            break;
        default:
            sum += v;
        }
    }
    return op == CR_REDUCE_LOG_SUM_EXP ? largest + log(sum) : sum;
}

void cr_reduce_forward(cr_reduce_op op, size_t rows, int c, const cr_real *x, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, x += c)
        if (op == CR_REDUCE_MAX || op == CR_REDUCE_MIN)
            y[t] = x[extreme(op, c, x)];
        else {
            const double sum = sum_of(op, c, x);
            y[t] = (cr_real)(op == CR_REDUCE_MEAN      ? sum / c
                             : op == CR_REDUCE_L2      ? sqrt(sum)
                             : op == CR_REDUCE_LOG_SUM ? log(sum)
                                                       : sum);
        }
}

/* dy/dx[k] of a row with the result y. */
static double slope(cr_reduce_op op, int c, const cr_real *x, double y, int k)
{
    const double v = (double)x[k];
    double others = 1;
    switch (op) {
    case CR_REDUCE_MEAN:
        return 1.0 / c;
    case CR_REDUCE_L1:
        return (v > 0) - (v < 0);
    case CR_REDUCE_L2:
        return y > 0 ? v / y : 0;
    case CR_REDUCE_SUM_SQUARE:
        return 2 * v;
    case CR_REDUCE_LOG_SUM:
        return exp(-y);
    case CR_REDUCE_LOG_SUM_EXP:
        return exp(v - y);
    case CR_REDUCE_PROD:
        if (v != 0)
            return y / v;
        for (int i = 0; i < c; i++)
            others *= i == k ? 1 : (double)x[i];
        return others;
    default:
        return 1;
    }
}

void cr_reduce_backward(cr_reduce_op op, int n, int m, size_t rows, int c, const cr_real *x,
                        const cr_real *y, const cr_real *dy, cr_real *dx)
{
    const bool picks = op == CR_REDUCE_MAX || op == CR_REDUCE_MIN;
    for (int b = 0; b < n * m; b++)
        for (size_t t = 0; t < rows; t++, dy++, dx += c) {
            const size_t row = (size_t)(b / m) * rows + t;
            const cr_real *from = x + row * (size_t)c;
            if (picks)
                dx[extreme(op, c, from)] += *dy;
            for (int k = 0; !picks && k < c; k++)
                dx[k] += (cr_real)((double)*dy * slope(op, c, from, (double)y[row], k));
        }
}

void cr_reduce_tangent(cr_reduce_op op, size_t rows, int c, const cr_real *x, const cr_real *y,
                       const cr_real *tx, cr_real *ty)
{
    const bool picks = op == CR_REDUCE_MAX || op == CR_REDUCE_MIN;
    for (size_t t = 0; t < rows; t++, x += c, tx += c) {
        double sum = picks ? (double)tx[extreme(op, c, x)] : 0;
        for (int k = 0; !picks && k < c; k++)
            sum += (double)tx[k] * slope(op, c, x, (double)y[t], k);
        ty[t] = (cr_real)sum;
    }
}
