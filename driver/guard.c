/* The orders in which classes can be confused, counted at the end of a run. The run is refused only
 * where another order explains what chance does not; near chance alone gets a line. */
#include "guard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICE 256
#define LEAST_WRONG 10 /* images, all of them wrong, that are worth a line */

/* How the top-1 class p of an image and its label l are compared: o is another order. */
enum { STATED, NETWORK_DEVKIT, LABELS_DEVKIT, NETWORK_SORTED, LABELS_SORTED, N_READINGS };

static const char *const readings[N_READINGS] = {
    [STATED] = "the stated order",
    [NETWORK_DEVKIT] = "the network's classes in the order of devkit ids",
    [LABELS_DEVKIT] = "the labels in the order of devkit ids",
    [NETWORK_SORTED] = "the network's classes in the order of sorted wnids",
    [LABELS_SORTED] = "the labels in the order of sorted wnids",
};

/* Counts of one model: images done, and those right under each reading. */
typedef struct counts {
    int64_t n_done, right[N_READINGS];
} counts;

#define N_COUNTS ((int)(sizeof(counts) / sizeof(int64_t)))

typedef struct orders {
    int32_t *devkit, *sorted; /* [n_classes], NULL where not known or the list's own */
} orders;

static cr_status find_orders(const cr_dataset *data, orders *o, cr_error *err)
{
    const size_t n = (size_t)data->n_classes;
    o->devkit = cr_alloc(n, sizeof *o->devkit);
    o->sorted = cr_alloc(n, sizeof *o->sorted);
    if (!o->devkit || !o->sorted)
        return cr_fail_memory(err, "an order of classes", n, sizeof *o->devkit);
    if (!cr_data_devkit_order(data, o->devkit)) {
        free(o->devkit);
        o->devkit = NULL;
    }
    if (!cr_data_sorted_order(data, o->sorted)) {
        free(o->sorted);
        o->sorted = NULL;
    }
    return CR_OK;
}

static void count_image(const orders *o, int32_t top, int32_t label, counts *c)
{
    c->n_done++;
    c->right[STATED] += top == label;
    if (o->devkit) {
        c->right[NETWORK_DEVKIT] += o->devkit[top] == label;
        c->right[LABELS_DEVKIT] += o->devkit[label] == top;
    }
    if (o->sorted) {
        c->right[NETWORK_SORTED] += o->sorted[top] == label;
        c->right[LABELS_SORTED] += o->sorted[label] == top;
    }
}

/* This rank's share of the images of one model. Local. */
static cr_status count_model(cr_results *results, const orders *o, int model, int first, int last,
                             counts *c, cr_error *err)
{
    const cr_dataset *data = cr_results_get_data(results);
    uint8_t state[SLICE];
    int32_t top_class[SLICE][CR_TOP];
    cr_results_rows rows = {.state = state, .top_class = top_class[0]};
    for (rows.first = first; rows.first < last; rows.first += rows.n) {
        rows.n = last - rows.first < SLICE ? last - rows.first : SLICE;
        CR_OR_RETURN(cr_results_read(results, model, &rows, err));
        for (int i = 0; i < rows.n; i++)
            if (state[i] == CR_ROW_DONE && top_class[i][0] >= 0 &&
                data->images[rows.first + i].label >= 0)
                count_image(o, top_class[i][0], data->images[rows.first + i].label, c);
    }
    return CR_OK;
}

/* The probability that at most k of n are right, each with probability p, exactly. */
static double binomial(int64_t k, int64_t n, double p)
{
    double sum = 0;
    for (int64_t i = 0; i <= k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) +
                   (double)i * log(p) + (double)(n - i) * log1p(-p));
    return fmin(sum, 1);
}

static bool is_near_chance(int64_t right, int64_t n, int n_classes)
{
    const double chance = 1.0 / n_classes;
    const double near = fmin(5 * chance, chance + (1 - chance) / 10);
    return (double)right < near * (double)n &&
           binomial(right, n, chance + (1 - chance) / 4) < 0.001;
}

/* Whether another reading explains what the stated one does not. */
static bool explains(int64_t right, int64_t stated, int64_t n, int n_classes)
{
    const double chance = 1.0 / n_classes;
    return right >= 10 && right >= 10 * stated &&
           (double)right >= fmin(20 * chance, 0.75) * (double)n &&
           /* more than chance: the others are fewer than chance would leave */
           binomial(n - right, n, 1 - chance) < 1e-6;
}

/* What is to be said of a model, "MODEL: ...", or "" for nothing; *wrong where another order of classes explains
 * its results. `why` is what cr_guard_logits finds. */
