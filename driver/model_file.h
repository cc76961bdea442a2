/* model_file.h - the bytes of a model: its file and those beside it: external data, or weights. */
#ifndef CAMRANK_DRIVER_MODEL_FILE_H
#define CAMRANK_DRIVER_MODEL_FILE_H

#include "camrank/nn.h"
#include "camrank/par.h"

typedef struct cr_model_file {
    cr_par_block model, data; /* the model's file; the others, one behind the other */
    cr_nn_files files;        /* these, with their bytes in `data` */
    char sha256[65]; /* of the model's file; where there are others, of a text with such a sum a
                                 line, of the model's file and of what it uses of each of `files`; of one
                                 that is given for an input, of a text with that sum, a space and the name
                                 of the input */
} cr_model_file;

/* Reads a model on rank 0, with the file of its weights where its format has such (else "") and those of
 * its other inputs (NULL: it has none), gives it to every node once, and puts it where the ranks of a node share
 * it. Errors, on all ranks: CR_EINPUT naming the file that cannot be read, is no model, is too large
 * or, with external data, ends too early or would lie outside the model's folder; CR_EIO when the
 * storage fails; CR_EINTERNAL (memory). *file is {0} on failure. Collective. */
cr_status cr_model_file_open(const cr_par *par, const cr_par_nodes *nodes, const char *path,
                             const char *weights, const cr_nn_inputs *inputs, cr_model_file *file,
                             cr_error *err);

/* Gives back the memory of bytes in the model's file or another, as cr_par_block_discard. */
void cr_model_file_discard(cr_model_file *file, const void *bytes, size_t n_bytes);

/* Local. */
void cr_model_file_close(cr_model_file *file);

#endif
