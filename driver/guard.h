/* guard.h - at the end of a run: do the results look as if the job describes a network wrongly? */
#ifndef CAMRANK_DRIVER_GUARD_H
#define CAMRANK_DRIVER_GUARD_H

#include "camrank/par.h"
#include "session.h"

#define CR_GUARD_TEXT 160
#define CR_GUARD_LINE 600

/* What is odd about the logits of a model, as if its pixels came in another scale than in its
 * training: a clause for a person, or "" where nothing is. Asked of 100 images or more that are done.
 * gap is the mean over the images of the first logit less the fifth, spread the standard deviation of
 * the first logit over the images, share that of the images with the commonest answer. Odd is
 *   gap > 50                 a fifth class at e^-50 of the first, of 10 classes or more
 *   spread < 0.15 gap        images that are all alike, if share is 1.5 times that of the commonest label:
 *                            a network that tells its classes apart sees that images differ
 *   share >= 0.25, and 5 times the share of the commonest label
 * Measured over 150 images with the four trained networks of ILSVRC at hand (SqueezeNet, MobileNets)
 * and those of the demo: with the right scale gap is 4.4 to 11, spread / gap 0.37 to 1, share 0.02 of
 * 1000 classes and 0.12 of 10. With pixels of 0..255 where 0..1 belong: gap 460 to 990 (demo), or
 * share 0.33 and 0.53 (ReLU6 keeps the MobileNets' logits small). With pixels of 0..1 where 0..255
 * belong: spread / gap 0.001 to 0.1, share 0.55 to 1. Another mean or other channels in the right
 * scale stay within the bounds of what is right.
 * Local. Errors: those of cr_results_read. */
cr_status cr_guard_logits(cr_results *results, int model, char why[CR_GUARD_TEXT], cr_error *err);

/* Confusing devkit ids with sorted wnids leaves a network at chance. With C classes chance is 1 / C, and a
 * top-1 accuracy is near chance below min(5 / C, 1 / C + (1 - 1 / C) / 10), if it could hardly be that of a
 * network which knows a quarter of the rest: a binomial of 1 / C + (1 - 1 / C) / 4 gives so few or fewer
 * right with a probability below 0.001. So few images of few classes tell nothing.
 *
 * For each model that is near chance the images are counted again as if the network's classes, or the
 * labels, were in another order: that of devkit ids (where the job has dataset.devkit_synsets) and that
 * of sorted wnids (where the synset list has another). Where one of these puts at least
 * min(20 / C, 3 / 4) of the images right, at least 10 images, 10 times as many as the stated order, and
 * more than chance would with a probability of 1e-6, the order is wrong: CR_EINPUT naming model, orders and
 * both accuracies, before the summary is written. Otherwise rank 0 says in a line on standard error what
 * cr_guard_logits finds odd, or, where that is nothing, that a model is near chance over 100 images or
 * more, or that of 10 or more none is right. Of a network that begins with arithmetic of its own on the input the line says with what, since
 * range, mean and std of the job come on top of it. Collective.
 *   session  what the results are of: its models are those of the file */
cr_status cr_guard_results(const cr_par *par, cr_results *results, const cr_session *session,
                           cr_error *err);

/* What cr_guard_results says, or would refuse, of each model of a file, a line a model: *text is the caller's
 * (free), "" where there is nothing to say. Local. Errors: those of cr_results_read; CR_EINTERNAL (memory). */
cr_status cr_guard_doubts(cr_results *results, char **text, cr_error *err);

#endif
