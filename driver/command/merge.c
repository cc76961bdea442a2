/* camrank merge: the results of networks that were run apart, in one file. */
#include "command.h"

#include "camrank/new_file.h"
#include "camrank/results.h"

#include "driver/job/job_protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TEXT_BYTES = 50000, /* of the jobs' texts: an attribute of HDF5 ends at 64 KiB */
};

enum { OPTION_FORCE = 1, OPTION_RESUME, OPTION_RENAME };

static const struct option options[] = {{"force", no_argument, NULL, OPTION_FORCE},
                                        {"resume", no_argument, NULL, OPTION_RESUME},
                                        {"rename", required_argument, NULL, OPTION_RENAME},
                                        {NULL, 0, NULL, 0}};

/* --rename OLD=NEW or FILE:OLD=NEW; of argv. */
typedef struct renaming {
    const char *given, *to;
    int file; /* whose model; -1: of every file, where several have it but for the first */
    char old[CR_NAME_BYTES];
    bool used;
} renaming;

typedef struct merge {
    bool force, resume;
    int n_renamings;
    renaming *renamings; /* [n_renamings] owned */
    const char *output;
    int n_files;
    char **paths;         /* [n_files] argv's */
    cr_results **files;   /* [n_files] open for reading; n_files arrays are owned */
    cr_results_plan plan; /* of the output; its models' variants are the files' */
    int64_t *sums;        /* of all models, in the order of the plan */
    cr_results *out;
} merge;

/* Once it is known which files there are. */
static cr_status parse_renaming(const merge *g, renaming *r, cr_error *err)
{
    const char *equals = strrchr(r->given, '='), *old = r->given;
    r->file = -1;
    if (!equals || !cr_job_is_plain_name(equals + 1) || strlen(equals + 1) >= CR_NAME_BYTES ||
        strcmp(equals + 1, CR_BASELINE_MODEL) == 0)
        return cr_fail(
            err, CR_EUSAGE,
            "--rename %s: must be OLD=NEW or FILE:OLD=NEW, a new name of letters, digits "
            "and . _ -, and not " CR_BASELINE_MODEL,
            r->given);
    for (int f = 0; f < g->n_files; f++) {
        const size_t n = strlen(g->paths[f]);
        if (strncmp(r->given, g->paths[f], n) == 0 && r->given[n] == ':') {
            r->file = f;
            old = r->given + n + 1;
        }
    }
    r->to = equals + 1;
    snprintf(r->old, sizeof r->old, "%.*s", (int)(equals - old), old);
    return CR_OK;
}

static cr_status parse(int argc, char **argv, merge *g, cr_error *err)
{
    g->renamings = cr_alloc((size_t)argc, sizeof *g->renamings);
    if (!g->renamings)
        return cr_fail_memory(err, "options", (size_t)argc, sizeof *g->renamings);
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;)
        switch (option) {
        case OPTION_FORCE:
            g->force = true;
            break;
        case OPTION_RESUME:
            g->resume = true;
            break;
        case OPTION_RENAME:
            g->renamings[g->n_renamings++].given = optarg;
            break;
        default:
            return err->status;
        }
    if (g->force && g->resume)
        return cr_fail(err, CR_EUSAGE, "%s: --force and --resume exclude each other", argv[0]);
    if (argc - optind < 2)
        return cr_fail(err, CR_EUSAGE,
                       "%s: the file to be made and those to be merged are needed; see camrank %s "
                       "--help",
                       argv[0], argv[0]);
    g->output = argv[optind];
    g->n_files = argc - optind - 1;
    g->paths = argv + optind + 1;
    for (int i = 0; i < g->n_renamings; i++)
        if (parse_renaming(g, &g->renamings[i], err) != CR_OK)
            return err->status;
    return CR_OK;
}

/* --force would replace it before it is read. */
static cr_status check_output(const merge *g, cr_error *err)
{
    for (int f = 0; f < g->n_files; f++)
        if (cr_results_replaces(g->output, g->paths[f]))
            return cr_fail(err, CR_EUSAGE,
                           "merge: %s is to be made and to be merged (%s): the first "
                           "file named is the one that is made",
                           g->output, g->paths[f]);
    return CR_OK;
}

