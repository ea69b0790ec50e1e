/* What videoseg/outlines/splines.py fits to runs of points, without the interpreter.
 *
 * As in smoothing.c, the Python code is the reference, and the bytes are the same.
 */
#include "kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static const double GRID = 16777216.0;

static inline double on_grid(double value) { return rint(value * GRID) * (1 / GRID); }

static inline double clipped(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

typedef struct {
    const double *points;  /* Q x 2 */
    const double *weights; /* Q */
    const double *along;   /* Q */
    double shortest, longest, squared_weight, unseen;
    int64_t rounds;
} Fitting;

typedef struct {
    const int64_t *first, *last; /* S: the points of each run */
    const double *starts, *extent;
    const double *begin, *end, *leaves, *arrives; /* S x 2 */
} Runs;

/* splines._handles of one run: its control points x and y. */
static void handles_of(const Fitting *fitting, const Runs *runs, int64_t run, const double *t,
                       double control[4][2])
{
    const double *begin = runs->begin + 2 * run, *end = runs->end + 2 * run;
    const double *leaves = runs->leaves + 2 * run, *arrives = runs->arrives + 2 * run;
    double a = 0, b = 0, d = 0, p = 0, q = 0;
    for (int64_t n = runs->first[run]; n < runs->last[run]; n++, t++) {
        double u = 1 - *t, weight = fitting->weights[n];
        double b0 = u * u * u, b1 = 3 * u * u * *t, b2 = 3 * u * *t * *t, b3 = *t * *t * *t;
        double own = b0 + b1, far_ = b2 + b3;
        double both = 0, toward_one = 0, toward_two = 0;
        for (int axis = 0; axis < 2; axis++) {
            double rest = fitting->points[2 * n + axis] - own * begin[axis] - far_ * end[axis];
            double one = b1 * leaves[axis], two = -b2 * arrives[axis];
            both = both + one * two;
            toward_one = toward_one + one * rest;
            toward_two = toward_two + two * rest;
        }
        a += on_grid(weight * (b1 * b1));
        b += on_grid(weight * both);
        d += on_grid(weight * (b2 * b2));
        p += on_grid(weight * toward_one);
        q += on_grid(weight * toward_two);
    }
    double ridge = 0.001 * (a + d) + 0.02;
    double x = end[0] - begin[0], y = end[1] - begin[1];
    double third = sqrt(x * x + y * y) / 3;
    a = a + ridge, d = d + ridge, p = p + ridge * third, q = q + ridge * third;
    double determinant = a * d - b * b;
    double low = fitting->shortest * runs->extent[run], high = fitting->longest * runs->extent[run];
    double before = clipped((d * p - b * q) / determinant, low, high);
    double behind = clipped((a * q - b * p) / determinant, low, high);
    for (int axis = 0; axis < 2; axis++) {
        control[0][axis] = begin[axis];
        control[1][axis] = begin[axis] + before * leaves[axis];
        control[2][axis] = end[axis] - behind * arrives[axis];
        control[3][axis] = end[axis];
    }
}

static inline double on_curve(double t, double control[4][2], int axis)
{
    double u = 1 - t;
    double b0 = u * u * u, b1 = 3 * u * u * t, b2 = 3 * u * t * t, b3 = t * t * t;
    return b0 * control[0][axis] + b1 * control[1][axis] + b2 * control[2][axis] +
           b3 * control[3][axis];
}

/* splines._nearer of one point. */
static double nearer(double t, double control[4][2], const double *point)
{
    double u = 1 - t, squared = 0, turned = 0, up = 0;
    for (int axis = 0; axis < 2; axis++) {
        double first = control[1][axis] - control[0][axis];
        double second = control[2][axis] - control[1][axis];
        double third = control[3][axis] - control[2][axis];
        double offset = on_curve(t, control, axis) - point[axis];
        double slope = 3 * (u * u * first + 2 * u * t * second + t * t * third);
        double bend = 6 * (u * (second - first) + t * (third - second));
        squared = squared + slope * slope;
        turned = turned + offset * bend;
        up = up + offset * slope;
    }
    double down = squared + turned;
    if (down < 0.3 * squared)
        down = squared;
    return clipped(t - up / (down > 1e-9 ? down : 1e-9), 0, 1);
}

/* splines._fitted: fills furthest and area, S each, and handles, S x 2 x 2. 0: no memory. */
EXPORTED int videoseg_splines(const Fitting *fitting, const Runs *runs, int64_t count,
                              double *furthest, double *areas, double *handles)
{
    int64_t most = 1;
    for (int64_t run = 0; run < count; run++)
        if (runs->last[run] - runs->first[run] > most)
            most = runs->last[run] - runs->first[run];
    double *t = malloc(sizeof(double) * (size_t)most);
    if (t == NULL)
        return 0;
    for (int64_t run = 0; run < count; run++) {
        const int64_t first = runs->first[run], points = runs->last[run] - first;
        double control[4][2], worst = 0, area = 0;
        for (int64_t n = 0; n < points; n++)
            t[n] = (fitting->along[first + n] - runs->starts[run]) / runs->extent[run];
        for (int64_t round = 0; round < fitting->rounds; round++) {
            handles_of(fitting, runs, run, t, control);
            for (int64_t n = 0; n < points; n++)
                t[n] = nearer(t[n], control, fitting->points + 2 * (first + n));
        }
        for (int64_t n = 0; n < points; n++) {
            double x = on_curve(t[n], control, 0) - fitting->points[2 * (first + n)];
            double y = on_curve(t[n], control, 1) - fitting->points[2 * (first + n) + 1];
            double distance = sqrt(x * x + y * y), beyond = distance - fitting->unseen;
            beyond = beyond > 0 ? beyond : 0;
            worst = distance > worst ? distance : worst;
            area += on_grid((beyond + fitting->squared_weight * distance * distance) *
                            fitting->weights[first + n]);
        }
        furthest[run] = worst;
        areas[run] = area;
        for (int n = 0; n < 4; n++)
            handles[4 * run + n] = control[1 + n / 2][n % 2];
    }
    free(t);
    return 1;
}
