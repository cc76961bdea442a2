/* camrank show: a picture of one image's result. */
#include "camrank/image.h"
#include "camrank/loc.h"
#include "camrank/near.h"
#include "camrank/results.h"

#include "command.h"
#include "driver/input_text.h"
#include "driver/picture.h"
#include "kept.h"
#include "pick.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_RANK = 1, OPTION_TRUTH, OPTION_IMAGES, OPTION_IMAGE_MPIXELS, OPTION_FORCE };

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    CR_PICK_OPTIONS,
    {"rank", required_argument, NULL, OPTION_RANK},
    {"truth", no_argument, NULL, OPTION_TRUTH},
    {"images", required_argument, NULL, OPTION_IMAGES},
    {"image-mpixels", required_argument, NULL, OPTION_IMAGE_MPIXELS},
    {"force", no_argument, NULL, OPTION_FORCE},
    {NULL, 0, NULL, 0}};

/* What is asked for, and where it is in the file. */
typedef struct request {
    const char *results, *image, *output, *folder;
    int slot; /* -1: the first that there is */
    int image_at, image_mpixels;
    bool force;
    cr_pick pick;
} request;

static cr_status parse(int argc, char **argv, request *r, cr_error *err)
{
    cr_status status = CR_OK;
    r->slot = -1;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case 'o':
            r->output = optarg;
            break;
        case OPTION_RANK:
            CR_TRY(cr_option_int("rank", optarg, 1, &r->slot, err));
            if (--r->slot >= CR_TOP) {
                status = cr_fail(err, CR_EUSAGE, "--rank %s: must be 1 to %d", optarg, CR_TOP);
                goto cleanup;
            }
            break;
        case OPTION_FORCE:
            r->force = true;
            break;
        case OPTION_TRUTH:
            r->slot = CR_SLOT_TRUTH;
            break;
        case OPTION_IMAGES:
            r->folder = optarg;
            break;
        case OPTION_IMAGE_MPIXELS:
            CR_TRY(cr_option_int("image-mpixels", optarg, 1, &r->image_mpixels, err));
            break;
        default:
            if (!cr_pick_take(&r->pick, option, optarg))
                return err->status;
        }
    if (argc - optind != 2 || !r->output) {
        status = cr_fail(err, CR_EUSAGE,
                         "show: a results file, an image and -o FILE are needed; see camrank show "
                         "--help");
        goto cleanup;
    }
    r->results = argv[optind];
    r->image = argv[optind + 1];

cleanup:
    return status;
}

/* The best class, where its map is kept. */
static int first_slot(const cr_results_model *model, int variant)
{
    return cr_results_has_network(model) && cr_kept_has(&model->variants[variant], 0)
               ? 0
               : CR_SLOT_TRUTH;
}

/* There may be many: the nearest, the first and the last. */
static cr_status fail_image(const cr_dataset *data, const request *r, cr_error *err)
{
    cr_near near;
    cr_near_begin(&near, r->image);
    for (int i = 0; i < data->n_images; i++)
        cr_near_add(&near, cr_data_image_id(data, i), strlen(cr_data_image_id(data, i)));
    return cr_fail(err, CR_EINPUT, "%s: holds no image %.100s%s, but %d, %.60s to %.60s",
                   r->results, r->image, cr_near_text(&near), data->n_images,
                   cr_data_image_id(data, 0), cr_data_image_id(data, data->n_images - 1));
}

/* The first method whose maps of the class are kept; if none is, the one that is there stays, of which
 * cr_kept_check says why not. */
static void find_kept(const cr_results_model *model, request *r)
{
    for (int v = model->n_variants - 1; v >= 0; v--)
        if (cr_kept_has(&model->variants[v], r->slot < 0 ? CR_SLOT_TRUTH : r->slot))
            r->pick.variant = v;
}

static cr_status find(const cr_results *results, request *r, cr_error *err)
{
    const cr_results_plan *plan = cr_results_get_plan(results);
    r->image_at = cr_data_find(cr_results_get_data(results), r->image);
    if (r->image_at < 0)
        return fail_image(cr_results_get_data(results), r, err);
    const cr_status status = cr_pick_find(r->results, plan, false, true, &r->pick, err);
    if (status != CR_OK)
        return status;
    const cr_results_model *model = &plan->models[r->pick.model];
    if (!r->pick.method_name)
        find_kept(model, r);
    if (r->slot < 0)
        r->slot = first_slot(model, r->pick.variant);
    return CR_OK;
}

