/* A run whose ranks sleep where they would compute: driver/dispatch.c for real, over more ranks than
 * there are cores. tests/scale/test_simulate.py compares it with the simulation.
 *
 * usage: mpirun -n N play UNITS DECODE_MS LAYERS LAYER_MS BOXES_MS SLOW_FACTOR
 *
 * The last rank takes SLOW_FACTOR times as long. Prints one line of JSON: the seconds from the first
 * unit to the end, those that a unit really took (on a busy machine a sleeper is woken late), and
 * how many units each rank has done. */
#include "driver/dispatch.h"
#include "driver/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct pace_of_a_unit {
    int n_layers;
    double decode_s, layer_s, boxes_s;
} pace_of_a_unit;

/* Until `seconds` after *now, which moves on by that: being woken late does not add up. */
static void sleep_from(double *now, double seconds)
{
    *now += seconds;
    const struct timespec until = {.tv_sec = (time_t)*now,
                                   .tv_nsec = (long)((*now - (double)(time_t)*now) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

static cr_status play_unit(cr_dispatch *dispatch, const pace_of_a_unit *pace, cr_error *err)
{
    cr_status status = CR_OK;
    double now = cr_now_s();
    sleep_from(&now, pace->decode_s);
    for (int layer = 0; layer < pace->n_layers; layer++) {
        sleep_from(&now, pace->layer_s);
        CR_TRY(cr_dispatch_poll(dispatch, err));
        CR_TRY(cr_dispatch_ahead(dispatch, &(int){0}, err));
    }
    sleep_from(&now, pace->boxes_s);

cleanup:
    return status;
}

static cr_status play(const cr_par *par, int n_units, const pace_of_a_unit *pace, int *n_done,
                      double *in_units_s, cr_error *err)
{
    cr_status status = CR_OK;
    cr_dispatch dispatch;
    int *units = cr_alloc((size_t)n_units, sizeof *units);
    for (int i = 0; units && i < n_units; i++)
        units[i] = i;
    if (!units)
        status = cr_fail_memory(err, "units", (size_t)n_units, sizeof *units);
    CR_TRY(cr_par_agree(par, status, err));
    CR_TRY(cr_dispatch_init(&dispatch, par, units, n_units, err));
    for (*n_done = 0;; ++*n_done) {
        int unit;
        CR_TRY(cr_dispatch_next(&dispatch, 0, &unit, err));
        if (unit < 0)
            break;
        const double start = cr_now_s();
        CR_TRY(play_unit(&dispatch, pace, err));
        *in_units_s += cr_now_s() - start;
    }
    CR_TRY(cr_dispatch_finish(&dispatch, CR_OK, NULL, NULL, err));

cleanup:
    free(units);
    return status;
}

int main(int argc, char **argv)
{
    cr_par par;
    cr_error err = {0};
    cr_status status = CR_OK;
    int n_done = 0;
    double in_units_s = 0, all_s = 0;
    MPI_Init(&argc, &argv);
    CR_TRY(cr_par_init(&par, MPI_COMM_WORLD, &err));
    if (argc != 7)
        CR_TRY(cr_fail(&err, CR_EUSAGE, "six numbers are needed"));
    const double factor = par.rank == par.size - 1 ? atof(argv[6]) : 1;
    const pace_of_a_unit pace = {.n_layers = atoi(argv[3]),
                                 .decode_s = factor * atof(argv[2]) * 1e-3,
                                 .layer_s = factor * atof(argv[4]) * 1e-3,
                                 .boxes_s = factor * atof(argv[5]) * 1e-3};
    CR_TRY(cr_par_barrier(&par, &err));
    const double start = cr_now_s();
    CR_TRY(play(&par, atoi(argv[1]), &pace, &n_done, &in_units_s, &err));
    const double took = cr_now_s() - start;
    int *all = cr_alloc((size_t)par.size, sizeof *all);
    if (!all)
        CR_TRY(cr_fail_memory(&err, "counts", (size_t)par.size, sizeof *all));
    CR_TRY(cr_par_check(MPI_Gather(&n_done, 1, MPI_INT, all, 1, MPI_INT, 0, par.comm), "MPI_Gather",
                        &err));
    in_units_s /= factor;
    CR_TRY(cr_par_check(MPI_Reduce(&in_units_s, &all_s, 1, MPI_DOUBLE, MPI_SUM, 0, par.comm),
                        "MPI_Reduce", &err));
    if (par.rank == 0) {
        printf("{\"seconds\": %.4f, \"unit_s\": %.5f, \"units\": [", took, all_s / atoi(argv[1]));
        for (int rank = 0; rank < par.size; rank++)
            printf("%s%d", rank ? ", " : "", all[rank]);
        printf("]}\n");
    }
    free(all);

cleanup:
    if (status != CR_OK)
        fprintf(stderr, "play: %s\n", err.message);
    cr_par_fini(&par);
    MPI_Finalize();
    return cr_status_exit_code(status);
}
