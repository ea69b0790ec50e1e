/* What videoseg/outlines/polygons.py makes of one bitmap: the same points.
 *
 * All points lie on half pixels until they are moved, and then on a grid of 1 / GRID pixel, so
 * whether rings cross is told in whole numbers. What is sound is so beyond doubt; of all else the
 * Python code decides.
 */
#include "kernels.h"
#include "sound.h"
#include "trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SHARE = 0.5, GRID = 16, ROUNDING = 0.75 / 16, STIFFNESS = 0.01;
/* Parts of 1 on which sums are exact, as in geometry/arrays.py. */
static const double EXACT = 4096;

typedef struct {
    int32_t x, y; /* half pixels */
} Half;

typedef struct {
    double x, y;
} Place;

static inline int64_t around(int64_t n, int64_t count) { return n < 0 ? n + count : n >= count ? n - count : n; }

static inline double exact(double value) { return rint(value * EXACT) * (1 / EXACT); }

/* simplify.middle_line of one ring of `count` corners, before it is turned; how many points. */
static int64_t middle_line(const Corner *corners, int64_t count, int32_t *length, uint8_t *bends,
                           Half *points)
{
    int64_t made = 0;
    for (int64_t n = 0; n < count; n++) {
        const Corner *here = corners + n, *after = corners + around(n + 1, count);
        const Corner *before = corners + around(n - 1, count), *then = corners + around(n + 2, count);
        length[n] = abs(after->x - here->x) + abs(after->y - here->y);
        int32_t x = here->x - before->x, y = here->y - before->y;
        int32_t u = after->x - here->x, v = after->y - here->y;
        int32_t p = then->x - after->x, q = then->y - after->y;
        bends[n] = ((int64_t)x * v - (int64_t)y * u > 0) != ((int64_t)u * q - (int64_t)v * p > 0);
    }
    for (int64_t n = 0; n < count; n++) {
        int64_t last = around(n - 1, count), next = around(n + 1, count);
        int step = length[n] == 1 && bends[n], came = length[last] == 1 && bends[last];
        int follows = length[next] == 1 && bends[next];
        int32_t two_back = length[around(n - 2, count)], there = length[next];
        int32_t forward = bends[n] ? length[n] : 1, backward = bends[last] ? length[last] : 1;
        if (!bends[n] && came)
            forward = length[n] < two_back ? length[n] : two_back;
        if (!bends[last] && step)
            backward = length[last] < there ? length[last] : there;
        int cut = step || came || corners[n].saddle;
        if (corners[n].saddle && !step && !came)
            forward = backward = 1;
        /* What the next corner takes of this edge from its other end. */
        int32_t taken = bends[n] ? length[n] : 1;
        if (!bends[n] && follows) {
            int32_t beyond = length[around(n + 2, count)];
            taken = length[n] < beyond ? length[n] : beyond;
        }
        if (corners[next].saddle && !follows && !step)
            taken = 1;
        int next_cut = follows || step || corners[next].saddle;
        const Corner *before = corners + last, *after = corners + next;
        Half point = {2 * corners[n].x, 2 * corners[n].y};
        if (!cut) {
            points[made++] = point;
            continue;
        }
        int32_t x = (corners[n].x > before->x) - (corners[n].x < before->x);
        int32_t y = (corners[n].y > before->y) - (corners[n].y < before->y);
        points[made++] = (Half){point.x - backward * x, point.y - backward * y};
        if (next_cut && forward + taken == 2 * length[n])
            continue;
        x = (after->x > corners[n].x) - (after->x < corners[n].x);
        y = (after->y > corners[n].y) - (after->y < corners[n].y);
        points[made++] = (Half){point.x + forward * x, point.y + forward * y};
    }
    return made;
}

/* simplify.turned of one ring: `to` begins at the upper left; the place of the lower right. */
static int64_t turned(const Half *from, int64_t count, Half *to)
{
    int64_t first = 0, last = 0, least = INT64_MAX, most = INT64_MIN;
    for (int64_t n = 0; n < count; n++) {
        int64_t reach = 4 * (int64_t)from[n].x + 3 * (int64_t)from[n].y;
        if (reach < least)
            least = reach, first = n;
        if (reach > most)
            most = reach, last = n;
    }
    memcpy(to, from + first, sizeof(Half) * (size_t)(count - first));
    memcpy(to + count - first, from, sizeof(Half) * (size_t)first);
    return around(last - first, count);
}

