/* What is done to an ONNX file before protobuf-c unpacks it.
 *
 * protobuf-c unpacks by recursion without a limit, so that a small hostile file would overflow the
 * stack: the depth is found first. And it copies what it unpacks: the data of the initializers,
 * nearly all of a file, are left out of what it is given and read where they are. */
#include "graph.h"

#include <stdlib.h>

#define MAX_DEPTH 64 /* a model, its graph, a node, an attribute, a tensor are 5 */
#define VARINT_BYTES 10
#define LENGTH_BYTES 5 /* of a length of ours, which is not always its shortest form */

/* Numbers of the fields that lead to the data, from onnx.proto. */
enum { MODEL_GRAPH = 7, GRAPH_INITIALIZER = 5, TENSOR_RAW_DATA = 9 };

/* One field of a message: its bytes with tag and length, and its content behind these. */
typedef struct field {
    uint32_t number;
    bool has_length; /* a message, a string or bytes */
    const uint8_t *bytes, *content;
    size_t n_bytes, n_content;
} field;

/* Number of bytes of the varint at `bytes`, 0 if it does not end. */
static size_t read_varint(const uint8_t *bytes, size_t n, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < n && i < VARINT_BYTES; i++) {
        *value |= (uint64_t)(bytes[i] & 127) << (7 * i);
        if (bytes[i] < 128)
            return i + 1;
    }
    return 0;
}

/* Takes the next field off a message; false at its end, and at what is malformed: protobuf-c
 * refuses a message before it unpacks anything inside. */
static bool next_field(const uint8_t **bytes, size_t *n, field *f)
{
    uint64_t tag, value;
    size_t used = read_varint(*bytes, *n, &tag), length = 0, more = 0;
    if (used == 0)
        return false;
    *f = (field){.number = (uint32_t)tag >> 3, .bytes = *bytes};
    switch (tag & 7) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        length = read_varint(*bytes + used, *n - used, &value);
        if (length == 0)
            return false;
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        length = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        length = 4;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        more = read_varint(*bytes + used, *n - used, &value);
        if (more == 0)
            return false;
        f->has_length = true;
        length = (uint32_t)value; /* as protobuf-c cuts it */
        break;
    default:
        return false;
    }
    used += more;
    if (length > *n - used)
        return false;
    f->content = *bytes + used;
    f->n_content = length;
    f->n_bytes = used + length;
    *bytes += f->n_bytes;
    *n -= f->n_bytes;
    return true;
}

static bool is_shallow(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t n,
                       int depth)
{
    for (field f; next_field(&bytes, &n, &f);) {
        const ProtobufCFieldDescriptor *known =
            protobuf_c_message_descriptor_get_field(type, f.number);
        if (f.has_length && known && known->type == PROTOBUF_C_TYPE_MESSAGE &&
            (depth == MAX_DEPTH ||
             !is_shallow(known->descriptor, f.content, f.n_content, depth + 1)))
            return false;
    }
    return true;
}

/* The copy of the model that is being written, and what is left out of it. */
typedef struct splitter {
    uint8_t *out; /* NULL: only counts */
    size_t at;
    cr_onnx_bytes *raw; /* NULL: only counts */
    size_t n_initializers;
    int n_graphs;
} splitter;

static void put(splitter *s, const field *f)
{
    if (s->out)
        memcpy(s->out + s->at, f->bytes, f->n_bytes);
    s->at += f->n_bytes;
}

/* Starts a field of ours; returns where its content begins, for `end` to write its length. */
static size_t begin(splitter *s, uint32_t number)
{
    if (s->out)
        s->out[s->at] = (uint8_t)(number << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
    return s->at += 1 + LENGTH_BYTES;
}

static void end(const splitter *s, size_t content)
{
    size_t length = s->at - content;
    for (size_t i = 0; s->out && i < LENGTH_BYTES; i++)
        s->out[content - LENGTH_BYTES + i] =
            (uint8_t)((length >> (7 * i) & 127) | (i < LENGTH_BYTES - 1 ? 128 : 0));
}

/* Each of these returns whether the message could be read to its end. */
static bool split_tensor(splitter *s, const field *tensor)
{
    const uint8_t *bytes = tensor->content;
    size_t n = tensor->n_content, content = begin(s, GRAPH_INITIALIZER);
    cr_onnx_bytes raw = {0};
    for (field f; next_field(&bytes, &n, &f);)
        if (f.number == TENSOR_RAW_DATA && f.has_length)
            raw = (cr_onnx_bytes){f.content, f.n_content};
        else
            put(s, &f);
    end(s, content);
    if (s->raw)
        s->raw[s->n_initializers] = raw;
    s->n_initializers++;
    return n == 0;
}

static bool split_graph(splitter *s, const field *graph)
{
    const uint8_t *bytes = graph->content;
    size_t n = graph->n_content, content = begin(s, MODEL_GRAPH);
    bool whole = true;
    for (field f; next_field(&bytes, &n, &f);)
        if (f.number == GRAPH_INITIALIZER && f.has_length)
            whole = split_tensor(s, &f) && whole;
        else
            put(s, &f);
    end(s, content);
    s->n_graphs++;
    return whole && n == 0;
}

static bool split_model(splitter *s, const uint8_t *bytes, size_t n)
{
    bool whole = true;
    for (field f; next_field(&bytes, &n, &f);)
        if (f.number == MODEL_GRAPH && f.has_length)
            whole = split_graph(s, &f) && whole;
        else
            put(s, &f);
    return whole && n == 0;
}

static cr_status unpack(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                        cr_onnx_model *model, cr_error *err)
{
    cr_status status = CR_OK;
    splitter count = {0}, s = {0};
    (void)files; /* read with the tensors that have their data there */
    /* Two graphs would be merged by protobuf-c, and their initializers counted on. */
    if (!is_shallow(&onnx__model_proto__descriptor, bytes, n_bytes, 1) ||
        !split_model(&count, bytes, n_bytes) || count.n_graphs != 1) {
        status = cr_onnx_fail_file(bytes, n_bytes, err);
        goto cleanup;
    }
    s.out = cr_alloc(count.at, 1);
    s.raw = model->raw = cr_alloc(count.n_initializers, sizeof *model->raw);
    if (!s.out || !s.raw) {
        status = cr_fail_memory(err, "a model", count.at, 1);
        goto cleanup;
    }
    split_model(&s, bytes, n_bytes);
    model->proto = model->unpacked = onnx__model_proto__unpack(NULL, s.at, s.out);
    if (!model->proto || !model->proto->graph ||
        model->proto->graph->n_initializer != s.n_initializers)
        status = cr_onnx_fail_file(bytes, n_bytes, err);

cleanup:
    free(s.out);
    return status;
}

const cr_reader cr_reader_onnx = {.list = cr_onnx_list_files, .load = unpack};
