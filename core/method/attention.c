/* Methods of transformers, made of the attention among the tokens: of one block, of all blocks multiplied
 * (rollout), weighted by its gradients (Chefer et al.), times a map of the class (TS-CAM), or of the gradients
 * alone, block by block (LeGrad). Only the row of the
 * token that the head reads is wanted of a product of matrices, so that one vector goes through the blocks,
 * the last first. */
#include "internal.h"

#include <string.h>

enum { MEAN, MAXIMUM, MINIMUM };
enum { OF_TOKEN, OF_PLACES };

enum { POOLS_MEAN, POOLS_AS_HEAD };

typedef struct attention {
    cr_map_form form;
    int heads, query, block, pool;
} attention;

/* Weights of a query for all keys: one row of what becomes of the heads. */
typedef void (*row_fn)(const cr_method_run *run, int block, int slot, int query, double *row);

static const cr_real *weights_of(const cr_look *look, const cr_real *of, int head, int query)
{
    const cr_attention *a = look->attention;
    return of + (size_t)head * a->head_step + (size_t)query * a->query_step;
}

/* The heads' mean, maximum or minimum. */
static void join_heads(const cr_method_run *run, int block, int slot, int query, double *row)
{
    const attention *p = run->parameters;
    const cr_look *look = &run->looks[block];
    const int n = look->attention->n_tokens, n_heads = look->attention->n_heads;
    (void)slot;
    for (int head = 0; head < n_heads; head++) {
        const cr_real *w = weights_of(look, look->weights, head, query);
        for (int k = 0; k < n; k++) {
            const double v = (double)w[k];
            row[k] = head == 0             ? v
                     : p->heads == MAXIMUM ? (v > row[k] ? v : row[k])
                     : p->heads == MINIMUM ? (v < row[k] ? v : row[k])
                                           : row[k] + v;
        }
    }
    for (int k = 0; p->heads == MEAN && k < n; k++)
        row[k] /= n_heads;
}

/* Half a block's attention and half what goes by it, of sum 1. */
static void with_residual(const cr_method_run *run, int block, int slot, int query, double *row)
{
    const int n = run->looks[block].attention->n_tokens;
    double sum = 0;
    join_heads(run, block, slot, query, row);
    row[query] += 1;
    for (int k = 0; k < n; k++)
        sum += row[k];
    for (int k = 0; k < n; k++)
        row[k] /= sum;
}

/* I + the mean over the heads of [g A]+. */
static void with_gradients(const cr_method_run *run, int block, int slot, int query, double *row)
{
    const cr_look *look = &run->looks[block];
    const int n = look->attention->n_tokens, n_heads = look->attention->n_heads;
    memset(row, 0, (size_t)n * sizeof *row);
    for (int head = 0; head < n_heads; head++) {
        const cr_real *w = weights_of(look, look->weights, head, query);
        const cr_real *g =
            weights_of(look, look->gradients + (size_t)slot * look->attention->size, head, query);
        for (int k = 0; k < n; k++) {
            const double product = (double)g[k] * (double)w[k];
            row[k] += (product < 0 ? 0 : product) / n_heads; /* NaN stays */
        }
    }
    row[query] += 1;
}

/* In the scratch: a vector, what it becomes, a row, of as many as there are tokens. */
static double *vector_of(const cr_method_run *run)
{
    return (double *)(void *)run->scratch;
}

static int n_tokens_of(const cr_method_run *run)
{
    return run->looks[0].attention->n_tokens;
}

/* Which queries the head reads: the first token before the places, or all places alike. */
static void begin(const cr_method_run *run)
{
    const attention *p = run->parameters;
    const int n = n_tokens_of(run), skip = run->looks[0].attention->skip;
    const int n_places = run->height * run->width;
    double *vector = vector_of(run);
    const bool of_token = p->query == OF_TOKEN && skip > 0;
    for (int k = 0; k < n; k++)
        vector[k] = of_token ? k == 0 : k >= skip && k < skip + n_places ? 1. / n_places : 0;
}

