/* camrank inspect: the layers of a network, and which can be targets. */
#include "camrank/cam.h"

#include "command.h"
#include "model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPTION_SIZE = 1, OPTION_LAYERS, OPTION_PLAN, OPTION_ACTIVATIONS_MB };

enum { PLAN_BATCH = 16, PLAN_PASSES = 5 };

static const struct option options[] = {
    {"size", required_argument, NULL, OPTION_SIZE},
    {"layers", no_argument, NULL, OPTION_LAYERS},
    {"plan", no_argument, NULL, OPTION_PLAN},
    {"activations-mb", required_argument, NULL, OPTION_ACTIVATIONS_MB},
    {NULL, 0, NULL, 0}};

static cr_status parse_size(const char *text, int *width, int *height, cr_error *err)
{
    char end;
    if (sscanf(text, "%5dx%5d%c", width, height, &end) != 2 || *width < 1 || *height < 1)
        return cr_fail(err, CR_EUSAGE, "--size %s: must be WIDTHxHEIGHT, such as 224x224", text);
    return CR_OK;
}

static void shape_text(const cr_shape *shape, char *text, size_t n_bytes)
{
    size_t used = 0;
    for (int i = 1; i < shape->n_dims && used < n_bytes; i++)
        used += (size_t)snprintf(text + used, n_bytes - used, "%s%d", i > 1 ? " x " : "",
                                 shape->dims[i]);
}

static const char *head_text(cr_head_kind kind)
{
    switch (kind) {
    case CR_HEAD_GAP_LINEAR:
        return "global average pooling, linear layer: CAM applies";
    case CR_HEAD_GMP_LINEAR:
        return "global max pooling, linear layer: CAM applies";
    case CR_HEAD_GAP_MAPS:
        return "global average pooling of one map for each class: CAM applies";
    case CR_HEAD_GMP_MAPS:
        return "global max pooling of one map for each class: CAM applies";
    case CR_HEAD_OTHER:
        break;
    }
    return "no linear function of a global pooling: Grad-CAM applies, CAM does not";
}

/* A network, and what each method takes where a job names no layer. */
typedef struct network {
    cr_model_file file;
    cr_graph *graph;
    cr_head head;
    cr_cam_variant cam, grad_cam;
    int name_width; /* of the longest layer name */
} network;

static cr_status read_network(const char *path, int width, int height, network *net, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_par alone = cr_par_alone();
    cr_par_nodes nodes;
    CR_TRY(cr_par_nodes_init(&nodes, &alone, err));
    CR_TRY(cr_model_file_open(&alone, &nodes, path, &net->file, err));
    CR_TRY(cr_graph_load(net->file.model.bytes, net->file.model.n_bytes, &net->file.files, path,
                         width, height, &net->graph, err));
    net->head = cr_graph_head(net->graph);
    CR_TRY(cr_cam_resolve(net->graph, &net->head, CR_METHOD_CAM, "", &net->cam, err));
    CR_TRY(cr_cam_resolve(net->graph, &net->head, CR_METHOD_GRAD_CAM, "", &net->grad_cam, err));
    for (int i = 0; i < cr_graph_n_layers(net->graph); i++) {
        int length = (int)strlen(cr_graph_get_layer(net->graph, i).output);
        net->name_width = length > net->name_width ? length : net->name_width;
    }

cleanup:
    return status;
}

/* Whether a job can name the layer, and which methods take it where a job names none. */
static const char *target_text(const network *net, const cr_graph_layer *layer)
{
    if (!layer->spatial || !cr_graph_reaches_logits(net->graph, layer->value))
        return NULL;
    const bool cam = layer->value == net->cam.value, grad_cam = layer->value == net->grad_cam.value;
    return cam && grad_cam ? "default of cam and grad-cam"
           : grad_cam      ? "default of grad-cam"
           : cam           ? "default of cam"
                           : "yes";
}

static void print_summary(const char *path, const network *net)
{
    double parameters = 0, flops = 0;
    char shape[80] = "";
    cr_shape input = cr_graph_input_shape(net->graph);
    shape_text(&input, shape, sizeof shape);
    printf("%s: input %s, %d classes\n\n", path, shape, cr_graph_n_classes(net->graph));
    printf("%-*s  %-18s  %-16s  %10s  %10s  %s\n", net->name_width, "layer", "operator", "output",
           "parameters", "MFLOP", "target");
    for (int i = 0; i < cr_graph_n_layers(net->graph); i++) {
        cr_graph_layer layer = cr_graph_get_layer(net->graph, i);
        const char *target = target_text(net, &layer);
        shape_text(&layer.shape, shape, sizeof shape);
        printf("%-*s  %-18s  %-16s  %10lld  %10.2f  %s\n", net->name_width, layer.output, layer.op,
               shape, (long long)layer.n_parameters, layer.flops * 1e-6, target ? target : "");
        parameters += (double)layer.n_parameters;
        flops += layer.flops;
    }
    printf("\n%.3f M parameters, %.3f GFLOP an image (a multiply-add is two)\nhead: %s\n",
           parameters * 1e-6, flops * 1e-9, head_text(net->head.kind));
}

static void print_default(const network *net, const cr_cam_variant *variant)
{
    const char *name = cr_method_name(variant->method);
    if (variant->why_not[0])
        printf("%s does not apply: %s\n", name, variant->why_not);
    else
        printf("default of %s: %s\n", name, cr_graph_value_name(net->graph, variant->value));
}

