/* What videoseg/tracking/smoothing computes for each object, without the interpreter.
 *
 * The Python code there is the reference: every function here gives the same bytes as the one of
 * its name there. So each operation is done in the same order and in the same type, the compiler
 * may fuse none (-ffp-contract=off), and what is summed is on a grid on which sums are exact.
 */
#include "kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const double BAND = 16.0;
static const double GRID = 4096.0;

static inline double on_grid(double value) { return rint(value * GRID) * (1 / GRID); }

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

static inline double other_at(const Warp *warp, int64_t row, int64_t column)
{
    if (row < 0 || column < 0 || row >= warp->rows || column >= warp->columns)
        return -BAND;
    return warp->other[row * warp->columns + column];
}

/* The other field's distance at a place, in cells, moved by `to`; the trust there too. */
static double warp_at(const Warp *warp, double x, double y, const double *to, double *trust)
{
    double column = (to[0] * x + to[1] * y + to[2]) * warp->to_flow[0] + warp->to_flow[1];
    double row = (to[3] * x + to[4] * y + to[5]) * warp->to_flow[2] + warp->to_flow[3];
    column = clipped(column, 0, (double)(warp->width - 1));
    row = clipped(row, 0, (double)(warp->height - 1));
    int64_t left = (int64_t)column, top = (int64_t)row;
    int64_t right = left + 1 < warp->width ? left + 1 : left;
    int64_t below = top + 1 < warp->height ? top + 1 : top;
    double across = column - (double)left, down = row - (double)top;
    double found[3];
    for (int channel = 0; channel < 3; channel++) {
        const float *values = warp->evidence + channel;
        double one = values[3 * (top * warp->width + left)];
        double upper = one + across * (values[3 * (top * warp->width + right)] - one);
        one = values[3 * (below * warp->width + left)];
        double lower = one + across * (values[3 * (below * warp->width + right)] - one);
        found[channel] = upper + down * (lower - upper);
    }
    *trust = found[2];
    column = found[0] * warp->to_cells[0] + warp->to_cells[1];
    row = found[1] * warp->to_cells[2] + warp->to_cells[3];
    /* Counted from one cell before the field. */
    column = clipped(column, -1, (double)warp->columns) + 1;
    row = clipped(row, -1, (double)warp->rows) + 1;
    left = (int64_t)column, top = (int64_t)row;
    across = column - (double)left, down = row - (double)top;
    double one = other_at(warp, top - 1, left - 1);
    double upper = one + across * (other_at(warp, top - 1, left) - one);
    one = other_at(warp, top, left - 1);
    double lower = one + across * (other_at(warp, top, left) - one);
    return upper + down * (lower - upper);
}

/* affine_fit ------------------------------------------------------------------------------------*/

typedef struct {
    const double *values, *x, *y;
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
    double rows[6][7] = {{0}}, found[6], trust;
    int64_t used = 0;
    memcpy(step, STILL, sizeof STILL);
    if (edge->count < LEAST)
        return 0;
    for (int64_t n = 0; n < edge->count; n++) {
        double x = edge->x[n], y = edge->y[n], *term = terms + 6 * n;
        double here = warp_at(warp, x, y, to, &trust);
        double slope_x = warp_at(warp, x + 1, y, to, &trust) - warp_at(warp, x - 1, y, to, &trust);
        double slope_y = warp_at(warp, x, y + 1, to, &trust) - warp_at(warp, x, y - 1, to, &trust);
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
            for (int j = 0; j < 6; j++)
                rows[i][j] += weighted * term[j];
            rows[i][6] += weighted * -apart;
        }
    }
    if (used < LEAST)
        return 0;
    for (int n = 0; n < 6; n++)
        rows[n][n] += edge->prior * (double)used;
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
    const float over_band = (float)(1 / BAND);
    for (int64_t n = 0; n < count; n++) {
        double sure;
        double moved = warp_at(warp, (double)(at[n] % columns), (double)(at[n] / columns), to, &sure);
        float apart = (float)moved - blurred[n];
        float share = apart * over_band;
        float left = 1.0f - share * share;
        left = left > 0 ? left : 0;
        off[n] = apart;
        near_[n] = left * left * room[n];
        trust[n] = (float)sure;
    }
    return 1;
}

/* jitter.NeighbourPair.of -----------------------------------------------------------------------*/

typedef struct {
    const float *off, *near_, *trust;
} Contour;

