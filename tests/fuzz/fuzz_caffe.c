/* A Caffe network: up to a zero byte its description, behind that its weights. Small networks are compiled. */
#include "fuzz.h"

#include "camrank/nn.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_MB = 64 };

static void load(const uint8_t *text, size_t n_text, const uint8_t *weights, size_t n_weights)
{
    cr_error err;
    cr_nn_files files;
    cr_graph *graph = NULL;
    cr_net *net = NULL;
    bool ok = fuzz_ok(cr_nn_files_find(text, n_text, "m.prototxt", "w", NULL, &files, &err), &err,
                      "m.prototxt: ");
    if (ok) {
        files.files[0].bytes = weights;
        files.files[0].n_bytes = n_weights;
        ok = fuzz_ok(cr_graph_load(text, n_text, &files, "m.prototxt", "", 0, 0, &graph, &err),
                     &err, "m.prototxt: ");
        cr_nn_files_free(&files);
    }
    if (ok && cr_net_new(graph, 1, NULL, 0, 0, MAX_MB, &net, &err) == CR_OK)
        cr_net_free(net);
    cr_graph_free(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *zero = n ? memchr(data, 0, n) : NULL;
    const size_t n_text = zero ? (size_t)(zero - data) : n;
    const size_t n_weights = zero ? n - n_text - 1 : 0;
    /* Copies of their own lengths: a read beyond either shows. */
    uint8_t *text = malloc(n_text ? n_text : 1), *weights = malloc(n_weights ? n_weights : 1);
    FUZZ_CHECK(text && weights);
    if (n_text)
        memcpy(text, data, n_text);
    if (n_weights)
        memcpy(weights, zero + 1, n_weights);
    load(text, n_text, weights, n_weights);
    free(text);
    free(weights);
    return 0;
}
