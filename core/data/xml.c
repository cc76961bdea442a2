/* Layouts `xml` and `voc`: ILSVRC's annotations and PASCAL VOC's, an .xml an image, named as the image is: a
 * folder, or a tar of them, plain or compressed with gzip, bzip2, xz or zstd. Pixels of VOC count from 1, and
 * its images have objects of several classes. An object may be a name without a bndbox. Entities, document types and the network stay
 * off: a DOCTYPE is refused, and nothing outside the bytes is read. */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <libxml/xmlreader.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 16
#define MAX_FOLDERS 8 /* one in another */

enum { HAS_NAME = 1, HAS_BOX = 2, HAS_SIDE = 4 /* of xmin, the next three follow */ };

typedef struct object {
    int line, label;
    bool is_difficult;
    unsigned has; /* HAS_ bits */
    int32_t side[4];
} object;

typedef struct document {
    const char *path;
    const cr_class_list *classes;
    bool is_voc;
    cr_error *err;
    xmlTextReaderPtr reader;
    cr_pool reason; /* libxml2's first, with its line */
    int reason_line;
    const char *element[MAX_DEPTH]; /* open ones, by depth */
    object *objects;
    size_t capacity;
    int n_objects;
    int line; /* of the root */
    int32_t width, height;
} document;

/* The classes of PASCAL VOC: their numbers in masks are those of the alphabet, from 1. */
static const char *const voc[] = {"aeroplane",   "bicycle", "bird",  "boat",      "bottle",
                                  "bus",         "car",     "cat",   "chair",     "cow",
                                  "diningtable", "dog",     "horse", "motorbike", "person",
                                  "pottedplant", "sheep",   "sofa",  "train",     "tvmonitor"};
enum { N_VOC = sizeof voc / sizeof voc[0] };

static const char *const sides[] = {"xmin", "ymin", "xmax", "ymax"};

static void on_error(void *data, xmlErrorPtr error)
{
    document *d = data;
    if (d->reason.n_bytes || !error->message || error->level < XML_ERR_ERROR)
        return;
    uint32_t offset;
    size_t n = strcspn(error->message, "\n");
    cr_pool_add(&d->reason, error->message, n, &offset, NULL);
    d->reason_line = error->line;
}

/* Of the current node: the parser itself is already further. */
static int line_of(const document *d)
{
    const long line = xmlGetLineNo(xmlTextReaderCurrentNode(d->reader));
    return line > 0 && line < INT_MAX ? (int)line : 1;
}

static bool is_at(const document *d, int depth, int n, const char *const *path)
{
    for (int i = 0; i < n; i++)
        if (depth != n || strcmp(d->element[i], path[i]) != 0)
            return false;
    return true;
}

/* VOC's are whole numbers, or with digits behind the point, that count from 1. */
static bool parse_side(const document *d, const char *text, int32_t *value)
{
    char *end;
    if (!d->is_voc)
        return cr_parse_whole(text, CR_DATA_MAX_COORDINATE, value);
    const double number = strtod(text, &end);
    if (end == text || *end || !(number >= 0 && number <= CR_DATA_MAX_COORDINATE))
        return false;
    *value = number < 1 ? 0 : (int32_t)number - 1;
    return true;
}

static cr_status take_side(document *d, int side, const char *text)
{
    object *o = d->n_objects ? &d->objects[d->n_objects - 1] : NULL;
    const unsigned bit = (unsigned)HAS_SIDE << side;
    if (!o)
        return CR_OK;
    if (o->has & bit)
        return cr_fail(d->err, CR_EINPUT, "%s:%d: object %d has two %s", d->path, line_of(d),
                       d->n_objects, sides[side]);
    o->has |= bit;
    if (!parse_side(d, text, &o->side[side]))
        return cr_fail(d->err, CR_EINPUT,
                       "%s:%d: object %d: %s is '%s', must be a%s number from 0 to %d", d->path,
                       line_of(d), d->n_objects, sides[side], cr_quote(text, strlen(text)).text,
                       d->is_voc ? "" : " whole", CR_DATA_MAX_COORDINATE);
    return CR_OK;
}

