/* ScatterElements and ScatterND by constant indices: each element of the result is one of the input's or one
 * of the updates'; both are joined to a row, of which a Gather takes what is wanted. */
#include "compose.h"

/* Which element of the input each update goes to: [n_updates]; false for an index that there is none of. */
typedef struct targets {
    const cr_tensor *index;
    const cr_shape *in;
    int64_t *list, n;
} targets;

static int64_t checked(const cr_tensor *index, int64_t i, int extent)
{
    const int64_t at = index->ints[i] + (index->ints[i] < 0 ? extent : 0);
    return at < 0 || at >= extent ? -1 : at;
}

static bool find_elements(targets *t, int axis)
{
    const cr_tensor *index = t->index;
    bool fits = index->n_dims == t->in->n_dims;
    for (int d = 0; fits && d < index->n_dims; d++)
        fits = d == axis || index->dims[d] <= t->in->dims[d];
    for (int64_t i = 0; fits && i < t->n; i++) {
        int64_t rest = i, step = 1, to = 0;
        for (int d = index->n_dims - 1; fits && d >= 0; d--) {
            const int64_t at =
                d == axis ? checked(index, i, t->in->dims[d]) : rest % index->dims[d];
            rest /= index->dims[d];
            fits = at >= 0;
            to += at * step;
            step *= t->in->dims[d];
        }
        t->list[i] = to;
    }
    return fits;
}

/* Each tuple of the index names the first `depth` coordinates of a slice. */
static bool find_slices(targets *t, int64_t depth, int64_t slice)
{
    bool fits = true;
    for (int64_t i = 0; fits && i < t->n / slice; i++) {
        int64_t to = 0;
        for (int64_t d = 0; fits && d < depth; d++) {
            const int64_t at = checked(t->index, i * depth + d, t->in->dims[d]);
            fits = at >= 0;
            to = to * t->in->dims[d] + at;
        }
        for (int64_t j = 0; j < slice; j++)
            t->list[i * slice + j] = to * slice + j;
    }
    return fits;
}

typedef struct joining {
    const char *name, *type; /* of the reduction, and the operator that does it */
    double neutral;
} joining;

