/* The sparse system of imputation by conjugate gradients, up to four channels at a time, with an incomplete
 * factorization whose rows have the sums of the system's (MIC: Gustafsson, BIT 18, 1978). Sums go in raster
 * order: the bits depend on nothing else. */
#include "impute.h"

#include "camrank/multiversion.h"

#include <stdint.h>
#include <string.h>

enum {
    LANES = 4,
    HALF = 4
}; /* channels at a time; neighbours before a pixel, and as many behind it */

#define MODIFIED 0.97 /* 1 would be all of the sums, and less stable */
#define DIGITS 1e-9
enum { MOST_ITERATIONS = 10000 };

/* Before a pixel in raster order, and their weights; those behind it are the same, turned round. */
static const int before_y[HALF] = {-1, -1, -1, 0}, before_x[HALF] = {-1, 0, 1, -1};
static const double weights[HALF] = {1 / 12., 1 / 6., 1 / 12., 1 / 6.};

typedef double lanes[LANES];

/* n missing pixels; place n, behind the last, is 0 and stands for neighbours that are not missing. */
typedef struct grid {
    int n;
    int32_t *number; /* [height][width] of a missing pixel, -1 of others */
    int32_t *place;  /* [n] in the image */
    int32_t (*before)[HALF], (*behind)[HALF];
    double *diagonal, *pivot; /* of the system, and of its factorization */
    lanes *x, *r, *p, *z, *q; /* [n + 1] */
} grid;

static size_t align(size_t n_bytes)
{
    return (n_bytes + 63) / 64 * 64;
}

static void *carve(char **at, size_t n_bytes)
{
    void *block = *at;
    *at += align(n_bytes);
    return block;
}

size_t cr_impute_bytes(int width, int height)
{
    const size_t n = (size_t)width * (size_t)height + 1;
    return 2 * align(n * sizeof(int32_t)) + 2 * align(n * HALF * sizeof(int32_t)) +
           2 * align(n * sizeof(double)) + 5 * align(n * sizeof(lanes));
}

double cr_impute_work(int width, int height)
{
    return 6e4 * width * height; /* measured: it takes as long as so many of a convolution */
}

static grid carve_grid(int width, int height, void *scratch)
{
    const size_t n = (size_t)width * (size_t)height + 1;
    char *at = scratch;
    grid g = {.number = carve(&at, n * sizeof *g.number)};
    g.place = carve(&at, n * sizeof *g.place);
    g.before = carve(&at, n * sizeof *g.before);
    g.behind = carve(&at, n * sizeof *g.behind);
    g.diagonal = carve(&at, n * sizeof *g.diagonal);
    g.pivot = carve(&at, n * sizeof *g.pivot);
    lanes **const vectors[] = {&g.x, &g.r, &g.p, &g.z, &g.q};
    for (int i = 0; i < 5; i++)
        *vectors[i] = carve(&at, n * sizeof(lanes));
    return g;
}

/* The place in the image of a neighbour, -1 outside. */
static int neighbour(int width, int height, int place, int k, int sign)
{
    const int y = place / width + sign * before_y[k], x = place % width + sign * before_x[k];
    return y < 0 || y >= height || x < 0 || x >= width ? -1 : y * width + x;
}

static void number_missing(int width, int height, const bool *keeps, grid *g)
{
    g->n = 0;
    for (int i = 0; i < width * height; i++) {
        g->number[i] = keeps[i] ? -1 : g->n;
        if (!keeps[i])
            g->place[g->n++] = i;
    }
    for (int i = 0; i < g->n; i++) {
        g->diagonal[i] = 0;
        for (int k = 0; k < HALF; k++) {
            const int a = neighbour(width, height, g->place[i], k, 1);
            const int b = neighbour(width, height, g->place[i], k, -1);
            g->before[i][k] = a >= 0 && g->number[a] >= 0 ? g->number[a] : g->n;
            g->behind[i][k] = b >= 0 && g->number[b] >= 0 ? g->number[b] : g->n;
            g->diagonal[i] += (a >= 0 ? weights[k] : 0) + (b >= 0 ? weights[k] : 0);
        }
    }
}

/* The pivots d of (D + L) D^-1 (D + L'), L what lies below the diagonal, so that the sums of its rows are
 * nearly the system's. */
static void factorize(const grid *g)
{
    for (int i = 0; i < g->n; i++) {
        double pivot = g->diagonal[i];
        for (int k = 0; k < HALF; k++) {
            const int j = g->before[i][k];
            if (j == g->n)
                continue;
            double behind = 0;
            for (int other = 0; other < HALF; other++)
                behind += g->behind[j][other] < g->n ? weights[other] : 0;
            pivot -= weights[k] * (weights[k] + MODIFIED * (behind - weights[k])) / g->pivot[j];
        }
        g->pivot[i] = pivot;
    }
}

/* What the known neighbours give. */
static void set_sides(int width, int height, int n_channels, int first, int n_lanes,
                      const bool *keeps, const cr_real *image, const grid *g)
{
    for (int i = 0; i <= g->n; i++)
        memset(g->r[i], 0, sizeof(lanes));
    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < 2 * HALF; k++) {
            const int from = neighbour(width, height, g->place[i], k % HALF, k < HALF ? 1 : -1);
            for (int l = 0; from >= 0 && keeps[from] && l < n_lanes; l++)
                g->r[i][l] +=
                    weights[k % HALF] *
                    (double)image[(size_t)from * (size_t)n_channels + (size_t)(first + l)];
        }
}

