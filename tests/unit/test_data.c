#include "camrank/data.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER "ImageId,PredictionString\n"
#define SYNSETS "n01 tench, Tinca tinca\nn02 goldfish\nn03\n"

/* A folder of its own for each test: set.csv, synsets.txt, exclude.txt and images/. */
static int make_folder(void **state)
{
    (void)state;
    return scratch_make() || mkdir(scratch_path("images"), 0700) ? -1 : 0;
}

static cr_status read_set(bool exclude, int limit, cr_dataset *data, cr_error *err)
{
    const cr_data_source source = {.layout = cr_layout_find("kaggle"),
                                   .images = scratch_path("images"),
                                   .ground_truth = scratch_path("set.csv"),
                                   .synsets = scratch_path("synsets.txt"),
                                   .exclude = exclude ? scratch_path("exclude.txt") : NULL,
                                   .limit = limit};
    return cr_data_read(&source, data, err);
}

/* The set must be refused, the message being the folder followed by `message`, in which the folder stands
 * nowhere else: further files of it are named without. */
static void assert_refused(bool exclude, const char *message)
{
    cr_dataset data;
    cr_error err = {0};
    assert_int_equal(read_set(exclude, 0, &data, &err), CR_EINPUT);
    assert_int_equal(err.status, CR_EINPUT);
    assert_memory_equal(err.message, scratch, strlen(scratch));
    char *rest = err.message + strlen(scratch) + 1, *again = strstr(rest, scratch);
    if (again)
        memmove(again, again + strlen(scratch) + 1, strlen(again + strlen(scratch)));
    assert_string_equal(rest, message);
    static const cr_dataset none;
    assert_memory_equal(&data, &none, sizeof data);
}

static void assert_csv_refused(const char *csv, const char *message)
{
    scratch_write_text("synsets.txt", SYNSETS);
    scratch_write_text("set.csv", csv);
    scratch_write_text("images/a.jpg", "");
    scratch_write_text("images/b.jpg", "");
    assert_refused(false, message);
}

static cr_dataset assert_read(const char *csv, bool exclude, int limit)
{
    cr_dataset data;
    cr_error err = {0};
    scratch_write_text("set.csv", csv);
    if (read_set(exclude, limit, &data, &err) != CR_OK)
        fail_msg("%s", err.message);
    return data;
}

static void set_in_any_order_is_sorted_by_id(void **state)
{
    (void)state;
    scratch_write_text("synsets.txt", SYNSETS);
    scratch_write_text("images/b.png", "");
    scratch_write_text("images/a.JPEG", "");
    scratch_write_text("images/a1.Jpg", "");
    scratch_write_text("images/._a.JPEG", "");
    scratch_write_text("images/notes.txt", "");
    scratch_write_text("images/extra.PNG", "");
    cr_dataset d = assert_read(HEADER "b,n02 0 0 9 9 \n"
                                      "a1,n01 5 6 7 8\n"
                                      "a,n03 1 2 3 4 n03 5 6 5 6 \n",
                               false, 0);
    assert_int_equal(d.n_images, 3);
    assert_int_equal(d.n_boxes, 4);
    assert_int_equal(d.n_classes, 3);
    assert_int_equal(d.n_excluded, 0);
    assert_int_equal(d.n_unlisted_files, 1);
    assert_string_equal(d.unlisted, "extra");
    assert_string_equal(cr_data_image_id(&d, 0), "a");
    assert_string_equal(cr_data_image_id(&d, 1), "a1");
    assert_string_equal(cr_data_image_id(&d, 2), "b");
    assert_int_equal(d.images[0].label, 2);
    assert_int_equal(d.images[0].first_box, 0);
    assert_int_equal(d.images[0].n_boxes, 2);
    assert_int_equal(d.images[1].label, 0);
    assert_int_equal(d.images[1].first_box, 2);
    assert_int_equal(d.images[2].first_box, 3);
    static const cr_box boxes[] = {{1, 2, 3, 4}, {5, 6, 5, 6}, {5, 6, 7, 8}, {0, 0, 9, 9}};
    assert_memory_equal(d.boxes, boxes, sizeof boxes);
    assert_string_equal(d.text, "");
    assert_string_equal(d.text + d.classes[0].wnid, "n01");
    assert_string_equal(d.text + d.classes[0].name, "tench, Tinca tinca");
    assert_string_equal(d.text + d.classes[2].name, "");
    char *path = cr_data_image_path(&d, 0);
    assert_string_equal(path + strlen(scratch), "/images/a.JPEG");
    free(path);
    assert_int_equal(cr_data_find(&d, "a"), 0);
    assert_int_equal(cr_data_find(&d, "a1.png"), 1);
    assert_int_equal(cr_data_find(&d, "b"), 2);
    assert_int_equal(cr_data_find(&d, "aa"), -1);
    assert_int_equal(cr_data_find(&d, ""), -1);
    assert_int_equal(cr_data_find(&d, "c"), -1);
    cr_data_free(&d);
}

