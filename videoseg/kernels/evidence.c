/* What videoseg/motion/evidence.py computes, without the interpreter: the same bytes. */
#include "kernels.h"
#include "sampling.h"

#include <math.h>

enum { HALVINGS = 6 };
static const float TRUSTED_ERROR = 0.3f;

typedef struct {
    const uint8_t *previous, *current, *near_;
    const float *slope, *backward;
    int64_t height, width;
} Pictures;

static inline float shade_at(const Pictures *given, float x, float y)
{
    Bilinear at = bilinear_at(x, y, given->width, given->height);
    const uint8_t *one = given->previous + at.corner, *below = one + at.below;
    float corners[4] = {one[0], one[at.right], below[0], below[at.right]};
    return mixed(at.across, at.down, corners);
}

/* evidence._inverse */
static inline void inverse_at(const Pictures *given, float x, float y, float *to)
{
    int32_t left = (int32_t)(clippedf(to[0], 0, (float)(given->width - 1)) + 0.5f);
    int32_t top = (int32_t)(clippedf(to[1], 0, (float)(given->height - 1)) + 0.5f);
    const float *backward = given->backward, *first = backward + 2 * (top * given->width + left);
    Bilinear at = bilinear_at(x - first[0], y - first[1], given->width, given->height);
    to[0] = x - sampled(&at, backward, 2);
    to[1] = y - sampled(&at, backward + 1, 2);
}

/* What is near, and one pixel more around it. */
static void widened(const Pictures *given, uint8_t *wider)
{
    int64_t width = given->width;
    for (int64_t y = 0; y < given->height; y++) {
        const uint8_t *here = given->near_ + y * width;
        const uint8_t *above = y > 0 ? here - width : here;
        const uint8_t *below = y + 1 < given->height ? here + width : here;
        uint8_t *made = wider + y * width;
        for (int64_t x = 0; x < width; x++)
            made[x] = above[x] | here[x] | below[x];
        uint8_t before = 0;
        for (int64_t x = 0; x < width; x++) {
            uint8_t now = made[x], after = x + 1 < width ? made[x + 1] : 0;
            made[x] = before | now | after;
            before = now;
        }
    }
}

/* Where a pixel was, and trust. */
typedef struct {
    float x, y, trust;
} Evidence;

/* evidence._trust; what is off is known about each pixel that is asked for. */
static float trust_at(const Pictures *given, const float *off, int64_t x, int64_t y)
{
    int64_t left = x > 0 ? -1 : 0, right = x + 1 < given->width, rows[3];
    for (int n = 0; n < 3; n++) {
        int64_t row = y + n - 1;
        rows[n] = (row < 0 ? 0 : row < given->height ? row : given->height - 1) * given->width + x;
    }
    float sums[3];
    for (int n = 0; n < 3; n++)
        sums[n] = (off[rows[n] + left] + off[rows[n]]) + off[rows[n] + right];
    float mean = ((sums[0] + sums[1]) + sums[2]) * (1.0f / 9);
    float error = mean / given->slope[rows[1]] * (1 / TRUSTED_ERROR);
    float trust = 1 - error * error * (1.0f / (1 << HALVINGS));
    trust = trust > 0 ? trust : 0;
    for (int n = 0; n < HALVINGS; n++)
        trust *= trust;
    return trust;
}

/* evidence.motion_between: the three arrays have room for each pixel. */
EXPORTED void videoseg_evidence(const Pictures *given, int inverted, uint8_t *wider, float *off,
                                Evidence *evidence)
{
    float sign = inverted ? -1 : 1;
    widened(given, wider);
    for (int64_t y = 0, at = 0; y < given->height; y++)
        for (int64_t x = 0; x < given->width; x++, at++) {
            const float *backward = given->backward + 2 * at;
            float to[2] = {(float)x + sign * backward[0], (float)y + sign * backward[1]};
            if (wider[at]) {
                if (inverted)
                    inverse_at(given, (float)x, (float)y, to);
                off[at] = fabsf(shade_at(given, to[0], to[1]) - (float)given->current[at]);
            }
            evidence[at] = (Evidence){to[0], to[1], 0};
        }
    for (int64_t y = 0, at = 0; y < given->height; y++)
        for (int64_t x = 0; x < given->width; x++, at++)
            if (given->near_[at])
                evidence[at].trust = trust_at(given, off, x, y);
}
