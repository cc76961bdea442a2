/* Layout `coco`: MS COCO's instances_*.json: a row an image and class that has an object which is no crowd, with the
 * boxes and outlines of these; crowds are where a mask does not count. Classes are the categories by their ids, or
 * by `synsets` in its order. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ID ((int64_t)1 << 53)

typedef struct image {
    int64_t id;
    uint32_t name; /* offset into the pool; 0: it has none */
    int32_t width, height;
} image;

typedef struct category {
    int64_t id;
    uint32_t name;
    int class; /* -1: not in the list */
} category;

typedef struct object {
    int64_t image_id, category_id;
    size_t place; /* among the objects of the file, from 0 */
    double box[4];
    unsigned has; /* HAS_ bits */
    bool is_crowd;
    size_t first_outline, n_outline_values;
    int64_t size[2];  /* height, width of its runs; 0 without */
    int64_t n_runs;   /* their sum */
    int image, class; /* once all is read */
} object;

enum { HAS_IMAGE = 1, HAS_CATEGORY = 2, HAS_BOX = 4 };

typedef struct reader {
    cr_pool pool;
    image *images;
    category *categories;
    object *objects;
    int32_t *outlines;
    size_t n_images, n_categories, n_objects, n_outlines;
    size_t images_capacity, categories_capacity, objects_capacity, outlines_capacity;
    size_t list; /* values in the present list */
    size_t count_at;
    bool classes_alone;
    bool has_images, has_categories, has_objects;
} reader;

static cr_status add_value(reader *r, int32_t value, cr_error *err)
{
    CR_OR_RETURN(
        cr_reserve(&r->outlines, r->n_outlines, &r->outlines_capacity, sizeof *r->outlines, err));
    r->outlines[r->n_outlines++] = value;
    return CR_OK;
}

static cr_status begin_outline(reader *r, int kind, cr_error *err)
{
    CR_OR_RETURN(add_value(r, kind, err));
    r->count_at = r->n_outlines;
    return add_value(r, 0, err);
}

static void end_outline(reader *r)
{
    r->outlines[r->count_at] = (int32_t)(r->n_outlines - r->count_at - 1);
}

static cr_status take_coordinate(cr_json *json, const char *key, void *context, cr_error *err)
{
    double value;
    (void)key;
    CR_OR_RETURN(cr_json_get_number(json, &value, err));
    if (fabs(value) > CR_DATA_MAX_COORDINATE)
        return cr_json_fail(json, "the coordinate before it is beyond all images", err);
    return add_value(context, (int32_t)(CR_OUTLINE_SCALE * value + .5), err);
}

static cr_status take_polygon(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    (void)key;
    CR_OR_RETURN(begin_outline(r, CR_OUTLINE_POLYGON, err));
    CR_OR_RETURN(cr_json_each(json, '[', take_coordinate, r, err));
    end_outline(r);
    const int32_t n = r->outlines[r->count_at];
    if (n < 6 || n % 2)
        return cr_json_fail(json, "a polygon has x and y of three points at least", err);
    return CR_OK;
}

static cr_status add_run(reader *r, cr_json *json, int64_t run, cr_error *err)
{
    object *o = &r->objects[r->n_objects - 1];
    o->n_runs += run;
    if (run < 0 || o->n_runs > (int64_t)CR_DATA_MAX_COORDINATE * CR_DATA_MAX_COORDINATE ||
        run > INT32_MAX)
        return cr_json_fail(json, "runs beyond all images", err);
    return add_value(r, (int32_t)run, err);
}

static cr_status take_run(cr_json *json, const char *key, void *context, cr_error *err)
{
    int64_t run;
    (void)key;
    CR_OR_RETURN(cr_json_get_whole(json, 0, INT32_MAX, &run, err));
    return add_run(context, json, run, err);
}

/* Runs as pycocotools compresses them: digits of five bits from the lowest, the sixth says that another follows; from
 * the fourth run on the difference to the one before the last. */
