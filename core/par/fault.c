/* fault.c - failures that a test asks for in the environment. */
#include "camrank/par.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is asked for; rank is -1 where that is nothing. */
typedef struct fault {
    char site[64];
    int rank, exit_code, nth;
    int seen; /* times that this rank was at the site */
} fault;

static fault read_environment(void)
{
    fault asked = {.exit_code = 5, .nth = 1};
    const char *text = getenv("CAMRANK_FAULT");
    if (!text || sscanf(text, "%63[^:]:%6d:%3d:%6d", asked.site, &asked.rank, &asked.exit_code,
                        &asked.nth) < 2)
        asked.rank = -1;
    return asked;
}

cr_status cr_par_check_fault(cr_error *err)
{
    const char *text = getenv("CAMRANK_FAULT");
    if (!text || !text[0] || read_environment().rank >= 0)
        return CR_OK;
    return cr_fail(err, CR_EUSAGE, "CAMRANK_FAULT=%s: must be SITE:RANK[:CODE[:NTH]]", text);
}

static cr_status status_of(int exit_code)
{
    switch (exit_code) {
#define STATUS_CASE(code, exit, text) \
    case exit:                        \
        return code;
        CR_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return CR_EINTERNAL;
}

cr_status cr_par_fault_at(const cr_par *par, const char *site, cr_error *err)
{
    static bool known;
    static fault asked;
    if (!known) {
        asked = read_environment();
        known = true;
    }
    if (par->rank != asked.rank || strcmp(site, asked.site) != 0 || ++asked.seen != asked.nth)
        return CR_OK;
    return cr_fail(err, status_of(asked.exit_code), "%s fails, as CAMRANK_FAULT asks", site);
}