/* Whether file f is about the same images under the same rules as the first one. */
static cr_status check_alike(const merge *g, int f, cr_error *err)
{
    const cr_results_plan *own = cr_results_get_plan(g->files[f]);
    cr_results_plan wanted = *cr_results_get_plan(g->files[0]);
    snprintf(wanted.job_name, sizeof wanted.job_name, "%s", own->job_name);
    wanted.n_models = own->n_models;
    wanted.models = own->models;
    if (f > 0 && strcmp(own->libraries, wanted.libraries) != 0)
        fprintf(stderr, "camrank: %s was computed with %s, %s with %s: last digits may differ\n",
                g->paths[0], wanted.libraries, g->paths[f], own->libraries);
    char where[200];
    snprintf(where, sizeof where, "in %.190s", g->paths[0]);
    return cr_results_compare(g->files[f], &wanted, cr_results_get_data(g->files[0]), where, err);
}

/* The file that holds model m of the plan. */
static const char *path_of_model(const merge *g, int m)
{
    int f = 0;
    for (; m >= cr_results_get_plan(g->files[f])->n_models; f++)
        m -= cr_results_get_plan(g->files[f])->n_models;
    return g->paths[f];
}

static bool is_taken(const merge *g, const char *name)
{
    for (int i = 0; i < g->plan.n_models; i++)
        if (strcmp(g->plan.models[i].name, name) == 0)
            return true;
    return false;
}

/* Gives a model of file f, which is none of the plan's yet, the name that an option has for it. */
static void rename_model(merge *g, int f, cr_results_model *model)
{
    for (int i = 0; i < g->n_renamings; i++) {
        renaming *r = &g->renamings[i];
        if (strcmp(r->old, model->name) != 0 || (r->file >= 0 && r->file != f))
            continue;
        bool again = false; /* in a file before: there it keeps its name, or this is for another */
        for (int other = 0; other < g->n_files && r->file < 0; other++)
            for (int m = 0; m < cr_results_get_plan(g->files[other])->n_models; m++)
                again = again ||
                        (other != f &&
                         strcmp(cr_results_get_plan(g->files[other])->models[m].name, r->old) == 0);
        if (again && !is_taken(g, r->old))
            continue;
        snprintf(model->name, sizeof model->name, "%s", r->to);
        r->used = true;
        return;
    }
}

/* The models of all files, one after the other. */
static cr_status plan_models(merge *g, cr_error *err)
{
    cr_results_plan *plan = &g->plan;
    int n = 0;
    for (int f = 0; f < g->n_files; f++)
        n += cr_results_get_plan(g->files[f])->n_models;
    plan->models = cr_alloc((size_t)n, sizeof *plan->models);
    if (!plan->models)
        return cr_fail_memory(err, "models", (size_t)n, sizeof *plan->models);
    plan->n_models = 0;
    for (int f = 0; f < g->n_files; f++)
        for (int m = 0; m < cr_results_get_plan(g->files[f])->n_models; m++) {
            cr_results_model model = cr_results_get_plan(g->files[f])->models[m];
            rename_model(g, f, &model);
            for (int i = 0; i < plan->n_models; i++)
                if (strcmp(plan->models[i].name, model.name) == 0)
                    return cr_fail(err, CR_EINPUT,
                                   "%s: holds a model %s, as %s does; --rename %s:%s=NEW gives it "
                                   "another name",
                                   g->paths[f], model.name, path_of_model(g, i), g->paths[f],
                                   cr_results_get_plan(g->files[f])->models[m].name);
            plan->models[plan->n_models++] = model;
        }
    for (int i = 0; i < g->n_renamings; i++)
        if (!g->renamings[i].used)
            return cr_fail(err, CR_EUSAGE, "--rename %s: no file holds a model %s",
                           g->renamings[i].given, g->renamings[i].old);
    return CR_OK;
}

static bool same_job(const cr_results_plan *a, const cr_results_plan *b)
{
    return strcmp(a->job_text, b->job_text) == 0 && strcmp(a->overrides, b->overrides) == 0;
}

/* Appends to a text of MAX_TEXT_BYTES; false where there is no room. */
static bool append(char *text, const char *part)
{
    const size_t used = strlen(text), bytes = strlen(part);
    if (bytes > MAX_TEXT_BYTES - 1 - used)
        return false;
    memcpy(text + used, part, bytes + 1);
    return true;
}

/* Where the files' jobs are not the same, they are kept one after the other, as YAML that says which
 * file is whose. Those for which there is no room are left out. */
