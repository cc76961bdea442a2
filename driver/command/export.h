/* export.h - the forms in which rows of a results file leave it. Local. */
#ifndef CAMRANK_DRIVER_EXPORT_H
#define CAMRANK_DRIVER_EXPORT_H

#include "pick.h"

#include <stdio.h>

/* The rows of everything in the file, or of what `pick` names: a line for each prediction. */
cr_status cr_export_csv(const char *path, cr_results *results, const cr_pick *pick, FILE *out,
                        cr_error *err);

/* The predictions of what `pick` has found: Kaggle's submission, a row an image; the devkit's
 * prediction file, a line an image. */
cr_status cr_export_kaggle(cr_results *results, const cr_pick *pick, FILE *out, cr_error *err);
cr_status cr_export_devkit(const char *path, cr_results *results, const cr_pick *pick, FILE *out,
                           cr_error *err);

/* Whether a file begins as one of each form does. */
bool cr_export_is_csv(const char *bytes, size_t n);
bool cr_export_is_kaggle(const char *bytes, size_t n);
bool cr_export_is_devkit(const char *bytes, size_t n);

/* The maps of the ground-truth class as FOLDER/<image file>.npy: in the 224 x 224 frame of the whole
 * image from 0 to 1, as wsolevaluation's evaluator takes them, or with `raw` as the network gave
 * them. `replace`: .npy files that are there are replaced. */
cr_status cr_export_npy(const char *path, cr_results *results, const cr_pick *pick, bool raw,
                        bool replace, const char *folder, cr_error *err);

#endif
