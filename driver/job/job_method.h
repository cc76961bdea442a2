/* job_method.h - the methods of a job, from its key `methods`. Local. */
#ifndef CAMRANK_DRIVER_JOB_METHOD_H
#define CAMRANK_DRIVER_JOB_METHOD_H

#include "job.h"
#include "job_schema.h"

/* Of how many classes maps are kept: *keep is *slots, or CR_KEEP_DEFAULT where that is NULL. Errors:
 * cr_job_fail, for maps of the ground truth's class in a layout without labels. */
cr_status cr_job_read_keep(cr_job_source *source, const char *key, const int *slots,
                           const cr_layout *layout, int *keep, cr_error *err);

/* The methods of a list in the job, checked; *methods is the caller's (free), {NULL, 0} on failure.
 *   list    its key: `methods` or such as `models.0.methods`
 *   data    of the job
 * Errors: those of cr_job_parse. */
cr_status cr_job_read_methods(cr_job_source *source, const char *list, const cr_job_raw_method *raw,
                              unsigned n_raw, const cr_data_source *data, cr_job_methods *methods,
                              cr_error *err);

#endif
