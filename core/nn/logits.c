/* Where the logits are: behind the model's output, past everything that turns scores into
 * probabilities or the like without changing which class comes before which.
 *
 * Grad-CAM follows scores, not probabilities, whose gradients vanish where the network is sure. */
#include "graph.h"

#include "move.h"

#include <stdio.h>

static cr_node *producer(const cr_graph *graph, int value)
{
    const int node = graph->values[value].producer;
    return node < 0 ? NULL : &graph->nodes[node];
}

static bool is(const cr_node *node, const char *type)
{
    return strcmp(node->type, type) == 0;
}

/* Whether a value is one score a class: its order in memory is that of the classes. */
static bool is_scores(const cr_graph *graph, int value)
{
    const cr_shape *shape = &graph->values[value].shape;
    const size_t n = cr_shape_size(shape);
    for (int d = 0; d < shape->n_dims; d++)
        if ((size_t)shape->dims[d] == n)
            return true;
    return false;
}

/* Passes scores on as they are, or some of them: a class keeps its score. So does a pooling of maps
 * of one pixel. */
static bool passes(const cr_graph *graph, const cr_node *node)
{
    const cr_move *move = node->params;
    if (node->flags & (CR_OP_ALIAS | CR_OP_POOLS))
        return is_scores(graph, node->x[0]);
    if (node->op->forward != cr_move_forward || !is_scores(graph, node->x[0]) ||
        !is_scores(graph, node->y))
        return false;
    for (size_t i = 0; i < move->n_out; i++)
        if (move->index[i] < 0)
            return false;
    return true;
}

/* The node of this operator that a value comes from, if it reads x; else NULL. */
static cr_node *made_of(const cr_graph *graph, int value, const char *type, int x)
{
    cr_node *node = producer(graph, value);
    return node && is(node, type) && node->x[0] == x ? node : NULL;
}

/* The node that reads the scores: this one or, where it is the division of a softmax by hand, the
 * exponential before it, or the difference from the largest before that. */
static cr_node *first_of(const cr_graph *graph, cr_node *node)
{
    cr_node *exponential = producer(graph, node->x[0]);
    if (!is(node, "Div") || node->n_x < 2 || !exponential || !is(exponential, "Exp") ||
        !made_of(graph, node->x[1], "ReduceSum", node->x[0]))
        return node;
    cr_node *difference = producer(graph, exponential->x[0]);
    const bool from_largest = difference && is(difference, "Sub") && difference->n_x == 2 &&
                              made_of(graph, difference->x[1], "ReduceMax", difference->x[0]);
    return from_largest ? difference : exponential;
}

static bool makes_probabilities(const cr_graph *graph, const cr_node *node)
{
    return is_scores(graph, node->y) &&
           (is(node, "Softmax") || is(node, "LogSoftmax") || is(node, "Sigmoid") ||
            is(node, "HardSigmoid") || first_of(graph, (cr_node *)node) != node);
}

/* Says which of the scores is largest, or sorts them. */
static bool ranks(const cr_graph *graph, const cr_node *node)
{
    return is_scores(graph, node->x[0]) &&
           (is(node, "ArgMax") || is(node, "TopK") || is(node, "Hardmax"));
}

/* Changes all scores by one function that keeps their order, and bounds them, or leaves only that. */
static bool squashes(const cr_graph *graph, const cr_node *node)
{
    return makes_probabilities(graph, node) || ranks(graph, node) ||
           (is_scores(graph, node->y) &&
            (is(node, "Erf") || (node->flags & CR_OP_CLAMP && isfinite(node->clamp.hi))));
}

/* The same scale, which is positive, and the same shift of every score; or the logarithm of probabilities, a
 * bound from below of these, another type of integers. */
static bool scales(const cr_graph *graph, const cr_node *node)
{
    double scale, shift;
    return is_scores(graph, node->y) &&
           ((cr_affine_uniform(node, &scale, &shift) && scale > 0) ||
            (node->flags & CR_OP_CLAMP && !isfinite(node->clamp.hi)) || is(node, "Log") ||
            (is(node, "Cast") && graph->values[node->x[0]].whole));
}

