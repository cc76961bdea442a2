/* camrank init: writes a job for a network, its input guessed and said to be so, and checks it. */
#include "camrank/new_file.h"

#include "command.h"
#include "driver/class_names.h"
#include "driver/given.h"
#include "driver/input_guess.h"
#include "driver/model_file.h"

#include "camrank/data.h"
#include "camrank/explain.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_IMAGES = 1,
    OPTION_TRUTH,
    OPTION_SYNSETS,
    OPTION_NETWORK_OUTPUT,
    OPTION_WEIGHTS,
    OPTION_INPUTS,
    OPTION_SIZE,
    OPTION_FORCE
};

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"images", required_argument, NULL, OPTION_IMAGES},
    {"ground-truth", required_argument, NULL, OPTION_TRUTH},
    {"synsets", required_argument, NULL, OPTION_SYNSETS},
    {"network-output", required_argument, NULL, OPTION_NETWORK_OUTPUT},
    {"weights", required_argument, NULL, OPTION_WEIGHTS},
    {"inputs", required_argument, NULL, OPTION_INPUTS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"force", no_argument, NULL, OPTION_FORCE},
    {NULL, 0, NULL, 0}};

typedef struct request {
    const char *model, *weights, *images, *ground_truth, *synsets, *output;
    cr_nn_inputs inputs;
    int width, height;
    bool force;
    char model_name[CR_NAME_BYTES];
    char name[CR_NAME_BYTES]; /* of the job, and of what is written beside it */
    char *job, *classes;      /* paths of these; owned */
    const cr_layout *layout;
    bool lists_classes; /* `classes` is to be written */
} request;

/* The file's name without its ending, of the characters that a name may have. */
static void make_name(const char *path, char name[CR_NAME_BYTES])
{
    const char *base = cr_path_name(path), *dot = strrchr(base, '.');
    const int n = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
    snprintf(name, CR_NAME_BYTES, "%.*s", n > 60 ? 60 : n, base);
    for (char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("._-", *at))
            *at = '_';
    if (!isalnum((unsigned char)name[0]))
        name[0] = 'x';
}

/* NAME with `ending`, in the folder of the job. */
static char *beside(const request *r, const char *folder, const char *ending)
{
    char file[CR_NAME_BYTES + 32];
    snprintf(file, sizeof file, "%s%s", r->name, ending);
    return strcmp(folder, ".") == 0 ? strdup(file) : cr_path_join(folder, file);
}

static cr_status parse(int argc, char **argv, request *r, cr_error *err)
{
    cr_status status = CR_OK;
    const char *job = NULL;
    char *folder = NULL;
    char more;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case 'o':
            job = optarg;
            break;
        case OPTION_IMAGES:
            r->images = optarg;
            break;
        case OPTION_TRUTH:
            r->ground_truth = optarg;
            break;
        case OPTION_SYNSETS:
            r->synsets = optarg;
            break;
        case OPTION_NETWORK_OUTPUT:
            r->output = optarg;
            break;
        case OPTION_WEIGHTS:
            r->weights = optarg;
            break;
        case OPTION_INPUTS:
            CR_TRY(cr_given_option(&r->inputs, optarg, err));
            break;
        case OPTION_SIZE:
            if (sscanf(optarg, "%5dx%5d%c", &r->width, &r->height, &more) != 2 || r->width < 1 ||
                r->height < 1)
                CR_TRY(cr_fail(err, CR_EUSAGE, "--size %s: must be WIDTHxHEIGHT, such as 224x224",
                               optarg));
            break;
        case OPTION_FORCE:
            r->force = true;
            break;
        default:
            status = err->status;
            goto cleanup;
        }
    CR_TRY(cr_option_argument(argc, argv, "the ONNX file", &r->model, err));
    make_name(r->model, r->model_name);
    make_name(job ? job : r->model, r->name);
    r->layout = cr_layout_guess(r->ground_truth, r->images);
    r->lists_classes = !r->synsets && r->layout->keys[CR_DATA_SYNSETS] == CR_KEY_NEEDED;
    folder = job ? cr_path_folder(job) : strdup(".");
    r->job = job ? strdup(job) : folder ? beside(r, folder, ".yaml") : NULL;
    r->classes = folder ? beside(r, folder, "-classes.txt") : NULL;
    if (!r->job || !r->classes)
        CR_TRY(cr_fail_memory(err, "a path", 1, 1));

