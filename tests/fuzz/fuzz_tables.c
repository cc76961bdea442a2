/* Every ground truth that is text: the first byte chooses the layout, and what lies between bytes
 * 0x1e are its files. */
#include "fuzz.h"

#include "camrank/data.h"

#include <string.h>
#include <sys/stat.h>

enum { MAX_FILES = 6 };

/* The files of each layout, in the order of an input's parts. */
static const struct {
    const char *name;
    const char *truth;
    const char *files[MAX_FILES];
} layouts[] = {
    {"kaggle", "truth", {"truth", "synsets", "devkit", "exclude"}},
    {"csv", "truth", {"truth", "synsets", "list", "exclude"}},
    {"wsol",
     "wsol",
     {"wsol/image_ids.txt", "wsol/class_labels.txt", "wsol/image_sizes.txt",
      "wsol/localization.txt", "synsets", "list"}},
    {"cub",
     "cub",
     {"cub/images.txt", "cub/image_class_labels.txt", "cub/bounding_boxes.txt",
      "cub/train_test_split.txt", "cub/classes.txt", "list"}},
    {"devkit", "truth", {"truth", "synsets", "devkit", "boxes/a_00000001.xml"}},
    {"openimages",
     "lists",
     {"lists/image_ids.txt", "lists/class_labels.txt", "lists/image_sizes.txt",
      "lists/localization.txt", "synsets", "list"}},
    {"openimages", "truth", {"truth", "classes.csv", "exclude", "list"}},
};

/* What the tables are of: two images, of whose files no more is read than their sizes, and their masks. */
static void make_folders(void)
{
    static const char *const names[] = {"wsol", "cub", "boxes", "lists", "images", "masks"};
    static const uint8_t png[24] = {0x89, 'P', 'N', 'G', [19] = 50, [23] = 60};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        FUZZ_CHECK(mkdir(fuzz_path(names[i]), 0700) == 0);
    fuzz_write("images/a.png", png, sizeof png);
    fuzz_write("images/b.png", png, sizeof png);
    fuzz_write("masks/a.png", png, sizeof png);
    fuzz_write("masks/b.png", png, sizeof png);
}

/* The path of a file that the layout has, or, if it `may_lack` it, that the input has too. */
static const char *path_if(const char *const *files, const fuzz_part *parts, const char *name,
                           bool may_lack)
{
    for (int i = 0; i < MAX_FILES && files[i]; i++)
        if (strcmp(files[i], name) == 0 && (parts[i].n_bytes || !may_lack))
            return fuzz_path(name);
    return NULL;
}

static void check(const cr_dataset *data)
{
    FUZZ_CHECK(data->n_images >= 1 && data->n_classes >= 1);
    for (int i = 0; i < data->n_images; i++) {
        const cr_data_image *image = &data->images[i];
        FUZZ_CHECK(image->label >= 0 && image->label < data->n_classes);
        FUZZ_CHECK((image->n_boxes >= 1 || data->masks[0]) && image->first_box >= 0);
        FUZZ_CHECK(image->n_boxes <= data->n_boxes - image->first_box);
        FUZZ_CHECK(i == 0 || strcmp(cr_data_image_id(data, i - 1), cr_data_image_id(data, i)) < 0);
        FUZZ_CHECK(cr_data_find(data, cr_data_image_id(data, i)) == i);
    }
    for (int i = 0; i < data->n_boxes; i++) {
        const cr_box *box = &data->boxes[i];
        FUZZ_CHECK(box->x0 >= 0 && box->x0 <= box->x1 && box->y0 >= 0 && box->y0 <= box->y1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static bool has_folders;
    fuzz_part parts[MAX_FILES];
    cr_dataset data;
    cr_error err = {0};
    if (!has_folders) {
        make_folders();
        has_folders = true;
    }
    if (n_bytes < 1)
        return 0;
    const size_t which = bytes[0] % (sizeof layouts / sizeof *layouts);
    const char *const *files = layouts[which].files;
    fuzz_split(bytes + 1, n_bytes - 1, parts, MAX_FILES);
    for (int i = 0; i < MAX_FILES && files[i]; i++)
        fuzz_write(files[i], parts[i].bytes, parts[i].n_bytes);
    const cr_layout *layout = cr_layout_find(layouts[which].name);
    const bool of_lists = strcmp(layouts[which].truth, "lists") == 0;
    const bool of_shares = layout->of_pairs && !of_lists;
    const cr_data_source source = {
        .layout = layout,
        .ground_truth = fuzz_path(layouts[which].truth),
        .images = of_shares ? fuzz_path("images") : NULL,
        .masks = of_lists ? fuzz_path("masks") : NULL,
        .synsets = path_if(files, parts, of_shares ? "classes.csv" : "synsets", layout->of_pairs),
        .devkit_synsets =
            path_if(files, parts, "devkit", layout->keys[CR_DATA_DEVKIT_SYNSETS] != CR_KEY_NEEDED),
        .boxes = layout->keys[CR_DATA_BOXES] == CR_KEY_NEEDED ? fuzz_path("boxes") : NULL,
        .exclude = path_if(files, parts, "exclude", true),
        .subset_list = path_if(files, parts, "list", true),
    };
    /* A selection without an image is the job's fault, not a file's. */
    static const char key[] = "dataset.subset: ";
    const cr_status status = cr_data_read(&source, &data, &err);
    const bool is_key = source.subset_list && strncmp(err.message, key, strlen(key)) == 0;
    if (fuzz_ok(status, &err, is_key ? key : fuzz_path(""))) {
        check(&data);
        cr_data_free(&data);
    }
    return 0;
}
