#include "camrank/loc.h"

#include <stdio.h>
#include <string.h>

static const cr_protocol protocols[] = {
#define PROTOCOL(name, upsampling, boxes, threshold, loose, connectivity, n_boxes, predictions, \
                 exclude, iou)                                                                  \
    {name,    CR_UPSAMPLING_##upsampling, CR_BOX_##boxes, threshold, loose, connectivity,       \
     n_boxes, CR_PREDICT_##predictions,   exclude,        iou},
    CR_PROTOCOL_LIST(PROTOCOL)
#undef PROTOCOL
};

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
    return cr_fail(err, CR_EINPUT, "unknown protocol \"%.64s\"; known: %s", name, known);
}

cr_status cr_protocol_check(const cr_protocol *protocol, cr_error *err)
{
    if (protocol->boxes == CR_BOX_CONTOURS &&
        (protocol->upsampling != CR_UPSAMPLING_BICUBIC || protocol->connectivity != 8))
        return cr_fail(err, CR_EINPUT,
                       "its contours are 8-connected and its upsampling is bicubic; neither can be "
                       "changed");
    if (protocol->loose > protocol->threshold)
        return cr_fail(err, CR_EINPUT, "the loose threshold, %g, must not exceed the threshold, %g",
                       protocol->loose, protocol->threshold);
    return CR_OK;
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