cleanup:
    free(folder);
    return status;
}

/* `  KEY: 'PATH'`, which is found from the job's folder. */
static cr_status put_path(FILE *file, const request *r, const char *indent, const char *key,
                          const char *path, cr_error *err)
{
    char *folder = cr_path_folder(r->job);
    const bool as_it_is = path[0] == '/' || (folder && strcmp(folder, ".") == 0);
    char *whole = as_it_is ? strdup(path) : realpath(path, NULL);
    free(folder);
    if (!whole)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    fprintf(file, "%s%s: '%s", indent, key, whole[0] == '~' ? "./" : "");
    for (const char *at = whole; *at; at++)
        fprintf(file, "%s%c", *at == '\'' ? "'" : *at == '$' ? "$" : "", *at);
    fputs("'\n", file);
    free(whole);
    return CR_OK;
}

/* The inputs that are not the image; a name may have any character. */
static cr_status put_inputs(FILE *file, const request *r, cr_error *err)
{
    if (r->inputs.n)
        fputs("    inputs:\n", file);
    for (int i = 0; i < r->inputs.n; i++) {
        fputs("      '", file);
        for (const char *at = r->inputs.items[i].name; *at; at++)
            fprintf(file, "%s%c", *at == '\'' ? "'" : "", *at);
        CR_OR_RETURN(put_path(file, r, "", "'", r->inputs.items[i].path, err));
    }
    return CR_OK;
}

static cr_status put_dataset(FILE *file, const request *r, cr_error *err)
{
    const cr_layout *layout = r->layout;
    fprintf(file,
            "dataset:\n"
            "  layout: %s    # what the ground truth looks like; `camrank layouts` lists all\n",
            layout->name);
    if (r->images)
        CR_OR_RETURN(put_path(file, r, "  ", "images", r->images, err));
    else
        fputs("  images: images    # FILL IN: the folder of JPEG and PNG files, or their tar\n",
              file);
    if (r->ground_truth)
        CR_OR_RETURN(put_path(file, r, "  ", "ground_truth", r->ground_truth, err));
    if (r->synsets && layout->keys[CR_DATA_SYNSETS] != CR_KEY_REFUSED)
        CR_OR_RETURN(put_path(file, r, "  ", "synsets", r->synsets, err));
    if (r->lists_classes)
        fprintf(file,
                "  synsets: %s    # written with this file: the classes by their number; with\n"
                "                 # ImageNet's, name its LOC_synset_mapping.txt in its place\n",
                cr_path_name(r->classes));
    for (cr_data_key key = 0; key < CR_DATA_N_KEYS; key++)
        if (layout->keys[key] == CR_KEY_NEEDED && key != CR_DATA_IMAGES &&
            key != CR_DATA_GROUND_TRUTH && key != CR_DATA_SYNSETS)
            fprintf(file, "  %s: FILL-IN    # this layout needs it\n", cr_data_key_name(key));
    fputs("  # limit: 100          # the first so many images, for a trial\n", file);
    return CR_OK;
}

