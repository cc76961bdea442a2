/* The pixels of a map stay in the workspace for calls with the same map, and for no others. */
#include "camrank/loc.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MAP_WIDTH = 4, MAP_HEIGHT = 2, WIDTH = 23, HEIGHT = 17, MOST = 30 * 30 };

/* What a call is of. */
typedef struct question {
    float values[2][MAP_HEIGHT * MAP_WIDTH];
    cr_view views[2];
    cr_loc_map map; /* its arrays are the ones above */
    cr_upsampling upsampling;
    int width, height;
} question;

static question usual(void)
{
    return (question){
        .values = {{3, 1, 4, 1, 5, 9, 2, 6}, {5, 3, 5, 8, 9, 7, 9, 3}},
        .views = {{.region = {0, 0, WIDTH, HEIGHT}}, {.region = {1, 2, WIDTH - 3, HEIGHT - 4}}},
        .map = {NULL, MAP_WIDTH, MAP_HEIGHT, CR_SCALING_MAX, 1, NULL},
        .width = WIDTH,
        .height = HEIGHT,
    };
}

typedef struct answer {
    int32_t point[2];
    size_t n;
    double sum;
    uint32_t keys[MOST];
} answer;

static answer ask(const question *q, const cr_box *truth, int n_truth, cr_loc_workspace *workspace)
{
    cr_loc_map map = q->map;
    cr_loc_ranked ranked;
    answer all = {0};
    map.maps = q->values[0];
    map.views = q->views;
    assert_int_equal(cr_loc_rank(&map, q->upsampling, q->width, q->height, truth, n_truth, &ranked,
                                 workspace, NULL),
                     CR_OK);
    assert_true(ranked.n <= MOST);
    all.n = ranked.n;
    all.sum = ranked.sum;
    for (size_t i = 0; i < ranked.n; i++)
        all.keys[i] = ranked.keys[i] >> 1;
    assert_int_equal(
        cr_loc_peak(&map, q->upsampling, q->width, q->height, all.point, workspace, NULL), CR_OK);
    return all;
}

static answer ask_alone(const question *q)
{
    cr_loc_workspace workspace = {0};
    const answer all = ask(q, NULL, 0, &workspace);
    cr_loc_workspace_fini(&workspace);
    return all;
}

/* Asks for the usual pixels, for others, and for the usual ones again; with boxes and without. */
static void assert_not_mistaken(const question *other)
{
    cr_loc_workspace workspace = {0};
    const cr_box box = {2, 3, 9, 11};
    const question first = usual();
    const answer of_first = ask_alone(&first), of_other = ask_alone(other);
    assert_memory_not_equal(&of_first, &of_other, sizeof of_first);
    for (int k = 0; k < 8; k++) {
        const answer all = ask(k & 1 ? other : &first, &box, k >> 1 & 1, &workspace);
        assert_memory_equal(&all, k & 1 ? &of_other : &of_first, sizeof all);
    }
    cr_loc_workspace_fini(&workspace);
}

static void pixels_of_a_map_with_one_other_value_are_made_anew(void **state)
{
    (void)state;
    question q = usual();
    q.values[0][MAP_HEIGHT * MAP_WIDTH - 1] = 7;
    assert_not_mistaken(&q);
}

static void pixels_of_another_shape_are_made_anew(void **state)
{
    (void)state;
    question q = usual();
    q.map.width = MAP_HEIGHT;
    q.map.height = MAP_WIDTH;
    assert_not_mistaken(&q);
    q = usual();
    q.width = HEIGHT;
    q.height = WIDTH;
    assert_not_mistaken(&q);
    q = usual();
    q.height = 30;
    assert_not_mistaken(&q);
}

static void pixels_scaled_or_upsampled_otherwise_are_made_anew(void **state)
{
    (void)state;
    question q = usual();
    q.map.scaling = CR_SCALING_MIN_MAX;
    assert_not_mistaken(&q);
    q = usual();
    q.upsampling = CR_UPSAMPLING_BICUBIC;
    assert_not_mistaken(&q);
}

static void pixels_of_other_views_are_made_anew(void **state)
{
    (void)state;
    question q = usual();
    q.views[0].flip = true;
    assert_not_mistaken(&q);
    q = usual();
    q.views[0].region.x0 = 1;
    assert_not_mistaken(&q);
    q = usual();
    q.views[0].region.height = HEIGHT - 1;
    assert_not_mistaken(&q);
    q = usual();
    q.map.n_views = 2;
    assert_not_mistaken(&q);
}

static void pixels_that_failed_are_not_kept(void **state)
{
    (void)state;
    cr_loc_workspace workspace = {0};
    int32_t point[2];
    const question first = usual();
    const answer before = ask(&first, NULL, 0, &workspace);
    question q = usual();
    cr_loc_map map = q.map;
    map.maps = q.values[0];
    map.views = q.views;
    q.values[0][0] = INFINITY;
    for (int k = 0; k < 2; k++)
        assert_int_equal(
            cr_loc_peak(&map, q.upsampling, q.width, q.height, point, &workspace, NULL), CR_EINPUT);
    const answer after = ask(&first, NULL, 0, &workspace);
    assert_memory_equal(&before, &after, sizeof before);
    cr_loc_workspace_fini(&workspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_of_a_map_with_one_other_value_are_made_anew),
        cmocka_unit_test(pixels_of_another_shape_are_made_anew),
        cmocka_unit_test(pixels_scaled_or_upsampled_otherwise_are_made_anew),
        cmocka_unit_test(pixels_of_other_views_are_made_anew),
        cmocka_unit_test(pixels_that_failed_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
