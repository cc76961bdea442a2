/* Pieces of what a step of a net in bfloat16 computes in float32: what is converted for it stays in the cache, and
 * what it computes does not depend on how it is cut. */
#include "compile.h"
#include "relevance.h"

/* A piece is to stay in a first-level cache with what it needs, or else, where pieces share a part of that, be so
 * many times larger than the part; but within a second-level cache. */
#define LEAST_REALS ((size_t)4 * 1024)
#define TIMES_SHARED 12
#define MOST_REALS ((size_t)128 * 1024)

static size_t size_of(const cr_compiler *c, int value)
{
    return cr_shape_size(&c->graph->values[value].shape);
}

/* Of n rows from `first` on and what these need, each input in lines of its own. */
static size_t reals_of(const cr_compiler *c, int i, int first, int n)
{
    const cr_node *node = &c->graph->nodes[i];
    const cr_cut cut = node->op->cut(node, first, n);
    const size_t y = size_of(c, node->y) / (size_t)cut.rows * (size_t)n;
    size_t reals = cr_whole_lines(y) * (c->added[i] >= 0 ? 2 : 1);
    for (int j = 0; j < node->n_x; j++)
        reals += cr_whole_lines(size_of(c, node->x[j]) / (size_t)cut.x_rows[j] * (size_t)cut.n[j]);
    return reals;
}

cr_pieces cr_pieces_of(const cr_compiler *c, int i)
{
    const cr_node *node = &c->graph->nodes[i];
    cr_pieces pieces = {0};
    if (c->net->precision != CR_BFLOAT16 || !node->op->cut || cr_native_of(node).runs)
        return pieces;
    pieces.rows = node->op->cut(node, 0, 1).rows;
    if (pieces.rows < 2)
        return (cr_pieces){0};
    const int middle = pieces.rows / 2 - 1;
    const size_t one = reals_of(c, i, middle, 1), two = reals_of(c, i, middle, 2);
    const size_t each = two > one ? two - one : 1, shared = one > each ? one - each : 0;
    size_t most = TIMES_SHARED * shared;
    most = most < LEAST_REALS ? LEAST_REALS : most < MOST_REALS ? most : MOST_REALS;
    const size_t n = most > shared + each ? (most - shared) / each : 1;
    pieces.at_once = n < (size_t)pieces.rows ? (int)n : pieces.rows;
    for (int first = 0; first < pieces.rows; first += pieces.at_once) {
        const int left = pieces.rows - first;
        const size_t reals = reals_of(c, i, first, left < pieces.at_once ? left : pieces.at_once);
        pieces.n_reals = reals > pieces.n_reals ? reals : pieces.n_reals;
    }
    return pieces;
}
