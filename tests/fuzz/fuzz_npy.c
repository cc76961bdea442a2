/* A map in a .npy file. */
#include "fuzz.h"

#include "camrank/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    cr_npy_map map;
    cr_error err = {0};
    uint8_t *copy = fuzz_copy(bytes, n_bytes, false);
    if (fuzz_ok(cr_npy_parse(copy, n_bytes, "map.npy", &map, &err), &err, "map.npy: ")) {
        const size_t n = (size_t)map.width * (size_t)map.height;
        double sum = 0;
        FUZZ_CHECK(map.width >= 1 && map.height >= 1 && n <= n_bytes);
        for (size_t i = 0; i < n; i++)
            sum += map.values[i];
        /* Only so that every number is read. */
        volatile double kept = sum;
        (void)kept;
        free(map.values);
    } else {
        FUZZ_CHECK(!map.values);
    }
    free(copy);
    return 0;
}
