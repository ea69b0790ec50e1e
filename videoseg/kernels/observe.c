/* What blend.Observation tells of a mask: signed distances on a grid, and what lies near its edge. */
#include "kernels.h"
#include "window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAR_OFF = 100, SOFT = 3, WHOLE = 144 };
static const float BAND = 16.0f;

/* distance_fields.distances --------------------------------------------------------------------*/

static inline int16_t least(int16_t a, int16_t b) { return a < b ? a : b; }

/* The cells of an object beside which there is one that is none, as 0; all others far off. */
static void rim_of(const uint8_t *inside, int64_t rows, int64_t columns, int16_t *far_)
{
    for (int64_t row = 0; row < rows; row++) {
        const uint8_t *here = inside + row * columns;
        const uint8_t *above = row > 0 ? here - columns : here;
        const uint8_t *below = row + 1 < rows ? here + columns : here;
        for (int64_t n = 0; n < columns; n++) {
            uint8_t around = above[n] & below[n] & here[n > 0 ? n - 1 : n] & here[n + 1 < columns ? n + 1 : n];
            far_[row * columns + n] = here[n] > around ? 0 : FAR_OFF;
        }
    }
}

/* The distance to the nearest such cell of the same column, in place. */
static void along_columns(int16_t *far_, int64_t rows, int64_t columns)
{
    for (int64_t row = 1; row < rows; row++) {
        int16_t *here = far_ + row * columns;
        const int16_t *above = here - columns;
        for (int64_t n = 0; n < columns; n++)
            here[n] = least(here[n], (int16_t)(above[n] + 1));
    }
    for (int64_t row = rows - 2; row >= 0; row--) {
        int16_t *here = far_ + row * columns;
        const int16_t *below = here + columns;
        for (int64_t n = 0; n < columns; n++)
            here[n] = least(here[n], (int16_t)(below[n] + 1));
    }
}

/* Squares of distances along a row's columns become those to the nearest cell of all; `padded` is
 * the row with `reach` cells far off to either side. */
static void across_columns(const int16_t *padded, int64_t columns, int64_t reach, int16_t *squares)
{
    memcpy(squares, padded + reach, sizeof *squares * (size_t)columns);
    for (int64_t off = 1; off <= reach; off++) {
        const int16_t *before = padded + reach - off, *after = padded + reach + off;
        int16_t away = (int16_t)(off * off);
        for (int64_t n = 0; n < columns; n++)
            squares[n] = least(squares[n], (int16_t)(least(before[n], after[n]) + away));
    }
}

static int signed_distances(const uint8_t *inside, int64_t rows, int64_t columns, double cell,
                            float *values)
{
    int64_t reach = (int64_t)ceil((double)BAND / cell + 0.5);
    int16_t *far_ = malloc(sizeof(int16_t) * (size_t)(rows * columns + 2 * columns + 2 * reach));
    if (far_ == NULL)
        return 0;
    int16_t *padded = far_ + rows * columns, *squares = padded + columns + 2 * reach;
    rim_of(inside, rows, columns, far_);
    along_columns(far_, rows, columns);
    for (int64_t n = 0; n < reach; n++)
        padded[n] = padded[reach + columns + n] = FAR_OFF * FAR_OFF;
    for (int64_t row = 0; row < rows; row++) {
        const int16_t *here = far_ + row * columns;
        const uint8_t *set = inside + row * columns;
        float *made = values + row * columns;
        for (int64_t n = 0; n < columns; n++) {
            int16_t capped = least(here[n], FAR_OFF);
            padded[reach + n] = (int16_t)(capped * capped);
        }
        across_columns(padded, columns, reach, squares);
        for (int64_t n = 0; n < columns; n++) {
            float distance = sqrtf((float)squares[n]);
            distance = ((set[n] ? distance : -distance) + 0.5f) * (float)cell;
            distance = distance < -BAND ? -BAND : distance;
            made[n] = distance > BAND ? BAND : distance;
        }
    }
    free(far_);
    return 1;
}

EXPORTED int videoseg_distances(const uint8_t *inside, int64_t rows, int64_t columns, double cell,
                                float *values)
{
    return signed_distances(inside, rows, columns, cell, values);
}

/* blend._coarse ---------------------------------------------------------------------------------*/

