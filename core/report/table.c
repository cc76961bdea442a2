/* The table of all forms for people. */
#include "internal.h"

#include <inttypes.h>
#include <math.h>

/* Number k of a row; below it its interval, and the numbers that stand there. */
static cr_sheet_cell number_cell(cr_sheet *sheet, const cr_report_row *row, int k)
{
    const cr_metric_number *number = cr_metric_number_at(k, NULL);
    const cr_metric_value *of = &row->values[k];
    cr_sheet_cell cell = {.text = "-"};
    if (!isnan(of->value))
        cell.text = cr_sheet_text(sheet, "%.*f", number->places, of->value);
    if (!isnan(of->low))
        cr_sheet_add_below(&cell, cr_sheet_text(sheet, "%.*f-%.*f", number->places - 1, of->low,
                                                number->places - 1, of->high));
    for (int i = 0; i < cr_metric_n_numbers(); i++) {
        const cr_metric_number *other = cr_metric_number_at(i, NULL);
        if (other->below && strcmp(other->below, number->key) == 0 && !isnan(row->values[i].value))
            cr_sheet_add_below(&cell, cr_sheet_text(sheet, "%s %.*f", other->title, other->places,
                                                    row->values[i].value));
    }
    return cell;
}

static bool is_asked(const cr_report *report, int k)
{
    for (int i = 0; i < report->n_columns; i++)
        if (report->columns[i] == k)
            return true;
    return false;
}

static bool has_value(const cr_report *report, int k)
{
    for (int i = 0; i < report->n_rows; i++)
        if (!isnan(report->rows[i].values[k].value) || report->rows[i].n_missing > 0)
            return true;
    return false;
}

/* Of a set without boxes, or of networks of which only the classes are computed, whole columns are empty.
 * Where every image failed all are, and none tells what there would be. */
static bool has_values(const cr_report *report, int k)
{
    bool any = has_value(report, k);
    if (any || report->n_failed == 0)
        return any;
    for (int i = 0; i < cr_metric_n_numbers(); i++)
        any = any || has_value(report, i);
    return !any;
}

/* Baselines alone have no classes. */
bool cr_report_shows(const cr_report *report, int k)
{
    int metric;
    const cr_metric_number *number = cr_metric_number_at(k, &metric);
    const bool models = cr_report_has_models(report);
    const bool shown[] = {
        [CR_METRIC_OF_CLASSES] = models,
        [CR_METRIC_OF_TOP] = models && report->show_protocols,
        [CR_METRIC_OF_TRUTH] = report->show_protocols,
        [CR_METRIC_OF_SWEEP_V1] = report->show_v1,
        [CR_METRIC_OF_SWEEP_V2] = report->show_v2,
        [CR_METRIC_OF_MAP] = models,
    };
    if (report->n_columns > 0)
        return is_asked(report, k);
    if (report->classes)
        return number->interval == CR_METRIC_WILSON && cr_metrics[metric]->of_protocol &&
               has_values(report, k);
    return cr_report_has_metric(report, metric) && !number->below && number->title &&
           shown[number->of] && has_values(report, k);
}

static bool is_of_protocol(int k)
{
    return cr_metric_number_at(k, NULL)->of == CR_METRIC_OF_TOP ||
           cr_metric_number_at(k, NULL)->of == CR_METRIC_OF_TRUTH;
}

typedef struct number_column {
    int number, protocol;
} number_column;

/* Numbers of a protocol that follow each other are a group of columns of each. */
static int list_columns(const cr_report *report,
                        number_column columns[CR_METRIC_MAX_NUMBERS * CR_MAX_PROTOCOLS])
{
    const int n_numbers = cr_report_n_numbers(report);
    int n = 0;
    for (int first = 0, end; first < n_numbers; first = end) {
        const bool of = is_of_protocol(cr_report_number_at(report, first));
        for (end = first + 1;
             end < n_numbers && is_of_protocol(cr_report_number_at(report, end)) == of;)
            end++;
        for (int p = 0; p < (of ? report->n_protocols : 1); p++)
            for (int i = first; i < end; i++)
                if (cr_report_shows(report, cr_report_number_at(report, i)))
                    columns[n++] = (number_column){cr_report_number_at(report, i), p};
    }
    return n;
}

