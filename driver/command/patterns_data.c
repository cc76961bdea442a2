/* Patterns of a set: of each class the mean of its maps, the regions of the strongest, and the labels that go with
 * them. Maps are read in one go through the file, in slices. */
#include "patterns_data.h"

#include "driver/picture.h"
#include "kept.h"
#include "shown.h"

#include "camrank/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pictures of all classes: a page stays below 5 MB. */
enum { MOST_PICTURES = 700, SIDE = 132 };

/* A map from 0 to 1, added to the mean; an empty one adds nothing. */
static void add_map(const cr_results_variant *variant, const float *map, double *mean)
{
    const size_t n = cr_results_map_values(variant);
    double least = variant->scaling == CR_SCALING_MIN_MAX ? INFINITY : 0, most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        least = variant->scaling == CR_SCALING_MIN_MAX ? fmin(least, (double)map[i]) : 0;
        most = fmax(most, (double)map[i]);
    }
    for (size_t i = 0; i < n && most > least; i++)
        mean[i] += fmax(0, ((double)map[i] - least) / (most - least));
}

/* The pattern of a class, begun where an image is the first of it. */
static cr_pattern_class *class_of(cr_patterns_file *file, cr_pattern_class *all, int32_t class)
{
    cr_pattern_class *of = &all[class];
    const size_t n = (size_t)file->patterns.width * (size_t)file->patterns.height;
    of->class = class;
    if (!of->mean)
        of->mean = cr_arena_alloc(&file->arena, n, sizeof *of->mean);
    return of->mean ? of : NULL;
}

static cr_status take_image(cr_patterns_file *file, const cr_patterns_request *r,
                            const cr_results_rows *rows, int b, cr_pattern_class *all,
                            cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(file->results);
    const cr_dataset *data = file->patterns.data;
    const cr_results_variant *variant = &plan->models[r->pick.model].variants[r->pick.variant];
    const struct cr_results_maps *maps = &rows->variants[r->pick.variant];
    const int slot = r->predicted ? 0 : CR_SLOT_TRUTH, image = rows->first + b;
    const size_t values = cr_results_map_values(variant), at = (size_t)(b * CR_SLOTS + slot);
    const int32_t class = r->predicted ? rows->top_class[b * CR_TOP] : data->images[image].label;
    if (maps->state[b] != CR_ROW_DONE || class < 0)
        return CR_OK;
    const float *map = maps->maps + at * values;
    CR_OR_RETURN(cr_kept_check(r->path, plan, r->pick.model, r->pick.variant, slot,
                               cr_data_image_id(data, image), map, err));
    cr_pattern_class *of = class_of(file, all, class);
    if (!of)
        return cr_fail_memory(err, "a mean map", values, sizeof *of->mean);
    float most = -INFINITY;
    for (size_t i = 0; i < values; i++)
        most = map[i] > most ? map[i] : most;
    file->values[image] = most;
    file->classes[image] = class;
    file->boxes[image] = maps->protocols[r->pick.protocol]
                             .boxes[at * (size_t)plan->protocols[r->pick.protocol].n_boxes];
    add_map(variant, map, of->mean);
    of->n_images++;
    return CR_OK;
}

