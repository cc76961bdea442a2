/* From the job file to what a run needs, alike on all ranks: rank 0 reads, the others get what it
 * read, and all agree after each step that can fail on one. */
#include "session.h"

#include "camrank/blas.h"
#include "camrank/given_file.h"

#include "input_text.h"
#include "networks.h"

#include <hdf5.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads a job file on rank 0 for all ranks. Collective. */
static cr_status read_shared(const cr_par *par, const char *path, uint8_t **bytes, size_t *n_bytes,
                             cr_error *err)
{
    cr_status status = CR_OK;
    *bytes = NULL;
    *n_bytes = 0;
    if (par->rank == 0)
        status = cr_file_check_use(path, CR_FILE_JOB, err);
    if (par->rank == 0 && status == CR_OK)
        status = cr_file_read(path, CR_JOB_MAX_BYTES, bytes, n_bytes, err);
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_par_share(par, bytes, n_bytes, err));

cleanup:
    if (status != CR_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}

/* All ranks open the file by the path that rank 0 has: the environment of each may name another. */
static cr_status share_output(const cr_par *par, cr_job *job, cr_error *err)
{
    uint8_t *bytes = (uint8_t *)job->output;
    size_t n_bytes = strlen(job->output) + 1;
    if (par->rank != 0) {
        free(job->output);
        bytes = NULL;
        n_bytes = 0;
    }
    job->output = NULL;
    const cr_status status = cr_par_share(par, &bytes, &n_bytes, err);
    job->output = (char *)bytes;
    return status;
}

static cr_status open_job(const cr_par *par, const cr_session_options *options, cr_job *job,
                          cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *text = NULL;
    size_t n_bytes;
    CR_TRY(read_shared(par, options->job, &text, &n_bytes, err));
    status =
        cr_job_parse((char *)text, n_bytes, options->job, options->sets, options->n_sets, job, err);
    if (status == CR_OK)
        status = cr_job_take_part(job, options->part, options->n_parts, err);
    if (status == CR_OK && options->no_networks)
        cr_job_drop_models(job);
    if (status == CR_OK && options->output) {
        free(job->output);
        job->output = strdup(options->output);
        if (!job->output)
            status = cr_fail_memory(err, "a path", strlen(options->output), 1);
    }
    CR_TRY(cr_par_agree(par, status, err));
    if (par->rank == 0)
        status = cr_job_read_means(job, err);
    CR_TRY(cr_par_follow(par, status, err));
    for (int m = 0; m < job->n_models; m++)
        CR_TRY(
            cr_par_spread(par, job->models[m].input.mean, sizeof job->models[m].input.mean, err));
    CR_TRY(share_output(par, job, err));

cleanup:
    free(text);
    return status;
}

/* Looks at a few images, evenly taken, before anything long is computed: do their boxes lie in them? One
 * that cannot be read fails by itself, later. */
static cr_status sample_boxes(const cr_job *job, cr_dataset *data, cr_error *err)
{
    enum { SAMPLE = 32 };
    cr_box_census census = {0};
    const int n = data->n_images < SAMPLE ? data->n_images : SAMPLE;
    if (!job->data.images || !cr_data_has_boxes(data))
        return CR_OK;
    CR_OR_RETURN(cr_data_open(data, err));
    for (int k = 0; k < n; k++) {
        const int i = (int)((int64_t)k * data->n_images / n);
        uint8_t *bytes = NULL;
        size_t n_bytes;
        cr_image image = {0};
        if (cr_data_image_read(data, i, &bytes, &n_bytes, NULL) == CR_OK &&
            cr_image_decode(bytes, n_bytes, "", job->image_mpixels, &image, NULL) == CR_OK)
            cr_box_census_add(&census, data, i, image.width, image.height);
        cr_image_free(&image);
        free(bytes);
    }
    return cr_box_census_check(&census, job->data.ground_truth, err);
}

