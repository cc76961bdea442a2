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
    uint8_t *copy = fuzz_copy(bytes, n_bytes, false);
    for (int voc = 0; voc < 2; voc++) {
        cr_truth truth = {0};
        cr_error err = {0};
        const bool ok =
            fuzz_ok(cr_annotation_parse(copy, n_bytes, "a.xml", "a", classes(), voc, &truth, &err),
                    &err, "a.xml:");
        if (ok)
            FUZZ_CHECK(voc ? truth.n_rows <= 2 : truth.n_rows == 1);
        for (int i = 0; i < truth.n_rows && ok; i++) {
            FUZZ_CHECK(truth.rows[i].label >= -1 && truth.rows[i].label < 2);
            FUZZ_CHECK(truth.n_boxes == 0 || truth.rows[i].label >= 0);
        }
        cr_truth_fini(&truth);
    }
    free(copy);
    return 0;
}
