/* guard.h - at the end of a run: are the classes in the order that the job says? */
#ifndef CAMRANK_DRIVER_GUARD_H
#define CAMRANK_DRIVER_GUARD_H

#include "camrank/par.h"
#include "camrank/results.h"

/* Confusing devkit ids with sorted wnids leaves a network at chance. For each model whose top-1
 * accuracy is near chance, below 5 / n_classes, the images are counted again as if the network's
 * classes, or the labels, were in another order: that of devkit ids (where the job has
 * dataset.devkit_synsets) and that of sorted wnids (where the synset list has another). Where one of
 * these puts at least 20 / n_classes of the images right, at least 10 images, and 10 times as many
 * as the stated order, the order is wrong: CR_EINPUT naming model, orders and both accuracies, before
 * the summary is written. Chance alone does not come near that: with 1000 classes it would be 20
 * images where 1 is expected. With fewer than 20 classes nothing is refused. Near chance without
 * another order that explains it, with 100 images or more, rank 0 says so in a line on standard
 * error. Collective. */
cr_status cr_guard_class_order(const cr_par *par, cr_results *results, cr_error *err);

#endif
