/* input_text.h - how images were prepared for a network, as the line of text that stands in the
 * results file (attribute `input` of a model). Local. */
#ifndef CAMRANK_DRIVER_INPUT_TEXT_H
#define CAMRANK_DRIVER_INPUT_TEXT_H

#include "camrank/image.h"
#include "camrank/results.h"

/* Writes `spec` into `text` of n_bytes, 256 of which always suffice. Numbers have six digits. */
void cr_input_text_write(const cr_input_spec *spec, char *text, size_t n_bytes);

/* The spec that such a line, untrusted, stands for. CR_EINPUT where it is none or is impossible
 * (cr_input_check). */
cr_status cr_input_text_read(const char *text, cr_input_spec *spec, cr_error *err);

/* That of a model in the results file `path`: it must have as many views as each of the model's maps.
 * Errors: CR_EINPUT naming both. */
cr_status cr_input_text_of_model(const char *path, const cr_results_model *model,
                                 cr_input_spec *spec, cr_error *err);

#endif
