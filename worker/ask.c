/* Metrics that ask the network again. What they ask for all maps of an image goes through the network one
 * behind the other, so that its batches are full; the bits of an answer do not depend on that. What asks the
 * method, too, goes by itself: only that method runs for it, and for one class. */
#include "ask.h"

#include "score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A metric for a map of a variant. */
typedef struct inquiry {
    const cr_metric_asking *asking;
    cr_metric_question question;
    int metric, variant;
    int32_t class;
    int32_t explained; /* class that the map is of */
    int first, n;      /* its passes among all of those that ask the network alone */
    bool is_finite;
    cr_real black[CR_MAX_CHANNELS], white[CR_MAX_CHANNELS];
    void *values[CR_METRIC_MAX_COLUMNS];
} inquiry;

/* For the maps of changed inputs. */
typedef struct again {
    float **maps;   /* [n_variants] of the model that has most: one is not NULL */
    float *small;   /* [slice] maps of a variant */
    float *map;     /* one as large as the input */
    double *scores; /* [slice] likewise */
    int32_t *classes;
    uint64_t *seeds;
} again;

struct cr_ask {
    const cr_results_plan *plan;
    int n_classes;
    cr_real *inputs, *logits; /* of a slice */
    int *rows;                /* likewise */
    inquiry *inquiries;       /* of an image */
    char *block;              /* maps at the size of the input, and scratch, of these */
    again again;              /* of a plan with a metric that asks the method */
    cr_arena arena;
};

/* The metric at this place, where the plan has it and it asks; else NULL. */
static const cr_metric_asking *asking_of(const cr_results_plan *plan, int metric)
{
    return cr_results_has_metric(plan, metric) ? cr_metrics[metric]->asking : NULL;
}

bool cr_ask_any(const cr_results_plan *plan)
{
    bool any = false;
    for (int m = 0; cr_metrics[m]; m++)
        any = any || asking_of(plan, m);
    return any;
}

static bool any_again(const cr_results_plan *plan)
{
    bool any = false;
    for (int m = 0; cr_metrics[m]; m++)
        any = any || (asking_of(plan, m) && asking_of(plan, m)->take_map);
    return any;
}

bool cr_ask_wants_segments(const cr_results_plan *plan)
{
    bool any = false;
    for (int m = 0; cr_metrics[m]; m++)
        any = any || (asking_of(plan, m) && cr_metrics[m]->wants_segments &&
                      cr_metrics[m]->wants_segments(plan->metrics[m].parameters.bytes));
    return any;
}

double cr_ask_passes(const cr_results_plan *plan, const cr_input_spec *input,
                     const cr_variant *variant)
{
    double n = 0;
    for (int m = 0; cr_metrics[m]; m++)
        if (asking_of(plan, m))
            n += asking_of(plan, m)->n_passes(plan->metrics[m].parameters.bytes, input->width,
                                              input->height) *
                 (asking_of(plan, m)->take_map ? cr_variant_passes_anew(variant) : 1);
    return n;
}

double cr_ask_work(const cr_results_plan *plan, const cr_input_spec *input)
{
    double n = 0;
    for (int m = 0; cr_metrics[m]; m++)
        if (asking_of(plan, m) && asking_of(plan, m)->work)
            n += asking_of(plan, m)->work(plan->metrics[m].parameters.bytes, input->width,
                                          input->height);
    return n;
}

static size_t whole_lines(size_t n_bytes)
{
    return (n_bytes + 63) / 64 * 64;
}

static size_t input_values(const cr_model *model)
{
    return cr_model_input_bytes(model) / (size_t)model->slice / sizeof(cr_real);
}

static int count_channels(const cr_model *model)
{
    return (int)(input_values(model) / (size_t)model->input.width / (size_t)model->input.height);
}

static size_t map_bytes(const cr_model *model)
{
    return whole_lines((size_t)model->input.width * (size_t)model->input.height * sizeof(float));
}

static size_t scratch_bytes(const cr_results_plan *plan, int m, const cr_model *model)
{
    const cr_metric_asking *asking = asking_of(plan, m);
    return asking->scratch
               ? whole_lines(asking->scratch(plan->metrics[m].parameters.bytes, model->input.width,
                                             model->input.height, count_channels(model)))
               : 0;
}

