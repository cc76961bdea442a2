/* The job file, and --set options behind it. */
#include "fuzz.h"

#include "driver/job/job.h"

#include <string.h>

enum { MAX_SETS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    fuzz_part parts[1 + MAX_SETS];
    char *sets[MAX_SETS];
    int n_sets = 0;
    cr_job job;
    cr_error err = {0};
    fuzz_split(bytes, n_bytes, parts, 1 + MAX_SETS);
    uint8_t *text = fuzz_copy(parts[0].bytes, parts[0].n_bytes, true);
    for (int i = 1; i <= MAX_SETS; i++)
        if (parts[i].n_bytes)
            sets[n_sets++] = (char *)fuzz_copy(parts[i].bytes, parts[i].n_bytes, true);
    cr_status status = cr_job_parse((char *)text, parts[0].n_bytes, "job.yaml",
                                    (const char *const *)sets, n_sets, &job, &err);
    if (status == CR_EUSAGE) {
        FUZZ_CHECK(n_sets > 0 && strncmp(err.message, "--set ", 6) == 0);
    } else if (fuzz_ok(status, &err, "job.yaml:")) {
        FUZZ_CHECK(job.name[0] && job.output && job.data.layout && job.data.images);
        FUZZ_CHECK(job.batch >= 1 && job.batch <= 1024 && job.data.limit >= 0);
        FUZZ_CHECK(job.n_models >= 1 && cr_job_methods_of(&job, 0)->n >= 1 &&
                   job.data.subset_stride >= 1);
        for (int m = 0; m < job.n_models; m++)
            FUZZ_CHECK(cr_input_check(&job.models[m].input, &err) == CR_OK);
        cr_job_free(&job);
    }
    for (int i = 0; i < n_sets; i++)
        free(sets[i]);
    free(text);
    return 0;
}
