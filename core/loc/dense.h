/* dense.h - an upsampled map as a whole, where what a row says is not enough: smoothed, or to be cut
 * among its pixels. Private to core/loc. */
#ifndef CAMRANK_LOC_DENSE_H
#define CAMRANK_LOC_DENSE_H

#include "sampler.h"

/* Whether boxes need it. */
bool cr_dense_is_needed(const cr_protocol *protocol);

/* *values, [height][width], in the part DENSE: the upsampled map, smoothed as the protocol says. Keeps
 * the part BLUR in use, too. Errors: CR_EINTERNAL for memory. */
cr_status cr_dense_make(cr_sampler *sampler, const cr_protocol *protocol, double **values,
                        cr_loc_workspace *workspace, cr_error *err);

/* What `share` is, in the values' unit, of those n: of their maximum, or a percentile as the protocol
 * says. In the part BLUR. Errors: CR_EINTERNAL for memory. */
cr_status cr_dense_threshold(const cr_protocol *protocol, double share, const double *values,
                             size_t n, double *threshold, cr_loc_workspace *workspace,
                             cr_error *err);

#endif