/* What the maps of an image need, of the variants of one group. */
static size_t group_bytes(const cr_results_plan *plan, const cr_model *model, int group, size_t *n)
{
    size_t bytes = 0;
    *n = 0;
    for (int v = 0; v < model->n_variants; v++)
        for (int m = 0; model->group[v] == group && cr_metrics[m]; m++)
            if (asking_of(plan, m)) {
                bytes += map_bytes(model) + scratch_bytes(plan, m, model);
                ++*n;
            }
    return bytes;
}

/* Room for the maps of any variant of the models. */
static bool take_again(cr_ask *ask, const cr_model *models, int n_models, size_t slice)
{
    size_t small = 0, large = 0, variants = 0;
    again *to = &ask->again;
    for (int i = 0; i < n_models; i++) {
        const cr_model *model = &models[i];
        large = map_bytes(model) > large ? map_bytes(model) : large;
        variants = (size_t)model->n_variants > variants ? (size_t)model->n_variants : variants;
        for (int v = 0; v < model->n_variants; v++) {
            const size_t n = (size_t)model->variants[v].width * (size_t)model->variants[v].height;
            small = n > small ? n : small;
        }
    }
    to->maps = cr_arena_alloc(&ask->arena, variants, sizeof *to->maps);
    to->small = cr_arena_alloc(&ask->arena, slice * small, sizeof *to->small);
    to->map = cr_arena_alloc(&ask->arena, large, 1);
    to->scores = cr_arena_alloc(&ask->arena, slice, sizeof *to->scores);
    to->classes = cr_arena_alloc(&ask->arena, slice, sizeof *to->classes);
    to->seeds = cr_arena_alloc(&ask->arena, slice, sizeof *to->seeds);
    return to->maps && to->small && to->map && to->scores && to->classes && to->seeds;
}

cr_status cr_ask_new(const cr_results_plan *plan, const cr_model *models, int n_models,
                     int n_classes, cr_ask **result, cr_error *err)
{
    size_t inputs = 0, slice = 0, inquiries = 0, bytes = 0;
    *result = NULL;
    if (!cr_ask_any(plan))
        return CR_OK;
    for (int i = 0; i < n_models; i++) {
        const size_t n_inputs = cr_model_input_bytes(&models[i]) / sizeof(cr_real);
        inputs = n_inputs > inputs ? n_inputs : inputs;
        slice = (size_t)models[i].slice > slice ? (size_t)models[i].slice : slice;
        for (int group = 0; group < models[i].n_groups; group++) {
            size_t n;
            const size_t n_bytes = group_bytes(plan, &models[i], group, &n);
            bytes = n_bytes > bytes ? n_bytes : bytes;
            inquiries = n > inquiries ? n : inquiries;
        }
    }
    cr_ask *ask = cr_alloc(1, sizeof *ask);
    if (!ask)
        return cr_fail_memory(err, "metrics", 1, sizeof *ask);
    ask->plan = plan;
    ask->n_classes = n_classes;
    ask->inputs = cr_arena_alloc(&ask->arena, inputs, sizeof *ask->inputs);
    ask->logits = cr_arena_alloc(&ask->arena, slice * (size_t)n_classes, sizeof *ask->logits);
    ask->rows = cr_arena_alloc(&ask->arena, slice, sizeof *ask->rows);
    ask->inquiries = cr_arena_alloc(&ask->arena, inquiries, sizeof *ask->inquiries);
    ask->block = cr_arena_alloc(&ask->arena, bytes + 64, 1);
    if (!ask->inputs || !ask->logits || !ask->rows || !ask->inquiries || !ask->block ||
        (any_again(plan) && !take_again(ask, models, n_models, slice))) {
        cr_ask_free(ask);
        return cr_fail_memory(err, "metrics of an image", bytes, 1);
    }
    *result = ask;
    return CR_OK;
}

void cr_ask_free(cr_ask *ask)
{
    if (!ask)
        return;
    cr_arena_free(&ask->arena);
    free(ask);
}

void cr_ask_hold_inputs(cr_ask *ask, const cr_model *model, int n)
{
    memcpy(ask->inputs, cr_net_input(cr_explainer_net(model->explainer)),
           (size_t)n * input_values(model) * sizeof *ask->inputs);
    for (int i = 0; i < n; i++)
        ask->rows[i] = cr_net_row(cr_explainer_net(model->explainer), i);
}

void cr_ask_hold_logits(cr_ask *ask, const cr_model *model, int n)
{
    memcpy(ask->logits, cr_net_logits(cr_explainer_net(model->explainer)),
           (size_t)n * (size_t)ask->n_classes * sizeof *ask->logits);
}

