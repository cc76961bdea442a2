/* camrank check: everything a run needs, validated and counted, without running. */
#include "command.h"
#include "driver/memory.h"
#include "driver/session.h"
#include "driver/suggest.h"
#include "driver/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MB(bytes) ((double)(bytes) / 1e6)

static void print_model(const cr_session *s, int m)
{
    const cr_model *model = &s->models[m];
    const cr_results_model *plan = &s->plan.models[m];
    char name[2 * CR_NAME_BYTES];
    int width = 8;
    printf("\nmodel %s: %s, %.3g M parameters, %.3g GFLOP an image\n", plan->name, plan->file,
           (double)model->n_parameters * 1e-6, model->flops * 1e-9);
    printf("  input    %s\n", plan->input);
    printf("  precision %s%s\n", cr_precision_names[model->precision],
           cr_precision_isa(model->precision)[0]
               ? ""
               : ": computed in float32 of rounded numbers, which is not faster on this CPU");
    if (plan->randomised[0])
        printf("  random   %s\n", plan->randomised);
    if (model->chosen[0])
        printf("  output   %s\n", model->chosen);
    if (model->cut[0])
        printf("  logits   before %s\n", model->cut);
    if (model->binary)
        printf("  classes  two of one output x, with the logits -x/2 and x/2\n");
    if (model->widened[0])
        printf("  weights  %s, computed with as float32\n", model->widened);
    if (model->arithmetic[0])
        printf("  pixels   %s, behind range, mean and std of the job\n", model->arithmetic);
    printf("  memory   %.1f MB weights, %.1f MB activations\n", MB(model->weight_bytes),
           MB(model->arena_bytes));
    for (int v = 0; v < model->n_variants; v++) {
        cr_results_variant_name(&plan->variants[v], name);
        width = (int)strlen(name) > width ? (int)strlen(name) : width;
    }
    for (int v = 0; v < model->n_variants; v++) {
        cr_results_variant_name(&plan->variants[v], name);
        printf("  %-*s at %s, maps %d x %d, ", width, name, plan->variants[v].layer,
               plan->variants[v].map_width, plan->variants[v].map_height);
        if (model->group[v])
            printf("%.0f passes an image", cr_model_passes(model, model->group[v]));
        else
            printf("%s", cr_variant_goes_back(&model->variants[v]) ? "backward pass"
                                                                   : "no backward pass");
        if (model->asks)
            printf(model->group[v] ? ", %.0f of them for metrics"
                                   : ", and %.0f pass%s an image for metrics",
                   model->ask_passes[v], model->ask_passes[v] > 1 ? "es" : "");
        printf("\n");
    }
    if (model->n_variants == 0)
        printf("  classes alone, no maps\n");
    if (model->not_applied[0])
        printf("  without  %s\n", model->not_applied);
}

static void print_plan(const cr_session *s)
{
    printf("job %s: valid\n", s->job.name);
    printf("images   %d of %d classes, %d boxes, from %s\n", s->data.n_images, s->data.n_classes,
           s->data.n_boxes, s->data.folder[0] ? s->data.folder : "annotations alone");
    if (s->data.n_masks)
        printf("masks    of %d images, from %s%s\n", s->data.n_masks,
               s->data.masks[0] ? s->data.masks : "the ground truth",
               s->data.images[0].mask ? "; those count that have a pixel of their class" : "");
    if (s->data.segments[0])
        printf("segments of each image, from %s\n", s->data.segments);
    if (s->data.n_excluded)
        printf("excluded %d images are not localized\n", s->data.n_excluded);
    if (s->data.n_unlisted_files)
        printf("left out %d image files that the ground truth does not name: %s\n",
               s->data.n_unlisted_files, s->data.unlisted);
    for (int p = 0; p < s->job.n_protocols; p++) {
        const cr_protocol *protocol = &s->job.protocols[p];
        char text[CR_PROTOCOL_TEXT_BYTES];
        cr_protocol_text(protocol, text);
        printf("protocol %s: %s, %d-connected, IoU >= %g\n", protocol->name, text,
               protocol->connectivity, protocol->iou);
    }
    if (s->n_models > 0)
        printf(
            "chunks   %d of %d images%s: at most %d rank%s work\n", cr_units_all(s), s->job.batch,
            cr_units_groups(s) > s->n_models ? " or fewer, for each network and each costly method"
                                             : "",
            cr_units_all(s), cr_units_all(s) == 1 ? " has" : "s have");
    for (int m = 0; m < s->n_models; m++)
        print_model(s, m);
    printf("\noutput   %s, %.1f MB%s\n", s->job.output, MB(cr_results_bytes(&s->plan, &s->data)),
           access(s->job.output, F_OK) == 0 ? "; exists: a run needs --resume or --force" : "");
}

