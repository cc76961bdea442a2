/* The input of a model: which of those it lists is the image, and the sizes that it leaves open. */
#include "graph.h"

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name
#define MAX_SIDE 65536
#define LEAST_SIDE 16 /* of an image whose channels lie last */

/* One dimension of the input: its size, or 0 where the model leaves it open. */
static int64_t input_dim(const Onnx__TensorShapeProto *shape, size_t i)
{
    const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
    return dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ? dim->dim_value
                                                                                   : 0;
}

static cr_status input_side(const char *side, int64_t model, int given, int *size, cr_error *err)
{
    if (model < 0 || model > MAX_SIDE || given < 0 || given > MAX_SIDE)
        return cr_fail(err, CR_EINPUT, "the input's %s is out of range", side);
    if (!model && !given)
        return cr_fail(err, CR_EINPUT, "the model leaves the input's %s open: give a size", side);
    if (model && given && model != given)
        return cr_fail(
            err, CR_EINPUT,
            "the model's input has %s %d, not %d: give the size that it was exported for", side,
            (int)model, given);
    *size = model ? (int)model : given;
    return CR_OK;
}

/* The one input that no initializer stands for. */
static cr_status find_input(const cr_graph *graph, const Onnx__GraphProto *proto,
                            const Onnx__ValueInfoProto **input, cr_error *err)
{
    *input = NULL;
    for (size_t i = 0; i < proto->n_input; i++) {
        if (proto->input[i]->name && cr_symbols_find(&graph->names, proto->input[i]->name) >= 0)
            continue; /* an initializer, listed as input up to IR version 3 */
        if (*input)
            return cr_fail(
                err, CR_EINPUT,
                "has several inputs (%.60s, %.60s), one of which is the image; say what the "
                "others are with `inputs: {NAME: FILE.npy}` of the model, or --inputs",
                (*input)->name ? (*input)->name : "",
                proto->input[i]->name ? proto->input[i]->name : "");
        *input = proto->input[i];
    }
    return *input && (*input)->name ? CR_OK : cr_fail(err, CR_EINPUT, "has no input");
}

/* How many values of an image, as a tensor of what type, are in its input. */
static cr_status check_type(const Onnx__ValueInfoProto *input,
                            const Onnx__TypeProto__Tensor **tensor, cr_error *err)
{
    *tensor = input->type && input->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
                  ? input->type->tensor_type
                  : NULL;
    if (!*tensor)
        return cr_fail(err, CR_EINPUT, "its input %.100s is no tensor; it must be a float32 image",
                       input->name);
    if (!cr_onnx_is_real((*tensor)->elem_type) && (*tensor)->elem_type != TYPE(UINT8))
        return cr_fail(err, CR_EINPUT, "its input %.100s is %s; export a float32 model",
                       input->name, cr_onnx_type_name((*tensor)->elem_type));
    if (!(*tensor)->shape || ((*tensor)->shape->n_dim != 4 && (*tensor)->shape->n_dim != 2))
        return cr_fail(err, CR_EINPUT, "its input %.100s is not [N, C, H, W]", input->name);
    return CR_OK;
}

/* Whether four dimensions are [N, H, W, C], as Keras and TensorFlow have them: few channels last, and
 * what would be the channels otherwise is too many, or open. */
static bool is_channels_last(const Onnx__TensorShapeProto *shape)
{
    const int64_t second = input_dim(shape, 1), last = input_dim(shape, 3);
    return (last == 1 || last == 3 || last == 4) && (second == 0 || second >= LEAST_SIDE);
}

/* The channels of an input whose number is left open, as the first Conv that reads it has them; 0 if
 * none does. */
static int64_t find_channels(const Onnx__GraphProto *proto, const char *input)
{
    for (size_t i = 0; i < proto->n_node; i++) {
        const Onnx__NodeProto *node = proto->node[i];
        const cr_node own = {.proto = node};
        const Onnx__AttributeProto *group = cr_attribute_find(&own, "group");
        if (!node->op_type || strcmp(node->op_type, "Conv") != 0 || node->n_input < 2 ||
            strcmp(node->input[0], input) != 0)
            continue;
        for (size_t j = 0; j < proto->n_initializer; j++) {
            const Onnx__TensorProto *weights = proto->initializer[j];
            int64_t channels;
            if (weights->name && strcmp(weights->name, node->input[1]) == 0 &&
                weights->n_dims > 1 &&
                !__builtin_mul_overflow(weights->dims[1], group ? group->i : 1, &channels))
                return channels;
        }
    }
    return 0;
}

cr_status cr_input_load(cr_graph *graph, const Onnx__GraphProto *proto, int width, int height,
                        cr_error *err)
{
    cr_status status = CR_OK;
    const Onnx__ValueInfoProto *input;
    const Onnx__TypeProto__Tensor *tensor;
    CR_TRY(find_input(graph, proto, &input, err));
    CR_TRY(check_type(input, &tensor, err));
    cr_shape shape = {.n_dims = (int)tensor->shape->n_dim, .dims = {1}};
    const bool last = shape.n_dims == 4 && is_channels_last(tensor->shape);
    const int c_dim = last ? 3 : 1, h_dim = last ? 1 : 2, w_dim = last ? 2 : 3;
    int64_t batch = input_dim(tensor->shape, 0), channels = input_dim(tensor->shape, (size_t)c_dim);
    if (channels == 0 && !last)
        channels = find_channels(proto, input->name);
    if (channels == 0) {
        status = cr_fail(err, CR_EINPUT,
                         "leaves the channels of its input %.100s open; export with a fixed number",
                         input->name);
        goto cleanup;
    }
    if (channels < 1 || channels > MAX_SIDE || batch < 0 || batch > MAX_SIDE) {
        status = cr_fail(err, CR_EINPUT, "its input's batch or channels are out of range");
        goto cleanup;
    }
    graph->declared_batch = (int)batch;
    shape.dims[c_dim] = (int)channels;
    if (shape.n_dims == 4) {
        CR_TRY(input_side("height", input_dim(tensor->shape, (size_t)h_dim), height,
                          &shape.dims[h_dim], err));
        CR_TRY(input_side("width", input_dim(tensor->shape, (size_t)w_dim), width,
                          &shape.dims[w_dim], err));
    }
    if (cr_shape_size(&shape) > (size_t)CR_MAX_ELEMENTS) {
        status = cr_fail(err, CR_EINPUT, "its input has more than %lld elements",
                         (long long)CR_MAX_ELEMENTS);
        goto cleanup;
    }
    CR_TRY(cr_graph_add_value(graph, input->name, &graph->input, err));
    cr_value *value = &graph->values[graph->input];
    value->shape = shape;
    value->whole = cr_onnx_is_real(tensor->elem_type) ? 0 : tensor->elem_type;
    cr_usual_order(&shape, value->order);
    for (int i = 0; last && i < 4; i++)
        value->order[i] = i; /* an image lies in memory as it does here */

cleanup:
    return status;
}