/* How far a point is from the line between two others, pixels: as GEOS tells it. */
static double apart(const Half *point, const Half *from, const Half *to)
{
    double x = point->x * 0.5 - from->x * 0.5, y = point->y * 0.5 - from->y * 0.5;
    double along = to->x * 0.5 - from->x * 0.5, down = to->y * 0.5 - from->y * 0.5;
    double squared = along * along + down * down;
    double share = squared > 0 ? (x * along + y * down) / squared : 0;
    if (share <= 0)
        return sqrt(x * x + y * y);
    if (share >= 1) {
        x -= along, y -= down;
        return sqrt(x * x + y * y);
    }
    return fabs((-y * along + x * down) / squared) * sqrt(squared);
}

/* Marks the points that stay of those between two; `count` is the place of the first once more. */
static void keep_furthest(const Half *points, int64_t count, int64_t from, int64_t to, double tolerance,
                          uint8_t *kept, int64_t *stack)
{
    int64_t waiting = 0;
    stack[waiting++] = from, stack[waiting++] = to;
    while (waiting) {
        to = stack[--waiting], from = stack[--waiting];
        double most = -1;
        int64_t where = from;
        for (int64_t n = from + 1; n < to; n++) {
            double far_ = apart(points + n, points + from, points + (to == count ? 0 : to));
            if (far_ > most)
                most = far_, where = n;
        }
        if (most <= tolerance)
            continue;
        kept[where] = 1;
        stack[waiting++] = from, stack[waiting++] = where;
        stack[waiting++] = where, stack[waiting++] = to;
    }
}

/* polygons._best_lines of one stretch, from a kept point to the next. */
static void best_line(const Half *points, int64_t count, int64_t from, int64_t to, Place *normal,
                      Place *centre)
{
    double total = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t n = from; n < to; n++) {
            const Half *begin = points + n, *end = points + (n + 1 == count ? 0 : n + 1);
            double across = (end->x - begin->x) * 0.5, down = (end->y - begin->y) * 0.5;
            double length = exact(sqrt(across * across + down * down));
            double middle_x = (begin->x + end->x) * 0.25, middle_y = (begin->y + end->y) * 0.25;
            if (!pass) {
                total += length, x += length * middle_x, y += length * middle_y;
                continue;
            }
            across *= 0.5, down *= 0.5;
            double off_x = middle_x - centre->x, off_y = middle_y - centre->y;
            xx += exact(length * (off_x * off_x + across * across / 3));
            yy += exact(length * (off_y * off_y + down * down / 3));
            xy += exact(length * (off_x * off_y + across * down / 3));
        }
        centre->x = x / total, centre->y = y / total;
    }
    double spread = xx - yy, size = sqrt(spread * spread + 4 * (xy * xy));
    double larger = sqrt((size + fabs(spread)) / (size > 0 ? 2 * size : 1));
    double smaller = size > 0 ? fabs(xy) / (size * larger) : 0;
    double cosine = spread >= 0 ? (size > 0 ? larger : 1) : smaller;
    double sine = spread >= 0 ? smaller : larger;
    normal->x = xy < 0 ? sine : -sine;
    normal->y = cosine;
}

/* polygons._refit of one vertex, between two stretches, in parts of 1 / GRID pixel. */
static Vertex refit(const Half *at, const Place *normals[2], const Place *centres[2], double allowed)
{
    double x = at->x * 0.5, y = at->y * 0.5, offset[2];
    for (int n = 0; n < 2; n++)
        offset[n] = normals[n]->x * (centres[n]->x - x) + normals[n]->y * (centres[n]->y - y);
    const Place *one = normals[0], *other = normals[1];
    double xx = one->x * one->x + other->x * other->x + STIFFNESS;
    double xy = one->x * one->y + other->x * other->y;
    double yy = one->y * one->y + other->y * other->y + STIFFNESS;
    double wanted_x = one->x * offset[0] + other->x * offset[1];
    double wanted_y = one->y * offset[0] + other->y * offset[1];
    double determinant = xx * yy - xy * xy;
    double move_x = (yy * wanted_x - xy * wanted_y) / determinant;
    double move_y = (xx * wanted_y - xy * wanted_x) / determinant;
    double size = sqrt(move_x * move_x + move_y * move_y);
    double share = (size < allowed ? size : allowed) / (size > 1e-12 ? size : 1e-12);
    Vertex moved = {(int64_t)rint((x + move_x * share) * GRID), (int64_t)rint((y + move_y * share) * GRID)};
    return moved;
}