static cr_status take_packed_runs(cr_json *json, reader *r, cr_error *err)
{
    const char *text;
    size_t n, i = 0;
    CR_OR_RETURN(cr_json_get_text(json, &text, &n, err));
    for (size_t k = 0; i < n; k++) {
        int64_t run = 0;
        int shift = 0, digit;
        do {
            digit = i < n ? text[i++] - 48 : -1;
            if (digit < 0 || digit > 63 || shift > 35)
                return cr_json_fail(json, "the string before it is no list of runs", err);
            run |= (int64_t)(digit & 0x1f) << shift;
            shift += 5;
        } while (digit & 0x20);
        if (digit & 0x10)
            run -= (int64_t)1 << shift;
        if (k > 2)
            run += r->outlines[r->n_outlines - 2];
        CR_OR_RETURN(add_run(r, json, run, err));
    }
    return CR_OK;
}

static cr_status take_side(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    (void)key;
    if (r->list >= 2)
        return cr_json_fail(json, "a size has two numbers", err);
    return cr_json_get_whole(json, 1, CR_DATA_MAX_COORDINATE,
                             &r->objects[r->n_objects - 1].size[r->list++], err);
}

static cr_status take_runs(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    if (strcmp(key, "size") == 0) {
        r->list = 0;
        return cr_json_each(json, '[', take_side, r, err);
    }
    if (strcmp(key, "counts") != 0)
        return cr_json_skip(json, err);
    CR_OR_RETURN(begin_outline(r, CR_OUTLINE_RUNS, err));
    CR_OR_RETURN(cr_json_next(json) == '"' ? take_packed_runs(json, r, err)
                                           : cr_json_each(json, '[', take_run, r, err));
    end_outline(r);
    return CR_OK;
}

static cr_status take_box(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    (void)key;
    if (r->list >= 4)
        return cr_json_fail(json, "a bbox has four numbers", err);
    return cr_json_get_number(json, &r->objects[r->n_objects - 1].box[r->list++], err);
}

static cr_status take_object_member(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    object *o = &r->objects[r->n_objects - 1];
    int64_t number;
    if (strcmp(key, "image_id") == 0) {
        o->has |= HAS_IMAGE;
        return cr_json_get_whole(json, -MOST_ID, MOST_ID, &o->image_id, err);
    }
    if (strcmp(key, "category_id") == 0) {
        o->has |= HAS_CATEGORY;
        return cr_json_get_whole(json, -MOST_ID, MOST_ID, &o->category_id, err);
    }
    if (strcmp(key, "iscrowd") == 0) {
        CR_OR_RETURN(cr_json_get_whole(json, 0, 1, &number, err));
        o->is_crowd = number == 1;
        return CR_OK;
    }
    if (strcmp(key, "bbox") == 0) {
        r->list = 0;
        CR_OR_RETURN(cr_json_each(json, '[', take_box, r, err));
        o->has |= r->list == 4 ? HAS_BOX : 0;
        return CR_OK;
    }
    const int next = cr_json_next(json);
    if (strcmp(key, "segmentation") != 0 || (next != '{' && next != '['))
        return cr_json_skip(json, err);
    return cr_json_each(json, next, next == '{' ? take_runs : take_polygon, r, err);
}

/* Its box as pixels: all that it covers a part of, in the image. */
static cr_status check_object(const cr_json *json, const object *o, cr_error *err)
{
    static const char *const names[] = {"image_id", "category_id", "bbox of four numbers"};
    for (int i = 0; i < 3; i++)
        if (!(o->has & 1u << i))
            return cr_fail(err, CR_EINPUT, "%s: at byte %zu: the annotation before it has no %s",
                           json->path, json->at + 1, names[i]);
    for (int i = 0; i < 4; i++)
        if (fabs(o->box[i]) > CR_DATA_MAX_COORDINATE || (i > 1 && o->box[i] < 0))
            return cr_json_fail(json, "the annotation before it has a bbox that is none", err);
    if (o->n_runs != o->size[0] * o->size[1])
        return cr_json_fail(json, "the runs of the annotation before it do not fill its size", err);
    return CR_OK;
}

static cr_status take_object(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    (void)key;
    CR_OR_RETURN(
        cr_reserve(&r->objects, r->n_objects, &r->objects_capacity, sizeof *r->objects, err));
    object *o = &r->objects[r->n_objects];
    *o = (object){.place = r->n_objects++, .first_outline = r->n_outlines};
    CR_OR_RETURN(cr_json_each(json, '{', take_object_member, r, err));
    o->n_outline_values = r->n_outlines - o->first_outline;
    for (size_t at = o->first_outline; at < r->n_outlines && o->is_crowd;
         at += 2 + (size_t)r->outlines[at + 1])
        r->outlines[at] |= CR_OUTLINE_IGNORED;
    return check_object(json, o, err);
}