static void put_input(FILE *file, const cr_input_guess *guess)
{
    char mean[80], std[80];
    const cr_input_spec *in = &guess->spec;
    fprintf(file,
            "    input:    # `input: %s`, with single keys over it, is the short form\n"
            "      # Size: %s.\n"
            "      size: [%d, %d]\n"
            "      # Resizing: %s. For the whole image write\n"
            "      # `resize: squash` and delete short_side and crop: nothing outside a crop can "
            "be found.\n"
            "      resize: %s\n",
            guess->preset, guess->size_from, in->width, in->height, guess->geometry_from,
            in->resize == CR_RESIZE_SQUASH ? "squash" : "short-side");
    if (in->short_side)
        fprintf(file, "      short_side: %d\n      crop: center\n", in->short_side);
    fprintf(file,
            "      filter: %s\n"
            "      # Pixels: %s.\n"
            "      channels: %s\n"
            "      range: %g\n"
            "      mean: %s\n"
            "      std: %s\n",
            cr_filter_name(in->filter), guess->pixels_from, cr_channels_name(in->channels),
            in->range, cr_input_guess_list(in->mean, in->channels, mean, sizeof mean),
            cr_input_guess_list(in->std, in->channels, std, sizeof std));
}

static cr_status put_job(FILE *file, const request *r, const cr_graph *graph,
                         const cr_input_guess *guess, cr_error *err)
{
    const bool pools = cr_graph_head(graph).kind != CR_HEAD_OTHER;
    const int last = cr_graph_last_spatial(graph);
    fprintf(
        file,
        "# Written by camrank init. The input is guessed from the network: a wrong one costs\n"
        "# accuracy and shows nowhere else, so compare top-1 with what the network is known for.\n"
        "name: %s\n",
        r->name);
    CR_OR_RETURN(put_dataset(file, r, err));
    fprintf(file, "models:\n  - name: %s\n", r->model_name);
    CR_OR_RETURN(put_path(file, r, "    ", "file", r->model, err));
    if (r->weights)
        CR_OR_RETURN(put_path(file, r, "    ", "weights", r->weights, err));
    CR_OR_RETURN(put_inputs(file, r, err));
    if (r->output)
        fprintf(file, "    output: '%s'\n", r->output);
    put_input(file, guess);
    if (last >= 0)
        fprintf(
            file,
            "    # layer: %s    # what methods take by themselves; `camrank inspect --layers`\n",
            cr_graph_value_name(graph, last));
    fprintf(file,
            "methods: [%s%s%s]    # `camrank methods` lists all\n"
            "protocol: cam-paper    # or several, protocols: [cam-paper, wsol-v1]\n"
            "# metrics: [pointing-game]    # `camrank metrics` lists all\n"
            "# heatmaps: {classes: truth, type: float16}    # a smaller file\n"
            "output: %s.h5\n",
            pools ? cr_method_of_head->name : "", pools ? ", " : "", cr_method_default->name,
            r->name);
    return CR_OK;
}

/* Classes by their numbers, and by their names where the model has them. */
static cr_status put_classes(FILE *file, const cr_graph *graph, const char *model,
                             const cr_nn_about *about, cr_error *err)
{
    const int n = cr_graph_n_classes(graph);
    cr_class_names names = {.n = 0};
    char text[32];
    if (about->names &&
        cr_class_names_read(about->names, strlen(about->names), model, &names, err) == CR_EINTERNAL)
        return err->status;
    for (int c = 0; c < n; c++)
        fprintf(file, "%d %s\n", c,
                names.n == n ? cr_class_name(&names, c, text, sizeof text) : "");
    cr_class_names_free(&names);
    return CR_OK;
}

static bool is_text(const char *bytes, size_t n)
{
    return !memchr(bytes, 0, n);
}

/* Writes a new file with `put`. */
static cr_status write_text(const request *r, const char *path, const cr_graph *graph,
                            const cr_input_guess *guess, const cr_nn_about *about, cr_error *err)
{
    const char *inputs[] = {r->model, r->ground_truth ? r->ground_truth : r->model,
                            r->synsets ? r->synsets : r->model, r->weights ? r->weights : r->model};
    cr_new_file new;
    cr_status status = cr_new_file_begin(path, is_text, r->force, inputs, 4, &new, err);
    if (status != CR_OK)
        return status;
    FILE *file = fopen(new.path, "we");
    if (!file)
        status = cr_fail(err, CR_EIO, "%s: %s", path, strerror(errno));
    else
        status = about ? put_classes(file, graph, r->model, about, err)
                       : put_job(file, r, graph, guess, err);
    if (file && (ferror(file) | fclose(file)) && status == CR_OK)
        status = cr_fail(err, CR_EIO, "%s: %s", path, strerror(errno));
    return cr_new_file_end(&new, true, status, err);
}

