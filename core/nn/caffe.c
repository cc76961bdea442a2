/* From a Caffe network, its .prototxt and its .caffemodel, to messages of ONNX: what Caffe computes in its
 * TEST phase, of one image. Messages of ONNX are what the graph is built from, and what each operator reads its
 * attributes from: put together here, all that is behind them need not know of Caffe. */
#include "caffe.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { OPSET = 13, MAX_LAYERS = 4096, MAX_ENDS = 64, MAX_NAME = 200, CROP_CHANNELS = 3 };

/* The network on its way. */
typedef struct network {
    cr_caffe *c;
    const cr_text *top;
    const char *weights;    /* the file's name */
    const cr_text **layers; /* [n_layers] those of the TEST phase that compute */
    int n_layers;
    cr_symbols names; /* of layers and inputs, and which of them: the latter from n_layers on */
    cr_symbols last;  /* of a blob, the last layer that writes it */
    cr_symbols blobs; /* of a blob, the value that it is by now */
    cr_caffe_value *values; /* [n_values] */
    bool *read;             /* [n_values] */
    int n_values, max_values;
    int n_inputs;
} network;

static cr_status memory_fails(cr_error *err)
{
    return cr_fail_memory(err, "a Caffe network", 1, sizeof(cr_caffe_node));
}

/* V1 has CONVOLUTION where later versions have Convolution. */
static bool is_type(const char *type, const char *known)
{
    for (; *type || *known; type++, known++) {
        while (*type == '_')
            type++;
        if (tolower((unsigned char)*type) != tolower((unsigned char)*known))
            return false;
        if (!*type)
            return true;
    }
    return true;
}

static bool ends_in(const char *type, const char *end)
{
    const size_t n = strlen(type), m = strlen(end);
    return n >= m && strcasecmp(type + n - m, end) == 0;
}

/* Whether a layer is there in the TEST phase, at level 0 and without stages: Caffe's NetStateRule. */
static bool meets(const cr_text *rule)
{
    const cr_text *phase = cr_text_get(rule, "phase");
    const cr_text *least = cr_text_get(rule, "min_level"), *most = cr_text_get(rule, "max_level");
    return (!phase || !phase->value || strcmp(phase->value, "TEST") == 0 ||
            strcmp(phase->value, "1") == 0) &&
           (!least || !least->value || atoi(least->value) <= 0) &&
           (!most || !most->value || atoi(most->value) >= 0) && !cr_text_get(rule, "stage");
}

static bool is_there(const cr_text *layer)
{
    bool included = !cr_text_get(layer, "include");
    for (const cr_text *f = layer->first; f; f = f->next) {
        if (!f->value && strcmp(f->key, "include") == 0 && meets(f))
            included = true;
        if (!f->value && strcmp(f->key, "exclude") == 0 && meets(f))
            return false;
    }
    return included;
}

static const char *string(const cr_text *message, const char *key)
{
    const cr_text *field = cr_text_get(message, key);
    return field && field->value ? field->value : "";
}

/* A layer that only training or measuring needs. */
static bool is_measure(const char *type)
{
    return ends_in(type, "Loss") || is_type(type, "SoftmaxWithLoss") || is_type(type, "Accuracy") ||
           is_type(type, "Silence") || is_type(type, "HDF5Output");
}

/* A layer that reads images from a file of its own. */
static bool is_data(const char *type)
{
    return is_type(type, "Input") || is_type(type, "Data") || is_type(type, "ImageData") ||
           is_type(type, "MemoryData") || is_type(type, "HDF5Data") || is_type(type, "WindowData");
}

static const cr_caffe_kind *find_kind(const char *type)
{
    for (const cr_caffe_kind *kind = cr_caffe_layers; kind->type; kind++)
        if (is_type(type, kind->type))
            return kind;
    for (const cr_caffe_kind *kind = cr_caffe_shapes; kind->type; kind++)
        if (is_type(type, kind->type))
            return kind;
    return NULL;
}

static cr_status fail_in_layer(const cr_text *layer, cr_error *err)
{
    return cr_fail_in(err, "line %d: layer %.100s (%.40s): ", layer->line, string(layer, "name"),
                      string(layer, "type"));
}

