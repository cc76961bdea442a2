/* logits.h - float32 logits of an image, [n_classes], and what is made of them. No call fails. Local. */
#ifndef CAMRANK_WORKER_LOGITS_H
#define CAMRANK_WORKER_LOGITS_H

#include "camrank/results.h"

/* The logarithm of the sum of exp(logit) over all classes: exp(logit - this) is a class's softmax. */
double cr_logits_log_sum(const float *logits, int n_classes);

/* The classes of the CR_TOP largest logits; of equal ones the lower class comes first. -1 where there are
 * fewer classes. */
void cr_logits_rank(const float *logits, int n_classes, int32_t top[CR_TOP]);

/* The logits of an image: the mean over its views, summed in their order.
 *   of_views  [n_views][n_classes]
 *   logits    [n_classes], the caller's */
void cr_logits_average(const float *of_views, int n_views, int n_classes, float *logits);

#endif