/* How much of each cell a mask covers, in parts of WHOLE; cells are whole. */
static void covered(const Window *window, uint8_t *sums, uint8_t *cover)
{
    int64_t step = window->step, part = WHOLE / (step * step);
    for (int64_t row = 0; row < window->rows; row++) {
        memset(sums, 0, (size_t)window->width);
        for (int64_t y = row * step - window->y; y < (row + 1) * step - window->y; y++) {
            if (y < 0 || y >= window->bitmap_height)
                continue;
            const uint8_t *pixels = window->bitmap + y * window->bitmap_width;
            for (int64_t x = 0; x < window->bitmap_width; x++)
                sums[window->x + x] = (uint8_t)(sums[window->x + x] + pixels[x]);
        }
        for (int64_t column = 0; column < window->columns; column++) {
            int64_t sum = 0;
            for (int64_t n = 0; n < step; n++)
                sum += sums[column * step + n];
            cover[row * window->columns + column] = (uint8_t)(sum * part);
        }
    }
}

/* Near an edge the coverage of a small square tells where in a cell it lies. */
static void ramped(const uint8_t *cover, int64_t rows, int64_t columns, double cell, uint16_t *sums,
                   float *values)
{
    float scale = 1.0f / (SOFT * SOFT * WHOLE), slope = (float)(SOFT * cell);
    float most = (float)(0.45 * SOFT * cell);
    for (int64_t row = 0; row < rows; row++) {
        const uint8_t *here = cover + row * columns;
        const uint8_t *above = row > 0 ? here - columns : here;
        const uint8_t *below = row + 1 < rows ? here + columns : here;
        for (int64_t n = 0; n < columns; n++)
            sums[n + 1] = (uint16_t)(above[n] + here[n] + below[n]);
        sums[0] = sums[1], sums[columns + 1] = sums[columns];
        for (int64_t n = 0; n < columns; n++) {
            float around = (float)(sums[n] + sums[n + 1] + sums[n + 2]);
            float ramp = (around * scale - 0.5f) * slope;
            float *value = values + row * columns + n;
            *value = fabsf(ramp) < most ? ramp : *value;
        }
    }
}

/* Signed distances on the grid. `given` is the cover where cells are not whole, `ramp` what logits
 * tell of the edge; both may be NULL. */
static int coarse(const Window *window, const uint8_t *given, const float *ramp, float *values)
{
    int64_t cells = window->rows * window->columns;
    uint8_t *inside = calloc((size_t)(2 * cells + window->width), 1);
    uint16_t *sums = malloc(sizeof(uint16_t) * (size_t)(window->columns + 2));
    uint8_t *cover = inside + cells;
    int fine = inside != NULL && sums != NULL;
    if (fine && window->step == 1) {
        for (int64_t y = 0; y < window->bitmap_height; y++)
            memcpy(inside + (window->y + y) * window->columns + window->x,
                   window->bitmap + y * window->bitmap_width, (size_t)window->bitmap_width);
    } else if (fine) {
        if (given == NULL)
            covered(window, cover + cells, cover);
        else
            memcpy(cover, given, (size_t)cells);
        for (int64_t n = 0; n < cells; n++)
            inside[n] = cover[n] > WHOLE / 2;
    }
    fine = fine && signed_distances(inside, window->rows, window->columns, window->cell, values);
    if (fine && ramp == NULL && window->step > 1)
        ramped(cover, window->rows, window->columns, window->cell, sums, values);
    float near_ = (float)(SOFT * window->cell);
    for (int64_t n = 0; fine && ramp != NULL && n < cells; n++) {
        float told = ramp[n] < -BAND ? -BAND : ramp[n] > BAND ? BAND : ramp[n];
        values[n] = fabsf(values[n]) < near_ ? told : values[n];
    }
    free(inside);
    free(sums);
    return fine;
}

/* blend._room -----------------------------------------------------------------------------------*/

static const float THIN = 3.0f, THICK = 9.0f;

static inline float larger(float a, float b) { return a > b ? a : b; }

/* The largest of `side` values from each on, `stride` apart, of `count`; in place. */
static void largest_from(float *values, int64_t count, int64_t side, int64_t stride)
{
    int64_t wide = 1;
    for (; 2 * wide <= side; wide *= 2)
        for (int64_t n = 0; n + wide * stride < count; n++)
            values[n] = larger(values[n], values[n + wide * stride]);
    int64_t rest = (side - wide) * stride;
    for (int64_t n = 0; rest > 0 && n + rest < count; n++)
        values[n] = larger(values[n], values[n + rest]);
}

