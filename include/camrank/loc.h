/* loc.h - from activation maps to boxes, and from boxes to scores.
 *
 * All functions are Local and allocate only through the workspace. */
#ifndef CAMRANK_LOC_H
#define CAMRANK_LOC_H

#include "camrank/base.h"
#include "camrank/geometry.h"
#include "camrank/multiversion.h"
#include "camrank/parameter.h"

#include <string.h>

#define CR_TOP 5            /* classes ranked by the network, and most predictions that count */
#define CR_MAX_PROTOCOLS 16 /* of one run */

typedef enum cr_upsampling {
    CR_UPSAMPLING_BILINEAR, /* half-pixel centres, clamped at the edge (align_corners false) */
    CR_UPSAMPLING_NEAREST,  /* half-pixel centres */
    CR_UPSAMPLING_BICUBIC, /* MATLAB's imresize: Keys' cubic of a = -1/2 (IEEE ASSP 29, 1981), mirrored
                               at the edge, stretched where it shrinks */
} cr_upsampling;

/* How boxes are found in the upsampled map of a class. */
typedef enum cr_box_rule {
    /* The connected component of the pixels >= threshold * maximum with most pixels (of equal ones
     * that whose first pixel comes first in raster order), its tightest box. */
    CR_BOX_LARGEST,
    /* The same at two thresholds: box 0 at `threshold` (tight), box 1 at `loose`. */
    CR_BOX_TIGHT_LOOSE,
    /* As the programs that the CAM authors released (github.com/zhoubolei/CAM: mergeTenCrop.m,
     * ILSVRC_generate_heatmap.m, generate_bbox.m, bboxgenerator/dt_box.cpp and dt.c):
     *   1. Each view's raw map is upsampled to its place, in whole pixels, in a square of 256 (so that
     *      the crops of 224 are 224 there). The absolute values are added.
     *   2. The square is upsampled to the image, divided by its maximum and rounded to grey values 0 to
     *      255; what is negative is 0. (They stored it as JPEG in between; we do not.)
     *   3. For each of the grey levels 255 * threshold, 100 and 110: the pixels > level; of these the
     *      pixels whose distance to the nearest pixel that is not, scaled to 255 for the largest and
     *      rounded, is > 10; the bounding rectangles of all contours of this mask, holes' included. (As
     *      OpenCV 3.2 and later finds them; older ones left out the pixels at the image's edge.)
     *   4. Each rectangle is clipped 5 pixels before the far edges.
     *   5. Box 0 is the largest rectangle; of equal ones that of the lower level, of parts before holes,
     *      and then that whose first pixel comes first in raster order. (Theirs is any.)
     *   6. Box 1 is the second largest, or the third if the second shares with the largest more than half
     *      of the latter's area. (Their loop over the rectangles removes the second then, and never looks
     *      at what takes its place.)
     *   7. A rectangle x, y, w, h is the box x, y, x + w, y + h.
     * The map's scaling does not count. */
    CR_BOX_CONTOURS,
    /* As Simonyan et al. (ICLR Workshops 2014, section 3.2), in the image reduced to CR_LOC_PICTURE_SIDE:
     *   1. Object seeds are the pixels above `threshold` (where none is, those at it), background seeds
     *      those at `loose` or below.
     *   2. The colours of each are a mixture of 5 Gaussians, without any random beginning (colours.h in
     *      core/loc).
     *   3. The segmentation is the minimum cut (Boykov and Jolly, ICCV 2001): seeds are what they are;
     *      any other pixel costs the negative logarithm of its colour's density in the mixture of what
     *      it is called; neighbours (8) with a squared difference d2 of their colours that are called
     *      differently cost 50 exp(-beta d2), beta = 1 / (2 mean d2), over their distance (Rother et
     *      al., SIGGRAPH 2004, equation 11). Energies are multiples of 0.001, and the cut is exact.
     *   4. The tightest box round the largest component, in the pixels of the image.
     * The paper has the quantiles, Gaussian mixtures and GraphCut; it does not say how many Gaussians, nor
     * how neighbours weigh. Without seeds of both kinds the box is that of the whole image. */
    CR_BOX_GRAPH_CUT,
} cr_box_rule;

