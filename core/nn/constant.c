/* What does not depend on the image is computed when the model is loaded, by the operators that would
 * run: the node is loaded as if its first input came from an image, run once, and taken away again.
 *
 * Whole numbers stay exact: operators that only move elements move integers, and fold.c has the
 * arithmetic of shapes. The file is untrusted: elements and operations of all that is computed are
 * bounded, and nothing of it stays but the results. */
#include "move.h"

#include "camrank/blas.h"

#define MAX_IN_USE ((size_t)1 << 26) /* elements, for one node */
#define MAX_KEPT ((size_t)1 << 28)   /* elements of results, for the whole model; */
#define MAX_EXACT 16777216.0         /* of integers, as float32 has them */
#define MAX_WORK 2e10                /* operations, for that too */

/* What a computation puts in the place of the graph's own until it is done. */
typedef struct computation {
    cr_arena arena;
    size_t n_moved;
    int declared_batch, n_nodes, n_values;
    bool computes;
} computation;

static computation begin(cr_graph *graph)
{
    const computation before = {graph->arena,   graph->n_moved,  graph->declared_batch,
                                graph->n_nodes, graph->n_values, graph->computes};
    graph->arena = (cr_arena){0};
    graph->declared_batch = 1;
    graph->computes = true;
    return before;
}

static void end(cr_graph *graph, const computation *before)
{
    cr_arena_free(&graph->arena);
    graph->arena = before->arena;
    graph->n_moved = before->n_moved;
    graph->declared_batch = before->declared_batch;
    graph->n_nodes = before->n_nodes;
    graph->n_values = before->n_values;
    graph->computes = before->computes;
}

static cr_status fail_large(cr_error *err)
{
    return cr_fail(err, CR_EINPUT,
                   "it depends on no image, and is too large to be computed at load");
}

/* The first input of the node as an activation: it lies as ONNX has it. */
static cr_status load(cr_graph *graph, cr_node *node, int *data, cr_error *err)
{
    int first = 0, id;
    while (first < node->n_inputs && node->inputs[first] < 0)
        first++;
    if (first == node->n_inputs)
        return cr_fail(err, CR_EINPUT, "all its inputs are left out");
    *data = node->inputs[first];
    const cr_tensor *tensor = &graph->values[*data].tensor;
    if (!tensor->reals && !tensor->ints)
        return cr_fail(err, CR_EINPUT, "input %d (%.60s) is %s; export it as float32", first + 1,
                       graph->values[*data].name, cr_onnx_type_name(tensor->data_type));
    if (tensor->n > (int64_t)MAX_IN_USE) /* before the node makes tables of it */
        return fail_large(err);
    CR_OR_RETURN(cr_graph_add_constant(graph, NULL, &(cr_tensor){0}, &id, err));
    cr_value *value = &graph->values[id];
    value->constant = false;
    value->shape.n_dims = tensor->n_dims;
    for (int d = 0; d < tensor->n_dims; d++) {
        value->shape.dims[d] = (int)tensor->dims[d];
        value->order[d] = d;
    }
    int *inputs = node->inputs;
    CR_OR_RETURN(cr_node_new(graph, node->n_inputs, node, err));
    memcpy(node->inputs, inputs, (size_t)node->n_inputs * sizeof *inputs);
    node->inputs[first] = id;
    cr_node_connect(graph, node);
    return cr_graph_add_node(graph, node, NULL, err);
}

/* Whether the nodes from `first` on only move elements. */
static bool only_moves(const cr_graph *graph, int first)
{
    for (int i = first; i < graph->n_nodes; i++)
        if (!(graph->nodes[i].flags & CR_OP_ALIAS) &&
            graph->nodes[i].op->forward != cr_move_forward)
            return false;
    return true;
}

cr_status cr_constant_take(cr_graph *graph, size_t n, cr_error *err)
{
    graph->n_computed += n;
    if (graph->n_computed > MAX_KEPT)
        return cr_fail(err, CR_EINPUT, "with it more than %zu elements are computed of constants",
                       MAX_KEPT);
    return CR_OK;
}

