/* camrank compare: rows of results files against each other, image by image. */
#include "camrank/compare.h"
#include "camrank/new_file.h"

#include "command.h"
#include "compare_rows.h"
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

/* Everything that is open or allocated. */
typedef struct state {
    cr_compare_file *files;
    cr_compare_set *sets;
    int32_t *shared;
    int n_shared;
    cr_compare_place *places;
    cr_compare_row *rows;
    int n_rows;
    cr_compare compare;
} state;

static cr_status take_metric(const char *name, cr_compare_options *to, cr_error *err)
{
    char known[CR_METRIC_MAX_NUMBERS * CR_NAME_BYTES] = "";
    const int number = cr_metric_number_find(name);
    if (number >= 0 && cr_compare_has(number)) {
        to->numbers[number] = true;
        return CR_OK;
    }
    for (int k = 0; k < cr_metric_n_numbers(); k++)
        if (cr_compare_has(k))
            snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
                     known[0] ? ", " : "", cr_metric_number_at(k, NULL)->key);
    return cr_fail(err, CR_EUSAGE, "--metric %s: must be one of %s", name, known);
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
    if (r->options.by_class && r->options.n_flips > 0 && strcmp(r->format->name, "csv") == 0)
        return cr_fail(err, CR_EUSAGE,
                       "compare: --format csv is one table: of --by-class or of --flips");
    if (r->options.n_groups > 0 && (r->against || r->options.by_class || r->options.n_flips > 0))
        return cr_fail(
            err, CR_EUSAGE,
            "compare: --group is of variants: without --against, --by-class and --flips");
    if (optind == argc)
        return cr_fail(err, CR_EUSAGE,
                       "compare: a results file is missing; see camrank compare --help");
    r->paths = (const char *const *)argv + optind;
    r->n_paths = argc - optind;
    return CR_OK;
}

/* Leaves out the numbers of metrics that some file has not; one that was asked for is missed. */
static cr_status drop_numbers(request *r, const state *s, cr_error *err)
{
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        int metric;
        const cr_metric_number *number = cr_metric_number_at(k, &metric);
        for (int f = 0; f < r->n_paths && r->options.numbers[k]; f++) {
            if (cr_results_has_metric(cr_results_get_plan(s->files[f].results), metric))
                continue;
            if (r->options.chosen)
                return cr_fail(err, CR_EINPUT, "%s: has no %s: its job does not name the metric %s",
                               r->paths[f], number->key, cr_metrics[metric]->name);
            r->options.numbers[k] = false;
        }
    }
    return CR_OK;
}

static cr_status open_files(const request *r, state *s, cr_error *err)
{
    const size_t n = (size_t)r->n_paths;
    s->files = cr_alloc(n, sizeof *s->files);
    s->sets = cr_alloc(n, sizeof *s->sets);
    if (!s->files || !s->sets)
        return cr_fail_memory(err, "files", n, sizeof *s->files);
    for (int f = 0; f < r->n_paths; f++) {
        s->files[f].path = r->paths[f];
        CR_OR_RETURN(cr_results_open(r->paths[f], &s->files[f].results, err));
        s->sets[f] =
            (cr_compare_set){.path = r->paths[f], .data = cr_results_get_data(s->files[f].results)};
    }
    return CR_OK;
}

/* Which row of which comparison the images go to that are read. */
typedef struct target {
    cr_compare *compare;
    int row;
    const int32_t *places;
} target;

static void take_image(void *context, int image, const cr_metric_image *seen,
                       const cr_verdict *verdict, const uint8_t *levels,
                       const cr_metric_given *given)
{
    const target *to = context;
    if (to->places[image] < 0)
        return;
    const bool has_outcomes = to->compare->needs_boxes && verdict->is_localized;
    const cr_outcomes outcomes = has_outcomes ? cr_metric_outcomes(seen) : (cr_outcomes){0};
    cr_compare_add(to->compare, to->row, to->places[image], seen, verdict,
                   has_outcomes ? &outcomes : NULL, levels, given);
}

static cr_status read_rows(state *s, cr_error *err)
{
    const int parts = (s->compare.needs_iou ? CR_RESULTS_IOU : 0) |
                      (s->compare.needs_boxes ? CR_RESULTS_BOXES : 0) |
                      (s->compare.needs_levels ? CR_RESULTS_LEVELS : 0);
    for (int r = 0; r < s->n_rows; r++) {
        const cr_compare_place *at = &s->places[r];
        target to = {&s->compare, r, s->sets[at->file].places};
        const cr_status status =
            cr_results_visit_images(s->files[at->file].results, at->model, at->variant,
                                    at->protocol, parts, take_image, &to, err);
        if (status != CR_OK)
            return status;
        cr_compare_row_done(&s->compare, r);
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

static void close_all(const request *r, state *s)
{
    cr_compare_free(&s->compare);
    for (int f = 0; f < r->n_paths && s->files; f++) {
        if (s->files[f].results)
            cr_results_close(&s->files[f].results, NULL);
        if (s->sets)
            free(s->sets[f].places);
    }
    free(s->rows);
    free(s->places);
    free(s->shared);
    free(s->sets);
    free(s->files);
}

static cr_status compare_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    request r = {0};
    state s = {0};
    char *text = NULL;
    CR_TRY(parse(argc, argv, &r, err));
    CR_TRY(open_files(&r, &s, err));
    CR_TRY(drop_numbers(&r, &s, err));
    CR_TRY(cr_compare_match(s.sets, r.n_paths, &s.shared, &s.n_shared, err));
    CR_TRY(cr_compare_list_rows(s.files, r.n_paths, r.only, &s.places, &s.rows, &s.n_rows, err));
    if (r.against)
        CR_TRY(cr_compare_find_row(s.rows, s.n_rows, r.against, &r.options.against, err));
    CR_TRY(cr_compare_begin(&r.options, s.sets, r.n_paths, s.shared, s.n_shared, s.rows, s.n_rows,
                            &s.compare, err));
    CR_TRY(read_rows(&s, err));
    CR_TRY(cr_compare_finish(&s.compare, err));
    CR_TRY(cr_compare_write(&s.compare, r.format, &text, err));
    CR_TRY(write_text(&r, text, err));

cleanup:
    free(text);
    close_all(&r, &s);
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
        "  --only NAME,...    the rows of these models, methods and protocols\n"
        "  --metric NAME      this number alone, as in --format json; may be repeated\n"
        "  --alpha P          a difference counts below this p, corrected (0.05)\n"
        "  --by-class         also class by class, by the difference: under --metric, or else "
        "top-1\n"
        "                     localization\n"
        "  --flips N          also the N images that changed most, for better and for worse, "
        "and what\n"
        "                     became of each outcome\n"
        "  --group PATTERN    models, or rows, whose names match are runs of one variant (seeds,\n"
        "                     checkpoints): their mean, deviation and range, and differences "
        "between\n"
        "                     variants; may be repeated\n"
        "  --resamples N      of the bootstrap of the mean IoU, and of variants (10000); 0: no "
        "interval\n"
        "  --format " CR_COMPARE_FORMAT_NAMES("|") "\n"
                                                   "  -o, --output FILE  (standard output)\n"
                                                   "  --force            replaces a file that "
                                                   "is there, if it is of the same format\n",
    .run = compare_command};
