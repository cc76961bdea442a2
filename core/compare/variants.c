/* Repetitions: which rows are runs of one variant, and what their spread says. */
#include "internal.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether `pattern` is of FILE:..., by one of the file's names; the rest of the name is `rest`. */
static bool matches_file(const char *pattern, const char *file, const char *rest, bool *whole)
{
    const size_t bytes = strlen(file) + strlen(rest) + 2;
    char *name = cr_alloc(bytes, 1);
    *whole = *whole && name;
    if (!name)
        return false;
    snprintf(name, bytes, "%s:%s", file, rest);
    const bool matches = fnmatch(pattern, name, 0) == 0;
    free(name);
    return matches;
}

/* *whole becomes false when out of memory. */
static bool matches(const char *pattern, const cr_compare_row *row, bool *whole)
{
    char name[5 * CR_NAME_BYTES];
    const bool has_slash = strchr(pattern, '/') != NULL;
    snprintf(name, sizeof name, "%s%s%s%s%s", row->model, has_slash ? "/" : "",
             has_slash ? row->method : "", has_slash ? "/" : "", has_slash ? row->protocol : "");
    return fnmatch(pattern, name, 0) == 0 ||
           (strchr(pattern, ':') && (matches_file(pattern, row->file, name, whole) ||
                                     matches_file(pattern, cr_path_name(row->file), name, whole)));
}

static cr_status fail_group(const cr_compare *compare, const char *group, cr_error *err)
{
    char known[300];
    size_t n = 0;
    for (int r = 0; r < compare->n_rows && n < sizeof known; r++) {
        const cr_compare_row *row = &compare->rows[r];
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s/%s/%s", r ? ", " : "", row->model,
                              row->method, row->protocol);
    }
    return cr_fail(err, CR_EINPUT, "--group %.100s: no row is called so, but %s%s", group, known,
                   n < sizeof known ? "" : "...");
}

/* Which group takes each row, -1 for none. */
static cr_status assign(const cr_compare *compare, int *group_of, cr_error *err)
{
    const cr_compare_options *options = &compare->options;
    bool whole = true;
    for (int r = 0; r < compare->n_rows; r++)
        group_of[r] = -1;
    for (int g = 0; g < options->n_groups; g++) {
        bool any = false;
        for (int r = 0; r < compare->n_rows; r++) {
            if (!matches(options->groups[g], &compare->rows[r], &whole))
                continue;
            if (group_of[r] >= 0)
                return cr_fail(err, CR_EUSAGE, "--group %.80s and --group %.80s both take %.120s",
                               options->groups[group_of[r]], options->groups[g],
                               compare->rows[r].label);
            group_of[r] = g;
            any = true;
        }
        if (!any && whole)
            return fail_group(compare, options->groups[g], err);
    }
    return whole ? CR_OK : cr_fail(err, CR_EINTERNAL, "out of memory: the name of a row");
}

/* Whether rows a and b are runs of one variant. */
static bool are_runs(const cr_compare *compare, const int *group_of, int a, int b)
{
    const cr_compare_row *one = &compare->rows[a], *other = &compare->rows[b];
    if (group_of[a] < 0 || group_of[a] != group_of[b])
        return false;
    return strchr(compare->options.groups[group_of[a]], '/') ||
           (strcmp(one->method, other->method) == 0 && strcmp(one->protocol, other->protocol) == 0);
}

static const char *name_of(cr_compare *compare, const int *group_of, int row)
{
    if (group_of[row] < 0)
        return compare->rows[row].label;
    const char *group = compare->options.groups[group_of[row]];
    return strchr(group, '/') ? group : cr_compare_label_group(compare, group, row);
}

