/* page.h - what the HTML form of a report shows beside its tables. Plain data: nothing here knows the file. */
#ifndef CAMRANK_PAGE_H
#define CAMRANK_PAGE_H

#include "camrank/plot.h"

/* A picture of the gallery. */
typedef struct cr_page_picture {
    int row;         /* of plot->rows */
    const char *why; /* "worst", "best", "random" or "flipped" */
    int image;
    int32_t top_class; /* -1: none */
    double iou;        /* of the ground-truth class's box */
    cr_outcome outcome;
    const char *other; /* of a flipped one: the row under which it is otherwise; else NULL */
    uint8_t *jpeg;     /* owned; NULL: none */
    size_t n_bytes;
} cr_page_picture;

typedef struct cr_page_network {
    const char *name, *file, *sha256, *input, *filter, *methods;
} cr_page_network;

typedef struct cr_page {
    const char *file;      /* the results file, without folders */
    const char *libraries; /* that made it */
    const char *job_text, *overrides;
    int n_networks;
    const cr_page_network *networks;
    const cr_plot_data *plot;  /* NULL: there are no rows to draw */
    const char *no_comparison; /* why there is none; NULL: it is in `plot` */
    const char *no_pictures;   /* why there are none; NULL: they are here */
    bool has_frames;           /* on some of them is drawn what the network saw */
    int n_pictures;
    cr_page_picture *pictures; /* owned */
} cr_page;

#endif
