/* What an input is compared with: one value, black, its mean colour, or itself blurred. */
#include "internal.h"

#include <math.h>

const char *const cr_baseline_words[] = {"value", "black", "mean", "blurred", NULL};

/* Of n values `step` apart, each the mean of those around it by a Gaussian that ends 4 deviations away; what is
 * beyond the ends is as the ends are. `to` may not overlap `from`. */
static void blur_line(const double *from, double *to, size_t n, size_t step, double sigma)
{
    const ptrdiff_t reach = (ptrdiff_t)(4 * sigma + .5), last = (ptrdiff_t)n - 1;
    double sum_of_weights = 0;
    for (ptrdiff_t d = -reach; d <= reach; d++)
        sum_of_weights += exp(-.5 * (double)(d * d) / (sigma * sigma));
    for (size_t i = 0; i < n; i++)
        to[i * step] = 0;
    for (ptrdiff_t d = -reach; d <= reach; d++) {
        const double weight = exp(-.5 * (double)(d * d) / (sigma * sigma)) / sum_of_weights;
        for (ptrdiff_t i = 0; i <= last; i++) {
            const ptrdiff_t at = i + d < 0 ? 0 : i + d > last ? last : i + d;
            to[(size_t)i * step] += weight * from[(size_t)at * step];
        }
    }
}

static void blur(const cr_method_run *run, const cr_real *input, double sigma, double *to,
                 double *work)
{
    const size_t height = (size_t)run->height, c = (size_t)run->n_channels;
    const size_t row = (size_t)run->width * c;
    for (size_t i = 0; i < height * row; i++)
        to[i] = input[i];
    if (sigma == 0)
        return;
    for (size_t i = 0; i < height * c; i++)
        blur_line(to + i / c * row + i % c, work + i / c * row + i % c, (size_t)run->width, c,
                  sigma);
    for (size_t i = 0; i < row; i++)
        blur_line(work + i, to + i, height, row, sigma);
}

void cr_fill_baseline(const cr_method_run *run, const cr_baseline *baseline, double *to,
                      double *work)
{
    const size_t n_places = (size_t)run->height * (size_t)run->width;
    const size_t n_channels = (size_t)run->n_channels;
    const cr_real *input = run->passes->input;
    if (baseline->reference == CR_BASELINE_BLURRED) {
        blur(run, input, baseline->blur, to, work);
        return;
    }
    for (size_t c = 0; c < n_channels; c++) {
        double sum = 0;
        for (size_t i = 0; i < n_places; i++)
            sum += (double)input[i * n_channels + c];
        const double value = baseline->reference == CR_BASELINE_VALUE   ? baseline->value
                             : baseline->reference == CR_BASELINE_BLACK ? (double)run->black[c]
                                                                        : sum / (double)n_places;
        for (size_t i = 0; i < n_places; i++)
            to[i * n_channels + c] = value;
    }
}
