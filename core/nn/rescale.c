/* DeepLIFT's rescale rule: multipliers go back in the place of gradients. Where a function bends, its slope
 * becomes the slope between an image and a reference, which went through the network in the same pass; all that
 * is linear passes multipliers as it passes gradients. So the multipliers times the differences at the input sum
 * up to the difference of the logits.
 *
 * Formulas: Shrikumar et al., ICML 2017, section 3.5.1; of a maximum as captum's DeepLift has it, which shares
 * out separately what the image and what the reference is the larger by. */
#include "relevance.h"

/* Differences below this are none: the slope is the function's own there, as captum has it. */
#define LEAST 1e-10

bool cr_node_rescales(const cr_node *node)
{
    return node->flags & (CR_OP_ALIAS | CR_OP_LINEAR | CR_OP_CONCAT | CR_OP_MOVES | CR_OP_AFFINE |
                          CR_OP_CLAMP | CR_OP_ACTIVATES | CR_OP_POOLS);
}

typedef struct pair {
    const cr_step *step;
    cr_run run;                          /* of the image; m multipliers */
    const cr_real *const *x, *const *x0; /* of the image and of the reference */
    size_t size_x, size_y;
    cr_real *z, *z0, *slope, *s, *t; /* as y */
    cr_real *d, *g, *h;              /* as x */
} pair;

static cr_real clamped(cr_clamp clamp, cr_real z)
{
    return z < clamp.lo ? clamp.lo : z > clamp.hi ? clamp.hi : z;
}

/* What the step computes before its clamp, the sum that is fused into it included. */
static void compute(const pair *p, const cr_real *const *x, cr_real *y)
{
    cr_node unclamped = p->step->node;
    unclamped.clamp = CR_NO_CLAMP;
    cr_run run = p->run;
    run.node = &unclamped;
    run.x = x;
    run.y = y;
    run.y_step = 0;
    p->step->node.op->forward(&run);
}

static void find_slopes(const pair *p)
{
    const cr_clamp clamp = p->step->node.clamp;
    for (size_t i = 0; i < p->size_y; i++) {
        const cr_real d = p->z[i] - p->z0[i];
        const bool inside = p->z[i] > clamp.lo && p->z[i] < clamp.hi;
        p->slope[i] = fabs((double)d) < LEAST
                          ? (cr_real)inside
                          : (clamped(clamp, p->z[i]) - clamped(clamp, p->z0[i])) / d;
    }
}

static void back(const pair *p, const cr_real *const *x, cr_real *dy, cr_real *const *dx)
{
    cr_run run = p->run;
    run.m = 1;
    run.x = x;
    run.dy = dy;
    run.dx = dx;
    p->step->node.op->backward(&run);
}

static void clear(cr_real *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = 0;
}

/* x - x0 of the only input, its elements alone. */
static void find_difference(const pair *p)
{
    const size_t step = (size_t)p->run.x_step[0];
    const size_t n = step ? p->size_x / (p->step->x_stride[0] / step) : p->size_x;
    for (size_t i = 0; i < p->size_x; i++) {
        const size_t at = step ? i / n * step + i % n : i;
        p->d[i] = p->x[0][at] - p->x0[0][at];
    }
}

/* A function of single values: z and z0 are its results. */
static void share_function(const pair *p, cr_real *s, cr_real *dx)
{
    clear(p->g, p->size_x);
    back(p, p->x, s, (cr_real *const[]){p->g});
    for (size_t i = 0; i < p->size_x; i++)
        dx[i] += fabs((double)p->d[i]) < LEAST ? p->g[i] : s[i] * ((p->z[i] - p->z0[i]) / p->d[i]);
}

static void share_maximum(const pair *p, cr_real *s, cr_real *dx)
{
    clear(p->g, p->size_x);
    clear(p->h, p->size_x);
    back(p, p->x, s, (cr_real *const[]){p->h});
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < p->size_y; i++) {
            const cr_real most = p->z[i] > p->z0[i] ? p->z[i] : p->z0[i];
            p->t[i] = s[i] * (k ? p->z[i] - most : most - p->z0[i]);
        }
        back(p, k ? p->x0 : p->x, p->t, (cr_real *const[]){p->g});
    }
    for (size_t i = 0; i < p->size_x; i++)
        dx[i] += fabs((double)p->d[i]) < LEAST ? p->h[i] : p->g[i] / p->d[i];
}

/* One multiplier's way through the step. */
static void share(const pair *p, int slot)
{
    const cr_node *node = &p->step->node;
    const bool clamps = cr_clamps(node->clamp);
    cr_real *dx[CR_MAX_ACTIVATIONS] = {NULL};
    for (int j = 0; j < node->n_x; j++)
        dx[j] = p->run.dx[j] ? p->run.dx[j] + (size_t)slot * p->step->x_size[j] : NULL;
    for (size_t i = 0; i < p->size_y; i++)
        p->s[i] = p->run.dy[(size_t)slot * p->size_y + i] * (clamps ? p->slope[i] : 1);
    cr_real *added = p->step->adds ? dx[node->n_x - 1] : NULL;
    for (size_t i = 0; added && i < p->size_y; i++)
        added[i] += p->s[i];
    const bool bends = !(node->flags & (CR_OP_LINEAR | CR_OP_ALIAS | CR_OP_MOVES));
    if (!bends)
        back(p, p->x, p->s, dx);
    else if (dx[0] && node->flags & CR_OP_POOLS)
        share_maximum(p, p->s, dx[0]);
    else if (dx[0])
        share_function(p, p->s, dx[0]);
}

static void carve(pair *p, cr_real *scratch)
{
    cr_real **like_y[] = {&p->z, &p->z0, &p->slope, &p->s, &p->t};
    cr_real **like_x[] = {&p->d, &p->g, &p->h};
    for (int k = 0; k < 5; k++, scratch += cr_whole_lines(p->size_y))
        *like_y[k] = scratch;
    for (int k = 0; k < 3; k++, scratch += cr_whole_lines(p->size_x))
        *like_x[k] = scratch;
    p->run.scratch = scratch;
}

void cr_step_rescale(const cr_step *step, const cr_run *run, int reference)
{
    const cr_real *x0[CR_MAX_ACTIVATIONS];
    pair p = {.step = step,
              .run = *run,
              .x = run->x,
              .x0 = x0,
              .size_x = step->x_size[0],
              .size_y = step->y_size};
    carve(&p, run->scratch);
    p.run.n = 1;
    for (int j = 0; j < step->node.n_x; j++)
        x0[j] = run->x[j] + (ptrdiff_t)reference * (ptrdiff_t)step->x_stride[j];
    const bool bends = !(step->node.flags & (CR_OP_LINEAR | CR_OP_ALIAS | CR_OP_MOVES));
    if (cr_clamps(step->node.clamp) || bends) {
        compute(&p, p.x, p.z);
        compute(&p, p.x0, p.z0);
    }
    if (cr_clamps(step->node.clamp))
        find_slopes(&p);
    if (bends)
        find_difference(&p);
    for (int slot = 0; slot < run->m; slot++)
        share(&p, slot);
}
