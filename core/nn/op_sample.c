/* GridSample of maps, and AffineGrid, which makes grids of matrices: a product with the places of an image. */
#include "compose.h"

static cr_status read_mode(cr_graph *graph, const cr_node *node, cr_sample *p, cr_error *err)
{
    static const struct {
        const char *name;
        cr_sample_mode mode;
    } modes[] = {{"nearest", CR_SAMPLE_NEAREST},
                 {"linear", CR_SAMPLE_LINEAR},
                 {"bilinear", CR_SAMPLE_LINEAR},
                 {"cubic", CR_SAMPLE_CUBIC},
                 {"bicubic", CR_SAMPLE_CUBIC}};
    static const char *const borders[] = {"zeros", "border", "reflection"};
    const char *mode, *border;
    int64_t corners;
    bool is_mode = false, is_border = false;
    CR_OR_RETURN(cr_attribute_string(graph, node, "mode", "linear", &mode, err));
    CR_OR_RETURN(cr_attribute_string(graph, node, "padding_mode", "zeros", &border, err));
    CR_OR_RETURN(cr_attribute_int(node, "align_corners", 0, &corners, err));
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, mode) == 0) {
            p->mode = modes[i].mode;
            is_mode = true;
        }
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++)
        if (strcmp(borders[i], border) == 0) {
            p->border = (cr_sample_border)i;
            is_border = true;
        }
    if (!is_mode || !is_border)
        return cr_fail(err, CR_EINPUT, "mode %.40s with padding_mode %.40s is not supported", mode,
                       border);
    p->corners = corners != 0;
    return CR_OK;
}

static cr_status load_sample(cr_graph *graph, cr_node *node, cr_error *err)
{
    static const int plain[] = {0, 1, 2, 3};
    const cr_shape *in, *grid;
    cr_sample *p;
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 4, &in, err));
    CR_OR_RETURN(cr_node_usual(graph, node, 0, err));
    CR_OR_RETURN(cr_node_activation(graph, node, 1, 4, &grid, err));
    CR_OR_RETURN(cr_node_arrange(graph, node, 1, plain, err));
    in = &graph->values[node->inputs[0]].shape;
    grid = &graph->values[node->inputs[1]].shape;
    if (grid->dims[3] != 2)
        return cr_fail(err, CR_EINPUT, "its grid has %d coordinates, not 2", grid->dims[3]);
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    *p = (cr_sample){.h = in->dims[2],
                     .w = in->dims[3],
                     .c = in->dims[1],
                     .samples = (int)(cr_shape_size(grid) / 2)};
    CR_OR_RETURN(read_mode(graph, node, p, err));
    node->flops = 8.0 * (double)p->samples * p->c;
    return cr_node_set_shape(graph, node, &(cr_shape){4, {1, p->c, grid->dims[1], grid->dims[2]}},
                             err);
}

static void forward(const cr_run *run)
{
    cr_sample_forward(run->node->params, run->n, run->x[0], run->x[1], run->y);
}

static void backward(const cr_run *run)
{
    cr_sample_backward(run->node->params, run->n, run->m, run->x[0], run->x[1], run->dy, run->dx[0],
                       run->dx[1]);
}

static void tangent(const cr_run *run)
{
    cr_sample_tangent(run->node->params, run->n, run->x[0], run->x[1], run->tx[0], run->tx[1],
                      run->ty);
}

static void curve(const cr_run *run)
{
    cr_sample_curve(run->node->params, run->m, run->x[0], run->x[1], run->tx[0], run->tx[1],
                    run->dy, run->dx[0], run->dx[1]);
}

const cr_op cr_op_grid_sample = {.type = "GridSample",
                                 .min_inputs = 2,
                                 .max_inputs = 2,
                                 .flags = CR_OP_OWN_ORDER | CR_OP_NEEDS_X,
                                 .load = load_sample,
                                 .forward = forward,
                                 .backward = backward,
                                 .tangent = tangent,
                                 .curve = curve};

/* Of `size` pixels, in [-1, 1]. */
static float coordinate(int64_t i, int64_t size, bool corners)
{
    return corners ? (size > 1 ? (float)(2.0 * (double)i / (double)(size - 1) - 1) : -1)
                   : (float)((2.0 * (double)i + 1) / (double)size - 1);
}

/* The rows x, y and 1 of all h w pixels. */
static cr_status put_places(cr_graph *graph, int64_t h, int64_t w, bool corners, int *id,
                            cr_error *err)
{
    float *places;
    cr_status status = cr_put_reals(graph, 2, (int64_t[]){3, h * w}, &places, id, err);
    for (int64_t i = 0; status == CR_OK && i < h * w; i++) {
        places[i] = coordinate(i % w, w, corners);
        places[h * w + i] = coordinate(i / w, h, corners);
        places[2 * h * w + i] = 1;
    }
    return status;
}

static cr_status load_grid(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *theta;
    const cr_tensor *size;
    int64_t corners;
    int ids[2];
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 3, &theta, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 1, &size, err));
    CR_OR_RETURN(cr_attribute_int(node, "align_corners", 0, &corners, err));
    if (theta->dims[1] != 2 || theta->dims[2] != 3 || !size || size->n != 4)
        return cr_fail(err, CR_EINPUT, "only matrices of 2 x 3 for images are supported");
    const int64_t h = size->ints[2], w = size->ints[3];
    if (h < 1 || w < 1 || h > 65536 || w > 65536)
        return cr_fail(err, CR_EINPUT, "its size is out of range");
    ids[0] = node->inputs[0];
    CR_OR_RETURN(put_places(graph, h, w, corners != 0, &ids[1], err));
    CR_OR_RETURN(cr_node_insert(graph, node, "MatMul", ids, 2, NULL, &ids[0], err));
    CR_OR_RETURN(cr_put_transpose(graph, node, ids[0], (int64_t[]){0, 2, 1}, 3, &ids[0], err));
    CR_OR_RETURN(cr_graph_add_ints(graph, (int64_t[]){0, h, w, 2}, 4, &ids[1], err));
    return cr_node_become(graph, node, "Reshape", ids, 2, NULL, err);
}

const cr_op cr_op_affine_grid = {.type = "AffineGrid",
                                 .min_inputs = 2,
                                 .max_inputs = 2,
                                 .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER,
                                 .load = load_grid};
