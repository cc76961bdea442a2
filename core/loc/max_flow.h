/* max_flow.h - the maximum flow through a grid of pixels, and the minimum cut. Private to core/loc. */
#ifndef CAMRANK_LOC_MAX_FLOW_H
#define CAMRANK_LOC_MAX_FLOW_H

#include "workspace.h"

/* Most that a link carries, and that comes from or goes to a terminal at a pixel. */
#define CR_FLOW_MOST ((int32_t)1 << 28)

/* Of a graph of width x height pixels between a source and a sink, exactly.
 *   terminals  [height][width]: what the source can give to the pixel, or, below 0, what it can give to
 *              the sink; within +-CR_FLOW_MOST
 *   links      [height][width][4]: what can flow, either way, between the pixel and that on its right,
 *              below it, below to the right, below to the left; from 0 to CR_FLOW_MOST. Those that leave
 *              the grid do not count
 *   sides      [height][width]: 1 where the source can still give more: the smallest of the minimum cuts
 *   *flow      that from the source to the sink
 * Errors: CR_EINTERNAL for memory. */
cr_status cr_max_flow(int width, int height, const int32_t *terminals, const int32_t *links,
                      uint8_t *sides, int64_t *flow, cr_loc_workspace *workspace, cr_error *err);

#endif
