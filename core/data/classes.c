/* The classes of an image set. */
#include "internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

cr_status cr_classes_add(cr_class_list *list, const char *wnid, size_t n_wnid, const char *name,
                         size_t n_name, cr_error *err)
{
    cr_status status =
        cr_reserve(&list->classes, (size_t)list->n, &list->capacity, sizeof *list->classes, err);
    if (status != CR_OK)
        return status;
    cr_data_class *c = list->classes + list->n;
    *c = (cr_data_class){0};
    status = cr_pool_add(&list->pool, wnid, n_wnid, &c->wnid, err);
    if (status == CR_OK)
        status = cr_pool_add_text(&list->pool, name, n_name, &c->name, err);
    list->n += status == CR_OK;
    return status;
}

static cr_status add_line(cr_class_list *list, const char *path, const cr_line *line, cr_error *err)
{
    size_t wnid = 0;
    while (wnid < line->n && line->text[wnid] != ' ' && line->text[wnid] != '\t')
        wnid++;
    size_t name = wnid;
    while (name < line->n && (line->text[name] == ' ' || line->text[name] == '\t'))
        name++;
    if (memchr(line->text, 0, line->n))
        return cr_fail(err, CR_EINPUT, "%s:%d: a zero byte", path, line->number);
    if (!cr_is_utf8(line->text, wnid))
        return cr_fail(err, CR_EINPUT, "%s:%d: the wnid '%s' is not UTF-8", path, line->number,
                       cr_quote(line->text, wnid).text);
    if (list->n == INT_MAX)
        return cr_fail(err, CR_EINPUT, "%s:%d: too many classes", path, line->number);
    return cr_classes_add(list, line->text, wnid, line->text + name, line->n - name, err);
}

/* Classes are in the order of lines, so that line and class differ by one. */
cr_status cr_classes_index(cr_class_list *list, const char *path, cr_error *err)
{
    list->by_wnid = cr_alloc((size_t)list->n, sizeof *list->by_wnid);
    list->path = strdup(path);
    if (!list->by_wnid || !list->path)
        return cr_fail_memory(err, path, (size_t)list->n, sizeof *list->by_wnid);
    for (int i = 0; i < list->n; i++)
        list->by_wnid[i] = (cr_name){list->pool.text + list->classes[i].wnid, i};
    cr_names_sort(list->by_wnid, list->n);
    for (int i = 1; i < list->n; i++) {
        const cr_name *a = &list->by_wnid[i - 1], *b = &list->by_wnid[i];
        if (strcmp(a->text, b->text) == 0)
            return cr_fail(err, CR_EINPUT, "%s:%d: class '%s' was on line %d already", path,
                           b->value + 1, cr_quote(b->text, strlen(b->text)).text, a->value + 1);
    }
    return CR_OK;
}

/* Classes are numbered by line, so that an empty line between two of them would shift the rest. */
cr_status cr_classes_read(const char *path, cr_class_list *list, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, position = 0;
    cr_line line = {0};
    int empty = 0;
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    while (cr_line_next(bytes, n_bytes, &position, &line)) {
        if (line.n == 0) {
            empty = empty ? empty : line.number;
            continue;
        }
        if (empty) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: an empty line between classes", path, empty);
            goto cleanup;
        }
        CR_TRY(add_line(list, path, &line, err));
    }
    if (list->n == 0) {
        status = cr_fail(err, CR_EINPUT, "%s: no class in it", path);
        goto cleanup;
    }
    status = cr_classes_index(list, path, err);

cleanup:
    free(bytes);
    return status;
}

/* A list's line ends the wnid at its first blank, so that a name with blanks has `_` for each there. */
int cr_classes_find(const cr_class_list *list, const char *wnid)
{
    char joined[256];
    const size_t n = strlen(wnid);
    const cr_name *found = cr_names_find(list->by_wnid, list->n, wnid);
    if (!found && n < sizeof joined && strchr(wnid, ' ')) {
        for (size_t i = 0; i <= n; i++)
            joined[i] = wnid[i] == ' ' ? '_' : wnid[i];
        found = cr_names_find(list->by_wnid, list->n, joined);
    }
    return found ? found->value : -1;
}

static bool is_wnid(const char *text)
{
    return text[0] == 'n' && strlen(text) == 9 && strspn(text + 1, "0123456789") == 8;
}

cr_status cr_classes_check_sorted(const cr_class_list *list, const char *path, const char *who,
                                  cr_error *err)
{
    const char *text = list->pool.text;
    for (int i = 1; i < list->n; i++) {
        const char *a = text + list->classes[i - 1].wnid, *b = text + list->classes[i].wnid;
        if (is_wnid(a) && is_wnid(b) && strcmp(a, b) > 0)
            return cr_fail(err, CR_EINPUT,
                           "%s: %s numbers the classes by sorted wnids, but this list is not "
                           "sorted: class %d is %s, class %d is %s",
                           path, who, i - 1, a, i, b);
    }
    return CR_OK;
}

