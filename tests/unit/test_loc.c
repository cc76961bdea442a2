#include "camrank/loc.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cr_region whole(int width, int height)
{
    return (cr_region){0, 0, width, height};
}

/* A map of one view. */
static cr_loc_map map_of(const float *values, int width, int height, cr_scaling scaling,
                         const cr_view *view)
{
    return (cr_loc_map){values, width, height, scaling, 1, view};
}

static cr_status find_box(const float *values, int map_width, int map_height, cr_scaling scaling,
                          const cr_protocol *protocol, const cr_region *region, int width,
                          int height, cr_box *box, cr_loc_workspace *workspace, cr_error *err)
{
    const cr_view view = {.region = *region};
    const cr_loc_map map = map_of(values, map_width, map_height, scaling, &view);
    return cr_loc_boxes(&map, protocol, width, height, NULL, box, workspace, err);
}

static cr_status upsample(const float *values, int map_width, int map_height, cr_scaling scaling,
                          const cr_region *region, int width, int height, float *out,
                          cr_loc_workspace *workspace)
{
    const cr_view view = {.region = *region};
    const cr_loc_map map = map_of(values, map_width, map_height, scaling, &view);
    return cr_loc_upsample(&map, CR_UPSAMPLING_BILINEAR, width, height, out, workspace, NULL);
}

static cr_protocol cam_paper(void)
{
    cr_protocol protocol;
    assert_int_equal(cr_protocol_find("cam-paper", &protocol, NULL), CR_OK);
    return protocol;
}

/* The box of a mask given pixel by pixel. */
static cr_box mask_box(const float *mask, int width, int height, int connectivity)
{
    cr_loc_workspace workspace = {0};
    cr_protocol protocol = cam_paper();
    cr_region region = whole(width, height);
    cr_box box;
    protocol.upsampling = CR_UPSAMPLING_NEAREST;
    protocol.connectivity = connectivity;
    assert_int_equal(find_box(mask, width, height, CR_SCALING_MAX, &protocol, &region, width,
                              height, &box, &workspace, NULL),
                     CR_OK);
    cr_loc_workspace_fini(&workspace);
    return box;
}

static void assert_box(cr_box box, int x0, int y0, int x1, int y1)
{
    assert_int_equal(box.x0, x0);
    assert_int_equal(box.y0, y0);
    assert_int_equal(box.x1, x1);
    assert_int_equal(box.y1, y1);
}

static void protocol_cam_paper_has_the_papers_numbers(void **state)
{
    (void)state;
    cr_protocol protocol = cam_paper();
    assert_string_equal(protocol.name, "cam-paper");
    assert_true(protocol.threshold == 0.2 && protocol.iou == 0.5);
    assert_int_equal(protocol.connectivity, 8);
    assert_int_equal(protocol.upsampling, CR_UPSAMPLING_BILINEAR);
}

static void protocol_unknown_is_refused_naming_the_known(void **state)
{
    (void)state;
    cr_protocol protocol;
    cr_error err;
    assert_int_equal(cr_protocol_find("cam", &protocol, &err), CR_EINPUT);
    assert_string_equal(
        err.message,
        "unknown protocol \"cam\" (did you mean \"cam-paper\"?); known: cam-paper, cam-code, "
        "cam-code-2, cam-code-combined, gradcam-paper, kaggle, "
        "googlenet-gap-top5, backprop-paper");
}

static void iou_counts_both_edges(void **state)
{
    (void)state;
    cr_box ten = {0, 0, 9, 9};
    assert_true(cr_iou(ten, ten) == 1);
    assert_true(cr_iou(ten, (cr_box){9, 9, 9, 9}) == 1.0 / 100);
    assert_true(cr_iou(ten, (cr_box){10, 0, 19, 9}) == 0);
    assert_true(cr_iou(ten, (cr_box){0, 0, 9, 4}) == 0.5);
}

