/* The precision of a graph's nets. */
#include "graph.h"

cr_status cr_graph_use_precision(cr_graph *graph, cr_precision precision, cr_error *err)
{
    if (precision == CR_BFLOAT16)
        return cr_fail(err, CR_EINPUT,
                       "%s: no kernel multiplies bfloat16: the precision is float32", graph->name);
    graph->precision = precision;
    return CR_OK;
}

cr_precision cr_graph_get_precision(const cr_graph *graph)
{
    return graph->precision;
}
