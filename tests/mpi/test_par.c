#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void agree_all_ranks_well_is_ok_and_leaves_the_record(const cr_par *par)
{
    cr_error err = {CR_OK, "untouched"};
    CHECK_EQUAL(cr_par_agree(par, CR_OK, &err), CR_OK);
    CHECK_TEXT(err.message, "untouched");
}

static void agree_one_rank_fails_gives_its_record_with_the_rank(const cr_par *par)
{
    cr_error err = {0};
    cr_status local = CR_OK;
    const int bad = par->size - 1;
    if (par->rank == bad)
        local = cr_fail(&err, CR_EINPUT, "job.yaml: line 3: no");
    CHECK_EQUAL(cr_par_agree(par, local, &err), CR_EINPUT);
    CHECK_EQUAL(err.status, CR_EINPUT);
    char expected[64];
    snprintf(expected, sizeof expected, "rank %d: job.yaml: line 3: no", bad);
    CHECK_TEXT(err.message, par->size > 1 ? expected : "job.yaml: line 3: no");
    /* Agreed once, all have it: a second agreement adds nothing. */
    CHECK_EQUAL(cr_par_agree(par, CR_EINPUT, &err), CR_EINPUT);
    CHECK_TEXT(err.message, par->size > 1 ? expected : "job.yaml: line 3: no");
}

static void agree_all_ranks_fail_gives_the_worst_without_a_rank(const cr_par *par)
{
    cr_error err = {0};
    const bool worse = par->rank > 0 || par->size == 1;
    cr_status local = cr_fail(&err, worse ? CR_EIO : CR_EINPUT, "from %d", par->rank);
    CHECK_EQUAL(cr_par_agree(par, local, &err), CR_EIO);
    CHECK_TEXT(err.message, par->size > 1 ? "from 1" : "from 0");
}

static void agree_without_a_record_still_agrees(const cr_par *par)
{
    CHECK_EQUAL(cr_par_agree(par, par->rank == 0 ? CR_EINTERNAL : CR_OK, NULL), CR_EINTERNAL);
    CHECK_EQUAL(cr_par_agree(par, CR_OK, NULL), CR_OK);
}

static void follow_takes_the_status_and_record_of_rank_0(const cr_par *par)
{
    cr_error err = {CR_OK, "untouched"};
    cr_status local = par->rank == 0 ? CR_OK : CR_EIO;
    CHECK_EQUAL(cr_par_follow(par, local, &err), CR_OK);
    CHECK_TEXT(err.message, "untouched");
    local = par->rank == 0 ? cr_fail(&err, CR_EINPUT, "job.yaml: no") : CR_OK;
    CHECK_EQUAL(cr_par_follow(par, local, &err), CR_EINPUT);
    CHECK_EQUAL(err.status, CR_EINPUT);
    CHECK_TEXT(err.message, "job.yaml: no");
}

static void share_block_arrives_on_every_rank(const cr_par *par)
{
    enum { N = 100003 };
    cr_error err = {0};
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    if (par->rank == 0) {
        n_bytes = N;
        bytes = malloc(N + 1);
        for (int i = 0; bytes && i <= N; i++)
            bytes[i] = (uint8_t)(i == N ? 0 : i * 7 % 251);
    }
    CHECK_OK(cr_par_share(par, &bytes, &n_bytes, &err), &err);
    CHECK_EQUAL((int64_t)n_bytes, N);
    int wrong = 0;
    for (int i = 0; bytes && i < N; i++)
        wrong += bytes[i] != i * 7 % 251;
    CHECK_EQUAL(wrong, 0);
    CHECK(bytes && bytes[N] == 0);
    free(bytes);
}

static void share_nothing_gives_an_empty_text(const cr_par *par)
{
    cr_error err = {0};
    uint8_t *bytes = par->rank == 0 ? calloc(1, 1) : NULL;
    size_t n_bytes = par->rank == 0 ? 0 : 17;
    CHECK_OK(cr_par_share(par, &bytes, &n_bytes, &err), &err);
    CHECK_EQUAL((int64_t)n_bytes, 0);
    CHECK(bytes && bytes[0] == 0);
    free(bytes);
}

static void sum_of_large_integers_is_exact(const cr_par *par)
{
    cr_error err = {0};
    int64_t values[2] = {(INT64_C(1) << 55) + par->rank, -par->rank};
    CHECK_OK(cr_par_sum(par, values, 2, &err), &err);
    const int64_t ranks = par->size, triangle = ranks * (ranks - 1) / 2;
    CHECK_EQUAL(values[0], (ranks << 55) + triangle);
    CHECK_EQUAL(values[1], -triangle);
}

static void part_of_each_rank_is_whole_runs_and_all_are_everything_once(const cr_par *par)
{
    static const int cases[][2] = {{0, 7}, {1, 7}, {6, 7}, {7, 7}, {8, 7}, {100, 7}, {50000, 4096}};
    cr_error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int n = cases[i][0], grain = cases[i][1];
        int first, last;
        cr_par_part(par, n, grain, &first, &last);
        CHECK(first >= 0 && first <= last && last <= n);
        CHECK(first % grain == 0 || first == n);
        CHECK(last % grain == 0 || last == n);
        /* As many as there are, and where each rank begins, the one before it ends. */
        int64_t sums[2] = {last - first, 0};
        for (int rank = 0; rank + 1 < par->size; rank++) {
            const cr_par one = {.rank = rank, .size = par->size};
            const cr_par next = {.rank = rank + 1, .size = par->size};
            int from, end, begin, to;
            cr_par_part(&one, n, grain, &from, &end);
            cr_par_part(&next, n, grain, &begin, &to);
            sums[1] += end != begin;
        }
        CHECK_OK(cr_par_sum(par, sums, 2, &err), &err);
        CHECK_EQUAL(sums[0], n);
        CHECK_EQUAL(sums[1], 0);
    }
}

static void check_mpi_failure_names_the_call(const cr_par *par)
{
    cr_error err = {0};
    int value = 0;
    int result = MPI_Send(&value, 1, MPI_INT, par->size + 5, 0, par->comm);
    CHECK_EQUAL(cr_par_check(result, "MPI_Send", &err), CR_EIO);
    CHECK(strncmp(err.message, "MPI_Send: ", 10) == 0 && strstr(err.message, "RANK"));
    CHECK_EQUAL(cr_par_check(MPI_SUCCESS, "MPI_Send", &err), CR_OK);
    CHECK_OK(cr_par_barrier(par, &err), &err);
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(agree_all_ranks_well_is_ok_and_leaves_the_record),
        HARNESS_CASE(agree_one_rank_fails_gives_its_record_with_the_rank),
        HARNESS_CASE(agree_all_ranks_fail_gives_the_worst_without_a_rank),
        HARNESS_CASE(agree_without_a_record_still_agrees),
        HARNESS_CASE(follow_takes_the_status_and_record_of_rank_0),
        HARNESS_CASE(share_block_arrives_on_every_rank),
        HARNESS_CASE(share_nothing_gives_an_empty_text),
        HARNESS_CASE(sum_of_large_integers_is_exact),
        HARNESS_CASE(part_of_each_rank_is_whole_runs_and_all_are_everything_once),
        HARNESS_CASE(check_mpi_failure_names_the_call),
    };
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
