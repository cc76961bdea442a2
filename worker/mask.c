/* Masks from PNG files: whatever is not black is in, or what has the colour of a class. */
#include "mask.h"

#include "camrank/image.h"
#include "camrank/loc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cr_status read_image(const char *path, int max_mpixels, cr_image *image, cr_error *err)
{
    uint8_t *bytes = NULL;
    size_t n_bytes;
    CR_OR_RETURN(cr_file_read(path, CR_DATA_MAX_IMAGE_BYTES, &bytes, &n_bytes, err));
    const cr_status status = cr_image_decode(bytes, n_bytes, path, max_mpixels, image, err);
    free(bytes);
    return status;
}

/* Marks with `as` the pixels of a mask, of the frame's size, that are not black in an image of any size: the
 * nearest pixel, that of cv2.resize's INTER_NEAREST, as in wsolevaluation's load_mask_image. */
static void mark(const cr_image *image, uint8_t as, cr_mask *mask)
{
    const size_t width = (size_t)image->width;
    for (int y = 0; y < CR_FRAME; y++) {
        const uint8_t *row = image->rgb + 3 * width * (size_t)cr_frame_nearest(y, image->height);
        for (int x = 0; x < CR_FRAME; x++) {
            const uint8_t *rgb = row + 3 * (size_t)cr_frame_nearest(x, image->width);
            if (rgb[0] | rgb[1] | rgb[2])
                mask->pixels[y * CR_FRAME + x] = as;
        }
    }
}

/* The colour of an entry of VOC's palette: its bits are those of the entry by turns, from the top down. */
typedef struct colour {
    int entry, rgb[3];
} colour;

static colour colour_of(int entry)
{
    colour of = {entry, {0, 0, 0}};
    for (int bit = 0; bit < 8; bit++)
        of.rgb[bit % 3] |= (entry >> bit & 1) << (7 - bit / 3);
    return of;
}

/* In that colour; or in the grey of the entry, where a mask has no palette. */
static bool is_of(const cr_image *image, size_t pixel, const colour *of)
{
    const uint8_t *rgb = image->rgb + 3 * pixel;
    return (rgb[0] == of->rgb[0] && rgb[1] == of->rgb[1] && rgb[2] == of->rgb[2]) ||
           (rgb[0] == of->entry && rgb[1] == of->entry && rgb[2] == of->entry);
}

enum { NO_MATTER = 255 }; /* VOC's entry of pixels that do not count */

/* Of a file that has the masks of all classes: pixels of one of them. */
static cr_status read_entry(const char *path, int entry, int max_mpixels, cr_mask *mask,
                            cr_error *err)
{
    cr_image image = {0};
    const colour wanted = colour_of(entry), no_matter = colour_of(NO_MATTER);
    CR_OR_RETURN(read_image(path, max_mpixels, &image, err));
    const size_t n = (size_t)image.width * (size_t)image.height;
    *mask = (cr_mask){calloc(n, 1), image.width, image.height};
    for (size_t i = 0; mask->pixels && i < n; i++)
        mask->pixels[i] = is_of(&image, i, &wanted) ? 1 : is_of(&image, i, &no_matter) ? 2 : 0;
    cr_image_free(&image);
    return mask->pixels ? CR_OK : cr_fail_memory(err, "a mask", n, 1);
}

/* Adds a file to a mask of the frame's size, which is made for the first. */
static cr_status add_file(const char *path, uint8_t as, int max_mpixels, cr_mask *mask,
                          cr_error *err)
{
    cr_image image = {0};
    CR_OR_RETURN(read_image(path, max_mpixels, &image, err));
    if (!mask->pixels)
        *mask = (cr_mask){calloc(CR_FRAME, CR_FRAME), CR_FRAME, CR_FRAME};
    if (mask->pixels)
        mark(&image, as, mask);
    cr_image_free(&image);
    return mask->pixels ? CR_OK : cr_fail_memory(err, "a mask", CR_FRAME, CR_FRAME);
}

/* Of the files that the ground truth names: the objects' masks, all together, and what does not count. */
static cr_status join(const cr_dataset *data, int i, int max_mpixels, cr_mask *mask, cr_error *err)
{
    cr_status status = CR_OK;
    char *names = strdup(data->text + data->images[i].mask_files), *path = NULL;
    if (!names)
        return cr_fail_memory(err, "a path", 1, 1);
    uint8_t as = 2;
    for (char *name = names, *next; name; name = next, as = 1) {
        next = strchr(name, '\n');
        if (next)
            *next++ = 0;
        if (!*name)
            continue;
        path = cr_path_join(data->masks, name);
        if (!path)
            CR_TRY(cr_fail_memory(err, "a path", 1, 1));
        CR_TRY(add_file(path, as, max_mpixels, mask, err));
        free(path);
        path = NULL;
    }

cleanup:
    free(path);
    free(names);
    return status;
}

/* From the outlines of the ground truth, which says how large the image is. */
static cr_status draw(const cr_dataset *data, int i, int max_mpixels, cr_mask *mask, cr_error *err)
{
    const cr_data_image *image = &data->images[i];
    const size_t n = (size_t)image->width * (size_t)image->height;
    if (n > (size_t)max_mpixels * 1000000)
        return cr_fail(err, CR_EINPUT, "%s: its mask has more than %d million pixels",
                       cr_data_image_id(data, i), max_mpixels);
    *mask = (cr_mask){cr_alloc(n, 1), image->width, image->height};
    return mask->pixels ? cr_outlines_draw(data->outlines + image->first_outline, image->n_outlines,
                                           image->width, image->height, mask->pixels, err)
                        : cr_fail_memory(err, "a mask", n, 1);
}

/* A mask that was made for a class, but has no pixel of it, says nothing of where the class is. */
static void drop_empty(cr_mask *mask)
{
    if (!memchr(mask->pixels, 1, (size_t)mask->width * (size_t)mask->height))
        cr_mask_free(mask);
}

/* Of the files that are named as the image is. */
static cr_status read_files(const cr_dataset *data, int i, int max_mpixels, cr_mask *mask,
                            cr_error *err)
{
    cr_status status = CR_OK;
    const int entry = data->images[i].mask;
    char *of_object = cr_data_mask_path(data, i, false);
    char *of_ignored = cr_data_mask_path(data, i, true);
    if (!of_object || !of_ignored)
        CR_TRY(cr_fail_memory(err, "a path", 1, 1));
    if (entry) {
        CR_TRY(read_entry(of_object, entry, max_mpixels, mask, err));
        drop_empty(mask);
    } else {
        if (access(of_ignored, F_OK) == 0)
            CR_TRY(add_file(of_ignored, 2, max_mpixels, mask, err));
        CR_TRY(add_file(of_object, 1, max_mpixels, mask, err));
    }

cleanup:
    free(of_object);
    free(of_ignored);
    return status;
}

cr_status cr_mask_read(const cr_dataset *data, int i, int max_mpixels, cr_mask *mask, cr_error *err)
{
    const cr_data_image *image = &data->images[i];
    cr_status status = CR_OK;
    *mask = (cr_mask){0};
    if (image->n_outlines > 0) {
        status = draw(data, i, max_mpixels, mask, err);
        if (status == CR_OK)
            drop_empty(mask);
    } else if (image->has_mask) {
        status = (image->mask_files ? join : read_files)(data, i, max_mpixels, mask, err);
    }
    if (status != CR_OK)
        cr_mask_free(mask);
    return status;
}

void cr_mask_free(cr_mask *mask)
{
    free(mask->pixels);
    *mask = (cr_mask){0};
}
