/* The input specification as one line, written and read back: what is read makes the same views as
 * what was written. */
#include "input_text.h"

#include <stdio.h>
#include <string.h>

static const char *const crops[] = {[CR_CROP_CENTER] = "center", [CR_CROP_TEN] = "ten"};

/* A number a channel, with a space before each. */
static void write_numbers(const float *values, cr_channels channels, char *text, size_t n_bytes)
{
    size_t used = 0;
    for (int c = 0; c < cr_channels_count(channels); c++)
        used += (size_t)snprintf(text + used, n_bytes - used, " %g", (double)values[c]);
}

/* What follows, or NULL. */
static const char *read_numbers(const char *text, cr_channels channels, float *values)
{
    for (int c = 0; c < cr_channels_count(channels); c++) {
        int end = 0;
        if (sscanf(text, " %f%n", &values[c], &end) != 1 || end == 0)
            return NULL;
        text += end;
    }
    return text;
}

static bool find_channels(const char *name, cr_channels *channels)
{
    for (int i = 0; cr_channels_name((cr_channels)i); i++)
        if (strcmp(cr_channels_name((cr_channels)i), name) == 0) {
            *channels = (cr_channels)i;
            return true;
        }
    return false;
}

void cr_input_text_write(const cr_input_spec *in, char *text, size_t n_bytes)
{
    char crop[48] = "";
    if (in->short_side > 0)
        snprintf(crop, sizeof crop, " %d, crop %s", in->short_side, crops[in->crop]);
    char mean[80], std[80];
    write_numbers(in->mean, in->channels, mean, sizeof mean);
    write_numbers(in->std, in->channels, std, sizeof std);
    snprintf(text, n_bytes, "%dx%d, %s%s, %s, %s, range %g, mean%s, std%s", in->width, in->height,
             in->resize == CR_RESIZE_SQUASH ? "squash" : "short-side", crop,
             cr_filter_name(in->filter), cr_channels_name(in->channels), in->range, mean, std);
}

static bool find_filter(const char *name, cr_filter *filter)
{
    for (int i = 0; cr_filter_name((cr_filter)i); i++)
        if (strcmp(cr_filter_name((cr_filter)i), name) == 0) {
            *filter = (cr_filter)i;
            return true;
        }
    return false;
}

/* What sscanf leaves, or NULL where not all of `n` values were there. */
static const char *rest(const char *text, int got, int n, int at)
{
    return got == n && at > 0 ? text + at : NULL;
}

/* `squash`, or one of the two words with the side and the crop behind; what follows, or NULL. */
static const char *read_resize(const char *text, cr_input_spec *spec)
{
    static const char squash[] = "squash", short_side[] = "short-side";
    char crop[8] = "";
    int end = 0;
    spec->resize =
        strncmp(text, squash, strlen(squash)) == 0 ? CR_RESIZE_SQUASH : CR_RESIZE_SHORT_SIDE;
    const char *word = spec->resize == CR_RESIZE_SQUASH ? squash : short_side;
    if (strncmp(text, word, strlen(word)) != 0)
        return NULL;
    text += strlen(word);
    if (spec->resize == CR_RESIZE_SQUASH && text[0] == ',')
        return text;
    const int got = sscanf(text, " %6d, crop %7[a-z]%n", &spec->short_side, crop, &end);
    spec->crop = strcmp(crop, crops[CR_CROP_TEN]) == 0 ? CR_CROP_TEN : CR_CROP_CENTER;
    return strcmp(crop, crops[spec->crop]) == 0 ? rest(text, got, 2, end) : NULL;
}

cr_status cr_input_text_read(const char *text, cr_input_spec *spec, cr_error *err)
{
    *spec = (cr_input_spec){0};
    char filter[33] = "", channels[5] = "";
    int end = 0;
    int got = sscanf(text, "%6dx%6d, %n", &spec->width, &spec->height, &end);
    const char *at = rest(text, got, 2, end);
    if (at)
        at = read_resize(at, spec);
    if (at) {
        end = 0;
        got = sscanf(at, ", %32[^,], %4[^,], range %lf, mean%n", filter, channels, &spec->range,
                     &end);
        at = find_channels(channels, &spec->channels) ? rest(at, got, 3, end) : NULL;
    }
    at = at ? read_numbers(at, spec->channels, spec->mean) : NULL;
    at =
        at && strncmp(at, ", std", 5) == 0 ? read_numbers(at + 5, spec->channels, spec->std) : NULL;
    if (!at || *at || !find_filter(filter, &spec->filter))
        return cr_fail(err, CR_EINPUT, "`%.80s` does not describe a network's input", text);
    return cr_input_check(spec, err);
}

cr_status cr_input_text_of_model(const char *path, const cr_results_model *model,
                                 cr_input_spec *spec, cr_error *err)
{
    /* Maps of another program are of the whole image. */
    *spec = (cr_input_spec){.width = 1, .height = 1, .resize = CR_RESIZE_SQUASH};
    if (cr_results_has_network(model) && cr_input_text_read(model->input, spec, err) != CR_OK)
        return cr_fail_in(err, "%s: model %s: ", path, model->name);
    const int n_views = cr_input_n_views(spec);
    for (int v = 0; v < model->n_variants; v++)
        if (model->variants[v].n_views != n_views)
            return cr_fail(err, CR_EINPUT, "%s: model %s: maps of %d views, but its input has %d",
                           path, model->name, model->variants[v].n_views, n_views);
    return CR_OK;
}