/* The vector times the matrix of a block. */
static void multiply(const cr_method_run *run, row_fn row_of, int block, int slot)
{
    const int n = n_tokens_of(run);
    double *vector = vector_of(run), *next = vector + n, *row = next + n;
    memset(next, 0, (size_t)n * sizeof *next);
    for (int query = 0; query < n; query++) {
        if (vector[query] == 0)
            continue;
        row_of(run, block, slot, query, row);
        for (int k = 0; k < n; k++)
            next[k] += vector[query] * row[k];
    }
    memcpy(vector, next, (size_t)n * sizeof *vector);
}

static void end(const cr_method_run *run, cr_real *map)
{
    const double *places = vector_of(run) + run->looks[0].attention->skip;
    for (int i = 0; i < run->height * run->width; i++)
        map[i] = (cr_real)places[i];
}

/* Through all blocks from `block` on, the first being 1. */
static void roll(const cr_method_run *run, row_fn row_of, int slot, cr_real *map)
{
    const attention *p = run->parameters;
    begin(run);
    for (int block = run->n_looks - 1; block >= 0 && block >= p->block - 1; block--)
        multiply(run, row_of, block, slot);
    end(run, map);
}

static void run_raw(const cr_method_run *run)
{
    const int block = ((const attention *)run->parameters)->block;
    begin(run);
    multiply(run, join_heads, block ? block - 1 : run->n_looks - 1, 0);
    end(run, run->maps);
}

static void run_rollout(const cr_method_run *run)
{
    roll(run, with_residual, 0, run->maps);
}

static void run_relevance(const cr_method_run *run)
{
    for (int slot = 0; slot < run->n_slots; slot++)
        roll(run, with_gradients, slot, run->maps + slot * run->height * run->width);
}

static bool pools_mean(const void *parameters)
{
    return ((const attention *)parameters)->pool == POOLS_MEAN;
}

/* What the positive gradients of the attention to each place are, in the mean over heads, queries and blocks. */
static void run_legrad(const cr_method_run *run)
{
    const attention *p = run->parameters;
    const int n_places = run->height * run->width, first = p->block ? p->block - 1 : 0;
    for (int slot = 0; slot < run->n_slots; slot++) {
        double *sums = vector_of(run), n = 0;
        memset(sums, 0, (size_t)n_tokens_of(run) * sizeof *sums);
        for (int block = first; block < run->n_looks; block++) {
            const cr_look *look = &run->looks[block];
            const cr_attention *a = look->attention;
            n += (double)a->n_heads * a->n_tokens;
            for (int i = 0; i < a->n_heads * a->n_tokens; i++) {
                const cr_real *g = weights_of(look, look->gradients + (size_t)slot * a->size,
                                              i / a->n_tokens, i % a->n_tokens);
                for (int k = 0; k < a->n_tokens; k++)
                    sums[k] += (double)cr_positive(g[k]);
            }
        }
        for (int i = 0; i < n_places; i++)
            run->maps[slot * n_places + i] = (cr_real)(sums[run->looks[0].attention->skip + i] / n);
    }
}

/* Cam's maps, each place times the attention that the class token has paid it in all blocks. */
static void run_ts_cam(const cr_method_run *run)
{
    const int n_places = run->height * run->width, n = n_tokens_of(run);
    double *sums = vector_of(run), *row = sums + n;
    cr_method_cam.run(run);
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int block = 0; block < run->n_looks; block++) {
        join_heads(run, block, 0, 0, row);
        for (int k = 0; k < n; k++)
            sums[k] += row[k];
    }
    for (int i = 0; i < run->n_slots * n_places; i++)
        run->maps[i] *= (cr_real)sums[run->looks[0].attention->skip + i % n_places];
}

/* `n_places` are the tokens. */
static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_channels;
    (void)n_slots;
    return cr_reals_of_doubles(3 * (size_t)n_places);
}

static int block_of(const void *parameters)
{
    return ((const attention *)parameters)->block;
}

static const char *const joins[] = {"mean", "maximum", "minimum", NULL};
static const char *const pools[] = {"mean", "head", NULL};
static const char *const queries[] = {"token", "places", NULL};

