/* made_up.h - a run made up by formulas, for the tests of core/results: image set, plan, rows.
 * tests/judge/test_results.py repeats the formulas. */
#ifndef CAMRANK_TESTS_MADE_UP_H
#define CAMRANK_TESTS_MADE_UP_H

#include "harness.h"

#include "camrank/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_IMAGES = 37,
    N_CLASSES = 7,
    N_MODELS = 2,
    N_VARIANTS = 2,
    N_PROTOCOLS = 2, /* one with two boxes a class */
    BATCH = 4,
    MAP_W = 5,
    MAP_H = 3,
    MOST_VIEWS = 4
};

static char path[600];

static const char *file_in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", harness_folder(), name);
    return path;
}

static inline bool is_localized(int i)
{
    return i % 11 != 5;
}

/* One of the excluded images has none. */
static inline int count_boxes(int i)
{
    return i == 16 ? 0 : 1 + i % 3;
}

/* Protocol 1 does not honour the exclude list. */
static inline bool is_counted(int p, int i)
{
    return count_boxes(i) > 0 && (p == 1 || is_localized(i));
}

static inline bool is_failed(int m, int i)
{
    return i == 9 || (m == 1 && i == 20);
}

static inline int32_t top_class(int m, int i, int k)
{
    return (i * 3 + m + k) % N_CLASSES;
}

static inline float top_logit(int m, int i, int k)
{
    return (float)(8 - k + m) + (float)i / 64;
}

/* Of box b of protocol p. */
static inline double iou_of(int m, int v, int p, int i, int s, int b)
{
    return (i * 7 + s * 5 + v * 3 + m + p * 2 + b * 9) % 16 / 15.0;
}

static inline uint8_t level_of(int m, int v, int i, int level)
{
    return (uint8_t)((i * 11 + level * (v + 3) + m) % 64);
}

static inline bool is_empty_map(int m, int v, int i, int s)
{
    return (i * 5 + s * 3 + m + v) % 7 == 0;
}

static inline int count_views(int v)
{
    return v == 0 ? 1 : MOST_VIEWS;
}

/* The maps of the views stand one below the other. */
static inline float map_of(int m, int v, int i, int s, int y, int x)
{
    return (float)((i * 31 + s * 17 + y * 5 + x * 3 + v * 2 + m) % 97) / 97;
}

/* No second box for one slot in seven. */
static inline cr_box box_of(int v, int p, int i, int s, int b)
{
    if (b == 1 && (i + s) % 7 == 0)
        return (cr_box){-1, -1, -1, -1};
    return (cr_box){i % 3 + p * 9, i + s - 2, i % 3 + 10 + v + p * 5 + b,
                    i + s + 3 * (i % 7) + b * 9};
}

static inline uint32_t add_text(cr_dataset *data, const char *text)
{
    uint32_t offset = (uint32_t)data->text_bytes;
    memcpy(data->text + offset, text, strlen(text) + 1);
    data->text_bytes += strlen(text) + 1;
    return offset;
}

static inline cr_dataset make_data(void)
{
    cr_dataset data = {.n_images = N_IMAGES, .n_classes = N_CLASSES, .text_bytes = 1};
    data.images = cr_alloc(N_IMAGES, sizeof *data.images);
    data.boxes = cr_alloc((size_t)N_IMAGES * 3, sizeof *data.boxes);
    data.classes = cr_alloc(N_CLASSES, sizeof *data.classes);
    data.text = cr_alloc(65536, 1);
    data.folder = strdup("/pictures");
    char text[64];
    for (int c = 0; c < N_CLASSES; c++) {
        snprintf(text, sizeof text, "n%08d", c * 100);
        data.classes[c].wnid = add_text(&data, text);
        snprintf(text, sizeof text, "caf\xc3\xa9 %d", c);
        data.classes[c].devkit = 3 * c;
        data.classes[c].name = c == 3 ? 0 : add_text(&data, text);
    }
    for (int i = 0; i < N_IMAGES; i++) {
        cr_data_image *image = &data.images[i];
        snprintf(text, sizeof text, "val_%05d", i);
        image->id = add_text(&data, text);
        snprintf(text, sizeof text, "val_%05d.%s", i, i % 2 ? "JPEG" : "png");
        image->file = add_text(&data, text);
        image->label = i % N_CLASSES;
        image->localize = is_localized(i);
        image->first_box = data.n_boxes;
        image->n_boxes = count_boxes(i);
        image->width = i % 4 ? 100 + i : 0;
        image->height = i % 4 ? 200 + i : 0;
        for (int b = 0; b < image->n_boxes; b++)
            data.boxes[data.n_boxes++] = (cr_box){b, i, b + 9, i + 19};
        data.n_excluded += !image->localize;
    }
    return data;
}

