#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC target("avx2,fma")
#pragma GCC optimize("O3", "fp-contract=fast")
#include <stdint.h>

#define TILE_PANEL cr_panel_avx2
#define TILE_LANES 8
#define TILE_ROWS 6
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6)
#include "tile.h"
#endif