/* What a protocol's thresholds are shares of. */
typedef enum cr_threshold_of {
    CR_THRESHOLD_OF_MAXIMUM, /* the maximum of the upsampled map */
    /* Its pixels: the threshold t is the value that numpy.percentile(map, 100 t) gives, which lies
     * between two pixels in proportion. */
    CR_THRESHOLD_OF_PERCENTILE,
} cr_threshold_of;

/* What the sigma of the smoothing is counted in. */
typedef enum cr_smooth_unit {
    CR_SMOOTH_UNIT_PIXEL, /* of the image */
    CR_SMOOTH_UNIT_SIDE,  /* its shorter side */
} cr_smooth_unit;

/* How the at most CR_TOP predictions of an image are made from its top classes (slots 0 to 4, best
 * first) and their boxes. */
typedef enum cr_prediction_rule {
    CR_PREDICT_PLAIN,      /* box 0 of each class */
    CR_PREDICT_SECOND,     /* box 1 of each class */
    CR_PREDICT_COMBINED,   /* both boxes of each class, cut to five: 0 0, 0 1, 1 0, 1 1, 2 0 */
    CR_PREDICT_TIGHT_LOOSE /* both boxes of the first two classes, the loose one of the third */
} cr_prediction_rule;

/* A localization protocol that gives boxes: everything that turns maps into hits. */
typedef struct cr_protocol {
    char name[32];
    cr_upsampling upsampling;
    cr_box_rule boxes;
    double threshold; /* 0 to 1, a share of what threshold_of says; a pixel equal to it is in */
    double loose;     /* the second threshold; 0 where there is none */
    cr_threshold_of threshold_of;
    /* The sigma of a Gaussian by which the upsampled map is smoothed before it is cut, as by
     * scipy.ndimage.gaussian_filter with its defaults: mirrored at the image's edges, cut off at 4
     * sigma; 0: it is not. CR_BOX_CONTOURS does so in step 2, and its first level is a percentile there. */
    double smooth;
    cr_smooth_unit smooth_unit;
    int connectivity; /* 4 or 8 */
    int n_boxes;      /* boxes a class: 1 or 2 */
    cr_prediction_rule predictions;
    bool exclude; /* images on the exclude list (the devkit's blacklist) are not localized */
    double iou;   /* a box is right when its IoU is at least this */
} cr_protocol;

/* name, upsampling, boxes, threshold, loose, threshold_of, connectivity, n_boxes, predictions, exclude,
 * iou. Nothing is smoothed.
 *
 * cam-paper      Zhou et al., CVPR 2016, section 3.2: 20 % of the maximum, largest connected
 *                component, tightest box. Connectivity and upsampling, which the paper leaves open,
 *                as the released evaluations have them.
 * cam-code, cam-code-2, cam-code-combined  The boxes of the CAM authors' released programs, see
 *                CR_BOX_CONTOURS, and the three ways in which ILSVRC_evaluate_bbox.m predicts: box 0
 *                (bbox1), box 1 (bbox2), both (bboxCombine).
 * gradcam-paper  Selvaraju et al., ICCV 2017, section 4.1: 15 % of the maximum, largest segment.
 * kaggle         cam-paper's boxes under the rules of Kaggle's ImageNet Object Localization
 *                Challenge: the devkit's error over all images, no exclude list.
 * googlenet-gap-top5  Zhou et al., section 3.2, last paragraph: a tight and a loose box for each of
 *                the first two classes, a loose one for the third. The paper gives no thresholds:
 *                chosen are the two lower levels of the authors' programs, 100 and 20 of 255.
 * backprop-paper Simonyan et al., ICLR Workshops 2014, section 3.2, for maps of saliency: object above
 *                the 95th percentile, background below the 30th, graph cut, largest component. The
 *                Backprop rows of Zhou et al., Table 2. */
