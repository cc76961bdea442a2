/* Layout `none`: images alone, without labels and boxes. The synset list says what the network's classes
 * are. */
#include "internal.h"

static cr_status read_images(const cr_data_source *source, const cr_class_list *classes,
                             cr_truth *truth, cr_error *err)
{
    (void)classes;
    return cr_truth_add_files(truth, source->images, err);
}

const cr_layout cr_layout_none = {
    .name = "none",
    .ground_truth = "none: images alone, for maps and predictions",
    .keys = {[CR_DATA_IMAGES] = CR_KEY_NEEDED, [CR_DATA_SYNSETS] = CR_KEY_NEEDED},
    .read = read_images,
};
