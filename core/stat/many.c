/* What many comparisons at once need: corrected p-values, and groups of what cannot be told apart. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct ranked {
    double p;
    int at;
} ranked;

static int by_p(const void *one, const void *other)
{
    const ranked *a = one, *b = other;
    return a->p != b->p ? (a->p > b->p) - (a->p < b->p) : (a->at > b->at) - (a->at < b->at);
}

/* Those that are numbers, the least first. */
static cr_status rank(const double *p, int n, ranked **of, int *n_of, cr_error *err)
{
    *n_of = 0;
    *of = cr_alloc((size_t)n, sizeof **of);
    if (!*of)
        return cr_fail_memory(err, "p-values", (size_t)n, sizeof **of);
    for (int i = 0; i < n; i++)
        if (!isnan(p[i]))
            (*of)[(*n_of)++] = (ranked){p[i], i};
    qsort(*of, (size_t)*n_of, sizeof **of, by_p);
    return CR_OK;
}

/* `correct` gets the m that are numbers, the least first. */
static cr_status adjust(const double *p, int n, void correct(const ranked *, int, double *),
                        double *adjusted, cr_error *err)
{
    ranked *of;
    int m;
    const cr_status status = rank(p, n, &of, &m, err);
    if (status != CR_OK)
        return status;
    memmove(adjusted, p, (size_t)n * sizeof *p);
    correct(of, m, adjusted);
    free(of);
    return CR_OK;
}

static void step_down(const ranked *of, int m, double *adjusted)
{
    double largest = 0;
    for (int i = 0; i < m; i++) {
        largest = fmax(largest, fmin(1, (m - i) * of[i].p));
        adjusted[of[i].at] = largest;
    }
}

static void step_up(const ranked *of, int m, double *adjusted)
{
    double least = 1;
    for (int i = m - 1; i >= 0; i--) {
        least = fmin(least, of[i].p * m / (i + 1));
        adjusted[of[i].at] = least;
    }
}

cr_status cr_stat_holm(const double *p, int n, double *adjusted, cr_error *err)
{
    return adjust(p, n, step_down, adjusted, err);
}

cr_status cr_stat_benjamini_hochberg(const double *p, int n, double *adjusted, cr_error *err)
{
    return adjust(p, n, step_up, adjusted, err);
}

/* The group of items i and j, and of all others in their order that nothing in it differs from. */
static void fill_group(const bool *differ, int n, int i, int j, bool *group)
{
    memset(group, 0, (size_t)n * sizeof *group);
    group[i] = group[j] = true;
    for (int item = 0; item < n; item++) {
        bool fits = true;
        for (int other = 0; other < n && fits; other++)
            fits = !group[other] || !differ[item * n + other];
        group[item] = group[item] || fits;
    }
}

cr_status cr_stat_groups(const bool *differ, int n, bool **member, int *n_groups, cr_error *err)
{
    const size_t items = (size_t)n;
    bool *covered = cr_alloc(items * items, sizeof *covered), *groups = NULL;
    size_t room = 0;
    *member = NULL;
    *n_groups = 0;
    if (!covered)
        return cr_fail_memory(err, "groups", items * items, sizeof *covered);
    for (int i = 0; i < n; i++)
        for (int pass = 0; pass < 2; pass++) /* pairs, then the item alone where there was none */
            for (int j = pass ? i : i + 1; j < (pass ? i + 1 : n); j++) {
                if (covered[i * n + j] || (i != j && differ[i * n + j]))
                    continue;
                if ((size_t)*n_groups == room) {
                    room = 2 * room + 8;
                    bool *larger = realloc(groups, room * items * sizeof *groups);
                    if (!larger) {
                        free(groups);
                        free(covered);
                        return cr_fail_memory(err, "groups", room * items, sizeof *groups);
                    }
                    groups = larger;
                }
                bool *group = groups + (size_t)(*n_groups)++ * items;
                fill_group(differ, n, i, j, group);
                for (int a = 0; a < n; a++)
                    for (int b = 0; b < n; b++)
                        covered[a * n + b] = covered[a * n + b] || (group[a] && group[b]);
            }
    free(covered);
    *member = groups;
    return CR_OK;
}
