/* Layout `cub`: the text files of CUB-200-2011, of which the test part is read: images.txt,
 * image_class_labels.txt, bounding_boxes.txt, train_test_split.txt, and the classes from classes.txt. A
 * box is x, y, x + width, y + height, cut to whole numbers, as in wsolevaluation's metadata of CUB. */
#include "internal.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 5
#define MAX_LINE 4096

typedef struct reader {
    const cr_class_list *classes;
    cr_truth *truth;
    int n_images;     /* of both parts */
    int32_t *row;     /* [n_images] in truth, -1 for those of the training part */
    int32_t *line_of; /* per file: the line on which an image was, to find repeated ones */
} reader;

/* One line, split: words[0] is the image's number, less one in *image. */
typedef struct cub_line {
    cr_place at;
    int image;
    const char *words[MAX_WORDS];
} cub_line;

typedef cr_status take_line(reader *r, const cub_line *line, cr_error *err);

static cr_status split(char *text, int n_words, cub_line *line, cr_error *err)
{
    int n = 0;
    int32_t number = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest), n++)
        if (n < MAX_WORDS)
            line->words[n] = word;
    if (n != n_words)
        return cr_fail(err, CR_EINPUT, "%s:%d: %d words, must be %d", line->at.path, line->at.line,
                       n, n_words);
    if (!cr_parse_whole(line->words[0], INT_MAX - 1, &number) || number < 1)
        return cr_fail(err, CR_EINPUT, "%s:%d: '%s' is no image number", line->at.path,
                       line->at.line, cr_quote(line->words[0], strlen(line->words[0])).text);
    line->image = number - 1;
    return CR_OK;
}

/* Each image must be on one line of each file. */
static cr_status check_image(reader *r, const cub_line *line, cr_error *err)
{
    if (line->image >= r->n_images)
        return cr_fail(err, CR_EINPUT, "%s:%d: image %d is not in images.txt", line->at.path,
                       line->at.line, line->image + 1);
    if (r->line_of[line->image])
        return cr_fail(err, CR_EINPUT, "%s:%d: image %d was on line %d already", line->at.path,
                       line->at.line, line->image + 1, r->line_of[line->image]);
    r->line_of[line->image] = line->at.line;
    return CR_OK;
}

static cr_status read_file(reader *r, const char *folder, const char *name, int n_words,
                           take_line *take, cr_error *err)
{
    cr_status status = CR_OK;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0, position = 0;
    cr_line text = {0};
    char copy[MAX_LINE];
    char *path = cr_path_join(folder, name);
    if (!path)
        return cr_fail_memory(err, "a path", 1, 1);
    if (r->line_of)
        memset(r->line_of, 0, (size_t)r->n_images * sizeof *r->line_of);
    CR_TRY(cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &n_bytes, err));
    while (cr_line_next(bytes, n_bytes, &position, &text)) {
        cub_line line = {.at = {path, text.number}};
        if (text.n == 0)
            continue;
        if (text.n >= sizeof copy) {
            status =
                cr_fail(err, CR_EINPUT, "%s:%d: a line of %zu bytes", path, text.number, text.n);
            goto cleanup;
        }
        memcpy(copy, text.text, text.n);
        copy[text.n] = 0;
        CR_TRY(split(copy, n_words, &line, err));
        if (r->line_of)
            CR_TRY(check_image(r, &line, err));
        CR_TRY(take(r, &line, err));
    }
    for (int i = 0; r->line_of && i < r->n_images; i++)
        if (!r->line_of[i]) {
            status = cr_fail(err, CR_EINPUT, "%s: image %d is missing", path, i + 1);
            goto cleanup;
        }

cleanup:
    free(bytes);
    free(path);
    return status;
}

static cr_status count_image(reader *r, const cub_line *line, cr_error *err)
{
    if (line->image != r->n_images)
        return cr_fail(err, CR_EINPUT, "%s:%d: image %d, must be %d", line->at.path, line->at.line,
                       line->image + 1, r->n_images + 1);
    r->n_images++;
    return CR_OK;
}

static cr_status take_part(reader *r, const cub_line *line, cr_error *err)
{
    const char *training = line->words[1];
    if (strcmp(training, "0") != 0 && strcmp(training, "1") != 0)
        return cr_fail(err, CR_EINPUT, "%s:%d: '%s', must be 0 (test) or 1 (training)",
                       line->at.path, line->at.line, cr_quote(training, strlen(training)).text);
    r->row[line->image] = *training == '0' ? 0 : -1;
    return CR_OK;
}

static cr_status take_image(reader *r, const cub_line *line, cr_error *err)
{
    if (r->row[line->image] < 0)
        return CR_OK;
    r->row[line->image] = r->truth->n_rows;
    return cr_truth_add_row(r->truth, &line->at, line->words[1], err);
}