/* There is room for the tops of all layers. */
static cr_caffe_value *add_value(network *n, const char *blob)
{
    cr_symbols_put(&n->blobs, blob, n->n_values);
    return &n->values[n->n_values++];
}

/* The image: a blob, which is also a name that no layer's output may take. */
static cr_status add_input(network *n, const char *blob, const int64_t *dims, int n_dims,
                           cr_error *err)
{
    if (n->n_inputs > 0)
        return cr_fail(err, CR_EINPUT, "has several inputs (%.60s, %.60s), one image is supported",
                       n->values[0].name, blob);
    for (int d = 1; d < n_dims; d++)
        if (dims[d] < 1)
            return cr_fail(err, CR_EINPUT, "its input %.100s has no size; give it in the .prototxt",
                           blob);
    cr_caffe_value *value = add_value(n, blob);
    value->name = blob;
    value->n_dims = n_dims;
    memcpy(value->dims, dims, (size_t)n_dims * sizeof *dims);
    value->dims[0] = 1;
    n->n_inputs++;
    if (cr_symbols_find(&n->names, blob) < 0)
        cr_symbols_put(&n->names, blob, n->n_layers);
    return CR_OK;
}

/* `input`, with `input_shape` or `input_dim`. */
static cr_status read_inputs(network *n, cr_error *err)
{
    int n_dims;
    int64_t dims[CR_MAX_DIMS];
    const cr_text *input = cr_text_get(n->top, "input"),
                  *shape = cr_text_get(n->top, "input_shape");
    if (!input)
        return CR_OK;
    if (cr_text_next(n->top->first, "input") != input)
        return cr_fail(err, CR_EINPUT, "line %d: a second input; one image is supported",
                       input->line);
    cr_status status = cr_text_ints(shape ? shape : n->top, shape ? "dim" : "input_dim",
                                    CR_MAX_DIMS, dims, &n_dims, err);
    if (status == CR_OK && (n_dims < 2 || !input->value))
        return cr_fail(err, CR_EINPUT, "line %d: its input has no shape", input->line);
    return status == CR_OK ? add_input(n, input->value, dims, n_dims, err) : status;
}

/* A layer that supplies images: of an Input layer the shape is there, of others the crop. */
static cr_status read_data(network *n, const cr_text *layer, cr_error *err)
{
    int64_t dims[CR_MAX_DIMS] = {1, CROP_CHANNELS}, crop;
    int n_dims = 4;
    const cr_text *param = cr_text_get(layer, "input_param");
    const cr_text *transform = cr_text_get(layer, "transform_param");
    const cr_text *top = cr_text_next(layer->first, "top"); /* labels follow */
    if (is_type(string(layer, "type"), "Input")) {
        CR_OR_RETURN(
            cr_text_ints(cr_text_get(param, "shape"), "dim", CR_MAX_DIMS, dims, &n_dims, err));
        if (n_dims < 2)
            return cr_fail(err, CR_EINPUT, "it has no input_param { shape { dim } }");
    } else {
        const cr_text *old =
            cr_text_get(layer, "data_param"); /* where crops were in V1's first files */
        CR_OR_RETURN(cr_text_int(old, "crop_size", 0, &crop, err));
        CR_OR_RETURN(cr_text_int(transform, "crop_size", crop, &crop, err));
        if (crop < 1)
            return cr_fail(
                err, CR_EINPUT,
                "the size of its images is not known; use the network's deploy.prototxt");
        dims[2] = dims[3] = crop;
    }
    if (!top || !top->value)
        return cr_fail(err, CR_EINPUT, "it has no top");
    return add_input(n, top->value, dims, n_dims, err);
}

/* The name of what a layer writes to a blob: a name of a layer stands for what that layer computes, also where a
 * later one writes over it in place, and the name of a blob for the last of these. */
static const char *value_name(const network *n, const char *layer, int index, const char *blob,
                              int top)
{
    const int owner = cr_symbols_find(&n->names, blob);
    if (cr_symbols_find(&n->last, blob) == index && (owner < 0 || owner == index))
        return blob;
    if (top == 0)
        return layer;
    const size_t n_bytes = strlen(layer) + 16;
    char *name = cr_arena_alloc(n->c->memory, n_bytes, 1);
    if (name)
        snprintf(name, n_bytes, "%s.%d", layer, top);
    return name;
}