/* Rank 0 only. The folder becomes absolute: the results file keeps it. */
static cr_status read_data(const cr_job *job, bool needs_sizes, cr_dataset *data, uint8_t **bytes,
                           size_t *n_bytes, cr_error *err)
{
    CR_OR_RETURN(cr_data_read(&job->data, data, err));
    CR_OR_RETURN(sample_boxes(job, data, err));
    if (needs_sizes && !cr_data_has_boxes(data))
        return cr_fail(err, CR_EINPUT, "%s: no boxes, which the baselines need: give a model",
                       job->data.ground_truth ? job->data.ground_truth : job->data.images);
    for (int i = 0; needs_sizes && i < data->n_images; i++)
        if (data->images[i].width == 0)
            return cr_fail(err, CR_EINPUT,
                           "%s: the baselines need the sizes of the images, which this layout does "
                           "not have: give the same ground truth in one that has them (`camrank "
                           "layouts` lists them), or a model",
                           job->data.ground_truth);
    char *folder = realpath(data->folder, NULL);
    if (folder) {
        free(data->folder);
        data->folder = folder;
    }
    return cr_data_pack(data, bytes, n_bytes, err);
}

static cr_status open_data(const cr_par *par, const cr_job *job, bool needs_sizes, cr_dataset *data,
                           cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    if (par->rank == 0)
        status = read_data(job, needs_sizes, data, &bytes, &n_bytes, err);
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_par_share(par, &bytes, &n_bytes, err));
    if (par->rank != 0)
        status = cr_data_unpack(bytes, n_bytes, data, err);
    if (status == CR_OK)
        status = cr_data_open(data, err);
    CR_TRY(cr_par_agree(par, status, err));

cleanup:
    free(bytes);
    return status;
}

/* The names of a variant's layers, joined by '+'. */
static cr_status name_layers(const char *file, const cr_graph *graph, const cr_variant *variant,
                             char text[CR_LAYERS_BYTES], cr_error *err)
{
    size_t n = 0;
    for (int i = 0; i < variant->n_layers; i++) {
        const char *layer = cr_graph_value_name(graph, variant->layers[i].value);
        if (strlen(layer) >= CR_NAME_BYTES)
            return cr_fail(err, CR_EINPUT, "%s: the name of layer %.60s... is too long", file,
                           layer);
        n += (size_t)snprintf(text + n, CR_LAYERS_BYTES - n, "%s%s", i ? "+" : "", layer);
    }
    return CR_OK;
}

/* Of how many classes maps are kept. As large as the network's input, all six would be more than the images:
 * of those the ground truth's, if nothing is said. */
static int kept_maps(const cr_session *s, const cr_model *model, const cr_variant *variant)
{
    const bool is_large =
        variant->width == model->input.width && variant->height == model->input.height;
    if (variant->spec.map_slots != CR_KEEP_DEFAULT)
        return variant->spec.map_slots;
    if (s->job.map_slots != CR_KEEP_DEFAULT)
        return s->job.map_slots;
    return is_large && cr_data_has_labels(&s->data) ? 1 : CR_SLOTS;
}

static cr_status plan_model(const cr_session *s, const cr_job_model *from, const cr_model *model,
                            cr_results_model *to, cr_error *err)
{
    snprintf(to->name, sizeof to->name, "%s", model->name);
    snprintf(to->file, sizeof to->file, "%s", from->file_given);
    snprintf(to->sha256, sizeof to->sha256, "%s", model->sha256);
    snprintf(to->filter, sizeof to->filter, "%s", cr_filter_name(model->input.filter));
    cr_input_text_write(&model->input, to->input, sizeof to->input);
    memcpy(to->kernels, from->kernels, sizeof to->kernels);
    memcpy(to->output, from->output, sizeof to->output);
    to->parameters = (double)model->n_parameters;
    to->flops = model->flops;
    to->precision = from->precision;
    memcpy(to->randomised, from->randomised, sizeof to->randomised);
    if (from->tokens.height)
        snprintf(to->tokens, sizeof to->tokens, "%d x %d behind %d", from->tokens.height,
                 from->tokens.width, from->tokens.skip);
    to->variants = cr_alloc((size_t)model->n_variants, sizeof *to->variants);
    if (!to->variants)
        return cr_fail_memory(err, "variants", (size_t)model->n_variants, sizeof *to->variants);
    to->n_variants = model->n_variants;
    for (int v = 0; v < model->n_variants; v++) {
        const cr_variant *variant = &model->variants[v];
        cr_results_variant *out = &to->variants[v];
        CR_OR_RETURN(name_layers(from->file, model->graph, variant, out->layer, err));
        snprintf(out->method, sizeof out->method, "%s", variant->spec.method->name);
        out->layer_given = variant->spec.n_layers > 0;
        out->fused = variant->n_layers > 1 && !variant->spec.method->join;
        out->fusion = variant->spec.fusion;
        memcpy(out->as, variant->spec.as, sizeof out->as);
        if (cr_method_wants(variant->spec.method, &variant->spec.parameters) & CR_WANTS_BASELINES)
            memcpy(out->baselines, model->baselines_sha256, sizeof out->baselines);
        out->parameters = variant->spec.parameters;
        out->scaling = cr_method_form(&out->parameters)->scaling;
        out->of_image = variant->spec.method->of_image;
        out->map_width = variant->width;
        out->map_height = variant->height;
        out->n_views = model->n_views;
        out->map_slots = kept_maps(s, model, variant);
        if (out->map_slots == 1 && !cr_data_has_labels(&s->data))
            return cr_fail(
                err, CR_EINPUT,
                "%s: no labels, so that maps of the ground-truth class (truth) cannot be "
                "kept",
                s->job.data.ground_truth ? s->job.data.ground_truth : s->job.data.images);
    }
    return CR_OK;
}

