/* near.h - "did you mean": the name that a misspelt one is nearest to, by letters that are changed, left
 * out, added or swapped; case does not count, nor - for _. All functions are Local. */
#ifndef CAMRANK_NEAR_H
#define CAMRANK_NEAR_H

#include "camrank/base.h"

typedef struct cr_near {
    const char *word;
    size_t n;
    int best;                      /* the most that a name may differ in by now */
    char name[CR_NAME_BYTES];      /* the nearest so far; "" */
    char text[CR_NAME_BYTES + 24]; /* that cr_near_text gives */
} cr_near;

/* Names that are added are compared with `word`, which must stay. */
void cr_near_begin(cr_near *near, const char *word);
void cr_near_add(cr_near *near, const char *name, size_t n);

/* ` (did you mean "NAME"?)`, to stand behind the word in a message; "" where no name is near. Lives as long
 * as *near. */
const char *cr_near_text(cr_near *near);

/* The same of a list of names with ", " between them. */
const char *cr_near_of(cr_near *near, const char *word, const char *names);

#endif
