/* Paths of a job: what the environment stands for in them, and where they begin. */
#include "job_path.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH_BYTES 4096

typedef struct growing_path {
    char text[MAX_PATH_BYTES];
    size_t n; /* more than there is room for, where it is too long */
} growing_path;

static void append(growing_path *path, const char *text, size_t n)
{
    if (path->n + n < MAX_PATH_BYTES)
        memcpy(path->text + path->n, text, n);
    path->n += n;
}

/* The name behind a dollar: *name of *n bytes; what follows it. NULL where there is none. */
static const char *find_name(const char *dollar, const char **name, size_t *n)
{
    const bool braces = dollar[1] == '{';
    *name = dollar + 1 + braces;
    for (*n = 0; isalnum((unsigned char)(*name)[*n]) || (*name)[*n] == '_';)
        ++*n;
    if (*n == 0 || isdigit((unsigned char)**name) || (braces && (*name)[*n] != '}'))
        return NULL;
    return *name + *n + braces;
}

static cr_status expand(cr_job_source *source, const char *key, const char *path,
                        growing_path *whole, cr_error *err)
{
    char variable[128];
    const char *at = path, *value, *name, *next;
    size_t n;
    if (path[0] == '~' && (path[1] == '/' || !path[1])) {
        value = getenv("HOME");
        if (!value)
            return cr_job_fail(err, source, key, "~ has no meaning: HOME is not set");
        append(whole, value, strlen(value));
        at++;
    }
    for (; *at; at = next) {
        next = *at == '$' ? find_name(at, &name, &n) : NULL;
        if (!next) {
            append(whole, at, 1);
            next = at + 1 + (at[0] == '$' && at[1] == '$');
            continue;
        }
        snprintf(variable, sizeof variable, "%.*s", (int)n, name);
        value = n < sizeof variable ? getenv(variable) : NULL;
        if (!value || !*value)
            return cr_job_fail(err, source, key,
                               "$%.64s is not set in the environment ($$ is a dollar sign)",
                               variable);
        append(whole, value, strlen(value));
    }
    if (whole->n >= MAX_PATH_BYTES)
        return cr_job_fail(err, source, key, "is longer than %d bytes", MAX_PATH_BYTES - 1);
    whole->text[whole->n] = 0;
    return CR_OK;
}

cr_status cr_job_read_path(cr_job_source *source, const char *key, const char *folder,
                           const char *path, char **to, cr_error *err)
{
    growing_path whole = {.n = 0};
    cr_status status = expand(source, key, path, &whole, err);
    if (status != CR_OK)
        return status;
    *to = cr_path_join(cr_job_is_set(source, key) ? "." : folder, whole.text);
    return *to ? CR_OK : cr_fail_memory(err, "job", strlen(folder) + whole.n + 2, 1);
}
