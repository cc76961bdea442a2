/* Locality of the forward pass: which consecutive steps run over how many images at a time.
 *
 * A layer's activations of a whole batch do not fit the caches, so that each step would read from
 * memory what the one before has just written there. Few images at a time stay in the caches; many
 * share one reading of a step's weights. Of all partitions into segments, each with a group of
 * images, that one is taken which moves the fewest bytes of an image through memory:
 *   activations  what a step reads and writes, A bytes for an image, has the part gA / (gA + C) of
 *                it missing from caches of C bytes when g images are in use
 *   weights      W bytes come once for a group, behind the arithmetic that is done meanwhile
 *   passes       what a step does once for a group, to its weights, counts for as many bytes as would take that time
 *   boundaries   a value that crosses from one segment to another is kept for the whole batch:
 *                written to memory and read again
 * Nothing is measured for that, and results do not depend on it: a step treats each image alone. */
#include "net.h"

#include <stdlib.h>

/* About a core's share of the second and third level cache. */
#define CACHE_BYTES 4e6
/* Measured with few rows: from here on the products of a layer hide the reading of its weights. */
#define HIDING_FLOPS_PER_BYTE 32.0

enum { MAX_GROUPS = 32 };

static double missing(double bytes, double n_images)
{
    return bytes > 0 ? bytes * n_images * bytes / (n_images * bytes + CACHE_BYTES) : 0;
}

static double step_cost(const cr_step_load *load, int group)
{
    double weights = load->weight_bytes / group - load->flops / HIDING_FLOPS_PER_BYTE;
    return missing(load->activation_bytes, group) + load->pass_bytes / group +
           (weights > 0 ? weights : 0);
}

/* 1, 2, 4 and so on, then the batch. */
static int list_groups(int batch, int groups[MAX_GROUPS])
{
    int n = 0;
    for (int group = 1; group <= batch / 2; group *= 2)
        groups[n++] = group;
    groups[n++] = batch;
    return n;
}

/* The cheapest way to each group at each step, from those at the step before.
 *   from  [n_steps][n_groups] the group at the step before */
static int cheapest(const cr_step_load *loads, int n_steps, int batch, const int *groups,
                    int n_groups, int *from)
{
    double cost[MAX_GROUPS] = {0}, before[MAX_GROUPS];
    int best = 0;
    for (int s = 0; s < n_steps; s++) {
        double change = 2 * missing(loads[s].crossing_bytes, batch);
        memcpy(before, cost, sizeof before);
        int least = best;
        best = 0;
        for (int k = 0; k < n_groups; k++) {
            bool stays = s == 0 || before[k] <= before[least] + change;
            from[s * n_groups + k] = stays ? k : least;
            cost[k] =
                (stays ? before[k] : before[least] + change) + step_cost(&loads[s], groups[k]);
            if (cost[k] <= cost[best])
                best = k;
        }
    }
    return best;
}

cr_status cr_segments_choose(const cr_step_load *loads, int n_steps, int batch, int *group,
                             cr_error *err)
{
    int groups[MAX_GROUPS], n_groups = list_groups(batch, groups);
    int *from = cr_alloc((size_t)n_steps * (size_t)n_groups, sizeof *from);
    if (!from)
        return cr_fail_memory(err, "a plan", (size_t)n_steps * (size_t)n_groups, sizeof *from);
    int k = cheapest(loads, n_steps, batch, groups, n_groups, from);
    for (int s = n_steps - 1; s >= 0; s--) {
        group[s] = groups[k];
        k = from[s * n_groups + k];
    }
    free(from);
    return CR_OK;
}

/* First and last step of the segment of step s. Where a group is the batch, each step is done for all
 * images before the next one begins: a segment of its own. */
static int begin_of(const int *group, int batch, int s)
{
    while (s > 0 && group[s] < batch && group[s - 1] == group[s])
        s--;
    return s;
}

static int end_of(const int *group, int n_steps, int batch, int s)
{
    while (s + 1 < n_steps && group[s] < batch && group[s + 1] == group[s])
        s++;
    return s;
}

void cr_segments_fit(const int *group, int n_steps, int batch, int n_values, cr_buffer *values)
{
    for (int v = 0; v < n_values; v++) {
        cr_buffer *value = &values[v];
        if (!value->n_reals)
            continue;
        if (value->last > end_of(group, n_steps, batch, value->first))
            value->whole = true;
        if (!value->whole) {
            value->n_reals = value->n_reals / (size_t)batch * (size_t)group[value->first];
            continue;
        }
        value->first = begin_of(group, batch, value->first);
        if (value->last < n_steps)
            value->last = end_of(group, n_steps, batch, value->last);
    }
}
