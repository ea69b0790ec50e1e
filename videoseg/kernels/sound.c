/* What simplify.culprits and raster.wrong_pixels tell of polygons, in whole numbers. */
#include "sound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 16, MOST_RINGS = 64 };

typedef struct {
    Vertex begin, end;
    int64_t top, bottom, left, right;
    int64_t next; /* the one that begins where this one ends */
    int64_t place;
} Side;

static int by_top(const void *one, const void *other)
{
    int64_t a = ((const Side *)one)->top, b = ((const Side *)other)->top;
    return a < b ? -1 : a > b;
}

static inline int64_t turn(const Vertex *a, const Vertex *b, const Vertex *c)
{
    int64_t found = (b->x - a->x) * (c->y - a->y) - (b->y - a->y) * (c->x - a->x);
    return found < 0 ? -1 : found > 0;
}

/* Whether two sides have a point in common, other than the one where the second begins. */
static int meet(const Side *one, const Side *other)
{
    if (one->left > other->right || other->left > one->right || one->top > other->bottom ||
        other->top > one->bottom)
        return 0;
    if (one->next == other->place || other->next == one->place) {
        const Side *first = one->next == other->place ? one : other;
        const Side *then = first == one ? other : one;
        int64_t x = first->end.x - first->begin.x, y = first->end.y - first->begin.y;
        int64_t u = then->end.x - then->begin.x, v = then->end.y - then->begin.y;
        return x * v == y * u && x * u + y * v <= 0;
    }
    return turn(&one->begin, &one->end, &other->begin) * turn(&one->begin, &one->end, &other->end) <= 0 &&
           turn(&other->begin, &other->end, &one->begin) * turn(&other->begin, &other->end, &one->end) <= 0;
}

static int any_meet(const Vertex *points, const int64_t *ends, int64_t rings)
{
    int64_t count = ends[rings - 1], begin = 0;
    Side *sides = malloc(sizeof(Side) * (size_t)count);
    int found = sides == NULL;
    for (int64_t ring = 0; !found && ring < rings; begin = ends[ring++])
        for (int64_t n = begin; n < ends[ring]; n++) {
            int64_t next = n + 1 < ends[ring] ? n + 1 : begin;
            Vertex a = points[n], b = points[next];
            Side side = {a, b, a.y < b.y ? a.y : b.y, a.y > b.y ? a.y : b.y, a.x < b.x ? a.x : b.x,
                         a.x > b.x ? a.x : b.x, next, n};
            sides[n] = side;
            found |= a.x == b.x && a.y == b.y;
        }
    if (!found)
        qsort(sides, (size_t)count, sizeof(Side), by_top);
    for (int64_t n = 0; !found && n < count; n++)
        for (int64_t other = n + 1; other < count && sides[other].top <= sides[n].bottom; other++)
            if (meet(sides + n, sides + other)) {
                found = 1;
                break;
            }
    free(sides);
    return found;
}

static int64_t twice_area(const Vertex *points, int64_t begin, int64_t end)
{
    int64_t sum = 0;
    for (int64_t n = begin; n < end; n++) {
        const Vertex *a = points + n, *b = points + (n + 1 < end ? n + 1 : begin);
        sum += (a->x - points[begin].x) * (b->y - points[begin].y) -
               (a->y - points[begin].y) * (b->x - points[begin].x);
    }
    return sum;
}

/* Whether a point that lies on no side is in a ring. */
static int is_inside(const Vertex *point, const Vertex *points, int64_t begin, int64_t end)
{
    int inside = 0;
    for (int64_t n = begin; n < end; n++) {
        const Vertex *a = points + n, *b = points + (n + 1 < end ? n + 1 : begin);
        if ((a->y > point->y) == (b->y > point->y))
            continue;
        int64_t side = turn(a, b, point);
        inside ^= b->y > a->y ? side > 0 : side < 0;
    }
    return inside;
}

/* The smallest ring about another one, of rings that do not meet; -1 where there is none. */
static int64_t ring_about(const Vertex *points, const int64_t *ends, int64_t rings, int64_t ring,
                          const int64_t *areas)
{
    int64_t found = -1;
    const Vertex *point = points + (ring ? ends[ring - 1] : 0);
    for (int64_t n = 0; n < rings; n++)
        if (n != ring && (found < 0 || llabs(areas[n]) < llabs(areas[found])) &&
            is_inside(point, points, n ? ends[n - 1] : 0, ends[n]))
            found = n;
    return found;
}

/* Whether rings neither meet themselves nor one another, and lie in one another as they should. */
int is_sound(const Vertex *points, const int64_t *ends, const int64_t *owners, int64_t rings)
{
    int64_t areas[MOST_RINGS];
    if (rings > MOST_RINGS)
        return 0;
    for (int64_t ring = 0; ring < rings; ring++) {
        int64_t begin = ring ? ends[ring - 1] : 0;
        areas[ring] = twice_area(points, begin, ends[ring]);
        if (ends[ring] - begin < 3 || areas[ring] == 0 || (areas[ring] > 0) != (owners[ring] < 0))
            return 0;
    }
    if (any_meet(points, ends, rings))
        return 0;
    for (int64_t ring = 0; rings > 1 && ring < rings; ring++) {
        int64_t about = ring_about(points, ends, rings, ring, areas);
        if (owners[ring] >= 0 ? about != owners[ring] : about >= 0 && owners[about] < 0)
            return 0;
    }
    return 1;
}

/* raster.wrong_pixels ---------------------------------------------------------------------------*/

