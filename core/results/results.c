/* The life of an open file: its groups, flush, close, and how it is given up where closing may
 * hang. */
#include "internal.h"

#include "camrank/new_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

cr_results *cr_results_new(const char *path)
{
    cr_results *results = cr_alloc(1, sizeof *results);
    if (!results)
        return NULL;
    results->file = results->summary = -1;
    results->lock.fd = -1;
    results->folder = -1;
    results->path = strdup(path);
    results->part = cr_alloc(strlen(path) + sizeof ".part", 1);
    if (!results->path || !results->part) {
        cr_results_release(results, NULL);
        return NULL;
    }
    sprintf(results->part, "%s.part", path);
    return results;
}

bool cr_results_replaces(const char *path, const char *input)
{
    cr_error err; /* of a path that cannot be followed: told where the file is made */
    char *place = NULL;
    cr_results *made = cr_path_resolve(path, &place, &err) == CR_OK ? cr_results_new(place) : NULL;
    const bool is_part = made && cr_path_is_same(made->part, input);
    cr_results_release(made, NULL);
    free(place);
    return is_part || cr_path_is_same(path, input);
}

cr_status cr_results_make_groups(cr_results *results, cr_error *err)
{
    int n = 0;
    for (cr_group group = {-1, -1, -1}; cr_group_next(&results->plan, &group);)
        n++;
    results->groups = cr_alloc((size_t)n, sizeof *results->groups);
    if (!results->groups)
        return cr_fail_memory(err, results->path, (size_t)n, sizeof *results->groups);
    results->n_groups = n;
    for (int i = 0; i < n; i++)
        for (int column = 0; column < cr_n_columns(); column++)
            results->groups[i].of[column] = -1;
    return CR_OK;
}

cr_group_ids *cr_results_group(const cr_results *results, cr_group group)
{
    const cr_results_plan *plan = &results->plan;
    int at = group.model;
    for (int m = 0; m < group.model; m++)
        at += plan->models[m].n_variants * (1 + plan->n_protocols);
    if (group.variant >= 0)
        at += 1 + group.variant * (1 + plan->n_protocols) + 1 + group.protocol;
    return &results->groups[at];
}

cr_status cr_results_release(cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    if (!results)
        return CR_OK;
    for (int i = 0; i < results->n_groups; i++)
        for (int column = 0; column < cr_n_columns(); column++)
            cr_h5_close(results->groups[i].of[column]);
    cr_h5_close(results->summary);
    if (results->file >= 0 && H5Fclose(results->file) < 0)
        status = cr_h5_fail(err, CR_EIO, "%s", results->path);
    if (results->folder >= 0)
        close(results->folder);
    cr_lock_drop(&results->lock);
    free(results->groups);
    cr_results_plan_free(&results->plan);
    cr_data_free(&results->data);
    free(results->part);
    free(results->path);
    free(results);
    return status;
}

void cr_results_fail(cr_results *results, cr_status status)
{
    if (status != CR_EIO)
        cr_results_release(results, NULL);
    else if (results)
        cr_lock_drop(&results->lock);
}

void cr_results_abandon(cr_results **results)
{
    cr_results_fail(*results, CR_EIO);
    *results = NULL;
}

cr_status cr_results_close(cr_results **results, cr_error *err)
{
    cr_results *closing = *results;
    *results = NULL;
    if (!closing || !closing->shared)
        return cr_results_release(closing, err);
    const cr_par par = closing->par;
    return cr_par_agree(&par, cr_results_release(closing, err), err);
}

cr_status cr_results_flush(cr_results *results, cr_error *err)
{
    /* MPI-IO: what one process wrote is seen by another after sync, barrier, sync. */
    for (int i = 0; i < 2; i++) {
        cr_status local = CR_OK;
        if (H5Fflush(results->file, H5F_SCOPE_GLOBAL) < 0)
            local = cr_h5_fail(err, CR_EIO, "%s", results->path);
        CR_OR_RETURN(cr_par_agree(&results->par, local, err));
    }
    return CR_OK;
}

bool cr_results_is_locked(const cr_results *results)
{
    return !results->lock.none;
}

const cr_results_plan *cr_results_get_plan(const cr_results *results)
{
    return &results->plan;
}

const cr_dataset *cr_results_get_data(const cr_results *results)
{
    return &results->data;
}
