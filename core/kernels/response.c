/* Local response normalisation across channels (Krizhevsky et al., ImageNet Classification with Deep
 * Convolutional Neural Networks, 2012, section 3.3), as ONNX has it: alpha is divided by the size. */
#include "camrank/kernels.h"

#include <math.h>

/* Channels that the sum of channel k is over, and those whose sum has channel k. */
static int first_of(const cr_response *p, int k)
{
    return k > (p->size - 1) / 2 ? k - (p->size - 1) / 2 : 0;
}

static int last_of(const cr_response *p, int k)
{
    return k < p->c - 1 - p->size / 2 ? k + p->size / 2 : p->c - 1;
}

static double base(const cr_response *p, const cr_real *x, int k)
{
    double sum = 0;
    for (int i = first_of(p, k); i <= last_of(p, k); i++)
        sum += (double)x[i] * (double)x[i];
    return (double)p->bias + (double)p->alpha / p->size * sum;
}

void cr_response_forward(const cr_response *p, size_t rows, const cr_real *x, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, x += p->c, y += p->c)
        for (int k = 0; k < p->c; k++)
            y[k] = (cr_real)((double)x[k] * pow(base(p, x, k), (double)-p->beta));
}

void cr_response_backward(const cr_response *p, int n, int m, size_t rows, const cr_real *x,
                          const cr_real *dy, cr_real *dx)
{
    const double shared = 2 * (double)p->alpha * (double)p->beta / p->size;
    for (int b = 0; b < n * m; b++)
        for (size_t t = 0; t < rows; t++, dy += p->c, dx += p->c) {
            const cr_real *from = x + ((size_t)(b / m) * rows + t) * (size_t)p->c;
            for (int k = 0; k < p->c; k++) {
                const double s = base(p, from, k), power = pow(s, (double)-p->beta);
                const double along = shared * (double)dy[k] * (double)from[k] * power / s;
                dx[k] += (cr_real)((double)dy[k] * power);
                for (int i = first_of(p, k); i <= last_of(p, k); i++)
                    dx[i] -= (cr_real)(along * (double)from[i]);
            }
        }
}

/* How the base of channel k changes along tx. */
static double base_along(const cr_response *p, const cr_real *x, const cr_real *tx, int k)
{
    double sum = 0;
    for (int i = first_of(p, k); i <= last_of(p, k); i++)
        sum += (double)x[i] * (double)tx[i];
    return 2 * (double)p->alpha / p->size * sum;
}

void cr_response_tangent(const cr_response *p, size_t rows, const cr_real *x, const cr_real *tx,
                         cr_real *ty)
{
    for (size_t t = 0; t < rows; t++, x += p->c, tx += p->c, ty += p->c)
        for (int k = 0; k < p->c; k++) {
            const double s = base(p, x, k), ts = base_along(p, x, tx, k);
            ty[k] = (cr_real)(pow(s, (double)-p->beta) *
                              ((double)tx[k] - (double)p->beta * (double)x[k] * ts / s));
        }
}

/* Of backward's two terms: s^-beta changes by -beta s^-beta ts / s, and x[k] x[i] s^-beta / s by what its
 * three factors do. */
void cr_response_curve(const cr_response *p, int m, size_t rows, const cr_real *x,
                       const cr_real *tx, const cr_real *dy, cr_real *dx)
{
    const double beta = (double)p->beta, shared = 2 * (double)p->alpha * beta / p->size;
    for (size_t t = 0; t < (size_t)m * rows; t++, dy += p->c, dx += p->c) {
        const cr_real *from = x + t % rows * (size_t)p->c, *along = tx + t % rows * (size_t)p->c;
        for (int k = 0; k < p->c; k++) {
            const double s = base(p, from, k), ts = base_along(p, from, along, k);
            const double power = pow(s, -beta), v = (double)from[k];
            const double same = shared * (double)dy[k] * v * power / s;
            const double change =
                shared * (double)dy[k] * power / s * ((double)along[k] - (beta + 1) * v * ts / s);
            dx[k] -= (cr_real)((double)dy[k] * beta * power * ts / s);
            for (int i = first_of(p, k); i <= last_of(p, k); i++)
                dx[i] -= (cr_real)(change * (double)from[i] + same * (double)along[i]);
        }
    }
}
