/* camrank report: the error table of a results file. */
#include "camrank/report.h"
#include "camrank/sheet.h"

#include "camrank/image.h"
#include "command.h"
#include "driver/cpus.h"
#include "driver/guard.h"
#include "page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_FORMAT = 1,
    OPTION_PAPER,
    OPTION_BY_CLASS,
    OPTION_COLUMNS,
    OPTION_SORT,
    OPTION_WORST,
    OPTION_ONE_COLUMN,
    OPTION_MODEL,
    OPTION_METHOD,
    OPTION_PROTOCOL,
    OPTION_THRESHOLD_FROM,
    OPTION_IMAGES,
    OPTION_IMAGE_MPIXELS,
    OPTION_FORCE
};

static const struct option options[] = {
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"paper", required_argument, NULL, OPTION_PAPER},
    {"by-class", no_argument, NULL, OPTION_BY_CLASS},
    {"columns", required_argument, NULL, OPTION_COLUMNS},
    {"sort", required_argument, NULL, OPTION_SORT},
    {"worst", required_argument, NULL, OPTION_WORST},
    {"one-column", no_argument, NULL, OPTION_ONE_COLUMN},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"method", required_argument, NULL, OPTION_METHOD},
    {"protocol", required_argument, NULL, OPTION_PROTOCOL},
    {"threshold-from", required_argument, NULL, OPTION_THRESHOLD_FROM},
    {"images", required_argument, NULL, OPTION_IMAGES},
    {"image-mpixels", required_argument, NULL, OPTION_IMAGE_MPIXELS},
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, OPTION_FORCE},
    {NULL, 0, NULL, 0}};

typedef struct request {
    cr_report_options options;
    const cr_report_format *format;
    bool one_column;
    const char *paper; /* NULL, or beside whose tables the errors are printed, as text */
    const char *output, *images;
    int image_mpixels;
    bool force;
} request;

/* To the file named, or standard output. */
static cr_status write_text(const char *path, const request *r, const char *text, cr_error *err)
{
    cr_new_file file = {0};
    if (!r->output) {
        fputs(text, stdout);
        return CR_OK;
    }
    CR_OR_RETURN(cr_new_file_begin(r->output, r->format->kind, r->force, &path, 1, &file, err));
    cr_status status = CR_OK;
    FILE *out = fopen(file.path, "w");
    bool whole = out && fputs(text, out) >= 0;
    whole = out && fclose(out) == 0 && whole;
    if (!whole)
        status = cr_fail(err, CR_EIO, "%s: %s", r->output, strerror(errno));
    return cr_new_file_end(&file, true, status, err);
}

/* The page: the report, and what it shows beside its tables. */
static cr_status print_page(const char *path, const request *r, cr_error *err)
{
    cr_status status = CR_OK;
    cr_page_file file = {0};
    char *text = NULL, *doubts = NULL;
    CR_TRY(cr_page_file_open(path, &r->options, r->images, r->image_mpixels, &file, err));
    CR_TRY(cr_guard_doubts(file.plot.results, &doubts, err));
    file.plot.report.doubts = doubts;
    CR_TRY(cr_report_write(&file.plot.report, r->format, &text, err));
    CR_TRY(write_text(path, r, text, err));

cleanup:
    free(text);
    free(doubts);
    cr_page_file_close(&file);
    return status;
}

static cr_status print_report(const char *path, const request *r, cr_error *err)
{
    cr_status status = CR_OK;
    cr_results *results = NULL;
    cr_report report = {0};
    char *text = NULL, *doubts = NULL;
    CR_TRY(cr_results_open(path, &results, err));
    CR_TRY(cr_guard_doubts(results, &doubts, err));
    cr_report_options chosen = r->options;
    chosen.n_threads = cr_cpus_count();
    CR_TRY(cr_results_report(results, &chosen, &report, err));
    if (r->one_column && report.n_lines > CR_LATEX_LINES)
        CR_TRY(cr_fail(err, CR_EUSAGE,
                       "report: %d lines of classes are more than a column holds: --worst N, or "
                       "without --one-column",
                       report.n_lines));
    report.doubts = doubts;
    report.width = cr_output_width();
    report.one_column = r->one_column;
    CR_TRY(r->paper ? cr_report_paper(&report, r->paper, &text, err)
                    : cr_report_write(&report, r->format, &text, err));
    status = write_text(path, r, text, err);

cleanup:
    free(text);
    free(doubts);
    cr_report_free(&report);
    if (results)
        cr_results_close(&results, NULL);
    return status;
}

void cr_print_unlocked(const cr_par *par, const cr_results *results, const char *path)
{
    if (par->rank == 0 && !cr_results_is_locked(results))
        fprintf(
            stderr,
            "camrank: %s: its file system knows no locks: a second run that writes it would not "
            "be noticed\n",
            path);
}

cr_status cr_print_outcome(const char *path, cr_error *err)
{
    cr_status status = print_report(path, &(request){.format = cr_report_formats}, err);
    if (status != CR_OK)
        return status;
    printf("\nresults: %s\n", path);
    return cr_output_flush(err);
}

