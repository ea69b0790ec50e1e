/* What videoseg/outlines/trace.py computes, without the interpreter. */
#include <stdint.h>

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

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
