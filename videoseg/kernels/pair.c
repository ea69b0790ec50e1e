/* What jitter.NeighbourPair.of tells of two outlines: the same bytes. */
#include "contour.h"
#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline int32_t parts(double value) { return (int32_t)rounded(value * GRID); }

enum { SURE, MEAN, HALF, ERROR, WEIGHT, LANES = 8 };

/* A cell of the edge: what is summed of it, in parts of GRID, in the order above. The largest sum, of
 * a square of half the furthest distance that tells, is less than 2^20, and a square has less than
 * 2^11 cells of an edge, and so none overflows. */
typedef struct {
    int64_t row, column;
    double mean, half, sure;
    uint32_t parts[LANES];
} Told;

/* What the cells of the edge tell; facts are total, cells of the edge, variance and error. */
static int64_t told(const Contour *before, const Contour *after, const int32_t *at,
                    const uint8_t *on_edge, int64_t count, int64_t columns, float far_, Told *found,
                    double *facts)
{
    int64_t there = 0, row = 0;
    for (int64_t n = 0; n < count; n++) {
        if (!on_edge[n])
            continue;
        while (at[n] >= (row + 1) * columns)
            row++;
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
        facts[0] += sure;
        facts[3] += on_grid(sure * (half * half));
        Told cell = {row, at[n] - row * columns, mean, half, sure, {0}};
        cell.parts[SURE] = (uint32_t)parts(sure);
        cell.parts[MEAN] = (uint32_t)parts(sure * mean);
        cell.parts[HALF] = (uint32_t)parts(sure * half);
        cell.parts[ERROR] = (uint32_t)parts(weight * (half * half));
        cell.parts[WEIGHT] = (uint32_t)parts(weight);
        found[there++] = cell;
    }
    return there;
}

/* Sums over the rows about one, by column: cells that come into reach are added, and those that go
 * out of it taken away. */
typedef struct {
    const Told *cells;
    int64_t count, coming, going;
    uint32_t (*columns)[LANES];
} Strip;

static void move_strip(Strip *strip, int64_t row, int64_t reach)
{
    for (; strip->coming < strip->count && strip->cells[strip->coming].row <= row + reach; strip->coming++) {
        const Told *cell = strip->cells + strip->coming;
        for (int lane = 0; lane < LANES; lane++)
            strip->columns[cell->column][lane] += cell->parts[lane];
    }
    for (; strip->going < strip->count && strip->cells[strip->going].row < row - reach; strip->going++) {
        const Told *cell = strip->cells + strip->going;
        for (int lane = 0; lane < LANES; lane++)
            strip->columns[cell->column][lane] -= cell->parts[lane];
    }
}

/* The sums up to each column, and before it; they may wrap, their differences do not. */
static void add_up(const Strip *strip, int64_t columns, uint32_t (*sums)[LANES])
{
    for (int64_t n = 0; n < columns; n++)
        for (int lane = 0; lane < LANES; lane++)
            sums[n + 1][lane] = sums[n][lane] + strip->columns[n][lane];
}

static inline double around(uint32_t (*sums)[LANES], int64_t left, int64_t right, int lane)
{
    return (int32_t)(sums[right][lane] - sums[left][lane]) * (1 / GRID);
}

/* `facts` are total, cells of the edge, variance and error; the local ones have one number a cell
 * of the band. 0: no memory. */
EXPORTED int videoseg_pair(const Contour *before, const Contour *after, const int32_t *at,
                           const uint8_t *on_edge, int64_t count, int64_t rows, int64_t columns,
                           int64_t reach, float far_, double *facts, double *local_error,
                           double *local_weight)
{
    Told *cells = malloc(sizeof(Told) * (size_t)(count + 1));
    uint32_t(*lines)[LANES] = calloc((size_t)(2 * columns + 1), sizeof *lines);
    if (cells == NULL || lines == NULL) {
        free(cells);
        free(lines);
        return 0;
    }
    memset(facts, 0, 4 * sizeof *facts);
    int64_t there = told(before, after, at, on_edge, count, columns, far_, cells, facts);
    Strip strip = {cells, there, 0, 0, lines};
    uint32_t(*sums)[LANES] = lines + columns;
    const Told *cell = cells;
    for (int64_t row = 0, n = 0; row < rows && n < count; row++) {
        if (at[n] >= (row + 1) * columns)
            continue;
        move_strip(&strip, row, reach);
        add_up(&strip, columns, sums);
        for (; n < count && at[n] < (row + 1) * columns; n++) {
            int64_t column = at[n] - row * columns;
            int64_t left = column > reach ? column - reach : 0;
            int64_t right = column + reach + 1 < columns ? column + reach + 1 : columns;
            local_error[n] = around(sums, left, right, ERROR);
            local_weight[n] = around(sums, left, right, WEIGHT);
            if (!on_edge[n])
                continue;
            double whole = around(sums, left, right, SURE) + 1e-3;
            double mean = cell->mean - around(sums, left, right, MEAN) / whole;
            double half = cell->half - around(sums, left, right, HALF) / whole;
            facts[2] += on_grid(cell->sure * (mean * mean - half * half));
            cell++;
        }
    }
    facts[1] = (double)there;
    free(cells);
    free(lines);
    return 1;
}
