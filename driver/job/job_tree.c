/* A job's YAML as a tree that knows its lines, on libyaml. Depth is checked before it is built; what
 * aliases stand for, when they are replaced. */
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

    if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
        --*depth;
    if (!list && !mapping && event->type != YAML_SCALAR_EVENT && event->type != YAML_ALIAS_EVENT)
        return CR_OK;

    if (top && top->mapping) {
        if (top->key_next && event->type != YAML_SCALAR_EVENT)
            return cr_fail(err, CR_EINPUT, "a key must be a single word");
        top->key_next = !top->key_next;
    }
    if (event->type == YAML_SCALAR_EVENT)
        return check_scalar(event, err);
    if (event->type == YAML_ALIAS_EVENT)
        return CR_OK;
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

/* A copy of nodes from one document into another. */
typedef struct copying {
    yaml_document_t *to, *from;
    size_t left; /* bytes that it may still take */
    int line;    /* of a failure */
    cr_error *err;
} copying;

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

static bool is_merge(const yaml_node_t *key)
{
    return is_key(key, "<<", 2) && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int copy_node(copying *c, int number, int depth);

static cr_status copy_pair(copying *c, int mapping, const yaml_node_pair_t *pair, int depth)
{
    const int key = copy_node(c, pair->key, depth + 1);
    const int value = key ? copy_node(c, pair->value, depth + 1) : 0;
    if (!value)
        return c->err->status;
    return yaml_document_append_mapping_pair(c->to, mapping, key, value)
               ? CR_OK
               : cr_fail(c->err, CR_EINTERNAL, "out of memory: YAML tree");
}

/* What the keys << of a mapping name, and what of it the new one does not have. */
static cr_status merge(copying *c, int mapping, const yaml_node_t *from, int depth);

static cr_status merge_mapping(copying *c, int mapping, int number, int depth)
{
    const yaml_node_t from = *yaml_document_get_node(c->from, number);
    c->line = (int)from.start_mark.line + 1;
    if (from.type != YAML_MAPPING_NODE || depth > CR_JOB_MAX_DEPTH)
        return cr_fail(c->err, CR_EINPUT, "<<: must be an alias of a mapping, or a list of such");
    for (yaml_node_pair_t *pair = from.data.mapping.pairs.start; pair < from.data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(c->from, pair->key);
        if (!is_merge(key) &&
            !find_pair(c->to, yaml_document_get_node(c->to, mapping),
                       (const char *)key->data.scalar.value, key->data.scalar.length))
            CR_OR_RETURN(copy_pair(c, mapping, pair, depth));
    }
    return merge(c, mapping, &from, depth + 1);
}

static cr_status merge(copying *c, int mapping, const yaml_node_t *from, int depth)
{
    for (yaml_node_pair_t *pair = from->data.mapping.pairs.start;
         pair < from->data.mapping.pairs.top; pair++) {
        const yaml_node_t value = *yaml_document_get_node(c->from, pair->value);
        if (!is_merge(yaml_document_get_node(c->from, pair->key)))
            continue;
        if (value.type != YAML_SEQUENCE_NODE) {
            CR_OR_RETURN(merge_mapping(c, mapping, pair->value, depth));
            continue;
        }
        for (yaml_node_item_t *item = value.data.sequence.items.start;
             item < value.data.sequence.items.top; item++)
            CR_OR_RETURN(merge_mapping(c, mapping, *item, depth));
    }
    return CR_OK;
}

static int copy_mapping(copying *c, const yaml_node_t *node, int depth)
{
    const int mapping = yaml_document_add_mapping(c->to, NULL, YAML_FLOW_MAPPING_STYLE);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         mapping && pair < node->data.mapping.pairs.top; pair++)
        if (!is_merge(yaml_document_get_node(c->from, pair->key)) &&
            copy_pair(c, mapping, pair, depth) != CR_OK)
            return 0;
    return mapping && merge(c, mapping, node, depth) == CR_OK ? mapping : 0;
}

static int copy_list(copying *c, const yaml_node_t *node, int depth)
{
    const int list = yaml_document_add_sequence(c->to, NULL, YAML_FLOW_SEQUENCE_STYLE);
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         list && item < node->data.sequence.items.top; item++) {
        const int copy = copy_node(c, *item, depth + 1);
        if (!copy || !yaml_document_append_sequence_item(c->to, list, copy))
            return 0;
    }
    return list;
}

/* Copies a node with its line, and what is below it, aliases and merge keys replaced; the new node's
 * number, 0 on failure, of which c->err and c->line tell. */
static int copy_node(copying *c, int number, int depth)
{
    /* Adding nodes to a document moves its nodes, but not what is in them. */
    const yaml_node_t node = *yaml_document_get_node(c->from, number);
    const size_t bytes =
        sizeof node + (node.type == YAML_SCALAR_NODE ? node.data.scalar.length : 0);
    const bool deep = node.type != YAML_SCALAR_NODE && depth >= CR_JOB_MAX_DEPTH;
    if (deep || bytes > c->left) {
        c->line = (int)node.start_mark.line + 1;
        if (deep)
            cr_fail(c->err, CR_EINPUT, "more than %d levels of lists and mappings",
                    CR_JOB_MAX_DEPTH);
        else
            cr_fail(c->err, CR_EINPUT, "aliases make it larger than %d bytes", CR_JOB_MAX_EXPANDED);
        return 0;
    }
    c->left -= bytes;
    cr_fail(c->err, CR_EINTERNAL, "out of memory: YAML tree");
    const int copy =
        node.type == YAML_SCALAR_NODE
            ? yaml_document_add_scalar(c->to, NULL, node.data.scalar.value,
                                       (int)node.data.scalar.length, node.data.scalar.style)
        : node.type == YAML_SEQUENCE_NODE ? copy_list(c, &node, depth)
                                          : copy_mapping(c, &node, depth);
    if (copy)
        yaml_document_get_node(c->to, copy)->start_mark = node.start_mark;
    return copy;
}

