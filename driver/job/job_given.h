/* job_given.h - the inputs of a model of a job that are not the image. Local. */
#ifndef CAMRANK_DRIVER_JOB_GIVEN_H
#define CAMRANK_DRIVER_JOB_GIVEN_H

#include "driver/given.h"

#include "job_schema.h"

/* Reads `models.i.inputs`, a mapping of names to files. */
cr_status cr_job_read_given(cr_job_source *source, unsigned i, const char *folder,
                            cr_nn_inputs *inputs, cr_error *err);

#endif
