/* camrank plot: one figure of a results file. */
#include "camrank/new_file.h"

#include "command.h"
#include "plot_data.h"

#include <stdio.h>
#include <string.h>

enum {
    OPTION_WIDTH = 1,
    OPTION_DPI,
    OPTION_TITLE,
    OPTION_METRIC,
    OPTION_SORT,
    OPTION_MODEL,
    OPTION_METHOD,
    OPTION_PROTOCOL,
    OPTION_FORCE
};

static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                        {"width", required_argument, NULL, OPTION_WIDTH},
                                        {"dpi", required_argument, NULL, OPTION_DPI},
                                        {"title", required_argument, NULL, OPTION_TITLE},
                                        {"metric", required_argument, NULL, OPTION_METRIC},
                                        {"sort", required_argument, NULL, OPTION_SORT},
                                        {"model", required_argument, NULL, OPTION_MODEL},
                                        {"method", required_argument, NULL, OPTION_METHOD},
                                        {"protocol", required_argument, NULL, OPTION_PROTOCOL},
                                        {"force", no_argument, NULL, OPTION_FORCE},
                                        {NULL, 0, NULL, 0}};

enum { LEAST_DPI = 36, MOST_DPI = 2400 };

typedef struct request {
    const char *path, *output, *title, *metric;
    const cr_plot_kind *kind;
    cr_report_options options;
    double width;
    int dpi;
    bool force;
} request;

static cr_status parse(int argc, char **argv, request *r, cr_error *err)
{
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case 'o':
            r->output = optarg;
            break;
        case OPTION_WIDTH:
            if (strcmp(optarg, "one") != 0 && strcmp(optarg, "two") != 0)
                return cr_fail(err, CR_EUSAGE, "--width %.100s: must be one or two", optarg);
            r->width = strcmp(optarg, "one") == 0 ? CR_CHART_ONE_COLUMN : CR_CHART_TWO_COLUMNS;
            break;
        case OPTION_DPI:
            CR_OR_RETURN(cr_option_int("dpi", optarg, LEAST_DPI, &r->dpi, err));
            if (r->dpi > MOST_DPI)
                return cr_fail(err, CR_EUSAGE, "--dpi %s: must be %d to %d", optarg, LEAST_DPI,
                               MOST_DPI);
            break;
        case OPTION_TITLE:
            r->title = optarg;
            break;
        case OPTION_METRIC:
            r->metric = optarg;
            break;
        case OPTION_SORT:
            r->options.sort = optarg;
            break;
        case OPTION_MODEL:
            r->options.models = optarg;
            break;
        case OPTION_METHOD:
            r->options.methods = optarg;
            break;
        case OPTION_PROTOCOL:
            r->options.protocols = optarg;
            break;
        case OPTION_FORCE:
            r->force = true;
            break;
        default:
            return err->status;
        }
    if (argc - optind != 2 || !r->output)
        return cr_fail(
            err, CR_EUSAGE,
            "plot: a results file, a kind and -o FILE are needed; see camrank plot --help");
    r->path = argv[optind];
    CR_OR_RETURN(cr_plot_kind_find(argv[optind + 1], &r->kind, err));
    if (r->metric && !(r->kind->needs & CR_PLOT_NEEDS_COMPARE))
        return cr_fail(err, CR_EUSAGE, "plot: --metric is of figures of a comparison, not of %s",
                       r->kind->name);
    return CR_OK;
}

static cr_status write_chart(const request *r, const cr_chart *chart, cr_error *err)
{
    const cr_chart_format *format;
    cr_new_file file = {0};
    if (strcmp(r->output, "-") == 0) {
        CR_OR_RETURN(cr_chart_format_find(".png", &format, err));
        return cr_chart_write(NULL, format, chart, r->dpi, err);
    }
    CR_OR_RETURN(cr_chart_format_find(r->output, &format, err));
    CR_OR_RETURN(cr_new_file_begin(r->output, format->kind, r->force, &r->path, 1, &file, err));
    const cr_status status = cr_chart_write(file.path, format, chart, r->dpi, err);
    return cr_new_file_end(&file, true, status, err);
}

static cr_status plot_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    request r = {.width = CR_CHART_ONE_COLUMN, .dpi = 300};
    cr_plot_file file = {0};
    cr_chart chart = {0};
    CR_TRY(parse(argc, argv, &r, err));
    CR_TRY(cr_plot_file_open(r.path, &r.options, r.kind->needs, r.metric, &file, err));
    CR_TRY(cr_plot_make(r.kind, &file.data, r.width, &chart, err));
    if (r.title)
        chart.title = r.title[0] ? r.title : NULL;
    CR_TRY(write_chart(&r, &chart, err));

cleanup:
    cr_chart_fini(&chart);
    cr_plot_file_close(&file);
    return status;
}

const cr_command cr_command_plot = {
    .name = "plot",
    .summary = "draws a figure of a results file: curves, bars, intervals",
    .help =
        "usage: camrank plot RESULTS.h5 KIND -o FILE [options]\n\n"
        "Draws one figure. Its numbers are those of camrank report and camrank compare. KIND is "
        "one of\n\n"
        "  threshold  the error at every threshold of the map, with the best one\n"
        "  success    the share of images that reach an IoU, from 0 to 1, and the area under it\n"
        "  iou        histograms of IoU\n"
        "  outcomes   outcomes as stacked bars: right, wrong class, part, too large, ...\n"
        "  classes    the error class by class, sorted, with the worst and the best by name\n"
        "  size       the error by the share of the image that its largest object has\n"
        "  objects    the error by the number of objects in the image\n"
        "  models     classification error against localization error, a point a row\n"
        "  curves     insertion and deletion: the class's probability while pixels come or go\n"
        "  forest     differences of pairs of rows with their intervals\n"
        "  ranks      the critical-difference diagram of mean ranks\n\n"
        "  -o, --output FILE  the file to write: its ending, .png, .jpg, .pdf, .svg or .csv, says "
        "which\n"
        "                     format; .csv has the numbers that are drawn; - is a PNG to standard "
        "output\n"
        "  --force            replaces a file of that format that is there\n"
        "  --width one|two    as wide as one column of a paper, 88 mm, or as two, 180 mm (one)\n"
        "  --dpi N            pixels an inch of .png and .jpg (300)\n"
        "  --title TEXT       in place of the figure's own; \"\" for none\n"
        "  --metric NAME      forest and ranks: the number that is compared, as in camrank "
        "compare\n"
        "                     (forest: top1_loc_error, or what there is; ranks: mean_iou)\n"
        "  --model NAMES      rows of these models alone; commas between names, here and below\n"
        "  --method NAMES     rows of these methods alone\n"
        "  --protocol NAMES   these protocols alone\n"
        "  --sort KEY         the best row first, by a number of camrank report\n",
    .run = plot_command};
