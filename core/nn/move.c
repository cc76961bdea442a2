/* Operators that only rearrange an image's elements: a table made at load, read forward and
 * backward. */
#include "move.h"

/* Of a graph: no classifier moves a hundredth of that, and a node of a few bytes could claim 4 GB. */
#define MAX_MOVED ((size_t)1 << 26)

void cr_move_strides(const cr_shape *shape, const int *order, size_t strides[CR_MAX_DIMS])
{
    size_t step = 1;
    for (int i = shape->n_dims - 1; i >= 0; i--) {
        strides[order[i]] = step;
        step *= (size_t)shape->dims[order[i]];
    }
}

cr_status cr_move_take(cr_graph *graph, size_t n, cr_error *err)
{
    if (n > MAX_MOVED - graph->n_moved)
        return cr_fail(err, CR_EINPUT, "with it the model moves more than %zu elements", MAX_MOVED);
    graph->n_moved += n;
    return CR_OK;
}

cr_status cr_move_load(cr_graph *graph, cr_node *node, const cr_value *in, cr_move **move,
                       cr_error *err)
{
    cr_move *p;
    cr_status status = cr_node_params(graph, node, sizeof *p, (void **)&p, err);
    if (status != CR_OK)
        return status;
    p->n_in = cr_shape_size(&in->shape);
    p->n_out = cr_shape_size(&graph->values[node->y].shape);
    status = cr_move_take(graph, p->n_out, err);
    if (status != CR_OK)
        return status;
    p->index = cr_arena_alloc(&graph->arena, p->n_out, sizeof *p->index);
    *move = p;
    return p->index ? CR_OK : cr_fail_memory(err, "an index", p->n_out, sizeof *p->index);
}

void cr_move_find_runs(cr_move *move)
{
    size_t run = move->n_out;
    for (size_t i = 1; i < move->n_out && run > 1; i++) {
        const int before = move->index[i - 1];
        if (move->index[i] == (before < 0 ? -1 : before + 1))
            continue;
        for (size_t rest = i; rest;) { /* the largest divisor of both */
            const size_t left = run % rest;
            run = rest;
            rest = left;
        }
    }
    move->run = run;
}

cr_status cr_move_make(cr_graph *graph, cr_node *node, const cr_value *in, const cr_shape *out,
                       const int *order, cr_move_source *source, const void *context,
                       cr_move **move, cr_error *err)
{
    size_t from[CR_MAX_DIMS], to[CR_MAX_DIMS];
    int at[CR_MAX_DIMS] = {0}, taken[CR_MAX_DIMS] = {0};
    cr_value *y = &graph->values[node->y];
    cr_status status = cr_node_set_shape(graph, node, out, err);
    if (status != CR_OK)
        return status;
    if (order)
        memcpy(y->order, order, (size_t)out->n_dims * sizeof *order);
    status = cr_move_load(graph, node, in, move, err);
    if (status != CR_OK)
        return status;
    cr_move_strides(&in->shape, in->order, from);
    cr_move_strides(out, y->order, to);
    for (size_t i = 0; i < (*move)->n_out; i++) {
        size_t target = 0, place = 0;
        const bool inside = source(context, at, taken);
        for (int d = 0; d < out->n_dims; d++)
            target += (size_t)at[d] * to[d];
        for (int d = 0; inside && d < in->shape.n_dims; d++)
            place += (size_t)taken[d] * from[d];
        (*move)->index[target] = inside ? (int)place : -1;
        for (int d = out->n_dims - 1; d >= 0 && ++at[d] == out->dims[d]; d--)
            at[d] = 0;
    }
    cr_move_find_runs(*move);
    return CR_OK;
}

void cr_move_forward(const cr_run *run)
{
    const cr_move *p = run->node->params;
    cr_gather_forward(run->n, p->n_in, p->n_out, p->run, p->index, run->zeros ? 0 : p->fill,
                      run->x[0], run->y);
}

void cr_move_backward(const cr_run *run)
{
    const cr_move *p = run->node->params;
    cr_gather_backward(run->n * run->m, p->n_in, p->n_out, p->run, p->index, run->dy, run->dx[0]);
}
