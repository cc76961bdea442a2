/* camrank score: boxes and errors of maps that are there already. */
#include "camrank/maps.h"
#include "camrank/new_file.h"

#include "command.h"
#include "driver/input_text.h"
#include "driver/reduce.h"
#include "driver/session.h"
#include "kept.h"
#include "worker/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is scored: the maps of a results file, of all its networks, or those of another program. */
typedef struct scoring {
    const cr_par *par;
    const char *place;
    cr_session session;
    cr_results *from; /* NULL: */
    cr_maps *maps;
    cr_results *out;
    cr_mask mask; /* of the present image */
    cr_loc_workspace workspace;
} scoring;

static bool is_results_file(const char *place)
{
    struct stat info;
    return stat(place, &info) == 0 && S_ISREG(info.st_mode);
}

/* Maps of a results file belong to its images by their ids. */
static cr_status check_same_images(const scoring *s, cr_error *err)
{
    const cr_dataset *own = &s->session.data, *data = cr_results_get_data(s->from);
    if (own->n_images != data->n_images)
        return cr_fail(err, CR_EINPUT, "%s: holds %d images, the job %d", s->place, data->n_images,
                       own->n_images);
    for (int i = 0; i < own->n_images; i++)
        if (strcmp(cr_data_image_id(own, i), cr_data_image_id(data, i)) != 0)
            return cr_fail(err, CR_EINPUT, "%s: image %d is %s, in the job %s", s->place, i,
                           cr_data_image_id(data, i), cr_data_image_id(own, i));
    return CR_OK;
}

/* Whether the maps that are kept of a variant are those of every class that is scored. */
static bool keeps_all(const cr_results_model *model, const cr_results_variant *variant)
{
    const bool all = cr_results_has_network(model) && !variant->of_image;
    return variant->map_slots >= (all ? CR_SLOTS : 1);
}

/* Where variant `v` of a model stands in the results file. */
static int find_origin(const cr_results_model *from, int v)
{
    int at = 0;
    for (;; at++)
        if (keeps_all(from, &from->variants[at]) && v-- == 0)
            return at;
}

/* The variants of a network of the results file whose maps are there. */
static cr_status plan_variants(scoring *s, const cr_results_model *model, cr_results_model *to,
                               cr_error *err)
{
    const size_t n = (size_t)model->n_variants;
    const int keep = s->session.job.map_slots;
    *to = *model;
    to->n_variants = 0;
    to->variants = cr_alloc(n, sizeof *to->variants);
    if (!to->variants)
        return cr_fail_memory(err, "variants", n, sizeof *to->variants);
    for (int v = 0; v < model->n_variants; v++) {
        const cr_results_variant *variant = &model->variants[v];
        char name[2 * CR_NAME_BYTES];
        cr_results_variant_name(variant, name);
        if (keeps_all(model, variant)) {
            cr_results_variant *kept = &to->variants[to->n_variants++];
            *kept = *variant;
            if (keep != CR_KEEP_DEFAULT && keep < kept->map_slots)
                kept->map_slots = keep;
        } else if (s->par->rank == 0) {
            fprintf(stderr, "camrank: %s: %s, %s is left out: %s\n", s->place, model->name, name,
                    variant->map_slots ? "it keeps maps of the ground truth's class alone"
                                       : "it keeps no maps");
        }
    }
    if (to->n_variants > 0)
        return CR_OK;
    return cr_fail(err, CR_EINPUT, "%s: holds no maps of %s of %s", s->place,
                   cr_results_has_network(model) ? "the classes" : "any class", model->name);
}

/* The networks of the results file, whose maps must all be there. */
static cr_status plan_from_results(scoring *s, cr_error *err)
{
    cr_status status = CR_OK;
    cr_results_plan *plan = &s->session.plan;
    const cr_results_plan *from = cr_results_get_plan(s->from);
    CR_TRY(check_same_images(s, err));
    if (from->map_slots < plan->map_slots)
        plan->map_slots = from->map_slots;
    plan->map_float16 = from->map_float16;
    free(plan->models);
    plan->models = cr_alloc((size_t)from->n_models, sizeof *plan->models);
    if (!plan->models)
        CR_TRY(cr_fail_memory(err, "models", (size_t)from->n_models, sizeof *plan->models));
    for (; plan->n_models < from->n_models; plan->n_models++) {
        const cr_results_model *model = &from->models[plan->n_models];
        cr_results_model *to = &plan->models[plan->n_models];
        status = plan_variants(s, model, to, err);
        if (status != CR_OK) {
            free(to->variants);
            goto cleanup;
        }
        CR_TRY(cr_session_check_maps(&s->session, s->place, to, err));
    }

cleanup:
    return status;
}

