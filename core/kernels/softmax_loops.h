/* softmax_loops.h - elementwise.c's softmax of rows (isa.h). Value k of a row goes into partial sum k % WIDE,
 * so that the order of a sum depends on the row's length alone. */
#include "vector.h"

#include "functions.h"

ISA_INLINE cr_real largest_of(int c, const cr_real *x)
{
    cr_real part[WIDE];
    int k = 0;
    for (int l = 0; l < WIDE; l++)
        part[l] = x[0];
    for (; k + WIDE <= c; k += WIDE)
        for (int l = 0; l < WIDE; l++)
            part[l] = x[k + l] > part[l] ? x[k + l] : part[l];
    for (int l = 0; k < c; k++, l++)
        part[l] = x[k] > part[l] ? x[k] : part[l];
    for (int l = 1; l < WIDE; l++)
        part[0] = part[l] > part[0] ? part[l] : part[0];
    return part[0];
}

ISA_INLINE cr_real total_of(int c, const cr_real *y)
{
    wide sum = {0};
    cr_real part[WIDE];
    int k = 0;
    for (; k + WIDE <= c; k += WIDE)
        sum += LOAD(y + k);
    memcpy(part, &sum, sizeof sum);
    for (int l = 0; k < c; k++, l++)
        part[l] += y[k];
    for (int half = WIDE / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            part[l] += part[l + half];
    return part[0];
}

/* What a mask has set to -INFINITY gets 0. */
static void softmax_rows(size_t rows, int c, const cr_real *x, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, x += c, y += c) {
        const cr_real largest = largest_of(c, x);
#pragma GCC ivdep /* y may be x */
        for (int k = 0; k < c; k++) {
            const cr_real below = x[k] - largest, power = CR_EXP(below);
            y[k] = below < (cr_real)-87 ? 0 : power;
        }
        const cr_real sum = total_of(c, y);
        for (int k = 0; k < c; k++)
            y[k] /= sum;
    }
}
