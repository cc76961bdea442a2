/* winograd_loops.h - winograd.c's inner loops (isa.h): the two transforms, 16 channels at a time.
 * A and B are the points at which the polynomials are evaluated. */
#include "vector.h"

#include "winograd.h"

#define A ((cr_real)CR_WINOGRAD_A)
#define B ((cr_real)CR_WINOGRAD_B)
#define A2 (A * A)
#define B2 (B * B)
#define POINTS 36

/* One direction of the pixels' transform: 6 values, `step` apart, to 6 points. */
ISA_INLINE void six_points(const wide *x, const int step, wide *v, const int v_step)
{
    wide even_a = x[4 * step] - B2 * x[2 * step], even_b = x[4 * step] - A2 * x[2 * step];
    wide odd_a = A * (x[3 * step] - B2 * x[1 * step]), odd_b = B * (x[3 * step] - A2 * x[1 * step]);
    v[0] = A2 * B2 * x[0] - (A2 + B2) * x[2 * step] + x[4 * step];
    v[1 * v_step] = even_a + odd_a;
    v[2 * v_step] = even_a - odd_a;
    v[3 * v_step] = even_b + odd_b;
    v[4 * v_step] = even_b - odd_b;
    v[5 * v_step] = A2 * B2 * x[1 * step] - (A2 + B2) * x[3 * step] + x[5 * step];
}

/* One direction of the products' transform: 6 values, `step` apart, to 4. */
ISA_INLINE void four_pixels(const wide *m, const int step, wide *y, const int y_step)
{
    wide sum_a = m[1 * step] + m[2 * step], sum_b = m[3 * step] + m[4 * step];
    wide less_a = m[1 * step] - m[2 * step], less_b = m[3 * step] - m[4 * step];
    y[0] = m[0] + sum_a + sum_b;
    y[1 * y_step] = A * less_a + B * less_b;
    y[2 * y_step] = A2 * sum_a + B2 * sum_b;
    y[3 * y_step] = A2 * A * less_a + B2 * B * less_b + m[5 * step];
}

/* `whole`: the tile and the vector are there in full; a constant wherever this is inlined. */
ISA_INLINE void points_of(const cr_winograd_tile *p, const bool whole, int c, int n)
{
    wide v[POINTS];
    const cr_real *from = p->from + c;
    for (int j = 0; j < 6; j++) {
        wide x[6];
        for (int i = 0; i < 6; i++) {
            bool there = i >= p->first_row && i < p->rows && j >= p->first_column && j < p->columns;
            const cr_real *pixel = from + i * p->row + j * p->column;
            if (whole)
                x[i] = LOAD(pixel);
            else
                load_some(pixel, there ? n : 0, &x[i]);
        }
        six_points(x, 1, v + j, 6);
    }
    cr_real *to = p->to + c;
    for (int i = 0; i < 6; i++) {
        wide points[6];
        six_points(v + i * 6, 1, points, 1);
        for (int j = 0; j < 6; j++, to += p->point_step)
            *(loose_wide *)to = points[j];
    }
}

static void winograd_points(const cr_winograd_tile *p)
{
    bool inside = p->first_row == 0 && p->first_column == 0 && p->rows == 6 && p->columns == 6;
    for (int c = 0; c < p->channels; c += WIDE) {
        int n = p->channels - c;
        if (inside && n >= WIDE)
            points_of(p, true, c, WIDE);
        else
            points_of(p, false, c, n < WIDE ? n : WIDE);
    }
}

ISA_INLINE void pixels_of(const cr_winograd_tile *p, const bool whole, int k, int n)
{
    wide half[4 * 6];
    const cr_real *from = p->from + k;
    for (int j = 0; j < 6; j++) {
        wide m[6];
        for (int i = 0; i < 6; i++)
            m[i] = LOAD(from + (i * 6 + j) * p->point_step);
        four_pixels(m, 1, half + j, 6);
    }
    wide bias = {0};
    if (p->bias)
        load_some(p->bias + k, n, &bias);
    for (int i = 0; i < (whole ? 4 : p->rows); i++) {
        wide pixels[4];
        four_pixels(half + i * 6, 1, pixels, 1);
        for (int j = 0; j < (whole ? 4 : p->columns); j++) {
            ptrdiff_t at = i * p->row + j * p->column + k;
            wide value = pixels[j] + bias;
            if (p->add) {
                wide add;
                load_some(p->add + i * p->add_row + j * p->add_column + k, n, &add);
                value += add;
            }
            if (whole)
                store_clamped(p->clamp, &value, p->to + at);
            else
                store_some_clamped(p->clamp, &value, n, p->to + at);
        }
    }
}

static void winograd_pixels(const cr_winograd_tile *p)
{
    bool inside = p->rows == 4 && p->columns == 4;
    for (int k = 0; k < p->channels; k += WIDE) {
        int n = p->channels - k;
        if (inside && n >= WIDE)
            pixels_of(p, true, k, WIDE);
        else
            pixels_of(p, false, k, n < WIDE ? n : WIDE);
    }
}

#undef A
#undef B
