/* Functions of single values by the kernel of that name: one row each. */
#include "graph.h"

/* Attributes for alpha and beta with their defaults; NULL: none. */
typedef struct row {
    cr_function_op op;
    const char *alpha;
    double alpha_absent;
    const char *beta;
    double beta_absent;
} row;

static cr_status load_row(cr_graph *graph, cr_node *node, const row *r, cr_error *err)
{
    const cr_value *in;
    cr_function *p;
    double alpha = 0, beta = 0;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    if (r->alpha)
        CR_OR_RETURN(cr_attribute_float(node, r->alpha, r->alpha_absent, &alpha, err));
    if (r->beta)
        CR_OR_RETURN(cr_attribute_float(node, r->beta, r->beta_absent, &beta, err));
    *p = (cr_function){r->op, (cr_real)alpha, (cr_real)beta, cr_shape_size(&in->shape)};
    node->flops = 4.0 * (double)p->n;
    return cr_node_set_like(graph, node, in, err);
}

static void forward(const cr_run *run)
{
    cr_function_forward(run->node->params, run->n, run->x[0], run->y);
}

static void backward(const cr_run *run)
{
    cr_function_backward(run->node->params, run->n, run->m, run->x[0], run->dy, run->dx[0]);
}

static void tangent(const cr_run *run)
{
    cr_function_tangent(run->node->params, run->n, run->x[0], run->tx[0], run->ty);
}

static void curve(const cr_run *run)
{
    cr_function_curve(run->node->params, run->m, run->x[0], run->tx[0], run->dy, run->dx[0]);
}

#define OP(symbol, name, loader, more)                                                          \
    const cr_op symbol = {.type = name,                                                         \
                          .min_inputs = 1,                                                      \
                          .max_inputs = 1,                                                      \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OVERWRITES | CR_OP_NEEDS_X | (more), \
                          .load = loader,                                                       \
                          .forward = forward,                                                   \
                          .backward = backward,                                                 \
                          .tangent = tangent,                                                   \
                          .curve = curve}

#define ROW(symbol, name, ...) ROW_OF(symbol, name, 0, __VA_ARGS__)

/* An activation function. */
#define ACTIVATION(symbol, name, ...) ROW_OF(symbol, name, CR_OP_ACTIVATES, __VA_ARGS__)

