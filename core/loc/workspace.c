/* Memory that a call leaves to the next: each part grows, and never shrinks. */
#include "workspace.h"

#include <stdlib.h>

void cr_loc_workspace_fini(cr_loc_workspace *workspace)
{
    _Static_assert(sizeof workspace->parts / sizeof *workspace->parts >= CR_PARTS, "a part each");
    for (int i = 0; i < CR_PARTS; i++)
        free(workspace->parts[i].block);
    *workspace = (cr_loc_workspace){0};
}

void *cr_loc_room(cr_loc_workspace *workspace, cr_loc_part part, size_t n, size_t item_bytes,
                  cr_error *err)
{
    size_t bytes;
    void *block = NULL;
    if (!cr_size_mul(n, item_bytes, &bytes) || bytes > PTRDIFF_MAX)
        goto no_memory;
    if (workspace->parts[part].block && workspace->parts[part].bytes >= bytes)
        return workspace->parts[part].block;
    block = malloc(bytes ? bytes : 1);
    if (!block)
        goto no_memory;
    free(workspace->parts[part].block);
    workspace->parts[part].block = block;
    workspace->parts[part].bytes = bytes;
    return block;

no_memory:
    cr_fail_memory(err, "localization workspace", n, item_bytes);
    return NULL;
}
