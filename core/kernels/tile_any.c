/* For every CPU; registers of 16 bytes are what SSE2 and NEON have. */
#pragma GCC optimize("O3")
#include <stdint.h>

#define TILE_PANEL cr_panel_any
#define TILE_LANES 4
#define TILE_ROWS 6
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6)
#include "tile.h"
