/* cam.h - activation maps of given classes from one forward pass of a network.
 *
 * A_k is channel k of the target layer (H x W), y_c the logit of class c, w_c,k the weight of the
 * linear layer behind the global pooling.
 *   cam       sum_k w_c,k A_k, no ReLU, no bias; at the layer that is pooled. Where the network
 *             pools one map for each class (NIN, SqueezeNet), that map. Zhou et al., CVPR 2016,
 *             section 2, equation 2.
 *   grad-cam  ReLU(sum_k alpha_c,k A_k), alpha_c,k = mean over the map of d y_c / d A_k; at any
 *             layer. Selvaraju et al., ICCV 2017, equations 1 and 2. Behind a global average
 *             pooling the gradient is w_c,k / (H W) everywhere, and no backward pass is run.
 * Everything is Local. */
#ifndef CAMRANK_CAM_H
#define CAMRANK_CAM_H

#include "camrank/base.h"
#include "camrank/nn.h"

typedef enum cr_method { CR_METHOD_CAM, CR_METHOD_GRAD_CAM } cr_method;

/* The method with this name; CR_EINPUT naming the known ones. */
cr_status cr_method_find(const char *name, cr_method *method, cr_error *err);
const char *cr_method_name(cr_method method);

/* Whether the method's maps are >= 0 by construction (a ReLU ends it). */
bool cr_method_rectifies(cr_method method);

/* A method at a layer of a graph. */
typedef struct cr_cam_variant {
    cr_method method;
    int value;         /* the target layer; -1 if the method does not apply */
    bool gradient;     /* a backward pass is needed */
    int width, height; /* of the maps */
    char why_not[200]; /* "" or why the method does not apply to this network */
} cr_cam_variant;

/* Finds where `method` works in a graph. `layer` is a value's (or node's) name; "" is the default:
 * the pooled layer for cam, the last spatial activation (cr_graph_last_spatial) for grad-cam.
 * Errors: CR_EINPUT for a layer that is unknown or has no spatial extent. That CAM does not apply
 * to a network is no error: see why_not. */
cr_status cr_cam_resolve(const cr_graph *graph, const cr_head *head, cr_method method,
                         const char *layer, cr_cam_variant *variant, cr_error *err);

typedef struct cr_cam cr_cam;

/* Compiles a graph for these variants, all of which apply, for at most `batch` inputs at a time and
 * maps of n_slots classes of each. `graph` must outlive the cr_cam; `head` and `variants` are
 * copied. Its weights and its arena are missing yet. `max_activations_mb` and errors: those of cr_net_new. */
cr_status cr_cam_new(const cr_graph *graph, const cr_head *head, const cr_cam_variant *variants,
                     int n_variants, int batch, int n_slots, int max_activations_mb, cr_cam **cam,
                     cr_error *err);
void cr_cam_free(cr_cam *cam);

/* As those of nn.h: the network's weights and, where CAM needs them, those of its head. */
size_t cr_cam_weight_bytes(const cr_cam *cam);
uint64_t cr_cam_weight_layout(const cr_cam *cam);
cr_status cr_cam_pack(const cr_cam *cam, void *block, const cr_net_memory *memory, cr_error *err);
void cr_cam_use(cr_cam *cam, const void *block);

/* As those of nn.h: for the network's activations and what the maps are made in. */
size_t cr_cam_arena_bytes(const cr_cam *cam);
void cr_cam_use_arena(cr_cam *cam, void *arena);

/* The compiled network: fill its input and run cr_net_forward before cr_cam_run. */
cr_net *cr_cam_net(cr_cam *cam);

/* The maps of the last forward pass, whose inputs were n_views views of each of n_images images, one
 * image's behind the other; n_images * n_views is at most the batch. Grad-CAM follows a view's own
 * logit, 1 / n_views of which is in the mean over the views.
 *   classes  [n_images][n_slots]
 *   maps     [n_variants] arrays [n_images][n_slots][n_views][height][width], the caller's */
void cr_cam_run(cr_cam *cam, int n_images, int n_views, const int32_t *classes, float *const *maps);

#endif
