/* The score map and its levels; tests/judge/test_sweep.py compares them with OpenCV. */
#include "camrank/loc.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static cr_region whole(int width, int height)
{
    return (cr_region){0, 0, width, height};
}

static void assert_box(cr_box box, int x0, int y0, int x1, int y1)
{
    assert_int_equal(box.x0, x0);
    assert_int_equal(box.y0, y0);
    assert_int_equal(box.x1, x1);
    assert_int_equal(box.y1, y1);
}

static void sweep_of_a_map_without_contrast_finds_the_first_pixel(void **state)
{
    (void)state;
    static const float constant[] = {3, 3, 3, 3};
    static const cr_box corner = {0, 0, 0, 0}, whole_image = {0, 0, 99, 99};
    const cr_view view = {.region = whole(100, 100)};
    const cr_loc_map map = {constant, 2, 2, CR_SCALING_MIN_MAX, 1, &view};
    cr_loc_workspace workspace = {0};
    uint8_t hits[CR_SWEEP_LEVELS];
    cr_loc_sweep(&map, CR_UPSAMPLING_BICUBIC, 100, 100, &corner, 1, hits, &workspace, NULL);
    for (int level = 0; level < CR_SWEEP_LEVELS; level++)
        assert_int_equal(hits[level], 077);
    cr_loc_sweep(&map, CR_UPSAMPLING_BICUBIC, 100, 100, &whole_image, 1, hits, &workspace, NULL);
    for (int level = 0; level < CR_SWEEP_LEVELS; level++)
        assert_int_equal(hits[level], 0);
    cr_loc_workspace_fini(&workspace);
}

/* Left of the frame's middle 0, right of it 1: one contour from 112 on, at every level. */
static void sweep_of_two_halves_hits_the_right_one(void **state)
{
    (void)state;
    static const float halves[] = {0, 1};
    static const cr_box right = {50, 0, 99, 49}, left = {0, 0, 49, 49};
    const cr_view view = {.region = whole(100, 50)};
    const cr_loc_map map = {halves, 2, 1, CR_SCALING_MIN_MAX, 1, &view};
    cr_loc_workspace workspace = {0};
    uint8_t hits[CR_SWEEP_LEVELS];
    cr_box boxes[3];
    int n_boxes;
    cr_loc_sweep(&map, CR_UPSAMPLING_NEAREST, 100, 50, &right, 1, hits, &workspace, NULL);
    for (int level = 0; level < CR_SWEEP_LEVELS; level++)
        assert_int_equal(hits[level], 077);
    cr_loc_sweep(&map, CR_UPSAMPLING_NEAREST, 100, 50, &left, 1, hits, &workspace, NULL);
    for (int level = 0; level < CR_SWEEP_LEVELS; level++)
        assert_int_equal(hits[level], 0);
    cr_loc_contours(&map, CR_UPSAMPLING_NEAREST, 100, 50, 128, boxes, 3, &n_boxes, &workspace,
                    NULL);
    assert_int_equal(n_boxes, 1);
    assert_box(boxes[0], 112, 0, 223, 223);
    cr_loc_workspace_fini(&workspace);
}

static void score_map_multiplied_by_255_keeps_its_grey_values(void **state)
{
    (void)state;
    float ramp[256], scores[CR_FRAME * CR_FRAME];
    const cr_view view = {.region = whole(256, 1)};
    const cr_loc_map map = {ramp, 256, 1, CR_SCALING_MAX, 1, &view};
    cr_loc_workspace workspace = {0};
    for (int i = 0; i < 256; i++)
        ramp[i] = (float)i;
    cr_loc_score_map(&map, CR_UPSAMPLING_NEAREST, 256, 1, scores, &workspace, NULL);
    assert_true(scores[0] == 0 && scores[CR_FRAME - 1] == 1);
    for (int x = 0; x < CR_FRAME; x++) {
        int i = (int)floor((x + 0.5) * 256 / CR_FRAME);
        assert_int_equal((int)((double)scores[x] * 255), i);
    }
    cr_loc_workspace_fini(&workspace);
}

static void sweep_of_a_map_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    const float bad[] = {1, NAN};
    const cr_view view = {.region = whole(5, 5)};
    const cr_loc_map map = {bad, 2, 1, CR_SCALING_MAX, 1, &view};
    cr_loc_workspace workspace = {0};
    cr_error err;
    uint8_t hits[CR_SWEEP_LEVELS];
    assert_int_equal(
        cr_loc_sweep(&map, CR_UPSAMPLING_BICUBIC, 5, 5, NULL, 0, hits, &workspace, &err),
        CR_EINPUT);
    assert_string_equal(err.message, "activation map holds a value that is not finite");
    cr_loc_workspace_fini(&workspace);
}

/* The centred square of half the frame's side is box 112 / 4 - 1 of 56. */
static void center_hits_are_those_of_squares_of_growing_side(void **state)
{
    (void)state;
    static const cr_box middle = {56, 56, 168, 168};
    uint8_t hits[CR_CENTER_BOXES], whole_image;
    cr_loc_center_hits(CR_FRAME, CR_FRAME, &middle, 1, hits);
    assert_int_equal(hits[27], 7);
    assert_int_equal(hits[0], 0);
    assert_int_equal(hits[CR_CENTER_BOXES - 1], 0);
    cr_loc_whole_image_hits(CR_FRAME, CR_FRAME, &middle, 1, &whole_image);
    assert_int_equal(whole_image, 0);
    cr_loc_whole_image_hits(100, 50, &(cr_box){0, 0, 99, 49}, 1, &whole_image);
    assert_int_equal(whole_image, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweep_of_a_map_without_contrast_finds_the_first_pixel),
        cmocka_unit_test(sweep_of_two_halves_hits_the_right_one),
        cmocka_unit_test(score_map_multiplied_by_255_keeps_its_grey_values),
        cmocka_unit_test(sweep_of_a_map_that_is_not_finite_is_refused),
        cmocka_unit_test(center_hits_are_those_of_squares_of_growing_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
