/* Which values are maps: memory of an image that is rows of channels, one for each place of a rectangle,
 * and before them one for each class or register token.
 *
 * That is a matter of memory alone, whatever a Transpose or Reshape calls the dimensions. It is known of
 * the image, of what convolutions and poolings read and write, and goes from there through operators that
 * keep rows where they are, in both directions: what is added to a map is one. Tokens get their rectangle
 * so from the patch embedding. Attention mixes rows, and ends it, until its result is added to a map. */
#include "graph.h"

#include "move.h"

#include <stdlib.h>

static bool is(const cr_node *node, const char *type)
{
    return strcmp(node->type, type) == 0;
}

/* Whether it reads and writes maps of channels, height and width, by its definition. */
static bool is_of_images(const cr_node *node)
{
    static const char *const types[] = {"Conv",
                                        "ConvTranspose",
                                        "MaxPool",
                                        "AveragePool",
                                        "LpPool",
                                        "GlobalAveragePool",
                                        "GlobalMaxPool",
                                        "GlobalLpPool",
                                        "BatchNormalization",
                                        "InstanceNormalization",
                                        "GroupNormalization",
                                        "LRN",
                                        "Resize",
                                        "Upsample",
                                        "DepthToSpace",
                                        "SpaceToDepth"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (is(node, types[i]))
            return true;
    return false;
}

/* Whether it multiplies two activations: a row of its output may come of other rows. */
static bool mixes(const cr_node *node)
{
    return (is(node, "MatMul") || is(node, "Gemm")) && node->n_x > 1;
}

static cr_map map_of_image(const cr_value *value)
{
    const cr_shape *shape = &value->shape;
    const bool plain = !value->constant && shape->n_dims == 4 && shape->dims[0] == 1;
    if (!plain || !cr_value_is_usual(value))
        return (cr_map){0};
    const int h = cr_shape_h(shape), w = cr_shape_w(shape);
    return (cr_map){.height = h, .width = w, .n_channels = cr_shape_c(shape), .rows = h * w};
}

/* The map of a value whose rows are those of another's, as long as its fastest dimension. */
static cr_map with_channels(cr_map map, const cr_value *value)
{
    map.n_channels = value->shape.dims[value->order[value->shape.n_dims - 1]];
    const bool fits = (size_t)map.rows * (size_t)map.n_channels == cr_shape_size(&value->shape);
    return fits ? map : (cr_map){0};
}

/* Whether the channels are a dimension of their own, the fastest, and not the parts of one. */
static bool has_own_channels(const cr_value *value, const cr_map *map)
{
    return map->height && cr_value_last(value) == map->n_channels;
}

/* Whether two values differ at most in how far the dimension goes that is the fastest of both. */
static bool have_rows_alike(const cr_value *a, const cr_value *b)
{
    bool alike = a->shape.n_dims == b->shape.n_dims && a->shape.n_dims > 0 &&
                 memcmp(a->order, b->order, (size_t)a->shape.n_dims * sizeof *a->order) == 0;
    for (int k = 0; alike && k < a->shape.n_dims - 1; k++)
        alike = a->shape.dims[a->order[k]] == b->shape.dims[b->order[k]];
    return alike;
}

static bool are_alike(const cr_value *a, const cr_value *b)
{
    return memcmp(&a->shape, &b->shape, sizeof a->shape) == 0 &&
           memcmp(a->order, b->order, (size_t)a->shape.n_dims * sizeof *a->order) == 0;
}

static cr_map map_through(const cr_value *from, const cr_map *map, const cr_value *to)
{
    if (map->height && are_alike(from, to))
        return *map;
    return has_own_channels(from, map) && have_rows_alike(from, to) ? with_channels(*map, to)
                                                                    : (cr_map){0};
}

/* Whether row r of the output takes nothing but row r + first of the input. */
static bool shifts(const cr_move *move, int c, int c_out, int first)
{
    for (size_t i = 0; i < move->n_out; i++)
        if (move->index[i] >= 0 && move->index[i] / c != (int)(i / (size_t)c_out) + first)
            return false;
    return true;
}

/* Whether the place (i, j) of the output takes nothing but a block of `step` x `step` places. */
static bool joins_blocks(const cr_move *move, const cr_map *map, int c_out, int step)
{
    for (size_t i = 0; i < move->n_out; i++) {
        const int to = (int)(i / (size_t)c_out), from = move->index[i] / map->n_channels;
        const int width = map->width / step;
        if (move->index[i] >= 0 &&
            (from / map->width / step != to / width || from % map->width / step != to % width))
            return false;
    }
    return true;
}

static cr_map map_moved(const cr_graph *graph, const cr_node *node)
{
    const cr_move *move = node->params;
    const cr_map *map = &graph->values[node->x[0]].map;
    const int c_out = cr_value_last(&graph->values[node->y]);
    const int rows = (int)(move->n_out / (size_t)c_out), n_places = map->height * map->width;
    size_t i = 0;
    while (i < move->n_out && move->index[i] < 0)
        i++;
    if (!map->height || i == move->n_out)
        return (cr_map){0};
    const int first = move->index[i] / map->n_channels - (int)(i / (size_t)c_out);
    if (first <= map->skip && first + rows >= map->skip + n_places &&
        shifts(move, map->n_channels, c_out, first))
        return (cr_map){map->height, map->width, c_out, map->skip - first, rows};
    int step = 2;
    while (step * step * rows < n_places)
        step++;
    if (map->rows == n_places && step * step * rows == n_places && map->height % step == 0 &&
        map->width % step == 0 && joins_blocks(move, map, c_out, step))
        return (cr_map){map->height / step, map->width / step, c_out, 0, rows};
    return (cr_map){0};
}

/* Rows behind one another: of one map alone, with tokens before or behind it. Or channels, of maps whose
 * rows are the same. */
static cr_map map_joined(const cr_graph *graph, const cr_node *node)
{
    const cr_value *y = &graph->values[node->y];
    const int c = cr_value_last(y);
    size_t before = 0, at = 0;
    int n_maps = 0;
    cr_map map = {0};
    for (int i = 0; i < node->n_x; i++) {
        const cr_value *x = &graph->values[node->x[i]];
        const cr_map joined = map_through(x, &x->map, y);
        if (joined.height)
            return joined;
        if (has_own_channels(x, &x->map) && x->map.n_channels == c) {
            map = x->map;
            before = at;
            n_maps++;
        }
        at += cr_shape_size(&x->shape);
    }
    /* The rows of each are together if the dimensions before that of the rows are of one element. */
    int d = 0;
    while (d < y->shape.n_dims && y->shape.dims[y->order[d]] == 1)
        d++;
    const bool stacked =
        d < y->shape.n_dims &&
        graph->values[node->x[0]].shape.dims[y->order[d]] != y->shape.dims[y->order[d]] &&
        (size_t)y->shape.dims[y->order[d]] * (size_t)c == cr_shape_size(&y->shape);
    if (n_maps != 1 || !stacked)
        return (cr_map){0};
    map.skip += (int)(before / (size_t)c);
    map.rows = y->shape.dims[y->order[d]];
    return map;
}

/* What a node's output is, from what its inputs are. */
static cr_map map_forward(const cr_graph *graph, const cr_node *node)
{
    const cr_value *y = &graph->values[node->y];
    if (node->flags & CR_OP_ALIAS)
        return graph->values[node->x[0]].map;
    if (is_of_images(node) && y->shape.n_dims == 4)
        return map_of_image(y);
    if (mixes(node))
        return (cr_map){0};
    if (is(node, "Concat"))
        return map_joined(graph, node);
    if (node->op->forward == cr_move_forward)
        return map_moved(graph, node);
    for (int j = 0; j < node->n_x; j++) {
        const cr_value *x = &graph->values[node->x[j]];
        const cr_map map = map_through(x, &x->map, y);
        if (map.height)
            return map;
    }
    return (cr_map){0};
}

/* What input j is, from what the output is. */
static cr_map map_back(const cr_graph *graph, const cr_node *node, int j)
{
    const cr_value *x = &graph->values[node->x[j]], *y = &graph->values[node->y];
    if (is_of_images(node) && x->shape.n_dims == 4)
        return j == 0 ? map_of_image(x) : (cr_map){0};
    if (node->flags & CR_OP_ALIAS)
        return y->map;
    if (mixes(node) || (node->op->forward == cr_move_forward && !is(node, "Concat")))
        return (cr_map){0};
    return map_through(y, &y->map, x);
}

/* Marks all that the image makes a difference to. */
static void mark_of_image(const cr_graph *graph, bool *of_image)
{
    of_image[graph->input] = true;
    for (int i = 0; i < graph->n_nodes; i++)
        for (int j = 0; j < graph->nodes[i].n_x; j++)
            if (of_image[graph->nodes[i].x[j]])
                of_image[graph->nodes[i].y] = true;
}

static void spread(cr_graph *graph, const bool *of_image)
{
    for (int sweep = 0; sweep < 2; sweep++) {
        for (int i = 0; i < graph->n_nodes; i++) {
            cr_value *y = &graph->values[graph->nodes[i].y];
            if (!y->map.height && of_image[graph->nodes[i].y])
                y->map = map_forward(graph, &graph->nodes[i]);
        }
        for (int i = graph->n_nodes - 1; i >= 0 && sweep == 0; i--)
            for (int j = 0; j < graph->nodes[i].n_x; j++) {
                const int x = graph->nodes[i].x[j];
                if (!graph->values[x].map.height && of_image[x])
                    graph->values[x].map = map_back(graph, &graph->nodes[i], j);
            }
    }
}

/* Takes `tokens` for the rectangle of all values that have so many. False where none has. */
static bool take_tokens(cr_graph *graph, const bool *of_image, const cr_tokens *tokens)
{
    const int rows = tokens->skip + tokens->height * tokens->width;
    bool any = false;
    for (int v = 0; v < graph->n_values; v++) {
        cr_value *value = &graph->values[v];
        if (!of_image[v] || value->shape.n_dims != 3 || value->shape.dims[0] != 1 ||
            value->shape.dims[1] != rows || !cr_value_is_usual(value))
            continue;
        value->map =
            (cr_map){tokens->height, tokens->width, value->shape.dims[2], tokens->skip, rows};
        any = true;
    }
    return any;
}

cr_status cr_maps_find(cr_graph *graph, const cr_tokens *tokens, cr_error *err)
{
    cr_status status = CR_OK;
    bool *of_image = cr_alloc((size_t)graph->n_values, sizeof *of_image);
    cr_value *input = &graph->values[graph->input];
    if (!of_image) {
        status = cr_fail_memory(err, "maps", (size_t)graph->n_values, sizeof *of_image);
        goto cleanup;
    }
    mark_of_image(graph, of_image);
    for (int v = 0; v < graph->n_values; v++)
        graph->values[v].map = (cr_map){0};
    if (tokens && !take_tokens(graph, of_image, tokens)) {
        status = cr_fail(err, CR_EINPUT,
                         "no layer is of %d tokens, which are %d to be skipped and %d x %d; "
                         "`camrank inspect` shows the shapes of all",
                         tokens->skip + tokens->height * tokens->width, tokens->skip,
                         tokens->height, tokens->width);
        goto cleanup;
    }
    const cr_shape shape = cr_graph_input_shape(graph);
    if (shape.n_dims == 4)
        input->map = (cr_map){cr_shape_h(&shape), cr_shape_w(&shape), cr_shape_c(&shape), 0,
                              cr_shape_h(&shape) * cr_shape_w(&shape)};
    spread(graph, of_image);

cleanup:
    free(of_image);
    return status;
}

cr_status cr_graph_use_tokens(cr_graph *graph, const cr_tokens *tokens, cr_error *err)
{
    return cr_maps_find(graph, tokens, err);
}

cr_map cr_graph_map(const cr_graph *graph, int value)
{
    const cr_value *v = &graph->values[value];
    const cr_map none = {0};
    const int n = v->shape.n_dims;
    if (v->constant || n < 3 || n > 4 || v->map.height * v->map.width < 2 ||
        !has_own_channels(v, &v->map) || (n == 3 && v->map.n_channels == 1))
        return none;
    return v->map;
}

int cr_graph_same_memory(const cr_graph *graph, int value)
{
    while (graph->values[value].producer >= 0 &&
           graph->nodes[graph->values[value].producer].flags & CR_OP_ALIAS)
        value = graph->nodes[graph->values[value].producer].x[0];
    return value;
}

/* Whether a node makes, of the rows of a map, the rows that attention compares and sums: products with
 * weights, and their bias. */
static bool is_projection(const cr_graph *graph, const cr_node *node)
{
    if (is(node, "MatMul") && node->n_x == 1)
        return true;
    const int before = graph->values[node->x[0]].producer;
    return node->flags & CR_OP_AFFINE && before >= 0 && is(&graph->nodes[before], "MatMul") &&
           graph->nodes[before].n_x == 1;
}

/* Whether a move reads any place of a map. */
static bool takes_places(const cr_node *node, const cr_map *map)
{
    const cr_move *move = node->params;
    const int begin = map->skip * map->n_channels;
    const int end = begin + map->height * map->width * map->n_channels;
    for (size_t i = 0; i < move->n_out; i++)
        if (move->index[i] >= begin && move->index[i] < end)
            return true;
    return false;
}

/* Marks what the logits depend on, and of a map with tokens before its places whether they do on these:
 * where a class token alone goes on to the head, what is behind the last attention tells nothing. */
static void mark_telling(const cr_graph *graph, bool *reaches, bool *tells)
{
    reaches[graph->logits] = tells[graph->logits] = true;
    for (int i = graph->n_nodes - 1; i >= 0; i--) {
        const cr_node *node = &graph->nodes[i];
        const bool keeps = graph->values[node->y].map.height && !mixes(node);
        const bool moves = node->op->forward == cr_move_forward && !(node->flags & CR_OP_ALIAS);
        for (int j = 0; reaches[node->y] && j < node->n_x; j++) {
            const cr_map *map = &graph->values[node->x[j]].map;
            reaches[node->x[j]] = true;
            if (!map->height || (keeps ? tells[node->y] : !moves || takes_places(node, map)))
                tells[node->x[j]] = true;
        }
    }
}

int cr_graph_last_spatial(const cr_graph *graph)
{
    int last = -1;
    bool *reaches = cr_alloc((size_t)graph->n_values, sizeof *reaches);
    bool *tells = cr_alloc((size_t)graph->n_values, sizeof *tells);
    if (reaches && tells)
        mark_telling(graph, reaches, tells);
    for (int i = graph->n_nodes - 1; reaches && tells && last < 0 && i >= 0; i--) {
        const cr_node *node = &graph->nodes[i];
        /* What arranges the windows of attention to a map makes one. */
        const bool makes = !(node->flags & CR_OP_POOLS) &&
                           (!(node->flags & CR_OP_MOVES) || !graph->values[node->x[0]].map.height);
        if (reaches[node->y] && tells[node->y] && makes && cr_graph_map(graph, node->y).height &&
            !is_projection(graph, node))
            last = node->y;
    }
    free(reaches);
    free(tells);
    return last;
}
