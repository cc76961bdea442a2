/* An ONNX file: loaded, its head found; what is small nevertheless is compiled and run, forward and
 * backward. */
#include "fuzz.h"

#include "camrank/nn.h"

#include <string.h>

enum { BATCH = 2 };

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

static void run(const cr_graph *graph)
{
    cr_net *net;
    cr_error err = {0};
    const int32_t classes[BATCH] = {0};
    const int last = cr_graph_last_spatial(graph);
    const cr_net_target target = {last, true};
    const int n_targets = last >= 0;
    const size_t n_input = BATCH * (size_t)size_of(cr_graph_input_shape(graph));
    FUZZ_CHECK(cr_net_new(graph, BATCH, &target, n_targets, 1, &net, &err) == CR_OK);
    for (size_t i = 0; i < n_input; i++)
        cr_net_input(net)[i] = (cr_real)(i % 7) - 3;
    cr_net_forward(net, BATCH);
    double sum = 0;
    for (int i = 0; i < BATCH * cr_graph_n_classes(graph); i++)
        sum += cr_net_logits(net)[i];
    if (n_targets) {
        const size_t n = (size_t)size_of(cr_graph_value_shape(graph, last));
        cr_net_backward(net, 0, cr_net_backward_images(net) < BATCH ? 1 : BATCH, classes);
        for (size_t i = 0; i < n; i++)
            sum += cr_net_activations(net, 0)[i] + cr_net_gradients(net, 0)[i];
    }
    /* Only so that every number is read. */
    volatile double kept = sum;
    (void)kept;
    cr_net_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    cr_graph *graph;
    cr_head head;
    cr_error err = {0};
    uint8_t *copy = fuzz_copy(bytes, n_bytes, false);
    bool ok = fuzz_ok(cr_graph_load(copy, n_bytes, "m.onnx", 0, 0, &graph, &err), &err, "m.onnx: ");
    free(copy);
    if (!ok) {
        FUZZ_CHECK(!graph);
        return 0;
    }
    FUZZ_CHECK(cr_graph_head(graph, &head, &err) == CR_OK);
    free(head.weights);
    if (is_small(graph))
        run(graph);
    cr_graph_free(graph);
    return 0;
}