/* The largest in the square of `side` cells about each, times `sign`, from a padded grid's start. */
static void largest_about(const float *values, int64_t rows, int64_t columns, int64_t side, float sign,
                          float *padded)
{
    int64_t wide = columns + side - 1, count = wide * (rows + side - 1);
    for (int64_t n = 0; n < count; n++)
        padded[n] = -2 * BAND;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t n = 0; n < columns; n++)
            padded[(row + side / 2) * wide + side / 2 + n] = sign * values[row * columns + n];
    largest_from(padded, count, side, 1);
    largest_from(padded, count, side, wide);
}

/* blend.Observation ----------------------------------------------------------------------------*/

/* Share of either neighbour, and of the middle, in what is blurred as being moved blurs. */
static const float SIDES = 0.0724f, MIDDLE = 0.8552f;

static float blurred_at(const float *values, int64_t rows, int64_t columns, int64_t row, int64_t column)
{
    int64_t left = column > 0 ? column - 1 : 0, right = column + 1 < columns ? column + 1 : column;
    float lines[3];
    for (int64_t n = 0; n < 3; n++) {
        int64_t y = row + n - 1;
        const float *line = values + (y < 0 ? 0 : y < rows ? y : rows - 1) * columns;
        lines[n] = (line[left] + line[right]) * SIDES + line[column] * MIDDLE;
    }
    return (lines[0] + lines[2]) * SIDES + lines[1] * MIDDLE;
}

/* contours.EdgeBand: how far it reaches from an edge, pixels, and cells at least. */
static const double NEAR = 8, NEAR_CELLS = 3;

/* What is told of the cells near an edge, in row order; each has room for all cells. */
typedef struct {
    int32_t *at;
    uint8_t *on_edge;
    float *room, *blurred;
} Near;

static int64_t near_edge(const Window *window, const float *values, const Near *near_)
{
    int64_t rows = window->rows, columns = window->columns, count = 0;
    int64_t side = 2 * (int64_t)rint((double)THICK / window->cell) + 1, wide = columns + side - 1;
    size_t cells = (size_t)(wide * (rows + side - 1));
    float *within = malloc(2 * sizeof(float) * cells);
    if (within == NULL)
        return -1;
    float *beyond = within + cells;
    largest_about(values, rows, columns, side, 1, within);
    largest_about(values, rows, columns, side, -1, beyond);
    float edge = (float)(window->cell > 2 ? window->cell : 2), scale = 1.0f / (THICK - THIN);
    double cells_off = NEAR_CELLS * window->cell;
    float reach = (float)(cells_off > NEAR ? cells_off : NEAR);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t n = 0; n < columns; n++) {
            int64_t at = row * columns + n, there = row * wide + n;
            float far_ = fabsf(values[at]);
            if (!(far_ < reach))
                continue;
            float room = within[there] < beyond[there] ? within[there] : beyond[there];
            room = (room - THIN) * scale;
            near_->at[count] = (int32_t)at;
            near_->on_edge[count] = far_ < edge;
            near_->room[count] = room < 0 ? 0 : room > 1 ? 1 : room;
            near_->blurred[count++] = blurred_at(values, rows, columns, row, n);
        }
    free(within);
    return count;
}

/* affine_fit.Edge: cells along the edge, but for those at the border, and how many there are. */
static int64_t edge_points(const Window *window, const Near *near_, int64_t count, int64_t points,
                           int32_t *places)
{
    int64_t found = 0, kept = 0, row = 0;
    for (int64_t n = 0; n < count; n++) {
        while (near_->at[n] >= (row + 1) * window->columns)
            row++;
        int64_t column = near_->at[n] - row * window->columns;
        if (near_->on_edge[n] && row > 0 && column > 0 && row + 1 < window->rows &&
            column + 1 < window->columns)
            places[found++] = near_->at[n];
    }
    int64_t step = found / points > 1 ? found / points : 1;
    for (int64_t n = 0; n < found; n += step)
        places[kept++] = places[n];
    return kept;
}

/* A mask as it is compared: `values` on the grid, the cells near its edge, and some of those on it.
 * How many are near, with how many are on it; -1: no memory. */
EXPORTED int64_t videoseg_observe(const Window *window, const uint8_t *given, const float *ramp,
                                  float *values, const Near *near_, int64_t points, int32_t *places,
                                  int64_t *kept)
{
    if (!coarse(window, given, ramp, values))
        return -1;
    int64_t count = near_edge(window, values, near_);
    *kept = count < 0 ? 0 : edge_points(window, near_, count, points, places);
    return count;
}