#define CR_PROTOCOL_LIST(X)                                                                     \
    X("cam-paper", BILINEAR, LARGEST, 0.2, 0, MAXIMUM, 8, 1, PLAIN, true, 0.5)                  \
    X("cam-code", BICUBIC, CONTOURS, 20 / 255., 0, MAXIMUM, 8, 1, PLAIN, true, 0.5)             \
    X("cam-code-2", BICUBIC, CONTOURS, 20 / 255., 0, MAXIMUM, 8, 2, SECOND, true, 0.5)          \
    X("cam-code-combined", BICUBIC, CONTOURS, 20 / 255., 0, MAXIMUM, 8, 2, COMBINED, true, 0.5) \
    X("gradcam-paper", BILINEAR, LARGEST, 0.15, 0, MAXIMUM, 8, 1, PLAIN, true, 0.5)             \
    X("kaggle", BILINEAR, LARGEST, 0.2, 0, MAXIMUM, 8, 1, PLAIN, false, 0.5)                    \
    X("googlenet-gap-top5", BILINEAR, TIGHT_LOOSE, 100 / 255., 20 / 255., MAXIMUM, 8, 2,        \
      TIGHT_LOOSE, true, 0.5)                                                                   \
    X("backprop-paper", BILINEAR, GRAPH_CUT, 0.95, 0.3, PERCENTILE, 8, 1, PLAIN, true, 0.5)

/* All members but the name. Their fallbacks are those of cam-paper. */
extern const cr_parameters cr_protocol_parameters;

/* The named protocol; CR_EINPUT naming the known ones. */
cr_status cr_protocol_find(const char *name, cr_protocol *protocol, cr_error *err);

/* Its smoothing and its thresholds, as `threshold 20 % of the maximum`. */
enum { CR_PROTOCOL_TEXT_BYTES = 160 };
void cr_protocol_text(const cr_protocol *protocol, char text[CR_PROTOCOL_TEXT_BYTES]);

/* The share of the maximum of the map, as cr_loc_upsample has it, at which its contour is that of box 0; 0
 * where there is none. */
double cr_protocol_level(const cr_protocol *protocol);

/* Whether parameters that are each in their range go together, for a protocol of which some were
 * changed. Errors: CR_EINPUT saying what does not fit. */
cr_status cr_protocol_check(const cr_protocol *protocol, cr_error *err);

/* One prediction: the class of `slot` with its box number `box`. */
typedef struct cr_prediction {
    int slot, box;
} cr_prediction;

/* The predictions of an image, best first; the first is the one of top-1. Their number, at most
 * CR_TOP. One whose box does not exist (all -1) is wrong, as it covers nothing. */
int cr_protocol_predictions(const cr_protocol *protocol, cr_prediction predictions[CR_TOP]);

/* What the network gave for one class of one image: a map for each view. Refers to memory of the
 * caller. Minimum and maximum of the scaling are those of all views together; scaled maps are brought
 * to their places, mirrored back where the network saw them mirrored, and added where they overlap,
 * as mergeTenCrop.m of the CAM authors does (github.com/zhoubolei/CAM); elsewhere is 0. A raw map of
 * one view is the plain case. */
typedef struct cr_loc_map {
    const float *maps; /* [n_views][height][width], raw */
    int width, height;
    cr_scaling scaling;
    int n_views;
    const cr_view *views; /* [n_views]; the regions by pixel centres of the original image */
} cr_loc_map;

/* Whether scaling leaves nothing of a map: no value of any view is positive (CR_SCALING_MAX), or all are
 * the same (CR_SCALING_MIN_MAX). Its box is that of the whole image. */
bool cr_loc_map_is_empty(const cr_loc_map *map);

/* Largest map (all views together) and largest image, in pixels. */
#define CR_LOC_MAX_PIXELS ((size_t)1 << 28)

/* Grows to the largest image seen. Initialise with {0}. Not shared between threads. */
typedef struct cr_loc_workspace {
    struct {
        void *block;
        size_t bytes;
    } parts[24];
} cr_loc_workspace;

void cr_loc_workspace_fini(cr_loc_workspace *workspace);

/* Scales and merges maps at the resolution of the image, in double precision: pixel centre x + 0.5
 * lies at (x + 0.5 - region.x0) * map.width / region.width - 0.5 in the map, and likewise for y.
 *   out  [height][width], the caller's; all 0 where the map is constant (CR_SCALING_MIN_MAX) or has
 *        no positive value (CR_SCALING_MAX)
 * Errors: CR_EINPUT for a map that is not finite; CR_EINTERNAL for memory, and for a size that is
 * not positive or beyond CR_LOC_MAX_PIXELS. */