static void csv_in_other_dialects_is_read_the_same(void **state)
{
    (void)state;
    static const char *const dialects[] = {
        "ImageId,PredictionString\na,n01 1 2 3 4\nb,n02 0 0 5 5\n",
        "ImageId,PredictionString\na,n01 1 2 3 4\nb,n02 0 0 5 5",
        "ImageId,PredictionString\r\na,n01 1 2 3 4 \r\nb,n02 0 0 5 5\r\n",
        "ImageId,PredictionString\ra,n01 1 2 3 4\rb,n02 0 0 5 5",
        "\xef\xbb\xbfImageId,PredictionString\na,n01 1 2 3 4\nb,n02 0 0 5 5\n",
        "\"ImageId\",\"PredictionString\"\n\"a\",\"n01 1 2 3 4\"\nb,\"n02 0 0\n5 5\"\n",
        "\nImageId,PredictionString\n\n\r\nb.JPEG,n02  0 0\t5 5\n  \na.jpg, n01 1 2 3 4 \n\n",
    };
    scratch_write_text("synsets.txt", SYNSETS);
    scratch_write_text("images/a.jpg", "");
    scratch_write_text("images/b.jpg", "");
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        static const cr_box boxes[] = {{1, 2, 3, 4}, {0, 0, 5, 5}};
        cr_dataset d = assert_read(dialects[i], false, 0);
        assert_int_equal(d.n_images, 2);
        assert_int_equal(d.n_boxes, 2);
        assert_memory_equal(d.boxes, boxes, sizeof boxes);
        assert_string_equal(cr_data_image_id(&d, 0), "a");
        assert_int_equal(d.images[1].label, 1);
        cr_data_free(&d);
    }
}