/* One that people find below another has the other's title in front where it has a column. The mean average precision
 * of one class is no mean. */
static const char *title_of(cr_sheet *sheet, int k, bool by_class)
{
    int metric;
    const cr_metric_number *number = cr_metric_number_at(k, &metric);
    if (by_class && metric == CR_METRIC_MEAN_AP)
        return number->title + 1;
    const int above = number->below ? cr_metric_number_find(number->below) : -1;
    return above < 0 ? number->title ? number->title : number->key
                     : cr_sheet_text(sheet, "%s %s", cr_metric_number_at(above, NULL)->title,
                                     number->title);
}

static void put_title(cr_sheet *sheet, int k, bool by_class, cr_sheet_column *column)
{
    static const int arrows[] = {
        [CR_METRIC_DOWN] = -1, [CR_METRIC_UP] = 1, [CR_METRIC_NEITHER] = 0};
    column->title = title_of(sheet, k, by_class);
    column->better = arrows[cr_metric_number_at(k, NULL)->better];
}

/* Marks the best of a column, and what is printed like it. */
static void mark_best(cr_sheet *sheet, const cr_report *report, number_column of, int c)
{
    const cr_metric_better better = cr_metric_number_at(of.number, NULL)->better;
    const char *best = NULL;
    double most = NAN;
    for (int line = 0; line < sheet->n_lines && better != CR_METRIC_NEITHER; line++) {
        const double value =
            report->rows[line * report->n_protocols + of.protocol].values[of.number].value;
        if (isnan(value) || (best && !(better == CR_METRIC_UP ? value > most : value < most)))
            continue;
        most = value;
        best = sheet->cells[line * sheet->n_columns + c].text;
    }
    for (int line = 0; best && line < sheet->n_lines; line++) {
        cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
        cell->is_best = strcmp(cell->text, best) == 0;
    }
}

/* A row of classes alone has none. */
static const char *row_method(const cr_report_row *row)
{
    return row->variant[0] ? row->variant : "-";
}

/* The main table: a line a variant. */
static void make_sheet(const cr_report *report, bool names_precision, cr_sheet *sheet)
{
    const int n_texts = names_precision ? 3 : 2;
    number_column columns[CR_METRIC_MAX_NUMBERS * CR_MAX_PROTOCOLS];
    const int n = list_columns(report, columns), n_protocols = report->n_protocols;
    cr_sheet_init(sheet, n_texts + n, report->n_rows / n_protocols);
    if (sheet->failed)
        return;
    sheet->columns[0] = (cr_sheet_column){"model", NULL, true, 0};
    sheet->columns[1] = (cr_sheet_column){"method", NULL, true, 0};
    if (names_precision)
        sheet->columns[2] = (cr_sheet_column){"precision", NULL, true, 0};
    sheet->n_fixed = n_texts;
    sheet->meanings[0] = "The network, by its name in the job; baseline is none.";
    sheet->meanings[1] = "The method that makes the map; behind @ its layer.";
    if (names_precision)
        sheet->meanings[2] = "The numbers in which the network is computed.";
    for (int c = 0; c < n; c++) {
        const int k = columns[c].number;
        put_title(sheet, k, false, &sheet->columns[n_texts + c]);
        sheet->meanings[n_texts + c] = cr_metric_number_meaning(k);
        if (n_protocols > 1 && is_of_protocol(k))
            sheet->columns[n_texts + c].group = report->protocols[columns[c].protocol].name;
    }
    cr_sheet_cell *cell = sheet->cells;
    for (int line = 0; line < sheet->n_lines; line++) {
        const cr_report_row *row = &report->rows[line * n_protocols];
        (cell++)->text = row->model;
        (cell++)->text = row_method(row);
        if (names_precision)
            (cell++)->text = cr_report_precision(row);
        for (int c = 0; c < n; c++)
            *cell++ = number_cell(sheet, &row[columns[c].protocol], columns[c].number);
    }
    for (int c = 0; c < n && sheet->n_lines > 1; c++)
        mark_best(sheet, report, columns[c], n_texts + c);
}

