/* The job file: driver/job.h. Serial; here because the driver links MPI. */
#include "driver/job/job.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] =
    "name: two-nets\n"                                                           /* 1 */
    "dataset:\n"                                                                 /* 2 */
    "  layout: kaggle\n"                                                         /* 3 */
    "  images: data/images\n"                                                    /* 4 */
    "  ground_truth: /abs/truth.csv\n"                                           /* 5 */
    "  synsets: data/synsets.txt\n"                                              /* 6 */
    "models:\n"                                                                  /* 7 */
    "  - name: first\n"                                                          /* 8 */
    "    file: nets/first.onnx\n"                                                /* 9 */
    "    input: {size: [227, 200], resize: squash, channels: bgr, range: 255,\n" /* 10 */
    "            mean: [104, 117.5, 123], std: [1, 2, 3e0]}\n"                   /* 11 */
    "  - name: second_1.0-b\n"                                                   /* 12 */
    "    file: nets/second.onnx\n"                                               /* 13 */
    "    layer: relu5\n"                                                         /* 14 */
    "    input: {size: [224, 224], resize: short-side, short_side: 256, crop: center, filter: "
    "pil-bilinear, channels: rgb, range: 1, mean: [0, 0, 0], std: [1, 1, 1]}\n" /* 15 */
    "methods: [cam, grad-cam, grad-cam@fire9/concat]\n"                         /* 16 */
    "protocol: cam-paper\n"                                                     /* 17 */
    "output: out/two.h5\n";                                                     /* 18 */

/* `good` with the first `from` replaced by `to`; the caller frees. */
static char *edit(const char *from, const char *to)
{
    const char *at = strstr(good, from);
    CHECK(at != NULL);
    if (!at)
        return strdup(good);
    size_t bytes = sizeof good + strlen(to) + 1;
    char *text = malloc(bytes);
    snprintf(text, bytes, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    return text;
}

static cr_status parse(const char *text, const char *set, cr_job *job, cr_error *err)
{
    *err = (cr_error){0};
    return cr_job_parse(text, strlen(text), "jobs/x.yaml", &set, set ? 1 : 0, job, err);
}

typedef struct bad_case {
    const char *from, *to, *message;
} bad_case;

static void check_bad(const bad_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *text = edit(cases[i].from, cases[i].to);
        cr_job job;
        cr_error err;
        CHECK_EQUAL(parse(text, NULL, &job, &err), CR_EINPUT);
        CHECK_TEXT(err.message, cases[i].message);
        CHECK(job.text == NULL && job.models == NULL);
        cr_job_free(&job);
        free(text);
    }
}

#define CHECK_BAD(cases) check_bad(cases, sizeof(cases) / sizeof *(cases))

static void job_good_fills_every_member(const cr_par *par)
{
    (void)par;
    cr_job job;
    cr_error err;
    if (!CHECK_OK(parse(good, NULL, &job, &err), &err))
        return;
    CHECK_TEXT(job.name, "two-nets");
    CHECK_TEXT(job.text, good);
    CHECK_TEXT(job.overrides, "");
    CHECK_TEXT(job.data.images, "jobs/data/images");
    CHECK_TEXT(job.data.ground_truth, "/abs/truth.csv");
    CHECK_TEXT(job.data.synsets, "jobs/data/synsets.txt");
    CHECK_TEXT(job.output, "jobs/out/two.h5");
    CHECK_EQUAL(job.n_models, 2);
    const cr_job_model *first = &job.models[0], *second = &job.models[1];
    CHECK_TEXT(first->name, "first");
    CHECK_TEXT(first->file, "jobs/nets/first.onnx");
    CHECK_TEXT(first->file_given, "nets/first.onnx");
    CHECK_TEXT(first->layer, "");
    CHECK(first->input.width == 227 && first->input.height == 200);
    CHECK(first->input.resize == CR_RESIZE_SQUASH && first->input.channels == CR_BGR);
    CHECK(first->input.range == 255 && first->input.filter == CR_FILTER_PIL_BILINEAR);
    CHECK(first->input.mean[0] == 104 && first->input.mean[1] == 117.5f);
    CHECK(first->input.std[1] == 2 && first->input.std[2] == 3);
    CHECK_TEXT(second->name, "second_1.0-b");
    CHECK_TEXT(second->layer, "relu5");
    CHECK(second->input.resize == CR_RESIZE_SHORT_SIDE && second->input.short_side == 256);
    CHECK(first->input.crop == CR_CROP_CENTER && second->input.crop == CR_CROP_CENTER);
    CHECK(second->input.channels == CR_RGB && second->input.range == 1);
    CHECK_EQUAL(job.methods.n, 3);
    CHECK_TEXT(job.methods.specs[0].method->name, "cam");
    CHECK_TEXT(job.methods.specs[1].layers[0], "");
    CHECK_TEXT(job.methods.specs[2].method->name, "grad-cam");
    CHECK_TEXT(job.methods.specs[2].layers[0], "fire9/concat");
    cr_job_free(&job);
}

static void job_without_optional_keys_has_the_defaults(const cr_par *par)
{
    (void)par;
    cr_job job;
    cr_error err;
    if (!CHECK_OK(parse(good, NULL, &job, &err), &err))
        return;
    CHECK(job.data.exclude == NULL && job.data.devkit_synsets == NULL && job.data.boxes == NULL);
    CHECK(job.data.subset_list == NULL && job.data.n_subset_classes == 0 &&
          job.data.subset_stride == 1);
    CHECK_TEXT(job.data.layout->name, "kaggle");
    CHECK_EQUAL(job.data.limit, 0);
    CHECK(!job.skip_failed);
    CHECK_EQUAL(job.map_slots, CR_KEEP_DEFAULT);
    CHECK(!job.map_float16);
    CHECK_EQUAL(job.batch, 16);
    CHECK_EQUAL(job.activations_mb, 4096);
    CHECK_EQUAL(job.image_mpixels, 100);
    CHECK_TEXT(job.protocols[0].name, "cam-paper");
    CHECK(job.protocols[0].threshold == 0.2 && job.protocols[0].iou == 0.5);
    CHECK_EQUAL(job.protocols[0].connectivity, 8);
    CHECK_EQUAL(job.protocols[0].upsampling, CR_UPSAMPLING_BILINEAR);
    cr_job_free(&job);
}

