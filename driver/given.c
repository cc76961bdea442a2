/* Inputs of a network that are not the image: a list that grows. */
#include "given.h"

#include <stdlib.h>
#include <string.h>

cr_status cr_given_add(cr_nn_inputs *inputs, const char *name, size_t n_name, const char *path,
                       cr_error *err)
{
    const size_t n = (size_t)inputs->n + 1;
    if (inputs->n == CR_GIVEN_MAX)
        return cr_fail(err, CR_EINPUT, "more than %d inputs", CR_GIVEN_MAX);
    for (int i = 0; i < inputs->n; i++)
        if (strlen(inputs->items[i].name) == n_name &&
            memcmp(inputs->items[i].name, name, n_name) == 0)
            return cr_fail(err, CR_EINPUT, "the input %.100s is given twice",
                           inputs->items[i].name);
    struct cr_nn_input *grown = realloc(inputs->items, n * sizeof *grown);
    if (!grown)
        return cr_fail_memory(err, "inputs", n, sizeof *grown);
    inputs->items = grown;
    grown[n - 1] = (struct cr_nn_input){strndup(name, n_name), strdup(path)};
    inputs->n++;
    return grown[n - 1].name && grown[n - 1].path ? CR_OK
                                                  : cr_fail_memory(err, "inputs", n_name, 1);
}

cr_status cr_given_option(cr_nn_inputs *inputs, const char *text, cr_error *err)
{
    cr_error fault;
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return cr_fail(err, CR_EUSAGE,
                       "--inputs %.200s: must be NAME=FILE.npy, an input of the network and the "
                       "array that it is",
                       text);
    const cr_status status =
        cr_given_add(inputs, text, (size_t)(equals - text), equals + 1, &fault);
    if (status != CR_OK)
        return cr_fail(err, status == CR_EINPUT ? CR_EUSAGE : status, "--inputs %.200s: %s", text,
                       fault.message);
    return CR_OK;
}

void cr_given_free(cr_nn_inputs *inputs)
{
    for (int i = 0; i < inputs->n; i++) {
        free(inputs->items[i].name);
        free(inputs->items[i].path);
    }
    free(inputs->items);
    *inputs = (cr_nn_inputs){0};
}
