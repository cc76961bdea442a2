/* A network of a job: loaded, its methods resolved and put into groups, compiled. A group's chunk
 * follows from its cost by arithmetic, never from a clock. */
#include "model.h"

#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ten seconds of a core. */
#define UNIT_FLOPS 5e11

/* Passes for each map that metrics may ask within group 0, where all maps of an image share them. */
#define FEW_PASSES 2

static cr_status check_ends(const cr_model *model, int n_classes, cr_error *err)
{
    cr_shape in = cr_graph_input_shape(model->graph);
    const int n_channels = in.n_dims == 4 ? cr_shape_c(&in) : 0;
    if (n_channels != 1 && n_channels != 3 && n_channels != 4)
        return cr_fail(err, CR_EINPUT, "its input is no image of 1, 3 or 4 channels");
    if (n_channels != cr_channels_count(model->input.channels))
        return cr_fail(err, CR_EINPUT,
                       "its input has %d channel%s, not those of `channels: %s`: give the input "
                       "with channels: %s",
                       n_channels, n_channels == 1 ? "" : "s",
                       cr_channels_name(model->input.channels),
                       n_channels == 1   ? "grey"
                       : n_channels == 3 ? "rgb, or bgr"
                                         : "rgba");
    if (n_classes && model->binary && n_classes != 2)
        return cr_fail(
            err, CR_EINPUT,
            "it has one output, which stands for two classes, but the synset list has %d",
            n_classes);
    if (n_classes && cr_graph_n_classes(model->graph) != n_classes)
        return cr_fail(err, CR_EINPUT, "it has %d outputs, the synset list %d classes",
                       cr_graph_n_classes(model->graph), n_classes);
    return CR_OK;
}

static void note_not_applied(cr_model *model, const cr_variant *variant)
{
    char layers[CR_LAYERS_BYTES], why[CR_LAYERS_BYTES + 2 * CR_NAME_BYTES + 200];
    size_t used = strlen(model->not_applied);
    cr_method_layers(&variant->spec, layers);
    snprintf(why, sizeof why, "%s%s%s: %s", variant->spec.method->name, layers[0] ? "@" : "",
             layers, variant->why_not);
    snprintf(model->not_applied + used, sizeof model->not_applied - used, "%s%s", used ? "; " : "",
             why);
    if (variant->lacks_layer && !model->lacking[0])
        snprintf(model->lacking, sizeof model->lacking, "%.299s", why);
}

/* Numbers the groups. */
static void find_groups(cr_model *model)
{
    model->n_groups = 1;
    for (int v = 0; v < model->n_variants; v++) {
        const bool asks_much = model->ask_passes[v] > FEW_PASSES || model->ask_flops > 0;
        model->group[v] = asks_much || cr_variant_passes(&model->variants[v], CR_SLOTS) > 0
                              ? model->n_groups++
                              : 0;
    }
}

cr_status cr_model_use_metrics(cr_model *model, const cr_results_plan *plan, cr_error *err)
{
    model->asks = cr_ask_any(plan);
    for (int v = 0; v < model->n_variants; v++)
        model->ask_passes[v] = cr_ask_passes(plan, &model->input, &model->variants[v]);
    model->ask_flops = cr_ask_work(plan, &model->input);
    find_groups(model);
    for (int m = 0; model->n_views > 1 && cr_metrics[m]; m++)
        if (cr_results_has_metric(plan, m) && cr_metrics[m]->asking)
            return cr_fail(err, CR_EINPUT,
                           "the metric %s asks the network about one view of an image, and the "
                           "input of %s has %d",
                           cr_metrics[m]->name, model->name, model->n_views);
    return CR_OK;
}

bool cr_model_is_independent(const cr_model *model)
{
    return strstr(model->cut, "Sigmoid") != NULL && !model->binary;
}

const char *cr_model_note(const cr_model *model, int i, char text[CR_MODEL_NOTE_BYTES])
{
    text[0] = 0;
    if (i == 0 && model->chosen[0])
        snprintf(text, CR_MODEL_NOTE_BYTES, "its output is %s", model->chosen);
    if (i == 1 && model->cut[0])
        snprintf(text, CR_MODEL_NOTE_BYTES, "its logits are those before %s", model->cut);
    if (i == 2 && model->binary)
        snprintf(text, CR_MODEL_NOTE_BYTES,
                 "its one output x stands for two classes, whose logits are -x/2 and x/2");
    if (i == 3 && model->widened[0])
        snprintf(text, CR_MODEL_NOTE_BYTES, "its weights are %s, and are computed with as float32",
                 model->widened);
    return text;
}

