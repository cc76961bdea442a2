/* internal.h - inside of method: the rows of the table, and the sums that several methods take. */
#ifndef CAMRANK_METHOD_INTERNAL_H
#define CAMRANK_METHOD_INTERNAL_H

#include "camrank/blas.h"
#include "camrank/method.h"

extern const cr_method cr_method_cam, cr_method_grad_cam, cr_method_grad_cam_plus_plus,
    cr_method_xgrad_cam, cr_method_hires_cam, cr_method_layer_cam, cr_method_grad_cam_elementwise,
    cr_method_finer_cam, cr_method_eigen_cam, cr_method_eigen_grad_cam, cr_method_seg_eigen_cam,
    cr_method_kpca_cam, cr_method_fem, cr_method_shapley_cam, cr_method_random_cam,
    cr_method_refine_cam, cr_method_score_cam, cr_method_ablation_cam, cr_method_recipro_cam,
    cr_method_is_cam, cr_method_ss_cam, cr_method_lime, cr_method_kernel_shap, cr_method_occlusion,
    cr_method_rise, cr_method_integrated_gradients, cr_method_smooth_grad, cr_method_var_grad,
    cr_method_saliency, cr_method_input_x_gradient, cr_method_guided_backprop, cr_method_deconvnet,
    cr_method_guided_grad_cam, cr_method_full_grad, cr_method_lrp, cr_method_raw_attention,
    cr_method_attention_rollout, cr_method_attention_relevance, cr_method_legrad, cr_method_ts_cam,
    cr_method_deep_lift, cr_method_expected_gradients, cr_method_gradient_shap;

/* By cr_scaling. */
extern const char *const cr_scaling_words[];

/* The parameters of every method: whether its maps end in a ReLU, and MAX or MIN_MAX, unless a job says
 * otherwise. */
#define CR_FORM_PARAMETERS(rectifies, scales)                                                     \
    {"relu", CR_PARAMETER_FLAG, .offset = offsetof(cr_map_form, relu), .fallback = (rectifies),   \
     .help = "values of the map below 0 become 0"},                                               \
    {                                                                                             \
        "scaling", CR_PARAMETER_WORD, .offset = offsetof(cr_map_form, scaling),                   \
                                      .fallback = CR_SCALING_##scales, .words = cr_scaling_words, \
                                      .help = "of a map before it is upsampled"                   \
    }

/* What the channels of a pixel of the input become: a member `channels` of the parameters. */
typedef struct cr_channel_form {
    bool absolute;
    enum { CR_CHANNELS_MAXIMUM, CR_CHANNELS_SUM, CR_CHANNELS_MEAN } channels;
} cr_channel_form;

extern const char *const cr_channel_words[];

#define CR_CHANNEL_PARAMETERS(type, takes_absolute, takes)                                         \
    {"absolute", CR_PARAMETER_FLAG, .offset = offsetof(type, channels.absolute),                   \
     .fallback = (takes_absolute), .help = "absolute values of each channel"},                     \
    {                                                                                              \
        "channels", CR_PARAMETER_WORD, .offset = offsetof(type, channels.channels),                \
                                       .fallback = CR_CHANNELS_##takes, .words = cr_channel_words, \
                                       .help = "what a pixel's three values become"                \
    }

cr_real cr_reduce_channels(const cr_channel_form *form, const cr_real *values, int n);

/* maps [n_slots][H W] = weights [n_slots][C] by the activations, as one product. */
void cr_weigh(const cr_method_run *run, const cr_real *weights, cr_real *maps);

/* The maps of a slot's weights by the activations, each slot's by itself: the bits of a slot depend neither
 * on how many there are nor on its place among them. */
void cr_weigh_apart(const cr_method_run *run, const cr_real *weights);

/* The mean over the map of the gradients of each slot, [n_slots][C]: in `means`, which has room for
 * it, or where they are already. */
const cr_real *cr_mean_gradients(const cr_method_run *run, cr_real *means);

/* The maps where the network pools one for each class: that of the slot's class, over `divisor`. */
void cr_channel_maps(const cr_method_run *run, cr_real divisor);

/* The gradient of a slot at a place, [C]. */
static inline const cr_real *cr_gradient(const cr_method_run *run, int slot, int place)
{
    const size_t n_places = run->uniform ? 1 : (size_t)run->height * (size_t)run->width;
    const size_t at = (size_t)slot * n_places + (run->uniform ? 0 : (size_t)place);
    return run->gradients + at * (size_t)run->n_channels;
}

/* As cr_method.scratch: room for [n_slots][C]. */
size_t cr_scratch_of_weights(const void *parameters, int n_places, int n_channels, int n_slots);

