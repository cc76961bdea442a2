/* harness.h - checks for tests that run on several ranks.
 *
 * A failed check is counted and the test goes on: leaving a test on one rank would hang the others
 * in their next collective call. The last step adds the counts of all ranks up. */
#ifndef CAMRANK_TESTS_HARNESS_H
#define CAMRANK_TESTS_HARNESS_H

#include "camrank/par.h"

typedef void harness_test(const cr_par *par);

typedef struct harness_case {
    const char *name;
    harness_test *test;
} harness_case;

#define HARNESS_CASE(test) \
    {                      \
#test, test        \
    }

/* Each returns whether it held. The line printed names rank, test and place. */
bool harness_check(bool holds, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool harness_check_equal(int64_t a, int64_t b, const char *file, int line, const char *text);
bool harness_check_text(const char *a, const char *b, const char *file, int line, const char *text);

#define CHECK(condition) harness_check((condition), __FILE__, __LINE__, "%s", #condition)
#define CHECK_EQUAL(a, b) harness_check_equal((a), (b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_TEXT(a, b) harness_check_text((a), (b), __FILE__, __LINE__, #a " is " #b)
/* A call that returns CR_OK; the error's message otherwise. */
#define CHECK_OK(call, err) \
    harness_check((call) == CR_OK, __FILE__, __LINE__, "%s: %s", #call, (err)->message)

/* A folder for the files of this run, the same on all ranks; rank 0 makes it and, with what the
 * tests left in it, removes it. */
const char *harness_folder(void);

/* Runs all cases on all ranks between MPI_Init and MPI_Finalize; a barrier follows each. Returns
 * the exit code of the program: 0, or 1 if a check failed anywhere or if none was run. */
int harness_run(int argc, char **argv, const harness_case *cases, int n_cases);

#endif
