/* camrank inspect: the layers of a network, and which can be targets. */
#include "camrank/cam.h"

#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_SIZE = 1 };

static const struct option options[] = {{"size", required_argument, NULL, OPTION_SIZE},
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

static void print_graph(const char *path, const cr_graph *graph, const cr_head *head)
{
    double parameters = 0, flops = 0;
    char shape[80] = "";
    int n = cr_graph_n_layers(graph), last = cr_graph_last_spatial(graph), width = 6;
    for (int i = 0; i < n; i++) {
        int length = (int)strlen(cr_graph_get_layer(graph, i).output);
        width = length > width ? length : width;
    }
    cr_shape input = cr_graph_input_shape(graph);
    shape_text(&input, shape, sizeof shape);
    printf("%s: input %s, %d classes\n\n", path, shape, cr_graph_n_classes(graph));
    printf("%-*s  %-18s  %-16s  %10s  %10s  %s\n", width, "layer", "operator", "output",
           "parameters", "MFLOP", "target");
    for (int i = 0; i < n; i++) {
        cr_graph_layer layer = cr_graph_get_layer(graph, i);
        bool target = layer.spatial && cr_graph_reaches_logits(graph, layer.value);
        const char *mark = !target                        ? ""
                           : layer.value == last          ? "default of grad-cam"
                           : layer.value == head->feature ? "cam"
                                                          : "yes";
        if (target && layer.value == last && layer.value == head->feature)
            mark = "default of cam and grad-cam";
        shape_text(&layer.shape, shape, sizeof shape);
        printf("%-*s  %-18s  %-16s  %10lld  %10.2f  %s\n", width, layer.output, layer.op, shape,
               (long long)layer.n_parameters, layer.flops * 1e-6, mark);
        parameters += (double)layer.n_parameters;
        flops += layer.flops;
    }
    printf("\n%.3f M parameters, %.3f GFLOP an image (a multiply-add is two)\nhead: %s\n",
           parameters * 1e-6, flops * 1e-9, head_text(head->kind));
}

static cr_status inspect_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    int width = 0, height = 0;
    const char *path;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    cr_graph *graph = NULL;
    cr_head head = {0};
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;) {
        if (option != OPTION_SIZE)
            return err->status;
        CR_TRY(parse_size(optarg, &width, &height, err));
    }
    CR_TRY(cr_option_argument(argc, argv, "the ONNX file", &path, err));
    CR_TRY(cr_file_read(path, CR_ONNX_MAX_BYTES, &bytes, &n_bytes, err));
    CR_TRY(cr_graph_load(bytes, n_bytes, path, width, height, &graph, err));
    CR_TRY(cr_graph_head(graph, &head, err));
    print_graph(path, graph, &head);
    status = cr_output_flush(err);

cleanup:
    free(head.weights);
    cr_graph_free(graph);
    free(bytes);
    return status;
}

const cr_command cr_command_inspect = {
    .name = "inspect",
    .summary = "prints the layers of a network and which can be targets",
    .help = "usage: camrank inspect MODEL.onnx [--size WIDTHxHEIGHT]\n\n"
            "Prints each layer's operator, output shape, parameters and floating-point operations\n"
            "for one image, and whether `layer:` or METHOD@LAYER of a job can name it.\n\n"
            "  --size WxH  size of the input, where the model leaves it open\n",
    .run = inspect_command};
