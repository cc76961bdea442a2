/* Two columns of rights. */
#include "internal.h"

#include <math.h>

cr_stat_counts cr_stat_count(const uint8_t *a, const uint8_t *b, int n)
{
    int64_t n_a = 0, n_b = 0, both = 0;
    for (int i = 0; i < n; i++) {
        n_a += a[i];
        n_b += b[i];
        both += a[i] & b[i];
    }
    return (cr_stat_counts){both, n_a - both, n_b - both, n - n_a - n_b + both};
}

/* The tail falls at least as fast as a geometric series, and faster the farther it is from the middle.
 * Long doubles, because the logarithms of the factorials are large numbers whose difference is small. */
void cr_stat_mcnemar(cr_stat_counts counts, double *exact, double *mid)
{
    const int64_t m = counts.only_a + counts.only_b;
    const int64_t x = counts.only_a < counts.only_b ? counts.only_a : counts.only_b;
    *exact = *mid = 1;
    if (m == 0)
        return;
    int sign;
    const long double n = (long double)m, k = (long double)x;
    const long double log_choices =
        lgammal_r(n + 1, &sign) - lgammal_r(k + 1, &sign) - lgammal_r(n - k + 1, &sign);
    const long double first = expl(log_choices - n * logl(2));
    if (2 * x == m) {
        *mid = (double)(1 - first / 2);
        return;
    }
    long double tail = 0, term = first;
    for (int64_t i = x; i >= 0 && term > tail * 1e-22L; i--) {
        tail += term;
        term *= (long double)i / (long double)(m - i + 1);
    }
    *exact = fmin(1, (double)(2 * tail));
    *mid = fmin(1, (double)(2 * tail - first));
}

void cr_stat_wilson_of(double p, double n, double whole, double *low, double *high)
{
    const double z = CR_STAT_Z;
    const double centre = p + z * z / (2 * n), reach = 1 + z * z / n;
    const double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    *low = p <= 0 ? 0 : whole * (centre - half) / reach;
    *high = p >= 1 ? whole : whole * (centre + half) / reach;
}

void cr_stat_wilson(int64_t part, int64_t counted, double whole, double *low, double *high)
{
    *low = *high = NAN;
    if (counted > 0)
        cr_stat_wilson_of((double)part / (double)counted, (double)counted, whole, low, high);
}

/* The correlation of the two columns, corrected; 0 where it does not exist. */
static double correlation(double both, double only_a, double only_b, double neither)
{
    const double n = both + only_a + only_b + neither;
    const double margins =
        (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither);
    double product = both * neither - only_a * only_b;
    if (product > 0)
        product = product > n / 2 ? product - n / 2 : 0;
    return margins > 0 ? product / sqrt(margins) : 0;
}

static double added(double x, double y, double phi)
{
    return sqrt(fmax(0, x * x - 2 * phi * x * y + y * y));
}

void cr_stat_newcombe(cr_stat_counts counts, double n, double *low, double *high)
{
    const int64_t n_rows = counts.both + counts.only_a + counts.only_b + counts.neither;
    const int64_t n_a = counts.both + counts.only_a, n_b = counts.both + counts.only_b;
    *low = *high = NAN;
    if (n_rows <= 0)
        return;
    const double rows = (double)n_rows, scale = n / rows;
    const double a = (double)n_a / rows, b = (double)n_b / rows;
    const double difference = (double)(counts.only_a - counts.only_b) / rows;
    const double phi = correlation(scale * (double)counts.both, scale * (double)counts.only_a,
                                   scale * (double)counts.only_b, scale * (double)counts.neither);
    double low_a, high_a, low_b, high_b;
    cr_stat_wilson_of(a, n, 1, &low_a, &high_a);
    cr_stat_wilson_of(b, n, 1, &low_b, &high_b);
    *low = difference - added(a - low_a, high_b - b, phi);
    *high = difference + added(b - low_b, high_a - a, phi);
}

double cr_stat_kappa(cr_stat_counts counts)
{
    const double both = (double)counts.both, neither = (double)counts.neither;
    const double a = both + (double)counts.only_a, b = both + (double)counts.only_b;
    const double n = a + (double)counts.only_b + neither;
    const double by_chance = a * b + (n - a) * (n - b); /* agreement, times n squared */
    if (!(n > 0) || by_chance >= n * n)
        return NAN;
    return (n * (both + neither) - by_chance) / (n * n - by_chance);
}

double cr_stat_images_needed(double difference, double mean_square, double alpha)
{
    const double power = 0.8, square = difference * difference;
    if (!(square > 0))
        return NAN;
    const double root = cr_stat_normal_quantile(1 - alpha / 2) * sqrt(mean_square) +
                        cr_stat_normal_quantile(power) * sqrt(fmax(0, mean_square - square));
    return ceil(root * root / square);
}
