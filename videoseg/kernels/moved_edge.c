/* What blend._moved_edge does: draws the edge of a mask where it is moved to. */
#include "kernels.h"
#include "sampling.h"
#include "window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float LEAST = 0.25f;
/* What rounding may do to a number between two of the same sign is less than this. */
static const float NEARLY = 1e-3f;

static inline float between_cells(const float *values, const Window *window, float x, float y)
{
    Bilinear at = bilinear_at(x, y, window->columns, window->rows);
    return sampled(&at, values, 1);
}

/* For each of `cells` the first pixel, of `size`, that lies in it or in a later one. */
static void first_pixels(int64_t size, int64_t cells, int64_t *firsts)
{
    for (int64_t cell = 0; cell <= cells; cell++)
        firsts[cell] = (cell * size + cells - 1) / cells;
}

enum { INSIDE = 1, OUTSIDE = 2, EITHER = 3 };

/* On which side of an edge each cell lies with all around it. `scratch` has as many bytes. */
static void sides_of(const float *values, int64_t rows, int64_t columns, uint8_t *sides, uint8_t *scratch)
{
    for (int64_t n = 0; n < rows * columns; n++)
        sides[n] = (uint8_t)(values[n] >= NEARLY ? INSIDE : values[n] <= -NEARLY ? OUTSIDE : EITHER);
    for (int64_t row = 0; row < rows; row++) {
        const uint8_t *here = sides + row * columns;
        uint8_t *wide = scratch + row * columns;
        wide[0] = here[0] | here[columns > 1];
        for (int64_t n = 1; n + 1 < columns; n++)
            wide[n] = here[n - 1] | here[n] | here[n + 1];
        wide[columns - 1] = here[columns - 1] | here[columns > 1 ? columns - 2 : 0];
    }
    for (int64_t row = 0; row < rows; row++) {
        const uint8_t *here = scratch + row * columns;
        const uint8_t *above = row > 0 ? here - columns : here;
        const uint8_t *below = row + 1 < rows ? here + columns : here;
        for (int64_t n = 0; n < columns; n++)
            sides[row * columns + n] = above[n] | here[n] | below[n];
    }
}

/* Spreads what is known of the cells near an edge over the grid, and marks those that move by enough,
 * and the ones around them; whether there are any. */
static int spread(const Window *window, const int32_t *at, const float *shift, int64_t count,
                  float *how_far, uint8_t *around)
{
    int64_t rows = window->rows, columns = window->columns;
    int64_t row = 0;
    int any = 0;
    for (int64_t n = 0; n < count; n++) {
        how_far[at[n]] = shift[n];
        if (!(fabsf(shift[n]) > LEAST))
            continue;
        any = 1;
        while (at[n] >= (row + 1) * columns)
            row++;
        int64_t column = at[n] - row * columns;
        for (int64_t y = row > 0 ? row - 1 : 0; y <= row + 1 && y < rows; y++)
            for (int64_t x = column > 0 ? column - 1 : 0; x <= column + 1 && x < columns; x++)
                around[y * columns + x] = 1;
    }
    return any;
}

/* How far the edge moves, where that puts it, and the first pixels of columns and rows. */
typedef struct {
    const float *how_far, *moved;
    const int64_t *lefts, *tops;
    float step_x, step_y;
} Moves;

/* Draws the pixels of one cell anew; how many change. */
static int64_t redraw(const Window *window, const Moves *moves, int64_t row, int64_t column, int side,
                      uint8_t *made)
{
    const float *moved = moves->moved, *how_far = moves->how_far;
    float step_x = moves->step_x, step_y = moves->step_y;
    int64_t changed = 0;
    for (int64_t y = moves->tops[row]; y < moves->tops[row + 1]; y++)
        for (int64_t x = moves->lefts[column]; x < moves->lefts[column + 1]; x++) {
            uint8_t *pixel = made + y * window->width + x;
            if (side != EITHER && *pixel == (side == INSIDE))
                continue;
            float u = ((float)x + 0.5f) * step_x - 0.5f, v = ((float)y + 0.5f) * step_y - 0.5f;
            int now_in = between_cells(moved, window, u, v) > 0;
            if (now_in == *pixel)
                continue;
            float far_ = between_cells(how_far, window, u, v);
            if (now_in ? far_ > LEAST : far_ < -LEAST) {
                *pixel = (uint8_t)now_in;
                changed++;
            }
        }
    return changed;
}

/* The tight box of what is set: left, top, right and bottom, the latter two exclusive. */
static void box_of(const uint8_t *made, int64_t width, int64_t height, int64_t *box)
{
    box[0] = width, box[1] = height, box[2] = box[3] = 0;
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row = made + y * width, *first = memchr(row, 1, (size_t)width);
        if (first == NULL)
            continue;
        box[0] = first - row < box[0] ? first - row : box[0];
        box[1] = y < box[1] ? y : box[1];
        box[3] = y + 1;
        for (int64_t x = width; x > box[2]; x--)
            if (row[x - 1]) {
                box[2] = x;
                break;
            }
    }
}

/* A mask with its edge moved, in its window; how many pixels change sides, or -1: no memory. */
EXPORTED int64_t videoseg_moved_edge(const Window *window, const float *values, const int32_t *at,
                                     const float *shift, int64_t count, uint8_t *made, int64_t *box)
{
    int64_t cells = window->rows * window->columns, changed = 0;
    float *how_far = calloc(2 * (size_t)cells, sizeof(float));
    uint8_t *around = calloc(3 * (size_t)cells, 1), *sides = around + cells;
    int64_t *lefts = malloc(sizeof(int64_t) * (size_t)(window->columns + window->rows + 2));
    int fine = how_far != NULL && around != NULL && lefts != NULL;
    if (fine && spread(window, at, shift, count, how_far, around)) {
        float *moved = how_far + cells;
        for (int64_t n = 0; n < cells; n++)
            moved[n] = values[n] + how_far[n];
        int64_t *tops = lefts + window->columns + 1;
        first_pixels(window->width, window->columns, lefts);
        first_pixels(window->height, window->rows, tops);
        Moves moves = {how_far, moved, lefts, tops,
                       (float)((double)window->columns / (double)window->width),
                       (float)((double)window->rows / (double)window->height)};
        sides_of(moved, window->rows, window->columns, sides, sides + cells);
        memset(made, 0, (size_t)(window->width * window->height));
        for (int64_t y = 0; y < window->bitmap_height; y++)
            memcpy(made + (window->y + y) * window->width + window->x,
                   window->bitmap + y * window->bitmap_width, (size_t)window->bitmap_width);
        for (int64_t row = 0; row < window->rows; row++)
            for (int64_t column = 0; column < window->columns; column++)
                if (around[row * window->columns + column])
                    changed += redraw(window, &moves, row, column,
                                      sides[row * window->columns + column], made);
        if (changed)
            box_of(made, window->width, window->height, box);
    }
    free(how_far);
    free(around);
    free(lefts);
    return fine ? changed : -1;
}
