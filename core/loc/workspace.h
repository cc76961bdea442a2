/* workspace.h - memory that one call of core/loc leaves to the next. Private to core/loc. */
#ifndef CAMRANK_LOC_WORKSPACE_H
#define CAMRANK_LOC_WORKSPACE_H

#include "camrank/loc.h"

/* What a call needs at the same time; each part grows by itself. */
typedef enum cr_loc_part {
    CR_PART_VIEWS,
    CR_PART_NUMBERS,
    CR_PART_TAPS,
    CR_PART_COLUMNS,
    CR_PART_RUNS,
    CR_PART_LABELS,
    CR_PART_GREY,
    CR_PART_LEVELS,
    CR_PART_SQUARE,
    CR_PART_DISTANCES,
    CR_PART_SQUARES,
    CR_PART_PIXELS,
    CR_PART_PIXELS_OF,
    CR_PART_RANKED,
    CR_PART_INSIDE,
    CR_PART_COUNTS,
    CR_PART_DENSE,
    CR_PART_BLUR,
    CR_PART_REDUCED,
    CR_PART_GROUPS,
    CR_PART_CAPACITIES,
    CR_PART_NODES,
    CR_PART_ORPHANS,
    CR_PARTS
} cr_loc_part;

/* The part with room for n items at least, 16-byte aligned, its content undefined. NULL when out of
 * memory, having filled `err` as cr_fail_memory does (CR_EINTERNAL). */
void *cr_loc_room(cr_loc_workspace *workspace, cr_loc_part part, size_t n, size_t item_bytes,
                  cr_error *err);

#endif