/* What parts of the image the network saw. */
static cr_status find_views(const cr_results_plan *plan, const request *r, const cr_image *image,
                            cr_view views[CR_MAX_VIEWS], cr_error *err)
{
    const cr_results_model *model = &plan->models[r->pick.model];
    cr_input_spec spec;
    cr_status status = cr_input_text_of_model(r->results, model, &spec, err);
    if (status == CR_OK)
        cr_input_views(&spec, image->width, image->height, views);
    return status;
}

enum { MAX_BOXES = 2 }; /* of a class under one protocol */

/* One row, read back. */
typedef struct row {
    cr_results_rows rows;
    uint8_t state;
    char reason[CR_REASON_BYTES];
    uint8_t of_variant; /* its state */
    char why[CR_REASON_BYTES];
    int32_t top_class[CR_TOP];
    float top_logit[CR_TOP], truth_logit, log_sum;
    struct cr_results_maps *variants;
    struct cr_results_boxes protocols[CR_MAX_PROTOCOLS];
    cr_box boxes[CR_SLOTS * MAX_BOXES];
    double iou[CR_SLOTS * MAX_BOXES];
} row;

static cr_status read_row(cr_results *results, const request *r, row *out, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_results_model *model = &plan->models[r->pick.model];
    const cr_results_variant *variant = &model->variants[r->pick.variant];
    const size_t values = cr_results_map_values(variant);
    out->variants = cr_alloc((size_t)model->n_variants, sizeof *out->variants);
    if (!out->variants)
        return cr_fail_memory(err, "variants", (size_t)model->n_variants, sizeof *out->variants);
    struct cr_results_maps *maps = &out->variants[r->pick.variant];
    out->protocols[r->pick.protocol] =
        (struct cr_results_boxes){.boxes = out->boxes, .iou = out->iou};
    *maps = (struct cr_results_maps){.state = &out->of_variant,
                                     .reason = &out->why,
                                     .maps = cr_alloc(CR_SLOTS * values, sizeof(float)),
                                     .protocols = out->protocols};
    if (!maps->maps)
        return cr_fail_memory(err, "a map", CR_SLOTS * values, sizeof(float));
    out->rows = (cr_results_rows){.first = r->image_at,
                                  .n = 1,
                                  .state = &out->state,
                                  .reason = &out->reason,
                                  .top_class = out->top_class,
                                  .top_logit = out->top_logit,
                                  .truth_logit = &out->truth_logit,
                                  .log_sum = &out->log_sum,
                                  .variants = out->variants};
    CR_TRY(cr_results_read(results, r->pick.model, &out->rows, err));
    if (out->state == CR_ROW_FAILED)
        status =
            cr_fail(err, CR_EINPUT, "%s: image %s failed: %s", r->results, r->image, out->reason);
    else if (out->of_variant == CR_ROW_FAILED)
        status = cr_fail(err, CR_EINPUT, "%s: image %s failed under this method: %s", r->results,
                         r->image, out->why);
    else if (out->state != CR_ROW_DONE || out->of_variant != CR_ROW_DONE)
        status =
            cr_fail(err, CR_EINPUT, "%s: image %s has not been computed", r->results, r->image);
    else
        status = cr_kept_check(r->results, plan, r->pick.model, r->pick.variant, r->slot, r->image,
                               maps->maps + (size_t)r->slot * values, err);

cleanup:
    return status;
}

static const char *class_name(const cr_dataset *data, int32_t class_index)
{
    if (class_index < 0)
        return "no class";
    const cr_data_class *class = &data->classes[class_index];
    return data->text + (data->text[class->name] ? class->name : class->wnid);
}

enum { TEXT_BYTES = 300 };

#define EMPTY "an empty map: scaling leaves nothing of it, and its box is the whole image"

