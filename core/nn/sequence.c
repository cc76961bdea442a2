/* Sequences of tensors, as exporters write lists of them (a split, a stack): which values one consists of is
 * known when the model is loaded, so that nothing of them is left to run. */
#include "compose.h"

#define MAX_LENGTH 1024

struct cr_sequence {
    const char *name;
    int n, *values;
    cr_sequence *next;
};

static const cr_sequence *find(const cr_graph *graph, const char *name)
{
    const cr_sequence *s = graph->sequences;
    while (s && strcmp(s->name, name) != 0)
        s = s->next;
    return s;
}

static cr_status add(cr_graph *graph, const char *name, int n, const int *values, cr_error *err)
{
    if (n > MAX_LENGTH)
        return cr_fail(err, CR_EINPUT, "it makes a sequence of more than %d tensors", MAX_LENGTH);
    cr_sequence *s = cr_arena_alloc(&graph->arena, 1, sizeof *s);
    int *copy = cr_arena_alloc(&graph->arena, (size_t)n, sizeof *copy);
    if (!s || !copy)
        return cr_fail_memory(err, "a sequence", (size_t)n, sizeof *copy);
    if (n)
        memcpy(copy, values, (size_t)n * sizeof *copy);
    *s = (cr_sequence){cr_graph_text(graph, name), n, copy, graph->sequences};
    graph->sequences = s;
    return s->name ? CR_OK : cr_fail_memory(err, "a name", strlen(name), 1);
}

/* Input i of a node as a sequence, or as a value, -1 where it is left out. */
static cr_status read_sequence(const cr_graph *graph, const Onnx__NodeProto *proto, size_t i,
                               const cr_sequence **s, cr_error *err)
{
    *s = i < proto->n_input ? find(graph, proto->input[i]) : NULL;
    return *s ? CR_OK
              : cr_fail(err, CR_EINPUT, "its input %zu is no sequence that is known", i + 1);
}

static cr_status read_value(const cr_graph *graph, const Onnx__NodeProto *proto, size_t i, int *id,
                            cr_error *err)
{
    const char *name = i < proto->n_input ? proto->input[i] : "";
    *id = name[0] ? cr_symbols_find(&graph->names, name) : -1;
    return name[0] && *id < 0
               ? cr_fail(err, CR_EINPUT, "its input %.100s is not computed before it", name)
               : CR_OK;
}

/* A place in a sequence, counted from the end where it is negative; one of `n` places. */
static cr_status read_place(const cr_graph *graph, const Onnx__NodeProto *proto, size_t i, int n,
                            int *place, cr_error *err)
{
    int id;
    cr_status status = read_value(graph, proto, i, &id, err);
    if (status != CR_OK)
        return status;
    const cr_tensor *tensor = id < 0 ? NULL : &graph->values[id].tensor;
    const bool known = tensor && graph->values[id].constant && tensor->ints && tensor->n == 1;
    const int64_t at = known ? tensor->ints[0] + (tensor->ints[0] < 0 ? n : 0) : -1;
    if (at < 0 || at >= n)
        return cr_fail(err, CR_EINPUT, "its place is no constant, or there are %d only", n);
    *place = (int)at;
    return CR_OK;
}

/* An operator of values, which is computed where these are constants. */
static cr_status put(cr_graph *graph, const cr_node *owner, const char *type, const int *inputs,
                     int n, const Onnx__NodeProto *proto, int *y, cr_error *err)
{
    static const Onnx__NodeProto plain = ONNX__NODE_PROTO__INIT;
    Onnx__NodeProto own = proto ? *proto : plain;
    cr_node node = {.op = cr_op_find(type), .type = type, .name = owner->name, .proto = &own};
    cr_tensor result;
    own.op_type = (char *)type;
    CR_OR_RETURN(cr_node_new(graph, n, &node, err));
    memcpy(node.inputs, inputs, (size_t)n * sizeof *inputs);
    cr_node_connect(graph, &node);
    if (node.n_x > 0)
        return cr_node_insert(graph, owner, type, inputs, n, proto, y, err);
    CR_OR_RETURN(cr_constant_compute(graph, &node, &result, err));
    return cr_graph_add_constant(graph, NULL, &result, y, err);
}

