/* An outline of another frame, held against the present one, and the grid on which sums are exact. */
#ifndef VIDEOSEG_CONTOUR_H
#define VIDEOSEG_CONTOUR_H

/* A warped contour: one number a cell of the band. */
typedef struct {
    const float *off, *near_, *trust;
} Contour;

static const double GRID = 4096.0;

/* Adding this to a number of less than 2^51, and taking it away, rounds to whole ones, half to even:
 * as rint does, which is a call where there is no instruction for it. */
static const double WHOLE = 6755399441055744.0;

static inline double rounded(double value) { return value + WHOLE - WHOLE; }

static inline double on_grid(double value) { return rounded(value * GRID) * (1 / GRID); }

#endif
