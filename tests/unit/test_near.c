/* "Did you mean": which name is near enough, and which is nearest. */
#include "camrank/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void near_of_a_misspelt_word_is_the_name_it_was_meant_to_be(void **state)
{
    (void)state;
    static const char names[] = "cam, grad-cam, grad-cam++, layer-cam, rise, protocol";
    static const struct {
        const char *word, *text;
    } cases[] = {
        {"gradcam", " (did you mean \"grad-cam\"?)"},    /* one left out */
        {"Grad_CAM", " (did you mean \"grad-cam\"?)"},   /* case, and _ for - */
        {"grad-cma", " (did you mean \"grad-cam\"?)"},   /* two swapped */
        {"layr-camm", " (did you mean \"layer-cam\"?)"}, /* two mistakes */
        {"proto", " (did you mean \"protocol\"?)"},      /* its beginning */
        {"cam", " (did you mean \"cam\"?)"},
        {"ab", ""}, /* too short to be near anything */
        {"xyz", ""},
        {"occlusion", ""},
        {"", ""},
        {"a-word-of-more-than-sixty-four-letters-is-nobody's-mistake-in-spelling-it", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_near near;
        assert_string_equal(cr_near_of(&near, cases[i].word, names), cases[i].text);
    }
}

static void near_of_names_as_near_is_the_first(void **state)
{
    (void)state;
    cr_near near;
    cr_near_begin(&near, "img_04");
    cr_near_add(&near, "img_004", strlen("img_004"));
    cr_near_add(&near, "img_014", strlen("img_014"));
    assert_string_equal(cr_near_text(&near), " (did you mean \"img_004\"?)");
    /* Nothing is read behind a name, and long ones are passed over. */
    char many[300];
    memset(many, 'i', sizeof many);
    cr_near_begin(&near, "img");
    cr_near_add(&near, many, sizeof many);
    cr_near_add(&near, "imgage", 3);
    assert_string_equal(cr_near_text(&near), " (did you mean \"img\"?)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_of_a_misspelt_word_is_the_name_it_was_meant_to_be),
        cmocka_unit_test(near_of_names_as_near_is_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