#define ROW_OF(symbol, name, more, ...)                                           \
    static cr_status load_##symbol(cr_graph *graph, cr_node *node, cr_error *err) \
    {                                                                             \
        return load_row(graph, node, &(row){.op = __VA_ARGS__}, err);             \
    }                                                                             \
    OP(cr_op_##symbol, name, load_##symbol, more)

ROW(abs, "Abs", CR_FUNCTION_ABS);
ROW(acos, "Acos", CR_FUNCTION_ACOS);
ROW(acosh, "Acosh", CR_FUNCTION_ACOSH);
ROW(asin, "Asin", CR_FUNCTION_ASIN);
ROW(asinh, "Asinh", CR_FUNCTION_ASINH);
ROW(atan, "Atan", CR_FUNCTION_ATAN);
ROW(atanh, "Atanh", CR_FUNCTION_ATANH);
ROW(ceil, "Ceil", CR_FUNCTION_CEIL);
ACTIVATION(celu, "Celu", CR_FUNCTION_CELU, "alpha", 1);
ROW(cos, "Cos", CR_FUNCTION_COS);
ROW(cosh, "Cosh", CR_FUNCTION_COSH);
ACTIVATION(elu, "Elu", CR_FUNCTION_ELU, "alpha", 1);
ROW(exp, "Exp", CR_FUNCTION_EXP);
ROW(floor, "Floor", CR_FUNCTION_FLOOR);
ROW(is_nan, "IsNaN", CR_FUNCTION_IS_NAN);
ACTIVATION(leaky_relu, "LeakyRelu", CR_FUNCTION_LEAKY_RELU, "alpha", 0.01);
ROW(log, "Log", CR_FUNCTION_LOG);
ACTIVATION(mish, "Mish", CR_FUNCTION_MISH);
ROW(neg, "Neg", CR_FUNCTION_NEG);
ROW(not, "Not", CR_FUNCTION_NOT);
ROW(reciprocal, "Reciprocal", CR_FUNCTION_RECIPROCAL);
ROW(round, "Round", CR_FUNCTION_ROUND);
ACTIVATION(selu, "Selu", CR_FUNCTION_SELU, "alpha", 1.67326319217681884765625, "gamma",
           1.05070102214813232421875);
ACTIVATION(shrink, "Shrink", CR_FUNCTION_SHRINK, "bias", 0, "lambd", 0.5);
ROW(sign, "Sign", CR_FUNCTION_SIGN);
ROW(sin, "Sin", CR_FUNCTION_SIN);
ROW(sinh, "Sinh", CR_FUNCTION_SINH);
ACTIVATION(softplus, "Softplus", CR_FUNCTION_SOFTPLUS);
ACTIVATION(softsign, "Softsign", CR_FUNCTION_SOFTSIGN);
ACTIVATION(swish, "Swish", CR_FUNCTION_SWISH, "alpha", 1);
ROW(tan, "Tan", CR_FUNCTION_TAN);
ACTIVATION(tanh, "Tanh", CR_FUNCTION_TANH);
ACTIVATION(thresholded_relu, "ThresholdedRelu", CR_FUNCTION_THRESHOLDED_RELU, "alpha", 1);

static OP(function_op, "function", NULL, 0);

static cr_status load_is_inf(cr_graph *graph, cr_node *node, cr_error *err)
{
    int64_t above, below;
    CR_OR_RETURN(cr_attribute_int(node, "detect_positive", 1, &above, err));
    CR_OR_RETURN(cr_attribute_int(node, "detect_negative", 1, &below, err));
    CR_OR_RETURN(load_row(graph, node, &(row){.op = CR_FUNCTION_IS_INF}, err));
    cr_function *p = node->params;
    p->alpha = above != 0;
    p->beta = below != 0;
    return CR_OK;
}

OP(cr_op_is_inf, "IsInf", load_is_inf, 0);

/* By Erf, which has a kernel of its own, or by tanh. */
static cr_status load_gelu(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const char *approximate;
    const cr_value *in;
    CR_TRY(cr_attribute_string(graph, node, "approximate", "none", &approximate, err));
    if (strcmp(approximate, "tanh") == 0) {
        status = load_row(graph, node, &(row){.op = CR_FUNCTION_GELU_BY_TANH}, err);
        goto cleanup;
    }
    if (strcmp(approximate, "none") != 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "approximate %.40s is not supported", approximate));
    CR_TRY(cr_node_value(graph, node, 0, &in, err));
    CR_TRY(cr_unary_make(&graph->arena, node, CR_GELU, cr_shape_size(&in->shape), err));
    CR_TRY(cr_node_set_like(graph, node, in, err));

cleanup:
    return status;
}

OP(cr_op_gelu, "Gelu", load_gelu, CR_OP_ACTIVATES);

/* What reals become as another type: whole numbers are cut towards zero, truth is 1 and 0. */
static cr_status load_cast_to(cr_graph *graph, cr_node *node, int64_t to, cr_error *err)
{
    const cr_value *in;
    cr_status status = cr_node_value(graph, node, 0, &in, err);
    const char *name = cr_onnx_type_name(to < 1 || to > 16 ? 0 : (int)to);
    if (status != CR_OK)
        return status;
    if (cr_onnx_is_real((int)to)) {
        node->flags |= CR_OP_ALIAS | CR_OP_MOVES;
        return cr_node_set_like(graph, node, in, err);
    }
    if (to < 1 || to > ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16 || strstr(name, "complex") ||
        strstr(name, "string"))
        return cr_fail(err, CR_EINPUT, "a cast to a type that is %s is not supported", name);
    node->op = &function_op;
    node->flags = function_op.flags;
    return load_row(graph, node,
                    &(row){.op = to == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL ? CR_FUNCTION_NON_ZERO
                                                                           : CR_FUNCTION_TRUNC},
                    err);
}

static cr_status load_cast(cr_graph *graph, cr_node *node, cr_error *err)
{
    int64_t to;
    cr_status status = cr_attribute_int(node, "to", 0, &to, err);
    return status == CR_OK ? load_cast_to(graph, node, to, err) : status;
}

/* Activations are of one type: what one is cast to like another is a real number. */
static cr_status load_cast_like(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *like = node->inputs[1] < 0 ? NULL : &graph->values[node->inputs[1]];
    node->n_inputs = 1;
    cr_node_connect(graph, node);
    return load_cast_to(graph, node,
                        like && like->constant ? like->tensor.data_type
                                               : ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                        err);
}

const cr_op cr_op_cast = {
    .type = "Cast", .min_inputs = 1, .max_inputs = 1, .flags = CR_OP_ANY_ORDER, .load = load_cast};

const cr_op cr_op_cast_like = {.type = "CastLike",
                               .min_inputs = 2,
                               .max_inputs = 2,
                               .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER,
                               .load = load_cast_like};
