/* Convolution: the ways that there are, and which of them a window goes. */
#include "isa.h"
#include "ways.h"

#include <string.h>

const cr_way *const cr_ways[] = {&cr_way_depthwise,
                                 &cr_way_grouped,
                                 &cr_way_winograd,
                                 &cr_way_direct,
                                 &cr_way_pointwise,
                                 &cr_way_gather,
                                 NULL};

/* Nanoseconds of each kind of work on a Zen 4, whose AVX-512 goes through units of 256 bits, fitted by
 * tests/judge/ways.py --rates. Other processors are faster or slower at all of it; that the choice
 * stays good there `camrank inspect --plan` shows. */
static const double rates[][CR_N_WORKS] = {
    [CR_ISA_ANY] = {0.0538, 0.174, 0.0477, 0.104, 13, 0.469, 0.915, 0.0612, 0.0725, 0.251, 273},
    [CR_ISA_AVX2] = {0.018, 0.187, 0.0229, 0.0922, 13.5, 0.582, 0.548, 0.033, 0.0344, 0.143, 267},
    [CR_ISA_AVX512] = {0.0176, 0.0746, 0.000366, 0.113, 12.7, 0.382, 0.461, 0.0327, 0.0399, 0.172,
                       279},
};

cr_window cr_window_rows(const cr_window *win, int first, int n, int *x_first)
{
    const int begin = first * win->stride_h - win->pad_top;
    const int end = begin + (n - 1) * win->stride_h + win->dilation_h * (win->r - 1) + 1;
    cr_window rows = *win;
    *x_first = begin < 0 ? 0 : begin < win->h ? begin : win->h;
    rows.h = (end < win->h ? end : win->h) - *x_first;
    rows.h = rows.h > 0 ? rows.h : 0;
    rows.p = n;
    rows.pad_top = *x_first - begin;
    return rows;
}

const cr_way *cr_way_find(const char *name)
{
    for (int i = 0; cr_ways[i]; i++)
        if (strcmp(cr_ways[i]->name, name) == 0)
            return cr_ways[i];
    return NULL;
}

double cr_way_cost(const cr_way *way, const cr_window *win)
{
    double work[CR_N_WORKS] = {0}, ns = 0;
    work[CR_WORK_MOVE] = (double)win->h * win->w * win->c + (double)win->p * win->q * win->k;
    work[CR_WORK_CALL] = 1;
    way->work(win, work);
    const cr_isa isa = cr_isa_used() < CR_ISA_AVX512 ? cr_isa_used() : CR_ISA_AVX512;
    for (int i = 0; i < CR_N_WORKS; i++)
        ns += work[i] * rates[isa][i];
    return ns * 1e-9;
}

const cr_way *cr_way_of(const cr_window *win)
{
    const cr_way *best = NULL;
    for (int i = 0; cr_ways[i]; i++)
        if (cr_ways[i]->fits(win) &&
            (!best || cr_way_cost(cr_ways[i], win) < cr_way_cost(best, win)))
            best = cr_ways[i];
    return best;
}
