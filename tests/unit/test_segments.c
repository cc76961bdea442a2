/* What the partition of a forward pass into segments promises: the bits of each image stay what they
 * are alone, memory shrinks, and the rule follows what steps cost. */
#include "core/nn/net.h"
#include "onnx_builder.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 16, N_CLASSES = 1000, N_MOST = 40 };

/* Large maps and few weights first, large weights last; `p1` and `r0` are used again far behind. */
static const onnx_layer layers[] = {{"Conv", "x w0:16,3,3,3 b0:16", "c0", "pads=1,1,1,1"},
                                    {"Relu", "c0", "r0", NULL},
                                    {"Conv", "r0 w1:16,16,3,3 b1:16", "c1", "pads=1,1,1,1"},
                                    {"Add", "c1 r0", "a1", NULL},
                                    {"Sigmoid", "a1", "s1", NULL},
                                    {"MaxPool", "s1", "p1", "kernel_shape=4,4 strides=4,4"},
                                    {"Conv", "p1 w2:24,16,1,1 b2:24", "c2", NULL},
                                    {"GlobalAveragePool", "c2", "g2", NULL},
                                    {"Flatten", "g2", "f2", NULL},
                                    {"GlobalAveragePool", "r0", "g0", NULL},
                                    {"Flatten", "g0", "f0", NULL},
                                    {"Concat", "f2 f0", "f", "axis=1"},
                                    {"Gemm", "f w3:40,2000 b3:2000", "h", NULL},
                                    {"Relu", "h", "rh", NULL},
                                    {"Gemm", "rh w4:2000,1000 b4:1000", "logits", NULL},
                                    {0}};

static cr_net *compile(const cr_graph *graph, int batch, const cr_net_target *targets, int n)
{
    cr_net *net;
    cr_error err = {0};
    if (cr_net_new(graph, batch, targets, n, 1, INT_MAX, &net, &err) != CR_OK)
        fail_msg("%s", err.message);
    onnx_give_memory(net);
    return net;
}

static size_t image_size(const cr_graph *graph, int value)
{
    cr_shape shape = cr_graph_value_shape(graph, value);
    return cr_shape_size(&shape);
}

/* Images first .. first + n - 1 of a fixed sequence. */
static void fill_input(const cr_graph *graph, cr_net *net, int first, int n)
{
    cr_shape shape = cr_graph_input_shape(graph);
    size_t size = cr_shape_size(&shape);
    for (int i = 0; i < n; i++) {
        uint32_t seed = 11 + (uint32_t)(first + i);
        for (size_t j = 0; j < size; j++)
            cr_net_input(net)[(size_t)i * size + j] = (cr_real)onnx_random(&seed);
    }
}

/* What each image gives alone: in a batch of 1 there is nothing to divide. */
typedef struct alone {
    cr_real *logits, *activations, *gradients; /* [BATCH] */
    size_t size;                               /* of a target */
} alone;

static alone run_alone(const cr_graph *graph, cr_net_target target)
{
    alone a = {.size = image_size(graph, target.value)};
    a.logits = calloc((size_t)BATCH * N_CLASSES, sizeof *a.logits);
    a.activations = calloc(BATCH * a.size, sizeof *a.activations);
    a.gradients = calloc(BATCH * a.size, sizeof *a.gradients);
    cr_net *net = compile(graph, 1, &target, 1);
    for (int i = 0; i < BATCH; i++) {
        fill_input(graph, net, i, 1);
        cr_net_forward(net, 1);
        cr_net_backward(net, 0, 1, &(int32_t){i});
        memcpy(a.logits + i * N_CLASSES, cr_net_logits(net), N_CLASSES * sizeof *a.logits);
        memcpy(a.activations + (size_t)i * a.size, cr_net_activations(net, 0),
               a.size * sizeof(cr_real));
        memcpy(a.gradients + (size_t)i * a.size, cr_net_gradients(net, 0),
               a.size * sizeof(cr_real));
    }
    cr_net_free(net);
    return a;
}

