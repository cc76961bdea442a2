/* names.h - lists of names with commas between them, as options have them, and short names of variants. All
 * functions are Local. */
#ifndef CAMRANK_NAMES_H
#define CAMRANK_NAMES_H

#include "camrank/base.h"

/* The next name of a list, at *name without an end, of which *list is moved behind it; its length. */
size_t cr_names_next(const char **list, const char **name);

/* Whether `text` is the name of this length. */
bool cr_name_is(const char *text, const char *name, size_t length);

/* Whether `text` is METHOD@LAYER, and the name METHOD@PART, where PART is whole steps of the layer's name at its
 * beginning or end, as in grad-cam@layer3 for grad-cam@/layer3/layer3.1/relu_1/Relu_output_0. */
bool cr_name_is_short_for(const char *text, const char *name, size_t length);

#endif
