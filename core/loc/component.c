/* Connected components of runs, by union-find: of two that meet the smaller label stays, and of
 * equal areas the one that begins first is the largest. */
#include "component.h"

#include <stddef.h>

static int32_t root_of(cr_component *labels, int32_t i)
{
    while (labels[i].parent != i) {
        labels[i].parent = labels[labels[i].parent].parent; /* halves the path for the next time */
        i = labels[i].parent;
    }
    return i;
}

static void grow(cr_box *box, const cr_box *other)
{
    if (other->x0 < box->x0)
        box->x0 = other->x0;
    if (other->y0 < box->y0)
        box->y0 = other->y0;
    if (other->x1 > box->x1)
        box->x1 = other->x1;
    if (other->y1 > box->y1)
        box->y1 = other->y1;
}

/* The root of the union, which is the smaller label. */
static int32_t join(cr_component *labels, int32_t a, int32_t b)
{
    a = root_of(labels, a);
    b = root_of(labels, b);
    if (a == b)
        return a;
    int32_t kept = a < b ? a : b, lost = a < b ? b : a;
    labels[lost].parent = kept;
    labels[kept].area += labels[lost].area;
    grow(&labels[kept].box, &labels[lost].box);
    return kept;
}

int cr_find_runs(const uint8_t *row, int width, int value, cr_run *runs)
{
    int n = 0;
    for (int x = 0; x < width; x++)
        if (row[x] == value) {
            if (n > 0 && runs[n - 1].x1 == x - 1)
                runs[n - 1].x1 = x;
            else
                runs[n++] = (cr_run){x, x, -1};
        }
    return n;
}

void cr_components_add(cr_components *c, int y, cr_run *runs, int n_runs)
{
    int k = 0; /* the first run above that can still touch this run or a later one */
    for (int i = 0; i < n_runs; i++) {
        cr_run *run = &runs[i];
        int32_t label = -1;
        while (k < c->n_above && c->above[k].x1 + c->reach < run->x0)
            k++;
        for (int j = k; j < c->n_above && c->above[j].x0 - c->reach <= run->x1; j++)
            label = label < 0 ? root_of(c->labels, c->above[j].label)
                              : join(c->labels, label, c->above[j].label);
        cr_box box = {run->x0, y, run->x1, y};
        if (label < 0) {
            label = c->n_labels++;
            c->labels[label] = (cr_component){label, 0, box};
        }
        c->labels[label].area += run->x1 - run->x0 + 1;
        grow(&c->labels[label].box, &box);
        run->label = label;
    }
    c->above = runs;
    c->n_above = n_runs;
}

const cr_component *cr_components_largest(const cr_components *c)
{
    const cr_component *largest = NULL;
    for (int32_t i = 0; i < c->n_labels; i++)
        if (c->labels[i].parent == i && (!largest || c->labels[i].area > largest->area))
            largest = &c->labels[i];
    return largest;
}