cr_status cr_session_check_maps(const cr_session *s, const char *name,
                                const cr_results_model *model, cr_error *err)
{
    double values = 0;
    for (int v = 0; v < model->n_variants; v++)
        values += (double)cr_results_map_values(&model->variants[v]);
    const double mb = values * s->job.batch * CR_SLOTS * sizeof(float) * 1e-6;
    if (mb <= s->job.activations_mb)
        return CR_OK;
    return cr_fail(
        err, CR_EINPUT,
        "%s: its maps take %.0f MB for %d images at a time, more than the limit of %d MB "
        "(activations_mb)",
        name, ceil(mb), s->job.batch, s->job.activations_mb);
}

/* bfloat16 where a model is, whose kernels are others than those of float32. */
static cr_precision precision_of(const cr_job *job)
{
    for (int m = 0; m < job->n_models; m++)
        if (job->models[m].precision == CR_BFLOAT16)
            return CR_BFLOAT16;
    return CR_FLOAT32;
}

/* All but the models. */
static cr_status begin_plan(cr_session *s, cr_error *err)
{
    const cr_job *job = &s->job;
    cr_results_plan *plan = &s->plan;
    snprintf(plan->job_name, sizeof plan->job_name, "%s", job->name);
    CR_OR_RETURN(
        cr_session_libraries(precision_of(job), plan->libraries, sizeof plan->libraries, err));
    plan->job_text = strdup(job->text);
    plan->overrides = strdup(job->overrides);
    plan->protocols = cr_alloc((size_t)job->n_protocols, sizeof *plan->protocols);
    plan->models = cr_alloc((size_t)job->n_models, sizeof *plan->models);
    if (!plan->job_text || !plan->overrides || !plan->protocols || !plan->models)
        return cr_fail_memory(err, "a plan", (size_t)job->n_models, sizeof *plan->models);
    plan->n_protocols = job->n_protocols;
    memcpy(plan->protocols, job->protocols, (size_t)job->n_protocols * sizeof *job->protocols);
    plan->show_protocols = job->show_protocols;
    plan->show_v1 = job->show_v1;
    plan->show_v2 = job->show_v2;
    memcpy(plan->metrics, job->metrics, sizeof plan->metrics);
    plan->skip_failed = job->skip_failed;
    plan->has_empty = true;
    plan->has_states = true;
    plan->has_log_sum = true;
    plan->no_labels = !cr_data_has_labels(&s->data);
    plan->no_boxes = !cr_data_has_boxes(&s->data);
    plan->has_difficult = cr_data_has_difficult(&s->data);
    plan->batch = job->batch;
    plan->map_slots = job->map_slots == CR_KEEP_DEFAULT ? CR_SLOTS : job->map_slots;
    plan->map_float16 = job->map_float16;
    return CR_OK;
}

/* Looks into the file of threshold_from, which has to be there before the first image. Collective. */
static cr_status take_thresholds(const cr_par *par, cr_session *s, cr_error *err)
{
    cr_status status = CR_OK;
    cr_results_plan *plan = &s->plan;
    if (par->rank == 0)
        status = cr_elsewhere_plan(s->job.threshold_from, plan, err);
    CR_OR_RETURN(cr_par_agree(par, status, err));
    CR_OR_RETURN(cr_par_spread(par, plan->threshold_from, sizeof plan->threshold_from, err));
    return cr_par_spread(par, plan->threshold_sha256, sizeof plan->threshold_sha256, err);
}

