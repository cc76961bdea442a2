/* How the logits come from the last feature map: what decides whether CAM applies, and the one matrix
 * that a chain of linear layers behind a global pooling is. */
#include "graph.h"

#include "move.h"

#include <stdio.h>
#include <stdlib.h>

/* The value that an output only passes on, no further than the channels are the same ones: a Reshape
 * or Transpose may give them other names. */
static int map_behind_aliases(const cr_graph *graph, int value)
{
    for (;;) {
        int node = graph->values[value].producer;
        if (node < 0 || !(graph->nodes[node].flags & CR_OP_ALIAS))
            return value;
        const cr_value *to = &graph->values[value], *from = &graph->values[graph->nodes[node].x[0]];
        if (memcmp(&to->shape, &from->shape, sizeof to->shape) != 0 ||
            memcmp(to->order, from->order, sizeof to->order) != 0)
            return value;
        value = graph->nodes[node].x[0];
    }
}

static size_t size_of(const cr_graph *graph, int value)
{
    return cr_shape_size(&graph->values[value].shape);
}

static bool is(const cr_node *node, const char *type)
{
    return strcmp(node->type, type) == 0;
}

/* A pooling over the whole map, whatever operator it is written with. */
static bool pools_all(const cr_graph *graph, const cr_node *node, bool *mean)
{
    if (!(node->flags & CR_OP_POOLS))
        return false;
    const cr_shape *in = &graph->values[node->x[0]].shape;
    const cr_shape *out = &graph->values[node->y].shape;
    *mean = !is(node, "GlobalMaxPool") && !is(node, "MaxPool");
    if (in->n_dims != 4 || cr_shape_h(out) * cr_shape_w(out) != 1 ||
        cr_shape_size(out) != (size_t)cr_shape_c(in))
        return false;
    if (!is(node, "AveragePool") && !is(node, "MaxPool"))
        return true;
    const cr_avgpool *pool = node->params; /* of a window: it must be the whole map, unpadded */
    const cr_window *win = &pool->win;
    return win->r == win->h && win->s == win->w && win->dilation_h == 1 && win->dilation_w == 1 &&
           win->pad_top + win->pad_left + pool->pad_bottom + pool->pad_right == 0;
}

/* The value behind copies in another order. */
static int source_of(const cr_graph *graph, int value)
{
    const int node = graph->values[value].producer;
    return node >= 0 && graph->nodes[node].op == &cr_op_reorder
               ? source_of(graph, graph->nodes[node].x[0])
               : value;
}

/* A mean or sum over all places of tokens [1, T, C], of [1, H, W, C] or of these transposed, which are those of a
 * map. What is reduced lies last in memory: the channels, last before, are the first dimension then. */
static bool reduces_rows(const cr_graph *graph, const cr_node *node, int *feature)
{
    const bool pools = is(node, "GlobalAveragePool"); /* of [1, C, T] */
    if ((!pools && !is(node, "ReduceMean") && !is(node, "ReduceSum")) || node->n_x != 1)
        return false;
    const int source = source_of(graph, node->x[0]);
    const cr_value *in = &graph->values[node->x[0]];
    int d = 0;
    while (d < in->shape.n_dims - 1 && in->shape.dims[in->order[d]] == 1)
        d++;
    *feature = map_behind_aliases(graph, source);
    const cr_map map = cr_graph_map(graph, *feature);
    return in->shape.n_dims > 2 && in->order[d] == cr_value_last_dim(&graph->values[source]) &&
           map.height && map.skip == 0 && map.rows == map.height * map.width &&
           map.n_channels == in->shape.dims[in->order[d]] &&
           size_of(graph, *feature) == size_of(graph, node->x[0]) &&
           size_of(graph, node->y) == (size_t)map.n_channels;
}

/* A pooling of all places, and what it pools. */
static bool pools_map(const cr_graph *graph, const cr_node *node, bool *mean, int *feature)
{
    if (pools_all(graph, node, mean)) {
        *feature = map_behind_aliases(graph, node->x[0]);
        return true;
    }
    *mean = true;
    return reduces_rows(graph, node, feature);
}

static size_t groups_of(const cr_node *node)
{
    return is(node, "Conv") ? (size_t)cr_conv_of(node)->win.groups : 1;
}

