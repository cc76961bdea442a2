/* Maps as products: [slots][C] importance weights by [H W][C] activations, one GEMM an image. */
#include "camrank/cam.h"

#include "camrank/blas.h"

#include <stdlib.h>
#include <string.h>

struct cr_cam {
    const cr_graph *graph;
    cr_net *net;
    cr_head head;
    size_t n_head;           /* of head_block: 0 if no map is made of the head's weights */
    const float *head_block; /* [n_classes][n_channels] behind the net's weights */
    int n_variants, n_slots;
    cr_cam_variant *variants;
    int *channels;    /* [n_variants] of the target layer */
    int32_t *classes; /* [batch][n_slots] followed in each input */
    size_t n_weights, n_product;
    cr_real *weights; /* [images of a backward pass][n_slots][largest C], behind the net's arena */
    cr_real *product; /* [n_slots][largest H W], behind that */
};

static bool any_gradient(const cr_cam_variant *variants, int n)
{
    for (int v = 0; v < n; v++)
        if (variants[v].gradient)
            return true;
    return false;
}

static bool is_linear(const cr_head *head)
{
    return head->kind == CR_HEAD_GAP_LINEAR || head->kind == CR_HEAD_GMP_LINEAR;
}

/* Whether the head's weights are importance weights of any variant. */
static bool any_of_head(const cr_head *head, const cr_cam_variant *variants, int n)
{
    for (int v = 0; v < n; v++)
        if (is_linear(head) && !variants[v].gradient)
            return true;
    return false;
}

static cr_status compile(cr_cam *cam, const cr_graph *graph, int batch, int max_activations_mb,
                         cr_error *err)
{
    size_t n = (size_t)cam->n_variants;
    cr_net_target *targets = cr_alloc(n, sizeof *targets);
    if (!targets)
        return cr_fail_memory(err, "targets", n, sizeof *targets);
    for (int v = 0; v < cam->n_variants; v++)
        targets[v] = (cr_net_target){cam->variants[v].value, cam->variants[v].gradient};
    int n_back = any_gradient(cam->variants, cam->n_variants) ? cam->n_slots : 0;
    cr_status status = cr_net_new(graph, batch, targets, cam->n_variants, n_back,
                                  max_activations_mb, &cam->net, err);
    free(targets);
    return status;
}

/* Of n cr_reals, so that what lies behind them is at a multiple of 64 bytes. */
static size_t whole_lines(size_t n)
{
    return (n + 15) / 16 * 16;
}

cr_status cr_cam_new(const cr_graph *graph, const cr_head *head, const cr_cam_variant *variants,
                     int n_variants, int batch, int n_slots, int max_activations_mb,
                     cr_cam **result, cr_error *err)
{
    cr_status status = CR_OK;
    size_t n = (size_t)n_variants, most_channels = 1, most_pixels = 1;
    cr_cam *cam = cr_alloc(1, sizeof *cam);
    *result = NULL;
    if (!cam || !(cam->variants = cr_alloc(n, sizeof *cam->variants)) ||
        !(cam->channels = cr_alloc(n, sizeof *cam->channels)) ||
        !(cam->classes = cr_alloc((size_t)batch, (size_t)n_slots * sizeof *cam->classes))) {
        status = cr_fail_memory(err, "a CAM plan", n, sizeof *variants);
        goto cleanup;
    }
    cam->graph = graph;
    cam->head = *head;
    if (any_of_head(head, variants, n_variants))
        cam->n_head = (size_t)head->n_classes * (size_t)head->n_channels;
    memcpy(cam->variants, variants, n * sizeof *variants);
    cam->n_variants = n_variants;
    cam->n_slots = n_slots;
    for (int v = 0; v < n_variants; v++) {
        cr_shape shape = cr_graph_value_shape(graph, variants[v].value);
        cam->channels[v] = cr_shape_c(&shape);
        size_t channels = (size_t)cam->channels[v];
        size_t pixels = (size_t)variants[v].width * (size_t)variants[v].height;
        most_channels = channels > most_channels ? channels : most_channels;
        most_pixels = pixels > most_pixels ? pixels : most_pixels;
    }
    CR_TRY(compile(cam, graph, batch, max_activations_mb, err));
    cam->n_weights =
        whole_lines((size_t)cr_net_backward_images(cam->net) * (size_t)n_slots * most_channels);
    cam->n_product = whole_lines((size_t)n_slots * most_pixels);
    *result = cam;
    cam = NULL;

cleanup:
    cr_cam_free(cam);
    return status;
}