static int count(const cr_text *layer, const char *key)
{
    int n = 0;
    for (const cr_text *f = layer->first; (f = cr_text_next(f, key)); f = f->next)
        n += f->value != NULL;
    return n;
}

static cr_status connect(network *n, const cr_text *text, int index, cr_caffe_layer *layer,
                         cr_error *err)
{
    cr_arena *memory = n->c->memory;
    layer->n_bottoms = count(text, "bottom");
    layer->n_tops = count(text, "top");
    if (layer->n_bottoms < 1 || layer->n_bottoms > layer->kind->most_bottoms || layer->n_tops < 1 ||
        layer->n_tops > layer->kind->most_tops)
        return cr_fail(
            err, CR_EINPUT, "it has %d bottoms and %d tops, at most %d and %d are supported",
            layer->n_bottoms, layer->n_tops, layer->kind->most_bottoms, layer->kind->most_tops);
    layer->bottoms = cr_arena_alloc(memory, (size_t)layer->n_bottoms, sizeof *layer->bottoms);
    layer->tops = cr_arena_alloc(memory, (size_t)layer->n_tops, sizeof *layer->tops);
    if (!layer->bottoms || !layer->tops)
        return memory_fails(err);
    int bottom = 0, top = 0;
    for (const cr_text *f = text->first; f; f = f->next) {
        if (f->value && strcmp(f->key, "bottom") == 0) {
            const int value = cr_symbols_find(&n->blobs, f->value);
            if (value < 0)
                return cr_fail(err, CR_EINPUT, "its bottom %.100s is not computed before it",
                               f->value);
            n->read[value] = true;
            layer->bottoms[bottom++] = &n->values[value];
        } else if (f->value && strcmp(f->key, "top") == 0) {
            layer->tops[top].name = value_name(n, layer->name, index, f->value, top);
            if (!layer->tops[top++].name)
                return memory_fails(err);
        }
    }
    return CR_OK;
}

static cr_status put_layer(network *n, int index, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_text *text = n->layers[index];
    cr_caffe_blob *blobs = NULL;
    cr_caffe_layer layer = {
        .name = string(text, "name"), .kind = find_kind(string(text, "type")), .text = text};
    if (!layer.kind)
        CR_TRY(cr_fail(err, CR_EINPUT,
                       "this type is not supported; docs/caffe.md lists those that are"));
    layer.param = layer.kind->param ? cr_text_get(text, layer.kind->param) : NULL;
    CR_TRY(connect(n, text, index, &layer, err));
    CR_TRY(cr_caffe_weights_find(&n->c->weights, layer.name, n->c->memory, &blobs, &layer.n_blobs,
                                 err));
    layer.blobs = blobs;
    CR_TRY(layer.kind->put(n->c, &layer, err));
    for (int i = 0; i < layer.n_tops; i++)
        for (int d = 0; d < layer.tops[i].n_dims; d++)
            if (layer.tops[i].dims[d] < 1 || layer.tops[i].dims[d] > CR_MAX_ELEMENTS)
                CR_TRY(cr_fail(err, CR_EINPUT, "its output would be empty or too large"));
    int top = 0;
    for (const cr_text *f = text->first; (f = cr_text_next(f, "top")); f = f->next)
        if (f->value)
            *add_value(n, f->value) = layer.tops[top++];

cleanup:
    return status == CR_OK ? CR_OK : fail_in_layer(text, err);
}

