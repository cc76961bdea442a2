/* nn.h - a classification network: read from ONNX, compiled for a batch size and for the layers
 * whose activations or gradients are wanted, run forward and backward.
 *
 * Inside, activations are [image][height][width][channel] (NHWC) of cr_real. A network is created
 * in four steps: cr_graph_load validates the model and infers every shape, cr_net_new folds and plans
 * all memory, cr_net_pack writes the weights where the caller wants them, which may be memory that
 * several processes share, and cr_net_forward and cr_net_backward run without allocating.
 * Everything is Local; a graph is read-only after loading, a net belongs to one thread. */
#ifndef CAMRANK_NN_H
#define CAMRANK_NN_H

#include "camrank/base.h"
#include "camrank/kernels.h"

#define CR_MAX_DIMS 7
#define CR_ONNX_MAX_BYTES ((size_t)1 << 31)      /* protobuf's own limit */
#define CR_ONNX_MAX_DATA_BYTES ((size_t)1 << 36) /* in files beside the model's */
#define CR_MAX_ELEMENTS ((int64_t)1 << 30)       /* of one tensor, for one image */

/* A shape in ONNX's order. dims[0] is the batch and is always 1 here: shapes are those of one
 * image. A value of 4 dims is [1, C, H, W] in ONNX and [H][W][C] in memory; one of 2 is [1, K]. */
typedef struct cr_shape {
    int n_dims;
    int dims[CR_MAX_DIMS];
} cr_shape;

static inline int cr_shape_c(const cr_shape *s)
{
    return s->n_dims > 1 ? s->dims[1] : 1;
}
static inline int cr_shape_h(const cr_shape *s)
{
    return s->n_dims == 4 ? s->dims[2] : 1;
}
static inline int cr_shape_w(const cr_shape *s)
{
    return s->n_dims == 4 ? s->dims[3] : 1;
}

/* A file beside the model's, with data of its tensors: what ONNX calls external data, or all weights. */
typedef struct cr_nn_file {
    char *input;          /* NULL; or of the model's inputs that whose value it is */
    char *location;       /* a path that starts, and stays, in the model's folder; symbolic links on
                             the way are the user's own */
    bool whole;           /* the path is the caller's own, and n_bytes for the caller to set */
    size_t n_bytes;       /* that the model uses, from the first of the file */
    const uint8_t *bytes; /* the caller's, to be set before cr_graph_load */
} cr_nn_file;

typedef struct cr_nn_files {
    int n;
    cr_nn_file *files; /* [n] in the order of their first use */
} cr_nn_files;

/* What inputs of a model that are not the image are: a .npy file each, for all images or with a row for each. */
typedef struct cr_nn_inputs {
    int n;
    struct cr_nn_input {
        char *name, *path; /* whose is for the owner to say */
    } * items;
} cr_nn_inputs;

/* Lists the files that the model needs beside its own, with those of `inputs`, NULL for none, last. `weights` is the path of that with the weights, of
 * a format that has them in one; else "". Errors: CR_EINPUT naming `name` where that is not as the format has
 * it, and `name` for a file
 * that is no model, and naming the tensor whose file is outside the model's folder or whose place
 * in it is invalid; CR_EINTERNAL (memory). *files is {0} on failure. */
cr_status cr_nn_files_find(const uint8_t *bytes, size_t n_bytes, const char *name,
                           const char *weights, const cr_nn_inputs *inputs, cr_nn_files *files,
                           cr_error *err);
void cr_nn_files_free(cr_nn_files *files);

/* The mean of each channel of a mean image as Caffe's compute_image_mean writes it (a BlobProto, [1][C][H][W]), over
 * its places, in double precision: what Caffe's Python Classifier subtracts. *mean [n_channels] is in the order of
 * the file, which is that of the network's channels. Errors: CR_EINPUT, without a name, for bytes that are no such image or
 * one of other channels; CR_EINTERNAL (memory). */
cr_status cr_caffe_mean_read(const uint8_t *bytes, size_t n_bytes, int n_channels, float *mean,
                             cr_error *err);

