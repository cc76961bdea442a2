/* A network alone: its input guessed, its methods resolved, run on one image at a time. */
#include "single.h"

#include "worker/logits.h"
#include "worker/worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOB_BYTES = 2000 };

/* What a mistake in an option of ours is called in a job: `--set models.0.input=caffee: models[0].input...:
 * ...` becomes `--input caffee: ...`. */
static void rename_option(cr_error *err, const char *set, const char *option, const char *value)
{
    char prefix[200], rest[sizeof err->message];
    const int n = snprintf(prefix, sizeof prefix, "--set %.160s: ", set);
    if (strncmp(err->message, prefix, (size_t)n) != 0)
        return;
    const char *text = err->message + n, *colon = strstr(text, ": ");
    const bool is_key = colon && strcspn(text, " ") > (size_t)(colon - text);
    snprintf(rest, sizeof rest, "%s", is_key ? colon + 2 : text);
    cr_fail(err, err->status, "--%s%s%.100s: %s", option, value ? " " : "", value ? value : "",
            rest);
}

/* The job that the request is: its input is the guess, and what the request says over it. */
static cr_status make_job(const cr_single_request *request, cr_single *s, cr_error *err)
{
    char text[JOB_BYTES], guess[400];
    const char *sets[2];
    int n_sets = 0;
    const size_t n_methods = strlen(request->methods) + sizeof "methods=";
    const size_t n_input = request->input ? strlen(request->input) + sizeof "models.0.input=" : 1;
    char *methods = cr_alloc(n_methods, 1), *input = cr_alloc(n_input, 1);
    if (!methods || !input) {
        free(methods);
        free(input);
        return cr_fail_memory(err, "options", n_methods + n_input, 1);
    }
    cr_input_guess_yaml(&s->guess.spec, guess, sizeof guess);
    snprintf(text, sizeof text,
             "name: explain\n"
             "dataset: {layout: none, images: any, synsets: any}\n"
             "defaults: {input: %s, precision: %s}\n"
             "models: [{name: network, file: network}]\n"
             "methods: []\nprotocol: cam-paper\noutput: none\n",
             guess, cr_precision_names[request->precision]);
    snprintf(methods, n_methods, "methods=%s", request->methods);
    sets[n_sets++] = methods;
    if (request->input) {
        snprintf(input, n_input, "models.0.input=%s", request->input);
        sets[n_sets++] = input;
    }
    cr_status status = cr_job_parse(text, strlen(text), "explain", sets, n_sets, &s->job, err);
    if (status == CR_OK)
        status = cr_job_read_means(&s->job, err);
    if (status != CR_OK && request->input)
        rename_option(err, input, "input", request->input);
    if (status != CR_OK)
        rename_option(err, methods, "method", NULL);
    /* A preset is of the size that it is mostly used at. */
    if (status == CR_OK && request->input && !strstr(request->input, "size"))
        cr_input_guess_fit(&s->job.models[0].input, s->guess.spec.width, s->guess.spec.height);
    free(methods);
    free(input);
    return status;
}

static cr_status read_names(const cr_single_request *request, const cr_nn_about *about,
                            cr_single *s, cr_error *err)
{
    enum { MOST = 1 << 26 };
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    if (!request->synsets && !about->names)
        return CR_OK;
    if (request->synsets) {
        CR_TRY(cr_file_read(request->synsets, MOST, &bytes, &n_bytes, err));
        CR_TRY(cr_class_names_read((char *)bytes, n_bytes, request->synsets, &s->names, err));
    } else if (cr_class_names_read(about->names, strlen(about->names), request->model, &s->names,
                                   NULL) == CR_EINTERNAL)
        CR_TRY(cr_fail_memory(err, "names of classes", strlen(about->names), 1));
    const int n_classes = cr_graph_n_classes(s->model.graph);
    if (s->names.n == n_classes)
        goto cleanup;
    if (request->synsets)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: %d classes, but the network has %d", request->synsets,
                       s->names.n, n_classes));
    cr_class_names_free(&s->names); /* of something else */

cleanup:
    free(bytes);
    return status;
}

/* Weights and memory for one image. */
static cr_status compile(cr_single *s, cr_error *err)
{
    cr_model *model = &s->model;
    const size_t n_variants = (size_t)model->n_variants;
    model->slice = 1;
    CR_OR_RETURN(cr_model_explain(model, model->n_views, 1, s->job.activations_mb, err));
    s->n_weights = cr_explainer_weight_bytes(model->explainer);
    s->n_arena = cr_explainer_arena_bytes(model->explainer);
    s->weights = cr_pages_alloc(s->n_weights, 1);
    s->arena = cr_pages_alloc(s->n_arena, 1);
    s->logits = cr_alloc((size_t)cr_graph_n_classes(model->graph), sizeof *s->logits);
    s->values = cr_alloc(n_variants, sizeof *s->values);
    s->maps = cr_alloc(n_variants, sizeof *s->maps);
    s->is_finite = cr_alloc(n_variants, sizeof *s->is_finite);
    if (!s->weights || !s->arena || !s->logits || !s->values || !s->maps || !s->is_finite)
        return cr_fail_memory(err, "a network", s->n_weights + s->n_arena, 1);
    for (int v = 0; v < model->n_variants; v++) {
        const cr_variant *variant = &model->variants[v];
        const size_t n = (size_t)model->n_views * (size_t)variant->width * (size_t)variant->height;
        s->values[v] = cr_alloc(n, sizeof **s->values);
        if (!s->values[v])
            return cr_fail_memory(err, "a map", n, sizeof **s->values);
    }
    CR_OR_RETURN(cr_explainer_pack(model->explainer, s->weights, NULL, err));
    cr_explainer_use(model->explainer, s->weights);
    cr_explainer_use_arena(model->explainer, s->arena);
    return CR_OK;
}

