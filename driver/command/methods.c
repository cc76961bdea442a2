/* camrank methods: the table of methods as people read it. docs/methods.md's table is
 * this command's output. */
#include "camrank/near.h"
#include "command.h"

#include "camrank/method.h"

#include <stdio.h>
#include <string.h>

static const char *attention_text(const cr_method *method)
{
    return method->needs & CR_NEEDS_HEAD        ? "activations, head, attention"
           : method->needs & CR_NEEDS_GRADIENTS ? "attention, gradients"
                                                : "attention";
}

static const char *needs_text(const cr_method *method)
{
    const bool back = method->needs & CR_NEEDS_GRADIENTS;
    return method->needs & CR_NEEDS_ATTENTION             ? attention_text(method)
           : method->of_input && back && method->n_passes ? "pixels, gradients, passes"
           : method->of_input && back                     ? "pixels, gradients"
           : method->of_input                             ? "pixels, passes"
           : method->needs & CR_NEEDS_PASSES              ? "activations, passes"
           : method->needs & CR_NEEDS_TAIL                ? "activations, passes from the layer on"
           : method->needs & CR_NEEDS_HEAD                ? "activations, head"
           : back                                         ? "activations, gradients"
                                                          : "activations";
}

/* Behind a global average pooling gradients need no pass at all. */
static const char *cost_text(const cr_method *method)
{
    return method->cost                         ? method->cost
           : method->seed || method->rule       ? "1, and a backward pass of its own"
           : method->needs & CR_NEEDS_GRADIENTS ? "1, and a shared backward pass"
                                                : "1";
}

void cr_print_parameters(cr_parameters table)
{
    char limits[CR_PARAMETER_BYTES], fallback[CR_PARAMETER_BYTES];
    for (int i = 0; i < table.n; i++) {
        const cr_parameter *parameter = &table.items[i];
        cr_parameter_limits(parameter, limits);
        cr_parameter_print(parameter, parameter->fallback, false, fallback);
        printf("    %-12s  %s (%s): %s\n", parameter->key, limits, fallback, parameter->help);
    }
}

static void print_method(const cr_method *method)
{
    printf("%s\n  %s\n  %s\n  needs %s%s; one map %s; forward passes: %s\n", method->name,
           method->formula, method->source, needs_text(method),
           method->of_layers ? " at several layers" : "", method->of_image ? "an image" : "a class",
           cost_text(method));
    cr_print_parameters(method->parameters);
}

/* What any method has where a job gives it several layers. */
static void print_fusion(void)
{
    printf(
        "\nlayers: [A, B, ...]\n"
        "  of any method: its maps at 2 to %d layers as one, each scaled, then interpolated to "
        "one size;\n"
        "  of a method that needs several layers `fuse` is product unless a job says otherwise\n",
        CR_MAX_LAYERS);
    cr_print_parameters(cr_fusion_parameters);
}

/* A bar in a cell would end it. */
static void print_cell(const char *text)
{
    for (; *text; text++)
        printf(*text == '|' ? "\\%c" : "%c", *text);
}

static void print_markdown(void)
{
    printf("| method | map | needs | paper |\n|---|---|---|---|\n");
    for (const cr_method *const *method = cr_methods; *method; method++) {
        printf("| `%s` | `", (*method)->name);
        print_cell((*method)->formula);
        printf("`%s | %s | %s |\n", (*method)->of_image ? ", of the image" : "",
               needs_text(*method), (*method)->source);
    }
}

static cr_status methods_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    bool markdown;
    cr_near near;
    if (cr_option_markdown(argc, argv, &markdown, err) != CR_OK)
        return err->status;
    for (int i = optind; i < argc; i++)
        if (!cr_method_find(argv[i]))
            return cr_fail(err, CR_EUSAGE, "unknown method \"%.60s\"%s; see camrank methods",
                           argv[i], cr_near_of(&near, argv[i], cr_method_names()));
    if (markdown)
        print_markdown();
    else if (optind < argc)
        for (int i = optind; i < argc; i++)
            print_method(cr_method_find(argv[i]));
    else {
        for (const cr_method *const *method = cr_methods; *method; method++) {
            printf("%s", method == cr_methods ? "" : "\n");
            print_method(*method);
        }
        print_fusion();
    }
    return cr_output_flush(err);
}

const cr_command cr_command_methods = {
    .name = "methods",
    .summary = "lists the methods, what they need and their parameters",
    .help = "usage: camrank methods [METHOD ...] [--markdown]\n\n"
            "Prints each method's formula (A_k: channel k of the layer; g_k: the gradient there),\n"
            "paper, needs, cost and parameters: limits, default in parentheses, meaning. A job\n"
            "sets them in its item: {name: grad-cam++, layer: L, epsilon: 1e-6, as: NAME}, or\n"
            "{name: layer-cam, layers: [A, B], fuse: mean} of several layers.\n\n"
            "  --markdown  one table of all methods\n",
    .run = methods_command};
