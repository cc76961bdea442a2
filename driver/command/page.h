/* page.h - what the HTML form of a report shows beside its tables, read from a results file. Local. */
#ifndef CAMRANK_DRIVER_PAGE_H
#define CAMRANK_DRIVER_PAGE_H

#include "camrank/page.h"
#include "plot_data.h"

typedef struct cr_page_file {
    cr_plot_file plot;
    cr_page page; /* its report's `page` */
    cr_arena arena;
    cr_error no_comparison, no_pictures;
} cr_page_file;

/* Opens a file and makes a report of it, `file->plot.report`, with its page. `folder` is where the images are now,
 * or NULL. A page goes without a comparison, or without pictures, where these cannot be made, and says why.
 * Errors: those of cr_results_open and cr_results_report; CR_EINTERNAL (memory). *file begins as {0};
 * cr_page_file_close releases it, also after an error. */
cr_status cr_page_file_open(const char *path, const cr_report_options *options, const char *folder,
                            int mpixels, cr_page_file *file, cr_error *err);
void cr_page_file_close(cr_page_file *file);

#endif
