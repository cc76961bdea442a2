/* Agreeing, following rank 0, spreading and summing. A failed MPI call becomes a status like any
 * other; what is larger than an int counts goes in pieces. */
#include "camrank/par.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts are ints. */
enum { PIECE_BYTES = 1 << 30 };

cr_status cr_par_check(int mpi_result, const char *call, cr_error *err)
{
    if (mpi_result == MPI_SUCCESS)
        return CR_OK;
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    if (MPI_Error_string(mpi_result, text, &length) != MPI_SUCCESS)
        snprintf(text, sizeof text, "error %d", mpi_result);
    return cr_fail(err, CR_EIO, "%s: %s", call, text);
}

cr_status cr_par_init(cr_par *par, MPI_Comm comm, cr_error *err)
{
    *par = (cr_par){.comm = MPI_COMM_NULL};
    CR_OR_RETURN(cr_par_check(MPI_Comm_dup(comm, &par->comm), "MPI_Comm_dup", err));
    CR_OR_RETURN(cr_par_check(MPI_Comm_set_errhandler(par->comm, MPI_ERRORS_RETURN),
                              "MPI_Comm_set_errhandler", err));
    CR_OR_RETURN(cr_par_check(MPI_Comm_rank(par->comm, &par->rank), "MPI_Comm_rank", err));
    return cr_par_check(MPI_Comm_size(par->comm, &par->size), "MPI_Comm_size", err);
}

void cr_par_fini(cr_par *par)
{
    if (par->size > 0 && par->comm != MPI_COMM_NULL)
        MPI_Comm_free(&par->comm);
    *par = (cr_par){0};
}

cr_par cr_par_alone(void)
{
    return (cr_par){.comm = MPI_COMM_NULL, .size = 1};
}

static bool is_alone(const cr_par *par)
{
    return par->comm == MPI_COMM_NULL;
}

/* Puts the record of the rank `from`, which has it in `err`, into *record on every rank. */
static cr_status spread(const cr_par *par, int from, cr_error *err, cr_error *record)
{
    if (par->rank == from && err)
        *record = *err;
    return cr_par_check(
        MPI_Bcast(record->message, (int)sizeof record->message, MPI_CHAR, from, par->comm),
        "MPI_Bcast", err);
}

cr_status cr_par_agree_at(const cr_par *par, cr_status local, cr_error *err, const char *site)
{
    cr_status status = CR_OK;
    if (local == CR_OK)
        local = cr_par_fault_at(par, site, err);
    if (is_alone(par))
        return local;
    /* MAXLOC gives the lowest of the ranks that share the maximum. The second pair is -1 only if
     * no rank succeeded. */
    struct {
        int value, rank;
    } worst[2] = {{(int)local, par->rank}, {local == CR_OK ? 0 : -1, par->rank}};
    CR_TRY(cr_par_check(MPI_Allreduce(MPI_IN_PLACE, worst, 2, MPI_2INT, MPI_MAXLOC, par->comm),
                        "MPI_Allreduce", err));
    if (worst[0].value == CR_OK)
        return CR_OK;

    cr_error record = {0};
    CR_TRY(spread(par, worst[0].rank, err, &record));
    status = record.status = (cr_status)worst[0].value;
    if (worst[1].value == 0)
        cr_fail_in(&record, "rank %d: ", worst[0].rank);
    if (err)
        *err = record;

cleanup:
    return status;
}

cr_status cr_par_follow_at(const cr_par *par, cr_status local, cr_error *err, const char *site)
{
    cr_status status = CR_OK;
    if (local == CR_OK)
        local = cr_par_fault_at(par, site, err);
    int value = (int)local;
    if (is_alone(par))
        return local;
    CR_TRY(cr_par_check(MPI_Bcast(&value, 1, MPI_INT, 0, par->comm), "MPI_Bcast", err));
    if (value == CR_OK)
        return CR_OK;

    cr_error record = {0};
    CR_TRY(spread(par, 0, err, &record));
    status = record.status = (cr_status)value;
    if (err)
        *err = record;

cleanup:
    return status;
}

cr_status cr_par_spread(const cr_par *par, void *bytes, size_t n_bytes, cr_error *err)
{
    cr_status status = CR_OK;
    for (size_t at = 0; at < n_bytes && status == CR_OK && !is_alone(par); at += PIECE_BYTES) {
        int piece = n_bytes - at < PIECE_BYTES ? (int)(n_bytes - at) : PIECE_BYTES;
        status = cr_par_check(MPI_Bcast((char *)bytes + at, piece, MPI_BYTE, 0, par->comm),
                              "MPI_Bcast", err);
    }
    return status;
}

cr_status cr_par_share(const cr_par *par, uint8_t **bytes, size_t *n_bytes, cr_error *err)
{
    cr_status status = CR_OK, local = CR_OK;
    const bool receives = par->rank != 0;
    uint8_t *block = receives ? NULL : *bytes;
    uint64_t total = receives ? 0 : *n_bytes;
    if (is_alone(par))
        return CR_OK;
    CR_TRY(cr_par_check(MPI_Bcast(&total, 1, MPI_UINT64_T, 0, par->comm), "MPI_Bcast", err));
    if (receives) {
        block = malloc((size_t)total + 1);
        if (block)
            block[total] = 0;
        else
            local = cr_fail_memory(err, "a block from rank 0", (size_t)total, 1);
    }
    CR_TRY(cr_par_agree(par, local, err));
    CR_TRY(cr_par_agree(par, cr_par_spread(par, block, (size_t)total, err), err));
    if (receives) {
        *bytes = block;
        *n_bytes = (size_t)total;
        block = NULL;
    }

cleanup:
    if (receives)
        free(block);
    return status;
}

cr_status cr_par_sum(const cr_par *par, int64_t *values, int n_values, cr_error *err)
{
    if (is_alone(par))
        return CR_OK;
    return cr_par_check(
        MPI_Allreduce(MPI_IN_PLACE, values, n_values, MPI_INT64_T, MPI_SUM, par->comm),
        "MPI_Allreduce", err);
}

cr_status cr_par_max(const cr_par *par, int64_t *values, int n_values, cr_error *err)
{
    if (is_alone(par))
        return CR_OK;
    return cr_par_check(
        MPI_Allreduce(MPI_IN_PLACE, values, n_values, MPI_INT64_T, MPI_MAX, par->comm),
        "MPI_Allreduce", err);
}

void cr_par_part(const cr_par *par, int n, int grain, int *first, int *last)
{
    const int64_t n_runs = n / grain + (n % grain > 0);
    const int64_t from = n_runs * par->rank / par->size * grain;
    const int64_t to = n_runs * (par->rank + 1) / par->size * grain;
    *first = (int)(from < n ? from : n);
    *last = (int)(to < n ? to : n);
}

cr_status cr_par_barrier(const cr_par *par, cr_error *err)
{
    if (is_alone(par))
        return CR_OK;
    return cr_par_check(MPI_Barrier(par->comm), "MPI_Barrier", err);
}
