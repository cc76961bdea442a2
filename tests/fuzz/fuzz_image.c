/* A JPEG or PNG file, decoded and made a network's input. The last four bytes say how. */
#include "fuzz.h"

#include "camrank/image.h"

#include <string.h>

enum { SIDE = 16, HOW_BYTES = 4 };

static void prepare(const cr_image *image, const uint8_t how[HOW_BYTES])
{
    float out[CR_MAX_VIEWS * SIDE * SIDE * CR_MAX_CHANNELS];
    cr_view views[CR_MAX_VIEWS];
    cr_error err = {0};
    cr_input_spec spec = {.width = 1 + how[0] % SIDE,
                          .height = 1 + how[1] % SIDE,
                          .resize = how[2] & 1 ? CR_RESIZE_SHORT_SIDE : CR_RESIZE_SQUASH,
                          .crop = how[2] & 2 ? CR_CROP_TEN : CR_CROP_CENTER,
                          .short_side = how[2] & 3 ? SIDE + how[2] : 0,
                          .filter = (cr_filter)(how[3] & 3),
                          .channels = (cr_channels)(how[3] >> 4 & 3),
                          .range = how[3] & 8 ? 1 : 255,
                          .std = {1, 1, 1, 1}};
    FUZZ_CHECK(cr_input_check(&spec, &err) == CR_OK);
    const bool fits = spec.channels != CR_RGBA || !image->transparent;
    FUZZ_CHECK(cr_input_prepare(&spec, image, out, &err) == (fits ? CR_OK : CR_EINPUT));
    const int n_views = cr_input_n_views(&spec);
    for (size_t i = 0; fits && i < cr_input_size(&spec); i++)
        FUZZ_CHECK(out[i] >= 0 && out[i] <= (float)spec.range);
    cr_input_views(&spec, image->width, image->height, views);
    for (int v = 0; v < n_views; v++)
        FUZZ_CHECK(views[v].region.width > 0 && views[v].region.height > 0);
}

/* As the numbers of a segmentation. */
static void read_labels(const uint8_t *bytes, size_t n_bytes)
{
    cr_labels labels;
    cr_error err = {0};
    const bool ok =
        fuzz_ok(cr_labels_decode(bytes, n_bytes, "labels", CR_IMAGE_DEFAULT_MPIXELS, &labels, &err),
                &err, "labels: ");
    FUZZ_CHECK(ok == (labels.values != NULL));
    for (size_t i = 0; ok && i < (size_t)labels.width * (size_t)labels.height; i++)
        FUZZ_CHECK(labels.values[i] >= 0 && labels.values[i] < 1 << 24);
    free(labels.values);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    cr_image image;
    cr_error err = {0};
    if (n_bytes < HOW_BYTES)
        return 0;
    n_bytes -= HOW_BYTES;
    uint8_t *copy = fuzz_copy(bytes, n_bytes, false);
    if (fuzz_ok(cr_image_decode(copy, n_bytes, "image", CR_IMAGE_DEFAULT_MPIXELS, &image, &err),
                &err, "image: ")) {
        FUZZ_CHECK(image.width >= 1 && image.height >= 1 && image.rgb);
        prepare(&image, bytes + n_bytes);
        cr_image_free(&image);
    } else {
        FUZZ_CHECK(!image.rgb);
    }
    read_labels(copy, n_bytes);
    free(copy);
    return 0;
}
