/* COCO's annotations: classes, rows, and the pixels of their outlines. */
#include "fuzz.h"

#include "core/data/internal.h"

#include <stdlib.h>

enum { MOST_PIXELS = 1 << 16, MOST_VALUES = 64 };

/* Outlines of small images, which are drawn in no time. */
static void draw(const cr_truth *truth)
{
    for (int i = 0; i < truth->n_rows; i++) {
        const cr_truth_row *row = &truth->rows[i];
        cr_error err = {0};
        FUZZ_CHECK(row->width > 0 && row->height > 0 && row->label >= 0);
        FUZZ_CHECK(row->first_outline + row->n_outlines <= (int64_t)truth->n_outlines);
        if ((int64_t)row->width * row->height > MOST_PIXELS || row->n_outlines == 0 ||
            row->n_outlines > MOST_VALUES)
            continue;
        const size_t n = (size_t)row->width * (size_t)row->height;
        uint8_t *mask = malloc(n);
        FUZZ_CHECK(mask && cr_outlines_draw(truth->outlines + row->first_outline, row->n_outlines,
                                            row->width, row->height, mask, &err) == CR_OK);
        for (size_t p = 0; p < n; p++)
            FUZZ_CHECK(mask[p] <= 2);
        free(mask);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const cr_layout *layout = &cr_layout_coco;
    const char *path = fuzz_file(bytes, n_bytes);
    const cr_data_source source = {.layout = layout, .ground_truth = path};
    cr_class_list classes = {0};
    cr_truth truth = {0};
    cr_error err = {0};
    if (fuzz_ok(layout->read_classes(&source, NULL, &classes, &err), &err, path) &&
        fuzz_ok(layout->read(&source, &classes, &truth, &err), &err, path))
        draw(&truth);
    cr_truth_fini(&truth);
    cr_classes_fini(&classes);
    return 0;
}