static int count_variants(const cr_model *model, int group)
{
    int n = 0;
    for (int v = 0; v < model->n_variants; v++)
        n += model->group[v] == group;
    return n;
}

double cr_model_passes(const cr_model *model, int group)
{
    double passes = 1;
    for (int v = 0; v < model->n_variants; v++)
        if (model->group[v] == group)
            passes += model->ask_passes[v] +
                      (group > 0 ? cr_variant_passes(&model->variants[v], CR_SLOTS) : 0);
    return passes;
}

double cr_model_cost(const cr_model *model, int group)
{
    return cr_model_passes(model, group) * model->flops * model->n_views +
           count_variants(model, group) * model->ask_flops;
}

int cr_model_chunk(const cr_model *model, int group, int batch)
{
    const char *given = getenv("CAMRANK_TEST_UNIT_FLOPS");
    const double most = (given ? strtod(given, NULL) : UNIT_FLOPS) / cr_model_cost(model, group);
    return group == 0 || most > batch ? batch : most < 1 ? 1 : (int)most;
}

static cr_status resolve(cr_model *model, const cr_method_spec *specs, int n_specs,
                         const char *layer, cr_error *err)
{
    cr_status status = CR_OK;
    for (int i = 0; i < n_specs; i++) {
        cr_variant *variant = &model->variants[model->n_variants];
        CR_TRY(cr_variant_resolve(model->graph, &model->head, &specs[i], layer, variant, err));
        model->lacks[i] = variant->lacks_layer;
        if (variant->why_not[0])
            note_not_applied(model, variant);
        else
            model->n_variants++;
    }
    find_groups(model);
    if (model->n_variants == 0 && n_specs > 0)
        status =
            cr_fail(err, CR_EINPUT, "no method that is asked for applies: %s", model->not_applied);

cleanup:
    return status;
}

static cr_status use_kernels(cr_model *model, const char *kernels, cr_error *err)
{
    cr_status status = CR_OK;
    char kernel[CR_KERNELS_BYTES];
    for (size_t n; status == CR_OK && *kernels; kernels += n + (kernels[n] == '\n')) {
        n = strcspn(kernels, "\n");
        snprintf(kernel, sizeof kernel, "%.*s", (int)n, kernels);
        status = cr_graph_use_kernel(model->graph, kernel, err);
    }
    return status;
}

void cr_model_arithmetic(const cr_graph *graph, char text[CR_MODEL_ARITHMETIC_BYTES])
{
    double scale[CR_GRAPH_INPUT_CHANNELS], shift[CR_GRAPH_INPUT_CHANNELS];
    text[0] = 0;
    if (cr_graph_input_arithmetic(graph, scale, shift))
        snprintf(text, CR_MODEL_ARITHMETIC_BYTES, "the network begins with x * %.4g + %.4g",
                 scale[0], shift[0]);
}

/* What is known of the network when it is unloaded. */
static void describe(cr_model *model)
{
    snprintf(model->chosen, sizeof model->chosen, "%s", cr_graph_chosen(model->graph));
    snprintf(model->cut, sizeof model->cut, "%s", cr_graph_cut(model->graph));
    snprintf(model->widened, sizeof model->widened, "%s", cr_graph_widened(model->graph));
    model->binary = cr_graph_is_binary(model->graph);
    cr_model_arithmetic(model->graph, model->arithmetic);
    for (int i = 0; i < cr_graph_n_layers(model->graph); i++) {
        const cr_graph_layer layer = cr_graph_get_layer(model->graph, i);
        model->n_parameters += layer.n_parameters;
        model->flops += layer.flops;
    }
}

