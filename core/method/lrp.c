/* Layer-wise relevance propagation: the logit, shared out layer by layer among what it was computed from, at the
 * input or stopped at any layer. A composite says which rule is followed through which kind of layer. */
#include "internal.h"

enum {
    EPSILON_PLUS,
    EPSILON_ALPHA2_BETA1,
    EPSILON_GAMMA_BOX,
    EPSILON,
    GAMMA,
    Z_PLUS,
    ALPHA_BETA,
    FLAT
};

enum { FIRST_AS_COMPOSITE, FIRST_FLAT, FIRST_Z_BOX };
enum { FROM_LOGIT, FROM_ONE };

typedef struct lrp {
    cr_map_form form;
    int composite, first, from;
    double epsilon, stabilizer, gamma, alpha;
} lrp;

static void rules(const void *parameters, cr_relevance *rules)
{
    static const struct {
        cr_relevance_rule conv, dense;
    } of[] = {
        [EPSILON_PLUS] = {CR_RELEVANCE_ALPHA_BETA, CR_RELEVANCE_EPSILON},
        [EPSILON_ALPHA2_BETA1] = {CR_RELEVANCE_ALPHA_BETA, CR_RELEVANCE_EPSILON},
        [EPSILON_GAMMA_BOX] = {CR_RELEVANCE_GAMMA, CR_RELEVANCE_EPSILON},
        [EPSILON] = {CR_RELEVANCE_EPSILON, CR_RELEVANCE_EPSILON},
        [GAMMA] = {CR_RELEVANCE_GAMMA, CR_RELEVANCE_GAMMA},
        [Z_PLUS] = {CR_RELEVANCE_ALPHA_BETA, CR_RELEVANCE_ALPHA_BETA},
        [ALPHA_BETA] = {CR_RELEVANCE_ALPHA_BETA, CR_RELEVANCE_ALPHA_BETA},
        [FLAT] = {CR_RELEVANCE_FLAT, CR_RELEVANCE_FLAT},
    };
    const lrp *p = parameters;
    const bool is_box = p->first == FIRST_Z_BOX ||
                        (p->first == FIRST_AS_COMPOSITE && p->composite == EPSILON_GAMMA_BOX);
    rules->conv = of[p->composite].conv;
    rules->dense = of[p->composite].dense;
    rules->has_first = is_box || p->first == FIRST_FLAT;
    rules->first = is_box ? CR_RELEVANCE_Z_BOX : CR_RELEVANCE_FLAT;
    rules->epsilon = p->epsilon;
    rules->stabilizer = p->stabilizer;
    rules->gamma = p->gamma;
    rules->alpha = p->composite == EPSILON_ALPHA2_BETA1 ? 2
                   : p->composite == ALPHA_BETA         ? p->alpha
                                                        : 1;
}

/* Sums of an image's layers, and what is shared out among their inputs for each slot: convolutions as large as the
 * layer's own, of its positive and of its negative weights where the rule tells them apart. */
static double n_passes_back(const void *parameters, int n_slots)
{
    cr_relevance r = {0};
    rules(parameters, &r);
    const bool is_signed = r.conv == CR_RELEVANCE_ALPHA_BETA || r.conv == CR_RELEVANCE_GAMMA;
    const bool crosses = r.conv == CR_RELEVANCE_GAMMA || (is_signed && r.alpha != 1);
    return (is_signed ? 2 : 1) + (crosses ? 2 : 1) * n_slots;
}

static void seed(const void *parameters, const cr_real *logits, int n_classes, int c, cr_real *seed)
{
    (void)n_classes;
    seed[c] = ((const lrp *)parameters)->from == FROM_ONE ? 1 : logits[c];
}

static void run(const cr_method_run *run)
{
    const cr_channel_form sum = {.channels = CR_CHANNELS_SUM};
    cr_run_saliency(run, &sum);
}

static const char *const composites[] = {"epsilon-plus",
                                         "epsilon-alpha2-beta1",
                                         "epsilon-gamma-box",
                                         "epsilon",
                                         "gamma",
                                         "z-plus",
                                         "alpha-beta",
                                         "flat",
                                         NULL};
static const char *const firsts[] = {"composite", "flat", "z-box", NULL};
static const char *const starts[] = {"logit", "one", NULL};

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    {"composite", CR_PARAMETER_WORD, .offset = offsetof(lrp, composite), .words = composites,
     .help = "the rules: of fully connected layers and of convolutions, or one of both"},
    {"first", CR_PARAMETER_WORD, .offset = offsetof(lrp, first), .words = firsts,
     .help = "the rule of the first layer: the composite's, or another"},
    {"from", CR_PARAMETER_WORD, .offset = offsetof(lrp, from), .words = starts,
     .help = "what is shared out"},
    {"epsilon", CR_PARAMETER_NUMBER, .offset = offsetof(lrp, epsilon), .most = 1e6,
     .fallback = 1e-6, .help = "of the rule of that name"},
    {"stabilizer", CR_PARAMETER_NUMBER, .offset = offsetof(lrp, stabilizer), .most = 1e6,
     .fallback = 1e-6, .help = "added to the denominators of all other rules, with their sign"},
    {"gamma", CR_PARAMETER_NUMBER, .offset = offsetof(lrp, gamma), .most = 1e6, .fallback = .25,
     .help = "how much more counts what has the output's sign"},
    {"alpha", CR_PARAMETER_NUMBER, .offset = offsetof(lrp, alpha), .least = 1, .most = 100,
     .fallback = 2, .help = "of alpha-beta: the share of what is positive; beta is alpha - 1"},
};

const cr_method cr_method_lrp = {
    .name = "lrp",
    .source = "Bach et al., PLoS ONE 10, 2015; composites: Montavon et al., 2019",
    .formula =
        "ReLU(sum_k R_k), R_i = sum_j R_j (a_i w_ij) / (sum_i a_i w_ij) by each layer's rule",
    .needs = CR_NEEDS_GRADIENTS,
    .from_input = true,
    .parameters = CR_PARAMETERS(parameters),
    .relevance = rules,
    .seed = seed,
    .n_passes_back = n_passes_back,
    .cost = "2 or 3, and 1 or 2 for each class",
    .run = run,
};
