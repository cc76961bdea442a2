/* What wants curvature, who is refused it, and that nobody else notices. What it is, is in
 * test_gradients.c. */
#include "onnx_builder.h"

#include "camrank/explain.h"
#include "core/nn/graph.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_IMAGES 3

static const onnx_layer layers[] = {{"Conv", "x w:4,3,3,3 b:4", "c", NULL},
                                    {"Relu", "c", "r", NULL},
                                    {"Sigmoid", "r", "s", NULL},
                                    {"MaxPool", "s", "m", "kernel_shape=2,2"},
                                    {"Flatten", "m", "f", NULL},
                                    {"Gemm", "f v:100,7", "l", NULL},
                                    {0}};

/* The same graph, whose Sigmoid nobody can differentiate twice. */
static cr_graph *make_uncurved(cr_op *op)
{
    cr_graph *graph = onnx_graph("1,3,8,8", layers);
    cr_node *node = &graph->nodes[graph->values[cr_graph_find(graph, "s")].producer];
    *op = *node->op;
    op->tangent = op->curve = NULL;
    node->op = op;
    return graph;
}

static void an_operator_without_second_derivative_is_named(void **state)
{
    (void)state;
    cr_op op;
    cr_graph *graph = onnx_graph("1,3,8,8", layers);
    assert_null(cr_graph_uncurved(graph, cr_graph_find(graph, "x")));
    cr_graph_free(graph);
    graph = make_uncurved(&op);
    assert_string_equal(cr_graph_uncurved(graph, cr_graph_find(graph, "x")), "Sigmoid");
    assert_string_equal(cr_graph_uncurved(graph, cr_graph_find(graph, "r")), "Sigmoid");
    assert_null(cr_graph_uncurved(graph, cr_graph_find(graph, "s")));
    cr_graph_free(graph);
}

static void a_net_is_not_made_where_curvature_is_not_known(void **state)
{
    (void)state;
    cr_op op;
    cr_net *net;
    cr_error err = {0};
    cr_graph *graph = make_uncurved(&op);
    cr_net_target target = {
        .value = cr_graph_find(graph, "r"), .gradient = true, .curvature = true};
    assert_int_equal(cr_net_new(graph, 2, &target, 1, 1, INT_MAX, &net, &err), CR_EINPUT);
    assert_null(net);
    assert_non_null(strstr(err.message, "the second derivative of Sigmoid is not known"));
    target.curvature = false;
    assert_int_equal(cr_net_new(graph, 2, &target, 1, 1, INT_MAX, &net, &err), CR_OK);
    cr_net_free(net);
    cr_graph_free(graph);
}

static void a_method_says_for_which_operator_it_does_not_apply(void **state)
{
    (void)state;
    cr_op op;
    cr_error err = {0};
    cr_variant variant;
    cr_graph *graph = make_uncurved(&op);
    const cr_head head = cr_graph_head(graph);
    const cr_method_spec shapley = cr_method_plain(cr_method_find("shapley-cam"));
    const cr_method_spec gradcam = cr_method_plain(cr_method_find("grad-cam"));
    assert_int_equal(cr_variant_resolve(graph, &head, &shapley, "r", &variant, &err), CR_OK);
    assert_string_equal(variant.why_not, "its Hessian is not known for Sigmoid");
    assert_int_equal(variant.n_layers, 0);
    assert_int_equal(cr_variant_resolve(graph, &head, &shapley, "s", &variant, &err), CR_OK);
    assert_string_equal(variant.why_not, "");
    assert_int_equal(cr_variant_resolve(graph, &head, &gradcam, "r", &variant, &err), CR_OK);
    assert_string_equal(variant.why_not, "");
    cr_graph_free(graph);
}

/* Logits and gradients of two classes at "r" of a net, [N_IMAGES][7] and [N_IMAGES][2][6 6 4]. */
typedef struct results {
    cr_real logits[N_IMAGES * 7], gradients[N_IMAGES * 2 * 144];
    size_t arena_bytes;
} results;

static results run(const cr_graph *graph, const cr_net_target *targets, int n_targets)
{
    static const int32_t classes[2 * N_IMAGES] = {0, 3, 6, 1, 2, 2};
    results r = {0};
    cr_net *net;
    cr_error err = {0};
    uint32_t seed = 5;
    assert_int_equal(cr_net_new(graph, 2 * N_IMAGES, targets, n_targets, 2, INT_MAX, &net, &err),
                     CR_OK);
    onnx_give_memory(net);
    r.arena_bytes = cr_net_arena_bytes(net);
    for (int i = 0; i < N_IMAGES * 3 * 64; i++)
        cr_net_input(net)[i] = (cr_real)onnx_random(&seed);
    cr_net_forward(net, N_IMAGES);
    memcpy(r.logits, cr_net_logits(net), sizeof r.logits);
    if (n_targets > 1) {
        cr_real seeds[N_IMAGES * 4 * 7] = {0};
        cr_net_tangent(net, 1, 0, N_IMAGES);
        cr_net_backward_curved(net, 1, 0, N_IMAGES, seeds);
    }
    cr_net_backward(net, 0, N_IMAGES, classes);
    memcpy(r.gradients, cr_net_gradients(net, 0), sizeof r.gradients);
    cr_net_free(net);
    return r;
}

static void other_passes_keep_their_bits(void **state)
{
    (void)state;
    cr_graph *graph = onnx_graph("1,3,8,8", layers);
    const cr_net_target targets[] = {
        {.value = cr_graph_find(graph, "r"), .gradient = true},
        {.value = cr_graph_find(graph, "x"), .gradient = true, .curvature = true}};
    const results alone = run(graph, targets, 1), beside = run(graph, targets, 2);
    assert_memory_equal(alone.logits, beside.logits, sizeof alone.logits);
    assert_memory_equal(alone.gradients, beside.gradients, sizeof alone.gradients);
    assert_true(alone.arena_bytes < beside.arena_bytes);
    cr_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operator_without_second_derivative_is_named),
        cmocka_unit_test(a_net_is_not_made_where_curvature_is_not_known),
        cmocka_unit_test(a_method_says_for_which_operator_it_does_not_apply),
        cmocka_unit_test(other_passes_keep_their_bits),
    };
    return cmocka_run_group_tests_name("curvature", tests, NULL, NULL);
}
