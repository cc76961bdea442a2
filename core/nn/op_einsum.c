/* Einsum of one or two activations: dimensions are summed, transposed and joined to three (batch, rows,
 * columns) so that a MatMul does the rest. */
#include "compose.h"

#define N_LETTERS 128

/* An operand: its letters in their order, and the value that has them. */
typedef struct operand {
    char letters[CR_MAX_DIMS + 1];
    int n, id;
} operand;

typedef struct equation {
    operand in[2], out;
    int n_in, extent[N_LETTERS];
} equation;

/* One list of letters; false for what is no letter, or one twice. */
static bool read_letters(const char **text, operand *o)
{
    for (o->n = 0; **text && **text != ',' && **text != '-'; (*text)++) {
        if (**text == ' ')
            continue;
        const bool letter = (**text | 32) >= 'a' && (**text | 32) <= 'z';
        if (!letter || o->n == CR_MAX_DIMS || memchr(o->letters, **text, (size_t)o->n))
            return false;
        o->letters[o->n++] = **text;
    }
    return true;
}

static bool has(const operand *o, char letter)
{
    return memchr(o->letters, letter, (size_t)o->n) != NULL;
}

/* Without an arrow the output has, in their alphabetical order, the letters that come once. */
static void imply_output(equation *e)
{
    for (int c = 1; c < N_LETTERS; c++) {
        const int times = has(&e->in[0], (char)c) + (e->n_in > 1 && has(&e->in[1], (char)c));
        if (times == 1 && e->out.n < CR_MAX_DIMS)
            e->out.letters[e->out.n++] = (char)c;
    }
}

static bool read_equation(const char *text, int n_in, equation *e)
{
    e->n_in = n_in;
    for (int i = 0; i < n_in; i++) {
        if (!read_letters(&text, &e->in[i]) || (i < n_in - 1 && *text++ != ','))
            return false;
    }
    if (!*text) {
        imply_output(e);
        return true;
    }
    return *text++ == '-' && *text++ == '>' && read_letters(&text, &e->out) && !*text;
}

/* The extents of letters, the same wherever one stands. */
static bool find_extents(const cr_graph *graph, equation *e)
{
    for (int i = 0; i < e->n_in; i++) {
        const cr_shape *shape = &graph->values[e->in[i].id].shape;
        if (shape->n_dims != e->in[i].n)
            return false;
        for (int d = 0; d < shape->n_dims; d++) {
            int *extent = &e->extent[(int)e->in[i].letters[d]];
            if (*extent && *extent != shape->dims[d])
                return false;
            *extent = shape->dims[d];
        }
    }
    for (int d = 0; d < e->out.n; d++)
        if (!e->extent[(int)e->out.letters[d]])
            return false;
    return true;
}

static cr_status reduce(cr_graph *graph, const cr_node *node, operand *o, char letter,
                        cr_error *err)
{
    char *at = memchr(o->letters, letter, (size_t)o->n);
    const int64_t axis = at - o->letters;
    cr_status status =
        cr_put_reduction(graph, node, "ReduceSum", o->id, &axis, 1, false, &o->id, err);
    memmove(at, at + 1, (size_t)(o->letters + o->n - at - 1));
    o->n--;
    return status;
}

/* Sums letters that neither the other operand nor the output has. */
static cr_status reduce_alone(cr_graph *graph, const cr_node *node, equation *e, int i,
                              cr_error *err)
{
    cr_status status = CR_OK;
    const operand before = e->in[i];
    for (int d = 0; d < before.n; d++) {
        const char c = before.letters[d];
        if (!has(&e->out, c) && !(e->n_in > 1 && has(&e->in[1 - i], c)))
            CR_TRY(reduce(graph, node, &e->in[i], c, err));
    }

cleanup:
    return status;
}

/* The operand with its letters in the order of `to`. */
static cr_status transpose(cr_graph *graph, const cr_node *node, operand *o, const operand *to,
                           cr_error *err)
{
    int64_t perm[CR_MAX_DIMS];
    for (int d = 0; d < to->n; d++)
        perm[d] = (const char *)memchr(o->letters, to->letters[d], (size_t)o->n) - o->letters;
    cr_status status = cr_put_transpose(graph, node, o->id, perm, to->n, &o->id, err);
    memcpy(o->letters, to->letters, sizeof o->letters);
    return status;
}

