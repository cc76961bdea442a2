/* Sorting of doubles: the test of each of hundreds of pairs sorts all images. */
#include "internal.h"

#include <string.h>

enum { BYTES = sizeof(uint64_t), VALUES = 256 };

void cr_stat_sort(uint64_t *keys, uint64_t *spare, int n)
{
    uint64_t *from = keys, *to = spare;
    for (int byte = 0; byte < BYTES; byte++) {
        int starts[VALUES + 1] = {0};
        for (int i = 0; i < n; i++)
            starts[(from[i] >> 8 * byte & 0xff) + 1]++;
        if (n == 0 || starts[(from[0] >> 8 * byte & 0xff) + 1] == n)
            continue; /* all have the same byte */
        for (int v = 1; v < VALUES; v++)
            starts[v] += starts[v - 1];
        for (int i = 0; i < n; i++)
            to[starts[from[i] >> 8 * byte & 0xff]++] = from[i];
        uint64_t *const other = from;
        from = to;
        to = other;
    }
    if (from != keys)
        memcpy(keys, from, (size_t)n * sizeof *keys);
}

static const uint64_t sign = (uint64_t)1 << 63;

uint64_t cr_stat_key(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & sign ? ~bits : bits | sign;
}

double cr_stat_value(uint64_t key)
{
    const uint64_t bits = key & sign ? key & ~sign : ~key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