/* Where ranks cannot share weights, each has them. */
static void print_memory(const cr_session *s, const cr_memory *memory)
{
    const char *why = memory->why_private;
    printf(
        "memory   weights %.1f MB a %s, activations %.1f MB and images read ahead %.1f MB a rank",
        MB(memory->weights), why[0] ? "rank" : "node", MB(memory->arena), MB(memory->ahead));
    if (memory->peak_rss >= 0)
        printf("; peak RSS of this check %.1f MB a rank", MB(memory->peak_rss));
    printf("\n");
    if (s->n_turns > 1)
        printf(
            "         the weights of all networks would take %.1f MB: they are held in %d turns\n",
            MB(memory->all_weights), s->n_turns);
    if (why[0])
        printf("         the ranks of a node do not share weights: %s\n", why);
}

/* A run makes the folders that are missing. */
cr_status cr_check_output(const char *path, cr_error *err)
{
    cr_status status = CR_OK;
    struct stat there;
    char *folder = cr_path_folder(path);
    while (folder && access(folder, W_OK | X_OK) != 0 && errno == ENOENT) {
        char *above = cr_path_folder(folder);
        free(folder);
        folder = above;
    }
    if (!folder)
        return cr_fail_memory(err, "a path", strlen(path), 1);
    if (stat(folder, &there) == 0 && !S_ISDIR(there.st_mode))
        status = cr_fail(err, CR_EINPUT, "%s: cannot be written: %s", path, strerror(ENOTDIR));
    else if (access(folder, W_OK | X_OK) != 0)
        status = cr_fail(err, CR_EINPUT, "%s: cannot be written: %s", path, strerror(errno));
    free(folder);
    return status;
}

cr_status cr_check_job(const cr_par *par, const cr_session_options *options, cr_error *err)
{
    cr_status status = CR_OK;
    cr_session session = {0};
    cr_memory memory;
    CR_TRY(cr_session_open(par, options, &session, err));
    if (par->rank == 0)
        status = cr_check_output(session.job.output, err);
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(cr_memory_measure(par, &session, &memory, err));
    if (par->rank == 0) {
        print_plan(&session);
        if (session.n_models > 0)
            print_memory(&session, &memory);
    }
    if (session.n_models > 0)
        CR_TRY(cr_suggest_print(par, &session, err));
    if (par->rank == 0)
        status = cr_output_flush(err);
    CR_TRY(cr_par_follow(par, status, err));

cleanup:
    cr_session_close(&session);
    return status;
}

static cr_status check_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    cr_session_options options;
    cr_status status = cr_session_options_parse(argc, argv, &options, err);
    if (status != CR_OK)
        return status;
    status = cr_check_job(par, &options, err);
    cr_session_options_free(&options);
    return status;
}

const cr_command cr_command_check = {
    .name = "check",
    .summary = "validates a job and prints what a run would do",
    .help =
        "usage: camrank check JOB.yaml [options]\n\n"
        "Reads everything that a run would read, but only a few of the images, and prints the\n"
        "plan: images, networks, target layers, map sizes, size of the results file, memory of\n"
        "each rank. Times a few images, and suggests tasks, memory and time for "
        "Slurm.\n\n" CR_SESSION_OPTIONS_HELP
        "  --force, --resume  accepted and ignored, so that a run's options can be checked\n",
    .uses_mpi = true,
    .run = check_command};
