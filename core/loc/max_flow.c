/* Augmenting paths between two trees, one grown from the source and one from the sink, which are mended
 * after each path (Boykov and Kolmogorov, IEEE TPAMI 26, 2004). Pixels have a margin all round whose
 * links carry nothing, so that no step asks where the grid ends. */
#include "max_flow.h"

#include <string.h>

enum { WAYS = 8 };                      /* way ^ 1 is the way back */
enum { TERMINAL = WAYS, ORPHAN, NONE }; /* in place of the way to the parent */
enum { FREE, SOURCE, SINK };            /* trees */

typedef struct node {
    int32_t links[WAYS]; /* what can still flow to each neighbour */
    int32_t terminal;    /* what the source can still give, or, below 0, the sink take */
    int32_t next;        /* of those that can grow, itself for the last; -1: it is not among them */
    int32_t distance, time; /* to the terminal, and when that was found */
    uint8_t tree, parent;   /* the way to it */
} node;

typedef struct state {
    node *nodes;
    int32_t steps[WAYS]; /* from a node to its neighbours */
    int32_t first, last; /* of those that can grow; -1 */
    int32_t *orphans;    /* [size] a ring */
    int32_t size, begin, n_orphans;
    int32_t time;
    int64_t flow;
} state;

static void activate(state *s, int32_t at)
{
    if (s->nodes[at].next >= 0)
        return;
    s->nodes[at].next = at;
    if (s->last >= 0)
        s->nodes[s->last].next = at;
    else
        s->first = at;
    s->last = at;
}

static int32_t take_active(state *s)
{
    const int32_t at = s->first;
    if (at < 0)
        return at;
    s->first = s->nodes[at].next;
    s->nodes[at].next = -1;
    if (s->first == at)
        s->first = s->last = -1;
    return at;
}

static void add_orphan(state *s, int32_t at)
{
    s->nodes[at].parent = ORPHAN;
    s->orphans[(s->begin + s->n_orphans++) % s->size] = at;
}

/* What can still flow along a link of a tree: from the source's side on, or towards the sink. */
static int32_t *downwards(const state *s, int32_t parent, int way)
{
    node *of = &s->nodes[parent];
    return of->tree == SOURCE ? &of->links[way] : &s->nodes[parent + s->steps[way]].links[way ^ 1];
}

/* Lets the tree of a node grow over its neighbours. The way to a neighbour of the other tree, or NONE. */
static int grow(state *s, int32_t at)
{
    node *p = &s->nodes[at];
    for (int way = 0; way < WAYS; way++) {
        const int32_t to = at + s->steps[way];
        node *q = &s->nodes[to];
        if (*downwards(s, at, way) <= 0)
            continue;
        if (q->tree == FREE) {
            q->tree = p->tree;
        } else if (q->tree != p->tree) {
            return way;
        } else if (q->time > p->time || q->distance <= p->distance) {
            continue;
        } else {
            q->parent = (uint8_t)(way ^ 1);
            q->distance = p->distance + 1;
            q->time = p->time;
            continue;
        }
        q->parent = (uint8_t)(way ^ 1);
        q->distance = p->distance + 1;
        q->time = p->time;
        activate(s, to);
    }
    return NONE;
}

/* The least that can flow between a node and its terminal, and `most`. */
static int32_t find_least(const state *s, int32_t at, int32_t most)
{
    while (s->nodes[at].parent != TERMINAL) {
        const int way = s->nodes[at].parent;
        const int32_t parent = at + s->steps[way];
        const int32_t carries = *downwards(s, parent, way ^ 1);
        most = carries < most ? carries : most;
        at = parent;
    }
    const int32_t end = s->nodes[at].terminal;
    return (end < 0 ? -end : end) < most ? (end < 0 ? -end : end) : most;
}

/* Sends so much along that path. */
static void send(state *s, int32_t at, int32_t amount)
{
    while (s->nodes[at].parent != TERMINAL) {
        const int way = s->nodes[at].parent;
        const int32_t parent = at + s->steps[way];
        const bool of_source = s->nodes[at].tree == SOURCE;
        int32_t *down = downwards(s, parent, way ^ 1);
        *down -= amount;
        *(of_source ? &s->nodes[at].links[way] : &s->nodes[parent].links[way ^ 1]) += amount;
        if (*down == 0)
            add_orphan(s, at);
        at = parent;
    }
    node *end = &s->nodes[at];
    end->terminal += end->tree == SOURCE ? -amount : amount;
    if (end->terminal == 0)
        add_orphan(s, at);
}

/* Along a link at which the trees meet. */
static void augment(state *s, int32_t at, int way)
{
    const int32_t to = at + s->steps[way];
    const bool forwards = s->nodes[at].tree == SOURCE;
    int32_t *link = forwards ? &s->nodes[at].links[way] : &s->nodes[to].links[way ^ 1];
    int32_t *back = forwards ? &s->nodes[to].links[way ^ 1] : &s->nodes[at].links[way];
    const int32_t amount = find_least(s, to, find_least(s, at, *link));
    *link -= amount;
    *back += amount;
    send(s, at, amount);
    send(s, to, amount);
    s->flow += amount;
}

