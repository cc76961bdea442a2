/* camrank inspect --plan: how a network is computed, and what else could have computed it. */
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH = 16,
    PASSES = 5,
    MOST_WAYS = 16,
    HOPELESS = 4, /* times the best estimate: a way that is not tried */
};
#define LEAST_S 2e-4 /* of a measurement */
#define WORSE 1.1    /* times the fastest: what is marked */

/* What each layer of a pass has taken, all groups of images together. */
typedef struct stopwatch {
    const cr_net *net;
    double last_s;
    double *taken_s; /* [layers] */
} stopwatch;

/* Of this processor's work for us, which other programs disturb less than the clock on the wall. */
static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void stamp(void *context)
{
    stopwatch *watch = context;
    double now = now_s();
    watch->taken_s[cr_net_layer_done(watch->net)] += now - watch->last_s;
    watch->last_s = now;
}

/* best_s [n]: of each layer the shortest time of several passes. taken_s [n] is for work. */
static void time_layers(cr_net *net, int n, double *taken_s, double *best_s)
{
    stopwatch watch = {.net = net, .taken_s = taken_s};
    cr_net_on_layer(net, stamp, &watch);
    for (int pass = 0; pass < PASSES; pass++) {
        memset(taken_s, 0, (size_t)n * sizeof *taken_s);
        watch.last_s = now_s();
        cr_net_forward(net, BATCH);
        for (int i = 0; i < n; i++)
            best_s[i] = pass == 0 || taken_s[i] < best_s[i] ? taken_s[i] : best_s[i];
    }
}

static void print_layers(const cr_net *net, int name_width, cr_precision precision,
                         const double *times)
{
    double total = 0, flops = 0;
    char shape[80] = "";
    printf("%-*s  %-18s  %-10s  %-16s  %6s  %10s  %10s  %8s\n", name_width, "layer", "operator",
           "kernel", "output", "images", "MFLOP", "ms/image", "GFLOP/s");
    for (int i = 0; i < cr_net_n_layers(net); i++) {
        cr_net_layer layer = cr_net_get_layer(net, i);
        double each = times[i] / BATCH;
        cr_inspect_shape(&layer.shape, shape, sizeof shape);
        printf("%-*s  %-18s  %-10s  %-16s  %6d  %10.2f  %10.4f  %8.1f\n", name_width, layer.output,
               layer.op,
               layer.conv       ? layer.conv->way->name
               : layer.in_place ? "in place"
                                : "",
               shape, layer.group, layer.flops * 1e-6, each * 1e3,
               each > 0 ? layer.flops / each * 1e-9 : 0);
        total += each;
        flops += layer.flops;
    }
    printf("\n%.3f ms an image in batches of %d, %.1f GFLOP/s; %s, kernels for %s\n"
           "weights %.1f MB, activations %.1f MB\n",
           total * 1e3, BATCH, total > 0 ? flops / total * 1e-9 : 0, cr_precision_names[precision],
           cr_precision_kernels(precision), (double)cr_net_weight_bytes(net) * 1e-6,
           (double)cr_net_arena_bytes(net) * 1e-6);
}

/* The ways that are tried for a convolution, and what each took for one image. */
typedef struct trial {
    int n, chosen, fastest;
    const cr_way *ways[MOST_WAYS];
    double best_s[MOST_WAYS];
} trial;

/* Values that are there, unlike those of pages that nobody has written to. */
static cr_real *new_values(size_t n)
{
    cr_real *values = cr_alloc(n, sizeof *values);
    for (size_t i = 0; values && i < n; i++)
        values[i] = (cr_real)(i % 7) - 3;
    return values;
}

static double seconds_of(const cr_way *way, const cr_window *win, const cr_conv_pass *pass)
{
    double start = now_s(), taken = 0;
    int n = 0;
    for (; taken < LEAST_S; n++, taken = now_s() - start)
        way->forward(win, pass);
    return taken / n / pass->n;
}

static void find_ways(const cr_conv *conv, trial *t)
{
    const double hopeless = HOPELESS * cr_way_cost(cr_way_of(&conv->win), &conv->win);
    *t = (trial){.n = 0};
    for (int i = 0; cr_ways[i] && t->n < MOST_WAYS; i++) {
        if (!cr_ways[i]->fits(&conv->win) ||
            (cr_ways[i] != conv->way && cr_way_cost(cr_ways[i], &conv->win) > hopeless))
            continue;
        if (cr_ways[i] == conv->way)
            t->chosen = t->n;
        t->ways[t->n++] = cr_ways[i];
    }
}

