/* camrank report: the error table of a results file. */
#include "camrank/report.h"

#include "command.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPTION_FORMAT = 1 };

static const struct option options[] = {{"format", required_argument, NULL, OPTION_FORMAT},
                                        {NULL, 0, NULL, 0}};

static cr_status report_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    cr_report_format format = CR_REPORT_TEXT;
    const char *path;
    cr_results *results = NULL;
    cr_report report = {0};
    char *text = NULL;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;) {
        if (option != OPTION_FORMAT)
            return err->status;
        CR_TRY(cr_report_format_find(optarg, &format, err));
    }
    CR_TRY(cr_option_argument(argc, argv, "the results file", &path, err));
    CR_TRY(cr_results_open(path, &results, err));
    CR_TRY(cr_report_make(results, &report, err));
    CR_TRY(cr_report_write(&report, format, &text, err));
    fputs(text, stdout);
    status = cr_output_flush(err);

cleanup:
    free(text);
    cr_report_free(&report);
    if (results)
        cr_results_close(&results, NULL);
    return status;
}

const cr_command cr_command_report = {
    .name = "report",
    .summary = "prints the error table of a results file",
    .help = "usage: camrank report RESULTS.h5 [--format text|csv|json|markdown|latex]\n\n"
            "Counts the rows of a results file, finished or not, and prints its error table.\n"
            "Errors are in percent; csv and json give them in full.\n",
    .run = report_command};