/* Rank 0 alone. */
static cr_status write_files(const request *r, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_par alone = cr_par_alone();
    cr_par_nodes nodes;
    cr_model_file file = {0};
    cr_nn_about about = {.names = NULL};
    cr_graph *graph = NULL;
    cr_input_guess guess;
    CR_TRY(cr_check_output(r->job, err));
    CR_TRY(cr_par_nodes_init(&nodes, &alone, err));
    CR_TRY(cr_model_file_open(&alone, &nodes, r->model, r->weights ? r->weights : "", &r->inputs,
                              &file, err));
    if (cr_nn_about_read(file.model.bytes, file.model.n_bytes, &file.files, r->model, &about,
                         err) == CR_EINTERNAL)
        CR_TRY(err->status);
    CR_TRY(cr_input_guess_make(file.model.bytes, file.model.n_bytes, &file.files, r->model,
                               r->output ? r->output : "", r->width, r->height, &about, &graph,
                               &guess, err));
    CR_TRY(write_text(r, r->job, graph, &guess, NULL, err));
    if (r->lists_classes)
        CR_TRY(write_text(r, r->classes, graph, &guess, &about, err));
    fprintf(stderr, "camrank: wrote %s%s%s\n", r->job, r->lists_classes ? " and " : "",
            r->lists_classes ? r->classes : "");

cleanup:
    cr_graph_free(graph);
    cr_nn_about_free(&about);
    cr_model_file_close(&file);
    return status;
}

static cr_status init_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    cr_status status = CR_OK;
    request r = {.model = NULL};
    CR_TRY(parse(argc, argv, &r, err));
    if (par->rank == 0)
        status = write_files(&r, err);
    CR_TRY(cr_par_follow(par, status, err));
    if (r.images) {
        const cr_session_options check = {.job = r.job, .part = 1, .n_parts = 1};
        status = cr_check_job(par, &check, err);
        if (status != CR_OK)
            cr_fail_in(err, "the job is written, but not valid yet%s: ",
                       r.lists_classes ? " (--synsets gives the order of the classes)" : "");
    } else if (par->rank == 0)
        printf("fill in dataset.images, then: camrank check %s\n", r.job);

cleanup:
    free(r.job);
    free(r.classes);
    cr_given_free(&r.inputs);
    return status;
}

const cr_command cr_command_init = {
    .name = "init",
    .summary = "writes a job for a network, with its input guessed, and checks it",
    .help =
        "usage: camrank init MODEL.onnx [--images FOLDER] [--ground-truth FILE] [options]\n\n"
        "Writes a commented job file. It takes the layout from the look of the ground truth, and\n"
        "size, channels and scale of the input from the network; it marks what it has guessed.\n"
        "If the images are given, it then checks the job as `camrank check` does.\n\n"
        "  -o, --output FILE    the job file (MODEL.yaml)\n"
        "  --force              replaces files that are there\n"
        "  --images FOLDER      JPEG and PNG files, or their tar; class folders are labels\n"
        "  --ground-truth FILE  file or folder, as `camrank layouts` lists them\n"
        "  --synsets FILE       the order of the network's classes (a list of their numbers)\n"
        "  --size WxH           size of the input, where the model leaves it open (224x224)\n"
        "  --weights FILE       the file with the weights, where the model's has none: a "
        ".caffemodel\n"
        "  --inputs NAME=FILE   what the network's input NAME, which is not the image, is: a .npy\n"
        "                       file, for all images or a row for each; may be given again\n"
        "  --network-output O   the value that is the output, where it is not the model's only "
        "one\n",
    .uses_mpi = true,
    .run = init_command};
