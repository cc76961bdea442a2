#include "camrank/image.h"

#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jpeglib.h>

/* A picture that any script can make again: ((37 x + 91 y + 53 c + x y) mod 256). */
static cr_image make_picture(int width, int height)
{
    cr_image image = {
        .width = width, .height = height, .rgb = malloc((size_t)width * (size_t)height * 3)};
    assert_non_null(image.rgb);
    uint8_t *p = image.rgb;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                *p++ = (uint8_t)(x * 37 + y * 91 + c * 53 + x * y);
    return image;
}

/* Compresses rows of `n_channels`; the caller frees. */
static uint8_t *make_jpeg(const uint8_t *pixels, int width, int height, int n_channels,
                          bool progressive, size_t *n_bytes)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long length = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &length);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = n_channels;
    jpeg.in_color_space = n_channels == 1 ? JCS_GRAYSCALE : n_channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        JSAMPROW row = (JSAMPROW)pixels + (size_t)y * (size_t)width * (size_t)n_channels;
        assert_int_equal(jpeg_write_scanlines(&jpeg, &row, 1), 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    *n_bytes = length;
    return bytes;
}

static uint8_t *make_png(const cr_image *image, size_t *n_bytes)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = PNG_FORMAT_RGB};
    png_alloc_size_t length = PNG_IMAGE_PNG_SIZE_MAX(png);
    uint8_t *bytes = malloc(length);
    assert_true(png_image_write_to_memory(&png, bytes, &length, 0, image->rgb, 0, NULL));
    *n_bytes = length;
    return bytes;
}

static void assert_decodes(const uint8_t *bytes, size_t n_bytes, cr_image *image)
{
    cr_error err = {0};
    if (cr_image_decode(bytes, n_bytes, "a.jpg", CR_IMAGE_MAX_MPIXELS, image, &err) != CR_OK)
        fail_msg("%s", err.message);
}

/* `bytes` are copied to a block of their own, so that a read past their end is found. */
static void assert_refused(const uint8_t *bytes, size_t n_bytes, const char *message)
{
    cr_image image = {.width = 1, .height = 1};
    cr_error err = {0};
    uint8_t *exact = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, n_bytes);
    assert_int_equal(
        cr_image_decode(exact, n_bytes, "dir/a.jpg", CR_IMAGE_MAX_MPIXELS, &image, &err),
        CR_EINPUT);
    free(exact);
    assert_int_equal(err.status, CR_EINPUT);
    if (!strstr(err.message, message) || strncmp(err.message, "dir/a.jpg: ", 11) != 0)
        fail_msg("\"%s\" does not say \"%s\"", err.message, message);
    assert_null(image.rgb);
    assert_int_equal(image.width, 0);
}

static void png_decoded_is_what_was_encoded(void **state)
{
    (void)state;
    cr_image picture = make_picture(31, 17), decoded;
    size_t n_bytes;
    uint8_t *bytes = make_png(&picture, &n_bytes);
    assert_decodes(bytes, n_bytes, &decoded);
    assert_int_equal(decoded.width, 31);
    assert_int_equal(decoded.height, 17);
    assert_memory_equal(decoded.rgb, picture.rgb, 31 * 17 * 3);
    cr_image_free(&decoded);
    free(bytes);
    cr_image_free(&picture);
}

static void jpeg_of_one_colour_keeps_it_in_every_colour_space(void **state)
{
    (void)state;
    /* Ink is stored inverted: 255 is none, as Adobe writes it. */
    static const uint8_t pixel[3][4] = {{100}, {200, 120, 40}, {255, 255, 0, 128}};
    static const uint8_t rgb[3][3] = {{100, 100, 100}, {200, 120, 40}, {128, 128, 0}};
    static const int channels[3] = {1, 3, 4};
    for (int i = 0; i < 3; i++) {
        uint8_t pixels[16 * 16 * 4];
        int n = channels[i];
        for (int k = 0; k < 16 * 16; k++)
            memcpy(pixels + k * n, pixel[i], (size_t)n);
        size_t n_bytes;
        uint8_t *bytes = make_jpeg(pixels, 16, 16, n, i == 1, &n_bytes);
        cr_image image;
        assert_decodes(bytes, n_bytes, &image);
        for (int c = 0; c < 3; c++)
            /* Two levels: YCbCr and the transform are rounded to whole numbers. */
            assert_in_range(image.rgb[300 + c] + 2, rgb[i][c], rgb[i][c] + 4);
        cr_image_free(&image);
        free(bytes);
    }
}

