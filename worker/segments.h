/* segments.h - the segmentation of an image that a job gives. Local. */
#ifndef CAMRANK_WORKER_SEGMENTS_H
#define CAMRANK_WORKER_SEGMENTS_H

#include "camrank/data.h"
#include "camrank/image.h"

/* Reads image i's and cuts it as its inputs are cut: a pixel of an input has the segment in which its middle lies in
 * the image. A segmentation as large as the image is cut so; one as large as the only input is that input's.
 *   size    [2] width and height of the image
 *   labels  [cr_input_n_views][height][width] of the input, filled: 0, 1, ... in the order of first pixels of each
 * Errors: CR_EINPUT naming the file, of another size, of no whole numbers, or with more than CR_MAX_SEGMENTS
 * segments in an input; those of cr_labels_decode and cr_file_read. */
cr_status cr_segments_read(const cr_dataset *data, int i, const int32_t size[2],
                           const cr_input_spec *spec, int max_mpixels, int32_t *labels,
                           cr_error *err);

#endif
