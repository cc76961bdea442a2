/* The columns of a comparison: filled row by row, and cut to the images that count under all rows. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool cr_compare_has(int number)
{
    return cr_metric_number_at(number, NULL)->of_image ||
           cr_metric_number_at(number, NULL)->bit >= 0 || cr_compare_is_whole(number);
}

static void *room_for(cr_compare *compare, size_t n, size_t item_bytes)
{
    return cr_arena_alloc(&compare->room->arena, n, item_bytes);
}

static bool alloc_metric(cr_compare *compare, cr_compare_metric *metric)
{
    const size_t n_rows = (size_t)compare->n_rows, n = (size_t)compare->n_shared;
    metric->images = room_for(compare, n, sizeof *metric->images);
    metric->values = room_for(compare, n_rows, sizeof *metric->values);
    metric->order = room_for(compare, n_rows, sizeof *metric->order);
    metric->mean_ranks = room_for(compare, n_rows, sizeof *metric->mean_ranks);
    metric->pairs = room_for(compare, (size_t)compare->n_pairs, sizeof *metric->pairs);
    metric->rights = room_for(compare, n_rows, sizeof *metric->rights);
    metric->columns = room_for(compare, n_rows, sizeof *metric->columns);
    bool whole = metric->images && metric->values && metric->order && metric->mean_ranks &&
                 metric->pairs && metric->rights && metric->columns;
    if (metric->is_whole && compare->options.n_resamples > 0) {
        metric->means =
            room_for(compare, n_rows * (size_t)compare->options.n_resamples, sizeof *metric->means);
        whole = whole && metric->means;
    }
    for (size_t r = 0; whole && r < n_rows && !metric->is_whole; r++)
        whole = metric->is_rights
                    ? (metric->rights[r] = room_for(compare, n, 1)) != NULL
                    : (metric->columns[r] = room_for(compare, n, sizeof(double))) != NULL;
    return whole;
}

/* Chooses the metrics among the numbers that are wanted. */
static void choose_metrics(cr_compare *compare)
{
    compare->lead = -1;
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        const cr_metric_number *number = cr_metric_number_at(k, NULL);
        if (!compare->options.numbers[k] || !cr_compare_has(k))
            continue;
        if (compare->lead < 0 && number->of == CR_METRIC_OF_TOP)
            compare->lead = compare->n_metrics;
        compare->needs_levels = compare->needs_levels || number->bit >= 0;
        const bool is_whole = cr_compare_is_whole(k);
        compare->needs_whole = compare->needs_whole || is_whole;
        compare->needs_iou =
            compare->needs_iou ||
            (!is_whole && (number->of == CR_METRIC_OF_TOP || number->of == CR_METRIC_OF_TRUTH));
        compare->metrics[compare->n_metrics++] = (cr_compare_metric){
            .number = k, .is_rights = number->unit[0] == '%' && !is_whole, .is_whole = is_whole};
    }
    compare->lead = compare->lead < 0 ? 0 : compare->lead;
    compare->needs_boxes = compare->options.n_flips > 0;
}

cr_status cr_compare_begin(const cr_compare_options *options, const cr_compare_set *sets,
                           int n_sets, const int32_t *shared, int n_shared,
                           const cr_compare_row *rows, int n_rows, cr_compare *compare,
                           cr_error *err)
{
    *compare = (cr_compare){.options = *options,
                            .sets = sets,
                            .n_sets = n_sets,
                            .shared = shared,
                            .n_shared = n_shared,
                            .n_rows = n_rows};
    if (n_rows < 2)
        return cr_fail(err, CR_EINPUT, "%s: %s", sets[0].path,
                       n_rows ? "one row alone: nothing to compare it with" : "no row to compare");
    if (n_rows > CR_COMPARE_MAX_ROWS)
        return cr_fail(err, CR_EINPUT, "%s: %d rows are more than %d: --only chooses among them",
                       sets[0].path, n_rows, CR_COMPARE_MAX_ROWS);
    compare->n_pairs = options->against >= 0 ? n_rows - 1 : n_rows * (n_rows - 1) / 2;
    choose_metrics(compare);
    for (int m = 0; m < compare->n_metrics && options->chosen && options->by_class; m++)
        if (compare->metrics[m].is_whole)
            return cr_fail(err, CR_EUSAGE, "--by-class: %s is not compared class by class",
                           cr_compare_number(&compare->metrics[m])->key);
    const size_t n = (size_t)n_shared;
    compare->room = cr_alloc(1, sizeof *compare->room);
    bool whole = compare->room != NULL;
    if (whole) {
        compare->rows = room_for(compare, (size_t)n_rows, sizeof *compare->rows);
        compare->room->missing = room_for(compare, n, sizeof *compare->room->missing);
        whole = compare->rows && compare->room->missing;
    }
    if (whole && compare->needs_levels) {
        compare->room->parts = room_for(compare, n, 1);
        compare->room->swept = room_for(compare, n, sizeof *compare->room->swept);
        compare->room->levels = room_for(compare, n, CR_SWEEP_LEVELS);
        whole = compare->room->parts && compare->room->swept && compare->room->levels;
    }
    if (whole && compare->needs_boxes) {
        compare->room->seen = room_for(compare, n * (size_t)n_rows, sizeof *compare->room->seen);
        whole = compare->room->seen != NULL;
    }
    for (int m = 0; whole && m < compare->n_metrics; m++)
        whole = alloc_metric(compare, &compare->metrics[m]);
    if (!whole)
        return cr_fail_memory(err, "a comparison", (size_t)n_rows * n, sizeof(double));
    memcpy(compare->rows, rows, (size_t)n_rows * sizeof *rows);
    CR_OR_RETURN(cr_compare_number_images(compare, err));
    for (int i = 0; compare->needs_levels && i < n_shared; i++)
        compare->room->parts[i] =
            (uint8_t)cr_held_out_part(cr_data_image_id(sets[0].data, shared[i]),
                                      cr_data_image_bytes(sets[0].data, shared[i]));
    if (compare->n_metrics == 0)
        return cr_fail(err, CR_EUSAGE, "no number to compare by");
    const cr_status status = cr_compare_label(compare, err);
    return status == CR_OK ? cr_compare_find_variants(compare, err) : status;
}

