/* job_input.h - how images are prepared for a network, from the key `input` of a model. Local. */
#ifndef CAMRANK_DRIVER_JOB_INPUT_H
#define CAMRANK_DRIVER_JOB_INPUT_H

#include "camrank/image.h"
#include "job_schema.h"

/* Fills *input, of models.I. Errors: those of cr_job_parse. */
cr_status cr_job_read_input(cr_job_source *source, const cr_job_raw_input *raw, unsigned i,
                            cr_input_spec *input, cr_error *err);

/* The nearest int. */
int cr_job_clamp_int(int64_t value);

#endif