static void damaged_files_are_refused_by_name_and_reason(void **state)
{
    (void)state;
    cr_image picture = make_picture(40, 30);
    size_t n_jpeg, n_progressive, n_png;
    uint8_t *jpeg = make_jpeg(picture.rgb, 40, 30, 3, false, &n_jpeg);
    uint8_t *progressive = make_jpeg(picture.rgb, 40, 30, 3, true, &n_progressive);
    uint8_t *png = make_png(&picture, &n_png);

    assert_refused(jpeg, 0, "the file is empty");
    assert_refused((const uint8_t *)"GIF89a", 6, "neither a JPEG nor a PNG file");
    assert_refused(jpeg, 2, "neither a JPEG nor a PNG file");
    for (size_t n = 3; n < n_jpeg - 20; n += n < 700 ? 1 : 97)
        assert_refused(jpeg, n, "damaged JPEG: the file is cut short");
    for (size_t n = 3; n < n_progressive; n += n < 700 ? 1 : 97)
        assert_refused(progressive, n, "damaged JPEG: the file is cut short");
    for (size_t n = 8; n < n_png - 20; n += n < 700 ? 1 : 97)
        assert_refused(png, n, "damaged PNG: the file is cut short");

    uint8_t *sof = NULL;
    for (size_t i = 2; !sof; i += 2 + (size_t)(jpeg[i + 2] << 8 | jpeg[i + 3]))
        if (jpeg[i + 1] == 0xc0)
            sof = jpeg + i;
    sof[4] = 12;
    assert_refused(jpeg, n_jpeg, "damaged JPEG: Unsupported JPEG data precision 12");
    sof[4] = 8;
    memcpy(sof + 5, "\xff\xdc\xff\xdc", 4); /* 65500 x 65500 */
    assert_refused(jpeg, n_jpeg, "65500 x 65500 pixels, more than the limit of 268 million");
    memcpy(sof + 5, "\x20\0\x20\0", 4);
    assert_refused(jpeg, n_jpeg, "the file is too short for its 8192 x 8192 pixels");
    png[n_png / 2] ^= 1;
    assert_refused(png, n_png, "damaged PNG: ");
    png[n_png / 2] ^= 1;
    png[20] ^= 1; /* the height, whose checksum is then wrong */
    assert_refused(png, n_png, "damaged PNG: IHDR: CRC error");

    free(jpeg);
    free(progressive);
    free(png);
    cr_image_free(&picture);
}

static void image_beyond_the_limit_of_pixels_is_refused(void **state)
{
    (void)state;
    size_t n_png, n_jpeg;
    cr_image picture = make_picture(2000, 501), image;
    uint8_t *png = make_png(&picture, &n_png);
    uint8_t *jpeg = make_jpeg(picture.rgb, 2000, 501, 3, false, &n_jpeg);
    static const char expected[] = "a: 2000 x 501 pixels, more than the limit of 1 million "
                                   "(image_mpixels)";
    cr_error err = {0};
    assert_int_equal(cr_image_decode(png, n_png, "a", 1, &image, &err), CR_EINPUT);
    assert_string_equal(err.message, expected);
    assert_int_equal(cr_image_decode(jpeg, n_jpeg, "a", 1, &image, &err), CR_EINPUT);
    assert_string_equal(err.message, expected);
    assert_int_equal(cr_image_decode(png, n_png, "a", 2, &image, &err), CR_OK);
    cr_image_free(&image);
    assert_int_equal(cr_image_check_size("a", 2000, 500, 1, &err), CR_OK);
    free(png);
    free(jpeg);
    cr_image_free(&picture);
}

