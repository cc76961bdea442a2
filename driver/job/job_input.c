/* The input of a network: a preset, and the single keys over it. */
#include "job_input.h"
#include "camrank/near.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define KEY(...) snprintf(key, sizeof key, __VA_ARGS__)

int cr_job_clamp_int(int64_t value)
{
    return value > INT_MAX ? INT_MAX : value < INT_MIN ? INT_MIN : (int)value;
}

/* Whether a model's input has a key. */
static bool has_input(cr_job_source *source, unsigned i, const char *name)
{
    char key[CR_JOB_PATH_BYTES];
    KEY("models.%u.input.%s", i, name);
    return cr_job_tree_find(&source->changed, key) != NULL;
}

/* What all is before the single keys: the preset's, or nothing, where some of them must be there. */
static cr_status begin_input(cr_job_source *source, const cr_job_raw_input *raw, unsigned i,
                             cr_input_spec *input, cr_error *err)
{
    static const char *const needed[] = {"size", "resize", "channels", "range", "mean", "std"};
    char key[CR_JOB_PATH_BYTES], names[CR_JOB_PATH_BYTES];
    *input = (cr_input_spec){.width = 0};
    size_t n = 0;
    cr_near near;
    if (raw->preset) {
        const cr_input_preset *preset = cr_input_preset_find(raw->preset);
        KEY("models.%u.input.preset", i);
        for (const cr_input_preset *known = cr_input_presets; known->name; known++)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", known->name);
        if (!preset)
            return cr_job_fail(err, source, key, "must be a preset (%s), not \"%.64s\"%s", names,
                               raw->preset, cr_near_of(&near, raw->preset, names));
        *input = preset->spec;
        return CR_OK;
    }
    KEY("models.%u.input", i);
    for (size_t k = 0; k < sizeof needed / sizeof *needed; k++)
        if (!has_input(source, i, needed[k]) && !(strcmp(needed[k], "mean") == 0 && raw->mean_file))
            return cr_job_fail(err, source, key, "the key \"%s\" is missing", needed[k]);
    return CR_OK;
}

/* How the image is resized, and what is cut out of it. */
static cr_status read_resize(cr_job_source *source, const cr_job_raw_input *raw, unsigned i,
                             cr_input_spec *input, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    const bool anew = has_input(source, i, "resize");
    if (anew) {
        input->resize = (cr_resize_mode)raw->resize;
        input->short_side = 0;
        input->crop = CR_CROP_CENTER;
    }
    KEY("models.%u.input.resize", i);
    if (anew && input->resize == CR_RESIZE_SHORT_SIDE && !raw->short_side)
        return cr_job_fail(err, source, key, "short-side needs the key \"short_side\"");
    KEY("models.%u.input.%s", i, raw->short_side ? "short_side" : "crop");
    if (input->resize == CR_RESIZE_SQUASH && input->short_side == 0 &&
        !raw->short_side != !raw->crop)
        return cr_job_fail(err, source, key, "with resize: squash it needs the key \"%s\"",
                           raw->short_side ? "crop" : "short_side");
    if (raw->short_side)
        input->short_side = cr_job_clamp_int(*raw->short_side);
    if (raw->crop)
        input->crop = (cr_crop)*raw->crop;
    if (raw->short_side && input->short_side < 1)
        return cr_job_fail(err, source, key, "%d, must be at least 1", input->short_side);
    return CR_OK;
}

/* A number a channel, or one for all. Those of a preset are for three. */
static cr_status read_by_channel(cr_job_source *source, const double *values, unsigned n,
                                 unsigned i, const char *name, const cr_input_spec *input,
                                 float to[CR_MAX_CHANNELS], cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    const int n_channels = cr_channels_count(input->channels);
    KEY("models.%u.input.%s", i, name);
    if (!values && n_channels != 3)
        return cr_job_fail(err, source, key, "is missing; that of a preset is not for channels: %s",
                           cr_channels_name(input->channels));
    if (values && n != 1 && n_channels == 1)
        return cr_job_fail(err, source, key, "must be one number, not %u, with channels: %s", n,
                           cr_channels_name(input->channels));
    if (values && n != 1 && n != (unsigned)n_channels)
        return cr_job_fail(err, source, key, "must be one number, or %d, not %u, with channels: %s",
                           n_channels, n, cr_channels_name(input->channels));
    for (int c = 0; values && c < n_channels; c++)
        to[c] = (float)values[n == 1 ? 0 : c];
    return CR_OK;
}

cr_status cr_job_read_input(cr_job_source *source, const cr_job_raw_input *raw, unsigned i,
                            cr_input_spec *input, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    cr_status status = begin_input(source, raw, i, input, err);
    if (status == CR_OK)
        status = read_resize(source, raw, i, input, err);
    if (status != CR_OK)
        return status;
    if (has_input(source, i, "size")) {
        input->width = cr_job_clamp_int(raw->size[0]);
        input->height = cr_job_clamp_int(raw->size[1]);
    }
    if (has_input(source, i, "filter"))
        input->filter = (cr_filter)raw->filter;
    if (has_input(source, i, "channels"))
        input->channels = (cr_channels)raw->channels;
    if (has_input(source, i, "range"))
        input->range = raw->range;
    KEY("models.%u.input.mean_file", i);
    if (raw->mean_file && raw->mean)
        return cr_job_fail(err, source, key, "is given beside \"mean\": give one of the two");
    if (!raw->mean_file)
        CR_OR_RETURN(
            read_by_channel(source, raw->mean, raw->n_mean, i, "mean", input, input->mean, err));
    CR_OR_RETURN(read_by_channel(source, raw->std, raw->n_std, i, "std", input, input->std, err));

    cr_error inner;
    if (cr_input_check(input, &inner) == CR_OK)
        return CR_OK;
    /* "input.range: 3, must be ..." is about the key models.0.input.range. */
    const char *colon = strstr(inner.message, ": ");
    KEY("models.%u.%.*s", i, colon ? (int)(colon - inner.message) : 0, inner.message);
    return cr_job_fail(err, source, key, "%s", colon ? colon + 2 : inner.message);
}