static void job_optional_keys_take_effect(const cr_par *par)
{
    (void)par;
    char *text = edit("protocol: cam-paper\n",
                      "protocol: cam-paper\nthreshold: 0.15\nconnectivity: 4\nupsampling: nearest\n"
                      "iou: .7\nheatmaps: {classes: truth, type: float16}\nbatch: 1024\n"
                      "limits: {activations_mb: 70000, image_mpixels: 268}\n");
    cr_job job;
    cr_error err;
    if (CHECK_OK(parse(text, NULL, &job, &err), &err)) {
        CHECK_TEXT(job.protocols[0].name, "cam-paper (modified)");
        CHECK(job.protocols[0].threshold == 0.15 && job.protocols[0].iou == 0.7);
        CHECK_EQUAL(job.protocols[0].connectivity, 4);
        CHECK_EQUAL(job.protocols[0].upsampling, CR_UPSAMPLING_NEAREST);
        CHECK_EQUAL(job.map_slots, 1);
        CHECK(job.map_float16);
        CHECK_EQUAL(job.batch, 1024);
        CHECK_EQUAL(job.activations_mb, 70000);
        CHECK_EQUAL(job.image_mpixels, 268);
    }
    cr_job_free(&job);
    free(text);

    text = edit("  synsets", "  exclude: black.txt\n  limit: 100\n  failed: skip\n  synsets");
    if (CHECK_OK(parse(text, NULL, &job, &err), &err)) {
        CHECK_TEXT(job.data.exclude, "jobs/black.txt");
        CHECK_EQUAL(job.data.limit, 100);
        CHECK(job.skip_failed);
    }
    cr_job_free(&job);
    free(text);

    text = edit("resize: squash", "resize: squash, short_side: 256, crop: ten");
    if (CHECK_OK(parse(text, NULL, &job, &err), &err))
        CHECK(job.models[0].input.resize == CR_RESIZE_SQUASH &&
              job.models[0].input.short_side == 256 && job.models[0].input.crop == CR_CROP_TEN);
    cr_job_free(&job);
    free(text);

    text = edit("layout: kaggle", "layout: devkit\n  devkit_synsets: d.txt\n  boxes: b.tgz\n"
                                  "  subset: {list: l.txt, classes: [n01, n02], stride: 3}");
    if (CHECK_OK(parse(text, NULL, &job, &err), &err)) {
        CHECK_TEXT(job.data.layout->name, "devkit");
        CHECK_TEXT(job.data.devkit_synsets, "jobs/d.txt");
        CHECK_TEXT(job.data.boxes, "jobs/b.tgz");
        CHECK_TEXT(job.data.subset_list, "jobs/l.txt");
        CHECK_EQUAL(job.data.subset_stride, 3);
        CHECK_EQUAL(job.data.n_subset_classes, 2);
        CHECK_TEXT(job.data.subset_classes[1], "n02");
    }
    cr_job_free(&job);
    free(text);

    text = edit("output:", "threshold: 0.2\nheatmaps: {classes: none}\noutput:");
    if (CHECK_OK(parse(text, NULL, &job, &err), &err)) {
        CHECK_TEXT(job.protocols[0].name, "cam-paper");
        CHECK_EQUAL(job.map_slots, 0);
    }
    cr_job_free(&job);
    free(text);
}

static void job_protocols_are_taken_by_name_and_changed_alone(const cr_par *par)
{
    (void)par;
    char *text =
        edit("protocol: cam-paper", "protocols: [cam-paper, {name: cam-paper, threshold: "
                                    "0.15, as: low.15}, {name: kaggle, iou: 0.3}, wsol-v2]");
    cr_job job;
    cr_error err;
    if (CHECK_OK(parse(text, NULL, &job, &err), &err)) {
        CHECK_EQUAL(job.n_protocols, 3);
        CHECK_TEXT(job.protocols[0].name, "cam-paper");
        CHECK_TEXT(job.protocols[1].name, "low.15");
        CHECK_TEXT(job.protocols[2].name, "kaggle (modified)");
        CHECK(job.protocols[0].threshold == 0.2 && job.protocols[1].threshold == 0.15);
        CHECK(job.protocols[2].iou == 0.3 && !job.protocols[2].exclude);
        CHECK(job.show_protocols && !job.show_v1 && job.show_v2);
    }
    cr_job_free(&job);
    if (CHECK_OK(parse(text, "protocols.0.threshold=0.25", &job, &err), &err)) {
        CHECK_TEXT(job.protocols[0].name, "cam-paper (modified)");
        CHECK(job.protocols[0].threshold == 0.25 && job.protocols[1].threshold == 0.15);
    }
    cr_job_free(&job);
    if (CHECK_OK(parse(text, "protocol=kaggle", &job, &err), &err)) {
        CHECK_EQUAL(job.n_protocols, 1);
        CHECK_TEXT(job.protocols[0].name, "kaggle");
        CHECK(job.show_protocols && job.show_v1 && job.show_v2);
    }
    cr_job_free(&job);
    if (CHECK_OK(parse(good, "protocols=[wsol-v1, gradcam-paper]", &job, &err), &err)) {
        CHECK_EQUAL(job.n_protocols, 1);
        CHECK_TEXT(job.protocols[0].name, "gradcam-paper");
        CHECK(job.show_protocols && job.show_v1 && !job.show_v2);
    }
    cr_job_free(&job);
    free(text);
}

static void job_of_a_metric_alone_has_the_boxes_of_cam_paper_unshown(const cr_par *par)
{
    (void)par;
    cr_job job;
    cr_error err;
    if (CHECK_OK(parse(good, "protocol=wsol-v1", &job, &err), &err)) {
        CHECK_EQUAL(job.n_protocols, 1);
        CHECK_TEXT(job.protocols[0].name, "cam-paper");
        CHECK(!job.show_protocols && job.show_v1 && !job.show_v2);
    }
    cr_job_free(&job);
}

static void job_without_models_needs_no_images_and_no_methods(const cr_par *par)
{
    (void)par;
    static const char text[] = "name: b\ndataset: {layout: wsol, images: none, ground_truth: m, "
                               "synsets: s}\nmodels: []\nprotocol: cam-paper\noutput: b.h5\n";
    cr_job job;
    cr_error err;
    if (CHECK_OK(parse(text, NULL, &job, &err), &err)) {
        CHECK_EQUAL(job.n_models, 0);
        CHECK_EQUAL(job.methods.n, 0);
        CHECK(job.data.images == NULL);
        CHECK_OK(cr_job_take_part(&job, 1, 1, &err), &err);
    }
    cr_job_free(&job);
}

#define METHODS "[cam, grad-cam, grad-cam@fire9/concat]"

