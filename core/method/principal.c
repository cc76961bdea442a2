/* Principal components, from the smaller of the two matrices of products, in double precision. */
#include "internal.h"

#include "camrank/multiversion.h"

#include <math.h>

CR_MULTIVERSION
void cr_centre_rows(int n_places, int n_channels, double *x, double *restrict mean)
{
    for (int k = 0; k < n_channels; k++)
        mean[k] = 0;
    const double *row = x;
    for (int i = 0; i < n_places; i++, row += n_channels)
        for (int k = 0; k < n_channels; k++)
            mean[k] += row[k];
    for (int k = 0; k < n_channels; k++)
        mean[k] /= n_places;
    for (int i = 0; i < n_places; i++, x += n_channels)
        for (int k = 0; k < n_channels; k++)
            x[k] -= mean[k];
}

void cr_signed_map(int n_places, const double *vector, double scale, cr_real *map)
{
    int largest = 0;
    for (int i = 1; i < n_places; i++)
        if (fabs(vector[i]) > fabs(vector[largest]))
            largest = i;
    if (vector[largest] < 0)
        scale = -scale;
    for (int i = 0; i < n_places; i++)
        map[i] = (cr_real)(scale * vector[i]);
}

void cr_copy_activations(const cr_method_run *run, double *x)
{
    const size_t n = (size_t)run->height * (size_t)run->width * (size_t)run->n_channels;
    for (size_t i = 0; i < n; i++)
        x[i] = (double)run->activations[i];
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a < b ? b : a;
}

/* A vector of channels or places, the matrix, its eigenvector, and what finding that takes. */
size_t cr_principal_work(int n_places, int n_channels)
{
    const size_t n = (size_t)smaller(n_places, n_channels);
    return (size_t)larger(n_places, n_channels) + n * n + n + cr_top_eigenvector_work((int)n);
}

static void project(int n_places, int n_channels, const double *x, const double *vector,
                    double *onto)
{
    for (int i = 0; i < n_places; i++, x += n_channels) {
        onto[i] = 0;
        for (int k = 0; k < n_channels; k++)
            onto[i] += x[k] * vector[k];
    }
}

void cr_principal_map(int n_places, int n_channels, bool centre, double *x, double *work,
                      cr_real *map)
{
    const bool by_channels = n_channels < n_places;
    const int n = smaller(n_places, n_channels);
    double *line = work, *products = line + larger(n_places, n_channels);
    double *vector = products + (size_t)n * (size_t)n, value;
    if (centre)
        cr_centre_rows(n_places, n_channels, x, line);
    cr_gram(by_channels, n, by_channels ? n_places : n_channels, x, products);
    if (!cr_top_eigenvector(n, products, vector + n, &value, vector)) {
        for (int i = 0; i < n_places; i++)
            map[i] = (cr_real)NAN;
    } else if (by_channels) {
        project(n_places, n_channels, x, vector, line);
        cr_signed_map(n_places, line, 1, map);
    } else {
        cr_signed_map(n_places, vector, sqrt(fmax(value, 0)), map);
    }
}