static cr_status construct(cr_graph *graph, const cr_node *owner, cr_error *err)
{
    const Onnx__NodeProto *proto = owner->proto;
    int values[MAX_LENGTH];
    if (proto->n_input > MAX_LENGTH)
        return cr_fail(err, CR_EINPUT, "it makes a sequence of more than %d tensors", MAX_LENGTH);
    for (size_t i = 0; i < proto->n_input; i++) {
        CR_OR_RETURN(read_value(graph, proto, i, &values[i], err));
        if (values[i] < 0)
            return cr_fail(err, CR_EINPUT, "input %zu is left out", i + 1);
    }
    return add(graph, proto->output[0], (int)proto->n_input, values, err);
}

/* One more tensor in front of a place, or at the end. */
static cr_status insert(cr_graph *graph, const cr_node *owner, cr_error *err)
{
    const Onnx__NodeProto *proto = owner->proto;
    const cr_sequence *s;
    int place, id;
    CR_OR_RETURN(read_sequence(graph, proto, 0, &s, err));
    CR_OR_RETURN(read_value(graph, proto, 1, &id, err));
    place = s->n;
    if (proto->n_input > 2)
        CR_OR_RETURN(read_place(graph, proto, 2, s->n + 1, &place, err));
    int values[MAX_LENGTH + 1];
    if (id < 0)
        return cr_fail(err, CR_EINPUT, "its tensor is left out");
    for (int i = 0; i <= s->n; i++)
        values[i] = i < place ? s->values[i] : i == place ? id : s->values[i - 1];
    return add(graph, proto->output[0], s->n + 1, values, err);
}

/* How long the parts of a split of `extent` elements are: each as long as one number says, the last as long
 * as it comes, or as they are listed; *n says how many there are. */
static cr_status read_parts(const cr_graph *graph, int split, int extent, int64_t *each, int *n,
                            cr_error *err)
{
    const cr_tensor *sizes = split < 0 ? NULL : &graph->values[split].tensor;
    const bool known = !sizes || (graph->values[split].constant && sizes->ints);
    const bool listed = known && sizes && sizes->n_dims == 1;
    int64_t sum = 0;
    *each = !known ? 0 : !sizes ? 1 : sizes->n > 0 ? sizes->ints[0] : 0;
    if (*each < 1 || *each > extent)
        return cr_fail(err, CR_EINPUT, "its parts are no constants, or out of range");
    *n = listed ? (int)sizes->n : (int)((extent + *each - 1) / *each);
    for (int64_t i = 0; listed && i < sizes->n; i++) {
        if (sizes->ints[i] < 1 || sizes->ints[i] > extent - sum)
            return cr_fail(err, CR_EINPUT, "its parts do not fit %d elements", extent);
        sum += sizes->ints[i];
    }
    return !listed || sum == extent
               ? CR_OK
               : cr_fail(err, CR_EINPUT, "its parts do not fit %d elements", extent);
}

static cr_status put_part(cr_graph *graph, const cr_node *owner, int x, int axis, int64_t from,
                          int64_t to, bool keep, int *y, cr_error *err)
{
    int ids[4] = {x, -1, -1, -1};
    CR_OR_RETURN(cr_graph_add_ints(graph, &from, 1, &ids[1], err));
    CR_OR_RETURN(cr_graph_add_ints(graph, &to, 1, &ids[2], err));
    CR_OR_RETURN(cr_graph_add_ints(graph, &(int64_t){axis}, 1, &ids[3], err));
    CR_OR_RETURN(put(graph, owner, "Slice", ids, 4, NULL, y, err));
    ids[0] = *y;
    ids[1] = ids[3];
    if (!keep)
        CR_OR_RETURN(put(graph, owner, "Squeeze", ids, 2, NULL, y, err));
    return CR_OK;
}

static cr_status split(cr_graph *graph, const cr_node *owner, cr_error *err)
{
    const Onnx__NodeProto *proto = owner->proto;
    int x, by, axis, n = 0;
    int64_t given, keep, each = 0, at = 0;
    CR_OR_RETURN(read_value(graph, proto, 0, &x, err));
    CR_OR_RETURN(read_value(graph, proto, 1, &by, err));
    CR_OR_RETURN(cr_attribute_int(owner, "axis", 0, &given, err));
    CR_OR_RETURN(cr_attribute_int(owner, "keepdims", 1, &keep, err));
    if (x < 0)
        return cr_fail(err, CR_EINPUT, "input 1 is left out");
    const cr_value *value = &graph->values[x];
    const bool constant = value->constant;
    CR_OR_RETURN(cr_node_axis(graph, given, constant ? value->tensor.n_dims : value->shape.n_dims,
                              &axis, err));
    const int extent = constant ? (int)value->tensor.dims[axis] : value->shape.dims[axis];
    CR_OR_RETURN(read_parts(graph, by, extent, &each, &n, err));
    int values[MAX_LENGTH];
    if (n > MAX_LENGTH)
        return cr_fail(err, CR_EINPUT, "it makes more than %d tensors", MAX_LENGTH);
    const cr_tensor *sizes = by < 0 ? NULL : &graph->values[by].tensor;
    for (int i = 0; i < n; i++) {
        const int64_t to = sizes && sizes->n_dims == 1 ? at + sizes->ints[i] : at + each;
        CR_OR_RETURN(put_part(graph, owner, x, axis, at, to < extent ? to : extent, keep || by >= 0,
                              &values[i], err));
        at = to;
    }
    return add(graph, proto->output[0], n, values, err);
}

