/* models.randomise: a model becomes several, each of the same file with some of its layers, or the classes of
 * its maps, drawn at random. */
#include "job_random.h"

#include "driver/given.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY(...) snprintf(key, sizeof key, __VA_ARGS__)

cr_status cr_job_read_random(cr_job_source *source, const cr_job_raw_randomise *raw, unsigned i,
                             cr_job_random *random, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    KEY("models.%u.randomise", i);
    if (!cr_job_tree_find(&source->changed, key))
        return CR_OK;
    if (raw->layers == CR_RANDOM_NONE && !raw->logit)
        return cr_job_fail(err, source, key,
                           "asks for nothing: give layers: cascading, layers: independent, or "
                           "logit: true");
    if (raw->layers == CR_RANDOM_NONE && raw->n_at)
        return cr_job_fail(err, source, key, "`at` goes with `layers`");
    KEY("models.%u.randomise.seed", i);
    if (raw->seed < 0 || raw->seed > INT_MAX)
        return cr_job_fail(err, source, key, "%lld, must be 0 to %d", (long long)raw->seed,
                           INT_MAX);
    random->layers = (cr_job_random_order)raw->layers;
    random->logit = raw->logit;
    random->seed = (int)raw->seed;
    random->at = cr_alloc(raw->n_at, sizeof *random->at);
    if (!random->at)
        return cr_fail_memory(err, "job", raw->n_at, sizeof *random->at);
    for (unsigned k = 0; k < raw->n_at; k++) {
        for (unsigned j = 0; j < k; j++) {
            KEY("models.%u.randomise.at", i);
            if (strcmp(raw->at[j], raw->at[k]) == 0)
                return cr_job_fail(err, source, key, "has \"%.64s\" twice", raw->at[k]);
        }
        snprintf(random->at[random->n_at++], CR_NAME_BYTES, "%s", raw->at[k]);
    }
    return CR_OK;
}

/* A model that owns what it has, beside what it was made of. */
static cr_status copy_model(const cr_job_model *from, cr_job_model *to, cr_error *err)
{
    *to = *from;
    to->file = strdup(from->file);
    to->weights = from->weights ? strdup(from->weights) : NULL;
    to->mean_file = NULL;
    to->inputs = (cr_nn_inputs){0};
    to->methods = (cr_job_methods){0};
    to->randomise = (cr_job_random){0};
    if (!to->file || (from->weights && !to->weights))
        return cr_fail_memory(err, "job", strlen(from->file), 1);
    for (int i = 0; i < from->inputs.n; i++) {
        const struct cr_nn_input *input = &from->inputs.items[i];
        CR_OR_RETURN(cr_given_add(&to->inputs, input->name, strlen(input->name), input->path, err));
    }
    if (!from->methods.specs)
        return CR_OK;
    const size_t n = (size_t)from->methods.n;
    to->methods.specs = cr_alloc(n, sizeof *to->methods.specs);
    if (!to->methods.specs)
        return cr_fail_memory(err, "job", n, sizeof *to->methods.specs);
    memcpy(to->methods.specs, from->methods.specs, n * sizeof *to->methods.specs);
    to->methods.n = from->methods.n;
    return CR_OK;
}

/* Puts a copy of models[m] behind it, at place `at`, with a name of its own. */
static cr_status add_model(cr_job *job, int m, int at, const char *suffix, cr_error *err)
{
    const size_t n = (size_t)job->n_models + 1;
    char name[CR_NAME_BYTES + 32];
    cr_job_model *grown = realloc(job->models, n * sizeof *grown);
    if (!grown)
        return cr_fail_memory(err, "job", n, sizeof *grown);
    job->models = grown;
    memmove(grown + at + 1, grown + at, (size_t)(job->n_models - at) * sizeof *grown);
    grown[at] = (cr_job_model){0};
    job->n_models++;
    CR_OR_RETURN(copy_model(&grown[m], &grown[at], err));
    if (snprintf(name, sizeof name, "%s.%s", grown[m].name, suffix) >= CR_NAME_BYTES)
        return cr_fail(err, CR_EINPUT, "models: %s: its name leaves no room for .%s", grown[m].name,
                       suffix);
    for (int k = 0; k < job->n_models; k++)
        if (k != at && strcmp(grown[k].name, name) == 0)
            return cr_fail(err, CR_EINPUT,
                           "models: \"%s\" is a name that `randomise` of %s gives too", name,
                           grown[m].name);
    memcpy(grown[at].name, name, sizeof grown[at].name);
    return CR_OK;
}

