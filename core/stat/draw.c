/* Numbers to draw by, and quantiles of what came of it. */
#include "internal.h"

#include <math.h>
#include <string.h>

static uint64_t mixed(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t next(uint64_t *state)
{
    return mixed(*state += 0x9e3779b97f4a7c15u);
}

uint64_t cr_stat_start(uint64_t seed, uint64_t stream, int resample)
{
    return mixed(mixed(seed + stream) + (uint64_t)resample + 1);
}

uint32_t cr_stat_draw(uint64_t *state, uint32_t n)
{
    uint64_t product = (next(state) >> 32) * n;
    if ((uint32_t)product < n) {
        const uint32_t least = -n % n;
        while ((uint32_t)product < least)
            product = (next(state) >> 32) * n;
    }
    return (uint32_t)(product >> 32);
}

void cr_stat_count_draws(uint64_t seed, int resample, int n, uint16_t *counts)
{
    uint64_t state = cr_stat_start(seed, CR_STAT_CLUSTERS, resample);
    memset(counts, 0, (size_t)n * sizeof *counts);
    for (int i = 0; i < n; i++)
        counts[cr_stat_draw(&state, (uint32_t)n)]++;
}

double cr_stat_quantile(const uint64_t *keys, int n, double share)
{
    const double place = share * (n - 1);
    const int below = (int)floor(place), above = below + 1 < n ? below + 1 : below;
    const double low = cr_stat_value(keys[below]), high = cr_stat_value(keys[above]);
    return low + (place - below) * (high - low);
}
