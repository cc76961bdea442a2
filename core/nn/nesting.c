/* How deep the messages of an ONNX file nest, found before it is unpacked: protobuf-c unpacks by
 * recursion without a limit, so that a small hostile file would overflow the stack. */
#include "graph.h"

#define MAX_DEPTH 64 /* a model, its graph, a node, an attribute, a tensor are 5 */
#define VARINT_BYTES 10

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

/* Stops without complaint at what is malformed: protobuf-c refuses a message before it unpacks
 * anything inside. */
static bool is_shallow(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t n,
                       int depth)
{
    uint64_t tag, value;
    size_t used;
    while ((used = read_varint(bytes, n, &tag)) > 0) {
        bytes += used;
        n -= used;
        size_t length = 0;
        switch (tag & 7) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
            length = read_varint(bytes, n, &value);
            break;
        case PROTOBUF_C_WIRE_TYPE_64BIT:
            length = 8;
            break;
        case PROTOBUF_C_WIRE_TYPE_32BIT:
            length = 4;
            break;
        case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
            used = read_varint(bytes, n, &value);
            bytes += used;
            n -= used;
            length = (uint32_t)value; /* as protobuf-c cuts it */
            break;
        default:
            return true;
        }
        if (length > n)
            return true;
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (uint32_t)tag >> 3);
        if ((tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && field &&
            field->type == PROTOBUF_C_TYPE_MESSAGE &&
            (depth == MAX_DEPTH || !is_shallow(field->descriptor, bytes, length, depth + 1)))
            return false;
        bytes += length;
        n -= length;
    }
    return true;
}

bool cr_onnx_is_shallow(const uint8_t *bytes, size_t n_bytes)
{
    return is_shallow(&onnx__model_proto__descriptor, bytes, n_bytes, 1);
}