static void png_that_claims_a_huge_size_is_refused_before_allocation(void **state)
{
    (void)state;
    static const uint8_t wide[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\0\0\0\0\0\x01\x08\x02\0\0\0"
                                  "\xe4\x10\x74\x8f\0\0\0\0IDAT\x35\xaf\x06\x1e";
    static const uint8_t large[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x20\0\0\0\x20\0\x08\x02\0\0\0"
                                   "\xfd\xc8\x5d\x0e\0\0\0\0IDAT\x35\xaf\x06\x1e";
    assert_refused(wide, sizeof wide - 1, "65536 x 1 pixels; the limits are 1 to 65500 a side");
    assert_refused(large, sizeof large - 1, "the file is too short for its 8192 x 8192 pixels");
}

static void jpeg_with_too_many_scans_is_refused(void **state)
{
    (void)state;
    cr_image picture = make_picture(16, 16);
    size_t n_bytes;
    uint8_t *bytes = make_jpeg(picture.rgb, 16, 16, 3, true, &n_bytes);
    size_t scan = n_bytes - 2;
    while (bytes[scan] != 0xff || bytes[scan + 1] != 0xda)
        scan--;
    size_t scan_bytes = n_bytes - 2 - scan, n_scans = 600;
    uint8_t *bomb = malloc(n_bytes + n_scans * scan_bytes);
    assert_non_null(bomb);
    memcpy(bomb, bytes, scan);
    for (size_t i = 0; i < n_scans; i++)
        memcpy(bomb + scan + i * scan_bytes, bytes + scan, scan_bytes);
    memcpy(bomb + scan + n_scans * scan_bytes, "\xff\xd9", 2);
    cr_image image;
    assert_decodes(bytes, n_bytes, &image);
    cr_image_free(&image);
    assert_refused(bomb, scan + n_scans * scan_bytes + 2, "more scans than any real file has");
    free(bomb);
    free(bytes);
    cr_image_free(&picture);
}

/* SHA-256, first 16 digits, of the pixels that Pillow 9.4.0 and OpenCV 4.6.0 give, in the order of
 * cr_filter: np.array(Image.fromarray(picture).resize((w, h), f)) for BILINEAR, BICUBIC, NEAREST,
 * and cv2.resize(picture, (w, h), interpolation=cv2.INTER_LINEAR). */
static void resize_by_each_filter_equals_golden(void **state)
{
    (void)state;
    static const struct {
        int in_width, in_height, width, height;
        const char *sha256[4];
    } cases[] = {
        {7,
         5,
         3,
         4,
         {"0d227dd2a1572a98", "aa8d41543d89302c", "90b57c28d5255997", "c8769fc816b2a4fe"}},
        {7,
         5,
         10,
         9,
         {"0b5f1abe5733e2cc", "ed22e5629da9e13a", "02302005afaee2fc", "e1fd184c59380e36"}},
        {7,
         5,
         7,
         2,
         {"be1424207e085cb4", "f5e84b2c62aecb4f", "601721b754f75cea", "bd4931cda4daef03"}},
        {7,
         5,
         2,
         5,
         {"a5dcc889a492212f", "536985926b4d4f60", "1a2f4d633740ff7e", "e61f2afb890526c6"}},
        {301,
         40,
         16,
         61,
         {"51f557f44ad09a0c", "88004a453335af27", "9faf7c5753bd53a8", "08ac360b84e55e68"}},
        {1,
         1,
         5,
         3,
         {"04d244476faa5b3a", "04d244476faa5b3a", "04d244476faa5b3a", "04d244476faa5b3a"}},
        {40,
         300,
         1,
         1,
         {"79a3837141c281bf", "decc3b82f915577a", "dfdcfbf8da544b04", "a9a6e09b096e77f4"}},
        {40,
         300,
         20,
         150,
         {"9280ffe97ec36f32", "8ee04fd36eccdba1", "2fd7088754bf2ed8", "e0be1b73f75b2635"}},
        {33,
         17,
         33,
         17,
         {"2766849c45487c9e", "2766849c45487c9e", "2766849c45487c9e", "2766849c45487c9e"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_image picture = make_picture(cases[i].in_width, cases[i].in_height);
        int width = cases[i].width, height = cases[i].height;
        for (int filter = 0; filter < 4; filter++) {
            cr_image resized;
            cr_error err = {0};
            char hex[65];
            assert_int_equal(
                cr_image_resize(&picture, width, height, (cr_filter)filter, &resized, &err), CR_OK);
            assert_int_equal(resized.width, width);
            assert_int_equal(resized.height, height);
            cr_sha256_hex(resized.rgb, (size_t)width * (size_t)height * 3, hex);
            hex[16] = 0;
            assert_string_equal(hex, cases[i].sha256[filter]);
            cr_image_free(&resized);
        }
        cr_image_free(&picture);
    }
}

static void filter_has_the_name_that_jobs_give_it(void **state)
{
    (void)state;
    assert_string_equal(cr_filter_name(CR_FILTER_PIL_BILINEAR), "pil-bilinear");
    assert_string_equal(cr_filter_name(CR_FILTER_PIL_BICUBIC), "pil-bicubic");
    assert_string_equal(cr_filter_name(CR_FILTER_PIL_NEAREST), "pil-nearest");
    assert_string_equal(cr_filter_name(CR_FILTER_OPENCV_LINEAR), "opencv-linear");
    assert_null(cr_filter_name((cr_filter)4));
}

static cr_input_spec plain_spec(void)
{
    return (cr_input_spec){.width = 24,
                           .height = 16,
                           .resize = CR_RESIZE_SHORT_SIDE,
                           .short_side = 31,
                           .filter = CR_FILTER_PIL_BILINEAR,
                           .range = 255,
                           .mean = {1, 2, 3},
                           .std = {2, 4, 8}};
}

static void assert_view(const cr_view *view, double x0, double y0, double width, double height,
                        bool flip)
{
    assert_true(fabs(view->region.x0 - x0) < 1e-12);
    assert_true(fabs(view->region.y0 - y0) < 1e-12);
    assert_true(fabs(view->region.width - width) < 1e-12);
    assert_true(fabs(view->region.height - height) < 1e-12);
    assert_int_equal(view->flip, flip);
}

static void input_of_short_side_is_the_centre_of_the_whole_resized(void **state)
{
    (void)state;
    cr_image picture = make_picture(75, 50), whole;
    cr_input_spec spec = plain_spec();
    cr_view view;
    cr_error err = {0};
    float *out = malloc(sizeof *out * 24 * 16 * 3);
    assert_non_null(out);
    assert_int_equal(cr_input_check(&spec, &err), CR_OK);
    assert_int_equal(cr_input_prepare(&spec, &picture, out, &err), CR_OK);
    cr_input_views(&spec, 75, 50, &view);
    /* 31 * 75 / 50 = 46.5 gives 46; (46 - 24) / 2 = 11; (31 - 16) / 2 = 7.5 gives 8. */
    assert_int_equal(cr_image_resize(&picture, 46, 31, spec.filter, &whole, &err), CR_OK);
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 24; x++)
            for (int c = 0; c < 3; c++) {
                float pixel = whole.rgb[((y + 8) * 46 + x + 11) * 3 + c];
                assert_true(out[(y * 24 + x) * 3 + c] == (pixel - spec.mean[c]) / spec.std[c]);
            }
    assert_view(&view, 11 * 75 / 46.0, 8 * 50 / 31.0, 24 * 75 / 46.0, 16 * 50 / 31.0, false);
    free(out);
    cr_image_free(&whole);
    cr_image_free(&picture);
}

static void input_of_an_extreme_strip_needs_no_more_than_its_crop(void **state)
{
    (void)state;
    cr_image strip = make_picture(1, CR_IMAGE_MAX_SIDE);
    cr_input_spec spec = plain_spec();
    cr_view view;
    cr_error err = {0};
    float *out = malloc(sizeof *out * 24 * 16 * 3);
    assert_non_null(out);
    spec.short_side = 50000; /* whole, the resized image would have 1.6e14 pixels */
    for (int filter = 0; cr_filter_name((cr_filter)filter); filter++) {
        spec.filter = (cr_filter)filter;
        assert_int_equal(cr_input_prepare(&spec, &strip, out, &err), CR_OK);
    }
    cr_input_views(&spec, 1, CR_IMAGE_MAX_SIDE, &view);
    assert_true(fabs(view.region.y0 + view.region.height / 2 - CR_IMAGE_MAX_SIDE / 2.0) < 1e-3);
    free(out);
    cr_image_free(&strip);
}

static void input_of_squash_covers_the_whole_in_the_networks_channels(void **state)
{
    (void)state;
    cr_image picture = make_picture(24, 16);
    cr_input_spec spec = plain_spec();
    cr_view view;
    cr_error err = {0};
    float out[24 * 16 * 3];
    spec.resize = CR_RESIZE_SQUASH;
    spec.short_side = 0;
    spec.channels = CR_BGR;
    spec.range = 1;
    assert_int_equal(cr_input_prepare(&spec, &picture, out, &err), CR_OK);
    for (int i = 0; i < 24 * 16; i++)
        for (int c = 0; c < 3; c++) {
            float pixel = (float)picture.rgb[i * 3 + 2 - c] / 255.0f;
            assert_true(out[i * 3 + c] == (pixel - spec.mean[c]) / spec.std[c]);
        }
    cr_input_views(&spec, 24, 16, &view);
    assert_view(&view, 0, 0, 24, 16, false);
    cr_image_free(&picture);
}

/* Where the middle is odd, the centre of the mirrored image lies one pixel beside that of the
 * image: 31 - 24 = 7, and 3.5 rounds to 4. */
static void views_of_ten_crops_are_corners_and_centre_and_their_mirror_images(void **state)
{
    (void)state;
    cr_input_spec spec = plain_spec();
    cr_view views[CR_MAX_VIEWS];
    const double x_scale = 62 / 31.0, y_scale = 93 / 31.0, w = 24 * x_scale, h = 16 * y_scale;
    const double corners[][2] = {{0, 0}, {7, 0}, {0, 15}, {7, 15}, {4, 8}};
    spec.resize = CR_RESIZE_SQUASH;
    spec.crop = CR_CROP_TEN;
    assert_int_equal(cr_input_check(&spec, NULL), CR_OK);
    assert_int_equal(cr_input_n_views(&spec), 10);
    cr_input_views(&spec, 62, 93, views);
    for (int i = 0; i < 5; i++) {
        const double x0 = corners[i][0], y0 = corners[i][1];
        assert_view(&views[i], x0 * x_scale, y0 * y_scale, w, h, false);
        assert_view(&views[5 + i], (7 - x0) * x_scale, y0 * y_scale, w, h, true);
    }
}

static void inputs_of_mirrored_views_are_their_regions_mirrored(void **state)
{
    (void)state;
    enum { VALUES = 24 * 16 * 3 };
    cr_image picture = make_picture(75, 50), mirrored = make_picture(75, 50);
    cr_input_spec spec = plain_spec();
    spec.crop = CR_CROP_TEN;
    float *out = malloc(sizeof *out * VALUES * 10), *other = malloc(sizeof *out * VALUES * 10);
    assert_non_null(out);
    assert_non_null(other);
    for (int y = 0; y < 50; y++)
        for (int x = 0; x < 75; x++)
            memcpy(mirrored.rgb + (y * 75 + x) * 3, picture.rgb + (y * 75 + 74 - x) * 3, 3);
    assert_int_equal(cr_input_prepare(&spec, &picture, out, NULL), CR_OK);
    assert_int_equal(cr_input_prepare(&spec, &mirrored, other, NULL), CR_OK);
    assert_memory_equal(out, other + 5 * VALUES, sizeof *out * VALUES * 5);
    assert_memory_equal(out + 5 * VALUES, other, sizeof *out * VALUES * 5);
    assert_memory_not_equal(out, out + 5 * VALUES, sizeof *out * VALUES * 5);
    free(out);
    free(other);
    cr_image_free(&mirrored);
    cr_image_free(&picture);
}

static void assert_spec_refused(cr_input_spec spec, const char *key)
{
    cr_error err = {0};
    assert_int_equal(cr_input_check(&spec, &err), CR_EINPUT);
    assert_memory_equal(err.message, key, strlen(key));
}

static void spec_with_a_bad_field_is_refused_by_key(void **state)
{
    (void)state;
    cr_input_spec spec = plain_spec();
    cr_error err = {0};
    assert_int_equal(cr_input_check(&spec, &err), CR_OK);
    spec.width = 0;
    assert_spec_refused(spec, "input.size: ");
    spec.width = CR_IMAGE_MAX_SIDE + 1;
    assert_spec_refused(spec, "input.size: ");
    spec = plain_spec();
    spec.short_side = 23;
    assert_spec_refused(spec, "input.short_side: ");
    spec.resize = CR_RESIZE_SQUASH;
    assert_spec_refused(spec, "input.short_side: ");
    spec.short_side = 0;
    assert_int_equal(cr_input_check(&spec, &err), CR_OK);
    spec.crop = CR_CROP_TEN;
    assert_spec_refused(spec, "input.short_side: ");
    spec = plain_spec();
    spec.crop = (cr_crop)2;
    assert_spec_refused(spec, "input.crop: ");
    spec = plain_spec();
    spec.filter = (cr_filter)4;
    assert_spec_refused(spec, "input.filter: ");
    spec = plain_spec();
    spec.range = 2;
    assert_spec_refused(spec, "input.range: ");
    spec = plain_spec();
    spec.std[1] = 0;
    assert_spec_refused(spec, "input.std: value 2 ");
    spec.std[1] = NAN;
    assert_spec_refused(spec, "input.std: value 2 ");
    spec = plain_spec();
    spec.mean[2] = INFINITY;
    assert_spec_refused(spec, "input.mean: value 3 ");
}

static void jet_ends_and_middle_are_the_fields_colours(void **state)
{
    (void)state;
    static const uint8_t known[][4] = {{0, 0, 0, 128},
                                       {32, 0, 0, 255},
                                       {127, 126, 255, 130},
                                       {159, 254, 255, 1},
                                       {255, 128, 0, 0}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t rgb[3];
        cr_jet(known[i][0], rgb);
        assert_memory_equal(rgb, known[i] + 1, 3);
    }
}

static void read_of_no_file_is_refused_by_name(void **state)
{
    (void)state;
    cr_image image;
    cr_error err = {0};
    assert_int_equal(cr_image_read("/nowhere/a.jpg", &image, &err), CR_EINPUT);
    assert_string_equal(err.message, "/nowhere/a.jpg: No such file or directory");
    assert_null(image.rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_decoded_is_what_was_encoded),
        cmocka_unit_test(jpeg_of_one_colour_keeps_it_in_every_colour_space),
        cmocka_unit_test(damaged_files_are_refused_by_name_and_reason),
        cmocka_unit_test(image_beyond_the_limit_of_pixels_is_refused),
        cmocka_unit_test(png_that_claims_a_huge_size_is_refused_before_allocation),
        cmocka_unit_test(jpeg_with_too_many_scans_is_refused),
        cmocka_unit_test(resize_by_each_filter_equals_golden),
        cmocka_unit_test(filter_has_the_name_that_jobs_give_it),
        cmocka_unit_test(input_of_short_side_is_the_centre_of_the_whole_resized),
        cmocka_unit_test(input_of_an_extreme_strip_needs_no_more_than_its_crop),
        cmocka_unit_test(input_of_squash_covers_the_whole_in_the_networks_channels),
        cmocka_unit_test(views_of_ten_crops_are_corners_and_centre_and_their_mirror_images),
        cmocka_unit_test(inputs_of_mirrored_views_are_their_regions_mirrored),
        cmocka_unit_test(spec_with_a_bad_field_is_refused_by_key),
        cmocka_unit_test(jet_ends_and_middle_are_the_fields_colours),
        cmocka_unit_test(read_of_no_file_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
