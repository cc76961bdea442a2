/* Strings in a pool, sorted names, and lines of text, for what is read from outside: whatever the
 * bytes are, a message gets printable ASCII. */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

cr_status cr_pool_add(cr_pool *pool, const char *bytes, size_t n, uint32_t *offset, cr_error *err)
{
    size_t start = pool->n_bytes ? pool->n_bytes : 1, end = start + n + 1;
    if (end > UINT32_MAX)
        return cr_fail(err, CR_EINTERNAL, "the image list: more than 4 GiB of names");
    cr_status status = cr_reserve(&pool->text, end, &pool->capacity, 1, err);
    if (status != CR_OK)
        return status;
    pool->text[0] = 0;
    memcpy(pool->text + start, bytes, n);
    pool->text[start + n] = 0;
    pool->n_bytes = end;
    *offset = (uint32_t)start;
    return CR_OK;
}

bool cr_is_utf8(const void *bytes, size_t n)
{
    const char *text = bytes;
    for (size_t length; n > 0; text += length, n -= length) {
        length = cr_utf8_bytes(text, n);
        if (length == 0)
            return false;
    }
    return true;
}

cr_status cr_pool_add_text(cr_pool *pool, const char *bytes, size_t n, uint32_t *offset,
                           cr_error *err)
{
    const unsigned char *in = (const unsigned char *)bytes;
    if (cr_is_utf8(in, n))
        return cr_pool_add(pool, bytes, n, offset, err);
    char *text = cr_alloc(n, 2);
    if (!text)
        return cr_fail_memory(err, "a name", n, 2);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (in[i] >= 0x80)
            text[used++] = (char)(0xc0 | in[i] >> 6);
        text[used++] = (char)(in[i] < 0x80 ? in[i] : 0x80 | (in[i] & 0x3f));
    }
    cr_status status = cr_pool_add(pool, text, used, offset, err);
    free(text);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    const cr_name *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->value > y->value) - (x->value < y->value);
}

void cr_names_sort(cr_name *names, int n)
{
    qsort(names, (size_t)n, sizeof *names, compare_names);
}

const cr_name *cr_names_find(const cr_name *names, int n, const char *text)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(names[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && strcmp(names[low].text, text) == 0 ? &names[low] : NULL;
}

size_t cr_stem_length(const char *name, size_t n, bool *is_image)
{
    static const char *const extensions[] = {".jpg", ".jpeg", ".png"};
    size_t stem = n;
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        size_t length = strlen(extensions[i]);
        if (n > length && strncasecmp(name + n - length, extensions[i], length) == 0)
            stem = n - length;
    }
    if (is_image)
        *is_image = stem < n;
    return stem;
}

cr_quoted cr_quote(const char *bytes, size_t n)
{
    cr_quoted quoted;
    size_t shown = n > 60 ? 57 : n;
    for (size_t i = 0; i < shown; i++)
        quoted.text[i] = bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?';
    snprintf(quoted.text + shown, sizeof quoted.text - shown, "%s", shown < n ? "..." : "");
    return quoted;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool cr_line_next(const uint8_t *bytes, size_t n_bytes, size_t *position, cr_line *line)
{
    const char *text = (const char *)bytes;
    if (*position == 0 && n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        *position = 3;
    if (*position >= n_bytes)
        return false;
    size_t start = *position, end = start;
    while (end < n_bytes && text[end] != '\n' && text[end] != '\r')
        end++;
    *position = end + (end < n_bytes);
    if (end + 1 < n_bytes && text[end] == '\r' && text[end + 1] == '\n')
        *position = end + 2;
    while (start < end && is_blank(text[start]))
        start++;
    while (start < end && is_blank(text[end - 1]))
        end--;
    *line = (cr_line){text + start, end - start, line->number + 1};
    return true;
}