static void csv_with_a_bad_row_is_refused_naming_its_line(void **state)
{
    (void)state;
    assert_csv_refused("", "set.csv: empty, must begin with ImageId,PredictionString");
    assert_csv_refused("\n\n", "set.csv: empty, must begin with ImageId,PredictionString");
    assert_csv_refused(HEADER, "set.csv: a header and no image");
    assert_csv_refused("a,n01 1 2 3 4\n", "set.csv:1: the header is not ImageId,PredictionString");
    assert_csv_refused("ImageId\na\n", "set.csv:1: 1 column, must be ImageId,PredictionString");
    assert_csv_refused(HEADER "a,n01 1 2 3 4\nb,n01 1 2 3 4,x\n",
                       "set.csv:3: 3 columns, must be ImageId,PredictionString");
    assert_csv_refused(HEADER "a\n", "set.csv:2: 1 column, must be ImageId,PredictionString");
    assert_csv_refused(HEADER "\r\n\n,n01 1 2 3 4\n", "set.csv:4: no image id");
    assert_csv_refused(HEADER "b,n01 1 2 3 4\na,n01\n",
                       "set.csv:3: image 'a' has no box, but others have one");
    assert_csv_refused(HEADER "b,n01\na,\n",
                       "set.csv:3: image 'a' has no label, but others have one");
    assert_csv_refused(HEADER "a,n01 n02\n",
                       "set.csv:2: box 1 has no y0; a box is `wnid x0 y0 x1 y1`");
    assert_csv_refused(HEADER "a,n01 1 2 3 4\n\n\nb,n09 1 2 3 4\n",
                       "set.csv:5: class 'n09' is not in the synset list synsets.txt");
    assert_csv_refused(HEADER "a,n01 1 2 3\n",
                       "set.csv:2: box 1 has no y1; a box is `wnid x0 y0 x1 y1`");
    assert_csv_refused(HEADER "a,n01 1 2 3 4 n01\n",
                       "set.csv:2: box 2 has no x0; a box is `wnid x0 y0 x1 y1`");
    assert_csv_refused(HEADER "a,n01 1 -2 3 4\n",
                       "set.csv:2: box 1: y0 is '-2', must be a whole number from 0 to 65500");
    assert_csv_refused(HEADER "a,n01 1 2 3 4 n01 1 2 3.5 4\n",
                       "set.csv:2: box 2: x1 is '3.5', must be a whole number from 0 to 65500");
    assert_csv_refused(HEADER "a,n01 1 2 3 99999999999999999999\n",
                       "set.csv:2: box 1: y1 is '99999999999999999999', must be a whole number "
                       "from 0 to 65500");
    assert_csv_refused(
        HEADER "a,n01 4 2 3 4\n",
        "set.csv:2: box 1 is empty: 4 2 3 4; x0 y0 x1 y1 are wanted, not x y width height");
    assert_csv_refused(
        HEADER "a,n01 1 5 3 4\n",
        "set.csv:2: box 1 is empty: 1 5 3 4; x0 y0 x1 y1 are wanted, not x y width height");
    assert_csv_refused(HEADER "a,n01 1 2 3 4 n02 1 2 3 4\n",
                       "set.csv:2: boxes of two classes, the second is 'n02'");
    assert_csv_refused(HEADER "a,n01 1 2 3 4\nb,n01 1 2 3 4\na.png,n01 1 2 3 4\n",
                       "set.csv:4: image 'a' was on line 2 already");
    assert_csv_refused(HEADER "a,\"n01 1 2\n3 4\"\nb,n09 1 2 3 4\n",
                       "set.csv:4: class 'n09' is not in the synset list synsets.txt");
    assert_csv_refused(HEADER "a,n01 1 2 3 4\nb,\"n01 1 2 3 4\nc,n02 1 2 3 4\n",
                       "set.csv:3: a quote that is never closed");
    assert_csv_refused(HEADER "a,n01 \"1 2 3 4\n",
                       "set.csv:2: a quote out of place (error parsing data while strict checking "
                       "enabled)");
    assert_csv_refused(HEADER "a,n\xc3\xa9 1 2 3 4\n", "set.csv:2: class 'n?"
                                                       "?' is not in the synset list synsets.txt");
    assert_csv_refused(HEADER "a,n01 1 2 3 4\n\"caf\xe9.jpg\",\"n01 1 2 3 4\"\n",
                       "set.csv:3: 'caf?.jpg' is not UTF-8 (Latin-1?); save the file as UTF-8");
    static const char zero[] = HEADER "a,n01 1 2 3 4\nb\0,n01 1 2 3 4\n";
    scratch_write("set.csv", zero, sizeof zero - 1);
    assert_refused(false, "set.csv:3: a zero byte");
}

static void synsets_with_a_fault_are_refused_naming_the_line(void **state)
{
    (void)state;
    scratch_write_text("set.csv", HEADER "a,n01 1 2 3 4\n");
    scratch_write_text("images/a.jpg", "");
    scratch_write_text("synsets.txt", "\n");
    assert_refused(false, "synsets.txt: no class in it");
    scratch_write_text("synsets.txt", "n01 x\n\nn02 y\n");
    assert_refused(false, "synsets.txt:2: an empty line between classes");
    scratch_write_text("synsets.txt", "n01 x\nn\xe9 y\n");
    assert_refused(false, "synsets.txt:2: the wnid 'n?' is not UTF-8");
    scratch_write_text("synsets.txt", "n01 x\nn02 y\nn01 z\n");
    assert_refused(false, "synsets.txt:3: class 'n01' was on line 1 already");
    assert_int_equal(remove(scratch_path("synsets.txt")), 0);
    assert_refused(false, "synsets.txt: No such file or directory");
}

