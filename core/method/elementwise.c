/* The methods that weigh each activation by itself and add up the channels of a place: HiResCAM,
 * LayerCAM and Grad-CAM's elementwise form. They differ in what becomes of a product's sign. HiResCAM's
 * sum with weights in place of gradients is that of most other methods. */
#include "internal.h"

#include "camrank/multiversion.h"

/* Channel k goes into partial sum k % PARTS, so that a sum is that of several vectors. */
enum { PARTS = 16 };

typedef cr_real (*term_of)(cr_real g, cr_real a);

static inline cr_real product(cr_real g, cr_real a)
{
    return g * a;
}

static inline cr_real positive_product(cr_real g, cr_real a)
{
    return cr_positive(g * a);
}

static inline cr_real positive_gradient(cr_real g, cr_real a)
{
    return cr_positive(g) * a;
}

static inline __attribute__((always_inline)) cr_real sum_of(term_of term, int c, const cr_real *g,
                                                            const cr_real *a)
{
    cr_real part[PARTS] = {0};
    int k = 0;
    for (; k + PARTS <= c; k += PARTS)
        for (int l = 0; l < PARTS; l++)
            part[l] += term(g[k + l], a[k + l]);
    for (int l = 0; k < c; k++, l++)
        part[l] += term(g[k], a[k]);
    for (int half = PARTS / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            part[l] += part[l + half];
    return part[0];
}

static inline __attribute__((always_inline)) void add_up(term_of term, const cr_method_run *run)
{
    const int n_places = run->height * run->width, c = run->n_channels;
    cr_real *map = run->maps;
    for (int slot = 0; slot < run->n_slots; slot++) {
        const cr_real *a = run->activations;
        for (int i = 0; i < n_places; i++, a += c)
            *map++ = sum_of(term, c, cr_gradient(run, slot, i), a);
    }
}

CR_MULTIVERSION
static void add_products(const cr_method_run *run)
{
    add_up(product, run);
}

CR_MULTIVERSION
static void add_positive_products(const cr_method_run *run)
{
    add_up(positive_product, run);
}

CR_MULTIVERSION
static void add_positive_gradients(const cr_method_run *run)
{
    add_up(positive_gradient, run);
}

/* Not one product for all slots: in that, OpenBLAS adds up a slot's terms in an order that depends on
 * its place among the others. */
void cr_weigh_apart(const cr_method_run *run, const cr_real *weights)
{
    cr_method_run weighted = *run;
    weighted.gradients = weights;
    weighted.uniform = true;
    add_products(&weighted);
}

static const cr_parameter parameters[] = {CR_FORM_PARAMETERS(true, MAX)};

const cr_method cr_method_hires_cam = {
    .name = "hires-cam",
    .source = "Draelos and Carin, arXiv 2011.08891",
    .formula = "ReLU(sum_k g_k A_k)",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .run = add_products,
};

const cr_method cr_method_layer_cam = {
    .name = "layer-cam",
    .source = "Jiang et al., IEEE TIP 2021",
    .formula = "ReLU(sum_k ReLU(g_k) A_k)",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .run = add_positive_gradients,
};

const cr_method cr_method_grad_cam_elementwise = {
    .name = "grad-cam-elementwise",
    .source = "pytorch-grad-cam, GradCAMElementWise; no paper",
    .formula = "sum_k ReLU(g_k A_k)",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .run = add_positive_products,
};