/* Those that make tensors of a sequence: the value that the output is the same as. */
static cr_status take(cr_graph *graph, const cr_node *owner, int *value, cr_error *err)
{
    const cr_sequence *s;
    int place;
    CR_OR_RETURN(read_sequence(graph, owner->proto, 0, &s, err));
    CR_OR_RETURN(read_place(graph, owner->proto, 1, s->n, &place, err));
    *value = s->values[place];
    return CR_OK;
}

static cr_status measure(cr_graph *graph, const cr_node *owner, int *value, cr_error *err)
{
    const cr_sequence *s;
    CR_OR_RETURN(read_sequence(graph, owner->proto, 0, &s, err));
    const int64_t n = s->n;
    CR_OR_RETURN(cr_graph_add_ints(graph, &n, 1, value, err));
    graph->values[*value].tensor.n_dims = 0;
    return CR_OK;
}

static cr_status join(cr_graph *graph, const cr_node *owner, int *value, cr_error *err)
{
    cr_attributes along = {0};
    const cr_sequence *s;
    int64_t axis, is_new;
    int place;
    CR_OR_RETURN(read_sequence(graph, owner->proto, 0, &s, err));
    CR_OR_RETURN(cr_attribute_int(owner, "axis", 0, &axis, err));
    CR_OR_RETURN(cr_attribute_int(owner, "new_axis", 0, &is_new, err));
    int parts[CR_MAX_ACTIVATIONS];
    if (s->n < 1 || s->n > CR_MAX_ACTIVATIONS)
        return cr_fail(err, CR_EINPUT, "it joins %d tensors, 1 to %d are supported", s->n,
                       CR_MAX_ACTIVATIONS);
    CR_OR_RETURN(cr_graph_add_ints(graph, &axis, 1, &place, err));
    for (int i = 0; i < s->n; i++) {
        parts[i] = s->values[i];
        if (is_new)
            CR_OR_RETURN(put(graph, owner, "Unsqueeze", (int[]){s->values[i], place}, 2, NULL,
                             &parts[i], err));
    }
    cr_attributes_int(&along, "axis", axis);
    return put(graph, owner, "Concat", parts, s->n, cr_attributes_proto(&along), value, err);
}

static cr_status make_empty(cr_graph *graph, const cr_node *owner, cr_error *err)
{
    return add(graph, owner->proto->output[0], 0, NULL, err);
}

static const struct {
    const char *type;
    cr_status (*makes)(cr_graph *graph, const cr_node *owner, cr_error *err);
    cr_status (*reads)(cr_graph *graph, const cr_node *owner, int *value, cr_error *err);
} operators[] = {{"ConcatFromSequence", NULL, join},     {"SequenceAt", NULL, take},
                 {"SequenceConstruct", construct, NULL}, {"SequenceEmpty", make_empty, NULL},
                 {"SequenceInsert", insert, NULL},       {"SequenceLength", NULL, measure},
                 {"SplitToSequence", split, NULL}};

cr_status cr_sequence_load(cr_graph *graph, const Onnx__NodeProto *proto, bool *is_one, int *value,
                           cr_error *err)
{
    const char *type = proto->op_type ? proto->op_type : "";
    cr_node owner = {.proto = proto, .type = type};
    *value = -1;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].type, type) != 0 || !cr_onnx_is_own(proto->domain))
            continue;
        *is_one = true;
        owner.name =
            cr_graph_text(graph, proto->name && proto->name[0] ? proto->name : proto->output[0]);
        if (!owner.name)
            return cr_fail_memory(err, "a node", 1, 1);
        return operators[i].makes ? operators[i].makes(graph, &owner, err)
                                  : operators[i].reads(graph, &owner, value, err);
    }
    *is_one = false;
    return CR_OK;
}
