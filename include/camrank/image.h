/* image.h - from a file's bytes to the network's input.
 *
 * All functions are Local. */
#ifndef CAMRANK_IMAGE_H
#define CAMRANK_IMAGE_H

#include "camrank/base.h"
#include "camrank/geometry.h"

/* 8-bit RGB, [height][width][3], rows without padding. `rgb` is owned: cr_image_free. */
typedef struct cr_image {
    int width, height;
    uint8_t *rgb;
    bool transparent; /* the file says which pixels are seen through, and that is not kept */
} cr_image;

/* Largest width and height that we decode, the most pixels, and the largest file that we read. With
 * as many pixels a decoder may take 2.5 GB, with those of the default limit a gigabyte. */
#define CR_IMAGE_MAX_SIDE 65500
#define CR_IMAGE_MAX_MPIXELS 268
#define CR_IMAGE_DEFAULT_MPIXELS 100
#define CR_IMAGE_MAX_PIXELS ((size_t)CR_IMAGE_MAX_MPIXELS * 1000000)
#define CR_IMAGE_MAX_FILE_BYTES ((size_t)1 << 30)

/* Decodes a JPEG (baseline or progressive; grey, YCbCr, RGB, CMYK, YCCK) or a PNG (any depth and
 * colour type), told apart by content, to the pixels that Pillow's Image.open(f).convert("RGB")
 * gives: libjpeg-turbo's defaults (slow integer DCT, fancy upsampling); four-channel JPEGs are read
 * as inverted ink; EXIF orientation and colour profiles are not applied; PNG transparency is
 * dropped, not blended; of 16 bits the high byte is taken, except that 16-bit grey is clipped at
 * 255.
 * Damage that the decoder can step over (stray bytes, a wrong checksum of an ancillary chunk) is
 * not an error, nor is a file that lacks only its end mark behind complete pixels; one whose pixels
 * are cut short is. An image of more than 2^22 pixels whose file is so short that it cannot hold them
 * (a JPEG of less than a bit a block of 8 x 8 values, a PNG of less than a byte for 1032) is refused
 * before anything is allocated, and so is one of more than max_mpixels (at most CR_IMAGE_MAX_MPIXELS)
 * million. Errors: CR_EINPUT, naming `name` and the decoder's reason; CR_EINTERNAL (memory). *image is
 * {0} on failure. */
cr_status cr_image_decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                          cr_image *image, cr_error *err);

/* Whether an image of this size may be decoded, for a size that comes from elsewhere. Errors:
 * CR_EINPUT naming `name` and the limit. */
cr_status cr_image_check_size(const char *name, int64_t width, int64_t height, int max_mpixels,
                              cr_error *err);

/* cr_file_read and cr_image_decode, with the default limit. */
cr_status cr_image_read(const char *path, cr_image *image, cr_error *err);

void cr_image_free(cr_image *image);

/* A number for each pixel, [height][width]. `values` is owned (free). */
typedef struct cr_labels {
    int width, height;
    int32_t *values;
} cr_labels;

/* Those of a PNG: what a pixel holds, an index of the palette, grey of up to 16 bits, or red, green and blue as the
 * bytes of a number. Alpha is dropped, and so is the low byte of 16 bits of a colour; grey of fewer than 8 bits is
 * spread over 8. Errors: as cr_image_decode, also of what is no PNG. *labels is {0} on failure. */
cr_status cr_labels_decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                           cr_labels *labels, cr_error *err);

/* Resampling filters, as named in jobs and results, and whose pixels each equals bit for bit:
 *   pil-bilinear   Pillow BILINEAR: triangle whose support grows with the scale; horizontal, then
 *                  vertical pass, fixed point, 8 bits after each
 *   pil-bicubic    Pillow BICUBIC: the same with the cubic of Keys (IEEE Trans. ASSP 29, 1981),
 *                  a = -1/2
 *   pil-nearest    Pillow NEAREST: the pixel in which the centre of the new one lies
 *   opencv-linear  cv2.resize INTER_LINEAR of OpenCV 4.6 on 8 bits: two pixels an axis whatever the
 *                  scale, so that a reduction aliases; coefficients of 11 bits */
#define CR_FILTER_LIST(X)                     \
    X(CR_FILTER_PIL_BILINEAR, "pil-bilinear") \
    X(CR_FILTER_PIL_BICUBIC, "pil-bicubic")   \
    X(CR_FILTER_PIL_NEAREST, "pil-nearest")   \
    X(CR_FILTER_OPENCV_LINEAR, "opencv-linear")

typedef enum cr_filter {
#define CR_FILTER_ENUM(filter, name) filter,
    CR_FILTER_LIST(CR_FILTER_ENUM)
#undef CR_FILTER_ENUM
} cr_filter;

/* The filter's name; NULL for a value that is none of them. */
const char *cr_filter_name(cr_filter filter);

/* Resizes the whole image to width x height, both >= 1. *out is a new image, {0} on failure.
 * Errors: CR_EINTERNAL (memory). */
