/* camrank explain: a network and photographs, nothing else: what it says of them, and where it looked. */
#include "command.h"
#include "driver/given.h"
#include "driver/picture.h"
#include "driver/single.h"
#include "explain_pictures.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPTION_METHOD = 1,
    OPTION_INPUT,
    OPTION_SYNSETS,
    OPTION_CLASS,
    OPTION_NETWORK_OUTPUT,
    OPTION_WEIGHTS,
    OPTION_INPUTS,
    OPTION_PRECISION,
    OPTION_SIZE,
    OPTION_FORMAT,
    OPTION_FORCE
};

#define LEAST 0.05 /* of the first class, in some image: else the input is most likely wrong */

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"method", required_argument, NULL, OPTION_METHOD},
    {"input", required_argument, NULL, OPTION_INPUT},
    {"synsets", required_argument, NULL, OPTION_SYNSETS},
    {"class", required_argument, NULL, OPTION_CLASS},
    {"network-output", required_argument, NULL, OPTION_NETWORK_OUTPUT},
    {"weights", required_argument, NULL, OPTION_WEIGHTS},
    {"inputs", required_argument, NULL, OPTION_INPUTS},
    {"precision", required_argument, NULL, OPTION_PRECISION},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"force", no_argument, NULL, OPTION_FORCE},
    {NULL, 0, NULL, 0}};

typedef struct request {
    cr_single_request single;
    const char *folder;
    const cr_figure_format *format;
    char format_name[8];
    int class;
    bool force;
    char *methods; /* the list that `single` has */
    char **images; /* [n_images] paths; owned, as each is */
    int n_images;
} request;

/* Adds one more to the list `[a, b]`. */
static cr_status add_method(request *r, const char *method, cr_error *err)
{
    const size_t n = r->methods ? strlen(r->methods) : 0, more = strlen(method) + sizeof "[, ]";
    char *grown = realloc(r->methods, n + more);
    if (!grown)
        return cr_fail_memory(err, "methods", n + more, 1);
    r->methods = grown;
    sprintf(grown + (n ? n - 1 : 0), "%s%s]", n ? ", " : "[", method);
    r->single.methods = grown;
    return CR_OK;
}

static cr_status add_image(request *r, char *path, cr_error *err)
{
    char **grown = path ? realloc(r->images, ((size_t)r->n_images + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(path);
        return cr_fail_memory(err, "images", (size_t)r->n_images + 1, sizeof *grown);
    }
    r->images = grown;
    r->images[r->n_images++] = path;
    return CR_OK;
}

static int is_image(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot &&
           (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 ||
            strcasecmp(dot, ".png") == 0);
}

/* An image, or those of a folder by name. */
static cr_status add_images(request *r, const char *path, cr_error *err)
{
    cr_status status = CR_OK;
    struct stat there;
    struct dirent **entries;
    if (stat(path, &there) != 0 || (!S_ISDIR(there.st_mode) && access(path, R_OK) != 0))
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(there.st_mode))
        return add_image(r, strdup(path), err);
    const int n = scandir(path, &entries, is_image, alphasort);
    if (n < 0)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (status == CR_OK)
            status = add_image(r, cr_path_join(path, entries[i]->d_name), err);
        free(entries[i]);
    }
    free(entries);
    if (n == 0)
        return cr_fail(err, CR_EINPUT, "%s: no image file in it", path);
    return status;
}

static cr_status parse(int argc, char **argv, request *r, cr_error *err)
{
    const char *format = "png";
    char more;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case 'o':
            r->folder = optarg;
            break;
        case OPTION_METHOD:
            CR_OR_RETURN(add_method(r, optarg, err));
            break;
        case OPTION_INPUT:
            r->single.input = optarg;
            break;
        case OPTION_SYNSETS:
            r->single.synsets = optarg;
            break;
        case OPTION_CLASS:
            CR_OR_RETURN(cr_option_int("class", optarg, 0, &r->class, err));
            break;
        case OPTION_NETWORK_OUTPUT:
            r->single.output = optarg;
            break;
        case OPTION_WEIGHTS:
            r->single.weights = optarg;
            break;
        case OPTION_INPUTS:
            CR_OR_RETURN(cr_given_option(&r->single.inputs, optarg, err));
            break;
        case OPTION_PRECISION:
            CR_OR_RETURN(cr_precision_read(optarg, &r->single.precision, err));
            break;
        case OPTION_SIZE:
            if (sscanf(optarg, "%5dx%5d%c", &r->single.width, &r->single.height, &more) != 2 ||
                r->single.width < 1 || r->single.height < 1)
                return cr_fail(err, CR_EUSAGE, "--size %s: must be WIDTHxHEIGHT, such as 224x224",
                               optarg);
            break;
        case OPTION_FORMAT:
            format = optarg;
            break;
        case OPTION_FORCE:
            r->force = true;
            break;
        default:
            return err->status;
        }
    r->format = cr_figure_format_named(format);
    if (!r->format)
        return cr_fail(err, CR_EUSAGE, "--format %s: must be png, jpg, pdf or svg", format);
    snprintf(r->format_name, sizeof r->format_name, "%.7s", format);
    if (argc - optind < 2)
        return cr_fail(err, CR_EUSAGE,
                       "explain: a network and images, or folders of such, are needed; see camrank "
                       "explain --help");
    if (!r->methods)
        CR_OR_RETURN(add_method(r, cr_method_default->name, err));
    r->single.model = argv[optind];
    for (int i = optind + 1; i < argc; i++)
        CR_OR_RETURN(add_images(r, argv[i], err));
    return CR_OK;
}

