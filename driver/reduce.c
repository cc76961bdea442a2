#include "reduce.h"

#include <stdlib.h>

cr_status cr_reduce(const cr_par *par, cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const int n_variants = cr_results_count_variants(plan);
    const int n_rows = n_variants * plan->n_protocols;
    int first, last;
    cr_par_part(par, cr_results_get_data(results)->n_images, CR_RESULTS_SHARE, &first, &last);
    cr_tally *tallies = cr_alloc((size_t)n_rows, sizeof *tallies);
    cr_sweep *sweeps = cr_alloc((size_t)n_variants, sizeof *sweeps);
    if (!tallies || !sweeps)
        status = cr_fail_memory(err, "tallies", (size_t)n_rows, sizeof *sweeps);
    CR_TRY(cr_par_agree(par, status, err));
    status = cr_results_tally(results, first, last - first, tallies, sweeps, err);
    CR_TRY(cr_par_agree(par, status, err));
    CR_TRY(cr_par_sum(par, (int64_t *)tallies, n_rows * CR_TALLY_FIELDS, err));
    CR_TRY(cr_par_sum(par, (int64_t *)sweeps, n_variants * CR_SWEEP_FIELDS, err));
    CR_TRY(cr_results_write_summary(results, tallies, sweeps, err));

cleanup:
    free(sweeps);
    free(tallies);
    return status;
}
