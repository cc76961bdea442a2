/* camrank export: rows of a results file in the forms of other programs. */
#include "export.h"

#include "command.h"

#include "camrank/new_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_FORMAT = 1, OPTION_RAW, OPTION_FORCE };

static const struct option options[] = {{"format", required_argument, NULL, OPTION_FORMAT},
                                        {"output", required_argument, NULL, 'o'},
                                        CR_PICK_OPTIONS,
                                        {"raw", no_argument, NULL, OPTION_RAW},
                                        {"force", no_argument, NULL, OPTION_FORCE},
                                        {NULL, 0, NULL, 0}};

enum { CSV, KAGGLE, DEVKIT, NPY, N_FORMATS };
static const char *const formats[N_FORMATS] = {"csv", "kaggle", "devkit", "npy"};

typedef struct request {
    const char *results, *output;
    int format;
    bool raw, force;
    cr_pick pick;
} request;

static cr_status find_format(const char *name, int *format, cr_error *err)
{
    for (*format = 0; *format < N_FORMATS; (*format)++)
        if (strcmp(formats[*format], name) == 0)
            return CR_OK;
    return cr_fail(err, CR_EUSAGE, "--format %s: must be csv, kaggle, devkit or npy", name);
}

static cr_status parse(int argc, char **argv, request *r, cr_error *err)
{
    r->format = N_FORMATS;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case OPTION_FORMAT:
            CR_OR_RETURN(find_format(optarg, &r->format, err));
            break;
        case 'o':
            r->output = optarg;
            break;
        case OPTION_RAW:
            r->raw = true;
            break;
        case OPTION_FORCE:
            r->force = true;
            break;
        default:
            if (!cr_pick_take(&r->pick, option, optarg))
                return err->status;
        }
    CR_OR_RETURN(cr_option_argument(argc, argv, "the results file", &r->results, err));
    if (r->format == N_FORMATS)
        return cr_fail(err, CR_EUSAGE, "export: --format csv, kaggle, devkit or npy is needed");
    if (r->raw && r->format != NPY)
        return cr_fail(err, CR_EUSAGE, "export: --raw is for --format npy only");
    if (r->format == NPY && !r->output)
        return cr_fail(err, CR_EUSAGE, "export: --format npy needs -o FOLDER");
    return CR_OK;
}

/* Rows that are not there would be missed in silence. */
static cr_status check_whole(const char *path, cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    const int n = cr_results_get_data(results)->n_images;
    const cr_results_plan *plan = cr_results_get_plan(results);
    uint8_t *state = cr_alloc((size_t)n, 2);
    if (!state)
        CR_TRY(cr_fail_memory(err, "rows", (size_t)n, 2));
    for (int m = 0; m < plan->n_models; m++) {
        bool whole = true;
        for (int v = 0; v < plan->models[m].n_variants; v++) {
            CR_TRY(cr_results_read_states(results, m, v, state, state + n, err));
            whole = whole && !memchr(state, CR_ROW_EMPTY, 2 * (size_t)n);
        }
        if (!whole)
            CR_TRY(cr_fail(err, CR_EINPUT,
                           "%s: is not finished (model %s); camrank run ... --resume goes on", path,
                           plan->models[m].name));
    }

cleanup:
    free(state);
    return status;
}

static cr_status export_text(cr_results *results, const request *r, FILE *out, cr_error *err)
{
    if (r->format == CSV)
        return cr_export_csv(r->results, results, &r->pick, out, err);
    if (r->format == KAGGLE)
        return cr_export_kaggle(results, &r->pick, out, err);
    return cr_export_devkit(r->results, results, &r->pick, out, err);
}

/* To the file named, or standard output. */
static cr_status write_text(cr_results *results, const request *r, cr_error *err)
{
    static cr_file_kind *const kinds[] = {
        [CSV] = cr_export_is_csv, [KAGGLE] = cr_export_is_kaggle, [DEVKIT] = cr_export_is_devkit};
    cr_status status = CR_OK;
    cr_new_file file = {0};
    if (!r->output) {
        CR_TRY(export_text(results, r, stdout, err));
        return cr_output_flush(err);
    }
    CR_TRY(cr_new_file_begin(r->output, kinds[r->format], r->force, &r->results, 1, &file, err));
    FILE *out = fopen(file.path, "w");
    if (!out) {
        status = cr_fail(err, CR_EIO, "%s: %s", r->output, strerror(errno));
    } else {
        status = export_text(results, r, out, err);
        const bool whole = !ferror(out);
        if ((fclose(out) != 0 || !whole) && status == CR_OK)
            status = cr_fail(err, CR_EIO, "%s: %s", r->output, strerror(errno));
    }
    status = cr_new_file_end(&file, true, status, err);

cleanup:
    return status;
}

static cr_status export_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    request r = {0};
    cr_results *results = NULL;
    CR_TRY(parse(argc, argv, &r, err));
    CR_TRY(cr_results_open(r.results, &results, err));
    CR_TRY(check_whole(r.results, results, err));
    /* A table can hold everything; the other forms hold one prediction or map for an image. */
    if (r.format != CSV)
        CR_TRY(cr_pick_find(r.results, cr_results_get_plan(results), true, r.format != NPY, &r.pick,
                            err));
    const cr_results_model *model = &cr_results_get_plan(results)->models[r.pick.model];
    if ((r.format == KAGGLE || r.format == DEVKIT) && !cr_results_has_network(model))
        CR_TRY(cr_fail(err, CR_EINPUT,
                       "%s: model %s: its maps are another program's: no class was predicted",
                       r.results, model->name));
    status = r.format == NPY
                 ? cr_export_npy(r.results, results, &r.pick, r.raw, r.force, r.output, err)
                 : write_text(results, &r, err);

cleanup:
    if (results)
        cr_results_close(&results, NULL);
    return status;
}

const cr_command cr_command_export = {
    .name = "export",
    .summary = "writes predictions as CSV or a challenge's file, or maps as .npy",
    .help =
        "usage: camrank export RESULTS.h5 --format csv|kaggle|devkit|npy [options]\n\n"
        "  csv     a line for each prediction of each image, model, method and protocol:\n"
        "          image,label,model,method,protocol,rank,class,score,x0,y0,x1,y1,iou,hit,\n"
        "          precision;\n"
        "          rank 1 to 5, and 0 for the ground-truth class; label and class count from 0;\n"
        "          iou with the best ground-truth box; hit: right class and iou enough, empty\n"
        "          where the image is excluded from localization. Failed images have no line;\n"
        "          without a network there is rank 0 alone, with no score; of a network without\n"
        "          methods there are the five classes, with method, protocol and box empty\n"
        "  kaggle  a submission: ImageId,PredictionString, up to five `label x0 y0 x1 y1` an\n"
        "          image, labels 1 to the number of classes in the order of sorted wnids\n"
        "  devkit  a prediction file of the ILSVRC devkit: a line an image, labels the devkit's\n"
        "  npy     maps of the ground-truth class, FOLDER/<image file>.npy: 224 x 224, 0 to 1, "
        "float64,\n"
        "          as wsolevaluation's evaluator takes them; FOLDER/<image id>.npy where an image\n"
        "          has a row for each of its classes\n\n"
        "  -o, --output FILE  (standard output) or, for npy, the folder\n"
        "  --force            replaces what is there, if it is of the same format\n"
        "  --model, --method, --protocol NAME\n"
        "                     which, where the file holds several\n"
        "  --raw              npy: maps as the network gave them, float32\n",
    .run = export_command};