/* The same document without aliases and merge keys. */
static cr_status expand(yaml_document_t *document, int *line, cr_error *err)
{
    yaml_document_t whole;
    cr_error fault = {0};
    copying c = {&whole, document, CR_JOB_MAX_EXPANDED, *line, &fault};
    if (!yaml_document_initialize(&whole, NULL, NULL, NULL, 1, 1))
        return cr_fail(err, CR_EINTERNAL, "out of memory: YAML tree");
    if (!copy_node(&c, 1, 0)) { /* the root */
        yaml_document_delete(&whole);
        *line = c.line;
        return cr_fail(err, fault.status, "%s", fault.message);
    }
    yaml_document_delete(document);
    *document = whole;
    return CR_OK;
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
    if (!yaml_parser_load(&parser, &tree->document))
        status = parser_failure(&parser, line, err);
    yaml_parser_delete(&parser);
    if (status != CR_OK)
        return status;
    tree->loaded = true;
    status = expand(&tree->document, line, err);
    if (status != CR_OK)
        cr_job_tree_free(tree);
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
            copying c = {&tree->document, &parsed.document, CR_JOB_MAX_EXPANDED, line, err};
            number = copy_node(&c, 1, 0);
            if (!number) {
                status = err->status;
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

/* Makes the node *number a mapping of one key if it is a single value. */
static bool wrap_node(yaml_document_t *document, int *number, const char *key)
{
    const yaml_mark_t mark = yaml_document_get_node(document, *number)->start_mark;
    if (yaml_document_get_node(document, *number)->type != YAML_SCALAR_NODE)
        return true;
    if (!key) {
        const int list = yaml_document_add_sequence(document, NULL, YAML_FLOW_SEQUENCE_STYLE);
        if (!list || !yaml_document_append_sequence_item(document, list, *number))
            return false;
        yaml_document_get_node(document, list)->start_mark = mark;
        *number = list;
        return true;
    }
    const int name = yaml_document_add_scalar(document, NULL, (const unsigned char *)key,
                                              (int)strlen(key), YAML_PLAIN_SCALAR_STYLE);
    const int mapping = yaml_document_add_mapping(document, NULL, YAML_FLOW_MAPPING_STYLE);
    if (!name || !mapping || !yaml_document_append_mapping_pair(document, mapping, name, *number))
        return false;
    yaml_document_get_node(document, mapping)->start_mark = mark;
    *number = mapping;
    return true;
}

static bool wrap_at(yaml_document_t *document, int *number, const char *path, const char *key)
{
    const char *part;
    size_t length;
    bool good = true;
    if (!next_part(&path, &part, &length))
        return wrap_node(document, number, key);
    /* Adding nodes moves them: what is in this one stays where it is. */
    const yaml_node_t node = *yaml_document_get_node(document, *number);
    if (node.type == YAML_SEQUENCE_NODE && length == 1 && *part == '*')
        for (yaml_node_item_t *item = node.data.sequence.items.start;
             good && item < node.data.sequence.items.top; item++)
            good = wrap_at(document, item, path, key);
    /* A key given twice is an error, which is found later. */
    if (node.type == YAML_MAPPING_NODE)
        for (yaml_node_pair_t *pair = node.data.mapping.pairs.start;
             good && pair < node.data.mapping.pairs.top; pair++)
            if (is_key(yaml_document_get_node(document, pair->key), part, length))
                good = wrap_at(document, &pair->value, path, key);
    return good;
}

cr_status cr_job_tree_wrap(cr_job_tree *tree, const char *path, const char *key, cr_error *err)
{
    int root = 1;
    return wrap_at(&tree->document, &root, path, key)
               ? CR_OK
               : cr_fail(err, CR_EINTERNAL, "out of memory: YAML tree");
}

static bool is_among(const char *const *keys, const yaml_node_t *key)
{
    for (; keys && *keys; keys++)
        if (is_key(key, *keys, strlen(*keys)))
            return true;
    return false;
}

cr_status cr_job_tree_complete(cr_job_tree *tree, const char *to, const char *from,
                               const char *const *except, cr_error *err)
{
    yaml_document_t *document = &tree->document;
    const yaml_node_t *mapping = cr_job_tree_find(tree, to), *source = cr_job_tree_find(tree, from);
    if (!mapping || !source || mapping->type != YAML_MAPPING_NODE ||
        source->type != YAML_MAPPING_NODE)
        return CR_OK;
    const int number = (int)(mapping - document->nodes.start) + 1;
    copying c = {document, document, CR_JOB_MAX_EXPANDED, 1, err};
    const yaml_node_pair_t *pair = source->data.mapping.pairs.start,
                           *end = source->data.mapping.pairs.top;
    for (; pair < end; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (is_among(except, key) ||
            find_pair(document, yaml_document_get_node(document, number),
                      (const char *)key->data.scalar.value, key->data.scalar.length))
            continue;
        if (copy_pair(&c, number, pair, 0) != CR_OK)
            return err->status;
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
