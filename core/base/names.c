/* Lists of names with commas between them, and short names of variants. */
#include "camrank/names.h"

#include <string.h>

size_t cr_names_next(const char **list, const char **name)
{
    *name = *list;
    const size_t length = strcspn(*list, ",");
    *list += length + ((*list)[length] == ',');
    return length;
}

bool cr_name_is(const char *text, const char *name, size_t length)
{
    return strlen(text) == length && memcmp(text, name, length) == 0;
}

bool cr_name_is_short_for(const char *text, const char *name, size_t length)
{
    const char *sign = memchr(name, '@', length), *layer = strchr(text, '@');
    if (!sign || !layer || sign - name != layer - text ||
        memcmp(name, text, (size_t)(sign - name)) != 0)
        return false;
    const char *part = sign + 1;
    const size_t n = length - (size_t)(part - name);
    layer += 1;
    const char *first = layer + (layer[0] == '/' && n > 0 && part[0] != '/');
    const size_t all = strlen(layer);
    if (n == 0)
        return false;
    if (strncmp(first, part, n) == 0 && (first[n] == '/' || !first[n]))
        return true;
    return n < all && memcmp(layer + all - n, part, n) == 0 &&
           (part[0] == '/' || layer[all - n - 1] == '/');
}
