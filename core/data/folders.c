/* Layout `folders`: class folders as torchvision's ImageFolder has them. The class of an image is the
 * folder that it lies in, by its wnid in the synset list, or without one by its place among the folders
 * sorted by name. There are no boxes. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* The folder that an image lies in: its name alone, n bytes; 0 where it lies in none. */
static const char *folder_of(const cr_files *files, int item, size_t *n)
{
    const char *path = files->pool.text + files->items[item].path;
    const char *end = strrchr(path, '/'), *start = end;
    while (start && start > path && start[-1] != '/')
        start--;
    *n = start ? (size_t)(end - start) : 0;
    return start;
}

static cr_status fail_flat(const cr_files *files, int item, const char *path, cr_error *err)
{
    const char *file = files->pool.text + files->items[item].path;
    return cr_fail(err, CR_EINPUT, "%s: image '%s' lies in no class folder", path,
                   cr_quote(file, strlen(file)).text);
}

/* Adds the different ones of the sorted names as classes. */
static cr_status add_folders(const cr_name *names, int n, const char *path, cr_class_list *classes,
                             cr_error *err)
{
    for (int i = 0; i < n; i++) {
        const char *name = names[i].text;
        if (i > 0 && strcmp(names[i - 1].text, name) == 0)
            continue;
        if (!cr_is_utf8(name, strlen(name)))
            return cr_fail(err, CR_EINPUT, "%s: the folder '%s' is not UTF-8", path,
                           cr_quote(name, strlen(name)).text);
        CR_OR_RETURN(cr_classes_add(classes, name, strlen(name), "", 0, err));
    }
    return cr_classes_index(classes, path, err);
}

static cr_status read_classes(const cr_data_source *source, const cr_files *files,
                              cr_class_list *classes, cr_error *err)
{
    cr_status status = CR_OK;
    cr_pool pool = {0};
    if (source->synsets)
        return cr_classes_read(source->synsets, classes, err);
    uint32_t *offsets = cr_alloc((size_t)files->n, sizeof *offsets);
    cr_name *names = cr_alloc((size_t)files->n, sizeof *names);
    if (!offsets || !names)
        CR_TRY(cr_fail_memory(err, source->images, (size_t)files->n, sizeof *names));
    for (int i = 0; i < files->n; i++) {
        size_t n;
        const char *folder = folder_of(files, i, &n);
        if (n == 0)
            CR_TRY(fail_flat(files, i, source->images, err));
        CR_TRY(cr_pool_add(&pool, folder, n, &offsets[i], err));
    }
    for (int i = 0; i < files->n; i++) /* now that the pool stays where it is */
        names[i] = (cr_name){pool.text + offsets[i], i};
    cr_names_sort(names, files->n);
    CR_TRY(add_folders(names, files->n, source->images, classes, err));

cleanup:
    free(pool.text);
    free(offsets);
    free(names);
    return status;
}

static cr_status read_folders(const cr_data_source *source, const cr_class_list *classes,
                              cr_truth *truth, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_files *files = truth->files;
    const cr_place at = {source->images, 0};
    cr_pool pool = {0};
    if (files->n == 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: no image file in it", source->images));
    for (int i = 0; i < files->n; i++) {
        size_t n;
        uint32_t wnid;
        const char *folder = folder_of(files, i, &n);
        if (n == 0)
            CR_TRY(fail_flat(files, i, source->images, err));
        pool.n_bytes = 0;
        CR_TRY(cr_pool_add(&pool, folder, n, &wnid, err));
        const int class = cr_classes_find(classes, pool.text + wnid);
        if (class < 0)
            CR_TRY(cr_fail(err, CR_EINPUT, "%s: the folder '%s' is not in the synset list %s",
                           source->images, cr_quote(folder, n).text, classes->path));
        CR_TRY(cr_truth_add_row(truth, &at, files->pool.text + files->items[i].path, err));
        truth->rows[truth->n_rows - 1].label = class;
    }
    status = cr_truth_index(truth, source->images, false, err);

cleanup:
    free(pool.text);
    return status;
}

const cr_layout cr_layout_folders = {
    .name = "folders",
    .ground_truth =
        "none: the class of an image is the folder that it lies in, a wnid of `synsets`, or "
        "without these its place among the sorted folders, as in torchvision's ImageFolder",
    .keys = {[CR_DATA_IMAGES] = CR_KEY_NEEDED,
             [CR_DATA_MASKS] = CR_KEY_TAKEN,
             [CR_DATA_SYNSETS] = CR_KEY_TAKEN,
             [CR_DATA_DEVKIT_SYNSETS] = CR_KEY_TAKEN},
    .has_labels = true,
    .read_classes = read_classes,
    .read = read_folders,
};
