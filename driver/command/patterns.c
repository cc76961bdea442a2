/* camrank patterns: what the maps of each class pick out over a whole set. */
#include "camrank/image.h"
#include "camrank/new_file.h"
#include "camrank/npy.h"

#include "command.h"
#include "patterns_data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_COUNT = 1,
    OPTION_BY,
    OPTION_SHARE,
    OPTION_ATTRIBUTES,
    OPTION_IMAGES,
    OPTION_IMAGE_MPIXELS,
    OPTION_FORCE
};

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"by", required_argument, NULL, OPTION_BY},
    {"share", required_argument, NULL, OPTION_SHARE},
    {"attributes", required_argument, NULL, OPTION_ATTRIBUTES},
    {"images", required_argument, NULL, OPTION_IMAGES},
    {"image-mpixels", required_argument, NULL, OPTION_IMAGE_MPIXELS},
    {"force", no_argument, NULL, OPTION_FORCE},
    CR_PICK_OPTIONS,
    {NULL, 0, NULL, 0}};

enum { MOST_REGIONS = 50 };

typedef struct request {
    cr_patterns_request of;
    const char *output;
    bool force;
} request;

static cr_status parse(int argc, char **argv, request *r, cr_error *err)
{
    int percent = 25;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;) {
        if (cr_pick_take(&r->of.pick, option, optarg))
            continue;
        if (option == 'o')
            r->output = optarg;
        else if (option == OPTION_COUNT)
            CR_OR_RETURN(cr_option_int("count", optarg, 1, &r->of.n_regions, err));
        else if (option == OPTION_SHARE)
            CR_OR_RETURN(cr_option_int("share", optarg, 1, &percent, err));
        else if (option == OPTION_ATTRIBUTES)
            r->of.attributes = optarg;
        else if (option == OPTION_IMAGES)
            r->of.folder = optarg;
        else if (option == OPTION_IMAGE_MPIXELS)
            CR_OR_RETURN(cr_option_int("image-mpixels", optarg, 1, &r->of.mpixels, err));
        else if (option == OPTION_FORCE)
            r->force = true;
        else if (option == OPTION_BY && strcmp(optarg, "truth") != 0 &&
                 strcmp(optarg, "predicted") != 0)
            return cr_fail(err, CR_EUSAGE, "--by %.100s: must be truth or predicted", optarg);
        else if (option == OPTION_BY)
            r->of.predicted = strcmp(optarg, "predicted") == 0;
        else
            return err->status;
    }
    if (r->of.n_regions > MOST_REGIONS)
        return cr_fail(err, CR_EUSAGE, "--count %d: must be 1 to %d", r->of.n_regions,
                       MOST_REGIONS);
    if (percent > 99)
        return cr_fail(err, CR_EUSAGE, "--share %d: must be 1 to 99", percent);
    r->of.share = percent / 100.;
    if (!r->output)
        return cr_fail(err, CR_EUSAGE, "patterns: -o FOLDER or -o FILE.html is missing");
    return cr_option_argument(argc, argv, "the results file", &r->of.path, err);
}

/* What this command writes may be replaced. */
static bool is_page(const char *bytes, size_t n)
{
    static const char begin[] = "<!DOCTYPE html>";
    return n >= sizeof begin - 1 && memcmp(bytes, begin, sizeof begin - 1) == 0;
}

static bool is_table(const char *bytes, size_t n)
{
    static const char begin[] = "class,name,";
    return n >= sizeof begin - 1 && memcmp(bytes, begin, sizeof begin - 1) == 0;
}

static cr_status write_form(const request *r, const char *path, cr_file_kind *kind,
                            bool put(const cr_patterns *, FILE *), const cr_patterns *patterns,
                            cr_error *err)
{
    const char *inputs[] = {r->of.path, r->of.attributes ? r->of.attributes : r->of.path};
    cr_new_file file = {0};
    CR_OR_RETURN(cr_new_file_begin(path, kind, r->force, inputs, 2, &file, err));
    cr_status status = CR_OK;
    FILE *out = fopen(file.path, "w");
    bool whole = out && put(patterns, out) && !ferror(out);
    whole = out && fclose(out) == 0 && whole;
    if (!whole)
        status = cr_fail(err, CR_EIO, "%s: %s", path, strerror(errno));
    return cr_new_file_end(&file, true, status, err);
}

