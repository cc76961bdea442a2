/* maps.h - maps of the ground-truth class that other programs made, one for each image, to be scored.
 *
 * They are a folder of .npy files (npy.h) or a dataset of an HDF5 file. All functions are Local. */
#ifndef CAMRANK_MAPS_H
#define CAMRANK_MAPS_H

#include "camrank/base.h"
#include "camrank/data.h"

typedef struct cr_maps cr_maps;

/* Opens `place`:
 *   FOLDER           the map of an image is FOLDER/<cr_data_image.file>.npy, as wsolevaluation stores
 *                    them, or else FOLDER/<id>.npy
 *   FILE:DATASET     a dataset [n_images][height][width] of float16, float32, float64 or integers of
 *                    8, 16, 32 or 64 bits in either byte order, its rows in the order of the images
 *                    by id, a side at most 4096; it lies in FILE itself, which ends in .h5 or .hdf5,
 *                    and has no chunks of more than 2^28 bytes and no filters but gzip, shuffle and
 *                    fletcher32
 * `data` must outlive the maps. Errors: CR_EINPUT naming `place` and what is wrong. *maps is NULL on
 * failure. */
cr_status cr_maps_open(const char *place, const cr_dataset *data, cr_maps **maps, cr_error *err);

/* The map of image i: *values is [*height][*width], valid until the next call. Values may be NaN or
 * infinite. Errors, naming the file, or the dataset and the row: CR_EINPUT; CR_EIO when the storage
 * fails; CR_EINTERNAL (memory). */
cr_status cr_maps_read(cr_maps *maps, int i, const float **values, int *width, int *height,
                       cr_error *err);

/* NULL is allowed. */
void cr_maps_close(cr_maps *maps);

#endif