/* One model, named as the job, whose only method is `maps`. Their first map gives the size of those that
 * are kept; others may differ. */
static cr_status plan_from_maps(scoring *s, cr_error *err)
{
    cr_results_plan *plan = &s->session.plan;
    const float *values;
    int width, height;
    const cr_data_source *source = &s->session.job.data;
    if (!cr_data_has_labels(&s->session.data))
        return cr_fail(err, CR_EINPUT, "%s: no labels, of whose classes another program's maps are",
                       source->ground_truth ? source->ground_truth : source->images);
    CR_OR_RETURN(cr_maps_read(s->maps, 0, &values, &width, &height, err));
    free(plan->models);
    plan->models = cr_alloc(1, sizeof *plan->models);
    cr_results_variant *variant = cr_alloc(1, sizeof *variant);
    if (!plan->models || !variant) {
        free(variant);
        return cr_fail_memory(err, "a model", 1, sizeof *variant);
    }
    plan->n_models = 1;
    cr_results_model *model = plan->models;
    *model = (cr_results_model){.n_variants = 1, .variants = variant};
    snprintf(model->name, sizeof model->name, "%s", s->session.job.name);
    snprintf(model->file, sizeof model->file, "%s", s->place);
    snprintf(model->filter, sizeof model->filter, "none");
    *variant = (cr_results_variant){
        .scaling = CR_SCALING_MIN_MAX, .map_width = width, .map_height = height, .n_views = 1};
    variant->map_slots = plan->map_slots > 0;
    snprintf(variant->method, sizeof variant->method, "maps");
    plan->map_slots = plan->map_slots > 0;
    plan->map_float16 = false;
    if (plan->map_slots > 0)
        CR_OR_RETURN(cr_session_check_maps(&s->session, s->place, model, err));
    return CR_OK;
}

/* What cannot be said of maps alone. */
static void leave_out_asking(scoring *s)
{
    for (int m = 0; cr_metrics[m]; m++) {
        bool *wanted = &s->session.plan.metrics[m].wanted;
        if (*wanted && cr_metrics[m]->asking && s->par->rank == 0)
            fprintf(stderr,
                    "camrank: the metric %s is left out: it asks the network, which only "
                    "`camrank run` has\n",
                    cr_metrics[m]->name);
        *wanted = *wanted && !cr_metrics[m]->asking;
    }
}

/* Finds out what there is to be scored. Collective. */
static cr_status open_maps(scoring *s, cr_error *err)
{
    cr_status status = CR_OK;
    if (is_results_file(s->place))
        status = cr_results_open(s->place, &s->from, err);
    else
        status = cr_maps_open(s->place, &s->session.data, &s->maps, err);
    if (status == CR_OK)
        status = s->from ? plan_from_results(s, err) : plan_from_maps(s, err);
    return cr_par_agree(s->par, status, err);
}

static void mark_failed(cr_results_rows *rows, int b, const char *reason)
{
    rows->state[b] = CR_ROW_FAILED;
    snprintf(rows->reason[b], sizeof rows->reason[b], "%.*s", CR_REASON_BYTES - 1, reason);
}

/* The size of image i of the job, from its annotation or its file. */
static cr_status find_size(const scoring *s, int i, int32_t size[2], cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = &s->session.data;
    const int max_mpixels = s->session.job.image_mpixels;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    cr_image image = {0};
    size[0] = data->images[i].width;
    size[1] = data->images[i].height;
    if (size[0] > 0)
        return cr_image_check_size(cr_data_image_id(data, i), size[0], size[1], max_mpixels, err);
    if (!data->folder[0])
        return cr_fail(
            err, CR_EINPUT,
            "%s: its size is not known: the ground truth has none, and the job no images",
            cr_data_image_id(data, i));
    CR_TRY(cr_data_image_read(data, i, &bytes, &n_bytes, err));
    CR_TRY(cr_image_decode(bytes, n_bytes, cr_data_image_id(data, i), max_mpixels, &image, err));
    size[0] = image.width;
    size[1] = image.height;

cleanup:
    cr_image_free(&image);
    free(bytes);
    return status;
}

static cr_score_image image_at(const scoring *s, int i, const int32_t size[2])
{
    return (cr_score_image){
        .data = &s->session.data,
        .index = i,
        .width = size[0],
        .height = size[1],
        .plan = &s->session.plan,
        .mask = &s->mask,
        .max_mpixels = s->session.job.image_mpixels,
    };
}

