/* Reductions of rows to one number each. */
#include "camrank/kernels.h"

#include <math.h>

/* The place of the largest or smallest value; of equal ones the first, or the last. */
static int extreme(cr_reduce_op op, int c, const cr_real *x)
{
    const bool largest =
        op == CR_REDUCE_MAX || op == CR_REDUCE_ARG_MAX || op == CR_REDUCE_LAST_ARG_MAX;
    const bool last = op == CR_REDUCE_LAST_ARG_MAX || op == CR_REDUCE_LAST_ARG_MIN;
    int at = 0;
    for (int k = 1; k < c; k++)
        if ((largest ? x[k] > x[at] : x[k] < x[at]) || (last && x[k] == x[at]))
            at = k;
    return at;
}

static bool is_extreme(cr_reduce_op op)
{
    return op == CR_REDUCE_MAX || op == CR_REDUCE_MIN;
}

static bool is_place(cr_reduce_op op)
{
    return op == CR_REDUCE_ARG_MAX || op == CR_REDUCE_ARG_MIN || op == CR_REDUCE_LAST_ARG_MAX ||
           op == CR_REDUCE_LAST_ARG_MIN;
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
        if (is_extreme(op))
            y[t] = x[extreme(op, c, x)];
        else if (is_place(op))
            y[t] = (cr_real)extreme(op, c, x);
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
    const bool picks = is_extreme(op);
    if (is_place(op))
        return;
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
    const bool sums = !is_extreme(op) && !is_place(op);
    for (size_t t = 0; t < rows; t++, x += c, tx += c) {
        double sum = is_extreme(op) ? (double)tx[extreme(op, c, x)] : 0;
        for (int k = 0; sums && k < c; k++)
            sum += (double)tx[k] * slope(op, c, x, (double)y[t], k);
        ty[t] = (cr_real)sum;
    }
}

/* How the slope of a row at k changes along tx, y by ty; 0 where it is linear in pieces. */
static double bend(cr_reduce_op op, int c, const cr_real *x, const cr_real *tx, double y, double ty,
                   int k)
{
    const double v = (double)x[k], tv = (double)tx[k];
    double others = 1, change = 0;
    switch (op) {
    case CR_REDUCE_L2:
        return y > 0 ? (tv - v * ty / y) / y : 0;
    case CR_REDUCE_SUM_SQUARE:
        return 2 * tv;
    case CR_REDUCE_LOG_SUM:
        return -exp(-y) * ty;
    case CR_REDUCE_LOG_SUM_EXP:
        return exp(v - y) * (tv - ty);
    case CR_REDUCE_PROD:
        for (int i = 0; i < c; i++) {
            change = i == k ? change : change * (double)x[i] + others * (double)tx[i];
            others *= i == k ? 1 : (double)x[i];
        }
        return change;
    default:
        return 0;
    }
}

void cr_reduce_curve(cr_reduce_op op, int m, size_t rows, int c, const cr_real *x, const cr_real *y,
                     const cr_real *tx, const cr_real *ty, const cr_real *dy, cr_real *dx)
{
    for (size_t t = 0; t < (size_t)m * rows; t++, dx += c) {
        const size_t row = t % rows, at = row * (size_t)c;
        for (int k = 0; k < c; k++)
            dx[k] += (cr_real)((double)dy[t] *
                               bend(op, c, x + at, tx + at, (double)y[row], (double)ty[row], k));
    }
}