cr_status cr_loc_upsample(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                          float *out, cr_loc_workspace *workspace, cr_error *err);

/* cr_loc_peak and cr_loc_rank look at all pixels of the upsampled map. These stay in the workspace: a call for the same
 * map, upsampling and size as the one before does not make them again. */

/* The pixel of the largest value of the upsampled map, as floats; of equal ones the first in raster order.
 *   point  x, y
 * Errors: as cr_loc_upsample. */
cr_status cr_loc_peak(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                      int32_t point[2], cr_loc_workspace *workspace, cr_error *err);

/* The pixels of the upsampled map, as floats of which those below 0 count as 0, in the order of their values; equal
 * ones are in raster order. A key has the bits of the value, and below them 1 in a box. */
typedef struct cr_loc_ranked {
    size_t n, n_inside;     /* pixels, and those in a box */
    double sum, sum_inside; /* of their values */
    const uint32_t *keys;   /* [n] ascending */
} cr_loc_ranked;

/* `ranked` is there until the workspace is used again. Without boxes the order of the call before serves where
 * the pixels are the same, and the lowest bits of the keys say nothing. Errors: as cr_loc_upsample. */
cr_status cr_loc_rank(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                      const cr_box *truth, int n_truth, cr_loc_ranked *ranked,
                      cr_loc_workspace *workspace, cr_error *err);

/* Of the k <= n largest pixels, of equal ones the first, those in a box. */
size_t cr_loc_largest_inside(const cr_loc_ranked *ranked, size_t k);

