/* What is done to a protobuf file before protobuf-c unpacks it.
 *
 * protobuf-c unpacks by recursion without a limit, so that a small hostile file would overflow the
 * stack: the depth is found first. And it copies what it unpacks: the numbers of tensors, nearly
 * all of a file, are left out of what it is given and read where they are. */
#include "reader.h"

#include <stdlib.h>

#define MAX_DEPTH 64 /* a model, its graph, a node, an attribute, a tensor are 5 */
#define VARINT_BYTES 10
#define LENGTH_BYTES 5 /* of a length of ours, which is not always its shortest form */

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

/* The copy of the message that is being written, and what is left out of it. */
typedef struct splitter {
    const uint32_t *path;
    uint8_t *out; /* NULL: only counts */
    size_t at;
    cr_onnx_bytes *cut; /* NULL: only counts */
    size_t n_cut, n_first;
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
    uint32_t tag = number << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    for (; tag > 127; tag >>= 7, s->at++)
        if (s->out)
            s->out[s->at] = (uint8_t)(tag | 128);
    if (s->out)
        s->out[s->at] = (uint8_t)tag;
    return s->at += 1 + LENGTH_BYTES;
}

static void end(const splitter *s, size_t content)
{
    size_t length = s->at - content;
    for (size_t i = 0; s->out && i < LENGTH_BYTES; i++)
        s->out[content - LENGTH_BYTES + i] =
            (uint8_t)((length >> (7 * i) & 127) | (i < LENGTH_BYTES - 1 ? 128 : 0));
}

/* Copies a message, leaving out the field at the end of the path. Returns whether it
 * could be read to its end. */
static bool split(splitter *s, const uint32_t *path, const uint8_t *bytes, size_t n)
{
    cr_onnx_bytes cut = {0};
    bool whole = true;
    for (field f; next_field(&bytes, &n, &f);) {
        if (f.number != path[0] || !f.has_length) {
            put(s, &f);
        } else if (path[1]) {
            const size_t content = begin(s, path[0]);
            whole = split(s, path + 1, f.content, f.n_content) && whole;
            end(s, content);
            s->n_first += path == s->path;
        } else
            cut = (cr_onnx_bytes){f.content, f.n_content};
    }
    if (!path[1] && s->cut)
        s->cut[s->n_cut] = cut;
    s->n_cut += !path[1];
    return whole && n == 0;
}

cr_status cr_wire_unpack(const ProtobufCMessageDescriptor *type, const uint32_t *path,
                         const uint8_t *bytes, size_t n_bytes, cr_wire *wire, cr_error *err)
{
    cr_status status = CR_OK;
    splitter count = {.path = path}, s = {.path = path};
    *wire = (cr_wire){.message = NULL};
    if (!is_shallow(type, bytes, n_bytes, 1) || !split(&count, path, bytes, n_bytes))
        return CR_OK;
    s.out = cr_alloc(count.at, 1);
    s.cut = wire->cut = cr_alloc(count.n_cut, sizeof *wire->cut);
    if (!s.out || !s.cut) {
        status = cr_fail_memory(err, "a model", count.at, 1);
        goto cleanup;
    }
    split(&s, path, bytes, n_bytes);
    wire->n_cut = s.n_cut;
    wire->n_first = s.n_first;
    wire->message = protobuf_c_message_unpack(type, NULL, s.at, s.out);

cleanup:
    free(s.out);
    return status;
}

void cr_wire_free(cr_wire *wire)
{
    if (wire->message)
        protobuf_c_message_free_unpacked(wire->message, NULL);
    free(wire->cut);
    *wire = (cr_wire){.message = NULL};
}

bool cr_wire_has(const uint8_t *bytes, size_t n_bytes, uint32_t number)
{
    for (field f; next_field(&bytes, &n_bytes, &f);)
        if (f.number == number)
            return true;
    return false;
}

static cr_status unpack(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                        cr_onnx_model *model, cr_error *err)
{
    /* The fields that lead to the data, from onnx.proto: graph, initializer, raw_data. */
    static const uint32_t path[] = {7, 5, 9, 0};
    (void)files; /* read with the tensors that have their data there */
    cr_status status =
        cr_wire_unpack(&onnx__model_proto__descriptor, path, bytes, n_bytes, &model->wire, err);
    model->proto = (Onnx__ModelProto *)model->wire.message;
    model->raw = model->wire.cut;
    /* Two graphs would be merged by protobuf-c, and their initializers counted on. */
    if (status == CR_OK && (!model->proto || model->wire.n_first != 1 || !model->proto->graph ||
                            model->proto->graph->n_initializer != model->wire.n_cut))
        status = cr_onnx_fail_file(bytes, n_bytes, err);
    return status;
}

const cr_reader cr_reader_onnx = {.list = cr_onnx_list_files, .load = unpack};
