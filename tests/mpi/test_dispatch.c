#include "harness.h"

#include "driver/dispatch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_UNITS = 96 };

/* What a run has left to do need not be a range. */
static int unit_at(int i)
{
    return 7 * i + 3;
}

static void take_time(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

/* What to do with a unit of this rank, the nth that it gets. */
typedef void unit_work(cr_dispatch *d, int nth);

static int n_ahead; /* units that this rank has known of before they were given, in one hand_out */

/* What a rank does when it has got its last unit; NULL: nothing. */
typedef void at_end(const cr_par *par);

/* Hands out n_units <= N_UNITS, rank 0 only driving or not. Of all ranks, times[i] is how often unit
 * i was given; returned is how many this rank got. *images is what rank 0 has heard of, one a unit. */
static int hand_out(const cr_par *par, bool drives, int n_units, unit_work *work, at_end *end,
                    int64_t times[N_UNITS], int64_t *images)
{
    cr_error err = {0};
    cr_dispatch dispatch;
    int units[N_UNITS], n = 0, unit = -1, ahead = -1;
    n_ahead = 0;
    for (int i = 0; i < N_UNITS; i++)
        units[i] = unit_at(i);
    memset(times, 0, N_UNITS * sizeof *times);
    setenv("CAMRANK_TEST_DRIVES_FROM", drives ? "2" : "1000000", 1);
    CHECK_OK(cr_dispatch_init(&dispatch, par, par->rank == 0 ? units : NULL,
                              par->rank == 0 ? n_units : 0, &err),
             &err);
    for (;; n++) {
        CHECK_OK(cr_dispatch_next(&dispatch, n > 0, &unit, &err), &err);
        if (unit < 0)
            break;
        if (ahead >= 0)
            CHECK_EQUAL(unit, ahead);
        if (CHECK((unit - 3) % 7 == 0 && unit >= 3 && unit <= unit_at(N_UNITS - 1)))
            times[(unit - 3) / 7]++;
        work(&dispatch, n);
        CHECK_OK(cr_dispatch_poll(&dispatch, &err), &err);
        CHECK_OK(cr_dispatch_ahead(&dispatch, &ahead, &err), &err);
        n_ahead += ahead >= 0;
    }
    if (end)
        end(par);
    CHECK_OK(cr_dispatch_finish(&dispatch, CR_OK, NULL, NULL, &err), &err);
    *images = dispatch.n_images_done;
    CHECK_OK(cr_par_sum(par, times, N_UNITS, &err), &err);
    unsetenv("CAMRANK_TEST_DRIVES_FROM");
    return n;
}

static void check_each_once(const int64_t times[N_UNITS])
{
    for (int i = 0; i < N_UNITS; i++)
        CHECK_EQUAL(times[i], 1);
}

static void a_millisecond(cr_dispatch *d, int nth)
{
    (void)d, (void)nth;
    take_time(1);
}

static void units_rank_0_works_too_are_given_once_each(const cr_par *par)
{
    int64_t times[N_UNITS], images;
    const int n = hand_out(par, false, N_UNITS, a_millisecond, NULL, times, &images);
    check_each_once(times);
    if (par->rank == 0) {
        CHECK(n > 0);
        CHECK_EQUAL(images, N_UNITS);
    }
    if (par->size == 1)
        CHECK_EQUAL(n_ahead, N_UNITS - 1);
}

static void units_rank_0_only_drives_are_given_once_each_to_the_others(const cr_par *par)
{
    int64_t times[N_UNITS], images;
    const int n = hand_out(par, true, N_UNITS, a_millisecond, NULL, times, &images);
    check_each_once(times);
    if (par->rank == 0) {
        CHECK_EQUAL(n, par->size == 1 ? N_UNITS : 0);
        CHECK_EQUAL(images, N_UNITS);
    }
}

static void units_given_last_first_are_given_once_each(const cr_par *par)
{
    int64_t times[N_UNITS], images;
    setenv("CAMRANK_TEST_ORDER", "reverse", 1);
    hand_out(par, true, N_UNITS, a_millisecond, NULL, times, &images);
    check_each_once(times);
    hand_out(par, false, N_UNITS, a_millisecond, NULL, times, &images);
    check_each_once(times);
    unsetenv("CAMRANK_TEST_ORDER");
}

/* Words between ranks, so that a test waits for what must have happened. Not on the communicator of
 * the dispatch. */
static void say(int rank)
{
    MPI_Send(NULL, 0, MPI_INT, rank, 0, MPI_COMM_WORLD);
}

/* Rank 0 answers the others meanwhile. */
static void wait_for_word(cr_dispatch *d, int rank)
{
    cr_error err = {0};
    int is_there = 0;
    while (!is_there) {
        CHECK_OK(cr_dispatch_poll(d, &err), &err);
        MPI_Iprobe(rank, 0, MPI_COMM_WORLD, &is_there, MPI_STATUS_IGNORE);
    }
    MPI_Recv(NULL, 0, MPI_INT, rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/* Of the last rank the first unit lasts until the others, who wait for it to begin, have no more. */
static void as_long_as_the_others_for_the_last_rank(cr_dispatch *d, int nth)
{
    const int last = d->par->size - 1;
    if (nth > 0)
        return;
    if (d->par->rank != last) {
        wait_for_word(d, last);
        return;
    }
    for (int rank = 1; rank < last; rank++)
        say(rank);
    for (int rank = 1; rank < last; rank++)
        wait_for_word(d, rank);
}

static void tell_the_last_rank(const cr_par *par)
{
    if (par->rank > 0 && par->rank < par->size - 1)
        say(par->size - 1);
}

/* While it works at its first unit, the others do all the rest: but for the one that it has asked for
 * ahead, which it does only when there are plenty. */
static void units_of_a_slow_rank_are_one_when_few_are_left_and_rank_0_drives(const cr_par *par)
{
    int64_t times[N_UNITS], images;
    if (par->size < 3)
        return;
    /* Every rank's first is given when fewer than plenty are left. */
    const int few = CR_DISPATCH_PLENTY * par->size;
    int n = hand_out(par, true, few, as_long_as_the_others_for_the_last_rank, tell_the_last_rank,
                     times, &images);
    for (int i = 0; i < N_UNITS; i++)
        CHECK_EQUAL(times[i], i < few);
    if (par->rank == par->size - 1) {
        CHECK_EQUAL(n, 1);
        CHECK_EQUAL(n_ahead, 0);
    }
    n = hand_out(par, true, N_UNITS, as_long_as_the_others_for_the_last_rank, tell_the_last_rank,
                 times, &images);
    check_each_once(times);
    if (par->rank == par->size - 1) {
        CHECK_EQUAL(n, 2);
        CHECK_EQUAL(n_ahead, 1);
    }
}

/* At the last rank's; the others are at their first until then. */
static void stop_at_the_second(cr_dispatch *d, int nth)
{
    const int last = d->par->size - 1;
    cr_error err = {0};
    if (d->par->rank != last && nth == 0)
        wait_for_word(d, last);
    take_time(1);
    if (d->par->rank == last && nth == 1) {
        CHECK_OK(cr_dispatch_stop(d, &err), &err);
        for (int rank = d->drives; rank < last; rank++)
            say(rank);
    }
}

static void stop_by_one_rank_leaves_units_ungiven_and_gives_none_twice(const cr_par *par)
{
    int64_t times[N_UNITS], images, given = 0;
    for (int drives = 0; drives < 2; drives++) {
        const int n = hand_out(par, drives, N_UNITS, stop_at_the_second, NULL, times, &images);
        given = 0;
        for (int i = 0; i < N_UNITS; i++) {
            CHECK(times[i] == 0 || times[i] == 1);
            given += times[i];
        }
        CHECK(given >= 2 && given < N_UNITS);
        if (par->rank == par->size - 1)
            CHECK_EQUAL(n, 2);
    }
}

static void order_of_units_is_dearest_first_and_of_equal_ones_the_first(const cr_par *par)
{
    static const double costs[] = {2, 0.5, 7, 2, 7, 0, 1};
    static const int expected[] = {2, 4, 0, 3, 6, 1, 5};
    enum { N = sizeof costs / sizeof costs[0] };
    int order[N] = {0};
    (void)par;
    cr_dispatch_order(costs, N, order);
    for (int i = 0; i < N; i++)
        CHECK_EQUAL(order[i], expected[i]);
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(units_rank_0_works_too_are_given_once_each),
        HARNESS_CASE(units_rank_0_only_drives_are_given_once_each_to_the_others),
        HARNESS_CASE(units_given_last_first_are_given_once_each),
        HARNESS_CASE(units_of_a_slow_rank_are_one_when_few_are_left_and_rank_0_drives),
        HARNESS_CASE(order_of_units_is_dearest_first_and_of_equal_ones_the_first),
        HARNESS_CASE(stop_by_one_rank_leaves_units_ungiven_and_gives_none_twice),
    };
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
