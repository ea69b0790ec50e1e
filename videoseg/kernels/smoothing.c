/* What videoseg/tracking/smoothing computes for each object, without the interpreter.
 *
 * The Python code there is the reference: every function here gives the same bytes as the one of
 * its name there. So each operation is done in the same order and in the same type, the compiler
 * may fuse none (-ffp-contract=off), and what is summed is on a grid on which sums are exact.
 */
#include "contour.h"
#include "kernels.h"
#include "sampling.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const float BAND = 16.0f;
static inline double clipped(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* contours.Warp ---------------------------------------------------------------------------------*/

typedef struct {
    const float *other; /* rows x columns, the other field */
    int64_t rows, columns;
    const float *evidence; /* height x width x 3 */
    int64_t height, width;
    double to_flow[4];
    double to_cells[4];
} Warp;

/* As `Warp`, with an affine motion before it: the numbers that each place is reckoned with. */
typedef struct {
    const Warp *warp;
    float a, b, c, d, e, f;
    float scale_x, shift_x, scale_y, shift_y;
} Way;

typedef struct {
    float column, row, trust;
} Place;

static Way way_of(const Warp *warp, const double *to)
{
    const double *flow = warp->to_flow;
    Way way = {warp,
               (float)(to[0] * flow[0]),
               (float)(to[1] * flow[0]),
               (float)(to[2] * flow[0] + flow[1]),
               (float)(to[3] * flow[2]),
               (float)(to[4] * flow[2]),
               (float)(to[5] * flow[2] + flow[3]),
               (float)warp->to_cells[0],
               (float)warp->to_cells[1],
               (float)warp->to_cells[2],
               (float)warp->to_cells[3]};
    return way;
}

/* Where a place, in cells, lies in the other field, in its cells; and the trust there. */
static inline Place place_of(const Way *way, float x, float y)
{
    const Warp *warp = way->warp;
    Bilinear at = bilinear_at(way->a * x + way->b * y + way->c, way->d * x + way->e * y + way->f,
                              warp->width, warp->height);
    float found[3];
    for (int n = 0; n < 3; n++)
        found[n] = sampled(&at, warp->evidence + n, 3);
    Place place = {found[0] * way->scale_x + way->shift_x, found[1] * way->scale_y + way->shift_y,
                   found[2]};
    return place;
}

static inline float other_at(const Warp *warp, int64_t row, int64_t column)
{
    if (row < 0 || column < 0 || row >= warp->rows || column >= warp->columns)
        return -BAND;
    return warp->other[row * warp->columns + column];
}

/* The other field's distance at a place of its own. */
static inline float distance_at(const Warp *warp, float column, float row)
{
    /* Counted from one cell before the field. */
    column = clippedf(column, -1, (float)warp->columns) + 1;
    row = clippedf(row, -1, (float)warp->rows) + 1;
    int64_t left = (int64_t)column, top = (int64_t)row;
    float across = column - (float)left, down = row - (float)top;
    float corners[4];
    if (left > 0 && top > 0 && left < warp->columns && top < warp->rows) {
        const float *one = warp->other + (top - 1) * warp->columns + left - 1;
        corners[0] = one[0], corners[1] = one[1];
        corners[2] = one[warp->columns], corners[3] = one[warp->columns + 1];
    } else {
        corners[0] = other_at(warp, top - 1, left - 1), corners[1] = other_at(warp, top - 1, left);
        corners[2] = other_at(warp, top, left - 1), corners[3] = other_at(warp, top, left);
    }
    return mixed(across, down, corners);
}

/* affine_fit ------------------------------------------------------------------------------------*/

typedef struct {
    const float *values, *x, *y;
    int64_t count;
    double unit, middle_x, middle_y, prior;
} Edge;

enum { LEAST = 6, ROUNDS = 3 };
static const double ENOUGH = 2.0, SCALE = 4.0, STEEPEST = 4.0;
static const double STILL[6] = {1, 0, 0, 0, 1, 0};

static void solved(double rows[6][7], double *found)
{
    for (int k = 0; k < 6; k++)
        for (int i = k + 1; i < 6; i++) {
            double share = rows[i][k] / rows[k][k];
            for (int j = k + 1; j < 7; j++)
                rows[i][j] -= share * rows[k][j];
        }
    for (int k = 5; k >= 0; k--) {
        double rest = rows[k][6];
        for (int j = k + 1; j < 6; j++)
            rest -= rows[k][j] * found[j];
        found[k] = rest / rows[k][k];
    }
}

/* One round of fitting; `terms` has room for 6 numbers a point. */
static double fit_step(const Warp *warp, const Edge *edge, const double *to, double *terms,
                       double *step)
{
    double rows[6][7] = {{0}}, found[6];
    int64_t used = 0;
    memcpy(step, STILL, sizeof STILL);
    if (edge->count < LEAST)
        return 0;
    Way way = way_of(warp, to);
    /* A present cell in the other field's cells: what moves them is alike within it. */
    float right = (float)(warp->to_flow[0] * warp->to_cells[0]);
    float below = (float)(warp->to_flow[2] * warp->to_cells[2]);
    for (int64_t n = 0; n < edge->count; n++) {
        double x = edge->x[n], y = edge->y[n], *term = terms + 6 * n;
        Place at = place_of(&way, edge->x[n], edge->y[n]);
        double here = distance_at(warp, at.column, at.row);
        double slope_x = (double)distance_at(warp, at.column + right, at.row) -
                         (double)distance_at(warp, at.column - right, at.row);
        double slope_y = (double)distance_at(warp, at.column, at.row + below) -
                         (double)distance_at(warp, at.column, at.row - below);
        double apart = on_grid(here - edge->values[n]);
        slope_x = clipped(slope_x / 2, -STEEPEST, STEEPEST);
        slope_y = clipped(slope_y / 2, -STEEPEST, STEEPEST);
        double across = (x - edge->middle_x) / edge->unit;
        double down = (y - edge->middle_y) / edge->unit;
        term[0] = on_grid(across * slope_x);
        term[1] = on_grid(down * slope_x);
        term[2] = on_grid(slope_x);
        term[3] = on_grid(across * slope_y);
        term[4] = on_grid(down * slope_y);
        term[5] = on_grid(slope_y);
        double squared = (apart / SCALE) * (apart / SCALE);
        double weight = on_grid(1 / (1 + squared * (1 + squared * (0.5 + squared / 6))));
        if (fabs(here) >= BAND - 1 || weight == 0)
            continue;
        used++;
        for (int i = 0; i < 6; i++) {
            double weighted = term[i] * weight;
            for (int j = i; j < 6; j++)
                rows[i][j] += weighted * term[j];
            rows[i][6] += weighted * -apart;
        }
    }
    if (used < LEAST)
        return 0;
    for (int i = 0; i < 6; i++) {
        rows[i][i] += edge->prior * (double)used;
        for (int j = 0; j < i; j++)
            rows[i][j] = rows[j][i];
    }
    solved(rows, found);
    double a = found[0], b = found[1], c = found[2], d = found[3], e = found[4], f = found[5];
    double squares = 0;
    for (int64_t n = 0; n < edge->count; n++) {
        const double *term = terms + 6 * n;
        double moved = on_grid(a * term[0] + b * term[1] + c * term[2] + d * term[3] +
                               e * term[4] + f * term[5]);
        squares += moved * moved;
    }
    double unit = edge->unit, middle_x = edge->middle_x, middle_y = edge->middle_y;
    step[0] = 1 + a / unit;
    step[1] = b / unit;
    step[2] = c - (a * middle_x + b * middle_y) / unit;
    step[3] = d / unit;
    step[4] = 1 + e / unit;
    step[5] = f - (d * middle_x + e * middle_y) / unit;
    return sqrt(squares / (double)edge->count);
}

static int fit(const Warp *warp, const Edge *edge, double *to)
{
    double *terms = malloc(sizeof(double) * 6 * (size_t)(edge->count + 1));
    if (terms == NULL)
        return 0;
    memcpy(to, STILL, sizeof STILL);
    for (int round = 0; round < ROUNDS; round++) {
        double step[6], then[6];
        double moves = fit_step(warp, edge, to, terms, step);
        memcpy(then, to, sizeof then);
        to[0] = then[0] * step[0] + then[1] * step[3];
        to[1] = then[0] * step[1] + then[1] * step[4];
        to[2] = then[0] * step[2] + then[1] * step[5] + then[2];
        to[3] = then[3] * step[0] + then[4] * step[3];
        to[4] = then[3] * step[1] + then[4] * step[4];
        to[5] = then[3] * step[2] + then[4] * step[5] + then[5];
        if (moves < ENOUGH)
            break;
    }
    free(terms);
    return 1;
}

/* contours.compared: fills `off`, `near` and `trust`, one number a cell of the band. 0: no memory. */
EXPORTED int videoseg_compared(const Warp *warp, const Edge *edge, const int32_t *at, int64_t count,
                               int64_t columns, const float *room, const float *blurred, float *off,
                               float *near_, float *trust)
{
    double to[6];
    if (!fit(warp, edge, to))
        return 0;
    const float over_band = 1 / BAND;
    Way way = way_of(warp, to);
    int64_t row = 0, first = 0;
    for (int64_t n = 0; n < count; n++) {
        while (at[n] - first >= columns)
            row++, first += columns;
        Place place = place_of(&way, (float)(at[n] - first), (float)row);
        float apart = distance_at(warp, place.column, place.row) - blurred[n];
        float share = apart * over_band;
        float left = 1.0f - share * share;
        left = left > 0 ? left : 0;
        off[n] = apart;
        near_[n] = left * left * room[n];
        trust[n] = place.trust;
    }
    return 1;
}

/* blend._updated, in a copy of the values of the present field. */
EXPORTED void videoseg_updated(const int32_t *at, int64_t count, const Contour *before, float memory,
                               float *values)
{
    for (int64_t n = 0; n < count; n++) {
        float worth = before->near_[n] * before->trust[n] * memory;
        values[at[n]] += before->off[n] * (worth / (1 + worth));
    }
}

/* What jitter.Jitter.shift goes by. Without local errors `most` is the share of the way for every
 * place, else what there is at most. */
typedef struct {
    const double *local_error, *local_weight;
    double rest, error, wanted, most;
    float certain;
} Pull;

/* jitter.Jitter.shift of one contour or, where `other` is not NULL, of two. */
EXPORTED void videoseg_shift(const Contour *one, const Contour *other, int64_t count, const Pull *pull,
                             float *shift)
{
    const Contour *contours[2] = {one, other};
    for (int64_t n = 0; n < count; n++) {
        float way = 0, weights = pull->certain;
        for (int both = 0; both < (other == NULL ? 1 : 2); both++) {
            const Contour *contour = contours[both];
            float weight = contour->near_[n] * sqrtf(contour->trust[n]);
            way += contour->off[n] * weight;
            weights += weight;
        }
        way /= weights;
        if (pull->local_error == NULL) {
            shift[n] = way * (float)pull->most;
            continue;
        }
        double error = (pull->local_error[n] + pull->rest * pull->error) /
                       (pull->local_weight[n] + pull->rest);
        shift[n] = (float)((double)way * (pull->most * pull->wanted / (pull->wanted + error + 1e-6)));
    }
}
