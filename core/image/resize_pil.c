/* Resampling that equals Pillow's bit for bit, after the description of its algorithm: weights in
 * double precision, normalised, rounded to fixed point; a horizontal and then a vertical pass, each
 * left out where the size stays; rounded and clipped to 8 bits after each. Nearest is apart: it
 * only picks pixels. */
#include "resize.h"

#include "camrank/multiversion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Weights sum to 1, their absolute values to less than 1.3: times 255 that stays below 2^31. */
#define PRECISION_BITS 22

/* Bytes that are computed side by side. Results do not depend on it. */
#define LANES 16
typedef uint8_t bytes_v __attribute__((vector_size(LANES)));
typedef int32_t ints_v __attribute__((vector_size(LANES * 4)));

/* The weighted inputs of each of n outputs along one axis. */
typedef struct taps {
    int *first;      /* [n] first input */
    int *count;      /* [n] inputs */
    int32_t *weight; /* [n][stride], fixed point */
    size_t stride;
    bool signed_weights; /* some may be below 0, and so may sums */
} taps;

static void taps_fini(taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic, a = -1/2. The order of operations decides the last bit. */
static double cubic(double x)
{
    x = fabs(x);
    if (x < 1.0)
        return (1.5 * x - 2.5) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5 : 0.0;
}

/* What is weighed, and how far it reaches where the image is not reduced. */
typedef struct kernel {
    double (*weight)(double x);
    double reach;
    bool signed_weights;
} kernel;

static const kernel bilinear = {triangle, 1.0, false}, bicubic = {cubic, 2.0, true};

/* Outputs out0 .. out0 + n - 1 of in_size pixels resized to out_size. */
static cr_status taps_init(taps *t, const kernel *shape, int in_size, int64_t out_size,
                           int64_t out0, int n, cr_error *err)
{
    cr_status status = CR_OK;
    double scale = (double)in_size / (double)out_size;
    double stretch = scale < 1.0 ? 1.0 : scale; /* a kernel widens with the scale, never thins */
    double support = shape->reach * stretch;
    *t = (taps){.stride = (size_t)ceil(support) * 2 + 1, .signed_weights = shape->signed_weights};
    double *exact = cr_alloc(t->stride, sizeof *exact);
    t->first = cr_alloc((size_t)n, sizeof *t->first);
    t->count = cr_alloc((size_t)n, sizeof *t->count);
    size_t n_weights;
    if (cr_size_mul((size_t)n, t->stride, &n_weights))
        t->weight = cr_alloc(n_weights, sizeof *t->weight);
    if (!exact || !t->first || !t->count || !t->weight) {
        status = cr_fail_memory(err, "resizing weights", (size_t)n, t->stride * sizeof *t->weight);
        goto cleanup;
    }
    double inverse = 1.0 / stretch;
    for (int i = 0; i < n; i++) {
        double centre = ((double)(out0 + i) + 0.5) * scale;
        int first = (int)(centre - support + 0.5);
        if (first < 0)
            first = 0;
        int end = (int)(centre + support + 0.5);
        if (end > in_size)
            end = in_size;
        double sum = 0.0;
        for (int k = 0; k < end - first; k++) {
            exact[k] = shape->weight((k + first - centre + 0.5) * inverse);
            sum += exact[k];
        }
        int32_t *weight = t->weight + (size_t)i * t->stride;
        for (int k = 0; k < end - first; k++) {
            double share = sum != 0.0 ? exact[k] / sum : exact[k];
            weight[k] = (int32_t)(copysign(0.5, share) + share * (1 << PRECISION_BITS));
        }
        t->first[i] = first;
        t->count[i] = end - first;
    }

cleanup:
    free(exact);
    if (status != CR_OK)
        taps_fini(t);
    return status;
}

/* Sums of n_taps runs of LANES bytes, `step` bytes apart. */
static inline void weigh_lanes(const uint8_t *in, size_t step, const int32_t *weight, int n_taps,
                               bool signed_weights, uint8_t *out)
{
    ints_v sum = (ints_v){0} + (1 << (PRECISION_BITS - 1));
    for (int k = 0; k < n_taps; k++, in += step) {
        int32_t values[LANES];
        ints_v lanes;
        for (int l = 0; l < LANES; l++) /* one instruction, which __builtin_convertvector is not */
            values[l] = in[l];
        memcpy(&lanes, values, sizeof lanes);
        sum += lanes * weight[k];
    }
    sum >>= PRECISION_BITS;
    if (signed_weights)
        sum &= sum > 0; /* a lane that is true is all ones */
    sum |= sum > 255;   /* clipped by the narrowing below */
    bytes_v bytes = __builtin_convertvector(sum, bytes_v);
    memcpy(out, &bytes, LANES);
}

/* Rows become columns: LANES rows of LANES bytes, `from_step` apart, to rows `to_step` apart. A deck of
 * 16 x 16 cards is transposed by four perfect shuffles. */
static inline void transpose(const uint8_t *from, size_t from_step, uint8_t *to, size_t to_step)
{
    enum { HALF = LANES * LANES / 2 };
    uint8_t deck[2 * HALF], dealt[2 * HALF];
    for (int i = 0; i < LANES; i++)
        memcpy(deck + i * LANES, from + (size_t)i * from_step, LANES);
    for (int turn = 0; turn < 4; turn++) {
        for (int i = 0; i < HALF; i++) {
            dealt[2 * i] = deck[i];
            dealt[2 * i + 1] = deck[HALF + i];
        }
        memcpy(deck, dealt, sizeof deck);
    }
    for (int i = 0; i < LANES; i++)
        memcpy(to + (size_t)i * to_step, deck + i * LANES, LANES);
}

/* The same for n <= LANES rows of n_bytes; to_step is LANES. What stands at `to` for
 * rows that there are not stays. */
static void rows_to_columns(const uint8_t *from, size_t from_step, int n, size_t n_bytes,
                            uint8_t *to)
{
    size_t i = 0;
    for (; n == LANES && i + LANES <= n_bytes; i += LANES)
        transpose(from + i, from_step, to + i * LANES, LANES);
    for (; i < n_bytes; i++)
        for (int r = 0; r < n; r++)
            to[i * LANES + (size_t)r] = from[(size_t)r * from_step + i];
}

/* And back. */
static void columns_to_rows(const uint8_t *from, int n, size_t n_bytes, uint8_t *to, size_t to_step)
{
    size_t i = 0;
    for (; n == LANES && i + LANES <= n_bytes; i += LANES)
        transpose(from + i * LANES, LANES, to + i, to_step);
    for (; i < n_bytes; i++)
        for (int r = 0; r < n; r++)
            to[(size_t)r * to_step + i] = from[i * LANES + (size_t)r];
}

/* Rows of `in` from row0 on, each to t's outputs: out [n_rows][n_out][3]. LANES rows go through
 * together, transposed so that they lie side by side. */
CR_MULTIVERSION
static cr_status resize_horizontal(const cr_image *in, int row0, int n_rows, const taps *t,
                                   int n_out, uint8_t *out, cr_error *err)
{
    size_t in_pitch = (size_t)3 * (size_t)in->width, out_pitch = (size_t)3 * (size_t)n_out;
    size_t begin = (size_t)3 * (size_t)t->first[0];
    size_t end = (size_t)3 * (size_t)(t->first[n_out - 1] + t->count[n_out - 1]);
    uint8_t *tile = cr_alloc_aligned(end - begin + out_pitch, LANES); /* [byte of the row][row] */
    bool signed_weights = t->signed_weights;
    if (!tile)
        return cr_fail_memory(err, "resizing rows", end - begin + out_pitch, LANES);
    uint8_t *resized = tile + (end - begin) * LANES; /* likewise */
    for (int row = 0; row < n_rows; row += LANES) {
        int n = n_rows - row < LANES ? n_rows - row : LANES;
        rows_to_columns(in->rgb + (size_t)(row0 + row) * in_pitch + begin, in_pitch, n, end - begin,
                        tile);
        for (size_t x = 0; x < (size_t)n_out; x++) {
            const uint8_t *first = tile + ((size_t)3 * (size_t)t->first[x] - begin) * LANES;
            const int32_t *weight = t->weight + x * t->stride;
            int n_taps = t->count[x];
            for (size_t c = 0; c < 3; c++)
                weigh_lanes(first + c * LANES, 3 * LANES, weight, n_taps, signed_weights,
                            resized + (3 * x + c) * LANES);
        }
        columns_to_rows(resized, n, out_pitch, out + (size_t)row * out_pitch, out_pitch);
    }
    free(tile);
    return CR_OK;
}

/* Rows to t's outputs: out [n_out][n_bytes]; `in` begins with row row0 of the whole. */
CR_MULTIVERSION
static void resize_vertical(const uint8_t *in, int row0, size_t pitch, size_t n_bytes,
                            const taps *t, int n_out, uint8_t *out)
{
    bool signed_weights = t->signed_weights; /* not read anew behind each byte written */
    for (int y = 0; y < n_out; y++, out += n_bytes) {
        const uint8_t *first = in + pitch * (size_t)(t->first[y] - row0);
        const int32_t *weight = t->weight + (size_t)y * t->stride;
        int n_taps = t->count[y];
        size_t i = 0;
        for (; i + LANES <= n_bytes; i += LANES)
            weigh_lanes(first + i, pitch, weight, n_taps, signed_weights, out + i);
        for (; i < n_bytes; i++) {
            int32_t sum = 1 << (PRECISION_BITS - 1);
            for (int k = 0; k < n_taps; k++)
                sum += weight[k] * first[pitch * (size_t)k + i];
            sum >>= PRECISION_BITS;
            out[i] = (uint8_t)(sum > 255 ? 255 : sum < 0 ? 0 : sum);
        }
    }
}

static cr_status resize_weighed(const cr_image *in, const cr_window *window, const kernel *shape,
                                uint8_t *rgb, cr_error *err)
{
    cr_status status = CR_OK;
    taps across = {0}, down = {0};
    uint8_t *between = NULL;
    bool horizontal = window->full_width != in->width, vertical = window->full_height != in->height;
    int width = window->width, height = window->height;
    size_t in_pitch = (size_t)3 * (size_t)in->width, pitch = (size_t)3 * (size_t)width;
    int row0 = vertical ? 0 : (int)window->y0, n_rows = height; /* input rows that matter */

    if (vertical) {
        CR_TRY(taps_init(&down, shape, in->height, window->full_height, window->y0, height, err));
        row0 = down.first[0];
        n_rows = down.first[height - 1] + down.count[height - 1] - row0;
    }
    const uint8_t *rows = in->rgb + (size_t)row0 * in_pitch + (size_t)3 * (size_t)window->x0;
    size_t rows_pitch = in_pitch;
    if (horizontal) {
        CR_TRY(taps_init(&across, shape, in->width, window->full_width, window->x0, width, err));
        if (vertical) {
            between = cr_alloc((size_t)n_rows, pitch);
            if (!between) {
                status = cr_fail_memory(err, "a resized image", (size_t)n_rows, pitch);
                goto cleanup;
            }
        }
        uint8_t *target = vertical ? between : rgb;
        CR_TRY(resize_horizontal(in, row0, n_rows, &across, width, target, err));
        rows = target;
        rows_pitch = pitch;
    }
    if (vertical)
        resize_vertical(rows, row0, rows_pitch, pitch, &down, height, rgb);
    else if (!horizontal)
        for (int y = 0; y < height; y++)
            memcpy(rgb + pitch * (size_t)y, rows + rows_pitch * (size_t)y, pitch);

cleanup:
    free(between);
    taps_fini(&across);
    taps_fini(&down);
    return status;
}

cr_status cr_resize_pil_bilinear(const cr_image *in, const cr_window *window, uint8_t *rgb,
                                 cr_error *err)
{
    return resize_weighed(in, window, &bilinear, rgb, err);
}

cr_status cr_resize_pil_bicubic(const cr_image *in, const cr_window *window, uint8_t *rgb,
                                cr_error *err)
{
    return resize_weighed(in, window, &bicubic, rgb, err);
}

/* Where the first of a run of nearest pixels lies. Pillow adds up the step from output 0 on, and
 * the rounding of the sum decides ties; so far out that it could not hold the image, any rounding
 * will do. */
static double nearest_start(double step, int64_t out0)
{
    double place = step * 0.5;
    if (out0 > (int64_t)CR_IMAGE_MAX_PIXELS)
        return place + step * (double)out0;
    for (int64_t i = 0; i < out0; i++)
        place += step;
    return place;
}

cr_status cr_resize_pil_nearest(const cr_image *in, const cr_window *window, uint8_t *rgb,
                                cr_error *err)
{
    size_t *source = cr_alloc((size_t)window->width, sizeof *source); /* bytes into the row */
    if (!source)
        return cr_fail_memory(err, "resizing columns", (size_t)window->width, sizeof *source);
    double step = (double)in->width / (double)window->full_width;
    double place = nearest_start(step, window->x0);
    for (int x = 0; x < window->width; x++, place += step)
        source[x] = (size_t)3 * (size_t)place;
    step = (double)in->height / (double)window->full_height;
    place = nearest_start(step, window->y0);
    for (int y = 0; y < window->height; y++, place += step) {
        const uint8_t *row = in->rgb + (size_t)3 * (size_t)in->width * (size_t)place;
        for (int x = 0; x < window->width; x++, rgb += 3)
            memcpy(rgb, row + source[x], 3);
    }
    free(source);
    return CR_OK;
}