/* Those that the TEST phase has, with their names and the last that writes each blob. */
static cr_status list_layers(network *n, cr_error *err)
{
    int n_all = 0, n_tops = 0;
    const bool old = cr_text_get(n->top, "layers") != NULL;
    const char *key = old ? "layers" : "layer";
    for (const cr_text *f = n->top->first; (f = cr_text_next(f, key)); f = f->next, n_all++)
        n_tops += f->value ? 0 : count(f, "top");
    if (n_all == 0 || n_all > MAX_LAYERS)
        return cr_fail(err, CR_EINPUT, "has %d layers, 1 to %d are supported", n_all, MAX_LAYERS);
    n->max_values = n_tops + 2;
    const size_t n_values = (size_t)n->max_values;
    n->layers = cr_arena_alloc(n->c->memory, (size_t)n_all, sizeof *n->layers);
    n->values = cr_arena_alloc(n->c->memory, n_values, sizeof *n->values);
    n->read = cr_arena_alloc(n->c->memory, n_values, sizeof *n->read);
    if (!n->layers || !n->values || !n->read)
        return memory_fails(err);
    CR_OR_RETURN(cr_symbols_init(&n->names, n->c->memory, (size_t)n_all + 2, err));
    CR_OR_RETURN(cr_symbols_init(&n->last, n->c->memory, n_values, err));
    CR_OR_RETURN(cr_symbols_init(&n->blobs, n->c->memory, n_values, err));
    for (const cr_text *f = n->top->first; (f = cr_text_next(f, key)); f = f->next) {
        if (f->value || cr_text_get(f, "layer"))
            return cr_fail(err, CR_EINPUT,
                           "line %d: a layer of Caffe's first format; convert the network with its "
                           "upgrade_net_proto_text",
                           f->line);
        if (!is_there(f) || is_measure(string(f, "type")))
            continue;
        const char *name = string(f, "name");
        if (!name[0] || strlen(name) > MAX_NAME)
            return cr_fail(err, CR_EINPUT, "line %d: a layer has no name, or a very long one",
                           f->line);
        if (!is_data(string(f, "type")) && cr_symbols_find(&n->names, name) < 0)
            cr_symbols_put(&n->names, name, n->n_layers);
        for (const cr_text *top = f->first; (top = cr_text_next(top, "top")); top = top->next)
            if (top->value)
                cr_symbols_put(&n->last, top->value, n->n_layers);
        n->layers[n->n_layers++] = f;
    }
    return CR_OK;
}

static Onnx__ValueInfoProto *value_info(cr_arena *memory, const cr_caffe_value *value)
{
    struct info {
        Onnx__ValueInfoProto value;
        Onnx__TypeProto type;
        Onnx__TypeProto__Tensor tensor;
        Onnx__TensorShapeProto shape;
        Onnx__TensorShapeProto__Dimension dims[CR_MAX_DIMS], *pointers[CR_MAX_DIMS];
    } *info = cr_arena_alloc(memory, 1, sizeof *info);
    if (!info)
        return NULL;
    onnx__value_info_proto__init(&info->value);
    onnx__type_proto__init(&info->type);
    onnx__type_proto__tensor__init(&info->tensor);
    onnx__tensor_shape_proto__init(&info->shape);
    info->value.name = (char *)value->name;
    info->value.type = &info->type;
    info->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    info->type.tensor_type = &info->tensor;
    info->tensor.has_elem_type = true;
    info->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    info->tensor.shape = &info->shape;
    info->shape.n_dim = (size_t)value->n_dims;
    info->shape.dim = info->pointers;
    for (int d = 0; d < value->n_dims; d++) {
        onnx__tensor_shape_proto__dimension__init(&info->dims[d]);
        info->dims[d].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        info->dims[d].dim_value = value->dims[d];
        info->pointers[d] = &info->dims[d];
    }
    return &info->value;
}

