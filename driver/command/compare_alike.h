/* compare_alike.h - reads what compare --alike looks at. Local. */
#ifndef CAMRANK_DRIVER_COMPARE_ALIKE_H
#define CAMRANK_DRIVER_COMPARE_ALIKE_H

#include "compare_files.h"

/* Gives a finished comparison the classes, boxes and maps of all images under all rows: boxes and maps of the
 * ground-truth class, or, without labels, of the first. Maps are as they are scaled for boxes, at the
 * resolution of the networks' input, or, where that differs, of CR_FRAME; none where a file has not kept them.
 * Errors: those of cr_results_read, cr_loc_upsample and cr_compare_begin_alike. */
cr_status cr_compare_files_alike(cr_compare_files *files, cr_error *err);

#endif
