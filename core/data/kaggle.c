#include "kaggle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file of each of the first n images by id, as an offset into the folder's pool. */
static cr_status match_files(const cr_truth *truth, int n, const cr_folder *folder,
                             const char *path, uint32_t *file, cr_error *err)
{
    int n_missing = 0;
    char missing[3 * 70] = "";
    for (int i = 0; i < n; i++) {
        const char *id = truth->by_id[i].text;
        const cr_name *found = cr_names_find(folder->by_stem, folder->n, id);
        if (found) {
            file[i] = (uint32_t)found->value;
        } else if (n_missing++ < 3) {
            size_t used = strlen(missing);
            snprintf(missing + used, sizeof missing - used, "%s%s", used ? ", " : "",
                     cr_quote(id, strlen(id)).text);
        }
    }
    if (n_missing)
        return cr_fail(err, CR_EINPUT, "%s: %d of %d images have no file: %s%s", path, n_missing, n,
                       missing, n_missing > 3 ? ", ..." : "");
    return CR_OK;
}

static int count_unlisted(const cr_truth *truth, const cr_folder *folder)
{
    int n = 0;
    for (int i = 0; i < folder->n; i++)
        n += !cr_names_find(truth->by_id, truth->n_rows, folder->by_stem[i].text);
    return n;
}

static cr_status add_string(cr_pool *pool, const char *text, uint32_t *offset, cr_error *err)
{
    return cr_pool_add(pool, text, strlen(text), offset, err);
}

/* Copies the first n images by id, with all classes. */
static cr_status assemble(const cr_truth *truth, int n, const cr_class_list *classes,
                          const cr_folder *folder, const uint32_t *file, cr_pool *pool,
                          cr_dataset *data, cr_error *err)
{
    cr_status status = CR_OK;
    data->images = cr_alloc((size_t)n, sizeof *data->images);
    data->boxes = cr_alloc((size_t)truth->n_boxes, sizeof *data->boxes);
    data->classes = cr_alloc((size_t)classes->n, sizeof *data->classes);
    if (!data->images || !data->boxes || !data->classes) {
        status = cr_fail_memory(err, "the image list", (size_t)n, sizeof *data->images);
        goto cleanup;
    }
    for (int i = 0; i < n; i++) {
        const cr_truth_row *row = &truth->rows[truth->by_id[i].value];
        cr_data_image *image = &data->images[i];
        *image = (cr_data_image){.label = row->label,
                                 .first_box = data->n_boxes,
                                 .n_boxes = row->n_boxes,
                                 .localize = row->localize};
        CR_TRY(add_string(pool, truth->by_id[i].text, &image->id, err));
        CR_TRY(add_string(pool, folder->pool.text + file[i], &image->file, err));
        memcpy(data->boxes + data->n_boxes, truth->boxes + row->first_box,
               (size_t)row->n_boxes * sizeof *data->boxes);
        data->n_boxes += row->n_boxes;
        data->n_excluded += !row->localize;
    }
    for (int i = 0; i < classes->n; i++) {
        const char *text = classes->pool.text;
        CR_TRY(add_string(pool, text + classes->classes[i].wnid, &data->classes[i].wnid, err));
        CR_TRY(add_string(pool, text + classes->classes[i].name, &data->classes[i].name, err));
    }
    data->n_images = n;
    data->n_classes = classes->n;

cleanup:
    return status;
}

cr_status cr_data_read_kaggle(const cr_data_source *source, cr_dataset *data, cr_error *err)
{
    cr_status status = CR_OK;
    cr_class_list classes = {0};
    cr_truth truth = {0};
    cr_folder folder = {0};
    cr_pool pool = {0};
    uint32_t *file = NULL;
    *data = (cr_dataset){0};

    CR_TRY(cr_classes_read(source->synsets, &classes, err));
    CR_TRY(cr_truth_read(source->ground_truth, &classes, &truth, err));
    if (source->exclude)
        CR_TRY(cr_truth_exclude(&truth, source->exclude, err));
    CR_TRY(cr_folder_list(source->images, &folder, err));

    bool limited = source->limit > 0 && source->limit < truth.n_rows;
    int n = limited ? source->limit : truth.n_rows;
    file = cr_alloc((size_t)n, sizeof *file);
    if (!file) {
        status = cr_fail_memory(err, "the image list", (size_t)n, sizeof *file);
        goto cleanup;
    }
    CR_TRY(match_files(&truth, n, &folder, source->images, file, err));
    CR_TRY(assemble(&truth, n, &classes, &folder, file, &pool, data, err));
    data->n_unlisted_files = count_unlisted(&truth, &folder);
    data->folder = strdup(source->images);
    if (!data->folder)
        status = cr_fail_memory(err, source->images, strlen(source->images), 1);

cleanup:
    data->text = pool.text;
    data->text_bytes = pool.n_bytes;
    if (status != CR_OK)
        cr_data_free(data);
    free(file);
    cr_folder_fini(&folder);
    cr_truth_fini(&truth);
    cr_classes_fini(&classes);
    return status;
}
