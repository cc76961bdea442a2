/* A tar: the index of its images, the images by that index and by name, and its annotations, for
 * which it may be compressed. */
#include "fuzz.h"

#include "core/data/internal.h"

#include <string.h>
#include <unistd.h>

enum { MAX_MEMBER_BYTES = 1 << 20 };

static cr_status take(const char *path, const char *member, const uint8_t *bytes, size_t n_bytes,
                      void *context, cr_error *err)
{
    size_t *total = context;
    FUZZ_CHECK(path && strlen(member) > 4 && n_bytes <= MAX_MEMBER_BYTES);
    for (size_t i = 0; i < n_bytes; i++)
        *total += bytes[i];
    (void)err;
    return CR_OK;
}

static void read_images(const char *path, const cr_files *files)
{
    cr_error err = {0};
    for (int i = 0; i < files->n && i < 8; i++) {
        cr_data_image image = {.offset = files->items[i].offset,
                               .n_bytes = files->items[i].n_bytes};
        cr_dataset data = {.n_images = 1, .images = &image, .is_tar = true};
        uint8_t *bytes = NULL;
        size_t n_bytes;
        const char *name = files->pool.text + files->items[i].path;
        data.text = (char *)(uintptr_t)name;
        data.folder = (char *)(uintptr_t)path;
        FUZZ_CHECK(cr_data_open(&data, &err) == CR_OK);
        FUZZ_CHECK(cr_data_image_read(&data, 0, &bytes, &n_bytes, &err) == CR_OK);
        FUZZ_CHECK(n_bytes == (size_t)image.n_bytes);
        free(bytes);
        close(data.fd);
        bytes = NULL;
        if (fuzz_ok(cr_data_file_read(path, name, &bytes, &n_bytes, &err), &err, path))
            free(bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    cr_files files = {0};
    cr_error err = {0};
    size_t total = 0;
    const char *path = fuzz_file(bytes, n_bytes);
    if (fuzz_ok(cr_tar_list(path, &files, &err), &err, path))
        read_images(path, &files);
    cr_files_fini(&files);
    fuzz_ok(cr_tar_each(path, ".xml", MAX_MEMBER_BYTES, take, &total, &err), &err, path);
    return 0;
}
