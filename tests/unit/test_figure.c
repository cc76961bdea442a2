/* Pictures: what is drawn where, and the files of each format. */
#include "camrank/figure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WIDTH = 100, HEIGHT = 80, SCALE = 3, LEFT = 10, TOP = 10 + 22 + 20, RIGHT = 310 };

static cr_image make_picture(void)
{
    cr_image image = {.width = WIDTH, .height = HEIGHT, .rgb = malloc((size_t)WIDTH * HEIGHT * 3)};
    assert_non_null(image.rgb);
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        image.rgb[i] = (uint8_t)(60 + i % 40);
    return image;
}

static void write_figure(const cr_figure *figure, const char *ending, char path[64])
{
    cr_error err = {0};
    const cr_figure_format *format;
    snprintf(path, 64, "/tmp/camrank-figure-XXXXXX.%s", ending);
    const int fd = mkstemps(path, (int)strlen(ending) + 1);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(cr_figure_format_find(path, &format, &err), CR_OK);
    if (cr_figure_write(path, format, figure, &err) != CR_OK)
        fail_msg("%s", err.message);
}

/* The pixel at (x, y) of the image, in the left panel or the right. */
static const uint8_t *pixel(const cr_image *figure, int side, double x, double y)
{
    const int column = LEFT + RIGHT * side + (int)(SCALE * x), row = TOP + (int)(SCALE * y);
    return figure->rgb + 3 * (row * figure->width + column);
}

static bool is_colour(const uint8_t *p, int r, int g, int b)
{
    return p[0] == r && p[1] == g && p[2] == b;
}

static void figure_shows_image_overlay_and_boxes(void **state)
{
    (void)state;
    cr_image picture = make_picture(), drawn;
    float *map = malloc(sizeof *map * WIDTH * HEIGHT);
    assert_non_null(map);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        map[i] = i % WIDTH < 50 ? 0.0f : 7.0f;
    map[0] = NAN;
    static const cr_figure_box boxes[] = {
        {{20, 30, 59, 69}, {{0, 1, 0}, false}, "ground truth"},
        {{-5, -5, 200, 200},
         {{1, 0, 0}, true},
         "\xff\xc3 a label that is by far too long for its panel, and is not UTF-8 either"},
        {{0, 0, 0, 0}, {{0, 0, 1}, false}, NULL},
    };
    /* The network saw all but the last ten columns. */
    static const cr_view seen[] = {{{0, 0, 90, 80}, false}};
    const cr_figure_panel panels[] = {
        {.caption = "image", .image = &picture, .n_boxes = 3, .boxes = boxes},
        {.image = &picture,
         .map = map,
         .n_views = 1,
         .views = seen,
         .level = 0.5,
         .n_boxes = 3,
         .boxes = boxes},
    };
    static const cr_figure_entry entries[] = {{{{0, 1, 0}, false}, "truth"}};
    const char *titles[] = {"a title"};
    cr_figure figure = {.n_titles = 1,
                        .titles = titles,
                        .n_rows = 1,
                        .n_columns = 2,
                        .panels = panels,
                        .bar = true,
                        .level = 0.5,
                        .n_entries = 1,
                        .entries = entries};
    char path[64];
    cr_error err = {0};
    write_figure(&figure, "png", path);
    assert_int_equal(cr_image_read(path, &drawn, &err), CR_OK);
    unlink(path);
    assert_true(drawn.width > 10 + 300 + 10 + 300 + 10 + 20);
    assert_true(drawn.height > TOP + 240 + 10 + 10);
    for (int side = 0; side < 2; side++) {
        /* Clear of lines and labels: left of the contour, right of it, and where the network was blind. */
        static const struct {
            int x;
            uint8_t value;
        } at[] = {{17, 0}, {80, 255}, {95, 255}};
        for (int k = 0; k < 3; k++) {
            uint8_t jet[3];
            const uint8_t *p = pixel(&drawn, side, at[k].x + 0.4, 75.4);
            const uint8_t *source = picture.rgb + 3 * (75 * WIDTH + at[k].x);
            cr_jet(at[k].value, jet);
            for (int c = 0; c < 3; c++)
                assert_int_equal(p[c], side && k < 2 ? (source[c] + jet[c] + 1) / 2 : source[c]);
        }
        /* The left line of the first box, 2 pixels wide, between black ones. */
        const uint8_t *p = pixel(&drawn, side, 20, 50);
        assert_true(is_colour(p, 0, 255, 0) && is_colour(p + 3, 0, 255, 0));
        assert_true(p[-3] < 30 && p[6] < 30 && p[-2] < 30 && p[7] < 30);
    }
    /* The contour lies between columns 49 and 50 of the map, and only there. */
    const uint8_t *white = pixel(&drawn, 1, 50, 75);
    assert_true(white[-3] > 120 || white[0] > 120);
    assert_memory_not_equal(pixel(&drawn, 0, 50, 75), white, 3);
    /* Colours of the bar: its upper end is dark red, its lower dark blue. */
    const uint8_t *upper = drawn.rgb + 3 * ((TOP + 2) * drawn.width + 10 + 2 * RIGHT + 5);
    const uint8_t *lower = drawn.rgb + 3 * ((TOP + 238) * drawn.width + 10 + 2 * RIGHT + 5);
    assert_true(upper[0] > 110 && upper[2] < 20 && lower[2] > 110 && lower[0] < 20);
    cr_image_free(&drawn);

    /* An image alone, smaller than it is. */
    figure = (cr_figure){.n_rows = 1, .n_columns = 1, .panels = panels + 1, .side = 50};
    write_figure(&figure, "png", path);
    assert_int_equal(cr_image_read(path, &drawn, &err), CR_OK);
    unlink(path);
    assert_int_equal(drawn.width, 10 + 50 + 10);
    assert_int_equal(drawn.height, 10 + 40 + 10);
    cr_image_free(&drawn);
    free(map);
    cr_image_free(&picture);
}