/* The last node on the way back from the output that squashes, or NULL. Scales on this side of it are
 * cut with it; those beyond are the logits' own. */
static const cr_node *find_last(const cr_graph *graph)
{
    const cr_node *last = NULL;
    for (cr_node *node = producer(graph, graph->logits); node; node = producer(graph, node->x[0])) {
        if (squashes(graph, node))
            last = node = first_of(graph, node);
        else if (!scales(graph, node) && !passes(graph, node))
            break;
    }
    return last;
}

static void note(cr_graph *graph, const cr_node *node)
{
    char before[sizeof graph->cut];
    memcpy(before, graph->cut, sizeof before);
    snprintf(graph->cut, sizeof graph->cut, "%s %.60s%s%.120s", node->type,
             graph->values[node->y].name, before[0] ? ", " : "", before);
}

/* Takes the nodes up to `last` out of the way; what only passes scores on stays. */
static void cut(cr_graph *graph, const cr_node *last)
{
    cr_node *behind = NULL; /* the node that is to read past the next one; NULL: the output */
    for (cr_node *node = producer(graph, graph->logits);; node = producer(graph, node->x[0])) {
        if (!squashes(graph, node) && !scales(graph, node)) {
            behind = node;
            continue;
        }
        note(graph, node);
        const int y = node->y;
        node = first_of(graph, node);
        for (int i = 0; behind && i < behind->n_inputs; i++)
            if (behind->inputs[i] == y)
                behind->inputs[i] = node->x[0];
        *(behind ? &behind->x[0] : &graph->logits) = node->x[0];
        if (node == last)
            return;
    }
}

/* Whether a value is computed, element by element, from nothing but probabilities: weighted by class,
 * averaged, subtracted from 1. `budget` as in range_of. */
static bool is_probability(const cr_graph *graph, int value, int *budget)
{
    const cr_node *node = producer(graph, value);
    if (!node || --*budget < 0)
        return false;
    if (makes_probabilities(graph, node))
        return true;
    bool all =
        node->flags & (CR_OP_ALIAS | CR_OP_AFFINE | CR_OP_CLAMP | CR_OP_CONCAT | CR_OP_ADD) ||
        node->op->forward == cr_move_forward || is(node, "Sub") || is(node, "Mul") ||
        is(node, "Div") || is(node, "Sqrt") || is(node, "Pow");
    for (int i = 0; all && i < node->n_x; i++)
        all = is_probability(graph, node->x[i], budget);
    return all;
}

typedef struct range {
    double lo, hi;
} range;

static range hull(range a, range b)
{
    return (range){fmin(a.lo, b.lo), fmax(a.hi, b.hi)};
}

static range times(range a, range b)
{
    const double ends[4] = {a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi};
    range r = {INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++)
        r = isnan(ends[i]) ? (range){-INFINITY, INFINITY} : hull(r, (range){ends[i], ends[i]});
    return r;
}

/* Between which numbers a value lies whatever the image, as far as its operators tell. `budget` bounds
 * the nodes that are looked at. */