static void iou_of_an_empty_box_is_zero(void **state)
{
    (void)state;
    cr_box empty = {5, 5, 4, 9};
    assert_true(cr_iou(empty, (cr_box){0, 0, 9, 9}) == 0);
    assert_true(cr_iou(empty, empty) == 0);
}

static void iou_of_huge_boxes_does_not_overflow(void **state)
{
    (void)state;
    int32_t far = 1 << 30;
    cr_box all = {-far, -far, far, far}, half = {-far, -far, far, -1};
    assert_true(cr_iou(all, all) == 1);
    assert_true(fabs(cr_iou(all, half) - 0.5) < 1e-9);
}

static void iou_best_takes_the_largest(void **state)
{
    (void)state;
    cr_box box = {0, 0, 9, 9};
    cr_box truth[] = {{20, 20, 29, 29}, {0, 0, 9, 4}, {0, 0, 9, 1}};
    assert_true(cr_iou_best(box, truth, 3) == 0.5);
    assert_true(cr_iou_best(box, truth, 0) == 0);
}

static void box_of_diagonal_pixels_depends_on_connectivity(void **state)
{
    (void)state;
    static const float mask[] = {
        1, 0, 0, 0, /**/
        0, 1, 0, 0, /**/
        0, 0, 0, 1, /**/
        0, 0, 0, 1,
    };
    assert_box(mask_box(mask, 4, 4, 8), 0, 0, 1, 1);
    assert_box(mask_box(mask, 4, 4, 4), 3, 2, 3, 3);
}

/* Two arms that meet only in the last row are one component, whatever their labels were. */
static void box_of_arms_that_meet_late_is_one(void **state)
{
    (void)state;
    static const float mask[] = {
        0, 0, 0, 0, 1, 0, 1, 1, /**/
        1, 0, 1, 0, 1, 0, 1, 1, /**/
        1, 0, 1, 0, 1, 0, 1, 1, /**/
        1, 1, 1, 1, 1, 0, 1, 1,
    };
    assert_box(mask_box(mask, 8, 4, 4), 0, 0, 4, 3);
    assert_box(mask_box(mask, 8, 4, 8), 0, 0, 4, 3);
}

static void box_of_equal_components_is_the_first_in_raster_order(void **state)
{
    (void)state;
    /* The upper one lies further right: its first pixel comes first all the same. */
    static const float mask[] = {
        0, 0, 0, 0, 1, /**/
        1, 1, 0, 0, 1, /**/
        1, 0, 0, 0, 1,
    };
    assert_box(mask_box(mask, 5, 3, 8), 4, 0, 4, 2);
}

/* The arms of the left one are labelled first and last; what they join to counts as the first. */
static void box_of_joined_arms_keeps_its_first_pixel_and_its_area(void **state)
{
    (void)state;
    static const float equal[] = {
        1, 0, 0, 0, 1, 1, /**/
        1, 0, 1, 0, 1, 1, /**/
        1, 1, 1, 0, 1, 1,
    };
    static const float larger[] = {
        1, 0, 1, 0, 1, 1, /**/
        1, 0, 1, 0, 1, 1, /**/
        1, 1, 1, 0, 1, 1,
    };
    assert_box(mask_box(equal, 6, 3, 4), 0, 0, 2, 2);
    assert_box(mask_box(larger, 6, 3, 4), 0, 0, 2, 2);
}

static void box_threshold_pixel_equal_to_it_is_in(void **state)
{
    (void)state;
    static const float map[] = {4, 2, 1};
    cr_loc_workspace workspace = {0};
    cr_protocol protocol = cam_paper();
    cr_region region = whole(3, 1);
    cr_box box;
    protocol.threshold = 0.5;
    find_box(map, 3, 1, CR_SCALING_MAX, &protocol, &region, 3, 1, &box, &workspace, NULL);
    assert_box(box, 0, 0, 1, 0);
    protocol.threshold = nextafter(0.5, 1);
    find_box(map, 3, 1, CR_SCALING_MAX, &protocol, &region, 3, 1, &box, &workspace, NULL);
    assert_box(box, 0, 0, 0, 0);
    cr_loc_workspace_fini(&workspace);
}