static inline int64_t clipped(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* ceil(value / PARTS) */
static inline int64_t up(int64_t value)
{
    return value >= 0 ? (value + PARTS - 1) / PARTS : -(-value / PARTS);
}

typedef struct {
    int64_t top, rows; /* of the frame */
    int64_t *starts;   /* of what lies in each row, and behind the last */
    int32_t *columns;
} Crossings;

/* Rows whose middles lie between the ends of a side, of a frame. */
static void rows_of(const Vertex *a, const Vertex *b, int64_t height, int64_t *first, int64_t *last)
{
    int64_t upper = a->y < b->y ? a->y : b->y, lower = a->y < b->y ? b->y : a->y;
    *first = clipped(up(upper - PARTS / 2), 0, height);
    *last = clipped(up(lower - PARTS / 2), 0, height);
}

/* Calls for each side and row in which it lies: first to count, then to fill in. */
static void cross(const Vertex *points, const int64_t *ends, int64_t rings, int64_t frame_width,
                  int64_t frame_height, Crossings *found, int64_t *filled)
{
    for (int64_t ring = 0, begin = 0; ring < rings; begin = ends[ring++])
        for (int64_t n = begin; n < ends[ring]; n++) {
            const Vertex *a = points + n, *b = points + (n + 1 < ends[ring] ? n + 1 : begin);
            const Vertex *upper = b->y > a->y ? a : b, *lower = b->y > a->y ? b : a;
            int64_t first, last;
            rows_of(a, b, frame_height, &first, &last);
            double x0 = (double)upper->x / PARTS, y0 = (double)upper->y / PARTS;
            double slope = ((double)lower->x / PARTS - x0) / ((double)lower->y / PARTS - y0);
            for (int64_t row = first; row < last; row++) {
                if (filled == NULL) {
                    found->starts[row - found->top + 1]++;
                    continue;
                }
                double x = x0 + ((double)row + 0.5 - y0) * slope;
                double column = ceil(x - 0.5);
                column = column < 0 ? 0 : column > (double)frame_width ? (double)frame_width : column;
                found->columns[filled[row - found->top]++] = (int32_t)column;
            }
        }
}

static int ascending(const void *one, const void *other)
{
    int32_t a = *(const int32_t *)one, b = *(const int32_t *)other;
    return a < b ? -1 : a > b;
}

static void sort(int32_t *values, int64_t count)
{
    if (count > 32) {
        qsort(values, (size_t)count, sizeof *values, ascending);
        return;
    }
    for (int64_t n = 1; n < count; n++) {
        int32_t value = values[n];
        int64_t at = n;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

/* Pixels of one row in which the runs between crossings are not those of a bitmap's row. */
static int64_t wrong_in_row(const uint8_t *pixels, int64_t left, int64_t width, const int32_t *columns,
                            int64_t count)
{
    int64_t wrong = 0, place = 0, at = 0;
    int64_t since = 0;
    int shown = 0, set = 0;
    for (;;) {
        /* The next place at which the bitmap's row changes, and the next at which the shape does. */
        int64_t change = INT64_MAX;
        if (pixels != NULL && at < width) {
            const uint8_t *next = memchr(pixels + at, !set, (size_t)(width - at));
            change = next == NULL ? (set ? left + width : INT64_MAX) : left + (next - pixels);
        }
        int64_t crossing = place < count ? columns[place] : INT64_MAX;
        int64_t here = change < crossing ? change : crossing;
        if (here == INT64_MAX)
            return wrong;
        if (shown != set)
            wrong += here - since;
        since = here;
        if (crossing == here) {
            shown = !shown;
            place++;
        } else {
            set = !set;
            at = here - left;
        }
    }
}

/* Pixels of the frame that polygons show otherwise than a bitmap in its window; -1: no memory. */
int64_t wrong_pixels(const uint8_t *bitmap, const int64_t *window, const Vertex *points,
                     const int64_t *ends, int64_t rings)
{
    int64_t left = window[0], top = window[1], frame_width = window[2], frame_height = window[3];
    int64_t height = window[4], width = window[5], wrong = 0, count = ends[rings - 1];
    int64_t highest = top, lowest = top + height;
    for (int64_t n = 0; n < count; n++) {
        int64_t first, last;
        rows_of(points + n, points + n, frame_height, &first, &last);
        highest = first < highest ? first : highest;
        lowest = last > lowest ? last : lowest;
    }
    Crossings found = {highest, lowest - highest, NULL, NULL};
    found.starts = calloc(2 * (size_t)(found.rows + 2), sizeof(int64_t));
    if (found.starts == NULL)
        return -1;
    int64_t *filled = found.starts + found.rows + 2;
    cross(points, ends, rings, frame_width, frame_height, &found, NULL);
    for (int64_t row = 0; row < found.rows; row++) {
        found.starts[row + 1] += found.starts[row];
        filled[row] = found.starts[row];
    }
    found.columns = malloc(sizeof(int32_t) * (size_t)(found.starts[found.rows] + 1));
    if (found.columns == NULL) {
        free(found.starts);
        return -1;
    }
    cross(points, ends, rings, frame_width, frame_height, &found, filled);
    for (int64_t row = 0; row < found.rows; row++) {
        int32_t *columns = found.columns + found.starts[row];
        int64_t crossings = found.starts[row + 1] - found.starts[row], y = highest + row - top;
        sort(columns, crossings);
        const uint8_t *pixels = y >= 0 && y < height ? bitmap + y * width : NULL;
        wrong += wrong_in_row(pixels, left, width, columns, crossings);
    }
    free(found.columns);
    free(found.starts);
    return wrong;
}