static cr_status take_image_member(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    image *i = &r->images[r->n_images - 1];
    int64_t side;
    if (strcmp(key, "id") == 0)
        return cr_json_get_whole(json, -MOST_ID, MOST_ID, &i->id, err);
    if (strcmp(key, "width") == 0 || strcmp(key, "height") == 0) {
        int32_t *to = *key == 'w' ? &i->width : &i->height;
        CR_OR_RETURN(cr_json_get_whole(json, 1, CR_DATA_MAX_COORDINATE, &side, err));
        *to = (int32_t)side;
        return CR_OK;
    }
    if (strcmp(key, "file_name") != 0)
        return cr_json_skip(json, err);
    const char *text;
    size_t n;
    CR_OR_RETURN(cr_json_get_text(json, &text, &n, err));
    return cr_pool_add(&r->pool, text, n, &i->name, err);
}

static cr_status take_image(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    (void)key;
    CR_OR_RETURN(cr_reserve(&r->images, r->n_images, &r->images_capacity, sizeof *r->images, err));
    r->images[r->n_images++] = (image){.id = MOST_ID + 1};
    CR_OR_RETURN(cr_json_each(json, '{', take_image_member, r, err));
    const image *i = &r->images[r->n_images - 1];
    if (i->id > MOST_ID || i->name == 0 || i->width == 0 || i->height == 0)
        return cr_json_fail(json, "the image before it has no id, file_name, width or height", err);
    return CR_OK;
}

static cr_status take_category_member(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    category *c = &r->categories[r->n_categories - 1];
    const char *text;
    size_t n;
    if (strcmp(key, "id") == 0)
        return cr_json_get_whole(json, -MOST_ID, MOST_ID, &c->id, err);
    if (strcmp(key, "name") != 0)
        return cr_json_skip(json, err);
    CR_OR_RETURN(cr_json_get_text(json, &text, &n, err));
    return cr_pool_add(&r->pool, text, n, &c->name, err);
}

static cr_status take_category(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    (void)key;
    CR_OR_RETURN(cr_reserve(&r->categories, r->n_categories, &r->categories_capacity,
                            sizeof *r->categories, err));
    r->categories[r->n_categories++] = (category){.id = MOST_ID + 1};
    CR_OR_RETURN(cr_json_each(json, '{', take_category_member, r, err));
    const category *c = &r->categories[r->n_categories - 1];
    if (c->id > MOST_ID || c->name == 0)
        return cr_json_fail(json, "the category before it has no id or name", err);
    return CR_OK;
}

