/* A model's files, read by rank 0 into memory that a node shares, and their checksum. All must be
 * there, and be long enough, before memory is taken. */
#include "model_file.h"

#include "camrank/given_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where in the block of external data a file begins: not on a page or line of another. */
static size_t after(size_t at, size_t n_bytes)
{
    return (at + n_bytes + 63) / 64 * 64;
}

static cr_status read_model(const cr_par *par, const cr_par_nodes *nodes, const char *path,
                            cr_par_block *model, cr_error *err)
{
    cr_status status = CR_OK;
    size_t n_bytes = 0;
    if (par->rank == 0)
        status = cr_file_check_use(path, CR_FILE_NETWORK, err);
    if (par->rank == 0 && status == CR_OK)
        status = cr_file_size(path, CR_ONNX_MAX_BYTES, &n_bytes, err);
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_par_spread(par, &n_bytes, sizeof n_bytes, err));
    CR_TRY(cr_par_block_new(par, nodes, n_bytes, 0, model, err));
    if (par->rank == 0)
        status = cr_par_block_reserve(model, 0, n_bytes, err);
    if (par->rank == 0 && status == CR_OK)
        status = cr_file_read_part(path, model->bytes, n_bytes, err);
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_par_block_share(par, nodes, model, err));

cleanup:
    return status;
}

/* Owned by the caller; NULL: out of memory. */
static char *path_of(const char *folder, const cr_nn_file *file)
{
    return file->whole ? strdup(file->location) : cr_path_join(folder, file->location);
}

/* Rank 0 only: all files must be there and be long enough before memory is taken for them. */
static cr_status check_files(const char *folder, const cr_nn_files *files, const char *model,
                             cr_error *err)
{
    cr_status status = CR_OK;
    char *path = NULL;
    for (int i = 0; i < files->n; i++) {
        const cr_nn_file *file = &files->files[i];
        size_t n_bytes;
        free(path);
        path = path_of(folder, file);
        if (!path)
            CR_TRY(cr_fail_memory(err, "a path", strlen(file->location), 1));
        CR_TRY(cr_file_size(path, SIZE_MAX, &n_bytes, err));
        if (n_bytes < file->n_bytes)
            CR_TRY(cr_fail(err, CR_EINPUT,
                           "%s: has %zu bytes, but %s uses %zu of it: it is cut off, or is not the "
                           "one that the model was saved with",
                           path, n_bytes, model, file->n_bytes));
    }

cleanup:
    free(path);
    return status;
}

/* Rank 0 only. */
static cr_status read_files(const char *folder, const cr_nn_files *files, cr_par_block *block,
                            cr_error *err)
{
    cr_status status = CR_OK;
    char *path = NULL;
    size_t at = 0;
    CR_TRY(cr_par_block_reserve(block, 0, block->n_bytes, err));
    for (int i = 0; i < files->n; i++) {
        const cr_nn_file *file = &files->files[i];
        free(path);
        path = path_of(folder, file);
        if (!path)
            CR_TRY(cr_fail_memory(err, "a path", strlen(file->location), 1));
        CR_TRY(cr_file_read_part(path, (uint8_t *)block->bytes + at, file->n_bytes, err));
        at = after(at, file->n_bytes);
    }

cleanup:
    free(path);
    return status;
}

/* The sizes of files that are used whole. Collective. */
static cr_status find_sizes(const cr_par *par, cr_nn_files *files, cr_error *err)
{
    cr_status status = CR_OK;
    for (int i = 0; par->rank == 0 && status == CR_OK && i < files->n; i++)
        if (files->files[i].whole)
            status = cr_file_size(files->files[i].location, CR_ONNX_MAX_BYTES,
                                  &files->files[i].n_bytes, err);
    CR_OR_RETURN(cr_par_follow(par, status, err));
    for (int i = 0; i < files->n; i++)
        CR_OR_RETURN(
            cr_par_spread(par, &files->files[i].n_bytes, sizeof files->files[i].n_bytes, err));
    return CR_OK;
}