/* Letters of an operand by where else they are: in the other one, in the output. */
static void append(operand *to, const operand *from, const operand *other, const operand *out,
                   bool in_other, bool in_out)
{
    for (int d = 0; d < from->n; d++)
        if (has(other, from->letters[d]) == in_other && has(out, from->letters[d]) == in_out)
            to->letters[to->n++] = from->letters[d];
}

static int64_t size_of(const equation *e, const operand *o, int first, int n)
{
    int64_t size = 1;
    for (int d = first; d < first + n; d++)
        size *= e->extent[(int)o->letters[d]];
    return size;
}

/* a as [batch, rows, sum], b as [batch, sum, columns]; their product has [batch, rows, columns]. */
static cr_status multiply(cr_graph *graph, const cr_node *node, equation *e, operand *product,
                          cr_error *err)
{
    cr_status status = CR_OK;
    operand a = {.n = 0}, b = {.n = 0};
    append(&a, &e->in[0], &e->in[1], &e->out, true, true);
    const int n_batch = a.n;
    append(&a, &e->in[0], &e->in[1], &e->out, false, true);
    const int n_rows = a.n - n_batch;
    append(&a, &e->in[0], &e->in[1], &e->out, true, false);
    const int n_sum = a.n - n_batch - n_rows;
    memcpy(b.letters, a.letters, (size_t)n_batch);
    memcpy(b.letters + n_batch, a.letters + n_batch + n_rows, (size_t)n_sum);
    b.n = n_batch + n_sum;
    append(&b, &e->in[1], &e->in[0], &e->out, false, true);
    const int n_columns = b.n - n_batch - n_sum;
    CR_TRY(transpose(graph, node, &e->in[0], &a, err));
    CR_TRY(transpose(graph, node, &e->in[1], &b, err));
    const int64_t batch = size_of(e, &a, 0, n_batch), rows = size_of(e, &a, n_batch, n_rows);
    const int64_t sum = size_of(e, &a, n_batch + n_rows, n_sum);
    const int64_t columns = size_of(e, &b, n_batch + n_sum, n_columns);
    int ids[] = {e->in[0].id, e->in[1].id};
    CR_TRY(cr_put_ints(graph, node, "Reshape", ids[0], (int64_t[]){batch, rows, sum}, 3, &ids[0],
                       err));
    CR_TRY(cr_put_ints(graph, node, "Reshape", ids[1], (int64_t[]){batch, sum, columns}, 3, &ids[1],
                       err));
    CR_TRY(cr_node_insert(graph, node, "MatMul", ids, 2, NULL, &product->id, err));
    int64_t shape[2 * CR_MAX_DIMS];
    for (int d = 0; d < n_batch + n_rows; d++)
        product->letters[product->n++] = a.letters[d];
    for (int d = 0; d < n_columns && product->n < CR_MAX_DIMS; d++)
        product->letters[product->n++] = b.letters[n_batch + n_sum + d];
    for (int d = 0; d < product->n; d++)
        shape[d] = e->extent[(int)product->letters[d]];
    CR_TRY(cr_put_ints(graph, node, "Reshape", product->id, shape, product->n, &product->id, err));

cleanup:
    return status;
}

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    equation e = {.n_in = 0};
    const char *text;
    const cr_value *value;
    CR_TRY(cr_attribute_string(graph, node, "equation", "", &text, err));
    for (int i = 0; i < node->n_inputs; i++)
        CR_TRY(cr_node_value(graph, node, i, &value, err));
    for (int i = 0; i < node->n_inputs; i++)
        e.in[i].id = node->inputs[i];
    if (!read_equation(text, node->n_inputs, &e) || !find_extents(graph, &e))
        CR_TRY(cr_fail(err, CR_EINPUT,
                       "its equation %.60s is not supported: letters, each once in an operand",
                       text));
    for (int i = 0; i < e.n_in; i++)
        CR_TRY(reduce_alone(graph, node, &e, i, err));
    operand product = e.in[0];
    if (e.n_in > 1) {
        product = (operand){.n = 0};
        CR_TRY(multiply(graph, node, &e, &product, err));
    }
    CR_TRY(transpose(graph, node, &product, &e.out, err));
    CR_TRY(cr_node_become(graph, node, "Identity", &product.id, 1, NULL, err));

cleanup:
    return status;
}

const cr_op cr_op_einsum = {.type = "Einsum",
                            .min_inputs = 1,
                            .max_inputs = 2,
                            .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER,
                            .load = load};