void cr_cam_free(cr_cam *cam)
{
    if (!cam)
        return;
    cr_net_free(cam->net);
    free(cam->variants);
    free(cam->channels);
    free(cam->classes);
    free(cam);
}

size_t cr_cam_weight_bytes(const cr_cam *cam)
{
    return cr_net_weight_bytes(cam->net) + cam->n_head * sizeof *cam->head_block;
}

uint64_t cr_cam_weight_layout(const cr_cam *cam)
{
    return cr_net_weight_layout(cam->net) + cam->n_head;
}

cr_status cr_cam_pack(const cr_cam *cam, void *block, const cr_net_memory *memory, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t at = cr_net_weight_bytes(cam->net);
    const size_t n_bytes = cam->n_head * sizeof *cam->head_block;
    if (memory)
        CR_TRY(memory->take(memory->user, at, n_bytes, err));
    /* First, while the network's weights are there. */
    if (cam->n_head)
        CR_TRY(cr_graph_head_weights(cam->graph, &cam->head, (float *)((char *)block + at), err));
    CR_TRY(cr_net_pack(cam->net, block, memory, err));

cleanup:
    return status;
}

void cr_cam_use(cr_cam *cam, const void *block)
{
    cr_net_use(cam->net, block);
    cam->head_block = (const float *)((const char *)block + cr_net_weight_bytes(cam->net));
}

size_t cr_cam_arena_bytes(const cr_cam *cam)
{
    return cr_net_arena_bytes(cam->net) + (cam->n_weights + cam->n_product) * sizeof(cr_real);
}

void cr_cam_use_arena(cr_cam *cam, void *arena)
{
    cr_net_use_arena(cam->net, arena);
    cam->weights = (cr_real *)((char *)arena + cr_net_arena_bytes(cam->net));
    cam->product = cam->weights + cam->n_weights;
}

cr_net *cr_cam_net(cr_cam *cam)
{
    return cam->net;
}

/* Where the maps of an input go: that of the first slot, and from one slot to the next. */
typedef struct place {
    float *map; /* [n_slots] of [H W], `stride` apart */
    size_t stride;
} place;

static place place_of(const cr_cam *cam, int v, float *maps, int input, int n_views)
{
    size_t pixels = (size_t)cam->variants[v].width * (size_t)cam->variants[v].height;
    size_t stride = (size_t)n_views * pixels;
    size_t image = (size_t)(input / n_views) * (size_t)cam->n_slots * stride;
    return (place){maps + image + (size_t)(input % n_views) * pixels, stride};
}

/* The maps of one input = weights [n_slots][C] by activations [H W][C]. */
static void weigh(const cr_cam *cam, int v, const cr_real *weights, const cr_real *activations,
                  place to)
{
    int pixels = cam->variants[v].width * cam->variants[v].height, c = cam->channels[v];
    bool rectifies = cr_method_rectifies(cam->variants[v].method);
    cr_gemm(false, true, cam->n_slots, pixels, c, weights, c, activations, c, 0, cam->product,
            pixels);
    const cr_real *product = cam->product;
    for (int slot = 0; slot < cam->n_slots; slot++, to.map += to.stride)
        for (int i = 0; i < pixels; i++, product++)
            to.map[i] = (float)(rectifies && *product < 0 ? 0 : *product);
}

