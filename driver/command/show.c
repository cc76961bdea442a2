/* camrank show: a picture of one image's result. */
#include "camrank/image.h"
#include "camrank/loc.h"
#include "camrank/near.h"
#include "camrank/results.h"

#include "command.h"
#include "driver/picture.h"
#include "kept.h"
#include "pick.h"
#include "show_grid.h"
#include "shown.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_RANK = 1,
    OPTION_TRUTH,
    OPTION_IMAGES,
    OPTION_IMAGE_MPIXELS,
    OPTION_FORCE,
    OPTION_OVERLAY,
    OPTION_GRID,
    /* Of a grid alone. */
    OPTION_PICK,
    OPTION_AGAINST,
    OPTION_CLASS,
    OPTION_OUTCOME,
    OPTION_COUNT,
    OPTION_SEED,
    OPTION_SIDE
};

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    CR_PICK_OPTIONS,
    {"rank", required_argument, NULL, OPTION_RANK},
    {"truth", no_argument, NULL, OPTION_TRUTH},
    {"images", required_argument, NULL, OPTION_IMAGES},
    {"image-mpixels", required_argument, NULL, OPTION_IMAGE_MPIXELS},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"overlay", required_argument, NULL, OPTION_OVERLAY},
    {"grid", required_argument, NULL, OPTION_GRID},
    {"pick", required_argument, NULL, OPTION_PICK},
    {"against", required_argument, NULL, OPTION_AGAINST},
    {"class", required_argument, NULL, OPTION_CLASS},
    {"outcome", required_argument, NULL, OPTION_OUTCOME},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"side", required_argument, NULL, OPTION_SIDE},
    {NULL, 0, NULL, 0}};

/* What is asked for, and where it is in the file. */
typedef struct request {
    const char *results, *image, *output, *folder;
    int slot; /* -1: the first that there is */
    int image_at, image_mpixels;
    bool force;
    cr_pick pick;
    const cr_overlay *overlay; /* NULL: the first */
    cr_grid_request grid;      /* where `grid` is named */
    const char *of_grid;       /* an option that only a grid has */
} request;

enum { MOST_IMAGES = 100, LEAST_SIDE = 64, MOST_SIDE = 1024 };

/* An option of a grid; false for another. */
static bool take_grid(int option, const char *value, request *r, cr_error *err)
{
    static const char *const names[] = {"pick",  "against", "class", "outcome",
                                        "count", "seed",    "side"};
    cr_grid_request *to = &r->grid;
    if (option < OPTION_PICK || option > OPTION_SIDE)
        return false;
    r->of_grid = names[option - OPTION_PICK];
    if (option == OPTION_PICK)
        to->choice = value;
    else if (option == OPTION_AGAINST)
        to->against = value;
    else if (option == OPTION_CLASS)
        to->class = value;
    else if (option == OPTION_OUTCOME)
        to->outcome = value;
    else if (option == OPTION_COUNT)
        cr_option_int("count", value, 1, &to->count, err);
    else if (option == OPTION_SEED)
        cr_option_int("seed", value, 0, &to->seed, err);
    else
        cr_option_int("side", value, LEAST_SIDE, &to->side, err);
    return true;
}

/* What is only known after all options. */
static cr_status finish_grid(int argc, char **argv, request *r, cr_error *err)
{
    cr_grid_request *to = &r->grid;
    CR_OR_RETURN(cr_grid_check(to->grid, to->choice, err));
    if (argc - optind < 1 || !r->output)
        return cr_fail(err, CR_EUSAGE,
                       "show: --grid needs a results file and -o FILE; see camrank show --help");
    to->results = argv[optind];
    to->images = (const char *const *)argv + optind + 1;
    to->n_images = argc - optind - 1;
    if ((to->n_images > 0) == (to->choice != NULL))
        return cr_fail(err, CR_EUSAGE, "show: --grid needs either images by their ids or --pick");
    if (!to->choice && (to->against || to->class || to->outcome))
        return cr_fail(err, CR_EUSAGE, "show: --against, --class and --outcome go with --pick");
    if (to->count > MOST_IMAGES || to->n_images > MOST_IMAGES)
        return cr_fail(err, CR_EUSAGE, "show: a grid has at most %d images", MOST_IMAGES);
    if (to->side > MOST_SIDE)
        return cr_fail(err, CR_EUSAGE, "--side: must be %d to %d", LEAST_SIDE, MOST_SIDE);
    if (r->slot >= 0 && r->slot != CR_SLOT_TRUTH)
        return cr_fail(err, CR_EUSAGE, "show: --rank is of one picture; see --grid classes");
    to->output = r->output;
    to->folder = r->folder;
    to->pick = r->pick;
    to->image_mpixels = r->image_mpixels;
    to->truth = r->slot == CR_SLOT_TRUTH;
    to->force = r->force;
    to->overlay = r->overlay;
    return CR_OK;
}

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
        case OPTION_OVERLAY:
            CR_TRY(cr_overlay_find(optarg, &r->overlay, err));
            break;
        case OPTION_GRID:
            r->grid.grid = optarg;
            break;
        default:
            if (take_grid(option, optarg, r, err) ? err->status != CR_OK
                                                  : !cr_pick_take(&r->pick, option, optarg))
                return err->status;
        }
    if (r->grid.grid)
        return finish_grid(argc, argv, r, err);
    if (r->of_grid)
        return cr_fail(err, CR_EUSAGE, "show: --%s is of a picture with --grid", r->of_grid);
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
        r->slot = cr_shown_first_slot(model, r->pick.variant);
    return CR_OK;
}

