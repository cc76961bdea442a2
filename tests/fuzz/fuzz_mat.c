/* The devkit's meta.mat. */
#include "fuzz.h"

#include "core/data/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *text;
    size_t n_text = 0;
    cr_error err = {0};
    uint8_t *copy = fuzz_copy(bytes, n_bytes, false);
    if (fuzz_ok(cr_mat_synset_lines("meta.mat", copy, n_bytes, &text, &n_text, &err), &err,
                "meta.mat: "))
        for (size_t i = 0; i < n_text; i++)
            FUZZ_CHECK(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
    free(text);
    free(copy);
    return 0;
}
