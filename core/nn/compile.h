/* compile.h - inside of nn: what the compiler of a graph knows of its nodes and values; see net.c. */
#ifndef CAMRANK_NN_COMPILE_H
#define CAMRANK_NN_COMPILE_H

#include "net.h"

typedef struct cr_compiler {
    const cr_graph *graph;
    cr_net *net;
    const cr_net_target *targets;
    bool *live;             /* [n_nodes] the logits depend on it, and it runs */
    cr_real **scale;        /* [n_nodes] folded into the weights, NULL if none */
    cr_real **shift;        /* [n_nodes] */
    cr_clamp *clamp;        /* [n_nodes] */
    int *added;             /* [n_nodes] value of a sum that was fused into the node, or -1 */
    int *root;              /* [n_values] */
    bool *wanted;           /* [n_values] by root: logits and targets */
    int *n_uses;            /* [n_values] by root: by live nodes */
    int *user;              /* [n_values] by root: the last of them */
    bool *gradient;         /* [n_values] by root: its gradient is computed */
    bool *is_result;        /* [n_values] by root: its gradient is a target's */
    bool *behind, *crosses; /* [n_values] by root: see cr_tail_mark */
    bool *tangent;  /* [n_values] by root: it is, or depends on, a target that wants curvature */
    int *home;      /* [n_values] by root: the one in whose memory it lies, mostly itself */
    int *at;        /* [n_values] by root: its first channel there */
    bool *in_place; /* [n_nodes] a Concat with nothing to copy */
    int *over;      /* [n_values] the one over whose elements it is written, or itself */
    bool *half, *half_gradient; /* [n_values] by root: it is stored as bfloat16 */
    bool *exact;                /* [n_values] by root: it is not rounded, in a net in bfloat16 */
    int *step_of;               /* [n_nodes] */
    int *group;                 /* [n_steps] */
    cr_buffer *buffers;         /* see cr_buffers */
    cr_arena arena;
} cr_compiler;

/* The parts of the buffers. */
typedef struct cr_buffers {
    cr_buffer *values, *gradients; /* [n_values] */
    cr_buffer *scratches;          /* [n_steps] forward and backward, in turns */
    cr_buffer *masks;              /* [n_steps] */
    cr_buffer *tangents;           /* [n_values] */
    cr_buffer *tangent_scratches;  /* [n_steps] */
    cr_buffer *end;
} cr_buffers;

static inline cr_buffers cr_compiler_buffers(const cr_compiler *c)
{
    const int n_values = c->graph->n_values, n_steps = c->net->n_steps;
    cr_buffers b = {.values = c->buffers};
    b.gradients = b.values + n_values;
    b.scratches = b.gradients + n_values;
    b.masks = b.scratches + 2 * n_steps;
    b.tangents = b.masks + n_steps;
    b.tangent_scratches = b.tangents + n_values;
    b.end = b.tangent_scratches + n_steps;
    return b;
}

/* When, in the steps of a buffer's time, backward begins, and when all is done. */
static inline int cr_compiler_back(const cr_compiler *c)
{
    return c->net->zeros ? 2 * c->net->n_steps : c->net->n_steps;
}

static inline int cr_compiler_end(const cr_compiler *c)
{
    return cr_compiler_back(c) + c->net->n_steps;
}

/* The inputs of a live node: its activations, by root, then what was fused into it. */
static inline int cr_compiler_n_inputs(const cr_compiler *c, int i)
{
    return c->graph->nodes[i].n_x + (c->added[i] >= 0);
}

static inline int cr_compiler_input(const cr_compiler *c, int i, int j)
{
    const cr_node *node = &c->graph->nodes[i];
    return c->root[j < node->n_x ? node->x[j] : c->added[i]];
}

static inline bool cr_compiler_runs_back(const cr_compiler *c, int i)
{
    for (int j = 0; j < cr_compiler_n_inputs(c, i); j++)
        if (c->gradient[cr_compiler_input(c, i, j)])
            return true;
    return false;
}

/* The step of a root; -1 of the input. */
static inline int cr_compiler_maker(const cr_compiler *c, int root)
{
    const int node = c->graph->values[root].producer;
    return node < 0 ? -1 : c->step_of[node];
}

/* Whether node i runs along tangents. */
static inline bool cr_compiler_bends(const cr_compiler *c, int i)
{
    for (int j = 0; j < cr_compiler_n_inputs(c, i); j++)
        if (c->tangent[cr_compiler_input(c, i, j)])
            return true;
    return false;
}

/* Where a root lies in the arena, how far its pixels are from one another if it lies in another value (0:
 * they follow one another), and its images; once the buffers have places. */
size_t cr_compiler_place(const cr_compiler *c, int root);
ptrdiff_t cr_compiler_pixel_step(const cr_compiler *c, int root);
size_t cr_compiler_image_stride(const cr_compiler *c, int root);

/* tail.c: c->behind is target t and what depends on it; c->crosses what else is read to compute that. */
void cr_tail_mark(cr_compiler *c, int t);
cr_status cr_tail_make(cr_compiler *c, int t, cr_tail *tail, cr_error *err);

/* fusing.c: takes into each node the affines, then the sum and then the clamp that follow it. */
cr_status cr_fuse(cr_compiler *c, cr_error *err);

/* place.c: fills home, at and in_place. */
cr_status cr_values_place(cr_compiler *c, cr_error *err);

/* cr_reals that so many elements take, of one image or gradient. */
static inline size_t cr_reals_of(size_t n, bool half)
{
    return half ? (n * sizeof(cr_bfloat16) + sizeof(cr_real) - 1) / sizeof(cr_real) : n;
}

/* pieces.c: how node i is computed in pieces. */
cr_pieces cr_pieces_of(const cr_compiler *c, int i);

/* precision.c: which nodes round their weights, and what is stored as bfloat16; values have their homes. Then,
 * once there are groups, adds to the scratch of each step what it converts. */
void cr_precision_choose(cr_compiler *c);
size_t cr_precision_scratch(const cr_node *node); /* before that */
void cr_precision_take_scratch(const cr_compiler *c);

/* rooms.c: sizes and times of all buffers, and with them c->group; the nodes' steps are known. */
cr_status cr_rooms_find(cr_compiler *c, cr_error *err);

#endif