/* What a model says of itself. */
typedef struct cr_nn_about {
    char producer[80]; /* the program that wrote it; "" */
    char *names; /* the text under the key that exporters use for names of classes; NULL; owned */
} cr_nn_about;

/* `files` as for cr_graph_load. Errors: CR_EINPUT naming `name` for a file that is no model; CR_EINTERNAL
 * (memory). *about is {0} on failure. */
cr_status cr_nn_about_read(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                           const char *name, cr_nn_about *about, cr_error *err);
void cr_nn_about_free(cr_nn_about *about);

typedef struct cr_graph cr_graph;

/* Reads a model of a format that reader.c has, as ONNX (protobuf). `name` is for messages. `output` names the value that is the output;
 * "" takes the model's own, which must be its only one, or its only one declared as [N, classes]. Nodes that it does not need are not read. The
 * logits are the scores behind that output: a softmax, sigmoid or clip at the end is cut, whatever
 * renames, picks or scales scores behind it (cr_graph_cut). One logit stands for two classes
 * (cr_graph_is_binary). `width` and `height` are those of the input,
 * pixels; 0 takes the model's own, and a model that leaves them open takes what is given. `files` are
 * those of cr_nn_files_find with their bytes; NULL for a model without any. What is given of an input is an array
 * of its shape: with the batch 1 a constant, the same for all images, with another one a row for each
 * (cr_graph_n_rows). Errors: CR_EINPUT naming
 * `name`, and the node and operator that is not supported or not valid, or an output that lies between 0
 * and 1 and has no scores behind it that could be found. *graph is NULL on failure.
 * Weights are read where they lie: `bytes`, and the bytes of `files`, must stay until
 * cr_graph_release_weights or cr_graph_free. */
cr_status cr_graph_load(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                        const char *name, const char *output, int width, int height,
                        cr_graph **graph, cr_error *err);

/* Layers that are to have random weights in place of the model's (Adebayo et al., Sanity Checks for Saliency
 * Maps, NeurIPS 2018): from `first` to `last` of those that cr_graph_weighted lists. Weights and bias of a
 * convolution, a fully connected layer or a product with a matrix are uniform within 1 / sqrt(fan-in), as
 * PyTorch's modules begin; scale and shift, mean and variance of a normalisation are 1 and 0, 0 and 1. Value i
 * of layer t, flat as the file has it, is (2 u - 1) / sqrt(fan-in) rounded to float32, u = (z >> 40) / 2^24, z
 * output i of SplitMix64 from state seed * 2^32 + 2 t, of its bias + 2 t + 1: the same bits on any machine. */
typedef struct cr_random_layers {
    int first, last;
    int seed; /* 0 or more */
} cr_random_layers;

/* cr_graph_load, but for these layers; NULL: none. */
cr_status cr_graph_load_random(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                               const char *name, const char *output, int width, int height,
                               const cr_random_layers *random, cr_graph **graph, cr_error *err);

/* Layers with weights, in the order of execution: the value that is the output of each. */
int cr_graph_n_weighted(const cr_graph *graph);
int cr_graph_weighted(const cr_graph *graph, int i);

/* Of a model with several outputs, where the caller names none: which was taken, as `NAME, of 2: NAME, NAME`;
 * else "". */
const char *cr_graph_chosen(const cr_graph *graph);

/* What was cut between the logits and the output, as `Softmax NAME, ...` in the order of execution; ""
 * for nothing. */
const char *cr_graph_cut(const cr_graph *graph);

/* Rows of the inputs that have one for each image, and the file that the first of them is from; 0 where no input has
 * any. */
int cr_graph_n_rows(const cr_graph *graph);
const char *cr_graph_rows_file(const cr_graph *graph);

/* Whether the network has one output, the logit x of the second of two classes against the first, as
 * PyTorch's BCEWithLogitsLoss has it. The logits are then -x / 2 and x / 2: their softmax is the sigmoid of x
 * and its complement, x their difference, and what speaks for one class speaks as much against the other. */
bool cr_graph_is_binary(const cr_graph *graph);

/* The types, other than float32, of weights, which are computed with as float32: `float16, float64`; "" for
 * none. */
const char *cr_graph_widened(const cr_graph *graph);

