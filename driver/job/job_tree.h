/* job_tree.h - the YAML of a job as a tree that knows its lines, on libyaml. Local.
 *
 * libcyaml fills structures but tells little about where and what was wrong; the tree gives the
 * line of a key, the text of a value, and takes the --set options.
 *
 * A key path is written `models.0.input.size`; "" is the whole document. */
#ifndef CAMRANK_DRIVER_JOB_TREE_H
#define CAMRANK_DRIVER_JOB_TREE_H

#include "camrank/base.h"

#include <yaml.h>

#define CR_JOB_MAX_DEPTH 16   /* levels of lists and mappings */
#define CR_JOB_PATH_BYTES 256 /* longest key path, zero included */
#define CR_JOB_MAX_EXPANDED 1000000

typedef struct cr_job_tree {
    yaml_document_t document;
    bool loaded;
} cr_job_tree;

/* Parses one YAML document: no more than CR_JOB_MAX_DEPTH levels, keys are single words, no control
 * characters in any value. Aliases and merge keys (`<<: *a`, `<<: [*a, *b]`) are replaced by what they
 * stand for, of no more than CR_JOB_MAX_EXPANDED bytes in all. *tree is {0} on failure.
 *   line  of a failure, from 1
 * Errors: CR_EINPUT, without file and line; CR_EINTERNAL for memory. */
cr_status cr_job_tree_parse(const char *text, size_t n_bytes, cr_job_tree *tree, int *line,
                            cr_error *err);

void cr_job_tree_free(cr_job_tree *tree);

/* The node at a key path, of a key given twice the second; NULL if there is none. Valid until the
 * tree changes. */
yaml_node_t *cr_job_tree_find(cr_job_tree *tree, const char *path);

/* The line, from 1, of the key at `path`, or of the deepest part of `path` that there is. */
int cr_job_tree_line(cr_job_tree *tree, const char *path);

/* Puts the YAML `value` at `path`, making mappings on the way where there is nothing.
 * Errors: CR_EINPUT without a place: what is wrong with the path or the value. */
cr_status cr_job_tree_set(cr_job_tree *tree, const char *path, const char *value, cr_error *err);

/* Takes a key of the outermost mapping away, if it is there. */
void cr_job_tree_remove(cr_job_tree *tree, const char *key);

/* Makes a mapping {key: VALUE}, or with NULL a list [VALUE], of every single value at `path`, in which a part * is every item of a
 * list, or every key of that name where one is given twice. Errors: CR_EINTERNAL (memory). */
cr_status cr_job_tree_wrap(cr_job_tree *tree, const char *path, const char *key, cr_error *err);

/* Gives the mapping at `to` what that at `from` has and it has not, but for `except`, NULL or a list of
 * keys that ends with NULL. Nothing where either is none. Errors: CR_EINTERNAL (memory). */
cr_status cr_job_tree_complete(cr_job_tree *tree, const char *to, const char *from,
                               const char *const *except, cr_error *err);

/* The tree as YAML text, which uses it up: *tree becomes {0}. *text is the caller's (free). */
cr_status cr_job_tree_print(cr_job_tree *tree, char **text, size_t *n_bytes, cr_error *err);

#endif
