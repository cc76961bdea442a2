/* camrank inspect: the layers of a network, and which can be targets. */
#include "camrank/explain.h"

#include "command.h"
#include "driver/given.h"
#include "driver/model_file.h"
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_SIZE = 1,
    OPTION_OUTPUT,
    OPTION_WEIGHTS,
    OPTION_INPUTS,
    OPTION_LAYERS,
    OPTION_PLAN,
    OPTION_KERNEL,
    OPTION_PRECISION,
    OPTION_ACTIVATIONS_MB
};

static const struct option options[] = {
    {"size", required_argument, NULL, OPTION_SIZE},
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"weights", required_argument, NULL, OPTION_WEIGHTS},
    {"inputs", required_argument, NULL, OPTION_INPUTS},
    {"layers", no_argument, NULL, OPTION_LAYERS},
    {"plan", no_argument, NULL, OPTION_PLAN},
    {"kernel", required_argument, NULL, OPTION_KERNEL},
    {"precision", required_argument, NULL, OPTION_PRECISION},
    {"activations-mb", required_argument, NULL, OPTION_ACTIVATIONS_MB},
    {NULL, 0, NULL, 0}};

static cr_status parse_size(const char *text, int *width, int *height, cr_error *err)
{
    char end;
    if (sscanf(text, "%5dx%5d%c", width, height, &end) != 2 || *width < 1 || *height < 1)
        return cr_fail(err, CR_EUSAGE, "--size %s: must be WIDTHxHEIGHT, such as 224x224", text);
    return CR_OK;
}

void cr_inspect_shape(const cr_shape *shape, char *text, size_t n_bytes)
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
    return "no linear function of a global pooling: all methods but CAM apply";
}

/* A network, and what each method takes where a job names no layer. */
typedef struct network {
    cr_model_file file;
    cr_graph *graph;
    cr_head head;
    cr_variant of_head, other; /* methods that need the head (cam), and all others */
    int name_width;            /* of the longest layer name */
} network;

static cr_status read_network(const char *path, const char *weights, const cr_nn_inputs *inputs,
                              const char *output, int width, int height, network *net,
                              cr_error *err)
{
    const cr_par alone = cr_par_alone();
    cr_par_nodes nodes;
    CR_OR_RETURN(cr_par_nodes_init(&nodes, &alone, err));
    CR_OR_RETURN(cr_model_file_open(&alone, &nodes, path, weights, inputs, &net->file, err));
    CR_OR_RETURN(cr_graph_load(net->file.model.bytes, net->file.model.n_bytes, &net->file.files,
                               path, output, width, height, &net->graph, err));
    net->head = cr_graph_head(net->graph);
    const cr_method_spec of_head = cr_method_plain(cr_method_of_head);
    const cr_method_spec other = cr_method_plain(cr_method_default);
    CR_OR_RETURN(cr_variant_resolve(net->graph, &net->head, &of_head, "", &net->of_head, err));
    CR_OR_RETURN(cr_variant_resolve(net->graph, &net->head, &other, "", &net->other, err));
    for (int i = 0; i < cr_graph_n_layers(net->graph); i++) {
        int length = (int)strlen(cr_graph_get_layer(net->graph, i).output);
        net->name_width = length > net->name_width ? length : net->name_width;
    }
    return CR_OK;
}

static bool is_at(const cr_variant *variant, int value)
{
    return variant->n_layers > 0 && variant->layers[0].value == value;
}

/* Whether a job can name the layer, and which methods take it where a job names none. */
static const char *target_text(const network *net, const cr_graph_layer *layer)
{
    if (!layer->map.height || !cr_graph_reaches_logits(net->graph, layer->value))
        return NULL;
    const bool of_head = is_at(&net->of_head, layer->value);
    const bool other = is_at(&net->other, layer->value);
    return of_head && other ? "default"
           : other          ? "default of all but cam"
           : of_head        ? "default of cam"
                            : "yes";
}

static void print_cut(const network *net)
{
    if (cr_graph_chosen(net->graph)[0])
        printf("output: %s\n", cr_graph_chosen(net->graph));
    if (cr_graph_cut(net->graph)[0])
        printf("logits: before %s\n", cr_graph_cut(net->graph));
    if (cr_graph_is_binary(net->graph))
        printf("classes: two of one output x, with the logits -x/2 and x/2\n");
    if (cr_graph_widened(net->graph)[0])
        printf("weights: %s, computed with as float32\n", cr_graph_widened(net->graph));
}

static void print_summary(const char *path, const network *net)
{
    double parameters = 0, flops = 0;
    char shape[80] = "";
    cr_shape input = cr_graph_input_shape(net->graph);
    cr_inspect_shape(&input, shape, sizeof shape);
    printf("%s: input %s, %d classes\n\n", path, shape, cr_graph_n_classes(net->graph));
    printf("%-*s  %-18s  %-16s  %10s  %10s  %s\n", net->name_width, "layer", "operator", "output",
           "parameters", "MFLOP", "target");
    for (int i = 0; i < cr_graph_n_layers(net->graph); i++) {
        cr_graph_layer layer = cr_graph_get_layer(net->graph, i);
        const char *target = target_text(net, &layer);
        cr_inspect_shape(&layer.shape, shape, sizeof shape);
        printf("%-*s  %-18s  %-16s  %10lld  %10.2f  %s\n", net->name_width, layer.output, layer.op,
               shape, (long long)layer.n_parameters, layer.flops * 1e-6, target ? target : "");
        parameters += (double)layer.n_parameters;
        flops += layer.flops;
    }
    printf("\n%.3f M parameters, %.3f GFLOP an image (a multiply-add is two)\nhead: %s\n",
           parameters * 1e-6, flops * 1e-9, head_text(net->head.kind));
    print_cut(net);
}