/* Makes convolutions go a way that the caller wants, in place of the one that is chosen for their
 * shape. To be called before the graph is compiled; a later call overrides an earlier one.
 *   kernel  WAY@LAYER, the name of one of cr_ways and that of a Conv or of its output; or WAY, for
 *           every one that it fits
 * Errors: CR_EINPUT for a way or a layer that there is none of, and for a way that does not fit. */
cr_status cr_graph_use_kernel(cr_graph *graph, const char *kernel, cr_error *err);

/* The numbers that nets of a graph keep and multiply.
 *
 * CR_BFLOAT16: activations, and gradients between layers, are stored as bfloat16, rounded to the nearest once a
 * layer (cr_bfloat16 of kernels.h), the pixels too; weights of convolutions and fully connected layers are
 * rounded when they are packed, but for those of grouped and depthwise convolutions, which are computed in float32 of
 * rounded activations, and of the layer that makes the logits. Products are accumulated
 * in float32, where bias, sum and activation function follow before the one rounding. Everything that a
 * caller reads or writes is float32, and what is read of activations and gradients are rounded values; the logits
 * are not rounded. Relevance, multipliers and second derivatives are computed in float32 of these activations.
 * What is computed is the same whichever targets there are, but its sums are added up in an order that depends on
 * the instruction set: near a tie of the rounding another number is stored then, and results of two sets differ by
 * as much as that makes of it. */
typedef enum cr_precision { CR_FLOAT32, CR_BFLOAT16 } cr_precision;

/* Makes it that of all nets of the graph that are compiled from now on; float32 unless this is called. */
void cr_graph_use_precision(cr_graph *graph, cr_precision precision);
cr_precision cr_graph_get_precision(const cr_graph *graph);

/* `float32`, `bfloat16`; and the instruction set that multiplies such numbers here, "" where none is used and
 * float32 of the same values is used in its place. */
enum { CR_N_PRECISIONS = CR_BFLOAT16 + 1 };
extern const char *const cr_precision_names[CR_N_PRECISIONS];
const char *cr_precision_isa(cr_precision precision);

/* The instruction set on which results in this precision depend: that, or where it is "" float32's. */
const char *cr_precision_kernels(cr_precision precision);

/* The precision of this name. Errors: CR_EUSAGE, as of an option --precision. */
cr_status cr_precision_read(const char *name, cr_precision *precision, cr_error *err);

/* Lets go of the model's weights, once nothing more is to be read or packed from it. */
void cr_graph_release_weights(cr_graph *graph);
void cr_graph_free(cr_graph *graph);

/* How an activation is a feature map: of an image, `rows` of channels, of which those from `skip` on are
 * the places of a rectangle, row by row. Those before are class and register tokens, those behind more
 * of these. A map [1, C, H, W] has none; neither has [1, H, W, C]; [1, T, C] may. */
typedef struct cr_map {
    int height, width, n_channels; /* height is 0 where it is no map */
    int skip, rows;
} cr_map;

/* What `camrank inspect` prints of one node, in the order of execution. */
typedef struct cr_graph_layer {
    const char *op;     /* ONNX operator */
    const char *output; /* name of its output value */
    int value;          /* id of that value */
    cr_shape shape;     /* of the output, one image */
    int64_t n_parameters;
    double flops; /* floating-point operations for one image, a multiply-add counted as two */
    cr_map map;   /* can be a target layer if its height is not 0 */
} cr_graph_layer;

int cr_graph_n_layers(const cr_graph *graph);
cr_graph_layer cr_graph_get_layer(const cr_graph *graph, int i);

/* Whether the logits depend on a ReLU, where the rules of cr_rule differ. */
bool cr_graph_rectifies(const cr_graph *graph);

/* The value that is the input, and its shape [1, C, H, W]. */
int cr_graph_input(const cr_graph *graph);
cr_shape cr_graph_input_shape(const cr_graph *graph);
int cr_graph_n_classes(const cr_graph *graph);

#define CR_GRAPH_INPUT_CHANNELS 4

/* What the channels of an input of no more than these are multiplied by and what is added then, by
 * constants, before the network does anything else with it; false where there is no such arithmetic. The
 * graph's weights must still be there. */
