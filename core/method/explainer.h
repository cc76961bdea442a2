/* explainer.h - what a cr_explainer is made of: planned by explain.c, run by explain_run.c. */
#ifndef CAMRANK_METHOD_EXPLAINER_H
#define CAMRANK_METHOD_EXPLAINER_H

#include "internal.h"

#include "camrank/explain.h"

#include <string.h>

/* A variant at one of its layers: target number `p` of the net for part p. */
typedef struct cr_part {
    const cr_variant *variant;
    const cr_variant_layer *layer;
    int index;   /* of the variant */
    int pass;    /* the first part that follows the same target back */
    size_t kept; /* of several layers: where its maps are in `kept` */
    size_t
        held; /* of passes: where its activations are in `held`, and, if they begin at the layer, what
                    crosses it */
    size_t held_size;        /* of an input, there */
    int first_look, n_looks; /* of the attentions */
    int first_end; /* target of the net that is the end of the first block; -1: none are wanted */
    size_t seen, seen_size; /* of what it keeps of an input of a backward pass, in `seen` */
} cr_part;

struct cr_explainer {
    const cr_graph *graph;
    cr_net *net;
    cr_head head;
    size_t n_head;           /* of head_block: 0 if the head's weights serve nobody */
    const float *head_block; /* [n_classes][n_channels] behind the net's weights */
    bool abandoned;
    cr_real black[4], white[4]; /* of each channel */
    const int32_t *segments;    /* [batch][H W], or of all the same, and */
    bool same_segments;
    const cr_real *baselines; /* [n_baselines][H W C], where they are given */
    int n_baselines;
    int batch, n_variants, n_parts, n_slots;
    int n_attentions, attention_target; /* the first of them is this target of the net */
    cr_attention *attentions;           /* [n_attentions] that any part looks at */
    cr_look *looks;                     /* as many: those of one part */
    cr_variant *variants;
    cr_part *parts; /* [n_parts] in the order of the variants */
    int32_t *
        classes; /* [batch][n_slots] followed in each input, and behind them those of one input again
                         and again */
    /* Parts of the arena, in cr_reals behind the net's: gradients of one input that are the same at
     * every place, [n_sets][n_slots][largest C]; its maps; scratch; d target / d logits,
     * [images of a backward pass][n_sets][n_slots][n_classes]. */
    size_t n_rows, n_maps, n_scratch, n_seeds;
    cr_real *rows, *maps, *scratch, *seeds;
    /* For methods that pass again: what the first pass gave of the whole batch, inputs [H W C] and
     * logits first; a mask, and places of a row. */
    size_t n_held, n_mask;
    cr_real *held, *mask;
    int *held_rows; /* [batch] */
    size_t
        n_picked; /* gradients of one input at a layer whose map is not all of it, and that alone */
    cr_real *picked;
    size_t n_ends; /* for gradients at the ends of blocks */
    cr_real *ends;
    size_t n_seen; /* what methods keep of the inputs of a backward pass */
    cr_real *seen;
    size_t n_kept; /* behind them: maps at the layers that are fused, as the caller's are */
    float *kept;
};

/* cr_reals of an input of the network. */
static inline size_t cr_explainer_input_size(const cr_explainer *ex)
{
    const cr_shape shape = cr_graph_input_shape(ex->graph);
    return (size_t)cr_shape_c(&shape) * (size_t)cr_shape_h(&shape) * (size_t)cr_shape_w(&shape);
}

static inline bool cr_head_is_linear(const cr_head *head)
{
    return head->kind == CR_HEAD_GAP_LINEAR || head->kind == CR_HEAD_GMP_LINEAR;
}

static inline bool cr_part_needs(const cr_part *p, unsigned what)
{
    return p->layer->method->needs & what;
}

static inline size_t cr_part_n_places(const cr_part *p)
{
    return (size_t)p->layer->map.width * (size_t)p->layer->map.height;
}

/* cr_reals of an input at the layer: of its map, before that, and of all there is. */
static inline size_t cr_part_size(const cr_part *p)
{
    return cr_part_n_places(p) * (size_t)p->layer->map.n_channels;
}

static inline size_t cr_part_skip(const cr_part *p)
{
    return (size_t)p->layer->map.skip * (size_t)p->layer->map.n_channels;
}

static inline size_t cr_part_room(const cr_part *p)
{
    return (size_t)p->layer->map.rows * (size_t)p->layer->map.n_channels;
}

static inline bool cr_part_is_fused(const cr_part *p)
{
    return p->variant->n_layers > 1;
}

/* How many gradients it takes for each slot: the second is how the first changes. */
static inline int cr_part_n_sets(const cr_part *p)
{
    return cr_part_needs(p, CR_NEEDS_CURVATURE) ? 2 : 1;
}

/* Whether its gradients are those of each block by itself. */
static inline bool cr_part_is_of_blocks(const cr_part *p)
{
    return p->layer->method->pools_blocks;
}

/* Whether it follows relevance back, and by which rules. */
static inline bool cr_part_rules(const cr_explainer *ex, const cr_part *p, cr_relevance *rules)
{
    if (!p->layer->method->relevance)
        return false;
    *rules = (cr_relevance){0};
    p->layer->method->relevance(p->variant->spec.parameters.bytes, rules);
    for (int c = 0; c < 4; c++) {
        rules->low[c] = ex->black[c] < ex->white[c] ? ex->black[c] : ex->white[c];
        rules->high[c] = ex->black[c] < ex->white[c] ? ex->white[c] : ex->black[c];
    }
    return true;
}

/* Whether passes begin at the layer. */
static inline bool cr_part_has_tail(const cr_part *p)
{
    return cr_variant_has_tail(p->layer->method, p->layer);
}

static inline bool cr_part_passes(const cr_part *p)
{
    return cr_part_needs(p, CR_NEEDS_PASSES) || cr_part_has_tail(p);
}

/* Whether it follows a target back from the first pass. */
static inline bool cr_part_follows(const cr_part *p)
{
    return p->layer->back && !cr_part_passes(p);
}

/* Whether its gradients are made of the head's weights. */
static inline bool cr_part_is_uniform(const cr_part *p)
{
    return p->layer->averaged && (cr_part_needs(p, CR_NEEDS_GRADIENTS) || p->layer->method->linear);
}

#endif