/* Steps to the terminal, or -1 where the path ends at an orphan. */
static int32_t measure(state *s, int32_t at)
{
    int32_t n = 0, end = at;
    while (s->nodes[end].time != s->time) {
        node *p = &s->nodes[end];
        n++;
        if (p->parent == ORPHAN)
            return -1;
        if (p->parent == TERMINAL) {
            p->time = s->time;
            p->distance = 1;
            n--;
            break;
        }
        end += s->steps[p->parent];
    }
    n += s->nodes[end].distance;
    for (int32_t i = at, d = n; s->nodes[i].time != s->time; d--) {
        s->nodes[i].time = s->time;
        s->nodes[i].distance = d;
        i += s->steps[s->nodes[i].parent];
    }
    return n;
}

/* What can flow from a neighbour of its tree to a node, or from it to the neighbour in the sink's. */
static bool can_be_parent(const state *s, int32_t at, int way)
{
    const int32_t to = at + s->steps[way];
    return s->nodes[to].tree == s->nodes[at].tree && *downwards(s, to, way ^ 1) > 0;
}

/* Finds a new parent, or lets the node go, and its children. */
static void adopt(state *s, int32_t at)
{
    node *p = &s->nodes[at];
    int32_t least = INT32_MAX;
    int best = NONE;
    for (int way = 0; way < WAYS; way++) {
        if (!can_be_parent(s, at, way))
            continue;
        const int32_t steps = measure(s, at + s->steps[way]);
        if (steps >= 0 && steps < least) {
            least = steps;
            best = way;
        }
    }
    if (best != NONE) {
        p->parent = (uint8_t)best;
        p->time = s->time;
        p->distance = least + 1;
        return;
    }
    for (int way = 0; way < WAYS; way++) {
        const int32_t to = at + s->steps[way];
        if (s->nodes[to].tree != p->tree)
            continue;
        if (can_be_parent(s, at, way))
            activate(s, to);
        if (s->nodes[to].parent == (way ^ 1))
            add_orphan(s, to);
    }
    p->tree = FREE;
    p->parent = NONE;
}

static void run(state *s)
{
    int32_t at = -1;
    for (;;) {
        while (at < 0 || s->nodes[at].tree == FREE) {
            at = take_active(s);
            if (at < 0)
                return;
        }
        const int way = grow(s, at);
        if (way == NONE) {
            at = -1;
            continue;
        }
        s->time++;
        augment(s, at, way);
        while (s->n_orphans > 0) {
            const int32_t orphan = s->orphans[s->begin];
            s->begin = (s->begin + 1) % s->size;
            s->n_orphans--;
            adopt(s, orphan);
        }
    }
}

static int32_t least_of(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The shortest paths need no trees: along a link from what the source gives to, to what the sink takes from. */
static void send_directly(state *s, int32_t at)
{
    node *p = &s->nodes[at];
    for (int way = 0; way < WAYS && p->terminal > 0; way++) {
        node *q = &s->nodes[at + s->steps[way]];
        if (q->terminal >= 0 || p->links[way] == 0)
            continue;
        const int32_t amount = least_of(p->links[way], least_of(p->terminal, -q->terminal));
        p->links[way] -= amount;
        q->links[way ^ 1] += amount;
        p->terminal -= amount;
        q->terminal += amount;
        s->flow += amount;
    }
}

/* Both trees are the pixels that have something left at a terminal. */
static void start(state *s, int width, int height, const int32_t *terminals, const int32_t *links)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const size_t pixel = (size_t)y * (size_t)width + (size_t)x;
            const bool to[] = {x + 1 < width, y + 1 < height, x + 1 < width && y + 1 < height,
                               x > 0 && y + 1 < height};
            const int32_t at = (y + 1) * s->steps[2] + x + 1;
            node *p = &s->nodes[at];
            for (int k = 0; k < 4; k++)
                if (to[k]) {
                    p->links[2 * k] = links[4 * pixel + (size_t)k];
                    s->nodes[at + s->steps[2 * k]].links[2 * k + 1] = links[4 * pixel + (size_t)k];
                }
            p->terminal = terminals[pixel];
        }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            send_directly(s, (y + 1) * s->steps[2] + x + 1);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int32_t at = (y + 1) * s->steps[2] + x + 1;
            node *p = &s->nodes[at];
            if (p->terminal == 0)
                continue;
            p->tree = p->terminal > 0 ? SOURCE : SINK;
            p->parent = TERMINAL;
            p->distance = 1;
            activate(s, at);
        }
}

cr_status cr_max_flow(int width, int height, const int32_t *terminals, const int32_t *links,
                      uint8_t *sides, int64_t *flow, cr_loc_workspace *workspace, cr_error *err)
{
    const int32_t stride = width + 2;
    const size_t n = (size_t)stride * ((size_t)height + 2);
    state s = {
        .nodes = cr_loc_room(workspace, CR_PART_NODES, n, sizeof *s.nodes, err),
        .orphans = cr_loc_room(workspace, CR_PART_ORPHANS, n, sizeof *s.orphans, err),
        .steps = {1, -1, stride, -stride, stride + 1, -stride - 1, stride - 1, -stride + 1},
        .first = -1,
        .last = -1,
        .size = (int32_t)n,
    };
    if (!s.nodes || !s.orphans)
        return CR_EINTERNAL;
    memset(s.nodes, 0, n * sizeof *s.nodes);
    for (size_t i = 0; i < n; i++) {
        s.nodes[i].next = -1;
        s.nodes[i].parent = NONE;
    }
    start(&s, width, height, terminals, links);
    run(&s);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            *sides++ = s.nodes[(y + 1) * stride + x + 1].tree == SOURCE;
    *flow = s.flow;
    return CR_OK;
}
