/* What videoseg/motion/patches.py computes, without the interpreter: the same bytes. */
#include "kernels.h"

#include <math.h>
#include <string.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, STRIDE = 5, STEPS = 8, REACH = 6 };
static const float FURTHEST = 3, FLAT = 1, ALIKE = 0.25f, SETTLED = 0.02f;

typedef struct {
    const uint8_t *previous, *current, *near_;
    const float *across, *down, *backward;
    int64_t height, width;
} Pictures;

/* A motion, and what it leaves to explain. */
typedef struct {
    float x, y, error, off[PIXELS];
} Guess;

static int64_t within(int64_t value, int64_t size)
{
    return value < 0 ? 0 : value < size ? value : size - 1;
}

/* patches._total */
static float total(const float *values)
{
    float sums[SIDE];
    memcpy(sums, values, sizeof sums);
    for (int row = 1; row < SIDE; row++)
        for (int n = 0; n < SIDE; n++)
            sums[n] += values[SIDE * row + n];
    for (int half = SIDE / 2; half; half /= 2)
        for (int n = 0; n < half; n++)
            sums[n] += sums[half + n];
    return sums[0];
}

static float product(const float *one, const float *other)
{
    float values[PIXELS];
    for (int n = 0; n < PIXELS; n++)
        values[n] = one[n] * other[n];
    return total(values);
}

/* patches._centred */
static void centre(float *values)
{
    float mean = total(values) * (1.0f / PIXELS);
    for (int n = 0; n < PIXELS; n++)
        values[n] -= mean;
}

/* patches._moved */
static void moved(const Pictures *given, int64_t row, int64_t column, const Guess *by, float *out)
{
    float left = floorf(by->x), top = floorf(by->y), part_x = by->x - left, part_y = by->y - top;
    int64_t first_x = column + (int64_t)left, first_y = row + (int64_t)top;
    int inside = first_x >= 0 && first_x + SIDE < given->width;
    float rows[SIDE + 1][SIDE];
    for (int y = 0; y <= SIDE; y++) {
        const uint8_t *from = given->previous + within(first_y + y, given->height) * given->width;
        uint8_t shown[SIDE + 1];
        if (inside)
            memcpy(shown, from + first_x, sizeof shown);
        else
            for (int x = 0; x <= SIDE; x++)
                shown[x] = from[within(first_x + x, given->width)];
        float here[SIDE], next[SIDE];
        for (int x = 0; x < SIDE; x++)
            here[x] = shown[x];
        for (int x = 0; x < SIDE; x++)
            next[x] = shown[x + 1];
        for (int x = 0; x < SIDE; x++)
            rows[y][x] = here[x] + (next[x] - here[x]) * part_x;
    }
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            out[SIDE * y + x] = rows[y][x] + (rows[y + 1][x] - rows[y][x]) * part_y;
}

static void explain(const Pictures *given, int64_t row, int64_t column, const float *now, Guess *by)
{
    moved(given, row, column, by, by->off);
    centre(by->off);
    for (int n = 0; n < PIXELS; n++)
        by->off[n] -= now[n];
    by->error = product(by->off, by->off);
}

/* Two guesses: the best one, and what is tried next. */
typedef struct {
    Guess guesses[2], *best, *tried;
} Search;

static void take(Search *search)
{
    Guess *best = search->tried;
    search->tried = search->best;
    search->best = best;
}

/* patches._best_known */
static void best_known(const Pictures *given, int64_t row, int64_t column, const float *now,
                       Search *search)
{
    static const int NEIGHBOURS[5][2] = {{0, 0}, {0, -REACH}, {0, REACH}, {-REACH, 0}, {REACH, 0}};
    float first_x = 0, first_y = 0;
    for (int n = 0; n < 5; n++) {
        int64_t y = within(row + SIDE / 2 + NEIGHBOURS[n][0], given->height);
        int64_t x = within(column + SIDE / 2 + NEIGHBOURS[n][1], given->width);
        const float *known = given->backward + 2 * (y * given->width + x);
        if (n == 0)
            first_x = known[0], first_y = known[1];
        else if (fabsf(known[0] - first_x) < ALIKE && fabsf(known[1] - first_y) < ALIKE)
            continue;
        search->tried->x = known[0], search->tried->y = known[1];
        explain(given, row, column, now, search->tried);
        if (n == 0 || search->tried->error < search->best->error)
            take(search);
    }
}

