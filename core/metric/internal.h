/* internal.h - what the files of core/metric share: the metrics' rows, and numbers from counts. */
#ifndef CAMRANK_METRIC_INTERNAL_H
#define CAMRANK_METRIC_INTERNAL_H

#include "camrank/metric.h"

#include <math.h>

extern const cr_metric cr_metric_localization, cr_metric_max_box_acc, cr_metric_pointing_game;

static inline double cr_metric_percent(int64_t part, int64_t counted)
{
    return counted > 0 ? 100.0 * (double)part / (double)counted : NAN;
}

/* A number without an interval. */
static inline cr_metric_value cr_metric_plain(double value)
{
    return (cr_metric_value){value, NAN, NAN};
}

/* The share of `part` in percent, with Wilson's interval. */
cr_metric_value cr_metric_share(int64_t part, int64_t counted);

#endif
