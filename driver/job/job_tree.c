/* A job's YAML as a tree that knows its lines, on libyaml. Depth and aliases are checked before it
 * is built. */
#include "job_tree.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* One open list or mapping. */
typedef struct level {
    bool mapping, key_next;
} level;

static cr_status parser_failure(const yaml_parser_t *parser, int *line, cr_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return cr_fail(err, CR_EINTERNAL, "out of memory: YAML parser");
    if (parser->error == YAML_READER_ERROR)
        return cr_fail(err, CR_EINPUT, "not YAML: %s at byte %zu", parser->problem,
                       parser->problem_offset);
    *line = (int)parser->problem_mark.line + 1;
    return cr_fail(err, CR_EINPUT, "not YAML: %s", parser->problem ? parser->problem : "unknown");
}

static cr_status check_scalar(const yaml_event_t *event, cr_error *err)
{
    for (size_t i = 0; i < event->data.scalar.length; i++)
        if (iscntrl(event->data.scalar.value[i]))
            return cr_fail(err, CR_EINPUT, "control character in a value");
    return CR_OK;
}

/* Enters an event into the stack of open levels. */
static cr_status track(const yaml_event_t *event, level *levels, int *depth, cr_error *err)
{
    level *top = *depth > 0 ? &levels[*depth - 1] : NULL;
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    bool mapping = event->type == YAML_MAPPING_START_EVENT;

    if (event->type == YAML_ALIAS_EVENT)
        return cr_fail(err, CR_EINPUT, "aliases (*%.64s) are not allowed",
                       (const char *)event->data.alias.anchor);
    if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
        --*depth;
    if (!list && !mapping && event->type != YAML_SCALAR_EVENT)
        return CR_OK;

    if (top && top->mapping) {
        if (top->key_next && event->type != YAML_SCALAR_EVENT)
            return cr_fail(err, CR_EINPUT, "a key must be a single word");
        top->key_next = !top->key_next;
    }
    if (event->type == YAML_SCALAR_EVENT)
        return check_scalar(event, err);
    if (*depth == CR_JOB_MAX_DEPTH)
        return cr_fail(err, CR_EINPUT, "more than %d levels of lists and mappings",
                       CR_JOB_MAX_DEPTH);
    levels[(*depth)++] = (level){mapping, mapping};
    return CR_OK;
}

/* Goes through the events once, so that the text is known to be harmless before a tree is built. */
static cr_status scan(const char *text, size_t n_bytes, int *line, cr_error *err)
{
    cr_status status = CR_OK;
    level levels[CR_JOB_MAX_DEPTH];
    int depth = 0, n_documents = 0;
    bool more = true;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return cr_fail(err, CR_EINTERNAL, "out of memory: YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n_bytes);
    while (status == CR_OK && more) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = parser_failure(&parser, line, err);
            break;
        }
        *line = (int)event.start_mark.line + 1;
        more = event.type != YAML_STREAM_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT && ++n_documents > 1)
            status = cr_fail(err, CR_EINPUT, "a second document; only one is allowed");
        else
            status = track(&event, levels, &depth, err);
        yaml_event_delete(&event);
    }
    if (status == CR_OK && n_documents == 0) {
        *line = 1;
        status = cr_fail(err, CR_EINPUT, "empty");
    }
    yaml_parser_delete(&parser);
    return status;
}

cr_status cr_job_tree_parse(const char *text, size_t n_bytes, cr_job_tree *tree, int *line,
                            cr_error *err)
{
    *tree = (cr_job_tree){.loaded = false};
    *line = 1;
    /* libyaml would take it for UTF-16, and C strings end there. */
    if (memchr(text, 0, n_bytes))
        return cr_fail(err, CR_EINPUT, "not YAML: zero byte");
    cr_status status = scan(text, n_bytes, line, err);
    if (status != CR_OK)
        return status;

    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return cr_fail(err, CR_EINTERNAL, "out of memory: YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n_bytes);
    if (yaml_parser_load(&parser, &tree->document))
        tree->loaded = true;
    else
        status = parser_failure(&parser, line, err);
    yaml_parser_delete(&parser);
    return status;
}

void cr_job_tree_free(cr_job_tree *tree)
{
    if (tree->loaded)
        yaml_document_delete(&tree->document);
    tree->loaded = false;
}

/* Takes the next part off *path; false at its end. */
static bool next_part(const char **path, const char **part, size_t *length)
{
    if (!**path)
        return false;
    *part = *path;
    *length = strcspn(*path, ".");
    *path += *length;
    if (**path == '.')
        ++*path;
    return true;
}

static bool is_key(const yaml_node_t *node, const char *part, size_t length)
{
    return node && node->type == YAML_SCALAR_NODE && node->data.scalar.length == length &&
           memcmp(node->data.scalar.value, part, length) == 0;
}

static yaml_node_pair_t *find_pair(yaml_document_t *document, yaml_node_t *mapping,
                                   const char *part, size_t length)
{
    yaml_node_pair_t *pair = mapping->data.mapping.pairs.top;
    while (pair-- > mapping->data.mapping.pairs.start)
        if (is_key(yaml_document_get_node(document, pair->key), part, length))
            return pair;
    return NULL;
}

/* The list's item whose number is `part`; NULL if there is none. */
static yaml_node_item_t *find_item(yaml_node_t *list, const char *part, size_t length)
{
    size_t n = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
    size_t index = 0;
    if (length == 0 || length > 6)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)part[i]))
            return NULL;
        index = 10 * index + (size_t)(part[i] - '0');
    }
    return index < n ? list->data.sequence.items.start + index : NULL;
}