static cr_status read_external(const cr_par *par, const cr_par_nodes *nodes, const char *path,
                               cr_model_file *file, cr_error *err)
{
    cr_status status = CR_OK;
    size_t n_bytes = 0, at = 0;
    char *folder = NULL;
    CR_TRY(find_sizes(par, &file->files, err));
    for (int i = 0; i < file->files.n; i++)
        n_bytes = after(n_bytes, file->files.files[i].n_bytes);
    if (par->rank == 0) {
        folder = cr_path_folder(path);
        status = folder ? check_files(folder, &file->files, path, err)
                        : cr_fail_memory(err, "a path", strlen(path), 1);
    }
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_par_block_new(par, nodes, n_bytes, 0, &file->data, err));
    if (par->rank == 0)
        status = read_files(folder, &file->files, &file->data, err);
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_par_block_share(par, nodes, &file->data, err));
    for (int i = 0; i < file->files.n; i++) {
        file->files.files[i].bytes = (const uint8_t *)file->data.bytes + at;
        at = after(at, file->files.files[i].n_bytes);
    }

cleanup:
    free(folder);
    return status;
}

/* Of a file, and of what it is for. */
static void sum_of(const cr_nn_file *file, char line[65])
{
    char text[66 + CR_NAME_BYTES];
    cr_sha256_hex(file->bytes, file->n_bytes, line);
    if (!file->input)
        return;
    const int n = snprintf(text, sizeof text, "%s %s", line, file->input);
    cr_sha256_hex(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1, line);
}

/* Rank 0 only. */
static cr_status digest(cr_model_file *file, cr_error *err)
{
    enum { LINE = 65 };
    const int n = file->files.n;
    cr_sha256_hex(file->model.bytes, file->model.n_bytes, file->sha256);
    if (n == 0)
        return CR_OK;
    const size_t n_lines = (size_t)n + 1;
    char *text = cr_alloc(n_lines, LINE);
    if (!text)
        return cr_fail_memory(err, "a sum", n_lines, LINE);
    memcpy(text, file->sha256, LINE - 1);
    for (int i = 0; i < n; i++) /* each zero at the end becomes a line's */
        sum_of(&file->files.files[i], text + (size_t)(i + 1) * LINE);
    for (size_t i = 0; i < n_lines; i++)
        text[i * LINE + LINE - 1] = '\n';
    cr_sha256_hex(text, n_lines * LINE, file->sha256);
    free(text);
    return CR_OK;
}

cr_status cr_model_file_open(const cr_par *par, const cr_par_nodes *nodes, const char *path,
                             const char *weights, const cr_nn_inputs *inputs, cr_model_file *file,
                             cr_error *err)
{
    cr_status status = CR_OK;
    *file = (cr_model_file){0};
    CR_TRY(read_model(par, nodes, path, &file->model, err));
    status = cr_nn_files_find(file->model.bytes, file->model.n_bytes, path, weights, inputs,
                              &file->files, err);
    CR_TRY(cr_par_agree(par, status, err));
    if (file->files.n > 0)
        CR_TRY(read_external(par, nodes, path, file, err));
    if (par->rank == 0)
        status = digest(file, err);
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_par_spread(par, file->sha256, sizeof file->sha256, err));

cleanup:
    if (status != CR_OK)
        cr_model_file_close(file);
    return status;
}

void cr_model_file_discard(cr_model_file *file, const void *bytes, size_t n_bytes)
{
    cr_par_block_discard(&file->model, bytes, n_bytes);
    cr_par_block_discard(&file->data, bytes, n_bytes);
}

void cr_model_file_close(cr_model_file *file)
{
    cr_par_block_free(&file->model);
    cr_par_block_free(&file->data);
    cr_nn_files_free(&file->files);
    *file = (cr_model_file){0};
}
