/* unary_loops.h - unary.c's inner loops (isa.h): the functions that are made of exp or erf. */
#include "vector.h"

#include "functions.h"

#define EACH_VALUE(value)                 \
    _Pragma("GCC ivdep") /* y may be x */ \
        for (size_t i = 0; i < n; i++) y[i] = value

static void unary_values(cr_unary_op op, size_t n, const cr_real *x, cr_real *y)
{
    switch (op) {
    case CR_SIGMOID:
        EACH_VALUE(cr_sigmoid(x[i]));
        return;
    case CR_SILU:
        EACH_VALUE(x[i] / (1 + CR_EXP_MINUS(x[i])));
        return;
    case CR_ERF:
        EACH_VALUE(CR_ERF(x[i]));
        return;
    case CR_GELU:
        EACH_VALUE(x[i] * cr_normal(x[i]));
        return;
    default:
        return;
    }
}