CR_MULTIVERSION
static void precondition(int n, int32_t (*before)[HALF], int32_t (*behind)[HALF],
                         const double *pivot, lanes *r, lanes *restrict z)
{
    for (int i = 0; i < n; i++) {
        lanes sum;
        for (int l = 0; l < LANES; l++)
            sum[l] = r[i][l];
        for (int k = 0; k < HALF; k++)
            for (int l = 0; l < LANES; l++)
                sum[l] += weights[k] * z[before[i][k]][l];
        for (int l = 0; l < LANES; l++)
            z[i][l] = sum[l] / pivot[i];
    }
    for (int i = n - 1; i >= 0; i--) {
        lanes sum = {0};
        for (int k = 0; k < HALF; k++)
            for (int l = 0; l < LANES; l++)
                sum[l] += weights[k] * z[behind[i][k]][l];
        for (int l = 0; l < LANES; l++)
            z[i][l] += sum[l] / pivot[i];
    }
}

/* q = the system times p, and the products of both. */
CR_MULTIVERSION
static void multiply(int n, int32_t (*before)[HALF], int32_t (*behind)[HALF],
                     const double *diagonal, lanes *p, lanes *restrict q, double *restrict product)
{
    lanes all = {0};
    for (int i = 0; i < n; i++) {
        lanes sum;
        for (int l = 0; l < LANES; l++)
            sum[l] = diagonal[i] * p[i][l];
        for (int k = 0; k < HALF; k++)
            for (int l = 0; l < LANES; l++)
                sum[l] -= weights[k] * (p[before[i][k]][l] + p[behind[i][k]][l]);
        for (int l = 0; l < LANES; l++) {
            q[i][l] = sum[l];
            all[l] += sum[l] * p[i][l];
        }
    }
    memcpy(product, all, sizeof all);
}

CR_MULTIVERSION
static void dot(int n, lanes *a, lanes *b, double *restrict product)
{
    lanes all = {0};
    for (int i = 0; i < n; i++)
        for (int l = 0; l < LANES; l++)
            all[l] += a[i][l] * b[i][l];
    memcpy(product, all, sizeof all);
}

CR_MULTIVERSION
static void add(int n, const double *times, lanes *a, lanes *restrict to)
{
    for (int i = 0; i < n; i++)
        for (int l = 0; l < LANES; l++)
            to[i][l] += times[l] * a[i][l];
}

/* p = z + times p. */
CR_MULTIVERSION
static void turn(int n, const double *times, lanes *z, lanes *restrict p)
{
    for (int i = 0; i < n; i++)
        for (int l = 0; l < LANES; l++)
            p[i][l] = z[i][l] + times[l] * p[i][l];
}

/* a / b; 0 of a lane that is solved, or has nothing to solve. */
static void divide(const double *a, const double *b, double sign, double *to)
{
    for (int l = 0; l < LANES; l++)
        to[l] = b[l] != 0 ? sign * a[l] / b[l] : 0;
}

static void solve(const grid *g)
{
    const int n = g->n;
    lanes wanted, left, rz, before, pq, times;
    for (int i = 0; i <= n; i++) {
        memset(g->x[i], 0, sizeof(lanes));
        memset(g->z[i], 0, sizeof(lanes));
        memset(g->p[i], 0, sizeof(lanes));
    }
    dot(n, g->r, g->r, wanted);
    memset(before, 0, sizeof before);
    for (int iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
        bool done = true;
        dot(n, g->r, g->r, left);
        for (int l = 0; l < LANES; l++)
            done = done && left[l] <= DIGITS * DIGITS * wanted[l];
        if (done)
            return;
        precondition(n, g->before, g->behind, g->pivot, g->r, g->z);
        dot(n, g->r, g->z, rz);
        divide(rz, before, 1, times);
        turn(n, times, g->z, g->p);
        memcpy(before, rz, sizeof rz);
        multiply(n, g->before, g->behind, g->diagonal, g->p, g->q, pq);
        divide(rz, pq, 1, times);
        add(n, times, g->p, g->x);
        divide(rz, pq, -1, times);
        add(n, times, g->q, g->r);
    }
}

void cr_impute(int width, int height, int n_channels, const bool *keeps, cr_real *image,
               void *scratch)
{
    grid g = carve_grid(width, height, scratch);
    number_missing(width, height, keeps, &g);
    if (g.n == width * height) {
        memset(image, 0, (size_t)g.n * (size_t)n_channels * sizeof *image);
        return;
    }
    factorize(&g);
    for (int first = 0; first < n_channels && g.n > 0; first += LANES) {
        const int now = n_channels - first < LANES ? n_channels - first : LANES;
        set_sides(width, height, n_channels, first, now, keeps, image, &g);
        solve(&g);
        for (int i = 0; i < g.n; i++)
            for (int l = 0; l < now; l++)
                image[(size_t)g.place[i] * (size_t)n_channels + (size_t)(first + l)] =
                    (cr_real)g.x[i][l];
    }
}