static cr_status take_name(document *d, const char *text)
{
    object *o = d->n_objects ? &d->objects[d->n_objects - 1] : NULL;
    if (!o)
        return CR_OK;
    if (o->has & HAS_NAME)
        return cr_fail(d->err, CR_EINPUT, "%s:%d: object %d has two names", d->path, line_of(d),
                       d->n_objects);
    o->has |= HAS_NAME;
    o->label = cr_classes_find(d->classes, text);
    if (o->label < 0)
        return cr_fail(d->err, CR_EINPUT, "%s:%d: class '%s' is not in the synset list %s", d->path,
                       line_of(d), cr_quote(text, strlen(text)).text, d->classes->path);
    if (!d->is_voc && d->objects[0].label >= 0 && o->label != d->objects[0].label)
        return cr_fail(d->err, CR_EINPUT, "%s:%d: objects of two classes, the second is '%s'",
                       d->path, line_of(d), cr_quote(text, strlen(text)).text);
    return CR_OK;
}

static cr_status take_difficult(document *d, const char *text)
{
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        return cr_fail(d->err, CR_EINPUT, "%s:%d: object %d: difficult is '%s', must be 0 or 1",
                       d->path, line_of(d), d->n_objects, cr_quote(text, strlen(text)).text);
    if (d->n_objects > 0)
        d->objects[d->n_objects - 1].is_difficult = *text == '1';
    return CR_OK;
}

/* A text `depth` elements deep. */
static cr_status take_text(document *d, int depth, char *text)
{
    static const char *const name[] = {"annotation", "object", "name"};
    static const char *const box[] = {"annotation", "object", "bndbox"};
    static const char *const difficult[] = {"annotation", "object", "difficult"};
    static const char *const size[] = {"annotation", "size"};
    text += strspn(text, " \t\r\n");
    for (size_t n = strlen(text); n > 0 && strchr(" \t\r\n", text[n - 1]); n--)
        text[n - 1] = 0;
    const char *last = d->element[depth - 1];
    if (is_at(d, depth, 3, name))
        return take_name(d, text);
    if (d->is_voc && is_at(d, depth, 3, difficult))
        return take_difficult(d, text);
    if (depth == 4 && is_at(d, 3, 3, box))
        for (int i = 0; i < 4; i++)
            if (strcmp(last, sides[i]) == 0)
                return take_side(d, i, text);
    if (depth == 3 && is_at(d, 2, 2, size) &&
        (strcmp(last, "width") == 0 || strcmp(last, "height") == 0) &&
        !cr_parse_whole(text, CR_DATA_MAX_COORDINATE, *last == 'w' ? &d->width : &d->height))
        return cr_fail(d->err, CR_EINPUT, "%s:%d: %s is '%s', must be a whole number from 0 to %d",
                       d->path, line_of(d), last, cr_quote(text, strlen(text)).text,
                       CR_DATA_MAX_COORDINATE);
    return CR_OK;
}

static cr_status take_start(document *d, int depth)
{
    static const char *const box[] = {"annotation", "object", "bndbox"};
    if (depth >= MAX_DEPTH)
        return cr_fail(d->err, CR_EINPUT, "%s:%d: more than %d levels", d->path, line_of(d),
                       MAX_DEPTH);
    d->element[depth] = (const char *)xmlTextReaderConstLocalName(d->reader);
    if (depth == 0 && strcmp(d->element[0], "annotation") != 0)
        return cr_fail(d->err, CR_EINPUT, "%s:%d: <%s>, must be <annotation>", d->path, line_of(d),
                       cr_quote(d->element[0], strlen(d->element[0])).text);
    if (depth == 0)
        d->line = line_of(d);
    if (depth == 1 && strcmp(d->element[1], "object") == 0) {
        cr_status status =
            cr_reserve(&d->objects, (size_t)d->n_objects, &d->capacity, sizeof *d->objects, d->err);
        if (status != CR_OK)
            return status;
        d->objects[d->n_objects++] = (object){.line = line_of(d), .label = -1};
    }
    if (is_at(d, depth + 1, 3, box)) {
        object *o = &d->objects[d->n_objects - 1];
        if (o->has & HAS_BOX)
            return cr_fail(d->err, CR_EINPUT, "%s:%d: object %d has two bndbox", d->path,
                           line_of(d), d->n_objects);
        o->has |= HAS_BOX;
    }
    return CR_OK;
}

