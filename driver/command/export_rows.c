/* export_rows.c - predictions as text: CSV, Kaggle's and the devkit's forms. */
#include "export.h"

#include "camrank/new_file.h"

#include <csv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Images read at a time. */
enum { SLICE = 1024 };

/* One image under one method and protocol, in rows that are read. */
typedef struct view {
    const cr_dataset *data;
    const cr_results_rows *rows;
    const cr_protocol *protocol;
    const struct cr_results_boxes *boxes;
    int i; /* row */
} view;

static const cr_data_image *image_of(const view *v)
{
    return &v->data->images[v->rows->first + v->i];
}

/* A slot's class, or -1 where the row failed or there is none. */
static int32_t class_of(const view *v, int slot)
{
    if (v->rows->state[v->i] != CR_ROW_DONE)
        return -1;
    return slot == CR_SLOT_TRUTH ? image_of(v)->label : v->rows->top_class[v->i * CR_TOP + slot];
}

static size_t place_of(const view *v, const cr_prediction *at)
{
    return (size_t)((v->i * CR_SLOTS + at->slot) * v->protocol->n_boxes + at->box);
}

/* The predictions that the image has, best first; their number. */
static int predictions_of(const view *v, cr_prediction list[CR_TOP])
{
    int n = 0;
    const int most = cr_protocol_predictions(v->protocol, list);
    for (int k = 0; k < most; k++)
        if (class_of(v, list[k].slot) >= 0 && v->boxes->boxes[place_of(v, &list[k])].x0 >= 0)
            list[n++] = list[k];
    return n;
}

typedef cr_status take_slice(const cr_results_rows *rows, void *context, cr_error *err);