static cr_status take_part(cr_json *json, const char *key, void *context, cr_error *err)
{
    reader *r = context;
    if (strcmp(key, "categories") == 0) {
        r->has_categories = true;
        return cr_json_each(json, '[', take_category, r, err);
    }
    if (strcmp(key, "images") == 0 && !r->classes_alone) {
        r->has_images = true;
        return cr_json_each(json, '[', take_image, r, err);
    }
    if (strcmp(key, "annotations") == 0 && !r->classes_alone) {
        r->has_objects = true;
        return cr_json_each(json, '[', take_object, r, err);
    }
    return cr_json_skip(json, err);
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* No id may be there twice: images and categories begin with theirs. */
static cr_status sort_by_id(void *items, size_t n, size_t item_bytes, const char *path,
                            const char *what, cr_error *err)
{
    if (n > 0)
        qsort(items, n, item_bytes, compare_ids);
    for (size_t i = 1; i < n; i++) {
        const char *at = (const char *)items + i * item_bytes;
        if (compare_ids(at - item_bytes, at) == 0)
            return cr_fail(err, CR_EINPUT, "%s: two %s have the id %lld", path, what,
                           (long long)*(const int64_t *)(const void *)at);
    }
    return CR_OK;
}

static cr_status read_json(const char *path, reader *r, cr_error *err)
{
    cr_json json = {.path = path};
    uint8_t *bytes = NULL;
    cr_status status = cr_file_read(path, CR_DATA_MAX_FILE_BYTES, &bytes, &json.n_bytes, err);
    json.bytes = bytes;
    if (status == CR_OK)
        status = cr_json_each(&json, '{', take_part, r, err);
    if (status == CR_OK)
        status = cr_json_end(&json, err);
    if (status == CR_OK &&
        (!r->has_categories || (!r->classes_alone && (!r->has_images || !r->has_objects))))
        status = cr_fail(err, CR_EINPUT, "%s: has no images, annotations or categories", path);
    cr_json_fini(&json);
    free(bytes);
    if (status == CR_OK)
        status = sort_by_id(r->categories, r->n_categories, sizeof *r->categories, path,
                            "categories", err);
    return status == CR_OK
               ? sort_by_id(r->images, r->n_images, sizeof *r->images, path, "images", err)
               : status;
}

static void fini(reader *r)
{
    free(r->pool.text);
    free(r->images);
    free(r->categories);
    free(r->objects);
    free(r->outlines);
}

static cr_status read_classes(const cr_data_source *source, const cr_files *files,
                              cr_class_list *classes, cr_error *err)
{
    reader r = {.classes_alone = true};
    (void)files;
    if (source->synsets)
        return cr_classes_read(source->synsets, classes, err);
    cr_status status = read_json(source->ground_truth, &r, err);
    for (size_t i = 0; i < r.n_categories && status == CR_OK; i++) {
        const char *name = r.pool.text + r.categories[i].name;
        status = cr_classes_add(classes, name, strlen(name), name, strlen(name), err);
    }
    if (status == CR_OK && classes->n == 0)
        status = cr_fail(err, CR_EINPUT, "%s: no category in it", source->ground_truth);
    fini(&r);
    return status == CR_OK ? cr_classes_index(classes, source->ground_truth, err) : status;
}

static const void *find_id(int64_t id, const void *items, size_t n, size_t item_bytes)
{
    return n > 0 ? bsearch(&id, items, n, item_bytes, compare_ids) : NULL;
}

/* Which image and class an object is of. */
static cr_status find_object(const reader *r, const cr_class_list *classes, object *o,
                             const char *path, cr_error *err)
{
    const image *i = find_id(o->image_id, r->images, r->n_images, sizeof *r->images);
    const category *c =
        find_id(o->category_id, r->categories, r->n_categories, sizeof *r->categories);
    if (!i || !c)
        return cr_fail(err, CR_EINPUT, "%s: annotation %zu is of the %s %lld, which is not there",
                       path, o->place + 1, i ? "category" : "image",
                       (long long)(i ? o->category_id : o->image_id));
    if (c->class < 0)
        return cr_fail(err, CR_EINPUT, "%s: category '%s' is not in the synset list %s", path,
                       cr_quote(r->pool.text + c->name, strlen(r->pool.text + c->name)).text,
                       classes->path);
    if (o->size[0] > 0 && (o->size[0] != i->height || o->size[1] != i->width))
        return cr_fail(
            err, CR_EINPUT, "%s: annotation %zu has runs of %lld x %lld pixels, its image %d x %d",
            path, o->place + 1, (long long)o->size[1], (long long)o->size[0], i->width, i->height);
    o->image = (int)(i - r->images);
    o->class = c->class;
    return CR_OK;
}

static int compare_objects(const void *a, const void *b)
{
    const object *x = a, *y = b;
    const int order = x->image != y->image ? x->image - y->image : x->class - y->class;
    return order ? order : x->place < y->place ? -1 : x->place > y->place;
}

/* All pixels that a box covers a part of, in the image; where it covers none, one beyond, so that the image fails:
 * COCO's train2017 has two boxes without height, and a file is not refused for them. */
static void pixels_of(double first, double length, int side, int32_t *low, int32_t *high)
{
    const double from = fmax(floor(first), 0), to = fmin(ceil(first + length), side) - 1;
    const bool has_pixel = length > 0 && from <= to;
    *low = has_pixel ? (int32_t)from : side;
    *high = has_pixel ? (int32_t)to : side;
}

static cr_status add_outlines(cr_truth *truth, const int32_t *values, size_t n, cr_error *err)
{
    for (size_t v = 0; v < n; v++) {
        CR_OR_RETURN(cr_reserve(&truth->outlines, truth->n_outlines, &truth->outlines_capacity,
                                sizeof *truth->outlines, err));
        truth->outlines[truth->n_outlines++] = values[v];
    }
    return CR_OK;
}

/* Pixels of an object that is not segmented, beside one that is: what they are is not known. */
static cr_status ignore_box(cr_truth *truth, const cr_box *box, cr_error *err)
{
    const int32_t x0 = CR_OUTLINE_SCALE * box->x0, x1 = CR_OUTLINE_SCALE * (box->x1 + 1);
    const int32_t y0 = CR_OUTLINE_SCALE * box->y0, y1 = CR_OUTLINE_SCALE * (box->y1 + 1);
    const int32_t values[] = {
        CR_OUTLINE_POLYGON | CR_OUTLINE_IGNORED, 8, x0, y0, x1, y0, x1, y1, x0, y1};
    return add_outlines(truth, values, sizeof values / sizeof values[0], err);
}

/* The objects of an image and class. */
static cr_status add_pair(const reader *r, const object *objects, size_t n,
                          const cr_class_list *classes, const char *path, cr_truth *truth,
                          cr_error *err)
{
    const image *i = &r->images[objects->image];
    const cr_place at = {path, 0};
    bool has_object = false, has_mask = false;
    for (size_t k = 0; k < n; k++) {
        has_object = has_object || !objects[k].is_crowd;
        has_mask = has_mask || (!objects[k].is_crowd && objects[k].n_outline_values > 0);
    }
    if (!has_object)
        return CR_OK;
    CR_OR_RETURN(cr_truth_add_pair(truth, &at, r->pool.text + i->name,
                                   classes->pool.text + classes->classes[objects->class].wnid,
                                   err));
    const int row = truth->n_rows - 1;
    truth->rows[row].label = objects->class;
    truth->rows[row].width = i->width;
    truth->rows[row].height = i->height;
    truth->rows[row].first_outline = (int64_t)truth->n_outlines;
    for (size_t k = 0; k < n; k++) {
        const object *o = &objects[k];
        cr_box box;
        pixels_of(o->box[0], o->box[2], i->width, &box.x0, &box.x1);
        pixels_of(o->box[1], o->box[3], i->height, &box.y0, &box.y1);
        if (!o->is_crowd)
            CR_OR_RETURN(cr_truth_add_box(truth, &at, row, &box, err));
        if (has_mask && o->n_outline_values > 0)
            CR_OR_RETURN(
                add_outlines(truth, r->outlines + o->first_outline, o->n_outline_values, err));
        else if (has_mask)
            CR_OR_RETURN(ignore_box(truth, &box, err));
    }
    truth->rows[row].n_outlines = (int64_t)truth->n_outlines - truth->rows[row].first_outline;
    return CR_OK;
}

static cr_status read_coco(const cr_data_source *source, const cr_class_list *classes,
                           cr_truth *truth, cr_error *err)
{
    const char *path = source->ground_truth;
    cr_status status = CR_OK;
    reader r = {0};
    CR_TRY(read_json(path, &r, err));
    for (size_t i = 0; i < r.n_categories; i++)
        r.categories[i].class = cr_classes_find(classes, r.pool.text + r.categories[i].name);
    for (size_t i = 0; i < r.n_objects; i++)
        CR_TRY(find_object(&r, classes, &r.objects[i], path, err));
    if (r.n_objects > 0)
        qsort(r.objects, r.n_objects, sizeof *r.objects, compare_objects);
    for (size_t first = 0, n; first < r.n_objects; first += n) {
        const object *o = &r.objects[first];
        for (n = 1; first + n < r.n_objects && o[n].image == o->image && o[n].class == o->class;)
            n++;
        CR_TRY(add_pair(&r, o, n, classes, path, truth, err));
    }
    status = truth->n_rows > 0
                 ? cr_truth_index(truth, path, false, err)
                 : cr_fail(err, CR_EINPUT, "%s: no annotation that is no crowd", path);

cleanup:
    fini(&r);
    return status;
}

const cr_layout cr_layout_coco = {
    .name = "coco",
    .ground_truth =
        "MS COCO's `instances_*.json`, with its polygons and runs as masks; a row an image and "
        "class, `IMAGE:CLASS`; the classes are the categories by their ids, or by name in the "
        "order of `synsets`",
    .keys = {[CR_DATA_IMAGES] = CR_KEY_TAKEN,
             [CR_DATA_GROUND_TRUTH] = CR_KEY_NEEDED,
             [CR_DATA_SYNSETS] = CR_KEY_TAKEN,
             [CR_DATA_EXCLUDE] = CR_KEY_TAKEN},
    .has_labels = true,
    .has_boxes = true,
    .has_masks = true,
    .of_pairs = true,
    .has_sizes = true,
    .read_classes = read_classes,
    .read = read_coco,
};
