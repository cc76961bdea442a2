/* Further labels of images: `image,attribute`, a row for each that an image has. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* A row of an image of the set: a name in the pool, and its place when all are known. */
typedef struct context {
    const cr_dataset *data;
    cr_pool pool;
    cr_name *names; /* [n], whose text is found when the pool no longer moves */
    uint32_t *texts;
    int n, room;
} context;

static cr_status add(context *c, int image, const char *attribute, cr_error *err)
{
    if (c->n == c->room) {
        const int room = c->room ? 2 * c->room : 1024;
        cr_name *names = realloc(c->names, (size_t)room * sizeof *names);
        if (names)
            c->names = names;
        uint32_t *texts = realloc(c->texts, (size_t)room * sizeof *texts);
        if (texts)
            c->texts = texts;
        if (!names || !texts)
            return cr_fail_memory(err, "attributes", (size_t)room, sizeof *names + sizeof *texts);
        c->room = room;
    }
    c->names[c->n].value = image;
    CR_OR_RETURN(cr_pool_add(&c->pool, attribute, strlen(attribute), &c->texts[c->n], err));
    c->n++;
    return CR_OK;
}

static cr_status take_row(const cr_csv_row *in, void *user, cr_error *err)
{
    context *c = user;
    int n;
    const int first = cr_data_find_all(c->data, in->field[0], &n);
    if (!in->field[1][0])
        return cr_fail(err, CR_EINPUT, "%s:%d: no attribute", in->at.path, in->at.line);
    for (int i = first; i < first + n; i++)
        CR_OR_RETURN(add(c, i, in->field[1], err));
    return CR_OK;
}

/* Numbers the names, which are sorted, and leaves out pairs that are there twice. */
static cr_status number(context *c, cr_attributes *to, cr_error *err)
{
    const size_t n = (size_t)c->n;
    to->names = cr_alloc(n, sizeof *to->names);
    to->pairs = cr_alloc(n, sizeof *to->pairs);
    if (!to->names || !to->pairs)
        return cr_fail_memory(err, "attributes", n, sizeof *to->names + sizeof *to->pairs);
    for (int i = 0; i < c->n; i++) {
        const cr_name *name = &c->names[i];
        const bool known = i > 0 && strcmp(name->text, name[-1].text) == 0;
        if (known && name->value == name[-1].value)
            continue;
        if (!known)
            to->names[to->n_names++] = name->text;
        to->pairs[to->n_pairs++] = (struct cr_attribute_pair){to->n_names - 1, name->value};
    }
    return CR_OK;
}

cr_status cr_attributes_read(const char *path, const cr_dataset *data, cr_attributes *attributes,
                             cr_error *err)
{
    cr_status status = CR_OK;
    context c = {.data = data};
    *attributes = (cr_attributes){0};
    CR_TRY(cr_csv_read(path, "image,attribute", 2, true, take_row, &c, err));
    if (c.n == 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: no row is of an image of the results file", path));
    for (int i = 0; i < c.n; i++)
        c.names[i].text = c.pool.text + c.texts[i];
    cr_names_sort(c.names, c.n);
    CR_TRY(number(&c, attributes, err));
    attributes->text = c.pool.text;
    c.pool.text = NULL;

cleanup:
    free(c.names);
    free(c.texts);
    free(c.pool.text);
    if (status != CR_OK)
        cr_attributes_free(attributes);
    return status;
}

void cr_attributes_free(cr_attributes *attributes)
{
    free(attributes->names);
    free(attributes->pairs);
    free(attributes->text);
    *attributes = (cr_attributes){0};
}
