/* Weights drawn anew in place of trained ones, layer by layer: what a map owes to training is what it
 * loses by that. The numbers depend on the layer's place, the seed and nothing else. */
#include "graph.h"

#include <math.h>

#define MAX_RESET 4

/* The operators that are layers. Weights are uniform within 1 / sqrt(fan-in), as PyTorch's convolutions and
 * linear layers begin; a normalisation gets the constants that it begins with. */
typedef struct kind {
    const char *type;
    int n_reset;
    float reset[MAX_RESET]; /* of the inputs from 1 on */
} kind;

static const kind kinds[] = {
    {.type = "Conv"},
    {.type = "ConvTranspose"},
    {.type = "Gemm"},
    {.type = "MatMul"},
    {.type = "com.microsoft.FusedConv"},
    {.type = "com.microsoft.NhwcConv"},
    {.type = "com.microsoft.FusedGemm"},
    {.type = "com.microsoft.FusedMatMul"},
    {"BatchNormalization", 4, {1, 0, 0, 1}},
    {"LayerNormalization", 2, {1, 0}},
    {"InstanceNormalization", 2, {1, 0}},
    {"GroupNormalization", 2, {1, 0}},
    {"RMSNormalization", 1, {1}},
};

static const cr_tensor *constant(const cr_graph *graph, const cr_node *node, int i)
{
    const int id = i < node->n_inputs ? node->inputs[i] : -1;
    return id >= 0 && graph->values[id].constant && graph->values[id].tensor.reals
               ? &graph->values[id].tensor
               : NULL;
}

static const kind *kind_of(const cr_graph *graph, const cr_node *node)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (strcmp(node->type, kinds[k].type) == 0)
            return constant(graph, node, 1) ? &kinds[k] : NULL;
    return NULL;
}

/* Weights of a MatMul are [C][K], and those of a Gemm unless it says otherwise; all others begin with their
 * outputs. */
static cr_status fan_in(const cr_node *node, const cr_tensor *weights, double *n, cr_error *err)
{
    const bool is_gemm = strstr(node->type, "Gemm") != NULL;
    int64_t transposed = !strstr(node->type, "MatMul");
    if (is_gemm || !transposed)
        CR_OR_RETURN(cr_attribute_int(node, "transB", 0, &transposed, err));
    *n = weights->n_dims < 2 || weights->n < 1 ? 1
         : transposed                          ? (double)(weights->n / weights->dims[0])
                                               : (double)weights->dims[weights->n_dims - 2];
    return CR_OK;
}

/* Puts a constant of the same shape in the place of input i. */
static cr_status replace(cr_graph *graph, cr_node *node, int i, float **values, cr_error *err)
{
    cr_tensor tensor = *constant(graph, node, i);
    *values = cr_arena_alloc(&graph->weights, (size_t)tensor.n, sizeof **values);
    if (!*values)
        return cr_fail_memory(err, "random weights", (size_t)tensor.n, sizeof **values);
    tensor.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor.reals = (const uint8_t *)*values;
    tensor.step = sizeof **values;
    return cr_graph_add_constant(graph, NULL, &tensor, &node->inputs[i], err);
}

static cr_status draw(cr_graph *graph, cr_node *node, int i, uint64_t stream, double bound,
                      cr_error *err)
{
    const cr_tensor *old = constant(graph, node, i);
    float *values;
    if (!old)
        return CR_OK;
    const int64_t n = old->n;
    CR_OR_RETURN(replace(graph, node, i, &values, err));
    for (int64_t k = 0; k < n; k++) {
        const uint64_t z = cr_mix(stream + (uint64_t)k * UINT64_C(0x9e3779b97f4a7c15));
        values[k] = (float)((2 * ldexp((double)(z >> 40), -24) - 1) * bound);
    }
    return CR_OK;
}

static cr_status reset(cr_graph *graph, cr_node *node, int i, float value, cr_error *err)
{
    const cr_tensor *old = constant(graph, node, i);
    float *values;
    if (!old)
        return CR_OK;
    const int64_t n = old->n;
    CR_OR_RETURN(replace(graph, node, i, &values, err));
    for (int64_t k = 0; k < n; k++)
        values[k] = value;
    return CR_OK;
}

static bool is_wanted(const cr_graph *graph, int layer)
{
    return graph->random && layer >= graph->random->first && layer <= graph->random->last;
}

/* What the numbers of a layer's weights (0) or bias (1) begin from. */
static uint64_t stream_of(const cr_graph *graph, int layer, int part)
{
    return ((uint64_t)graph->random->seed << 32) + 2 * (uint64_t)layer + (uint64_t)part;
}

/* The MatMul whose output is an input of this Add, where the other is its bias; -1: none. */
static int layer_before(const cr_graph *graph, const cr_node *node, int *bias)
{
    if (strcmp(node->type, "Add") != 0 || node->n_inputs != 2 || node->n_x != 1)
        return -1;
    *bias = node->inputs[0] == node->x[0];
    const cr_tensor *tensor = constant(graph, node, *bias);
    const int producer = graph->values[node->x[0]].producer;
    for (int layer = 0; layer < graph->n_weighted; layer++)
        if (graph->weighted[layer] == node->x[0])
            return producer >= 0 && tensor && tensor->n_dims == 1 &&
                           strcmp(graph->nodes[producer].type, "MatMul") == 0
                       ? layer
                       : -1;
    return -1;
}

/* The bias, which PyTorch writes as an Add of its own. */
static cr_status draw_added(cr_graph *graph, cr_node *node, cr_error *err)
{
    int bias;
    const int layer = layer_before(graph, node, &bias);
    if (layer < 0 || !is_wanted(graph, layer))
        return CR_OK;
    return draw(graph, node, bias, stream_of(graph, layer, 1), graph->weighted_bound[layer], err);
}

cr_status cr_random_layer(cr_graph *graph, cr_node *node, bool *is_layer, cr_error *err)
{
    const kind *of = kind_of(graph, node);
    double n = 1;
    *is_layer = of != NULL;
    if (!of)
        return draw_added(graph, node, err);
    const int layer = graph->n_weighted;
    if (!of->n_reset)
        CR_OR_RETURN(fan_in(node, constant(graph, node, 1), &n, err));
    graph->weighted_bound[layer] = 1 / sqrt(n);
    if (!is_wanted(graph, layer))
        return CR_OK;
    for (int i = 0; i < of->n_reset; i++)
        CR_OR_RETURN(reset(graph, node, 1 + i, of->reset[i], err));
    for (int part = 0; part < 2 && !of->n_reset; part++)
        CR_OR_RETURN(draw(graph, node, 1 + part, stream_of(graph, layer, part),
                          graph->weighted_bound[layer], err));
    return CR_OK;
}

int cr_graph_n_weighted(const cr_graph *graph)
{
    return graph->n_weighted;
}

int cr_graph_weighted(const cr_graph *graph, int i)
{
    return graph->weighted[i];
}
