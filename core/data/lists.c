/* What an image set has beside the ground truth: its classes and its folder. */
#include "kaggle.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static cr_status add_class(cr_class_list *list, size_t *capacity, const char *path,
                           const cr_line *line, cr_error *err)
{
    size_t wnid = 0;
    while (wnid < line->n && line->text[wnid] != ' ' && line->text[wnid] != '\t')
        wnid++;
    size_t name = wnid;
    while (name < line->n && (line->text[name] == ' ' || line->text[name] == '\t'))
        name++;
    if (memchr(line->text, 0, line->n))
        return cr_fail(err, CR_EINPUT, "%s:%d: a zero byte", path, line->number);
    if (list->n == INT_MAX)
        return cr_fail(err, CR_EINPUT, "%s:%d: too many classes", path, line->number);
    cr_status status =
        cr_reserve(&list->classes, (size_t)list->n, capacity, sizeof *list->classes, err);
    cr_data_class *c = &list->classes[list->n];
    if (status == CR_OK)
        status = cr_pool_add(&list->pool, line->text, wnid, &c->wnid, err);
    if (status == CR_OK)
        status = cr_pool_add_text(&list->pool, line->text + name, line->n - name, &c->name, err);
    if (status == CR_OK)
        list->n++;
    return status;
}

/* Classes are numbered by line, so that an empty line between two of them would shift the rest. */
cr_status cr_classes_read(const char *path, cr_class_list *list, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, position = 0, capacity = 0;
    cr_line line = {0};
    int empty = 0;
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    while (cr_line_next(bytes, n_bytes, &position, &line)) {
        if (line.n == 0) {
            empty = empty ? empty : line.number;
            continue;
        }
        if (empty) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: an empty line between classes", path, empty);
            goto cleanup;
        }
        CR_TRY(add_class(list, &capacity, path, &line, err));
    }
    if (list->n == 0) {
        status = cr_fail(err, CR_EINPUT, "%s: no class in it", path);
        goto cleanup;
    }
    list->by_wnid = cr_alloc((size_t)list->n, sizeof *list->by_wnid);
    if (!list->by_wnid) {
        status = cr_fail_memory(err, path, (size_t)list->n, sizeof *list->by_wnid);
        goto cleanup;
    }
    for (int i = 0; i < list->n; i++)
        list->by_wnid[i] = (cr_name){list->pool.text + list->classes[i].wnid, i};
    cr_names_sort(list->by_wnid, list->n);
    for (int i = 1; i < list->n; i++) {
        const cr_name *a = &list->by_wnid[i - 1], *b = &list->by_wnid[i];
        if (strcmp(a->text, b->text) == 0) {
            status = cr_fail(err, CR_EINPUT, "%s:%d: class '%s' was on line %d already", path,
                             b->value + 1, cr_quote(b->text, strlen(b->text)).text, a->value + 1);
            goto cleanup;
        }
    }

cleanup:
    free(bytes);
    return status;
}

void cr_classes_fini(cr_class_list *list)
{
    free(list->pool.text);
    free(list->classes);
    free(list->by_wnid);
    *list = (cr_class_list){0};
}

/* Until the pool has stopped moving. */
typedef struct file_entry {
    uint32_t stem, file;
} file_entry;

static cr_status add_file(cr_folder *folder, file_entry **files, size_t *capacity,
                          const struct dirent *entry, const char *path, cr_error *err)
{
    bool is_image;
    size_t length = strlen(entry->d_name);
    size_t stem = cr_stem_length(entry->d_name, length, &is_image);
    if (!is_image || entry->d_name[0] == '.' || entry->d_type == DT_DIR)
        return CR_OK;
    if (folder->n == INT_MAX)
        return cr_fail(err, CR_EINPUT, "%s: too many files", path);
    cr_status status = cr_reserve(files, (size_t)folder->n, capacity, sizeof **files, err);
    file_entry *file = *files + folder->n;
    if (status == CR_OK)
        status = cr_pool_add(&folder->pool, entry->d_name, stem, &file->stem, err);
    if (status == CR_OK)
        status = cr_pool_add(&folder->pool, entry->d_name, length, &file->file, err);
    if (status == CR_OK)
        folder->n++;
    return status;
}

static cr_status index_files(cr_folder *folder, const file_entry *files, const char *path,
                             cr_error *err)
{
    folder->by_stem = cr_alloc((size_t)folder->n, sizeof *folder->by_stem);
    if (!folder->by_stem)
        return cr_fail_memory(err, path, (size_t)folder->n, sizeof *folder->by_stem);
    const char *text = folder->pool.text;
    for (int i = 0; i < folder->n; i++)
        folder->by_stem[i] = (cr_name){text + files[i].stem, i};
    cr_names_sort(folder->by_stem, folder->n);
    for (int i = 1; i < folder->n; i++) {
        const cr_name *a = &folder->by_stem[i - 1], *b = &folder->by_stem[i];
        if (strcmp(a->text, b->text) == 0) {
            const char *x = text + files[a->value].file, *y = text + files[b->value].file;
            bool swap = strcmp(x, y) > 0; /* the order of a listing is that of the file system */
            return cr_fail(err, CR_EINPUT, "%s: '%s' and '%s' are the same image id", path,
                           cr_quote(swap ? y : x, strlen(swap ? y : x)).text,
                           cr_quote(swap ? x : y, strlen(swap ? x : y)).text);
        }
    }
    return CR_OK;
}

cr_status cr_folder_list(const char *path, cr_folder *folder, cr_error *err)
{
    cr_status status = CR_OK;
    file_entry *files = NULL;
    size_t capacity = 0;
    const struct dirent *entry;
    DIR *dir = opendir(path);
    if (!dir)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    for (errno = 0; (entry = readdir(dir)); errno = 0)
        CR_TRY(add_file(folder, &files, &capacity, entry, path, err));
    if (errno) {
        status = cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
        goto cleanup;
    }
    CR_TRY(index_files(folder, files, path, err));
    for (int i = 0; i < folder->n; i++)
        folder->by_stem[i].value = (int32_t)files[folder->by_stem[i].value].file;

cleanup:
    free(files);
    closedir(dir);
    return status;
}

void cr_folder_fini(cr_folder *folder)
{
    free(folder->pool.text);
    free(folder->by_stem);
    *folder = (cr_folder){0};
}
