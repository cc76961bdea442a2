/* Options with messages of our own, and standard output whose failure counts. */
#include "option.h"
#include "camrank/near.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool has(const struct option *options, int val)
{
    for (; options->name; options++)
        if (options->val == val)
            return true;
    return false;
}

/* The option that a long one was meant to be. */
static const char *near_option(const char *given, const struct option *options, cr_near *near)
{
    char word[80];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given, "="), given);
    cr_near_begin(near, word);
    for (; options->name && strncmp(word, "--", 2) == 0; options++) {
        char name[80];
        const int n = snprintf(name, sizeof name, "--%s", options->name);
        cr_near_add(near, name, (size_t)n);
    }
    return cr_near_text(near);
}

int cr_option_next(int argc, char **argv, const struct option *options, cr_error *err)
{
    cr_near near;
    opterr = 0;
    int option = getopt_long(argc, argv, has(options, 'o') ? ":o:" : ":", options, NULL);
    if (option != ':' && option != '?')
        return option;
    /* optopt is 0 for an unknown long option, and the character of a short one, which may stand in
     * the middle of its argument. */
    const char letter[] = {'-', (char)optopt, 0};
    const char *culprit = optopt > ' ' && option == '?' ? letter : argv[optind - 1];
    if (option == ':')
        cr_fail(err, CR_EUSAGE, "%s: option %s needs a value", argv[0], culprit);
    else if (optopt == 0 || optopt > ' ')
        cr_fail(err, CR_EUSAGE, "%s: option %s is unknown or ambiguous%s; see camrank %s --help",
                argv[0], culprit, near_option(culprit, options, &near), argv[0]);
    else
        cr_fail(err, CR_EUSAGE, "%s: option %s takes no value", argv[0], culprit);
    return '?';
}

cr_status cr_option_markdown(int argc, char **argv, bool *markdown, cr_error *err)
{
    enum { MARKDOWN = 1 };
    static const struct option options[] = {{"markdown", no_argument, NULL, MARKDOWN}, {0}};
    *markdown = false;
    for (int option; (option = cr_option_next(argc, argv, options, err)) != -1;) {
        if (option != MARKDOWN)
            return err->status;
        *markdown = true;
    }
    return CR_OK;
}

cr_status cr_option_argument(int argc, char **argv, const char *what, const char **argument,
                             cr_error *err)
{
    if (optind == argc)
        return cr_fail(err, CR_EUSAGE, "%s: %s is missing; see camrank %s --help", argv[0], what,
                       argv[0]);
    if (optind + 1 < argc)
        return cr_fail(err, CR_EUSAGE, "%s: \"%s\" is one argument too many", argv[0],
                       argv[optind + 1]);
    *argument = argv[optind];
    return CR_OK;
}

cr_status cr_option_int(const char *option, const char *text, int least, int *value, cr_error *err)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < least || number > INT_MAX)
        return cr_fail(err, CR_EUSAGE, "--%s %s: must be a whole number of at least %d", option,
                       text, least);
    *value = (int)number;
    return CR_OK;
}

int cr_output_width(void)
{
    enum { LEAST = 60, MOST = 10000, PIPE = 120 };
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    int width = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width == 0 && columns)
        width = atoi(columns);
    return width <= 0 || width > MOST ? PIPE : width < LEAST ? LEAST : width;
}

cr_status cr_output_flush(cr_error *err)
{
    /* A reader that has what it wants may go. */
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
        return CR_OK;
    return cr_fail(err, CR_EIO, "standard output: %s", strerror(errno));
}
