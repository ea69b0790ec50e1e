/* Polygons of one bitmap, whose points are whole numbers: whether they are sound, and what they show. */
#ifndef VIDEOSEG_SOUND_H
#define VIDEOSEG_SOUND_H

#include <stdint.h>

/* In parts of a pixel, 16 of which are one. */
typedef struct {
    int64_t x, y;
} Vertex;

int is_sound(const Vertex *points, const int64_t *ends, const int64_t *owners, int64_t rings);
int64_t wrong_pixels(const uint8_t *bitmap, const int64_t *window, const Vertex *points,
                     const int64_t *ends, int64_t rings);

#endif
