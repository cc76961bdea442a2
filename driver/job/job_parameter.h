/* job_parameter.h - parameters by their tables, read from the job's YAML. Local. */
#ifndef CAMRANK_DRIVER_JOB_PARAMETER_H
#define CAMRANK_DRIVER_JOB_PARAMETER_H

#include "camrank/parameter.h"
#include "job_schema.h"

/* The first parameter of the table that the job gives, or NULL.
 *   prefix  of their keys: "" or such as `protocols.0.` */
const cr_parameter *cr_job_given_parameter(cr_job_source *source, const char *prefix,
                                           cr_parameters table);

/* Refuses a parameter that the job gives to `name`, whose own are `own`, and that only others have, such as
 * those of `other`. Errors: as cr_job_fail. */
cr_status cr_job_refuse_parameters(cr_job_source *source, const char *prefix, const char *name,
                                   cr_parameters own, cr_parameters other, cr_error *err);

/* Sets the members that the job gives. Errors: CR_EINPUT or CR_EUSAGE, as cr_job_fail. */
cr_status cr_job_read_parameters(cr_job_source *source, const char *prefix, cr_parameters table,
                                 void *of, cr_error *err);

#endif
