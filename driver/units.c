/* What there is to do: units.h. The order depends on the job alone, never on time. */
#include "units.h"

#include "dispatch.h"

#include <stdlib.h>

/* One group of one network, and its units: `first` .. first + n_chunks - 1. */
typedef struct kind {
    int model, group, chunk, first, n_chunks;
} kind;

/* Before the first one. */
static kind before_kinds(void)
{
    return (kind){.group = -1};
}

/* Goes on to the next one. False behind the last. */
static bool next_kind(const cr_session *session, kind *k)
{
    if (k->model < session->n_models && ++k->group == session->models[k->model].n_groups) {
        k->model++;
        k->group = 0;
    }
    if (k->model == session->n_models)
        return false;
    k->first += k->n_chunks;
    k->chunk = cr_model_chunk(&session->models[k->model], k->group, session->job.batch);
    k->n_chunks = (session->data.n_images + k->chunk - 1) / k->chunk;
    return true;
}

int cr_units_groups(const cr_session *session)
{
    int n = 0;
    for (int m = 0; m < session->n_models; m++)
        n += session->models[m].n_groups;
    return n;
}

int cr_units_all(const cr_session *session)
{
    int n = 0;
    for (kind k = before_kinds(); next_kind(session, &k);)
        n += k.n_chunks;
    return n;
}

cr_chunk cr_units_chunk(const cr_session *session, int unit)
{
    kind k = before_kinds();
    while (next_kind(session, &k) && unit >= k.first + k.n_chunks)
        continue;
    const int first = (unit - k.first) * k.chunk, left = session->data.n_images - first;
    return (cr_chunk){k.model, k.group, first, left < k.chunk ? left : k.chunk};
}

double cr_units_cost(const cr_session *session, int unit)
{
    const cr_chunk c = cr_units_chunk(session, unit);
    return cr_model_cost(&session->models[c.model], c.group) * c.n;
}

cr_status cr_units_alloc_states(const cr_session *s, int n, cr_arena *arena, cr_results_rows *rows,
                                cr_error *err)
{
    int n_variants = 0;
    for (int m = 0; m < s->n_models; m++)
        n_variants = s->models[m].n_variants > n_variants ? s->models[m].n_variants : n_variants;
    *rows = (cr_results_rows){
        .n = n,
        .sees_kept = true,
        .state = cr_arena_alloc(arena, (size_t)n, sizeof *rows->state),
        .reason = cr_arena_alloc(arena, (size_t)n, sizeof *rows->reason),
        .variants = cr_arena_alloc(arena, (size_t)n_variants, sizeof *rows->variants),
    };
    bool ok = rows->state && rows->reason && rows->variants;
    for (int v = 0; ok && v < n_variants; v++)
        ok = (rows->variants[v].state = cr_arena_alloc(arena, (size_t)n, 1)) != NULL;
    return ok ? CR_OK : cr_fail_memory(err, "rows", (size_t)n, CR_REASON_BYTES);
}

/* Whether a variant of the group has this state at row i. */
static bool has_state(const cr_results_rows *rows, const cr_model *model, int group, int i,
                      uint8_t state)
{
    for (int v = 0; v < model->n_variants; v++)
        if (model->group[v] == group && rows->variants[v].state[i] == state)
            return true;
    return false;
}

/* Adds the units of a group, behind the *n_units that are listed already. `rows` is for work. */
static cr_status list_kind(const cr_session *session, cr_results *results, const kind *k,
                           cr_results_rows *rows, cr_units *units, int *n_units, cr_error *err)
{
    cr_status status = cr_results_read(results, k->model, rows, err);
    if (status != CR_OK)
        return status;
    int listed = -1;
    for (int i = 0; i < rows->n; i++) {
        const cr_model *model = &session->models[k->model];
        const bool keeps = has_state(rows, model, k->group, i, CR_ROW_KEPT);
        const bool runs = (k->group == 0 && rows->state[i] == CR_ROW_EMPTY) ||
                          has_state(rows, model, k->group, i, CR_ROW_EMPTY) ||
                          (keeps && model->asks);
        if (!runs && !keeps)
            continue;
        units->n_missing++;
        units->n_kept += !runs;
        units->n_partial += runs && k->group == 0 && rows->state[i] != CR_ROW_EMPTY;
        if (i / k->chunk != listed) {
            listed = i / k->chunk;
            units->units[(*n_units)++] = k->first + listed;
        }
    }
    return CR_OK;
}

cr_status cr_units_list(const cr_session *session, cr_results *results, cr_units *units,
                        cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n_all = (size_t)cr_units_all(session);
    const int n_kinds = cr_units_groups(session);
    int n_units = 0, n = 0;
    cr_arena arena = {0};
    cr_results_rows rows;
    kind *kinds = cr_arena_alloc(&arena, (size_t)n_kinds, sizeof *kinds);
    double *costs = cr_arena_alloc(&arena, (size_t)n_kinds, sizeof *costs);
    int *order = cr_arena_alloc(&arena, (size_t)n_kinds, sizeof *order);
    cr_units_free(units);
    *units = (cr_units){
        .units = cr_alloc(n_all, sizeof *units->units),
        .turn_units = cr_alloc((size_t)session->n_turns, sizeof *units->turn_units),
    };
    if (!kinds || !costs || !order || !units->units || !units->turn_units)
        CR_TRY(cr_fail_memory(err, "chunks", n_all, sizeof *units->units));
    CR_TRY(cr_units_alloc_states(session, session->data.n_images, &arena, &rows, err));
    for (kind k = before_kinds(); next_kind(session, &k); n++) {
        kinds[n] = k;
        costs[n] = cr_model_cost(&session->models[k.model], k.group) * k.chunk;
    }
    cr_dispatch_order(costs, n_kinds, order);
    for (int turn = 0; turn < session->n_turns; turn++) {
        const int before = n_units;
        for (int i = 0; i < 2 * n_kinds; i++) {
            const kind *k = &kinds[order[i % n_kinds]];
            if (session->turn[k->model] == turn && (k->group > 0) == (i >= n_kinds))
                CR_TRY(list_kind(session, results, k, &rows, units, &n_units, err));
        }
        units->turn_units[turn] = n_units - before;
    }
    units->n_units = n_units;
    for (int i = 0; i < n_units; i++)
        units->cost += cr_units_cost(session, units->units[i]);

cleanup:
    cr_arena_free(&arena);
    return status;
}

void cr_units_free(cr_units *units)
{
    free(units->units);
    free(units->turn_units);
    *units = (cr_units){0};
}