bool cr_graph_input_arithmetic(const cr_graph *graph, double scale[CR_GRAPH_INPUT_CHANNELS],
                               double shift[CR_GRAPH_INPUT_CHANNELS]);

/* Id of the value with this output name (or of the output of the node with this name), -1 if there
 * is none. */
int cr_graph_find(const cr_graph *graph, const char *name);
const char *cr_graph_value_name(const cr_graph *graph, int value);
cr_shape cr_graph_value_shape(const cr_graph *graph, int value);

/* The default target layer: the last map that is not the output of a pooling, of an operator that only
 * rearranges elements, or of a product with weights that keeps the places, as attention begins with; and
 * on whose places the logits depend. Of a vision transformer whose head reads the class token that is the
 * first normalisation of the last block. -1 if there is none. */
int cr_graph_last_spatial(const cr_graph *graph);

/* How `value` is a feature map with height x width > 1: only such a value can be a target layer. It is
 * found by following rows of channels through the network, from what convolutions and poolings make. */
cr_map cr_graph_map(const cr_graph *graph, int value);

/* The weights of an attention among tokens: what a Softmax makes of each query, the keys side by side. In
 * cr_reals from one head or query to the next, and of all. */
typedef struct cr_attention {
    int value, n_heads, n_tokens;
    int skip; /* tokens before the places of the map */
    size_t head_step, query_step, size;
} cr_attention;

/* Those among the tokens of which the places of a map of this size are some, in the order of execution. At
 * most `max` are written; how many there are is the result. */
int cr_graph_attentions(const cr_graph *graph, const cr_map *map, cr_attention *attentions,
                        int max);

/* Where the block of each of these attentions ends: the last sum of two activations behind it, and before the
 * next attention, which has a row for each token and through which all goes that is read behind it. False if
 * any block has no such end (or memory is out). */
bool cr_graph_block_ends(const cr_graph *graph, const cr_attention *attentions, int n, int *ends);

/* The rectangle that tokens are, in place of the one that is found. */
typedef struct cr_tokens {
    int height, width, skip; /* 0: nothing is said */
} cr_tokens;

/* Makes it that of every layer [1, T, C] with T = skip + height * width, and of what follows from that.
 * Errors: CR_EINPUT where there is none; CR_EINTERNAL (memory). */
cr_status cr_graph_use_tokens(cr_graph *graph, const cr_tokens *tokens, cr_error *err);

/* The value in whose memory it lies: itself, or what a Transpose or Reshape gives another name. */
int cr_graph_same_memory(const cr_graph *graph, int value);

/* Whether the logits depend on `value`. */
bool cr_graph_reaches_logits(const cr_graph *graph, int value);

/* Of the floating-point operations of a forward pass, the share of those that depend on `value`. */
double cr_graph_share_behind(const cr_graph *graph, int value);

/* The ONNX operator of a node between `value` and the logits whose second derivative is not known, so
 * that no target there can want curvature; NULL: there is none. */
const char *cr_graph_uncurved(const cr_graph *graph, int value);

typedef enum cr_head_kind {
    CR_HEAD_OTHER,      /* anything else, such as fully connected layers on a flattened map */
    CR_HEAD_GAP_LINEAR, /* global average pooling, then what is linear in it all together */
    CR_HEAD_GMP_LINEAR, /* global max pooling, then the same */
    CR_HEAD_GAP_MAPS,   /* global average pooling of one map for each class: NIN, SqueezeNet */
    CR_HEAD_GMP_MAPS,   /* global max pooling of one map for each class */
} cr_head_kind;

/* How the logits come from the last feature map. */
typedef struct cr_head {
    cr_head_kind kind;
    int feature; /* the value that enters the pooling, which may be 1 x 1; -1 for CR_HEAD_OTHER */
    int n_classes, n_channels;
    char why_not[200]; /* of CR_HEAD_OTHER: why CAM is not defined */
} cr_head;

cr_head cr_graph_head(const cr_graph *graph);

