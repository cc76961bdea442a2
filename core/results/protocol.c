/* protocol.c - the parameters of a localization protocol in the file: one table, from which writing,
 * reading and comparing follow. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

typedef enum parameter_kind {
    WHOLE,  /* int, from `least` to `most` */
    FLAG,   /* bool, 0 or 1 in the file */
    NUMBER, /* double */
    WORD,   /* enumeration; `words`, `most` of them */
} parameter_kind;

typedef struct parameter {
    const char *name;
    parameter_kind kind;
    size_t offset; /* in cr_protocol */
    double least, most;
    const char *const *words;
} parameter;

static const char *const upsamplings[] = {"bilinear", "nearest", "bicubic"};
static const char *const box_rules[] = {"largest", "tight-loose", "contours"};
static const char *const prediction_rules[] = {"plain", "second", "combined", "tight-loose"};

#define N_WORDS(words) (sizeof(words) / sizeof *(words))
#define AT(member) offsetof(cr_protocol, member)

static const parameter parameters[] = {
    {"threshold", NUMBER, AT(threshold), 0, 1, NULL},
    {"loose", NUMBER, AT(loose), 0, 1, NULL},
    {"connectivity", WHOLE, AT(connectivity), 4, 8, NULL},
    {"upsampling", WORD, AT(upsampling), 0, N_WORDS(upsamplings), upsamplings},
    {"boxes", WORD, AT(boxes), 0, N_WORDS(box_rules), box_rules},
    {"n_boxes", WHOLE, AT(n_boxes), 1, 2, NULL},
    {"predictions", WORD, AT(predictions), 0, N_WORDS(prediction_rules), prediction_rules},
    {"exclude", FLAG, AT(exclude), 0, 1, NULL},
    {"iou", NUMBER, AT(iou), 0, 1, NULL},
};

enum { N_PARAMETERS = sizeof parameters / sizeof *parameters };

/* The value as a number; an enumeration's place in its words. */
static double value_of(const cr_protocol *protocol, const parameter *of)
{
    const char *at = (const char *)protocol + of->offset;
    double number;
    int whole;
    if (of->kind == FLAG)
        return *(const bool *)at;
    if (of->kind == NUMBER) {
        memcpy(&number, at, sizeof number);
        return number;
    }
    memcpy(&whole, at, sizeof whole);
    return whole;
}

cr_status cr_protocol_put(cr_h5_at at, const cr_protocol *protocol, cr_error *err)
{
    cr_status status = CR_OK;
    for (int i = 0; i < N_PARAMETERS; i++) {
        const parameter *of = &parameters[i];
        const double value = value_of(protocol, of);
        if (of->kind == NUMBER)
            CR_TRY(cr_h5_put_double(at, of->name, value, err));
        else if (of->kind == WORD)
            CR_TRY(cr_h5_put_text(at, of->name, of->words[(int)value], err));
        else
            CR_TRY(cr_h5_put_int(at, of->name, (int)value, err));
    }

cleanup:
    return status;
}

cr_status cr_protocol_get(cr_h5_at at, cr_protocol *protocol, cr_error *err)
{
    cr_status status = CR_OK;
    for (int i = 0; i < N_PARAMETERS; i++) {
        const parameter *of = &parameters[i];
        void *to = (char *)protocol + of->offset;
        int whole = 0;
        if (of->kind == NUMBER)
            CR_TRY(cr_h5_get_double(at, of->name, to, err));
        else if (of->kind == WORD)
            CR_TRY(cr_h5_get_word(at, of->name, of->words, (int)of->most, &whole, err));
        else
            CR_TRY(cr_h5_get_int(at, of->name, &whole, err));
        if (of->kind != NUMBER && of->kind != WORD && (whole < of->least || whole > of->most))
            return cr_fail(err, CR_EINPUT, "%s: %s: attribute `%s` is %d, must be %g to %g",
                           at.file, at.place, of->name, whole, of->least, of->most);
        if (of->kind == FLAG)
            *(bool *)to = whole != 0;
        else if (of->kind != NUMBER)
            memcpy(to, &whole, sizeof whole);
    }

cleanup:
    return status;
}

static void show(const cr_protocol *protocol, const parameter *of, const char *format,
                 char text[40])
{
    const double value = value_of(protocol, of);
    if (of->kind == WORD)
        snprintf(text, 40, "%s", of->words[(int)value]);
    else
        snprintf(text, 40, format, value);
}

const char *cr_protocol_difference(const cr_protocol *a, const cr_protocol *b, char a_text[40],
                                   char b_text[40])
{
    for (int i = 0; i < N_PARAMETERS; i++) {
        const parameter *of = &parameters[i];
        if (value_of(a, of) == value_of(b, of))
            continue;
        show(a, of, "%.12g", a_text);
        show(b, of, "%.12g", b_text);
        /* Two that differ in the last digits only. */
        if (strcmp(a_text, b_text) == 0) {
            show(a, of, "%.17g", a_text);
            show(b, of, "%.17g", b_text);
        }
        return of->name;
    }
    return NULL;
}