/* Of row b, under every variant. */
static void blank_maps(const scoring *s, int model, const cr_results_rows *rows, int b)
{
    const cr_results_model *of = &s->session.plan.models[model];
    for (int v = 0; v < of->n_variants && rows->variants[v].maps; v++) {
        const size_t n = CR_SLOTS * cr_results_map_values(&of->variants[v]);
        for (size_t i = 0; i < n; i++)
            rows->variants[v].maps[(size_t)b * n + i] = NAN;
    }
}

/* Keeps the map that row b was scored by, if it has the size of those that are kept. */
static void keep_map(const scoring *s, const cr_loc_map *map, const cr_results_rows *rows, int b)
{
    const cr_results_variant *variant = &s->session.plan.models[0].variants[0];
    const size_t n = cr_results_map_values(variant);
    blank_maps(s, 0, rows, b);
    if (rows->variants[0].maps && map->width == variant->map_width &&
        map->height == variant->map_height)
        memcpy(rows->variants[0].maps + ((size_t)b * CR_SLOTS + CR_SLOT_TRUTH) * n, map->maps,
               n * sizeof *map->maps);
}

/* Row b: one map, of the ground-truth class. */
static cr_status score_map(scoring *s, cr_results_rows *rows, int b, cr_error *err)
{
    const int i = rows->first + b;
    int32_t *size = rows->size + 2 * b;
    const float *values;
    int width, height;
    rows->truth_logit[b] = rows->log_sum[b] = NAN;
    for (int k = 0; k < CR_TOP; k++) {
        rows->top_class[b * CR_TOP + k] = -1;
        rows->top_logit[b * CR_TOP + k] = NAN;
    }
    CR_OR_RETURN(find_size(s, i, size, err));
    CR_OR_RETURN(cr_data_check_size(&s->session.data, i, size[0], size[1], err));
    CR_OR_RETURN(cr_maps_read(s->maps, i, &values, &width, &height, err));
    const cr_view whole = {.region = {0, 0, size[0], size[1]}};
    const cr_loc_map map = {values, width, height, CR_SCALING_MIN_MAX, 1, &whole};
    const cr_score_image image = image_at(s, i, size);
    CR_OR_RETURN(
        cr_score_maps(&image, &map, CR_SLOT_TRUTH, false, rows->variants, b, &s->workspace, err));
    keep_map(s, &map, rows, b);
    return CR_OK;
}

/* Row b, read with its maps from a results file: every variant, every slot that has a class. */
static cr_status score_row(scoring *s, int model, const cr_input_spec *spec, cr_results_rows *rows,
                           int b, cr_error *err)
{
    const cr_results_model *of = &s->session.plan.models[model];
    const cr_results_plan *from = cr_results_get_plan(s->from);
    const int32_t *size = rows->size + 2 * b;
    const int first_slot = cr_results_has_network(of) ? 0 : CR_SLOT_TRUTH;
    const char *id = cr_data_image_id(&s->session.data, rows->first + b);
    cr_view views[CR_MAX_VIEWS];
    CR_OR_RETURN(cr_image_check_size(id, size[0], size[1], s->session.job.image_mpixels, err));
    CR_OR_RETURN(cr_data_check_size(&s->session.data, rows->first + b, size[0], size[1], err));
    cr_input_views(spec, size[0], size[1], views);
    for (int v = 0; v < of->n_variants; v++) {
        const cr_results_variant *variant = &of->variants[v];
        const size_t values = cr_results_map_values(variant);
        if (rows->variants[v].state[b] == CR_ROW_FAILED) {
            cr_score_blank(&s->session.plan, &rows->variants[v], b);
            continue;
        }
        const float *maps =
            rows->variants[v].maps + ((size_t)b * CR_SLOTS + (size_t)first_slot) * values;
        CR_OR_RETURN(cr_kept_check(s->place, from, model, find_origin(&from->models[model], v),
                                   first_slot, id, maps, err));
        const cr_loc_map map = {
            maps, variant->map_width, variant->map_height, variant->scaling, variant->n_views,
            views};
        const cr_score_image image = image_at(s, rows->first + b, size);
        CR_OR_RETURN(cr_score_maps(&image, &map, first_slot, variant->of_image, &rows->variants[v],
                                   b, &s->workspace, err));
    }
    return CR_OK;
}

/* The mask of image i, where a metric needs it. */
static cr_status take_mask(scoring *s, int i, cr_error *err)
{
    cr_mask_free(&s->mask);
    return cr_score_needs_masks(&s->session.plan)
               ? cr_mask_read(&s->session.data, i, s->session.job.image_mpixels, &s->mask, err)
               : CR_OK;
}