/* Writes the weights from the pooled channels to the logits, [n_classes][n_channels], of a *_LINEAR head:
 * all its layers (fully connected and 1x1 convolutions, normalisations, scales, sums and
 * concatenations, parts of them) composed in double precision. The graph's weights must still be there.
 * Errors: CR_EINTERNAL (memory). */
cr_status cr_graph_head_weights(const cr_graph *graph, const cr_head *head, float *weights,
                                cr_error *err);

/* How relevance is shared out among the inputs x of a layer with weights w (layer-wise relevance propagation:
 * Bach et al., PLoS ONE 10, 2015). A stabilizer is added to each denominator, with its sign. */
typedef enum cr_relevance_rule {
    CR_RELEVANCE_EPSILON,    /* R x w / (z + epsilon), z the sum of all x w and the bias */
    CR_RELEVANCE_ALPHA_BETA, /* alpha of R among what is positive, 1 - alpha among what is negative */
    CR_RELEVANCE_GAMMA,      /* what has z's sign counts 1 + gamma times */
    CR_RELEVANCE_FLAT,       /* to all inputs alike */
    CR_RELEVANCE_Z_BOX,      /* of pixels between low and high (Montavon et al., 2017) */
} cr_relevance_rule;

/* The rules of a pass: sums, means and interpolations share by parts, maxima and what moves elements pass R
 * to where the element comes from, functions of single values leave it. */
typedef struct cr_relevance {
    bool rescales; /* no such rules: the multipliers of cr_net_backward_rescaled */
    int reference; /* of that: the image that one is compared with */
    cr_relevance_rule conv, dense, first; /* of convolutions; of fully connected layers; */
    bool has_first;                       /* of the first of either, if that has one of its own */
    double epsilon, stabilizer;           /* of the first rule, and of all others */
    double alpha, gamma;
    cr_real low[4], high[4]; /* of each channel of the input, of Z_BOX */
} cr_relevance;

/* The ONNX operator of a node between `value` and the logits through which no relevance is passed; NULL: there
 * is none. */
const char *cr_graph_irrelevant(const cr_graph *graph, int value, const cr_relevance *rules);

/* Whether the first layer with weights reads the input itself, as Z_BOX wants it. */
bool cr_graph_first_reads_input(const cr_graph *graph);

typedef struct cr_net cr_net;

typedef struct cr_net_target {
    int value;      /* whose activations are wanted */
    bool gradient;  /* and the gradient of the logits with respect to it */
    bool curvature; /* and how that changes along the activations: only with the gradient */
    bool tail;      /* passes begin at it */
    const cr_relevance *relevance; /* or that, by these rules; NULL: none. Only with the gradient */
} cr_net_target;

#define CR_NET_DEFAULT_ACTIVATIONS_MB 4096

/* Plans the run of a graph, which must outlive the net. What is missing for a pass are its weights and
 * an arena: cr_net_use and cr_net_use_arena. `n_classes_back` is how many classes are followed back
 * from each image (0 if no target wants a gradient); `max_activations_mb` is what the arena may take,
 * in millions of bytes. Errors: CR_EINPUT for a target the logits do not depend on, and for an arena
 * beyond the limit; CR_EINTERNAL for memory. */
cr_status cr_net_new(const cr_graph *graph, int batch, const cr_net_target *targets, int n_targets,
                     int n_classes_back, int max_activations_mb, cr_net **net, cr_error *err);
void cr_net_free(cr_net *net);

/* Bytes of the packed weights, and of the arena of activations. */
size_t cr_net_weight_bytes(const cr_net *net);
size_t cr_net_arena_bytes(const cr_net *net);

/* A number that differs, in all likelihood, between nets whose packed weights are not the same bytes
 * though they are of one model: those of another plan, or for another instruction set. */
uint64_t cr_net_weight_layout(const cr_net *net);

/* For a caller that has no memory for the model and the packed weights at once. */
typedef struct cr_net_memory {
    /* n_bytes of the block, from byte `at` on, are going to be written. */
    cr_status (*take)(void *user, size_t at, size_t n_bytes, cr_error *err);
    /* These bytes, of the model or of its files, are not going to be read again. */
    void (*give)(void *user, const void *bytes, size_t n_bytes);
    void *user;
} cr_net_memory;

