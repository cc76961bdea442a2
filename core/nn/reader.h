/* reader.h - from the bytes of a file to the messages that graphs are built from. Local. */
#ifndef CAMRANK_NN_READER_H
#define CAMRANK_NN_READER_H

#include "graph.h"

/* wire.c: a message of protobuf that has been unpacked without its largest fields. */
typedef struct cr_wire {
    ProtobufCMessage *message; /* NULL: damaged, or nested deeper than there is reason to */
    cr_onnx_bytes *cut;        /* [n_cut] what was left out, in the bytes that were given */
    size_t n_cut;
    size_t n_first; /* messages at the first step of the path */
} cr_wire;

/* `path` has the number of the field that is left out, of bytes or packed numbers, behind those of the messages that
 * it is in, from the outermost, and ends with 0: `cut` has an element for each message that can hold the field, {0}
 * where it does not. Errors: CR_EINTERNAL (memory). *wire is to be freed in any case. */
cr_status cr_wire_unpack(const ProtobufCMessageDescriptor *type, const uint32_t *path,
                         const uint8_t *bytes, size_t n_bytes, cr_wire *wire, cr_error *err);
void cr_wire_free(cr_wire *wire);

/* Whether a message has a field. */
bool cr_wire_has(const uint8_t *bytes, size_t n_bytes, uint32_t number);

/* A model's messages without the raw data of its initializers, and where in its files these are. */
typedef struct cr_onnx_model {
    Onnx__ModelProto *proto;  /* with a graph; of one of the two that follow */
    const cr_onnx_bytes *raw; /* [n_initializer] in the bytes of the files; likewise */
    cr_wire wire;
    cr_arena memory;
} cr_onnx_model;

/* A format of models, and a row of reader.c. What is read is untrusted. */
typedef struct cr_reader {
    /* Whether a file is of this format; NULL of the last row. */
    bool (*sniff)(const uint8_t *bytes, size_t n_bytes);

    /* Lists the files that the model needs beside its own. NULL: it needs one, that the caller names. Errors:
     * CR_EINPUT, without the model's name. */
    cr_status (*list)(const uint8_t *bytes, size_t n_bytes, cr_nn_files *files, cr_error *err);

    /* Fills *model, which is {0} and is freed by the caller in any case. Errors: likewise. */
    cr_status (*load)(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                      cr_onnx_model *model, cr_error *err);
} cr_reader;

/* reader.c: reads a model of whatever format. `files` are as for cr_graph_load. *model is to be freed in
 * any case. */
cr_status cr_model_read(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                        cr_onnx_model *model, cr_error *err);
void cr_model_read_free(cr_onnx_model *model);

/* tensor.c: the files with external data of an ONNX model. */
cr_status cr_onnx_list_files(const uint8_t *bytes, size_t n_bytes, cr_nn_files *files,
                             cr_error *err);

/* refuse.c: CR_EINPUT for bytes that are no model: what they are instead, if that can be seen. */
cr_status cr_onnx_fail_file(const uint8_t *bytes, size_t n_bytes, cr_error *err);

#endif
