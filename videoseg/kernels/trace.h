/* Exact rings around the pixels of a bitmap, as trace.c finds them. */
#ifndef VIDEOSEG_TRACE_H
#define VIDEOSEG_TRACE_H

#include <stdint.h>

typedef struct {
    int32_t x, y;
    uint8_t saddle, upper_left, lower_right;
} Corner;

/* Ring r has the corners from starts[r] to starts[r + 1]. `owners` says which outer ring a hole lies
 * in, and -1 of outer rings; `areas` are negative for holes. */
typedef struct {
    Corner *corners;
    int64_t count;
    int64_t *starts, *owners, *areas;
    int64_t rings;
} Rings;

int rings_of(const uint8_t *bitmap, int64_t height, int64_t width, Rings *found);
void forget_rings(Rings *rings);

#endif