/* Whether it is an option of the choice of rows and columns, which is then taken. */
static bool take_choice(int option, const char *value, cr_report_options *to)
{
    const char **places[] = {
        [OPTION_COLUMNS] = &to->columns,    [OPTION_SORT] = &to->sort,
        [OPTION_MODEL] = &to->models,       [OPTION_METHOD] = &to->methods,
        [OPTION_PROTOCOL] = &to->protocols, [OPTION_THRESHOLD_FROM] = &to->threshold_from};
    if (option <= 0 || option > OPTION_THRESHOLD_FROM || !places[option])
        return false;
    *places[option] = value;
    return true;
}

static cr_status report_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    request r = {.format = cr_report_formats, .image_mpixels = CR_IMAGE_DEFAULT_MPIXELS};
    const char *path;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;) {
        if (take_choice(option, optarg, &r.options))
            continue;
        if (option == OPTION_PAPER)
            r.paper = optarg;
        else if (option == OPTION_BY_CLASS)
            r.options.by_class = true;
        else if (option == OPTION_ONE_COLUMN)
            r.one_column = true;
        else if (option == 'o')
            r.output = optarg;
        else if (option == OPTION_FORCE)
            r.force = true;
        else if (option == OPTION_IMAGES)
            r.images = optarg;
        else if (option == OPTION_IMAGE_MPIXELS)
            CR_OR_RETURN(cr_option_int("image-mpixels", optarg, 1, &r.image_mpixels, err));
        else if (option == OPTION_WORST)
            CR_OR_RETURN(cr_option_int("worst", optarg, 1, &r.options.worst, err));
        else if (option == OPTION_FORMAT)
            CR_OR_RETURN(cr_report_format_find(optarg, &r.format, err));
        else
            return err->status;
    }
    r.options.by_class = r.options.by_class || r.options.worst > 0;
    if (r.paper && (r.format != cr_report_formats || r.options.by_class || r.options.columns))
        return cr_fail(err, CR_EUSAGE,
                       "report: --paper is printed as text only, of all classes and columns");
    if (r.output && !r.format->kind)
        return cr_fail(err, CR_EUSAGE,
                       "report: -o writes csv, json, latex and html, which --format names; for %s "
                       "redirect the output: > FILE",
                       r.format->name);
    if (r.images && !r.format->has_page)
        return cr_fail(err, CR_EUSAGE, "report: --images is for pictures, which html alone has");
    CR_OR_RETURN(cr_option_argument(argc, argv, "the results file", &path, err));
    CR_OR_RETURN(r.format->has_page ? print_page(path, &r, err) : print_report(path, &r, err));
    return cr_output_flush(err);
}

const cr_command cr_command_report = {
    .name = "report",
    .summary = "prints the error table of a results file",
    .help = "usage: camrank report RESULTS.h5 [--format " CR_REPORT_FORMAT_NAMES(
        "|") "] [--by-class]\n"
             "       [--model NAMES] [--method NAMES] [--protocol NAMES] [--columns KEYS] [--sort "
             "KEY]\n\n"
             "Counts the rows of a results file, finished or not, and prints its error table.\n"
             "Errors are in percent; csv and json give them in full. Text fits the terminal: a "
             "table that\n"
             "is too wide continues below. Without a terminal it is as wide as COLUMNS says, or "
             "120.\n\n"
             "  --model NAMES      rows of these models alone, and of the baselines where "
             "`baseline` is\n"
             "                     one of them; commas between names, here and below\n"
             "  --method NAMES     rows of these methods alone, as the table calls them; of a "
             "layer the\n"
             "                     first or last steps of its name will do: grad-cam@layer3\n"
             "  --protocol NAMES   these protocols alone\n"
             "  --columns KEYS     these numbers alone, in this order; keys are those of csv\n"
             "  --sort KEY         the best row first, by a number; of several protocols by the "
             "first\n"
             "  --by-class         a line a ground-truth class instead, with what became of its "
             "images\n"
             "  --worst N          by class: the N worst of each row, by --sort or top-1 "
             "localization\n"
             "  --threshold-from F a results file of the same rows on another set of images: "
             "`held` is\n"
             "                     at the threshold that is best there, over all images here (the "
             "job's\n"
             "                     threshold_from)\n"
             "  -o, --output FILE  the file to write, of csv, json, latex or html (standard "
             "output)\n"
             "  --force            replaces a file of the format that is there\n"
             "  --images FOLDER    html: where the images are now, or their tar (where they were "
             "in the "
             "run)\n"
             "  --image-mpixels N  html: the largest image that is read, in millions of pixels "
             "(100)\n"
             "  --one-column       LaTeX fits one column of a page that has two, else the page\n"
             "  --paper NAME       beside the tables of a paper instead: cam2016 (Zhou et al.) or\n"
             "                     gradcam2017 (Selvaraju et al.); jobs/ holds a job for each\n",
    .run = report_command};