void cr_compare_add(cr_compare *compare, int row, int image, const cr_metric_image *seen,
                    const cr_verdict *verdict, const cr_outcomes *outcomes, const uint8_t *levels,
                    const cr_metric_given *given)
{
    struct cr_compare_room *room = compare->room;
    if (room->seen)
        room->seen[(size_t)row * (size_t)compare->n_shared + (size_t)image] =
            (cr_compare_seen){.iou = {verdict->top1_iou, verdict->iou},
                              .outcome = {outcomes ? (uint8_t)outcomes->top1 : 0,
                                          outcomes ? (uint8_t)outcomes->gt_known : 0},
                              .counts = outcomes != NULL};
    compare->rows[row].n_missing += verdict->is_missing;
    room->missing[image] = room->missing[image] || verdict->is_missing;
    for (int m = 0; m < compare->n_metrics; m++) {
        cr_compare_metric *metric = &compare->metrics[m];
        int of;
        const cr_metric_number *number = cr_metric_number_at(metric->number, &of);
        if (!number->of_image)
            continue;
        const bool has = cr_metrics[of]->always || given[of].columns;
        const double value = has ? number->of_image(seen, verdict, &given[of]) : NAN;
        if (metric->is_rights)
            metric->rights[row][image] = isnan(value) ? CR_COMPARE_NOT : (uint8_t)value;
        else
            metric->columns[row][image] = value;
    }
    if (!compare->needs_levels)
        return;
    uint8_t *to = room->levels + (size_t)image * CR_SWEEP_LEVELS;
    room->swept[image] = verdict->is_swept;
    if (levels)
        memcpy(to, levels, CR_SWEEP_LEVELS);
    else
        memset(to, 0, CR_SWEEP_LEVELS);
}

/* Counts, for one bit, what chooses a level. */
static void sweep_row(const cr_compare *compare, int bit, cr_sweep *sweep)
{
    const struct cr_compare_room *room = compare->room;
    for (int i = 0; i < compare->n_shared; i++) {
        const uint8_t *levels = room->levels + (size_t)i * CR_SWEEP_LEVELS;
        if (!room->swept[i])
            continue;
        sweep->n_images[room->parts[i]]++;
        int64_t *right = sweep->right[room->parts[i]][bit];
        for (int level = 0; level < CR_SWEEP_LEVELS; level++)
            right[level] += levels[level] >> bit & 1;
    }
}

void cr_compare_row_done(cr_compare *compare, int row, const cr_sweep *chosen)
{
    const struct cr_compare_room *room = compare->room;
    compare->n_elsewhere += chosen != NULL;
    for (int m = 0; m < compare->n_metrics; m++) {
        cr_compare_metric *metric = &compare->metrics[m];
        const cr_metric_number *number = cr_compare_number(metric);
        if (number->bit < 0)
            continue;
        cr_sweep sweep = {.n_images = {0}};
        sweep_row(compare, number->bit, &sweep);
        const bool elsewhere = chosen && number->held_out;
        const int level =
            cr_metric_best_level(elsewhere ? chosen : &sweep, number->bit, number->held_out);
        for (int i = 0; i < compare->n_shared; i++) {
            const bool counts =
                room->swept[i] &&
                (!number->held_out || (elsewhere ? chosen->n_images[0] > 0
                                                 : room->parts[i] == 1 && sweep.n_images[0] > 0));
            const uint8_t hits = room->levels[(size_t)i * CR_SWEEP_LEVELS + (size_t)level];
            metric->rights[row][i] = (uint8_t)(counts ? hits >> number->bit & 1 : CR_COMPARE_NOT);
        }
    }
}