static cr_status join_jobs(merge *g, cr_error *err)
{
    cr_results_plan *plan = &g->plan;
    const cr_results_plan *first = cr_results_get_plan(g->files[0]);
    bool same = true;
    for (int f = 1; f < g->n_files; f++)
        same = same && same_job(first, cr_results_get_plan(g->files[f]));
    plan->overrides = strdup(same ? first->overrides : "");
    plan->job_text = same ? strdup(first->job_text) : cr_alloc(MAX_TEXT_BYTES, 1);
    if (!plan->overrides || !plan->job_text)
        return cr_fail_memory(err, "the jobs' texts", MAX_TEXT_BYTES, 1);
    char *text = plan->job_text;
    for (int f = 0; f < (same ? 0 : g->n_files); f++) {
        const cr_results_plan *job = cr_results_get_plan(g->files[f]);
        const size_t before = strlen(text);
        const bool fits = append(text, "--- # job of ") && append(text, g->paths[f]) &&
                          append(text, "\n") && append(text, job->job_text) &&
                          append(text, "\n# overrides: ");
        const size_t overrides = strlen(text);
        if (!fits || !append(text, job->overrides) || !append(text, "\n"))
            text[before] = 0;
        for (char *at = text + overrides; fits && at[0] && at[1]; at++)
            *at = *at == '\n' ? ' ' : *at; /* a comment ends with its line */
    }
    return CR_OK;
}

/* A name that all jobs have, or else that of the file. */
static void name_job(merge *g)
{
    const cr_results_plan *first = cr_results_get_plan(g->files[0]);
    const char *name = cr_path_name(g->output);
    const char *dot = strrchr(name, '.');
    for (int f = 1; f < g->n_files; f++)
        if (strcmp(first->job_name, cr_results_get_plan(g->files[f])->job_name) != 0) {
            snprintf(g->plan.job_name, sizeof g->plan.job_name, "%.*s",
                     (int)(dot && dot > name ? dot - name : (ptrdiff_t)strlen(name)), name);
            return;
        }
}

/* Counts every row of every file, which also finds those that are missing and those that cannot be.
 */
static cr_status count(merge *g, cr_error *err)
{
    const size_t n = (size_t)cr_results_count_rows(&g->plan);
    const size_t n_sums = cr_results_count_sums(&g->plan);
    int row = 0;
    g->sums = cr_alloc(n, n_sums * sizeof *g->sums);
    if (!g->sums)
        return cr_fail_memory(err, "sums", n, n_sums * sizeof *g->sums);
    for (int f = 0; f < g->n_files; f++) {
        const cr_results_plan *plan = cr_results_get_plan(g->files[f]);
        const int n_images = cr_results_get_data(g->files[f])->n_images;
        CR_OR_RETURN(
            cr_results_tally(g->files[f], 0, n_images, g->sums + (size_t)row * n_sums, err));
        for (int m = 0; m < plan->n_models; row += cr_results_n_rows(&plan->models[m++])) {
            const cr_tally *at =
                (const cr_tally *)(g->sums +
                                   cr_results_sums_at(plan, row, CR_METRIC_LOCALIZATION, 0));
            if (at->n_missing)
                return cr_fail(err, CR_EINPUT,
                               "%s: is not finished: %lld of %d images are missing under model %s; "
                               "camrank run ... --resume goes on",
                               g->paths[f], (long long)at->n_missing, n_images,
                               plan->models[m].name);
        }
    }
    return CR_OK;
}

static cr_status read_inputs(merge *g, cr_error *err)
{
    g->files = cr_alloc((size_t)g->n_files, sizeof *g->files);
    if (!g->files)
        return cr_fail_memory(err, "files", (size_t)g->n_files, sizeof *g->files);
    for (int f = 0; f < g->n_files; f++) {
        CR_OR_RETURN(cr_results_open(g->paths[f], &g->files[f], err));
        CR_OR_RETURN(check_alike(g, f, err));
    }
    g->plan = *cr_results_get_plan(g->files[0]);
    g->plan.job_text = g->plan.overrides = NULL;
    g->plan.models = NULL;
    g->plan.has_states = true; /* rows of schema 1 are read with those of their images */
    for (int f = 0; f < g->n_files; f++)
        g->plan.has_log_sum = g->plan.has_log_sum && cr_results_get_plan(g->files[f])->has_log_sum;
    CR_OR_RETURN(plan_models(g, err));
    CR_OR_RETURN(join_jobs(g, err));
    name_job(g);
    return count(g, err);
}

