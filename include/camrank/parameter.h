/* parameter.h - parameters that a user may set, one table for each kind of thing that has them:
 * protocols, methods, metrics. From the table follow how a job gives them, how the results file
 * keeps and compares them, and what is printed about them.
 *
 * The values are members of a plain struct of the thing's own. All functions are Local. */
#ifndef CAMRANK_PARAMETER_H
#define CAMRANK_PARAMETER_H

#include "camrank/base.h"

typedef enum cr_parameter_kind {
    CR_PARAMETER_WHOLE,  /* int */
    CR_PARAMETER_FLAG,   /* bool; `true` or `false` */
    CR_PARAMETER_NUMBER, /* double, finite */
    CR_PARAMETER_WORD,   /* an enumeration (int): the place of a word in `words` */
} cr_parameter_kind;

typedef struct cr_parameter {
    const char *key; /* letters, digits and _ */
    cr_parameter_kind kind;
    size_t offset;            /* of the member in the struct */
    double least, most;       /* of WHOLE and NUMBER, both allowed */
    double step;              /* of WHOLE: between values from `least` on; 0 for 1 */
    double fallback;          /* where nothing is said; of WORD the place of a word */
    const char *const *words; /* of WORD, NULL behind the last */
    bool fixed;               /* no job can set it: it comes with the thing's name */
    bool later;       /* results of earlier versions lack it, and were made with its fallback */
    const char *help; /* what it is, and its unit */
} cr_parameter;

typedef struct cr_parameters {
    const cr_parameter *items; /* [n] */
    int n;
} cr_parameters;

/* Of the rows of an array. */
#define CR_PARAMETERS(rows)              \
    {                                    \
        rows, sizeof rows / sizeof *rows \
    }

enum { CR_PARAMETER_BYTES = 128 }; /* of a value or of limits as text, zero included */

/* The table's row of this key, or NULL. */
const cr_parameter *cr_parameters_find(cr_parameters table, const char *key);

/* Sets every member to its fallback. */
void cr_parameters_reset(cr_parameters table, void *of);

/* A member as a number: a flag as 0 or 1, a word as its place. */
double cr_parameter_value(const cr_parameter *parameter, const void *of);

/* Sets a member. Errors: CR_EINPUT, `VALUE, must be LIMITS`, for a number that is not allowed. */
cr_status cr_parameter_set(const cr_parameter *parameter, void *of, double value, cr_error *err);

/* Sets a member from a user's text. Errors: those of cr_parameter_set; CR_EINPUT, `must be ..., not
 * "TEXT"`, for another kind of thing. */
cr_status cr_parameter_read(const cr_parameter *parameter, void *of, const char *text,
                            cr_error *err);

/* A value as cr_parameter_read takes it: a number in 12 digits or, where `exact`, as many as it takes to
 * read it back. */
void cr_parameter_print(const cr_parameter *parameter, double value, bool exact,
                        char text[CR_PARAMETER_BYTES]);

/* What may be given: `0 to 1`, `4 or 8`, `bilinear or nearest or bicubic`, `true or false`. */
void cr_parameter_limits(const cr_parameter *parameter, char text[CR_PARAMETER_BYTES]);

/* The first parameter in which two structs differ, or NULL; and its values. */
const cr_parameter *cr_parameters_difference(cr_parameters table, const void *a, const void *b,
                                             char a_text[CR_PARAMETER_BYTES],
                                             char b_text[CR_PARAMETER_BYTES]);

#endif
