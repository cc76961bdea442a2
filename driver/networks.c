/* The networks of a session, held by turns. What is packed goes to memory that is taken as the
 * file's is given back, so that both are never there whole. */
#include "networks.h"

#include "model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The weights of a model, from its file to the block that the network reads. */
typedef struct moved_weights {
    cr_par_block *block;
    cr_model_file *file;
} moved_weights;

static cr_status take_memory(void *user, size_t at, size_t n_bytes, cr_error *err)
{
    return cr_par_block_reserve(((moved_weights *)user)->block, at, n_bytes, err);
}

/* Where each rank packs for itself, the others of its node may still read what they share. */
static void give_memory(void *user, const void *bytes, size_t n_bytes)
{
    const moved_weights *moved = user;
    const bool shared = moved->file->model.shared || moved->file->data.shared;
    if (!shared || moved->block->shared)
        cr_model_file_discard(moved->file, bytes, n_bytes);
}

/* Packs the weights of a compiled model, once a node, into memory that is taken as the file's is given
 * back. Collective. */
static cr_status place_weights(const cr_par *par, cr_session *s, int m, cr_model_file *file,
                               cr_error *err)
{
    cr_status status = CR_OK;
    cr_model *model = &s->models[m];
    cr_par_block *weights = &s->weights[m];
    moved_weights moved = {weights, file};
    const cr_net_memory memory = {take_memory, give_memory, &moved};
    CR_TRY(cr_par_block_new(par, &s->nodes, model->weight_bytes,
                            cr_explainer_weight_layout(model->explainer), weights, err));
    if (weights->why_private[0])
        memcpy(s->why_private, weights->why_private, sizeof s->why_private);
    if (weights->writes)
        status = cr_explainer_pack(model->explainer, weights->bytes, &memory, err);
    CR_TRY(cr_par_agree(par, status, err));
    cr_explainer_use(model->explainer, weights->bytes);
    cr_graph_release_weights(model->graph);

cleanup:
    return status;
}

/* What is given with a row for each image has as many as there are. */
static cr_status check_rows(const cr_session *s, const cr_model *model, cr_error *err)
{
    const int n = cr_graph_n_rows(model->graph);
    return n == 0 || n == s->data.n_images
               ? CR_OK
               : cr_fail(err, CR_EINPUT,
                         "%.300s: has %d rows, but the set has %d image%s: it is to have one row "
                         "for all, "
                         "or one for each in the order of their ids",
                         cr_graph_rows_file(model->graph), n, s->data.n_images,
                         s->data.n_images == 1 ? "" : "s");
}

/* Reads the images that methods of the network compare with, on rank 0. */
static cr_status read_baselines(const cr_job *job, const cr_model *model, cr_real **baselines,
                                size_t *n_bytes, cr_error *err)
{
    cr_status status = CR_OK;
    const char *folder = job->data.baselines;
    const size_t size = cr_model_baseline_size(model);
    char *names = NULL;
    uint8_t *bytes = NULL;
    int n;
    *baselines = NULL;
    CR_TRY(cr_data_list_images(folder, &names, &n, err));
    *n_bytes = (size_t)n * size * sizeof **baselines;
    if ((double)*n_bytes > job->activations_mb * 1e6)
        CR_TRY(cr_fail(err, CR_EINPUT,
                       "%s: %d images as inputs take %.0f MB, more than the limit of %d MB "
                       "(activations_mb)",
                       folder, n, (double)*n_bytes * 1e-6, job->activations_mb));
    *baselines = cr_alloc((size_t)n * size, sizeof **baselines);
    if (!*baselines)
        CR_TRY(cr_fail_memory(err, "baselines", (size_t)n * size, sizeof **baselines));
    const char *name = names;
    for (int i = 0; i < n; i++, name += strlen(name) + 1) {
        size_t length;
        char shown[CR_NAME_BYTES * 2];
        snprintf(shown, sizeof shown, "%.120s/%.120s", folder, name);
        free(bytes);
        CR_TRY(cr_data_file_read(folder, name, &bytes, &length, err));
        CR_TRY(cr_model_make_baseline(model, bytes, length, shown, job->image_mpixels,
                                      *baselines + (size_t)i * size, err));
    }

cleanup:
    if (status != CR_OK) {
        free(*baselines);
        *baselines = NULL;
    }
    free(bytes);
    free(names);
    return status;
}

