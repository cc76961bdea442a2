/* given.h - what inputs of a network that are not the image are, as a job or the command line gives them.
 * All functions are Local. */
#ifndef CAMRANK_DRIVER_GIVEN_H
#define CAMRANK_DRIVER_GIVEN_H

#include "camrank/nn.h"

#define CR_GIVEN_MAX 64 /* inputs of a network */

/* Adds copies of a name and a path. Errors: CR_EINPUT for too many and for a name that is there; CR_EINTERNAL
 * (memory). */
cr_status cr_given_add(cr_nn_inputs *inputs, const char *name, size_t n_name, const char *path,
                       cr_error *err);

/* Adds what `--inputs NAME=FILE` says. Errors: CR_EUSAGE naming the option; CR_EINTERNAL (memory). */
cr_status cr_given_option(cr_nn_inputs *inputs, const char *text, cr_error *err);

void cr_given_free(cr_nn_inputs *inputs);

#endif