#define HEADS                                                                             \
    {                                                                                     \
        "heads", CR_PARAMETER_WORD, .offset = offsetof(attention, heads), .words = joins, \
                                    .help = "what becomes of a block's heads"             \
    }

#define QUERY                                                                         \
    {                                                                                 \
        "query", CR_PARAMETER_WORD,                                                   \
            .offset = offsetof(attention, query), .words = queries,                   \
            .help = "whose attention: the first token's, if there is one before the " \
                    "places, or the mean of all places"                               \
    }

#define BLOCK(what)                                                                      \
    {                                                                                    \
        "block", CR_PARAMETER_WHOLE, .offset = offsetof(attention, block), .most = 1000, \
                                     .help = what                                        \
    }

static const cr_parameter of_raw[] = {CR_FORM_PARAMETERS(false, MIN_MAX), HEADS, QUERY,
                                      BLOCK("which, from 1 on; 0: the last")};
static const cr_parameter of_rollout[] = {CR_FORM_PARAMETERS(false, MIN_MAX), HEADS, QUERY,
                                          BLOCK("the first that counts, from 1 on; 0: all do")};
static const cr_parameter of_relevance[] = {CR_FORM_PARAMETERS(false, MIN_MAX), QUERY,
                                            BLOCK("the first that counts, from 1 on; 0: all do")};
static const cr_parameter of_legrad[] = {
    CR_FORM_PARAMETERS(false, MIN_MAX),
    {"pool", CR_PARAMETER_WORD, .offset = offsetof(attention, pool), .words = pools,
     .help =
         "what the head reads of a block's end: the mean of all tokens, or what it always does"},
    BLOCK("the first that counts, from 1 on; 0: all do")};
static const cr_parameter of_ts_cam[] = {CR_FORM_PARAMETERS(false, MIN_MAX), HEADS};

const cr_method cr_method_raw_attention = {
    .name = "raw-attention",
    .source = "Caron et al., ICCV 2021, section 4.2.2",
    .formula = "mean over the heads of a block's attention, row of the class token",
    .needs = CR_NEEDS_ATTENTION,
    .of_image = true,
    .parameters = CR_PARAMETERS(of_raw),
    .scratch = scratch,
    .block = block_of,
    .run = run_raw,
};

const cr_method cr_method_attention_rollout = {
    .name = "attention-rollout",
    .source = "Abnar and Zuidema, ACL 2020, equation 1",
    .formula =
        "row of the class token of (A_L + I)/2 ... (A_1 + I)/2, A_l a block's mean over heads",
    .needs = CR_NEEDS_ATTENTION,
    .of_image = true,
    .parameters = CR_PARAMETERS(of_rollout),
    .scratch = scratch,
    .block = block_of,
    .run = run_rollout,
};

const cr_method cr_method_attention_relevance = {
    .name = "attention-relevance",
    .source = "Chefer et al., ICCV 2021, equations 5 and 6",
    .formula =
        "row of the class token of (I + B_L) ... (I + B_1), B_l = mean over heads of max(g A, 0)",
    .needs = CR_NEEDS_ATTENTION | CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(of_relevance),
    .scratch = scratch,
    .block = block_of,
    .run = run_relevance,
};

const cr_method cr_method_ts_cam = {
    .name = "ts-cam",
    .source = "Gao et al., ICCV 2021, equations 5 to 7",
    .formula = "cam's map, times the class token's attention, summed over the blocks",
    .needs = CR_NEEDS_ATTENTION | CR_NEEDS_HEAD,
    .parameters = CR_PARAMETERS(of_ts_cam),
    .scratch = scratch,
    .run = run_ts_cam,
};

const cr_method cr_method_legrad = {
    .name = "legrad",
    .source = "Bousselham et al., ICCV 2025",
    .formula = "mean over blocks l, heads and queries of max(dy_l/dA_l, 0), y_l what the head says "
               "of block l's end",
    .needs = CR_NEEDS_ATTENTION | CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(of_legrad),
    .pools_blocks = pools_mean,
    .scratch = scratch,
    .block = block_of,
    .cost = "1, and a backward pass of its own",
    .run = run_legrad,
};