static void blank(const scoring *s, int model, const cr_results_rows *rows, int b)
{
    const cr_results_plan *plan = &s->session.plan;
    blank_maps(s, model, rows, b);
    for (int v = 0; v < plan->models[model].n_variants; v++)
        cr_score_blank(plan, &rows->variants[v], b);
}

/* A row's variants are what it is, but for those that have failed already. */
static void set_states(const scoring *s, int model, const cr_results_rows *rows, int b)
{
    for (int v = 0; v < s->session.plan.models[model].n_variants; v++) {
        struct cr_results_maps *of = &rows->variants[v];
        if (of->state[b] == CR_ROW_FAILED && rows->state[b] == CR_ROW_DONE)
            continue;
        of->state[b] = rows->state[b];
        memcpy(of->reason[b], rows->reason[b], sizeof of->reason[b]);
    }
}

/* The rows of a results file but for what is found anew; its protocols are others. */
static cr_status read_rows(const scoring *s, int model, const cr_results_rows *rows, cr_error *err)
{
    const cr_results_model *stored = &cr_results_get_plan(s->from)->models[model];
    const size_t n = (size_t)stored->n_variants;
    cr_results_rows from = *rows;
    from.variants = cr_alloc(n, sizeof *from.variants);
    if (!from.variants)
        return cr_fail_memory(err, "variants", n, sizeof *from.variants);
    for (int v = 0; v < s->session.plan.models[model].n_variants; v++) {
        struct cr_results_maps *to = &from.variants[find_origin(stored, v)];
        to->state = rows->variants[v].state;
        to->reason = rows->variants[v].reason;
        to->maps = rows->variants[v].maps;
    }
    cr_status status = cr_results_read(s->from, model, &from, err);
    free(from.variants);
    return status;
}

/* The rows of one chunk. A map that is missing or not finite fails its image. */
static cr_status score_chunk(scoring *s, int model, const cr_input_spec *spec,
                             cr_results_rows *rows, cr_error *err)
{
    cr_status status = CR_OK;
    if (s->from)
        CR_TRY(read_rows(s, model, rows, err));
    for (int b = 0; b < rows->n; b++) {
        cr_error reason = {0};
        CR_TRY(take_mask(s, rows->first + b, err));
        if (!s->from) {
            rows->state[b] = CR_ROW_DONE;
            rows->variants[0].state[b] = CR_ROW_DONE;
            memset(rows->reason[b], 0, sizeof rows->reason[b]);
            status = score_map(s, rows, b, &reason);
        } else if (rows->state[b] == CR_ROW_DONE)
            status = score_row(s, model, spec, rows, b, &reason);
        else if (rows->state[b] == CR_ROW_EMPTY)
            status = cr_fail(&reason, CR_EINPUT,
                             "%s: is not finished; camrank run ... --resume goes on", s->place);
        if (status == CR_EINTERNAL || status == CR_EIO ||
            (status != CR_OK && rows->state[b] == CR_ROW_EMPTY)) {
            *err = reason;
            goto cleanup;
        }
        if (status != CR_OK)
            mark_failed(rows, b, reason.message);
        status = CR_OK;
        if (rows->state[b] == CR_ROW_FAILED)
            blank(s, model, rows, b);
        set_states(s, model, rows, b);
    }
    status = cr_results_write(s->out, model, rows, err);

cleanup:
    return status;
}

