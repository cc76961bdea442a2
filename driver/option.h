/* option.h - the command line and standard output, as all commands use them. All functions are Local. */
#ifndef CAMRANK_DRIVER_OPTION_H
#define CAMRANK_DRIVER_OPTION_H

#include "camrank/base.h"

#include <getopt.h>

/* getopt_long with a message of our own: the next option's `val`, -1 after the last, or '?' after
 * filling `err` (CR_EUSAGE). An option whose val is 'o' is also known as -o; there are no other
 * short ones. */
int cr_option_next(int argc, char **argv, const struct option *options, cr_error *err);

/* The options of a command that prints a table: --markdown alone. Errors: CR_EUSAGE. */
cr_status cr_option_markdown(int argc, char **argv, bool *markdown, cr_error *err);

/* Exactly one argument must be left behind the options; CR_EUSAGE else. */
cr_status cr_option_argument(int argc, char **argv, const char *what, const char **argument,
                             cr_error *err);

/* A whole number of at least `least` from an option's text; CR_EUSAGE else. */
cr_status cr_option_int(const char *option, const char *text, int least, int *value, cr_error *err);

/* Characters of a line on standard output: the terminal's; where it is none, the variable COLUMNS; else
 * 120. At least 60. */
int cr_output_width(void);

/* Hands on what was printed; CR_EIO if it could not be written, but for a reader that is gone. */
cr_status cr_output_flush(cr_error *err);

#endif