/* One matrix from all that it is given, one pixel: [K] = W [C] + b; of several groups each its own. */
static bool is_matrix(const cr_graph *graph, const cr_node *node)
{
    if (!node->op->weight)
        return false;
    if (is(node, "Conv")) {
        const cr_window *win = &cr_conv_of(node)->win;
        if (win->r * win->s * win->p * win->q != 1)
            return false;
    }
    return node->flops * (double)groups_of(node) ==
           2 * (double)size_of(graph, node->x[0]) * (double)size_of(graph, node->y);
}

/* Adds or subtracts two values of one shape. */
static bool is_sum(const cr_graph *graph, const cr_node *node)
{
    return node->n_x == 2 && (node->flags & CR_OP_ADD || is(node, "Sub")) &&
           size_of(graph, node->x[0]) == size_of(graph, node->x[1]);
}

/* Puts rows of channels behind one another. */
static bool is_row_concat(const cr_graph *graph, const cr_node *node)
{
    return node->flags & CR_OP_CONCAT &&
           size_of(graph, node->y) == (size_t)cr_shape_c(&graph->values[node->y].shape);
}

static bool is_linear(const cr_graph *graph, const cr_node *node)
{
    return node->flags & (CR_OP_ALIAS | CR_OP_AFFINE) || node->op->forward == cr_move_forward ||
           is_matrix(graph, node) || is_sum(graph, node) || is_row_concat(graph, node);
}

/* What a walk back from the logits has found. */
typedef struct walk {
    bool *marked;   /* [n_values] that the logits are a linear function of */
    bool plain;     /* nothing but other names for the same values so far */
    bool mean, max; /* poolings of these kinds */
    int feature;    /* what they pool; -1: none yet */
    int other;      /* another value that is pooled; -1 */
} walk;

/* False where the logits are no linear function of poolings. */
static bool walk_back(const cr_graph *graph, walk *w)
{
    w->marked[graph->logits] = true;
    for (int i = graph->n_nodes - 1; i >= 0; i--) {
        const cr_node *node = &graph->nodes[i];
        bool mean;
        int feature;
        if (!w->marked[node->y])
            continue;
        if (pools_map(graph, node, &mean, &feature)) {
            *(mean ? &w->mean : &w->max) = true;
            w->plain = w->plain && !is(node, "ReduceSum");
            if (w->feature >= 0 && w->feature != feature)
                w->other = feature;
            else
                w->feature = feature;
            continue;
        }
        if (!is_linear(graph, node))
            return false;
        w->plain = w->plain && node->flags & CR_OP_ALIAS;
        for (int j = 0; j < node->n_x; j++) {
            if (graph->values[node->x[j]].producer < 0)
                return false;
            w->marked[node->x[j]] = true;
        }
    }
    return w->feature >= 0;
}

cr_head cr_graph_head(const cr_graph *graph)
{
    cr_head head = {.kind = CR_HEAD_OTHER, .feature = -1};
    walk w = {.plain = true, .feature = -1, .other = -1};
    w.marked = cr_alloc((size_t)graph->n_values, sizeof *w.marked);
    if (!w.marked || !walk_back(graph, &w))
        snprintf(head.why_not, sizeof head.why_not,
                 "its logits are no linear function of a global pooling");
    else if (w.other >= 0)
        snprintf(
            head.why_not, sizeof head.why_not,
            "its logits come from poolings of several layers (%.60s, %.60s), and CAM is of one",
            graph->values[w.feature].name, graph->values[w.other].name);
    else if (w.mean && w.max)
        snprintf(head.why_not, sizeof head.why_not,
                 "its logits come from an average and a maximum pooling, and CAM is of one");
    free(w.marked);
    if (head.why_not[0])
        return head;
    head.feature = w.feature;
    const cr_map map = cr_graph_map(graph, head.feature); /* of one place it is none */
    head.n_channels = map.height ? map.n_channels : cr_shape_c(&graph->values[head.feature].shape);
    head.n_classes = cr_graph_n_classes(graph);
    head.kind = w.plain  ? w.mean ? CR_HEAD_GAP_MAPS : CR_HEAD_GMP_MAPS
                : w.mean ? CR_HEAD_GAP_LINEAR
                         : CR_HEAD_GMP_LINEAR;
    return head;
}

/* The logits as a linear function of each value on the way: rows [n_classes][size of the value], NULL
 * where none is known yet. */
typedef struct composition {
    const cr_graph *graph;
    size_t n_classes;
    double **rows; /* [n_values] */
} composition;

static double *rows_of(composition *c, int value)
{
    if (!c->rows[value])
        c->rows[value] = cr_alloc(c->n_classes * size_of(c->graph, value), sizeof **c->rows);
    return c->rows[value];
}

