/* The protocols by name, their parameters, and how they predict. */
#include "camrank/loc.h"
#include "camrank/near.h"

#include <stdio.h>
#include <string.h>

static const cr_protocol protocols[] = {
#define PROTOCOL(title, up, rule, cut, second, shares, neighbours, n, predicts, excludes, least) \
    {.name = (title),                                                                            \
     .upsampling = CR_UPSAMPLING_##up,                                                           \
     .boxes = CR_BOX_##rule,                                                                     \
     .threshold = (cut),                                                                         \
     .threshold_of = CR_THRESHOLD_OF_##shares,                                                   \
     .loose = (second),                                                                          \
     .connectivity = (neighbours),                                                               \
     .n_boxes = (n),                                                                             \
     .predictions = CR_PREDICT_##predicts,                                                       \
     .exclude = (excludes),                                                                      \
     .iou = (least)},
    CR_PROTOCOL_LIST(PROTOCOL)
#undef PROTOCOL
};

static const char *const upsamplings[] = {"bilinear", "nearest", "bicubic", NULL};
static const char *const shares[] = {"maximum", "percentile", NULL};
static const char *const units[] = {"pixel", "side", NULL};
static const char *const box_rules[] = {"largest", "tight-loose", "contours", "graph-cut", NULL};
static const char *const prediction_rules[] = {"plain", "second", "combined", "tight-loose", NULL};

/* Beyond, smoothing takes seconds an image. */
#define MOST_OF_SIDE 0.1

#define AT(member) .offset = offsetof(cr_protocol, member)

static const cr_parameter parameters[] = {
    {"threshold", CR_PARAMETER_NUMBER, AT(threshold), .most = 1, .fallback = 0.2,
     .help = "at which the upsampled map is cut, a share of what threshold_of says"},
    {"loose", CR_PARAMETER_NUMBER, AT(loose), .most = 1,
     .help = "the second threshold, where the protocol has one"},
    {"connectivity", CR_PARAMETER_WHOLE, AT(connectivity), .least = 4, .most = 8, .step = 4,
     .fallback = 8, .help = "neighbours of a pixel in a component"},
    {"upsampling", CR_PARAMETER_WORD, AT(upsampling), .words = upsamplings,
     .help = "how a map is brought to the image's size"},
    {"boxes", CR_PARAMETER_WORD, AT(boxes), .words = box_rules, .fixed = true,
     .help = "how boxes are found"},
    {"n_boxes", CR_PARAMETER_WHOLE, AT(n_boxes), .least = 1, .most = 2, .fallback = 1,
     .fixed = true, .help = "boxes a class"},
    {"predictions", CR_PARAMETER_WORD, AT(predictions), .words = prediction_rules, .fixed = true,
     .help = "which boxes are predicted"},
    {"exclude", CR_PARAMETER_FLAG, AT(exclude), .fallback = 1, .fixed = true,
     .help = "images on the exclude list are not localized"},
    {"iou", CR_PARAMETER_NUMBER, AT(iou), .most = 1, .fallback = 0.5,
     .help = "from which on a box is right"},
    {"threshold_of", CR_PARAMETER_WORD, AT(threshold_of), .later = true, .words = shares,
     .help = "thresholds are shares of the map's maximum, or of its pixels: 0.95 is the 95th "
             "percentile"},
    {"smooth", CR_PARAMETER_NUMBER, AT(smooth), .later = true, .most = 100,
     .help = "sigma of the Gaussian that smooths the upsampled map; 0: none"},
    {"smooth_unit", CR_PARAMETER_WORD, AT(smooth_unit), .later = true, .words = units,
     .help = "of sigma: pixels of the image, or its shorter side"},
};

const cr_parameters cr_protocol_parameters = {parameters, sizeof parameters / sizeof *parameters};

cr_status cr_protocol_find(const char *name, cr_protocol *protocol, cr_error *err)
{
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (strcmp(protocols[i].name, name) == 0) {
            *protocol = protocols[i];
            return CR_OK;
        }
        int n = snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                         protocols[i].name);
        used += (size_t)n;
    }
    cr_near near;
    return cr_fail(err, CR_EINPUT, "unknown protocol \"%.64s\"%s; known: %s", name,
                   cr_near_of(&near, name, known), known);
}

bool cr_protocol_needs_picture(const cr_protocol *protocol)
{
    return protocol->boxes == CR_BOX_GRAPH_CUT;
}

cr_status cr_protocol_check(const cr_protocol *protocol, cr_error *err)
{
    if (protocol->boxes == CR_BOX_CONTOURS &&
        (protocol->upsampling != CR_UPSAMPLING_BICUBIC || protocol->connectivity != 8))
        return cr_fail(err, CR_EINPUT,
                       "its contours are 8-connected and its upsampling is bicubic; neither can be "
                       "changed");
    if (protocol->smooth_unit == CR_SMOOTH_UNIT_SIDE && protocol->smooth > MOST_OF_SIDE)
        return cr_fail(err, CR_EINPUT, "smooth must be at most %g of the side, not %g",
                       MOST_OF_SIDE, protocol->smooth);
    if (protocol->loose > protocol->threshold)
        return cr_fail(err, CR_EINPUT, "the loose threshold, %g, must not exceed the threshold, %g",
                       protocol->loose, protocol->threshold);
    return CR_OK;
}

double cr_protocol_level(const cr_protocol *protocol)
{
    const bool has_level =
        protocol->threshold_of == CR_THRESHOLD_OF_MAXIMUM && protocol->smooth <= 0;
    return has_level ? protocol->threshold : 0;
}

void cr_protocol_text(const cr_protocol *protocol, char text[CR_PROTOCOL_TEXT_BYTES])
{
    const size_t room = CR_PROTOCOL_TEXT_BYTES;
    const bool of_maximum = protocol->threshold_of == CR_THRESHOLD_OF_MAXIMUM;
    size_t n = 0;
    if (protocol->smooth > 0)
        n += (size_t)snprintf(
            text, room, "smoothed by %.4g %s, ",
            protocol->smooth * (protocol->smooth_unit == CR_SMOOTH_UNIT_SIDE ? 100 : 1),
            protocol->smooth_unit == CR_SMOOTH_UNIT_SIDE ? "% of the side" : "pixels");
    n += (size_t)snprintf(text + n, room - n, "%s %.4g %% of the %s",
                          protocol->boxes == CR_BOX_GRAPH_CUT ? "graph cut, seeds at" : "threshold",
                          100 * protocol->threshold, of_maximum ? "maximum" : "pixels");
    if (protocol->loose > 0)
        snprintf(text + n, room - n, ", and %.4g %%", 100 * protocol->loose);
}

int cr_protocol_predictions(const cr_protocol *protocol, cr_prediction predictions[CR_TOP])
{
    int n = 0;
    for (int slot = 0; slot < CR_TOP; slot++)
        for (int box = 0; box < protocol->n_boxes && n < CR_TOP; box++) {
            bool wanted = true;
            switch (protocol->predictions) {
            case CR_PREDICT_PLAIN:
                wanted = box == 0;
                break;
            case CR_PREDICT_SECOND:
                wanted = box == 1;
                break;
            case CR_PREDICT_COMBINED:
                break;
            case CR_PREDICT_TIGHT_LOOSE:
                wanted = slot < 2 || box == 1;
                break;
            }
            if (wanted)
                predictions[n++] = (cr_prediction){slot, box};
        }
    return n;
}