static range range_of(const cr_graph *graph, int value, int *budget)
{
    const range any = {-INFINITY, INFINITY};
    const cr_node *node = producer(graph, value);
    double scale, shift;
    if (!node || --*budget < 0)
        return any;
    if (is(node, "Softmax") || is(node, "Sigmoid") || is(node, "HardSigmoid"))
        return (range){0, 1};
    const bool binary = node->n_x == 2 && (is(node, "Add") || is(node, "Mul"));
    const bool joins = node->flags & CR_OP_CONCAT;
    const bool single = node->flags & (CR_OP_CLAMP | CR_OP_ALIAS | CR_OP_POOLS) ||
                        cr_affine_uniform(node, &scale, &shift) ||
                        node->op->forward == cr_move_forward;
    if (!binary && !joins && !single)
        return any;
    range r = range_of(graph, node->x[0], budget);
    for (int i = 1; joins && i < node->n_x; i++)
        r = hull(r, range_of(graph, node->x[i], budget));
    if (binary) {
        const range other = range_of(graph, node->x[1], budget);
        r = is(node, "Mul") ? times(r, other) : (range){r.lo + other.lo, r.hi + other.hi};
    }
    if (node->flags & CR_OP_CLAMP)
        r = (range){fmax(r.lo, (double)node->clamp.lo), fmin(r.hi, (double)node->clamp.hi)};
    if (cr_affine_uniform(node, &scale, &shift)) {
        r = times(r, (range){scale, scale});
        r = (range){r.lo + shift, r.hi + shift};
    }
    return r;
}

/* Two logits in the place of one: halves of it, of both signs, by a product with a matrix. */
static cr_status make_two(cr_graph *graph, cr_error *err)
{
    int inputs[2] = {graph->logits, 0};
    const cr_node *owner = producer(graph, graph->logits);
    float *halves = cr_arena_alloc(&graph->arena, 2, sizeof *halves);
    if (!halves)
        return cr_fail_memory(err, "two classes", 2, sizeof *halves);
    halves[0] = -0.5f;
    halves[1] = 0.5f;
    const cr_tensor matrix = {.n_dims = 2,
                              .dims = {1, 2},
                              .n = 2,
                              .data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                              .step = sizeof *halves,
                              .reals = (const uint8_t *)halves};
    if (graph->values[graph->logits].shape.n_dims != 2) {
        CR_OR_RETURN(cr_graph_add_ints(graph, (const int64_t[]){-1, 1}, 2, &inputs[1], err));
        CR_OR_RETURN(cr_node_insert(graph, owner, "Reshape", inputs, 2, NULL, &inputs[0], err));
    }
    CR_OR_RETURN(cr_graph_add_constant(graph, NULL, &matrix, &inputs[1], err));
    CR_OR_RETURN(cr_node_insert(graph, owner, "MatMul", inputs, 2, NULL, &graph->logits, err));
    graph->binary = true;
    return CR_OK;
}

cr_status cr_logits_find(cr_graph *graph, int output, cr_error *err)
{
    graph->logits = output;
    const cr_node *last = find_last(graph);
    if (last)
        cut(graph, last);
    const char *name = graph->values[output].name;
    if (!is_scores(graph, graph->logits))
        return cr_fail(err, CR_EINPUT, "its output %.100s is not one score a class", name);
    if (graph->values[graph->logits].whole)
        return cr_fail(err, CR_EINPUT,
                       "its output %.100s is %s, no scores: name those with `output:` of the model",
                       name, cr_onnx_type_name(graph->values[graph->logits].whole));
    int budget = 1000;
    if (is_probability(graph, graph->logits, &budget))
        return cr_fail(err, CR_EINPUT,
                       "its output %.100s is computed from probabilities, in a way that cannot be "
                       "cut off; methods follow scores: name those with `output:` of the model",
                       name);
    budget = 1000;
    const range r = range_of(graph, graph->logits, &budget);
    if (r.lo >= -1e-6 && r.hi <= 1 + 1e-6)
        return cr_fail(
            err, CR_EINPUT,
            "its output %.100s lies between 0 and 1, and no softmax, sigmoid or the like "
            "stands last that could be cut off; methods follow scores: name those with "
            "`output:` of the model",
            name);
    return cr_graph_n_classes(graph) == 1 ? make_two(graph, err) : CR_OK;
}

bool cr_graph_is_binary(const cr_graph *graph)
{
    return graph->binary;
}

const char *cr_graph_widened(const cr_graph *graph)
{
    return graph->widened;
}

const char *cr_graph_chosen(const cr_graph *graph)
{
    return graph->chosen;
}

const char *cr_graph_cut(const cr_graph *graph)
{
    return graph->cut;
}
