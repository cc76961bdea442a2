/* job_protocol.h - the protocols of a job, from its keys `protocol` or `protocols` and the single
 * parameters beside them. Local. */
#ifndef CAMRANK_DRIVER_JOB_PROTOCOL_H
#define CAMRANK_DRIVER_JOB_PROTOCOL_H

#include "job.h"
#include "job_schema.h"

/* Fills job->protocols and what is shown of them. Errors: those of cr_job_parse. */
cr_status cr_job_read_protocols(cr_job_source *source, const cr_job_raw *raw, cr_job *job,
                                cr_error *err);

/* Whether text is letters, digits and . _ - with a letter or digit first: a name that can be that of a
 * group in the results file. */
bool cr_job_is_plain_name(const char *text);

#endif
