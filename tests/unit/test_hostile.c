/* What an annotation or a tar says never makes us open or create a file: the kernel is asked. */
#include "core/data/internal.h"
#include "scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int make_folder(void **state)
{
    (void)state;
    if (scratch_make() || mkdir(scratch_path("in"), 0700))
        return -1;
    scratch_write_text("synsets.txt", "n01 x\nn02 y\n");
    scratch_write_text("secret.txt", "n01");
    return 0;
}

/* Whether anything that is watched has happened since the last call. */
static bool has_happened(int watch)
{
    char events[4096];
    bool any = false;
    while (read(watch, events, sizeof events) > 0)
        any = true;
    return any;
}

static int watch_path(const char *path, uint32_t what)
{
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(watch >= 0 && inotify_add_watch(watch, path, what) >= 0);
    return watch;
}

#define OBJECT(name)                                                                  \
    "<object><name>" name "</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>4</xmax>" \
    "<ymax>4</ymax></bndbox></object>"

static void annotation_with_entities_is_refused_and_opens_no_file(void **state)
{
    (void)state;
    /* %s is the path of the file. */
    static const char *const documents[] = {
        "<!DOCTYPE annotation [<!ENTITY e SYSTEM 'file://%s'>]><annotation>" OBJECT(
            "&e;") "</annotation>",
        "<!DOCTYPE annotation SYSTEM '%s'><annotation>" OBJECT("n01") "</annotation>",
        "<!DOCTYPE annotation [<!ENTITY %% p SYSTEM 'file://%s'>%%p;]><annotation/>",
        "<?xml-stylesheet href='%s'?><annotation "
        "xmlns:xi='http://www.w3.org/2001/XInclude'>" OBJECT(
            "<xi:include href='%1$s' parse='text'/>") "</annotation>",
        /* Without any file: 10^9 times "ha". */
        "<!DOCTYPE a [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
        "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>"
        "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'><!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'>"
        "]><annotation>" OBJECT("&f;") "</annotation>",
    };
    cr_class_list classes = {0};
    cr_error err = {0};
    assert_int_equal(cr_classes_read(scratch_path("synsets.txt"), &classes, &err), CR_OK);
    const char *secret = scratch_path("secret.txt");
    int watch = watch_path(secret, IN_OPEN | IN_ACCESS);
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        char text[2048];
        cr_truth truth = {0};
        snprintf(text, sizeof text, documents[i], secret);
        assert_int_equal(cr_annotation_parse((const uint8_t *)text, strlen(text), "a.xml", "a",
                                             &classes, i % 2, &truth, &err),
                         CR_EINPUT);
        assert_memory_equal(err.message, "a.xml:", 6);
        assert_false(has_happened(watch));
        cr_truth_fini(&truth);
    }
    FILE *file = fopen(secret, "r");
    assert_true(file && has_happened(watch));
    fclose(file);
    close(watch);
    cr_classes_fini(&classes);
}

static void add(struct archive *tar, const char *name, mode_t type, const char *link)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    if (link)
        archive_entry_set_symlink(entry, link);
    if (type == AE_IFREG)
        archive_entry_set_size(entry, 3);
    assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
    if (type == AE_IFREG)
        assert_int_equal(archive_write_data(tar, "n01", 3), 3);
    archive_entry_free(entry);
}

/* The tar lies in a folder of its own, the folder around it is watched. */
static void tar_with_paths_outside_is_read_and_makes_no_file(void **state)
{
    (void)state;
    struct archive *tar = archive_write_new();
    cr_error err = {0};
    cr_files files = {0};
    char absolute[128];
    uint8_t *bytes = NULL;
    size_t n;
    snprintf(absolute, sizeof absolute, "%s/absolute.jpg", scratch);
    archive_write_set_format_pax_restricted(tar);
    assert_int_equal(archive_write_open_filename(tar, scratch_path("in/set.tar")), ARCHIVE_OK);
    add(tar, "../up.JPEG", AE_IFREG, NULL);
    add(tar, absolute, AE_IFREG, NULL);
    add(tar, "folder", AE_IFLNK, scratch);
    add(tar, "folder/through.png", AE_IFREG, NULL);
    assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
    archive_write_free(tar);

    char *was = getcwd(NULL, 0), path[128];
    assert_true(was && chdir(scratch_path("in")) == 0);
    snprintf(path, sizeof path, "%s", scratch_path("in/set.tar"));
    int watch = watch_path(scratch, IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_DELETE);
    assert_int_equal(cr_tar_list(path, &files, &err), CR_OK);
    assert_int_equal(files.n, 3);
    for (int i = 0; i < files.n; i++) {
        assert_int_equal(
            cr_data_file_read(path, files.pool.text + files.items[i].path, &bytes, &n, &err),
            CR_OK);
        assert_int_equal(n, 3);
        assert_memory_equal(bytes, "n01", 3);
        free(bytes);
    }
    assert_int_equal(cr_data_file_read(path, "../secret.txt", &bytes, &n, &err), CR_EINPUT);
    assert_false(has_happened(watch));
    scratch_write_text("up.JPEG", "");
    assert_true(has_happened(watch));
    close(watch);
    assert_int_equal(chdir(was), 0);
    free(was);
    cr_files_fini(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annotation_with_entities_is_refused_and_opens_no_file),
        cmocka_unit_test(tar_with_paths_outside_is_read_and_makes_no_file),
    };
    return cmocka_run_group_tests(tests, make_folder, scratch_remove);
}
