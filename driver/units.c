/* What there is to do: units.h. The order depends on the job alone, never on time. */
#include "units.h"

#include "dispatch.h"

#include <stdlib.h>

int cr_units_chunks(const cr_session *session)
{
    return (session->data.n_images + session->job.batch - 1) / session->job.batch;
}

cr_chunk cr_units_chunk(const cr_session *session, int unit)
{
    const int n_chunks = cr_units_chunks(session);
    const int n_images = session->data.n_images, batch = session->job.batch;
    const int first = unit % n_chunks * batch;
    return (cr_chunk){unit / n_chunks, first, n_images - first < batch ? n_images - first : batch};
}

cr_status cr_units_alloc_states(const cr_session *s, int n, cr_arena *arena, cr_results_rows *rows,
                                cr_error *err)
{
    int n_variants = 0;
    for (int m = 0; m < s->n_models; m++)
        n_variants = s->models[m].n_variants > n_variants ? s->models[m].n_variants : n_variants;
    *rows = (cr_results_rows){
        .n = n,
        .state = cr_arena_alloc(arena, (size_t)n, sizeof *rows->state),
        .reason = cr_arena_alloc(arena, (size_t)n, sizeof *rows->reason),
        .variants = cr_arena_alloc(arena, (size_t)n_variants, sizeof *rows->variants),
    };
    bool ok = rows->state && rows->reason && rows->variants;
    for (int v = 0; ok && v < n_variants; v++)
        ok = (rows->variants[v].state = cr_arena_alloc(arena, (size_t)n, 1)) != NULL;
    return ok ? CR_OK : cr_fail_memory(err, "rows", (size_t)n, CR_REASON_BYTES);
}

/* Whether anything of row i is missing: of the model, or of one of its variants. */
static bool is_missing(const cr_results_rows *rows, int n_variants, int i)
{
    bool missing = rows->state[i] == CR_ROW_EMPTY;
    for (int v = 0; v < n_variants; v++)
        missing = missing || rows->variants[v].state[i] == CR_ROW_EMPTY;
    return missing;
}

/* Adds the units of a model, behind the *n_units that are listed already. `rows` is for work. */
static cr_status list_model(const cr_session *session, cr_results *results, int m,
                            cr_results_rows *rows, cr_units *units, int *n_units, cr_error *err)
{
    cr_status status = cr_results_read(results, m, rows, err);
    if (status != CR_OK)
        return status;
    const int batch = session->job.batch;
    int listed = -1;
    for (int i = 0; i < rows->n; i++) {
        if (!is_missing(rows, session->models[m].n_variants, i))
            continue;
        units->n_missing++;
        units->n_partial += rows->state[i] != CR_ROW_EMPTY;
        if (i / batch != listed) {
            listed = i / batch;
            units->units[(*n_units)++] = m * cr_units_chunks(session) + listed;
        }
    }
    return CR_OK;
}

cr_status cr_units_list(const cr_session *session, cr_results *results, cr_units *units,
                        cr_error *err)
{
    cr_status status = CR_OK;
    const int n_models = session->n_models;
    const size_t most = (size_t)cr_units_chunks(session) * (size_t)n_models;
    int n_units = 0;
    cr_arena arena = {0};
    cr_results_rows rows;
    double *costs = cr_arena_alloc(&arena, (size_t)n_models, sizeof *costs);
    int *order = cr_arena_alloc(&arena, (size_t)n_models, sizeof *order);
    cr_units_free(units);
    *units = (cr_units){
        .units = cr_alloc(most, sizeof *units->units),
        .turn_units = cr_alloc((size_t)session->n_turns, sizeof *units->turn_units),
    };
    if (!costs || !order || !units->units || !units->turn_units)
        CR_TRY(cr_fail_memory(err, "chunks", most, sizeof *units->units));
    CR_TRY(cr_units_alloc_states(session, session->data.n_images, &arena, &rows, err));
    for (int m = 0; m < n_models; m++)
        costs[m] = session->models[m].flops;
    cr_dispatch_order(costs, n_models, order);
    for (int turn = 0; turn < session->n_turns; turn++) {
        const int before = n_units;
        for (int k = 0; k < n_models; k++)
            if (session->turn[order[k]] == turn)
                CR_TRY(list_model(session, results, order[k], &rows, units, &n_units, err));
        units->turn_units[turn] = n_units - before;
    }

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
