/* ways.h - the ways of convolving (cr_way of kernels.h), each in the file of its name. */
#ifndef CAMRANK_KERNELS_WAYS_H
#define CAMRANK_KERNELS_WAYS_H

#include "camrank/kernels.h"

/* One input and one output channel in each group. */
extern const cr_way cr_way_depthwise;

/* Many small groups, where a group alone would fill no vector. */
extern const cr_way cr_way_grouped;

/* 3x3 with stride 1 by fewer multiplications. */
extern const cr_way cr_way_winograd;

/* Few channels, such as those of an image. */
extern const cr_way cr_way_direct;

/* One pixel and nothing around it. */
extern const cr_way cr_way_pointwise;

/* Any window. */
extern const cr_way cr_way_gather;

#endif
