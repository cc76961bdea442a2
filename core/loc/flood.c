/* Parts and holes at all levels, pixel by pixel in the order of their values. What a pixel joins is
 * looked up by which of its neighbours are in; areas and Euler numbers are sums of integers. */
#include "flood.h"

static bool in(int mask, int d)
{
    return mask >> (d & 7) & 1;
}

/* The ring of neighbours falls into runs of such that are connected without the pixel. Two sides are
 * neighbours across their corner if 8 directions count; corners alone are nothing if 4 do. */
static void find_joins(cr_flood_rule *rule, int mask, bool eight)
{
    int step = eight ? 1 : 2;
    for (int d = 0; d < 8; d += step) {
        if (!in(mask, d))
            continue;
        /* d is the last of its run if nothing clockwise of it continues the run. */
        bool side = d % 2 == 0;
        bool goes_on = eight ? in(mask, d + 1) || (side && in(mask, d + 2))
                             : in(mask, d + 1) && in(mask, d + 2);
        if (!goes_on)
            rule->joins[rule->n_joins++] = (uint8_t)d;
    }
    if (rule->n_joins == 0) /* no neighbour at all, or the run is a full turn */
        for (int d = 0; d < 8 && rule->n_joins == 0; d += step)
            if (in(mask, d))
                rule->joins[rule->n_joins++] = (uint8_t)d;
}

/* Area and Euler number are sums over the 2 x 2 windows of a picture: a window with three pixels in has
 * half the area of a full one; 4 euler = n(one in) - n(three in) - 2 n(two in, diagonally), for
 * 8-connected parts (Gray, IEEE Trans. Computers C-20, 1971). The pixel is in four windows. */
static void find_sums(cr_flood_rule *rule, int mask)
{
    for (int corner = 1; corner < 8; corner += 2) {
        bool diagonal = in(mask, corner);
        int sides = in(mask, corner - 1) + in(mask, corner + 1), n = sides + diagonal;
        int was = n == 1 ? 1 : n == 3 ? -1 : sides == 2 ? -2 : 0;
        int is = n == 0 ? 1 : n == 2 ? -1 : n == 1 && diagonal ? -2 : 0;
        rule->sums += (is - was) * CR_EULER + (n >= 2);
    }
}

void cr_flood_start(cr_flood *flood, const cr_levels *levels, cr_flood_kind kind)
{
    flood->levels = levels;
    flood->kind = kind;
    flood->n_parts = flood->n_alive = flood->n_changed = flood->n_lost = 0;
    for (int mask = 0; mask < 256; mask++) {
        flood->rules[mask] = (cr_flood_rule){0};
        find_joins(&flood->rules[mask], mask, kind == CR_FLOOD_FOREGROUND);
        find_sums(&flood->rules[mask], mask);
    }
    if (kind == CR_FLOOD_HOLES)
        flood->parts[flood->n_parts++] = (cr_part){0};
}

static int root_of(cr_part *parts, int i)
{
    while (parts[i].parent != i) {
        parts[i].parent = parts[parts[i].parent].parent; /* halves the path for the next time */
        i = parts[i].parent;
    }
    return i;
}

static void note_change(cr_flood *flood, int i)
{
    if (!flood->parts[i].changed) {
        flood->parts[i].changed = true;
        flood->changed[flood->n_changed++] = (uint16_t)i;
    }
}

static void widen(cr_flood *flood, int i, int x0, int y0, int x1, int y1)
{
    cr_part *part = &flood->parts[i];
    part->x0 = (uint8_t)(x0 < part->x0 ? x0 : part->x0);
    part->y0 = (uint8_t)(y0 < part->y0 ? y0 : part->y0);
    part->x1 = (uint8_t)(x1 > part->x1 ? x1 : part->x1);
    part->y1 = (uint8_t)(y1 > part->y1 ? y1 : part->y1);
    note_change(flood, i);
}

static inline void grow(cr_flood *flood, int i, int x0, int y0, int x1, int y1)
{
    const cr_part *part = &flood->parts[i];
    if ((x0 < part->x0) | (y0 < part->y0) | (x1 > part->x1) | (y1 > part->y1))
        widen(flood, i, x0, y0, x1, y1);
}

