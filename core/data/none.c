/* Layout `none`: images alone, without labels and boxes. The synset list says what the network's classes
 * are. */
#include "internal.h"

static cr_status read_images(const cr_data_source *source, const cr_class_list *classes,
                             cr_truth *truth, cr_error *err)
{
    (void)classes;
    cr_status status = CR_OK;
    const cr_files *files = truth->files;
    const cr_place at = {source->images, 0};
    if (files->n == 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: no image file in it", source->images));
    for (int i = 0; i < files->n; i++)
        CR_TRY(cr_truth_add_row(truth, &at, files->pool.text + files->items[i].path, err));
    status = cr_truth_index(truth, source->images, false, err);

cleanup:
    return status;
}

const cr_layout cr_layout_none = {
    .name = "none",
    .ground_truth = "none: images alone, for maps and predictions",
    .keys = {[CR_DATA_IMAGES] = CR_KEY_NEEDED, [CR_DATA_SYNSETS] = CR_KEY_NEEDED},
    .read = read_images,
};
