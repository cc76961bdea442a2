/* Masks from PNG files: whatever is not black is in, or what has the colour of a class. */
#include "mask.h"

#include "camrank/image.h"
#include "camrank/multiversion.h"

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

/* Pixels that are not black become `as`. */
CR_MULTIVERSION
static void mark(size_t n, const uint8_t *rgb, uint8_t as, uint8_t *restrict pixels)
{
    for (size_t i = 0; i < n; i++)
        pixels[i] = rgb[3 * i] | rgb[3 * i + 1] | rgb[3 * i + 2] ? as : pixels[i];
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

static void mark_entry(size_t n, const cr_image *image, int entry, uint8_t *pixels)
{
    const colour wanted = colour_of(entry), no_matter = colour_of(NO_MATTER);
    for (size_t i = 0; i < n; i++)
        pixels[i] = is_of(image, i, &wanted) ? 1 : is_of(image, i, &no_matter) ? 2 : 0;
}

static cr_status make(const cr_image *object, const cr_image *ignored, int entry, const char *path,
                      cr_mask *mask, cr_error *err)
{
    const size_t n = (size_t)object->width * (size_t)object->height;
    if (ignored->rgb && (ignored->width != object->width || ignored->height != object->height))
        return cr_fail(err, CR_EINPUT, "%s: %d x %d pixels, the mask %d x %d", path, ignored->width,
                       ignored->height, object->width, object->height);
    *mask = (cr_mask){calloc(n, 1), object->width, object->height};
    if (!mask->pixels)
        return cr_fail_memory(err, "a mask", n, 1);
    if (entry) {
        mark_entry(n, object, entry, mask->pixels);
        return CR_OK;
    }
    if (ignored->rgb)
        mark(n, ignored->rgb, 2, mask->pixels);
    mark(n, object->rgb, 1, mask->pixels);
    return CR_OK;
}

/* Of the files that the ground truth names: the objects' masks, all together, and what does not count. */
static cr_status join(const cr_dataset *data, int i, int max_mpixels, cr_mask *mask, cr_error *err)
{
    cr_status status = CR_OK;
    char *names = strdup(data->text + data->images[i].mask_files), *path = NULL;
    cr_image image = {0};
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
        CR_TRY(read_image(path, max_mpixels, &image, err));
        const size_t n = (size_t)image.width * (size_t)image.height;
        if (!mask->pixels)
            *mask = (cr_mask){calloc(n, 1), image.width, image.height};
        if (!mask->pixels)
            CR_TRY(cr_fail_memory(err, "a mask", n, 1));
        if (image.width != mask->width || image.height != mask->height)
            CR_TRY(cr_fail(err, CR_EINPUT, "%s: %d x %d pixels, another mask of the image %d x %d",
                           path, image.width, image.height, mask->width, mask->height));
        mark(n, image.rgb, as, mask->pixels);
        cr_image_free(&image);
        free(path);
        path = NULL;
    }

cleanup:
    if (status != CR_OK)
        cr_mask_free(mask);
    cr_image_free(&image);
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

cr_status cr_mask_read(const cr_dataset *data, int i, int max_mpixels, cr_mask *mask, cr_error *err)
{
    cr_status status = CR_OK;
    cr_image object = {0}, ignored = {0};
    *mask = (cr_mask){0};
    if (data->images[i].n_outlines > 0) {
        CR_OR_RETURN(draw(data, i, max_mpixels, mask, err));
        drop_empty(mask);
        return CR_OK;
    }
    if (!data->images[i].has_mask)
        return CR_OK;
    if (data->images[i].mask_files)
        return join(data, i, max_mpixels, mask, err);
    char *of_object = cr_data_mask_path(data, i, false);
    char *of_ignored = cr_data_mask_path(data, i, true);
    if (!of_object || !of_ignored)
        CR_TRY(cr_fail_memory(err, "a path", 1, 1));
    CR_TRY(read_image(of_object, max_mpixels, &object, err));
    if (access(of_ignored, F_OK) == 0)
        CR_TRY(read_image(of_ignored, max_mpixels, &ignored, err));
    CR_TRY(make(&object, &ignored, data->images[i].mask, of_ignored, mask, err));
    if (data->images[i].mask)
        drop_empty(mask);

cleanup:
    cr_image_free(&object);
    cr_image_free(&ignored);
    free(of_object);
    free(of_ignored);
    return status;
}

void cr_mask_free(cr_mask *mask)
{
    free(mask->pixels);
    *mask = (cr_mask){0};
}
