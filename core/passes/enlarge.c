/* Masks of an input from a few samples: bilinear, one row after the other. */
#include "camrank/passes.h"

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

void cr_passes_enlarge(const cr_passes *passes, const cr_real *samples, int h, int w, cr_stretch y,
                       cr_stretch x)
{
    cr_real *to = passes->mask;
    for (int i = 0; i < passes->width; i++)
        passes->taps[i] = tap_of(x, w, i);
    for (int i = 0; i < passes->height; i++) {
        const cr_between row = tap_of(y, h, i);
        const cr_real *top = samples + row.low * w, *bottom = samples + row.high * w;
        for (int j = 0; j < passes->width; j++) {
            const cr_between *t = &passes->taps[j];
            const cr_real a = top[t->low] + t->weight * (top[t->high] - top[t->low]);
            const cr_real b = bottom[t->low] + t->weight * (bottom[t->high] - bottom[t->low]);
            *to++ = a + row.weight * (b - a);
        }
    }
}