/* The older part stays, so that the outside does. */
static int join(cr_flood *flood, int a, int b)
{
    if (a == b)
        return a;
    int kept = a < b ? a : b, lost = a < b ? b : a;
    cr_part *from = &flood->parts[lost], *to = &flood->parts[kept];
    from->parent = (uint16_t)kept;
    flood->lost[flood->n_lost++] = (uint16_t)lost;
    to->sums += from->sums;
    to->first = from->first < to->first ? from->first : to->first;
    grow(flood, kept, from->x0, from->y0, from->x1, from->y1);
    return kept;
}

static int new_part(cr_flood *flood)
{
    int i = flood->n_parts++;
    flood->parts[i] = (cr_part){.parent = (uint16_t)i, .x0 = 255, .y0 = 255, .first = UINT16_MAX};
    flood->alive[flood->n_alive++] = (uint16_t)i;
    return i;
}

/* The part that a pixel comes to where it does not just join one. */
static int make_part(cr_flood *flood, int place, const cr_flood_rule *rule)
{
    if (rule->n_joins == 0)
        return new_part(flood);
    int part = root_of(flood->parts, flood->label[place + cr_neighbour[rule->joins[0]]]);
    for (int k = 1; k < rule->n_joins; k++)
        part = join(flood, part,
                    root_of(flood->parts, flood->label[place + cr_neighbour[rule->joins[k]]]));
    return part;
}

static inline int find_part(cr_flood *flood, int place, const cr_flood_rule *rule)
{
    if (rule->n_joins != 1)
        return make_part(flood, place, rule);
    int i = flood->label[place + cr_neighbour[rule->joins[0]]];
    return flood->parts[i].parent == i ? i : root_of(flood->parts, i);
}

static inline void add_foreground(cr_flood *flood, int place)
{
    const cr_flood_rule *rule = &flood->rules[flood->levels->before[place]];
    int x = cr_place_x(place), y = cr_place_y(place), i = find_part(flood, place, rule);
    cr_part *part = &flood->parts[i];
    flood->label[place] = (uint16_t)i;
    part->sums += rule->sums;
    if (place < part->first)
        part->first = (uint16_t)place;
    grow(flood, i, x, y, x, y);
}

/* A pixel of the edge belongs to the outside, and so does what it touches. */
static void add_edge(cr_flood *flood, int place, int mask)
{
    for (int d = 0; d < 8; d += 2) {
        int to = place + cr_neighbour[d], x = cr_place_x(to), y = cr_place_y(to);
        if (in(mask, d) && x >= 0 && x < CR_FRAME && y >= 0 && y < CR_FRAME)
            join(flood, 0, root_of(flood->parts, flood->label[to]));
    }
    flood->label[place] = 0;
}

static inline void add_background(cr_flood *flood, int place)
{
    int x = cr_place_x(place), y = cr_place_y(place), mask = ~flood->levels->before[place] & 255;
    if ((x == 0) | (y == 0) | (x == CR_FRAME - 1) | (y == CR_FRAME - 1)) {
        add_edge(flood, place, mask);
        return;
    }
    int i = find_part(flood, place, &flood->rules[mask]);
    flood->label[place] = (uint16_t)i;
    if (i != 0)
        grow(flood, i, x, y, x, y);
}

void cr_flood_add(cr_flood *flood, int grey)
{
    const cr_levels *levels = flood->levels;
    int first = levels->start[grey], end = grey > 0 ? levels->start[grey - 1] : CR_PIXELS;
    if (flood->kind == CR_FLOOD_FOREGROUND)
        for (int i = first; i < end; i++)
            add_foreground(flood, levels->order[i]);
    else
        for (int i = end - 1; i >= first; i--)
            add_background(flood, levels->order[i]);
}

void cr_flood_list(cr_flood *flood)
{
    int n = 0;
    for (int i = 0; i < flood->n_alive; i++)
        if (cr_flood_is_part(flood, flood->alive[i]))
            flood->alive[n++] = flood->alive[i];
    flood->n_alive = n;
}
