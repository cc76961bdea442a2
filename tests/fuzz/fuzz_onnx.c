/* An ONNX file: loaded, its head found, compiled; what is small is run, forward, backward
 * and along a tangent. */
#include "fuzz.h"

#include "camrank/nn.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, MAX_DATA = 1 << 20, MAX_MB = 256 };

static double size_of(cr_shape shape)
{
    double size = 1;
    for (int i = 0; i < shape.n_dims; i++)
        size *= shape.dims[i];
    return size;
}

static bool is_small(const cr_graph *graph)
{
    double work = size_of(cr_graph_input_shape(graph));
    for (int i = 0; i < cr_graph_n_layers(graph); i++) {
        const cr_graph_layer layer = cr_graph_get_layer(graph, i);
        work += layer.flops + size_of(layer.shape) + (double)layer.n_parameters;
    }
    return work < 1e6;
}

/* What a backward pass leaves at the only target, of one image. */
static double sum_of(const cr_graph *graph, const cr_net *net, size_t n_gradients)
{
    const int last = cr_graph_last_spatial(graph);
    const size_t n = (size_t)size_of(cr_graph_value_shape(graph, last));
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += cr_net_activations(net, 0)[i];
    for (size_t i = 0; i < n_gradients * n; i++)
        sum += cr_net_gradients(net, 0)[i];
    return sum;
}

static double run_curved(const cr_graph *graph, cr_net *net)
{
    const size_t n_classes = (size_t)cr_graph_n_classes(graph);
    const cr_real *change = cr_net_tangent(net, 0, BATCH - 1, 1);
    cr_real *seeds = calloc(2 * n_classes, sizeof *seeds);
    FUZZ_CHECK(seeds);
    seeds[0] = 1;
    memcpy(seeds + n_classes, change, n_classes * sizeof *seeds);
    cr_net_backward_curved(net, 0, BATCH - 1, 1, seeds);
    free(seeds);
    return sum_of(graph, net, 2);
}

static void run(const cr_graph *graph, cr_net *net, bool has_target)
{
    const int32_t classes[BATCH] = {0};
    const size_t n_input = BATCH * (size_t)size_of(cr_graph_input_shape(graph));
    void *weights = cr_alloc_aligned(cr_net_weight_bytes(net), 1);
    void *arena = cr_alloc_aligned(cr_net_arena_bytes(net), 1);
    FUZZ_CHECK(weights && arena);
    cr_net_pack(net, weights, NULL, NULL);
    cr_net_use(net, weights);
    cr_net_use_arena(net, arena);
    for (size_t i = 0; i < n_input; i++)
        cr_net_input(net)[i] = (cr_real)(i % 7) - 3;
    cr_net_forward(net, BATCH);
    double sum = 0;
    for (int i = 0; i < BATCH * cr_graph_n_classes(graph); i++)
        sum += cr_net_logits(net)[i];
    if (has_target) {
        cr_net_backward(net, 0, cr_net_backward_images(net) < BATCH ? 1 : BATCH, classes);
        sum += sum_of(graph, net, 1) + run_curved(graph, net);
    }
    /* Only so that every number is read. */
    volatile double kept = sum;
    (void)kept;
    free(weights);
    free(arena);
}

static void compile(const cr_graph *graph)
{
    cr_net *net;
    cr_error err = {0};
    const cr_net_target target = {cr_graph_last_spatial(graph), true, true, false, NULL};
    const bool has_target = target.value >= 0;
    if (!fuzz_ok(cr_net_new(graph, BATCH, &target, has_target, 1, MAX_MB, &net, &err), &err,
                 "m.onnx: "))
        return;
    FUZZ_CHECK(cr_net_arena_bytes(net) <= MAX_MB * 1000000);
    if (is_small(graph))
        run(graph, net, has_target);
    cr_net_free(net);
}

/* External data are as long as the model says, and zero; false where that is too much here. */
static bool make_data(cr_nn_files *files)
{
    size_t total = 0;
    for (int i = 0; i < files->n; i++)
        total += files->files[i].n_bytes;
    for (int i = 0; i < files->n && total <= MAX_DATA; i++) {
        uint8_t *bytes = calloc(files->files[i].n_bytes + 1, 1);
        FUZZ_CHECK(bytes);
        files->files[i].bytes = bytes;
    }
    return total <= MAX_DATA;
}

static void free_data(cr_nn_files *files)
{
    for (int i = 0; i < files->n; i++)
        free((uint8_t *)files->files[i].bytes);
    cr_nn_files_free(files);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    cr_graph *graph = NULL;
    cr_nn_files files;
    cr_error err = {0};
    uint8_t *copy = fuzz_copy(bytes, n_bytes, false);
    bool ok = fuzz_ok(cr_nn_files_find(copy, n_bytes, "m.onnx", "", NULL, &files, &err), &err,
                      "m.onnx: ");
    ok = ok && make_data(&files);
    ok = ok && fuzz_ok(cr_graph_load(copy, n_bytes, &files, "m.onnx", "", 0, 0, &graph, &err), &err,
                       "m.onnx: ");
    FUZZ_CHECK(ok == (graph != NULL));
    if (graph)
        compile(graph);
    cr_graph_free(graph);
    free_data(&files);
    free(copy);
    return 0;
}
