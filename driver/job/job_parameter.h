/* job_parameter.h - parameters by their tables, read from the job's YAML. Local. */
#ifndef CAMRANK_DRIVER_JOB_PARAMETER_H
#define CAMRANK_DRIVER_JOB_PARAMETER_H

#include "camrank/parameter.h"
#include "job_schema.h"

/* The first parameter of the table that the job gives, or NULL.
 *   prefix  of their keys: "" or such as `protocols.0.` */
const cr_parameter *cr_job_given_parameter(cr_job_source *source, const char *prefix,
                                           cr_parameters table);

/* Sets the members that the job gives. Errors: CR_EINPUT or CR_EUSAGE, as cr_job_fail. */
cr_status cr_job_read_parameters(cr_job_source *source, const char *prefix, cr_parameters table,
                                 void *of, cr_error *err);

#endif