void cr_compare_set_whole(cr_compare_metric *metric, int n_rows, int n, const double *values)
{
    metric->n = n;
    for (int r = 0; r < n_rows; r++) {
        metric->values[r] = values[r];
        metric->n_having += !isnan(values[r]);
    }
}

static bool counts_under(const cr_compare_metric *metric, int row, int image)
{
    return metric->is_rights ? metric->rights[row][image] != CR_COMPARE_NOT
                             : !isnan(metric->columns[row][image]);
}

/* Forgets the columns of rows that lack the metric, and keeps of the others the images that count. */
static void cut_columns(const cr_compare *compare, cr_compare_metric *metric)
{
    const bool *missing = compare->room->missing;
    for (int r = 0; r < compare->n_rows; r++) {
        bool any = false;
        for (int i = 0; i < compare->n_shared && !any; i++)
            any = !missing[i] && counts_under(metric, r, i);
        metric->n_having += any;
        if (!any)
            metric->rights[r] = NULL, metric->columns[r] = NULL;
    }
    for (int i = 0; i < compare->n_shared; i++) {
        bool all = !missing[i] && metric->n_having > 0;
        for (int r = 0; r < compare->n_rows && all; r++)
            all = (!metric->rights[r] && !metric->columns[r]) || counts_under(metric, r, i);
        if (!all)
            continue;
        for (int r = 0; r < compare->n_rows; r++) {
            if (metric->rights[r])
                metric->rights[r][metric->n] = metric->rights[r][i];
            if (metric->columns[r])
                metric->columns[r][metric->n] = metric->columns[r][i];
        }
        metric->images[metric->n++] = i;
    }
}

/* As the error table has it: errors in percent of images that are wrong, means of units of 2^-40. */
static double value_of(const cr_compare_metric *metric, int row)
{
    int64_t sum = 0;
    if ((!metric->rights[row] && !metric->columns[row]) || metric->n == 0)
        return NAN;
    for (int i = 0; i < metric->n; i++)
        sum += metric->is_rights ? metric->rights[row][i]
                                 : llround(ldexp(metric->columns[row][i], 40));
    if (!metric->is_rights)
        return ldexp((double)sum, -40) / metric->n;
    const bool is_error = cr_compare_number(metric)->better == CR_METRIC_DOWN;
    return 100.0 * (double)(is_error ? metric->n - sum : sum) / metric->n;
}

/* Of the numbers that are not asked for by name those remain that some row has, and the one that leads, which has
 * the pairs. */
static void drop_metrics(cr_compare *compare)
{
    int n = 0;
    for (int m = 0; m < compare->n_metrics; m++) {
        if (compare->metrics[m].n_having == 0 && m != compare->lead)
            continue;
        if (m == compare->lead)
            compare->lead = n;
        compare->metrics[n++] = compare->metrics[m];
    }
    compare->n_metrics = n;
}

/* No image is left: names the row that lacks most. */
static cr_status refuse_unfinished(const cr_compare *compare, cr_error *err)
{
    const cr_compare_row *least = &compare->rows[0];
    for (int r = 1; r < compare->n_rows; r++)
        if (compare->rows[r].n_missing > least->n_missing)
            least = &compare->rows[r];
    return cr_fail(err, CR_EINPUT, "%s: no image is computed under all rows: %s/%s lacks %d of %d",
                   least->file, least->model, least->method, least->n_missing, compare->n_shared);
}

cr_status cr_compare_finish(cr_compare *compare, cr_error *err)
{
    for (int i = 0; i < compare->n_shared; i++)
        compare->n_images += !compare->room->missing[i];
    if (compare->n_images == 0)
        return refuse_unfinished(compare, err);
    for (int m = 0; m < compare->n_metrics; m++) {
        cr_compare_metric *metric = &compare->metrics[m];
        if (metric->is_whole)
            continue;
        int32_t *of = room_for(compare, (size_t)compare->n_shared, sizeof *of);
        if (!of)
            return cr_fail_memory(err, "a comparison", (size_t)compare->n_shared, sizeof *of);
        cut_columns(compare, metric);
        metric->clusters = cr_compare_clusters(compare, metric->images, metric->n, of);
        for (int r = 0; r < compare->n_rows; r++)
            metric->values[r] = value_of(metric, r);
    }
    for (int m = 0; m < compare->n_metrics && compare->metrics[compare->lead].n_having == 0; m++)
        if (compare->metrics[m].n_having > 0)
            compare->lead = m;
    if (compare->metrics[compare->lead].n_having == 0 && !compare->options.alike)
        return cr_fail(err, CR_EINPUT, "%s: no image counts under a number that is compared",
                       compare->rows[0].file);
    if (!compare->options.chosen)
        drop_metrics(compare);
    return cr_compare_pairs(compare, err);
}

void cr_compare_free(cr_compare *compare)
{
    if (compare->room)
        cr_arena_free(&compare->room->arena);
    free(compare->room);
    *compare = (cr_compare){0};
}