static void synset_name_in_latin1_becomes_utf8(void **state)
{
    (void)state;
    scratch_write_text("images/a.jpg", "");
    scratch_write_text("synsets.txt", "n01 cr\xe8me br\xfbl\xe9"
                                      "e\r\nn02\t cr\xc3\xa8me\r\n\r\n");
    cr_dataset d = assert_read(HEADER "a,n02 1 2 3 4\n", false, 0);
    assert_int_equal(d.n_classes, 2);
    assert_int_equal(d.images[0].label, 1);
    assert_string_equal(d.text + d.classes[0].name, "cr\xc3\xa8me br\xc3\xbbl\xc3\xa9"
                                                    "e");
    assert_string_equal(d.text + d.classes[1].name, "cr\xc3\xa8me");
    cr_data_free(&d);
}

static void image_id_in_utf8_finds_its_file(void **state)
{
    (void)state;
    scratch_write_text("synsets.txt", SYNSETS);
    scratch_write_text("images/caf\xc3\xa9.jpg", "");
    cr_dataset d = assert_read(HEADER "caf\xc3\xa9,n02 1 2 3 4\n", false, 0);
    assert_string_equal(cr_data_image_id(&d, 0), "caf\xc3\xa9");
    cr_data_free(&d);
}

static void images_without_a_file_are_refused_by_name(void **state)
{
    (void)state;
    scratch_write_text("synsets.txt", SYNSETS);
    scratch_write_text("images/c.jpg", "");
    scratch_write_text("set.csv", HEADER "c,n01 0 0 1 1\nb,n01 0 0 1 1\na,n01 0 0 1 1\n");
    assert_refused(false, "images: 2 of 3 images have no file: a, b");
    scratch_write_text("set.csv", HEADER "c,n01 0 0 1 1\nd,n01 0 0 1 1\nb,n01 0 0 1 1\n"
                                         "a,n01 0 0 1 1\ne,n01 0 0 1 1\n");
    assert_refused(false, "images: 4 of 5 images have no file: a, b, d, ...");
    scratch_write_text("images/c.PNG", "");
    assert_refused(false, "images: 'c.PNG' and 'c.jpg' are the same image id; the "
                          "ground truth must name their folders");
}

static void limit_takes_the_first_by_id_and_needs_no_further_file(void **state)
{
    (void)state;
    static const char csv[] = HEADER "c,n01 0 0 1 1\na,n02 0 0 2 2 n02 1 1 2 2\nb,n03 0 0 3 3\n";
    scratch_write_text("synsets.txt", SYNSETS);
    scratch_write_text("images/a.jpg", "");
    scratch_write_text("images/b.jpg", "");
    scratch_write_text("exclude.txt", "c\n");
    cr_dataset d = assert_read(csv, true, 2);
    assert_int_equal(d.n_images, 2);
    assert_int_equal(d.n_boxes, 3);
    assert_int_equal(d.n_excluded, 0);
    assert_int_equal(d.n_unlisted_files, 0);
    assert_string_equal(cr_data_image_id(&d, 1), "b");
    cr_data_free(&d);
    scratch_write_text("images/c.jpg", "");
    d = assert_read(csv, false, 10);
    assert_int_equal(d.n_images, 3);
    cr_data_free(&d);
}

static void exclude_list_takes_images_out_of_localization(void **state)
{
    (void)state;
    scratch_write_text("synsets.txt", SYNSETS);
    scratch_write_text("images/a.jpg", "");
    scratch_write_text("images/b.jpg", "");
    scratch_write_text("exclude.txt", "\r\n b.JPEG \r\nb\r\n");
    cr_dataset d = assert_read(HEADER "a,n01 0 0 1 1\nb,n01 0 0 1 1\n", true, 0);
    assert_int_equal(d.n_excluded, 1);
    assert_int_equal(d.images[0].localize, 1);
    assert_int_equal(d.images[1].localize, 0);
    assert_int_equal(d.images[1].n_boxes, 1);
    cr_data_free(&d);
    scratch_write_text("exclude.txt", "b\n\nz\n");
    assert_refused(true, "exclude.txt:3: image 'z' is not in the ground truth");
}

static void assert_same(const cr_dataset *a, const cr_dataset *b)
{
    assert_int_equal(a->n_images, b->n_images);
    assert_int_equal(a->n_boxes, b->n_boxes);
    assert_int_equal(a->n_classes, b->n_classes);
    assert_int_equal(a->n_excluded, b->n_excluded);
    assert_int_equal(a->n_unlisted_files, b->n_unlisted_files);
    assert_int_equal(a->text_bytes, b->text_bytes);
    assert_memory_equal(a->images, b->images, (size_t)a->n_images * sizeof *a->images);
    assert_memory_equal(a->boxes, b->boxes, (size_t)a->n_boxes * sizeof *a->boxes);
    assert_memory_equal(a->classes, b->classes, (size_t)a->n_classes * sizeof *a->classes);
    assert_memory_equal(a->text, b->text, a->text_bytes);
    assert_string_equal(a->folder, b->folder);
}

