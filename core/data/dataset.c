/* A set that has been read: its images' bytes from a folder or a tar, ids, orders of classes, sizes
 * that do not fit, and the packed form in which rank 0 sends it to the others. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cr_data_free(cr_dataset *data)
{
    free(data->images);
    free(data->boxes);
    free(data->outlines);
    free(data->classes);
    free(data->text);
    free(data->folder);
    free(data->masks);
    free(data->segments);
    if (data->fd)
        close(data->fd);
    *data = (cr_dataset){0};
}

char *cr_data_image_path(const cr_dataset *data, int i)
{
    return cr_path_join(data->folder, data->text + data->images[i].file);
}

cr_status cr_data_open(cr_dataset *data, cr_error *err)
{
    if (!data->is_tar || data->fd)
        return CR_OK;
    int fd = open(data->folder, O_RDONLY | O_CLOEXEC);
    if (fd == 0) { /* a program without standard input; 0 means not open */
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 1);
        close(0);
    }
    if (fd < 0)
        return cr_fail(err, cr_errno_status(errno), "%s: %s", data->folder, strerror(errno));
    data->fd = fd;
    return CR_OK;
}

/* n bytes at `offset` of the tar; `name` is the member's. */
static cr_status read_span(int fd, const char *tar, const char *name, int64_t offset,
                           int64_t n_bytes, uint8_t **bytes, cr_error *err)
{
    if ((uint64_t)n_bytes > CR_DATA_MAX_IMAGE_BYTES)
        return cr_fail(err, CR_EINPUT, "%s/%s: %lld bytes, more than the limit of %zu", tar, name,
                       (long long)n_bytes, CR_DATA_MAX_IMAGE_BYTES);
    const size_t n = (size_t)n_bytes;
    *bytes = cr_alloc(n + 1, 1);
    if (!*bytes)
        return cr_fail_memory(err, name, n, 1);
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, *bytes + done, n - done, offset + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            cr_status status =
                cr_fail(err, got < 0 ? cr_errno_status(errno) : CR_EINPUT, "%s/%s: %s", tar, name,
                        got < 0 ? strerror(errno) : "cut short since it was indexed");
            free(*bytes);
            *bytes = NULL;
            return status;
        }
        done += (size_t)got;
    }
    return CR_OK;
}

static cr_status read_path(char *path, uint8_t **bytes, size_t *n_bytes, cr_error *err)
{
    cr_status status = path ? cr_file_read(path, CR_DATA_MAX_IMAGE_BYTES, bytes, n_bytes, err)
                            : cr_fail_memory(err, "a path", 1, 1);
    free(path);
    return status;
}

cr_status cr_data_image_read(const cr_dataset *data, int i, uint8_t **bytes, size_t *n_bytes,
                             cr_error *err)
{
    const cr_data_image *image = &data->images[i];
    *bytes = NULL;
    *n_bytes = 0;
    if (!data->is_tar)
        return read_path(cr_data_image_path(data, i), bytes, n_bytes, err);
    *n_bytes = (size_t)image->n_bytes;
    return read_span(data->fd, data->folder, data->text + image->file, image->offset,
                     image->n_bytes, bytes, err);
}

cr_status cr_data_file_read(const char *images, const char *file, uint8_t **bytes, size_t *n_bytes,
                            cr_error *err)
{
    cr_status status = CR_OK;
    struct stat info;
    cr_files files = {0};
    int fd = -1;
    *bytes = NULL;
    *n_bytes = 0;
    if (stat(images, &info) != 0 || !S_ISREG(info.st_mode))
        return read_path(cr_path_join(images, file), bytes, n_bytes, err);
    CR_TRY(cr_tar_list(images, &files, err));
    int at = 0;
    while (at < files.n && strcmp(files.pool.text + files.items[at].path, file) != 0)
        at++;
    if (at == files.n) {
        status = cr_fail(err, CR_EINPUT, "%s: no member '%s'", images, file);
        goto cleanup;
    }
    fd = open(images, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        status = cr_fail(err, cr_errno_status(errno), "%s: %s", images, strerror(errno));
        goto cleanup;
    }
    *n_bytes = (size_t)files.items[at].n_bytes;
    status =
        read_span(fd, images, file, files.items[at].offset, files.items[at].n_bytes, bytes, err);

cleanup:
    if (fd >= 0)
        close(fd);
    cr_files_fini(&files);
    return status;
}

