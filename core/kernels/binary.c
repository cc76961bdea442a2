/* Sum and product of two activations, the second perhaps one value a channel for all pixels. */
#include "camrank/kernels.h"

#include "multiversion.h"

CR_MULTIVERSION
void cr_add_forward(int n, int hw, int c, const cr_real *a, const cr_real *b, bool b_per_channel,
                    cr_real *restrict y)
{
    for (int i = 0; i < n; i++, b += b_per_channel ? c : 0)
        for (int t = 0; t < hw; t++, a += c, y += c, b += b_per_channel ? 0 : c)
            for (int k = 0; k < c; k++)
                y[k] = a[k] + b[k];
}

CR_MULTIVERSION
void cr_add_backward(int n, int hw, int c, const cr_real *restrict dy, bool b_per_channel,
                     cr_real *da, cr_real *db)
{
    for (int i = 0; i < n; i++) {
        for (int t = 0; t < hw; t++, dy += c) {
            if (da) {
                for (int k = 0; k < c; k++)
                    da[k] += dy[k];
                da += c;
            }
            if (db) {
                for (int k = 0; k < c; k++)
                    db[k] += dy[k];
                db += b_per_channel ? 0 : c;
            }
        }
        if (db && b_per_channel)
            db += c;
    }
}

CR_MULTIVERSION
void cr_mul_forward(int n, int hw, int c, const cr_real *a, const cr_real *b, bool b_per_channel,
                    cr_real *restrict y)
{
    for (int i = 0; i < n; i++, b += b_per_channel ? c : 0)
        for (int t = 0; t < hw; t++, a += c, y += c, b += b_per_channel ? 0 : c)
            for (int k = 0; k < c; k++)
                y[k] = a[k] * b[k];
}

CR_MULTIVERSION
void cr_mul_backward(int n, int m, int hw, int c, const cr_real *a, const cr_real *b,
                     bool b_per_channel, const cr_real *restrict dy, cr_real *da, cr_real *db)
{
    size_t a_size = (size_t)hw * (size_t)c, b_size = b_per_channel ? (size_t)c : a_size;
    for (int i = 0; i < n * m; i++) {
        const cr_real *ai = a + (size_t)(i / m) * a_size, *bi = b + (size_t)(i / m) * b_size;
        for (int t = 0; t < hw; t++, dy += c, ai += c, bi += b_per_channel ? 0 : c) {
            if (da) {
                for (int k = 0; k < c; k++)
                    da[k] += dy[k] * bi[k];
                da += c;
            }
            if (db) {
                for (int k = 0; k < c; k++)
                    db[k] += dy[k] * ai[k];
                db += b_per_channel ? 0 : c;
            }
        }
        if (db && b_per_channel)
            db += c;
    }
}
