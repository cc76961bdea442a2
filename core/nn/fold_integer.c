/* What is computed of integers, exactly, and comparisons of numbers of either kind. */
#include "fold.h"

/* Of integers. False where the result does not fit. */
typedef bool arithmetic(int64_t a, int64_t b, int64_t *y);

static bool add(int64_t a, int64_t b, int64_t *y)
{
    return !__builtin_add_overflow(a, b, y);
}

static bool subtract(int64_t a, int64_t b, int64_t *y)
{
    return !__builtin_sub_overflow(a, b, y);
}

static bool multiply(int64_t a, int64_t b, int64_t *y)
{
    return !__builtin_mul_overflow(a, b, y);
}

static bool divide(int64_t a, int64_t b, int64_t *y)
{
    if (b == 0 || (b == -1 && a == INT64_MIN))
        return false;
    *y = a / b;
    return true;
}

/* With the sign of b, as Python has it. */
static bool modulo(int64_t a, int64_t b, int64_t *y)
{
    if (b == 0 || b == -1)
        return b == -1 ? (*y = 0, true) : false;
    *y = a % b;
    *y += *y && (*y < 0) != (b < 0) ? b : 0;
    return true;
}

/* With the sign of a, as C has it. */
static bool remain(int64_t a, int64_t b, int64_t *y)
{
    if (b == 0)
        return false;
    *y = b == -1 ? 0 : a % b;
    return true;
}

static bool power(int64_t a, int64_t b, int64_t *y)
{
    *y = 1;
    if (b < 0 || b > 64)
        return false;
    for (int64_t i = 0; i < b; i++)
        if (__builtin_mul_overflow(*y, a, y))
            return false;
    return true;
}

static bool smaller(int64_t a, int64_t b, int64_t *y)
{
    *y = a < b ? a : b;
    return true;
}

static bool larger(int64_t a, int64_t b, int64_t *y)
{
    *y = a > b ? a : b;
    return true;
}

static bool both(int64_t a, int64_t b, int64_t *y)
{
    *y = a && b;
    return true;
}

static bool either(int64_t a, int64_t b, int64_t *y)
{
    *y = a || b;
    return true;
}

static bool one_of(int64_t a, int64_t b, int64_t *y)
{
    *y = !a != !b;
    return true;
}

static const struct {
    const char *type;
    arithmetic *compute;
} operations[] = {{"Add", add},    {"Sub", subtract}, {"Mul", multiply}, {"Div", divide},
                  {"Mod", modulo}, {"Pow", power},    {"Min", smaller},  {"Max", larger},
                  {"Sum", add},    {"And", both},     {"Or", either},    {"Xor", one_of}};

static cr_status fold_arithmetic(const cr_folding *f, arithmetic *compute, cr_tensor *out,
                                 cr_error *err)
{
    int64_t *ints;
    *out = (cr_tensor){.data_type = f->in[0]->data_type};
    CR_OR_RETURN(cr_fold_broadcast(f->in, f->n_in, out, err));
    CR_OR_RETURN(cr_fold_make(f, out, &ints, NULL, err));
    for (size_t i = 0; i < (size_t)out->n; i++) {
        ints[i] = f->in[0]->ints[cr_fold_spread(out, f->in[0], i)];
        for (int j = 1; j < f->n_in; j++)
            if (!compute(ints[i], f->in[j]->ints[cr_fold_spread(out, f->in[j], i)], &ints[i]))
                return cr_fail(err, CR_EINPUT, "its result is out of range");
    }
    return CR_OK;
}

/* The result of a comparison: of numbers of either kind a boolean. */
static cr_status fold_comparison(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const char *type = f->node->proto->op_type;
    const bool equal = strstr(type, "Equal"), less = strstr(type, "Less"),
               greater = strstr(type, "Greater");
    const cr_tensor *a = f->in[0], *b = f->in[1];
    int64_t *ints;
    *out = (cr_tensor){.data_type = CR_TYPE(BOOL)};
    CR_OR_RETURN(cr_fold_broadcast(f->in, 2, out, err));
    CR_OR_RETURN(cr_fold_make(f, out, &ints, NULL, err));
    for (size_t i = 0; i < (size_t)out->n; i++) {
        const size_t at_a = cr_fold_spread(out, a, i), at_b = cr_fold_spread(out, b, i);
        const bool exact = a->ints && b->ints;
        const double x = cr_tensor_number(a, at_a), y = cr_tensor_number(b, at_b);
        const bool is_less = exact ? a->ints[at_a] < b->ints[at_b] : x < y;
        const bool is_equal = exact ? a->ints[at_a] == b->ints[at_b] : x == y;
        ints[i] = (equal && is_equal) || (less && is_less) ||
                  (greater && (exact ? !is_less && !is_equal : x > y));
    }
    return CR_OK;
}