static void judge_order(const char *model, const counts *c, int n_classes, bool has_devkit,
                        const char *why, char line[CR_GUARD_LINE], bool *wrong)
{
    const int64_t stated = c->right[STATED];
    const bool none = stated == 0 && c->n_done >= LEAST_WRONG;
    int best = STATED;
    if (n_classes < 2 || !(none || is_near_chance(stated, c->n_done, n_classes)))
        return;
    for (int i = 1; i < N_READINGS; i++)
        best = c->right[i] > c->right[best] ? i : best;
    const double percent = 100.0 / (double)c->n_done;
    const int64_t right = c->right[best];
    *wrong = explains(right, stated, c->n_done, n_classes);
    if (*wrong)
        snprintf(line, CR_GUARD_LINE,
                 "model %s: the order of classes is wrong: top-1 accuracy is %.2f %% in the "
                 "stated order (dataset.synsets), but %.2f %% with %s",
                 model, (double)stated * percent, (double)right * percent, readings[best]);
    else if (!why[0] && (none || c->n_done >= 100))
        snprintf(line, CR_GUARD_LINE,
                 "model %s: top-1 accuracy is %.2f %% over %lld images, near chance; is "
                 "dataset.synsets in the order of the network's classes%s?",
                 model, (double)stated * percent, (long long)c->n_done,
                 has_devkit ? "" : " (with dataset.devkit_synsets this is found out)");
}

/* Reads the logits of all images. Local. */
static cr_status judge_model(cr_results *results, int m, const counts *c, bool has_devkit,
                             const char *arithmetic, char line[CR_GUARD_LINE], bool *wrong,
                             cr_error *err)
{
    const cr_results_model *model = &cr_results_get_plan(results)->models[m];
    char why[CR_GUARD_TEXT] = "";
    line[0] = 0;
    *wrong = false;
    if (model->randomised[0]) /* chance is what is wanted there */
        return CR_OK;
    CR_OR_RETURN(cr_guard_logits(results, m, why, err));
    judge_order(model->name, c, cr_results_get_data(results)->n_classes, has_devkit, why, line,
                wrong);
    if (why[0] && !*wrong)
        snprintf(line, CR_GUARD_LINE,
                 "model %s: %s; are range, mean and std of its input those of its training "
                 "(pixels of 0 to 1, or of 0 to 255), and its weights trained ones?%s%s",
                 model->name, why, arithmetic[0] ? " On top of them " : "", arithmetic);
    return CR_OK;
}

/* Rank 0 judges, so that the result does not depend on the number of ranks. */
static cr_status tell_of_model(const cr_par *par, cr_results *results, int m, const counts *c,
                               bool has_devkit, const char *arithmetic, cr_error *err)
{
    cr_status status = CR_OK;
    char line[CR_GUARD_LINE];
    bool wrong;
    if (par->rank == 0) {
        status = judge_model(results, m, c, has_devkit, arithmetic, line, &wrong, err);
        if (status == CR_OK && wrong)
            status = cr_fail(err, CR_EINPUT, "%s", line);
        else if (status == CR_OK && line[0])
            fprintf(stderr, "camrank: %s\n", line);
    }
    return cr_par_follow(par, status, err);
}

cr_status cr_guard_results(const cr_par *par, cr_results *results, const cr_session *session,
                           cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = cr_results_get_data(results);
    const cr_results_plan *plan = cr_results_get_plan(results);
    int first, last;
    orders o = {0};
    counts *c = cr_alloc((size_t)plan->n_models, sizeof *c);
    cr_par_part(par, data->n_images, CR_RESULTS_SHARE, &first, &last);
    status = c ? find_orders(data, &o, err)
               : cr_fail_memory(err, "counting", (size_t)plan->n_models, sizeof *c);
    CR_TRY(cr_par_agree(par, status, err));
    CR_TRY(cr_results_flush(results, err));
    for (int m = 0; m < plan->n_models && status == CR_OK; m++)
        status = count_model(results, &o, m, first, last, &c[m], err);
    CR_TRY(cr_par_agree(par, status, err));
    CR_TRY(cr_par_sum(par, (int64_t *)c, plan->n_models * N_COUNTS, err));
    for (int m = 0; m < plan->n_models; m++)
        CR_TRY(tell_of_model(par, results, m, &c[m], o.devkit, session->models[m].arithmetic, err));

cleanup:
    free(o.devkit);
    free(o.sorted);
    free(c);
    return status;
}

cr_status cr_guard_doubts(cr_results *results, char **text, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = cr_results_get_data(results);
    orders o = {0};
    size_t bytes;
    FILE *out = open_memstream(text, &bytes);
    if (!out)
        return cr_fail(err, CR_EINTERNAL, "out of memory: lines");
    CR_TRY(find_orders(data, &o, err));
    for (int m = 0; m < cr_results_get_plan(results)->n_models; m++) {
        counts c = {0};
        char line[CR_GUARD_LINE];
        bool wrong;
        CR_TRY(count_model(results, &o, m, 0, data->n_images, &c, err));
        CR_TRY(judge_model(results, m, &c, o.devkit, "", line, &wrong, err));
        if (line[0])
            fprintf(out, "%s\n", line);
    }

cleanup:
    free(o.devkit);
    free(o.sorted);
    if (fclose(out) != 0 && status == CR_OK)
        status = cr_fail(err, CR_EINTERNAL, "out of memory: lines");
    return status;
}
