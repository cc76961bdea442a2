/* Layout `openimages`: wsolevaluation's lists of OpenImages30k, which name masks, or OpenImages' own boxes,
 * `...-annotations-bbox.csv`: a row an image and class that has an object which is no group; or its own masks,
 * `...-annotations-object-segmentation.csv`, of which each is of one object and stands with its box. Boxes are
 * shares of the image, whose size is in its file: a box is all pixels that it covers a part of. */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* OpenImages' own files; the columns of the label and of the four sides are the same in both. */
typedef struct own_file {
    const char *columns, *sides[4];
    int least, image, group, mask; /* columns; -1: there is none */
} own_file;

static const own_file own_files[] = {
    {.columns = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,"
                "IsGroupOf,IsDepiction,IsInside,XClick1X,XClick2X,XClick3X,XClick4X,XClick1Y,"
                "XClick2Y,XClick3Y,XClick4Y",
     .sides = {"XMin", "XMax", "YMin", "YMax"},
     .least = 13,
     .image = 0,
     .group = 10,
     .mask = -1},
    {.columns = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,"
                "Clicks",
     .sides = {"BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax"},
     .least = 8,
     .image = 1,
     .group = -1,
     .mask = 0},
};

enum { CLASS = 2, X_MIN = 4 };

/* By how the file begins. */
static const own_file *table_of(const char *path)
{
    return cr_layout_begins(path, "MaskPath") ? &own_files[1] : &own_files[0];
}

static bool is_folder(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && S_ISDIR(there.st_mode);
}

/* The classes. */

/* A label without the slashes that no id may have: /m/01226z is 01226z, as in wsolevaluation's folders. */
static const char *class_of(const char *label)
{
    return cr_path_name(label);
}

/* Of a class's images in wsolevaluation's lists: the folder that they lie in. */
typedef struct folders {
    cr_pool pool;
    uint32_t *names; /* [n] of class, 0 where none was seen */
    size_t capacity;
    int n;
} folders;

static cr_status take_folder(const cr_csv_row *in, void *data, cr_error *err)
{
    folders *f = data;
    int32_t class;
    char *end = strrchr(in->field[0], '/');
    if (!end || !cr_parse_whole(in->field[1], USHRT_MAX, &class))
        return cr_fail(err, CR_EINPUT,
                       "%s:%d: '%s' is no class index of an image in a folder of its class; "
                       "dataset.synsets would name the classes",
                       in->at.path, in->at.line, cr_quote(in->field[1], strlen(in->field[1])).text);
    *end = 0;
    for (; f->n <= class; f->n++) {
        CR_OR_RETURN(cr_reserve(&f->names, (size_t)f->n, &f->capacity, sizeof *f->names, err));
        f->names[f->n] = 0;
    }
    const char *name = cr_path_name(in->field[0]);
    return f->names[class] ? CR_OK
                           : cr_pool_add(&f->pool, name, strlen(name), &f->names[class], err);
}

static cr_status classes_of_folders(const char *path, cr_class_list *classes, cr_error *err)
{
    cr_status status = CR_OK;
    folders f = {0};
    CR_TRY(cr_csv_read(path, "image,class", 0, false, take_folder, &f, err));
    for (int i = 0; i < f.n; i++) {
        const char *name = f.pool.text + f.names[i];
        if (!f.names[i])
            CR_TRY(cr_fail(err, CR_EINPUT,
                           "%s: class %d has no image; dataset.synsets must name the classes", path,
                           i));
        CR_TRY(cr_classes_add(classes, name, strlen(name), name, strlen(name), err));
    }
    status = cr_classes_index(classes, path, err);

cleanup:
    free(f.pool.text);
    free(f.names);
    return status;
}

static cr_status take_class(const cr_csv_row *in, void *data, cr_error *err)
{
    const char *name = class_of(in->field[0]), *words = in->field[1];
    if (in->at.line == 1 && strcmp(name, "LabelName") == 0)
        return CR_OK;
    return cr_classes_add(data, name, strlen(name), words, strlen(words), err);
}

