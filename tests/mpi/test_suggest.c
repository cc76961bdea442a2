/* The arithmetic of what to ask a cluster for: driver/suggest.h. Serial; here because the driver
 * links MPI. Expected values are worked out by hand beside each case. */
#include "driver/suggest.h"
#include "harness.h"

#define MIB ((size_t)1 << 20)

static cr_suggestion suggest(int64_t n_images, int batch, double image_s)
{
    const cr_suggest_cost cost = {.flops = 1e9, .image_s = image_s, .chunk = batch};
    return cr_suggest(&(cr_suggest_facts){
        .n_images = n_images, .n_groups = 1, .groups = &cost, .rank_bytes = 800 * MIB});
}

static void work_of_hours_is_shared_until_it_takes_half_an_hour(const cr_par *par)
{
    (void)par;
    /* 5000 s: 3 ranks for 1667 s; (1667 + 1.6) 1.5 + 240 = 2742, up to 3000. */
    cr_suggestion s = suggest(50000, 16, 0.1);
    CHECK(s.core_s == 5000);
    CHECK_EQUAL(s.n_ranks, 3);
    CHECK_EQUAL(s.time_s, 3000);
    /* Exactly an hour: 2 ranks; (1800 + 1) 1.5 + 240 = 2941.5. */
    s = suggest(3600, 1, 1);
    CHECK_EQUAL(s.n_ranks, 2);
    CHECK_EQUAL(s.time_s, 3000);
}

static void small_work_is_for_one_rank(const cr_par *par)
{
    (void)par;
    /* (0.37 + 0.08) 1.5 + 240 = 241, up to 300. */
    cr_suggestion s = suggest(37, 8, 0.01);
    CHECK_EQUAL(s.n_ranks, 1);
    CHECK_EQUAL(s.time_s, 300);
    CHECK_EQUAL(suggest(1, 1024, 0).n_ranks, 1);
}

static void rank_has_four_chunks_at_least(const cr_par *par)
{
    (void)par;
    /* 160 images in 10 chunks: 2 ranks, though 16000 s would keep 9; (8000 + 1600) 1.5 + 240. */
    cr_suggestion s = suggest(160, 16, 100);
    CHECK_EQUAL(s.n_ranks, 2);
    CHECK_EQUAL(s.time_s, 14700);
    /* A chunk more does not make 3; two more do: 12 chunks. */
    CHECK_EQUAL(suggest(161, 16, 100).n_ranks, 2);
    CHECK_EQUAL(suggest(177, 16, 100).n_ranks, 3);
}

static void model_not_timed_takes_the_rate_of_the_others(const cr_par *par)
{
    (void)par;
    /* 0.4 s for 4 GFLOP: 0.1 s a GFLOP; the third takes 0.6 s, so 1 s an image in all. */
    const cr_suggest_cost costs[] = {{1e9, 0.25, 10}, {3e9, 0.15, 10}, {6e9, 0, 10}};
    const cr_suggest_facts facts = {
        .n_images = 35900, .n_groups = 3, .groups = costs, .rank_bytes = 1};
    cr_suggestion s = cr_suggest(&facts);
    CHECK(s.core_s > 35899.9 && s.core_s < 35900.1);
    /* 1795 s and the chunk of the slowest model, 6 s: 1801 1.5 + 240 = 2941.5. */
    CHECK_EQUAL(s.n_ranks, 20);
    CHECK_EQUAL(s.time_s, 3000);
}

static void memory_has_a_quarter_to_spare(const cr_par *par)
{
    (void)par;
    static const struct {
        size_t mib;
        int64_t expected;
    } cases[] = {{1, 100}, {80, 100}, {81, 200}, {800, 1000}, {801, 1100}, {100000, 125000}};
    const cr_suggest_cost cost = {1e9, 1, 1};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const cr_suggest_facts facts = {
            .n_images = 10, .n_groups = 1, .groups = &cost, .rank_bytes = cases[i].mib * MIB};
        CHECK_EQUAL(cr_suggest(&facts).memory_mib, cases[i].expected);
    }
}

static void time_is_written_as_slurm_reads_it(const cr_par *par)
{
    (void)par;
    static const struct {
        int64_t time_s;
        const char *expected;
    } cases[] = {{300, "00:05:00"},      {3600, "01:00:00"},
                 {86399, "23:59:59"},    {86400, "1-00:00:00"},
                 {120300, "1-09:25:00"}, {(int64_t)1 << 40, "12725829-00:36:16"}};
    char text[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_suggest_time(cases[i].time_s, text);
        CHECK_TEXT(text, cases[i].expected);
    }
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(work_of_hours_is_shared_until_it_takes_half_an_hour),
        HARNESS_CASE(small_work_is_for_one_rank),
        HARNESS_CASE(rank_has_four_chunks_at_least),
        HARNESS_CASE(model_not_timed_takes_the_rate_of_the_others),
        HARNESS_CASE(memory_has_a_quarter_to_spare),
        HARNESS_CASE(time_is_written_as_slurm_reads_it),
    };
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
