/* What videoseg/roto matches of one ring to another, without the interpreter: the same bytes. */
#include "exact_sums.h"

/* A ring that others are matched to. */
typedef struct {
    const double *directed; /* places x 4: x, y and the direction there in pixels */
    const double *ways;     /* places x 2: the direction */
    int64_t places;
    const double *boxes; /* blocks x 2 x 4: least and greatest numbers of a block of places */
    int64_t block;       /* places of each */
} Target;

typedef struct {
    double per_radian, outlier, along_weight, rigid_weight, ridge;
    int64_t rounds;
} Settling;

static inline double apart(const double *one, const double *other)
{
    double away = 0;
    for (int axis = 0; axis < 4; axis++) {
        double offset = one[axis] - other[axis];
        away += offset * offset;
    }
    return away;
}

/* A number that no place of a block is closer than. */
static inline double least_apart(const double *box, const double *point)
{
    double away = 0;
    for (int axis = 0; axis < 4; axis++) {
        double below = box[axis] - point[axis], above = point[axis] - box[4 + axis];
        double offset = below > above ? below : above;
        offset = offset > 0 ? offset : 0;
        away += offset * offset;
    }
    return away;
}

/* The place nearest to a point and its direction, the first of several; `guess` may be it. */
static int64_t nearest(const Target *target, const double *point, int64_t guess)
{
    int64_t found = guess;
    double best = apart(target->directed + 4 * guess, point);
    for (int64_t first = 0, block = 0; first < target->places; first += target->block, block++) {
        if (least_apart(target->boxes + 8 * block, point) > best)
            continue;
        int64_t after = first + target->block;
        after = after < target->places ? after : target->places;
        for (int64_t at = first; at < after; at++) {
            double away = apart(target->directed + 4 * at, point);
            if (away < best || (away == best && at < found))
                best = away, found = at;
        }
    }
    return found;
}

/* target_ring.directions, in pixels: of each point of a ring x, y and direction. */
static void direct(const double *points, int64_t count, double per_radian, double *directed)
{
    for (int64_t n = 0; n < count; n++) {
        const double *before = points + 2 * (n ? n - 1 : count - 1);
        const double *after = points + 2 * (n + 1 < count ? n + 1 : 0);
        double x = after[0] - before[0], y = after[1] - before[1];
        double length = sqrt(x * x + y * y);
        length = length > 1e-9 ? length : 1e-9;
        directed[4 * n] = points[2 * n], directed[4 * n + 1] = points[2 * n + 1];
        directed[4 * n + 2] = per_radian * (x / length);
        directed[4 * n + 3] = per_radian * (y / length);
    }
}

/* The nearest place to each of some points. */
static void find_nearest(const Target *target, const double *directed, int64_t count,
                         int64_t *found)
{
    int64_t guess = 0;
    for (int64_t n = 0; n < count; n++) {
        guess = found[n] = nearest(target, directed + 4 * n, guess);
        guess = guess + 1 < target->places ? guess + 1 : 0;
    }
}

/* TargetRing.nearest: 0 = no memory. */
EXPORTED int videoseg_nearest(const Target *target, const double *points, int64_t count,
                              double per_radian, int64_t *found)
{
    double *directed = malloc(sizeof(double) * 4 * (size_t)(count + 1));
    if (directed == NULL)
        return 0;
    direct(points, count, per_radian, directed);
    find_nearest(target, directed, count, found);
    free(directed);
    return 1;
}

/* correspondence._solved: the answer in place of what is asked for. */
static void solve(double moments[6][6], double *wanted)
{
    for (int row = 0; row < 6; row++)
        for (int column = 0; column <= row; column++) {
            double left = moments[row][column];
            for (int n = 0; n < column; n++)
                left -= moments[row][n] * moments[column][n];
            if (row == column)
                moments[row][row] = sqrt(left > 1e-12 ? left : 1e-12);
            else
                moments[row][column] = left / moments[column][column];
        }
    for (int row = 0; row < 6; row++) {
        for (int n = 0; n < row; n++)
            wanted[row] -= moments[row][n] * wanted[n];
        wanted[row] /= moments[row][row];
    }
    for (int row = 5; row >= 0; row--) {
        for (int n = row + 1; n < 6; n++)
            wanted[row] -= moments[n][row] * wanted[n];
        wanted[row] /= moments[row][row];
    }
}