static inline cr_results_plan make_plan(int map_slots, bool map_float16, bool skip_failed)
{
    cr_results_plan plan = {
        .job_name = "made-up",
        .job_text = strdup("name: made-up\nprotocol: cam-paper\n"),
        .overrides = strdup(""),
        .libraries = "none 1.0",
        .n_protocols = N_PROTOCOLS,
        .protocols = cr_alloc(N_PROTOCOLS, sizeof *plan.protocols),
        .show_protocols = true,
        .show_v2 = true,
        .skip_failed = skip_failed,
        .batch = BATCH,
        .has_empty = true,
        .has_states = true,
        .map_slots = map_slots,
        .map_float16 = map_float16,
        .n_models = N_MODELS,
        .models = cr_alloc(N_MODELS, sizeof *plan.models),
    };
    cr_error err;
    CHECK_OK(cr_protocol_find("cam-paper", &plan.protocols[0], &err), &err);
    CHECK_OK(cr_protocol_find("googlenet-gap-top5", &plan.protocols[1], &err), &err);
    plan.protocols[1].exclude = false;
    plan.protocols[1].iou = 0.7;
    static const char *const names[N_MODELS] = {"zebra-net", "alpha_net.2"};
    for (int m = 0; m < N_MODELS; m++) {
        cr_results_model *model = &plan.models[m];
        snprintf(model->name, sizeof model->name, "%s", names[m]);
        snprintf(model->file, sizeof model->file, "models/%s.onnx", names[m]);
        cr_sha256_hex(names[m], strlen(names[m]), model->sha256);
        snprintf(model->input, sizeof model->input, "224x224 squash");
        snprintf(model->filter, sizeof model->filter, "none");
        model->n_variants = N_VARIANTS;
        model->variants = cr_alloc(N_VARIANTS, sizeof *model->variants);
        model->variants[0] = (cr_results_variant){.method = "grad-cam",
                                                  .layer = "features/conv9",
                                                  .layer_given = true,
                                                  .scaling = CR_SCALING_MAX,
                                                  .map_width = MAP_W,
                                                  .map_height = MAP_H,
                                                  .n_views = count_views(0)};
        model->variants[1] = (cr_results_variant){.method = "cam",
                                                  .layer = "features/last",
                                                  .scaling = CR_SCALING_MIN_MAX,
                                                  .map_width = MAP_W,
                                                  .map_height = MAP_H,
                                                  .n_views = count_views(1)};
        for (int v = 0; v < N_VARIANTS; v++) {
            model->variants[v].parameters =
                cr_method_plain(cr_method_find(model->variants[v].method)).parameters;
            model->variants[v].map_slots = map_slots;
        }
    }
    if (map_slots == CR_SLOTS) /* and one that keeps fewer than the others */
        plan.models[1].variants[0].map_slots = 1;
    return plan;
}

static inline cr_results_rows make_rows(int capacity, cr_arena *arena)
{
    cr_results_plan plan = make_plan(CR_SLOTS, false, false);
    cr_results_rows rows = {0};
    cr_error err = {0};
    CHECK_OK(cr_results_rows_alloc(&plan, 0, capacity, true, arena, &rows, &err), &err);
    cr_results_plan_free(&plan);
    return rows;
}

