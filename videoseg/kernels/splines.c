/* What videoseg/outlines/splines.py fits to runs of points, without the interpreter.
 *
 * As in smoothing.c, the Python code is the reference, and the bytes are the same.
 */
#include "exact_sums.h"

enum { LANES = 4 };

typedef struct {
    const double *x, *y, *weights, *along; /* Q */
    const int64_t *firsts;                 /* 2 K + 1: the first point of each stretch */
    const int64_t *starts;                 /* R + 1: candidates of each ring */
    int64_t rings;
    const double *knots, *out, *into; /* 2 K x 2 */
    const uint8_t *corner;            /* 2 K */
    const int64_t *longest;           /* 2 K */
} Candidates;

typedef struct {
    double tolerance, shortest, longest, squared_weight, unseen, straight;
    int64_t rounds;
} Limits;

/* A stretch or more of a ring. */
typedef struct {
    int64_t first, count;                        /* its points */
    double begun, extent;                        /* along the ring */
    const double *begin, *end, *leaves, *arrives; /* x and y */
} Run;

static Run run_of(const Candidates *of, int64_t begin, int64_t end)
{
    Run run = {of->firsts[begin], of->firsts[end] - of->firsts[begin], 0, 0,
               of->knots + 2 * begin, of->knots + 2 * end, of->out + 2 * begin, of->into + 2 * end};
    int64_t last = run.first + run.count - 1;
    run.begun = of->along[run.first] - of->weights[run.first] / 2;
    run.extent = of->along[last] + of->weights[last] / 2 - run.begun;
    return run;
}

/* Sums over points, which are exact in any order. */
typedef struct {
    double a[LANES], b[LANES], d[LANES], p[LANES], q[LANES];
} Sums;

static inline void add_point(Sums *sums, int lane, const Run *run, double t, double x, double y,
                             double weight)
{
    const double *begin = run->begin, *end = run->end;
    const double *leaves = run->leaves, *arrives = run->arrives;
    double u = 1 - t, b0 = u * u * u, b1 = 3 * u * u * t, b2 = 3 * u * t * t, b3 = t * t * t;
    double own = b0 + b1, far_ = b2 + b3;
    double rest_x = x - own * begin[0] - far_ * end[0], rest_y = y - own * begin[1] - far_ * end[1];
    double one_x = b1 * leaves[0], one_y = b1 * leaves[1];
    double two_x = -b2 * arrives[0], two_y = -b2 * arrives[1];
    sums->a[lane] += on_grid(weight * (b1 * b1));
    sums->b[lane] += on_grid(weight * (one_x * two_x + one_y * two_y));
    sums->d[lane] += on_grid(weight * (b2 * b2));
    sums->p[lane] += on_grid(weight * (one_x * rest_x + one_y * rest_y));
    sums->q[lane] += on_grid(weight * (two_x * rest_x + two_y * rest_y));
}