/* What the titles say of the class and of how it was localized. */
static void describe(const cr_results *results, const request *r, const row *in, char *first,
                     char *second)
{
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_dataset *data = cr_results_get_data(results);
    const cr_results_model *model = &plan->models[r->pick.model];
    const cr_data_image *truth = &data->images[r->image_at];
    const cr_protocol *protocol = &plan->protocols[r->pick.protocol];
    const bool is_truth = r->slot == CR_SLOT_TRUTH;
    const float logit = is_truth ? in->truth_logit : in->top_logit[r->slot];
    char name[2 * CR_NAME_BYTES];
    size_t n = 0;
    cr_results_variant_name(&model->variants[r->pick.variant], name);
    snprintf(first, TEXT_BYTES, "%.100s   %.80s %.110s", r->image, model->name, name);
    if (!is_truth)
        n += (size_t)snprintf(second, TEXT_BYTES, "rank %d: %.80s", r->slot + 1,
                              class_name(data, in->top_class[r->slot]));
    else
        n += (size_t)snprintf(second, TEXT_BYTES, "ground truth: %.80s",
                              class_name(data, truth->label));
    const double probability = exp((double)logit - (double)in->log_sum);
    if (probability >= 0 && probability < 1.001)
        n += (size_t)snprintf(second + n, TEXT_BYTES - n, ", probability %.2f %%",
                              100 * fmin(probability, 1));
    else if (!isnan(logit))
        n += (size_t)snprintf(second + n, TEXT_BYTES - n, ", logit %.2f", (double)logit);
    if (!is_truth && truth->label >= 0)
        n += (size_t)snprintf(second + n, TEXT_BYTES - n, "   ground truth: %.80s",
                              class_name(data, truth->label));
    char cut[CR_PROTOCOL_TEXT_BYTES];
    cr_protocol_text(protocol, cut);
    snprintf(second + n, TEXT_BYTES - n, "   %.40s, %s", protocol->name, cut);
}

static const cr_figure_line of_truth = {.colour = {0.1, 0.9, 0.1}};
static const cr_figure_line predicted = {.colour = {1, 0.1, 0.1}, .dashed = true};

/* The boxes of the ground truth, then those of the class. */
static int list_boxes(const cr_results *results, const request *r, const row *in,
                      char label[TEXT_BYTES], cr_figure_box *boxes)
{
    const cr_dataset *data = cr_results_get_data(results);
    const cr_protocol *protocol = &cr_results_get_plan(results)->protocols[r->pick.protocol];
    const cr_data_image *truth = &data->images[r->image_at];
    const int32_t class = r->slot == CR_SLOT_TRUTH ? truth->label : in->top_class[r->slot];
    const int first = r->slot * protocol->n_boxes;
    int n_boxes = truth->n_boxes;
    const size_t n = (size_t)snprintf(label, TEXT_BYTES, "%.80s", class_name(data, class));
    if (truth->n_boxes)
        snprintf(label + n, TEXT_BYTES - n, ", IoU %.2f", in->iou[first]);
    for (int i = 0; i < truth->n_boxes; i++)
        boxes[i] = (cr_figure_box){data->boxes[truth->first_box + i], of_truth, NULL};
    for (int i = first; i < first + protocol->n_boxes; i++)
        if (in->boxes[i].x0 >= 0)
            boxes[n_boxes++] = (cr_figure_box){in->boxes[i], predicted, i == first ? label : NULL};
    return n_boxes;
}

static cr_status draw(cr_results *results, const request *r, const row *in, const cr_image *image,
                      const cr_picture_file *to, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = cr_results_get_plan(results);
    const cr_results_variant *variant = &plan->models[r->pick.model].variants[r->pick.variant];
    const size_t n_truth = (size_t)cr_results_get_data(results)->images[r->image_at].n_boxes;
    const size_t values = cr_results_map_values(variant);
    const cr_protocol *protocol = &plan->protocols[r->pick.protocol];
    cr_view views[CR_MAX_VIEWS];
    char first[TEXT_BYTES], second[TEXT_BYTES], label[TEXT_BYTES], contour[64];
    float *map = NULL;
    cr_figure_box *boxes = cr_alloc(n_truth + MAX_BOXES, sizeof *boxes);
    if (!boxes)
        CR_TRY(cr_fail_memory(err, "boxes", n_truth + MAX_BOXES, sizeof *boxes));
    CR_TRY(find_views(plan, r, image, views, err));
    const cr_loc_map native = {
        .maps = in->variants[r->pick.variant].maps + (size_t)r->slot * values,
        .width = variant->map_width,
        .height = variant->map_height,
        .scaling = variant->scaling,
        .n_views = variant->n_views,
        .views = views,
    };
    CR_TRY(cr_picture_map(&native, protocol->upsampling, image->width, image->height, &map, err));
    describe(results, r, in, first, second);
    const bool is_empty = cr_loc_map_is_empty(&native);
    if (is_empty)
        fprintf(stderr, "camrank: %s: image %s: %s\n", r->results, r->image, EMPTY);
    const int n_boxes = list_boxes(results, r, in, label, boxes);
    const bool cut = cr_picture_is_cut(views, variant->n_views, image->width, image->height);
    cr_figure_entry entries[4];
    int n_entries = 0;
    snprintf(contour, sizeof contour, "%.3g %% of the maximum", 100 * protocol->threshold);
    if (n_truth)
        entries[n_entries++] = (cr_figure_entry){of_truth, "ground truth"};
    entries[n_entries++] = (cr_figure_entry){predicted, "predicted box"};
    if (cr_protocol_level(protocol) > 0)
        entries[n_entries++] = (cr_figure_entry){cr_figure_contour, contour};
    if (cut)
        entries[n_entries++] = (cr_figure_entry){cr_figure_seen, "what the network saw"};
    const cr_figure_panel panels[] = {
        {.image = image, .n_boxes = n_boxes, .boxes = boxes},
        {.image = image,
         .map = map,
         .n_views = cut ? variant->n_views : 0,
         .views = views,
         .level = cr_protocol_level(protocol),
         .n_boxes = n_boxes,
         .boxes = boxes},
    };
    const cr_figure figure = {
        .n_titles = is_empty ? 3 : 2,
        .titles = (const char *const[]){first, second, EMPTY},
        .n_rows = 1,
        .n_columns = 2,
        .panels = panels,
        .bar = true,
        .level = cr_protocol_level(protocol),
        .n_entries = n_entries,
        .entries = entries,
    };
    status = cr_figure_write(to->path, to->format, &figure, err);

cleanup:
    free(boxes);
    free(map);
    return status;
}

