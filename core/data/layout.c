/* The table of layouts, and the keys that they may want. */
#include "internal.h"

#include <string.h>

const cr_layout *const cr_layouts[] = {
    &cr_layout_kaggle,     &cr_layout_xml,     &cr_layout_wsol, &cr_layout_devkit,
    &cr_layout_cub,        &cr_layout_csv,     &cr_layout_voc,  &cr_layout_coco,
    &cr_layout_openimages, &cr_layout_folders, &cr_layout_none, NULL,
};

const cr_layout *cr_layout_find(const char *name)
{
    for (const cr_layout *const *layout = cr_layouts; *layout; layout++)
        if (strcmp((*layout)->name, name) == 0)
            return *layout;
    return NULL;
}

cr_key_use cr_data_key_use(const cr_layout *layout, cr_data_key key)
{
    return key == CR_DATA_SEGMENTS || key == CR_DATA_BASELINES ? CR_KEY_TAKEN : layout->keys[key];
}

const char *cr_data_key_name(cr_data_key key)
{
#define KEY_NAME(KEY, member) [CR_DATA_##KEY] = #member,
    static const char *const names[] = {CR_DATA_KEY_LIST(KEY_NAME)};
    return names[key];
}
