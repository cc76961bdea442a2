/* input_guess.h - what a network's file gives away of how its images were prepared. Local.
 *
 * Size and channels are the model's own. Where the network itself scales its pixels, what it expects
 * follows from that; all else is a guess from the program that wrote the file. */
#ifndef CAMRANK_DRIVER_INPUT_GUESS_H
#define CAMRANK_DRIVER_INPUT_GUESS_H

#include "camrank/image.h"
#include "camrank/nn.h"

typedef struct cr_input_guess {
    cr_input_spec spec;
    const char *preset;      /* the one that it is of */
    char size_from[100];     /* where the size comes from, in words */
    char pixels_from[200];   /* and what pixels become */
    char geometry_from[120]; /* and how an image is resized */
} cr_input_guess;

/* Reads the graph of a model: at the size that is given, of 0 0 at its own, or, where it leaves that open,
 * at 224 x 224; and guesses its input. *graph is the caller's. Errors: those of cr_graph_load. */
cr_status cr_input_guess_make(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                              const char *name, const char *output, int width, int height,
                              const cr_nn_about *about, cr_graph **graph, cr_input_guess *guess,
                              cr_error *err);

/* Brings a spec to another size: a crop stays as large a part of the side. */
void cr_input_guess_fit(cr_input_spec *spec, int width, int height);

/* The whole `input:` of a job, in one flow mapping, into `text` of n_bytes, 400 of which suffice. */
void cr_input_guess_yaml(const cr_input_spec *spec, char *text, size_t n_bytes);

/* `[0.5, 0.5, 0.5]`: a number a channel. Returns text. */
const char *cr_input_guess_list(const float *values, cr_channels channels, char *text,
                                size_t n_bytes);

#endif