static void alone_free(alone *a)
{
    free(a->logits);
    free(a->activations);
    free(a->gradients);
}

/* Nets of several batches hold different groups; n is mostly no multiple of them. */
static void image_has_the_same_bits_in_any_group(void **state)
{
    (void)state;
    static const char *const names[] = {"r0", "c1", "p1", "c2"};
    static const int batches[] = {2, 5, 7, BATCH};
    cr_graph *graph = onnx_graph("1,3,64,64", layers);
    for (size_t t = 0; t < sizeof names / sizeof names[0]; t++) {
        cr_net_target target = {cr_graph_find(graph, names[t]), true, false, false, NULL};
        alone a = run_alone(graph, target);
        for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
            int batch = batches[b];
            cr_net *net = compile(graph, batch, &target, 1);
            for (int n = batch; n > 0; n -= 2) {
                fill_input(graph, net, 0, n);
                cr_net_forward(net, n);
                assert_memory_equal(cr_net_logits(net), a.logits,
                                    (size_t)n * N_CLASSES * sizeof(cr_real));
                assert_memory_equal(cr_net_activations(net, 0), a.activations,
                                    (size_t)n * a.size * sizeof(cr_real));
                for (int i = 0; i < n; i++) {
                    cr_net_backward(net, i, 1, &(int32_t){i});
                    assert_memory_equal(cr_net_gradients(net, 0), a.gradients + (size_t)i * a.size,
                                        a.size * sizeof(cr_real));
                }
            }
            cr_net_free(net);
        }
        alone_free(&a);
    }
    cr_graph_free(graph);
}

static void count_layers(void *counts)
{
    struct {
        const cr_net *net;
        int n[N_MOST];
    } *c = counts;
    c->n[cr_net_layer_done(c->net)]++;
}

static void large_maps_run_in_small_groups_and_large_weights_in_the_batch(void **state)
{
    (void)state;
    cr_graph *graph = onnx_graph("1,3,64,64", layers);
    cr_net *net = compile(graph, BATCH, NULL, 0);
    int n_layers = cr_net_n_layers(net);
    assert_in_range(n_layers, 6, N_MOST);
    assert_int_equal(cr_net_get_layer(net, 0).group, 1);
    assert_int_equal(cr_net_get_layer(net, n_layers - 1).group, BATCH);

    struct {
        const cr_net *net;
        int n[N_MOST];
    } counts = {.net = net};
    cr_net_on_layer(net, count_layers, &counts);
    fill_input(graph, net, 0, BATCH - 1);
    cr_net_forward(net, BATCH - 1);
    for (int i = 0; i < n_layers; i++) {
        int group = cr_net_get_layer(net, i).group;
        assert_int_equal(counts.n[i], (BATCH - 1 + group - 1) / group);
    }
    cr_net_free(net);
    cr_graph_free(graph);
}

/* A map of one image is 16 x 64 x 64; three are in use at once, and a batch keeps its inputs only. */
static void memory_is_for_a_group_where_that_is_enough(void **state)
{
    (void)state;
    cr_graph *graph = onnx_graph("1,3,64,64", layers);
    cr_net *one = compile(graph, 1, NULL, 0), *many = compile(graph, BATCH, NULL, 0);
    size_t input = image_size(graph, cr_graph_find(graph, "x")) * sizeof(cr_real);
    size_t little = 65536; /* what crosses to the layers behind, and rounding */
    assert_in_range(cr_net_arena_bytes(many), (BATCH - 1) * input,
                    cr_net_arena_bytes(one) + BATCH * (input + little));
    assert_true(cr_net_arena_bytes(many) < BATCH / 2 * cr_net_arena_bytes(one));
    cr_net_free(one);
    cr_net_free(many);
    cr_graph_free(graph);
}

static void logits_of(const cr_graph *graph, cr_net *net, int n, cr_real *logits)
{
    fill_input(graph, net, 0, n);
    cr_net_forward(net, n);
    memcpy(logits, cr_net_logits(net),
           (size_t)n * (size_t)cr_graph_n_classes(graph) * sizeof *logits);
}

