/* Distributions, from the C library's erfc and lgamma: no table, no approximation of our own. */
#include "internal.h"

#include <math.h>

double cr_stat_normal(double z)
{
    return erfc(-z / sqrt(2)) / 2;
}

/* Halves until two neighbours are left, so that no starting point and no slope is needed. */
double cr_stat_normal_quantile(double p)
{
    if (!(p > 0 && p < 1))
        return p <= 0 ? -INFINITY : p >= 1 ? INFINITY : NAN;
    if (p > 0.5)
        return -cr_stat_normal_quantile(1 - p);
    double low = -40, high = 0;
    for (;;) {
        const double middle = (low + high) / 2;
        if (middle <= low || middle >= high)
            return p == 0.5 ? 0 : low;
        *(cr_stat_normal(middle) < p ? &low : &high) = middle;
    }
}

static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* Abramowitz and Stegun, 26.4.4 and 26.4.5. */
double cr_stat_chi_square_tail(double x, int df)
{
    if (!(x > 0))
        return isnan(x) ? NAN : 1;
    const double half = x / 2, offset = df % 2 ? 0.5 : 0;
    double sum = df % 2 ? erfc(sqrt(half)) : 0;
    for (int j = 0; j < df / 2; j++)
        sum += exp((j + offset) * log(half) - half - log_gamma(j + offset + 1));
    return sum < 1 ? sum : 1;
}

/* P(range <= q): k times the integral of the density of the largest with all others at most q below it.
 * The integrand is smooth and vanishes at both ends, where the trapezoidal rule converges faster than
 * any power of its step. */
static double range_probability(double q, int k)
{
    const double step = 1.0 / 32, reach = 9;
    double sum = 0;
    for (double z = -reach; z <= reach + q; z += step) {
        const double others = cr_stat_normal(z) - cr_stat_normal(z - q);
        sum += exp(-z * z / 2) * pow(others, k - 1);
    }
    return k * sum * step / sqrt(2 * acos(-1));
}

double cr_stat_range_quantile(double alpha, int k)
{
    double low = 0, high = 100;
    for (;;) {
        const double middle = (low + high) / 2;
        if (middle <= low || middle >= high)
            return low;
        *(range_probability(middle, k) < 1 - alpha ? &low : &high) = middle;
    }
}
