/* Every row counted by one rank, the integers summed, the summary written. */
#include "reduce.h"

#include <stdlib.h>

cr_status cr_reduce(const cr_par *par, cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const int n_rows = cr_results_count_rows(plan);
    const size_t n_sums = cr_results_count_sums(plan);
    int first, last;
    cr_par_part(par, cr_results_get_data(results)->n_images, CR_RESULTS_SHARE, &first, &last);
    int64_t *sums = cr_alloc((size_t)n_rows, n_sums * sizeof *sums);
    if (!sums)
        status = cr_fail_memory(err, "sums", (size_t)n_rows, n_sums * sizeof *sums);
    CR_TRY(cr_par_agree(par, status, err));
    status = cr_results_tally(results, first, last - first, sums, err);
    CR_TRY(cr_par_agree(par, status, err));
    for (int v = 0; v < n_rows; v++)
        CR_TRY(cr_par_sum(par, sums + (size_t)v * n_sums, (int)n_sums, err));
    CR_TRY(cr_results_write_summary(results, sums, err));

cleanup:
    free(sums);
    return status;
}