/* Sums of products over points: KINDS numbers that say how much each counts, by BASES. */
enum { KINDS = 5, BASES = 6 };

WIDE static void sum_products(const double *points, const double *target, const double *ways,
                              const double *weight, int64_t count, const double *centre,
                              double size, double along_weight, double sums[KINDS][BASES])
{
    double totals[KINDS][BASES] = {{0}};
    for (int64_t n = 0; n < count; n++) {
        double x = (points[2 * n] - centre[0]) / size, y = (points[2 * n + 1] - centre[1]) / size;
        double off_x = target[2 * n] - points[2 * n], off_y = target[2 * n + 1] - points[2 * n + 1];
        double way_x = ways[2 * n], way_y = ways[2 * n + 1];
        double across = weight[n], along = weight[n] * along_weight;
        double off_across = -way_y * off_x + way_x * off_y, off_along = way_x * off_x + way_y * off_y;
        double kinds[KINDS] = {
            across * (way_y * way_y) + along * (way_x * way_x),
            along * (way_x * way_y) - across * (way_x * way_y),
            across * (way_x * way_x) + along * (way_y * way_y),
            along * way_x * off_along - across * way_y * off_across,
            along * way_y * off_along + across * way_x * off_across,
        };
        double bases[BASES] = {x * x, x * y, y * y, x, y, 1};
        for (int kind = 0; kind < KINDS; kind++)
            for (int base = 0; base < BASES; base++)
                totals[kind][base] += on_grid(kinds[kind] * bases[base]);
    }
    for (int kind = 0; kind < KINDS; kind++)
        for (int base = 0; base < BASES; base++)
            sums[kind][base] = totals[kind][base];
}

/* The middle of points, and how large they are. */
static double measure(const double *points, int64_t count, double *centre)
{
    double total = 0;
    centre[0] = centre[1] = 0;
    for (int64_t n = 0; n < 2 * count; n++)
        centre[n % 2] += on_grid(points[n]);
    centre[0] /= (double)count, centre[1] /= (double)count;
    for (int64_t n = 0; n < count; n++) {
        double x = points[2 * n] - centre[0], y = points[2 * n + 1] - centre[1];
        total += on_grid(sqrt(x * x + y * y));
    }
    total = total / (double)count * 0.7071067811865476;
    return total > 1e-9 ? total : 1e-9;
}

/* correspondence._shifted, in place. */
static void shift(double *points, const double *target, const double *weight, int64_t count)
{
    double total = 0, off[2] = {0, 0};
    for (int64_t n = 0; n < count; n++) {
        total += on_grid(weight[n]);
        for (int axis = 0; axis < 2; axis++)
            off[axis] += on_grid(weight[n] * (target[2 * n + axis] - points[2 * n + axis]));
    }
    total = total > 1e-9 ? total : 1e-9;
    for (int64_t n = 0; n < 2 * count; n++)
        points[n] += off[n % 2] / total;
}

/* correspondence._fitted, in place. */
EXPORTED void videoseg_fitted(double *points, const double *target, const double *ways,
                              const double *weight, int64_t count, const Settling *settling)
{
    static const int at[3][3] = {{0, 1, 3}, {1, 2, 4}, {3, 4, 5}}; /* the base of x, y, 1 times
                                                                      x, y, 1 */
    static const double rigid[3] = {1, 1, 0};
    double centre[2], sums[KINDS][BASES], moments[6][6], wanted[6];
    double size = measure(points, count, centre);
    sum_products(points, target, ways, weight, count, centre, size, settling->along_weight, sums);
    for (int row = 0; row < 6; row++) {
        for (int column = 0; column < 6; column++)
            moments[row][column] = sums[row / 3 + column / 3][at[row % 3][column % 3]];
        moments[row][row] += (double)count * settling->rigid_weight * rigid[row % 3] +
                             settling->ridge;
        wanted[row] = sums[3 + row / 3][3 + row % 3];
    }
    solve(moments, wanted);
    for (int64_t n = 0; n < count; n++) {
        double x = (points[2 * n] - centre[0]) / size, y = (points[2 * n + 1] - centre[1]) / size;
        points[2 * n] += wanted[0] * x + wanted[1] * y + wanted[2];
        points[2 * n + 1] += wanted[3] * x + wanted[4] * y + wanted[5];
    }
}