/* The labels that the boxes have, in byte order. */
static cr_status take_label(const cr_csv_row *in, void *data, cr_error *err)
{
    folders *f = data;
    const char *name = class_of(in->field[CLASS]);
    if (f->n > 0 && strcmp(f->pool.text + f->names[f->n - 1], name) == 0)
        return CR_OK;
    CR_OR_RETURN(cr_reserve(&f->names, (size_t)f->n, &f->capacity, sizeof *f->names, err));
    return cr_pool_add(&f->pool, name, strlen(name), &f->names[f->n++], err);
}

static cr_status classes_of_boxes(const char *path, cr_class_list *classes, cr_error *err)
{
    cr_status status = CR_OK;
    folders f = {0};
    cr_name *names = NULL;
    const own_file *table = table_of(path);
    CR_TRY(cr_csv_read(path, table->columns, table->least, true, take_label, &f, err));
    names = cr_alloc((size_t)f.n, sizeof *names);
    if (!names)
        CR_TRY(cr_fail_memory(err, path, (size_t)f.n, sizeof *names));
    for (int i = 0; i < f.n; i++)
        names[i] = (cr_name){f.pool.text + f.names[i], i};
    cr_names_sort(names, f.n);
    for (int i = 0; i < f.n; i++) {
        const char *name = names[i].text;
        if (i == 0 || strcmp(names[i - 1].text, name) != 0)
            CR_TRY(cr_classes_add(classes, name, strlen(name), name, strlen(name), err));
    }
    status = cr_classes_index(classes, path, err);

cleanup:
    free(names);
    free(f.pool.text);
    free(f.names);
    return status;
}

static cr_status read_classes(const cr_data_source *source, const cr_files *files,
                              cr_class_list *classes, cr_error *err)
{
    (void)files;
    const char *synsets = source->synsets;
    if (synsets && strlen(synsets) > 4 && strcmp(synsets + strlen(synsets) - 4, ".csv") == 0) {
        CR_OR_RETURN(cr_csv_read(synsets, "class,name", 0, false, take_class, classes, err));
        return cr_classes_index(classes, synsets, err);
    }
    if (synsets)
        return cr_classes_read(synsets, classes, err);
    if (!is_folder(source->ground_truth))
        return classes_of_boxes(source->ground_truth, classes, err);
    char *path = cr_path_join(source->ground_truth, "class_labels.txt");
    if (!path)
        return cr_fail_memory(err, "a path", 1, 1);
    const cr_status status = classes_of_folders(path, classes, err);
    free(path);
    return status;
}

/* The size of an image, from the head of its file. */

static int two_bytes(FILE *file)
{
    const int high = getc(file), low = getc(file);
    return high < 0 || low < 0 ? -1 : high << 8 | low;
}

/* A JPEG's frame is in one of the segments at its beginning, each of which says how long it is. */
static bool read_size(FILE *file, int *width, int *height)
{
    unsigned char png[24];
    const long begin = ftell(file);
    *width = *height = 0;
    if (fread(png, 1, sizeof png, file) == sizeof png && memcmp(png, "\x89PNG", 4) == 0) {
        *width = png[18] << 8 | png[19];
        *height = png[22] << 8 | png[23];
        return (png[16] | png[17] | png[20] | png[21]) == 0 && *width > 0 && *height > 0;
    }
    if (fseek(file, begin, SEEK_SET) != 0 || two_bytes(file) != 0xffd8)
        return false;
    for (int c = getc(file); c == 0xff;) {
        while (c == 0xff)
            c = getc(file);
        const int length = two_bytes(file);
        if (length < 2)
            return false;
        if (c >= 0xc0 && c <= 0xcf && c != 0xc4 && c != 0xc8 && c != 0xcc) {
            (void)getc(file);
            *height = two_bytes(file);
            *width = two_bytes(file);
            return *width > 0 && *height > 0;
        }
        if (fseek(file, length - 2, SEEK_CUR) != 0)
            return false;
        c = getc(file);
    }
    return false;
}