static void pack_unpacked_is_the_same_set(void **state)
{
    (void)state;
    scratch_write_text("synsets.txt", SYNSETS);
    scratch_write_text("images/a.jpg", "");
    scratch_write_text("images/b.jpg", "");
    scratch_write_text("images/c.jpg", "");
    scratch_write_text("exclude.txt", "a");
    cr_dataset d = assert_read(HEADER "a,n01 0 0 1 1 n01 3 3 4 4\nb,n01 0 0 1 1\n", true, 0);
    cr_dataset copy;
    cr_error err = {0};
    uint8_t *bytes;
    size_t n_bytes;
    assert_int_equal(cr_data_pack(&d, &bytes, &n_bytes, &err), CR_OK);
    assert_int_equal(cr_data_unpack(bytes, n_bytes, &copy, &err), CR_OK);
    assert_same(&d, &copy);
    assert_int_equal(copy.n_unlisted_files, 1);
    cr_data_free(&copy);
    assert_int_equal(cr_data_unpack(bytes, n_bytes - 1, &copy, &err), CR_EINTERNAL);
    assert_int_equal(cr_data_unpack(bytes, 3, &copy, &err), CR_EINTERNAL);
    free(bytes);
    cr_data_free(&d);
}

/* NULL, after saying so, where there is no kit. */
static const char *find_kit(void)
{
    const char *kit = getenv("CAMRANK_KIT");
    if (!kit || access(kit, R_OK) != 0) {
        print_message("skipped: CAMRANK_KIT is not set, or names no folder\n");
        return NULL;
    }
    return kit;
}

