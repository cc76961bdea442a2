/* Normal equations in double precision: few unknowns, and samples that need not be kept. Where they have
 * no single solution, one that is as good as the smallest is taken. */
#include "linear_fit.h"

#include <math.h>
#include <string.h>

/* Added to the diagonal, as a share of its largest value, where the equations are singular. */
#define LEAST_RIDGE 1e-10

size_t cr_fit_room(int n, int n_scores)
{
    return 2 * (size_t)n * (size_t)n + 2 * (size_t)n + (size_t)n_scores * ((size_t)n + 1);
}

void cr_fit_begin(cr_fit *fit, int n, int n_scores, double *room)
{
    const size_t square = (size_t)n * (size_t)n;
    memset(room, 0, cr_fit_room(n, n_scores) * sizeof *room);
    *fit = (cr_fit){.n = n, .n_scores = n_scores, .products = room, .matrix = room + square};
    fit->seen = fit->matrix + square;
    fit->ones = fit->seen + n;
    fit->by_part = fit->ones + n;
    fit->scores = fit->by_part + (size_t)n_scores * (size_t)n;
}

void cr_fit_add(cr_fit *fit, const uint8_t *seen, double weight, const double *scores)
{
    fit->weight += weight;
    for (int s = 0; s < fit->n_scores; s++)
        fit->scores[s] += weight * scores[s];
    for (int i = 0; i < fit->n; i++) {
        if (!seen[i])
            continue;
        fit->seen[i] += weight;
        for (int j = 0; j <= i; j++)
            fit->products[(size_t)i * (size_t)fit->n + (size_t)j] += seen[j] ? weight : 0;
        for (int s = 0; s < fit->n_scores; s++)
            fit->by_part[s * fit->n + i] += weight * scores[s];
    }
}

/* The products, less what the intercept takes of them, and `ridge` on the diagonal. */
static void make_matrix(const cr_fit *fit, bool intercept, double ridge)
{
    const size_t n = (size_t)fit->n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            const double taken = intercept ? fit->seen[i] * fit->seen[j] / fit->weight : 0;
            fit->matrix[i * n + j] = fit->products[i * n + j] - taken + (i == j ? ridge : 0);
        }
}

/* Right-hand sides, [n_scores][n], from what `make` writes; a singular matrix gets a ridge. */
static bool solve(const cr_fit *fit, bool intercept, double ridge, int n_right, double *right,
                  void (*make)(const cr_fit *fit, double *right))
{
    double most = 1;
    for (int i = 0; i < fit->n; i++)
        most = fmax(most, fit->products[(size_t)i * (size_t)fit->n + (size_t)i]);
    for (int again = 0; again < 2; again++) {
        make_matrix(fit, intercept, again ? LEAST_RIDGE * most : ridge);
        make(fit, right);
        if (cr_solve_positive(fit->n, fit->matrix, n_right, right))
            return true;
    }
    return false;
}

static void make_centred(const cr_fit *fit, double *right)
{
    for (int s = 0; s < fit->n_scores; s++)
        for (int i = 0; i < fit->n; i++)
            right[s * fit->n + i] =
                fit->by_part[s * fit->n + i] - fit->seen[i] * fit->scores[s] / fit->weight;
}

bool cr_fit_ridge(const cr_fit *fit, double ridge, double *coefficients)
{
    return solve(fit, true, ridge, fit->n_scores, coefficients, make_centred);
}

static void make_plain(const cr_fit *fit, double *right)
{
    memcpy(right, fit->by_part, (size_t)fit->n_scores * (size_t)fit->n * sizeof *right);
}

static void make_ones(const cr_fit *fit, double *right)
{
    for (int i = 0; i < fit->n; i++)
        right[i] = 1;
}

/* Lagrange's multiplier moves the plain solution along that for ones. */
bool cr_fit_with_sums(const cr_fit *fit, const double *sums, double *coefficients)
{
    double *c = coefficients, of_ones = 0;
    if (!solve(fit, false, 0, fit->n_scores, c, make_plain) ||
        !solve(fit, false, 0, 1, fit->ones, make_ones))
        return false;
    for (int i = 0; i < fit->n; i++)
        of_ones += fit->ones[i];
    for (int s = 0; s < fit->n_scores; s++, c += fit->n) {
        double sum = 0;
        for (int i = 0; i < fit->n; i++)
            sum += c[i];
        for (int i = 0; i < fit->n; i++)
            c[i] += fit->ones[i] * (sums[s] - sum) / of_ones;
    }
    return true;
}
