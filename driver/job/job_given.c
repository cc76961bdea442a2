/* The inputs of a model that are not the image. Their names are the network's: no schema knows them. */
#include "job_given.h"

#include "job_path.h"

#include <stdio.h>
#include <stdlib.h>

cr_status cr_job_read_given(cr_job_source *source, unsigned i, const char *folder,
                            cr_nn_inputs *inputs, cr_error *err)
{
    char key[CR_JOB_PATH_BYTES];
    snprintf(key, sizeof key, "models.%u.inputs", i);
    yaml_document_t *document = &source->changed.document;
    const yaml_node_t *node = cr_job_tree_find(&source->changed, key);
    if (!node)
        return CR_OK;
    if (node->type != YAML_MAPPING_NODE)
        return cr_job_fail(err, source, key,
                           "must be a mapping of names of inputs to .npy files, {NAME: FILE.npy}");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        const yaml_node_t *file = yaml_document_get_node(document, pair->value);
        cr_error fault;
        char *path = NULL;
        if (file->type != YAML_SCALAR_NODE || !file->data.scalar.length)
            return cr_job_fail(err, source, key, "%.100s must be the path of a .npy file",
                               (const char *)name->data.scalar.value);
        CR_OR_RETURN(cr_job_read_path(source, key, folder, (const char *)file->data.scalar.value,
                                      &path, err));
        const cr_status status = cr_given_add(inputs, (const char *)name->data.scalar.value,
                                              name->data.scalar.length, path, &fault);
        free(path);
        if (status == CR_EINPUT)
            return cr_job_fail(err, source, key, "%s", fault.message);
        if (status != CR_OK)
            return cr_fail(err, status, "%s", fault.message);
    }
    return CR_OK;
}
