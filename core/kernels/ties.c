/* Where the weights of a filter are rounded up. What a layer reads is mostly positive, as behind a ReLU, and so is its
 * mean: the part of the output's error that is the mean times the sum of the weights' errors is left out where
 * those add up to nothing. Of the roundings that a sum of n makes, about the square root of n are to be changed, and
 * those of weights that lie nearest to a tie are taken. */
#include "camrank/kernels.h"

#include <math.h>
#include <string.h>

#define STEP (CR_TIE_MOST / CR_TIE_STEPS)

/* A weight's bits, and how far they are beyond its tie: it is rounded away from 0 where that is not negative. */
typedef struct placed {
    uint32_t bits;
    int beyond;
    bool plain; /* neither denormal, nor infinite, nor NaN */
} placed;

static placed place(cr_real weight)
{
    const float value = (float)weight;
    placed p;
    memcpy(&p.bits, &value, sizeof p.bits);
    const uint32_t exponent = p.bits & 0x7f800000;
    p.beyond = (int)(p.bits & 0xffff) + (int)(p.bits >> 16 & 1) - 0x8001;
    p.plain = exponent != 0 && exponent != 0x7f800000;
    return p;
}

cr_bfloat16 cr_bfloat16_tied(cr_real weight, int tie)
{
    const placed p = place(weight);
    if (!p.plain)
        return cr_bfloat16_of(weight);
    const bool away = p.beyond + (p.bits >> 31 ? -tie : tie) >= 0;
    return (cr_bfloat16)((p.bits >> 16) + away);
}

void cr_ties_add(cr_ties *ties, cr_real weight)
{
    const placed p = place(weight);
    if (!p.plain)
        return;
    const bool away = p.beyond >= 0, negative = p.bits >> 31;
    const double below = cr_bfloat16_value((cr_bfloat16)(p.bits >> 16));
    const double above = cr_bfloat16_value((cr_bfloat16)((p.bits >> 16) + 1));
    ties->error += (away ? above : below) - (double)(float)weight;
    /* By how much its tie has to move until it is rounded to its other neighbour. */
    const int distance = away ? p.beyond + 1 : -p.beyond;
    const int steps = (distance + STEP - 1) / STEP;
    if (steps <= CR_TIE_STEPS)
        ties->moves[away != negative][steps] += fabs(above - below);
}

int cr_ties_find(const cr_ties *ties)
{
    const bool down = ties->error > 0;
    double error = fabs(ties->error), least = error;
    int best = 0;
    for (int steps = 1; steps <= CR_TIE_STEPS; steps++) {
        error -= ties->moves[down][steps];
        if (fabs(error) < least) {
            least = fabs(error);
            best = steps;
        }
    }
    return (down ? -best : best) * STEP;
}
