/* camrank compare: rows of results files against each other, image by image. */
#include "camrank/compare.h"
#include "camrank/near.h"
#include "camrank/new_file.h"

#include "command.h"
#include "compare_files.h"
#include "driver/cpus.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_AGAINST = 1,
    OPTION_METRIC,
    OPTION_ONLY,
    OPTION_ALPHA,
    OPTION_BY_CLASS,
    OPTION_ALIKE,
    OPTION_FLIPS,
    OPTION_GROUP,
    OPTION_RESAMPLES,
    OPTION_FORMAT,
    OPTION_FORCE
};

static const struct option options[] = {{"against", required_argument, NULL, OPTION_AGAINST},
                                        {"metric", required_argument, NULL, OPTION_METRIC},
                                        {"only", required_argument, NULL, OPTION_ONLY},
                                        {"alpha", required_argument, NULL, OPTION_ALPHA},
                                        {"by-class", no_argument, NULL, OPTION_BY_CLASS},
                                        {"alike", no_argument, NULL, OPTION_ALIKE},
                                        {"flips", required_argument, NULL, OPTION_FLIPS},
                                        {"group", required_argument, NULL, OPTION_GROUP},
                                        {"resamples", required_argument, NULL, OPTION_RESAMPLES},
                                        {"format", required_argument, NULL, OPTION_FORMAT},
                                        {"output", required_argument, NULL, 'o'},
                                        {"force", no_argument, NULL, OPTION_FORCE},
                                        {NULL, 0, NULL, 0}};

enum { MOST_RESAMPLES = 1000000 };

typedef struct request {
    const char **groups; /* owned */
    const char *const *paths;
    int n_paths;
    const char *against, *only, *output;
    bool force;
    const cr_compare_format *format;
    cr_compare_options options;
} request;

static cr_status take_metric(const char *name, cr_compare_options *to, cr_error *err)
{
    const int number = cr_metric_number_find(name);
    if (number >= 0 && cr_compare_has(number)) {
        to->numbers[number] = true;
        return CR_OK;
    }
    cr_near near;
    cr_near_begin(&near, name);
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        const char *key = cr_metric_number_at(k, NULL)->key;
        if (cr_compare_has(k))
            cr_near_add(&near, key, strlen(key));
    }
    return cr_fail(err, CR_EUSAGE,
                   "--metric %.64s: is no number of a single image%s; see camrank metrics", name,
                   cr_near_text(&near));
}

static cr_status take_alpha(const char *text, double *alpha, cr_error *err)
{
    char *end;
    *alpha = strtod(text, &end);
    if (end == text || *end || !(*alpha > 0 && *alpha < 1))
        return cr_fail(err, CR_EUSAGE, "--alpha %s: must be a number between 0 and 1", text);
    return CR_OK;
}

static cr_status take_resamples(const char *text, int *n, cr_error *err)
{
    const cr_status status = cr_option_int("resamples", text, 0, n, err);
    if (status == CR_OK && (*n > MOST_RESAMPLES || (*n > 0 && *n < 100)))
        return cr_fail(err, CR_EUSAGE, "--resamples %s: must be 0, or 100 to %d", text,
                       MOST_RESAMPLES);
    return status;
}

static cr_status parse(int argc, char **argv, request *r, cr_error *err)
{
    r->options = (cr_compare_options){.alpha = 0.05,
                                      .against = -1,
                                      .n_resamples = CR_STAT_RESAMPLES,
                                      .n_threads = cr_cpus_count()};
    r->groups = cr_alloc((size_t)argc, sizeof *r->groups);
    if (!r->groups)
        return cr_fail_memory(err, "options", (size_t)argc, sizeof *r->groups);
    r->options.groups = r->groups;
    CR_OR_RETURN(cr_compare_format_find("text", &r->format, err));
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case OPTION_AGAINST:
            r->against = optarg;
            break;
        case OPTION_METRIC:
            CR_OR_RETURN(take_metric(optarg, &r->options, err));
            r->options.chosen = true;
            break;
        case OPTION_ONLY:
            r->only = optarg;
            break;
        case OPTION_ALPHA:
            CR_OR_RETURN(take_alpha(optarg, &r->options.alpha, err));
            break;
        case OPTION_BY_CLASS:
            r->options.by_class = true;
            break;
        case OPTION_ALIKE:
            r->options.alike = true;
            break;
        case OPTION_FLIPS:
            CR_OR_RETURN(cr_option_int("flips", optarg, 1, &r->options.n_flips, err));
            break;
        case OPTION_GROUP:
            r->groups[r->options.n_groups++] = optarg;
            break;
        case OPTION_RESAMPLES:
            CR_OR_RETURN(take_resamples(optarg, &r->options.n_resamples, err));
            break;
        case OPTION_FORMAT:
            CR_OR_RETURN(cr_compare_format_find(optarg, &r->format, err));
            break;
        case 'o':
            r->output = optarg;
            break;
        case OPTION_FORCE:
            r->force = true;
            break;
        default:
            return err->status;
        }
    for (int k = 0; k < cr_metric_n_numbers(); k++)
        r->options.numbers[k] = r->options.numbers[k] || (!r->options.chosen && cr_compare_has(k));
    const int n_details = r->options.by_class + (r->options.n_flips > 0) + r->options.alike;
    if (n_details > 1 && strcmp(r->format->name, "csv") == 0)
        return cr_fail(err, CR_EUSAGE,
                       "compare: --format csv is one table: of --by-class, of --flips or of "
                       "--alike");
    if (r->options.n_groups > 0 && (r->against || n_details > 0))
        return cr_fail(
            err, CR_EUSAGE,
            "compare: --group is of variants: without --against, --by-class, --flips and --alike");
    if (optind == argc)
        return cr_fail(err, CR_EUSAGE,
                       "compare: a results file is missing; see camrank compare --help");
    r->paths = (const char *const *)argv + optind;
    r->n_paths = argc - optind;
    return CR_OK;
}

