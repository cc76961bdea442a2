/* internal.h - inside of method: the rows of the table, and the sums that several methods take. */
#ifndef CAMRANK_METHOD_INTERNAL_H
#define CAMRANK_METHOD_INTERNAL_H

#include "camrank/blas.h"
#include "camrank/method.h"

extern const cr_method cr_method_cam, cr_method_grad_cam;

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

#define CR_PARAMETERS(rows)              \
    {                                    \
        rows, sizeof rows / sizeof *rows \
    }

/* maps [n_slots][H W] = weights [n_slots][C] by the activations. */
void cr_weigh(const cr_method_run *run, const cr_real *weights, cr_real *maps);

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

#endif