static int ascending(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* The greater of a number and twice the median; `room` has that for all. */
static double scale_of(const double *distances, int64_t count, double least, double *room)
{
    int64_t small = 0;
    for (int64_t n = 0; n < count; n++)
        small += 2 * distances[n] <= least;
    if (small > count / 2)
        return least;
    for (int64_t n = 0; n < count; n++)
        room[n] = distances[n];
    qsort(room, (size_t)count, sizeof(double), ascending);
    double median = (room[(count - 1) / 2] + room[count / 2]) / 2;
    return 2 * median > least ? 2 * median : least;
}

/* correspondence._settled, in place: 0 = no memory. */
EXPORTED int videoseg_settled(const Target *target, double *points, int64_t count,
                              const Settling *settling)
{
    int64_t *found = malloc(sizeof(int64_t) * (size_t)(count + 1));
    double *room = malloc(sizeof(double) * 11 * (size_t)(count + 1));
    int done = found != NULL && room != NULL;
    double *directed = room, *places = room + 4 * count, *ways = room + 6 * count;
    double *distances = room + 8 * count, *weight = room + 9 * count, *sorted = room + 10 * count;
    for (int64_t round = 0; done && round < settling->rounds; round++) {
        direct(points, count, settling->per_radian, directed);
        find_nearest(target, directed, count, found);
        for (int64_t n = 0; n < count; n++) {
            for (int axis = 0; axis < 2; axis++) {
                places[2 * n + axis] = target->directed[4 * found[n] + axis];
                ways[2 * n + axis] = target->ways[2 * found[n] + axis];
            }
            double x = places[2 * n] - points[2 * n], y = places[2 * n + 1] - points[2 * n + 1];
            distances[n] = sqrt(x * x + y * y);
        }
        double scale = scale_of(distances, count, settling->outlier, sorted);
        for (int64_t n = 0; n < count; n++) {
            double share = distances[n] / scale;
            weight[n] = 1 / (1 + share * share);
        }
        if (round)
            videoseg_fitted(points, places, ways, weight, count, settling);
        else
            shift(points, places, weight, count);
    }
    free(found);
    free(room);
    return done;
}

/* TargetRing.slide: `places` in place, and which of them are closer than `most`; 0 = no memory. */
EXPORTED int videoseg_slide(const Target *target, const double *points, int64_t count,
                            double per_radian, int64_t reach, double most, int64_t *places,
                            uint8_t *near)
{
    double *directed = malloc(sizeof(double) * 4 * (size_t)(count + 1));
    if (directed == NULL)
        return 0;
    direct(points, count, per_radian, directed);
    for (int64_t n = 0; n < count; n++) {
        const double *point = directed + 4 * n;
        int64_t found = 0, at = (places[n] - reach) % target->places;
        at = at < 0 ? at + target->places : at;
        double least = INFINITY;
        for (int64_t step = -reach; step <= reach; step++) {
            double away = apart(target->directed + 4 * at, point);
            if (away < least)
                least = away, found = at;
            at = at + 1 < target->places ? at + 1 : 0;
        }
        double x = target->directed[4 * found] - point[0];
        double y = target->directed[4 * found + 1] - point[1];
        near[n] = sqrt(x * x + y * y) < most;
        places[n] = near[n] ? found : places[n];
    }
    free(directed);
    return 1;
}

/* Edges of a closed polygon: where they begin, their way, and its squared length. */
typedef struct {
    const double *corners;
    double *ways, *squares;
    int64_t count;
    double longest; /* squared */
} Edges;

static Edges edges_of(const double *corners, int64_t count, double *room)
{
    Edges edges = {corners, room, room + 2 * count, count, 0};
    for (int64_t n = 0; n < count; n++) {
        const double *end = corners + 2 * (n + 1 < count ? n + 1 : 0);
        double x = end[0] - corners[2 * n], y = end[1] - corners[2 * n + 1], square = x * x + y * y;
        edges.ways[2 * n] = x, edges.ways[2 * n + 1] = y;
        edges.squares[n] = square > 1e-12 ? square : 1e-12;
        edges.longest = square > edges.longest ? square : edges.longest;
    }
    return edges;
}

/* Whether a point is no further than so much, squared, from an edge; `reach`, squared, is more than
 * the begin of such an edge is away. */
static inline int is_close(const Edges *edges, int64_t edge, const double *point, double bound,
                           double reach)
{
    const double *begin = edges->corners + 2 * edge, *way = edges->ways + 2 * edge;
    double x = point[0] - begin[0], y = point[1] - begin[1];
    if (x * x + y * y > reach)
        return 0;
    double share = clipped((x * way[0] + y * way[1]) / edges->squares[edge], 0, 1);
    double off_x = x - share * way[0], off_y = y - share * way[1];
    return off_x * off_x + off_y * off_y <= bound;
}

/* How many of some points are further than so much from all edges; one more than are allowed where
 * there are more. */
static int64_t far_points(const double *points, int64_t count, int64_t stride, const Edges *edges,
                          double bound, int64_t allowed)
{
    int64_t far_ = 0, guess = 0, half = edges->count / 2 + 1;
    double reach = bound + sqrt(edges->longest), limit = bound * bound;
    reach = reach * reach * (1 + 1e-9);
    for (int64_t n = 0; n < count && far_ <= allowed; n++) {
        const double *point = points + 2 * n * stride;
        int64_t found = -1, ahead = guess, behind = guess;
        for (int64_t step = 0; step < half && found < 0; step++) {
            if (is_close(edges, ahead, point, limit, reach))
                found = ahead;
            else if (is_close(edges, behind, point, limit, reach))
                found = behind;
            ahead = ahead + 1 < edges->count ? ahead + 1 : 0;
            behind = behind ? behind - 1 : edges->count - 1;
        }
        far_ += found < 0;
        guess = found < 0 ? guess : found;
    }
    return far_;
}

/* target_ring.evenly: points as far from one another along a polygon; `room` has that for the
 * length up to each of its corners, and one more. */
static void place_evenly(const double *ring, int64_t count, double *room, double *made,
                         int64_t wanted)
{
    room[0] = 0;
    for (int64_t n = 0; n < count; n++) {
        const double *begin = ring + 2 * n, *end = ring + 2 * (n + 1 < count ? n + 1 : 0);
        double x = end[0] - begin[0], y = end[1] - begin[1];
        room[n + 1] = room[n] + sqrt(x * x + y * y);
    }
    double step = room[count] / (double)wanted;
    int64_t edge = 0;
    for (int64_t n = 0; n < wanted; n++) {
        double at = (double)n * step;
        while (edge + 1 < count && room[edge + 1] <= at)
            edge++;
        const double *begin = ring + 2 * edge, *end = ring + 2 * (edge + 1 < count ? edge + 1 : 0);
        double length = room[edge + 1] - room[edge];
        double share = (at - room[edge]) / (length > 1e-300 ? length : 1e-300);
        for (int axis = 0; axis < 2; axis++)
            made[2 * n + axis] = begin[axis] + share * (end[axis] - begin[axis]);
    }
}

/* knotted_rings.is_near: whether no more points of two rings than are allowed are further than so
 * much from the other, at `checks` places evenly along the drawn one and every `stride`th of the
 * other; -1 = no memory. */
EXPORTED int videoseg_is_near(const double *drawn, int64_t count, const double *places,
                              int64_t place_count, int64_t checks, int64_t stride, double bound,
                              int64_t allowed)
{
    size_t larger = (size_t)(count > place_count ? count : place_count) + 1;
    double *room = malloc(sizeof(double) * (3 * larger + 2 * (size_t)(checks + 1)));
    if (room == NULL)
        return -1;
    double *even = room + 3 * larger;
    place_evenly(drawn, count, room, even, checks);
    Edges edges = edges_of(places, place_count, room);
    int64_t far_ = far_points(even, checks, 1, &edges, bound, allowed);
    if (far_ <= allowed) {
        int64_t seen = (place_count + stride - 1) / stride;
        edges = edges_of(drawn, count, room);
        far_ += far_points(places, seen, stride, &edges, bound, allowed - far_);
    }
    free(room);
    return far_ <= allowed;
}
