/* What messages cost here, for tests/scale/simulate.py: prints one line of JSON.
 *
 * usage: mpirun -n N messages
 *
 * latency_s is half a round trip of two ranks that look all the time. handle_s is what rank 0 takes
 * for one request of a full inbox, by the dispatch itself, and look_s what it takes to find an empty
 * one. Both grow with the number of ranks; agree_s is one agreement of all ranks. */
#include "driver/dispatch.h"
#include "driver/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_TRIPS = 2000, N_ROUNDS = 60, N_LOOKS = 2000, N_AGREEMENTS = 200, N_AT_LEAST = 5 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    return values[n / 2];
}

static void rest(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

/* The ranks above 1 sleep meanwhile: there may be more of them than cores. */
static double measure_latency(const cr_par *par)
{
    static double times[N_TRIPS];
    int word = 0;
    for (int i = 0; i < N_TRIPS && par->rank < 2; i++) {
        const double start = cr_now_s();
        if (par->rank == 0)
            MPI_Send(&word, 1, MPI_INT, 1, 9, par->comm);
        MPI_Recv(&word, 1, MPI_INT, !par->rank, 9, par->comm, MPI_STATUS_IGNORE);
        if (par->rank == 1)
            MPI_Send(&word, 1, MPI_INT, 0, 9, par->comm);
        times[i] = (cr_now_s() - start) / 2;
    }
    int done = 0;
    MPI_Request request;
    MPI_Ibarrier(par->comm, &request);
    while (MPI_Test(&request, &done, MPI_STATUS_IGNORE), !done)
        rest(1);
    return median(times, N_TRIPS);
}

/* A dispatch of units that take no time; rank 0 looks when all the others have asked. */
static cr_status measure_handling(const cr_par *par, double *handle_s, double *look_s,
                                  cr_error *err)
{
    cr_status status = CR_OK;
    static double handled[N_ROUNDS], looked[N_ROUNDS];
    for (int round = 0; round < N_ROUNDS; round++) {
        cr_dispatch dispatch;
        int unit = -1;
        CR_TRY(cr_dispatch_init(&dispatch, par, &unit, 0, err));
        if (par->rank == 0) {
            rest(20);
            const double start = cr_now_s();
            CR_TRY(cr_dispatch_poll(&dispatch, err));
            const double between = cr_now_s();
            for (int i = 0; i < N_LOOKS; i++)
                CR_TRY(cr_dispatch_poll(&dispatch, err));
            looked[round] = (cr_now_s() - between) / N_LOOKS;
            handled[round] = (between - start) / (par->size - 1);
        }
        CR_TRY(cr_dispatch_next(&dispatch, 0, &unit, err));
        CR_TRY(cr_dispatch_finish(&dispatch, CR_OK, NULL, NULL, err));
    }
    *handle_s = median(handled, N_ROUNDS);
    *look_s = median(looked, N_ROUNDS);

cleanup:
    return status;
}

static double measure_agreement(const cr_par *par)
{
    static double times[N_AGREEMENTS];
    for (int i = 0; i < N_AGREEMENTS; i++) {
        const double start = cr_now_s();
        cr_par_agree(par, CR_OK, NULL);
        times[i] = cr_now_s() - start;
    }
    return median(times, N_AGREEMENTS);
}

int main(void)
{
    cr_par par;
    cr_error err = {0};
    double handle_s = 0, look_s = 0;
    MPI_Init(NULL, NULL);
    cr_status status = cr_par_init(&par, MPI_COMM_WORLD, &err);
    if (status == CR_OK && par.size < 2)
        status = cr_fail(&err, CR_EUSAGE, "at least 2 ranks are needed");
    const double latency_s = status == CR_OK ? measure_latency(&par) : 0;
    if (status == CR_OK)
        status = measure_handling(&par, &handle_s, &look_s, &err);
    const double agree_s = status == CR_OK ? measure_agreement(&par) : 0;
    if (status != CR_OK)
        fprintf(stderr, "messages: %s\n", err.message);
    else if (par.rank == 0)
        printf("{\"ranks\": %d, \"latency_s\": %.3g, \"handle_s\": %.3g, \"look_s\": %.3g, "
               "\"agree_s\": %.3g}\n",
               par.size, latency_s, handle_s, look_s, agree_s);
    cr_par_fini(&par);
    MPI_Finalize();
    return cr_status_exit_code(status);
}
