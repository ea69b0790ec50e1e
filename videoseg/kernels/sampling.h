/* Reading maps between their samples: what videoseg/geometry/sampling.py does, in its order. */
#ifndef VIDEOSEG_SAMPLING_H
#define VIDEOSEG_SAMPLING_H

#include <stdint.h>

static inline float clippedf(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

/* A place between four samples: the place of the upper left one, how far the others are from it,
 * and how far the place is from it, in samples. */
typedef struct {
    int64_t corner, right, below;
    float across, down;
} Bilinear;

/* Of a map of this size; beyond its border, as at it. */
static inline Bilinear bilinear_at(float x, float y, int64_t width, int64_t height)
{
    x = clippedf(x, 0, (float)(width - 1));
    y = clippedf(y, 0, (float)(height - 1));
    int32_t left = (int32_t)x, top = (int32_t)y;
    return (Bilinear){top * width + left, left + 1 < width, top + 1 < height ? width : 0,
                      x - (float)left, y - (float)top};
}

static inline float mixed(float across, float down, const float corners[4])
{
    float upper = corners[0] + across * (corners[1] - corners[0]);
    float lower = corners[2] + across * (corners[3] - corners[2]);
    return upper + down * (lower - upper);
}

/* One channel of a map of so many; `values` begins with that channel of the first sample. */
static inline float sampled(const Bilinear *at, const float *values, int64_t channels)
{
    const float *one = values + channels * at->corner, *below = one + channels * at->below;
    int64_t next = channels * at->right;
    float corners[4] = {one[0], one[next], below[0], below[next]};
    return mixed(at->across, at->down, corners);
}

#endif
