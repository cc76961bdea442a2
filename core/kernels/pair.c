/* Functions of two values, element by element, and the choice between two; each with its derivatives. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"

#include <math.h>

#define M(name) _Generic((cr_real){0}, double : name, default : name##f)

static inline cr_real log_of(cr_real a)
{
    return a > 0 ? M(log)(a) : 0;
}

/* name, value, then the derivatives along a, b, aa, ab and bb. Of equal arguments of a maximum each gets
 * half, as in PyTorch. */
#define PAIRS(X)                                                                      \
    X(AND, a != 0 && b != 0, 0, 0, 0, 0, 0)                                           \
    X(EQUAL, a == b, 0, 0, 0, 0, 0)                                                   \
    X(FMOD, M(fmod)(a, b), 1, -M(trunc)(a / b), 0, 0, 0)                              \
    X(GREATER, a > b, 0, 0, 0, 0, 0)                                                  \
    X(GREATER_EQUAL, a >= b, 0, 0, 0, 0, 0)                                           \
    X(LESS, a < b, 0, 0, 0, 0, 0)                                                     \
    X(LESS_EQUAL, a <= b, 0, 0, 0, 0, 0)                                              \
    X(MAX, a > b || isnan(a) ? a : b,                                                 \
      a > b    ? 1                                                                    \
      : a == b ? 0.5                                                                  \
               : 0,                                                                   \
      a > b    ? 0                                                                    \
      : a == b ? 0.5                                                                  \
               : 1,                                                                   \
      0, 0, 0)                                                                        \
    X(MIN, a < b || isnan(a) ? a : b,                                                 \
      a < b    ? 1                                                                    \
      : a == b ? 0.5                                                                  \
               : 0,                                                                   \
      a < b    ? 0                                                                    \
      : a == b ? 0.5                                                                  \
               : 1,                                                                   \
      0, 0, 0)                                                                        \
    X(MOD, a - b * M(floor)(a / b), 1, -M(floor)(a / b), 0, 0, 0)                     \
    X(OR, a != 0 || b != 0, 0, 0, 0, 0, 0)                                            \
    X(POW, M(pow)(a, b), b == 0 ? 0 : b * M(pow)(a, b - 1), M(pow)(a, b) * log_of(a), \
      b == 0 || b == 1 ? 0 : b * (b - 1) * M(pow)(a, b - 2),                          \
      M(pow)(a, b - 1) * (1 + b * log_of(a)), M(pow)(a, b) * log_of(a) * log_of(a))   \
    X(PRELU, a > 0 ? a : a * b, a > 0 ? 1 : b, a > 0 ? 0 : a, 0, a > 0 ? 0 : 1, 0)    \
    X(XOR, (a != 0) != (b != 0), 0, 0, 0, 0, 0)

#define VALUES(p, i)                            \
    const cr_real a = from_a[i], b = from_b[i]; \
    (void)a;                                    \
    (void)b

#define FORWARD(name, value, da, db, daa, dab, dbb) \
    case CR_PAIR_##name:                            \
        _Pragma("GCC ivdep") /* y may be a, or b */ \
            for (size_t i = 0; i < n; i++)          \
        {                                           \
            VALUES(p, i);                           \
            y[i] = (cr_real)(value);                \
        }                                           \
        return;

CR_MULTIVERSION
void cr_pair_forward(cr_pair_op op, size_t n, const cr_real *from_a, const cr_real *from_b,
                     cr_real *y)
{
    switch (op) {
        PAIRS(FORWARD)
    }
}

/* The derivatives that a pass wants of one element. */
typedef struct slopes {
    cr_real a, b, aa, ab, bb;
} slopes;

#define SLOPES(name, value, da, db, daa, dab, dbb)                                    \
    case CR_PAIR_##name:                                                              \
        return (slopes){(cr_real)(da), (cr_real)(db), (cr_real)(daa), (cr_real)(dab), \
                        (cr_real)(dbb)};

static slopes slopes_at(cr_pair_op op, cr_real a, cr_real b)
{
    switch (op) {
        PAIRS(SLOPES)
    }
    return (slopes){0};
}

void cr_pair_backward(cr_pair_op op, int n_images, int m, size_t n, const cr_real *a,
                      const cr_real *b, const cr_real *dy, cr_real *da, cr_real *db)
{
    for (int image = 0; image < n_images; image++, a += n, b += n)
        for (size_t i = 0; i < n; i++) {
            const slopes s = slopes_at(op, a[i], b[i]);
            for (int j = 0; j < m; j++) {
                const size_t at = ((size_t)(image * m) + (size_t)j) * n + i;
                if (da)
                    da[at] += dy[at] * s.a;
                if (db)
                    db[at] += dy[at] * s.b;
            }
        }
}

void cr_pair_tangent(cr_pair_op op, size_t n, const cr_real *a, const cr_real *b, const cr_real *ta,
                     const cr_real *tb, cr_real *ty)
{
    for (size_t i = 0; i < n; i++) {
        const slopes s = slopes_at(op, a[i], b[i]);
        ty[i] = s.a * ta[i] + s.b * tb[i];
    }
}

void cr_pair_curve(cr_pair_op op, int m, size_t n, const cr_real *a, const cr_real *b,
                   const cr_real *ta, const cr_real *tb, const cr_real *dy, cr_real *da,
                   cr_real *db)
{
    for (size_t i = 0; i < n; i++) {
        const slopes s = slopes_at(op, a[i], b[i]);
        const cr_real along_a = s.aa * ta[i] + s.ab * tb[i], along_b = s.ab * ta[i] + s.bb * tb[i];
        for (size_t at = i; at < (size_t)m * n; at += n) {
            if (da)
                da[at] += dy[at] * along_a;
            if (db)
                db[at] += dy[at] * along_b;
        }
    }
}

CR_MULTIVERSION
void cr_choose_forward(size_t n, const cr_real *c, const cr_real *a, const cr_real *b, cr_real *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = c[i] != 0 ? a[i] : b[i];
}

void cr_choose_backward(int n_images, int m, size_t n, const cr_real *c, const cr_real *dy,
                        cr_real *da, cr_real *db)
{
    for (int b = 0; b < n_images * m; b++)
        for (size_t i = 0; i < n; i++, dy++) {
            const bool first = c[(size_t)(b / m) * n + i] != 0;
            if (da)
                da[(size_t)b * n + i] += first ? *dy : 0;
            if (db)
                db[(size_t)b * n + i] += first ? 0 : *dy;
        }
}
