/* Convolution, pooling, products and clamps against naive ones written here, in double; the other
 * kernels are in test_elementwise.c. Letters as in kernels.h. Results without rounding are compared
 * exactly. */
#include "naive.h"

#include "camrank/blas.h"
#include "core/kernels/isa.h"

#include <stdio.h>
#include <string.h>

#define WINOGRAD 16 /* the bound's n of Winograd's convolution, whatever the depth */
#define NO_CLAMP CR_NO_CLAMP

/* Few different values: many are equal. */
static float *randoms_with_ties(size_t n, uint32_t seed)
{
    float *values = randoms(n, seed);
    for (size_t i = 0; i < n; i++)
        values[i] = roundf(values[i] * 3);
    return values;
}

/* Winograd's error comes from the whole tile that a pixel is computed in: all are held to the
 * largest magnitude. */
static void assert_near_in_tiles(const float *got, const reference *want, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, want[i].magnitude);
    for (size_t i = 0; i < n; i++)
        assert_near(&got[i], &(reference){want[i].value, most}, 1, WINOGRAD - 2);
}

/* Channels of something else beside those of each pixel. */
enum { OTHERS = 5 };

/* The pixels' channels, and others behind them, which are NaN. */
static float *among_others(const float *values, size_t pixels, int c)
{
    size_t step = (size_t)(c + OTHERS);
    float *wide = zeros(pixels * step, sizeof *wide);
    for (size_t i = 0; i < pixels * step; i++)
        wide[i] = i % step < (size_t)c ? values[i / step * (size_t)c + i % step] : NAN;
    return wide;
}

static void assert_among_others(const float *wide, const float *values, size_t pixels, int c)
{
    for (size_t i = 0; i < pixels; i++, wide += c + OTHERS, values += c) {
        assert_memory_equal(wide, values, (size_t)c * sizeof *values);
        for (int k = c; k < c + OTHERS; k++)
            assert_true(isnan(wide[k]));
    }
}

/* Every pair of input and output pixel that a window joins: flat pixel indices, and which of the
 * window's positions it is. */
typedef struct joined {
    size_t in, out;
    int t;
} joined;

static joined *join(const cr_window *win, int n, size_t *n_pairs)
{
    size_t most = (size_t)n * (size_t)win->p * (size_t)win->q * (size_t)win->r * (size_t)win->s;
    joined *pairs = zeros(most, sizeof *pairs);
    *n_pairs = 0;
    for (int b = 0; b < n; b++)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++)
                for (int t = 0; t < win->r * win->s; t++) {
                    int y = i * win->stride_h - win->pad_top + t / win->s * win->dilation_h;
                    int x = j * win->stride_w - win->pad_left + t % win->s * win->dilation_w;
                    if (y < 0 || y >= win->h || x < 0 || x >= win->w)
                        continue;
                    pairs[(*n_pairs)++] = (joined){
                        (size_t)((b * win->h + y) * win->w + x),
                        (size_t)((b * win->p + i) * win->q + j),
                        t,
                    };
                }
    return pairs;
}

/* Weights as [K][C/G][R][S], and how a way packs them. */
typedef struct plain {
    const cr_window *win;
    const float *weights;
} plain;

static float plain_weight(const void *context, int k, int c, int t)
{
    const plain *p = context;
    return p->weights[(k * (p->win->c / p->win->groups) + c) * p->win->r * p->win->s + t];
}

static float *packed(const cr_conv *conv, const float *weights)
{
    float *to = zeros(conv->way->weights(&conv->win), sizeof *to);
    conv->way->pack(&conv->win, plain_weight, &(plain){&conv->win, weights}, to);
    return to;
}

static float *packed_back(const cr_conv *conv, const float *weights)
{
    if (!conv->way->weights_back)
        return NULL;
    float *to = zeros(conv->way->weights_back(&conv->win), sizeof *to);
    conv->way->pack_back(&conv->win, plain_weight, &(plain){&conv->win, weights}, to);
    return to;
}

typedef struct conv_case {
    const char *name;
    int n;
    cr_window win; /* p and q are computed */
    int pad_bottom, pad_right;
} conv_case;