enum { TEXT_BYTES = 300 };

#define EMPTY "an empty map: scaling leaves nothing of it, and its box is the whole image"

/* What the titles say of the class and of how it was localized. */
static void describe(const request *r, const cr_shown *in, char *first, char *second)
{
    const cr_results_plan *plan = cr_results_get_plan(in->results);
    const cr_dataset *data = cr_results_get_data(in->results);
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
                              cr_data_class_name(data, in->top_class[r->slot]));
    else
        n += (size_t)snprintf(second, TEXT_BYTES, "ground truth: %.80s",
                              cr_data_class_name(data, truth->label));
    const double probability = cr_shown_probability(in);
    if (!isnan(probability))
        n += (size_t)snprintf(second + n, TEXT_BYTES - n, ", probability %.2f %%",
                              100 * probability);
    else if (!isnan(logit))
        n += (size_t)snprintf(second + n, TEXT_BYTES - n, ", logit %.2f", (double)logit);
    if (!is_truth && truth->label >= 0)
        n += (size_t)snprintf(second + n, TEXT_BYTES - n, "   ground truth: %.80s",
                              cr_data_class_name(data, truth->label));
    char cut[CR_PROTOCOL_TEXT_BYTES];
    cr_protocol_text(protocol, cut);
    snprintf(second + n, TEXT_BYTES - n, "   %.40s, %s", protocol->name, cut);
}

static cr_status draw(const request *r, const cr_shown *in, const cr_image *image,
                      const cr_picture_file *to, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = cr_results_get_data(in->results);
    const size_t n_truth = (size_t)data->images[r->image_at].n_boxes;
    const cr_protocol *protocol = &cr_results_get_plan(in->results)->protocols[in->protocol];
    char first[TEXT_BYTES], second[TEXT_BYTES], label[TEXT_BYTES], contour[64];
    cr_shown_map map = {0};
    cr_figure_box *boxes = cr_alloc(n_truth + CR_SHOWN_BOXES, sizeof *boxes);
    if (!boxes)
        CR_TRY(cr_fail_memory(err, "boxes", n_truth + CR_SHOWN_BOXES, sizeof *boxes));
    CR_TRY(cr_shown_make_map(in, image, image->width, image->height, &map, err));
    describe(r, in, first, second);
    if (map.is_empty)
        fprintf(stderr, "camrank: %s: image %s: %s\n", r->results, r->image, EMPTY);
    size_t n = (size_t)snprintf(label, sizeof label, "%.80s",
                                cr_data_class_name(data, cr_shown_class(in)));
    if (n_truth)
        snprintf(label + n, sizeof label - n, ", IoU %.2f", in->iou[in->slot * protocol->n_boxes]);
    const int n_boxes = cr_shown_list_boxes(in, 1, 1, label, boxes);
    cr_figure_entry entries[4];
    int n_entries = 0;
    snprintf(contour, sizeof contour, "%.3g %% of the maximum", 100 * protocol->threshold);
    if (n_truth)
        entries[n_entries++] = (cr_figure_entry){cr_shown_truth, "ground truth"};
    entries[n_entries++] = (cr_figure_entry){cr_shown_predicted, "predicted box"};
    if (cr_protocol_level(protocol) > 0)
        entries[n_entries++] = (cr_figure_entry){cr_figure_contour, contour};
    if (map.n_views)
        entries[n_entries++] = (cr_figure_entry){cr_figure_seen, "what the network saw"};
    const cr_figure_panel panels[] = {
        {.image = image, .n_boxes = n_boxes, .boxes = boxes},
        {.image = image,
         .map = map.map,
         .overlay = r->overlay,
         .n_views = map.n_views,
         .views = map.views,
         .level = cr_protocol_level(protocol),
         .n_boxes = n_boxes,
         .boxes = boxes},
    };
    const cr_figure figure = {
        .n_titles = map.is_empty ? 3 : 2,
        .titles = (const char *const[]){first, second, EMPTY},
        .n_rows = 1,
        .n_columns = 2,
        .panels = panels,
        .bar = true,
        .overlay = r->overlay,
        .level = cr_protocol_level(protocol),
        .n_entries = n_entries,
        .entries = entries,
    };
    status = cr_figure_write(to->path, to->format, &figure, err);

cleanup:
    free(boxes);
    free(map.map);
    return status;
}