static void job_methods_have_layers_names_and_parameters(const cr_par *par)
{
    (void)par;
    char *text = edit(METHODS, "[grad-cam@a, {name: grad-cam, layer: b/c, as: raw, relu: false}, "
                               "{name: cam, scaling: max}, {name: grad-cam@b/c, as: plain}]");
    cr_job job;
    cr_error err;
    if (CHECK_OK(parse(text, "methods.0.relu=false", &job, &err), &err)) {
        CHECK_EQUAL(job.methods.n, 4);
        CHECK_TEXT(job.methods.specs[0].as, "grad-cam@a (modified)");
        CHECK_TEXT(job.methods.specs[1].layers[0], "b/c");
        CHECK_TEXT(job.methods.specs[1].as, "raw");
        CHECK_EQUAL(cr_method_form(&job.methods.specs[1].parameters)->relu, false);
        CHECK_EQUAL(cr_method_form(&job.methods.specs[1].parameters)->scaling, CR_SCALING_MAX);
        CHECK_TEXT(job.methods.specs[2].as, "cam (modified)");
        CHECK_EQUAL(cr_method_form(&job.methods.specs[2].parameters)->scaling, CR_SCALING_MAX);
        CHECK_TEXT(job.methods.specs[3].layers[0], "b/c");
        CHECK_EQUAL(cr_method_form(&job.methods.specs[3].parameters)->relu, true);
    }
    cr_job_free(&job);
    free(text);
}

static void job_method_of_several_layers_says_how_they_are_fused(const cr_par *par)
{
    (void)par;
    char *text = edit(METHODS, "[{name: grad-cam, layers: [a, b/c]}, "
                               "{name: layer-cam, layers: [a, b], fuse: mean, fuse_at: input, "
                               "fuse_gamma: 2, as: x}, {name: refine-cam, layers: [c, b, a]}, "
                               "{name: grad-cam, layers: [a, d], scaling: min-max}]");
    cr_job job;
    cr_error err;
    if (CHECK_OK(parse(text, NULL, &job, &err), &err)) {
        CHECK_EQUAL(job.methods.specs[0].n_layers, 2);
        CHECK_TEXT(job.methods.specs[0].layers[1], "b/c");
        CHECK_TEXT(job.methods.specs[0].as, "grad-cam@a+b/c");
        CHECK_EQUAL((int)job.methods.specs[0].fusion.fuse, CR_FUSE_MAXIMUM);
        CHECK_EQUAL((int)job.methods.specs[1].fusion.fuse, CR_FUSE_MEAN);
        CHECK_EQUAL((int)job.methods.specs[1].fusion.at, CR_FUSE_AT_INPUT);
        CHECK(job.methods.specs[1].fusion.gamma == 2);
        CHECK_EQUAL((int)job.methods.specs[2].fusion.fuse, CR_FUSE_PRODUCT);
        CHECK_EQUAL(job.methods.specs[2].n_layers, 3);
        CHECK_TEXT(job.methods.specs[2].as, "refine-cam@c+b+a");
        CHECK_TEXT(job.methods.specs[3].as, "grad-cam@a+d (modified)");
    }
    cr_job_free(&job);
    free(text);
}

static void job_method_that_is_wrong_is_refused(const cr_par *par)
{
    (void)par;
    static const bad_case cases[] = {
        {METHODS, "[{name: grad-cam@a, layer: a}]",
         "jobs/x.yaml:16: methods[0].layer: is given in \"grad-cam@a\" too"},
        {METHODS, "[{name: grad-cam, layer: a, layers: [a, b]}]",
         "jobs/x.yaml:16: methods[0].layers: is given beside `layer`"},
        {METHODS, "[{name: grad-cam@a, layers: [a, b]}]",
         "jobs/x.yaml:16: methods[0].layers: is given in \"grad-cam@a\" too"},
        {METHODS, "[{name: grad-cam, layers: [a, b, a]}]",
         "jobs/x.yaml:16: methods[0].layers: has \"a\" twice"},
        {METHODS, "[{name: grad-cam@a, fuse: mean}]",
         "jobs/x.yaml:16: methods[0].fuse: is of several layers: name them as `layers: [A, B]`"},
        {METHODS, "[refine-cam]",
         "jobs/x.yaml:16: methods[0]: refine-cam is of several layers: name them as `layers: [A, "
         "B]`"},
        {METHODS, "[{name: grad-cam, as: a/b}]",
         "jobs/x.yaml:16: methods[0].as: \"a/b\", must be letters, digits and . _ -, a letter or "
         "digit first"},
        {METHODS, "[{name: grad-cam, as: cam}]",
         "jobs/x.yaml:16: methods[0].as: \"cam\" is the name of a known method"},
        {METHODS, "[{name: cam, as: x}, {name: grad-cam, as: x}]",
         "jobs/x.yaml:16: methods[1]: \"x\" is given twice; `as: NAME` gives one another name"},
        {METHODS, "[{name: grad-cam, scaling: half}]",
         "jobs/x.yaml:16: methods[0].scaling: must be min-max or max, not \"half\""},
        {METHODS, "[camm]",
         "jobs/x.yaml:16: methods[0]: unknown method \"camm\" (did you mean \"cam\"?); see camrank "
         "methods"},
        {METHODS, "[{layer: a}]", "jobs/x.yaml:16: methods[0]: the key \"name\" is missing"},
    };
    CHECK_BAD(cases);
}

static void job_filter_is_taken_by_its_name(const cr_par *par)
{
    (void)par;
    for (int filter = 0; cr_filter_name((cr_filter)filter); filter++) {
        char line[64];
        snprintf(line, sizeof line, "filter: %s", cr_filter_name((cr_filter)filter));
        char *text = edit("filter: pil-bilinear", line);
        cr_job job;
        cr_error err;
        if (CHECK_OK(parse(text, NULL, &job, &err), &err))
            CHECK_EQUAL(job.models[1].input.filter, (cr_filter)filter);
        cr_job_free(&job);
        free(text);
    }
}