/* Writes the weights, folded and in the order of the kernels: cr_net_weight_bytes to `block`, which
 * is at a multiple of 64. The graph's weights must still be there; after `give` they no longer are.
 * `memory` may be NULL. Errors: those of `take`. */
cr_status cr_net_pack(const cr_net *net, void *block, const cr_net_memory *memory, cr_error *err);

/* Makes the net read its weights from a block that cr_net_pack has written, here or in another
 * process, for a net of the same layout; it must outlive the net. To be called before the first
 * pass. */
void cr_net_use(cr_net *net, const void *block);

/* Gives the net memory for its activations and gradients: cr_net_arena_bytes at a multiple of 64,
 * whatever is in it. It must outlive the net's passes. Nets that run one after the other may have the
 * same: a pass of one ends the results of the others. */
void cr_net_use_arena(cr_net *net, void *arena);

/* Where the caller puts the input, [batch][H][W][C]. Overwritten by cr_net_forward; writing it ends
 * the results of the pass before. */
cr_real *cr_net_input(cr_net *net);

/* Of a network whose inputs have a row for each image: which one, from 0, goes with image `image` of the batch, of all
 * passes from now on. At first that is row 0. */
void cr_net_set_row(cr_net *net, int image, int row);
int cr_net_row(const cr_net *net, int image);

/* Runs n <= batch images, layers with large activations over few of them at a time: see
 * cr_net_layer.group. */
void cr_net_forward(cr_net *net, int n);

/* Results of the last forward pass: logits [n][n_classes], and activations
 * of target t, [n][H][W][C]. */
const cr_real *cr_net_logits(const cr_net *net);
const cr_real *cr_net_activations(const cr_net *net, int t);

/* A pass that begins at target t, which wants a tail. It reads, of each image, the target and the values
 * that cross it: those behind it are computed from these too. They are cr_net_tail_size cr_reals, the
 * target's first as cr_net_activations has them; get copies those of an image after a forward pass, set
 * puts them in the place of an image. They stay until the next pass that begins at the input.
 * cr_net_tail_input is where the target lies, [batch][H][W][C], for the caller to change. */
size_t cr_net_tail_size(const cr_net *net, int t);
void cr_net_tail_get(const cr_net *net, int t, int image, cr_real *packed);
void cr_net_tail_set(cr_net *net, int t, int image, const cr_real *packed);
cr_real *cr_net_tail_input(cr_net *net, int t);

/* Runs what is behind the target for n <= batch images; the logits are cr_net_logits, with the bits that a
 * whole pass would give for the same values. */
void cr_net_forward_tail(cr_net *net, int t, int n);

/* Images that one call of cr_net_backward can take (at least 1). */
int cr_net_backward_images(const cr_net *net);

/* The backward passes that follow are of m classes an image, at most those that it was compiled for. */
void cr_net_use_classes_back(cr_net *net, int m);

/* For images first .. first + n - 1 of the last forward pass, n <= cr_net_backward_images, the
 * gradients of m = n_classes_back logits each with respect to the targets that asked for it, from
 * the logits down to the earliest of these and no further.
 *   classes  [n][m] class indices */
void cr_net_backward(cr_net *net, int first, int n, const int32_t *classes);

/* What becomes of a gradient at a ReLU, which is any clamp from 0 on; above a clamp that ends it is 0. */
typedef enum cr_rule {
    CR_RULE_PLAIN, /* 0 where the ReLU's input is not positive */
    CR_RULE_GUIDED, /* that, and where the gradient is not positive (Springenberg et al., ICLR 2015) */
    CR_RULE_DECONV, /* 0 where the gradient is not positive (Zeiler and Fergus, ECCV 2014) */
} cr_rule;

/* cr_net_backward by a rule. */
void cr_net_backward_ruled(cr_net *net, cr_rule rule, int first, int n, const int32_t *classes);

/* The same for m functions of the logits of each image, [n][m][n_classes]: their gradients
 * with respect to the logits. */
void cr_net_backward_seeded(cr_net *net, cr_rule rule, int first, int n, const cr_real *seeds);