/* Follows `path` as far as it goes. *line: of the last key found. NULL if it does not go all the
 * way. */
static yaml_node_t *follow(cr_job_tree *tree, const char *path, int *line)
{
    const char *part;
    size_t length;
    yaml_node_t *node = yaml_document_get_root_node(&tree->document);
    *line = node ? (int)node->start_mark.line + 1 : 1;
    while (node && next_part(&path, &part, &length)) {
        yaml_node_t *marked = NULL, *next = NULL;
        if (node->type == YAML_MAPPING_NODE) {
            yaml_node_pair_t *pair = find_pair(&tree->document, node, part, length);
            if (pair) {
                marked = yaml_document_get_node(&tree->document, pair->key);
                next = yaml_document_get_node(&tree->document, pair->value);
            }
        } else if (node->type == YAML_SEQUENCE_NODE) {
            yaml_node_item_t *item = find_item(node, part, length);
            if (item)
                marked = next = yaml_document_get_node(&tree->document, *item);
        }
        if (marked)
            *line = (int)marked->start_mark.line + 1;
        node = next;
    }
    return node;
}

yaml_node_t *cr_job_tree_find(cr_job_tree *tree, const char *path)
{
    int line;
    return follow(tree, path, &line);
}

int cr_job_tree_line(cr_job_tree *tree, const char *path)
{
    int line;
    follow(tree, path, &line);
    return line;
}

/* Copies a node and what is below it; the new node's number, 0 when out of memory. */
static int copy_node(yaml_document_t *to, yaml_document_t *from, int number)
{
    yaml_node_t *node = yaml_document_get_node(from, number);
    if (node->type == YAML_SCALAR_NODE)
        return yaml_document_add_scalar(to, NULL, node->data.scalar.value,
                                        (int)node->data.scalar.length, node->data.scalar.style);
    if (node->type == YAML_SEQUENCE_NODE) {
        int list = yaml_document_add_sequence(to, NULL, YAML_FLOW_SEQUENCE_STYLE);
        for (yaml_node_item_t *item = node->data.sequence.items.start;
             list && item < node->data.sequence.items.top; item++) {
            int copy = copy_node(to, from, *item);
            if (!copy || !yaml_document_append_sequence_item(to, list, copy))
                return 0;
        }
        return list;
    }
    int mapping = yaml_document_add_mapping(to, NULL, YAML_FLOW_MAPPING_STYLE);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         mapping && pair < node->data.mapping.pairs.top; pair++) {
        int key = copy_node(to, from, pair->key), value = copy_node(to, from, pair->value);
        if (!key || !value || !yaml_document_append_mapping_pair(to, mapping, key, value))
            return 0;
    }
    return mapping;
}

/* Makes `part` of the node numbered `parent` the node numbered `value`, or, with value 0, an empty
 * mapping where there is nothing. *child is the number of what is there then. */
static cr_status set_part(yaml_document_t *document, int parent, const char *part, size_t length,
                          int value, int *child, cr_error *err)
{
    yaml_node_t *node = yaml_document_get_node(document, parent);
    if (node->type == YAML_SCALAR_NODE)
        return cr_fail(err, CR_EINPUT, "\"%.64s\" is a single value without a key \"%.*s\"",
                       (const char *)node->data.scalar.value, (int)length, part);
    if (node->type == YAML_SEQUENCE_NODE) {
        yaml_node_item_t *item = find_item(node, part, length);
        if (!item)
            return cr_fail(err, CR_EINPUT, "no item \"%.*s\" in a list of %td, numbered from 0",
                           (int)length, part,
                           node->data.sequence.items.top - node->data.sequence.items.start);
        if (value)
            *item = value;
        *child = *item;
        return CR_OK;
    }
    yaml_node_pair_t *pair = find_pair(document, node, part, length);
    if (pair) {
        if (value)
            pair->value = value;
        *child = pair->value;
        return CR_OK;
    }
    int key = yaml_document_add_scalar(document, NULL, (const unsigned char *)part, (int)length,
                                       YAML_PLAIN_SCALAR_STYLE);
    if (!value)
        value = yaml_document_add_mapping(document, NULL, YAML_FLOW_MAPPING_STYLE);
    if (!key || !value || !yaml_document_append_mapping_pair(document, parent, key, value))
        return cr_fail(err, CR_EINTERNAL, "out of memory: YAML tree");
    *child = value;
    return CR_OK;
}