static bool has_other_size(const cr_data_image *image, int width, int height)
{
    return image->width > 0 && (image->width != width || image->height != height);
}

/* The first box of image i that reaches beyond so many pixels, or NULL. */
static const cr_box *find_beyond(const cr_dataset *data, int i, int width, int height)
{
    const cr_data_image *image = &data->images[i];
    for (int b = image->first_box; b < image->first_box + image->n_boxes; b++)
        if (data->boxes[b].x1 >= width + data->box_past ||
            data->boxes[b].y1 >= height + data->box_past)
            return &data->boxes[b];
    return NULL;
}

void cr_box_census_add(cr_box_census *census, const cr_dataset *data, int i, int width, int height)
{
    const cr_data_image *image = &data->images[i];
    const cr_box *box = find_beyond(data, i, width, height);
    census->n_images++;
    if (has_other_size(image, width, height) && census->n_resized++ == 0)
        snprintf(census->first_resized, sizeof census->first_resized,
                 "%.80s, %d x %d pixels, annotated with %d x %d", cr_data_image_id(data, i), width,
                 height, image->width, image->height);
    if (box && census->n_beyond++ == 0)
        snprintf(census->first, sizeof census->first, "%.80s, %d x %d pixels, box %d %d %d %d",
                 cr_data_image_id(data, i), width, height, box->x0, box->y0, box->x1, box->y1);
}

cr_status cr_box_census_check(const cr_box_census *census, const char *path, cr_error *err)
{
    if (10 * census->n_resized > census->n_images)
        return cr_fail(err, CR_EINPUT,
                       "%s: %d of %d images looked at have another size than is annotated, first "
                       "%s; were they resized after their boxes were drawn?",
                       path, census->n_resized, census->n_images, census->first_resized);
    if (10 * census->n_beyond <= census->n_images)
        return CR_OK;
    return cr_fail(
        err, CR_EINPUT,
        "%s: boxes reach beyond their image in %d of %d images looked at, first in %s; are they "
        "those of the images before these were resized, or x, y, width, height?",
        path, census->n_beyond, census->n_images, census->first);
}

bool cr_data_shares_file(const cr_dataset *data, int i)
{
    const char *file = data->text + data->images[i].file;
    return (i > 0 && strcmp(file, data->text + data->images[i - 1].file) == 0) ||
           (i + 1 < data->n_images && strcmp(file, data->text + data->images[i + 1].file) == 0);
}

size_t cr_data_image_bytes(const cr_dataset *data, int i)
{
    const char *id = cr_data_image_id(data, i), *file = data->text + data->images[i].file;
    const size_t n = strlen(id);
    if (data->images[i].label < 0)
        return n;
    const char *class = data->text + data->classes[data->images[i].label].wnid;
    const size_t n_class = strlen(class), n_file = cr_stem_length(file, strlen(file), NULL);
    const bool of_pair = n > n_class + 1 && id[n - n_class - 1] == ':' &&
                         strcmp(id + n - n_class, class) == 0 &&
                         (n_file < n || strncmp(file + n_file - n, id, n) != 0);
    return of_pair ? n - n_class - 1 : n;
}

bool cr_data_follows(const cr_dataset *data, int i)
{
    const size_t n = cr_data_image_bytes(data, i);
    return i > 0 && cr_data_image_bytes(data, i - 1) == n && cr_data_image_id(data, i)[n] &&
           strncmp(cr_data_image_id(data, i - 1), cr_data_image_id(data, i), n) == 0;
}

int cr_data_number_images(const cr_dataset *data, int32_t *images)
{
    int n = 0;
    for (int i = 0; i < data->n_images; i++)
        images[i] = cr_data_follows(data, i) ? n - 1 : n++;
    return n;
}