static inline int boxes_of(int p)
{
    return 1 + p;
}

static inline void fill_boxes(int m, int v, int p, int i, bool failed,
                              struct cr_results_boxes *boxes, int row)
{
    for (int s = 0; s < CR_SLOTS; s++)
        for (int b = 0; b < boxes_of(p); b++) {
            const int at = (row * CR_SLOTS + s) * boxes_of(p) + b;
            const cr_box box = box_of(v, p, i, s, b);
            boxes->boxes[at] = failed ? (cr_box){-1, -1, -1, -1} : box;
            boxes->iou[at] = failed || !count_boxes(i) ? (double)NAN
                             : box.x0 < 0              ? 0
                                                       : iou_of(m, v, p, i, s, b);
        }
}

static inline void fill_maps(int m, int v, int i, bool failed, struct cr_results_maps *maps,
                             int row)
{
    const int height = count_views(v) * MAP_H;
    for (int p = 0; p < N_PROTOCOLS; p++)
        fill_boxes(m, v, p, i, failed, &maps->protocols[p], row);
    maps->state[row] = failed ? CR_ROW_FAILED : CR_ROW_DONE;
    memset(maps->reason[row], 'x', CR_REASON_BYTES);
    snprintf(maps->reason[row], CR_REASON_BYTES, "%s", failed ? "no map" : "");
    for (int level = 0; level < CR_SWEEP_LEVELS; level++)
        maps->levels[row * CR_SWEEP_LEVELS + level] =
            failed || !count_boxes(i) ? 0 : level_of(m, v, i, level);
    for (int s = 0; s < CR_SLOTS; s++)
        maps->empty[row * CR_SLOTS + s] = !failed && is_empty_map(m, v, i, s);
    for (int s = 0; s < CR_SLOTS; s++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < MAP_W; x++)
                maps->maps[((row * CR_SLOTS + s) * height + y) * MAP_W + x] =
                    failed ? NAN : map_of(m, v, i, s, y, x);
}

static inline void fill_rows(int m, int first, int n, cr_results_rows *rows)
{
    rows->first = first;
    rows->n = n;
    for (int row = 0; row < n; row++) {
        const int i = first + row;
        const bool failed = is_failed(m, i);
        rows->state[row] = failed ? CR_ROW_FAILED : CR_ROW_DONE;
        rows->size[2 * row] = failed ? 0 : 100 + i;
        rows->size[2 * row + 1] = failed ? 0 : 200 + i;
        /* What stands behind the text must not get into the file. */
        memset(rows->reason[row], 'x', CR_REASON_BYTES);
        snprintf(rows->reason[row], CR_REASON_BYTES, "%s", failed ? "no image, \"truly\"" : "");
        for (int k = 0; k < CR_TOP; k++) {
            rows->top_class[row * CR_TOP + k] = failed ? -1 : top_class(m, i, k);
            rows->top_logit[row * CR_TOP + k] = failed ? NAN : top_logit(m, i, k);
        }
        rows->truth_logit[row] = failed ? NAN : top_logit(m, i, 9);
        for (int v = 0; v < N_VARIANTS; v++)
            fill_maps(m, v, i, failed, &rows->variants[v], row);
    }
}

/* Chunks go to the ranks backwards, so that neighbours in the file have different writers. */
static inline void write_chunks(const cr_par *par, cr_results *results, int n_images)
{
    cr_error err = {0};
    cr_arena arena = {0};
    cr_results_rows rows = make_rows(BATCH, &arena);
    const int n_chunks = (n_images + BATCH - 1) / BATCH;
    for (int chunk = n_chunks - 1; chunk >= 0; chunk--)
        if (chunk % par->size == par->rank)
            for (int m = 0; m < N_MODELS; m++) {
                const int first = chunk * BATCH;
                const int n = n_images - first < BATCH ? n_images - first : BATCH;
                fill_rows(m, first, n, &rows);
                CHECK_OK(cr_results_write(results, m, &rows, &err), &err);
            }
    cr_arena_free(&arena);
}