static void job_unknown_missing_or_repeated_key_is_named_with_its_line(const cr_par *par)
{
    (void)par;
    static const bad_case cases[] = {
        {"output:", "colour: red\noutput:",
         "jobs/x.yaml:18: unknown key \"colour\"; allowed: name, dataset, defaults, models, "
         "methods, "
         "protocol, protocols, metrics, heatmaps, batch, limits, threshold_from, output, "
         "threshold, loose, "
         "connectivity, "
         "upsampling, iou, threshold_of, smooth, smooth_unit"},
        {"range: 255", "rnage: 255",
         "jobs/x.yaml:10: models[0].input: unknown key \"rnage\" (did you mean \"range\"?); "
         "allowed: preset, size, resize, "
         "short_side, crop, filter, channels, range, mean, mean_file, std"},
        {"    layer: relu5", "    lager: relu5",
         "jobs/x.yaml:14: models[1]: unknown key \"lager\" (did you mean \"layer\"?); allowed: "
         "name, file, weights, inputs, output, layer, "
         "tokens, kernels, precision, randomise, methods, "
         "input"},
        {"  images:", "  imagse: x\n  images:",
         "jobs/x.yaml:4: dataset: unknown key \"imagse\" (did you mean \"images\"?); allowed: "
         "layout, images, ground_truth, "
         "synsets, devkit_synsets, boxes, exclude, masks, segments, baselines, subset, limit, "
         "failed"},
        {"output: out/two.h5\n", "", "jobs/x.yaml:1: the key \"output\" is missing"},
        {"    file: nets/second.onnx\n", "",
         "jobs/x.yaml:12: models[1]: the key \"file\" is missing"},
        {"range: 255,", "", "jobs/x.yaml:10: models[0].input: the key \"range\" is missing"},
        {"  synsets: data/synsets.txt\n", "",
         "jobs/x.yaml:2: dataset: the key \"synsets\" is missing"},
        {"output:", "name: again\noutput:", "jobs/x.yaml:18: name: is given twice"},
        {"    layer: relu5\n", "    layer: relu5\n    layer: relu6\n",
         "jobs/x.yaml:15: models[1].layer: is given twice"},
        {"output:", "methods: [cam]\noutput:", "jobs/x.yaml:18: methods: is given twice"},
    };
    CHECK_BAD(cases);
}

static void job_value_of_wrong_type_is_refused(const cr_par *par)
{
    (void)par;
    static const bad_case cases[] = {
        {"range: 255", "range: 255x",
         "jobs/x.yaml:10: models[0].input.range: must be a number, not \"255x\""},
        {"range: 255", "range: \"\"",
         "jobs/x.yaml:10: models[0].input.range: must be a number, not \"\""},
        {"range: 255", "range: 0x10",
         "jobs/x.yaml:10: models[0].input.range: must be a number, not \"0x10\""},
        {"range: 255", "range: .nan",
         "jobs/x.yaml:10: models[0].input.range: must be a number, not \".nan\""},
        {"range: 255", "range: nan",
         "jobs/x.yaml:10: models[0].input.range: must be a number, not \"nan\""},
        {"117.5", "inf", "jobs/x.yaml:11: models[0].input.mean[1]: must be a number, not \"inf\""},
        {"117.5", "1e999",
         "jobs/x.yaml:11: models[0].input.mean[1]: must be a number, not \"1e999\""},
        {"117.5", "[1]", "jobs/x.yaml:11: models[0].input.mean[1]: must be a number, not a list"},
        {"[227, 200]", "[227, 2.5]",
         "jobs/x.yaml:10: models[0].input.size[1]: must be a whole number, not \"2.5\""},
        {"[227, 200]", "[99999999999999999999, 2]",
         "jobs/x.yaml:10: models[0].input.size[0]: must be a whole number, not "
         "\"99999999999999999999\""},
        {"[227, 200]", "[0227, 200]",
         "jobs/x.yaml:10: models[0].input.size[0]: must be a whole number, not \"0227\""},
        {"[227, 200]", "227", "jobs/x.yaml:10: models[0].input.size: must be a list, not \"227\""},
        {"name: two-nets", "name: [a]", "jobs/x.yaml:1: name: must be text, not a list"},
        {"[cam, grad-cam, grad-cam@fire9/concat]", "cam",
         "jobs/x.yaml:16: methods: must be a list, not \"cam\""},
        {"[cam, grad-cam, grad-cam@fire9/concat]", "[cam, [b]]",
         "jobs/x.yaml:16: methods[1]: must be a mapping, not a list"},
        {"protocol: cam-paper", "protocol: {name: cam-paper}",
         "jobs/x.yaml:17: protocol: must be text, not a mapping"},
        {"output:", "heatmaps: none\noutput:",
         "jobs/x.yaml:18: heatmaps: must be a mapping, not \"none\""},
        {"layout: kaggle", "layout: imagenet",
         "jobs/x.yaml:3: dataset.layout: must be kaggle or xml or wsol or devkit or cub or csv or "
         "voc or coco or openimages or "
         "folders or none, not \"imagenet\""},
        {"resize: squash", "resize: stretch",
         "jobs/x.yaml:10: models[0].input.resize: must be squash or short-side, not \"stretch\""},
        {"channels: bgr", "channels: 1",
         "jobs/x.yaml:10: models[0].input.channels: must be rgb or bgr or grey or rgba, not \"1\""},
        {"filter: pil-bilinear", "filter: bicubic",
         "jobs/x.yaml:15: models[1].input.filter: must be pil-bilinear or pil-bicubic or "
         "pil-nearest or opencv-linear, not \"bicubic\""},
        {"crop: center", "crop: twelve",
         "jobs/x.yaml:15: models[1].input.crop: must be center or ten, not \"twelve\""},
        {"output:", "heatmaps: {classes: some}\noutput:",
         "jobs/x.yaml:18: heatmaps.classes: must be all or truth or none, not \"some\""},
        {"output:", "heatmaps: {type: float64}\noutput:",
         "jobs/x.yaml:18: heatmaps.type: must be float32 or float16, not \"float64\" (did you mean "
         "\"float32\"?)"},
        {"output:", "upsampling: cubic\noutput:",
         "jobs/x.yaml:18: upsampling: must be bilinear or nearest or bicubic, not \"cubic\""},
        {"  synsets", "  failed: ignore\n  synsets",
         "jobs/x.yaml:6: dataset.failed: must be wrong or skip, not \"ignore\""},
    };
    CHECK_BAD(cases);
}