/* Sums about each cell of a map in squares of `reach` cells to either side, in place. Numbers are in
 * parts of GRID. The largest, a square of half the furthest distance that tells, is less than 2^20,
 * and a square has less than 2^11 cells of an edge, and so none overflows. */
static void box_sums(int32_t *map, int64_t rows, int64_t columns, int64_t reach, int32_t *scratch)
{
    int32_t *line = scratch, *kept = scratch + columns;
    for (int64_t row = 0; row < rows; row++) {
        int32_t *values = map + row * columns, sum = 0;
        memcpy(line, values, sizeof(int32_t) * (size_t)columns);
        for (int64_t n = 0; n < reach && n < columns; n++)
            sum += line[n];
        for (int64_t n = 0; n < columns; n++) {
            if (n + reach < columns)
                sum += line[n + reach];
            if (n - reach > 0)
                sum -= line[n - reach - 1];
            values[n] = sum;
        }
    }
    /* Whole rows are added and taken away, so that memory is read in order. */
    memset(line, 0, sizeof(int32_t) * (size_t)columns);
    memcpy(kept, map, sizeof(int32_t) * (size_t)(rows * columns));
    for (int64_t row = -reach; row < rows; row++) {
        if (row + reach < rows && row + reach >= 0)
            for (int64_t n = 0; n < columns; n++)
                line[n] += kept[(row + reach) * columns + n];
        if (row - reach > 0)
            for (int64_t n = 0; n < columns; n++)
                line[n] -= kept[(row - reach - 1) * columns + n];
        if (row >= 0)
            memcpy(map + row * columns, line, sizeof(int32_t) * (size_t)columns);
    }
}

static inline int32_t parts(double value) { return (int32_t)rint(value * GRID); }

/* `facts` are total, cells of the edge, variance and error; the local ones have one number a cell
 * of the band. 0: no memory. */
EXPORTED int videoseg_pair(const Contour *before, const Contour *after, const int32_t *at,
                           const uint8_t *on_edge, int64_t count, int64_t rows, int64_t columns,
                           int64_t reach, float far_, double *facts, double *local_error,
                           double *local_weight)
{
    size_t cells = (size_t)(rows * columns);
    double *block = malloc(sizeof(double) * 3 * (size_t)(count + 1));
    int32_t *maps = calloc(6 * cells + (size_t)columns, sizeof(int32_t));
    if (block == NULL || maps == NULL) {
        free(block);
        free(maps);
        return 0;
    }
    double *means = block, *halves = block + count, *sures = block + 2 * count;
    int32_t *sure_sums = maps, *mean_sums = maps + cells, *half_sums = maps + 2 * cells;
    int32_t *error_sums = maps + 3 * cells, *weight_sums = maps + 4 * cells;
    double total = 0, variance = 0, error = 0;
    int64_t there = 0;
    for (int64_t n = 0; n < count; n++) {
        if (!on_edge[n])
            continue;
        float one = before->off[n], other = after->off[n];
        double mean = on_grid((one + other) * 0.5f), half = on_grid((one - other) * 0.5f);
        double sure = 0, weight = 0;
        if (fabsf(one) < far_ && fabsf(other) < far_) {
            float x = before->near_[n] * before->trust[n], y = after->near_[n] * after->trust[n];
            sure = on_grid(sqrtf(x * y));
            x = before->near_[n] * sqrtf(before->trust[n]);
            y = after->near_[n] * sqrtf(after->trust[n]);
            weight = on_grid(sqrtf(x * y));
        }
        means[there] = mean, halves[there] = half, sures[there] = sure;
        there++;
        total += sure;
        error += on_grid(sure * (half * half));
        sure_sums[at[n]] = parts(sure);
        mean_sums[at[n]] = parts(sure * mean);
        half_sums[at[n]] = parts(sure * half);
        error_sums[at[n]] = parts(weight * (half * half));
        weight_sums[at[n]] = parts(weight);
    }
    for (int n = 0; n < 5; n++)
        box_sums(maps + (size_t)n * cells, rows, columns, reach, maps + 5 * cells);
    there = 0;
    for (int64_t n = 0; n < count; n++) {
        local_error[n] = error_sums[at[n]] * (1 / GRID);
        local_weight[n] = weight_sums[at[n]] * (1 / GRID);
        if (!on_edge[n])
            continue;
        double whole = sure_sums[at[n]] * (1 / GRID) + 1e-3;
        double mean = means[there] - mean_sums[at[n]] * (1 / GRID) / whole;
        double half = halves[there] - half_sums[at[n]] * (1 / GRID) / whole;
        variance += on_grid(sures[there] * (mean * mean - half * half));
        there++;
    }
    facts[0] = total, facts[1] = (double)there, facts[2] = variance, facts[3] = error;
    free(block);
    free(maps);
    return 1;
}