static inline double sum(const double lanes[LANES])
{
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

/* splines._handles of one run: its control points x and y. */
WIDE static void handles_of(const Candidates *of, const Limits *limits, const Run *given,
                            const double *t, double control[4][2])
{
    const Run held = *given, *run = &held;
    const double *x_of = of->x + run->first, *y_of = of->y + run->first;
    const double *weights = of->weights + run->first;
    Sums sums = {{0}, {0}, {0}, {0}, {0}};
    int64_t n = 0;
    for (; n + LANES <= run->count; n += LANES)
        for (int lane = 0; lane < LANES; lane++)
            add_point(&sums, lane, run, t[n + lane], x_of[n + lane], y_of[n + lane],
                      weights[n + lane]);
    for (; n < run->count; n++)
        add_point(&sums, 0, run, t[n], x_of[n], y_of[n], weights[n]);
    double a = sum(sums.a), b = sum(sums.b), d = sum(sums.d), p = sum(sums.p), q = sum(sums.q);
    double ridge = 0.001 * (a + d) + 0.02;
    double x = run->end[0] - run->begin[0], y = run->end[1] - run->begin[1];
    double third = sqrt(x * x + y * y) / 3;
    a = a + ridge, d = d + ridge, p = p + ridge * third, q = q + ridge * third;
    double determinant = a * d - b * b;
    double low = limits->shortest * run->extent, high = limits->longest * run->extent;
    double before = clipped((d * p - b * q) / determinant, low, high);
    double behind = clipped((a * q - b * p) / determinant, low, high);
    for (int axis = 0; axis < 2; axis++) {
        control[0][axis] = run->begin[axis];
        control[1][axis] = run->begin[axis] + before * run->leaves[axis];
        control[2][axis] = run->end[axis] - behind * run->arrives[axis];
        control[3][axis] = run->end[axis];
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
static inline double nearer(double t, double control[4][2], double x, double y)
{
    double u = 1 - t, squared = 0, turned = 0, up = 0;
    for (int axis = 0; axis < 2; axis++) {
        double first = control[1][axis] - control[0][axis];
        double second = control[2][axis] - control[1][axis];
        double third = control[3][axis] - control[2][axis];
        double offset = on_curve(t, control, axis) - (axis ? y : x);
        double slope = 3 * (u * u * first + 2 * u * t * second + t * t * third);
        double bend = 6 * (u * (second - first) + t * (third - second));
        squared = squared + slope * slope;
        turned = turned + offset * bend;
        up = up + offset * slope;
    }
    double down = squared + turned;
    down = down < 0.3 * squared ? squared : down;
    return clipped(t - up / (down > 1e-9 ? down : 1e-9), 0, 1);
}

WIDE static void bring_nearer(double *t, double given[4][2], const double *x, const double *y,
                              int64_t count)
{
    double control[4][2];
    for (int n = 0; n < 8; n++)
        control[n / 2][n % 2] = given[n / 2][n % 2];
    for (int64_t n = 0; n < count; n++)
        t[n] = nearer(t[n], control, x[n], y[n]);
}

/* What a run is off at most, and the area that this makes. */
typedef struct {
    double furthest, area;
} Error;

/* splines._errors of distances. */
WIDE static Error errors_of(const double *distances, const double *weights, int64_t count,
                            double unseen, double squared_weight)
{
    double worst[LANES] = {0}, area[LANES] = {0};
    int64_t n = 0;
    for (; n + LANES <= count; n += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            double distance = distances[n + lane], beyond = distance - unseen;
            beyond = beyond > 0 ? beyond : 0;
            worst[lane] = distance > worst[lane] ? distance : worst[lane];
            area[lane] += on_grid((beyond + squared_weight * distance * distance) *
                                  weights[n + lane]);
        }
    for (; n < count; n++) {
        double distance = distances[n], beyond = distance - unseen;
        beyond = beyond > 0 ? beyond : 0;
        worst[0] = distance > worst[0] ? distance : worst[0];
        area[0] += on_grid((beyond + squared_weight * distance * distance) * weights[n]);
    }
    Error error = {worst[0], sum(area)};
    for (int lane = 1; lane < LANES; lane++)
        error.furthest = worst[lane] > error.furthest ? worst[lane] : error.furthest;
    return error;
}

/* How far points are from where they are on a curve, in place of their parameters. */
WIDE static void put_distances(double *t, double given[4][2], const double *x, const double *y,
                               int64_t count)
{
    double control[4][2];
    for (int n = 0; n < 8; n++)
        control[n / 2][n % 2] = given[n / 2][n % 2];
    for (int64_t n = 0; n < count; n++) {
        double off_x = on_curve(t[n], control, 0) - x[n], off_y = on_curve(t[n], control, 1) - y[n];
        t[n] = sqrt(off_x * off_x + off_y * off_y);
    }
}

/* How far points are from a line from one place as far as another, in a direction. */
WIDE static void put_line_distances(double *made, const double *begin, double length, double way_x,
                                    double way_y, const double *x, const double *y, int64_t count)
{
    const double begin_x = begin[0], begin_y = begin[1];
    for (int64_t n = 0; n < count; n++) {
        double off_x = x[n] - begin_x, off_y = y[n] - begin_y;
        double along = off_x * way_x + off_y * way_y, across = off_y * way_x - off_x * way_y;
        double beyond = along - length > -along ? along - length : -along;
        beyond = beyond > 0 ? beyond : 0;
        made[n] = sqrt(across * across + beyond * beyond);
    }
}

/* splines._fitted of one run; `t` has room for its points. */
static Error curve_of(const Candidates *of, const Limits *limits, const Run *run, double *t,
                      double *handles)
{
    double control[4][2];
    const double *x = of->x + run->first, *y = of->y + run->first;
    for (int64_t n = 0; n < run->count; n++)
        t[n] = (of->along[run->first + n] - run->begun) / run->extent;
    for (int64_t round = 0; round < limits->rounds; round++) {
        handles_of(of, limits, run, t, control);
        bring_nearer(t, control, x, y, run->count);
    }
    for (int n = 0; n < 4; n++)
        handles[n] = control[1 + n / 2][n % 2];
    put_distances(t, control, x, y, run->count);
    return errors_of(t, of->weights + run->first, run->count, limits->unseen,
                     limits->squared_weight);
}

/* splines._Ends.line of one run; `room` has that for its points. */
static Error line_of(const Candidates *of, const Limits *limits, const Run *run, int64_t begin,
                     int64_t end, double *room, double *handles)
{
    double across[2] = {run->end[0] - run->begin[0], run->end[1] - run->begin[1]};
    double length = sqrt(across[0] * across[0] + across[1] * across[1]);
    length = length > 1e-9 ? length : 1e-9;
    double x = across[0] / length, y = across[1] / length;
    put_line_distances(room, run->begin, length, x, y, of->x + run->first, of->y + run->first,
                       run->count);
    Error error = errors_of(room, of->weights + run->first, run->count, limits->unseen,
                            limits->squared_weight);
    int smooth = of->corner[begin] ||
                 x * run->leaves[0] + y * run->leaves[1] >= limits->straight;
    smooth = smooth && (of->corner[end] ||
                        x * run->arrives[0] + y * run->arrives[1] >= limits->straight);
    if (!smooth)
        error.furthest = INFINITY;
    for (int axis = 0; axis < 2; axis++)
        handles[axis] = run->begin[axis], handles[2 + axis] = run->end[axis];
    return error;
}

/* The most points that a run of a ring can have. */
static int64_t most_points(const Candidates *of)
{
    int64_t most = 1;
    for (int64_t ring = 0; ring < of->rings; ring++) {
        int64_t base = 2 * of->starts[ring], size = of->starts[ring + 1] - of->starts[ring];
        int64_t points = of->firsts[base + size] - of->firsts[base];
        most = points > most ? points : most;
    }
    return most;
}

/* segments.runs of curves or of lines, from each candidate: how many there are; fills the stretch
 * that each begins with, how many it covers, how far it is off, its area and handles (x 2 x 2).
 * -1: no memory. */
EXPORTED int64_t videoseg_spline_runs(const Candidates *of, const Limits *limits, int curved,
                                      const int64_t *lengths, int64_t length_count,
                                      int64_t patience, int64_t *begins, int64_t *reaches,
                                      double *furthest, double *areas, double *handles)
{
    int64_t made = 0, total = of->starts[of->rings];
    double *t = malloc(sizeof(double) * (size_t)most_points(of));
    int64_t *tries = malloc(sizeof(int64_t) * (size_t)(total + 1));
    if (t == NULL || tries == NULL)
        made = -1;
    for (int64_t n = 0; made == 0 && n < total; n++)
        tries[n] = patience;
    for (int64_t turn = 0; made >= 0 && turn < length_count; turn++)
        for (int64_t ring = 0; ring < of->rings; ring++) {
            int64_t size = of->starts[ring + 1] - of->starts[ring], reach = lengths[turn];
            for (int64_t n = 0; n < size && reach < size; n++) {
                int64_t *left = tries + of->starts[ring] + n, begin = 2 * of->starts[ring] + n;
                if (*left <= 0)
                    continue;
                Run run = run_of(of, begin, begin + reach);
                Error error = curved ? curve_of(of, limits, &run, t, handles + 4 * made)
                                     : line_of(of, limits, &run, begin, begin + reach, t,
                                               handles + 4 * made);
                if (reach > of->longest[begin])
                    error.furthest = INFINITY;
                *left = error.furthest <= limits->tolerance ? patience : *left - 1;
                begins[made] = begin, reaches[made] = reach;
                furthest[made] = error.furthest, areas[made] = error.area;
                made++;
            }
        }
    free(t);
    free(tries);
    return made;
}