static cr_status take_node(document *d)
{
    const int depth = xmlTextReaderDepth(d->reader);
    switch (xmlTextReaderNodeType(d->reader)) {
    case XML_READER_TYPE_DOCUMENT_TYPE:
    case XML_READER_TYPE_ENTITY_REFERENCE:
        return cr_fail(d->err, CR_EINPUT, "%s:%d: a DOCTYPE or an entity; none is allowed", d->path,
                       line_of(d));
    case XML_READER_TYPE_ELEMENT:
        return take_start(d, depth);
    case XML_READER_TYPE_TEXT:
    case XML_READER_TYPE_CDATA: {
        xmlChar *text = xmlTextReaderValue(d->reader);
        if (!text)
            return cr_fail_memory(d->err, d->path, 1, 1);
        cr_status status = depth > 0 ? take_text(d, depth, (char *)text) : CR_OK;
        xmlFree(text);
        return status;
    }
    default:
        return CR_OK;
    }
}

/* What an object lacks, or NULL. */
static const char *missing_in(const object *o)
{
    if (!(o->has & HAS_NAME))
        return "name";
    if (!(o->has & HAS_BOX))
        return "bndbox";
    for (int i = 0; i < 4; i++)
        if (!(o->has & (unsigned)HAS_SIDE << i))
            return sides[i];
    return NULL;
}

/* The boxes of the objects of a class, difficult ones last, and the image's size, go to the last row. */
static cr_status add_objects(document *d, int label, cr_truth *truth)
{
    cr_status status = CR_OK;
    const int row = truth->n_rows - 1;
    truth->rows[row].label = label;
    if (d->width > 0 && d->height > 0) {
        truth->rows[row].width = d->width;
        truth->rows[row].height = d->height;
    }
    bool has_box = false;
    for (int i = 0; i < d->n_objects; i++)
        has_box = has_box || d->objects[i].has & ~(unsigned)HAS_NAME;
    for (int k = 0; k < 2 * d->n_objects; k++) {
        const int i = k % d->n_objects;
        const object *o = &d->objects[i];
        const char *missing = missing_in(o);
        const cr_box box = {o->side[0], o->side[1], o->side[2], o->side[3]};
        if (o->is_difficult != (k >= d->n_objects))
            continue;
        if ((!has_box && o->has == HAS_NAME) || (o->label != label && o->label >= 0))
            continue; /* a label alone; another class */
        if (missing)
            status = cr_fail(d->err, CR_EINPUT, "%s:%d: object %d has no %s", d->path, o->line,
                             i + 1, missing);
        else if (box.x1 < box.x0 || box.y1 < box.y0)
            status = cr_fail(d->err, CR_EINPUT, "%s:%d: object %d is empty: %d %d %d %d", d->path,
                             o->line, i + 1, box.x0, box.y0, box.x1, box.y1);
        CR_TRY(status);
        CR_TRY(cr_truth_add_box(truth, &(cr_place){d->path, o->line}, row, &box, d->err));
        truth->rows[row].n_difficult += o->is_difficult;
    }

cleanup:
    return status;
}

/* Its place among VOC's 20, whatever the order of the list; of other classes that in the list. */
static int number_in_masks(const cr_class_list *classes, int label)
{
    const char *class = classes->pool.text + classes->classes[label].wnid;
    for (int i = 0; i < N_VOC; i++)
        if (strcmp(voc[i], class) == 0)
            return i + 1;
    return label < 254 ? label + 1 : 254;
}