cr_status cr_job_tree_set(cr_job_tree *tree, const char *path, const char *value, cr_error *err)
{
    cr_job_tree parsed;
    int line, parent = 1, number = 0; /* node 1 is the root */
    cr_status status = cr_job_tree_parse(value, strlen(value), &parsed, &line, err);
    if (status != CR_OK)
        return status;

    const char *part;
    size_t length;
    for (int depth = 1; next_part(&path, &part, &length); depth++) {
        bool last = !*path;
        if (depth > CR_JOB_MAX_DEPTH) {
            status = cr_fail(err, CR_EINPUT, "more than %d levels", CR_JOB_MAX_DEPTH);
            goto cleanup;
        }
        if (last) {
            number = copy_node(&tree->document, &parsed.document, 1);
            if (!number) {
                status = cr_fail(err, CR_EINTERNAL, "out of memory: YAML tree");
                goto cleanup;
            }
        }
        CR_TRY(set_part(&tree->document, parent, part, length, number, &parent, err));
    }

cleanup:
    cr_job_tree_free(&parsed);
    return status;
}

void cr_job_tree_remove(cr_job_tree *tree, const char *key)
{
    yaml_node_t *root = yaml_document_get_root_node(&tree->document);
    if (!root || root->type != YAML_MAPPING_NODE)
        return;
    yaml_node_pair_t *pair = find_pair(&tree->document, root, key, strlen(key));
    if (!pair)
        return;
    yaml_node_pair_t *const end = --root->data.mapping.pairs.top;
    memmove(pair, pair + 1, (size_t)(end - pair) * sizeof *pair);
}

/* Wraps the scalars among the items of a list. */
static bool wrap_items(yaml_document_t *document, const yaml_node_t *list, const char *key)
{
    /* Adding nodes moves them: the list's items stay where they are. */
    yaml_node_item_t *item = list->data.sequence.items.start, *end = list->data.sequence.items.top;
    for (; item < end; item++) {
        if (yaml_document_get_node(document, *item)->type != YAML_SCALAR_NODE)
            continue;
        int name = yaml_document_add_scalar(document, NULL, (const unsigned char *)key,
                                            (int)strlen(key), YAML_PLAIN_SCALAR_STYLE);
        int mapping = yaml_document_add_mapping(document, NULL, YAML_FLOW_MAPPING_STYLE);
        if (!name || !mapping || !yaml_document_append_mapping_pair(document, mapping, name, *item))
            return false;
        *item = mapping;
    }
    return true;
}

cr_status cr_job_tree_wrap(cr_job_tree *tree, const char *list, const char *key, cr_error *err)
{
    yaml_document_t *document = &tree->document;
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (!root || root->type != YAML_MAPPING_NODE)
        return CR_OK;
    /* More than once is an error, which is found later. */
    const yaml_node_pair_t *pair = root->data.mapping.pairs.start,
                           *end = root->data.mapping.pairs.top;
    for (; pair < end; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(document, pair->value);
        if (name->type == YAML_SCALAR_NODE && value->type == YAML_SEQUENCE_NODE &&
            strcmp((const char *)name->data.scalar.value, list) == 0 &&
            !wrap_items(document, value, key))
            return cr_fail(err, CR_EINTERNAL, "out of memory: YAML tree");
    }
    return CR_OK;
}

typedef struct growing_text {
    char *bytes;
    size_t n, room;
} growing_text;

static int append(void *context, unsigned char *bytes, size_t n)
{
    growing_text *text = context;
    if (n >= text->room - text->n) {
        size_t room = 2 * (text->n + n) + 1;
        char *larger = realloc(text->bytes, room);
        if (!larger)
            return 0;
        text->bytes = larger;
        text->room = room;
    }
    memcpy(text->bytes + text->n, bytes, n);
    text->n += n;
    text->bytes[text->n] = 0;
    return 1;
}

cr_status cr_job_tree_print(cr_job_tree *tree, char **text, size_t *n_bytes, cr_error *err)
{
    growing_text printed = {0};
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter))
        return cr_fail(err, CR_EINTERNAL, "out of memory: YAML emitter");
    yaml_emitter_set_output(&emitter, append, &printed);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    tree->loaded = false; /* yaml_emitter_dump deletes the document */
    bool good = yaml_emitter_dump(&emitter, &tree->document) && yaml_emitter_close(&emitter) &&
                printed.bytes;
    yaml_emitter_delete(&emitter);
    if (!good) {
        free(printed.bytes);
        return cr_fail(err, CR_EINTERNAL, "out of memory: YAML emitter");
    }
    *text = printed.bytes;
    *n_bytes = printed.n;
    return CR_OK;
}