/* The importance weights of one input that need no backward pass: the head's own, or, of Grad-CAM
 * behind an average pooling, these over H W. */
static void head_weights(const cr_cam *cam, int v, const int32_t *classes)
{
    int c = cam->channels[v];
    int pixels = cam->variants[v].width * cam->variants[v].height;
    cr_real scale =
        cam->variants[v].method == CR_METHOD_GRAD_CAM ? (cr_real)1 / (cr_real)pixels : 1;
    for (int slot = 0; slot < cam->n_slots; slot++) {
        const float *from = cam->head_block + (size_t)classes[slot] * (size_t)c;
        for (int k = 0; k < c; k++)
            cam->weights[slot * c + k] = from[k] * scale;
    }
}

/* One map a class: the class's own channel; of Grad-CAM divided by H W, as its gradient is. */
static void class_maps(const cr_cam *cam, int v, const int32_t *classes, const cr_real *activations,
                       place to)
{
    int c = cam->channels[v], pixels = cam->variants[v].width * cam->variants[v].height;
    bool gradient = cam->variants[v].method == CR_METHOD_GRAD_CAM;
    for (int slot = 0; slot < cam->n_slots; slot++, to.map += to.stride)
        for (int i = 0; i < pixels; i++) {
            cr_real value = activations[(size_t)i * (size_t)c + (size_t)classes[slot]];
            if (gradient)
                value = value < 0 ? 0 : value / (cr_real)pixels;
            to.map[i] = (float)value;
        }
}

static void without_gradient(const cr_cam *cam, int v, int n, int n_views, float *maps)
{
    size_t pixels = (size_t)cam->variants[v].width * (size_t)cam->variants[v].height;
    const cr_real *activations = cr_net_activations(cam->net, v);
    const int32_t *classes = cam->classes;
    for (int b = 0; b < n; b++) {
        place to = place_of(cam, v, maps, b, n_views);
        if (is_linear(&cam->head)) {
            head_weights(cam, v, classes);
            weigh(cam, v, cam->weights, activations, to);
        } else
            class_maps(cam, v, classes, activations, to);
        classes += cam->n_slots;
        activations += pixels * (size_t)cam->channels[v];
    }
}

static void with_gradient(const cr_cam *cam, int v, int first, int n, int n_views, float *maps)
{
    int pixels = cam->variants[v].width * cam->variants[v].height;
    size_t size = (size_t)pixels * (size_t)cam->channels[v];
    size_t n_weights = (size_t)cam->n_slots * (size_t)cam->channels[v];
    const cr_real *activations = cr_net_activations(cam->net, v) + (size_t)first * size;
    cr_global_mean_forward(n * cam->n_slots, pixels, cam->channels[v],
                           cr_net_gradients(cam->net, v), cam->weights);
    for (int b = 0; b < n; b++) {
        weigh(cam, v, cam->weights + (size_t)b * n_weights, activations,
              place_of(cam, v, maps, first + b, n_views));
        activations += size;
    }
}

void cr_cam_run(cr_cam *cam, int n_images, int n_views, const int32_t *classes, float *const *maps)
{
    const int n = n_images * n_views;
    for (int b = 0; b < n; b++)
        memcpy(cam->classes + b * cam->n_slots, classes + b / n_views * cam->n_slots,
               (size_t)cam->n_slots * sizeof *classes);
    for (int v = 0; v < cam->n_variants; v++)
        if (!cam->variants[v].gradient)
            without_gradient(cam, v, n, n_views, maps[v]);
    if (!any_gradient(cam->variants, cam->n_variants))
        return;
    int most = cr_net_backward_images(cam->net);
    for (int first = 0; first < n; first += most) {
        int now = n - first < most ? n - first : most;
        cr_net_backward(cam->net, first, now, cam->classes + first * cam->n_slots);
        for (int v = 0; v < cam->n_variants; v++)
            if (cam->variants[v].gradient)
                with_gradient(cam, v, first, now, n_views, maps[v]);
    }
}
