/* What is refused of a model before anything is built from it, and what would help: files that are
 * something else, operators that no layer of ours could stand for, element types. */
#include "reader.h"

#include <string.h>

/* A name, or no name, and layers in the format of today or in the old one. An ONNX file begins with another
 * field. */
static bool is_caffemodel(const uint8_t *bytes, size_t n_bytes)
{
    const bool begins = bytes[0] == 0x0a || bytes[0] == 0x12 || bytes[0] == 0xa2;
    return begins && !cr_wire_has(bytes, n_bytes, 7) &&
           (cr_wire_has(bytes, n_bytes, 100) || cr_wire_has(bytes, n_bytes, 2));
}

cr_status cr_onnx_fail_file(const uint8_t *bytes, size_t n_bytes, cr_error *err)
{
    static const struct {
        const char *start, *what;
    } kinds[] = {
        {"PK\3\4", "a zip archive, as torch.save writes; write the model with torch.onnx.export"},
        {"\x80\2", "a Python pickle, as torch.save wrote; write the model with torch.onnx.export"},
        {"version https://git-lfs", "a pointer of Git LFS; `git lfs pull` fetches the model"},
        {"<", "a page of HTML or XML; download the model again"},
    };
    if (n_bytes == 0)
        return cr_fail(err, CR_EINPUT, "is empty, not an ONNX model");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const size_t length = strlen(kinds[i].start);
        if (n_bytes >= length && memcmp(bytes, kinds[i].start, length) == 0)
            return cr_fail(err, CR_EINPUT, "is not an ONNX model but %s", kinds[i].what);
    }
    if (is_caffemodel(bytes, n_bytes))
        return cr_fail(err, CR_EINPUT,
                       "is not an ONNX model but the weights of a Caffe network; give `file: "
                       "deploy.prototxt` and `weights: NET.caffemodel` of the model, or --weights");
    return cr_fail(err, CR_EINPUT,
                   "is not an ONNX model, or is damaged; export it, or copy it, again");
}

#define QUANTISED "the model is quantised; export the float32 model that it was made from"
#define RECURRENT "recurrent layers are not supported"
#define BRANCHES                                                                    \
    "control flow is not supported; export the network itself, traced, not one of " \
    "torch.jit.script"
#define SEQUENCES \
    "sequences are not supported; export the network itself, traced, not one of torch.jit.script"
#define DYNAMIC "the size of its output depends on the image; export no more than the logits"

static const struct {
    const char *type, *why;
} families[] = {
    {"ConvInteger", QUANTISED},
    {"DequantizeLinear", QUANTISED},
    {"DynamicQuantizeLinear", QUANTISED},
    {"MatMulInteger", QUANTISED},
    {"QLinearConv", QUANTISED},
    {"QLinearMatMul", QUANTISED},
    {"QuantizeLinear", QUANTISED},
    {"GRU", RECURRENT},
    {"LSTM", RECURRENT},
    {"RNN", RECURRENT},
    {"If", BRANCHES},
    {"Loop", BRANCHES},
    {"Scan", BRANCHES},
    {"Optional", SEQUENCES},
    {"OptionalGetElement", SEQUENCES},
    {"OptionalHasElement", SEQUENCES},
    {"SequenceErase", SEQUENCES},
    {"SequenceMap", SEQUENCES},
    {"Compress", DYNAMIC},
    {"NonMaxSuppression", DYNAMIC},
    {"NonZero", DYNAMIC},
    {"Unique", DYNAMIC},
};

const char *cr_onnx_why_not(const Onnx__NodeProto *node)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (node->op_type && strcmp(node->op_type, families[i].type) == 0)
            return families[i].why;
    return NULL;
}

const char *cr_onnx_type_name(int data_type)
{
    static const char *const names[] = {
        "of no type", "float32", "uint8",      "int8",       "uint16",  "int16",
        "int32",      "int64",   "of strings", "boolean",    "float16", "float64",
        "uint32",     "uint64",  "complex64",  "complex128", "bfloat16"};
    const int n = sizeof names / sizeof *names;
    return data_type >= 0 && data_type < n ? names[data_type] : "of an unknown type";
}