static cr_status size_of(const cr_data_source *source, const cr_files *files, const char *image,
                         int32_t *width, int32_t *height, cr_error *err)
{
    int other;
    const int item = cr_files_match(files, image, false, &other);
    if (item < 0)
        return CR_OK; /* said later, with all that lack a file, or it is not chosen */
    const cr_file *of = &files->items[item];
    char *path = files->is_tar ? strdup(source->images)
                               : cr_path_join(source->images, files->pool.text + of->path);
    if (!path)
        return cr_fail_memory(err, "a path", 1, 1);
    FILE *file = fopen(path, "rbe");
    const bool opened = file && fseek(file, (long)of->offset, SEEK_SET) == 0;
    const bool good = opened && read_size(file, width, height);
    const cr_status status =
        good ? CR_OK
             : cr_fail(err, CR_EINPUT, "%s: %s", path,
                       opened ? "neither a JPEG nor a PNG that says its size" : strerror(errno));
    if (file)
        fclose(file);
    free(path);
    return status;
}

/* Boxes and masks. */

typedef struct reader {
    const cr_data_source *source;
    const own_file *table;
    const cr_class_list *classes;
    cr_truth *truth;
    struct box {
        double side[4]; /* x min, x max, y min, y max */
        int32_t class;
        uint32_t image_at, mask_at;
        const char *image, *mask; /* once all are read; "" without a mask */
        int line;
    } * boxes;
    cr_pool pool;
    size_t capacity;
    int n;
} reader;

static cr_status take_box(const cr_csv_row *in, void *data, cr_error *err)
{
    reader *r = data;
    const own_file *table = r->table;
    struct box box = {.line = in->at.line};
    for (int i = 0; i < 4; i++) {
        const char *word = in->field[X_MIN + i];
        char *end;
        box.side[i] = strtod(word, &end);
        if (*end || !*word || !(box.side[i] >= 0 && box.side[i] <= 1))
            return cr_fail(err, CR_EINPUT, "%s:%d: %s is '%s', must be a number from 0 to 1",
                           in->at.path, in->at.line, table->sides[i],
                           cr_quote(word, strlen(word)).text);
    }
    if (box.side[0] >= box.side[1] || box.side[2] >= box.side[3])
        return cr_fail(err, CR_EINPUT, "%s:%d: the box is empty", in->at.path, in->at.line);
    const char *label = class_of(in->field[CLASS]);
    if (!*label)
        return cr_fail(err, CR_EINPUT, "%s:%d: no label", in->at.path, in->at.line);
    box.class = cr_classes_find(r->classes, label);
    if (box.class < 0)
        return cr_fail(err, CR_EINPUT, "%s:%d: label '%s' is not in the synset list %s",
                       in->at.path, in->at.line, cr_quote(label, strlen(label)).text,
                       r->classes->path);
    if (table->group >= 0 && strcmp(in->field[table->group], "1") == 0)
        return CR_OK;
    const char *image = in->field[table->image];
    const char *mask = table->mask >= 0 ? in->field[table->mask] : "";
    if (table->mask >= 0 && !*mask)
        return cr_fail(err, CR_EINPUT, "%s:%d: no mask", in->at.path, in->at.line);
    CR_OR_RETURN(cr_pool_add(&r->pool, image, strlen(image), &box.image_at, err));
    CR_OR_RETURN(cr_pool_add(&r->pool, mask, strlen(mask), &box.mask_at, err));
    CR_OR_RETURN(cr_reserve(&r->boxes, (size_t)r->n, &r->capacity, sizeof *r->boxes, err));
    r->boxes[r->n++] = box;
    return CR_OK;
}

/* Boxes of a pair come one behind the other after this. */
static int compare_boxes(const void *a, const void *b)
{
    const struct box *x = a, *y = b;
    const int order = strcmp(x->image, y->image);
    return order                  ? order
           : x->class != y->class ? (x->class > y->class) - (x->class < y->class)
                                  : (x->line > y->line) - (x->line < y->line);
}

static int32_t first_pixel(double side, int32_t n)
{
    return (int32_t)fmin(floor(side * n + 1e-3), n - 1);
}

static int32_t last_pixel(double side, int32_t n)
{
    return (int32_t)fmax(ceil(side * n - 1e-3) - 1, 0);
}

