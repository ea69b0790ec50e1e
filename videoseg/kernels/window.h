/* A mask in the window in which it is compared. */
#ifndef VIDEOSEG_WINDOW_H
#define VIDEOSEG_WINDOW_H

#include <stdint.h>

/* A mask's bitmap in a window, both pixels, and the grid of cells, `step` x `step` pixels, on it. */
typedef struct {
    const uint8_t *bitmap;
    int64_t x, y, bitmap_width, bitmap_height;
    int64_t width, height, columns, rows, step;
    double cell;
} Window;

#endif