static void box_of_a_map_without_contrast_is_the_whole_image(void **state)
{
    (void)state;
    static const float constant[] = {3, 3, 3, 3}, negative[] = {-1, -2, -3, -4};
    cr_loc_workspace workspace = {0};
    cr_protocol protocol = cam_paper();
    cr_region region = whole(10, 7);
    cr_box box;
    find_box(constant, 2, 2, CR_SCALING_MIN_MAX, &protocol, &region, 10, 7, &box, &workspace, NULL);
    assert_box(box, 0, 0, 9, 6);
    find_box(negative, 2, 2, CR_SCALING_MAX, &protocol, &region, 10, 7, &box, &workspace, NULL);
    assert_box(box, 0, 0, 9, 6);
    cr_loc_workspace_fini(&workspace);
}

/* Three levels give three rectangles at least, unless there is nothing. */
static void boxes_of_contours_without_contrast_are_the_whole_image_alone(void **state)
{
    (void)state;
    static const float zero[] = {0, 0, 0, 0};
    cr_loc_workspace workspace = {0};
    cr_protocol protocol;
    cr_region region = whole(60, 70);
    cr_box boxes[2];
    assert_int_equal(cr_protocol_find("cam-code-2", &protocol, NULL), CR_OK);
    find_box(zero, 2, 2, CR_SCALING_MIN_MAX, &protocol, &region, 60, 70, boxes, &workspace, NULL);
    assert_box(boxes[0], 0, 0, 59, 69);
    assert_box(boxes[1], -1, -1, -1, -1);
    cr_loc_workspace_fini(&workspace);
}

static void boxes_of_contours_lie_in_the_smallest_image(void **state)
{
    (void)state;
    static const float map[] = {1, -2, 3, 4};
    cr_loc_workspace workspace = {0};
    cr_protocol protocol;
    assert_int_equal(cr_protocol_find("cam-code-2", &protocol, NULL), CR_OK);
    for (int width = 1; width < 12; width++)
        for (int height = 1; height < 12; height++) {
            cr_region region = whole(width, height);
            cr_box boxes[2];
            assert_int_equal(find_box(map, 2, 2, CR_SCALING_MIN_MAX, &protocol, &region, width,
                                      height, boxes, &workspace, NULL),
                             CR_OK);
            for (int i = 0; i < 2; i++) {
                assert_true(0 <= boxes[i].x0 && boxes[i].x0 <= boxes[i].x1 && boxes[i].x1 < width);
                assert_true(0 <= boxes[i].y0 && boxes[i].y0 <= boxes[i].y1 && boxes[i].y1 < height);
            }
        }
    cr_loc_workspace_fini(&workspace);
}

static void protocol_of_parameters_that_do_not_go_together_is_refused(void **state)
{
    (void)state;
    cr_protocol protocol;
    cr_error err;
    assert_int_equal(cr_protocol_find("cam-code", &protocol, NULL), CR_OK);
    assert_int_equal(cr_protocol_check(&protocol, &err), CR_OK);
    protocol.upsampling = CR_UPSAMPLING_BILINEAR;
    assert_int_equal(cr_protocol_check(&protocol, &err), CR_EINPUT);
    assert_int_equal(cr_protocol_find("googlenet-gap-top5", &protocol, NULL), CR_OK);
    protocol.threshold = 0.05;
    assert_int_equal(cr_protocol_check(&protocol, &err), CR_EINPUT);
    assert_string_equal(err.message,
                        "the loose threshold, 0.0784314, must not exceed the threshold, 0.05");
}

