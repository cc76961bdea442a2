/* SLIC: superpixels of an input, the same wherever they are computed. */
#include "camrank/passes.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 10, MOST_CHANNELS = 4 };

/* Of the range of the input's values. */
#define RANGE 100.

typedef struct centre {
    double colour[MOST_CHANNELS], x, y;
    double sums[MOST_CHANNELS + 2], n; /* of its pixels */
} centre;

/* In the work: distances [H W]; centres; labels of clusters, and a queue of pixels, both [H W]. */
typedef struct slic {
    const cr_real *input;
    int height, width, n_channels, stride; /* of the input; further channels do not count */
    int n;                                 /* superpixels that are asked for */
    double low, scale, step; /* a value is (v - low) * scale; pixels between centres */
    double weight;           /* of squared distances in pixels against those of colours */
    int n_centres;
    centre *centres;
    double *distances;
    int32_t *clusters, *queue;
} slic;

/* Centres along a side. */
static int count(int side, double step)
{
    const int n = (int)(side / step + .5);
    return n > 0 ? n : 1;
}

static double step_of(int height, int width, int n)
{
    return sqrt((double)height * width / n);
}

static int n_centres(int height, int width, int n)
{
    const double step = step_of(height, width, n);
    return count(height, step) * count(width, step);
}

size_t cr_superpixels_work(size_t n_pixels, int n)
{
    /* (height / step + 1) (width / step + 1), of whatever shape. */
    const double step = sqrt((double)n_pixels / n);
    const size_t most = (size_t)(n + ((double)n_pixels + 1) / step) + 2;
    return n_pixels + most * (sizeof(centre) / sizeof(double)) +
           (2 * n_pixels * sizeof(int32_t) + sizeof(double) - 1) / sizeof(double);
}

int cr_superpixels_most(size_t n_pixels, int n)
{
    const double pixels = (double)n_pixels;
    return (int)(pixels / fmax(1, floor(pixels / (4. * n)))) + 1;
}

static double value(const slic *s, size_t i, int k)
{
    return (s->input[(size_t)s->stride * i + (size_t)k] - s->low) * s->scale;
}

static void find_range(slic *s)
{
    const size_t n = (size_t)s->stride * (size_t)s->height * (size_t)s->width;
    double low = s->input[0], high = low;
    for (size_t i = 1; i < n; i++) {
        low = fmin(low, s->input[i]);
        high = fmax(high, s->input[i]);
    }
    s->low = low;
    s->scale = high > low ? RANGE / (high - low) : 0;
}

/* Where each begins: the pixel in the middle of its cell. */
static void place_centres(slic *s)
{
    const int n_y = count(s->height, s->step), n_x = count(s->width, s->step);
    for (int i = 0; i < n_y * n_x; i++) {
        const int y = (int)((i / n_x + .5) * s->height / n_y);
        const int x = (int)((i % n_x + .5) * s->width / n_x);
        const size_t at = (size_t)y * (size_t)s->width + (size_t)x;
        s->centres[i] = (centre){.x = x, .y = y};
        for (int k = 0; k < s->n_channels; k++)
            s->centres[i].colour[k] = value(s, at, k);
    }
}

/* The pixels within a step of a centre that are nearer to it than to any before. */
static void claim(slic *s, int k)
{
    const centre *c = &s->centres[k];
    const int y0 = (int)fmax(0, ceil(c->y - s->step)), x0 = (int)fmax(0, ceil(c->x - s->step));
    const int y1 = (int)fmin(s->height - 1, floor(c->y + s->step));
    const int x1 = (int)fmin(s->width - 1, floor(c->x + s->step));
    for (int y = y0; y <= y1; y++)
        for (int x = x0; x <= x1; x++) {
            const size_t at = (size_t)y * (size_t)s->width + (size_t)x;
            double distance = s->weight * ((x - c->x) * (x - c->x) + (y - c->y) * (y - c->y));
            for (int i = 0; i < s->n_channels; i++) {
                const double away = value(s, at, i) - c->colour[i];
                distance += away * away;
            }
            if (distance < s->distances[at]) {
                s->distances[at] = distance;
                s->clusters[at] = k;
            }
        }
}

