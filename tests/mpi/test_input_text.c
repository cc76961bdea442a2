/* The line that describes a network's input: driver/input_text.h. Serial; here because the driver
 * links MPI. */
#include "driver/input_text.h"
#include "harness.h"

#include <string.h>

static void check_round_trip(const cr_input_spec *spec, const char *expected)
{
    cr_error err = {0};
    cr_input_spec back;
    char text[256];
    cr_input_text_write(spec, text, sizeof text);
    CHECK_TEXT(text, expected);
    CHECK_OK(cr_input_text_read(text, &back, &err), &err);
    CHECK_EQUAL(back.width, spec->width);
    CHECK_EQUAL(back.height, spec->height);
    CHECK_EQUAL(back.resize, spec->resize);
    CHECK_EQUAL(back.short_side, spec->short_side);
    CHECK_EQUAL(back.crop, spec->crop);
    CHECK_EQUAL(back.filter, spec->filter);
    CHECK_EQUAL((int)back.channels, (int)spec->channels);
    CHECK(back.range == spec->range);
    for (int i = 0; i < 3; i++)
        CHECK(back.mean[i] == spec->mean[i] && back.std[i] == spec->std[i]);
}

static void line_written_is_read_back(const cr_par *par)
{
    (void)par;
    check_round_trip(&(cr_input_spec){.width = 227,
                                      .height = 200,
                                      .resize = CR_RESIZE_SQUASH,
                                      .filter = CR_FILTER_OPENCV_LINEAR,
                                      .channels = CR_BGR,
                                      .range = 255,
                                      .mean = {104, 117.5F, -123},
                                      .std = {1, 2, 3}},
                     "227x200, squash, opencv-linear, bgr, range 255, mean 104 117.5 -123, std 1 2 "
                     "3");
    check_round_trip(&(cr_input_spec){.width = 224,
                                      .height = 224,
                                      .resize = CR_RESIZE_SHORT_SIDE,
                                      .short_side = 256,
                                      .filter = CR_FILTER_PIL_BILINEAR,
                                      .range = 1,
                                      .mean = {0.485F, 0.456F, 0.406F},
                                      .std = {0.229F, 0.224F, 0.225F}},
                     "224x224, short-side 256, crop center, pil-bilinear, rgb, range 1, mean 0.485 "
                     "0.456 0.406, std 0.229 0.224 0.225");
    cr_input_spec spec = {.width = 227,
                          .height = 227,
                          .resize = CR_RESIZE_SQUASH,
                          .short_side = 256,
                          .crop = CR_CROP_TEN,
                          .filter = CR_FILTER_PIL_BICUBIC,
                          .range = 255,
                          .std = {1, 1, 1}};
    check_round_trip(&spec,
                     "227x227, squash 256, crop ten, pil-bicubic, rgb, range 255, mean 0 0 0, "
                     "std 1 1 1");
    spec.crop = CR_CROP_CENTER;
    check_round_trip(&spec, "227x227, squash 256, crop center, pil-bicubic, rgb, range 255, mean 0 "
                            "0 0, std 1 1 1");
}

static void line_that_is_none_is_refused(const cr_par *par)
{
    (void)par;
    static const char *const bad[] = {
        "",
        "224x224",
        "224x224 squash",
        "224x224, squash, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1",
        "224x224, squash, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1, more",
        "224x224, squash, pil-bicycle, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, squash, pil-bilinear, cmyk, range 1, mean 0 0 0, std 1 1 1",
        "224x224, squash, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 0",
        "224x0, squash, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "999999x999999, squash, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, short-side 99, crop center, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, short-side 99, crop ten, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, short-side, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, squash 256, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, squash 256, crop , pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, squash 256, crop tend, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, squashed, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, long-side 256, crop ten, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
        "224x224, short-side 256, crop left, pil-bilinear, rgb, range 1, mean 0 0 0, std 1 1 1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_error err = {0};
        cr_input_spec spec;
        CHECK_EQUAL(cr_input_text_read(bad[i], &spec, &err), CR_EINPUT);
        CHECK(err.message[0]);
    }
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(line_written_is_read_back),
        HARNESS_CASE(line_that_is_none_is_refused),
    };
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
