/* ahead.h - images read by a thread of their own, before they are asked for.
 *
 * A queue: chunks are put in, and their images come out in order, each once. While the network runs
 * on one chunk, the thread waits for the storage with the next; where the rank has a second CPU it
 * also decodes and resizes there. It calls neither MPI nor HDF5, and gets no signals. What an image
 * gives, its failure too, is the same either way. */
#ifndef CAMRANK_WORKER_AHEAD_H
#define CAMRANK_WORKER_AHEAD_H

#include "camrank/data.h"
#include "camrank/image.h"

typedef struct cr_ahead cr_ahead;

/* Starts the thread.
 *   capacity     images that may be in the queue at a time
 *   max_bytes    nothing more is read while as much as this waits to be taken; one image is read
 *                however large it is
 *   max_mpixels  as for cr_image_decode
 *   decodes      the thread decodes and resizes; without, cr_ahead_take does
 * `data` must outlive it. Errors: CR_EINTERNAL (memory, no thread). Local. */
cr_status cr_ahead_new(const cr_dataset *data, int capacity, size_t max_bytes, int max_mpixels,
                       bool decodes, cr_ahead **ahead, cr_error *err);

/* Drops what has not been taken, once the read under way has ended. NULL is fine. Local. */
void cr_ahead_free(cr_ahead *ahead);

/* Puts images first .. first + n - 1 into the queue, to be prepared by `spec`, which must stay until
 * they are taken. Returns at once. Local. */
void cr_ahead_put(cr_ahead *ahead, const cr_input_spec *spec, int first, int n);

/* The first image of the queue, which must not be empty; waits until it has been read.
 *   size   [2] width, height in pixels; 0, 0 where it could not be decoded
 *   input  [cr_input_size], the caller's, not written on failure
 * Errors, naming the image: CR_EINPUT for one that is none or is not as large as annotated; CR_EIO
 * where the storage fails; CR_EINTERNAL (memory). Local. */
cr_status cr_ahead_take(cr_ahead *ahead, int32_t size[2], float *input, cr_error *err);

/* Takes the first n images out of the queue, which has them, and drops them. Local. */
void cr_ahead_skip(cr_ahead *ahead, int n);

#endif
