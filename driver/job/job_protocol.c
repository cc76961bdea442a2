/* Protocols by their names, with the parameters that the job changes. */
#include "job_protocol.h"

#include "job_parameter.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define KEY(...) snprintf(key, sizeof key, __VA_ARGS__)

bool cr_job_is_plain_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
            return false;
    return isalnum((unsigned char)*text);
}

/* A metric over all thresholds is named like a protocol, but has no boxes and no parameters. */
static bool is_metric(const char *name)
{
    return strcmp(name, "wsol-v1") == 0 || strcmp(name, "wsol-v2") == 0;
}

/* Changes the parameters that are given. Their keys are `prefix` and their names. */
static cr_status change(cr_job_source *source, const char *prefix, cr_protocol *protocol,
                        cr_error *err)
{
    char key[CR_JOB_PATH_BYTES], x[CR_PARAMETER_BYTES], y[CR_PARAMETER_BYTES];
    const cr_protocol named = *protocol;
    const cr_parameter *given = cr_job_given_parameter(source, prefix, cr_protocol_parameters);
    cr_error fault;
    CR_OR_RETURN(cr_job_read_parameters(source, prefix, cr_protocol_parameters, protocol, err));
    KEY("%s%s", prefix, given ? given->key : "name");
    if (cr_protocol_check(protocol, &fault) != CR_OK)
        return cr_job_fail(err, source, key, "%s", fault.message);
    if (cr_parameters_difference(cr_protocol_parameters, protocol, &named, x, y))
        snprintf(protocol->name, sizeof protocol->name, "%.20s (modified)", named.name);
    return CR_OK;
}

/* Gives the protocol the name that the job has for it. */
static cr_status rename_protocol(cr_job_source *source, const char *prefix, const char *as,
                                 cr_protocol *protocol, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    cr_protocol known;
    KEY("%sas", prefix);
    if (!cr_job_is_plain_name(as))
        return cr_job_fail(err, source, key,
                           "\"%.64s\", must be letters, digits and . _ -, a letter or digit first",
                           as);
    if (cr_metric_find(as) >= 0)
        return cr_job_fail(err, source, key, "\"%.64s\" is the name of a metric", as);
    if (is_metric(as) || cr_protocol_find(as, &known, NULL) == CR_OK)
        return cr_job_fail(err, source, key, "\"%.64s\" is the name of a known protocol", as);
    snprintf(protocol->name, sizeof protocol->name, "%s", as);
    return CR_OK;
}

/* Adds one protocol, whose parameters have keys that begin with `prefix`. */
static cr_status add(cr_job_source *source, const char *prefix, const char *name_key,
                     const cr_job_raw_protocol *raw, cr_job *job, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    cr_protocol *protocol = &job->protocols[job->n_protocols];
    cr_error inner;
    if (is_metric(raw->name)) {
        const cr_parameter *given = cr_job_given_parameter(source, prefix, cr_protocol_parameters);
        KEY("%s%s", prefix, raw->as ? "as" : given ? given->key : "");
        if (raw->as || given)
            return cr_job_fail(err, source, key, "%s has no parameters: it is over all thresholds",
                               raw->name);
        *(strcmp(raw->name, "wsol-v1") == 0 ? &job->show_v1 : &job->show_v2) = true;
        return CR_OK;
    }
    if (cr_protocol_find(raw->name, protocol, &inner) != CR_OK)
        return cr_job_fail(err, source, name_key, "%s, wsol-v1, wsol-v2", inner.message);
    CR_OR_RETURN(change(source, prefix, protocol, err));
    if (raw->as)
        CR_OR_RETURN(rename_protocol(source, prefix, raw->as, protocol, err));
    for (int i = 0; i < job->n_protocols; i++)
        if (strcmp(job->protocols[i].name, protocol->name) == 0)
            return cr_job_fail(err, source, name_key,
                               "two protocols are named \"%s\"; `as: NAME` gives one another name",
                               protocol->name);
    job->n_protocols++;
    job->show_protocols = true;
    return CR_OK;
}

/* The list, whose items have parameters of their own; those beside the list are the one box
 * protocol's. */
static cr_status add_list(cr_job_source *source, const cr_job_raw *raw, cr_job *job, cr_error *err)
{
    const cr_parameter *beside = cr_job_given_parameter(source, "", cr_protocol_parameters);
    unsigned n_boxed = 0;
    for (unsigned i = 0; i < raw->n_protocols; i++)
        n_boxed += !is_metric(raw->protocols[i].name);
    if (beside && n_boxed != 1)
        return cr_job_fail(err, source, beside->key,
                           "for a single protocol; of several, one is changed in its item: {name: "
                           "cam-paper, %s: ...}",
                           beside->key);
    for (unsigned i = 0; i < raw->n_protocols; i++) {
        char prefix[64], name_key[64];
        const cr_job_raw_protocol *item = &raw->protocols[i];
        snprintf(prefix, sizeof prefix, "protocols.%u.", i);
        snprintf(name_key, sizeof name_key, "protocols.%u.name", i);
        if (beside && cr_job_given_parameter(source, prefix, cr_protocol_parameters))
            return cr_job_fail(err, source, beside->key, "is given in protocols[%u] too", i);
        const bool changed = beside && !is_metric(item->name);
        CR_OR_RETURN(add(source, changed ? "" : prefix, name_key, item, job, err));
    }
    return CR_OK;
}

cr_status cr_job_read_protocols(cr_job_source *source, const cr_job_raw *raw, cr_job *job,
                                cr_error *err)
{
    if (!raw->protocol && !raw->protocols)
        return cr_job_fail(err, source, "", "the key \"protocol\" (or \"protocols\") is missing");
    if (raw->protocol && raw->protocols)
        return cr_job_fail(err, source, "protocols", "not beside \"protocol\"");
    job->protocols = cr_alloc((size_t)raw->n_protocols + 1, sizeof *job->protocols);
    if (!job->protocols)
        return cr_fail_memory(err, "job", (size_t)raw->n_protocols + 1, sizeof *job->protocols);
    if (raw->protocols) {
        CR_OR_RETURN(add_list(source, raw, job, err));
    } else {
        const cr_job_raw_protocol alone = {.name = raw->protocol};
        CR_OR_RETURN(add(source, "", "protocol", &alone, job, err));
    }
    if (job->n_protocols == 0)
        CR_OR_RETURN(cr_protocol_find("cam-paper", &job->protocols[job->n_protocols++], err));
    if (!job->show_v1 && !job->show_v2)
        job->show_v1 = job->show_v2 = true;
    return CR_OK;
}
