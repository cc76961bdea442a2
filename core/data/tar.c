/* Tars through libarchive: an index of the images in one, and the annotations in another. Names of
 * members never become paths that are opened. */
#include "internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512
#define READ_BYTES ((size_t)1 << 16)

typedef struct tar {
    const char *path;
    struct archive *archive;
    struct archive_entry *entry;
    cr_pool names; /* the current member's name alone */
    uint32_t name;
} tar;

static const char *name_of(const tar *t)
{
    return t->names.text ? t->names.text + t->name : "";
}

/* libarchive's own reason, with the member behind or in which it failed. */
static cr_status fail_archive(const tar *t, cr_error *err)
{
    const char *why = archive_error_string(t->archive), *name = name_of(t);
    return cr_fail(err, cr_errno_status(archive_errno(t->archive)), "%s: %s%s%s: %s", t->path,
                   *name ? "at or behind member '" : "",
                   *name ? cr_quote(name, strlen(name)).text : "no tar", *name ? "'" : "",
                   why ? why : "not readable");
}

static cr_status tar_open(tar *t, const char *path, cr_error *err)
{
    *t = (tar){.path = path, .archive = archive_read_new()};
    if (!t->archive)
        return cr_fail_memory(err, path, 1, READ_BYTES);
    /* Filters that libarchive runs as other programs stay off. */
    archive_read_support_filter_gzip(t->archive);
    archive_read_support_filter_bzip2(t->archive);
    archive_read_support_filter_xz(t->archive);
    archive_read_support_filter_zstd(t->archive);
    archive_read_support_format_tar(t->archive);
    return archive_read_open_filename(t->archive, path, READ_BYTES) == ARCHIVE_OK
               ? CR_OK
               : fail_archive(t, err);
}

static void tar_close(tar *t)
{
    if (t->archive)
        archive_read_free(t->archive);
    free(t->names.text);
}

/* The next member; *more is false at the end. */
static cr_status tar_next(tar *t, bool *more, cr_error *err)
{
    int result = archive_read_next_header(t->archive, &t->entry);
    *more = result != ARCHIVE_EOF;
    if (!*more)
        return CR_OK;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
        return fail_archive(t, err);
    const char *name = archive_entry_pathname_utf8(t->entry);
    if (!name)
        name = archive_entry_pathname(t->entry);
    if (!name)
        return cr_fail(err, CR_EINPUT, "%s: behind member '%s': a member without a readable name",
                       t->path, cr_quote(name_of(t), strlen(name_of(t))).text);
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    t->names.n_bytes = 0;
    return cr_pool_add(&t->names, name, strlen(name), &t->name, err);
}

static bool is_image_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    bool is_image;
    name = slash ? slash + 1 : name;
    cr_stem_length(name, strlen(name), &is_image);
    return is_image && name[0] != '.';
}

/* One member of a tar of images. *end becomes the end of what the file must hold. */
static cr_status add_member(const tar *t, int64_t tar_bytes, cr_files *files, int64_t *end,
                            cr_error *err)
{
    const char *name = name_of(t);
    const cr_quoted shown = cr_quote(name, strlen(name));
    int64_t offset = archive_filter_bytes(t->archive, 0), n = archive_entry_size(t->entry);
    const bool regular =
        archive_entry_filetype(t->entry) == AE_IFREG && !archive_entry_hardlink(t->entry);
    if (is_image_name(name) &&
        (archive_entry_hardlink(t->entry) || archive_entry_filetype(t->entry) == AE_IFLNK))
        return cr_fail(err, CR_EINPUT,
                       "%s: member '%s' is a link; make the tar with --dereference and "
                       "--hard-dereference",
                       t->path, shown.text);
    if (archive_entry_sparse_count(t->entry) > 0)
        return cr_fail(err, CR_EINPUT, "%s: member '%s' is sparse; make the tar without --sparse",
                       t->path, shown.text);
    if (offset < 0 || offset % BLOCK || n < 0 || n > INT64_MAX - offset - BLOCK)
        return cr_fail(err, CR_EINPUT, "%s: member '%s': its place is not readable", t->path,
                       shown.text);
    const int64_t data = regular ? n : 0;
    *end = offset + (data + BLOCK - 1) / BLOCK * BLOCK;
    if (offset + data > tar_bytes)
        return cr_fail(err, CR_EINPUT,
                       "%s: cut short in member '%s', which ends at byte %lld of %lld", t->path,
                       shown.text, (long long)(offset + data), (long long)tar_bytes);
    return regular ? cr_files_add(files, name, offset, n, err) : CR_OK;
}

cr_status cr_tar_list(const char *path, cr_files *files, cr_error *err)
{
    cr_status status = CR_OK;
    tar t;
    struct stat info;
    int64_t end = 0;
    CR_TRY(tar_open(&t, path, err));
    if (stat(path, &info) != 0) {
        status = cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
        goto cleanup;
    }
    if (archive_filter_code(t.archive, 0) != ARCHIVE_FILTER_NONE) {
        status = cr_fail(err, CR_EINPUT,
                         "%s: compressed with %s; images are read by offset, so decompress it once "
                         "to a plain .tar",
                         path, archive_filter_name(t.archive, 0));
        goto cleanup;
    }
    for (bool more;;) {
        CR_TRY(tar_next(&t, &more, err));
        if (!more)
            break;
        CR_TRY(add_member(&t, info.st_size, files, &end, err));
    }
    /* The mark at the end is two blocks of zeros. */
    if (end + BLOCK > info.st_size)
        status =
            cr_fail(err, CR_EINPUT, "%s: cut short behind member '%s': the end mark is missing",
                    path, cr_quote(name_of(&t), strlen(name_of(&t))).text);

cleanup:
    tar_close(&t);
    return status;
}

static cr_status read_member(const tar *t, size_t max_bytes, uint8_t *bytes, size_t *n_bytes,
                             cr_error *err)
{
    *n_bytes = 0;
    for (;;) {
        /* One byte more than is allowed tells a member that is too large. */
        la_ssize_t n = archive_read_data(t->archive, bytes + *n_bytes, max_bytes + 1 - *n_bytes);
        if (n < 0)
            return fail_archive(t, err);
        if (n == 0)
            return CR_OK;
        *n_bytes += (size_t)n;
        if (*n_bytes > max_bytes)
            return cr_fail(err, CR_EINPUT, "%s: member '%s' is larger than %zu bytes", t->path,
                           cr_quote(name_of(t), strlen(name_of(t))).text, max_bytes);
    }
}

static bool ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    const char *slash = strrchr(name, '/');
    return n > m && strcmp(name + n - m, ending) == 0 && (slash ? slash[1] : name[0]) != '.';
}

cr_status cr_tar_each(const char *path, const char *ending, size_t max_bytes, cr_tar_take *take,
                      void *context, cr_error *err)
{
    cr_status status = CR_OK;
    tar t = {0};
    uint8_t *bytes = cr_alloc(max_bytes + 1, 1);
    if (!bytes)
        return cr_fail_memory(err, path, max_bytes, 1);
    CR_TRY(tar_open(&t, path, err));
    for (bool more;;) {
        size_t n_bytes;
        CR_TRY(tar_next(&t, &more, err));
        if (!more)
            break;
        if (archive_entry_filetype(t.entry) != AE_IFREG || !ends_in(name_of(&t), ending))
            continue;
        CR_TRY(read_member(&t, max_bytes, bytes, &n_bytes, err));
        CR_TRY(take(path, name_of(&t), bytes, n_bytes, context, err));
    }

cleanup:
    tar_close(&t);
    free(bytes);
    return status;
}
