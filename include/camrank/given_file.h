/* given_file.h - what a file that was given is, where it is not what a command wants. All functions are
 * Local. */
#ifndef CAMRANK_GIVEN_FILE_H
#define CAMRANK_GIVEN_FILE_H

#include "camrank/base.h"

typedef enum cr_file_use {
    CR_FILE_JOB,
    CR_FILE_RESULTS,
    CR_FILE_NETWORK,
    CR_FILE_IMAGE,
    CR_FILE_N_USES
} cr_file_use;

/* Refuses a file that is one of the others, by how it begins or by its ending. What is none of them, or is not
 * there, passes. Errors: CR_EINPUT, which says what the file is, and what to do. */
cr_status cr_file_check_use(const char *path, cr_file_use wanted, cr_error *err);

#endif
