/* For CPUs with AVX2 and FMA; registers of 32 bytes. */
#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC target("avx2,fma")
#pragma GCC optimize("O3", "fp-contract=fast", "no-trapping-math", "no-thread-jumps")
#define ISA_LANES 8
#define ISA_ROWS 6
#define ISA_EACH_ROW(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define ISA_PIXELS 7
#define ISA_VECTORS 1
#include "depthwise_loops.h"
#include "grouped_loops.h"
#include "panel_loops.h"
#include "softmax_loops.h"
#include "unary_loops.h"
#include "winograd_loops.h"

const cr_isa_loops cr_loops_avx2 = {panel,           depthwise_row, grouped_row, winograd_points,
                                    winograd_pixels, unary_values,  softmax_rows};
#endif
