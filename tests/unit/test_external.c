/* External data: tensors whose bytes lie in files beside the model's. */
#include "onnx_builder.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_IN = 3 * 8 * 8, N_CLASSES = 5, MAX_BYTES = 4096 };

/* A file of the test, filled tensor by tensor. */
typedef struct store {
    uint8_t bytes[MAX_BYTES];
    size_t n_bytes;
} store;

static void add_entry(onnx_builder *b, Onnx__TensorProto *tensor, const char *key,
                      const char *value)
{
    Onnx__StringStringEntryProto *entry = cr_arena_alloc(&b->arena, 1, sizeof *entry);
    Onnx__StringStringEntryProto **entries = cr_arena_alloc(&b->arena, 8, sizeof *entries);
    onnx__string_string_entry_proto__init(entry);
    entry->key = cr_arena_alloc(&b->arena, strlen(key) + 1, 1);
    entry->value = cr_arena_alloc(&b->arena, strlen(value) + 1, 1);
    strcpy(entry->key, key);
    strcpy(entry->value, value);
    for (size_t i = 0; i < tensor->n_external_data; i++)
        entries[i] = tensor->external_data[i];
    entries[tensor->n_external_data++] = entry;
    tensor->external_data = entries;
    tensor->has_data_location = 1;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* Moves the data of a tensor to the end of a file. */
static void move_out(onnx_builder *b, Onnx__TensorProto *tensor, const char *location, store *to,
                     bool with_length)
{
    bool is_float = tensor->n_float_data > 0;
    size_t n =
        is_float ? tensor->n_float_data * sizeof(float) : tensor->n_int64_data * sizeof(int64_t);
    char text[32];
    assert_true(to->n_bytes + n <= MAX_BYTES && !tensor->has_raw_data);
    memcpy(to->bytes + to->n_bytes,
           is_float ? (void *)tensor->float_data : (void *)tensor->int64_data, n);
    tensor->n_float_data = tensor->n_int64_data = 0;
    add_entry(b, tensor, "location", location);
    snprintf(text, sizeof text, "%zu", to->n_bytes);
    add_entry(b, tensor, "offset", text);
    snprintf(text, sizeof text, "%zu", n);
    if (with_length)
        add_entry(b, tensor, "length", text);
    to->n_bytes += n;
}

/* x -> Conv (w, bias) -> Reshape (s) -> Gemm (w2): initializers 0 to 3. */
static void build(onnx_builder *b)
{
    onnx_begin(b, 13, "1,3,8,8");
    onnx_add(b, "Conv", "x w:4,3,3,3 bias:4", "y", "kernel_shape=3,3");
    onnx_add(b, "Reshape", "y s#0,-1", "f", NULL);
    onnx_add(b, "Gemm", "f w2:144,5", "logits", NULL);
    onnx_end(b, "logits");
}

static void run(const cr_graph *graph, cr_real logits[N_CLASSES])
{
    cr_net *net;
    cr_error err = {0};
    uint32_t seed = 7;
    if (cr_net_new(graph, 1, NULL, 0, 0, INT_MAX, &net, &err) != CR_OK)
        fail_msg("%s", err.message);
    onnx_give_memory(net);
    for (int i = 0; i < N_IN; i++)
        cr_net_input(net)[i] = (cr_real)onnx_random(&seed);
    cr_net_forward(net, 1);
    memcpy(logits, cr_net_logits(net), N_CLASSES * sizeof *logits);
    cr_net_free(net);
}

static void tensors_in_two_files_at_odd_places_give_the_same_logits(void **state)
{
    (void)state;
    onnx_builder b;
    cr_graph *graph;
    cr_nn_files files;
    cr_error err = {0};
    cr_real want[N_CLASSES], got[N_CLASSES];
    /* Numbers that are not at a multiple of four. */
    static store first = {.n_bytes = 3}, second = {.n_bytes = 1};
    first.n_bytes = 3;
    second.n_bytes = 1;
    build(&b);
    assert_int_equal(onnx_load(&b, &graph, &err), CR_OK);
    run(graph, want);
    cr_graph_free(graph);
    Onnx__TensorProto **tensors = b.graph.initializer;
    move_out(&b, tensors[0], "w.bin", &first, true);
    move_out(&b, tensors[2], "deep/down/rest.bin", &second, true);
    move_out(&b, tensors[3], "w.bin", &first, false);
    size_t n_bytes;
    uint8_t *bytes = onnx_pack(&b, &n_bytes);
    if (cr_nn_files_find(bytes, n_bytes, "m", "", NULL, &files, &err) != CR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(files.n, 2);
    assert_string_equal(files.files[0].location, "w.bin");
    assert_string_equal(files.files[1].location, "deep/down/rest.bin");
    assert_int_equal(files.files[0].n_bytes, first.n_bytes);
    assert_int_equal(files.files[1].n_bytes, second.n_bytes);
    files.files[0].bytes = first.bytes;
    files.files[1].bytes = second.bytes;
    if (cr_graph_load(bytes, n_bytes, &files, "m", "", 0, 0, &graph, &err) != CR_OK)
        fail_msg("%s", err.message);
    cr_nn_files_free(&files);
    run(graph, got);
    assert_memory_equal(got, want, sizeof want);
    cr_graph_free(graph);
    free(bytes);
    onnx_fini(&b);
}

static void model_without_external_data_lists_no_files(void **state)
{
    (void)state;
    onnx_builder b;
    cr_nn_files files;
    cr_error err = {0};
    size_t n_bytes;
    build(&b);
    uint8_t *bytes = onnx_pack(&b, &n_bytes);
    assert_int_equal(cr_nn_files_find(bytes, n_bytes, "m", "", NULL, &files, &err), CR_OK);
    assert_int_equal(files.n, 0);
    cr_nn_files_free(&files);
    free(bytes);
    onnx_fini(&b);
}

static void files_that_were_not_read_are_refused(void **state)
{
    (void)state;
    onnx_builder b;
    cr_graph *graph;
    cr_nn_files files;
    cr_error err = {0};
    store file = {.n_bytes = 0};
    size_t n_bytes;
    build(&b);
    move_out(&b, b.graph.initializer[0], "w.bin", &file, true);
    uint8_t *bytes = onnx_pack(&b, &n_bytes);
    assert_int_equal(cr_nn_files_find(bytes, n_bytes, "m", "", NULL, &files, &err), CR_OK);
    for (int i = 0; i < 3; i++) {
        files.files[0].bytes = i == 1 ? file.bytes : NULL;
        files.files[0].n_bytes -= i == 1;
        assert_int_equal(
            cr_graph_load(bytes, n_bytes, i < 2 ? &files : NULL, "m", "", 0, 0, &graph, &err),
            CR_EINPUT);
        assert_string_equal(err.message,
                            "m: tensor w has its data in w.bin, which has not been read");
        assert_null(graph);
    }
    cr_nn_files_free(&files);
    free(bytes);
    onnx_fini(&b);
}

/* A model whose tensor w, of 432 bytes, says these things of its data. */
typedef struct refusal {
    const char *name, *location, *offset, *length, *message;
} refusal;

#define OUTSIDE(path) \
    "m: tensor w has its data in \"" path "\", which is no path inside the model's folder"
#define INVALID "m: tensor w has its data at an invalid place in w.bin"

static const refusal refusals[] = {
    {"location_missing", NULL, NULL, NULL, OUTSIDE("")},
    {"location_empty", "", NULL, NULL, OUTSIDE("")},
    {"location_absolute", "/etc/passwd", NULL, NULL, OUTSIDE("/etc/passwd")},
    {"location_above", "..", NULL, NULL, OUTSIDE("..")},
    {"location_beside", "../w.bin", NULL, NULL, OUTSIDE("../w.bin")},
    {"location_through_a_folder", "a/../../w.bin", NULL, NULL, OUTSIDE("a/../../w.bin")},
    {"location_up_at_the_end", "a/b/..", NULL, NULL, OUTSIDE("a/b/..")},
    {"location_of_a_folder", "a/", NULL, NULL, OUTSIDE("a/")},
    {"offset_negative", "w.bin", "-4", NULL, INVALID},
    {"offset_no_number", "w.bin", "12x", NULL, INVALID},
    {"offset_blank", "w.bin", " 12", NULL, INVALID},
    {"offset_beyond_64_bits", "w.bin", "18446744073709551616", NULL, INVALID},
    {"offset_that_wraps_around", "w.bin", "18446744073709551600", NULL, INVALID},
    {"offset_beyond_the_limit", "w.bin", "68719476737", NULL, INVALID},
    {"end_beyond_the_limit", "w.bin", "68719476736", NULL, INVALID},
    {"length_no_number", "w.bin", NULL, "all", INVALID},
    {"length_short", "w.bin", NULL, "431", "m: tensor w holds 431 bytes, its shape needs 432"},
    {"length_long", "w.bin", NULL, "433", "m: tensor w holds 433 bytes, its shape needs 432"},
};

static void place_is_refused(void **state)
{
    const refusal *test = *state;
    onnx_builder b;
    cr_nn_files files;
    cr_graph *graph;
    cr_error err = {0};
    size_t n_bytes;
    build(&b);
    Onnx__TensorProto *w = b.graph.initializer[0];
    w->n_float_data = 0;
    add_entry(&b, w, "checksum", "not looked at");
    if (test->location)
        add_entry(&b, w, "location", test->location);
    if (test->offset)
        add_entry(&b, w, "offset", test->offset);
    if (test->length)
        add_entry(&b, w, "length", test->length);
    uint8_t *bytes = onnx_pack(&b, &n_bytes);
    assert_int_equal(cr_nn_files_find(bytes, n_bytes, "m", "", NULL, &files, &err), CR_EINPUT);
    assert_string_equal(err.message, test->message);
    assert_null(files.files);
    assert_int_equal(cr_graph_load(bytes, n_bytes, NULL, "m", "", 0, 0, &graph, &err), CR_EINPUT);
    assert_string_equal(err.message, test->message);
    free(bytes);
    onnx_fini(&b);
}

/* 2^30 numbers are what a tensor may have; two of the largest int64 ones leave room for more, a list
 * of nine does not. */
static void data_of_more_than_the_limit_are_refused_before_any_file_is_opened(void **state)
{
    (void)state;
    for (int n = 8; n <= 9; n++) {
        onnx_builder b;
        cr_nn_files files;
        cr_error err = {0};
        size_t n_bytes;
        char name[16];
        build(&b);
        for (int i = 0; i < n; i++) {
            snprintf(name, sizeof name, "t%d", i);
            Onnx__TensorProto *tensor = onnx_add_tensor(&b, name, "1073741824");
            tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
            add_entry(&b, tensor, "location", name);
        }
        uint8_t *bytes = onnx_pack(&b, &n_bytes);
        cr_status status = cr_nn_files_find(bytes, n_bytes, "m", "", NULL, &files, &err);
        assert_int_equal(status, n == 8 ? CR_OK : CR_EINPUT);
        assert_string_equal(err.message, n == 8 ? ""
                                                : "m: has 77309411328 bytes of data in other "
                                                  "files, at most 68719476736 fit");
        cr_nn_files_free(&files);
        free(bytes);
        onnx_fini(&b);
    }
}

static void files_beyond_4096_are_refused(void **state)
{
    (void)state;
    onnx_builder b;
    cr_nn_files files;
    cr_error err = {0};
    size_t n_bytes;
    char name[16];
    build(&b);
    for (int i = 0; i <= 4096; i++) {
        snprintf(name, sizeof name, "t%d", i);
        add_entry(&b, onnx_add_tensor(&b, name, "1"), "location", name);
    }
    uint8_t *bytes = onnx_pack(&b, &n_bytes);
    assert_int_equal(cr_nn_files_find(bytes, n_bytes, "m", "", NULL, &files, &err), CR_EINPUT);
    assert_string_equal(err.message, "m: tensor t4096 is one of more than 4096 files with data");
    free(bytes);
    onnx_fini(&b);
}

int main(void)
{
    enum { N = sizeof refusals / sizeof refusals[0] };
    static char names[N][64];
    struct CMUnitTest refused[N];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%s_is_refused", refusals[i].name);
        refused[i] =
            (struct CMUnitTest){names[i], place_is_refused, NULL, NULL, (void *)&refusals[i]};
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_in_two_files_at_odd_places_give_the_same_logits),
        cmocka_unit_test(model_without_external_data_lists_no_files),
        cmocka_unit_test(files_that_were_not_read_are_refused),
        cmocka_unit_test(data_of_more_than_the_limit_are_refused_before_any_file_is_opened),
        cmocka_unit_test(files_beyond_4096_are_refused),
    };
    return cmocka_run_group_tests_name("external data", tests, NULL, NULL) +
           cmocka_run_group_tests_name("places", refused, NULL, NULL);
}