/* Collective. */
static cr_status use_baselines(const cr_par *par, const cr_job *job, cr_model *model, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    if (!(cr_model_wants(model, NULL) & CR_WANTS_BASELINES))
        return CR_OK;
    if (par->rank == 0) {
        cr_real *baselines;
        status = read_baselines(job, model, &baselines, &n_bytes, err);
        bytes = (uint8_t *)baselines;
    }
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_par_share(par, &bytes, &n_bytes, err));
    cr_model_use_baselines(model, (cr_real *)(void *)bytes,
                           (int)(n_bytes / sizeof(cr_real) / cr_model_baseline_size(model)));
    bytes = NULL;

cleanup:
    free(bytes);
    return status;
}

/* Collective. */
static cr_status read_network(const cr_par *par, cr_session *s, int m, cr_model_file *file,
                              cr_error *err)
{
    cr_status status = CR_OK;
    const cr_job *job = &s->job;
    const cr_job_model *from = &job->models[m];
    const cr_job_methods *methods = cr_job_methods_of(job, m);
    const cr_random_layers *random =
        from->randomised[0] && !from->other_class ? &from->random : NULL;
    cr_model *model = &s->models[m];
    char before[sizeof model->baselines_sha256];
    CR_TRY(cr_model_file_open(par, &s->nodes, from->file, from->weights ? from->weights : "",
                              &from->inputs, file, err));
    if (model->sha256[0] && strcmp(model->sha256, file->sha256) != 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: has changed since the run began", from->file));
    memcpy(before, model->baselines_sha256, sizeof before);
    cr_model_free(model);
    status = cr_model_load(file->model.bytes, file->model.n_bytes, &file->files, from->name,
                           from->file, &from->input, from->output, from->layer, &from->tokens,
                           from->kernels, from->precision, random, methods->specs, methods->n,
                           s->data.n_classes, model, err);
    if (status == CR_OK)
        status = check_rows(s, model, err);
    if (status == CR_OK)
        status = cr_model_use_metrics(model, &s->plan, err);
    if (status == CR_OK)
        status = cr_model_compile(model, job->batch, job->activations_mb, err);
    CR_TRY(cr_par_agree(par, status, err));
    CR_TRY(use_baselines(par, job, model, err));
    if (before[0] && strcmp(before, model->baselines_sha256) != 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: has changed since the run began", job->data.baselines));
    model->other_class = from->other_class;
    model->other_seed = from->random.seed;
    memcpy(model->sha256, file->sha256, sizeof model->sha256);

cleanup:
    return status;
}

/* The layer of this name, or of the node with it. */
static int find_weighted(const void *user, const char *name)
{
    const cr_graph *graph = user;
    const int value = cr_graph_find(graph, name);
    for (int t = 0; value >= 0 && t < cr_graph_n_weighted(graph); t++)
        if (cr_graph_weighted(graph, t) == value)
            return t;
    return -1;
}

static cr_status add_random(cr_session *s, int m, const cr_graph *graph, int *n, cr_error *err)
{
    const int n_layers = cr_graph_n_weighted(graph);
    const char **layers = cr_alloc((size_t)n_layers, sizeof *layers);
    if (!layers)
        return cr_fail_memory(err, "layers", (size_t)n_layers, sizeof *layers);
    for (int t = 0; t < n_layers; t++)
        layers[t] = cr_graph_value_name(graph, cr_graph_weighted(graph, t));
    const cr_status status =
        cr_job_randomise(&s->job, m, layers, n_layers, find_weighted, graph, n, err);
    free(layers);
    return status;
}

cr_status cr_networks_randomise(const cr_par *par, cr_session *s, cr_error *err)
{
    cr_status status = CR_OK;
    cr_model_file file = {0};
    cr_graph *graph = NULL;
    for (int m = 0, n = 0; m < s->job.n_models; m += 1 + n) {
        const cr_job_model *from = &s->job.models[m];
        n = 0;
        if (from->randomise.layers == CR_RANDOM_NONE && !from->randomise.logit)
            continue;
        CR_TRY(cr_model_file_open(par, &s->nodes, from->file, from->weights ? from->weights : "",
                                  &from->inputs, &file, err));
        status = cr_graph_load(file.model.bytes, file.model.n_bytes, &file.files, from->file,
                               from->output, from->input.width, from->input.height, &graph, err);
        if (status == CR_OK)
            status = add_random(s, m, graph, &n, err);
        CR_TRY(cr_par_agree(par, status, err));
        cr_graph_free(graph);
        graph = NULL;
        cr_model_file_close(&file);
    }

cleanup:
    cr_graph_free(graph);
    cr_model_file_close(&file);
    return status;
}

static double turn_bytes(void)
{
    const char *given = getenv("CAMRANK_TEST_TURN_MB");
    return 1e6 * (given ? atof(given) : CR_TURN_MB);
}

/* Bytes of the weights of a turn, networks 0 to n - 1 alone. */
static int64_t weights_of(const cr_session *s, int turn, int n)
{
    int64_t bytes = 0;
    for (int m = 0; m < n; m++)
        if (s->turn[m] == turn)
            bytes += (int64_t)s->models[m].weight_bytes;
    return bytes;
}

/* The present turn or, where that is full, the next: the same on all ranks. Collective. */
static cr_status find_turn(const cr_par *par, cr_session *s, int m, cr_error *err)
{
    const int last = m > 0 ? s->turn[m - 1] : 0;
    const int n_shares = s->why_private[0] ? 1 : par->size / s->nodes.n_nodes;
    int64_t bytes = weights_of(s, last, m) + (int64_t)s->models[m].weight_bytes;
    CR_OR_RETURN(cr_par_max(par, &bytes, 1, err));
    s->turn[m] = m > 0 && (double)bytes > turn_bytes() * n_shares ? last + 1 : last;
    s->n_turns = s->turn[m] + 1;
    return CR_OK;
}

cr_status cr_network_open(const cr_par *par, cr_session *s, int m, cr_error *err)
{
    cr_status status = CR_OK;
    cr_model_file file = {0};
    CR_TRY(read_network(par, s, m, &file, err));
    CR_TRY(find_turn(par, s, m, err));
    if (s->turn[m] == 0)
        CR_TRY(place_weights(par, s, m, &file, err));

cleanup:
    if (status != CR_OK)
        cr_model_free(&s->models[m]);
    cr_model_file_close(&file);
    return status;
}

void cr_network_drop(cr_session *s, int m)
{
    cr_model_unload(&s->models[m]);
    cr_par_block_free(&s->weights[m]);
}

cr_status cr_networks_hold(const cr_par *par, cr_session *s, int turn, cr_error *err)
{
    cr_status status = CR_OK;
    cr_model_file file = {0};
    for (int m = 0; m < s->n_models; m++)
        if (s->turn[m] != turn)
            cr_network_drop(s, m);
    for (int m = 0; m < s->n_models; m++) {
        if (s->turn[m] != turn || s->models[m].explainer)
            continue;
        CR_TRY(read_network(par, s, m, &file, err));
        CR_TRY(place_weights(par, s, m, &file, err));
        cr_model_file_close(&file);
    }

cleanup:
    cr_model_file_close(&file);
    return status;
}

int64_t cr_networks_weight_bytes(const cr_session *s)
{
    int64_t most = 0;
    for (int turn = 0; turn < s->n_turns; turn++) {
        const int64_t bytes = weights_of(s, turn, s->n_models);
        most = bytes > most ? bytes : most;
    }
    return most;
}

int64_t cr_networks_rank_bytes(const cr_session *s)
{
    int64_t all = 0, most = (int64_t)turn_bytes();
    for (int m = 0; m < s->n_models; m++) {
        const int64_t bytes = (int64_t)s->models[m].weight_bytes;
        all += bytes;
        most = bytes > most ? bytes : most;
    }
    return all < most ? all : most;
}