static cr_status add_pairs(reader *r, cr_error *err)
{
    const char *path = r->source->ground_truth;
    cr_truth *truth = r->truth;
    int32_t width = 0, height = 0;
    for (int i = 0, row = -1; i < r->n; i++) {
        const struct box *b = &r->boxes[i], *last = i ? b - 1 : NULL;
        const cr_place at = {path, b->line};
        const bool same = last && strcmp(last->image, b->image) == 0;
        if (!same) {
            width = height = 0;
            CR_OR_RETURN(size_of(r->source, truth->files, b->image, &width, &height, err));
        }
        if (!same || last->class != b->class) {
            CR_OR_RETURN(
                cr_truth_add_pair(truth, &at, b->image,
                                  r->classes->pool.text + r->classes->classes[b->class].wnid, err));
            row = truth->n_rows - 1;
            truth->rows[row].label = b->class;
            truth->rows[row].width = width;
            truth->rows[row].height = height;
        }
        const int32_t x0 = first_pixel(b->side[0], width), y0 = first_pixel(b->side[2], height);
        const cr_box box = {x0, y0, (int32_t)fmax(x0, last_pixel(b->side[1], width)),
                            (int32_t)fmax(y0, last_pixel(b->side[3], height))};
        CR_OR_RETURN(cr_truth_add_box(truth, &at, row, width ? &box : &(cr_box){0, 0, 0, 0}, err));
        if (*b->mask)
            CR_OR_RETURN(cr_truth_add_mask(truth, &at, row, b->mask, "", err));
    }
    return r->n ? cr_truth_index(truth, path, false, err)
                : cr_fail(err, CR_EINPUT, "%s: no object that is no group", path);
}

static cr_status read_boxes(const cr_data_source *source, const cr_class_list *classes,
                            cr_truth *truth, cr_error *err)
{
    cr_status status = CR_OK;
    const char *path = source->ground_truth;
    reader r = {.source = source, .table = table_of(path), .classes = classes, .truth = truth};
    if (!truth->files)
        return cr_fail(err, CR_EINPUT,
                       "%s: its boxes are shares of the images: dataset.images must be given",
                       path);
    CR_TRY(cr_csv_read(path, r.table->columns, r.table->least, true, take_box, &r, err));
    for (int i = 0; i < r.n; i++) {
        r.boxes[i].image = r.pool.text + r.boxes[i].image_at;
        r.boxes[i].mask = r.pool.text + r.boxes[i].mask_at;
    }
    if (r.n > 0)
        qsort(r.boxes, (size_t)r.n, sizeof *r.boxes, compare_boxes);
    status = add_pairs(&r, err);

cleanup:
    free(r.boxes);
    free(r.pool.text);
    return status;
}

static cr_status read_openimages(const cr_data_source *source, const cr_class_list *classes,
                                 cr_truth *truth, cr_error *err)
{
    return is_folder(source->ground_truth) ? cr_wsol_read(source, classes, true, truth, err)
                                           : read_boxes(source, classes, truth, err);
}

const cr_layout cr_layout_openimages = {
    .name = "openimages",
    .ground_truth =
        "wsolevaluation's lists of OpenImages30k, as in `wsol`, with masks (`masks`: the folder of "
        "`val` and `test`); or OpenImages' own `...-annotations-bbox.csv` or "
        "`...-annotations-object-segmentation.csv` (`masks`: the folder of its PNGs), with "
        "a row an image and class, `IMAGE:CLASS`, and `synsets` may be its "
        "`class-descriptions...csv`",
    .keys = {[CR_DATA_IMAGES] = CR_KEY_TAKEN,
             [CR_DATA_GROUND_TRUTH] = CR_KEY_NEEDED,
             [CR_DATA_SYNSETS] = CR_KEY_TAKEN,
             [CR_DATA_EXCLUDE] = CR_KEY_TAKEN,
             [CR_DATA_MASKS] = CR_KEY_TAKEN},
    .has_labels = true,
    .has_boxes = true,
    .of_pairs = true,
    .has_sizes = true,
    .read_classes = read_classes,
    .read = read_openimages,
};
