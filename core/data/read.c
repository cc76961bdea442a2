/* cr_data_read: from the parts of an image set to the whole. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Appends to a list of at most three names. */
static void add_name(char *names, size_t n_bytes, int n_before, const char *name)
{
    size_t used = strlen(names);
    if (n_before < 3)
        snprintf(names + used, n_bytes - used, "%s%s", used ? ", " : "",
                 cr_quote(name, strlen(name)).text);
    else if (n_before == 3)
        snprintf(names + used, n_bytes - used, ", ...");
}

/* How the ground truth names the i-th image by id, without the class of a pair. */
static const char *path_of(const cr_truth *truth, int i)
{
    return truth->pool.text + truth->rows[truth->by_id[i].value].image;
}

/* Which of two files an image is cannot be told. The order of a listing is that of the file system. */
static cr_status fail_twofold(const cr_files *files, int a, int b, const char *path, cr_error *err)
{
    const char *x = files->pool.text + files->items[a].path;
    const char *y = files->pool.text + files->items[b].path;
    const bool swap = strcmp(x, y) > 0;
    return cr_fail(
        err, CR_EINPUT,
        "%s: '%s' and '%s' are the same image id; the ground truth must name their folders", path,
        cr_quote(swap ? y : x, strlen(swap ? y : x)).text,
        cr_quote(swap ? x : y, strlen(swap ? x : y)).text);
}

/* The file of each chosen image, as an item of `files`. */
static cr_status match_files(const cr_truth *truth, const int *chosen, int n, const cr_files *files,
                             const char *path, int *item, cr_error *err)
{
    int n_missing = 0;
    char missing[3 * 66 + 8] = "";
    for (int i = 0; i < n; i++) {
        const char *id = truth->by_id[chosen[i]].text;
        int other;
        item[i] = cr_files_match(files, path_of(truth, chosen[i]), truth->by_path, &other);
        if (other >= 0)
            return fail_twofold(files, item[i], other, path, err);
        if (item[i] < 0)
            add_name(missing, sizeof missing, n_missing++, id);
    }
    return n_missing ? cr_fail(err, CR_EINPUT, "%s: %d of %d images have no file: %s", path,
                               n_missing, n, missing)
                     : CR_OK;
}

/* Images in folders named by classes must have the label of their folder. */
static cr_status check_class_folders(const cr_truth *truth, const int *chosen, int n,
                                     const cr_files *files, const int *item,
                                     const cr_class_list *classes, const char *path, cr_error *err)
{
    int n_wrong = 0, first = -1, first_class = -1;
    for (int i = 0; i < n; i++) {
        const char *file = files->pool.text + files->items[item[i]].path;
        const char *end = strrchr(file, '/'), *start = end;
        char folder[64];
        while (start && start > file && start[-1] != '/')
            start--;
        if (!end || (size_t)(end - start) >= sizeof folder)
            continue;
        snprintf(folder, sizeof folder, "%.*s", (int)(end - start), start);
        const int class = cr_classes_find(classes, folder);
        const int32_t label = truth->rows[truth->by_id[chosen[i]].value].label;
        if (class >= 0 && label >= 0 && class != label && !n_wrong++) {
            first = i;
            first_class = class;
        }
    }
    if (n_wrong == 0)
        return CR_OK;
    const char *id = truth->by_id[chosen[first]].text, *text = classes->pool.text;
    const int32_t label = truth->rows[truth->by_id[chosen[first]].value].label;
    return cr_fail(err, CR_EINPUT,
                   "%s: %d of %d images lie in the folder of another class than their label, the "
                   "first is '%s' in %s with label %s: another order of classes?",
                   path, n_wrong, n, cr_quote(id, strlen(id)).text,
                   text + classes->classes[first_class].wnid, text + classes->classes[label].wnid);
}

static cr_status count_unlisted(const cr_truth *truth, const cr_files *files, cr_dataset *data,
                                cr_error *err)
{
    bool *listed = cr_alloc((size_t)files->n, sizeof *listed);
    int other;
    if (!listed)
        return cr_fail_memory(err, "the image files", (size_t)files->n, sizeof *listed);
    for (int i = 0; i < truth->n_rows; i++) {
        const int item = cr_files_match(files, path_of(truth, i), truth->by_path, &other);
        if (item >= 0)
            listed[item] = true;
    }
    for (int i = 0; i < files->n; i++) {
        const cr_name *file = &files->by_stem[i];
        if (!listed[file->value])
            add_name(data->unlisted, sizeof data->unlisted, data->n_unlisted_files++,
                     truth->by_path ? files->pool.text + files->items[file->value].path
                                    : file->text);
    }
    free(listed);
    return CR_OK;
}

static cr_status add_string(cr_pool *pool, const char *text, uint32_t *offset, cr_error *err)
{
    return cr_pool_add(pool, text, strlen(text), offset, err);
}

