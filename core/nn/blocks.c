/* Blocks of a transformer by themselves: where each ends, and what the head would say if it read a block's end
 * in the place of the last one's. */
#include "net.h"

#include <stdlib.h>
#include <string.h>

/* The node that reads each value last; -1: none that the logits depend on. NULL when out of memory. */
static int *find_last_reads(const cr_graph *graph)
{
    int *last = cr_alloc((size_t)graph->n_values, sizeof *last);
    for (int v = 0; last && v < graph->n_values; v++)
        last[v] = v == graph->logits ? graph->n_nodes : -1;
    for (int i = 0; last && i < graph->n_nodes; i++)
        for (int j = 0; j < graph->nodes[i].n_x; j++)
            if (cr_graph_reaches_logits(graph, graph->nodes[i].y))
                last[graph->nodes[i].x[j]] = i;
    return last;
}

/* Whether nothing else that was made up to node i is read behind it. */
static bool is_all(const cr_graph *graph, const int *last, int i)
{
    int n = last[graph->input] > i;
    for (int k = 0; k <= i; k++)
        n += last[graph->nodes[k].y] > i;
    return n == 1 && last[graph->nodes[i].y] > i;
}

bool cr_graph_block_ends(const cr_graph *graph, const cr_attention *attentions, int n, int *ends)
{
    int *last = find_last_reads(graph), found = 0;
    for (int k = 0; last && k < n; k++) {
        const int stop =
            k + 1 < n ? graph->values[attentions[k + 1].value].producer : graph->n_nodes;
        ends[k] = -1;
        for (int i = graph->values[attentions[k].value].producer; i < stop; i++) {
            const cr_map map = cr_graph_map(graph, graph->nodes[i].y);
            if (graph->nodes[i].flags & CR_OP_ADD && map.rows == attentions[k].n_tokens &&
                is_all(graph, last, i))
                ends[k] = graph->nodes[i].y;
        }
        found += ends[k] >= 0 && cr_shape_size(&graph->values[ends[k]].shape) ==
                                     cr_shape_size(&graph->values[ends[0]].shape);
    }
    free(last);
    return found == n;
}

/* The tail behind the last end runs for one image, on `from` or, in `work`, the mean of its rows. */
static void read_end(cr_net *net, int t, int image, int n_rows, const cr_real *from, cr_real *work)
{
    const size_t size = net->target_sizes[t], n_channels = size / (size_t)n_rows;
    for (size_t c = 0; work && c < n_channels; c++) {
        double sum = 0;
        for (size_t i = c; i < size; i += n_channels)
            sum += (double)from[i];
        for (size_t i = c; i < size; i += n_channels)
            work[i] = (cr_real)(sum / n_rows);
    }
    cr_net_tail_set(net, t, image, work ? work : from);
    cr_net_forward_tail_of(net, t, image);
}

/* Of m gradients of the mean of n_rows rows: each row has the same. */
static void spread(cr_real *gradients, size_t m, size_t n_rows, size_t n_channels)
{
    for (size_t s = 0; s < m; s++, gradients += n_rows * n_channels)
        for (size_t c = 0; c < n_channels; c++) {
            double sum = 0;
            for (size_t i = 0; i < n_rows; i++)
                sum += (double)gradients[i * n_channels + c];
            for (size_t i = 0; i < n_rows; i++)
                gradients[i * n_channels + c] = (cr_real)(sum / (double)n_rows);
        }
}

size_t cr_net_blocks_work(const cr_net *net, int t, int n_ends)
{
    return (1 + (size_t)n_ends * (size_t)net->n_classes_back) * net->target_sizes[t];
}

void cr_net_backward_blocks(cr_net *net, int t, int n_ends, int n_rows, bool mean, int image,
                            const int32_t *classes, cr_real *work)
{
    const int end = t + n_ends - 1, m = net->n_classes_back;
    const size_t size = net->target_sizes[t], all = (size_t)m * size;
    cr_real *kept = work + (size_t)n_ends * all;
    memcpy(kept, cr_net_activations(net, end) + (size_t)image * size, size * sizeof *kept);
    for (int k = 0; k < n_ends; k++) {
        cr_real *gradients = work + (size_t)k * all;
        read_end(net, end, image, n_rows,
                 k + 1 < n_ends ? cr_net_activations(net, t + k) + (size_t)image * size : kept,
                 mean ? gradients : NULL);
        cr_net_backward_part(net, image, classes, net->n_steps, net->target_steps[end] + 1, NULL);
        memcpy(gradients, cr_net_gradients(net, end), all * sizeof *gradients);
        if (mean)
            spread(gradients, (size_t)m, (size_t)n_rows, size / (size_t)n_rows);
    }
    read_end(net, end, image, n_rows, kept, NULL);
    for (int k = n_ends - 1; k >= 0; k--)
        cr_net_backward_part(net, image, NULL, net->target_steps[t + k] + 1,
                             k > 0 ? net->target_steps[t + k - 1] + 1 : 0,
                             &(cr_net_put){t + k, work + (size_t)k * all, all});
}
