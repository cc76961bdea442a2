/* How much more often than at random two things come together. */
#include "camrank/stat.h"

#include <math.h>

void cr_stat_mutual(int64_t both, int64_t a, int64_t b, int64_t n, double *value, double *low,
                    double *high)
{
    *value = *low = *high = NAN;
    if (a <= 0 || b <= 0 || n <= 0)
        return;
    const double of_all = (double)b / (double)n;
    cr_stat_wilson(both, a, 1, low, high);
    *value = log2((double)both / (double)a / of_all);
    *low = log2(fmax(*low, 0) / of_all);
    *high = log2(*high / of_all);
}
