/* Concat along the channels. Forward copies what does not lie in the output already (place.c). */
#include "graph.h"

#include <string.h>

typedef struct concat {
    size_t rows; /* H W */
    int c;       /* channels of the output */
    int *parts;  /* channels of each input */
} concat;

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *first, *in;
    concat *p;
    int64_t axis;
    CR_TRY(cr_attribute_int(node, "axis", INT64_MAX, &axis, err));
    CR_TRY(cr_node_activation(graph, node, 0, 0, &first, err));
    CR_TRY(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->parts = cr_arena_alloc(&graph->arena, (size_t)node->n_inputs, sizeof *p->parts);
    if (!p->parts) {
        status = cr_fail_memory(err, "a node", (size_t)node->n_inputs, sizeof *p->parts);
        goto cleanup;
    }
    if (axis < 0)
        axis += first->n_dims;
    if (axis != 1 || (first->n_dims != 4 && first->n_dims != 2)) {
        status = cr_fail(err, CR_EINPUT, "only the channels (axis 1) can be concatenated");
        goto cleanup;
    }
    int64_t channels = 0;
    for (int i = 0; i < node->n_inputs; i++) {
        CR_TRY(cr_node_activation(graph, node, i, first->n_dims, &in, err));
        if (cr_shape_h(in) != cr_shape_h(first) || cr_shape_w(in) != cr_shape_w(first)) {
            status = cr_fail(err, CR_EINPUT, "input %d differs in height or width", i + 1);
            goto cleanup;
        }
        p->parts[i] = cr_shape_c(in);
        channels += p->parts[i];
    }
    if (channels > CR_MAX_ELEMENTS) {
        status = cr_fail(err, CR_EINPUT, "its output has too many channels");
        goto cleanup;
    }
    p->c = (int)channels;
    p->rows = (size_t)cr_shape_h(first) * (size_t)cr_shape_w(first);
    cr_shape out = *first;
    out.dims[1] = p->c;
    CR_TRY(cr_node_set_shape(graph, node, &out, err));

cleanup:
    return status;
}

static void forward(const cr_run *run)
{
    const concat *p = run->node->params;
    ptrdiff_t y_step = cr_step_of(run->y_step, p->c);
    int offset = 0;
    for (int i = 0; i < run->node->n_x; offset += p->parts[i], i++) {
        size_t part = (size_t)p->parts[i], rows = (size_t)run->n * p->rows;
        ptrdiff_t x_step = cr_step_of(run->x_step[i], p->parts[i]);
        cr_real *y = run->y + offset;
        const cr_real *x = run->x[i];
        for (size_t t = 0; x != y && t < rows; t++, x += x_step, y += y_step)
            memcpy(y, x, part * sizeof *x);
    }
}

static void backward(const cr_run *run)
{
    const concat *p = run->node->params;
    int offset = 0;
    for (int i = 0; i < run->node->n_x; offset += p->parts[i], i++) {
        cr_real *dx = run->dx[i];
        const cr_real *dy = run->dy + offset;
        if (!dx)
            continue;
        for (size_t t = 0; t < (size_t)run->n * (size_t)run->m * p->rows; t++, dy += p->c)
            for (int c = 0; c < p->parts[i]; c++)
                *dx++ += dy[c];
    }
}

const cr_op cr_op_concat = {.type = "Concat",
                            .min_inputs = 1,
                            .max_inputs = CR_MAX_ACTIVATIONS,
                            .flags = CR_OP_CONCAT | CR_OP_READS_STEPS | CR_OP_WRITES_STEPS |
                                     CR_OP_LINEAR,
                            .load = load,
                            .forward = forward,
                            .backward = backward};
