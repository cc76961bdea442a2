/* job_path.h - paths as a job writes them. Local. */
#ifndef CAMRANK_DRIVER_JOB_PATH_H
#define CAMRANK_DRIVER_JOB_PATH_H

#include "job_schema.h"

/* The path that stands at `key`, ready to open: `~` at its beginning, $NAME and ${NAME} are replaced by
 * what they are in the environment, $$ by $; what is relative then is so to `folder`, or, from a --set
 * option, to where the program runs. *to is the caller's (free). Errors: as cr_job_fail, for a
 * variable that is not set. */
cr_status cr_job_read_path(cr_job_source *source, const char *key, const char *folder,
                           const char *path, char **to, cr_error *err);

#endif