/* x += y W, W [K][C] of a matrix node, row by row: of the last layer y is the unit matrix, and then the
 * weights stay what they are. False without memory. */
static bool through_matrix(const composition *c, const cr_node *node, const double *y, double *x)
{
    const size_t n_y = size_of(c->graph, node->y), n_x = size_of(c->graph, node->x[0]);
    const size_t n_row = n_x / groups_of(node), n_group = n_y / groups_of(node);
    double *row = cr_alloc(n_row, sizeof *row);
    for (size_t k = 0; row && k < n_y; k++) {
        const size_t from = k / n_group * n_row;
        for (size_t i = 0; i < n_row; i++)
            row[i] = (double)node->op->weight(node, (int)k, (int)i);
        for (size_t r = 0; r < c->n_classes; r++)
            for (size_t i = 0; y[r * n_y + k] != 0 && i < n_row; i++)
                x[r * n_x + from + i] += y[r * n_y + k] * row[i];
    }
    const bool ok = row != NULL;
    free(row);
    return ok;
}

/* Adds what the rows of a node's output say of its inputs. False without memory. */
static bool through(composition *c, const cr_node *node)
{
    const cr_graph *graph = c->graph;
    const size_t n_y = size_of(graph, node->y);
    const double *y = c->rows[node->y];
    const cr_move *move = node->params;
    const bool moves = !(node->flags & CR_OP_ALIAS) && node->op->forward == cr_move_forward;
    size_t from = 0; /* in a row of the output, of a concatenation */
    for (int j = 0; j < node->n_x; j++) {
        const size_t n_x = size_of(graph, node->x[j]);
        double *x = rows_of(c, node->x[j]);
        if (!x)
            return false;
        if (is_matrix(graph, node))
            return through_matrix(c, node, y, x);
        const double sign = is(node, "Sub") && node->n_x == 2 && j == 1 ? -1 : 1;
        for (size_t r = 0; r < c->n_classes; r++)
            for (size_t i = 0; i < (moves ? n_y : n_x); i++) {
                const double *at = y + r * n_y + from + i;
                const double scale = node->flags & CR_OP_AFFINE ? cr_affine_scale(node, i) : sign;
                if (!moves || move->index[i] >= 0)
                    x[r * n_x + (moves ? (size_t)move->index[i] : i)] += *at * scale;
            }
        from += node->flags & CR_OP_CONCAT ? n_x : 0;
    }
    return true;
}

/* The pooled channels are in the usual order: those of a pooled value are its elements. A sum is so many means. */
static void collect(const composition *c, const cr_node *pooling, double *sums)
{
    const size_t n = c->n_classes * size_of(c->graph, pooling->y);
    const double n_means =
        is(pooling, "ReduceSum")
            ? (double)(size_of(c->graph, pooling->x[0]) / size_of(c->graph, pooling->y))
            : 1;
    for (size_t i = 0; i < n; i++)
        sums[i] += n_means * c->rows[pooling->y][i];
}

cr_status cr_graph_head_weights(const cr_graph *graph, const cr_head *head, float *weights,
                                cr_error *err)
{
    cr_status status = CR_OK;
    composition c = {.graph = graph, .n_classes = (size_t)head->n_classes};
    const size_t n = c.n_classes * (size_t)head->n_channels;
    double *sums = cr_alloc(n, sizeof *sums), *rows = NULL;
    c.rows = cr_alloc((size_t)graph->n_values, sizeof *c.rows);
    bool ok = sums && c.rows && (rows = rows_of(&c, graph->logits));
    for (size_t r = 0; ok && r < c.n_classes; r++)
        rows[r * c.n_classes + r] = 1;
    for (int i = graph->n_nodes - 1; ok && i >= 0; i--) {
        const cr_node *node = &graph->nodes[i];
        bool mean;
        int feature;
        if (!c.rows[node->y])
            continue;
        if (pools_map(graph, node, &mean, &feature))
            collect(&c, node, sums);
        else
            ok = through(&c, node);
        free(c.rows[node->y]);
        c.rows[node->y] = NULL;
    }
    for (size_t i = 0; ok && i < n; i++)
        weights[i] = (float)sums[i];
    if (!ok)
        status = cr_fail_memory(err, "the weights of a head", n, sizeof *sums);
    for (int v = 0; c.rows && v < graph->n_values; v++)
        free(c.rows[v]);
    free(c.rows);
    free(sums);
    return status;
}