static inline bool same_bytes(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes) == 0;
}

/* NaN equals NaN. float16 keeps 11 bits. */
static inline bool same_float(float a, float b, bool float16)
{
    return (isnan(a) && isnan(b)) || fabsf(a - b) <= (float16 ? fabsf(b) / 2048 : 0);
}

static inline void check_maps(const cr_results_plan *plan, int m, int v, const float *got,
                              const float *wanted)
{
    const int map_slots = plan->models[m].variants[v].map_slots;
    const int size = count_views(v) * MAP_H * MAP_W;
    int wrong = 0;
    for (int s = 0; s < CR_SLOTS; s++) {
        const bool kept = map_slots == CR_SLOTS || (map_slots == 1 && s == CR_SLOT_TRUTH);
        for (int i = s * size; i < (s + 1) * size; i++)
            wrong += !same_float(got[i], kept ? wanted[i] : NAN, plan->map_float16);
    }
    CHECK_EQUAL(wrong, 0);
}

/* Compares the image's row with the formulas, if it is marked. Returns whether it is. */
static inline bool check_row(cr_results *results, int m, int i, cr_results_rows *got,
                             cr_results_rows *wanted)
{
    cr_error err = {0};
    fill_rows(m, i, 1, wanted);
    got->first = i;
    got->n = 1;
    if (!CHECK_OK(cr_results_read(results, m, got, &err), &err) || got->state[0] == CR_ROW_EMPTY)
        return false;
    CHECK_EQUAL(got->state[0], wanted->state[0]);
    CHECK(same_bytes(got->size, wanted->size, 2 * sizeof *got->size));
    CHECK_TEXT(got->reason[0], wanted->reason[0]);
    CHECK(same_bytes(got->top_class, wanted->top_class, CR_TOP * sizeof *got->top_class));
    CHECK(same_bytes(got->top_logit, wanted->top_logit, CR_TOP * sizeof *got->top_logit));
    CHECK(same_bytes(got->truth_logit, wanted->truth_logit, sizeof *got->truth_logit));
    for (int v = 0; v < N_VARIANTS; v++) {
        const struct cr_results_maps *a = &got->variants[v], *b = &wanted->variants[v];
        CHECK_EQUAL(a->state[0], b->state[0]);
        CHECK_TEXT(a->reason[0], b->reason[0]);
        CHECK(same_bytes(a->levels, b->levels, CR_SWEEP_LEVELS));
        CHECK(same_bytes(a->empty, b->empty, CR_SLOTS));
        for (int p = 0; p < N_PROTOCOLS; p++) {
            const size_t n = CR_SLOTS * (size_t)boxes_of(p);
            CHECK(same_bytes(a->protocols[p].boxes, b->protocols[p].boxes, n * sizeof(cr_box)));
            CHECK(same_bytes(a->protocols[p].iou, b->protocols[p].iou, n * sizeof(double)));
        }
        check_maps(cr_results_get_plan(results), m, v, a->maps, b->maps);
    }
    return true;
}

static inline int check_all_rows(cr_results *results)
{
    int n_marked = 0;
    cr_arena arena = {0};
    cr_results_rows got = make_rows(1, &arena), wanted = make_rows(1, &arena);
    for (int m = 0; m < N_MODELS; m++)
        for (int i = 0; i < N_IMAGES; i++)
            n_marked += check_row(results, m, i, &got, &wanted);
    cr_arena_free(&arena);
    return n_marked;
}

static inline cr_results *create(const cr_par *par, const char *file, int map_slots,
                                 bool map_float16, bool skip_failed, cr_error *err)
{
    cr_results_plan plan = make_plan(map_slots, map_float16, skip_failed);
    cr_dataset data = make_data();
    cr_results *results = NULL;
    CHECK_OK(cr_results_create(par, file, true, &plan, &data, &results, err), err);
    cr_results_plan_free(&plan);
    cr_data_free(&data);
    return results;
}

#endif