typedef struct {
    int32_t *length;
    uint8_t *bends, *kept;
    Half *line, *points;
    int64_t *stack, *places;
    Place *normals, *centres;
} Scratch;

/* One ring with fewer points; how many there are. */
static int64_t polygon_of(const Corner *corners, int64_t count, double tolerance, Scratch *scratch,
                          Vertex *found)
{
    count = middle_line(corners, count, scratch->length, scratch->bends, scratch->line);
    const Half *points = scratch->points;
    int64_t turning = turned(scratch->line, count, scratch->points), stay = 0;
    memset(scratch->kept, 0, (size_t)count);
    scratch->kept[0] = scratch->kept[turning] = 1;
    keep_furthest(points, count, 0, turning, SHARE * tolerance, scratch->kept, scratch->stack);
    keep_furthest(points, count, turning, count, SHARE * tolerance, scratch->kept, scratch->stack);
    for (int64_t n = 0; n < count; n++)
        if (scratch->kept[n])
            scratch->places[stay++] = n;
    scratch->places[stay] = count;
    for (int64_t n = 0; n < stay; n++)
        best_line(points, count, scratch->places[n], scratch->places[n + 1], scratch->normals + n,
                  scratch->centres + n);
    double allowed = (1 - SHARE) * tolerance - ROUNDING;
    for (int64_t n = 0; n < stay; n++) {
        int64_t before = around(n - 1, stay);
        const Place *normals[2] = {scratch->normals + before, scratch->normals + n};
        const Place *centres[2] = {scratch->centres + before, scratch->centres + n};
        found[n] = refit(points + scratch->places[n], normals, centres, allowed > 0 ? allowed : 0);
    }
    return stay;
}

static int has_scratch(size_t corners, Scratch *scratch)
{
    size_t points = 2 * corners + 2;
    scratch->length = malloc(sizeof(int32_t) * points);
    scratch->bends = malloc(2 * points);
    scratch->line = malloc(2 * sizeof(Half) * points);
    scratch->stack = malloc(3 * sizeof(int64_t) * points);
    scratch->normals = malloc(2 * sizeof(Place) * points);
    if (scratch->length == NULL || scratch->bends == NULL || scratch->line == NULL ||
        scratch->stack == NULL || scratch->normals == NULL)
        return 0;
    scratch->kept = scratch->bends + points;
    scratch->points = scratch->line + points;
    scratch->places = scratch->stack + 2 * points;
    scratch->centres = scratch->normals + points;
    return 1;
}

/* Rings of one bitmap that lies at `left`, `top` of its frame, float32 x and y, with where each one
 * ends and the outer ring that it is a hole of, or -1. How many rings there are; 0: Python has to
 * decide, or there is no room for all points. `wrong` pixels are shown otherwise than they are. */
EXPORTED int64_t videoseg_polygons(const uint8_t *bitmap, const int64_t *window, double tolerance,
                                   float *points, int64_t room, int64_t *ends, int64_t *owners,
                                   int64_t most, int64_t *wrong)
{
    int64_t left = window[0], top = window[1], height = window[4], width = window[5];
    Rings rings;
    Scratch scratch = {0};
    if (!rings_of(bitmap, height, width, &rings))
        return 0;
    Vertex *found = malloc(sizeof(Vertex) * (size_t)(2 * rings.count + 2));
    int64_t made = 0;
    int fine = found != NULL && rings.rings <= most && has_scratch((size_t)rings.count, &scratch);
    for (int64_t ring = 0; fine && ring < rings.rings; ring++) {
        int64_t begin = rings.starts[ring];
        made += polygon_of(rings.corners + begin, rings.starts[ring + 1] - begin, tolerance, &scratch,
                           found + made);
        ends[ring] = made;
        owners[ring] = rings.owners[ring];
        fine = made <= room;
    }
    fine = fine && is_sound(found, ends, owners, rings.rings);
    for (int64_t n = 0; fine && n < made; n++) {
        found[n].x += left * (int64_t)GRID, found[n].y += top * (int64_t)GRID;
        points[2 * n] = (float)((double)found[n].x / GRID);
        points[2 * n + 1] = (float)((double)found[n].y / GRID);
    }
    if (fine)
        *wrong = wrong_pixels(bitmap, window, found, ends, rings.rings);
    int64_t count = fine && *wrong >= 0 ? rings.rings : 0;
    free(scratch.length), free(scratch.bends), free(scratch.line);
    free(scratch.stack), free(scratch.normals);
    free(found);
    forget_rings(&rings);
    return count;
}