static conv_case conv_cases[] = {
    {"conv_pointwise", 3, {7, 5, 20, 7, 5, 33, 1, 1, 1, 1, 0, 0, 1, 1, 1}, 0, 0},
    {"conv_pointwise_of_many_tiles", 2, {40, 40, 700, 40, 40, 5, 1, 1, 1, 1, 0, 0, 1, 1, 1}, 0, 0},
    {"conv_pointwise_strided", 2, {7, 6, 20, 0, 0, 9, 1, 1, 2, 3, 0, 0, 1, 1, 1}, 0, 0},
    {"conv_pointwise_padded", 2, {4, 5, 6, 0, 0, 9, 1, 1, 1, 1, 1, 0, 1, 1, 1}, 0, 2},
    {"conv_pointwise_padded_at_the_end", 2, {4, 5, 6, 0, 0, 9, 1, 1, 1, 1, 0, 0, 1, 1, 1}, 1, 0},
    {"conv_first_layer", 2, {21, 23, 3, 0, 0, 16, 7, 7, 2, 2, 3, 3, 1, 1, 1}, 3, 3},
    {"conv_first_layer_dilated", 2, {9, 11, 3, 0, 0, 19, 3, 3, 1, 2, 2, 1, 3, 1, 1}, 1, 2},
    {"conv_first_layer_unpadded", 1, {30, 28, 3, 0, 0, 70, 11, 11, 4, 4, 0, 0, 1, 1, 1}, 0, 0},
    {"conv_first_layer_not_reaching_the_end",
     1,
     {8, 9, 4, 0, 0, 16, 2, 2, 3, 4, 0, 0, 1, 1, 1},
     0,
     0},
    {"conv_pointwise_of_rows_that_meet",
     1,
     {12, 11, 512, 0, 0, 70, 1, 1, 1, 1, 0, 0, 1, 1, 1},
     0,
     0},
    {"conv_of_many_tiles", 3, {12, 12, 256, 0, 0, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_dilated_with_asymmetric_pads", 2, {9, 8, 5, 0, 0, 6, 3, 2, 2, 1, 2, 0, 2, 3, 1}, 1, 3},
    {"conv_larger_than_its_input", 1, {2, 3, 4, 0, 0, 5, 5, 5, 1, 1, 2, 2, 1, 1, 1}, 2, 2},
    {"conv_padded_beyond_its_window", 1, {3, 3, 4, 0, 0, 5, 2, 2, 1, 1, 4, 4, 1, 1, 1}, 4, 4},
    {"conv_grouped", 2, {8, 7, 12, 0, 0, 9, 3, 3, 1, 2, 1, 1, 1, 1, 3}, 1, 1},
    {"conv_pointwise_deeper_than_a_part",
     1,
     {3, 5, 700, 3, 5, 70, 1, 1, 1, 1, 0, 0, 1, 1, 1},
     0,
     0},
    {"conv_grouped_by_8", 2, {19, 13, 24, 0, 0, 24, 3, 3, 1, 1, 1, 1, 1, 1, 3}, 1, 1},
    {"conv_grouped_by_4_strided", 2, {23, 14, 16, 0, 0, 16, 3, 3, 2, 2, 1, 1, 1, 1, 4}, 1, 1},
    {"conv_grouped_dilated_in_height", 1, {23, 9, 6, 0, 0, 12, 3, 2, 2, 1, 3, 0, 2, 1, 3}, 1, 1},
    {"conv_grouped_of_16", 1, {9, 9, 32, 0, 0, 32, 3, 3, 1, 1, 1, 1, 1, 1, 2}, 1, 1},
    {"conv_grouped_of_many_channels", 2, {6, 7, 48, 0, 0, 40, 3, 3, 1, 2, 1, 1, 1, 1, 2}, 1, 1},
    {"conv_grouped_by_8_strided", 2, {9, 31, 24, 0, 0, 32, 3, 3, 2, 2, 1, 1, 1, 1, 4}, 1, 1},
    {"conv_grouped_by_2", 2, {5, 9, 24, 0, 0, 16, 3, 3, 1, 1, 1, 1, 1, 1, 8}, 1, 1},
    {"conv_grouped_by_3_of_24", 1, {5, 8, 9, 0, 0, 72, 3, 3, 1, 1, 1, 1, 1, 1, 3}, 1, 1},
    {"conv_grouped_5x5", 2, {6, 17, 16, 0, 0, 16, 5, 5, 1, 2, 2, 2, 1, 1, 2}, 2, 2},
    {"conv_grouped_stride_3", 1, {8, 23, 16, 0, 0, 16, 3, 3, 3, 3, 1, 1, 1, 1, 2}, 1, 1},
    {"conv_grouped_dilated", 2, {9, 19, 8, 0, 0, 16, 3, 3, 1, 1, 2, 3, 2, 3, 2}, 2, 3},
    {"conv_grouped_pointwise", 2, {5, 6, 12, 0, 0, 8, 1, 1, 1, 1, 0, 0, 1, 1, 4}, 0, 0},
    {"conv_grouped_of_many_tiles", 2, {14, 14, 512, 0, 0, 4, 3, 3, 1, 1, 1, 1, 1, 1, 2}, 1, 1},
    /* Winograd's: whole tiles, tiles cut off to each size, channels that fill no vector, blocks that are
     * several or, on the way back, without a whole tile. */
    {"conv_3x3", 2, {12, 16, 32, 0, 0, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_of_odd_size", 3, {7, 9, 19, 0, 0, 37, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_of_the_smallest_size", 1, {4, 4, 16, 0, 0, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_unpadded", 1, {9, 7, 20, 0, 0, 17, 3, 3, 1, 1, 0, 0, 1, 1, 1}, 0, 0},
    {"conv_3x3_padded_by_two", 1, {5, 6, 20, 0, 0, 17, 3, 3, 1, 1, 2, 2, 1, 1, 1}, 2, 2},
    {"conv_3x3_with_asymmetric_pads", 2, {6, 9, 33, 0, 0, 16, 3, 3, 1, 1, 2, 0, 1, 1, 1}, 0, 1},
    {"conv_3x3_padded_far_at_the_end", 1, {5, 6, 16, 0, 0, 16, 3, 3, 1, 1, 0, 1, 1, 1, 1}, 7, 9},
    {"conv_3x3_of_13x13", 8, {13, 13, 32, 0, 0, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_of_7x7", 2, {7, 7, 16, 0, 0, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_of_6x7", 2, {6, 7, 16, 0, 0, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_of_7x6", 2, {7, 6, 16, 0, 0, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_of_8x5", 2, {8, 5, 16, 0, 0, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_of_8x6", 2, {8, 6, 16, 0, 0, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_larger_than_its_input", 2, {2, 3, 16, 0, 0, 16, 3, 3, 1, 1, 2, 2, 1, 1, 1}, 2, 2},
    {"conv_3x3_of_great_depth", 1, {8, 7, 512, 0, 0, 40, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_3x3_of_many_blocks", 2, {57, 40, 64, 0, 0, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 1, 1},
    {"conv_depthwise", 2, {9, 8, 37, 0, 0, 37, 3, 3, 1, 1, 1, 1, 1, 1, 37}, 1, 1},
    {"conv_depthwise_strided", 2, {9, 8, 6, 0, 0, 6, 3, 3, 2, 2, 0, 0, 1, 1, 6}, 1, 1},
    {"conv_depthwise_dilated", 1, {9, 10, 6, 0, 0, 6, 3, 2, 1, 2, 2, 1, 2, 3, 6}, 2, 2},
    {"conv_depthwise_of_rows", 2, {4, 33, 56, 0, 0, 56, 3, 3, 1, 1, 1, 1, 1, 1, 56}, 1, 1},
    {"conv_depthwise_of_strided_rows", 2, {7, 34, 45, 0, 0, 45, 3, 3, 2, 2, 1, 1, 1, 1, 45}, 1, 1},
    {"conv_depthwise_3x3_unpadded", 2, {5, 16, 32, 0, 0, 32, 3, 3, 1, 1, 0, 0, 1, 1, 32}, 0, 0},
    {"conv_depthwise_5x5", 2, {6, 19, 40, 0, 0, 40, 5, 5, 1, 1, 2, 2, 1, 1, 40}, 2, 2},
    {"conv_depthwise_5x5_strided", 1, {9, 31, 33, 0, 0, 33, 5, 5, 2, 2, 1, 1, 1, 1, 33}, 2, 2},
    {"conv_depthwise_7x7", 2, {8, 17, 64, 0, 0, 64, 7, 7, 1, 1, 3, 3, 1, 1, 64}, 3, 3},
    {"conv_depthwise_larger_than_its_input",
     2,
     {2, 3, 18, 0, 0, 18, 7, 7, 1, 1, 3, 3, 1, 1, 18},
     3,
     3},
    {"conv_depthwise_with_much_padding", 1, {3, 2, 16, 0, 0, 16, 3, 3, 1, 1, 5, 9, 1, 1, 16}, 4, 8},
    {"conv_depthwise_with_multiplier", 2, {6, 5, 4, 0, 0, 12, 3, 3, 1, 1, 1, 1, 1, 1, 4}, 1, 1},
};

static cr_window window_of(const conv_case *test)
{
    cr_window win = test->win;
    int reach_h = (win.r - 1) * win.dilation_h + 1, reach_w = (win.s - 1) * win.dilation_w + 1;
    win.p = (win.h + win.pad_top + test->pad_bottom - reach_h) / win.stride_h + 1;
    win.q = (win.w + win.pad_left + test->pad_right - reach_w) / win.stride_w + 1;
    return win;
}

/* What a convolution computes, and with what. */
typedef struct conv_data {
    int n;
    size_t n_x, n_y;
    const float *x, *weights, *bias, *add, *dy;
    const float *dx_before; /* backward adds */
    reference *y, *y_added, *dx;
} conv_data;

/* Of bfloat16, what is stored as such. */
static float *rounded_randoms(bool rounds, size_t n, uint32_t seed)
{
    float *values = randoms(n, seed);
    if (rounds)
        cr_bfloat16_round(1, n, values, 0);
    return values;
}

static conv_data convolve_naively(const cr_window *win, int n, bool rounds)
{
    int cg = win->c / win->groups, kg = win->k / win->groups;
    size_t n_x = (size_t)(n * win->h * win->w * win->c), n_pairs;
    size_t n_y = (size_t)(n * win->p * win->q * win->k);
    conv_data data = {.n = n,
                      .n_x = n_x,
                      .n_y = n_y,
                      .x = rounded_randoms(rounds, n_x, 1),
                      .weights =
                          rounded_randoms(rounds, (size_t)(win->r * win->s * cg * win->k), 2),
                      .bias = randoms((size_t)win->k, 3),
                      .add = rounded_randoms(rounds, n_y, 6),
                      .dy = rounded_randoms(rounds, n_y, 4),
                      .dx_before = rounded_randoms(rounds, n_x, 5),
                      .y = zeros(n_y, sizeof(reference)),
                      .y_added = zeros(n_y, sizeof(reference)),
                      .dx = zeros(n_x, sizeof(reference))};
    for (size_t i = 0; i < n_y; i++)
        add_term(&data.y[i], (double)data.bias[i % (size_t)win->k]);
    for (size_t i = 0; i < n_x; i++)
        add_term(&data.dx[i], (double)data.dx_before[i]);
    joined *pairs = join(win, n, &n_pairs);
    for (size_t i = 0; i < n_pairs; i++)
        for (int k = 0; k < win->k; k++)
            for (int c = 0; c < cg; c++) {
                size_t in = pairs[i].in * (size_t)win->c + (size_t)(k / kg * cg + c);
                size_t out = pairs[i].out * (size_t)win->k + (size_t)k;
                double weight = (double)plain_weight(&(plain){win, data.weights}, k, c, pairs[i].t);
                add_term(&data.y[out], (double)data.x[in] * weight);
                add_term(&data.dx[in], (double)data.dy[out] * weight);
            }
    for (size_t i = 0; i < n_y; i++) {
        data.y_added[i] = data.y[i];
        add_term(&data.y_added[i], (double)data.add[i]);
    }
    return data;
}

static void way_matches(const cr_conv *conv, const conv_data *data)
{
    const cr_window *win = &conv->win;
    float *y = zeros(data->n_y, sizeof *y), *clamped = zeros(data->n_y, sizeof *y);
    float *dx = zeros(data->n_x, sizeof *dx);
    float *scratch = zeros(conv->way->scratch(win), sizeof *scratch);
    const float *forth = packed(conv, data->weights), *back = packed_back(conv, data->weights);
    size_t taps = (size_t)(win->r * win->s), groups = (size_t)win->groups;
    bool tiled = strcmp(conv->way->name, "winograd") == 0;
    for (int adds = 0; adds < 2; adds++) {
        cr_conv_pass pass = {.n = data->n,
                             .x = data->x,
                             .weights = forth,
                             .bias = data->bias,
                             .add = adds ? data->add : NULL,
                             .clamp = NO_CLAMP,
                             .y = y,
                             .scratch = scratch};
        const reference *want = adds ? data->y_added : data->y;
        conv->way->forward(win, &pass);
        if (tiled)
            assert_near_in_tiles(y, want, data->n_y);
        else
            assert_near(y, want, data->n_y, taps * (size_t)win->c / groups);

        if (adds && conv->way->adds_in_place) {
            pass.add = pass.y = memcpy(clamped, data->add, data->n_y * sizeof *clamped);
            conv->way->forward(win, &pass);
            assert_memory_equal(clamped, y, data->n_y * sizeof *y);
            pass.add = data->add;
        }

        /* An image is the same in every bit, whatever the others of the batch. */
        size_t n = (size_t)data->n, x_size = data->n_x / n, y_size = data->n_y / n;
        for (size_t i = 0; i < n; i++) {
            cr_conv_pass alone = pass;
            alone.n = 1;
            alone.x = data->x + i * x_size;
            alone.add = adds ? data->add + i * y_size : NULL;
            alone.y = clamped;
            conv->way->forward(win, &alone);
            assert_memory_equal(clamped, y + i * y_size, y_size * sizeof *y);
        }

        /* A clamp changes what it cuts off and nothing else. */
        pass.clamp = (cr_clamp){-0.25f, 0.5f};
        pass.y = clamped;
        conv->way->forward(win, &pass);
        for (size_t i = 0; i < data->n_y; i++)
            assert_true(clamped[i] == fminf(fmaxf(y[i], -0.25f), 0.5f));

        pass.x = among_others(data->x, data->n_x / (size_t)win->c, win->c);
        pass.x_step = win->c + OTHERS;
        pass.y = among_others(y, data->n_y / (size_t)win->k, win->k);
        pass.y_step = win->k + OTHERS;
        conv->way->forward(win, &pass);
        assert_among_others(pass.y, clamped, data->n_y / (size_t)win->k, win->k);
    }
    memcpy(dx, data->dx_before, data->n_x * sizeof *dx);
    conv->way->backward(win, &(cr_conv_back){.n = data->n,
                                             .dy = data->dy,
                                             .weights = forth,
                                             .weights_back = back,
                                             .dx = dx,
                                             .scratch = scratch});
    if (tiled)
        assert_near_in_tiles(dx, data->dx, data->n_x);
    else
        assert_near(dx, data->dx, data->n_x, taps * (size_t)win->k / groups);
}

static void conv_matches_a_naive_one(void **state)
{
    const conv_case *test = *state;
    cr_window win = window_of(test);
    conv_data data = convolve_naively(&win, test->n, false);
    for (int i = 0; cr_ways[i]; i++)
        if (cr_ways[i]->fits(&win))
            way_matches(&(cr_conv){win, cr_ways[i]}, &data);
}

/* What the float32 sum may be, rounded: within the bound of that. */
static void assert_rounds_to(const cr_bfloat16 *got, const reference *want, size_t n, size_t terms)
{
    for (size_t i = 0; i < n; i++) {
        const double bound = (double)(terms + 2) * EPSILON * want[i].magnitude;
        const float low = cr_bfloat16_value(cr_bfloat16_of((float)(want[i].value - bound)));
        const float high = cr_bfloat16_value(cr_bfloat16_of((float)(want[i].value + bound)));
        const float value = cr_bfloat16_value(got[i]);
        if (!(low <= value && value <= high))
            fail_msg("element %zu of %zu: %.9g, not %.9g", i, n, (double)value, want[i].value);
    }
}

static cr_bfloat16 *stored(const float *values, size_t n)
{
    cr_bfloat16 *to = zeros(n, sizeof *to);
    cr_bfloat16_store(1, n, values, 0, to, 0);
    return to;
}

static bool is_rounded(const float *values, size_t n)
{
    bool rounded = true;
    for (size_t i = 0; i < n; i++)
        rounded = rounded && values[i] == cr_bfloat16_value(cr_bfloat16_of(values[i]));
    return rounded;
}

/* The same among others, as for float32. */
static cr_bfloat16 *stored_among_others(const float *values, size_t pixels, int c)
{
    return stored(among_others(values, pixels, c), pixels * (size_t)(c + OTHERS));
}

static cr_bfloat16 *pairs_packed(const cr_pairs *p, cr_weight_fn weight, const plain *weights)
{
    cr_bfloat16 *to = zeros(cr_pairs_weights(p), sizeof *to);
    cr_pairs_pack(p, weight, weights, to);
    return to;
}

static float turned_weight(const void *context, int k, int c, int t)
{
    const cr_window *win = ((const plain *)context)->win;
    return plain_weight(context, c, k, win->r * win->s - 1 - t);
}

static void pairs_match_a_naive_convolution(void **state)
{
    const conv_case *test = *state;
    const cr_window win = window_of(test);
    if (!cr_pairs_fit(&win))
        skip();
    const conv_data data = convolve_naively(&win, test->n, true);
    const plain weights = {&win, data.weights};
    const cr_pairs forth = cr_pairs_forward(&win), back = cr_pairs_backward(&win);
    const size_t n = (size_t)data.n, taps = (size_t)(win.r * win.s);
    const size_t x_size = data.n_x / n, y_size = data.n_y / n;
    const cr_bfloat16 *x = stored(data.x, data.n_x), *add = stored(data.add, data.n_y);
    cr_bfloat16 *y = zeros(data.n_y, sizeof *y), *other = zeros(data.n_y, sizeof *y);
    for (int adds = 0; adds < 2; adds++) {
        cr_pairs_pass pass = {.n = data.n,
                              .x = x,
                              .weights = pairs_packed(&forth, plain_weight, &weights),
                              .bias = data.bias,
                              .add = adds ? add : NULL,
                              .clamp = NO_CLAMP,
                              .y = y,
                              .scratch = zeros(cr_pairs_scratch(&forth), sizeof *y)};
        cr_pairs_convolve(&forth, &pass);
        assert_rounds_to(y, adds ? data.y_added : data.y, data.n_y, taps * (size_t)win.c);
        for (size_t i = 0; i < n; i++) {
            cr_pairs_pass alone = pass;
            alone.n = 1;
            alone.x = x + i * x_size;
            alone.y = memcpy(other, add + i * y_size, y_size * sizeof *y);
            alone.add = adds ? other : NULL;
            cr_pairs_convolve(&forth, &alone);
            assert_memory_equal(other, y + i * y_size, y_size * sizeof *y);
        }
        pass.clamp = (cr_clamp){-0.25f, 0.5f};
        pass.y = other;
        cr_pairs_convolve(&forth, &pass);
        for (size_t i = 0; i < data.n_y; i++)
            assert_true(cr_bfloat16_value(other[i]) ==
                        fminf(fmaxf(cr_bfloat16_value(y[i]), -0.25f), 0.5f));
        pass.x = stored_among_others(data.x, data.n_x / (size_t)win.c, win.c);
        pass.x_step = win.c + OTHERS;
        pass.y = stored_among_others(data.add, data.n_y / (size_t)win.k, win.k);
        pass.y_step = win.k + OTHERS;
        cr_pairs_convolve(&forth, &pass);
        for (size_t i = 0; i < data.n_y / (size_t)win.k; i++, pass.y += pass.y_step) {
            assert_memory_equal(pass.y, other + i * (size_t)win.k, (size_t)win.k * sizeof *y);
            for (int k = win.k; k < win.k + OTHERS; k++)
                assert_true(isnan(cr_bfloat16_value(pass.y[k])));
        }
        float *reals = zeros(data.n_y, sizeof *reals);
        pass.reals = among_others(reals, data.n_y / (size_t)win.k, win.k);
        cr_pairs_convolve(&forth, &pass);
        for (size_t i = 0; i < data.n_y; i++)
            reals[i] = pass.reals[i / (size_t)win.k * (size_t)(win.k + OTHERS) + i % (size_t)win.k];
        assert_among_others(pass.reals, reals, data.n_y / (size_t)win.k, win.k);
        assert_memory_equal(stored(reals, data.n_y), other, data.n_y * sizeof *other);
        assert_true(adds || !is_rounded(reals, data.n_y));
    }
    cr_bfloat16 *dx = stored(data.dx_before, data.n_x);
    cr_pairs_convolve(&back,
                      &(cr_pairs_pass){.n = data.n,
                                       .x = stored(data.dy, data.n_y),
                                       .weights = pairs_packed(&back, turned_weight, &weights),
                                       .add = dx,
                                       .clamp = NO_CLAMP,
                                       .y = dx,
                                       .scratch = zeros(cr_pairs_scratch(&back), sizeof *y)});
    assert_rounds_to(dx, data.dx, data.n_x, taps * (size_t)win.k);
}

/* Where the ways are far apart, on any processor. */
static void way_that_is_chosen_is_the_one_made_for_it(void **state)
{
    (void)state;
    static const struct {
        const char *way;
        cr_window win;
    } cases[] = {
        {"winograd", {56, 56, 64, 56, 56, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1}},
        {"winograd", {14, 14, 512, 14, 14, 512, 3, 3, 1, 1, 1, 1, 1, 1, 1}},
        {"direct", {224, 224, 3, 112, 112, 64, 7, 7, 2, 2, 3, 3, 1, 1, 1}},
        {"direct", {224, 224, 3, 224, 224, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1}},
        {"pointwise", {56, 56, 64, 56, 56, 64, 1, 1, 1, 1, 0, 0, 1, 1, 1}},
        {"pointwise", {1, 1, 4096, 1, 1, 1000, 1, 1, 1, 1, 0, 0, 1, 1, 1}},
        {"gather", {56, 56, 256, 28, 28, 512, 1, 1, 2, 2, 0, 0, 1, 1, 1}},
        {"depthwise", {112, 112, 32, 112, 112, 32, 3, 3, 1, 1, 1, 1, 1, 1, 32}},
        {"grouped", {56, 56, 64, 56, 56, 64, 3, 3, 1, 1, 1, 1, 1, 1, 32}},
        {"gather", {28, 28, 512, 28, 28, 512, 3, 3, 1, 1, 4, 4, 2, 2, 2}},
    };
    for (cr_isa isa = CR_ISA_ANY; isa <= cr_isa_best(); isa++) {
        cr_isa_use(isa);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            const cr_window *win = &cases[i].win;
            const cr_way *way = cr_way_of(win);
            if (strcmp(way->name, cases[i].way) != 0)
                fail_msg("case %zu on %s: %s, not %s", i, cr_isa_name(isa), way->name,
                         cases[i].way);
            assert_ptr_equal(cr_way_find(cases[i].way), way);
            assert_true(way->fits(win));
            for (int w = 0; cr_ways[w]; w++)
                assert_true(!cr_ways[w]->fits(win) ||
                            cr_way_cost(cr_ways[w], win) >= cr_way_cost(way, win));
        }
    }
    cr_isa_use(cr_isa_best());
    assert_null(cr_way_find("nowhere"));
}

static const cr_window pool_windows[] = {
    /* h w c p q k r s strides pads dilations groups */
    {8, 6, 19, 4, 3, 19, 2, 2, 2, 2, 0, 0, 1, 1, 1}, {7, 8, 5, 4, 4, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1},
    {6, 6, 3, 3, 3, 3, 3, 3, 2, 2, 0, 0, 1, 1, 1}, /* ceil_mode: hangs over */
    {9, 9, 4, 5, 3, 4, 3, 3, 1, 2, 0, 1, 2, 2, 1},   {5, 4, 2, 5, 4, 2, 3, 3, 1, 1, 1, 1, 1, 1, 1},
};
enum { N_POOLS = sizeof pool_windows / sizeof pool_windows[0] };

/* The maker's name as the system gives it. */
static bool is_amd(void)
{
    char line[256];
    bool amd = false;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !amd && fgets(line, sizeof line, file))
        amd = strstr(line, "AuthenticAMD");
    if (file)
        fclose(file);
    return amd;
}

static void pairs_without_tiles_are_for_amd(void **state)
{
    (void)state;
    for (cr_isa isa = CR_ISA_ANY; isa < CR_N_ISAS; isa++)
        assert_int_equal(cr_isa_usual(isa),
                         isa == CR_ISA_AVX512_BF16 && !is_amd() ? CR_ISA_AVX512 : isa);
}

static void max_pool_takes_the_largest_and_its_first_place(void **state)
{
    (void)state;
    enum { N = 2, M = 3 };
    for (int i_win = 0; i_win < N_POOLS; i_win++) {
        const cr_window *win = &pool_windows[i_win];
        size_t c_n = (size_t)win->c, n_pairs, image = (size_t)(win->h * win->w) * c_n;
        size_t out_image = (size_t)(win->p * win->q) * c_n;
        float *x = randoms_with_ties(N * image, 1), *dy = randoms_with_ties(N * M * out_image, 2);
        float *y = zeros(N * out_image, sizeof *y), *dx = zeros(N * M * image, sizeof *dx);
        float *want_dx = zeros(N * M * image, sizeof *want_dx);
        size_t *best = zeros(N * out_image, sizeof *best);
        bool *found = zeros(N * out_image, sizeof *found);
        joined *pairs = join(win, N, &n_pairs);
        for (size_t i = 0; i < n_pairs; i++)
            for (size_t c = 0; c < c_n; c++) {
                size_t out = pairs[i].out * c_n + c, in = pairs[i].in * c_n + c;
                if (!found[out] || x[in] > x[best[out]])
                    best[out] = in;
                found[out] = true;
            }
        cr_maxpool_forward(win, N, x, 0, y, 0);
        for (size_t i = 0; i < N * out_image; i++) {
            assert_true(y[i] == x[best[i]]);
            for (size_t m = 0; m < M; m++) {
                size_t b = i / out_image;
                want_dx[(b * M + m) * image + best[i] % image] +=
                    dy[(b * M + m) * out_image + i % out_image];
            }
        }
        const float *wide_x = among_others(x, N * image / c_n, win->c);
        float *wide_y = among_others(dy, N * out_image / c_n, win->c);
        cr_maxpool_forward(win, N, wide_x, win->c + OTHERS, wide_y, win->c + OTHERS);
        assert_among_others(wide_y, y, N * out_image / c_n, win->c);

        cr_maxpool_backward(win, N, M, x, 0, dy, dx);
        for (size_t i = 0; i < N * M * image; i++)
            assert_true(dx[i] == want_dx[i]);
        memset(dx, 0, N * M * image * sizeof *dx);
        cr_maxpool_backward(win, N, M, wide_x, win->c + OTHERS, dy, dx);
        assert_memory_equal(dx, want_dx, N * M * image * sizeof *dx);
    }
}

/* Positions of a window along one direction that lie in [low, high). */
static int count_inside(int start, int step, int count, int low, int high)
{
    int inside = 0;
    for (int i = 0; i < count; i++)
        inside += start + i * step >= low && start + i * step < high;
    return inside;
}

static void check_average_pool(const cr_avgpool *pool)
{
    enum { N = 3 };
    const cr_window *win = &pool->win;
    size_t c_n = (size_t)win->c, n_pairs;
    size_t n_x = (size_t)(N * win->h * win->w) * c_n, n_y = (size_t)(N * win->p * win->q) * c_n;
    float *x = randoms(n_x, 1), *dy = randoms(n_y, 2), *dx = randoms(n_x, 3);
    float *y = zeros(n_y, sizeof *y);
    reference *want_y = zeros(n_y, sizeof *want_y), *want_dx = zeros(n_x, sizeof *want_dx);
    for (size_t i = 0; i < n_x; i++)
        add_term(&want_dx[i], (double)dx[i]);
    joined *pairs = join(win, N, &n_pairs);
    for (size_t i = 0; i < n_pairs; i++) {
        int at = (int)(pairs[i].out % (size_t)(win->p * win->q));
        int y0 = at / win->q * win->stride_h - win->pad_top;
        int x0 = at % win->q * win->stride_w - win->pad_left;
        int border = pool->count_padding;
        int rows = count_inside(y0, win->dilation_h, win->r, border ? -win->pad_top : 0,
                                win->h + (border ? pool->pad_bottom : 0));
        int columns = count_inside(x0, win->dilation_w, win->s, border ? -win->pad_left : 0,
                                   win->w + (border ? pool->pad_right : 0));
        for (size_t c = 0; c < c_n; c++) {
            size_t in = pairs[i].in * c_n + c, out = pairs[i].out * c_n + c;
            add_term(&want_y[out], (double)x[in] / (rows * columns));
            add_term(&want_dx[in], (double)dy[out] / (rows * columns));
        }
    }
    cr_avgpool_forward(pool, N, x, 0, y, 0);
    assert_near(y, want_y, n_y, (size_t)(win->r * win->s));
    float *wide_y = among_others(dy, n_y / c_n, win->c);
    cr_avgpool_forward(pool, N, among_others(x, n_x / c_n, win->c), win->c + OTHERS, wide_y,
                       win->c + OTHERS);
    assert_among_others(wide_y, y, n_y / c_n, win->c);
    cr_avgpool_backward(pool, N, dy, dx);
    assert_near(dx, want_dx, n_x, (size_t)(win->r * win->s));
}

static void average_pool_matches_a_naive_one(void **state)
{
    (void)state;
    for (int i = 0; i < N_POOLS; i++)
        for (int count = 0; count < 2; count++)
            check_average_pool(&(cr_avgpool){pool_windows[i], 0, 1, count != 0});
}

static void global_pools_match_naive_ones(void **state)
{
    (void)state;
    enum { N = 2, M = 2, HW = 35, C = 21 };
    float *x = randoms(N * HW * C, 1), *ties = randoms_with_ties(N * HW * C, 2);
    float *dy = randoms(N * M * C, 3), y[N * C];
    float *dx = randoms(N * M * HW * C, 4), *before = randoms(N * M * HW * C, 4);
    reference mean[N * C] = {0};
    for (int i = 0; i < N * HW * C; i++)
        add_term(&mean[i / (HW * C) * C + i % C], (double)x[i] / HW);
    cr_global_mean_forward(N, HW, C, x, y);
    assert_near(y, mean, N * C, HW);
    cr_global_mean_backward(N * M, HW, C, dy, dx);
    for (int i = 0; i < N * M * HW * C; i++)
        assert_true(dx[i] == before[i] + dy[i / (HW * C) * C + i % C] / HW);

    memset(dx, 0, N * M * HW * C * sizeof *dx);
    cr_global_max_forward(N, HW, C, ties, y);
    cr_global_max_backward(N, M, HW, C, ties, dy, dx);
    for (int b = 0; b < N; b++)
        for (int c = 0; c < C; c++) {
            const float *column = ties + b * HW * C + c;
            int best = 0;
            for (int t = 1; t < HW; t++)
                if (column[t * C] > column[best * C])
                    best = t;
            assert_true(y[b * C + c] == column[best * C]);
            for (int m = b * M; m < (b + 1) * M; m++)
                for (int t = 0; t < HW; t++)
                    assert_true(dx[(m * HW + t) * C + c] == (t == best ? dy[m * C + c] : 0));
        }
}

static void pools_with_nan_give_nan(void **state)
{
    (void)state;
    enum { C = 20, MOST = 16 };
    for (int size = 2; size <= 4; size++)
        for (int place = 0; place < size * size; place++) {
            cr_window win = {size, size, C, 1, 1, C, size, size, 1, 1, 0, 0, 1, 1, 1};
            float x[MOST * C], y[C];
            for (int i = 0; i < size * size * C; i++)
                x[i] = i / C == place ? NAN : (float)i;
            cr_maxpool_forward(&win, 1, x, 0, y, 0);
            for (int c = 0; c < C; c++)
                assert_true(isnan(y[c]));
            cr_global_max_forward(1, size * size, C, x, y);
            for (int c = 0; c < C; c++)
                assert_true(isnan(y[c]));
        }
}

static void clamp_keeps_nan_and_cuts_the_rest(void **state)
{
    (void)state;
    float x[] = {-INFINITY, -1, -0.0f, 0.5f, 6, 7, INFINITY, NAN};
    float want[] = {0, 0, 0, 0.5f, 6, 6, 6};
    cr_clamp_forward((cr_clamp){0, 6}, 8, x, x);
    for (int i = 0; i < 7; i++)
        assert_true(x[i] == want[i]);
    assert_true(isnan(x[7]));

    /* Both convolution paths: the bias is what is clamped. */
    cr_window win = {1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 0, 0, 1, 1, 1};
    for (int groups = 1; groups <= 2; groups++) {
        float pixel[2] = {0, 0}, weights[4] = {0}, bias[2] = {NAN, 9}, y[2];
        win.groups = groups;
        cr_conv conv = {win, cr_way_of(&win)};
        conv.way->forward(&win, &(cr_conv_pass){.n = 1,
                                                .x = pixel,
                                                .weights = packed(&conv, weights),
                                                .bias = bias,
                                                .clamp = {0, 6},
                                                .y = y});
        assert_true(isnan(y[0]) && y[1] == 6);
    }
}

static void clamp_mask_stops_gradients_on_and_beyond_the_bounds(void **state)
{
    (void)state;
    float y[2][4] = {{0, 0.1f, 6, 5.9f}, {3, 0, 0, 6}};
    float dy[2][2][4] = {{{1, 2, 3, 4}, {5, 6, 7, 8}}, {{1, 2, 3, 4}, {5, 6, 7, 8}}};
    float want[2][2][4] = {{{0, 2, 0, 4}, {0, 6, 0, 8}}, {{1, 0, 0, 0}, {5, 0, 0, 0}}};
    cr_clamp_mask((cr_clamp){0, 6}, 2, 2, 1, 4, &y[0][0], 0, &dy[0][0][0]);
    assert_memory_equal(dy, want, sizeof want);

    float again[2][2][4] = {{{1, 2, 3, 4}, {5, 6, 7, 8}}, {{1, 2, 3, 4}, {5, 6, 7, 8}}};
    const float *wide_y = among_others(&y[0][0], 4, 2);
    cr_clamp_mask((cr_clamp){0, 6}, 2, 2, 2, 2, wide_y, 2 + OTHERS, &again[0][0][0]);
    assert_memory_equal(again, want, sizeof want);
}

static void gemm_orders_match_a_naive_product(void **state)
{
    (void)state;
    enum { M = 5, N = 7, K = 11, PAD = 2 };
    for (int order = 0; order < 8; order++) {
        bool ta = order & 1, tb = order & 2;
        float beta = order & 4 ? 1.0f : 0.0f;
        int lda = (ta ? M : K) + PAD, ldb = (tb ? K : N) + PAD, ldc = N + PAD;
        float *a = randoms((size_t)(lda * (ta ? K : M)), 1);
        float *b = randoms((size_t)(ldb * (tb ? N : K)), 2);
        float *c = randoms((size_t)(ldc * M), 3), *before = randoms((size_t)(ldc * M), 3);
        cr_gemm(ta, tb, M, N, K, a, lda, b, ldb, beta, c, ldc);
        for (int m = 0; m < M; m++)
            for (int n = 0; n < ldc; n++) {
                reference want = {0};
                float old = before[m * ldc + n];
                add_term(&want, n < N ? (double)(beta * old) : (double)old);
                for (int k = 0; n < N && k < K; k++)
                    add_term(&want, (double)a[ta ? k * lda + m : m * lda + k] *
                                        (double)b[tb ? n * ldb + k : k * ldb + n]);
                assert_near(&c[m * ldc + n], &want, 1, K);
            }
    }
}

/* A fused multiply-add in some version of a kernel would give other bits on other processors. */
static void affine_rounds_product_and_sum_separately(void **state)
{
    (void)state;
    enum { ROWS = 37, C = 45 };
    float *x = randoms(ROWS * C, 1), *scale = randoms(C, 2), *shift = randoms(C, 3);
    float *dx = randoms(ROWS * C, 4), *before = randoms(ROWS * C, 4), y[ROWS * C];
    cr_affine_forward(ROWS, C, x, 0, scale, shift, CR_NO_CLAMP, y, 0);
    cr_affine_backward(ROWS, C, scale, x, dx);
    for (int i = 0; i < ROWS * C; i++) {
        volatile float product = x[i] * scale[i % C];
        assert_true(y[i] == product + shift[i % C]);
        assert_true(dx[i] == before[i] + product);
    }

    const cr_clamp clamp = {-0.25f, 0.5f};
    float *wide = among_others(y, ROWS, C);
    cr_affine_forward(ROWS, C, among_others(x, ROWS, C), C + OTHERS, scale, shift, clamp, wide,
                      C + OTHERS);
    cr_clamp_forward(clamp, ROWS * C, y, y);
    assert_among_others(wide, y, ROWS, C);
}

int main(void)
{
    if (cr_blas_load(NULL) != CR_OK)
        return 1;
    enum { N_CONVS = sizeof conv_cases / sizeof conv_cases[0] };
    static char names[N_CONVS][96];
    static struct CMUnitTest convs[N_CONVS], pairs[N_CONVS];
    for (size_t i = 0; i < N_CONVS; i++) {
        snprintf(names[i], sizeof names[i], "%s_matches_a_naive_one", conv_cases[i].name);
        convs[i] = (struct CMUnitTest){names[i], conv_matches_a_naive_one, NULL, free_blocks,
                                       &conv_cases[i]};
        pairs[i] = (struct CMUnitTest){names[i], pairs_match_a_naive_convolution, NULL, free_blocks,
                                       &conv_cases[i]};
    }
    const struct CMUnitTest tests[] = {
        TEST(way_that_is_chosen_is_the_one_made_for_it),
        TEST(max_pool_takes_the_largest_and_its_first_place),
        TEST(average_pool_matches_a_naive_one),
        TEST(global_pools_match_naive_ones),
        TEST(pools_with_nan_give_nan),
        TEST(clamp_keeps_nan_and_cuts_the_rest),
        TEST(clamp_mask_stops_gradients_on_and_beyond_the_bounds),
        TEST(gemm_orders_match_a_naive_product),
        TEST(affine_rounds_product_and_sum_separately),
        TEST(pairs_without_tiles_are_for_amd),
    };
    int failed = cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
    for (cr_isa isa = CR_ISA_ANY; isa <= cr_isa_best(); isa++) {
        cr_isa_use(isa);
        if (isa <= CR_ISA_AVX512)
            failed += cmocka_run_group_tests_name(cr_isa_name(isa), convs, NULL, NULL);
        else
            failed += cmocka_run_group_tests_name(cr_isa_name(isa), pairs, NULL, NULL);
    }
    return failed;
}