static void print_default(const network *net, const cr_variant *variant, const char *methods,
                          const char *none)
{
    if (variant->why_not[0])
        printf("%s: %s\n", none, variant->why_not);
    else
        printf("default of %s: %s\n", methods,
               cr_graph_value_name(net->graph, variant->layers[0].value));
}

static void print_targets(const network *net)
{
    char map[32];
    printf("%-*s  %-18s  %-11s  %8s\n", net->name_width, "layer", "operator", "map", "channels");
    for (int i = 0; i < cr_graph_n_layers(net->graph); i++) {
        cr_graph_layer layer = cr_graph_get_layer(net->graph, i);
        if (!target_text(net, &layer))
            continue;
        snprintf(map, sizeof map, "%d x %d", layer.map.height, layer.map.width);
        printf("%-*s  %-18s  %-11s  %8d", net->name_width, layer.output, layer.op, map,
               layer.map.n_channels);
        if (layer.map.skip)
            printf("  behind %d token%s", layer.map.skip, layer.map.skip == 1 ? "" : "s");
        printf("\n");
    }
    printf("\n");
    print_cut(net);
    print_default(net, &net->of_head, "cam", "cam does not apply");
    print_default(net, &net->other, "all other methods", "no other method applies");
}

static cr_status inspect_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    int width = 0, height = 0, activations_mb = CR_NET_DEFAULT_ACTIVATIONS_MB;
    bool targets_only = false, plan = false;
    int n_kernels = 0;
    cr_precision precision = CR_FLOAT32;
    const char *path, *weights = "", *output = "",
                      **kernels = cr_alloc((size_t)argc, sizeof *kernels);
    network net = {.name_width = 6};
    cr_nn_inputs inputs = {0};
    if (!kernels) {
        status = cr_fail_memory(err, "options", (size_t)argc, sizeof *kernels);
        goto cleanup;
    }
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case OPTION_SIZE:
            CR_TRY(parse_size(optarg, &width, &height, err));
            break;
        case OPTION_OUTPUT:
            output = optarg;
            break;
        case OPTION_WEIGHTS:
            weights = optarg;
            break;
        case OPTION_INPUTS:
            CR_TRY(cr_given_option(&inputs, optarg, err));
            break;
        case OPTION_LAYERS:
            targets_only = true;
            break;
        case OPTION_PLAN:
            plan = true;
            break;
        case OPTION_KERNEL:
            kernels[n_kernels++] = optarg;
            break;
        case OPTION_PRECISION:
            CR_TRY(cr_precision_read(optarg, &precision, err));
            break;
        case OPTION_ACTIVATIONS_MB:
            CR_TRY(cr_option_int("activations-mb", optarg, 1, &activations_mb, err));
            break;
        default:
            status = err->status;
            goto cleanup;
        }
    CR_TRY(cr_option_argument(argc, argv, "the model's file", &path, err));
    CR_TRY(read_network(path, weights, &inputs, output, width, height, &net, err));
    for (int i = 0; i < n_kernels; i++)
        CR_TRY(cr_graph_use_kernel(net.graph, kernels[i], err));
    cr_graph_use_precision(net.graph, precision);
    if (plan)
        CR_TRY(cr_inspect_plan(net.graph, net.name_width, activations_mb, err));
    else if (targets_only)
        print_targets(&net);
    else
        print_summary(path, &net);
    status = cr_output_flush(err);

cleanup:
    cr_graph_free(net.graph);
    cr_model_file_close(&net.file);
    cr_given_free(&inputs);
    free(kernels);
    return status;
}

const cr_command cr_command_inspect = {
    .name = "inspect",
    .summary = "prints the layers of a network and which can be targets",
    .help =
        "usage: camrank inspect MODEL.onnx [options]\n\n"
        "Prints each layer's operator, output shape, parameters and floating-point operations\n"
        "for one image, and whether `layer:` or METHOD@LAYER of a job can name it.\n\n"
        "  --layers    only the layers that a job can name, with the size of their maps, and\n"
        "              which each method takes where a job names none\n"
        "  --plan      how it is computed: the layers that are left after fusing, by which\n"
        "              kernel, and the time that each takes here; and each convolution by every\n"
        "              kernel that fits it, as estimated and as measured\n"
        "  --kernel K  a kernel for convolutions, as `kernels:` of a job has it: KERNEL@LAYER, or\n"
        "              KERNEL, for all that it fits; may be given again\n"
        "  --precision P\n"
        "              of the numbers that --plan computes with: float32 or bfloat16 (float32)\n"
        "  --output O  the value that is the output, where it is not the model's only one\n"
        "  --weights F the file with the weights, where the model's has none: a .caffemodel\n"
        "  --inputs N=F\n"
        "              what the network's input N, which is not the image, is: a .npy file, for\n"
        "              all images; may be given again\n"
        "  --size WxH  size of the input, where the model leaves it open\n"
        "  --activations-mb N\n"
        "              what --plan may take for activations, in millions of bytes (4096)\n",
    .run = inspect_command};