void cr_report_put_outcomes(cr_sheet *sheet, cr_sheet_cell *cells, const int64_t *outcomes)
{
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        cells[k].text = cr_sheet_text(sheet, "%" PRId64, outcomes[k]);
}

/* The numbers of a class: those asked for, or the errors. */
static int list_numbers(const cr_report *report, int numbers[CR_METRIC_MAX_NUMBERS])
{
    int n = 0;
    for (int i = 0; i < cr_report_n_numbers(report); i++) {
        const int k = cr_report_number_at(report, i);
        if (cr_report_shows(report, k))
            numbers[n++] = k;
    }
    return n;
}

/* The table of a report by class: errors, and what became of the first prediction, or, without a
 * network, of the box of the ground-truth class. */
static void make_classes(const cr_report *report, bool names_precision, cr_sheet *sheet)
{
    const bool several = report->n_protocols > 1;
    int numbers[CR_METRIC_MAX_NUMBERS];
    const int n = list_numbers(report, numbers);
    bool outcomes = false; /* of boxes */
    for (int i = 0; i < n && report->n_columns == 0; i++)
        outcomes = outcomes || is_of_protocol(numbers[i]);
    const char *titles[6] = {"model", "method", "class", "name"};
    int n_texts = 4;
    if (several)
        titles[n_texts++] = "protocol";
    if (names_precision)
        titles[n_texts++] = "precision";
    cr_sheet_init(sheet, n_texts + 2 + n + (outcomes ? 1 + CR_N_OUTCOMES : 0), report->n_lines);
    if (sheet->failed)
        return;
    sheet->n_fixed = n_texts;
    cr_sheet_column *column = sheet->columns;
    for (int c = 0; c < n_texts; c++)
        *column++ = (cr_sheet_column){titles[c], NULL, true, 0};
    (column++)->title = "images";
    (column++)->title = "localized";
    for (int k = 0; k < n; k++)
        put_title(sheet, numbers[k], true, column++);
    if (outcomes)
        *column++ = (cr_sheet_column){"outcome of", NULL, true, 0};
    for (int k = 0; k < CR_N_OUTCOMES && outcomes; k++)
        (column++)->title = cr_outcome_titles[k];
    cr_sheet_cell *cell = sheet->cells;
    for (int i = 0; i < report->n_lines; i++) {
        const cr_dataset *data = report->data;
        const cr_report_class line = report->lines[i];
        const cr_report_row *stored = &report->rows[line.row];
        cr_report_row row;
        cr_report_class_row(report, line, &row);
        (cell++)->text = stored->model;
        (cell++)->text = row_method(stored);
        (cell++)->text = data->text + data->classes[line.class].wnid;
        (cell++)->text = data->text + data->classes[line.class].name;
        if (several)
            (cell++)->text = stored->protocol;
        if (names_precision)
            (cell++)->text = cr_report_precision(stored);
        (cell++)->text = row.has_network ? cr_sheet_text(sheet, "%" PRId64, row.n_images) : "-";
        (cell++)->text = cr_sheet_text(sheet, "%" PRId64, row.n_localized);
        for (int k = 0; k < n; k++)
            *cell++ = number_cell(sheet, &row, numbers[k]);
        if (!outcomes)
            continue;
        (cell++)->text = row.has_network ? "top-1" : "GT-known";
        cr_report_put_outcomes(sheet, cell,
                               row.has_network ? row.top1_outcomes : row.gt_known_outcomes);
        cell += CR_N_OUTCOMES;
    }
}

void cr_report_make_sheet(const cr_report *report, bool names_precision, cr_sheet *sheet)
{
    if (report->classes)
        make_classes(report, names_precision, sheet);
    else
        make_sheet(report, names_precision, sheet);
}
