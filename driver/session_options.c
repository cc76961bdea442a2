/* The options that run and check share. */
#include "session_options.h"

#include "option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_SET = 1, OPTION_LIMIT, OPTION_FORCE, OPTION_RESUME, OPTION_PART };

static const struct option options_all[] = {{"output", required_argument, NULL, 'o'},
                                            {"set", required_argument, NULL, OPTION_SET},
                                            {"limit", required_argument, NULL, OPTION_LIMIT},
                                            {"force", no_argument, NULL, OPTION_FORCE},
                                            {"resume", no_argument, NULL, OPTION_RESUME},
                                            {"part", required_argument, NULL, OPTION_PART},
                                            {NULL, 0, NULL, 0}};

static cr_status parse_part(const char *text, cr_session_options *options, cr_error *err)
{
    char more;
    if (sscanf(text, "%6d/%6d%c", &options->part, &options->n_parts, &more) != 2 ||
        options->part < 1 || options->part > options->n_parts)
        return cr_fail(err, CR_EUSAGE, "--part %s: must be K/N, such as 1/3 to 3/3", text);
    return CR_OK;
}

cr_status cr_session_options_parse(int argc, char **argv, cr_session_options *options,
                                   cr_error *err)
{
    cr_status status = CR_OK;
    *options = (cr_session_options){.part = 1, .n_parts = 1};
    options->sets = cr_alloc((size_t)argc, sizeof *options->sets);
    if (!options->sets)
        return cr_fail_memory(err, "options", (size_t)argc, sizeof *options->sets);
    for (int option; (option = cr_option_next(argc, argv, options_all, err)) != -1;)
        switch (option) {
        case 'o':
            options->output = optarg;
            break;
        case OPTION_SET:
            options->sets[options->n_sets++] = optarg;
            break;
        case OPTION_LIMIT: {
            int limit;
            CR_TRY(cr_option_int("limit", optarg, 1, &limit, err));
            snprintf(options->limit, sizeof options->limit, "dataset.limit=%d", limit);
            break;
        }
        case OPTION_PART:
            CR_TRY(parse_part(optarg, options, err));
            break;
        case OPTION_FORCE:
            options->force = true;
            break;
        case OPTION_RESUME:
            options->resume = true;
            break;
        default:
            status = err->status;
            goto cleanup;
        }
    CR_TRY(cr_option_argument(argc, argv, "the job file", &options->job, err));
    if (options->force && options->resume) {
        status = cr_fail(err, CR_EUSAGE, "%s: --force and --resume exclude each other", argv[0]);
        goto cleanup;
    }
    if (options->limit[0])
        options->sets[options->n_sets++] = options->limit;

cleanup:
    if (status != CR_OK)
        cr_session_options_free(options);
    return status;
}

void cr_session_options_free(cr_session_options *options)
{
    free(options->sets);
    options->sets = NULL;
}