static void patch_of(const float *map, int64_t width, float *patch)
{
    for (int y = 0; y < SIDE; y++)
        memcpy(patch + SIDE * y, map + y * width, SIDE * sizeof *map);
}

/* A patch's motion. */
static const Guess *searched(const Pictures *given, int64_t row, int64_t column, Search *search)
{
    int64_t corner = row * given->width + column;
    float now[PIXELS], dx[PIXELS], dy[PIXELS];
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            now[SIDE * y + x] = given->current[corner + y * given->width + x];
    patch_of(given->across + corner, given->width, dx);
    patch_of(given->down + corner, given->width, dy);
    centre(now), centre(dx), centre(dy);
    float xx = product(dx, dx) + FLAT, xy = product(dx, dy), yy = product(dy, dy) + FLAT;
    float inverse = 1 / (xx * yy - xy * xy);
    search->best = search->guesses, search->tried = search->guesses + 1;
    best_known(given, row, column, now, search);
    float start_x = search->best->x, start_y = search->best->y;
    for (int step = 0; step < STEPS; step++) {
        const Guess *best = search->best;
        float bx = product(dx, best->off), by = product(dy, best->off);
        float step_x = (yy * bx - xy * by) * inverse, step_y = (xx * by - xy * bx) * inverse;
        if (fabsf(step_x) < SETTLED && fabsf(step_y) < SETTLED)
            break;
        Guess *tried = search->tried;
        tried->x = best->x - step_x, tried->y = best->y - step_y;
        if (!(fabsf(tried->x - start_x) <= FURTHEST && fabsf(tried->y - start_y) <= FURTHEST))
            break;
        explain(given, row, column, now, tried);
        if (!(tried->error < best->error))
            break;
        take(search);
    }
    return search->best;
}

/* patches._corners: whether a patch holds a pixel that is asked for. */
static int is_near(const Pictures *given, int64_t row, int64_t column)
{
    uint64_t any = 0, held;
    for (int y = 0; y < SIDE; y++) {
        memcpy(&held, given->near_ + (row + y) * given->width + column, sizeof held);
        any |= held;
    }
    return any != 0;
}

/* The next first row or column of patches; `last` is the last one. */
static int64_t next_start(int64_t start, int64_t last)
{
    return start == last ? last + 1 : start + STRIDE < last ? start + STRIDE : last;
}

/* Adds a patch's motion to the sums of its pixels, each by how well it explains it. */
static void add(const Guess *found, int64_t width, int64_t size, float *sums)
{
    for (int y = 0; y < SIDE; y++) {
        float *sum = sums + y * width, weights[SIDE];
        for (int x = 0; x < SIDE; x++) {
            float off = fabsf(found->off[SIDE * y + x]);
            weights[x] = 1 / (off > 1 ? off : 1);
        }
        for (int x = 0; x < SIDE; x++)
            sum[x] += weights[x];
        for (int x = 0; x < SIDE; x++)
            sum[size + x] += weights[x] * found->x;
        for (int x = 0; x < SIDE; x++)
            sum[2 * size + x] += weights[x] * found->y;
    }
}

/* patches._averaged: `sums` has three maps that are all 0, `made` is a copy of given->backward. */
EXPORTED void videoseg_patches(const Pictures *given, float *sums, float *made)
{
    int64_t width = given->width, size = given->height * width;
    int64_t last_row = given->height - SIDE, last_column = width - SIDE;
    for (int64_t row = 0; row <= last_row; row = next_start(row, last_row))
        for (int64_t column = 0; column <= last_column; column = next_start(column, last_column)) {
            if (!is_near(given, row, column))
                continue;
            Search search;
            const Guess *found = searched(given, row, column, &search);
            add(found, width, size, sums + row * width + column);
        }
    for (int64_t at = 0; at < size; at++)
        if (sums[at] > 0) {
            made[2 * at] = sums[size + at] / sums[at];
            made[2 * at + 1] = sums[2 * size + at] / sums[at];
        }
}