static cr_status show_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    request r = {.image_mpixels = CR_IMAGE_DEFAULT_MPIXELS,
                 .grid = {.count = 6, .seed = 1, .side = 240}};
    cr_shown in = {0};
    cr_image image = {0};
    cr_picture_file picture;
    char *path = NULL;
    CR_TRY(parse(argc, argv, &r, err));
    if (r.grid.grid)
        return cr_show_grid(&r.grid, err);
    CR_TRY(cr_results_open(r.results, &in.results, err));
    CR_TRY(find(in.results, &r, err));
    in.path = r.results;
    in.image = r.image_at;
    in.model = r.pick.model;
    in.variant = r.pick.variant;
    in.protocol = r.pick.protocol;
    in.slot = r.slot;
    CR_TRY(cr_shown_read(&in, err));
    CR_TRY(cr_shown_decode(&in, r.folder, r.image_mpixels, &image, &path, err));
    const char *inputs[] = {r.results, path,
                            r.folder ? r.folder : cr_results_get_data(in.results)->folder};
    CR_TRY(
        cr_picture_begin(r.output, r.force, inputs, sizeof inputs / sizeof *inputs, &picture, err));
    status = draw(&r, &in, &image, &picture, err);
    status = cr_picture_end(&picture, status, err);

cleanup:
    cr_shown_free(&in);
    free(path);
    cr_image_free(&image);
    if (in.results)
        cr_results_close(&in.results, NULL);
    return status;
}

const cr_command cr_command_show = {
    .name = "show",
    .summary = "draws an image with its heatmap and boxes, or a grid of images",
    .help =
        "usage: camrank show RESULTS.h5 IMAGE -o OUT.png [options]\n"
        "       camrank show RESULTS.h5 [IMAGE ...] --grid methods|classes|models -o OUT.png "
        "[options]\n\n"
        "Draws the image and, beside it, the heatmap over it (jet colours, with a bar that says\n"
        "what they are), where the network looked; with the contour of the protocol's\n"
        "threshold, the ground-truth boxes in green and the predicted box in red.\n\n"
        "  -o, --output FILE  the picture to write: its ending, .png, .jpg, .pdf or .svg, says\n"
        "                     which kind; - is a PNG to standard output\n"
        "  --force            replaces a picture of that kind that is there\n"
        "  --model NAME       (the first of the file)\n"
        "  --method NAME      as in the table, or METHOD@ and the first or last steps of its "
        "layer's\n"
        "                     name: cam, grad-cam@layer3 (the first of the model whose maps are\n"
        "                     kept)\n"
        "  --protocol NAME    whose boxes (the first of the file)\n"
        "  --rank N           the network's Nth class, 1 to 5 (1)\n"
        "  --truth            the ground-truth class (where there was no network)\n"
        "  --images FOLDER    where the images are now, or their tar (where they were in the "
        "run)\n"
        "  --image-mpixels N  the largest image that is read, in millions of pixels (100)\n"
        "  --overlay NAME     jet: half image, half jet (the default); mix: as the authors of CAM; "
        "viridis;\n"
        "                     turbo; dim: the image dimmed where the map is low; grey: the map "
        "alone,\n"
        "                     which in grids is the default for maps of single pixels\n\n"
        "A grid has a row for each image, and a column for each method of the model, for each of "
        "the\n"
        "five best classes, or for each model that has the method. Name its images, at most 100, "
        "or\n"
        "pick them by the row of --model, --method and --protocol; then it shows the maps of the\n"
        "ground-truth class:\n\n"
        "  --pick worst|best  by the IoU of the ground-truth class's box\n"
        "         random      by --seed N (1)\n"
        "         flipped     right under this row and wrong under another, or the other way "
        "round;\n"
        "                     --against MODEL/METHOD names it (the best other row)\n"
        "         largest|smallest  by the size of their largest object\n"
        "  --class NAME       of this ground-truth class alone, by its name or id\n"
        "  --outcome KEY      of this outcome alone, such as wrong_class or part\n"
        "  --count N          so many (6)\n"
        "  --side N           pixels of the longer side of each image (240)\n",
    .run = show_command};