/* How updates are joined to what they go to; NULL: they replace it. */
static cr_status read_joining(cr_graph *graph, cr_node *node, const joining **with, cr_error *err)
{
    static const joining known[] = {
        {"add", "Add", 0}, {"mul", "Mul", 1}, {"max", "Max", -INFINITY}, {"min", "Min", INFINITY}};
    const char *name;
    cr_status status = cr_attribute_string(graph, node, "reduction", "none", &name, err);
    *with = NULL;
    for (size_t i = 0; status == CR_OK && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            *with = &known[i];
    if (status == CR_OK && !*with && strcmp(name, "none") != 0)
        return cr_fail(err, CR_EINPUT, "reduction %.40s is unknown", name);
    return status;
}

static cr_status put_row(cr_graph *graph, const cr_node *node, int x, int *y, cr_error *err)
{
    return cr_put_ints(graph, node, "Reshape", x, (int64_t[]){1, -1}, 2, y, err);
}

/* Of the row [base, updates] with n_base elements in front: an element that no update goes to takes its own
 * of these, or their only one. With `list` of -1 for updates that are done; of several of one element the
 * last is taken or, where each is to be joined, the first that is not done, and *n_done counts these. */
static cr_status put_taken(cr_graph *graph, const cr_node *node, targets *t, int row,
                           int64_t n_base, bool joins, int64_t *n_done, int *y, cr_error *err)
{
    const int64_t n = (int64_t)cr_shape_size(t->in);
    cr_attributes along = {0};
    int ids[2] = {row, 0};
    CR_OR_RETURN(cr_constant_take(graph, (size_t)n, err));
    int64_t *taken = cr_arena_alloc(&graph->arena, (size_t)n, sizeof *taken);
    if (!taken)
        return cr_fail_memory(err, "an index", (size_t)n, sizeof *taken);
    for (int64_t i = 0; i < n; i++)
        taken[i] = joins ? 0 : i;
    for (int64_t i = 0; i < t->n; i++) {
        if (t->list[i] < 0 || (joins && taken[t->list[i]] >= n_base))
            continue;
        taken[t->list[i]] = n_base + i;
        t->list[i] = -1;
        ++*n_done;
    }
    CR_OR_RETURN(cr_graph_add_ints(graph, taken, (int)n, &ids[1], err));
    cr_attributes_int(&along, "axis", 1);
    return cr_node_insert(graph, node, "Gather", ids, 2, cr_attributes_proto(&along), y, err);
}

/* Updates that replace what is there (NULL), or are joined to it: a round for each update of an element. */
static cr_status scatter(cr_graph *graph, cr_node *node, targets *t, const joining *with,
                         cr_error *err)
{
    const int64_t n_base = with ? 1 : (int64_t)cr_shape_size(t->in);
    int64_t shape[CR_MAX_DIMS], n_done = 0;
    cr_attributes along = {0};
    int row[2], joined, to, ids[2] = {node->inputs[0], -1};
    for (int d = 0; d < t->in->n_dims; d++)
        shape[d] = t->in->dims[d];
    if (with) {
        float *neutral;
        CR_OR_RETURN(cr_put_reals(graph, 2, (int64_t[]){1, 1}, &neutral, &row[0], err));
        *neutral = (float)with->neutral;
    } else
        CR_OR_RETURN(put_row(graph, node, node->inputs[0], &row[0], err));
    CR_OR_RETURN(put_row(graph, node, node->inputs[2], &row[1], err));
    cr_attributes_int(&along, "axis", 1);
    CR_OR_RETURN(
        cr_node_insert(graph, node, "Concat", row, 2, cr_attributes_proto(&along), &joined, err));
    CR_OR_RETURN(cr_graph_add_ints(graph, shape, t->in->n_dims, &to, err));
    do {
        int taken[2] = {-1, to};
        CR_OR_RETURN(
            put_taken(graph, node, t, joined, n_base, with != NULL, &n_done, &taken[0], err));
        if (!with)
            return cr_node_become(graph, node, "Reshape", taken, 2, NULL, err);
        CR_OR_RETURN(cr_node_insert(graph, node, "Reshape", taken, 2, NULL, &ids[1], err));
        if (n_done < t->n)
            CR_OR_RETURN(cr_node_insert(graph, node, with->type, ids, 2, NULL, &ids[0], err));
    } while (n_done < t->n);
    return cr_node_become(graph, node, with->type, ids, 2, NULL, err);
}

static cr_status read_inputs(cr_graph *graph, cr_node *node, const cr_value **in, targets *t,
                             cr_error *err)
{
    const cr_value *updates;
    CR_OR_RETURN(cr_node_value(graph, node, 0, in, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 1, &t->index, err));
    CR_OR_RETURN(cr_node_value(graph, node, 2, &updates, err));
    *in = &graph->values[node->inputs[0]];
    if (!t->index || t->index->n_dims < 1)
        return cr_fail(err, CR_EINPUT, "its indices are left out, or no list");
    t->in = &(*in)->shape;
    t->n = (int64_t)cr_shape_size(&updates->shape);
    t->list = cr_arena_alloc(&graph->arena, (size_t)t->n, sizeof *t->list);
    if (!t->list)
        return cr_fail_memory(err, "an index", (size_t)t->n, sizeof *t->list);
    return CR_OK;
}

static cr_status load_elements(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    targets t;
    const joining *with;
    int64_t given;
    int axis;
    CR_OR_RETURN(read_inputs(graph, node, &in, &t, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", 0, &given, err));
    CR_OR_RETURN(cr_node_axis(graph, given, in->shape.n_dims, &axis, err));
    CR_OR_RETURN(read_joining(graph, node, &with, err));
    if (t.index->n != t.n || !find_elements(&t, axis))
        return cr_fail(err, CR_EINPUT, "its indices do not fit its input and updates");
    return scatter(graph, node, &t, with, err);
}

static cr_status load_nd(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    targets t;
    const joining *with;
    int64_t slice = 1;
    CR_OR_RETURN(read_inputs(graph, node, &in, &t, err));
    const int64_t depth = t.index->dims[t.index->n_dims - 1];
    CR_OR_RETURN(read_joining(graph, node, &with, err));
    bool fits = depth >= 1 && depth <= in->shape.n_dims;
    for (int64_t d = depth; fits && d < in->shape.n_dims; d++)
        slice *= in->shape.dims[d];
    if (!fits || t.n != t.index->n / depth * slice || !find_slices(&t, depth, slice ? slice : 1))
        return cr_fail(err, CR_EINPUT, "its indices do not fit its input and updates");
    return scatter(graph, node, &t, with, err);
}

#define SCATTER_OP(symbol, name, loader)                              \
    const cr_op symbol = {.type = name,                               \
                          .min_inputs = 3,                            \
                          .max_inputs = 3,                            \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER, \
                          .load = loader}

SCATTER_OP(cr_op_scatter, "Scatter", load_elements);
SCATTER_OP(cr_op_scatter_elements, "ScatterElements", load_elements);
SCATTER_OP(cr_op_scatter_nd, "ScatterND", load_nd);
