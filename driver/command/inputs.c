/* camrank inputs: the presets of a network's input as people read them. docs/jobs.md's table is this command's
 * output. */
#include "command.h"

#include "camrank/image.h"
#include "driver/input_guess.h"

#include <stdio.h>

enum { TEXT_BYTES = 400 };

static void print_markdown(void)
{
    char text[TEXT_BYTES];
    printf("| `input` | is | source |\n|---|---|---|\n");
    for (const cr_input_preset *preset = cr_input_presets; preset->name; preset++) {
        cr_input_guess_yaml(&preset->spec, text, sizeof text);
        printf("| `%s` | `%s` | %s |\n", preset->name, text, preset->source);
    }
}

static void print_text(void)
{
    char text[TEXT_BYTES];
    for (const cr_input_preset *preset = cr_input_presets; preset->name; preset++) {
        cr_input_guess_yaml(&preset->spec, text, sizeof text);
        printf("%s%s\n  %s\n  %s\n", preset == cr_input_presets ? "" : "\n", preset->name,
               preset->source, text);
    }
}

static cr_status inputs_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    bool markdown;
    if (cr_option_markdown(argc, argv, &markdown, err) != CR_OK)
        return err->status;
    if (optind < argc)
        return cr_fail(err, CR_EUSAGE, "inputs: takes no \"%.60s\"", argv[optind]);
    if (markdown)
        print_markdown();
    else
        print_text();
    return cr_output_flush(err);
}

const cr_command cr_command_inputs = {
    .name = "inputs",
    .summary = "lists the presets of `input`: how images are prepared for networks",
    .help = "usage: camrank inputs [--markdown]\n\n"
            "Prints for each preset of `input` all keys that it stands for, and whose it is. In a\n"
            "job single keys go over it: input: {preset: torchvision, crop: ten}.\n\n"
            "  --markdown  as one table\n",
    .run = inputs_command};