/* The next network of the job. Collective. */
static cr_status open_network(const cr_par *par, cr_session *s, cr_error *err)
{
    cr_status status = CR_OK;
    const int m = s->n_models;
    const cr_job_model *from = &s->job.models[m];
    CR_TRY(cr_network_open(par, s, m, err));
    s->n_models = s->plan.n_models = m + 1;
    if (from->methods.specs && s->models[m].lacking[0])
        status = cr_fail(err, CR_EINPUT, "%s: %s", from->file, s->models[m].lacking);
    if (status == CR_OK)
        status = plan_model(s, from, &s->models[m], &s->plan.models[m], err);
    if (status == CR_OK)
        status = cr_session_check_maps(s, from->file, &s->plan.models[m], err);
    CR_TRY(cr_par_agree(par, status, err));
    if (s->turn[m] > 0)
        cr_network_drop(s, m);

cleanup:
    return status;
}

/* A layer that none of the networks has is a mistake. Of a part of them that is not known. */
static cr_status check_layers(const cr_session *s, cr_error *err)
{
    for (int i = 0; i < s->job.methods.n; i++) {
        bool lacks = false, somewhere = false;
        for (int m = 0; m < s->n_models; m++)
            if (!s->job.models[m].methods.specs)
                *(s->models[m].lacks[i] ? &lacks : &somewhere) = true;
        if (lacks && !somewhere) {
            char layers[CR_LAYERS_BYTES];
            cr_method_layers(&s->job.methods.specs[i], layers);
            return cr_fail(
                err, CR_EINPUT,
                "methods: %s@%s: none of the networks has such a layer; `camrank inspect "
                "--layers` lists those of each",
                s->job.methods.specs[i].method->name, layers);
        }
    }
    return CR_OK;
}

cr_status cr_session_open(const cr_par *par, const cr_session_options *options, cr_session *s,
                          cr_error *err)
{
    cr_status status = CR_OK;
    *s = (cr_session){0};
    CR_TRY(open_job(par, options, &s->job, err));
    const bool baselines_only = s->job.n_models == 0 && !options->no_networks;
    CR_TRY(open_data(par, &s->job, baselines_only, &s->data, err));
    CR_TRY(cr_par_nodes_init(&s->nodes, par, err));
    CR_TRY(cr_networks_randomise(par, s, err));
    s->models = cr_alloc((size_t)s->job.n_models, sizeof *s->models);
    s->weights = cr_alloc((size_t)s->job.n_models, sizeof *s->weights);
    s->turn = cr_alloc((size_t)s->job.n_models, sizeof *s->turn);
    if (!s->models || !s->weights || !s->turn)
        status = cr_fail_memory(err, "models", (size_t)s->job.n_models, sizeof *s->models);
    else
        status = begin_plan(s, err);
    CR_TRY(cr_par_agree(par, status, err));
    while (s->n_models < s->job.n_models)
        CR_TRY(open_network(par, s, err));
    if (s->job.threshold_from)
        CR_TRY(take_thresholds(par, s, err));
    if (options->n_parts == 1)
        CR_TRY(check_layers(s, err));

cleanup:
    if (status != CR_OK)
        cr_session_close(s);
    return status;
}

void cr_session_close(cr_session *s)
{
    for (int m = 0; m < s->n_models; m++)
        cr_model_free(&s->models[m]);
    for (int m = 0; s->weights && m < s->job.n_models; m++)
        cr_par_block_free(&s->weights[m]);
    cr_par_nodes_fini(&s->nodes);
    free(s->models);
    free(s->weights);
    free(s->turn);
    cr_results_plan_free(&s->plan);
    cr_data_free(&s->data);
    cr_job_free(&s->job);
    *s = (cr_session){0};
}

cr_status cr_session_libraries(cr_precision precision, char *text, size_t n_bytes, cr_error *err)
{
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    unsigned major, minor, release;
    MPI_Get_library_version(mpi, &length);
    mpi[strcspn(mpi, ",\r\n")] = '\0'; /* the build's options follow */
    for (char *tab = mpi; (tab = strchr(tab, '\t'));)
        *tab = ' ';
    H5get_libversion(&major, &minor, &release);
    CR_OR_RETURN(cr_blas_load(err));
    const char *blas = cr_blas_config();
    int blas_length = (int)strlen(blas);
    while (blas_length > 0 && blas[blas_length - 1] == ' ')
        blas_length--;
    snprintf(text, n_bytes, "%s; HDF5 %u.%u.%u; %.*s; kernels %s", mpi, major, minor, release,
             blas_length, blas, cr_precision_kernels(precision));
    return CR_OK;
}