static cr_status check_work(cr_graph *graph, int first, int data, cr_error *err)
{
    size_t n = (size_t)graph->values[data].tensor.n;
    for (int i = first; i < graph->n_nodes; i++) {
        const cr_node *node = &graph->nodes[i];
        n += cr_shape_size(&graph->values[node->y].shape) + node->n_weights + node->n_scratch;
        graph->work += node->flops;
    }
    graph->work += (double)n;
    if (n > MAX_IN_USE || graph->work > MAX_WORK)
        return fail_large(err);
    return CR_OK;
}

/* At a multiple of 64 bytes, as kernels have their arrays. */
static void *room(cr_graph *graph, size_t n, size_t item_bytes)
{
    uint8_t *bytes = cr_arena_alloc(&graph->arena, n * item_bytes + 64, 1);
    return bytes ? bytes + (64 - (uintptr_t)bytes % 64) % 64 : NULL;
}

static cr_status run_node(cr_graph *graph, const cr_node *node, cr_real **values, cr_error *err)
{
    static const ptrdiff_t no_steps[CR_MAX_ACTIVATIONS];
    const cr_real *x[CR_MAX_ACTIVATIONS];
    const size_t size = cr_shape_size(&graph->values[node->y].shape);
    if (node->flags & CR_OP_ALIAS) {
        values[node->y] = values[node->x[0]];
        return CR_OK;
    }
    for (int j = 0; j < node->n_x; j++)
        x[j] = values[node->x[j]];
    cr_real *weights = room(graph, node->n_weights, sizeof *weights);
    cr_real *scratch = room(graph, node->n_scratch, sizeof *scratch);
    cr_real *y = values[node->y] = room(graph, size, sizeof *y);
    if (!weights || !scratch || !y)
        return cr_fail_memory(err, "a constant", size, sizeof *y);
    if (node->n_weights)
        node->op->pack(graph, node, NULL, NULL, weights);
    if (size == 0)
        return CR_OK;
    node->op->forward(&(cr_run){.node = node,
                                .n = 1,
                                .m = 1,
                                .x = x,
                                .x_step = no_steps,
                                .y = y,
                                .weights = weights,
                                .scratch = scratch});
    if (cr_clamps(node->clamp) && !(node->flags & CR_OP_CLAMPS))
        cr_clamp_forward(node->clamp, size, y, y);
    return CR_OK;
}

/* Where the element at i in ONNX's order lies. */
static size_t place(const cr_value *value, const size_t *strides, size_t i)
{
    size_t at = 0;
    for (int d = value->shape.n_dims - 1; d >= 0; d--) {
        at += i % (size_t)value->shape.dims[d] * strides[d];
        i /= (size_t)value->shape.dims[d];
    }
    return at;
}

static cr_status run_reals(cr_graph *graph, int first, int data, int y, float *result,
                           cr_error *err)
{
    const cr_tensor *tensor = &graph->values[data].tensor;
    cr_real **values = cr_arena_alloc(&graph->arena, (size_t)graph->n_values, sizeof *values);
    cr_real *x = room(graph, (size_t)tensor->n, sizeof *x);
    size_t strides[CR_MAX_DIMS];
    if (!values || !x)
        return cr_fail_memory(err, "a constant", (size_t)tensor->n, sizeof *x);
    for (size_t i = 0; i < (size_t)tensor->n; i++)
        x[i] = tensor->ints ? (cr_real)tensor->ints[i] : cr_tensor_real(tensor, i);
    for (int i = first; i < graph->n_nodes; i++)
        for (int j = 0; j < graph->nodes[i].n_x; j++)
            if (graph->values[graph->nodes[i].x[j]].producer < 0)
                values[graph->nodes[i].x[j]] = x;
    for (int i = first; i < graph->n_nodes; i++)
        CR_OR_RETURN(run_node(graph, &graph->nodes[i], values, err));
    const cr_value *value = &graph->values[y];
    cr_move_strides(&value->shape, value->order, strides);
    for (size_t i = 0; i < cr_shape_size(&value->shape); i++)
        result[i] = (float)values[y][place(value, strides, i)];
    return CR_OK;
}

