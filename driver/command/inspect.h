/* inspect.h - what the files of `camrank inspect` have of each other. Local. */
#ifndef CAMRANK_DRIVER_INSPECT_H
#define CAMRANK_DRIVER_INSPECT_H

#include "camrank/nn.h"

/* The shape of one image, such as "64 x 56 x 56". */
void cr_inspect_shape(const cr_shape *shape, char *text, size_t n_bytes);

/* --plan: compiles the graph and prints its layers after fusing, with the time that each takes in a
 * pass; then each convolution by every kernel that fits it, alone, beside the estimate that one of
 * them was chosen by. What is measured changes nothing.
 *   name_width          of the column of layer names
 *   max_activations_mb  as cr_net_new has it
 * Errors: those of cr_net_new, CR_EINTERNAL (memory). */
cr_status cr_inspect_plan(const cr_graph *graph, int name_width, int max_activations_mb,
                          cr_error *err);

#endif