/* Leaves out the numbers of metrics that some file has not; one that was asked for is missed. */
static cr_status drop_numbers(request *r, const cr_compare_files *files, cr_error *err)
{
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        int metric, without;
        const cr_metric_number *number = cr_metric_number_at(k, &metric);
        if (!r->options.numbers[k] || cr_compare_files_have(files, metric, &without))
            continue;
        if (r->options.chosen)
            return cr_fail(
                err, CR_EINPUT, "%s: has no %s: its %s %s", r->paths[without], number->key,
                cr_metrics[metric]->always ? "images have one class each, which rules out"
                                           : "job does not name the metric",
                cr_metrics[metric]->name);
        r->options.numbers[k] = false;
    }
    return CR_OK;
}

/* To the file named, or standard output. */
static cr_status write_text(const request *r, const char *text, cr_error *err)
{
    cr_status status = CR_OK;
    cr_new_file file = {0};
    if (!r->output) {
        fputs(text, stdout);
        return cr_output_flush(err);
    }
    CR_TRY(
        cr_new_file_begin(r->output, r->format->kind, r->force, r->paths, r->n_paths, &file, err));
    FILE *out = fopen(file.path, "w");
    bool whole = out && fputs(text, out) >= 0;
    whole = out && fclose(out) == 0 && whole;
    if (!whole)
        status = cr_fail(err, CR_EIO, "%s: %s", r->output, strerror(errno));
    status = cr_new_file_end(&file, true, status, err);

cleanup:
    return status;
}

static cr_status compare_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    request r = {0};
    cr_compare_files files = {0};
    char *text = NULL;
    CR_TRY(parse(argc, argv, &r, err));
    CR_TRY(cr_compare_files_open(r.paths, r.n_paths, &files, err));
    CR_TRY(drop_numbers(&r, &files, err));
    CR_TRY(cr_compare_list_rows(files.files, r.n_paths, r.only, r.against, &files.places,
                                &files.rows, &files.n_rows, err));
    if (r.against)
        CR_TRY(cr_compare_find_row(files.rows, files.n_rows, r.against, &r.options.against, err));
    CR_TRY(cr_compare_files_run(&files, &r.options, err));
    CR_TRY(cr_compare_write(&files.compare, r.format, &text, err));
    CR_TRY(write_text(&r, text, err));

cleanup:
    free(text);
    cr_compare_files_close(&files);
    free(r.groups);
    return status;
}

const cr_command cr_command_compare = {
    .name = "compare",
    .summary = "says which rows of results files are better, and whether it is true",
    .help =
        "usage: camrank compare RESULTS.h5 [MORE.h5 ...] [options]\n\n"
        "Compares rows, MODEL/METHOD/PROTOCOL, image by image, on the images that all of them "
        "have:\n"
        "differences with their intervals, paired tests, and which rows cannot be told apart.\n"
        "docs/comparing.md explains every column.\n\n"
        "  --against ROW      each row against this one (all against all); so much of its name "
        "as is\n"
        "                     enough, with FILE: in front where files have rows of one name\n"
        "  --only NAME,...    the rows of these models, methods and protocols; `baseline`, or its\n"
        "                     methods whole-image and center-box, are compared where they are "
        "named\n"
        "  --metric NAME      this number alone, as in --format json; may be repeated\n"
        "  --alpha P          a difference counts below this p, corrected (0.05)\n"
        "  --by-class         also class by class, by the difference: under --metric, or else "
        "top-1\n"
        "                     localization\n"
        "  --flips N          also the N images that changed most, for better and for worse, "
        "and what\n"
        "                     became of each outcome\n"
        "  --alike            also how alike each pair is: the share of images with the same "
        "classes and\n"
        "                     with the same box, and the correlation of maps, of their ranks, "
        "and SSIM\n"
        "  --group PATTERN    models, or rows, whose names match are runs of one variant (seeds,\n"
        "                     checkpoints): their mean, deviation and range, and differences "
        "between\n"
        "                     variants; may be repeated\n"
        "  --resamples N      of the bootstrap of the mean IoU, of mean average precision and of "
        "variants\n"
        "                     (10000); 0: no interval\n"
        "  --format " CR_COMPARE_FORMAT_NAMES("|") "\n"
                                                   "  -o, --output FILE  (standard output)\n"
                                                   "  --force            replaces a file that "
                                                   "is there, if it is of the same format\n",
    .run = compare_command};
