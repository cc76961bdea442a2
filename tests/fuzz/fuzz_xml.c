/* One annotation. */
#include "fuzz.h"

#include "core/data/internal.h"

#include <string.h>

static const cr_class_list *classes(void)
{
    static cr_class_list list;
    static const char text[] = "n01440764 tench\nn01443537 goldfish\n";
    cr_error err = {0};
    if (list.n == 0)
        FUZZ_CHECK(cr_classes_read(fuzz_file((const uint8_t *)text, sizeof text - 1), &list,
                                   &err) == CR_OK);
    return &list;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    cr_truth truth = {0};
    cr_error err = {0};
    uint8_t *copy = fuzz_copy(bytes, n_bytes, false);
    if (fuzz_ok(cr_annotation_parse(copy, n_bytes, "a.xml", "a", classes(), &truth, &err), &err,
                "a.xml:")) {
        FUZZ_CHECK(truth.n_rows == 1 && (truth.n_boxes == 0 || truth.rows[0].label >= 0));
        FUZZ_CHECK(truth.rows[0].label >= -1 && truth.rows[0].label < 2);
    }
    cr_truth_fini(&truth);
    free(copy);
    return 0;
}