static void job_value_out_of_range_is_refused(const cr_par *par)
{
    (void)par;
    static const bad_case cases[] = {
        {"[227, 200]", "[227]", "jobs/x.yaml:10: models[0].input.size: must have 2 entries, not 1"},
        {"[1, 2, 3e0]", "[1, 2, 3, 4]",
         "jobs/x.yaml:11: models[0].input.std: must be one number, or 3, not 4, with channels: "
         "bgr"},
        {"methods: [cam, grad-cam, grad-cam@fire9/concat]\n", "",
         "jobs/x.yaml:1: the key \"methods\" is missing (methods: [] is for classes alone)"},
        {"images: data/images", "images: none",
         "jobs/x.yaml:4: dataset.images: none is for a job without models (models: [])"},
        {"name: two-nets", "name:", "jobs/x.yaml:1: name: must not be empty"},
        {"  - name: first\n", "  - name: \"\"\n",
         "jobs/x.yaml:8: models[0].name: must not be empty"},
        {"first\n", "fir/st\n",
         "jobs/x.yaml:8: models[0].name: \"fir/st\", must be letters, digits and . _ -, a letter "
         "or digit first"},
        {"first\n", "baseline\n",
         "jobs/x.yaml:8: models[0].name: \"baseline\" is the name of the rows without a model"},
        {"first\n", "..\n",
         "jobs/x.yaml:8: models[0].name: \"..\", must be letters, digits and . _ -, a letter or "
         "digit first"},
        {"second_1.0-b", "first",
         "jobs/x.yaml:12: models[1].name: \"first\" is the name of models[0] too"},
        {"[cam, grad-cam, ", "[cam, cam, ",
         "jobs/x.yaml:16: methods[1]: \"cam\" is given twice; `as: NAME` gives one another name"},
        {"grad-cam@fire9/concat", "grad-cam@",
         "jobs/x.yaml:16: methods[2]: must be METHOD or METHOD@LAYER, not \"grad-cam@\""},
        {"cam-paper", "cam-papers",
         "jobs/x.yaml:17: protocol: unknown protocol \"cam-papers\" (did you mean \"cam-paper\"?); "
         "known: cam-paper, cam-code, "
         "cam-code-2, cam-code-combined, gradcam-paper, kaggle, googlenet-gap-top5, "
         "backprop-paper, wsol-v1, "
         "wsol-v2"},
        {"protocol: cam-paper\n", "",
         "jobs/x.yaml:1: the key \"protocol\" (or \"protocols\") is missing"},
        {"output:", "protocols: [kaggle]\noutput:",
         "jobs/x.yaml:18: protocols: not beside \"protocol\""},
        {"protocol: cam-paper", "protocols: []",
         "jobs/x.yaml:17: protocols: must have 1 to 16 entries, not 0"},
        {"protocol: cam-paper", "protocols: [kaggle,\n  cam-papers]",
         "jobs/x.yaml:18: protocols[1].name: unknown protocol \"cam-papers\" (did you mean "
         "\"cam-paper\"?); known: cam-paper, "
         "cam-code, "
         "cam-code-2, cam-code-combined, gradcam-paper, kaggle, googlenet-gap-top5, "
         "backprop-paper, wsol-v1, "
         "wsol-v2"},
        {"protocol: cam-paper", "protocols: [kaggle, kaggle]",
         "jobs/x.yaml:17: protocols[1].name: two protocols are named \"kaggle\"; `as: NAME` gives "
         "one another name"},
        {"protocol: cam-paper", "protocols: [kaggle, {name: cam-paper, as: kaggle}]",
         "jobs/x.yaml:17: protocols[1].as: \"kaggle\" is the name of a known protocol"},
        {"protocol: cam-paper", "protocols: [{name: cam-paper, as: a/b}]",
         "jobs/x.yaml:17: protocols[0].as: \"a/b\", must be letters, digits and . _ -, a letter or "
         "digit first"},
        {"protocol: cam-paper", "protocols: [{name: cam-paper, iou: 2}]",
         "jobs/x.yaml:17: protocols[0].iou: 2, must be 0 to 1"},
        {"protocol: cam-paper", "protocols: [{iou: 0.5}]",
         "jobs/x.yaml:17: protocols[0]: the key \"name\" is missing"},
        {"protocol: cam-paper", "protocols: [cam-paper, kaggle]\nthreshold: 0.3",
         "jobs/x.yaml:18: threshold: for a single protocol; of several, one is changed in its "
         "item: "
         "{name: cam-paper, threshold: ...}"},
        {"protocol: cam-paper", "protocols: [{name: wsol-v1, threshold: 0.3}]",
         "jobs/x.yaml:17: protocols[0].threshold: wsol-v1 has no parameters: it is over all "
         "thresholds"},
        {"output:", "loose: 0.3\noutput:",
         "jobs/x.yaml:18: loose: the loose threshold, 0.3, must not exceed the threshold, 0.2"},
        {"output:", "threshold: 1.5\noutput:", "jobs/x.yaml:18: threshold: 1.5, must be 0 to 1"},
        {"output:", "iou: -0.1\noutput:", "jobs/x.yaml:18: iou: -0.1, must be 0 to 1"},
        {"output:", "connectivity: 6\noutput:", "jobs/x.yaml:18: connectivity: 6, must be 4 or 8"},
        {"output:", "batch: 0\noutput:", "jobs/x.yaml:18: batch: 0, must be 1 to 1024"},
        {"output:", "batch: 1025\noutput:", "jobs/x.yaml:18: batch: 1025, must be 1 to 1024"},
        {"output:", "batch: 4294967297\noutput:",
         "jobs/x.yaml:18: batch: 4294967297, must be 1 to 1024"},
        {"output:", "limits: {activations_mb: 0}\noutput:",
         "jobs/x.yaml:18: limits.activations_mb: 0, must be 1 to 2147483647"},
        {"output:", "limits: {image_mpixels: 269}\noutput:",
         "jobs/x.yaml:18: limits.image_mpixels: 269, must be 1 to 268"},
        {"  synsets", "  limit: -1\n  synsets",
         "jobs/x.yaml:6: dataset.limit: must be 0 (all images) to 2147483647"},
        {"layout: kaggle", "layout: devkit",
         "jobs/x.yaml:2: dataset: the key \"devkit_synsets\" is missing"},
        {"layout: kaggle", "layout: xml\n  boxes: boxes",
         "jobs/x.yaml:4: dataset.boxes: not for layout xml, only for devkit"},
        {"layout: kaggle", "layout: cub",
         "jobs/x.yaml:6: dataset.synsets: not for layout cub, only for kaggle, xml, wsol, "
         "devkit, csv, voc, coco, openimages, folders, none"},
        {"  ground_truth: /abs/truth.csv\n", "",
         "jobs/x.yaml:2: dataset: the key \"ground_truth\" is missing"},
        {"  synsets", "  subset: {stride: 0}\n  synsets",
         "jobs/x.yaml:6: dataset.subset.stride: 0, must be 1 or more"},
        {"  synsets", "  subset: {classes: []}\n  synsets",
         "jobs/x.yaml:6: dataset.subset.classes: must have 1 to 1000 entries, not 0"},
        {"  synsets", "  subset: {count: 3}\n  synsets",
         "jobs/x.yaml:6: dataset.subset: unknown key \"count\"; allowed: list, classes, stride"},
        {"short_side: 256, ", "",
         "jobs/x.yaml:15: models[1].input.resize: short-side needs the key \"short_side\""},
        {"resize: squash", "resize: squash, short_side: 256",
         "jobs/x.yaml:10: models[0].input.short_side: with resize: squash it needs the key "
         "\"crop\""},
        {"resize: squash", "resize: squash, crop: center",
         "jobs/x.yaml:10: models[0].input.crop: with resize: squash it needs the key "
         "\"short_side\""},
        {"resize: squash", "resize: squash, crop: ten, short_side: 0",
         "jobs/x.yaml:10: models[0].input.short_side: 0, must be at least 1"},
    };
    CHECK_BAD(cases);
}

