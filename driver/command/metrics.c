/* camrank metrics: the table of metrics as people read it. The table of docs/metrics.md is its output. */
#include "camrank/near.h"
#include "command.h"

#include "camrank/metric.h"

#include <stdio.h>
#include <string.h>

static const char *needs_text(const cr_metric *metric)
{
    const bool boxes = metric->needs & CR_METRIC_NEEDS_BOXES;
    return metric->needs & CR_METRIC_NEEDS_MASKS ? "masks"
           : metric->asking                      ? "labels, passes"
           : !boxes                              ? "labels"
           : metric->needs & CR_METRIC_NEEDS_PAIRS
               ? "boxes, predicted classes, several classes an image"
           : metric->needs & CR_METRIC_NEEDS_LABELS ? "boxes, predicted classes"
                                                    : "boxes";
}

static const char *where_text(const cr_metric *metric)
{
    return metric->n_sums == 0 ? "in every report"
           : metric->always    ? "in every run"
                               : "where a job names it";
}

static const char *better_text(const cr_metric_number *number)
{
    static const char *const texts[] = {
        [CR_METRIC_DOWN] = "better down",
        [CR_METRIC_UP] = "better up",
        [CR_METRIC_NEITHER] = "in reports alone",
    };
    return texts[number->better];
}

static const char *range_text(const cr_metric *metric, int k)
{
    return metric->ranges && metric->ranges[k] ? metric->ranges[k]
           : metric->numbers[k].unit[0]        ? "percent"
                                               : "0 to 1";
}

/* Its own parameters, or those of the protocols that it stands under. */
static cr_parameters parameters_of(const cr_metric *metric)
{
    return metric->of_protocol ? cr_protocol_parameters : metric->parameters;
}

static void print_metric(const cr_metric *metric)
{
    printf("%s\n  %s\n  %s\n  needs %s; %s; once for each %s\n", metric->name, metric->summary,
           metric->source, needs_text(metric), where_text(metric),
           metric->of_protocol ? "method and protocol" : "method");
    if (parameters_of(metric).n > 0)
        printf("  parameters%s:\n", metric->of_protocol ? " of each protocol" : "");
    cr_print_parameters(parameters_of(metric));
    printf("  numbers:\n");
    for (int k = 0; k < metric->n_numbers; k++) {
        const cr_metric_number *number = &metric->numbers[k];
        printf("    %-27s  %s, %s%s\n", number->key, range_text(metric, k), better_text(number),
               number->interval ? ", with its 95 % interval" : "");
    }
}

static void print_markdown(void)
{
    printf("| metric | says | needs | | numbers, and which way is better | source |\n"
           "|---|---|---|---|---|---|\n");
    for (const cr_metric *const *metric = cr_metrics; *metric; metric++) {
        printf("| `%s` | %s | %s | %s | ", (*metric)->name, (*metric)->summary, needs_text(*metric),
               where_text(*metric));
        for (int k = 0; k < (*metric)->n_numbers; k++)
            if ((*metric)->numbers[k].better != CR_METRIC_NEITHER)
                printf("%s`%s` %s", k ? ", " : "", (*metric)->numbers[k].key,
                       strrchr(better_text(&(*metric)->numbers[k]), ' ') + 1);
        printf(" | %s |\n", (*metric)->source);
    }
}

static cr_status metrics_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    bool markdown;
    cr_near near;
    if (cr_option_markdown(argc, argv, &markdown, err) != CR_OK)
        return err->status;
    for (int i = optind; i < argc; i++)
        if (cr_metric_find(argv[i]) < 0)
            return cr_fail(err, CR_EUSAGE, "unknown metric \"%.60s\"%s; known: %s", argv[i],
                           cr_near_of(&near, argv[i], cr_metric_names()), cr_metric_names());
    if (markdown)
        print_markdown();
    else if (optind < argc)
        for (int i = optind; i < argc; i++)
            print_metric(cr_metrics[cr_metric_find(argv[i])]);
    else
        for (int m = 0; cr_metrics[m]; m++) {
            printf("%s", m ? "\n" : "");
            print_metric(cr_metrics[m]);
        }
    return cr_output_flush(err);
}

const cr_command cr_command_metrics = {
    .name = "metrics",
    .summary = "lists the metrics, their parameters and their numbers",
    .help = "usage: camrank metrics [METRIC ...] [--markdown]\n\n"
            "Prints what each metric says of a map, its source, what it needs to know of the\n"
            "images, its parameters (limits, default in parentheses, meaning) and its numbers, as\n"
            "CSV, JSON and /summary name them. A job names those that are not in every run, and\n"
            "sets their parameters: metrics: [{name: METRIC, PARAMETER: VALUE}].\n\n"
            "  --markdown  one table of all metrics\n",
    .run = metrics_command};
