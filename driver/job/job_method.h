/* job_method.h - the methods of a job, from its key `methods`. Local. */
#ifndef CAMRANK_DRIVER_JOB_METHOD_H
#define CAMRANK_DRIVER_JOB_METHOD_H

#include "job.h"
#include "job_schema.h"

/* Fills job->methods. Errors: those of cr_job_parse. */
cr_status cr_job_read_methods(cr_job_source *source, const cr_job_raw *raw, cr_job *job,
                              cr_error *err);

#endif
