/* winograd_loops.h - winograd.c's inner loops (isa.h): the two transforms, 16 channels at a time.
 * A and B are the points at which the polynomials are evaluated. */
#include "vector.h"

#include "winograd.h"

#define A ((cr_real)CR_WINOGRAD_A)
#define B ((cr_real)CR_WINOGRAD_B)
#define A2 (A * A)
#define B2 (B * B)
#define ALONG CR_WINOGRAD_ALONG

/* One direction of the pixels' transform: `points` values, `step` apart, to as many points. With 5 or
 * 4, the values behind the first points - 1 are replaced by those that make the points left out 0.
 * Only the last pixel sees the first value so replaced; by how much it was another goes to the point at
 * infinity, whose product to_pixels adds to that pixel. 3 points are those of 4 without infinity. */
ISA_INLINE void to_points(const int points, const wide *x, const int step, wide *v,
                          const int v_step)
{
    wide x1 = x[1 * step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step], last = x[5 * step];
    if (points == 6)
        last += A2 * B2 * x1 - (A2 + B2) * x3;
    else if (points == 5) {
        last = x4;
        x4 = A2 * x2 + B * (x3 - A2 * x1);
        last -= x4;
    } else {
        last = x3;
        x3 = A2 * x1;
        x4 = A2 * x2;
        last -= x3;
    }
    wide even_a = x4 - B2 * x2, even_b = x4 - A2 * x2;
    wide odd_a = A * (x3 - B2 * x1), odd_b = B * (x3 - A2 * x1);
    v[0] = A2 * B2 * x[0] - (A2 + B2) * x2 + x4;
    v[1 * v_step] = even_a + odd_a;
    v[2 * v_step] = even_a - odd_a;
    v[3 * v_step] = last;
    v[4 * v_step] = even_b + odd_b;
    v[5 * v_step] = even_b - odd_b;
}

/* One direction of the products' transform: `points` values, `step` apart, and zeros up to 6, to two
 * pixels fewer. Those behind, up to y[3], mean nothing. */
ISA_INLINE void to_pixels(const int points, const wide *m, const int step, wide *y,
                          const int y_step)
{
    wide sum_a = m[1 * step] + m[2 * step], sum_b = m[4 * step] + m[5 * step];
    wide less_a = m[1 * step] - m[2 * step], less_b = m[4 * step] - m[5 * step];
    y[0] = m[0] + sum_a + sum_b;
    y[1 * y_step] = A * less_a + B * less_b;
    y[2 * y_step] = A2 * sum_a + B2 * sum_b;
    y[3 * y_step] = A2 * A * less_a + B2 * B * less_b;
    y[(points - 3) * y_step] += m[3 * step];
}

/* `whole`: all points are taken, and all pixels of the tile are there; n: channels of the vector.
 * Constants wherever this is inlined, but for n of a last vector. */
ISA_INLINE void points_of(const cr_winograd_tile *p, const bool whole, int c, const int n)
{
    const int points_h = whole ? ALONG : p->points_h, points_w = whole ? ALONG : p->points_w;
    wide v[ALONG * ALONG];
    const cr_real *from = p->from + c;
    for (int j = 0; j < ALONG; j++) {
        wide x[ALONG];
        for (int i = 0; i < ALONG; i++) {
            bool there = i >= p->first_row && i < p->rows && j >= p->first_column && j < p->columns;
            x[i] = (wide){0};
            if (whole || there)
                load_some(from + i * p->row + j * p->column, n, &x[i]);
        }
        to_points(points_h, x, 1, v + j, ALONG);
    }
    cr_real *to = p->to + c;
    for (int i = 0; i < points_h; i++) {
        wide points[ALONG];
        to_points(points_w, v + i * ALONG, 1, points, 1);
        for (int j = 0; j < points_w; j++)
            *(loose_wide *)(to + (i * ALONG + j) * p->point_step) = points[j];
    }
}

static void winograd_points(const cr_winograd_tile *p)
{
    bool whole =
        p->first_row == 0 && p->first_column == 0 && p->rows == ALONG && p->columns == ALONG;
    for (int c = 0; c < p->channels; c += WIDE) {
        int n = p->channels - c;
        if (n < WIDE)
            points_of(p, false, c, n);
        else if (whole)
            points_of(p, true, c, WIDE);
        else
            points_of(p, false, c, WIDE);
    }
}

ISA_INLINE void pixels_of(const cr_winograd_tile *p, const bool whole, int k, const int n)
{
    const int points_h = whole ? ALONG : p->points_h, points_w = whole ? ALONG : p->points_w;
    wide half[4 * ALONG];
    const cr_real *from = p->from + k;
    for (int j = 0; j < ALONG; j++) {
        wide m[ALONG];
        for (int i = 0; i < ALONG; i++) {
            m[i] = (wide){0};
            if (whole || (i < points_h && j < points_w))
                m[i] = LOAD(from + (i * ALONG + j) * p->point_step);
        }
        to_pixels(points_h, m, 1, half + j, ALONG);
    }
    wide bias = {0};
    if (p->bias)
        load_some(p->bias + k, n, &bias);
    for (int i = 0; i < (whole ? 4 : p->rows); i++) {
        wide pixels[4];
        to_pixels(points_w, half + i * ALONG, 1, pixels, 1);
        for (int j = 0; j < (whole ? 4 : p->columns); j++) {
            ptrdiff_t at = i * p->row + j * p->column + k;
            wide value = pixels[j] + bias;
            if (p->add) {
                wide add;
                load_some(p->add + i * p->add_row + j * p->add_column + k, n, &add);
                value += add;
            }
            if (n == WIDE)
                store_clamped(p->clamp, &value, p->to + at);
            else
                store_some_clamped(p->clamp, &value, n, p->to + at);
        }
    }
}

static void winograd_pixels(const cr_winograd_tile *p)
{
    bool whole = p->rows == 4 && p->columns == 4;
    for (int k = 0; k < p->channels; k += WIDE) {
        int n = p->channels - k;
        if (n < WIDE)
            pixels_of(p, false, k, n);
        else if (whole)
            pixels_of(p, true, k, WIDE);
        else
            pixels_of(p, false, k, WIDE);
    }
}

#undef A
#undef B
#undef ALONG
