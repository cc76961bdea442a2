/* worker.h - what one rank does to one chunk: decode, run the network, make maps, boxes and scores,
 * write the rows. */
#ifndef CAMRANK_WORKER_WORKER_H
#define CAMRANK_WORKER_WORKER_H

#include "model.h"

#include "camrank/data.h"
#include "camrank/results.h"

typedef struct cr_worker cr_worker;

/* What methods draw random numbers from: the same for an image of this id wherever and whenever it is
 * computed. Local. */
uint64_t cr_worker_seed(const char *id);

/* Buffers for chunks of `batch` images, of at most max_mpixels million pixels each, under any of the
 * models, one arena that they all compute in, and the thread that reads the images (ahead.h). With
 * `second_cpu` that thread decodes, too. `data`, `plan`, which is of these models, and `models` must
 * outlive the worker. Errors: CR_EINTERNAL (memory, no thread). Local. */
cr_status cr_worker_new(const cr_dataset *data, const cr_results_plan *plan, cr_model *models,
                        int n_models, int batch, int max_mpixels, bool second_cpu,
                        cr_worker **worker, cr_error *err);
void cr_worker_free(cr_worker *worker);

/* Bytes of the arena: what the largest of the networks needs. Local. */
size_t cr_worker_arena_bytes(const cr_model *models, int n_models);

/* Bytes of images after which no more are read ahead: the largest input of the networks. Local. */
size_t cr_worker_ahead_bytes(const cr_model *models, int n_models);

/* Begins to read a chunk, and returns at once: the one that the next cr_worker_compute is for, or, if
 * one has been begun so, the one after the present. At most once between two calls of
 * cr_worker_compute or within one. A chunk that is never computed is dropped. Local. */
void cr_worker_read_ahead(cr_worker *worker, int model, int first, int n);

/* Computes the rows of images first .. first + n - 1 under model `model`, which is loaded, of the
 * variants of one of its groups; n <= batch. What is of the model is left out (`state` is NULL) of any
 * group but 0.
 * An image that is missing or no image, or that gives a logit that is not finite, fails by itself; a map
 * that is not finite, or that the plan's type of maps does not hold, fails its variant: the row says so.
 * `stored` is what the file has of these rows: states, and reasons of the model's; NULL for nothing.
 * Where no row of the model is missing there, what is of the model is left out (`state` is NULL), and
 * variants of which none is. Of variants that `file` has the maps of (CR_ROW_KEPT) these are scored, and
 * if there are no others, and no metric asks the network, it is not run, nor an image read. The rows are the worker's, valid
 * until the next call; NULL where the explainer was told to abandon them. Errors: CR_EIO where the storage fails; CR_EINTERNAL (memory). Local. */
cr_status cr_worker_compute(cr_worker *worker, int model, int group, int first, int n,
                            cr_results *file, const cr_results_rows *stored,
                            const cr_results_rows **rows, cr_error *err);

#endif