/* cr_input_check words these; here only their place counts. */
static void job_input_out_of_range_is_named_with_its_line(const cr_par *par)
{
    (void)par;
    static const bad_case cases[] = {
        {"[227, 200]", "[0, 200]", "jobs/x.yaml:10: models[0].input.size: "},
        {"[227, 200]", "[4294967297, 200]", "jobs/x.yaml:10: models[0].input.size: "},
        {"range: 255", "range: 2", "jobs/x.yaml:10: models[0].input.range: "},
        {"[1, 2, 3e0]", "[1, 0, 3]", "jobs/x.yaml:11: models[0].input.std: "},
        {"[1, 2, 3e0]", "[1, 1e-300, 3]", "jobs/x.yaml:11: models[0].input.std: "},
        {"117.5", "1e300", "jobs/x.yaml:11: models[0].input.mean: "},
        {"short_side: 256", "short_side: 200", "jobs/x.yaml:15: models[1].input.short_side: "},
        {"resize: squash", "resize: squash, crop: ten, short_side: 226",
         "jobs/x.yaml:10: models[0].input.short_side: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = edit(cases[i].from, cases[i].to);
        cr_job job;
        cr_error err;
        CHECK_EQUAL(parse(text, NULL, &job, &err), CR_EINPUT);
        size_t n = strlen(cases[i].message);
        CHECK(strlen(err.message) > n + 10);
        err.message[n] = 0;
        CHECK_TEXT(err.message, cases[i].message);
        free(text);
    }
}

static void job_that_is_no_plain_yaml_is_refused(const cr_par *par)
{
    (void)par;
    static const bad_case cases[] = {
        {"fire9/concat]", "fire9/concat",
         "jobs/x.yaml:17: not YAML: did not find expected ',' or ']'"},
        {"[cam, grad-cam,", "[*a, cam,", "jobs/x.yaml:16: not YAML: found undefined alias"},
        {"two-nets", "&a [*a]", "jobs/x.yaml:1: more than 16 levels of lists and mappings"},
        {"two-nets", "{<<: [1]}",
         "jobs/x.yaml:1: <<: must be an alias of a mapping, or a list of such"},
        {"two-nets", "&a {<<: *a}",
         "jobs/x.yaml:1: <<: must be an alias of a mapping, or a list of such"},
        {"output:", "? *a\n: b\noutput:", "jobs/x.yaml:18: a key must be a single word"},
        {"output:", "---\noutput:", "jobs/x.yaml:18: a second document; only one is allowed"},
        {"output:", "? [a]\n: b\noutput:", "jobs/x.yaml:18: a key must be a single word"},
        {"two-nets", "\"two\\0nets\"", "jobs/x.yaml:1: control character in a value"},
        {"two-nets", "\"two\\nnets\"", "jobs/x.yaml:1: control character in a value"},
        {"two-nets", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
         "jobs/x.yaml:1: more than 16 levels of lists and mappings"},
        {"two-nets", "\xff\xfe", "jobs/x.yaml:1: not YAML: invalid leading UTF-8 octet at byte 6"},
    };
    CHECK_BAD(cases);

    static const struct {
        const char *text;
        size_t n_bytes;
        const char *message;
    } whole[] = {
        {"", 0, "jobs/x.yaml:1: empty"},
        {"# nothing\n", 10, "jobs/x.yaml:1: empty"},
        {"a\0b", 3, "jobs/x.yaml:1: not YAML: zero byte"},
        {"- name: x\n", 10, "jobs/x.yaml:1: must be a mapping, not a list"},
        {"\n\nhello\n", 8, "jobs/x.yaml:3: must be a mapping, not \"hello\""},
        {good, CR_JOB_MAX_BYTES + 1, "jobs/x.yaml: 60001 bytes, more than the limit of 60000"},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        cr_job job;
        cr_error err;
        CHECK_EQUAL(
            cr_job_parse(whole[i].text, whole[i].n_bytes, "jobs/x.yaml", NULL, 0, &job, &err),
            CR_EINPUT);
        CHECK_TEXT(err.message, whole[i].message);
    }
}

static void job_set_changes_values_in_order(const cr_par *par)
{
    (void)par;
    static const char *const sets[] = {
        "batch=4",
        "models.1.name=other",
        "methods=[grad-cam, cam@x]",
        "methods.1=cam@y=z",
        "heatmaps.type=float16",
        "models.0.input={size: [9, 8], resize: squash, channels: rgb, range: 1, mean: [0, 0, 0], "
        "std: [1, 1, 1]}",
        "models.0.input.mean.2=7",
        "models.0.kernels=[gather, direct@a/b]",
        "models.0.input.size=[5, 6]",
        "dataset.images=/elsewhere",
        "batch=8",
    };
    cr_job job;
    cr_error err = {0};
    if (!CHECK_OK(cr_job_parse(good, strlen(good), "x.yaml", sets, 11, &job, &err), &err))
        return;
    CHECK_EQUAL(job.batch, 8);
    CHECK_TEXT(job.models[1].name, "other");
    CHECK_TEXT(job.models[0].kernels, "gather\ndirect@a/b");
    CHECK_TEXT(job.models[1].kernels, "");
    CHECK_EQUAL(job.methods.n, 2);
    CHECK_TEXT(job.methods.specs[0].method->name, "grad-cam");
    CHECK_TEXT(job.methods.specs[1].layers[0], "y=z");
    CHECK(job.map_float16 && job.map_slots == CR_KEEP_DEFAULT);
    CHECK(job.models[0].input.width == 5 && job.models[0].input.height == 6);
    CHECK(job.models[0].input.mean[2] == 7 && job.models[0].input.channels == CR_RGB);
    CHECK_TEXT(job.data.images, "/elsewhere");
    CHECK_TEXT(job.output, "./out/two.h5");
    CHECK_TEXT(job.text, good);
    CHECK(strncmp(job.overrides, "batch=4\nmodels.1.name=other\n", 28) == 0);
    cr_job_free(&job);
}

/* Ten lists of ten aliases each: 10^8 values. */
static void job_of_aliases_that_grow_is_refused(const cr_par *par)
{
    (void)par;
    char text[2000];
    size_t n = (size_t)snprintf(text, sizeof text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 8; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                              i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    cr_job job;
    cr_error err;
    CHECK_EQUAL(parse(text, NULL, &job, &err), CR_EINPUT);
    CHECK(strstr(err.message, ": aliases make it larger than 1000000 bytes") != NULL);
}

static const char short_job[] =
    "name: short\n"                                                                   /* 1 */
    "dataset: {layout: none, images: \"~/$CR_TEST_A/${CR_TEST_A}x$$\", synsets: s}\n" /* 2 */
    "defaults:\n"                                                                     /* 3 */
    "  layer: relu5\n"                                                                /* 4 */
    "  input: {preset: inception, filter: pil-nearest}\n"                             /* 5 */
    "models:\n"                                                                       /* 6 */
    "  - &a {name: a, file: a.onnx, methods: [grad-cam@x]}\n"                         /* 7 */
    "  - {<<: *a, name: b, layer: own, input: caffe}\n"                               /* 8 */
    "  - name: c\n"                                                                   /* 9 */
    "    file: c.onnx\n"                                                              /* 10 */
    "    input: {resize: squash, size: [20, 30], std: [2, 2, 2]}\n"                   /* 11 */
    "methods: [cam, grad-cam]\n"                                                      /* 12 */
    "protocol: cam-paper\n"                                                           /* 13 */
    "output: /$CR_TEST_A/o.h5\n";                                                     /* 14 */

static void job_defaults_presets_and_merge_keys_fill_models(const cr_par *par)
{
    (void)par;
    cr_job job;
    cr_error err;
    setenv("CR_TEST_A", "of/a", 1);
    setenv("HOME", "/home/me", 1);
    if (!CHECK_OK(parse(short_job, NULL, &job, &err), &err))
        return;
    CHECK_TEXT(job.data.images, "/home/me/of/a/of/ax$");
    CHECK_TEXT(job.output, "/of/a/o.h5");
    CHECK_TEXT(job.data.synsets, "jobs/s");
    const cr_job_model *a = &job.models[0], *b = &job.models[1], *c = &job.models[2];
    CHECK_TEXT(a->layer, "relu5");
    CHECK_EQUAL(a->input.width, 299);
    CHECK_EQUAL(a->input.short_side, 342);
    CHECK_EQUAL((int)a->input.filter, CR_FILTER_PIL_NEAREST);
    CHECK(a->input.mean[1] == 0.5f && a->input.range == 1);
    CHECK_TEXT(b->name, "b");
    CHECK_TEXT(b->file, "jobs/a.onnx");
    CHECK_TEXT(b->layer, "own");
    CHECK(b->input.channels == CR_BGR && b->input.range == 255 && b->input.width == 224);
    CHECK_EQUAL((int)b->input.filter, CR_FILTER_OPENCV_LINEAR);
    CHECK_EQUAL(cr_job_methods_of(&job, 1)->n, 1);
    CHECK_TEXT(cr_job_methods_of(&job, 1)->specs[0].layers[0], "x");
    CHECK_EQUAL(cr_job_methods_of(&job, 2)->n, 2);
    /* Its own resize: nothing of the preset's square and crop is left. */
    CHECK(c->input.resize == CR_RESIZE_SQUASH && c->input.short_side == 0);
    CHECK(c->input.width == 20 && c->input.height == 30 && c->input.std[0] == 2);
    CHECK(c->input.mean[0] == 0.5f && c->input.filter == CR_FILTER_PIL_NEAREST);
    cr_job_free(&job);
    const char *set = "models.0.input.size=[9, 9]";
    CHECK_OK(parse(short_job, set, &job, &err), &err);
    CHECK_EQUAL(job.models[0].input.width, 9);
    cr_job_free(&job);
    set = "output=here/$CR_TEST_A.h5";
    CHECK_OK(parse(short_job, set, &job, &err), &err);
    CHECK_TEXT(job.output, "./here/of/a.h5");
    cr_job_free(&job);
}

static void job_mistake_in_defaults_is_named_there(const cr_par *par)
{
    (void)par;
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"defaults.input.range=7",
         "--set defaults.input.range=7: defaults.input.range: 7, must be 1 or 255"},
        {"defaults.input=vgg",
         "--set defaults.input=vgg: defaults.input.preset: must be a preset (torchvision, "
         "torchvision-bicubic, caffe, tensorflow, inception), not \"vgg\""},
        {"dataset.images=$CR_TEST_NONE/x",
         "--set dataset.images=$CR_TEST_NONE/x: dataset.images: $CR_TEST_NONE is not set in the "
         "environment ($$ is a dollar sign)"},
        {"defaults.input={size: [1, 1]}",
         "--set defaults.input={size: [1, 1]}: defaults.input: the key \"resize\" is missing"},
    };
    cr_job job;
    cr_error err;
    unsetenv("CR_TEST_NONE");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(parse(short_job, cases[i].set, &job, &err) != CR_OK);
        CHECK_TEXT(err.message, cases[i].message);
    }
    const char *at = strstr(short_job, "pil-nearest");
    char text[sizeof short_job + 20];
    snprintf(text, sizeof text, "%.*spil-none%s", (int)(at - short_job), short_job, at + 11);
    CHECK_EQUAL(parse(text, NULL, &job, &err), CR_EINPUT);
    CHECK_TEXT(err.message, "jobs/x.yaml:5: defaults.input.filter: must be pil-bilinear or "
                            "pil-bicubic or pil-nearest or opencv-linear, not \"pil-none\"");
    CHECK_OK(parse(short_job, "models=[]", &job, &err), &err);
    CHECK_EQUAL(job.n_models, 0);
    cr_job_free(&job);
}

