/* passes.h - further forward passes of a network for one of its inputs, which is changed each time. All
 * functions are Local. */
#ifndef CAMRANK_PASSES_H
#define CAMRANK_PASSES_H

#include "camrank/nn.h"

/* Between which samples of a row an output lies, and how far from the first. */
typedef struct cr_between {
    int low, high;
    cr_real weight;
} cr_between;

/* What the network gave for an input by itself, and the net to ask more of. */
typedef struct cr_passes {
    cr_net *net;
    const bool *abandoned;         /* no further pass is begun once it is true */
    int batch;                     /* inputs of a pass */
    int height, width, n_channels; /* of the input */
    int n_classes;
    const cr_real *input; /* [height][width][n_channels] */
    int row;              /* its row, as cr_net_set_row has it */
    size_t size; /* cr_reals of the input, or of the layer; those from `skip` on are changed */
    size_t skip;
    int start;    /* the target of the net at which the passes begin; -1: the input */
    int target;   /* of the net, whose gradients are taken, */
    cr_rule rule; /* by this rule */
    int n_slots;
    const int32_t *classes; /* [batch][n_slots] followed back: the same of each */
    const cr_real *tail;    /* and what is read there of the first pass: cr_net_tail_get */
    cr_real *mask;          /* [height][width], and */
    cr_real *rows;          /* [2][width], and */
    cr_between *taps;       /* [width], for work */
} cr_passes;

/* Writes changed input k, or the changed map of the layer. */
typedef void (*cr_passes_fill)(const void *user, int k, cr_real *to);
/* Takes its logits, [n_classes]; in the order of k. */
typedef void (*cr_passes_take)(const void *user, int k, const cr_real *logits);

/* Runs changed inputs 0 .. n - 1, as many at a time as the net takes. It ends the results of the pass
 * before. An input's logits have the same bits whatever runs beside it. */
void cr_passes_run(const cr_passes *passes, int n, cr_passes_fill fill, cr_passes_take take,
                   const void *user);

/* Takes the gradients of the logits of its classes, [n_slots][height][width][n_channels]; in the order of k. */
typedef void (*cr_passes_take_back)(const void *user, int k, const cr_real *gradients);

/* As cr_passes_run, of inputs, with a backward pass for the classes of the slots. */
void cr_passes_run_back(const cr_passes *passes, int n, cr_passes_fill fill,
                        cr_passes_take_back take, const void *user);

/* As cr_passes_run_back, of the input 0 compared with the input 1, which pass together, with DeepLIFT's
 * multipliers for gradients. The net has room for two. */
void cr_passes_run_rescaled(const cr_passes *passes, cr_passes_fill fill, cr_passes_take_back take,
                            const void *user);

/* What of a class's logits is explained. */
typedef enum cr_score { CR_SCORE_LOGIT, CR_SCORE_PROBABILITY } cr_score;

/* Of n_slots classes, in double precision; a probability is the softmax of all n logits. */
void cr_scores(cr_score score, const cr_real *logits, int n, const int32_t *classes, int n_slots,
               double *scores);

/* The input times `passes->mask` in every channel. */
void cr_passes_hide(const cr_passes *passes, cr_real *to);

/* Where the outputs of an axis lie among its samples: output i at start + i * step. */
typedef struct cr_stretch {
    double start, step;
    bool mirrored; /* beyond the ends: sample -1 is sample 1; else the last sample goes on */
} cr_stretch;

/* n samples as m outputs, centres at half: F.interpolate without, or else with, align_corners. */
cr_stretch cr_stretch_even(int n, int m);
cr_stretch cr_stretch_corners(int n, int m);

/* `passes->mask` from h x w samples, bilinearly. */
void cr_passes_enlarge(const cr_passes *passes, const cr_real *samples, int h, int w, cr_stretch y,
                       cr_stretch x);

/* Superpixels of an input: SLIC (Achanta et al., IEEE TPAMI 34, 2012), of about n.
 *   1. Centres begin in the middle of a grid of cells whose sides are near S = sqrt(H W / n).
 *   2. Ten times, each pixel goes to the centre within S along both axes with the least squared distance of
 *      colours plus (compactness / S)^2 that of places, of equal ones to the first; and each centre to the
 *      mean of its pixels. Values of the input go from 0 to 100 for that.
 *   3. What hangs together of a cluster (4 neighbours) is a superpixel, in the order of first pixels; one of
 *      fewer than S^2 / 4 pixels is joined to that on the left of its first pixel, or else above it.
 * No other colour space is used, since the network's input may be no RGB, and nothing is smoothed first.
 *   input   [height][width][n_channels], of which the first four count
 *   work    cr_superpixels_work doubles
 *   labels  [height][width], filled
 * Returns their number, at most cr_superpixels_most. */
int cr_superpixels(const cr_real *input, int height, int width, int n_channels, int n,
                   double compactness, double *work, int32_t *labels);
size_t cr_superpixels_work(size_t n_pixels, int n);
int cr_superpixels_most(size_t n_pixels, int n);

/* So many segments of an input can be given in the place of its superpixels. */
enum { CR_MAX_SEGMENTS = 1024 };

/* Where the parts of an input come from: of `segments`, a parameter of what asks for them. */
enum { CR_SEGMENTS_SLIC, CR_SEGMENTS_GIVEN };
extern const char *const cr_segments_words[];

/* How an input is parted: by its superpixels, or as is given. */
typedef struct cr_parting {
    int segments, superpixels;
    double compactness;
} cr_parting;

/* As those of superpixels, of either. `given` are the labels that are given. */
int cr_parts(const cr_parting *parting, const cr_real *input, int height, int width, int n_channels,
             const int32_t *given, double *work, int32_t *labels);
size_t cr_parts_work(const cr_parting *parting, size_t n_pixels);
int cr_parts_most(const cr_parting *parting, size_t n_pixels);

#endif