/* Of single integers or booleans: Not, Neg, Abs, Sign. */
static cr_status fold_single(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const char type = f->node->proto->op_type[0], second = f->node->proto->op_type[1];
    int64_t *ints;
    cr_status status = CR_OK;
    *out = *f->in[0];
    status = cr_fold_make(f, out, &ints, NULL, err);
    for (int64_t i = 0; status == CR_OK && i < out->n; i++) {
        const int64_t x = f->in[0]->ints[i];
        if (x == INT64_MIN && type != 'S' && second != 'o')
            return cr_fail(err, CR_EINPUT, "its result is out of range");
        ints[i] = second == 'o' ? !x
                  : type == 'S' ? (x > 0) - (x < 0)
                  : type == 'A' ? (x < 0 ? -x : x)
                                : -x;
    }
    return status;
}

/* Reductions of integers: what they begin with, and what joins them. */
static const struct {
    const char *type;
    int64_t first;
    arithmetic *compute;
} reductions[] = {{"ReduceSum", 0, add},
                  {"ReduceProd", 1, multiply},
                  {"ReduceMin", INT64_MAX, smaller},
                  {"ReduceMax", INT64_MIN, larger}};

static cr_status fold_reduction(const cr_folding *f, int64_t first, arithmetic *compute,
                                cr_tensor *out, cr_error *err)
{
    const cr_tensor *in = f->in[0];
    const int64_t *axes;
    int64_t n_axes, keep, empty, *ints;
    bool reduced[CR_MAX_DIMS] = {false};
    CR_OR_RETURN(cr_node_list(f->graph, f->node, 1, "axes", &axes, &n_axes, err));
    CR_OR_RETURN(cr_attribute_int(f->node, "keepdims", 1, &keep, err));
    CR_OR_RETURN(cr_attribute_int(f->node, "noop_with_empty_axes", 0, &empty, err));
    for (int d = 0; d < in->n_dims; d++)
        reduced[d] = n_axes == 0 && !empty;
    for (int64_t i = 0; i < n_axes; i++) {
        int axis;
        CR_OR_RETURN(cr_node_axis(f->graph, axes[i], in->n_dims, &axis, err));
        reduced[axis] = true;
    }
    cr_tensor kept = {.n_dims = in->n_dims};
    *out = (cr_tensor){.data_type = in->data_type};
    for (int d = 0; d < in->n_dims; d++) {
        kept.dims[d] = reduced[d] ? 1 : in->dims[d];
        if (keep || !reduced[d])
            out->dims[out->n_dims++] = kept.dims[d];
    }
    CR_OR_RETURN(cr_fold_make(f, out, &ints, NULL, err));
    if (in->n == 0 && out->n > 0 && (compute == smaller || compute == larger))
        return cr_fail(err, CR_EINPUT, "it reduces nothing");
    for (int64_t i = 0; i < out->n; i++)
        ints[i] = first;
    for (size_t i = 0; i < (size_t)in->n; i++) {
        int64_t *to = &ints[cr_fold_spread(in, &kept, i)];
        if (!compute(*to, in->ints[i], to))
            return cr_fail(err, CR_EINPUT, "its result is out of range");
    }
    return CR_OK;
}
static cr_status fold_operation(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    int64_t as_c;
    cr_status status = cr_attribute_int(f->node, "fmod", 0, &as_c, err);
    if (status != CR_OK)
        return status;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i].type, f->node->proto->op_type) == 0)
            return fold_arithmetic(f, as_c ? remain : operations[i].compute, out, err);
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++)
        if (strcmp(reductions[i].type, f->node->proto->op_type) == 0)
            return fold_reduction(f, reductions[i].first, reductions[i].compute, out, err);
    return cr_fail(err, CR_EINPUT, "it is not computed of integers");
}

static bool is_one_of(const char *type, const char *const *types)
{
    for (; *types; types++)
        if (strcmp(*types, type) == 0)
            return true;
    return false;
}

cr_folder *cr_fold_integer(const cr_folding *f, const char *type)
{
    static const char *const comparisons[] = {"Equal",   "Less",           "LessOrEqual",
                                              "Greater", "GreaterOrEqual", NULL};
    static const char *const singles[] = {"Not", "Neg", "Abs", "Sign", NULL};
    bool ints = f->n_in > 0, all = true;
    for (int i = 0; i < f->n_in; i++) {
        ints = ints && f->in[i] && f->in[i]->ints;
        all = all && f->in[i] && (f->in[i]->ints || f->in[i]->reals);
    }
    if (is_one_of(type, comparisons))
        return all && f->n_in == 2 ? fold_comparison : NULL;
    if (!f->n_in || !f->in[0] || !f->in[0]->ints)
        return NULL;
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++)
        if (strcmp(reductions[i].type, type) == 0)
            return fold_operation;
    if (!ints)
        return NULL;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i].type, type) == 0)
            return fold_operation;
    return is_one_of(type, singles) ? fold_single : NULL;
}
