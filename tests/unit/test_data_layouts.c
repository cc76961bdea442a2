/* What the layouts share: tars read in place, class folders, sizes, orders of classes. The layouts
 * themselves are judged by tests/judge/test_data.py. */
#include "camrank/data.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CSV "image,label,x0,y0,x1,y1\na,0,0,0,1,1\nb,n02,0,0,1,1\na,n01,2,2,3,3\n"

static int make_folder(void **state)
{
    (void)state;
    if (scratch_make() || mkdir(scratch_path("n01"), 0700) || mkdir(scratch_path("n02"), 0700))
        return -1;
    scratch_write_text("synsets.txt", "n01 x\nn02 y\n");
    scratch_write_text("set.csv", CSV);
    return 0;
}

/* Appends a member as POSIX.1-1988 has it: a header of 512 bytes, the bytes, zeros. */
static size_t add_member(uint8_t *tar, size_t at, const char *name, const char *text)
{
    char *header = (char *)tar + at;
    size_t n = strlen(text);
    unsigned sum = 0;
    memset(header, 0, 1024);
    snprintf(header, 100, "%s", name);
    snprintf(header + 100, 8, "%07o", 0644u);
    snprintf(header + 124, 12, "%011o", (unsigned)n % 512);
    snprintf(header + 136, 12, "%011o", 0u);
    header[156] = '0';
    memcpy(header + 257, "ustar\00000", 8);
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += tar[at + (size_t)i];
    snprintf(header + 148, 8, "%06o", sum);
    memcpy(header + 512, text, n);
    return at + 1024;
}

static cr_data_source source_of(const char *images)
{
    return (cr_data_source){.layout = cr_layout_find("csv"),
                            .images = images,
                            .ground_truth = scratch_path("set.csv"),
                            .synsets = scratch_path("synsets.txt")};
}

static cr_dataset assert_read(const cr_data_source *source)
{
    cr_dataset data;
    cr_error err = {0};
    if (cr_data_read(source, &data, &err) != CR_OK)
        fail_msg("%s", err.message);
    return data;
}

static void assert_refused(const cr_data_source *source, const char *message)
{
    cr_dataset data;
    cr_error err = {0};
    assert_int_equal(cr_data_read(source, &data, &err), CR_EINPUT);
    if (!strstr(err.message, message))
        fail_msg("%s", err.message);
}