/* This rank's chunks of one model. Local. */
static cr_status score_model(scoring *s, int model, cr_error *err)
{
    cr_status status = CR_OK;
    const int n_images = s->session.data.n_images, batch = s->session.plan.batch;
    cr_arena arena = {0};
    cr_results_rows rows;
    cr_input_spec spec = {0};
    const bool maps = s->from || cr_results_keeps_maps(&s->session.plan.models[model]);
    if (s->from)
        CR_TRY(cr_input_text_of_model(s->place, &s->session.plan.models[model], &spec, err));
    CR_TRY(cr_results_rows_alloc(&s->session.plan, model, batch, maps, &arena, &rows, err));
    for (rows.first = s->par->rank * batch; rows.first < n_images;
         rows.first += s->par->size * batch) {
        rows.n = n_images - rows.first < batch ? n_images - rows.first : batch;
        CR_TRY(score_chunk(s, model, &spec, &rows, err));
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

/* Rank 0: the maps must not be replaced by what is made of them. */
static cr_status check_output(const scoring *s, bool force, cr_error *err)
{
    const char *output = s->session.job.output, *colon = strrchr(s->place, ':');
    char *file = strndup(s->place, colon ? (size_t)(colon - s->place) : strlen(s->place));
    const bool reads =
        cr_results_replaces(output, s->place) || (file && cr_results_replaces(output, file));
    free(file);
    if (reads)
        return cr_fail(err, CR_EINPUT,
                       "%s: would replace the maps that are scored (%s); give another output "
                       "with -o",
                       output, s->place);
    if (!force && access(output, F_OK) == 0)
        return cr_fail(err, CR_EINPUT, "%s: exists already; --force replaces it", output);
    return CR_OK;
}

static cr_status score_all(scoring *s, const cr_session_options *options, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_session *session = &s->session;
    if (s->par->rank == 0)
        status = check_output(s, options->force, err);
    CR_TRY(cr_par_follow(s->par, status, err));
    CR_TRY(cr_results_create(s->par, session->job.output, options->force, &session->plan,
                             &session->data, &s->out, err));
    cr_print_unlocked(s->par, s->out, session->job.output);
    for (int m = 0; m < session->plan.n_models && status == CR_OK; m++)
        status = score_model(s, m, err);
    CR_TRY(cr_par_agree(s->par, status, err));
    CR_TRY(cr_results_flush(s->out, err));
    CR_TRY(cr_reduce(s->par, s->out, err));
    CR_TRY(cr_results_close(&s->out, err));
    if (s->par->rank == 0)
        status = cr_print_outcome(session->job.output, err);
    CR_TRY(cr_par_follow(s->par, status, err));

cleanup:
    return status;
}

/* Some protocols look at the images themselves. */
static cr_status check_pictures(const cr_session *session, cr_error *err)
{
    for (int p = 0; p < session->job.n_protocols && !session->data.folder[0]; p++)
        if (cr_protocol_needs_picture(&session->job.protocols[p]))
            return cr_fail(err, CR_EINPUT,
                           "protocol %s looks at the images: the job must name their folder",
                           session->job.protocols[p].name);
    return CR_OK;
}

static cr_status score_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    cr_status status = CR_OK;
    cr_session_options options = {0};
    scoring s = {.par = par};
    if (argc < 2 || argv[1][0] == '-')
        return cr_fail(
            err, CR_EUSAGE,
            "score: the folder of maps comes first, then the job; see camrank score --help");
    s.place = argv[1];
    argv[1] = argv[0];
    CR_TRY(cr_session_options_parse(argc - 1, argv + 1, &options, err));
    if (options.resume || options.n_parts > 1)
        CR_TRY(cr_fail(err, CR_EUSAGE, "score: --resume and --part are for networks"));
    options.no_networks = true;
    CR_TRY(cr_session_open(par, &options, &s.session, err));
    leave_out_asking(&s);
    CR_TRY(check_pictures(&s.session, err));
    CR_TRY(open_maps(&s, err));
    CR_TRY(score_all(&s, &options, err));

cleanup:
    /* After a failed write, to close the file may hang; main ends the program at once. */
    if (status == CR_EIO)
        cr_results_abandon(&s.out);
    else if (s.out)
        cr_results_close(&s.out, NULL);
    if (s.from)
        cr_results_close(&s.from, NULL);
    cr_maps_close(s.maps);
    cr_mask_free(&s.mask);
    cr_loc_workspace_fini(&s.workspace);
    cr_session_close(&s.session);
    cr_session_options_free(&options);
    return status;
}

const cr_command cr_command_score = {
    .name = "score",
    .summary = "scores maps that are there already, with no network",
    .help =
        "usage: camrank score MAPS JOB.yaml [-o FILE] [--set KEY=VALUE] [--limit N] [--force]\n\n"
        "Finds boxes in maps under the job's protocols, compares them with the ground truth of\n"
        "its image set, writes a results file and prints the error table. The job's models and\n"
        "methods are not used. MAPS is one of\n\n"
        "  RESULTS.h5       a results file over the same images that holds all maps\n"
        "  FOLDER           FOLDER/<image file>.npy or FOLDER/<image id>.npy: a map of the\n"
        "                   ground-truth class for each image, as wsolevaluation stores them; by\n"
        "                   id alone where an image has a row for each of its classes\n"
        "  FILE.h5:DATASET  the same as rows of a dataset (images, height, width), the images\n"
        "                   in the order of their ids; contiguous, or compressed with gzip\n\n"
        "A map of another program covers the whole image and is scaled from its minimum to its\n"
        "maximum; its row is named as the job. Without networks there are GT-known errors and\n"
        "MaxBoxAcc alone.\n\n"
        "The new file holds a copy of the maps that it was scored by, so that show and export\n"
        "need no other: of all classes, of the ground truth, or none, as heatmaps.classes of the\n"
        "job says. Those of a results file stay as they are; others become float32, and are kept\n"
        "if they have the size of the first.\n",
    .uses_mpi = true,
    .run = score_command};