static cr_status fill_variants(cr_compare *compare, const int *group_of, cr_error *err)
{
    cr_arena *arena = &compare->room->arena;
    const size_t n_rows = (size_t)compare->n_rows;
    compare->variants = cr_arena_alloc(arena, n_rows, sizeof *compare->variants);
    if (!compare->variants)
        return cr_fail_memory(err, "variants", n_rows, sizeof *compare->variants);
    for (int r = 0; r < compare->n_rows; r++) {
        int v = 0;
        while (v < compare->n_variants &&
               !are_runs(compare, group_of, compare->variants[v].runs[0], r))
            v++;
        cr_compare_variant *variant = &compare->variants[v];
        if (v == compare->n_variants) {
            compare->n_variants++;
            variant->runs = cr_arena_alloc(arena, n_rows, sizeof *variant->runs);
            variant->name = name_of(compare, group_of, r);
            if (!variant->runs || !variant->name)
                return cr_fail_memory(err, "variants", n_rows, sizeof *variant->runs);
        }
        variant->runs[variant->n_runs++] = r;
    }
    compare->n_between = compare->n_variants * (compare->n_variants - 1) / 2;
    return CR_OK;
}

cr_status cr_compare_find_variants(cr_compare *compare, cr_error *err)
{
    const size_t n_rows = (size_t)compare->n_rows;
    if (compare->options.n_groups == 0)
        return CR_OK;
    int *group_of = cr_alloc(n_rows, sizeof *group_of);
    if (!group_of)
        return cr_fail_memory(err, "variants", n_rows, sizeof *group_of);
    cr_status status = assign(compare, group_of, err);
    if (status == CR_OK)
        status = fill_variants(compare, group_of, err);
    free(group_of);
    return status;
}

static cr_compare_spread spread_of(const cr_compare_variant *variant, const double *values)
{
    cr_compare_spread spread = {0, NAN, INFINITY, -INFINITY};
    double squares = 0;
    for (int i = 0; i < variant->n_runs; i++) {
        const double value = values[variant->runs[i]];
        if (isnan(value))
            return (cr_compare_spread){NAN, NAN, NAN, NAN};
        spread.mean += value / variant->n_runs;
        spread.least = fmin(spread.least, value);
        spread.most = fmax(spread.most, value);
    }
    for (int i = 0; i < variant->n_runs; i++) {
        const double apart = values[variant->runs[i]] - spread.mean;
        squares += apart * apart;
    }
    if (variant->n_runs > 1)
        spread.deviation = sqrt(squares / (variant->n_runs - 1));
    return spread;
}

cr_status cr_compare_spread_runs(cr_compare *compare, cr_compare_metric *metric, cr_error *err)
{
    const size_t n = (size_t)compare->n_variants, n_between = (size_t)compare->n_between;
    metric->spreads = cr_arena_alloc(&compare->room->arena, n, sizeof *metric->spreads);
    metric->between = cr_arena_alloc(&compare->room->arena, n_between, sizeof *metric->between);
    if (!metric->spreads || !metric->between)
        return cr_fail_memory(err, "variants", n_between, sizeof *metric->between);
    for (int v = 0; v < compare->n_variants; v++)
        metric->spreads[v] = spread_of(&compare->variants[v], metric->values);
    int k = 0;
    for (int a = 0; a < compare->n_variants; a++)
        for (int b = a + 1; b < compare->n_variants; b++) {
            const cr_compare_variant *one = &compare->variants[a], *other = &compare->variants[b];
            cr_compare_between *of = &metric->between[k++];
            *of = (cr_compare_between){a, b, metric->spreads[a].mean - metric->spreads[b].mean, NAN,
                                       NAN};
            if (isnan(of->difference) || !metric->means)
                continue;
            const cr_status status = cr_stat_runs_interval(
                (cr_stat_runs){one->runs, one->n_runs}, (cr_stat_runs){other->runs, other->n_runs},
                metric->means, compare->options.n_resamples, CR_STAT_SEED, &of->low, &of->high,
                err);
            if (status != CR_OK)
                return status;
        }
    return CR_OK;
}