/* What a bias adds to a convolution's or a BatchNormalization's map of n images, and gradients m of each with
 * respect to that map before its clamp. What is folded into a convolution is part of its bias. */
typedef struct cr_net_bias {
    int height, width, n_channels;
    int n, m;
    const cr_real *bias;      /* [n_channels] */
    const cr_real *gradients; /* [n][m][height][width][n_channels] */
} cr_net_bias;

/* Called for each of them in the backward passes that follow, from the last layer to the first; NULL: none. */
void cr_net_on_bias(cr_net *net, void (*callback)(void *user, const cr_net_bias *bias), void *user);

/* Multipliers by DeepLIFT's rescale rule, of the targets that ask for relevance that rescales: of n_classes_back
 * logits of an image of the last forward pass, compared with another of the same pass. cr_net_gradients then has
 * those of that image. */
void cr_net_backward_rescaled(cr_net *net, int image, int reference, const int32_t *classes);

/* The relevance of the targets that ask for it, by rules with which one was compiled: what begins with
 * these relevances of the logits, [n][m][n_classes]. cr_net_gradients then has it. */
void cr_net_backward_relevance(cr_net *net, const cr_relevance *rules, int first, int n,
                               const cr_real *seeds);

/* Gradients of the logits that the head would give if it read a block's end, or where `mean` the mean of its
 * n_rows rows in every row, in the place of the last block's end: of the targets that lie in that block, for
 * one image of the last forward pass. Targets t .. t + n_ends - 1 are the ends of cr_graph_block_ends, all of
 * them with gradients, the last with a tail. What the forward pass gave is there again afterwards.
 *   classes  [n_classes_back] class indices
 *   work     cr_net_blocks_work cr_reals */
void cr_net_backward_blocks(cr_net *net, int t, int n_ends, int n_rows, bool mean, int image,
                            const int32_t *classes, cr_real *work);
size_t cr_net_blocks_work(const cr_net *net, int t, int n_ends);

/* d logit (or function) / d activation of target t after a backward pass, [n][m][H][W][C]. */
const cr_real *cr_net_gradients(const cr_net *net, int t);

/* What a Hessian does to the activations A of target t, which wants curvature (Pearlmutter, Neural
 * Computation 6, 1994). First how the logits z change where these do by A: J A with J = dz/dA,
 * [n][n_classes], there until the backward pass. */
const cr_real *cr_net_tangent(cr_net *net, int t, int first, int n);

/* Then, for the same images, gradients of m functions f of the logits and the products H A of their
 * Hessians with respect to the activations: cr_net_gradients gives [n][2][m][H][W][C] of target t.
 *   seeds  [n][2][m][n_classes]: df/dz, and how it changes along J A, which is (d2f/dz2) J A
 * A backward pass of twice as many gradients. At a kink (ReLU, maximum) the side is taken that backward
 * takes. */
void cr_net_backward_curved(cr_net *net, int t, int first, int n, const cr_real *seeds);

/* A step of a compiled network: a node of the graph with the scales, shifts and activation that were
 * folded into it. For `camrank inspect --plan`. */
typedef struct cr_net_layer {
    const char *op;      /* ONNX operator, or the function of several: SiLU, GELU, HardSwish,
                            LayerNormalization */
    const char *output;  /* name of the node's own output value */
    cr_shape shape;      /* of that, one image */
    double flops;        /* as in cr_graph_layer; Winograd's way needs fewer */
    const cr_conv *conv; /* what it computes, of a Conv; NULL of any other */
    bool in_place;       /* a Concat whose parts are written where they go: it does nothing */
    int group;           /* images that it runs over before the layers behind it do */
} cr_net_layer;

int cr_net_n_layers(const cr_net *net);
cr_net_layer cr_net_get_layer(const cr_net *net, int i);

/* Called after each layer of a pass, if set: lets a rank that also drives answer messages. Forward, a
 * layer runs once for each group of images, and the call comes after each. */
void cr_net_on_layer(cr_net *net, void (*callback)(void *context), void *context);

/* The layer that has run last, as for cr_net_get_layer. */
int cr_net_layer_done(const cr_net *net);

#endif
