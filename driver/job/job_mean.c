/* Means of the networks' inputs that lie in files, as Caffe's mean.binaryproto. */
#include "job.h"

#include "camrank/nn.h"

#include <stdlib.h>

enum { MAX_BYTES = 1 << 28 };

static cr_status read_mean(cr_job_model *model, cr_error *err)
{
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    cr_status status = cr_file_read(model->mean_file, MAX_BYTES, &bytes, &n_bytes, err);
    if (status != CR_OK)
        return status;
    status = cr_caffe_mean_read(bytes, n_bytes, cr_channels_count(model->input.channels),
                                model->input.mean, err);
    free(bytes);
    return status == CR_OK ? CR_OK : cr_fail_in(err, "%s: ", model->mean_file);
}

cr_status cr_job_read_means(cr_job *job, cr_error *err)
{
    for (int m = 0; m < job->n_models; m++)
        if (job->models[m].mean_file)
            CR_OR_RETURN(read_mean(&job->models[m], err));
    return CR_OK;
}
