/* What videoseg/outlines computes of rings, without the interpreter: the same bytes. */
#include "kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#ifndef VIDEOSEG_SOURCES
#define VIDEOSEG_SOURCES ""
#endif

/* build.digest of the sources that this was compiled from. */
EXPORTED const char *videoseg_sources(void)
{
    return VIDEOSEG_SOURCES;
}

/* trace._cycles: the elements of a permutation cycle by cycle, and where each cycle starts; the
 * number of cycles. `after` is used up, `starts` has room for one more than there are elements. */
EXPORTED int64_t videoseg_cycles(int64_t *after, int64_t count, int64_t *order, int64_t *starts)
{
    int64_t found = 0, cycles = 0;
    starts[0] = 0;
    for (int64_t first = 0; first < count; first++) {
        int64_t at = first;
        if (after[at] < 0)
            continue;
        for (int64_t forward; (forward = after[at]) >= 0; at = forward) {
            order[found++] = at;
            after[at] = -1;
        }
        starts[++cycles] = found;
    }
    return cycles;
}

/* shortest_path._shortest: fills `chosen` from its end, and returns how many there are; `chosen`
 * has room for `count`. -1: no memory. */
EXPORTED int64_t videoseg_shortest(const int64_t *bounds, const int64_t *reaches,
                                   const double *costs, double rounding, int64_t base,
                                   int64_t start, int64_t count, int64_t *chosen)
{
    double *best = malloc(sizeof(double) * (size_t)(count + 1));
    int64_t *came = malloc(sizeof(int64_t) * (size_t)(count + 1));
    int64_t found = best == NULL || came == NULL ? -1 : 0;
    for (int64_t n = 0; found == 0 && n <= count; n++) {
        best[n] = n ? INFINITY : 0;
        came[n] = -1;
    }
    for (int64_t at = 0; found == 0 && at < count; at++) {
        int64_t where = base + (start + at) % count;
        for (int64_t place = bounds[where]; place < bounds[where + 1]; place++) {
            int64_t to = at + reaches[place];
            if (to <= count && best[at] + costs[place] < best[to] - rounding) {
                best[to] = best[at] + costs[place];
                came[to] = place;
            }
        }
    }
    for (int64_t at = count; found >= 0 && at > 0; at -= reaches[came[at]])
        chosen[count - ++found] = came[at];
    free(best);
    free(came);
    return found;
}
