/* KPCA-CAM: the first principal component of the activations under a sigmoid kernel. */
#include "internal.h"

#include <math.h>

typedef struct layout {
    size_t n_values, n_products;
} layout;

static layout layout_of(int n_places, int n_channels)
{
    return (layout){(size_t)n_places * (size_t)n_channels, (size_t)n_places * (size_t)n_places};
}

/* The kernel of each two places in place of their product, less its means over rows and over columns:
 * what the products would be of points around their mean. Of the lower half. As the means go, so does
 * any constant: taken away first, that of a product of 0 leaves nothing of places that are all the same.
 */
static void apply_kernel(int n, int n_channels, double *products, double *means)
{
    const double of_nothing = tanh(1);
    double all = 0;
    for (int i = 0; i < n; i++)
        means[i] = 0;
    for (int i = 0; i < n; i++) {
        double *row = products + (size_t)i * (size_t)n;
        for (int j = 0; j <= i; j++) {
            row[j] = tanh(row[j] / n_channels + 1) - of_nothing;
            means[i] += row[j];
            means[j] += j < i ? row[j] : 0;
        }
    }
    for (int i = 0; i < n; i++)
        all += (means[i] /= n) / n;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            products[(size_t)i * (size_t)n + (size_t)j] += all - means[i] - means[j];
}

static void run(const cr_method_run *run)
{
    const int n_places = run->height * run->width, c = run->n_channels;
    const layout at = layout_of(n_places, c);
    double *x = (double *)(void *)run->scratch, *products = x + at.n_values;
    double *mean = products + at.n_products, *vector = mean + (n_places > c ? n_places : c), value;
    cr_copy_activations(run, x);
    cr_centre_rows(n_places, c, x, mean);
    cr_gram(false, n_places, c, x, products);
    apply_kernel(n_places, c, products, mean);
    if (cr_top_eigenvector(n_places, products, vector + n_places, &value, vector))
        cr_signed_map(n_places, vector, sqrt(fmax(value, 0)), run->maps);
    else
        for (int i = 0; i < n_places; i++)
            run->maps[i] = (cr_real)NAN;
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    const layout at = layout_of(n_places, n_channels);
    (void)parameters;
    (void)n_slots;
    return cr_reals_of_doubles(at.n_values + at.n_products + 2 * (size_t)n_places +
                               (size_t)n_channels + cr_top_eigenvector_work(n_places));
}

static const cr_parameter parameters[] = {CR_FORM_PARAMETERS(false, MIN_MAX)};

const cr_method cr_method_kpca_cam = {
    .name = "kpca-cam",
    .source = "Karmani et al., arXiv 2410.00267, with the sigmoid kernel",
    .formula = "first component of kernel PCA of the places, kernel tanh(<x, y> / C + 1)",
    .of_image = true,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .run = run,
};
