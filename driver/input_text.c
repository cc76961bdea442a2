#include "input_text.h"

#include <stdio.h>
#include <string.h>

void cr_input_text_write(const cr_input_spec *in, char *text, size_t n_bytes)
{
    char how[64] = "squash";
    if (in->resize == CR_RESIZE_SHORT_SIDE)
        snprintf(how, sizeof how, "short-side %d, crop center", in->short_side);
    snprintf(text, n_bytes, "%dx%d, %s, %s, %s, range %g, mean %g %g %g, std %g %g %g", in->width,
             in->height, how, cr_filter_name(in->filter), in->bgr ? "bgr" : "rgb", in->range,
             (double)in->mean[0], (double)in->mean[1], (double)in->mean[2], (double)in->std[0],
             (double)in->std[1], (double)in->std[2]);
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

cr_status cr_input_text_read(const char *text, cr_input_spec *spec, cr_error *err)
{
    *spec = (cr_input_spec){.resize = CR_RESIZE_SQUASH};
    static const char squash[] = "squash, ";
    char filter[33] = "", channels[5] = "";
    int end = 0;
    const char *at = text;
    int got = sscanf(at, "%6dx%6d, %n", &spec->width, &spec->height, &end);
    at = rest(at, got, 2, end);
    if (at && strncmp(at, squash, strlen(squash)) == 0)
        at += strlen(squash);
    else if (at) {
        spec->resize = CR_RESIZE_SHORT_SIDE;
        end = 0;
        got = sscanf(at, "short-side %6d, crop center, %n", &spec->short_side, &end);
        at = rest(at, got, 1, end);
    }
    if (at) {
        end = 0;
        got = sscanf(at, "%32[^,], %4[^,], range %lf, mean %f %f %f, std %f %f %f%n", filter,
                     channels, &spec->range, &spec->mean[0], &spec->mean[1], &spec->mean[2],
                     &spec->std[0], &spec->std[1], &spec->std[2], &end);
        at = rest(at, got, 9, end);
    }
    spec->bgr = strcmp(channels, "bgr") == 0;
    if (!at || *at || !find_filter(filter, &spec->filter) ||
        (!spec->bgr && strcmp(channels, "rgb") != 0))
        return cr_fail(err, CR_EINPUT, "`%.80s` does not describe a network's input", text);
    return cr_input_check(spec, err);
}