/* The ways take turns, and of each the shortest time counts. */
static cr_status time_ways(const cr_conv *conv, int images, trial *t, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_window *win = &conv->win;
    size_t n_x = (size_t)win->h * (size_t)win->w * (size_t)win->c * (size_t)images;
    size_t n_y = (size_t)win->p * (size_t)win->q * (size_t)win->k * (size_t)images;
    size_t n_weights = 0, n_scratch = 0;
    find_ways(conv, t);
    for (int i = 0; i < t->n; i++) {
        size_t weights = t->ways[i]->weights(win), scratch = t->ways[i]->scratch(win);
        n_weights = weights > n_weights ? weights : n_weights;
        n_scratch = scratch > n_scratch ? scratch : n_scratch;
    }
    cr_real *x = new_values(n_x), *y = new_values(n_y), *bias = new_values((size_t)win->k);
    cr_real *weights = new_values(n_weights), *scratch = new_values(n_scratch);
    if (!x || !y || !bias || !weights || !scratch) {
        status = cr_fail_memory(err, "a trial", n_x + n_y + n_weights + n_scratch, sizeof *x);
        goto cleanup;
    }
    const cr_conv_pass pass = {.n = images,
                               .x = x,
                               .weights = weights,
                               .bias = bias,
                               .clamp = CR_NO_CLAMP,
                               .y = y,
                               .scratch = scratch};
    for (int round = 0; round < PASSES; round++)
        for (int i = 0; i < t->n; i++) {
            double taken = seconds_of(t->ways[i], win, &pass);
            t->best_s[i] = round == 0 || taken < t->best_s[i] ? taken : t->best_s[i];
        }
    for (int i = 1; i < t->n; i++)
        if (t->best_s[i] < t->best_s[t->fastest])
            t->fastest = i;

cleanup:
    free(x);
    free(y);
    free(bias);
    free(weights);
    free(scratch);
    return status;
}

static void print_trial(const cr_net_layer *layer, const trial *t, int name_width)
{
    printf("%-*s", name_width, layer->output);
    for (int i = 0; i < t->n; i++)
        printf("  %s%s %.4f (%.4f)", t->ways[i]->name, i == t->chosen ? "*" : "",
               t->best_s[i] * 1e3, cr_way_cost(t->ways[i], &layer->conv->win) * 1e3);
    if (t->best_s[t->chosen] > WORSE * t->best_s[t->fastest])
        printf("  %s was faster", t->ways[t->fastest]->name);
    printf("\n");
}

static cr_status print_trials(const cr_net *net, int name_width, cr_error *err)
{
    double total = 0, lost = 0;
    int n = 0, n_worse = 0;
    printf(
        "\nEach convolution alone, over as many images as above, by every kernel that fits it and "
        "is\n"
        "not hopeless: ms an image, the shortest of %d turns, and (the estimate). * is how it is\n"
        "computed: by the least estimate, or as asked for. What is measured changes nothing.\n\n",
        PASSES);
    for (int i = 0; i < cr_net_n_layers(net); i++) {
        cr_net_layer layer = cr_net_get_layer(net, i);
        trial t;
        if (!layer.conv)
            continue;
        CR_OR_RETURN(time_ways(layer.conv, layer.group, &t, err));
        print_trial(&layer, &t, name_width);
        total += t.best_s[t.chosen];
        lost += t.best_s[t.chosen] - t.best_s[t.fastest];
        n += 1;
        n_worse += t.best_s[t.chosen] > WORSE * t.best_s[t.fastest];
    }
    printf("\n%d of %d convolutions took more than 10 %% longer than by another kernel; by the "
           "fastest\n"
           "of each all would take %.3f ms an image less, of %.3f (%.1f %%)\n",
           n_worse, n, lost * 1e3, total * 1e3, total > 0 ? 100 * lost / total : 0);
    return CR_OK;
}

cr_status cr_inspect_plan(const cr_graph *graph, int name_width, int max_activations_mb,
                          cr_error *err)
{
    cr_status status = CR_OK;
    cr_net *net = NULL;
    void *weights = NULL, *arena = NULL;
    size_t n_weights = 0, n_arena = 0;
    double *times = NULL;
    CR_TRY(cr_net_new(graph, BATCH, NULL, 0, 0, max_activations_mb, &net, err));
    int n = cr_net_n_layers(net);
    n_weights = cr_net_weight_bytes(net);
    n_arena = cr_net_arena_bytes(net);
    weights = cr_pages_alloc(n_weights, 1);
    arena = cr_pages_alloc(n_arena, 1);
    times = cr_alloc(2 * (size_t)n, sizeof *times);
    if (!times || !weights || !arena) {
        status = cr_fail_memory(err, "a network", n_weights + n_arena, 1);
        goto cleanup;
    }
    cr_net_pack(net, weights, NULL, NULL);
    cr_net_use(net, weights);
    cr_net_use_arena(net, arena);
    time_layers(net, n, times + n, times);
    print_layers(net, name_width, cr_graph_get_precision(graph), times);
    status = print_trials(net, name_width, err);

cleanup:
    free(times);
    cr_net_free(net);
    cr_pages_free(weights, n_weights, 1);
    cr_pages_free(arena, n_arena, 1);
    return status;
}
