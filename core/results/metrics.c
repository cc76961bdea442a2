/* metrics.c - where the metrics of a plan have their values and sums in memory. */
#include "internal.h"

#include <string.h>

static bool is_of_protocol(int column)
{
    int metric;
    cr_metric_column_at(column, &metric);
    return cr_metrics[metric]->of_protocol;
}

/* The member of the rows that is the column's array, NULL where there is none. */
static void *member_of(const struct cr_results_maps *maps, int column, int protocol)
{
    const size_t offset = cr_column_at(CR_COLUMN_METRICS + column).offset;
    if (!is_of_protocol(column))
        return (char *)maps + offset;
    return maps->protocols ? (char *)&maps->protocols[protocol] + offset : NULL;
}

void *cr_results_metric_array(const struct cr_results_maps *maps, int column, int protocol)
{
    const void *member = member_of(maps, column, protocol);
    void *array = NULL;
    if (member)
        memcpy(&array, member, sizeof array);
    return array;
}

void cr_results_metric_take(struct cr_results_maps *maps, int column, int protocol, void *array)
{
    memcpy(member_of(maps, column, protocol), &array, sizeof array);
}

int cr_results_metric_extent(const cr_results_plan *plan, int column, int protocol, int extent)
{
    int metric;
    if (extent == CR_METRIC_EXTENT_BOXES)
        return plan->protocols[protocol].n_boxes;
    if (extent != CR_METRIC_EXTENT_OWN)
        return extent;
    cr_metric_column_at(column, &metric);
    return cr_metrics[metric]->extent(cr_results_metric_parameters(plan, metric, protocol));
}

size_t cr_results_metric_items(const cr_results_plan *plan, int column, int protocol)
{
    const int *extents = cr_metric_column_at(column, NULL)->extents;
    size_t n = 1;
    for (int i = 0; i < CR_METRIC_MAX_EXTENTS && extents[i]; i++)
        n *= (size_t)cr_results_metric_extent(plan, column, protocol, extents[i]);
    return n;
}

size_t cr_metric_item_bytes(const cr_metric_column *column)
{
    static const size_t bytes[] = {[CR_METRIC_U8] = sizeof(uint8_t),
                                   [CR_METRIC_I32] = sizeof(int32_t),
                                   [CR_METRIC_F64] = sizeof(double)};
    return bytes[column->kind];
}

bool cr_results_metrics_alloc(const cr_results_plan *plan, size_t n, cr_arena *arena,
                              struct cr_results_maps *maps)
{
    int metric;
    maps->empty = cr_arena_alloc(arena, n, CR_SLOTS);
    maps->protocols = cr_arena_alloc(arena, (size_t)plan->n_protocols, sizeof *maps->protocols);
    bool ok = maps->empty && maps->protocols;
    for (int k = 0; ok && k < cr_metric_n_columns(); k++) {
        const cr_metric_column *column = cr_metric_column_at(k, &metric);
        if (!cr_results_has_metric(plan, metric))
            continue;
        for (int p = 0; ok && p < (cr_metrics[metric]->of_protocol ? plan->n_protocols : 1); p++) {
            void *array = cr_arena_alloc(
                arena, n, cr_results_metric_items(plan, k, p) * cr_metric_item_bytes(column));
            cr_results_metric_take(maps, k, p, array);
            ok = array != NULL;
        }
    }
    return ok;
}

/* Integers of a metric in the sums of a variant. */
static size_t count_sums(const cr_results_plan *plan, int metric)
{
    const cr_metric *of = cr_metrics[metric];
    return cr_results_has_metric(plan, metric)
               ? (size_t)of->n_sums * (size_t)(of->of_protocol ? plan->n_protocols : 1)
               : 0;
}

size_t cr_results_count_sums(const cr_results_plan *plan)
{
    size_t n = 0;
    for (int m = 0; cr_metrics[m]; m++)
        n += count_sums(plan, m);
    return n;
}

size_t cr_results_sums_at(const cr_results_plan *plan, int row, int metric, int protocol)
{
    const cr_metric *of = cr_metrics[metric];
    size_t at = (size_t)row * cr_results_count_sums(plan);
    for (int m = 0; m < metric; m++)
        at += count_sums(plan, m);
    return at + (of->of_protocol ? (size_t)protocol * (size_t)of->n_sums : 0);
}

void cr_results_find_sums(const cr_results_plan *plan, const int64_t *sums, int row, int protocol,
                          const int64_t *of[CR_METRIC_MAX])
{
    memset(of, 0, CR_METRIC_MAX * sizeof *of);
    for (int m = 0; cr_metrics[m]; m++)
        if (cr_results_has_metric(plan, m))
            of[m] = sums + cr_results_sums_at(plan, row, m, protocol);
}
