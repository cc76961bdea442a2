/* Convolution: the ways that there are, and which of them a window goes. */
#include "ways.h"

const cr_way *const cr_ways[] = {&cr_way_depthwise,
                                 &cr_way_grouped,
                                 &cr_way_winograd,
                                 &cr_way_direct,
                                 &cr_way_pointwise,
                                 &cr_way_gather,
                                 NULL};

const cr_way *cr_way_of(const cr_window *win)
{
    int i = 0;
    while (!cr_ways[i]->fits(win))
        i++;
    return cr_ways[i];
}