static void box_of_a_crop_stays_inside_its_region(void **state)
{
    (void)state;
    static const float map[] = {1, 1, 1, 1};
    cr_loc_workspace workspace = {0};
    cr_protocol protocol = cam_paper();
    /* Pixel centres 2.5 .. 6.5 and 1.5 .. 2.5 are inside. */
    cr_region region = {2.5, 1.25, 5, 2};
    cr_box box;
    find_box(map, 2, 2, CR_SCALING_MAX, &protocol, &region, 20, 10, &box, &workspace, NULL);
    assert_box(box, 2, 1, 6, 2);

    float out[200];
    upsample(map, 2, 2, CR_SCALING_MAX, &region, 20, 10, out, &workspace);
    for (int y = 0; y < 10; y++)
        for (int x = 0; x < 20; x++)
            assert_true(out[20 * y + x] == (x >= 2 && x <= 6 && y >= 1 && y <= 2));
    cr_loc_workspace_fini(&workspace);
}

static void upsample_by_two_has_the_known_weights(void **state)
{
    (void)state;
    static const float map[] = {0, 1}, want[] = {0, 0.25f, 0.75f, 1};
    cr_loc_workspace workspace = {0};
    cr_region region = whole(4, 1);
    float out[4];
    upsample(map, 2, 1, CR_SCALING_MIN_MAX, &region, 4, 1, out, &workspace);
    assert_memory_equal(out, want, sizeof want);
    cr_loc_workspace_fini(&workspace);
}

static void scaling_differs_between_min_max_and_max(void **state)
{
    (void)state;
    static const float map[] = {2, 3, 4}, min_max[] = {0, 0.5f, 1}, max[] = {0.5f, 0.75f, 1};
    cr_loc_workspace workspace = {0};
    cr_region region = whole(3, 1);
    float out[3];
    upsample(map, 3, 1, CR_SCALING_MIN_MAX, &region, 3, 1, out, &workspace);
    assert_memory_equal(out, min_max, sizeof min_max);
    upsample(map, 3, 1, CR_SCALING_MAX, &region, 3, 1, out, &workspace);
    assert_memory_equal(out, max, sizeof max);
    cr_loc_workspace_fini(&workspace);
}

static void boxes_tight_and_loose_are_of_two_thresholds(void **state)
{
    (void)state;
    static const float map[] = {0.1f, 0.5f, 1, 0.3f, 0.05f};
    cr_loc_workspace workspace = {0};
    cr_protocol protocol;
    cr_region region = whole(5, 1);
    cr_box boxes[2];
    assert_int_equal(cr_protocol_find("googlenet-gap-top5", &protocol, NULL), CR_OK);
    find_box(map, 5, 1, CR_SCALING_MAX, &protocol, &region, 5, 1, boxes, &workspace, NULL);
    assert_box(boxes[0], 1, 0, 2, 0);
    assert_box(boxes[1], 0, 0, 3, 0);
    cr_loc_workspace_fini(&workspace);
}

static void map_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    cr_loc_workspace workspace = {0};
    cr_protocol protocol = cam_paper();
    cr_region region = whole(5, 5);
    for (int i = 0; i < 3; i++) {
        float map[] = {1, 2, bad[i], 3};
        cr_box box;
        cr_error err;
        assert_int_equal(
            find_box(map, 2, 2, CR_SCALING_MAX, &protocol, &region, 5, 5, &box, &workspace, &err),
            CR_EINPUT);
        assert_string_equal(err.message, "activation map holds a value that is not finite");
    }
    cr_loc_workspace_fini(&workspace);
}

static void sizes_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        int map_width, map_height, width, height;
        double region_width;
    } cases[] = {
        {0, 1, 5, 5, 5},  {1, -1, 5, 5, 5},          {1, 1, 0, 5, 5},
        {1, 1, 5, -5, 5}, {1, 1, 65536, 65536, 5},   {1, 1, 2147483647, 2147483647, 5},
        {1, 1, 5, 5, 0},  {1, 1, 5, 5, (double)NAN}, {1, 1, 5, 5, (double)INFINITY},
        {1, 1, 5, 5, -1}, {65536, 65536, 5, 5, 5},
    };
    static const float map[] = {1};
    cr_loc_workspace workspace = {0};
    cr_protocol protocol = cam_paper();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_region region = {0, 0, cases[i].region_width, 5};
        cr_box box;
        assert_int_equal(find_box(map, cases[i].map_width, cases[i].map_height, CR_SCALING_MAX,
                                  &protocol, &region, cases[i].width, cases[i].height, &box,
                                  &workspace, NULL),
                         CR_EINTERNAL);
    }
    cr_loc_workspace_fini(&workspace);
}

