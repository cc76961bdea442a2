/* Which layout a ground truth has, by what lies there; nothing is read but the beginning of a file. */
#include "internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && S_ISDIR(there.st_mode);
}

static bool has_file(const char *folder, const char *name)
{
    struct stat there;
    char *path = cr_path_join(folder, name);
    const bool is = path && stat(path, &there) == 0 && S_ISREG(there.st_mode);
    free(path);
    return is;
}

static bool ends_in(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

/* Whether images lie in folders of their own, and none beside these. */
static bool has_class_folders(const char *images)
{
    bool folders = false, files = false;
    DIR *folder = images && is_folder(images) ? opendir(images) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char *path = entry->d_name[0] == '.' ? NULL : cr_path_join(images, entry->d_name);
        if (path)
            *(is_folder(path) ? &folders : &files) = true;
        free(path);
    }
    if (folder)
        closedir(folder);
    return folders && !files;
}

/* The beginning of a file, without a byte order mark and the quotes of a header's fields; "" of one that cannot be
 * read. */
typedef struct beginning {
    char text[64];
} beginning;

static beginning beginning_of(const char *path)
{
    beginning start = {""};
    FILE *file = fopen(path, "rbe");
    const size_t n = file ? fread(start.text, 1, sizeof start.text - 1, file) : 0;
    if (file)
        fclose(file);
    start.text[n] = 0;
    size_t at = strncmp(start.text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, to = 0;
    for (; at <= n; at++)
        if (start.text[at] != '"')
            start.text[to++] = start.text[at];
    return start;
}

bool cr_layout_begins(const char *path, const char *with)
{
    const beginning start = beginning_of(path);
    return strncmp(start.text, with, strlen(with)) == 0;
}

static const cr_layout *of_file(const char *path)
{
    const beginning start = beginning_of(path);
    const char *text = start.text;
    return text[strspn(text, " \t\r\n")] == '{'         ? &cr_layout_coco
           : strncmp(text, "ImageId", 7) == 0           ? &cr_layout_kaggle
           : strncmp(text, "image,label", 11) == 0      ? &cr_layout_csv
           : strncmp(text, "ImageID,Source", 14) == 0   ? &cr_layout_openimages
           : strncmp(text, "MaskPath,ImageID", 16) == 0 ? &cr_layout_openimages
                                                        : &cr_layout_devkit;
}

/* Of wsolevaluation's lists, those of OpenImages30k name masks. */
static const cr_layout *of_lists(const char *folder)
{
    char line[4096] = "";
    char *path = cr_path_join(folder, "localization.txt");
    FILE *file = path ? fopen(path, "rbe") : NULL;
    if (file && !fgets(line, sizeof line, file))
        line[0] = 0;
    if (file)
        fclose(file);
    free(path);
    return strstr(line, ".png,") ? &cr_layout_openimages : &cr_layout_wsol;
}

const cr_layout *cr_layout_guess(const char *ground_truth, const char *images)
{
    if (!ground_truth)
        return has_class_folders(images) ? &cr_layout_folders : &cr_layout_none;
    if (is_folder(ground_truth))
        return has_file(ground_truth, "image_ids.txt")            ? of_lists(ground_truth)
               : has_file(ground_truth, "image_class_labels.txt") ? &cr_layout_cub
               : images && ends_in(images, "JPEGImages")          ? &cr_layout_voc
                                                                  : &cr_layout_xml;
    if (ends_in(ground_truth, ".tar") || ends_in(ground_truth, ".tgz") ||
        ends_in(ground_truth, ".tar.gz"))
        return &cr_layout_xml;
    return of_file(ground_truth);
}