static void print_input(const cr_single *single)
{
    char input[400];
    cr_input_guess_yaml(&single->model.input, input, sizeof input);
    fprintf(stderr, "camrank: input %s\n", input);
    if (single->guessed)
        fprintf(stderr,
                "camrank: this is a guess; --input gives another, and --input '{resize: squash}' "
                "takes whole images\n"
                "camrank: size: %s; pixels: %s; resizing: %s\n",
                single->guess.size_from, single->guess.pixels_from, single->guess.geometry_from);
    char note[CR_MODEL_NOTE_BYTES];
    for (int i = 0; i < CR_MODEL_NOTES; i++)
        if (cr_model_note(&single->model, i, note)[0])
            fprintf(stderr, "camrank: %s\n", note);
    if (single->model.not_applied[0])
        fprintf(stderr, "camrank: the network goes without %s\n", single->model.not_applied);
}

static void print_classes(const cr_single *single, const char *path, const cr_single_result *result)
{
    char text[32];
    printf("%s\n", path);
    for (int i = 0; i < CR_TOP && result->top_class[i] >= 0; i++)
        printf("  %d  %6.2f %%  %d  %s\n", i + 1, 100 * result->probability[i],
               result->top_class[i],
               cr_class_name(&single->names, result->top_class[i], text, sizeof text));
}

static cr_status explain_image(request *r, cr_single *single, cr_explain_pictures *pictures,
                               const char *path, double *likeliest, cr_error *err)
{
    cr_status status = CR_OK;
    cr_image image = {0};
    cr_single_result result;
    CR_TRY(cr_image_read(path, &image, err));
    CR_TRY(cr_single_run(single, &image, path, r->class, &result, err));
    print_classes(single, path, &result);
    *likeliest = fmax(*likeliest, result.probability[0]);
    CR_TRY(cr_explain_picture(pictures, single, path, &image, &result, err));

cleanup:
    cr_image_free(&image);
    return status;
}

static cr_status explain_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    request r = {.folder = "explained", .class = -1, .single = {.weights = "", .output = ""}};
    cr_single single = {.guessed = false};
    cr_explain_pictures *pictures = NULL;
    int n_failed = 0;
    double likeliest = 0;
    CR_TRY(parse(argc, argv, &r, err));
    CR_TRY(cr_single_open(&r.single, &single, err));
    CR_TRY(cr_explain_pictures_new(r.folder, r.format, r.format_name, r.force,
                                   (const char *const *)r.images, r.n_images,
                                   single.model.n_variants, &pictures, err));
    if (r.class >= cr_graph_n_classes(single.model.graph))
        CR_TRY(cr_fail(err, CR_EUSAGE, "--class %d: the network has classes 0 to %d", r.class,
                       cr_graph_n_classes(single.model.graph) - 1));
    CR_TRY(cr_explain_pictures_check(pictures, err));
    print_input(&single);
    for (int i = 0; i < r.n_images; i++) {
        cr_error fault;
        status = explain_image(&r, &single, pictures, r.images[i], &likeliest, &fault);
        if (status == CR_OK)
            continue;
        if (status != CR_EINPUT || r.n_images == 1)
            CR_TRY(cr_fail(err, status, "%s", fault.message));
        fprintf(stderr, "camrank: %s\n", fault.message);
        n_failed++;
    }
    CR_TRY(cr_explain_sheet(pictures, &single, err));
    if (n_failed < r.n_images && likeliest < LEAST)
        fprintf(stderr,
                "camrank: no class is above %.1f %% in any image: are images prepared as in the "
                "network's training (--input)?\n",
                100 * likeliest);
    CR_TRY(cr_output_flush(err));
    if (n_failed)
        status =
            cr_fail(err, CR_EINPUT, "%d of %d images could not be explained", n_failed, r.n_images);

cleanup:
    cr_explain_pictures_free(pictures);
    cr_single_close(&single);
    for (int i = 0; i < r.n_images; i++)
        free(r.images[i]);
    free(r.images);
    free(r.methods);
    cr_given_free(&r.single.inputs);
    return status;
}

const cr_command cr_command_explain = {
    .name = "explain",
    .summary = "says what a network sees in photographs, and where: no job, no ground truth",
    .help =
        "usage: camrank explain MODEL.onnx IMAGE... [options]\n\n"
        "Prints the five most probable classes of each image, and draws the image with the maps\n"
        "of its first class: a picture an image, and sheet.png with all. IMAGE is a JPEG or PNG\n"
        "file, or a folder of such.\n\n"
        "  -o, --output FOLDER  where the pictures go (explained)\n"
        "  --force              replaces pictures that are there\n"
        "  --method METHOD      METHOD, METHOD@LAYER or {name: METHOD, ...}, as in a job; may be\n"
        "                       given again (grad-cam)\n"
        "  --input INPUT        how images are prepared, where the guess that is printed is "
        "wrong:\n"
        "                       torchvision, torchvision-bicubic, caffe, tensorflow, inception, "
        "or\n"
        "                       keys of a job's `input` over these or over the guess:\n"
        "                       --input '{preset: caffe, channels: rgb}'\n"
        "  --synsets FILE       names of the classes: a line each, or JSON (the model's own)\n"
        "  --class N            the maps of class N, from 0, in place of the first class\n"
        "  --size WxH           size of the input, where the model leaves it open (224x224)\n"
        "  --weights FILE       the file with the weights, where the model's has none: a "
        ".caffemodel\n"
        "  --inputs NAME=FILE   what the network's input NAME, which is not the image, is: a .npy\n"
        "                       file, for all images; may be given again\n"
        "  --precision P        of the network's numbers: float32 or bfloat16 (float32)\n"
        "  --network-output O   the value that is the output, where it is not the model's only "
        "one\n"
        "  --format F           of pictures: png, jpg, pdf or svg (png)\n",
    .run = explain_command};
