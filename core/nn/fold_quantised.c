/* Weights as a few bits with a scale and a zero point, for the whole tensor or along an axis. */
#include "fold.h"

/* Scale and zero point of element i. */
typedef struct grid {
    const cr_tensor *scale, *zero;
    size_t inner; /* elements behind the axis */
} grid;

static cr_status read_grid(const cr_folding *f, grid *g, cr_error *err)
{
    const cr_tensor *x = f->in[0];
    int64_t given;
    int axis;
    *g = (grid){.scale = f->in[1], .zero = f->n_in > 2 ? f->in[2] : NULL, .inner = 1};
    if (g->scale->n != 1) {
        CR_OR_RETURN(cr_attribute_int(f->node, "axis", 1, &given, err));
        CR_OR_RETURN(cr_node_axis(f->graph, given, x->n_dims, &axis, err));
        if (g->scale->n_dims != 1 || g->scale->n != x->dims[axis])
            return cr_fail(err, CR_EINPUT,
                           "its scale is neither one number nor one for each of an "
                           "axis");
        for (int d = axis + 1; d < x->n_dims; d++)
            g->inner *= (size_t)x->dims[d];
    }
    if (g->zero && g->zero->n != g->scale->n)
        return cr_fail(err, CR_EINPUT, "its zero point does not fit its scale");
    return CR_OK;
}

static size_t at(const grid *g, size_t i)
{
    return g->scale->n == 1 ? 0 : i / g->inner % (size_t)g->scale->n;
}

static double zero_at(const grid *g, size_t i)
{
    return g->zero ? cr_tensor_number(g->zero, at(g, i)) : 0;
}

cr_status cr_fold_dequantize(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    float *reals;
    grid g;
    CR_OR_RETURN(read_grid(f, &g, err));
    *out = (cr_tensor){.n_dims = f->in[0]->n_dims, .data_type = CR_TYPE(FLOAT)};
    memcpy(out->dims, f->in[0]->dims, sizeof out->dims);
    CR_OR_RETURN(cr_fold_make(f, out, NULL, &reals, err));
    for (size_t i = 0; i < (size_t)out->n; i++)
        reals[i] = (float)((cr_tensor_number(f->in[0], i) - zero_at(&g, i)) *
                           cr_tensor_number(g.scale, at(&g, i)));
    return CR_OK;
}

/* To the nearest step, to the even one of two, within the bits of the zero point's type. */
cr_status cr_fold_quantize(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    int64_t *ints;
    grid g;
    CR_OR_RETURN(read_grid(f, &g, err));
    const int type = g.zero ? g.zero->data_type : CR_TYPE(UINT8);
    const bool is_signed = type == CR_TYPE(INT8) || type == CR_TYPE(INT16);
    const double steps = type == CR_TYPE(INT16) || type == CR_TYPE(UINT16) ? 65536 : 256;
    const double least = is_signed ? -steps / 2 : 0;
    *out = (cr_tensor){.n_dims = f->in[0]->n_dims, .data_type = type};
    memcpy(out->dims, f->in[0]->dims, sizeof out->dims);
    CR_OR_RETURN(cr_fold_make(f, out, &ints, NULL, err));
    for (size_t i = 0; i < (size_t)out->n; i++) {
        const double y =
            rint(cr_tensor_number(f->in[0], i) / cr_tensor_number(g.scale, at(&g, i))) +
            zero_at(&g, i);
        ints[i] = (int64_t)fmin(fmax(y, least), least + steps - 1);
    }
    return CR_OK;
}