cr_status cr_classes_parse_index(const cr_class_list *list, const cr_place *at, const char *text,
                                 int32_t *label, cr_error *err)
{
    if (cr_parse_whole(text, list->n - 1, label))
        return CR_OK;
    int32_t number;
    const char *hint = cr_parse_whole(text, list->n, &number)
                           ? "; are these devkit ids, which count from 1 (layout devkit)?"
                           : "";
    return cr_fail(
        err, CR_EINPUT, "%s:%d: class '%s' is neither a wnid of the synset list %s nor 0 to %d%s",
        at->path, at->line, cr_quote(text, strlen(text)).text, list->path, list->n - 1, hint);
}

/* Splits a line of two words; further words are passed over. */
static cr_status read_pair(cr_pool *pool, const char *path, const cr_line *line, int32_t *number,
                           const char **word, cr_error *err)
{
    uint32_t offset;
    pool->n_bytes = 0;
    cr_status status = cr_pool_add(pool, line->text, line->n, &offset, err);
    if (status != CR_OK)
        return status;
    char *text = pool->text + offset, *second = text + strcspn(text, " \t");
    if (*second)
        *second++ = 0;
    second += strspn(second, " \t");
    second[strcspn(second, " \t")] = 0;
    if (!cr_parse_whole(text, INT_MAX, number) || *number < 1 || !*second)
        return cr_fail(err, CR_EINPUT, "%s:%d: '%s', must be a number from 1 and a class", path,
                       line->number, cr_quote(line->text, line->n).text);
    *word = second;
    return CR_OK;
}

cr_status cr_classes_read_cub(const char *folder, cr_class_list *list, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, position = 0;
    cr_line line = {0};
    cr_pool pool = {0};
    char *path = cr_path_join(folder, "classes.txt");
    if (!path)
        return cr_fail_memory(err, "a path", 1, 1);
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    while (cr_line_next(bytes, n_bytes, &position, &line)) {
        int32_t number;
        const char *word;
        if (line.n == 0)
            continue;
        CR_TRY(read_pair(&pool, path, &line, &number, &word, err));
        if (number != list->n + 1) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: class %d, must be %d", path, line.number,
                             number, list->n + 1);
            goto cleanup;
        }
        if (!cr_is_utf8(word, strlen(word))) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: class '%s' is not UTF-8", path, line.number,
                             cr_quote(word, strlen(word)).text);
            goto cleanup;
        }
        /* `001.Black_footed_Albatross` is the folder, and what follows the number the name. */
        const char *dot = strchr(word, '.'), *name = dot ? dot + 1 : word;
        CR_TRY(cr_classes_add(list, word, strlen(word), name, strlen(name), err));
        for (char *p = list->pool.text + list->classes[list->n - 1].name; *p; p++)
            *p = *p == '_' ? ' ' : *p;
    }
    status = list->n ? cr_classes_index(list, path, err)
                     : cr_fail(err, CR_EINPUT, "%s: no class in it", path);

cleanup:
    free(pool.text);
    free(bytes);
    free(path);
    return status;
}

/* Every class has an id now, and no id is that of two classes. */
static cr_status check_devkit(const cr_class_list *list, const char *path, cr_error *err)
{
    cr_status status = CR_OK;
    bool *taken = cr_alloc((size_t)list->n, sizeof *taken);
    if (!taken)
        return cr_fail_memory(err, path, (size_t)list->n, sizeof *taken);
    for (int i = 0; i < list->n && status == CR_OK; i++) {
        const char *wnid = list->pool.text + list->classes[i].wnid;
        const int id = list->classes[i].devkit;
        if (id == 0)
            status = cr_fail(err, CR_EINPUT, "%s: has no class '%s'", path,
                             cr_quote(wnid, strlen(wnid)).text);
        else if (id > list->n || taken[id - 1])
            status = cr_fail(err, CR_EINPUT, "%s: class '%s' has the id %d, which %s", path,
                             cr_quote(wnid, strlen(wnid)).text, id,
                             id > list->n ? "is past the number of classes" : "another has too");
        else
            taken[id - 1] = true;
    }
    free(taken);
    return status;
}

cr_status cr_classes_read_devkit(const char *path, cr_class_list *list, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, n_lines = 0, position = 0;
    cr_line line = {0};
    cr_pool pool = {0};
    char *lines = NULL;
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    const uint8_t *text = bytes;
    if (n_bytes >= 6 && memcmp(bytes, "MATLAB", 6) == 0) {
        CR_TRY(cr_mat_synset_lines(path, bytes, n_bytes, &lines, &n_lines, err));
        text = (const uint8_t *)lines;
        n_bytes = n_lines;
    }
    while (cr_line_next(text, n_bytes, &position, &line)) {
        int32_t number;
        const char *wnid;
        if (line.n == 0)
            continue;
        CR_TRY(read_pair(&pool, path, &line, &number, &wnid, err));
        int class = cr_classes_find(list, wnid);
        if (class < 0)
            continue;
        if (list->classes[class].devkit) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: class '%s' is here a second time", path,
                             line.number, cr_quote(wnid, strlen(wnid)).text);
            goto cleanup;
        }
        list->classes[class].devkit = number;
    }
    status = check_devkit(list, path, err);

cleanup:
    free(pool.text);
    free(lines);
    free(bytes);
    return status;
}

void cr_classes_fini(cr_class_list *list)
{
    free(list->pool.text);
    free(list->classes);
    free(list->by_wnid);
    free(list->path);
    *list = (cr_class_list){0};
}