/* The network whose layer `layer` is random; cascading, those behind it too. */
static cr_status add_layer(cr_job *job, int m, int at, const char *const *layers, int n_layers,
                           int layer, cr_error *err)
{
    const cr_job_random *of = &job->models[m].randomise;
    const bool cascades = of->layers == CR_RANDOM_CASCADING;
    const int seed = of->seed, last = cascades ? n_layers - 1 : layer;
    const char *order = cascades ? "cascading" : "independent";
    char suffix[32];
    snprintf(suffix, sizeof suffix, "%s-%d", order, n_layers - layer);
    CR_OR_RETURN(add_model(job, m, at, suffix, err));
    cr_job_model *to = &job->models[at];
    to->random = (cr_random_layers){layer, last, seed};
    if (last > layer)
        snprintf(to->randomised, sizeof to->randomised, "%s, seed %d, layers %s to %s", order, seed,
                 layers[last], layers[layer]);
    else
        snprintf(to->randomised, sizeof to->randomised, "%s, seed %d, layer %s", order, seed,
                 layers[layer]);
    return CR_OK;
}

static cr_status add_logit(cr_job *job, int m, int at, cr_error *err)
{
    CR_OR_RETURN(add_model(job, m, at, "logit", err));
    cr_job_model *to = &job->models[at];
    to->other_class = true;
    to->random.seed = job->models[m].randomise.seed;
    snprintf(to->randomised, sizeof to->randomised, "logit, seed %d, maps of a random other class",
             to->random.seed);
    return CR_OK;
}

/* Which layers are wanted; *chosen is [n_layers], the caller's. */
static cr_status choose_layers(const cr_job_model *model, int n_layers,
                               int (*find)(const void *user, const char *name), const void *user,
                               bool *chosen, cr_error *err)
{
    const cr_job_random *of = &model->randomise;
    for (int t = 0; t < n_layers; t++)
        chosen[t] = of->layers != CR_RANDOM_NONE && of->n_at == 0;
    for (int k = 0; k < of->n_at; k++) {
        const int t = find(user, of->at[k]);
        if (t < 0)
            return cr_fail(err, CR_EINPUT,
                           "%s: randomise: %s is no layer with weights that can be drawn; `camrank "
                           "inspect` lists the layers and their parameters",
                           model->file, of->at[k]);
        chosen[t] = true;
    }
    return CR_OK;
}

cr_status cr_job_randomise(cr_job *job, int m, const char *const *layers, int n_layers,
                           int (*find)(const void *user, const char *name), const void *user,
                           int *n, cr_error *err)
{
    cr_status status = CR_OK;
    bool *chosen = cr_alloc((size_t)n_layers, sizeof *chosen);
    *n = 0;
    if (!chosen)
        CR_TRY(cr_fail_memory(err, "layers", (size_t)n_layers, sizeof *chosen));
    CR_TRY(choose_layers(&job->models[m], n_layers, find, user, chosen, err));
    for (int t = 0; t < n_layers; t++)
        if (chosen[t] && strlen(layers[t]) >= CR_NAME_BYTES)
            CR_TRY(cr_fail(err, CR_EINPUT, "%s: the name of layer %.60s... is too long",
                           job->models[m].file, layers[t]));
    for (int t = n_layers - 1; t >= 0; t--)
        if (chosen[t])
            CR_TRY(add_layer(job, m, m + 1 + (*n)++, layers, n_layers, t, err));
    if (job->models[m].randomise.logit)
        CR_TRY(add_logit(job, m, m + 1 + (*n)++, err));

cleanup:
    free(chosen);
    return status;
}
