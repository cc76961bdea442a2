/* class_names.h - what a network's classes are called, from a list or from the model itself. Local. */
#ifndef CAMRANK_DRIVER_CLASS_NAMES_H
#define CAMRANK_DRIVER_CLASS_NAMES_H

#include "camrank/base.h"

typedef struct cr_class_names {
    int n;       /* 0: there are none */
    char **text; /* [n], UTF-8, or NULL for a class without a name; owned */
} cr_class_names;

/* Reads names in the order of the classes: a line each, as in a synset list, whose wnids are left out; or a
 * JSON or Python list, or mapping from the index. `path` is for messages. Errors: CR_EINPUT naming it;
 * CR_EINTERNAL (memory). *names is {0} on failure. */
cr_status cr_class_names_read(const char *text, size_t n_bytes, const char *path,
                              cr_class_names *names, cr_error *err);
void cr_class_names_free(cr_class_names *names);

/* The name of a class, or `class N` in `text`, of n_bytes. */
const char *cr_class_name(const cr_class_names *names, int class, char *text, size_t n_bytes);

#endif