/* A row an image, or, of VOC, one for each class of its objects, of which it may have none. */
static cr_status add_rows(document *d, const char *name, cr_truth *truth)
{
    const cr_place at = {d->path, 0};
    if (!d->is_voc) {
        CR_OR_RETURN(cr_truth_add_row(truth, &at, name, d->err));
        return add_objects(d, d->n_objects > 0 ? d->objects[0].label : -1, truth);
    }
    for (int i = 0; i < d->n_objects; i++) {
        const int label = d->objects[i].label;
        bool is_first = true;
        for (int j = 0; j < i; j++)
            is_first = is_first && d->objects[j].label != label;
        if (label < 0)
            return cr_fail(d->err, CR_EINPUT, "%s:%d: object %d has no name", d->path,
                           d->objects[i].line, i + 1);
        if (!is_first)
            continue;
        const char *class = d->classes->pool.text + d->classes->classes[label].wnid;
        CR_OR_RETURN(cr_truth_add_pair(truth, &at, name, class, d->err));
        truth->rows[truth->n_rows - 1].mask = number_in_masks(d->classes, label);
        CR_OR_RETURN(add_objects(d, label, truth));
    }
    return CR_OK;
}

cr_status cr_annotation_parse(const uint8_t *bytes, size_t n_bytes, const char *path,
                              const char *name, const cr_class_list *classes, bool is_voc,
                              cr_truth *truth, cr_error *err)
{
    cr_status status = CR_OK;
    document d = {.path = path, .classes = classes, .is_voc = is_voc, .err = err};
    d.reader = xmlReaderForMemory((const char *)bytes, (int)n_bytes, NULL, NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!d.reader)
        return cr_fail_memory(err, path, n_bytes, 1);
    xmlTextReaderSetStructuredErrorHandler(d.reader, on_error, &d);
    int more;
    while ((more = xmlTextReaderRead(d.reader)) == 1)
        CR_TRY(take_node(&d));
    if (more < 0) {
        const char *why = d.reason.n_bytes ? d.reason.text + 1 : "not XML";
        status = cr_fail(err, CR_EINPUT, "%s:%d: %s", path, d.reason_line ? d.reason_line : 1, why);
        goto cleanup;
    }
    status = add_rows(&d, name, truth);

cleanup:
    free(d.objects);
    free(d.reason.text);
    xmlFreeTextReader(d.reader);
    return status;
}

typedef struct context {
    const cr_class_list *classes;
    bool is_voc;
    cr_truth *truth;
} context;

/* The image's name is the annotation's: the <filename> of some ILSVRC files is a placeholder. */
static cr_status take_annotation(const char *folder, const char *name, const uint8_t *bytes,
                                 size_t n_bytes, void *data, cr_error *err)
{
    const context *c = data;
    char *path = cr_path_join(folder, name[0] == '/' ? name + 1 : name);
    char *image = strndup(name, strlen(name) - strlen(".xml"));
    cr_status status = path && image ? cr_annotation_parse(bytes, n_bytes, path, image, c->classes,
                                                           c->is_voc, c->truth, err)
                                     : cr_fail_memory(err, "a path", strlen(name), 1);
    free(image);
    free(path);
    return status;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool is_annotation(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".xml") == 0;
}

static cr_status read_folder(const char *root, const char *below, int depth, context *c,
                             cr_error *err);

/* The annotation, or the annotations in the folder, `name` of the folder `root`/`below`. */
static cr_status read_entry(const char *root, const char *below, const char *name, int depth,
                            context *c, cr_error *err)
{
    cr_status status = CR_OK;
    struct stat info;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    char *inside = *below ? cr_path_join(below, name) : strdup(name);
    char *path = inside ? cr_path_join(root, inside) : NULL;
    if (!path) {
        status = cr_fail_memory(err, "a path", 1, 1);
    } else if (is_annotation(name)) {
        CR_TRY(cr_file_read(path, CR_DATA_MAX_XML_BYTES, &bytes, &n_bytes, err));
        status = take_annotation(root, inside, bytes, n_bytes, c, err);
    } else if (depth < MAX_FOLDERS && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = read_folder(root, inside, depth + 1, c, err);
    }

cleanup:
    free(bytes);
    free(path);
    free(inside);
    return status;
}

