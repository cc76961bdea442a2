/* Ticks: round numbers, so many that their texts stay apart. */
#include "canvas.h"

#include <math.h>
#include <stdio.h>

enum { ACROSS_GAP = 7, DOWN_PITCH = 15 };

/* Decimals that tell multiples of a step of 1, 2 or 5 times 10^exponent apart. */
static int decimals_of(int exponent)
{
    return exponent < 0 ? -exponent : 0;
}

static size_t list(const cr_chart_axis *axis, double step, int exponent, double at[CR_CHART_TICKS],
                   char texts[CR_CHART_TICKS][CR_CHART_TICK_BYTES])
{
    const double least = fmin(axis->low, axis->high), most = fmax(axis->low, axis->high);
    size_t n = 0;
    for (double i = ceil(least / step - 1e-9); i * step <= most + step * 1e-9; i++) {
        if (n == CR_CHART_TICKS)
            return CR_CHART_TICKS + 1;
        at[n] = i == 0 ? 0 : i * step;
        snprintf(texts[n], CR_CHART_TICK_BYTES, "%.*f", decimals_of(exponent), at[n]);
        n++;
    }
    return n;
}

/* Whether neighbours have room. */
static bool fits(cairo_t *measure, const cr_chart_axis *axis, double length, bool across, size_t n,
                 const double at[CR_CHART_TICKS], char texts[CR_CHART_TICKS][CR_CHART_TICK_BYTES])
{
    char out[CR_CHART_TICK_BYTES];
    const double scale = length / fabs(axis->high - axis->low);
    for (size_t i = 1; i < n; i++) {
        double needed = DOWN_PITCH;
        if (across)
            needed =
                (cr_chart_fit(measure, texts[i - 1], CR_CHART_FONT, false, INFINITY, out,
                              sizeof out) +
                 cr_chart_fit(measure, texts[i], CR_CHART_FONT, false, INFINITY, out, sizeof out)) /
                    2 +
                ACROSS_GAP;
        if ((at[i] - at[i - 1]) * scale < needed)
            return false;
    }
    return true;
}

size_t cr_chart_ticks(cairo_t *measure, const cr_chart_axis *axis, double length, bool across,
                      double at[CR_CHART_TICKS], char texts[CR_CHART_TICKS][CR_CHART_TICK_BYTES])
{
    static const int digits[] = {1, 2, 5};
    const double range = fabs(axis->high - axis->low);
    if (!(range > 0) || !isfinite(range))
        return 0;
    int first = (int)floor(log10(range)) - 2;
    if (axis->whole && first < 0)
        first = 0;
    for (int exponent = first; exponent < first + 6; exponent++)
        for (int d = 0; d < 3; d++) {
            const size_t n = list(axis, digits[d] * pow(10, exponent), exponent, at, texts);
            if (n <= CR_CHART_TICKS && fits(measure, axis, length, across, n, at, texts))
                return n;
        }
    return 0;
}
