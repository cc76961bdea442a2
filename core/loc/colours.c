/* A mixture of Gaussians that depends on nothing but the pixels: no random beginning. */
#include "colours.h"

#include <math.h>
#include <string.h>

/* Added to each variance: a grey level is as fine as a colour is known. */
#define LEAST_VARIANCE 1.0

/* Of a group, each pixel by its share in it. */
typedef struct sums {
    double n, first[3], second[6];
} sums;

static void add(sums *s, const uint8_t *pixel, double share)
{
    const double r = pixel[0], g = pixel[1], b = pixel[2];
    const double second[6] = {r * r, r * g, r * b, g * g, g * b, b * b};
    s->n += share;
    s->first[0] += share * r;
    s->first[1] += share * g;
    s->first[2] += share * b;
    for (int i = 0; i < 6; i++)
        s->second[i] += share * second[i];
}

static void covariance(const sums *s, double mean[3], double c[6])
{
    for (int i = 0; i < 3; i++)
        mean[i] = s->first[i] / s->n;
    for (int i = 0, k = 0; i < 3; i++)
        for (int j = i; j < 3; j++, k++)
            c[k] = s->second[k] / s->n - mean[i] * mean[j];
}

/* Turns rows and columns p and q of a symmetric matrix so that a[p][q] is 0 (Jacobi). */
static void turn(double a[3][3], double v[3][3], int p, int q)
{
    if (a[p][q] == 0)
        return;
    const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    const double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < 3; k++) {
        const double x = a[k][p], y = a[k][q];
        a[k][p] = c * x - s * y;
        a[k][q] = s * x + c * y;
    }
    for (int k = 0; k < 3; k++) {
        const double x = a[p][k], y = a[q][k];
        a[p][k] = c * x - s * y;
        a[q][k] = s * x + c * y;
    }
    for (int k = 0; k < 3; k++) {
        const double x = v[k][p], y = v[k][q];
        v[k][p] = c * x - s * y;
        v[k][q] = s * x + c * y;
    }
}

/* The direction of largest variance; that variance. */
static double principal(const double c[6], double direction[3])
{
    double a[3][3] = {{c[0], c[1], c[2]}, {c[1], c[3], c[4]}, {c[2], c[4], c[5]}};
    double v[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int round = 0; round < 12; round++) {
        turn(a, v, 0, 1);
        turn(a, v, 0, 2);
        turn(a, v, 1, 2);
    }
    int most = 0;
    for (int i = 1; i < 3; i++)
        most = a[i][i] > a[most][most] ? i : most;
    for (int i = 0; i < 3; i++)
        direction[i] = v[i][most];
    return a[most][most];
}

static double along(const uint8_t *pixel, const double mean[3], const double direction[3])
{
    double sum = 0;
    for (int i = 0; i < 3; i++)
        sum += (pixel[i] - mean[i]) * direction[i];
    return sum;
}

/* Parts one group in two, the further half as group number n. False where none has any variance. */
static bool part(const uint8_t *pixels, size_t n_pixels, uint8_t *groups, sums *of, int n)
{
    double most = 0, mean[3] = {0}, direction[3] = {0};
    int parted = -1;
    for (int k = 0; k < n; k++) {
        double m[3], c[6], d[3];
        covariance(&of[k], m, c);
        const double variance = principal(c, d);
        if (variance > most + 1e-6) {
            most = variance;
            parted = k;
            memcpy(mean, m, sizeof mean);
            memcpy(direction, d, sizeof direction);
        }
    }
    if (parted < 0)
        return false;
    of[parted] = of[n] = (sums){0};
    for (size_t i = 0; i < n_pixels; i++)
        if (groups[i] == parted) {
            groups[i] = (uint8_t)(along(pixels + 3 * i, mean, direction) > 0 ? n : parted);
            add(&of[groups[i]], pixels + 3 * i, 1);
        }
    return of[n].n > 0 && of[parted].n > 0;
}