cr_status cr_single_open(const cr_single_request *request, cr_single *s, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_par alone = cr_par_alone();
    cr_par_nodes nodes;
    cr_model_file file = {0};
    cr_nn_about about = {.names = NULL};
    cr_graph *graph = NULL;
    *s = (cr_single){.guessed = true};
    CR_TRY(cr_par_nodes_init(&nodes, &alone, err));
    CR_TRY(cr_model_file_open(&alone, &nodes, request->model, request->weights, &request->inputs,
                              &file, err));
    if (cr_nn_about_read(file.model.bytes, file.model.n_bytes, &file.files, request->model, &about,
                         err) == CR_EINTERNAL)
        CR_TRY(err->status);
    CR_TRY(cr_input_guess_make(file.model.bytes, file.model.n_bytes, &file.files, request->model,
                               request->output, request->width, request->height, &about, &graph,
                               &s->guess, err));
    cr_graph_free(graph);
    CR_TRY(make_job(request, s, err));
    const cr_job_model *from = &s->job.models[0];
    CR_TRY(cr_model_load(file.model.bytes, file.model.n_bytes, &file.files,
                         cr_path_name(request->model), request->model, &from->input,
                         request->output, "", &from->tokens, "", from->precision, NULL,
                         s->job.methods.specs, s->job.methods.n, 0, &s->model, err));
    if (cr_graph_n_rows(s->model.graph))
        CR_TRY(cr_fail(
            err, CR_EINPUT,
            "%.300s: has a row for each image of a set, of which explain knows nothing: save the "
            "row of this image alone",
            cr_graph_rows_file(s->model.graph)));
    s->guessed = !request->input;
    s->independent = cr_model_is_independent(&s->model);
    CR_TRY(read_names(request, &about, s, err));
    CR_TRY(compile(s, err));
    cr_graph_release_weights(s->model.graph);

cleanup:
    cr_nn_about_free(&about);
    cr_model_file_close(&file);
    if (status != CR_OK)
        cr_single_close(s);
    return status;
}

void cr_single_close(cr_single *s)
{
    for (int v = 0; s->values && v < s->model.n_variants; v++)
        free(s->values[v]);
    cr_model_free(&s->model);
    cr_pages_free(s->weights, s->n_weights, 1);
    cr_pages_free(s->arena, s->n_arena, 1);
    cr_class_names_free(&s->names);
    cr_job_free(&s->job);
    free(s->logits);
    free(s->values);
    free(s->maps);
    free(s->is_finite);
    *s = (cr_single){.guessed = false};
}

/* Of the five first classes. */
static void find_probabilities(const cr_single *s, int n_classes, cr_single_result *result)
{
    const double log_sum = cr_logits_log_sum(s->logits, n_classes);
    for (int i = 0; i < CR_TOP; i++) {
        const int c = result->top_class[i];
        const double logit = c < 0 ? 0 : (double)s->logits[c];
        result->probability[i] = c < 0            ? NAN
                                 : s->independent ? 1 / (1 + exp(-logit))
                                                  : exp(logit - log_sum);
    }
}

static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

cr_status cr_single_run(cr_single *s, const cr_image *image, const char *name, int class,
                        cr_single_result *result, cr_error *err)
{
    cr_model *model = &s->model;
    cr_net *net = cr_explainer_net(model->explainer);
    const int n_classes = cr_graph_n_classes(model->graph);
    char id[CR_NAME_BYTES];
    if (class >= n_classes)
        return cr_fail(err, CR_EUSAGE, "--class %d: the network has classes 0 to %d", class,
                       n_classes - 1);
    const cr_status status = cr_input_prepare(&model->input, image, cr_net_input(net), err);
    if (status != CR_OK)
        return status == CR_EINPUT ? cr_fail_in(err, "%s: ", name) : status;
    cr_net_forward(net, model->n_views);
    cr_logits_average(cr_net_logits(net), model->n_views, n_classes, s->logits);
    if (!all_finite(s->logits, (size_t)n_classes))
        return cr_fail(err, CR_EINPUT, "%s: a logit is not finite", name);
    cr_logits_rank(s->logits, n_classes, result->top_class);
    find_probabilities(s, n_classes, result);
    result->explained = class < 0 ? result->top_class[0] : class;
    /* As in a run, where the id is the name without its extension. */
    const char *base = cr_path_name(name), *dot = strrchr(base, '.');
    snprintf(id, sizeof id, "%.*s", dot ? (int)(dot - base) : (int)strlen(base), base);
    const uint64_t seed = cr_worker_seed(id);
    const int32_t explained = result->explained;
    cr_explainer_run(model->explainer, 1, model->n_views, &explained, &seed, s->values);
    cr_input_views(&model->input, image->width, image->height, result->views);
    for (int v = 0; v < model->n_variants; v++) {
        const cr_variant *variant = &model->variants[v];
        s->is_finite[v] = all_finite(s->values[v], (size_t)model->n_views * (size_t)variant->width *
                                                       (size_t)variant->height);
        s->maps[v] = (cr_loc_map){
            .maps = s->values[v],
            .width = variant->width,
            .height = variant->height,
            .scaling = cr_method_form(&variant->spec.parameters)->scaling,
            .n_views = model->n_views,
            .views = result->views,
        };
    }
    result->maps = s->maps;
    result->is_finite = s->is_finite;
    return CR_OK;
}