static cr_status add_classes(const cr_class_list *classes, cr_pool *pool, cr_dataset *data,
                             cr_error *err)
{
    const char *text = classes->pool.text;
    data->classes = cr_alloc((size_t)classes->n, sizeof *data->classes);
    if (!data->classes)
        return cr_fail_memory(err, "the classes", (size_t)classes->n, sizeof *data->classes);
    for (int i = 0; i < classes->n; i++) {
        const cr_data_class *from = &classes->classes[i];
        data->classes[i].devkit = from->devkit;
        CR_OR_RETURN(add_string(pool, text + from->wnid, &data->classes[i].wnid, err));
        CR_OR_RETURN(add_string(pool, text + from->name, &data->classes[i].name, err));
    }
    data->n_classes = classes->n;
    return CR_OK;
}

/* Copies the chosen images. `item` is NULL without files. */
static cr_status add_images(const cr_truth *truth, const int *chosen, int n, const cr_files *files,
                            const int *item, cr_pool *pool, cr_dataset *data, cr_error *err)
{
    data->images = cr_alloc((size_t)n, sizeof *data->images);
    data->boxes = cr_alloc((size_t)truth->n_boxes, sizeof *data->boxes);
    data->outlines = cr_alloc(truth->n_outlines, sizeof *data->outlines);
    if (!data->images || !data->boxes || !data->outlines)
        return cr_fail_memory(err, "the image list", (size_t)n, sizeof *data->images);
    for (int i = 0; i < n; i++) {
        const cr_name *name = &truth->by_id[chosen[i]];
        const cr_truth_row *row = &truth->rows[name->value];
        cr_data_image *image = &data->images[i];
        *image = (cr_data_image){.label = row->label,
                                 .first_box = data->n_boxes,
                                 .n_boxes = row->n_boxes,
                                 .n_difficult = row->n_difficult,
                                 .localize = row->localize,
                                 .width = row->width,
                                 .height = row->height,
                                 .mask = row->mask,
                                 .first_outline = data->n_outlines,
                                 .n_outlines = row->n_outlines};
        CR_OR_RETURN(add_string(pool, name->text, &image->id, err));
        image->image = image->id;
        if (row->image != row->path) /* as long as the id is, but for the class */
            CR_OR_RETURN(add_string(
                pool, truth->pool.text + row->image + (truth->by_path ? 0 : row->stem - row->path),
                &image->image, err));
        if (row->mask_files)
            CR_OR_RETURN(add_string(pool, truth->mask_files.text + row->mask_files,
                                    &image->mask_files, err));
        if (item) {
            const cr_file *file = &files->items[item[i]];
            image->offset = file->offset;
            image->n_bytes = file->n_bytes;
            CR_OR_RETURN(add_string(pool, files->pool.text + file->path, &image->file, err));
        }
        memcpy(data->boxes + data->n_boxes, truth->boxes + row->first_box,
               (size_t)row->n_boxes * sizeof *data->boxes);
        if (row->n_outlines > 0)
            memcpy(data->outlines + data->n_outlines, truth->outlines + row->first_outline,
                   (size_t)row->n_outlines * sizeof *data->outlines);
        data->n_outlines += row->n_outlines;
        data->n_boxes += row->n_boxes;
        data->n_excluded += !row->localize;
    }
    data->n_images = n;
    return CR_OK;
}

static cr_status read_classes(const cr_data_source *source, const cr_files *files,
                              cr_class_list *classes, cr_error *err)
{
    cr_status status = source->layout->read_classes
                           ? source->layout->read_classes(source, files, classes, err)
                           : cr_classes_read(source->synsets, classes, err);
    if (status == CR_OK && source->devkit_synsets)
        status = cr_classes_read_devkit(source->devkit_synsets, classes, err);
    return status;
}

/* By the sizes that are annotated. */
static cr_status check_boxes(const cr_dataset *data, const char *path, cr_error *err)
{
    cr_box_census census = {0};
    for (int i = 0; i < data->n_images; i++)
        if (data->images[i].width > 0)
            cr_box_census_add(&census, data, i, data->images[i].width, data->images[i].height);
    return cr_box_census_check(&census, path, err);
}

/* All files of masks that the ground truth names must be there. */
static cr_status check_mask_files(const cr_dataset *data, int i, cr_error *err)
{
    cr_status status = CR_OK;
    const char *name = data->text + data->images[i].mask_files;
    for (size_t n; *name && status == CR_OK; name += n + (name[n] != 0)) {
        n = strcspn(name, "\n");
        char *one = strndup(name, n), *path = one ? cr_path_join(data->masks, one) : NULL;
        if (!path)
            status = cr_fail_memory(err, "a path", 1, 1);
        else if (n > 0 && access(path, R_OK) != 0)
            status = cr_fail(err, CR_EINPUT, "%s: %s; the ground truth names it as a mask of '%s'",
                             path, strerror(errno), cr_data_image_id(data, i));
        free(path);
        free(one);
    }
    return status;
}