static cr_status read_maps(cr_patterns_file *file, const cr_patterns_request *r,
                           cr_pattern_class *all, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(file->results);
    const int n_images = file->patterns.data->n_images;
    const int slice = cr_results_slice(plan, r->pick.model);
    cr_arena arena = {0};
    cr_results_rows rows;
    CR_TRY(cr_results_rows_alloc(plan, r->pick.model, slice, true, &arena, &rows, err));
    for (rows.first = 0; rows.first < n_images; rows.first += rows.n) {
        rows.n = n_images - rows.first < slice ? n_images - rows.first : slice;
        CR_TRY(cr_results_read(file->results, r->pick.model, &rows, err));
        for (int b = 0; b < rows.n; b++)
            CR_TRY(take_image(file, r, &rows, b, all, err));
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

static void find_centre(const cr_patterns *p, cr_pattern_class *c)
{
    double sum = 0, x = 0, y = 0;
    for (int i = 0; i < p->width * p->height; i++) {
        c->mean[i] /= c->n_images;
        sum += c->mean[i];
        x += c->mean[i] * (i % p->width + .5) / p->width;
        y += c->mean[i] * (i / p->width + .5) / p->height;
    }
    c->x = sum > 0 ? x / sum : NAN;
    c->y = sum > 0 ? y / sum : NAN;
}

/* An image and the largest value of its map. */
typedef struct strength {
    int32_t class;
    int image;
    float value;
} strength;

/* By class; of one the strongest first, of such as are equal the first image. */
static int compare_strengths(const void *a, const void *b)
{
    const strength *x = a, *y = b;
    return x->class != y->class   ? (x->class < y->class ? -1 : 1)
           : x->value != y->value ? (x->value > y->value ? -1 : 1)
                                  : (x->image > y->image) - (x->image < y->image);
}

static int compare_labels(const void *a, const void *b)
{
    const cr_pattern_label *x = a, *y = b;
    return x->low != y->low       ? (x->low > y->low ? -1 : 1)
           : x->value != y->value ? (x->value > y->value ? -1 : 1)
                                  : strcmp(x->name, y->name);
}

/* The labels of a class: high [n_images] is 1 for its images of high activation, and -1 for those of no or another
 * class. */
static cr_status count_labels(cr_patterns_file *file, cr_pattern_class *c, const int8_t *high,
                              cr_error *err)
{
    const cr_attributes *a = &file->attributes;
    if (a->n_names == 0)
        return CR_OK;
    c->labels = cr_arena_alloc(&file->arena, (size_t)a->n_names, sizeof *c->labels);
    if (!c->labels)
        return cr_fail_memory(err, "labels", (size_t)a->n_names, sizeof *c->labels);
    for (int i = 0; i < a->n_pairs; i++) {
        const struct cr_attribute_pair *pair = &a->pairs[i];
        if (high[pair->image] < 0)
            continue;
        if (c->n_labels == 0 || c->labels[c->n_labels - 1].name != a->names[pair->name])
            c->labels[c->n_labels++].name = a->names[pair->name];
        c->labels[c->n_labels - 1].n++;
        c->labels[c->n_labels - 1].n_high += high[pair->image];
    }
    for (int i = 0; i < c->n_labels; i++) {
        cr_pattern_label *l = &c->labels[i];
        cr_stat_mutual(l->n_high, l->n, c->n_high, c->n_images, &l->value, &l->low, &l->high);
    }
    qsort(c->labels, (size_t)c->n_labels, sizeof *c->labels, compare_labels);
    return CR_OK;
}

/* A class whose images are `of`, [n_images] by strength. */
static cr_status fill_class(cr_patterns_file *file, const cr_patterns_request *r,
                            const strength *of, int8_t *high, cr_pattern_class *c, cr_error *err)
{
    c->n_high = (int)ceil(r->share * c->n_images);
    c->n_regions = c->n_images < r->n_regions ? c->n_images : r->n_regions;
    c->regions = cr_arena_alloc(&file->arena, (size_t)c->n_regions, sizeof *c->regions);
    if (!c->regions)
        return cr_fail_memory(err, "regions", (size_t)c->n_regions, sizeof *c->regions);
    for (int i = 0; i < c->n_regions; i++)
        c->regions[i] = (cr_pattern_region){
            .image = of[i].image, .value = of[i].value, .box = file->boxes[of[i].image]};
    for (int i = 0; i < c->n_images; i++)
        high[of[i].image] = i < c->n_high;
    CR_OR_RETURN(count_labels(file, c, high, err));
    for (int i = 0; i < c->n_images; i++)
        high[of[i].image] = -1;
    find_centre(&file->patterns, c);
    return CR_OK;
}

static cr_status fill_classes(cr_patterns_file *file, const cr_patterns_request *r,
                              const cr_pattern_class *all, cr_error *err)
{
    cr_patterns *p = &file->patterns;
    const size_t n_images = (size_t)p->data->n_images;
    strength *of = cr_arena_alloc(&file->arena, n_images, sizeof *of);
    int8_t *high = cr_arena_alloc(&file->arena, n_images, sizeof *high);
    p->classes = cr_arena_alloc(&file->arena, (size_t)p->data->n_classes, sizeof *p->classes);
    if (!of || !high || !p->classes)
        return cr_fail_memory(err, "images", n_images, sizeof *of);
    size_t n = 0;
    for (size_t i = 0; i < n_images; i++) {
        high[i] = -1;
        if (!isnan(file->values[i]))
            of[n++] = (strength){file->classes[i], (int)i, file->values[i]};
    }
    qsort(of, n, sizeof *of, compare_strengths);
    for (int c = 0; c < p->data->n_classes; c++)
        if (all[c].n_images > 0) {
            cr_pattern_class *to = &p->classes[p->n_classes++];
            *to = all[c];
            CR_OR_RETURN(fill_class(file, r, of, high, to, err));
            of += to->n_images;
        }
    return CR_OK;
}

static void reduce(int width, int height, int *to_width, int *to_height)
{
    const double scale = fmin(1, SIDE / (double)(width > height ? width : height));
    *to_width = (int)fmax(1, round(width * scale));
    *to_height = (int)fmax(1, round(height * scale));
}

/* The box of an image, cut out and made small. */
static cr_status draw_region(cr_patterns_file *file, const cr_patterns_request *r,
                             cr_pattern_region *region, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shown shown = {.results = file->results, .image = region->image};
    cr_image whole = {0}, cut = {0}, small = {0};
    int width, height;
    CR_TRY(cr_shown_decode(&shown, r->folder, r->mpixels, &whole, NULL, err));
    const cr_box *b = &region->box;
    if (b->x0 < 0 || b->x1 >= whole.width || b->y1 >= whole.height) {
        cut = whole;
        whole = (cr_image){0};
    } else {
        cut = (cr_image){.width = b->x1 - b->x0 + 1, .height = b->y1 - b->y0 + 1};
        const size_t row = 3 * (size_t)cut.width, n = row * (size_t)cut.height;
        cut.rgb = cr_alloc(n, 1);
        if (!cut.rgb)
            CR_TRY(cr_fail_memory(err, "a region", n, 1));
        for (int y = 0; y < cut.height; y++)
            memcpy(cut.rgb + (size_t)y * row,
                   whole.rgb + 3 * ((size_t)(b->y0 + y) * (size_t)whole.width + (size_t)b->x0),
                   row);
    }
    reduce(cut.width, cut.height, &width, &height);
    CR_TRY(cr_image_resize(&cut, width, height, CR_FILTER_PIL_BILINEAR, &small, err));
    CR_TRY(cr_picture_jpeg(&(cr_figure_panel){.image = &small}, 78, &region->picture.jpeg,
                           &region->picture.n_bytes, err));

cleanup:
    cr_image_free(&small);
    cr_image_free(&cut);
    cr_image_free(&whole);
    return status;
}

/* The mean map alone, in colours from 0 to its largest value. */
static cr_status draw_mean(const cr_patterns *p, cr_pattern_class *c, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n = (size_t)p->width * (size_t)p->height;
    const cr_overlay *overlay;
    float *mean = cr_alloc(n, sizeof *mean), *map = NULL;
    cr_image ground = {0};
    const int longer = p->width > p->height ? p->width : p->height;
    ground.width = SIDE * p->width / longer > 0 ? SIDE * p->width / longer : 1;
    ground.height = SIDE * p->height / longer > 0 ? SIDE * p->height / longer : 1;
    const size_t n_bytes = 3 * (size_t)ground.width * (size_t)ground.height;
    ground.rgb = cr_alloc(n_bytes, 1);
    if (!mean || !ground.rgb)
        CR_TRY(cr_fail_memory(err, "a mean map", n_bytes, sizeof *mean));
    for (size_t i = 0; i < n; i++)
        mean[i] = (float)c->mean[i];
    const cr_view view = {.region = {0, 0, ground.width, ground.height}};
    const cr_loc_map native = {mean, p->width, p->height, CR_SCALING_MAX, 1, &view};
    CR_TRY(cr_picture_map(&native, CR_UPSAMPLING_BILINEAR, ground.width, ground.height, &map, err));
    CR_TRY(cr_overlay_find("viridis", &overlay, err));
    CR_TRY(cr_picture_jpeg(&(cr_figure_panel){.image = &ground, .map = map, .overlay = overlay}, 88,
                           &c->picture.jpeg, &c->picture.n_bytes, err));

cleanup:
    free(mean);
    free(map);
    cr_image_free(&ground);
    return status;
}

static cr_status draw(cr_patterns_file *file, const cr_patterns_request *r, cr_error *err)
{
    cr_patterns *p = &file->patterns;
    for (int n = 0; p->n_drawn < p->n_classes && n < MOST_PICTURES; p->n_drawn++) {
        cr_pattern_class *c = &p->classes[p->n_drawn];
        CR_OR_RETURN(draw_mean(p, c, err));
        n++;
        for (int i = 0; i < c->n_regions; i++, n++) {
            cr_error why = {0};
            const cr_status status = draw_region(file, r, &c->regions[i], &why);
            if (status == CR_EINTERNAL) {
                *err = why;
                return status;
            }
            if (status != CR_OK && !p->no_pictures) {
                file->no_pictures = why;
                p->no_pictures = file->no_pictures.message;
            }
        }
    }
    return CR_OK;
}

static cr_status begin(cr_patterns_file *file, cr_patterns_request *r, cr_error *err)
{
    CR_OR_RETURN(cr_results_open(r->path, &file->results, err));
    const cr_results_plan *plan = cr_results_get_plan(file->results);
    const cr_dataset *data = cr_results_get_data(file->results);
    CR_OR_RETURN(cr_pick_find(r->path, plan, false, false, &r->pick, err));
    const cr_results_model *model = &plan->models[r->pick.model];
    const cr_results_variant *variant = &model->variants[r->pick.variant];
    r->predicted = r->predicted || plan->no_labels;
    if (variant->map_slots == 0 || (r->predicted && !cr_kept_has(variant, 0)))
        return cr_kept_check(r->path, plan, r->pick.model, r->pick.variant,
                             r->predicted ? 0 : CR_SLOT_TRUTH, "", NULL, err);
    if (variant->n_views > 1)
        return cr_fail(err, CR_EINPUT,
                       "%s: its maps are of %d views of an image, which share no frame", r->path,
                       variant->n_views);
    const size_t n = (size_t)data->n_images;
    file->values = cr_arena_alloc(&file->arena, n, sizeof *file->values);
    file->classes = cr_arena_alloc(&file->arena, n, sizeof *file->classes);
    file->boxes = cr_arena_alloc(&file->arena, n, sizeof *file->boxes);
    if (!file->values || !file->classes || !file->boxes)
        return cr_fail_memory(err, "images", n, sizeof *file->boxes);
    for (size_t i = 0; i < n; i++)
        file->values[i] = NAN;
    cr_results_variant_name(variant, file->method);
    file->patterns = (cr_patterns){.file = cr_path_name(r->path),
                                   .job = plan->job_name,
                                   .model = model->name,
                                   .method = file->method,
                                   .layer = variant->layer,
                                   .protocol = plan->protocols[r->pick.protocol].name,
                                   .predicted = r->predicted,
                                   .has_labels = r->attributes,
                                   .share = r->share,
                                   .width = variant->map_width,
                                   .height = variant->map_height,
                                   .data = data};
    return r->attributes ? cr_attributes_read(r->attributes, data, &file->attributes, err) : CR_OK;
}

cr_status cr_patterns_file_open(const cr_patterns_request *request, cr_patterns_file *file,
                                cr_error *err)
{
    cr_patterns_request r = *request;
    CR_OR_RETURN(begin(file, &r, err));
    const size_t n = (size_t)file->patterns.data->n_classes;
    cr_pattern_class *all = cr_arena_alloc(&file->arena, n, sizeof *all);
    if (!all)
        return cr_fail_memory(err, "classes", n, sizeof *all);
    CR_OR_RETURN(read_maps(file, &r, all, err));
    CR_OR_RETURN(fill_classes(file, &r, all, err));
    if (file->patterns.n_classes == 0)
        return cr_fail(err, CR_EINPUT, "%s: no image has a map of a class yet", r.path);
    return draw(file, &r, err);
}

void cr_patterns_file_close(cr_patterns_file *file)
{
    for (int i = 0; i < file->patterns.n_classes; i++) {
        free(file->patterns.classes[i].picture.jpeg);
        for (int k = 0; k < file->patterns.classes[i].n_regions; k++)
            free(file->patterns.classes[i].regions[k].picture.jpeg);
    }
    cr_attributes_free(&file->attributes);
    cr_arena_free(&file->arena);
    if (file->results)
        cr_results_close(&file->results, NULL);
}
