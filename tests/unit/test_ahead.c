#include "scratch.h"
#include "worker/ahead.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_IMAGES = 8, EMPTY = 2, OTHER_SIZE = 5, MISSING = 6 };

static cr_data_image images[N_IMAGES];
static char text[N_IMAGES * 16];
static cr_dataset data;

static const cr_input_spec square = {
    .width = 20, .height = 20, .resize = CR_RESIZE_SQUASH, .range = 1, .std = {1, 1, 1}};
static const cr_input_spec ten = {.width = 16,
                                  .height = 24,
                                  .resize = CR_RESIZE_SHORT_SIDE,
                                  .short_side = 32,
                                  .crop = CR_CROP_TEN,
                                  .channels = CR_BGR,
                                  .range = 255,
                                  .mean = {1, 2, 3},
                                  .std = {1, 2, 4}};
enum { MOST_INPUTS = 10 * 3 * 16 * 24 };

/* Pictures of the demo in a folder; three of them cannot be used. */
static int make_images(void **state)
{
    (void)state;
    if (scratch_make() != 0)
        return -1;
    data = (cr_dataset){.n_images = N_IMAGES, .images = images, .text = text, .folder = scratch};
    for (int i = 0; i < N_IMAGES; i++) {
        char from[64];
        uint8_t *bytes;
        size_t n_bytes;
        snprintf(from, sizeof from, "jobs/demo/images/demo_val_%08d.JPEG", i + 1);
        images[i] = (cr_data_image){.file = (uint32_t)(i * 16)};
        snprintf(text + i * 16, 16, "%d.JPEG", i);
        if (cr_file_read(from, 1 << 20, &bytes, &n_bytes, NULL) != CR_OK)
            return -1;
        if (i != MISSING)
            scratch_write(text + i * 16, bytes, i == EMPTY ? 0 : n_bytes);
        free(bytes);
    }
    images[OTHER_SIZE].width = images[OTHER_SIZE].height = 7;
    return 0;
}

typedef struct taken {
    cr_status status;
    cr_error error;
    int32_t size[2];
    float input[MOST_INPUTS];
} taken;

/* What image i gives, read where it is wanted. */
static void read_now(const cr_input_spec *spec, int i, taken *to)
{
    uint8_t *bytes = NULL;
    size_t n_bytes;
    cr_image image = {0};
    char *path = cr_data_image_path(&data, i);
    memset(to, 0, sizeof *to);
    to->status = cr_data_image_read(&data, i, &bytes, &n_bytes, &to->error);
    if (to->status == CR_OK)
        to->status = cr_image_decode(bytes, n_bytes, path, 1, &image, &to->error);
    to->size[0] = image.width;
    to->size[1] = image.height;
    if (to->status == CR_OK)
        to->status = cr_data_check_size(&data, i, image.width, image.height, &to->error);
    if (to->status == CR_OK)
        to->status = cr_input_prepare(spec, &image, to->input, &to->error);
    cr_image_free(&image);
    free(path);
    free(bytes);
}

static void take(cr_ahead *ahead, taken *to)
{
    memset(to, 0, sizeof *to);
    to->status = cr_ahead_take(ahead, to->size, to->input, &to->error);
}

static void assert_taken(cr_ahead *ahead, const cr_input_spec *spec, int i)
{
    static taken expected, got;
    read_now(spec, i, &expected);
    take(ahead, &got);
    const bool bad = i == EMPTY || i == OTHER_SIZE || i == MISSING;
    assert_int_equal(got.status, bad ? CR_EINPUT : CR_OK);
    assert_string_equal(got.error.message, expected.error.message);
    assert_memory_equal(&got, &expected, sizeof got);
}

static cr_ahead *start(int capacity, size_t max_bytes, bool decodes)
{
    cr_ahead *ahead;
    cr_error err = {0};
    assert_int_equal(cr_ahead_new(&data, capacity, max_bytes, 1, decodes, &ahead, &err), CR_OK);
    return ahead;
}

/* Hears of files in the folder that are closed after they have been read. */
static int watch_reading(void)
{
    const int fd = inotify_init();
    assert_true(fd >= 0 && inotify_add_watch(fd, scratch, IN_CLOSE_NOWRITE) >= 0);
    return fd;
}

