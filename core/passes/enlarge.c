/* Masks of an input from a few samples: bilinear, one row after the other. */
#include "camrank/passes.h"

#include "camrank/multiversion.h"

#include <math.h>

cr_stretch cr_stretch_even(int n, int m)
{
    const double step = (double)n / m;
    return (cr_stretch){.start = step / 2 - .5, .step = step};
}

cr_stretch cr_stretch_corners(int n, int m)
{
    return (cr_stretch){.step = m > 1 ? (n - 1.) / (m - 1) : 0};
}

/* The sample that stands for number i of n. */
static int inside(int i, int n, bool mirrored)
{
    if (mirrored && n > 1)
        i = i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static cr_between tap_of(cr_stretch stretch, int n, int i)
{
    const double at = stretch.start + i * stretch.step;
    const int low = (int)floor(at);
    return (cr_between){inside(low, n, stretch.mirrored), inside(low + 1, n, stretch.mirrored),
                        (cr_real)(at - low)};
}

/* A row of samples as long as the mask's. */
static void stretch_row(const cr_passes *passes, const cr_real *samples, cr_real *to)
{
    for (int i = 0; i < passes->width; i++) {
        const cr_between *t = &passes->taps[i];
        to[i] = samples[t->low] + t->weight * (samples[t->high] - samples[t->low]);
    }
}

CR_MULTIVERSION
static void mix_rows(int n, const cr_real *a, const cr_real *b, cr_real weight,
                     cr_real *restrict to)
{
    for (int i = 0; i < n; i++)
        to[i] = a[i] + weight * (b[i] - a[i]);
}

/* Few rows are stretched, and each row of the mask is a mixture of two. */
void cr_passes_enlarge(const cr_passes *passes, const cr_real *samples, int h, int w, cr_stretch y,
                       cr_stretch x)
{
    const int width = passes->width;
    cr_real *top = passes->rows, *bottom = passes->rows + width;
    cr_between last = {-1, -1, 0};
    for (int i = 0; i < width; i++)
        passes->taps[i] = tap_of(x, w, i);
    for (int i = 0; i < passes->height; i++) {
        const cr_between row = tap_of(y, h, i);
        if (row.low != last.low || row.high != last.high) {
            stretch_row(passes, samples + row.low * w, top);
            stretch_row(passes, samples + row.high * w, bottom);
            last = row;
        }
        mix_rows(width, top, bottom, row.weight, passes->mask + (size_t)i * (size_t)width);
    }
}