/* Which images have a mask; one of them must. */
static cr_status find_masks(cr_dataset *data, cr_error *err)
{
    for (int i = 0; i < data->n_images && data->masks[0]; i++) {
        data->images[i].has_mask = data->images[i].mask_files > 0;
        if (data->images[i].has_mask)
            CR_OR_RETURN(check_mask_files(data, i, err));
        for (int by_file = 0; by_file < 2 && !data->images[i].has_mask; by_file++) {
            data->images[i].mask_by_file = by_file;
            char *path = cr_data_mask_path(data, i, false);
            if (!path)
                return cr_fail_memory(err, "a path", 1, 1);
            data->images[i].has_mask = access(path, F_OK) == 0;
            free(path);
        }
        data->n_masks += data->images[i].has_mask;
    }
    for (int i = 0; i < data->n_images; i++)
        data->n_masks += data->images[i].n_outlines > 0;
    if (data->masks[0] && data->n_masks == 0)
        return cr_fail(err, CR_EINPUT, "%s: has no mask of any image: the first would be %s.png",
                       data->masks, data->text + data->images[0].image);
    return CR_OK;
}

/* All images must have a segmentation where any can. */
static cr_status find_segments(const cr_dataset *data, cr_error *err)
{
    char first[200] = "";
    int n = 0;
    for (int i = 0; i < data->n_images && data->segments[0]; i++) {
        char *path = cr_data_segments_path(data, i);
        const size_t length = strlen(first);
        if (!path && n++ < 3)
            snprintf(first + length, sizeof first - length, "%s%.60s", length ? ", " : "",
                     data->text + data->images[i].image);
        free(path);
    }
    return n == 0 ? CR_OK
                  : cr_fail(err, CR_EINPUT,
                            "%s: no segmentation, ID.png or ID.npy, of %d image%s: %s%s",
                            data->segments, n, n == 1 ? "" : "s", first, n > 3 ? ", ..." : "");
}

cr_status cr_data_list_images(const char *images, char **names, int *n, cr_error *err)
{
    cr_status status = CR_OK;
    cr_files files = {0};
    cr_name *sorted = NULL;
    size_t n_bytes = 0;
    *names = NULL;
    CR_TRY(cr_files_list(images, &files, err));
    if (files.n == 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: no image file in it", images));
    sorted = cr_alloc((size_t)files.n, sizeof *sorted);
    *names = cr_alloc(files.pool.n_bytes, 1);
    if (!sorted || !*names)
        CR_TRY(cr_fail_memory(err, "names of images", files.pool.n_bytes, 1));
    for (int i = 0; i < files.n; i++)
        sorted[i] = (cr_name){files.pool.text + files.items[i].path, i};
    cr_names_sort(sorted, files.n);
    for (int i = 0; i < files.n; i++) {
        const size_t length = strlen(sorted[i].text) + 1;
        memcpy(*names + n_bytes, sorted[i].text, length);
        n_bytes += length;
    }
    *n = files.n;

cleanup:
    if (status != CR_OK) {
        free(*names);
        *names = NULL;
    }
    free(sorted);
    cr_files_fini(&files);
    return status;
}

cr_status cr_data_read(const cr_data_source *source, cr_dataset *data, cr_error *err)
{
    cr_status status = CR_OK;
    cr_class_list classes = {0};
    cr_truth truth = {0};
    cr_files files = {0};
    cr_pool pool = {0};
    int *chosen = NULL, *item = NULL, n = 0;
    const char *from = cr_truth_path(source);
    *data = (cr_dataset){0};

    if (source->images) {
        CR_TRY(cr_files_list(source->images, &files, err));
        truth.files = &files;
    }
    CR_TRY(read_classes(source, truth.files, &classes, err));
    CR_TRY(source->layout->read(source, &classes, &truth, err));
    CR_TRY(cr_truth_finish(&truth, from, err));
    if (source->exclude)
        CR_TRY(cr_truth_exclude(&truth, source->exclude, err));
    CR_TRY(cr_truth_select(&truth, &classes, source, &chosen, &n, err));
    if (source->images) {
        item = cr_alloc((size_t)n, sizeof *item);
        if (!item) {
            status = cr_fail_memory(err, "the image list", (size_t)n, sizeof *item);
            goto cleanup;
        }
        CR_TRY(match_files(&truth, chosen, n, &files, source->images, item, err));
        CR_TRY(check_class_folders(&truth, chosen, n, &files, item, &classes, source->images, err));
        CR_TRY(count_unlisted(&truth, &files, data, err));
    }
    CR_TRY(add_images(&truth, chosen, n, &files, item, &pool, data, err));
    CR_TRY(add_classes(&classes, &pool, data, err));
    data->is_tar = files.is_tar;
    data->box_past = source->layout->box_past;
    data->text = pool.text;
    CR_TRY(check_boxes(data, from, err));
    data->folder = strdup(source->images ? source->images : "");
    data->masks = strdup(source->masks ? source->masks : "");
    data->segments = strdup(source->segments ? source->segments : "");
    if (!data->folder || !data->masks || !data->segments)
        CR_TRY(cr_fail_memory(err, "a path", 1, 1));
    CR_TRY(find_masks(data, err));
    CR_TRY(find_segments(data, err));

cleanup:
    data->text = pool.text;
    data->text_bytes = pool.n_bytes;
    if (status != CR_OK)
        cr_data_free(data);
    free(chosen);
    free(item);
    cr_files_fini(&files);
    cr_truth_fini(&truth);
    cr_classes_fini(&classes);
    return status;
}