static cr_status take_label(reader *r, const cub_line *line, cr_error *err)
{
    int32_t class;
    if (!cr_parse_whole(line->words[1], r->classes->n, &class) || class < 1)
        return cr_fail(err, CR_EINPUT, "%s:%d: class '%s', must be 1 to %d", line->at.path,
                       line->at.line, cr_quote(line->words[1], strlen(line->words[1])).text,
                       r->classes->n);
    if (r->row[line->image] >= 0)
        r->truth->rows[r->row[line->image]].label = class - 1;
    return CR_OK;
}

/* x, y, width and height in pixels become x, y, x + width, y + height with what lies behind the
 * point cut off, as wsolevaluation's metadata of CUB have them. */
static cr_status take_box(reader *r, const cub_line *line, cr_error *err)
{
    static const char *const names[] = {"x", "y", "width", "height"};
    double value[4];
    for (int i = 0; i < 4; i++) {
        const char *word = line->words[i + 1];
        char *end;
        value[i] = strtod(word, &end);
        if (*end || !isfinite(value[i]) || value[i] < 0 || value[i] > CR_DATA_MAX_COORDINATE / 2 ||
            (i > 1 && value[i] < 1))
            return cr_fail(err, CR_EINPUT, "%s:%d: %s is '%s', must be a number from %d to %d",
                           line->at.path, line->at.line, names[i],
                           cr_quote(word, strlen(word)).text, i > 1, CR_DATA_MAX_COORDINATE / 2);
    }
    if (r->row[line->image] < 0)
        return CR_OK;
    const cr_box box = {(int32_t)value[0], (int32_t)value[1], (int32_t)(value[0] + value[2]),
                        (int32_t)(value[1] + value[3])};
    return cr_truth_add_box(r->truth, &line->at, r->row[line->image], &box, err);
}

static cr_status read_classes(const cr_data_source *source, const cr_files *files,
                              cr_class_list *classes, cr_error *err)
{
    (void)files;
    return cr_classes_read_cub(source->ground_truth, classes, err);
}

static cr_status read_if_there(reader *r, const char *folder, const char *name, int n_words,
                               take_line *take, cr_error *err)
{
    char *path;
    cr_status status = cr_truth_file(folder, name, &path, err);
    if (status == CR_OK && path)
        status = read_file(r, folder, name, n_words, take, err);
    free(path);
    return status;
}

static cr_status read_cub(const cr_data_source *source, const cr_class_list *classes,
                          cr_truth *truth, cr_error *err)
{
    cr_status status = CR_OK;
    const char *folder = source->ground_truth;
    reader r = {.classes = classes, .truth = truth};
    char *path = cr_path_join(folder, "images.txt");
    if (!path)
        return cr_fail_memory(err, "a path", 1, 1);
    CR_TRY(read_file(&r, folder, "images.txt", 2, count_image, err));
    r.row = cr_alloc((size_t)r.n_images, sizeof *r.row);
    r.line_of = cr_alloc((size_t)r.n_images, sizeof *r.line_of);
    if (!r.row || !r.line_of) {
        status = cr_fail_memory(err, folder, (size_t)r.n_images, sizeof *r.row);
        goto cleanup;
    }
    CR_TRY(read_file(&r, folder, "train_test_split.txt", 2, take_part, err));
    CR_TRY(read_file(&r, folder, "images.txt", 2, take_image, err));
    if (truth->n_rows == 0) {
        status = cr_fail(err, CR_EINPUT, "%s: no image of the test part", path);
        goto cleanup;
    }
    CR_TRY(cr_truth_index(truth, path, false, err));
    CR_TRY(read_if_there(&r, folder, "image_class_labels.txt", 2, take_label, err));
    CR_TRY(read_if_there(&r, folder, "bounding_boxes.txt", 5, take_box, err));

cleanup:
    free(path);
    free(r.row);
    free(r.line_of);
    return status;
}

const cr_layout cr_layout_cub = {
    .name = "cub",
    .ground_truth =
        "the folder `CUB_200_2011` (`images`: its folder `images`); the test part is taken",
    .keys = {[CR_DATA_IMAGES] = CR_KEY_TAKEN,
             [CR_DATA_GROUND_TRUTH] = CR_KEY_NEEDED,
             [CR_DATA_EXCLUDE] = CR_KEY_TAKEN,
             [CR_DATA_MASKS] = CR_KEY_TAKEN},
    .has_labels = true,
    .has_boxes = true,
    .box_past = 1,
    .read_classes = read_classes,
    .read = read_cub,
};
