/* The formats of models that are read. Each becomes messages as ONNX has them, from which the graph is
 * built whatever the format was. */
#include "reader.h"

#include <stdlib.h>

extern const cr_reader cr_reader_caffe, cr_reader_onnx;

/* The last takes what no other does, and says what is wrong with it. */
static const cr_reader *const readers[] = {&cr_reader_caffe, &cr_reader_onnx};

static const cr_reader *find(const uint8_t *bytes, size_t n_bytes)
{
    const size_t n = sizeof readers / sizeof *readers;
    size_t i = 0;
    while (i + 1 < n && !readers[i]->sniff(bytes, n_bytes))
        i++;
    return readers[i];
}

/* The weights that the caller names, as the only other file. */
static cr_status list_weights(const char *weights, cr_nn_files *files, cr_error *err)
{
    if (!weights[0])
        return cr_fail(err, CR_EINPUT,
                       "is a network without its weights; name their file with `weights:` of the "
                       "model, or --weights");
    files->files = cr_alloc(1, sizeof *files->files);
    if (files->files)
        files->files[0] = (cr_nn_file){.location = strdup(weights), .whole = true};
    if (!files->files || !files->files[0].location)
        return cr_fail_memory(err, "a path", strlen(weights), 1);
    files->n = 1;
    return CR_OK;
}

/* Those of inputs, behind the others. */
static cr_status list_inputs(const cr_nn_inputs *inputs, cr_nn_files *files, cr_error *err)
{
    const size_t n = (size_t)(files->n + inputs->n);
    cr_nn_file *grown = realloc(files->files, n * sizeof *grown);
    if (!grown)
        return cr_fail_memory(err, "a list of files", n, sizeof *grown);
    files->files = grown;
    for (int i = 0; i < inputs->n; i++) {
        cr_nn_file *file = &grown[files->n++];
        *file = (cr_nn_file){.input = strdup(inputs->items[i].name),
                             .location = strdup(inputs->items[i].path),
                             .whole = true};
        if (!file->input || !file->location)
            return cr_fail_memory(err, "a path", strlen(inputs->items[i].path), 1);
    }
    return CR_OK;
}

cr_status cr_nn_files_find(const uint8_t *bytes, size_t n_bytes, const char *name,
                           const char *weights, const cr_nn_inputs *inputs, cr_nn_files *files,
                           cr_error *err)
{
    const cr_reader *reader = find(bytes, n_bytes);
    cr_status status;
    *files = (cr_nn_files){0};
    if (!reader->list)
        status = list_weights(weights, files, err);
    else if (weights[0])
        status = cr_fail(err, CR_EINPUT, "holds its weights itself; leave %.200s out", weights);
    else
        status = reader->list(bytes, n_bytes, files, err);
    if (status == CR_OK && inputs && inputs->n > 0)
        status = list_inputs(inputs, files, err);
    if (status != CR_OK) {
        cr_fail_in(err, "%s: ", name);
        cr_nn_files_free(files);
    }
    return status;
}

void cr_nn_files_free(cr_nn_files *files)
{
    for (int i = 0; files->files && i < files->n; i++) {
        free(files->files[i].input);
        free(files->files[i].location);
    }
    free(files->files);
    *files = (cr_nn_files){0};
}

cr_status cr_model_read(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                        cr_onnx_model *model, cr_error *err)
{
    *model = (cr_onnx_model){0};
    return find(bytes, n_bytes)->load(bytes, n_bytes, files, model, err);
}

void cr_model_read_free(cr_onnx_model *model)
{
    cr_wire_free(&model->wire);
    cr_arena_free(&model->memory);
    *model = (cr_onnx_model){0};
}