/* Copies model `from` of a file to model `to` of the output, but for the rows that are there. */
static cr_status copy_model(merge *g, cr_results *file, int from, int to, cr_error *err)
{
    cr_status status = CR_OK;
    const int n_images = cr_results_get_data(file)->n_images;
    cr_arena arena = {0};
    cr_results_rows rows = {0};
    const int slice = cr_results_slice(&g->plan, to);
    uint8_t *there = cr_arena_alloc(&arena, (size_t)slice, 1);
    if (!there)
        CR_TRY(cr_fail_memory(err, "rows", (size_t)slice, 1));
    CR_TRY(cr_results_rows_alloc(&g->plan, to, slice, cr_results_keeps_maps(&g->plan.models[to]),
                                 &arena, &rows, err));
    rows.n = 0;
    for (; rows.first < n_images; rows.first += rows.n) {
        rows.n = n_images - rows.first < slice ? n_images - rows.first : slice;
        cr_results_rows old = {.first = rows.first, .n = rows.n, .state = there};
        CR_TRY(cr_results_read(g->out, to, &old, err));
        if (!memchr(there, CR_ROW_EMPTY, (size_t)rows.n))
            continue;
        CR_TRY(cr_results_read(file, from, &rows, err));
        CR_TRY(cr_results_write(g->out, to, &rows, err));
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

static cr_status write_output(const cr_par *par, merge *g, cr_error *err)
{
    const cr_dataset *data = cr_results_get_data(g->files[0]);
    bool resumed = false;
    if (g->resume)
        CR_OR_RETURN(cr_results_resume(par, g->output, &g->plan, data, &g->out, &resumed, err));
    else
        CR_OR_RETURN(cr_results_create(par, g->output, g->force, &g->plan, data, &g->out, err));
    cr_print_unlocked(par, g->out, g->output);
    for (int f = 0, to = 0; f < g->n_files; f++)
        for (int m = 0; m < cr_results_get_plan(g->files[f])->n_models; m++)
            CR_OR_RETURN(copy_model(g, g->files[f], m, to++, err));
    CR_OR_RETURN(cr_results_flush(g->out, err));
    CR_OR_RETURN(cr_results_write_summary(g->out, g->sums, err));
    CR_OR_RETURN(cr_results_close(&g->out, err));
    fprintf(stderr, "camrank: %d model%s of %d file%s, %d images\n", g->plan.n_models,
            g->plan.n_models == 1 ? "" : "s", g->n_files, g->n_files == 1 ? "" : "s",
            data->n_images);
    return CR_OK;
}

static cr_status merge_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    cr_status status = CR_OK;
    merge g = {0};
    if (par->size > 1)
        CR_TRY(cr_fail(err, CR_EUSAGE, "merge: works alone; start it without mpirun"));
    CR_TRY(parse(argc, argv, &g, err));
    CR_TRY(check_output(&g, err));
    CR_TRY(read_inputs(&g, err));
    CR_TRY(write_output(par, &g, err));
    status = cr_print_outcome(g.output, err);

cleanup:
    /* After a failed write, to close the file may hang; main ends the program at once. */
    if (status == CR_EIO)
        cr_results_abandon(&g.out);
    else if (g.out)
        cr_results_close(&g.out, NULL);
    for (int f = 0; g.files && f < g.n_files; f++)
        if (g.files[f])
            cr_results_close(&g.files[f], NULL);
    free(g.files);
    free(g.renamings);
    free(g.sums);
    free(g.plan.models);
    free(g.plan.job_text);
    free(g.plan.overrides);
    return status;
}

const cr_command cr_command_merge = {
    .name = "merge",
    .summary = "makes one results file of several, and prints its error table",
    .help =
        "usage: camrank merge OUT.h5 IN.h5 ... [--force | --resume] [--rename OLD=NEW]\n\n"
        "Copies the models of finished results files over the same images, under the same\n"
        "protocol, into one new file, in the order given: the file that one run over all of the\n"
        "models would have made. Prints its error table. The files merged stay as they are.\n\n"
        "  --force   replaces an existing OUT.h5\n"
        "  --resume  goes on with a merge that was interrupted\n"
        "  --rename OLD=NEW, --rename IN.h5:OLD=NEW\n"
        "            gives a model another name; of several files that hold OLD, in the second\n"
        "            without IN.h5; may be given again\n",
    .uses_mpi = true,
    .run = merge_command};