static void assert_bytes(const cr_dataset *data, int i, const char *wanted)
{
    uint8_t *bytes;
    size_t n;
    cr_error err = {0};
    if (cr_data_image_read(data, i, &bytes, &n, &err) != CR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(bytes, wanted, n);
    free(bytes);
}

static void tar_packed_and_unpacked_is_read_in_place(void **state)
{
    (void)state;
    static uint8_t tar[6 * 512 + 1024];
    size_t end = add_member(tar, 0, "n01/a.JPEG", "first");
    end = add_member(tar, end, "notes.txt", "no image");
    add_member(tar, end, "n02/b.png", "second");
    scratch_write("set.tar", tar, sizeof tar);
    cr_data_source source = source_of(scratch_path("set.tar"));
    cr_dataset data = assert_read(&source), copy;
    cr_error err = {0};
    uint8_t *bytes;
    size_t n;
    assert_int_equal(cr_data_pack(&data, &bytes, &n, &err), CR_OK);
    assert_int_equal(cr_data_unpack(bytes, n, &copy, &err), CR_OK);
    free(bytes);
    cr_data_free(&data);
    assert_true(copy.is_tar);
    assert_int_equal(copy.images[0].n_boxes, 2);
    assert_int_equal(copy.images[0].offset, 512);
    assert_int_equal(cr_data_open(&copy, &err), CR_OK);
    assert_bytes(&copy, 0, "first");
    assert_bytes(&copy, 1, "second");
    assert_int_equal(cr_data_file_read(copy.folder, "n02/b.png", &bytes, &n, &err), CR_OK);
    assert_int_equal(n, 6);
    free(bytes);
    assert_int_equal(cr_data_file_read(copy.folder, "../set.csv", &bytes, &n, &err), CR_EINPUT);
    cr_data_free(&copy);

    scratch_write("set.tar", tar, sizeof tar - 1024);
    assert_refused(&source, "set.tar: cut short behind member 'n02/b.png': the end mark");
    scratch_write("set.tar", tar, sizeof tar - 1024 - 510);
    assert_refused(&source, "set.tar: cut short in member 'n02/b.png'");
}

static void class_folders_are_matched_by_name_and_checked(void **state)
{
    (void)state;
    scratch_write_text("n01/a.jpg", "first");
    scratch_write_text("n02/b.jpg", "second");
    cr_data_source source = source_of(scratch);
    cr_dataset data = assert_read(&source);
    assert_string_equal(data.text + data.images[1].file, "n02/b.jpg");
    assert_bytes(&data, 1, "second");
    cr_data_free(&data);
    scratch_write_text("n01/b.png", "again");
    assert_refused(&source, "'n01/b.png' and 'n02/b.jpg' are the same image id");
    assert_int_equal(remove(scratch_path("n02/b.jpg")), 0);
    assert_refused(&source, "1 of 2 images lie in the folder of another class than their label, "
                            "the first is 'b' in n01 with label n02");
}

static void xml_gives_boxes_and_a_size_to_check(void **state)
{
    (void)state;
    scratch_write_text("n01/a.xml",
                       "<annotation><size><width>5</width><height>4</height></size>"
                       "<object><name> n02 </name><part><name>n01</name></part><bndbox>"
                       "<xmin>1</xmin><ymin>0</ymin><xmax>4</xmax><ymax>3</ymax>"
                       "</bndbox></object></annotation>");
    cr_data_source source = source_of(NULL);
    source.layout = cr_layout_find("xml");
    source.ground_truth = scratch_path("n01");
    cr_dataset data = assert_read(&source);
    static const cr_box box = {1, 0, 4, 3};
    cr_error err = {0};
    assert_int_equal(data.n_boxes, 1);
    assert_memory_equal(data.boxes, &box, sizeof box);
    assert_int_equal(data.images[0].label, 1);
    assert_string_equal(data.folder, "");
    assert_int_equal(cr_data_check_size(&data, 0, 5, 4, &err), CR_OK);
    assert_int_equal(cr_data_check_size(&data, 0, 4, 5, &err), CR_EINPUT);
    assert_non_null(strstr(err.message, "4 x 5 pixels, but annotated with 5 x 4"));
    cr_box_census census = {0};
    cr_box_census_add(&census, &data, 0, 8, 8);
    assert_int_equal(cr_box_census_check(&census, "set", &err), CR_EINPUT);
    assert_non_null(strstr(err.message, "set: 1 of 1 images looked at have another size than is "
                                        "annotated, first a, 8 x 8 pixels, annotated with 5 x 4"));
    for (int i = 0; i < 9; i++)
        cr_box_census_add(&census, &data, 0, 5, 4);
    assert_int_equal(cr_box_census_check(&census, "set", &err), CR_OK);
    data.images[0].width = 0;
    assert_int_equal(cr_data_check_size(&data, 0, 4, 4, &err), CR_EINPUT);
    assert_non_null(strstr(err.message, "its box 1 0 4 3 reaches beyond its 4 x 4 pixels"));
    data.box_past = 1;
    assert_int_equal(cr_data_check_size(&data, 0, 4, 4, &err), CR_OK);
    assert_int_equal(cr_data_check_size(&data, 0, 3, 4, &err), CR_EINPUT);
    cr_data_free(&data);
}

/* As ImageNetV2 is laid out: every name comes once in each folder. */
static void images_of_one_name_in_different_folders_have_paths_as_ids(void **state)
{
    (void)state;
    scratch_write_text("n01/8.jpg", "first");
    scratch_write_text("n02/8.png", "second");
    scratch_write_text("n02/9.jpg", "not listed");
    scratch_write_text("set.csv", "image,label,x0,y0,x1,y1\nn02/8.png,n02,0,0,2,2\n"
                                  "./n01/8.jpg,n01,0,0,1,1\nn02/8.png,n02,3,3,4,4\n");
    scratch_write_text("list.txt", "n02/8\n");
    cr_data_source source = source_of(scratch);
    cr_dataset data = assert_read(&source);
    assert_int_equal(data.n_images, 2);
    assert_string_equal(cr_data_image_id(&data, 0), "n01/8");
    assert_string_equal(cr_data_image_id(&data, 1), "n02/8");
    assert_int_equal(data.images[1].n_boxes, 2);
    assert_bytes(&data, 0, "first");
    assert_bytes(&data, 1, "second");
    assert_int_equal(data.n_unlisted_files, 1);
    assert_string_equal(data.unlisted, "n02/9.jpg");
    assert_int_equal(cr_data_find(&data, "n02/8.png"), 1);
    assert_int_equal(cr_data_find(&data, "8"), -1);
    cr_data_free(&data);
    /* The same ids in a part of the set, and beside a folder further up or down. */
    source.exclude = source.subset_list = scratch_path("list.txt");
    data = assert_read(&source);
    assert_int_equal(data.n_images, 1);
    assert_string_equal(cr_data_image_id(&data, 0), "n02/8");
    assert_int_equal(data.images[0].localize, 0);
    cr_data_free(&data);
    source.exclude = source.subset_list = NULL;
    scratch_write_text("set.csv", "image,label,x0,y0,x1,y1\nval/n02/8,n02,0,0,2,2\n"
                                  "val/n01/8,n01,0,0,1,1\n");
    data = assert_read(&source);
    assert_string_equal(cr_data_image_id(&data, 1), "val/n02/8");
    assert_bytes(&data, 1, "second");
    cr_data_free(&data);
    scratch_write_text("set.csv",
                       "image,label,x0,y0,x1,y1\nn02/8,n02,0,0,2,2\nn02/8,n02,0,0,1,1\n");
    data = assert_read(&source);
    assert_string_equal(cr_data_image_id(&data, 0), "8");
    cr_data_free(&data);
}

static void other_orders_of_classes_are_known_only_where_they_differ(void **state)
{
    (void)state;
    int32_t order[3];
    cr_data_source source = source_of(NULL);
    cr_dataset data = assert_read(&source);
    assert_false(cr_data_sorted_order(&data, order));
    assert_false(cr_data_devkit_order(&data, order));
    cr_data_free(&data);
    scratch_write_text("synsets.txt", "n02 y\nn03 z\nn01 x\n");
    scratch_write_text("devkit.txt", "3 n02 y\n900 n99\n2 n01\n1 n03\n");
    scratch_write_text("set.csv", "image,label,x0,y0,x1,y1\na,n01,0,0,1,1\n");
    source.devkit_synsets = scratch_path("devkit.txt");
    data = assert_read(&source);
    static const int32_t sorted[] = {2, 0, 1}, devkit[] = {1, 2, 0};
    assert_true(cr_data_sorted_order(&data, order));
    assert_memory_equal(order, sorted, sizeof sorted);
    assert_true(cr_data_devkit_order(&data, order));
    assert_memory_equal(order, devkit, sizeof devkit);
    cr_data_free(&data);
    scratch_write_text("devkit.txt", "2 n02 y\n3 n01\n3 n03\n");
    assert_refused(&source, "devkit.txt: class 'n01' has the id 3, which another has too");
    scratch_write_text("devkit.txt", "2 n02 y\n3 n01\n");
    assert_refused(&source, "devkit.txt: has no class 'n03'");
    scratch_write_text("devkit.txt", "2 n02 y\nn01 3\n");
    assert_refused(&source, "devkit.txt:2: 'n01 3', must be a number from 1 and a class");
}

static void exclude_list_of_numbers_keeps_the_numbers_of_the_whole_set(void **state)
{
    (void)state;
    scratch_write_text("set.csv",
                       "image,label,x0,y0,x1,y1\nv_00000007,0,0,0,1,1\nv_00000009,0,0,0,1,1\n");
    scratch_write_text("exclude.txt", "9\n8\n");
    cr_data_source source = source_of(NULL);
    source.exclude = scratch_path("exclude.txt");
    cr_dataset data = assert_read(&source);
    assert_int_equal(data.n_excluded, 1);
    assert_int_equal(data.images[1].localize, 0);
    cr_data_free(&data);
    scratch_write_text("exclude.txt", "9\nv_00000007\n");
    assert_refused(&source, "exclude.txt:2: 'v_00000007' is no image number");
    scratch_write_text("set.csv", CSV);
    scratch_write_text("exclude.txt", "2\n");
    data = assert_read(&source);
    assert_int_equal(data.images[1].localize, 0);
    cr_data_free(&data);
    scratch_write_text("exclude.txt", "2\n3\n");
    assert_refused(&source, "exclude.txt:2: image '3' is not in the ground truth");
}

static void subset_takes_list_then_classes_then_stride_then_count(void **state)
{
    (void)state;
    static const char *const classes[] = {"n02"};
    scratch_write_text("set.csv", "image,label,x0,y0,x1,y1\na,1,0,0,1,1\nb,1,0,0,1,1\nc,0,0,0,1,1\n"
                                  "d,1,0,0,1,1\ne,1,0,0,1,1\nf,1,0,0,1,1\n");
    scratch_write_text("list.txt", "e\nc\nd.jpg\na\nf\n");
    cr_data_source source = source_of(NULL);
    source.subset_list = scratch_path("list.txt");
    source.subset_classes = classes;
    source.n_subset_classes = 1;
    source.subset_stride = 2;
    cr_dataset data = assert_read(&source);
    assert_int_equal(data.n_images, 2);
    assert_string_equal(cr_data_image_id(&data, 0), "a");
    assert_string_equal(cr_data_image_id(&data, 1), "e");
    cr_data_free(&data);
    source.limit = 1;
    data = assert_read(&source);
    assert_int_equal(data.n_images, 1);
    cr_data_free(&data);
    scratch_write_text("list.txt", "c\n");
    assert_refused(&source, "dataset.subset: no image of");
    scratch_write_text("list.txt", "c\na\nc\n");
    assert_refused(&source, "list.txt:3: image 'c' was on line 1 already");
    scratch_write_text("list.txt", "x\n");
    assert_refused(&source, "list.txt:1: image 'x' is not in the ground truth");
}

/* Appends an element of a MAT-file: its tag, its body, zeros to a multiple of eight bytes. */
static size_t add_element(uint8_t *mat, size_t at, uint32_t type, const void *body, uint32_t n)
{
    memcpy(mat + at, &type, 4);
    memcpy(mat + at + 4, &n, 4);
    memset(mat + at + 8, 0, ((size_t)n + 7) / 8 * 8);
    if (n)
        memcpy(mat + at + 8, body, n);
    return at + 8 + ((size_t)n + 7) / 8 * 8;
}

/* Appends the head of an array of one row; its number of bytes is set by end_array. */
static size_t begin_array(uint8_t *mat, size_t at, uint32_t class, uint32_t n, const char *name)
{
    const uint32_t flags[2] = {class, 0}, extents[2] = {1, n};
    at = add_element(mat, at, 14, NULL, 0);
    at = add_element(mat, at, 6, flags, sizeof flags);
    at = add_element(mat, at, 5, extents, sizeof extents);
    return add_element(mat, at, 1, name, (uint32_t)strlen(name));
}

static size_t end_array(uint8_t *mat, size_t begin, size_t end)
{
    uint32_t n = (uint32_t)(end - begin - 8);
    memcpy(mat + begin + 4, &n, 4);
    return end;
}

/* A meta.mat of two synsets. */
static size_t make_mat(uint8_t *mat, double id, const char *wnid)
{
    static const char fields[2][16] = {"ILSVRC2012_ID", "WNID"};
    const uint32_t length = sizeof fields[0];
    const double ids[2] = {id, 2};
    const char *const wnids[2] = {wnid, "n02"};
    memset(mat, ' ', 124);
    memcpy(mat, "MATLAB 5.0", 10);
    memcpy(mat + 124, "\0\1IM", 4);
    size_t at = begin_array(mat, 128, 2, 2, "synsets");
    at = add_element(mat, at, 5, &length, 4);
    at = add_element(mat, at, 1, fields, sizeof fields);
    for (int i = 0; i < 2; i++) {
        size_t from = at;
        at = begin_array(mat, at, 6, 1, "");
        at = end_array(mat, from, add_element(mat, at, 9, &ids[i], 8));
        from = at;
        at = begin_array(mat, at, 4, (uint32_t)strlen(wnids[i]), "");
        at = end_array(mat, from, add_element(mat, at, 16, wnids[i], (uint32_t)strlen(wnids[i])));
    }
    return end_array(mat, 128, at);
}

static cr_status read_with_mat(const uint8_t *mat, size_t n, cr_dataset *data, cr_error *err)
{
    cr_data_source source = source_of(scratch_path(""));
    source.devkit_synsets = scratch_path("meta.mat");
    *err = (cr_error){0};
    scratch_write("meta.mat", mat, n);
    return cr_data_read(&source, data, err);
}

static void assert_mat_refused(const uint8_t *mat, size_t n, const char *message)
{
    cr_dataset data;
    cr_error err;
    assert_int_equal(read_with_mat(mat, n, &data, &err), CR_EINPUT);
    assert_string_equal(err.message + strlen(scratch), message);
}

static void meta_mat_is_read_or_refused(void **state)
{
    (void)state;
    uint8_t mat[2048];
    cr_dataset data;
    cr_error err;
    scratch_write_text("n01/a.jpg", "1");
    scratch_write_text("n02/b.jpg", "2");
    const size_t n = make_mat(mat, 1, "n01");
    assert_int_equal(read_with_mat(mat, n, &data, &err), CR_OK);
    assert_int_equal(data.classes[0].devkit, 1);
    assert_int_equal(data.classes[1].devkit, 2);
    cr_data_free(&data);
    for (size_t cut = 6; cut < n; cut++)
        assert_int_equal(read_with_mat(mat, cut, &data, &err), CR_EINPUT);
    mat[126] = 'M';
    assert_mat_refused(mat, n,
                       "/meta.mat: not a little-endian MATLAB file of level 5, as the devkit's is");
    assert_mat_refused(mat, make_mat(mat, 1e300, "n01"), "/meta.mat: synset 1 of 2 cannot be read");
    assert_mat_refused(mat, make_mat(mat, 1, "n\n1"), "/meta.mat: synset 1 of 2 cannot be read");
    assert_mat_refused(mat, make_mat(mat, 2, "n01"),
                       "/meta.mat: class 'n02' has the id 2, which another has too");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(tar_packed_and_unpacked_is_read_in_place),
        IN_FOLDER(class_folders_are_matched_by_name_and_checked),
        IN_FOLDER(meta_mat_is_read_or_refused),
        IN_FOLDER(xml_gives_boxes_and_a_size_to_check),
        IN_FOLDER(images_of_one_name_in_different_folders_have_paths_as_ids),
        IN_FOLDER(other_orders_of_classes_are_known_only_where_they_differ),
        IN_FOLDER(exclude_list_of_numbers_keeps_the_numbers_of_the_whole_set),
        IN_FOLDER(subset_takes_list_then_classes_then_stride_then_count),
    };
    return cmocka_run_group_tests_name("data layouts", tests, NULL, NULL);
}
