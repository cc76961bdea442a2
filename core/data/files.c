/* The image files of a set: a folder with or without class folders, or a tar. */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 8

cr_status cr_files_add(cr_files *files, const char *path, int64_t offset, int64_t n_bytes,
                       cr_error *err)
{
    bool is_image;
    const char *name = cr_path_name(path);
    size_t stem = cr_stem_length(name, strlen(name), &is_image);
    if (!is_image || name[0] == '.')
        return CR_OK;
    if (files->n == INT_MAX)
        return cr_fail(err, CR_EINPUT, "%s: too many files", path);
    cr_status status =
        cr_reserve(&files->items, (size_t)files->n, &files->capacity, sizeof *files->items, err);
    if (status != CR_OK)
        return status;
    cr_file *file = &files->items[files->n];
    *file = (cr_file){.offset = offset, .n_bytes = n_bytes};
    status = cr_pool_add(&files->pool, name, stem, &file->stem, err);
    if (status == CR_OK)
        status = cr_pool_add(&files->pool, path, strlen(path), &file->path, err);
    if (status == CR_OK)
        files->n++;
    return status;
}

static cr_status index_files(cr_files *files, const char *path, cr_error *err)
{
    files->by_stem = cr_alloc((size_t)files->n, sizeof *files->by_stem);
    if (!files->by_stem)
        return cr_fail_memory(err, path, (size_t)files->n, sizeof *files->by_stem);
    const char *text = files->pool.text;
    for (int i = 0; i < files->n; i++)
        files->by_stem[i] = (cr_name){text + files->items[i].stem, i};
    cr_names_sort(files->by_stem, files->n);
    return CR_OK;
}

/* Whether a path of n bytes ends in another of m, folder by folder. */
static bool ends_in(const char *path, size_t n, const char *end, size_t m)
{
    return m <= n && memcmp(path + n - m, end, m) == 0 && (m == n || path[n - m - 1] == '/');
}

/* How well an item's path is the one of n bytes: 2 it is that, 1 one of them ends in the other, 0. */
static int fit(const cr_files *files, int item, const char *path, size_t n)
{
    const char *have = files->pool.text + files->items[item].path;
    const char *last = strrchr(have, '/');
    const size_t m =
        (last ? (size_t)(last + 1 - have) : 0) + strlen(files->pool.text + files->items[item].stem);
    return ends_in(have, m, path, n) || ends_in(path, n, have, m) ? 1 + (n == m) : 0;
}

int cr_files_match(const cr_files *files, const char *path, bool by_path, int *other)
{
    const char *stem = cr_path_name(path);
    const cr_name *end = files->by_stem + files->n;
    const cr_name *first = cr_names_find(files->by_stem, files->n, stem), *last = first;
    int found = -1, best = 0;
    *other = -1;
    while (first && first > files->by_stem && strcmp(first[-1].text, stem) == 0)
        first--;
    while (last && last < end && strcmp(last->text, stem) == 0)
        last++;
    if (!by_path && last - first == 1)
        return first->value;
    for (; first < last; first++) {
        const int here = fit(files, first->value, path, strlen(path));
        if (here == 0 || here < best)
            continue;
        *other = here == best ? found : -1;
        found = first->value;
        best = here;
    }
    return found;
}

static bool is_folder(const char *path, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* `below` is the folder inside `root`, "" for itself. */
static cr_status list_folder(cr_files *files, const char *root, const char *below, int depth,
                             cr_error *err)
{
    cr_status status = CR_OK;
    const struct dirent *entry;
    char *inside = NULL, *whole = NULL, *path = *below ? cr_path_join(root, below) : strdup(root);
    DIR *dir = path ? opendir(path) : NULL;
    if (!path) {
        status = cr_fail_memory(err, "a path", strlen(root), 1);
        goto cleanup;
    }
    if (!dir) {
        status = cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
        goto cleanup;
    }
    for (errno = 0; (entry = readdir(dir)); errno = 0) {
        if (entry->d_name[0] == '.')
            continue;
        free(inside);
        free(whole);
        inside = *below ? cr_path_join(below, entry->d_name) : strdup(entry->d_name);
        whole = cr_path_join(path, entry->d_name);
        if (!inside || !whole) {
            status = cr_fail_memory(err, "a path", strlen(path), 1);
            goto cleanup;
        }
        bool is_image;
        cr_stem_length(entry->d_name, strlen(entry->d_name), &is_image);
        if (is_image && entry->d_type != DT_DIR) {
            CR_TRY(cr_files_add(files, inside, 0, 0, err));
        } else if (!is_image && is_folder(whole, entry)) {
            if (depth == MAX_DEPTH) {
                status = cr_fail(err, CR_EINPUT, "%s: more than %d folders deep", whole, MAX_DEPTH);
                goto cleanup;
            }
            CR_TRY(list_folder(files, root, inside, depth + 1, err));
        }
    }
    if (errno)
        status = cr_fail(err, cr_errno_status(errno), "%s: %s", path, strerror(errno));

cleanup:
    if (dir)
        closedir(dir);
    free(inside);
    free(whole);
    free(path);
    return status;
}

cr_status cr_files_list(const char *path, cr_files *files, cr_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    files->is_tar = S_ISREG(info.st_mode);
    cr_status status =
        files->is_tar ? cr_tar_list(path, files, err) : list_folder(files, path, "", 0, err);
    return status == CR_OK ? index_files(files, path, err) : status;
}

void cr_files_fini(cr_files *files)
{
    free(files->pool.text);
    free(files->items);
    free(files->by_stem);
    *files = (cr_files){0};
}