/* Each centre becomes the mean of its pixels; one without any stays where it is. */
static void move_centres(slic *s)
{
    for (int k = 0; k < s->n_centres; k++) {
        memset(s->centres[k].sums, 0, sizeof s->centres[k].sums);
        s->centres[k].n = 0;
    }
    for (size_t at = 0; at < (size_t)s->height * (size_t)s->width; at++) {
        if (s->clusters[at] < 0)
            continue;
        centre *c = &s->centres[s->clusters[at]];
        for (int i = 0; i < s->n_channels; i++)
            c->sums[i] += value(s, at, i);
        c->sums[MOST_CHANNELS] += (double)(at % (size_t)s->width);
        c->sums[MOST_CHANNELS + 1] += (double)(at / (size_t)s->width);
        c->n++;
    }
    for (int k = 0; k < s->n_centres; k++) {
        centre *c = &s->centres[k];
        for (int i = 0; i < s->n_channels && c->n > 0; i++)
            c->colour[i] = c->sums[i] / c->n;
        c->x = c->n > 0 ? c->sums[MOST_CHANNELS] / c->n : c->x;
        c->y = c->n > 0 ? c->sums[MOST_CHANNELS + 1] / c->n : c->y;
    }
}

/* The pixels of a cluster that hang together with one, in the queue; they get the label. */
static int flood(const slic *s, int first, int32_t label, int32_t *labels)
{
    int n = 1;
    s->queue[0] = first;
    labels[first] = label;
    for (int i = 0; i < n; i++) {
        const int at = s->queue[i], x = at % s->width, y = at / s->width;
        const int next[4] = {x > 0 ? at - 1 : -1, y > 0 ? at - s->width : -1,
                             x + 1 < s->width ? at + 1 : -1,
                             y + 1 < s->height ? at + s->width : -1};
        for (int k = 0; k < 4; k++)
            if (next[k] >= 0 && labels[next[k]] < 0 && s->clusters[next[k]] == s->clusters[first]) {
                labels[next[k]] = label;
                s->queue[n++] = next[k];
            }
    }
    return n;
}

/* Parts that hang together, in the order of their first pixels; a small one is joined to that on the left
 * of its first pixel, or above it. */
static int connect(const slic *s, int32_t *labels)
{
    const int n_pixels = s->height * s->width;
    const int least = (int)(n_pixels / (4. * s->n));
    int n = 0;
    for (int i = 0; i < n_pixels; i++)
        labels[i] = -1;
    for (int i = 0; i < n_pixels; i++) {
        if (labels[i] >= 0)
            continue;
        const int32_t beside = i % s->width ? labels[i - 1] : i ? labels[i - s->width] : -1;
        const int size = flood(s, i, n, labels);
        if (size >= least || beside < 0) {
            n++;
            continue;
        }
        for (int k = 0; k < size; k++)
            labels[s->queue[k]] = beside;
    }
    return n;
}

int cr_superpixels(const cr_real *input, int height, int width, int n_channels, int n,
                   double compactness, double *work, int32_t *labels)
{
    const size_t n_pixels = (size_t)height * (size_t)width;
    slic s = {
        .input = input,
        .height = height,
        .width = width,
        .n_channels = n_channels < MOST_CHANNELS ? n_channels : MOST_CHANNELS,
        .stride = n_channels,
        .n = n,
        .step = step_of(height, width, n),
        .n_centres = n_centres(height, width, n),
        .distances = work,
        .centres = (centre *)(void *)(work + n_pixels),
    };
    s.clusters = (int32_t *)(void *)(s.centres + s.n_centres);
    s.queue = s.clusters + n_pixels;
    s.weight = compactness * compactness / (s.step * s.step);
    find_range(&s);
    place_centres(&s);
    memset(s.clusters, 0xff, n_pixels * sizeof *s.clusters);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < n_pixels; i++)
            s.distances[i] = INFINITY;
        for (int k = 0; k < s.n_centres; k++)
            claim(&s, k);
        move_centres(&s);
    }
    return connect(&s, labels);
}

const char *const cr_segments_words[] = {"slic", "given", NULL};

int cr_parts(const cr_parting *parting, const cr_real *input, int height, int width, int n_channels,
             const int32_t *given, double *work, int32_t *labels)
{
    const size_t n = (size_t)height * (size_t)width;
    int32_t last = 0;
    if (parting->segments == CR_SEGMENTS_SLIC)
        return cr_superpixels(input, height, width, n_channels, parting->superpixels,
                              parting->compactness, work, labels);
    memcpy(labels, given, n * sizeof *labels);
    for (size_t i = 0; i < n; i++)
        last = labels[i] > last ? labels[i] : last;
    return last + 1;
}

size_t cr_parts_work(const cr_parting *parting, size_t n_pixels)
{
    return parting->segments == CR_SEGMENTS_SLIC
               ? cr_superpixels_work(n_pixels, parting->superpixels)
               : 0;
}

int cr_parts_most(const cr_parting *parting, size_t n_pixels)
{
    return parting->segments == CR_SEGMENTS_SLIC
               ? cr_superpixels_most(n_pixels, parting->superpixels)
               : CR_MAX_SEGMENTS;
}