/* Of a network that ends in a sigmoid, the class's own. */
static double probability(const cr_model *model, const cr_real *logits, int n_classes,
                          int32_t class)
{
    double score;
    if (cr_model_is_independent(model))
        return 1 / (1 + exp(-(double)logits[class]));
    cr_scores(CR_SCORE_PROBABILITY, logits, n_classes, &class, 1, &score);
    return score;
}

typedef struct asked {
    const cr_ask *ask;
    const cr_model *model;
    inquiry *filled, *taken; /* the present ones */
} asked;

static inquiry *find(inquiry **present, int k)
{
    while ((*present)->asking->take_map || k >= (*present)->first + (*present)->n)
        ++*present;
    return *present;
}

static void fill(const void *user, int k, cr_real *to)
{
    asked *of = *(asked *const *)user;
    const inquiry *i = find(&of->filled, k);
    i->asking->fill(&i->question, k - i->first, to);
}

static void take(const void *user, int k, const cr_real *logits)
{
    asked *of = *(asked *const *)user;
    inquiry *i = find(&of->taken, k);
    const double score = probability(of->model, logits, of->ask->n_classes, i->class);
    i->is_finite = i->is_finite && isfinite(score);
    i->asking->take(&i->question, k - i->first, score);
}

/* The map of a class at the size of the input. */
static cr_status enlarge(const cr_model *model, int v, const float *values, float *to,
                         cr_loc_workspace *workspace, cr_error *err)
{
    const cr_variant *variant = &model->variants[v];
    const int width = model->input.width, height = model->input.height;
    const cr_view whole = {.region = {0, 0, width, height}};
    const cr_loc_map map = {
        values, variant->width, variant->height, cr_method_form(&variant->spec.parameters)->scaling,
        1,      &whole};
    return cr_loc_upsample(&map, CR_UPSAMPLING_BILINEAR, width, height, to, workspace, err);
}

static void find_limits(const cr_model *model, cr_real *black, cr_real *white)
{
    double low[CR_MAX_CHANNELS], high[CR_MAX_CHANNELS];
    cr_input_limits(&model->input, low, high);
    for (int c = 0; c < count_channels(model); c++) {
        black[c] = (cr_real)low[c];
        white[c] = (cr_real)high[c];
    }
}

static void begin(const cr_ask *ask, const cr_model *model, const cr_ask_image *image, int v, int m,
                  char *block, inquiry *i)
{
    const cr_metric_parameters *parameters = &ask->plan->metrics[m].parameters;
    const cr_real *logits = ask->logits + (size_t)image->place * (size_t)ask->n_classes;
    const int slot = cr_metric_class_of(parameters) == CR_METRIC_CLASS_TRUTH ? CR_SLOT_TRUTH : 0;
    *i = (inquiry){.asking = cr_metrics[m]->asking, .metric = m, .variant = v, .is_finite = true};
    i->class = image->classes[slot];
    i->explained = image->explained[slot];
    find_limits(model, i->black, i->white);
    i->n = i->asking->n_passes(parameters->bytes, model->input.width, model->input.height);
    cr_score_find_values(ask->plan, &image->variants[v], m, image->b, i->values);
    i->question = (cr_metric_question){
        .parameters = parameters->bytes,
        .height = model->input.height,
        .width = model->input.width,
        .n_channels = count_channels(model),
        .input = ask->inputs + (size_t)image->place * input_values(model),
        .black = i->black,
        .white = i->white,
        .segments = image->segments,
        .map = (const float *)(const void *)block,
        .score = probability(model, logits, ask->n_classes, i->class),
        .seed = image->seed,
        .scratch = block + map_bytes(model),
        .values = i->values,
    };
    if (i->asking->begin)
        i->asking->begin(&i->question);
}

static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* Takes the scores and the maps of n changed inputs, the first of which is number `first`. */
static cr_status take_maps(const cr_ask *ask, const cr_model *model, inquiry *i, int first, int n,
                           cr_loc_workspace *workspace, cr_error *err)
{
    const cr_variant *variant = &model->variants[i->variant];
    const size_t places = (size_t)variant->width * (size_t)variant->height;
    for (int k = 0; k < n; k++) {
        const float *small = ask->again.small + (size_t)k * places;
        i->is_finite = i->is_finite && isfinite(ask->again.scores[k]) && all_finite(small, places);
        if (!i->is_finite)
            return CR_OK;
        CR_OR_RETURN(enlarge(model, i->variant, small, ask->again.map, workspace, err));
        i->asking->take_map(&i->question, first + k, ask->again.scores[k], ask->again.map);
    }
    return CR_OK;
}

