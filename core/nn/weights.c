/* The weights of a compiled network, folded and in the order of its kernels: one block, that its
 * caller provides. */
#include "relevance.h"

/* Less is not worth a search through all steps. */
#define GIVE_BYTES (1 << 20)

size_t cr_net_weight_bytes(const cr_net *net)
{
    return net->n_weights * sizeof(cr_real);
}

/* FNV-1a, 64 bits, a word at a time. */
static void mix(uint64_t *hash, uint64_t word)
{
    *hash = (*hash ^ word) * UINT64_C(1099511628211);
}

uint64_t cr_net_weight_layout(const cr_net *net)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *name = cr_kernels_isa(); *name; name++)
        mix(&hash, (uint64_t)*name);
    mix(&hash, sizeof(cr_real));
    mix(&hash, (uint64_t)net->precision);
    for (int s = 0; s < net->n_steps; s++) {
        const cr_node *node = &net->steps[s].node;
        const cr_conv *conv = node->op->conv ? node->op->conv(node) : NULL;
        for (const char *name = conv ? conv->way->name : ""; *name; name++)
            mix(&hash, (uint64_t)*name);
        mix(&hash, net->steps[s].weights_at);
        mix(&hash, net->steps[s].native.runs);
        mix(&hash, net->steps[s].back ? net->steps[s].weights_back_at : 0);
        for (int part = 0; part < CR_N_WEIGHT_PARTS; part++)
            if (net->steps[s].parts_at[part] != CR_NOWHERE)
                mix(&hash, net->steps[s].parts_at[part]);
    }
    mix(&hash, net->n_weights);
    return hash;
}

static void pack_step(const cr_net *net, const cr_step *step, cr_real *block)
{
    const cr_node *node = &step->node;
    if (node->ties)
        cr_node_find_ties(node, step->fold_scale);
    if (node->n_weights)
        node->op->pack(net->graph, node, step->fold_scale, step->fold_shift,
                       block + step->weights_at);
    if (step->back && node->n_weights_back)
        node->op->pack_back(node, step->fold_scale, block + step->weights_back_at);
    if (step->native.runs)
        cr_native_pack(step, block);
    for (int part = 0; part < CR_N_WEIGHT_PARTS; part++)
        if (step->parts_at[part] != CR_NOWHERE)
            cr_relevance_pack(node, (cr_part_of_weights)part, step->fold_scale, step->fold_shift,
                              block + step->parts_at[part]);
}

static cr_status take(const cr_step *step, const cr_net_memory *memory, cr_error *err)
{
    const cr_node *node = &step->node;
    cr_status status = memory->take(memory->user, step->weights_at * sizeof(cr_real),
                                    node->n_weights * sizeof(cr_real), err);
    if (status == CR_OK && step->back)
        status = memory->take(memory->user, step->weights_back_at * sizeof(cr_real),
                              node->n_weights_back * sizeof(cr_real), err);
    const cr_native *native = &step->native;
    if (status == CR_OK && native->runs)
        status = memory->take(memory->user, native->weights_at * sizeof(cr_real),
                              cr_native_weights(&native->forth) * sizeof(cr_real), err);
    if (status == CR_OK && native->runs)
        status = memory->take(memory->user, native->bias_at * sizeof(cr_real),
                              (size_t)native->forth.win.k * sizeof(cr_real), err);
    if (status == CR_OK && native->runs && step->back)
        status = memory->take(memory->user, native->weights_back_at * sizeof(cr_real),
                              cr_native_weights(&native->back) * sizeof(cr_real), err);
    for (int part = 0; status == CR_OK && part < CR_N_WEIGHT_PARTS; part++)
        if (step->parts_at[part] != CR_NOWHERE)
            status = memory->take(memory->user, step->parts_at[part] * sizeof(cr_real),
                                  cr_relevance_n_weights(node) * sizeof(cr_real), err);
    return status;
}

/* The bytes of input i of a step, if it is a constant of the model. */
static cr_onnx_bytes constant_bytes(const cr_net *net, const cr_step *step, int i)
{
    const int id = step->node.inputs[i];
    const cr_tensor *tensor = id < 0 ? NULL : &net->graph->values[id].tensor;
    if (!tensor || !tensor->reals)
        return (cr_onnx_bytes){0};
    return (cr_onnx_bytes){tensor->reals,
                           tensor->step ? (size_t)tensor->n * tensor->step : sizeof(float)};
}

/* Whether a step from s on reads any of these bytes: tensors may share them. */
static bool reads_from(const cr_net *net, int s, cr_onnx_bytes bytes)
{
    for (; s < net->n_steps; s++)
        for (int i = 0; i < net->steps[s].node.n_inputs; i++) {
            const cr_onnx_bytes other = constant_bytes(net, &net->steps[s], i);
            if (other.bytes < bytes.bytes + bytes.n_bytes &&
                bytes.bytes < other.bytes + other.n_bytes)
                return true;
        }
    return false;
}

static void give(const cr_net *net, int s, const cr_net_memory *memory)
{
    const cr_step *step = &net->steps[s];
    for (int i = 0; i < step->node.n_inputs; i++) {
        const cr_onnx_bytes bytes = constant_bytes(net, step, i);
        if (bytes.n_bytes >= GIVE_BYTES && !reads_from(net, s + 1, bytes))
            memory->give(memory->user, bytes.bytes, bytes.n_bytes);
    }
}

cr_status cr_net_pack(const cr_net *net, void *block, const cr_net_memory *memory, cr_error *err)
{
    for (int s = 0; s < net->n_steps; s++) {
        if (memory)
            CR_OR_RETURN(take(&net->steps[s], memory, err));
        pack_step(net, &net->steps[s], block);
        if (memory)
            give(net, s, memory);
    }
    return CR_OK;
}

void cr_net_use(cr_net *net, const void *block)
{
    for (int s = 0; s < net->n_steps; s++) {
        cr_step *step = &net->steps[s];
        step->weights = (const cr_real *)block + step->weights_at;
        step->native.weights =
            (const cr_bfloat16 *)(const void *)((const cr_real *)block + step->native.weights_at);
        step->native.weights_back =
            step->native.back.turned
                ? step->native.weights
                : (const cr_bfloat16 *)(const void *)((const cr_real *)block +
                                                      step->native.weights_back_at);
        step->native.bias = (const cr_real *)block + step->native.bias_at;
        step->weights_back = step->back ? (const cr_real *)block + step->weights_back_at : NULL;
        for (int part = 0; part < CR_N_WEIGHT_PARTS; part++)
            step->parts[part] = step->parts_at[part] == CR_NOWHERE
                                    ? NULL
                                    : (const cr_real *)block + step->parts_at[part];
    }
}
