/* camrank report: the error table of a results file. */
#include "camrank/report.h"

#include "command.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPTION_FORMAT = 1, OPTION_PAPER, OPTION_BY_CLASS };

static const struct option options[] = {{"format", required_argument, NULL, OPTION_FORMAT},
                                        {"paper", required_argument, NULL, OPTION_PAPER},
                                        {"by-class", no_argument, NULL, OPTION_BY_CLASS},
                                        {NULL, 0, NULL, 0}};

/* `paper` is NULL or the paper beside whose tables the errors are printed, as text. */
static cr_status print_report(const char *path, const char *paper, bool by_class,
                              const cr_report_format *format, cr_error *err)
{
    cr_status status = CR_OK;
    cr_results *results = NULL;
    cr_report report = {0};
    char *text = NULL;
    CR_TRY(cr_results_open(path, &results, err));
    CR_TRY(cr_results_report(results, by_class, &report, err));
    CR_TRY(paper ? cr_report_paper(&report, paper, &text, err)
                 : cr_report_write(&report, format, &text, err));
    fputs(text, stdout);

cleanup:
    free(text);
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
    cr_status status = print_report(path, NULL, false, cr_report_formats, err);
    if (status != CR_OK)
        return status;
    printf("\nresults: %s\n", path);
    return cr_output_flush(err);
}

static cr_status report_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    const cr_report_format *format = cr_report_formats;
    const char *path, *paper = NULL;
    bool by_class = false;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;) {
        if (option == OPTION_PAPER)
            paper = optarg;
        else if (option == OPTION_BY_CLASS)
            by_class = true;
        else if (option == OPTION_FORMAT)
            CR_TRY(cr_report_format_find(optarg, &format, err));
        else
            return err->status;
    }
    if (paper && (format != cr_report_formats || by_class))
        CR_TRY(cr_fail(err, CR_EUSAGE, "report: --paper is printed as text only, of all classes"));
    CR_TRY(cr_option_argument(argc, argv, "the results file", &path, err));
    CR_TRY(print_report(path, paper, by_class, format, err));
    status = cr_output_flush(err);

cleanup:
    return status;
}

const cr_command cr_command_report = {
    .name = "report",
    .summary = "prints the error table of a results file",
    .help = "usage: camrank report RESULTS.h5 [--format " CR_REPORT_FORMAT_NAMES(
        "|") "] [--by-class]\n\n"
             "Counts the rows of a results file, finished or not, and prints its error table.\n"
             "Errors are in percent; csv and json give them in full.\n\n"
             "  --by-class         a line a ground-truth class instead, with what became of its "
             "images\n"
             "  --paper NAME       beside the tables of a paper instead: cam2016 (Zhou et al.) or\n"
             "                     gradcam2017 (Selvaraju et al.); jobs/ holds a job for each\n",
    .run = report_command};