static void job_bad_set_is_quoted(const cr_par *par)
{
    (void)par;
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"models.0.nme=x",
         "--set models.0.nme=x: models[0]: unknown key \"nme\" (did you mean "
         "\"name\"?); allowed: name, "
         "file, weights, inputs, output, layer, tokens, kernels, precision, randomise, methods, "
         "input"},
        {"colour=red",
         "--set colour=red: unknown key \"colour\"; allowed: name, dataset, defaults, models, "
         "methods, "
         "protocol, protocols, metrics, heatmaps, batch, limits, threshold_from, output, "
         "threshold, loose, "
         "connectivity, "
         "upsampling, iou, threshold_of, smooth, smooth_unit"},
        {"models.2.name=x", "--set models.2.name=x: no item \"2\" in a list of 2, numbered from 0"},
        {"models.x.name=x", "--set models.x.name=x: no item \"x\" in a list of 2, numbered from 0"},
        {"protocol.iou=1",
         "--set protocol.iou=1: \"cam-paper\" is a single value without a key \"iou\""},
        {"batch=many", "--set batch=many: batch: must be a whole number, not \"many\""},
        {"batch=0", "--set batch=0: batch: 0, must be 1 to 1024"},
        {"batch=", "--set batch=: empty"},
        {"batch", "--set batch: must be key=value"},
        {"=3", "--set =3: must be key=value"},
        {"models..name=x", "--set models..name=x: \"models..name\" is not a key"},
        {"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=x",
         "--set a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=x: more than 16 levels"},
        {"methods=[cam", "--set methods=[cam: not YAML: did not find expected ',' or ']'"},
        {"methods=cam", "--set methods=cam: methods: must be a list, not \"cam\""},
        {"methods.1=cam", "--set methods.1=cam: methods[1]: \"cam\" is given twice; `as: NAME` "
                          "gives one another name"},
        {"models.1.name=first",
         "--set models.1.name=first: models[1].name: \"first\" is the name of models[0] too"},
        {"models.0={name: x}", "--set models.0={name: x}: models[0]: the key \"file\" is missing"},
        {"name=a\nb", "--set name=a b: control character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_job job;
        cr_error err;
        CHECK_EQUAL(parse(good, cases[i].set, &job, &err), CR_EUSAGE);
        CHECK_TEXT(err.message, cases[i].message);
        CHECK(job.text == NULL);
    }
    cr_job job;
    cr_error err;
    char *text = edit("range: 255", "range: x");
    CHECK_EQUAL(parse(text, "batch=2", &job, &err), CR_EINPUT);
    CHECK_TEXT(err.message, "jobs/x.yaml:10: models[0].input.range: must be a number, not \"x\"");
    free(text);
}