/* blend._moved_edge -----------------------------------------------------------------------------*/

static double between_cells(const float *values, int64_t rows, int64_t columns, double x, double y)
{
    x = clipped(x, 0, (double)(columns - 1));
    y = clipped(y, 0, (double)(rows - 1));
    int64_t left = (int64_t)x, top = (int64_t)y;
    int64_t right = left + 1 < columns ? left + 1 : left, below = top + 1 < rows ? top + 1 : top;
    double across = x - (double)left, down = y - (double)top;
    double one = values[top * columns + left];
    double upper = one + across * (values[top * columns + right] - one);
    one = values[below * columns + left];
    double lower = one + across * (values[below * columns + right] - one);
    return upper + down * (lower - upper);
}

/* The first pixel, of `size`, whose cell of `cells` is this one or a later one. */
static int64_t first_pixel(int64_t cell, int64_t size, int64_t cells)
{
    return (cell * size + cells - 1) / cells;
}

/* On which side of an edge a cell lies with all around it, 0 or 1; -1 where the edge is near. */
static int side_of(const float *values, int64_t rows, int64_t columns, int64_t row, int64_t column)
{
    int inside = values[row * columns + column] > 0;
    for (int64_t y = row > 0 ? row - 1 : 0; y <= row + 1 && y < rows; y++)
        for (int64_t x = column > 0 ? column - 1 : 0; x <= column + 1 && x < columns; x++)
            if ((values[y * columns + x] > 0) != inside)
                return -1;
    return inside;
}

/* Moves the edge of `bitmap`, in place; how many pixels change sides, or -1: no memory. */
EXPORTED int64_t videoseg_moved_edge(const float *values, int64_t rows, int64_t columns,
                                     const int32_t *at, const float *shift, int64_t count,
                                     double least, uint8_t *bitmap, int64_t height, int64_t width)
{
    size_t cells = (size_t)(rows * columns);
    float *how_far = calloc(2 * cells, sizeof(float));
    uint8_t *around = calloc(cells, 1);
    int64_t changed = how_far == NULL || around == NULL ? -1 : 0;
    float *moved = how_far + cells;
    int any = 0;
    for (int64_t n = 0; changed == 0 && n < count; n++) {
        how_far[at[n]] = shift[n];
        if (!(fabsf(shift[n]) > (float)least))
            continue;
        any = 1;
        int64_t row = at[n] / columns, column = at[n] % columns;
        for (int64_t y = row > 0 ? row - 1 : 0; y <= row + 1 && y < rows; y++)
            for (int64_t x = column > 0 ? column - 1 : 0; x <= column + 1 && x < columns; x++)
                around[y * columns + x] = 1;
    }
    if (any) {
        double step_x = (double)columns / (double)width, step_y = (double)rows / (double)height;
        for (size_t n = 0; n < cells; n++)
            moved[n] = values[n] + how_far[n];
        for (int64_t cell = 0; cell < (int64_t)cells; cell++) {
            if (!around[cell])
                continue;
            int64_t row = cell / columns, column = cell % columns;
            int64_t bottom = first_pixel(row + 1, height, rows);
            int64_t end = first_pixel(column + 1, width, columns);
            int side = side_of(moved, rows, columns, row, column);
            for (int64_t y = first_pixel(row, height, rows); y < bottom; y++)
                for (int64_t x = first_pixel(column, width, columns); x < end; x++) {
                    uint8_t *pixel = bitmap + y * width + x;
                    if (side >= 0 && *pixel == side)
                        continue;
                    double u = ((double)x + 0.5) * step_x - 0.5;
                    double v = ((double)y + 0.5) * step_y - 0.5;
                    int now_in = between_cells(moved, rows, columns, u, v) > 0;
                    if (now_in == *pixel)
                        continue;
                    double far_ = between_cells(how_far, rows, columns, u, v);
                    if (now_in ? far_ > least : far_ < -least) {
                        *pixel = (uint8_t)now_in;
                        changed++;
                    }
                }
        }
    }
    free(how_far);
    free(around);
    return changed;
}
