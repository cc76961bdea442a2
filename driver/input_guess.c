/* Guesses the input of a network from its file. */
#include "input_guess.h"

#include "worker/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whose network it is, by the program that wrote the file. */
static const struct {
    const char *producer; /* a part of its name, in lower case */
    const char *preset;
} producers[] = {
    {"pytorch", "torchvision"}, {"tf2onnx", "tensorflow"},    {"keras", "tensorflow"},
    {"caffe", "caffe"},         {"tensorflow", "tensorflow"},
};

static const char *preset_of(const char *producer, int side)
{
    const char *found = "torchvision";
    for (size_t i = 0; i < sizeof producers / sizeof *producers; i++)
        if (strcasestr(producer, producers[i].producer)) {
            found = producers[i].preset;
            break;
        }
    return strcmp(found, "tensorflow") == 0 && side == 299 ? "inception" : found;
}

void cr_input_guess_fit(cr_input_spec *spec, int width, int height)
{
    const int side = width > height ? width : height;
    const double part = spec->width / (double)(spec->short_side ? spec->short_side : spec->width);
    if (spec->short_side && side != spec->width &&
        (spec->resize == CR_RESIZE_SHORT_SIDE || side > spec->short_side))
        spec->short_side = (int)lround(side / part);
    spec->width = width;
    spec->height = height;
}

/* Numbers that images are scaled to, from what the network does with them first. */
static bool guess_pixels(const cr_graph *graph, cr_input_guess *guess)
{
    double scale[CR_GRAPH_INPUT_CHANNELS], shift[CR_GRAPH_INPUT_CHANNELS], largest = 0, mean = 0;
    const int n_channels = cr_channels_count(guess->spec.channels);
    char begins[CR_MODEL_ARITHMETIC_BYTES];
    if (!cr_graph_input_arithmetic(graph, scale, shift))
        return false;
    for (int c = 0; c < n_channels; c++) {
        largest = fmax(largest, fabs(scale[c]));
        mean = fmax(mean, scale[c] != 0 ? fabs(shift[c] / scale[c]) : 0);
        guess->spec.mean[c] = 0;
        guess->spec.std[c] = 1;
    }
    guess->spec.range = largest < 0.1 || mean > 2 ? 255 : 1;
    /* Of ImageNet's mean colour red is the largest and blue the smallest. */
    const double first = scale[0] != 0 ? -shift[0] / scale[0] : 0;
    const double last = scale[2] != 0 ? -shift[2] / scale[2] : 0;
    if (n_channels == 3 && first != last)
        guess->spec.channels = first < last ? CR_BGR : CR_RGB;
    cr_model_arithmetic(graph, begins);
    snprintf(guess->pixels_from, sizeof guess->pixels_from,
             "%s, so it takes pixels of 0 to %g as they are", begins, guess->spec.range);
    return true;
}

/* Of another number of channels than a preset is for; its numbers stay where they are those of any. */
static void guess_channels(int n, cr_input_spec *spec)
{
    bool alike = true;
    for (int c = 1; c < 3; c++)
        alike = alike && spec->mean[c] == spec->mean[0] && spec->std[c] == spec->std[0];
    if (n != 1 && n != 4)
        return;
    spec->channels = n == 1 ? CR_GREY : CR_RGBA;
    for (int c = 0; c < n; c++) {
        spec->mean[c] = alike ? spec->mean[0] : 0;
        spec->std[c] = alike ? spec->std[0] : 1;
    }
}

static cr_status load(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                      const char *name, const char *output, int width, int height, cr_graph **graph,
                      cr_input_guess *guess, cr_error *err)
{
    enum { SIDE = 224 };
    cr_error open;
    cr_status status =
        cr_graph_load(bytes, n_bytes, files, name, output, width, height, graph, err);
    snprintf(guess->size_from, sizeof guess->size_from, "%s",
             width ? "as given" : "the model's own");
    if (status != CR_EINPUT || width || height)
        return status;
    if (cr_graph_load(bytes, n_bytes, files, name, output, SIDE, SIDE, graph, &open) != CR_OK)
        return status;
    snprintf(guess->size_from, sizeof guess->size_from,
             "a guess: the model takes any size, and most networks were trained at this one");
    return CR_OK;
}

cr_status cr_input_guess_make(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                              const char *name, const char *output, int width, int height,
                              const cr_nn_about *about, cr_graph **graph, cr_input_guess *guess,
                              cr_error *err)
{
    *guess = (cr_input_guess){.preset = NULL};
    CR_OR_RETURN(load(bytes, n_bytes, files, name, output, width, height, graph, guess, err));
    const cr_shape shape = cr_graph_input_shape(*graph);
    guess->preset = preset_of(about->producer, cr_shape_w(&shape));
    guess->spec = cr_input_preset_find(guess->preset)->spec;
    cr_input_guess_fit(&guess->spec, cr_shape_w(&shape), cr_shape_h(&shape));
    guess_channels(cr_shape_c(&shape), &guess->spec);
    snprintf(guess->geometry_from, sizeof guess->geometry_from,
             "a guess: as of the preset %s, since the file %s%.50s", guess->preset,
             about->producer[0] ? "was written by " : "does not say what wrote it",
             about->producer);
    if (!guess_pixels(*graph, guess))
        snprintf(guess->pixels_from, sizeof guess->pixels_from,
                 "a guess: as of the preset %s; a wrong scale or order of channels costs accuracy",
                 guess->preset);
    return CR_OK;
}

const char *cr_input_guess_list(const float *values, cr_channels channels, char *text,
                                size_t n_bytes)
{
    size_t used = (size_t)snprintf(text, n_bytes, "[");
    for (int c = 0; c < cr_channels_count(channels); c++)
        used +=
            (size_t)snprintf(text + used, n_bytes - used, "%s%g", c ? ", " : "", (double)values[c]);
    snprintf(text + used, n_bytes - used, "]");
    return text;
}

void cr_input_guess_yaml(const cr_input_spec *spec, char *text, size_t n_bytes)
{
    char crop[64] = "", mean[80], std[80];
    if (spec->short_side)
        snprintf(crop, sizeof crop, " short_side: %d, crop: %s,", spec->short_side,
                 spec->crop == CR_CROP_TEN ? "ten" : "center");
    snprintf(
        text, n_bytes,
        "{size: [%d, %d], resize: %s,%s filter: %s, channels: %s, range: %g, mean: %s, std: %s}",
        spec->width, spec->height, spec->resize == CR_RESIZE_SQUASH ? "squash" : "short-side", crop,
        cr_filter_name(spec->filter), cr_channels_name(spec->channels), spec->range,
        cr_input_guess_list(spec->mean, spec->channels, mean, sizeof mean),
        cr_input_guess_list(spec->std, spec->channels, std, sizeof std));
}
