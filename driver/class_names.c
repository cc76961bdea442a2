/* Names of classes: lines, or what JSON and Python write, both of which are YAML. */
#include "class_names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MAX_CLASSES 1000000

/* It goes to terminals. */
static void make_printable(char *text)
{
    for (size_t n; *text; text += n) {
        n = cr_utf8_bytes(text, strlen(text));
        if (n == 0 || iscntrl((unsigned char)*text))
            *text = n ? ' ' : '?';
        n = n ? n : 1;
    }
}

/* Puts a copy of n bytes at the place of a class, less a wnid in front. */
static cr_status put(cr_class_names *names, size_t *room, long class, const char *text, size_t n,
                     const char *path, cr_error *err)
{
    enum { WNID = 9 };
    if (class < 0 || class >= MAX_CLASSES)
        return cr_fail(err, CR_EINPUT, "%s: class %ld is not from 0 to %d", path, class,
                       MAX_CLASSES - 1);
    while ((size_t) class >= *room) {
        const size_t more = 2 * *room + 64;
        char **grown = realloc(names->text, more * sizeof *grown);
        if (!grown)
            return cr_fail_memory(err, path, more, sizeof *grown);
        memset(grown + *room, 0, (more - *room) * sizeof *grown);
        names->text = grown;
        *room = more;
    }
    if (n > WNID + 1 && text[0] == 'n' && strspn(text + 1, "0123456789") == WNID - 1 &&
        (text[WNID] == ' ' || text[WNID] == '\t')) {
        text += WNID + 1;
        n -= WNID + 1;
    }
    free(names->text[class]);
    names->text[class] = strndup(text, n);
    if (!names->text[class])
        return cr_fail_memory(err, path, n, 1);
    make_printable(names->text[class]);
    names->n = class >= names->n ? (int)class + 1 : names->n;
    return CR_OK;
}

static cr_status read_lines(const char *text, size_t n_bytes, const char *path,
                            cr_class_names *names, cr_error *err)
{
    cr_status status = CR_OK;
    size_t room = 0;
    for (size_t at = 0, n; at < n_bytes && status == CR_OK; at += n + 1) {
        n = 0;
        while (at + n < n_bytes && text[at + n] != '\n')
            n++;
        const size_t length = n && text[at + n - 1] == '\r' ? n - 1 : n;
        if (length)
            status = put(names, &room, names->n, text + at, length, path, err);
    }
    return status;
}

/* The last text of a node: of ["n01440764", "tench"] the name. */
static const yaml_node_t *leaf(yaml_document_t *document, int number)
{
    enum { DEEPEST = 8 }; /* an alias may lead back */
    yaml_node_t *node = yaml_document_get_node(document, number);
    for (int depth = 0; node && depth < DEEPEST && node->type == YAML_SEQUENCE_NODE &&
                        node->data.sequence.items.top > node->data.sequence.items.start;
         depth++)
        node = yaml_document_get_node(document, node->data.sequence.items.top[-1]);
    return node && node->type == YAML_SCALAR_NODE ? node : NULL;
}

static cr_status put_node(cr_class_names *names, size_t *room, long class,
                          yaml_document_t *document, int number, const char *path, cr_error *err)
{
    const yaml_node_t *node = leaf(document, number);
    return node ? put(names, room, class, (const char *)node->data.scalar.value,
                      node->data.scalar.length, path, err)
                : CR_OK;
}

static cr_status read_tree(yaml_document_t *document, const char *path, cr_class_names *names,
                           cr_error *err)
{
    size_t room = 0;
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (root && root->type == YAML_SEQUENCE_NODE)
        for (yaml_node_item_t *item = root->data.sequence.items.start;
             item < root->data.sequence.items.top; item++)
            CR_OR_RETURN(put_node(names, &room, item - root->data.sequence.items.start, document,
                                  *item, path, err));
    if (root && root->type == YAML_MAPPING_NODE)
        for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
             pair < root->data.mapping.pairs.top; pair++) {
            const yaml_node_t *key = leaf(document, pair->key);
            char *end;
            const char *digits = key ? (const char *)key->data.scalar.value : "";
            const long class = strtol(digits, &end, 10);
            if (!isdigit((unsigned char)digits[0]) || *end)
                return cr_fail(err, CR_EINPUT, "%s: \"%.40s\" is not the index of a class", path,
                               digits);
            CR_OR_RETURN(put_node(names, &room, class, document, pair->value, path, err));
        }
    return CR_OK;
}

static cr_status read_yaml(const char *text, size_t n_bytes, const char *path,
                           cr_class_names *names, cr_error *err)
{
    cr_status status = CR_OK;
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return cr_fail(err, CR_EINTERNAL, "out of memory: YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n_bytes);
    if (yaml_parser_load(&parser, &document)) {
        status = read_tree(&document, path, names, err);
        yaml_document_delete(&document);
    } else
        status = cr_fail(err, CR_EINPUT, "%s: neither lines nor JSON: %s", path,
                         parser.problem ? parser.problem : "out of memory");
    yaml_parser_delete(&parser);
    return status;
}

cr_status cr_class_names_read(const char *text, size_t n_bytes, const char *path,
                              cr_class_names *names, cr_error *err)
{
    *names = (cr_class_names){.n = 0};
    size_t start = 0;
    while (start < n_bytes && isspace((unsigned char)text[start]))
        start++;
    const bool tree = start < n_bytes && (text[start] == '[' || text[start] == '{');
    cr_status status = tree ? read_yaml(text, n_bytes, path, names, err)
                            : read_lines(text, n_bytes, path, names, err);
    if (status == CR_OK && names->n == 0)
        status = cr_fail(err, CR_EINPUT, "%s: no class in it", path);
    if (status != CR_OK)
        cr_class_names_free(names);
    return status;
}

void cr_class_names_free(cr_class_names *names)
{
    for (int i = 0; i < names->n; i++)
        free(names->text[i]);
    free(names->text);
    *names = (cr_class_names){.n = 0};
}

const char *cr_class_name(const cr_class_names *names, int class, char *text, size_t n_bytes)
{
    if (class >= 0 && class < names->n && names->text[class])
        return names->text[class];
    snprintf(text, n_bytes, "class %d", class);
    return text;
}
