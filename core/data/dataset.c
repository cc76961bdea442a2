#include "camrank/data.h"
#include "names.h"

#include <stdlib.h>
#include <string.h>

void cr_data_free(cr_dataset *data)
{
    free(data->images);
    free(data->boxes);
    free(data->classes);
    free(data->text);
    free(data->folder);
    *data = (cr_dataset){0};
}

char *cr_data_image_path(const cr_dataset *data, int i)
{
    return cr_path_join(data->folder, data->text + data->images[i].file);
}

static int find_id(const cr_dataset *data, const char *id, size_t n)
{
    int low = 0, high = data->n_images;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const char *have = cr_data_image_id(data, middle);
        int order = strncmp(have, id, n);
        if (order == 0 && have[n] == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle; /* also where `have` goes on after the n bytes of `id` */
    }
    return -1;
}

int cr_data_find(const cr_dataset *data, const char *id)
{
    size_t n = strlen(id);
    return find_id(data, id, cr_stem_length(id, n, NULL));
}

/* The packed form: this head, then images, boxes, classes, text and folder. */
typedef struct pack_head {
    int32_t n_images, n_boxes, n_classes, n_excluded, n_unlisted_files;
    int32_t unused; /* so that no byte of the head is undefined */
    uint64_t text_bytes, folder_bytes;
} pack_head;

static uint8_t *put(uint8_t *next, const void *block, size_t n_bytes)
{
    memcpy(next, block, n_bytes);
    return next + n_bytes;
}

cr_status cr_data_pack(const cr_dataset *data, uint8_t **bytes, size_t *n_bytes, cr_error *err)
{
    pack_head head = {.n_images = data->n_images,
                      .n_boxes = data->n_boxes,
                      .n_classes = data->n_classes,
                      .n_excluded = data->n_excluded,
                      .n_unlisted_files = data->n_unlisted_files,
                      .text_bytes = data->text_bytes,
                      .folder_bytes = strlen(data->folder) + 1};
    size_t images = (size_t)data->n_images * sizeof *data->images;
    size_t boxes = (size_t)data->n_boxes * sizeof *data->boxes;
    size_t classes = (size_t)data->n_classes * sizeof *data->classes;
    size_t total = sizeof head + images + boxes + classes + data->text_bytes + head.folder_bytes;
    uint8_t *packed = cr_alloc(total, 1);
    if (!packed)
        return cr_fail_memory(err, "the packed image list", total, 1);
    uint8_t *next = put(packed, &head, sizeof head);
    next = put(next, data->images, images);
    next = put(next, data->boxes, boxes);
    next = put(next, data->classes, classes);
    next = put(next, data->text, data->text_bytes);
    put(next, data->folder, head.folder_bytes);
    *bytes = packed;
    *n_bytes = total;
    return CR_OK;
}

typedef struct cursor {
    const uint8_t *next;
    size_t n_left;
} cursor;

/* A copy of the next n items; NULL when they are not all there or memory is out. */
static void *take(cursor *c, size_t n, size_t item_bytes)
{
    size_t n_bytes;
    if (!cr_size_mul(n, item_bytes, &n_bytes) || n_bytes > c->n_left)
        return NULL;
    void *copy = cr_alloc(n_bytes, 1);
    if (copy)
        memcpy(copy, c->next, n_bytes);
    c->next += n_bytes;
    c->n_left -= n_bytes;
    return copy;
}

cr_status cr_data_unpack(const uint8_t *bytes, size_t n_bytes, cr_dataset *data, cr_error *err)
{
    pack_head head;
    *data = (cr_dataset){0};
    if (n_bytes < sizeof head)
        return cr_fail(err, CR_EINTERNAL, "the packed image list: only %zu bytes", n_bytes);
    memcpy(&head, bytes, sizeof head);
    cursor c = {bytes + sizeof head, n_bytes - sizeof head};
    data->images = take(&c, (size_t)head.n_images, sizeof *data->images);
    data->boxes = take(&c, (size_t)head.n_boxes, sizeof *data->boxes);
    data->classes = take(&c, (size_t)head.n_classes, sizeof *data->classes);
    data->text = take(&c, head.text_bytes, 1);
    data->folder = take(&c, head.folder_bytes, 1);
    if (!data->images || !data->boxes || !data->classes || !data->text || !data->folder) {
        cr_data_free(data);
        return cr_fail(err, CR_EINTERNAL, "the packed image list: cut short, or out of memory");
    }
    data->n_images = head.n_images;
    data->n_boxes = head.n_boxes;
    data->n_classes = head.n_classes;
    data->n_excluded = head.n_excluded;
    data->n_unlisted_files = head.n_unlisted_files;
    data->text_bytes = head.text_bytes;
    return CR_OK;
}
