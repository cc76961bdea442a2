/* The places of buffers in one arena: largest first, each at the lowest offset where it meets no
 * other that is in use at the same time. */
#include "net.h"

#include <stdlib.h>

#define ALIGN_REALS ((size_t)64)

/* qsort has no context argument in C11: the keys travel with the indices. */
typedef struct place {
    size_t n_reals, offset;
    int first, last, index;
} place;

static int larger_first(const void *a, const void *b)
{
    const place *pa = a, *pb = b;
    if (pa->n_reals != pb->n_reals)
        return pa->n_reals < pb->n_reals ? 1 : -1;
    return pa->index - pb->index;
}

/* The lowest offset for `p` among the n placed ones, which are sorted by offset. */
static size_t lowest_gap(const place *placed, int n, const place *p)
{
    size_t offset = 0;
    for (int i = 0; i < n; i++) {
        bool together = placed[i].first <= p->last && p->first <= placed[i].last;
        if (!together)
            continue;
        if (placed[i].offset >= offset + p->n_reals)
            break;
        size_t end = placed[i].offset + placed[i].n_reals;
        if (end > offset)
            offset = end;
    }
    return offset;
}

cr_status cr_buffers_place(cr_buffer *buffers, int n_buffers, size_t *n_reals, cr_error *err)
{
    place *places = cr_alloc((size_t)n_buffers, 2 * sizeof *places);
    if (!places)
        return cr_fail_memory(err, "a memory plan", (size_t)n_buffers, 2 * sizeof *places);
    place *placed = places + n_buffers;
    int n = 0;
    for (int i = 0; i < n_buffers; i++)
        if (buffers[i].n_reals) {
            size_t rounded = (buffers[i].n_reals + ALIGN_REALS - 1) / ALIGN_REALS * ALIGN_REALS;
            places[n++] = (place){rounded, 0, buffers[i].first, buffers[i].last, i};
        }
    qsort(places, (size_t)n, sizeof *places, larger_first);
    *n_reals = 0;
    for (int i = 0; i < n; i++) {
        places[i].offset = lowest_gap(placed, i, &places[i]);
        buffers[places[i].index].offset = places[i].offset;
        if (places[i].offset + places[i].n_reals > *n_reals)
            *n_reals = places[i].offset + places[i].n_reals;
        int at = i;
        for (; at > 0 && placed[at - 1].offset > places[i].offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = places[i];
    }
    free(places);
    return CR_OK;
}
