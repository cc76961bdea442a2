/* session_options.h - the options that run and check share. Local. */
#ifndef CAMRANK_DRIVER_SESSION_OPTIONS_H
#define CAMRANK_DRIVER_SESSION_OPTIONS_H

#include "camrank/base.h"

/* What the command line says about a job. Strings belong to argv. */
typedef struct cr_session_options {
    const char *job;    /* path of the job file */
    const char *output; /* NULL: the job's */
    const char **sets;  /* [n_sets] `key=value`; owned */
    int n_sets;
    char limit[40];     /* --limit as one of the sets */
    int part, n_parts;  /* --part K/N; 1/1: all models */
    bool force, resume; /* at most one of them */
    bool no_networks;   /* the job's models are not read: set by the command, not by an option */
} cr_session_options;

/* The help text of these options. */
#define CR_SESSION_OPTIONS_HELP                                                       \
    "  -o, --output FILE  results file, instead of the job's\n"                       \
    "  --set KEY=VALUE    overrides one key of the job: --set methods=[cam], --set "  \
    "models.0.name=x\n"                                                               \
    "  --limit N          the first N images only\n"                                  \
    "  --part K/N         the K-th of N parts of the job's models only, whose files " \
    "camrank merge\n"                                                                 \
    "                     puts together\n"

/* Parses argv; CR_EUSAGE for what is unknown, missing or out of range. `options` must not be moved
 * before cr_session_options_free. */
cr_status cr_session_options_parse(int argc, char **argv, cr_session_options *options,
                                   cr_error *err);
void cr_session_options_free(cr_session_options *options);

#endif
