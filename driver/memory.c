/* Memory as it is planned, and as the system says it was: what it does not tell is -1. */
#include "memory.h"

#include "networks.h"
#include "worker/worker.h"

#include <stdio.h>
#include <string.h>

#define MB(bytes) ((double)(bytes) / 1e6)

/* The number behind `key` in a file of lines "Key:   123 kB", in bytes; -1 if it is not there. */
static int64_t read_kb(const char *path, const char *key)
{
    char line[256];
    long long kb = -1;
    FILE *file = fopen(path, "r");
    while (file && kb < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%lld", &kb) != 1)
            kb = -1;
    if (file)
        fclose(file);
    return kb < 0 ? -1 : kb * 1024;
}

int64_t cr_memory_peak_rss(void)
{
    return read_kb("/proc/self/status", "VmHWM:");
}

cr_status cr_memory_measure(const cr_par *par, const cr_session *s, cr_memory *memory,
                            cr_error *err)
{
    *memory = (cr_memory){0};
    memory->weights = cr_networks_weight_bytes(s);
    memory->why_private = s->why_private;
    for (int m = 0; m < s->n_models; m++)
        memory->all_weights += (int64_t)s->models[m].weight_bytes;
    memory->arena = (int64_t)cr_worker_arena_bytes(s->models, s->n_models);
    memory->ahead = (int64_t)cr_worker_ahead_bytes(s->models, s->n_models);
    memory->peak_rss = cr_memory_peak_rss();
    memory->node_pss = read_kb("/proc/self/smaps_rollup", "Pss:");
    CR_OR_RETURN(cr_par_sum(&s->nodes.node, &memory->node_pss, 1, err));
    CR_OR_RETURN(cr_par_max(par, &memory->peak_rss, 1, err));
    return cr_par_max(par, &memory->node_pss, 1, err);
}

void cr_memory_print(const cr_par *par, const cr_memory *memory)
{
    const char *why = memory->why_private;
    if (par->rank != 0)
        return;
    if (why[0])
        fprintf(stderr, "camrank: the ranks of a node do not share weights: %s\n", why);
    fprintf(stderr, "camrank: memory: weights %.1f MB a %s, activations %.1f MB a rank",
            MB(memory->weights), why[0] ? "rank" : "node", MB(memory->arena));
    if (memory->peak_rss >= 0 && memory->node_pss >= 0)
        fprintf(stderr, "; peak RSS %.1f MB a rank, PSS %.1f MB a node", MB(memory->peak_rss),
                MB(memory->node_pss));
    fprintf(stderr, "\n");
}
