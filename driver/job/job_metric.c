/* Metrics by their names, with the parameters that the job gives. */
#include "job_metric.h"
#include "camrank/near.h"

#include "job_parameter.h"

#include <stdio.h>

cr_status cr_job_read_metrics(cr_job_source *source, const cr_job_raw *raw, cr_job *job,
                              cr_error *err)
{
    bool given[CR_METRIC_MAX] = {false};
    for (unsigned i = 0; i < raw->n_metrics; i++) {
        char key[CR_JOB_PATH_BYTES], prefix[64];
        const char *name = raw->metrics[i].name;
        cr_near near;
        const int m = cr_metric_find(name);
        snprintf(key, sizeof key, "metrics.%u", i);
        snprintf(prefix, sizeof prefix, "metrics.%u.", i);
        if (m < 0)
            return cr_job_fail(err, source, key, "unknown metric \"%.64s\"%s; known: %s", name,
                               cr_near_of(&near, name, cr_metric_names()), cr_metric_names());
        if (given[m])
            return cr_job_fail(err, source, key, "\"%.64s\" is given twice", name);
        if (cr_metrics[m]->needs & CR_METRIC_NEEDS_MASKS && !job->data.masks &&
            !job->data.layout->has_masks)
            return cr_job_fail(err, source, key, "\"%.64s\" needs masks: dataset.masks", name);
        given[m] = true;
        const cr_parameters table = cr_metrics[m]->parameters;
        struct cr_results_metric *metric = &job->metrics[m];
        metric->wanted = !cr_metrics[m]->always;
        cr_parameters_reset(table, metric->parameters.bytes);
        for (const cr_metric *const *other = cr_metrics; *other; other++)
            CR_OR_RETURN(
                cr_job_refuse_parameters(source, prefix, name, table, (*other)->parameters, err));
        CR_OR_RETURN(cr_job_read_parameters(source, prefix, table, metric->parameters.bytes, err));
        if (cr_metrics[m]->wants_segments && !job->data.segments &&
            cr_metrics[m]->wants_segments(metric->parameters.bytes))
            return cr_job_fail(err, source, key, "\"segments: given\" needs dataset.segments");
    }
    return CR_OK;
}
