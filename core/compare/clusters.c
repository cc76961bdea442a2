/* Which rows of a comparison are of one image: in a set of pairs an image has a row for each of its classes. */
#include "internal.h"

cr_status cr_compare_number_images(cr_compare *compare, cr_error *err)
{
    const cr_dataset *data = compare->sets[0].data;
    const size_t n = (size_t)data->n_images;
    int32_t *images = cr_arena_alloc(&compare->room->arena, n, sizeof *images);
    if (!images)
        return cr_fail_memory(err, "a comparison", n, sizeof *images);
    cr_data_number_images(data, images);
    compare->room->images = images;
    return CR_OK;
}

cr_stat_clusters cr_compare_clusters(const cr_compare *compare, const int32_t *shared, int n,
                                     int32_t *of)
{
    int n_clusters = 0, last = -1;
    for (int i = 0; i < n; i++) {
        const int32_t image = compare->room->images[compare->shared[shared[i]]];
        n_clusters += image != last;
        last = image;
        of[i] = n_clusters - 1;
    }
    return (cr_stat_clusters){n, n_clusters, n_clusters < n ? of : NULL};
}