/* Refused or not, nothing may crash; the sanitizers look on. */
static void job_hostile_text_never_crashes(const cr_par *par)
{
    (void)par;
    cr_job job;
    cr_error err;
    int n_refused = 0;
    size_t n_bytes = strlen(good);
    for (size_t n = 0; n < n_bytes; n++) {
        n_refused += cr_job_parse(good, n, "x.yaml", NULL, 0, &job, &err) != CR_OK;
        cr_job_free(&job);
    }
    /* What is left without the last letters of the output path is still a job. */
    CHECK(n_refused > (int)n_bytes - 20 && n_refused < (int)n_bytes);

    uint32_t seed = 12345;
    const char *value = strstr(good, "{size: [224");
    static const char letters[] = "\n\n:,[]{}-&*!|>'\"%@`#?~0 \tab\xff\x01";
    for (int trial = 0; trial < 4000; trial++) {
        char *text = strdup(good);
        int n_edits = 1 + trial % 8;
        for (int i = 0; i < n_edits; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[(seed >> 8) % n_bytes] = letters[(seed >> 3) % (sizeof letters - 1)];
        }
        parse(text, NULL, &job, &err);
        cr_job_free(&job);
        char set[200];
        snprintf(set, sizeof set, "models.0.input=%.170s", text + (value - good));
        parse(good, set, &job, &err);
        cr_job_free(&job);
        free(text);
    }

    static const char *const units[] = {"[", "{", "- ", "a: ", "? ", "a:\n", "- a\n", "&a [*a,"};
    char *large = malloc(CR_JOB_MAX_BYTES + 1);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = 0, unit = strlen(units[i]);
        for (; n + unit < CR_JOB_MAX_BYTES / 4; n += unit)
            memcpy(large + n, units[i], unit);
        CHECK(cr_job_parse(large, n, "x.yaml", NULL, 0, &job, &err) == CR_EINPUT);
    }
    free(large);
}

/* The jobs of the repository, from whose root the tests run; what they name need not be there. */
static void job_files_of_the_kit_parse(const cr_par *par)
{
    (void)par;
    static const struct {
        const char *path;
        int n_models, n_methods, first_side;
    } files[] = {
        {"jobs/kit-squeezenet.yaml", 1, 3, 227},
        {"jobs/kit-mobilenet_v1_0.5_160.yaml", 1, 2, 160},
        {"jobs/kit-mobilenet_v1_0.75_192.yaml", 1, 2, 192},
        {"jobs/kit-mobilenet_v2.yaml", 1, 2, 224},
        {"jobs/kit-all.yaml", 4, 2, 227},
        {"jobs/cam2016-table1-2.yaml", 9, 1, 224},
        {"jobs/gradcam-table1.yaml", 3, 1, 224},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        uint8_t *text;
        size_t n_bytes;
        cr_job job;
        cr_error err;
        if (!CHECK_OK(cr_file_read(files[i].path, CR_JOB_MAX_BYTES, &text, &n_bytes, &err), &err))
            continue;
        if (CHECK_OK(cr_job_parse((char *)text, n_bytes, files[i].path, NULL, 0, &job, &err),
                     &err)) {
            CHECK_EQUAL(job.n_models, files[i].n_models);
            CHECK_EQUAL(job.methods.n, files[i].n_methods);
            CHECK_EQUAL(job.models[0].input.width, files[i].first_side);
            CHECK_EQUAL(job.models[0].input.height, files[i].first_side);
        }
        cr_job_free(&job);
        free(text);
    }
}

int main(int argc, char **argv)
{
    static const harness_case cases[] = {
        HARNESS_CASE(job_good_fills_every_member),
        HARNESS_CASE(job_without_optional_keys_has_the_defaults),
        HARNESS_CASE(job_optional_keys_take_effect),
        HARNESS_CASE(job_protocols_are_taken_by_name_and_changed_alone),
        HARNESS_CASE(job_of_a_metric_alone_has_the_boxes_of_cam_paper_unshown),
        HARNESS_CASE(job_without_models_needs_no_images_and_no_methods),
        HARNESS_CASE(job_methods_have_layers_names_and_parameters),
        HARNESS_CASE(job_method_of_several_layers_says_how_they_are_fused),
        HARNESS_CASE(job_method_that_is_wrong_is_refused),
        HARNESS_CASE(job_filter_is_taken_by_its_name),
        HARNESS_CASE(job_unknown_missing_or_repeated_key_is_named_with_its_line),
        HARNESS_CASE(job_value_of_wrong_type_is_refused),
        HARNESS_CASE(job_value_out_of_range_is_refused),
        HARNESS_CASE(job_input_out_of_range_is_named_with_its_line),
        HARNESS_CASE(job_that_is_no_plain_yaml_is_refused),
        HARNESS_CASE(job_set_changes_values_in_order),
        HARNESS_CASE(job_bad_set_is_quoted),
        HARNESS_CASE(job_of_aliases_that_grow_is_refused),
        HARNESS_CASE(job_defaults_presets_and_merge_keys_fill_models),
        HARNESS_CASE(job_mistake_in_defaults_is_named_there),
        HARNESS_CASE(job_hostile_text_never_crashes),
        HARNESS_CASE(job_files_of_the_kit_parse),
    };
    return harness_run(argc, argv, cases, sizeof cases / sizeof *cases);
}
