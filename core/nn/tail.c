/* A pass that begins at a target: the steps behind it, and what they read of the pass before, which is the
 * target and all values that cross it, such as the other branch of a residual block. */
#include "compile.h"

#include <string.h>

void cr_tail_mark(cr_compiler *c, int t)
{
    const cr_graph *graph = c->graph;
    memset(c->behind, 0, (size_t)graph->n_values * sizeof *c->behind);
    memset(c->crosses, 0, (size_t)graph->n_values * sizeof *c->crosses);
    c->behind[c->root[c->targets[t].value]] = true;
    for (int i = 0; i < graph->n_nodes; i++) {
        bool depends = false;
        for (int j = 0; c->live[i] && j < cr_compiler_n_inputs(c, i); j++)
            depends = depends || c->behind[cr_compiler_input(c, i, j)];
        for (int j = 0; depends && j < cr_compiler_n_inputs(c, i); j++) {
            const int x = cr_compiler_input(c, i, j);
            c->crosses[x] = !c->behind[x];
        }
        c->behind[graph->nodes[i].y] = c->behind[graph->nodes[i].y] || depends;
    }
}

/* Of a root: its pixels lie apart where it lies in another. */
static cr_tail_value value_of(const cr_compiler *c, int root)
{
    const size_t size = cr_shape_size(&c->graph->values[root].shape);
    const size_t step = (size_t)cr_compiler_pixel_step(c, root);
    const size_t channels = step ? (size_t)cr_shape_c(&c->graph->values[root].shape) : size;
    return (cr_tail_value){.place = cr_compiler_place(c, root),
                           .stride = cr_compiler_image_stride(c, root),
                           .step = step ? step : size,
                           .n_pixels = size / channels,
                           .n_channels = channels};
}

cr_status cr_tail_make(cr_compiler *c, int t, cr_tail *tail, cr_error *err)
{
    const cr_graph *graph = c->graph;
    const int target = c->root[c->targets[t].value];
    cr_tail_mark(c, t);
    int n = 1;
    for (int v = 0; v < graph->n_values; v++)
        n += c->crosses[v];
    tail->runs = cr_arena_alloc(&c->net->memory, (size_t)c->net->n_steps, sizeof *tail->runs);
    tail->values = cr_arena_alloc(&c->net->memory, (size_t)n, sizeof *tail->values);
    if (!tail->runs || !tail->values)
        return cr_fail_memory(err, "steps", (size_t)n, sizeof *tail->values);
    tail->values[tail->n_values++] = value_of(c, target);
    for (int v = 0; v < graph->n_values; v++)
        if (c->crosses[v])
            tail->values[tail->n_values++] = value_of(c, v);
    for (int k = 0; k < n; k++)
        tail->size += tail->values[k].n_pixels * tail->values[k].n_channels;
    for (int i = 0; i < graph->n_nodes; i++) {
        const int y = graph->nodes[i].y;
        if (c->live[i] && y != target && c->behind[y])
            tail->runs[c->step_of[i]] = true;
    }
    return CR_OK;
}

size_t cr_net_tail_size(const cr_net *net, int t)
{
    return net->tails[t].size;
}

/* Copies what the tail reads of an image: from `in` to the arena or, where that is NULL, from there to `out`. */
static void copy(const cr_net *net, int t, int image, const cr_real *in, cr_real *out)
{
    const cr_tail *tail = &net->tails[t];
    for (int k = 0; k < tail->n_values; k++) {
        const cr_tail_value *value = &tail->values[k];
        const size_t n = value->n_channels;
        cr_real *at = net->arena + value->place + (size_t)image * value->stride;
        for (size_t i = 0; i < value->n_pixels; i++, at += value->step) {
            if (in)
                memcpy(at, in, n * sizeof *at);
            else
                memcpy(out, at, n * sizeof *at);
            in = in ? in + n : NULL;
            out = in ? NULL : out + n;
        }
    }
}

void cr_net_tail_get(const cr_net *net, int t, int image, cr_real *packed)
{
    copy(net, t, image, NULL, packed);
}

void cr_net_tail_set(cr_net *net, int t, int image, const cr_real *packed)
{
    copy(net, t, image, packed, NULL);
}

cr_real *cr_net_tail_input(cr_net *net, int t)
{
    return net->arena + net->tails[t].values[0].place;
}
