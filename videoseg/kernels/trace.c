/* What videoseg/outlines/trace.py finds: the rings of one bitmap, in the same order. */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Corner *items;
    int64_t count, room;
} Corners;

static int add_corner(Corners *corners, Corner corner)
{
    if (corners->count == corners->room) {
        int64_t room = corners->room ? 2 * corners->room : 512;
        Corner *larger = realloc(corners->items, sizeof(Corner) * (size_t)room);
        if (larger == NULL)
            return 0;
        corners->items = larger;
        corners->room = room;
    }
    corners->items[corners->count++] = corner;
    return 1;
}

static inline uint64_t word_at(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* Corners on one line of the grid, between two rows of `width` pixels with one empty to either side
 * and eight behind. */
static int line_corners(const uint8_t *above, const uint8_t *below, int64_t width, int32_t y,
                        Corners *corners)
{
    for (int64_t begin = 0; begin <= width; begin += 8) {
        /* Nothing ends or begins where all pixels are as those above them. */
        if (word_at(above + begin) == word_at(below + begin) &&
            above[begin + 8] == below[begin + 8])
            continue;
        int64_t end = begin + 8 <= width + 1 ? begin + 8 : width + 1;
        for (int64_t x = begin; x < end; x++) {
            int left = above[x] ^ below[x], right = above[x + 1] ^ below[x + 1];
            int saddle = left & right & (above[x] ^ above[x + 1]);
            if (left == right && !saddle)
                continue;
            Corner corner = {(int32_t)x, y, (uint8_t)saddle, above[x], below[x + 1]};
            for (int n = 0; n <= saddle; n++)
                if (!add_corner(corners, corner))
                    return 0;
        }
    }
    return 1;
}

/* trace._corners. */
static int all_corners(const uint8_t *bitmap, int64_t height, int64_t width, Corners *corners)
{
    size_t stride = (size_t)width + 18;
    uint8_t *rows = calloc(2 * stride, 1);
    int fine = rows != NULL;
    for (int64_t y = 0; fine && y <= height; y++) {
        uint8_t *above = rows + (y % 2) * stride, *below = rows + ((y + 1) % 2) * stride;
        if (y < height)
            memcpy(below + 1, bitmap + y * width, (size_t)width);
        else
            memset(below, 0, stride);
        fine = line_corners(above, below, width, (int32_t)y, corners);
    }
    free(rows);
    return fine;
}

static void join(int64_t *open, int64_t *partner, int64_t corner)
{
    if (*open < 0) {
        *open = corner;
    } else {
        partner[corner] = *open;
        partner[*open] = corner;
        *open = -1;
    }
}

/* trace._upright_partners: what is open in each column is the end of an edge that goes down. */
static int upright_partners(const Corners *corners, int64_t width, int64_t *partner)
{
    int64_t *open = malloc(sizeof(int64_t) * (size_t)(width + 1));
    if (open == NULL)
        return 0;
    for (int64_t x = 0; x <= width; x++)
        open[x] = -1;
    for (int64_t n = 0; n < corners->count; n++) {
        const Corner *corner = corners->items + n;
        if (corner->saddle) {
            int64_t first = n + corner->upper_left, second = n + !corner->upper_left;
            join(open + corner->x, partner, first);
            join(open + corner->x, partner, second);
            n++;
        } else {
            join(open + corner->x, partner, n);
        }
    }
    free(open);
    return 1;
}

/* trace._cycles, with both ends of each edge. `partner` is used up. */
static int walk(const Corners *corners, int64_t *partner, Rings *found)
{
    int64_t edges = corners->count / 2, at = 0;
    uint8_t *done = calloc((size_t)(edges + 1), 1);
    if (done == NULL)
        return 0;
    for (int64_t first = 0; first < edges; first++) {
        if (done[first])
            continue;
        found->starts[found->rings++] = at;
        for (int64_t edge = first; !done[edge];) {
            const Corner *left = corners->items + 2 * edge;
            int rightward = left->lower_right;
            done[edge] = 1;
            found->corners[at++] = left[!rightward];
            found->corners[at++] = left[rightward];
            edge = partner[2 * edge + rightward] / 2;
        }
    }
    found->starts[found->rings] = at;
    found->count = at;
    free(done);
    return 1;
}

static void measure(Rings *found)
{
    for (int64_t ring = 0; ring < found->rings; ring++) {
        int64_t area = 0;
        for (int64_t n = found->starts[ring]; n < found->starts[ring + 1]; n += 2) {
            const Corner *one = found->corners + n;
            area += (int64_t)(one[0].x - one[1].x) * one[0].y;
        }
        found->areas[ring] = area;
    }
}

/* The ring whose upright edge lies left of pixel (x, y), and of all pixels up to the one at `from`
 * that lie in the same run. */
static int64_t ring_left_of(const Rings *found, int64_t from, int64_t y)
{
    int64_t nearest = -1, ring_there = -1;
    for (int64_t ring = 0; ring < found->rings; ring++)
        for (int64_t n = found->starts[ring]; n < found->starts[ring + 1]; n += 2) {
            /* Upright edges lead from the second end of each level one to the next's first. */
            const Corner *one = found->corners + n + 1;
            int64_t next = n + 2 < found->starts[ring + 1] ? n + 2 : found->starts[ring];
            int32_t top = one->y, bottom = found->corners[next].y;
            if (top > bottom) {
                int32_t swapped = top;
                top = bottom;
                bottom = swapped;
            }
            if (top <= y && y < bottom && one->x <= from && one->x > nearest) {
                nearest = one->x;
                ring_there = ring;
            }
        }
    return ring_there;
}

/* vectorize._parts_around: left of a hole's top is an edge of the same part, that of its outer ring or
 * that of another hole, which comes before it. */
static void find_owners(Rings *found)
{
    for (int64_t ring = 0; ring < found->rings; ring++) {
        found->owners[ring] = -1;
        if (found->areas[ring] > 0)
            continue;
        const Corner *first = found->corners + found->starts[ring];
        int64_t x = first[0].x < first[1].x ? first[0].x : first[1].x;
        int64_t beside = ring_left_of(found, x, first->y - 1);
        found->owners[ring] = found->areas[beside] > 0 ? beside : found->owners[beside];
    }
}

/* The rings of a bitmap, 0 or 1 in each pixel; 0: no memory. */
int rings_of(const uint8_t *bitmap, int64_t height, int64_t width, Rings *found)
{
    Corners corners = {NULL, 0, 0};
    memset(found, 0, sizeof *found);
    int fine = all_corners(bitmap, height, width, &corners);
    size_t count = (size_t)corners.count + 1;
    int64_t *partner = malloc(sizeof(int64_t) * count);
    found->corners = malloc(sizeof(Corner) * count);
    found->starts = malloc(3 * sizeof(int64_t) * count);
    fine = fine && partner != NULL && found->corners != NULL && found->starts != NULL;
    if (fine) {
        found->owners = found->starts + count;
        found->areas = found->starts + 2 * count;
        fine = upright_partners(&corners, width, partner) && walk(&corners, partner, found);
    }
    if (fine) {
        measure(found);
        find_owners(found);
    }
    free(partner);
    free(corners.items);
    if (!fine)
        forget_rings(found);
    return fine;
}

void forget_rings(Rings *rings)
{
    free(rings->corners);
    free(rings->starts);
    memset(rings, 0, sizeof *rings);
}
