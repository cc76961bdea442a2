/* graph_cut.h - the box round what has the colours of the map's peaks. Private to core/loc. */
#ifndef CAMRANK_LOC_GRAPH_CUT_H
#define CAMRANK_LOC_GRAPH_CUT_H

#include "workspace.h"

/* The rule CR_BOX_GRAPH_CUT, of a map that is not empty. The arguments are cr_loc_boxes'; errors too. */
cr_status cr_graph_cut_box(const cr_loc_map *map, const cr_protocol *protocol, int width,
                           int height, const cr_loc_picture *picture, cr_box *box,
                           cr_loc_workspace *workspace, cr_error *err);

#endif
