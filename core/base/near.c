/* The name that a misspelt one was most likely meant to be. */
#include "camrank/near.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 64 }; /* longer words are nobody's spelling mistake */

static int letter(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Letters that are changed, left out, added or swapped with their neighbour (optimal string alignment). */
static int distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int rows[3][MOST + 1];
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            const bool same = letter(a[i - 1]) == letter(b[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
                letter(a[i - 2]) == letter(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

void cr_near_begin(cr_near *near, const char *word)
{
    const size_t n = strlen(word);
    *near = (cr_near){.word = word, .n = n, .best = n > MOST ? -1 : (int)(n < 3 ? 0 : (n + 1) / 3)};
}

void cr_near_add(cr_near *near, const char *name, size_t n)
{
    if (n == 0 || n > MOST || n >= sizeof near->name || near->best < 0)
        return;
    /* What begins with the word is near, however long it is. */
    int d = near->n >= 3 && n > near->n && strncmp(name, near->word, near->n) == 0
                ? 1
                : distance(near->word, near->n, name, n);
    if (d > near->best || (d == near->best && near->name[0]))
        return;
    near->best = d;
    memcpy(near->name, name, n);
    near->name[n] = 0;
}

const char *cr_near_text(cr_near *near)
{
    near->text[0] = 0;
    if (near->name[0])
        snprintf(near->text, sizeof near->text, " (did you mean \"%s\"?)", near->name);
    return near->text;
}

const char *cr_near_of(cr_near *near, const char *word, const char *names)
{
    cr_near_begin(near, word);
    while (*names) {
        const size_t n = strcspn(names, ", ");
        cr_near_add(near, names, n);
        names += n;
        names += strspn(names, ", ");
    }
    return cr_near_text(near);
}