static cr_status show_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    request r = {.image_mpixels = CR_IMAGE_DEFAULT_MPIXELS};
    row in = {.log_sum = NAN};
    cr_results *results = NULL;
    cr_image image = {0};
    cr_picture_file picture;
    char *path = NULL;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    CR_TRY(parse(argc, argv, &r, err));
    CR_TRY(cr_results_open(r.results, &results, err));
    CR_TRY(find(results, &r, err));
    CR_TRY(read_row(results, &r, &in, err));
    const cr_dataset *data = cr_results_get_data(results);
    const char *folder = r.folder ? r.folder : data->folder;
    const char *file = data->text + data->images[r.image_at].file;
    path = cr_path_join(folder, file);
    if (!path) {
        status = cr_fail_memory(err, "a path", 1, 1);
        goto cleanup;
    }
    status = cr_data_file_read(folder, file, &bytes, &n_bytes, err);
    if (status == CR_OK)
        status = cr_image_decode(bytes, n_bytes, path, r.image_mpixels, &image, err);
    if (status != CR_OK) {
        status = cr_fail_in(
            err, "the image is needed for the picture (--images gives its folder or tar): ");
        goto cleanup;
    }
    const char *inputs[] = {r.results, path, folder};
    CR_TRY(
        cr_picture_begin(r.output, r.force, inputs, sizeof inputs / sizeof *inputs, &picture, err));
    status = draw(results, &r, &in, &image, &picture, err);
    status = cr_picture_end(&picture, status, err);

cleanup:
    if (in.variants)
        free(in.variants[r.pick.variant].maps);
    free(in.variants);
    free(bytes);
    free(path);
    cr_image_free(&image);
    if (results)
        cr_results_close(&results, NULL);
    return status;
}

const cr_command cr_command_show = {
    .name = "show",
    .summary = "draws one image with its heatmap and boxes",
    .help =
        "usage: camrank show RESULTS.h5 IMAGE -o OUT.png [options]\n\n"
        "Draws the image and, beside it, the heatmap over it (jet colours, with a bar that says\n"
        "what they are), where the network looked; with the contour of the protocol's\n"
        "threshold, the ground-truth boxes in green and the predicted box in red.\n\n"
        "  -o, --output FILE  the picture to write: its ending, .png, .jpg, .pdf or .svg, says\n"
        "                     which kind; - is a PNG to standard output\n"
        "  --force            replaces a picture of that kind that is there\n"
        "  --model NAME       (the first of the file)\n"
        "  --method NAME      as in the table: cam, grad-cam@layer (the first of the model whose\n"
        "                     maps are kept)\n"
        "  --protocol NAME    whose boxes (the first of the file)\n"
        "  --rank N           the network's Nth class, 1 to 5 (1)\n"
        "  --truth            the ground-truth class (where there was no network)\n"
        "  --images FOLDER    where the images are now, or their tar (where they were in the "
        "run)\n"
        "  --image-mpixels N  the largest image that is read, in millions of pixels (100)\n",
    .run = show_command};