/* Reads the rows of a model slice by slice. */
static cr_status each_slice(cr_results *results, int model, take_slice *take, void *context,
                            cr_error *err)
{
    cr_status status = CR_OK;
    const int n_images = cr_results_get_data(results)->n_images;
    cr_arena arena = {0};
    cr_results_rows rows;
    CR_TRY(cr_results_rows_alloc(cr_results_get_plan(results), model, SLICE, false, &arena, &rows,
                                 err));
    for (rows.first = 0; rows.first < n_images; rows.first += rows.n) {
        rows.n = n_images - rows.first < SLICE ? n_images - rows.first : SLICE;
        CR_TRY(cr_results_read(results, model, &rows, err));
        CR_TRY(take(&rows, context, err));
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

/* A field of CSV, in quotes where it needs them. */
static void put_bytes(FILE *out, const char *text, size_t n)
{
    if (strcspn(text, ",\"\r\n") < n)
        csv_fwrite(out, text, n);
    else
        fwrite(text, 1, n, out);
}

static void put_field(FILE *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

/* CSV */

typedef struct csv_context {
    const cr_results_plan *plan;
    const cr_dataset *data;
    const cr_pick *pick;
    int model;
    FILE *out;
} csv_context;

/* The fields up to the model. */
static void put_image(const view *v, const csv_context *to)
{
    put_field(to->out, cr_data_image_id(v->data, v->rows->first + v->i));
    fputc(',', to->out);
    if (image_of(v)->label >= 0)
        fprintf(to->out, "%d", image_of(v)->label);
    fputc(',', to->out);
    put_field(to->out, to->plan->models[to->model].name);
}

static void end_line(const csv_context *to)
{
    const cr_results_model *model = &to->plan->models[to->model];
    fprintf(to->out, ",%s\n",
            cr_results_has_network(model) ? cr_precision_names[model->precision] : "");
}

static void put_line(const view *v, const csv_context *to, const char *method, int rank,
                     const cr_prediction *at)
{
    const cr_data_image *image = image_of(v);
    const int32_t class = class_of(v, at->slot);
    const float score = at->slot == CR_SLOT_TRUTH ? v->rows->truth_logit[v->i]
                                                  : v->rows->top_logit[v->i * CR_TOP + at->slot];
    const cr_box box = v->boxes->boxes[place_of(v, at)];
    const double iou = v->boxes->iou[place_of(v, at)];
    put_image(v, to);
    fputc(',', to->out);
    put_field(to->out, method);
    fputc(',', to->out);
    put_field(to->out, v->protocol->name);
    fprintf(to->out, ",%d,%d,", rank, class);
    if (!isnan(score))
        fprintf(to->out, "%.9g", (double)score);
    fprintf(to->out, ",%d,%d,%d,%d,", box.x0, box.y0, box.x1, box.y1);
    if (!isnan(iou))
        fprintf(to->out, "%.9g", iou);
    fputc(',', to->out);
    if (!isnan(iou) && cr_metric_localizes(v->protocol, image->localize != 0))
        fprintf(to->out, "%d", cr_metric_hits(v->protocol, image->label, class, iou));
    end_line(to);
}

/* Of a network without methods: its classes. */
static void put_classes(const cr_results_rows *rows, const csv_context *to)
{
    for (int i = 0; i < rows->n; i++)
        for (int k = 0; k < CR_TOP; k++) {
            const view v = {to->data, rows, NULL, NULL, i};
            if (class_of(&v, k) < 0)
                continue;
            put_image(&v, to);
            fprintf(to->out, ",,,%d,%d,%.9g,,,,,,", k + 1, class_of(&v, k),
                    (double)rows->top_logit[i * CR_TOP + k]);
            end_line(to);
        }
}

static cr_status take_csv(const cr_results_rows *rows, void *context, cr_error *err)
{
    (void)err;
    const csv_context *to = context;
    const cr_results_model *model = &to->plan->models[to->model];
    char method[2 * CR_NAME_BYTES];
    if (model->n_variants == 0)
        put_classes(rows, to);
    for (int i = 0; i < rows->n; i++)
        for (int m = 0; m < model->n_variants; m++)
            for (int p = 0; p < to->plan->n_protocols; p++) {
                const view v = {to->data, rows, &to->plan->protocols[p],
                                &rows->variants[m].protocols[p], i};
                cr_prediction list[CR_TOP];
                if ((to->pick->method_name && m != to->pick->variant) ||
                    (to->pick->protocol_name && p != to->pick->protocol))
                    continue;
                cr_results_variant_name(&model->variants[m], method);
                const int n = predictions_of(&v, list);
                for (int k = 0; k < n; k++)
                    put_line(&v, to, method, k + 1, &list[k]);
                cr_protocol_predictions(v.protocol, list);
                const cr_prediction truth = {CR_SLOT_TRUTH, list[0].box};
                if (class_of(&v, CR_SLOT_TRUTH) >= 0 &&
                    v.boxes->boxes[place_of(&v, &truth)].x0 >= 0)
                    put_line(&v, to, method, 0, &truth);
            }
    return CR_OK;
}

static const char csv_header[] =
    "image,label,model,method,protocol,rank,class,score,x0,y0,x1,y1,iou,hit";
static const char kaggle_header[] = "ImageId,PredictionString\n";

static bool starts(const char *bytes, size_t n, const char *header)
{
    const size_t most = strlen(header) < CR_KIND_BYTES ? strlen(header) : CR_KIND_BYTES;
    return n >= most && memcmp(bytes, header, most) == 0;
}

bool cr_export_is_csv(const char *bytes, size_t n)
{
    return starts(bytes, n, csv_header);
}

/* The ground truth has the same header, and wnids where a submission has numbers. */
bool cr_export_is_kaggle(const char *bytes, size_t n)
{
    const size_t header = strlen(kaggle_header);
    if (!starts(bytes, n, kaggle_header))
        return false;
    const bool quoted = n > header && bytes[header] == '"';
    const char *comma = memmem(bytes + header, n - header, quoted ? "\"," : ",", quoted ? 2 : 1);
    const char *value = comma ? comma + 1 + quoted : bytes + n;
    return value == bytes + n || strchr("0123456789\n", *value);
}

/* Lines of numbers. A line of the ground truth is a single one. */
bool cr_export_is_devkit(const char *bytes, size_t n)
{
    size_t at = 0;
    while (at < n && strchr("0123456789 -.\n", bytes[at]) && bytes[at])
        at++;
    return at == n && (bytes[0] == '\n' || memchr(bytes, ' ', n));
}

/* What of a model is asked for. A method that is named need not be one of every model, and a model has its
 * classes where none is named. */
static cr_status pick_of(const char *path, const cr_results_plan *plan, const cr_pick *pick,
                         int model, cr_pick *here, cr_error *err)
{
    *here = *pick;
    here->model_name = plan->models[model].name;
    if (plan->models[model].n_variants == 0 && !pick->method_name)
        return CR_OK;
    return cr_pick_find(path, plan, false, true, here, err);
}

cr_status cr_export_csv(const char *path, cr_results *results, const cr_pick *pick, FILE *out,
                        cr_error *err)
{
    cr_status status = CR_OK;
    bool any = false;
    cr_pick here;
    csv_context to = {cr_results_get_plan(results), cr_results_get_data(results), &here, 0, out};
    for (; to.model < to.plan->n_models; to.model++) {
        if (pick->model_name && strcmp(pick->model_name, to.plan->models[to.model].name) != 0)
            continue;
        status = pick_of(path, to.plan, pick, to.model, &here, err);
        if (status != CR_OK)
            continue;
        if (!any)
            fprintf(out, "%s,precision\n", csv_header);
        any = true;
        CR_OR_RETURN(each_slice(results, to.model, take_csv, &to, err));
    }
    if (any)
        return CR_OK;
    here = *pick;
    return status != CR_OK ? status : cr_pick_find(path, to.plan, false, true, &here, err);
}

/* The forms of a challenge: a line an image, of several rows for its classes too, whose classes are numbered
 * in another order. */

typedef struct groups_context {
    const cr_results_plan *plan;
    const cr_dataset *data;
    const cr_pick *pick;
    const int32_t *number; /* [n_classes] what stands for a class */
    bool kaggle;
    FILE *out;
} groups_context;

static cr_status take_groups(const cr_results_rows *rows, void *context, cr_error *err)
{
    (void)err;
    const groups_context *to = context;
    const cr_pick *pick = to->pick;
    for (int i = 0; i < rows->n; i++) {
        const view v = {to->data, rows, &to->plan->protocols[pick->protocol],
                        &rows->variants[pick->variant].protocols[pick->protocol], i};
        cr_prediction list[CR_TOP];
        if (cr_data_follows(to->data, rows->first + i)) /* the same predictions */
            continue;
        const int n = predictions_of(&v, list);
        if (to->kaggle) {
            put_bytes(to->out, cr_data_image_id(to->data, rows->first + i),
                      cr_data_image_bytes(to->data, rows->first + i));
            fputc(',', to->out);
        }
        for (int k = 0; k < n; k++) {
            const cr_box box = v.boxes->boxes[place_of(&v, &list[k])];
            fprintf(to->out, "%s%d %d %d %d %d", k ? " " : "",
                    to->number[class_of(&v, list[k].slot)], box.x0, box.y0, box.x1, box.y1);
        }
        /* The devkit reads a table of numbers, in which an image without a prediction is wrong. */
        if (n == 0 && !to->kaggle)
            fprintf(to->out, "0 0 0 0 0");
        fputc('\n', to->out);
    }
    return CR_OK;
}

static cr_status put_groups(cr_results *results, const cr_pick *pick, const int32_t *number,
                            bool kaggle, FILE *out, cr_error *err)
{
    groups_context to = {
        cr_results_get_plan(results), cr_results_get_data(results), pick, number, kaggle, out};
    return each_slice(results, pick->model, take_groups, &to, err);
}

cr_status cr_export_kaggle(cr_results *results, const cr_pick *pick, FILE *out, cr_error *err)
{
    const cr_dataset *data = cr_results_get_data(results);
    const size_t n = (size_t)data->n_classes;
    int32_t *number = cr_alloc(2 * n, sizeof *number), *order = number + n;
    if (!number)
        return cr_fail_memory(err, "classes", 2 * n, sizeof *number);
    const bool other = cr_data_sorted_order(data, order);
    for (int32_t i = 0; i < data->n_classes; i++)
        number[other ? order[i] : i] = i + 1;
    fprintf(out, "%s", kaggle_header);
    cr_status status = put_groups(results, pick, number, true, out, err);
    free(number);
    return status;
}

cr_status cr_export_devkit(const char *path, cr_results *results, const cr_pick *pick, FILE *out,
                           cr_error *err)
{
    const cr_dataset *data = cr_results_get_data(results);
    int32_t *number = cr_alloc((size_t)data->n_classes, sizeof *number);
    if (!number)
        return cr_fail_memory(err, "classes", (size_t)data->n_classes, sizeof *number);
    cr_status status = CR_OK;
    for (int c = 0; c < data->n_classes && status == CR_OK; c++) {
        number[c] = data->classes[c].devkit;
        if (number[c] == 0)
            status = cr_fail(err, CR_EINPUT,
                             "%s: does not hold the devkit's ids of the classes: the job must give "
                             "dataset.devkit_synsets",
                             path);
    }
    if (status == CR_OK)
        status = put_groups(results, pick, number, false, out, err);
    free(number);
    return status;
}
