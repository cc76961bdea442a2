#include "camrank/loc.h"

#include <stdio.h>
#include <string.h>

/* Zhou et al., CVPR 2016, section 3.2; connectivity and upsampling, which the paper leaves open,
 * as the released evaluations have them. */
static const cr_protocol protocols[] = {
    {"cam-paper", 0.2, 8, CR_UPSAMPLING_BILINEAR, 0.5},
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
