/* How a map is laid over its image. A way is a function and a row of the table. */
#include "camrank/figure.h"

#include <string.h>

/* Every fifth colour of 256; those between are on a straight line, at most 1 of 255 from the others. */
enum { ANCHORS = 52, BETWEEN = 5 };
typedef const uint8_t colours[ANCHORS][3];

/* matplotlib's viridis (S. van der Walt, N. Smith, 2015; CC0). */
static colours viridis = {
    {68, 1, 84},    {70, 8, 92},    {71, 16, 99},   {72, 23, 105},  {72, 29, 111},  {72, 36, 117},
    {71, 42, 122},  {70, 48, 126},  {69, 55, 129},  {67, 61, 132},  {65, 66, 135},  {63, 72, 137},
    {61, 78, 138},  {58, 83, 139},  {56, 89, 140},  {53, 94, 141},  {51, 99, 141},  {49, 104, 142},
    {46, 109, 142}, {44, 113, 142}, {42, 118, 142}, {41, 123, 142}, {39, 128, 142}, {37, 132, 142},
    {35, 137, 142}, {33, 142, 141}, {32, 146, 140}, {31, 151, 139}, {30, 156, 137}, {31, 161, 136},
    {33, 165, 133}, {36, 170, 131}, {40, 174, 128}, {46, 179, 124}, {53, 183, 121}, {61, 188, 116},
    {70, 192, 111}, {80, 196, 106}, {90, 200, 100}, {101, 203, 94}, {112, 207, 87}, {124, 210, 80},
    {137, 213, 72}, {149, 216, 64}, {162, 218, 55}, {176, 221, 47}, {189, 223, 38}, {202, 225, 31},
    {216, 226, 25}, {229, 228, 25}, {241, 229, 29}, {253, 231, 37}};

/* Turbo (A. Mikhailov, 2019). */
static colours turbo = {
    {48, 18, 59},   {54, 33, 95},   {59, 47, 128},  {63, 62, 156},  {66, 75, 181},   {69, 89, 203},
    {70, 102, 221}, {71, 115, 235}, {70, 128, 246}, {69, 140, 253}, {64, 153, 255},  {56, 165, 251},
    {47, 178, 244}, {39, 190, 233}, {31, 201, 221}, {26, 212, 208}, {24, 221, 194},  {26, 228, 182},
    {34, 235, 170}, {47, 241, 155}, {63, 246, 138}, {82, 250, 122}, {101, 253, 105}, {121, 254, 89},
    {139, 255, 75}, {156, 254, 64}, {169, 251, 57}, {183, 247, 53}, {195, 241, 52},  {208, 234, 52},
    {219, 226, 54}, {229, 217, 56}, {238, 207, 58}, {245, 197, 58}, {250, 186, 57},  {253, 174, 53},
    {254, 161, 48}, {254, 147, 42}, {252, 132, 35}, {249, 117, 29}, {244, 102, 23},  {239, 88, 17},
    {232, 75, 12},  {225, 65, 9},   {216, 55, 6},   {206, 45, 4},   {195, 37, 3},    {183, 29, 2},
    {169, 22, 1},   {155, 15, 1},   {139, 9, 2},    {122, 4, 3}};

static void colour_of(colours *map, uint8_t value, uint8_t rgb[3])
{
    const int a = value / BETWEEN, b = a + 1 < ANCHORS ? a + 1 : a, t = value % BETWEEN;
    for (int c = 0; c < 3; c++)
        rgb[c] =
            (uint8_t)(((*map)[a][c] * (BETWEEN - t) + (*map)[b][c] * t + BETWEEN / 2) / BETWEEN);
}

static void half(const uint8_t colour[3], const uint8_t image[3], uint8_t out[3])
{
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)((image[c] + colour[c] + 1) / 2);
}

static void paint_jet(uint8_t value, const uint8_t image[3], uint8_t out[3])
{
    uint8_t colour[3];
    cr_jet(value, colour);
    half(colour, image, out);
}

static void paint_mix(uint8_t value, const uint8_t image[3], uint8_t out[3])
{
    uint8_t colour[3];
    cr_jet(value, colour);
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)((3 * colour[c] + 5 * image[c] + 5) / 10);
}

static void colour_viridis(uint8_t value, uint8_t rgb[3])
{
    colour_of(&viridis, value, rgb);
}

static void paint_viridis(uint8_t value, const uint8_t image[3], uint8_t out[3])
{
    uint8_t colour[3];
    colour_viridis(value, colour);
    half(colour, image, out);
}

static void colour_turbo(uint8_t value, uint8_t rgb[3])
{
    colour_of(&turbo, value, rgb);
}

static void paint_turbo(uint8_t value, const uint8_t image[3], uint8_t out[3])
{
    uint8_t colour[3];
    colour_turbo(value, colour);
    half(colour, image, out);
}

/* A fifth of the image is left where the map is 0. */
static void paint_dim(uint8_t value, const uint8_t image[3], uint8_t out[3])
{
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)((image[c] * (255 + 4 * value) + 637) / 1275);
}

static void colour_grey(uint8_t value, uint8_t rgb[3])
{
    memset(rgb, value, 3);
}

static void paint_grey(uint8_t value, const uint8_t image[3], uint8_t out[3])
{
    (void)image;
    colour_grey(value, out);
}

const cr_overlay cr_overlays[] = {
    {"jet", "half image, half jet", paint_jet, cr_jet},
    {"mix", "half the image and three tenths of jet, as the authors of CAM draw it", paint_mix,
     cr_jet},
    {"viridis", "half image, half viridis, which is readable in grey", paint_viridis,
     colour_viridis},
    {"turbo", "half image, half turbo", paint_turbo, colour_turbo},
    {"dim", "the image, dimmed where the map is low", paint_dim, colour_grey},
    {"grey", "the map alone, for maps of single pixels", paint_grey, colour_grey},
    {NULL, NULL, NULL, NULL},
};

cr_status cr_overlay_find(const char *name, const cr_overlay **overlay, cr_error *err)
{
    char known[200] = "";
    for (*overlay = cr_overlays; (*overlay)->name; ++*overlay) {
        if (strcmp((*overlay)->name, name) == 0)
            return CR_OK;
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", known[0] ? ", " : "",
                 (*overlay)->name);
    }
    return cr_fail(err, CR_EUSAGE, "--overlay %.100s: must be one of %s", name, known);
}