bool cr_data_has_pairs(const cr_dataset *data)
{
    for (int i = 1; i < data->n_images; i++)
        if (cr_data_follows(data, i))
            return true;
    return false;
}

bool cr_data_has_difficult(const cr_dataset *data)
{
    for (int i = 0; i < data->n_images; i++)
        if (data->images[i].n_difficult > 0)
            return true;
    return false;
}

cr_status cr_data_check_size(const cr_dataset *data, int i, int width, int height, cr_error *err)
{
    const cr_data_image *image = &data->images[i];
    const cr_box *beyond = find_beyond(data, i, width, height);
    if (has_other_size(image, width, height))
        return cr_fail(err, CR_EINPUT, "%s/%s: %d x %d pixels, but annotated with %d x %d",
                       data->folder, data->text + image->file, width, height, image->width,
                       image->height);
    if (beyond)
        return cr_fail(err, CR_EINPUT,
                       "%s/%s: its box %d %d %d %d reaches beyond its %d x %d pixels", data->folder,
                       data->text + image->file, beyond->x0, beyond->y0, beyond->x1, beyond->y1,
                       width, height);
    return CR_OK;
}

static bool is_identity(const int32_t *order, int n)
{
    for (int i = 0; i < n; i++)
        if (order[i] != i)
            return false;
    return true;
}

bool cr_data_devkit_order(const cr_dataset *data, int32_t *order)
{
    for (int i = 0; i < data->n_classes; i++) {
        const int id = data->classes[i].devkit;
        if (id < 1 || id > data->n_classes)
            return false;
        order[id - 1] = i;
    }
    return !is_identity(order, data->n_classes);
}