cr_status cr_image_resize(const cr_image *in, int width, int height, cr_filter filter,
                          cr_image *out, cr_error *err);

typedef enum cr_resize_mode {
    CR_RESIZE_SQUASH,     /* the whole image, aspect not kept: to short_side x short_side, or to the
                             input's own size where short_side is 0 */
    CR_RESIZE_SHORT_SIDE, /* the short side to short_side, aspect kept: torchvision's Resize */
} cr_resize_mode;

/* Which parts of the resized image the network sees, each of the input's size. */
typedef enum cr_crop {
    CR_CROP_CENTER, /* the centre: torchvision's CenterCrop */
    CR_CROP_TEN,    /* corners top left, top right, bottom left, bottom right, and the centre; then
                       the same of the mirrored image: torchvision's TenCrop */
} cr_crop;

#define CR_MAX_VIEWS 10

/* Channels of a network's input, in their order:
 *   grey  Pillow's Image.convert("L") of the whole image, before it is resized: ITU-R BT.601's luma
 *         (19595 R + 38470 G + 7471 B + 32768) / 65536 in integers
 *   rgba  the colours, and an alpha of 255 in every pixel: of an image that is nowhere transparent that is
 *         Pillow's Image.convert("RGBA"); others are refused */
#define CR_CHANNELS_LIST(X) \
    X(CR_RGB, "rgb", 3)     \
    X(CR_BGR, "bgr", 3)     \
    X(CR_GREY, "grey", 1)   \
    X(CR_RGBA, "rgba", 4)

typedef enum cr_channels {
#define CR_CHANNELS_ENUM(channels, name, n) channels,
    CR_CHANNELS_LIST(CR_CHANNELS_ENUM)
#undef CR_CHANNELS_ENUM
} cr_channels;

#define CR_MAX_CHANNELS 4

/* Their name, and how many they are; NULL and 0 for a value that is none of them. */
const char *cr_channels_name(cr_channels channels);
int cr_channels_count(cr_channels channels);

/* How an image becomes the network's inputs. */
typedef struct cr_input_spec {
    int width, height; /* of the network's input, pixels */
    cr_resize_mode resize;
    int short_side; /* >= width and height; 0 with CR_RESIZE_SQUASH and CR_CROP_CENTER: no crop */
    cr_crop crop;
    cr_filter filter;
    cr_channels channels;        /* of the network's input */
    double range;                /* what a white pixel is before mean and std: 1 or 255 */
    float mean[CR_MAX_CHANNELS]; /* in the order of the network's channels */
    float std[CR_MAX_CHANNELS];  /* likewise, > 0 */
} cr_input_spec;

/* How networks of well-known origin want their images. */
typedef struct cr_input_preset {
    const char *name;   /* as a job has it */
    const char *source; /* whose it is, a line */
    cr_input_spec spec;
} cr_input_preset;

/* All of them; one without a name is behind the last. */
extern const cr_input_preset cr_input_presets[];

/* The preset with this name; NULL. */
const cr_input_preset *cr_input_preset_find(const char *name);

/* Checks a spec that came from outside; CR_EINPUT naming the key of the job file, `input.std`. What
 * follows takes a spec that has passed. */
cr_status cr_input_check(const cr_input_spec *spec, cr_error *err);

/* Inputs that one image gives: 1, or 10 for CR_CROP_TEN. */
int cr_input_n_views(const cr_input_spec *spec);

/* Values of all of them: what cr_input_prepare writes. */
size_t cr_input_size(const cr_input_spec *spec);

/* What part of an image of width x height pixels each input covers.
 *   views  [cr_input_n_views], the caller's */
void cr_input_views(const cr_input_spec *spec, int width, int height, cr_view *views);

/* Resizes, crops and normalises: value = (pixel * range / 255 - mean) / std in float32, as
 * torchvision's ToTensor and Normalize compute it. The long side of CR_RESIZE_SHORT_SIDE is
 * int(short_side * long / short); the centre starts at round((side - size) / 2), halves to even,
 * which is torchvision's. Only the pixels inside the crops are computed.
 *   out  [cr_input_n_views][height][width][channels], the caller's
 * Errors: CR_EINPUT for a transparent image where the network has a channel of alpha; CR_EINTERNAL
 * (memory). */
cr_status cr_input_prepare(const cr_input_spec *spec, const cr_image *image, float *out,
                           cr_error *err);

/* What black and white pixels are then, each channel of the network's input. */
void cr_input_limits(const cr_input_spec *spec, double black[CR_MAX_CHANNELS],
                     double white[CR_MAX_CHANNELS]);

/* The colour of OpenCV's COLORMAP_JET for value 0..255, as RGB, exactly: three ramps of 4 levels a
 * step, clipped to 0..255, r = min(4v - 382, 1148 - 4v), g = min(4v - 128, 892 - 4v),
 * b = min(4v + 128, 638 - 4v), but blue at 159 is 1 and not 2. */
void cr_jet(uint8_t value, uint8_t rgb[3]);

#endif