static cr_status read_folder(const char *root, const char *below, int depth, context *c,
                             cr_error *err)
{
    cr_status status = CR_OK;
    struct dirent **entries = NULL;
    char *folder = *below ? cr_path_join(root, below) : strdup(root);
    if (!folder)
        return cr_fail_memory(err, "a path", 1, 1);
    int n = scandir(folder, &entries, is_visible, alphasort);
    if (n < 0)
        status = cr_fail(err, CR_EINPUT, "%s: %s", folder, strerror(errno));
    free(folder);
    for (int i = 0; i < n && status == CR_OK; i++)
        status = read_entry(root, below, entries[i]->d_name, depth, c, err);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return status;
}

cr_status cr_annotations_read(const char *path, const cr_class_list *classes, bool is_voc,
                              cr_truth *truth, cr_error *err)
{
    struct stat info;
    context c = {classes, is_voc, truth};
    if (stat(path, &info) != 0)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    cr_status status = S_ISDIR(info.st_mode) ? read_folder(path, "", 0, &c, err)
                                             : cr_tar_each(path, ".xml", CR_DATA_MAX_XML_BYTES,
                                                           take_annotation, &c, err);
    if (status == CR_OK && truth->n_rows == 0)
        status = cr_fail(err, CR_EINPUT, "%s: no .xml file%s in it", path,
                         is_voc ? " with an object" : "");
    return status == CR_OK ? cr_truth_index(truth, path, false, err) : status;
}

static cr_status read_xml(const cr_data_source *source, const cr_class_list *classes,
                          cr_truth *truth, cr_error *err)
{
    return cr_annotations_read(source->ground_truth, classes, false, truth, err);
}

const cr_layout cr_layout_xml = {
    .name = "xml",
    .ground_truth = "ILSVRC's annotations: the folder, or `ILSVRC2012_bbox_val_v3.tgz`",
    .keys = CR_KEYS_WITH_SYNSETS,
    .has_labels = true,
    .has_boxes = true,
    .has_sizes = true,
    .read = read_xml,
};

static cr_status read_voc(const cr_data_source *source, const cr_class_list *classes,
                          cr_truth *truth, cr_error *err)
{
    return cr_annotations_read(source->ground_truth, classes, true, truth, err);
}

/* Without `synsets` the 20 of PASCAL VOC. */
static cr_status read_voc_classes(const cr_data_source *source, const cr_files *files,
                                  cr_class_list *classes, cr_error *err)
{
    (void)files;
    if (source->synsets)
        return cr_classes_read(source->synsets, classes, err);
    for (int i = 0; i < N_VOC; i++)
        CR_OR_RETURN(cr_classes_add(classes, voc[i], strlen(voc[i]), voc[i], strlen(voc[i]), err));
    return cr_classes_index(classes, "the classes of PASCAL VOC", err);
}

const cr_layout cr_layout_voc = {
    .name = "voc",
    .ground_truth = "PASCAL VOC's `Annotations` (`images`: its `JPEGImages`, `masks`: its "
                    "`SegmentationClass`): the folder, or a tar of it; a row an image and class, "
                    "`IMAGE:CLASS`; "
                    "the classes are VOC's 20, or those of `synsets`",
    .keys = {[CR_DATA_IMAGES] = CR_KEY_TAKEN,
             [CR_DATA_GROUND_TRUTH] = CR_KEY_NEEDED,
             [CR_DATA_SYNSETS] = CR_KEY_TAKEN,
             [CR_DATA_EXCLUDE] = CR_KEY_TAKEN,
             [CR_DATA_MASKS] = CR_KEY_TAKEN},
    .has_labels = true,
    .has_boxes = true,
    .of_pairs = true,
    .has_sizes = true,
    .read_classes = read_voc_classes,
    .read = read_voc,
};
