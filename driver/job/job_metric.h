/* job_metric.h - the metrics of a job, from its key `metrics`. Local. */
#ifndef CAMRANK_DRIVER_JOB_METRIC_H
#define CAMRANK_DRIVER_JOB_METRIC_H

#include "job.h"
#include "job_schema.h"

/* Fills job->metrics. Errors: those of cr_job_parse. */
cr_status cr_job_read_metrics(cr_job_source *source, const cr_job_raw *raw, cr_job *job,
                              cr_error *err);

#endif