static void print_targets(const network *net)
{
    char map[32];
    printf("%-*s  %-18s  %-11s  %8s\n", net->name_width, "layer", "operator", "map", "channels");
    for (int i = 0; i < cr_graph_n_layers(net->graph); i++) {
        cr_graph_layer layer = cr_graph_get_layer(net->graph, i);
        if (!target_text(net, &layer))
            continue;
        snprintf(map, sizeof map, "%d x %d", cr_shape_h(&layer.shape), cr_shape_w(&layer.shape));
        printf("%-*s  %-18s  %-11s  %8d\n", net->name_width, layer.output, layer.op, map,
               cr_shape_c(&layer.shape));
    }
    printf("\n");
    print_default(net, &net->cam);
    print_default(net, &net->grad_cam);
}

/* What each layer of a pass has taken, all groups of images together. */
typedef struct stopwatch {
    const cr_net *net;
    double last_s;
    double *taken_s; /* [layers] */
} stopwatch;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
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
    for (int pass = 0; pass < PLAN_PASSES; pass++) {
        memset(taken_s, 0, (size_t)n * sizeof *taken_s);
        watch.last_s = now_s();
        cr_net_forward(net, PLAN_BATCH);
        for (int i = 0; i < n; i++)
            best_s[i] = pass == 0 || taken_s[i] < best_s[i] ? taken_s[i] : best_s[i];
    }
}

/* How the network is computed: its layers after fusing, and what each takes here. */
static cr_status print_plan(const network *net, int max_activations_mb, cr_error *err)
{
    cr_status status = CR_OK;
    cr_net *plan = NULL;
    void *weights = NULL;
    size_t n_weights = 0;
    double total = 0, flops = 0, *times = NULL;
    char shape[80] = "";
    CR_TRY(cr_net_new(net->graph, PLAN_BATCH, NULL, 0, 0, max_activations_mb, &plan, err));
    int n = cr_net_n_layers(plan);
    n_weights = cr_net_weight_bytes(plan);
    weights = cr_pages_alloc(n_weights, 1);
    times = cr_alloc(2 * (size_t)n, sizeof *times);
    if (!times || !weights) {
        status = cr_fail_memory(err, "weights", n_weights, 1);
        goto cleanup;
    }
    cr_net_pack(plan, weights);
    cr_net_use(plan, weights);
    time_layers(plan, n, times + n, times);
    printf("%-*s  %-18s  %-10s  %-16s  %6s  %10s  %10s  %8s\n", net->name_width, "layer",
           "operator", "kernel", "output", "images", "MFLOP", "ms/image", "GFLOP/s");
    for (int i = 0; i < n; i++) {
        cr_net_layer layer = cr_net_get_layer(plan, i);
        double each = times[i] / PLAN_BATCH;
        shape_text(&layer.shape, shape, sizeof shape);
        printf("%-*s  %-18s  %-10s  %-16s  %6d  %10.2f  %10.4f  %8.1f\n", net->name_width,
               layer.output, layer.op, layer.kernel, shape, layer.group, layer.flops * 1e-6,
               each * 1e3, each > 0 ? layer.flops / each * 1e-9 : 0);
        total += each;
        flops += layer.flops;
    }
    printf("\n%.3f ms an image in batches of %d, %.1f GFLOP/s; kernels for %s\n"
           "weights %.1f MB, activations %.1f MB\n",
           total * 1e3, PLAN_BATCH, total > 0 ? flops / total * 1e-9 : 0, cr_kernels_isa(),
           (double)cr_net_weight_bytes(plan) * 1e-6, (double)cr_net_arena_bytes(plan) * 1e-6);

cleanup:
    free(times);
    cr_net_free(plan);
    cr_pages_free(weights, n_weights, 1);
    return status;
}

static cr_status inspect_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    int width = 0, height = 0, activations_mb = CR_NET_DEFAULT_ACTIVATIONS_MB;
    bool targets_only = false, plan = false;
    const char *path;
    network net = {.name_width = 6};
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case OPTION_SIZE:
            CR_TRY(parse_size(optarg, &width, &height, err));
            break;
        case OPTION_LAYERS:
            targets_only = true;
            break;
        case OPTION_PLAN:
            plan = true;
            break;
        case OPTION_ACTIVATIONS_MB:
            CR_TRY(cr_option_int("activations-mb", optarg, 1, &activations_mb, err));
            break;
        default:
            return err->status;
        }
    CR_TRY(cr_option_argument(argc, argv, "the ONNX file", &path, err));
    CR_TRY(read_network(path, width, height, &net, err));
    if (plan)
        CR_TRY(print_plan(&net, activations_mb, err));
    else if (targets_only)
        print_targets(&net);
    else
        print_summary(path, &net);
    status = cr_output_flush(err);

cleanup:
    cr_graph_free(net.graph);
    cr_model_file_close(&net.file);
    return status;
}

const cr_command cr_command_inspect = {
    .name = "inspect",
    .summary = "prints the layers of a network and which can be targets",
    .help = "usage: camrank inspect MODEL.onnx [options]\n\n"
            "Prints each layer's operator, output shape, parameters and floating-point operations\n"
            "for one image, and whether `layer:` or METHOD@LAYER of a job can name it.\n\n"
            "  --layers    only the layers that a job can name, with the size of their maps, and\n"
            "              which each method takes where a job names none\n"
            "  --plan      how it is computed: the layers that are left after fusing, by which\n"
            "              kernel, and the time that each takes here\n"
            "  --size WxH  size of the input, where the model leaves it open\n"
            "  --activations-mb N\n"
            "              what --plan may take for activations, in millions of bytes (4096)\n",
    .run = inspect_command};