/* Of nodes that only move elements: where each of the result comes from. */
static cr_status run_ints(cr_graph *graph, int first, int data, int y, int64_t *result,
                          cr_error *err)
{
    const cr_tensor *tensor = &graph->values[data].tensor;
    const int64_t *from = tensor->ints;
    size_t strides[CR_MAX_DIMS];
    for (int i = first; i < graph->n_nodes; i++) {
        const cr_move *move = graph->nodes[i].params;
        if (graph->nodes[i].flags & CR_OP_ALIAS)
            continue;
        int64_t *to = cr_arena_alloc(&graph->arena, move->n_out, sizeof *to);
        if (!to)
            return cr_fail_memory(err, "a constant", move->n_out, sizeof *to);
        for (size_t j = 0; j < move->n_out; j++)
            to[j] = move->index[j] < 0 ? (int64_t)move->fill : from[move->index[j]];
        from = to;
    }
    const cr_value *value = &graph->values[y];
    cr_move_strides(&value->shape, value->order, strides);
    for (size_t i = 0; i < cr_shape_size(&value->shape); i++)
        result[i] = from[place(value, strides, i)];
    return CR_OK;
}

/* Of an operator whose results are integers: exact as long as a real holds them. */
static cr_status make_whole(cr_graph *graph, int data_type, cr_tensor *result, cr_error *err)
{
    int64_t *ints = cr_arena_alloc(&graph->weights, (size_t)result->n, sizeof *ints);
    if (!ints)
        return cr_fail_memory(err, "a constant", (size_t)result->n, sizeof *ints);
    for (int64_t i = 0; i < result->n; i++) {
        const cr_real value = cr_tensor_real(result, (size_t)i);
        if (!(fabs((double)value) <= MAX_EXACT))
            return cr_fail(err, CR_EINPUT, "its result is out of range");
        ints[i] = (int64_t)value;
    }
    result->data_type = data_type;
    result->ints = ints;
    result->reals = NULL;
    return CR_OK;
}

static cr_status run(cr_graph *graph, const cr_node *node, const char *type, int first, int data,
                     cr_tensor *result, cr_error *err)
{
    const cr_tensor *tensor = &graph->values[data].tensor;
    const cr_shape *shape = &graph->values[node->y].shape;
    const size_t n = cr_shape_size(shape);
    *result = (cr_tensor){.n_dims = shape->n_dims, .n = (int64_t)n};
    for (int d = 0; d < shape->n_dims; d++)
        result->dims[d] = shape->dims[d];
    cr_status status = cr_constant_take(graph, n, err);
    if (status != CR_OK)
        return status;
    if (tensor->ints && only_moves(graph, first)) {
        int64_t *ints = cr_arena_alloc(&graph->weights, n, sizeof *ints);
        result->ints = ints;
        result->data_type = tensor->data_type;
        return ints ? run_ints(graph, first, data, node->y, ints, err)
                    : cr_fail_memory(err, "a constant", n, sizeof *ints);
    }
    float *reals = cr_arena_alloc(&graph->weights, n, sizeof *reals);
    if (!reals)
        return cr_fail_memory(err, "a constant", n, sizeof *reals);
    result->reals = (const uint8_t *)reals;
    result->step = sizeof *reals;
    result->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    status = run_reals(graph, first, data, node->y, reals, err);
    const int whole = graph->values[node->y].whole           ? graph->values[node->y].whole
                      : tensor->ints && cr_keeps_whole(type) ? tensor->data_type
                                                             : 0;
    return status == CR_OK && whole ? make_whole(graph, whole, result, err) : status;
}

cr_status cr_constant_compute(cr_graph *graph, cr_node *node, cr_tensor *result, cr_error *err)
{
    cr_status status = CR_OK;
    const char *type = node->proto->op_type ? node->proto->op_type : "";
    bool folded;
    int data = -1;
    CR_TRY(cr_fold(graph, node, result, &folded, err));
    if (folded)
        return CR_OK;
    if (!node->op)
        return cr_fail(err, CR_EINPUT,
                       "this operator is not supported; docs/onnx.md lists those that are");
    CR_TRY(cr_blas_load(err));
    const computation before = begin(graph);
    status = load(graph, node, &data, err);
    if (status == CR_OK)
        status = check_work(graph, before.n_nodes, data, err);
    if (status == CR_OK)
        status = run(graph, node, type, before.n_nodes, data, result, err);
    end(graph, &before);

cleanup:
    return status;
}