/* Until that has happened n times. */
static void wait_for_reading(int fd, int n)
{
    _Alignas(struct inotify_event) char events[4096];
    while (n > 0) {
        const ssize_t n_bytes = read(fd, events, sizeof events);
        assert_true(n_bytes > 0);
        for (ssize_t at = 0; at < n_bytes; n--)
            at += (ssize_t)(sizeof(struct inotify_event) +
                            ((const struct inotify_event *)(const void *)(events + at))->len);
    }
    close(fd);
}

/* Good and bad, in the order they were put, whoever decodes, however little may be held. */
static void images_taken_are_what_reading_them_on_the_spot_gives(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        cr_ahead *ahead = start(2 * N_IMAGES, how < 2 ? 1 : 1 << 20, how % 2);
        cr_ahead_put(ahead, &square, 0, N_IMAGES);
        for (int round = 0; round < 20; round++) {
            const cr_input_spec *present = round % 2 ? &ten : &square;
            const cr_input_spec *next = round % 2 ? &square : &ten;
            assert_taken(ahead, present, 0);
            cr_ahead_put(ahead, next, 0, N_IMAGES);
            for (int i = 1; i < N_IMAGES; i++)
                assert_taken(ahead, present, i);
        }
        cr_ahead_free(ahead);
    }
}

/* Files that are gone when the images are taken have been read by then. */
static void images_put_are_read_before_they_are_taken(void **state)
{
    (void)state;
    static taken expected[EMPTY], got[EMPTY];
    char hidden[sizeof scratch + 8];
    snprintf(hidden, sizeof hidden, "%s.hidden", scratch);
    for (int i = 0; i < EMPTY; i++)
        read_now(&square, i, &expected[i]);
    for (int decodes = 0; decodes < 2; decodes++) {
        cr_ahead *ahead = start(N_IMAGES, 1 << 20, decodes);
        const int reading = watch_reading();
        cr_ahead_put(ahead, &square, 0, EMPTY);
        wait_for_reading(reading, EMPTY);
        assert_int_equal(rename(scratch, hidden), 0);
        for (int i = 0; i < EMPTY; i++)
            take(ahead, &got[i]);
        cr_ahead_free(ahead);
        assert_int_equal(rename(hidden, scratch), 0);
        assert_memory_equal(got, expected, sizeof got);
    }
}

/* With room for nothing, the second is read when the first has been taken. */
static void images_beyond_the_room_are_not_read(void **state)
{
    (void)state;
    static taken got;
    for (int decodes = 0; decodes < 2; decodes++) {
        make_images(NULL);
        cr_ahead *ahead = start(N_IMAGES, 1, decodes);
        const int reading = watch_reading();
        cr_ahead_put(ahead, &square, 0, 2);
        wait_for_reading(reading, 1);
        /* Time to read the second by mistake: too little could only hide one. */
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        assert_int_equal(unlink(scratch_path("1.JPEG")), 0);
        assert_taken(ahead, &square, 0);
        take(ahead, &got);
        assert_int_equal(got.status, CR_EINPUT);
        assert_non_null(strstr(got.error.message, "1.JPEG: No such file"));
        cr_ahead_free(ahead);
        scratch_remove(NULL);
    }
}

static void images_not_taken_are_dropped_at_any_moment(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        cr_ahead *ahead = start(N_IMAGES, round % 3 ? 1 << 20 : 1, round % 2);
        if (round % 5)
            cr_ahead_put(ahead, &ten, 0, N_IMAGES);
        if (round % 5 > 2)
            assert_taken(ahead, &ten, 0);
        cr_ahead_free(ahead);
    }
    cr_ahead_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images_taken_are_what_reading_them_on_the_spot_gives,
                                        make_images, scratch_remove),
        cmocka_unit_test_setup_teardown(images_put_are_read_before_they_are_taken, make_images,
                                        scratch_remove),
        cmocka_unit_test(images_beyond_the_room_are_not_read),
        cmocka_unit_test_setup_teardown(images_not_taken_are_dropped_at_any_moment, make_images,
                                        scratch_remove),
    };
    return cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}
