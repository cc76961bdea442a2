/* job_random.h - models.randomise: the networks of Adebayo et al.'s tests, made of one. Local. */
#ifndef CAMRANK_DRIVER_JOB_RANDOM_H
#define CAMRANK_DRIVER_JOB_RANDOM_H

#include "job.h"
#include "job_schema.h"

/* Reads models.I.randomise. Errors: those of cr_job_parse. */
cr_status cr_job_read_random(cr_job_source *source, const cr_job_raw_randomise *raw, unsigned i,
                             cr_job_random *random, cr_error *err);

#endif
