/* command.h - the subcommands, and what they share. Each parses its own options (argv[0] is its
 * name), does its work and leaves printing of an error to main. */
#ifndef CAMRANK_DRIVER_COMMAND_H
#define CAMRANK_DRIVER_COMMAND_H

#include "camrank/base.h"
#include "camrank/par.h"
#include "camrank/parameter.h"
#include "camrank/results.h"
#include "driver/option.h"
#include "driver/session_options.h"

typedef struct cr_command {
    const char *name, *summary;
    const char *help; /* what `camrank NAME --help` prints */
    bool uses_mpi;    /* then `par` is given and the command is Collective */
    cr_status (*run)(const cr_par *par, int argc, char **argv, cr_error *err);
} cr_command;

extern const cr_command cr_command_run, cr_command_check, cr_command_report, cr_command_show,
    cr_command_inspect, cr_command_merge, cr_command_export, cr_command_score, cr_command_methods,
    cr_command_metrics, cr_command_layouts, cr_command_inputs, cr_command_compare,
    cr_command_explain, cr_command_init, cr_command_plot, cr_command_patterns;

/* What `camrank check` does with a job, once its options are parsed. Collective. */
cr_status cr_check_job(const cr_par *par, const cr_session_options *options, cr_error *err);

/* Whether a file can be made at this path, in a folder that may be yet to be made. Errors: CR_EINPUT. Local. */
cr_status cr_check_output(const char *path, cr_error *err);

/* Prints parameters, a line each: key, limits, default, meaning. Local. */
void cr_print_parameters(cr_parameters table);

/* Prints the error table of a finished results file, and where it is. Local. */
cr_status cr_print_outcome(const char *path, cr_error *err);

/* Says, on rank 0, where no other run can be kept away from a file that is being written. Local. */
void cr_print_unlocked(const cr_par *par, const cr_results *results, const char *path);

#endif
