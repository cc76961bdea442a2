/* What a job gives of a table of parameters, each with its own line in messages. */
#include "job_parameter.h"

#include <stdio.h>

/* The node of a parameter that a job may set; NULL where it does not. */
static yaml_node_t *find(cr_job_source *source, const char *prefix, const cr_parameter *parameter,
                         char key[CR_JOB_PATH_BYTES])
{
    snprintf(key, CR_JOB_PATH_BYTES, "%s%s", prefix, parameter->key);
    return parameter->fixed ? NULL : cr_job_tree_find(&source->changed, key);
}

const cr_parameter *cr_job_given_parameter(cr_job_source *source, const char *prefix,
                                           cr_parameters table)
{
    char key[CR_JOB_PATH_BYTES];
    for (int i = 0; i < table.n; i++)
        if (find(source, prefix, &table.items[i], key))
            return table.items + i;
    return NULL;
}

cr_status cr_job_refuse_parameters(cr_job_source *source, const char *prefix, const char *name,
                                   cr_parameters own, cr_parameters other, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES], keys[CR_JOB_PATH_BYTES] = "";
    size_t n = 0;
    for (int i = 0; i < own.n; i++)
        n += (size_t)snprintf(keys + n, sizeof keys - n, "%s%s", n ? ", " : "", own.items[i].key);
    for (int i = 0; i < other.n; i++)
        if (find(source, prefix, &other.items[i], key) &&
            !cr_parameters_find(own, other.items[i].key))
            return own.n ? cr_job_fail(err, source, key, "%s has no such parameter; it has %s",
                                       name, keys)
                         : cr_job_fail(err, source, key, "%s has no parameters here", name);
    return CR_OK;
}

cr_status cr_job_read_parameters(cr_job_source *source, const char *prefix, cr_parameters table,
                                 void *of, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES], limits[CR_PARAMETER_BYTES];
    for (int i = 0; i < table.n; i++) {
        const cr_parameter *parameter = &table.items[i];
        const yaml_node_t *node = find(source, prefix, parameter, key);
        cr_error fault;
        if (!node)
            continue;
        if (node->type != YAML_SCALAR_NODE) {
            cr_parameter_limits(parameter, limits);
            return cr_job_fail(err, source, key, "must be %s, not a %s", limits,
                               node->type == YAML_SEQUENCE_NODE ? "list" : "mapping");
        }
        if (cr_parameter_read(parameter, of, (const char *)node->data.scalar.value, &fault) !=
            CR_OK)
            return cr_job_fail(err, source, key, "%s", fault.message);
    }
    return CR_OK;
}
