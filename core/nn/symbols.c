/* Names and the numbers that they stand for: a hash table with open places, in an arena. */
#include "graph.h"

static size_t hash(const char *name)
{
    uint64_t value = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *name; name++)
        value = (value ^ (uint8_t)*name) * UINT64_C(1099511628211);
    return (size_t)(value ^ value >> 32);
}

cr_status cr_symbols_init(cr_symbols *names, cr_arena *arena, size_t n, cr_error *err)
{
    names->n_places = 16;
    while (names->n_places < 2 * n)
        names->n_places *= 2;
    names->places = cr_arena_alloc(arena, names->n_places, sizeof *names->places);
    return names->places ? CR_OK
                         : cr_fail_memory(err, "names", names->n_places, sizeof *names->places);
}

/* Where the name is, or is to be. */
static cr_symbol *place_of(const cr_symbols *names, const char *name)
{
    size_t at = hash(name) & (names->n_places - 1);
    while (names->places[at].name && strcmp(names->places[at].name, name) != 0)
        at = (at + 1) & (names->n_places - 1);
    return &names->places[at];
}

int cr_symbols_find(const cr_symbols *names, const char *name)
{
    const cr_symbol *place = place_of(names, name);
    return place->name ? place->number : -1;
}

void cr_symbols_put(cr_symbols *names, const char *name, int number)
{
    *place_of(names, name) = (cr_symbol){name, number};
}