cr_status cr_model_load(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                        const char *name, const char *file, const cr_input_spec *input,
                        const char *output, const char *layer, const cr_tokens *tokens,
                        const char *kernels, cr_precision precision, const cr_random_layers *random,
                        const cr_method_spec *specs, int n_specs, int n_classes, cr_model *model,
                        cr_error *err)
{
    cr_status status = CR_OK;
    *model = (cr_model){.input = *input, .n_views = cr_input_n_views(input)};
    snprintf(model->name, sizeof model->name, "%s", name);
    CR_TRY(cr_graph_load_random(bytes, n_bytes, files, file, output, input->width, input->height,
                                random, &model->graph, err));
    cr_graph_use_precision(model->graph, precision);
    model->precision = precision;
    model->head = cr_graph_head(model->graph);
    describe(model);
    model->variants = cr_alloc((size_t)n_specs, sizeof *model->variants);
    model->group = cr_alloc((size_t)n_specs, sizeof *model->group);
    model->lacks = cr_alloc((size_t)n_specs, sizeof *model->lacks);
    model->ask_passes = cr_alloc((size_t)n_specs, sizeof *model->ask_passes);
    if (!model->variants || !model->group || !model->lacks || !model->ask_passes) {
        status = cr_fail_memory(err, "variants", (size_t)n_specs, sizeof *model->variants);
        goto cleanup;
    }
    status = check_ends(model, n_classes, err);
    if (status == CR_OK && tokens->height)
        status = cr_graph_use_tokens(model->graph, tokens, err);
    if (status == CR_OK)
        status = resolve(model, specs, n_specs, layer, err);
    if (status == CR_OK)
        status = use_kernels(model, kernels, err);
    if (status != CR_OK)
        cr_fail_in(err, "%s: ", file);

cleanup:
    if (status != CR_OK)
        cr_model_free(model);
    return status;
}

cr_status cr_model_explain(cr_model *model, int n_inputs, int n_slots, int max_activations_mb,
                           cr_error *err)
{
    double black[CR_MAX_CHANNELS], white[CR_MAX_CHANNELS];
    CR_OR_RETURN(cr_explainer_new(model->graph, &model->head, model->variants, model->n_variants,
                                  n_inputs, n_slots, max_activations_mb, &model->explainer, err));
    cr_input_limits(&model->input, black, white);
    cr_explainer_use_limits(model->explainer, cr_channels_count(model->input.channels), black,
                            white);
    return CR_OK;
}

cr_status cr_model_compile(cr_model *model, int batch, int max_activations_mb, cr_error *err)
{
    model->slice = batch < model->n_views ? 1 : batch / model->n_views;
    cr_status status =
        cr_model_explain(model, model->slice * model->n_views, CR_SLOTS, max_activations_mb, err);
    if (status == CR_OK) {
        model->weight_bytes = cr_explainer_weight_bytes(model->explainer);
        model->arena_bytes = cr_explainer_arena_bytes(model->explainer);
    }
    return status;
}

unsigned cr_model_wants(const cr_model *model, const bool *wanted)
{
    unsigned wants = 0;
    for (int v = 0; v < model->n_variants; v++) {
        const cr_method_spec *spec = &model->variants[v].spec;
        if (!wanted || wanted[v])
            wants |= cr_method_wants(spec->method, &spec->parameters);
    }
    return wants;
}

static cr_input_spec middle_of(const cr_model *model)
{
    cr_input_spec spec = model->input;
    spec.crop = CR_CROP_CENTER;
    return spec;
}

size_t cr_model_baseline_size(const cr_model *model)
{
    const cr_input_spec spec = middle_of(model);
    return cr_input_size(&spec);
}

cr_status cr_model_make_baseline(const cr_model *model, const uint8_t *bytes, size_t n_bytes,
                                 const char *name, int max_mpixels, cr_real *out, cr_error *err)
{
    const cr_input_spec spec = middle_of(model);
    cr_image image;
    CR_OR_RETURN(cr_image_decode(bytes, n_bytes, name, max_mpixels, &image, err));
    const cr_status status = cr_input_prepare(&spec, &image, out, err);
    cr_image_free(&image);
    return status == CR_EINPUT ? cr_fail_in(err, "%s: ", name) : status;
}

void cr_model_use_baselines(cr_model *model, cr_real *baselines, int n)
{
    free(model->baselines);
    model->baselines = baselines;
    cr_sha256_hex(baselines, (size_t)n * cr_model_baseline_size(model) * sizeof *baselines,
                  model->baselines_sha256);
    cr_explainer_use_baselines(model->explainer, baselines, n);
}

size_t cr_model_input_bytes(const cr_model *model)
{
    return (size_t)model->slice * cr_input_size(&model->input) * sizeof(float);
}

void cr_model_unload(cr_model *model)
{
    cr_explainer_free(model->explainer);
    cr_graph_free(model->graph);
    free(model->baselines);
    model->baselines = NULL;
    model->explainer = NULL;
    model->graph = NULL;
}

void cr_model_free(cr_model *model)
{
    cr_model_unload(model);
    free(model->variants);
    free(model->group);
    free(model->lacks);
    free(model->ask_passes);
    *model = (cr_model){0};
}