/* Compares with wsolevaluation's metadata of the same 500 images, in the order of image_ids. */
static void kit_dev_equals_its_metadata(void **state)
{
    (void)state;
    const char *kit = find_kit();
    if (!kit)
        skip();
    char images[256], truth[256], synsets[256], labels[256], boxes[256];
    snprintf(images, sizeof images, "%s/dev/images", kit);
    snprintf(truth, sizeof truth, "%s/dev/ground_truth.csv", kit);
    snprintf(synsets, sizeof synsets, "%s/dev/LOC_synset_mapping.txt", kit);
    snprintf(labels, sizeof labels, "%s/dev/metadata/class_labels.txt", kit);
    snprintf(boxes, sizeof boxes, "%s/dev/metadata/localization.txt", kit);
    const cr_data_source source = {.layout = cr_layout_find("kaggle"),
                                   .images = images,
                                   .ground_truth = truth,
                                   .synsets = synsets};
    cr_dataset d;
    cr_error err = {0};
    if (cr_data_read(&source, &d, &err) != CR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(d.n_images, 500);
    assert_int_equal(d.n_boxes, 749);
    assert_int_equal(d.n_classes, 1000);
    assert_int_equal(d.n_unlisted_files, 0);

    char name[128];
    int label, n = 0;
    FILE *file = fopen(labels, "r");
    assert_non_null(file);
    while (fscanf(file, " images/%127[^,],%d", name, &label) == 2) {
        int i = cr_data_find(&d, name);
        assert_true(i >= 0);
        assert_string_equal(d.text + d.images[i].file, name);
        assert_int_equal(d.images[i].label, label);
        n++;
    }
    fclose(file);
    assert_int_equal(n, 500);

    int *seen = calloc((size_t)d.n_images, sizeof *seen), n_boxes = 0;
    cr_box b;
    file = fopen(boxes, "r");
    assert_non_null(seen);
    assert_non_null(file);
    while (fscanf(file, " images/%127[^,],%d,%d,%d,%d", name, &b.x0, &b.y0, &b.x1, &b.y1) == 5) {
        int i = cr_data_find(&d, name);
        assert_true(i >= 0 && seen[i] < d.images[i].n_boxes);
        assert_memory_equal(&d.boxes[d.images[i].first_box + seen[i]++], &b, sizeof b);
        n_boxes++;
    }
    fclose(file);
    free(seen);
    assert_int_equal(n_boxes, 749);
    cr_data_free(&d);
}

/* Of a ground truth the first n images, whose files are empty. */
typedef struct part {
    const char *images, *truth;
} part;

static part make_part(const char *truth, const char *name, int n)
{
    char table[64], *line = NULL;
    size_t bytes = 0;
    snprintf(table, sizeof table, "%s.csv", name);
    const part made = {scratch_path(name), scratch_path(table)};
    FILE *in = fopen(truth, "r"), *out = fopen(made.truth, "w");
    assert_true(in && out);
    assert_true(mkdir(made.images, 0700) == 0 || errno == EEXIST);
    const int dir = open(made.images, O_RDONLY | O_DIRECTORY);
    assert_true(dir >= 0);
    for (int i = 0; i <= n; i++) {
        char image[64] = "";
        assert_true(getline(&line, &bytes, in) > 0 && fputs(line, out) >= 0);
        if (i == 0) /* the header */
            continue;
        snprintf(image, sizeof image, "%.*s.JPEG", (int)strcspn(line, ","), line);
        const int fd = openat(dir, image, O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    close(dir);
    free(line);
    fclose(in);
    assert_int_equal(fclose(out), 0);
    return made;
}

/* Reads it; in CPU seconds. */
static double reading_s(const part *of, const char *synsets, cr_dataset *d)
{
    const cr_data_source source = {.layout = cr_layout_find("kaggle"),
                                   .images = of->images,
                                   .ground_truth = of->truth,
                                   .synsets = synsets};
    cr_error err = {0};
    const clock_t start = clock();
    if (cr_data_read(&source, d, &err) != CR_OK)
        fail_msg("%s", err.message);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Eight times the images take about eight times as long; were it the square, 64 times. */
static void kit_validation_set_is_read_in_linear_time(void **state)
{
    (void)state;
    const char *kit = find_kit();
    if (!kit)
        skip();
    char truth[256], synsets[256];
    snprintf(truth, sizeof truth, "%s/ilsvrc-val/LOC_val_solution.csv", kit);
    snprintf(synsets, sizeof synsets, "%s/ilsvrc-val/LOC_synset_mapping.txt", kit);
    cr_dataset d;
    const part some = make_part(truth, "some", 50000 / 8), all = make_part(truth, "images", 50000);
    const double some_s = reading_s(&some, synsets, &d);
    assert_int_equal(d.n_images, 50000 / 8);
    cr_data_free(&d);
    const double all_s = reading_s(&all, synsets, &d);
    print_message("50,000 images, 80,477 boxes: %.3f s, of an eighth %.3f s\n", all_s, some_s);
    assert_true(all_s < 24 * some_s);
    assert_int_equal(d.n_images, 50000);
    assert_int_equal(d.n_boxes, 80477);
    int several = 0, most = 0;
    for (int i = 0; i < d.n_images; i++) {
        several += d.images[i].n_boxes > 1;
        most = d.images[i].n_boxes > most ? d.images[i].n_boxes : most;
    }
    assert_int_equal(several, 11715);
    assert_int_equal(most, 20);
    assert_int_equal(d.images[0].label, 65);
    assert_int_equal(d.images[1].label, 970);
    assert_int_equal(d.images[2].label, 230);
    cr_data_free(&d);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(set_in_any_order_is_sorted_by_id),
        IN_FOLDER(csv_in_other_dialects_is_read_the_same),
        IN_FOLDER(csv_with_a_bad_row_is_refused_naming_its_line),
        IN_FOLDER(synsets_with_a_fault_are_refused_naming_the_line),
        IN_FOLDER(synset_name_in_latin1_becomes_utf8),
        IN_FOLDER(image_id_in_utf8_finds_its_file),
        IN_FOLDER(images_without_a_file_are_refused_by_name),
        IN_FOLDER(limit_takes_the_first_by_id_and_needs_no_further_file),
        IN_FOLDER(exclude_list_takes_images_out_of_localization),
        IN_FOLDER(pack_unpacked_is_the_same_set),
        cmocka_unit_test(kit_dev_equals_its_metadata),
        IN_FOLDER(kit_validation_set_is_read_in_linear_time),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