static void describe(const sums *s, double n_pixels, cr_colour *colour)
{
    double c[6], *inverse = colour->inverse;
    covariance(s, colour->mean, c);
    c[0] += LEAST_VARIANCE;
    c[3] += LEAST_VARIANCE;
    c[5] += LEAST_VARIANCE;
    const double minors[6] = {c[3] * c[5] - c[4] * c[4], c[2] * c[4] - c[1] * c[5],
                              c[1] * c[4] - c[2] * c[3], c[0] * c[5] - c[2] * c[2],
                              c[1] * c[2] - c[0] * c[4], c[0] * c[3] - c[1] * c[1]};
    const double determinant = c[0] * minors[0] + c[1] * minors[1] + c[2] * minors[2];
    for (int i = 0; i < 6; i++)
        inverse[i] = minors[i] / determinant;
    colour->weight = s->n / n_pixels;
    colour->scale = log(colour->weight) - .5 * log(determinant) - 1.5 * log(6.283185307179586);
}

/* log(weight * density). */
static double log_density(const cr_colour *c, const uint8_t *pixel)
{
    const double x = pixel[0] - c->mean[0], y = pixel[1] - c->mean[1], z = pixel[2] - c->mean[2];
    const double *a = c->inverse;
    return c->scale - .5 * (x * (a[0] * x + 2 * (a[1] * y + a[2] * z)) +
                            y * (a[3] * y + 2 * a[4] * z) + a[5] * z * z);
}

/* The logarithm of the sum of the densities, and each as a share of it. */
static double share_out(const cr_colours *colours, const uint8_t *pixel, double shares[CR_COLOURS])
{
    double most = -INFINITY, sum = 0;
    for (int k = 0; k < colours->n; k++) {
        shares[k] = log_density(&colours->of[k], pixel);
        most = fmax(most, shares[k]);
    }
    for (int k = 0; k < colours->n; k++) {
        /* What is below the last bit of the sum costs no exponential. */
        shares[k] = shares[k] - most < -40 ? 0 : exp(shares[k] - most);
        sum += shares[k];
    }
    for (int k = 0; k < colours->n; k++)
        shares[k] /= sum;
    return sum > 0 ? most + log(sum) : most;
}

static void improve(const uint8_t *pixels, size_t n_pixels, cr_colours *colours)
{
    sums of[CR_COLOURS] = {{0}};
    double shares[CR_COLOURS];
    for (size_t i = 0; i < n_pixels; i++) {
        share_out(colours, pixels + 3 * i, shares);
        for (int k = 0; k < colours->n; k++)
            if (shares[k] > 0)
                add(&of[k], pixels + 3 * i, shares[k]);
    }
    /* A Gaussian that has no pixel left to itself stays as it is. */
    for (int k = 0; k < colours->n; k++)
        if (of[k].n > 1e-9)
            describe(&of[k], (double)n_pixels, &colours->of[k]);
}

cr_status cr_colours_fit(const uint8_t *pixels, size_t n, cr_colours *colours,
                         cr_loc_workspace *workspace, cr_error *err)
{
    sums of[CR_COLOURS] = {{0}};
    uint8_t *groups = cr_loc_room(workspace, CR_PART_GROUPS, n, 1, err);
    if (!groups)
        return CR_EINTERNAL;
    memset(groups, 0, n);
    for (size_t i = 0; i < n; i++)
        add(&of[0], pixels + 3 * i, 1);
    colours->n = n > 0;
    while (n > 0 && colours->n < CR_COLOURS && part(pixels, n, groups, of, colours->n))
        colours->n++;
    for (int k = 0; k < colours->n; k++)
        describe(&of[k], (double)n, &colours->of[k]);
    for (int round = 0; round < CR_COLOUR_ROUNDS; round++)
        improve(pixels, n, colours);
    return CR_OK;
}

double cr_colours_cost(const cr_colours *colours, const uint8_t pixel[3])
{
    double shares[CR_COLOURS];
    return -share_out(colours, pixel, shares);
}
