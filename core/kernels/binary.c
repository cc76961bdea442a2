/* Arithmetic on two activations, the second perhaps spread over rows or over channels. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"

/* Steps of b between rows and between channels. */
static int row_step(const cr_binary *p)
{
    return p->spread == CR_SPREAD_NONE ? p->c : p->spread == CR_SPREAD_CHANNELS;
}

static size_t b_size(const cr_binary *p)
{
    size_t rows = (size_t)p->rows, c = (size_t)p->c;
    return p->spread == CR_SPREAD_NONE ? rows * c : p->spread == CR_SPREAD_ROWS ? c : rows;
}

#define EACH_CHANNEL(statement) \
    for (int k = 0; k < c; k++) \
    statement

#define EACH_OUTPUT(value)                      \
    _Pragma("GCC ivdep") /* y may be a, or b */ \
        for (int k = 0; k < c; k++) y[k] = value

CR_MULTIVERSION
static void row_forward(cr_binary_op op, int c, const cr_real *a, const cr_real *b, bool one_b,
                        cr_real *y)
{
    if (one_b) {
        cr_real v = *b;
        switch (op) {
        case CR_ADD:
            EACH_OUTPUT(a[k] + v);
            return;
        case CR_SUB:
            EACH_OUTPUT(a[k] - v);
            return;
        case CR_MUL:
            EACH_OUTPUT(a[k] * v);
            return;
        case CR_DIV:
            EACH_OUTPUT(a[k] / v);
            return;
        }
    }
    switch (op) {
    case CR_ADD:
        EACH_OUTPUT(a[k] + b[k]);
        return;
    case CR_SUB:
        EACH_OUTPUT(a[k] - b[k]);
        return;
    case CR_MUL:
        EACH_OUTPUT(a[k] * b[k]);
        return;
    case CR_DIV:
        EACH_OUTPUT(a[k] / b[k]);
        return;
    }
}

void cr_binary_forward(const cr_binary *p, int n, const cr_real *a, const cr_real *b, cr_real *y)
{
    bool one_b = p->spread == CR_SPREAD_CHANNELS;
    if (p->spread == CR_SPREAD_NONE) {
        int size = p->rows * p->c;
        for (int i = 0; i < n; i++, a += size, b += size, y += size)
            row_forward(p->op, size, a, b, false, y);
        return;
    }
    for (int i = 0; i < n; i++, b += b_size(p))
        for (int t = 0; t < p->rows; t++, a += p->c, y += p->c)
            row_forward(p->op, p->c, a, b + t * row_step(p), one_b, y);
}

/* Gradients of one row, to be added: with respect to a, and to b before it is summed over what it
 * was spread over. */
CR_MULTIVERSION
static void row_backward(cr_binary_op op, int c, const cr_real *a, const cr_real *b, int b_step,
                         const cr_real *restrict dy, cr_real *da, cr_real *db)
{
    if (da)
        switch (op) {
        case CR_ADD:
        case CR_SUB:
            EACH_CHANNEL(da[k] += dy[k]);
            break;
        case CR_MUL:
            EACH_CHANNEL(da[k] += dy[k] * b[k * b_step]);
            break;
        case CR_DIV:
            EACH_CHANNEL(da[k] += dy[k] / b[k * b_step]);
            break;
        }
    if (db)
        switch (op) {
        case CR_ADD:
            EACH_CHANNEL(db[k * b_step] += dy[k]);
            break;
        case CR_SUB:
            EACH_CHANNEL(db[k * b_step] -= dy[k]);
            break;
        case CR_MUL:
            EACH_CHANNEL(db[k * b_step] += dy[k] * a[k]);
            break;
        case CR_DIV:
            EACH_CHANNEL(db[k * b_step] -= dy[k] * a[k] / (b[k * b_step] * b[k * b_step]));
            break;
        }
}

void cr_binary_backward(const cr_binary *p, int n, int m, const cr_real *a, const cr_real *b,
                        const cr_real *dy, cr_real *da, cr_real *db)
{
    size_t a_size = (size_t)p->rows * (size_t)p->c;
    int b_step = p->spread != CR_SPREAD_CHANNELS;
    for (int i = 0; i < n * m; i++) {
        const cr_real *ai = a + (size_t)(i / m) * a_size, *bi = b + (size_t)(i / m) * b_size(p);
        for (int t = 0; t < p->rows; t++, ai += p->c, dy += p->c) {
            int at = t * row_step(p);
            row_backward(p->op, p->c, ai, bi + at, b_step, dy, da, db ? db + at : NULL);
            da = da ? da + p->c : NULL;
        }
        db = db ? db + b_size(p) : NULL;
    }
}

void cr_binary_tangent(const cr_binary *p, int n, const cr_real *a, const cr_real *b,
                       const cr_real *ta, const cr_real *tb, cr_real *ty)
{
    int b_step = p->spread != CR_SPREAD_CHANNELS;
    for (int i = 0; i < n; i++, b += b_size(p), tb += b_size(p))
        for (int t = 0; t < p->rows; t++, a += p->c, ta += p->c, ty += p->c)
            for (int k = 0; k < p->c; k++) {
                cr_real v = b[t * row_step(p) + k * b_step], tv = tb[t * row_step(p) + k * b_step];
                ty[k] = p->op == CR_MUL ? ta[k] * v + a[k] * tv : (ta[k] - a[k] / v * tv) / v;
            }
}

void cr_binary_curve(const cr_binary *p, int m, const cr_real *a, const cr_real *b,
                     const cr_real *ta, const cr_real *tb, const cr_real *dy, cr_real *da,
                     cr_real *db)
{
    const int rows = p->rows, c = p->c, b_step = p->spread != CR_SPREAD_CHANNELS;
    const bool product = p->op == CR_MUL;
    for (int j = 0; j < m * rows; j++, dy += c) {
        const int t = j % rows, at = t * row_step(p);
        const cr_real *row = a + (ptrdiff_t)t * c, *along = ta + (ptrdiff_t)t * c;
        cr_real *to_a = da ? da + (ptrdiff_t)j * c : NULL;
        cr_real *to_b = db ? db + (size_t)(j / rows) * b_size(p) + at : NULL;
        for (int k = 0; k < c; k++) {
            cr_real v = b[at + k * b_step], tv = tb[at + k * b_step], squared = v * v;
            if (to_a)
                to_a[k] += product ? dy[k] * tv : -dy[k] * tv / squared;
            if (to_b)
                to_b[k * b_step] +=
                    product ? dy[k] * along[k] : dy[k] * (2 * row[k] / v * tv - along[k]) / squared;
        }
    }
}
