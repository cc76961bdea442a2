/* The maps of several layers as one, in double precision: each is scaled at its own resolution first, as
 * the programs that others use do, and then interpolated to a common one. */
#include "internal.h"

#include <math.h>

static const char *const fuses[] = {"maximum", "mean", "product", NULL};
static const char *const sizes[] = {"largest", "input", NULL};

static const cr_parameter parameters[] = {
    {"fuse", CR_PARAMETER_WORD, .offset = offsetof(cr_fusion, fuse), .words = fuses,
     .help = "what becomes of the layers' maps at a place"},
    {"fuse_at", CR_PARAMETER_WORD, .offset = offsetof(cr_fusion, at), .words = sizes,
     .help = "the fused map is as large as the largest layer, or as the network's input"},
    {"fuse_gamma", CR_PARAMETER_NUMBER, .offset = offsetof(cr_fusion, gamma), .most = 100,
     .help = "tanh(gamma m) of each scaled map m; 0: m itself"},
};

const cr_parameters cr_fusion_parameters = CR_PARAMETERS(parameters);

cr_fusion cr_fusion_plain(const cr_method *method)
{
    cr_fusion fusion;
    cr_parameters_reset(cr_fusion_parameters, &fusion);
    if (method->of_layers)
        fusion.fuse = CR_FUSE_PRODUCT;
    return fusion;
}

/* From 0 to 1, if it has another value than 0 then. False where the map is not finite. */
static bool scale(const cr_layer_map *map, cr_scaling scaling, double gamma, double *to)
{
    const int n = map->width * map->height;
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < n; i++) {
        if (!isfinite(map->map[i]))
            return false;
        low = fmin(low, map->map[i]);
        high = fmax(high, map->map[i]);
    }
    if (scaling == CR_SCALING_MAX)
        low = 0;
    for (int i = 0; i < n; i++) {
        to[i] = high > low ? (map->map[i] - low) / (high - low) : 0;
        if (gamma > 0)
            to[i] = tanh(gamma * to[i]);
    }
    return true;
}

cr_map_place cr_find_map_place(int i, int n, int of, bool align_corners)
{
    const double at =
        align_corners ? of > 1 ? i * (n - 1.) / (of - 1) : 0 : fmax((i + .5) * n / of - .5, 0);
    const int low = (int)at;
    return (cr_map_place){low, low + 1 < n ? low + 1 : low, at - low};
}

static double mix(double a, double b, double weight)
{
    return a + weight * (b - a);
}

double cr_mix_corners(const double corners[4], double x, double y)
{
    return mix(mix(corners[0], corners[1], x), mix(corners[2], corners[3], x), y);
}

static double sample(const cr_layer_map *map, const double *scaled, cr_map_place x, cr_map_place y)
{
    const double *top = scaled + (size_t)y.low * (size_t)map->width;
    const double *bottom = scaled + (size_t)y.high * (size_t)map->width;
    const double corners[4] = {top[x.low], top[x.high], bottom[x.low], bottom[x.high]};
    return cr_mix_corners(corners, x.weight, y.weight);
}

static double combine(const cr_fusion *fusion, double a, double b)
{
    return fusion->fuse == CR_FUSE_MAXIMUM ? fmax(a, b)
           : fusion->fuse == CR_FUSE_MEAN  ? a + b
                                           : a * b;
}

void cr_fuse_maps(const cr_fusion *fusion, cr_scaling scaling, const cr_layer_map *maps, int n,
                  double *work, int width, int height, float *out)
{
    const double *scaled[CR_MAX_LAYERS];
    bool finite = true;
    for (int k = 0; k < n; k++) {
        scaled[k] = work;
        finite = finite && scale(&maps[k], scaling, fusion->gamma, work);
        work += (size_t)maps[k].width * (size_t)maps[k].height;
    }
    const double divisor = fusion->fuse == CR_FUSE_MEAN ? n : 1;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double value = NAN;
            for (int k = 0; finite && k < n; k++) {
                const cr_map_place of_x = cr_find_map_place(x, maps[k].width, width, false);
                const cr_map_place of_y = cr_find_map_place(y, maps[k].height, height, false);
                const double m = sample(&maps[k], scaled[k], of_x, of_y);
                value = k ? combine(fusion, value, m) : m;
            }
            *out++ = (float)(value / divisor);
        }
}