static void figure_has_rows_columns_and_empty_places(void **state)
{
    (void)state;
    cr_image picture = make_picture(), drawn;
    const cr_figure_panel panels[] = {{.image = &picture},
                                      {.caption = "alone", .image = &picture},
                                      {.image = NULL},
                                      {.image = &picture}};
    const cr_figure figure = {.n_rows = 2, .n_columns = 2, .panels = panels, .side = 100};
    char path[64];
    cr_error err = {0};
    write_figure(&figure, "png", path);
    assert_int_equal(cr_image_read(path, &drawn, &err), CR_OK);
    unlink(path);
    assert_int_equal(drawn.width, 10 + 100 + 10 + 100 + 10);
    assert_int_equal(drawn.height, 10 + 20 + 80 + 10 + 80 + 10);
    const uint8_t *empty = drawn.rgb + 3 * ((10 + 20 + 80 + 10 + 40) * drawn.width + 60);
    assert_true(is_colour(empty, 255, 255, 255));
    assert_memory_equal(drawn.rgb + 3 * (30 * drawn.width + 10), picture.rgb, 3);
    cr_image_free(&drawn);
    cr_image_free(&picture);
}

static void figure_is_written_in_the_format_of_its_ending(void **state)
{
    (void)state;
    static const struct {
        const char *ending, *start;
    } formats[] = {{"png", "\x89PNG"},       {"PNG", "\x89PNG"}, {"jpg", "\xff\xd8\xff"},
                   {"jpeg", "\xff\xd8\xff"}, {"pdf", "%PDF-"},   {"svg", "<?xml"}};
    cr_image picture = make_picture();
    const cr_figure_panel panel = {.image = &picture};
    const cr_figure figure = {.n_rows = 1, .n_columns = 1, .panels = &panel};
    cr_error err = {0};
    const cr_figure_format *format;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char path[64];
        uint8_t *bytes;
        size_t n_bytes;
        write_figure(&figure, formats[i].ending, path);
        assert_int_equal(cr_file_read(path, 1 << 24, &bytes, &n_bytes, &err), CR_OK);
        assert_memory_equal(bytes, formats[i].start, strlen(formats[i].start));
        assert_int_equal(cr_figure_format_find(path, &format, &err), CR_OK);
        assert_true(cr_figure_format_kind(format)((const char *)bytes, n_bytes));
        free(bytes);
        if (i == 2) { /* a JPEG of the same colours */
            cr_image drawn;
            assert_int_equal(cr_image_read(path, &drawn, &err), CR_OK);
            const uint8_t *p = drawn.rgb + 3 * (100 * drawn.width + 100);
            assert_true(p[0] > 50 && p[0] < 110);
            cr_image_free(&drawn);
        }
        unlink(path);
    }
    static const char *const others[] = {"a.gif", "a", "png", "a.png/b", "a.png."};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(cr_figure_format_find(others[i], &format, &err), CR_EUSAGE);
        assert_non_null(strstr(err.message, "must end in .png, .jpg, .pdf or .svg"));
    }
    cr_image_free(&picture);
}

static void figure_that_cannot_be_written_is_an_io_error(void **state)
{
    (void)state;
    static const char *const formats[] = {"png", "jpg", "pdf", "svg"};
    cr_image picture = make_picture();
    const cr_figure_panel panel = {.image = &picture};
    const cr_figure figure = {.n_rows = 1, .n_columns = 1, .panels = &panel};
    cr_error err = {0};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const cr_figure_format *format = cr_figure_format_named(formats[i]);
        assert_int_equal(cr_figure_write("/nowhere/a.png", format, &figure, &err), CR_EIO);
        assert_string_equal(err.message, "/nowhere/a.png: No such file or directory");
        assert_int_equal(cr_figure_write("/dev/full", format, &figure, &err), CR_EIO);
        assert_string_equal(err.message, "/dev/full: No space left on device");
    }
    const cr_figure large = {.n_rows = 1, .n_columns = 1, .panels = &panel, .side = 1000000};
    assert_int_equal(cr_figure_write("/dev/null", cr_figure_format_named("png"), &large, &err),
                     CR_EINPUT);
    cr_image_free(&picture);
}

/* The fonts that cairo's text needs are found by fontconfig, which never frees its configuration.
 * Read by AddressSanitizer alone. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figure_shows_image_overlay_and_boxes),
        cmocka_unit_test(figure_has_rows_columns_and_empty_places),
        cmocka_unit_test(figure_is_written_in_the_format_of_its_ending),
        cmocka_unit_test(figure_that_cannot_be_written_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