/* The value of a key. */
CR_INLINE float cr_loc_key_value(uint32_t key)
{
    const uint32_t bits = key >> 1;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The image itself, for box rules that look at its colours: reduced so that no side is longer than
 * CR_LOC_PICTURE_SIDE pixels. Refers to memory of the caller. */
#define CR_LOC_PICTURE_SIDE 224
typedef struct cr_loc_picture {
    int width, height;
    const uint8_t *rgb; /* [height][width][3] */
} cr_loc_picture;

/* Whether boxes cannot be found without it. */
bool cr_protocol_needs_picture(const cr_protocol *protocol);

/* The boxes of one class: scaled and upsampled as above, then found by protocol->boxes. An upsampled
 * map without a positive value gives the whole image. Compares in double precision, before the
 * rounding to the float of cr_loc_upsample.
 *   picture  NULL unless cr_protocol_needs_picture
 *   boxes  [protocol->n_boxes], in pixels of the image; box 0 always exists, another that does not is
 *          all -1
 * Errors: as cr_loc_upsample. */
cr_status cr_loc_boxes(const cr_loc_map *map, const cr_protocol *protocol, int width, int height,
                       const cr_loc_picture *picture, cr_box *boxes, cr_loc_workspace *workspace,
                       cr_error *err);

/* MaxBoxAcc and MaxBoxAccV2 (Choe et al., CVPR 2020, section 4.2; ECCV extension, arXiv 2007.04178) as
 * github.com/clovaai/wsolevaluation computes them, at all thresholds at once.
 *
 * The map is resized to a CR_FRAME x CR_FRAME picture of the whole image, scaled from its minimum to its
 * maximum, multiplied by 255 and truncated: the score map. Its threshold t of 0 to 1 is level
 * (int)(t * 255), where all pixels > level are in, so that only 255 levels differ; where all pixels are
 * equal, all are 0. In this score map cv2.findContours (RETR_TREE, CHAIN_APPROX_SIMPLE) finds contours,
 * holes' included, and a contour's box is x, y, x + w, y + h of cv2.boundingRect, the latter two at most
 * CR_FRAME - 1. No contour is the box 0, 0, 0, 0. Ground-truth boxes are scaled to the frame and
 * truncated. The IoU has inclusive sides.
 *
 * Resizing is that of cv2.resize in double precision: CR_UPSAMPLING_BICUBIC is INTER_CUBIC (a = -3/4,
 * which wsolevaluation's inference.py takes), CR_UPSAMPLING_BILINEAR is INTER_LINEAR;
 * CR_UPSAMPLING_NEAREST takes the map's value at the pixel's centre. Views other than
 * one of the whole image are resized to their place in whole pixels of the frame and added, less the
 * minimum of them all where the scaling is CR_SCALING_MIN_MAX; elsewhere is 0. */
#define CR_FRAME 224
#define CR_SWEEP_LEVELS 255

/* Of a row of `side` pixels that is resized to the frame, the pixel that becomes its x-th: cv2.resize's
 * INTER_NEAREST, whose steps round as here: of some sides it is one below floor(x * side / CR_FRAME). */
static inline int32_t cr_frame_nearest(int x, int side)
{
    const double scale = 1 / ((double)CR_FRAME / side);
    const int32_t at = (int32_t)(x * scale);
    return at < side ? at : side - 1;
}

/* The score map before the multiplication by 255, 0 to 1, as wsolevaluation stores score maps.
 *   out  [CR_FRAME][CR_FRAME], the caller's; rounded so that (int)(255. * out) is the score map
 * Errors: as cr_loc_upsample. */
cr_status cr_loc_score_map(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                           float *out, cr_loc_workspace *workspace, cr_error *err);

/* Where its values, in double precision, lie among thresholds 0, 1/N, 2/N, ...: the last that they reach.
 *   thresholds  N, from 1 to 65535
 *   bins        [CR_FRAME][CR_FRAME] 0 to N, which is of 1 alone; there until the workspace is used again
 * Errors: as cr_loc_upsample. */
cr_status cr_loc_score_bins(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                            int thresholds, const int32_t **bins, cr_loc_workspace *workspace,
                            cr_error *err);

/* What hits a ground-truth box at each level.
 *   truth  [n_truth] of the image, in its pixels
 *   hits   [level]: bits 0, 1, 2: the box of the contour of largest cv2.contourArea (of equal ones that
 *          which OpenCV lists first) has an IoU of at least 0.3, 0.5, 0.7 (MaxBoxAcc: bit 1); bits 3, 4,
 *          5: the box of any contour has (MaxBoxAccV2)
 * Errors: as cr_loc_upsample. */
cr_status cr_loc_sweep(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                       const cr_box *truth, int n_truth, uint8_t hits[CR_SWEEP_LEVELS],
                       cr_loc_workspace *workspace, cr_error *err);

/* The boxes of all contours at one level, 0 to 254, in the frame; first that of largest area.
 *   boxes     [max_boxes], the caller's; the first so many are filled
 *   *n_boxes  how many there are
 * Errors: as cr_loc_upsample. */
cr_status cr_loc_contours(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                          int level, cr_box *boxes, int max_boxes, int *n_boxes,
                          cr_loc_workspace *workspace, cr_error *err);

/* Baselines, which need no map: bits 0, 1, 2 as those of cr_loc_sweep. */

/* *hits: of the whole frame, the box 0, 0, CR_FRAME - 1, CR_FRAME - 1. */
void cr_loc_whole_image_hits(int width, int height, const cr_box *truth, int n_truth,
                             uint8_t *hits);

/* hits[k]: of the centred square of side s = 4 (k + 1). Its far side is one pixel beyond, as that of a
 * contour's box: from CR_FRAME / 2 - s / 2 to CR_FRAME / 2 + s / 2, at most CR_FRAME - 1. */
#define CR_CENTER_BOXES (CR_FRAME / 4)
void cr_loc_center_hits(int width, int height, const cr_box *truth, int n_truth,
                        uint8_t hits[CR_CENTER_BOXES]);

/* Intersection over union of two boxes with inclusive sides (width x1 - x0 + 1), as in the ILSVRC
 * devkit's eval_clsloc.m; coordinates within +-2^30. Correctly rounded for areas below 2^52, so
 * `>= 0.5` is exact. 0 where a box is empty (x1 < x0 or y1 < y0). */
double cr_iou(cr_box a, cr_box b);

/* The largest IoU of `box` with any of n boxes; 0 for n = 0. */
double cr_iou_best(cr_box box, const cr_box *boxes, int n_boxes);

#endif
