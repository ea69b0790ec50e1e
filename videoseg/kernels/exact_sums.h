/* Sums that are exact in any order, and loops compiled for wider processors as well. */
#ifndef VIDEOSEG_EXACT_SUMS_H
#define VIDEOSEG_EXACT_SUMS_H

#include "kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* Compiled twice where that works: for processors that take four numbers at once, too. */
#if defined(__GLIBC__) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* Numbers are rounded to parts of 1 before they are summed: such sums are exact in any order. */
static const double GRID = 16777216.0;
static const double WHOLE = 4503599627370496.0; /* from here on numbers are whole */

/* rint, which is a call where the processor need not have it: adding much leaves whole numbers.
 * That of contour.h takes half the time, and is for numbers below 2^51; these may be larger. */
static inline double rounded(double value)
{
    double much = copysign(WHOLE, value), made = (value + much) - much;
    return fabs(value) < WHOLE ? made : value;
}

static inline double on_grid(double value) { return rounded(value * GRID) * (1 / GRID); }

static inline double clipped(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

#endif