bool cr_data_sorted_order(const cr_dataset *data, int32_t *order)
{
    cr_name *names = cr_alloc((size_t)data->n_classes, sizeof *names);
    if (!names)
        return false;
    for (int i = 0; i < data->n_classes; i++)
        names[i] = (cr_name){data->text + data->classes[i].wnid, i};
    cr_names_sort(names, data->n_classes);
    for (int i = 0; i < data->n_classes; i++)
        order[i] = names[i].value;
    free(names);
    return !is_identity(order, data->n_classes);
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

int cr_data_find_all(const cr_dataset *data, const char *id, int *n)
{
    const size_t n_id = cr_stem_length(id, strlen(id), NULL);
    int first = find_id(data, id, n_id), high = data->n_images;
    *n = first >= 0;
    if (first >= 0)
        return first;
    for (first = 0; first < high;) {
        const int middle = first + (high - first) / 2;
        const char *have = cr_data_image_id(data, middle);
        const int order = strncmp(have, id, n_id);
        if (order < 0 || (order == 0 && (unsigned char)have[n_id] < ':'))
            first = middle + 1;
        else
            high = middle;
    }
    while (first + *n < data->n_images &&
           strncmp(cr_data_image_id(data, first + *n), id, n_id) == 0 &&
           cr_data_image_bytes(data, first + *n) == n_id)
        ++*n;
    return first;
}

/* Of a file beside an image's: FOLDER/ID and this end, or the image's own name and folders. */
static char *path_beside(const cr_dataset *data, int i, const char *folder, bool by_file,
                         const char *end)
{
    const cr_data_image *image = &data->images[i];
    const char *id = data->text + (by_file ? image->file : image->image);
    const size_t n_id = by_file ? cr_stem_length(id, strlen(id), NULL) : strlen(id);
    const size_t n = n_id + strlen(end) + 1;
    char *name = cr_alloc(n, 1);
    if (!name)
        return NULL;
    snprintf(name, n, "%.*s%s", (int)n_id, id, end);
    char *path = cr_path_join(folder, name);
    free(name);
    return path;
}

char *cr_data_mask_path(const cr_dataset *data, int i, bool ignored)
{
    return path_beside(data, i, data->masks, data->images[i].mask_by_file,
                       ignored ? "_ignore.png" : ".png");
}

char *cr_data_segments_path(const cr_dataset *data, int i)
{
    static const char *const ends[] = {".png", ".npy"};
    for (int k = 0; k < 4; k++) {
        char *path = path_beside(data, i, data->segments, k / 2, ends[k % 2]);
        if (path && access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* The packed form: this head, then images, boxes, classes, text, folder, those of masks and of
 * segmentations. */
typedef struct pack_head {
    int32_t n_images, n_boxes, n_classes, n_excluded, n_unlisted_files;
    int32_t is_tar, box_past, n_masks;
    int64_t n_outlines;
    uint64_t text_bytes, folder_bytes, masks_bytes, segments_bytes;
    char unlisted[sizeof((cr_dataset *)0)->unlisted];
} pack_head;

static uint8_t *put(uint8_t *next, const void *block, size_t n_bytes)
{
    memcpy(next, block, n_bytes);
    return next + n_bytes;
}

cr_status cr_data_pack(const cr_dataset *data, uint8_t **bytes, size_t *n_bytes, cr_error *err)
{
    const char *masks = data->masks ? data->masks : "";
    const char *segments = data->segments ? data->segments : "";
    pack_head head = {.n_images = data->n_images,
                      .n_boxes = data->n_boxes,
                      .n_classes = data->n_classes,
                      .n_excluded = data->n_excluded,
                      .n_unlisted_files = data->n_unlisted_files,
                      .is_tar = data->is_tar,
                      .box_past = data->box_past,
                      .text_bytes = data->text_bytes,
                      .folder_bytes = strlen(data->folder) + 1,
                      .n_masks = data->n_masks,
                      .n_outlines = data->n_outlines,
                      .masks_bytes = strlen(masks) + 1,
                      .segments_bytes = strlen(segments) + 1};
    memcpy(head.unlisted, data->unlisted, sizeof head.unlisted);
    size_t images = (size_t)data->n_images * sizeof *data->images;
    size_t boxes = (size_t)data->n_boxes * sizeof *data->boxes;
    size_t classes = (size_t)data->n_classes * sizeof *data->classes;
    size_t outlines = (size_t)data->n_outlines * sizeof *data->outlines;
    size_t total = outlines + sizeof head + images + boxes + classes + data->text_bytes +
                   head.folder_bytes + head.masks_bytes + head.segments_bytes;
    uint8_t *packed = cr_alloc(total, 1);
    if (!packed)
        return cr_fail_memory(err, "the packed image list", total, 1);
    uint8_t *next = put(packed, &head, sizeof head);
    next = put(next, data->images, images);
    next = put(next, data->boxes, boxes);
    if (outlines)
        next = put(next, data->outlines, outlines);
    next = put(next, data->classes, classes);
    next = put(next, data->text, data->text_bytes);
    next = put(next, data->folder, head.folder_bytes);
    next = put(next, masks, head.masks_bytes);
    put(next, segments, head.segments_bytes);
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
    data->outlines = take(&c, (size_t)head.n_outlines, sizeof *data->outlines);
    data->classes = take(&c, (size_t)head.n_classes, sizeof *data->classes);
    data->text = take(&c, head.text_bytes, 1);
    data->folder = take(&c, head.folder_bytes, 1);
    data->masks = take(&c, head.masks_bytes, 1);
    data->segments = take(&c, head.segments_bytes, 1);
    if (!data->images || !data->boxes || !data->outlines || !data->classes || !data->text ||
        !data->folder || !data->masks || !data->segments) {
        cr_data_free(data);
        return cr_fail(err, CR_EINTERNAL, "the packed image list: cut short, or out of memory");
    }
    data->n_images = head.n_images;
    data->n_boxes = head.n_boxes;
    data->n_classes = head.n_classes;
    data->n_excluded = head.n_excluded;
    data->n_unlisted_files = head.n_unlisted_files;
    data->text_bytes = head.text_bytes;
    data->is_tar = head.is_tar;
    data->box_past = head.box_past;
    data->n_masks = head.n_masks;
    data->n_outlines = head.n_outlines;
    memcpy(data->unlisted, head.unlisted, sizeof head.unlisted);
    return CR_OK;
}
