/* component.h - connected components of a mask that is given row by row as runs. Private to
 * core/loc.
 *
 * Labels are numbered in raster order of their first run, and of two components that meet the
 * smaller label stays: so the label of a component tells where its first pixel is. */
#ifndef CAMRANK_LOC_COMPONENT_H
#define CAMRANK_LOC_COMPONENT_H

#include "camrank/geometry.h"

/* Neighbouring pixels of one row that are all in, and not prolonged on either side. */
typedef struct cr_run {
    int32_t x0, x1; /* inclusive */
    int32_t label;
} cr_run;

typedef struct cr_component {
    int32_t parent; /* itself for a root; box and area count for roots only */
    int32_t area;   /* pixels */
    cr_box box;
} cr_component;

typedef struct cr_components {
    int reach; /* 1 for 8 neighbours, 0 for 4 */
    int n_labels;
    cr_component *labels; /* the caller's: room for as many as there are runs */
    int n_above;
    const cr_run *above; /* the runs of the row before */
} cr_components;

/* The runs of a row of bytes that have a value; their number. */
int cr_find_runs(const uint8_t *row, int width, int value, cr_run *runs);

/* Adds row y, to be called for y = 0, 1, ...; `runs` in the order of x, empty rows too. Fills the
 * labels of `runs`, which must stay as they are during the next call. */
void cr_components_add(cr_components *components, int y, cr_run *runs, int n_runs);

/* The component with most pixels, of equal ones the first; NULL if there is none. */
const cr_component *cr_components_largest(const cr_components *components);

#endif