/* Walks every pixel of the upsampled map: what the segments of the fast search must agree with. */
static void box_equals_that_of_the_thresholded_picture(void **state)
{
    (void)state;
    cr_loc_workspace workspace = {0};
    cr_protocol protocol = cam_paper();
    uint32_t seed = 7;
    int n_compared = 0;
    for (int trial = 0; trial < 300; trial++) {
        float map[81], picture[60 * 50];
        double cut;
        bool clear = true;
        int width = 1 + trial % 60, height = 1 + trial % 50, side = 1 + trial % 9;
        for (int i = 0; i < 81; i++) {
            seed = seed * 1664525u + 1013904223u;
            map[i] = (float)(seed >> 8) / (1 << 24);
        }
        cr_region region = {-3.25, 2.5, width * 0.8 + 3, height * 0.9};
        cr_box direct, indirect;
        cr_region all = whole(width, height);
        assert_int_equal(
            upsample(map, side, side, CR_SCALING_MAX, &region, width, height, picture, &workspace),
            CR_OK);
        cut = 0;
        for (int i = 0; i < width * height; i++)
            cut = fmax(cut, (double)picture[i]);
        cut *= protocol.threshold = 0.7;
        for (int i = 0; i < width * height; i++) {
            clear = clear && fabs((double)picture[i] - cut) > 1e-6;
            picture[i] = (double)picture[i] >= cut;
        }
        if (!clear)
            continue;
        assert_int_equal(find_box(map, side, side, CR_SCALING_MAX, &protocol, &region, width,
                                  height, &direct, &workspace, NULL),
                         CR_OK);
        assert_int_equal(find_box(picture, width, height, CR_SCALING_MAX, &protocol, &all, width,
                                  height, &indirect, &workspace, NULL),
                         CR_OK);
        assert_box(direct, indirect.x0, indirect.y0, indirect.x1, indirect.y1);
        n_compared++;
    }
    assert_true(n_compared > 250);
    cr_loc_workspace_fini(&workspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocol_cam_paper_has_the_papers_numbers),
        cmocka_unit_test(protocol_unknown_is_refused_naming_the_known),
        cmocka_unit_test(iou_counts_both_edges),
        cmocka_unit_test(iou_of_an_empty_box_is_zero),
        cmocka_unit_test(iou_of_huge_boxes_does_not_overflow),
        cmocka_unit_test(iou_best_takes_the_largest),
        cmocka_unit_test(box_of_diagonal_pixels_depends_on_connectivity),
        cmocka_unit_test(box_of_arms_that_meet_late_is_one),
        cmocka_unit_test(box_of_equal_components_is_the_first_in_raster_order),
        cmocka_unit_test(box_of_joined_arms_keeps_its_first_pixel_and_its_area),
        cmocka_unit_test(box_threshold_pixel_equal_to_it_is_in),
        cmocka_unit_test(box_of_a_map_without_contrast_is_the_whole_image),
        cmocka_unit_test(boxes_of_contours_without_contrast_are_the_whole_image_alone),
        cmocka_unit_test(boxes_of_contours_lie_in_the_smallest_image),
        cmocka_unit_test(protocol_of_parameters_that_do_not_go_together_is_refused),
        cmocka_unit_test(box_of_a_crop_stays_inside_its_region),
        cmocka_unit_test(upsample_by_two_has_the_known_weights),
        cmocka_unit_test(scaling_differs_between_min_max_and_max),
        cmocka_unit_test(boxes_tight_and_loose_are_of_two_thresholds),
        cmocka_unit_test(map_that_is_not_finite_is_refused),
        cmocka_unit_test(sizes_out_of_range_are_refused),
        cmocka_unit_test(box_equals_that_of_the_thresholded_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
