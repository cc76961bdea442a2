/* The formats of models that are read. Each becomes messages as ONNX has them, from which the graph is
 * built whatever the format was. */
#include "graph.h"

#include <stdlib.h>

extern const cr_reader cr_reader_onnx;

/* The last takes what no other does, and says what is wrong with it. */
static const cr_reader *const readers[] = {&cr_reader_onnx};

static const cr_reader *find(const uint8_t *bytes, size_t n_bytes)
{
    const size_t n = sizeof readers / sizeof *readers;
    size_t i = 0;
    while (i + 1 < n && !readers[i]->sniff(bytes, n_bytes))
        i++;
    return readers[i];
}

cr_status cr_nn_files_find(const uint8_t *bytes, size_t n_bytes, const char *name,
                           cr_nn_files *files, cr_error *err)
{
    *files = (cr_nn_files){0};
    const cr_status status = find(bytes, n_bytes)->list(bytes, n_bytes, files, err);
    if (status != CR_OK) {
        cr_fail_in(err, "%s: ", name);
        cr_nn_files_free(files);
    }
    return status;
}

void cr_nn_files_free(cr_nn_files *files)
{
    for (int i = 0; files->files && i < files->n; i++)
        free(files->files[i].location);
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
    if (model->unpacked)
        onnx__model_proto__free_unpacked(model->unpacked, NULL);
    cr_arena_free(&model->memory);
    free(model->raw);
    *model = (cr_onnx_model){0};
}