/* What an inquiry asks of the method, whose other inputs are as many as go through the network together. */
static cr_status ask_again(const cr_ask *ask, const cr_model *model, const cr_ask_image *image,
                           inquiry *i, cr_loc_workspace *workspace, cr_error *err)
{
    const again *to = &ask->again;
    cr_net *net = cr_explainer_net(model->explainer);
    for (int v = 0; v < model->n_variants; v++)
        to->maps[v] = v == i->variant ? to->small : NULL;
    for (int first = 0, n; first < i->n; first += n) {
        n = i->n - first < model->slice ? i->n - first : model->slice;
        for (int k = 0; k < n; k++) {
            i->asking->fill(&i->question, first + k,
                            cr_net_input(net) + (size_t)k * input_values(model));
            cr_net_set_row(net, k, ask->rows[image->place]);
            to->classes[k] = i->explained;
            to->seeds[k] = image->seed;
        }
        cr_net_forward(net, n);
        if (cr_explainer_is_abandoned(model->explainer))
            return CR_OK;
        for (int k = 0; k < n; k++)
            to->scores[k] =
                probability(model, cr_net_logits(net) + (size_t)k * (size_t)ask->n_classes,
                            ask->n_classes, i->class);
        cr_explainer_use_segments(model->explainer, image->segments, true);
        cr_explainer_use_slots(model->explainer, 1);
        cr_explainer_run(model->explainer, n, 1, to->classes, to->seeds, to->maps);
        cr_explainer_use_slots(model->explainer, CR_SLOTS);
        if (cr_explainer_is_abandoned(model->explainer))
            return CR_OK;
        CR_OR_RETURN(take_maps(ask, model, i, first, n, workspace, err));
    }
    return CR_OK;
}

/* What all inquiries ask of the network alone. */
static void ask_network(const cr_ask *ask, const cr_model *model, const cr_ask_image *image,
                        int n_passes)
{
    asked of = {ask, model, ask->inquiries, ask->inquiries}, *user = &of;
    const cr_passes passes = cr_explainer_passes(model->explainer, ask->inquiries[0].question.input,
                                                 ask->rows[image->place]);
    cr_passes_run(&passes, n_passes, fill, take, &user);
}

cr_status cr_ask_image_maps(cr_ask *ask, const cr_model *model, const cr_ask_image *image,
                            bool *wanted, const char **culprit, cr_loc_workspace *workspace,
                            cr_error *err)
{
    int n = 0, n_passes = 0;
    char *block = (char *)(((uintptr_t)ask->block + 63) / 64 * 64);
    for (int v = 0; v < model->n_variants; v++) {
        const size_t places = (size_t)model->variants[v].width * (size_t)model->variants[v].height;
        for (int m = 0; wanted[v] && cr_metrics[m]; m++) {
            if (!asking_of(ask->plan, m))
                continue;
            const bool of_truth =
                cr_metric_class_of(&ask->plan->metrics[m].parameters) == CR_METRIC_CLASS_TRUTH;
            if (of_truth && !image->has_label)
                continue;
            const size_t slot = (size_t)image->b * CR_SLOTS + (of_truth ? CR_SLOT_TRUTH : 0);
            CR_OR_RETURN(enlarge(model, v, image->variants[v].maps + slot * places,
                                 (float *)(void *)block, workspace, err));
            begin(ask, model, image, v, m, block, &ask->inquiries[n]);
            ask->inquiries[n].first = n_passes;
            n_passes += ask->inquiries[n].asking->take_map ? 0 : ask->inquiries[n].n;
            n++;
            block += map_bytes(model) + scratch_bytes(ask->plan, m, model);
        }
    }
    if (n_passes > 0)
        ask_network(ask, model, image, n_passes);
    for (int k = 0; k < n && !cr_explainer_is_abandoned(model->explainer); k++) {
        inquiry *i = &ask->inquiries[k];
        if (i->asking->take_map)
            CR_OR_RETURN(ask_again(ask, model, image, i, workspace, err));
        if (i->asking->end && i->is_finite)
            i->asking->end(&i->question);
        if (!i->is_finite) {
            wanted[i->variant] = false;
            *culprit = cr_metrics[i->metric]->name;
        }
    }
    return CR_OK;
}
