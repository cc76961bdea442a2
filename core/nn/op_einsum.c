/* Einsum: operands are multiplied two at a time, their dimensions summed, transposed and joined to three
 * (batch, rows, columns) so that a MatMul does the rest. */
#include "compose.h"
#include "move.h"

#define N_LETTERS 128
#define MAX_OPERANDS 8
#define ELLIPSIS \
    (CR_MAX_DIMS + 1) /* its dimensions have the letters 1 to CR_MAX_DIMS, the last one that */

/* An operand: its letters in their order, and the value that has them. */
typedef struct operand {
    char letters[CR_MAX_DIMS + 1];
    int n, id;
} operand;

typedef struct equation {
    operand in[MAX_OPERANDS], out;
    int n_in, extent[N_LETTERS];
} equation;

static bool has(const operand *o, char letter)
{
    return memchr(o->letters, letter, (size_t)o->n) != NULL;
}

static bool is_letter(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* One list of letters, of which an ellipsis stands for `n_more`; false for what is no list. */
static bool read_letters(const char **text, int n_more, operand *o)
{
    bool open = true;
    for (o->n = 0; **text && **text != ',' && **text != '-'; (*text)++) {
        if (**text == ' ')
            continue;
        const bool more = open && strncmp(*text, "...", 3) == 0;
        const int n = more ? n_more : 1;
        if (n < 0 || o->n + n > CR_MAX_DIMS || !(more || is_letter(**text)))
            return false;
        for (int d = 0; d < n; d++)
            o->letters[o->n++] = more ? (char)(ELLIPSIS - n + d) : **text;
        *text += more ? 2 : 0;
        open = open && !more;
    }
    return true;
}

/* The letters of a list, without an ellipsis. */
static int count_letters(const char *text)
{
    int n = 0;
    for (; *text && *text != ',' && *text != '-'; text++)
        n += is_letter(*text);
    return n;
}

/* In how many of the operands a letter is. */
static int count_operands(const equation *e, char letter)
{
    int n = 0;
    for (int i = 0; i < e->n_in; i++)
        n += has(&e->in[i], letter);
    return n;
}

/* Without an arrow the output has the dimensions of the ellipsis and then, in their alphabetical order, the
 * letters that come once. */
static void imply_output(equation *e)
{
    for (int c = 1; c < N_LETTERS; c++) {
        int times = 0;
        for (int i = 0; i < e->n_in; i++)
            for (int d = 0; d < e->in[i].n; d++)
                times += e->in[i].letters[d] == c;
        if ((times == 1 || (times && c < ELLIPSIS)) && e->out.n < CR_MAX_DIMS)
            e->out.letters[e->out.n++] = (char)c;
    }
}

static bool read_equation(const cr_graph *graph, const char *text, equation *e)
{
    int n_ellipsis = 0;
    for (int i = 0; i < e->n_in; i++) {
        const int n_dims = graph->values[e->in[i].id].shape.n_dims;
        const int n_more = n_dims - count_letters(text);
        if (!read_letters(&text, n_more, &e->in[i]) || e->in[i].n != n_dims ||
            (i < e->n_in - 1 && *text++ != ','))
            return false;
        n_ellipsis = n_more > n_ellipsis ? n_more : n_ellipsis;
    }
    if (!*text) {
        imply_output(e);
        return true;
    }
    if (*text++ != '-' || *text++ != '>' || !read_letters(&text, n_ellipsis, &e->out) || *text)
        return false;
    for (int d = 0; d < e->out.n; d++)
        if (memchr(e->out.letters, e->out.letters[d], (size_t)d))
            return false;
    return true;
}

/* The extents of letters, the same wherever one stands, or 1. */
static bool find_extents(const cr_graph *graph, equation *e)
{
    for (int i = 0; i < e->n_in; i++) {
        const cr_shape *shape = &graph->values[e->in[i].id].shape;
        for (int d = 0; d < shape->n_dims; d++) {
            int *extent = &e->extent[(int)e->in[i].letters[d]];
            if (*extent > 1 && shape->dims[d] > 1 && *extent != shape->dims[d])
                return false;
            *extent = *extent > 1 ? *extent : shape->dims[d];
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

/* A letter that an operand has twice: of these dimensions the diagonal. */
static bool diagonal_source(const void *context, const int *at, int *from)
{
    const operand *const *of = context; /* before, and with each letter once */
    for (int d = 0; d < of[0]->n; d++)
        from[d] = at[(const char *)memchr(of[1]->letters, of[0]->letters[d], (size_t)of[1]->n) -
                     of[1]->letters];
    return true;
}

static cr_status load_diagonal(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    cr_move *move;
    const operand *const *of = node->wish;
    cr_shape out = {.n_dims = of[1]->n};
    cr_status status = cr_node_value(graph, node, 0, &in, err);
    if (status != CR_OK)
        return status;
    for (int d = 0; d < of[0]->n; d++) {
        const char *at = memchr(of[1]->letters, of[0]->letters[d], (size_t)of[1]->n);
        int *extent = &out.dims[at - of[1]->letters];
        if (*extent && *extent != in->shape.dims[d])
            return cr_fail(err, CR_EINPUT, "a letter of its equation has two extents");
        *extent = in->shape.dims[d];
    }
    return cr_move_make(graph, node, in, &out, NULL, diagonal_source, of, &move, err);
}

static const cr_op diagonal_op = {.type = "diagonal",
                                  .flags = CR_OP_MOVES | CR_OP_ANY_ORDER | CR_OP_LINEAR,
                                  .load = load_diagonal,
                                  .forward = cr_move_forward,
                                  .backward = cr_move_backward};

/* Each letter once, and none of extent 1 that has another elsewhere. */
static cr_status simplify(cr_graph *graph, const cr_node *node, const equation *e, operand *o,
                          cr_error *err)
{
    const operand before = *o, *const of[] = {&before, o};
    o->n = 0;
    for (int d = 0; d < before.n; d++)
        if (!has(o, before.letters[d]))
            o->letters[o->n++] = before.letters[d];
    if (o->n < before.n)
        CR_OR_RETURN(cr_node_insert_wish(graph, &diagonal_op, before.id, of, &o->id, err));
    const operand once = *o;
    const cr_shape shape = graph->values[o->id].shape;
    for (int d = 0; d < once.n; d++)
        if (shape.dims[d] == 1 && e->extent[(int)once.letters[d]] > 1)
            CR_OR_RETURN(reduce(graph, node, o, once.letters[d], err));
    return CR_OK;
}

/* Sums letters that neither the other operand, which may be NULL, nor the output has. */
static cr_status reduce_alone(cr_graph *graph, const cr_node *node, operand *o,
                              const operand *other, const operand *out, cr_error *err)
{
    const operand before = *o;
    for (int d = 0; d < before.n; d++) {
        const char c = before.letters[d];
        if (!has(out, c) && !(other && has(other, c)))
            CR_OR_RETURN(reduce(graph, node, o, c, err));
    }
    return CR_OK;
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

/* x as [batch, rows, sum], y as [batch, sum, columns]; their product has [batch, rows, columns]. */
static cr_status multiply(cr_graph *graph, const cr_node *node, const equation *e, operand *x,
                          operand *y, const operand *out, operand *product, cr_error *err)
{
    operand a = {.n = 0}, b = {.n = 0};
    append(&a, x, y, out, true, true);
    const int n_batch = a.n;
    append(&a, x, y, out, false, true);
    const int n_rows = a.n - n_batch;
    append(&a, x, y, out, true, false);
    const int n_sum = a.n - n_batch - n_rows;
    memcpy(b.letters, a.letters, (size_t)n_batch);
    memcpy(b.letters + n_batch, a.letters + n_batch + n_rows, (size_t)n_sum);
    b.n = n_batch + n_sum;
    append(&b, y, x, out, false, true);
    const int n_columns = b.n - n_batch - n_sum;
    CR_OR_RETURN(transpose(graph, node, x, &a, err));
    CR_OR_RETURN(transpose(graph, node, y, &b, err));
    const int64_t batch = size_of(e, &a, 0, n_batch), rows = size_of(e, &a, n_batch, n_rows);
    const int64_t sum = size_of(e, &a, n_batch + n_rows, n_sum);
    const int64_t columns = size_of(e, &b, n_batch + n_sum, n_columns);
    int ids[2];
    CR_OR_RETURN(
        cr_put_ints(graph, node, "Reshape", x->id, (int64_t[]){batch, rows, sum}, 3, &ids[0], err));
    CR_OR_RETURN(cr_put_ints(graph, node, "Reshape", y->id, (int64_t[]){batch, sum, columns}, 3,
                             &ids[1], err));
    CR_OR_RETURN(cr_put_pair(graph, node, "MatMul", ids[0], ids[1], &product->id, err));
    int64_t shape[CR_MAX_DIMS];
    for (int d = 0; d < n_batch + n_rows; d++)
        product->letters[product->n++] = a.letters[d];
    for (int d = 0; d < n_columns; d++) {
        if (product->n == CR_MAX_DIMS)
            return cr_fail(err, CR_EINPUT, "a product of it has more than %d dimensions",
                           CR_MAX_DIMS);
        product->letters[product->n++] = b.letters[n_batch + n_sum + d];
    }
    for (int d = 0; d < product->n; d++)
        shape[d] = e->extent[(int)product->letters[d]];
    return cr_put_ints(graph, node, "Reshape", product->id, shape, product->n, &product->id, err);
}

/* Puts the product of the first two operands in their place, with the letters that are wanted still. */
static cr_status join_two(cr_graph *graph, const cr_node *node, equation *e, cr_error *err)
{
    operand wanted = {.n = 0}, product = {.n = 0};
    for (int i = 0; i < 2; i++)
        for (int d = 0; d < e->in[i].n; d++) {
            const char c = e->in[i].letters[d];
            const int elsewhere = count_operands(e, c) - has(&e->in[0], c) - has(&e->in[1], c);
            if (!has(&wanted, c) && (has(&e->out, c) || elsewhere > 0)) {
                if (wanted.n == CR_MAX_DIMS)
                    return cr_fail(err, CR_EINPUT, "a product of it has more than %d dimensions",
                                   CR_MAX_DIMS);
                wanted.letters[wanted.n++] = c;
            }
        }
    CR_OR_RETURN(reduce_alone(graph, node, &e->in[0], &e->in[1], &wanted, err));
    CR_OR_RETURN(reduce_alone(graph, node, &e->in[1], &e->in[0], &wanted, err));
    CR_OR_RETURN(multiply(graph, node, e, &e->in[0], &e->in[1], &wanted, &product, err));
    e->n_in--;
    memmove(&e->in[1], &e->in[2], (size_t)(e->n_in - 1) * sizeof *e->in);
    e->in[0] = product;
    return CR_OK;
}

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    equation e = {.n_in = node->n_inputs};
    const char *text;
    const cr_value *value;
    CR_OR_RETURN(cr_attribute_string(graph, node, "equation", "", &text, err));
    for (int i = 0; i < node->n_inputs; i++)
        CR_OR_RETURN(cr_node_value(graph, node, i, &value, err));
    for (int i = 0; i < node->n_inputs; i++)
        e.in[i].id = node->inputs[i];
    if (!read_equation(graph, text, &e) || !find_extents(graph, &e))
        return cr_fail(err, CR_EINPUT, "its equation %.60s does not fit its inputs", text);
    for (int i = 0; i < e.n_in; i++)
        CR_OR_RETURN(simplify(graph, node, &e, &e.in[i], err));
    while (e.n_in > 1)
        CR_OR_RETURN(join_two(graph, node, &e, err));
    CR_OR_RETURN(reduce_alone(graph, node, &e.in[0], NULL, &e.out, err));
    if (e.in[0].n != e.out.n)
        return cr_fail(err, CR_EINPUT, "its equation %.60s does not fit its inputs", text);
    CR_OR_RETURN(transpose(graph, node, &e.in[0], &e.out, err));
    return cr_node_become(graph, node, "Identity", &e.in[0].id, 1, NULL, err);
}

const cr_op cr_op_einsum = {.type = "Einsum",
                            .min_inputs = 1,
                            .max_inputs = MAX_OPERANDS,
                            .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER,
                            .load = load};