static void nets_may_share_an_arena(void **state)
{
    (void)state;
    cr_graph *graph = onnx_graph("1,3,64,64", layers);
    cr_net *nets[] = {compile(graph, 1, NULL, 0), compile(graph, BATCH, NULL, 0)};
    const int n[] = {1, BATCH};
    const size_t n_logits = BATCH * (size_t)cr_graph_n_classes(graph);
    cr_real *own[] = {calloc(n_logits, sizeof(cr_real)), calloc(n_logits, sizeof(cr_real))};
    cr_real *shared = calloc(n_logits, sizeof *shared);
    for (int i = 0; i < 2; i++)
        logits_of(graph, nets[i], n[i], own[i]);
    void *arena = cr_alloc_aligned(cr_net_arena_bytes(nets[1]), 1);
    for (int i = 0; i < 2; i++)
        cr_net_use_arena(nets[i], arena);
    for (int turn = 0; turn < 4; turn++) {
        const int i = turn % 2;
        logits_of(graph, nets[i], n[i], shared);
        assert_memory_equal(shared, own[i], (size_t)n[i] * n_logits / BATCH * sizeof(cr_real));
    }
    for (int i = 0; i < 2; i++) {
        cr_net_free(nets[i]);
        free(own[i]);
    }
    free(shared);
    free(arena);
    cr_graph_free(graph);
}

static void choose(const cr_step_load *loads, int n_steps, int batch, int *group)
{
    cr_error err = {0};
    assert_int_equal(cr_segments_choose(loads, n_steps, batch, group, &err), CR_OK);
}

static void group_follows_activations_weights_and_boundaries(void **state)
{
    (void)state;
    const cr_step_load map = {.activation_bytes = 4e6, .weight_bytes = 1e4, .flops = 1e8};
    const cr_step_load dense = {.activation_bytes = 1e4, .weight_bytes = 1e7, .flops = 5e6};
    const cr_step_load hidden = {.activation_bytes = 4e6, .weight_bytes = 1e6, .flops = 1e8};
    int group[5];
    choose((cr_step_load[]){map, map, dense}, 3, 10, group);
    assert_memory_equal(group, ((int[]){1, 1, 10}), 3 * sizeof *group);
    /* Arithmetic hides the reading of weights. */
    choose(&hidden, 1, 10, group);
    assert_int_equal(group[0], 1);
    /* Nothing to gain or lose: all images, and no boundary. */
    choose((cr_step_load[2]){{0}}, 2, 10, group);
    assert_memory_equal(group, ((int[]){10, 10}), 2 * sizeof *group);
    /* A small step between large ones is not worth moving what they pass on. */
    cr_step_load between = {.weight_bytes = 1e5, .crossing_bytes = 4e6}, after = map;
    after.crossing_bytes = 4e6;
    choose((cr_step_load[]){map, between, after}, 3, 10, group);
    assert_memory_equal(group, ((int[]){1, 1, 1}), 3 * sizeof *group);
    between.crossing_bytes = after.crossing_bytes = 1e3;
    choose((cr_step_load[]){map, between, after}, 3, 10, group);
    assert_memory_equal(group, ((int[]){1, 10, 1}), 3 * sizeof *group);
    /* The largest number of images that a size can have. */
    choose(&map, 1, INT_MAX, group);
    assert_int_equal(group[0], 1);
    choose(&dense, 1, INT_MAX, group);
    assert_in_range(group[0], 64, INT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_has_the_same_bits_in_any_group),
        cmocka_unit_test(large_maps_run_in_small_groups_and_large_weights_in_the_batch),
        cmocka_unit_test(memory_is_for_a_group_where_that_is_enough),
        cmocka_unit_test(nets_may_share_an_arena),
        cmocka_unit_test(group_follows_activations_weights_and_boundaries),
    };
    return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