/* The sum over the map of each channel's activations, [C]. */
void cr_channel_sums(const cr_method_run *run, double *sums);

/* The first principal component of the rows of x [n_places][n_channels], each row's share of it: map
 * [n_places], the projection of the rows on the first right singular vector of x. Where `centre`, the
 * mean row is taken away from x first. The value of the largest magnitude, of such as are equal the first,
 * is positive. All NaN where x is not finite. x is overwritten; `work` are cr_principal_work doubles. */
void cr_principal_map(int n_places, int n_channels, bool centre, double *x, double *work,
                      cr_real *map);
size_t cr_principal_work(int n_places, int n_channels);

/* Its parts: takes the mean row away; writes `scale` times an eigenvector, with that sign. */
void cr_centre_rows(int n_places, int n_channels, double *x, double *mean);
void cr_signed_map(int n_places, const double *vector, double scale, cr_real *map);

/* x [n_places][C] = the activations. */
void cr_copy_activations(const cr_method_run *run, double *x);

/* What an input is compared with: a member `baseline` of the parameters. */
typedef struct cr_baseline {
    enum { CR_BASELINE_VALUE, CR_BASELINE_BLACK, CR_BASELINE_MEAN, CR_BASELINE_BLURRED } reference;
    double value, blur;
} cr_baseline;

extern const char *const cr_baseline_words[];

/* `since`: whether the value of `baseline` came later than the method. */
#define CR_BASELINE_PARAMETERS(type, since)                                                      \
    {"reference",                                                                                \
     CR_PARAMETER_WORD,                                                                          \
     .offset = offsetof(type, baseline.reference),                                               \
     .words = cr_baseline_words,                                                                 \
     .later = true,                                                                              \
     .help = "what the input is compared with: the baseline, black, its mean colour, or itself " \
             "blurred"},                                                                         \
        {"baseline",                                                                             \
         CR_PARAMETER_NUMBER,                                                                    \
         .offset = offsetof(type, baseline.value),                                               \
         since,                                                                                  \
         .least = -1e6,                                                                          \
         .most = 1e6,                                                                            \
         .help = "that, as a value of the network's input"},                                     \
    {                                                                                            \
        "blur", CR_PARAMETER_NUMBER,                                                             \
            .offset = offsetof(type, baseline.blur), .most = 100, .fallback = 10, .later = true, \
            .help = "of what is blurred: the Gaussian's deviation in pixels"                     \
    }

/* The baseline of the input of the passes, [H W C]; `work` are as many. */
void cr_fill_baseline(const cr_method_run *run, const cr_baseline *baseline, double *to,
                      double *work);

/* As cr_method.run of the gradient at the input, with another's channels. */
void cr_run_saliency(const cr_method_run *run, const cr_channel_form *form);

/* One map of one class at each of n layers. */
typedef struct cr_layer_map {
    const float *map; /* [height][width] */
    int width, height;
} cr_layer_map;

/* Fuses them to `out` [height][width]: all NaN where one of them is not finite. A map that has nothing
 * but zeros when it is scaled stays so.
 *   work  [places of all layers] */
void cr_fuse_maps(const cr_fusion *fusion, cr_scaling scaling, const cr_layer_map *maps, int n,
                  double *work, int width, int height, float *out);

/* Where pixel i of `of` lies among the n that are enlarged to these: between `low` and `high`, `weight` of the
 * way; as F.interpolate has it, bilinearly, with or without align_corners. */
typedef struct cr_map_place {
    int low, high;
    double weight;
} cr_map_place;

cr_map_place cr_find_map_place(int i, int n, int of, bool align_corners);

/* The values at the corners, two of the upper row and two of the lower, interpolated. */
double cr_mix_corners(const double corners[4], double x, double y);

/* cr_reals that have room for n doubles, and for what lies behind them to be at a multiple of 64 bytes
 * where they are. */
static inline size_t cr_reals_of_doubles(size_t n)
{
    return (n + 7) / 8 * 8 * sizeof(double) / sizeof(cr_real);
}

/* The reals behind n doubles, which are at the start of the scratch. */
static inline cr_real *cr_behind_doubles(const cr_method_run *run, size_t n)
{
    return run->scratch + cr_reals_of_doubles(n);
}

/* Number i of the normal numbers that belong to a key, by Box and Muller's method. */
double cr_gauss(uint64_t key, uint64_t i);

/* By cr_score. */
extern const char *const cr_score_words[];

/* max(v, 0), but NaN stays NaN. */
static inline cr_real cr_positive(cr_real v)
{
    return v < 0 ? 0 : v;
}

#endif
