#include "harness.h"

#include "driver/cpus.h"

#include <sched.h>

static cpu_set_t allowed; /* what this rank began with */

/* Binds this rank to the first n CPUs that it may use; false if there are not so many. */
static bool bind_to(int n)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&set) < n; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(cpu, &set);
    return CPU_COUNT(&set) == n && CHECK_EQUAL(sched_setaffinity(0, sizeof set, &set), 0);
}

static void check_second(const cr_par *par, bool expected)
{
    cr_error err = {0};
    bool second = !expected;
    CHECK_OK(cr_cpus_second(par, &second, &err), &err);
    CHECK_EQUAL(second, expected);
}

static void rank_on_one_cpu_has_no_second(const cr_par *par)
{
    CHECK(bind_to(1));
    check_second(par, false);
}

static void rank_on_two_cpus_has_a_second_unless_others_use_them(const cr_par *par)
{
    if (CPU_COUNT(&allowed) < 2)
        return;
    CHECK(bind_to(2));
    check_second(par, par->size == 1);
    CHECK(bind_to(par->rank == 0 ? 2 : 1));
    check_second(par, par->size == 1);
}

static void ranks_have_a_second_where_cpus_are_twice_as_many(const cr_par *par)
{
    if (CPU_COUNT(&allowed) < 2 * par->size)
        return;
    CHECK(bind_to(2 * par->size));
    check_second(par, true);
    CHECK(bind_to(2 * par->size - 1));
    check_second(par, false);
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(rank_on_one_cpu_has_no_second),
        HARNESS_CASE(rank_on_two_cpus_has_a_second_unless_others_use_them),
        HARNESS_CASE(ranks_have_a_second_where_cpus_are_twice_as_many),
    };
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
