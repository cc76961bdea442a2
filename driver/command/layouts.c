/* camrank layouts: the table of layouts of ground truth as people read it. docs/jobs.md's table is this
 * command's output. */
#include "command.h"

#include "camrank/data.h"

#include <stdio.h>

/* The keys that a layout uses so, each between two `quote`. */
static void print_keys(const cr_layout *layout, cr_key_use use, const char *quote)
{
    const char *between = "";
    for (cr_data_key key = 0; key < CR_DATA_N_KEYS; key++)
        if (layout->keys[key] == use) {
            printf("%s%s%s%s", between, quote, cr_data_key_name(key), quote);
            between = ", ";
        }
}

static const char *yes(bool has)
{
    return has ? "yes" : "no";
}

static void print_markdown(void)
{
    printf("| `layout` | `ground_truth` | must be given | may be given | labels | boxes | sizes |\n"
           "|---|---|---|---|---|---|---|\n");
    for (const cr_layout *const *row = cr_layouts; *row; row++) {
        const cr_layout *layout = *row;
        printf("| `%s` | %s | ", layout->name, layout->ground_truth);
        print_keys(layout, CR_KEY_NEEDED, "`");
        printf(" | ");
        print_keys(layout, CR_KEY_TAKEN, "`");
        printf(" | %s | %s | %s |\n", yes(layout->has_labels), yes(layout->has_boxes),
               yes(layout->has_sizes));
    }
}

static void print_text(void)
{
    for (const cr_layout *const *row = cr_layouts; *row; row++) {
        const cr_layout *layout = *row;
        printf("%s%s\n  ground truth: %s\n  must be given: ", row == cr_layouts ? "" : "\n",
               layout->name, layout->ground_truth);
        print_keys(layout, CR_KEY_NEEDED, "");
        printf("\n  may be given: ");
        print_keys(layout, CR_KEY_TAKEN, "");
        printf("\n  labels: %s\n  boxes: %s\n  sizes of the images: %s\n", yes(layout->has_labels),
               yes(layout->has_boxes), yes(layout->has_sizes));
    }
}

static cr_status layouts_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    (void)par;
    bool markdown;
    if (cr_option_markdown(argc, argv, &markdown, err) != CR_OK)
        return err->status;
    if (optind < argc)
        return cr_fail(err, CR_EUSAGE, "layouts: takes no \"%.60s\"", argv[optind]);
    if (markdown)
        print_markdown();
    else
        print_text();
    return cr_output_flush(err);
}

const cr_command cr_command_layouts = {
    .name = "layouts",
    .summary = "lists the layouts of ground truth, and the keys of a job that go with them",
    .help = "usage: camrank layouts [--markdown]\n\n"
            "Prints for each `dataset.layout` what `dataset.ground_truth` names, which keys of\n"
            "`dataset` must be given and which may be, and whether it has boxes and the images' "
            "sizes.\n\n"
            "  --markdown  as one table\n",
    .run = layouts_command};
