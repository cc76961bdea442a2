/* Integers among activations, which are reals here: what moves, compares and chooses does the same to
 * both, sums and products of wide integers stay exact, and all else is refused. */
#include "graph.h"

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

static bool is_one_of(const char *type, const char *const *types)
{
    for (; *types; types++)
        if (strcmp(*types, type) == 0)
            return true;
    return false;
}

/* The type that a Cast makes, if it is one of integers. */
static int cast_to(const cr_node *node)
{
    const Onnx__AttributeProto *to = cr_attribute_find(node, "to");
    return to && to->i > 0 && to->i <= TYPE(BFLOAT16) && !cr_onnx_is_real((int)to->i) ? (int)to->i
                                                                                      : 0;
}

/* The type of input i, if it is one of integers. */
static int type_of_constant(const cr_graph *graph, const cr_node *node, int i)
{
    const int id = i < node->n_inputs ? node->inputs[i] : -1;
    const int type = id < 0 ? 0 : graph->values[id].tensor.data_type;
    return cr_onnx_is_real(type) ? 0 : type;
}

/* What integers go through as reals do. */
static const char *const same[] = {"Abs",           "Clip",
                                   "Concat",        "Dropout",
                                   "Expand",        "Flatten",
                                   "Gather",        "GatherElements",
                                   "GatherND",      "CenterCropPad",
                                   "Scatter",       "ScatterElements",
                                   "ScatterND",     "TopK",
                                   "given",         "Identity",
                                   "Max",           "Min",
                                   "Pad",           "Relu",
                                   "reorder",       "Reshape",
                                   "Sign",          "Slice",
                                   "Split",         "spread",
                                   "Squeeze",       "Tile",
                                   "Transpose",     "Where",
                                   "Unsqueeze",     "ReduceMax",
                                   "ReduceMin",     "DepthToSpace",
                                   "SpaceToDepth",  "MaxPool",
                                   "GlobalMaxPool", NULL};

/* What stays exact of wide ones. */
static const char *const sums[] = {"Add", "CumSum", "Mul", "Neg", "ReduceSum", "Sub", "Sum", NULL};

bool cr_keeps_whole(const char *type)
{
    return is_one_of(type, same) || is_one_of(type, sums);
}

cr_status cr_node_whole(const cr_graph *graph, const cr_node *node, int *whole, cr_error *err)
{
    static const char *const truths[] = {"And",  "Equal",       "Greater", "GreaterOrEqual",
                                         "Less", "LessOrEqual", "Not",     "Or",
                                         "Xor",  "IsNaN",       "IsInf",   NULL};
    *whole = 0;
    const bool chooses = strcmp(node->type, "Where") == 0; /* by its first input */
    const int first = node->n_inputs ? node->inputs[0] : -1;
    const bool looks_up =
        strcmp(node->type, "Gather") == 0 && first >= 0 && graph->values[first].constant;
    for (int i = chooses; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0 && graph->values[node->inputs[i]].whole)
            *whole = graph->values[node->inputs[i]].whole;
    if (is_one_of(node->type, truths))
        *whole = TYPE(BOOL);
    else if (strncmp(node->type, "Arg", 3) == 0 || (strcmp(node->type, "TopK") == 0 && node->part))
        *whole = TYPE(INT64);
    else if (strcmp(node->type, "OneHot") == 0)
        *whole = type_of_constant(graph, node, 2);
    else if (looks_up)
        *whole = type_of_constant(graph, node, 0);
    else if (strcmp(node->type, "Cast") == 0)
        *whole = cast_to(node);
    else if (*whole && strcmp(node->type, "CastLike") == 0)
        *whole = 0;
    else if (*whole && !is_one_of(node->type, same) &&
             !(is_one_of(node->type, sums) && (*whole == TYPE(INT64) || *whole == TYPE(INT32))))
        return cr_fail(
            err, CR_EINPUT,
            "its input is %s; cast it to float32 in the model before it is computed with",
            cr_onnx_type_name(*whole));
    return CR_OK;
}