static cr_status write_mean(const request *r, const char *path, const cr_patterns *p,
                            const cr_pattern_class *c, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n = (size_t)p->width * (size_t)p->height;
    cr_new_file file = {0};
    float *mean = cr_alloc(n, sizeof *mean);
    if (!mean)
        return cr_fail_memory(err, "a mean map", n, sizeof *mean);
    for (size_t i = 0; i < n; i++)
        mean[i] = (float)c->mean[i];
    status = cr_new_file_begin(path, cr_file_is_npy, r->force, &r->of.path, 1, &file, err);
    if (status == CR_OK)
        status = cr_new_file_end(
            &file, false, cr_npy_write(file.path, mean, p->width, p->height, false, err), err);
    free(mean);
    return status;
}

/* All of it in a folder. A class's map has the number of the class, whose id may be no name of a file. */
static cr_status write_folder(const request *r, const cr_patterns *p, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n = strlen(r->output) + 64;
    char *path = cr_alloc(n, 1);
    if (!path)
        return cr_fail_memory(err, "a path", n, 1);
    snprintf(path, n, "%s/index.html", r->output);
    CR_TRY(write_form(r, path, is_page, cr_patterns_html, p, err));
    snprintf(path, n, "%s/regions.csv", r->output);
    CR_TRY(write_form(r, path, is_table, cr_patterns_regions, p, err));
    snprintf(path, n, "%s/labels.csv", r->output);
    if (p->has_labels)
        CR_TRY(write_form(r, path, is_table, cr_patterns_labels, p, err));
    for (int i = 0; i < p->n_classes; i++) {
        snprintf(path, n, "%s/mean/%d.npy", r->output, p->classes[i].class);
        CR_TRY(write_mean(r, path, p, &p->classes[i], err));
    }

cleanup:
    free(path);
    return status;
}

static bool names_page(const char *path)
{
    const size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".html") == 0;
}

static cr_status patterns_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    cr_status status = CR_OK;
    request r = {.of = {.n_regions = 8, .mpixels = CR_IMAGE_DEFAULT_MPIXELS}};
    cr_patterns_file file = {0};
    CR_TRY(parse(argc, argv, &r, err));
    CR_TRY(cr_patterns_file_open(&r.of, &file, err));
    if (names_page(r.output))
        status = write_form(&r, r.output, is_page, cr_patterns_html, &file.patterns, err);
    else
        status = write_folder(&r, &file.patterns, err);

cleanup:
    cr_patterns_file_close(&file);
    return status;
}

const cr_command cr_command_patterns = {
    .name = "patterns",
    .summary = "shows what the maps of each class pick out over the whole set",
    .help =
        "usage: camrank patterns RESULTS.h5 -o FOLDER|FILE.html [options]\n\n"
        "Shows, for each class, where in the frame its maps look (their mean), the regions of the "
        "images\n"
        "whose maps reach the largest values, and, with --attributes, which further labels go with "
        "such\n"
        "maps. A set needs no boxes. FILE.html is one page that needs no network; FOLDER gets it "
        "as\n"
        "index.html, and regions.csv, labels.csv and mean/CLASS.npy, CLASS counted from 0.\n\n"
        "  -o, --output PATH  the page, whose name ends in .html, or the folder\n"
        "  --model NAME       the model (the first)\n"
        "  --method NAME      the method (the first)\n"
        "  --protocol NAME    the protocol whose boxes are the regions (the first)\n"
        "  --by truth|predicted\n"
        "                     classes are those of the ground truth, or those that the network "
        "predicts\n"
        "                     (truth, where there are labels)\n"
        "  --count N          regions of a class, 1 to 50 (8)\n"
        "  --attributes FILE  CSV, image,attribute: a row for each further label that an image "
        "has\n"
        "  --share N          high activation: the N % of a class's images whose maps reach the "
        "largest\n"
        "                     values (25)\n"
        "  --images FOLDER    where the images are now, or their tar (where they were in the run)\n"
        "  --image-mpixels N  the largest image that is read, in millions of pixels (100)\n"
        "  --force            replaces files that are there\n",
    .run = patterns_command};