/* The messages: nodes, tensors, the image, and what no layer reads as outputs. */
static cr_status assemble(const network *n, cr_onnx_model *model, cr_error *err)
{
    cr_arena *memory = &model->memory;
    const cr_caffe *c = n->c;
    struct messages {
        Onnx__ModelProto model;
        Onnx__GraphProto graph;
        Onnx__OperatorSetIdProto opset, *opsets[1];
        Onnx__ValueInfoProto *inputs[1];
    } *m = cr_arena_alloc(memory, 1, sizeof *m);
    Onnx__NodeProto **nodes = cr_arena_alloc(memory, c->n_nodes, sizeof *nodes);
    Onnx__TensorProto **tensors = cr_arena_alloc(memory, c->n_tensors, sizeof *tensors);
    Onnx__ValueInfoProto **outputs = cr_arena_alloc(memory, (size_t)n->n_values, sizeof *outputs);
    cr_onnx_bytes *raw = cr_arena_alloc(memory, c->n_tensors, sizeof *raw);
    if (!m || !nodes || !tensors || !outputs || !raw)
        return memory_fails(err);
    onnx__model_proto__init(&m->model);
    onnx__graph_proto__init(&m->graph);
    onnx__operator_set_id_proto__init(&m->opset);
    m->model.producer_name = "caffe";
    m->model.graph = &m->graph;
    m->model.n_opset_import = 1;
    m->model.opset_import = m->opsets;
    m->opsets[0] = &m->opset;
    m->opset.has_version = true;
    m->opset.version = OPSET;
    m->graph.node = nodes;
    m->graph.initializer = tensors;
    m->graph.output = outputs;
    m->graph.input = m->inputs;
    m->graph.n_input = 1;
    for (cr_caffe_node *node = c->nodes; node; node = node->next) {
        if (cr_attributes_proto(&node->with)) {
            node->proto.n_attribute = node->with.proto.n_attribute;
            node->proto.attribute = node->with.proto.attribute;
        }
        nodes[m->graph.n_node++] = &node->proto;
    }
    for (cr_caffe_tensor *tensor = c->tensors; tensor; tensor = tensor->next) {
        raw[m->graph.n_initializer] = tensor->raw;
        tensors[m->graph.n_initializer++] = &tensor->proto;
    }
    m->inputs[0] = value_info(memory, &n->values[0]);
    for (int i = n->n_inputs; i < n->n_values; i++)
        if (!n->read[i] && !(outputs[m->graph.n_output++] = value_info(memory, &n->values[i])))
            return memory_fails(err);
    model->proto = &m->model;
    model->raw = raw;
    return m->inputs[0] ? CR_OK : memory_fails(err);
}

/* `input: "data"` or `layer {`, and all that is in front of it is text. */
static bool is_prototxt(const uint8_t *bytes, size_t n_bytes)
{
    size_t i = 0;
    for (bool comment = false; i < n_bytes; i++) {
        comment = bytes[i] == '#' || (comment && bytes[i] != '\n');
        if (!comment && !isspace(bytes[i]))
            break;
        if (bytes[i] == 0)
            return false;
    }
    const size_t start = i;
    while (i < n_bytes && (isalnum(bytes[i]) || bytes[i] == '_'))
        i++;
    const bool named = i > start && isalpha(bytes[start]);
    while (i < n_bytes && isspace(bytes[i]))
        i++;
    return named && i < n_bytes && (bytes[i] == ':' || bytes[i] == '{');
}

static cr_status load(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                      cr_onnx_model *model, cr_error *err)
{
    cr_status status = CR_OK;
    cr_text top;
    cr_caffe c = {.memory = &model->memory};
    network n = {.c = &c, .top = &top};
    c.end_of_nodes = &c.nodes;
    c.end_of_tensors = &c.tensors;
    CR_TRY(cr_text_parse(bytes, n_bytes, &model->memory, &top, err));
    if (!files || files->n < 1 || !files->files[0].bytes)
        CR_TRY(cr_fail(err, CR_EINPUT, "is a network without its weights"));
    n.weights = files->files[0].location;
    status = cr_caffe_weights_read(files->files[0].bytes, files->files[0].n_bytes, &c.weights, err);
    if (status != CR_OK) {
        cr_fail_in(err, "weights %.200s: ", n.weights);
        goto cleanup;
    }
    CR_TRY(list_layers(&n, err));
    CR_TRY(read_inputs(&n, err));
    for (int i = 0; i < n.n_layers; i++) {
        if (!is_data(string(n.layers[i], "type"))) {
            CR_TRY(put_layer(&n, i, err));
        } else if (n.n_inputs == 0 || is_type(string(n.layers[i], "type"), "Input")) {
            status = read_data(&n, n.layers[i], err);
            if (status != CR_OK)
                CR_TRY(fail_in_layer(n.layers[i], err));
        }
    }
    if (n.n_inputs == 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "has no input"));
    CR_TRY(assemble(&n, model, err));

cleanup:
    /* What is read where it lies stays: the rest is with the model. */
    model->wire = c.weights.wire;
    return status;
}

const cr_reader cr_reader_caffe = {.sniff = is_prototxt, .load = load};
