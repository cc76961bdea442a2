#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC target("avx512f,fma")
#pragma GCC optimize("O3", "fp-contract=fast")
#include <stdint.h>

#define TILE_PANEL cr_panel_avx512
#define TILE_LANES 16
#define TILE_ROWS 14
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#include "tile.h"
#endif
