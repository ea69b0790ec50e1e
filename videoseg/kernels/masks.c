/* What videoseg/geometry/masks.py and videoseg/tracking compute of masks, without the interpreter. */
#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t word_at(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* masks.intersection: pixels, 0 or 1, that are set in both of two windows. */
EXPORTED int64_t videoseg_common(const uint8_t *one, int64_t one_stride, const uint8_t *other,
                                 int64_t other_stride, int64_t rows, int64_t columns)
{
    const uint64_t bytes = 0x0101010101010101u;
    int64_t found = 0;
    for (int64_t row = 0; row < rows; row++) {
        const uint8_t *a = one + row * one_stride, *b = other + row * other_stride;
        int64_t n = 0;
        while (n + 8 <= columns) {
            /* Eight sums, of less than 256 words at a time. */
            int64_t end = n + 8 * 255 < columns ? n + 8 * 255 : columns;
            uint64_t sums = 0, even = 0x00ff00ff00ff00ffu;
            for (; n + 8 <= end; n += 8)
                sums += word_at(a + n) & word_at(b + n) & bytes;
            sums = (sums & even) + (sums >> 8 & even);
            found += (int64_t)((sums * 0x0001000100010001u) >> 48);
        }
        for (; n < columns; n++)
            found += a[n] & b[n];
    }
    return found;
}

/* Run lengths -----------------------------------------------------------------------------------*/

/* A mask's bitmap, its place and its frame's size. */
typedef struct {
    const uint8_t *bitmap;
    int64_t height, width, x, y, frame_width, frame_height;
} Crop;

/* Where pixels differ from those above them: counted by column, or put in order. */
static void changes(const Crop *crop, const uint8_t *nothing, int64_t *starts, int64_t *edges)
{
    for (int64_t row = 0; row <= crop->height; row++) {
        const uint8_t *above = row > 0 ? crop->bitmap + (row - 1) * crop->width : nothing;
        const uint8_t *here = row < crop->height ? crop->bitmap + row * crop->width : nothing;
        for (int64_t n = 0; n < crop->width;) {
            if (n + 8 <= crop->width && word_at(above + n) == word_at(here + n)) {
                n += 8;
                continue;
            }
            int64_t end = n + 8 < crop->width ? n + 8 : crop->width;
            for (; n < end; n++) {
                if (above[n] == here[n])
                    continue;
                if (edges == NULL)
                    starts[n + 1]++;
                else
                    edges[starts[n]++] = (crop->x + n) * crop->frame_height + crop->y + row;
            }
        }
    }
}

/* masks._compress of one number, as maskApi.c writes it. */
static int64_t write_number(int64_t number, char *text)
{
    int64_t count = 0;
    for (int more = 1; more;) {
        int64_t group = number & 0x1f;
        number >>= 5;
        more = group & 0x10 ? number != -1 : number != 0;
        text[count++] = (char)((group | (more ? 0x20 : 0)) + 48);
    }
    return count;
}

/* masks.run_lengths, put in place of edges; a run goes on in the next column where nothing is
 * between. How many there are. */
static int64_t runs_of(int64_t *edges, int64_t count, int64_t total)
{
    int64_t kept = 0, before = 0;
    for (int64_t n = 0; n < count; n++) {
        if (n % 2 && n + 1 < count && edges[n] == edges[n + 1]) {
            n++;
            continue;
        }
        edges[kept++] = edges[n];
    }
    for (int64_t n = 0; n < kept; n++) {
        int64_t edge = edges[n];
        edges[n] = edge - before;
        before = edge;
    }
    if (before < total)
        edges[kept++] = total - before;
    return kept;
}

/* masks.encode_rle; the length of the text, which must be freed, or -1: no memory. */
EXPORTED int64_t videoseg_encode(const Crop *crop, char **text)
{
    int64_t *starts = calloc((size_t)crop->width + 1, sizeof(int64_t));
    uint8_t *nothing = calloc((size_t)crop->width + 8, 1);
    int64_t *edges = NULL, length = -1;
    *text = NULL;
    if (starts != NULL && nothing != NULL) {
        changes(crop, nothing, starts, NULL);
        for (int64_t n = 0; n < crop->width; n++)
            starts[n + 1] += starts[n];
        int64_t count = starts[crop->width];
        edges = malloc(sizeof(int64_t) * (size_t)(count + 1));
        *text = malloc(13 * (size_t)(count + 1));
        if (edges != NULL && *text != NULL) {
            changes(crop, nothing, starts, edges);
            count = runs_of(edges, count, crop->frame_width * crop->frame_height);
            length = 0;
            for (int64_t n = 0; n < count; n++)
                length += write_number(n > 2 ? edges[n] - edges[n - 2] : edges[n], *text + length);
        }
    }
    free(starts);
    free(nothing);
    free(edges);
    return length;
}

EXPORTED void videoseg_free(void *memory) { free(memory); }

/* masks._expand: fills `runs`, with room for as many as there are characters. -1: badly formed. */
static int64_t expand(const char *text, int64_t length, int64_t *runs)
{
    int64_t count = 0;
    for (int64_t n = 0; n < length; count++) {
        int64_t number = 0, shift = 0;
        for (int more = 1; more; shift += 5) {
            int group = n < length ? text[n++] - 48 : -1;
            if (group < 0 || group > 63 || shift > 35)
                return -1;
            number |= (int64_t)(group & 0x1f) << shift;
            more = group & 0x20;
            if (!more && group & 0x10)
                number -= (int64_t)1 << (shift + 5);
        }
        runs[count] = count > 2 ? number + runs[count - 2] : number;
        if (runs[count] < 0)
            return -1;
    }
    return count;
}

/* masks.decode_rle: the runs, and the box of what is set. How many there are; 0: nothing is set, or
 * Python has to say what is wrong. */
EXPORTED int64_t videoseg_runs(const char *text, int64_t length, int64_t width, int64_t height,
                               int64_t *runs, int64_t *box)
{
    int64_t count = expand(text, length, runs), at = 0, any = 0;
    box[0] = width, box[1] = height, box[2] = box[3] = 0;
    for (int64_t n = 0; n < count; n++) {
        int64_t begin = at, end = at + runs[n];
        if (end > width * height)
            return 0;
        at = end;
        if (n % 2 == 0 || begin == end)
            continue;
        int64_t left = begin / height, right = (end - 1) / height;
        int64_t top = begin - left * height, bottom = end - right * height;
        if (left != right)
            top = 0, bottom = height;
        box[0] = left < box[0] ? left : box[0];
        box[1] = top < box[1] ? top : box[1];
        box[2] = right + 1 > box[2] ? right + 1 : box[2];
        box[3] = bottom > box[3] ? bottom : box[3];
        any = 1;
    }
    return any && at == width * height ? count : 0;
}

/* Sets the pixels of runs in a bitmap of their box, which has none set. */
EXPORTED void videoseg_filled(const int64_t *runs, int64_t count, int64_t height, const int64_t *box,
                              uint8_t *bitmap)
{
    int64_t at = 0, wide = box[2] - box[0];
    for (int64_t n = 0; n < count; at += runs[n++]) {
        if (n % 2 == 0)
            continue;
        int64_t column = at / height, row = at - column * height;
        for (int64_t left = runs[n]; left > 0; left--) {
            bitmap[(row - box[1]) * wide + column - box[0]] = 1;
            if (++row == height)
                row = 0, column++;
        }
    }
}

/* appearance._roots -----------------------------------------------------------------------------*/

/* appearance._samples: the first small pixel, how many there are, and where in the stretch they are. */
static int64_t samples(int64_t start, int64_t length, int64_t small, double scale, int64_t *first,
                       int64_t *places)
{
    int64_t begin = (int64_t)ceil((double)start / scale - 0.5);
    int64_t end = (int64_t)ceil((double)(start + length) / scale - 0.5);
    if (end <= begin) {
        begin = (int64_t)(((double)start + (double)length / 2) / scale);
        begin = begin < small - 1 ? begin : small - 1;
        end = begin + 1;
    }
    begin = begin > 0 ? begin : 0;
    end = end < small ? end : small;
    for (int64_t n = begin; n < end; n++) {
        int64_t place = (int64_t)(((double)n + 0.5) * scale - (double)start);
        places[n - begin] = place < 0 ? 0 : place < length ? place : length - 1;
    }
    *first = begin;
    return end - begin;
}

/* A small frame with the bins of its pixels, and how many bins there are. */
typedef struct {
    const uint16_t *colours, *texture;
    int64_t height, width, colour_bins, texture_bins;
    double texture_weight;
} Binned;

/* Fills the roots of the shares of all bins; how many small pixels they are of, or -1: no memory. */
EXPORTED int64_t videoseg_roots(const Crop *crop, const Binned *binned, float *roots)
{
    int64_t bins = binned->colour_bins + binned->texture_bins, top, left, total = 0;
    int64_t *block = calloc((size_t)(binned->height + binned->width + bins), sizeof(int64_t));
    if (block == NULL)
        return -1;
    int64_t *counts = block, *rows = block + bins, *columns = rows + binned->height;
    int64_t high = samples(crop->y, crop->height, binned->height,
                           (double)crop->frame_height / (double)binned->height, &top, rows);
    int64_t wide = samples(crop->x, crop->width, binned->width,
                           (double)crop->frame_width / (double)binned->width, &left, columns);
    for (int everything = 0; everything < 2 && total == 0; everything++)
        for (int64_t row = 0; row < high; row++) {
            const uint8_t *pixels = crop->bitmap + rows[row] * crop->width;
            const uint16_t *colours = binned->colours + (top + row) * binned->width + left;
            const uint16_t *texture = binned->texture + (top + row) * binned->width + left;
            for (int64_t n = 0; n < wide; n++)
                if (everything || pixels[columns[n]]) {
                    counts[colours[n]]++;
                    counts[binned->colour_bins + texture[n]]++;
                    total++;
                }
        }
    double colour_share = (1 - binned->texture_weight) / (double)total;
    double texture_share = binned->texture_weight / (double)total;
    for (int64_t n = 0; n < bins; n++)
        roots[n] = (float)sqrt((double)counts[n] *
                               (n < binned->colour_bins ? colour_share : texture_share));
    free(block);
    return total;
}

/* tracks.typical_motion -------------------------------------------------------------------------*/

enum { SAMPLES = 200 };

/* The one that is at place `rank` of numbers in order; they are put in another order. */
static float ranked(float *values, int64_t count, int64_t rank)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        float pivot = values[(low + high) / 2];
        int64_t left = low, right = high;
        while (left <= right) {
            while (values[left] < pivot)
                left++;
            while (values[right] > pivot)
                right--;
            if (left <= right) {
                float swapped = values[left];
                values[left++] = values[right];
                values[right--] = swapped;
            }
        }
        if (rank <= right)
            high = right;
        else if (rank >= left)
            low = left;
        else
            break;
    }
    return values[rank];
}

/* Places of a mask on the flow's pixels, x before y, every so many of them. */
static int64_t flow_places(const Crop *crop, double scale_x, double scale_y, int64_t step_x,
                           int64_t step_y, double *places)
{
    int64_t count = 0, kept = 0;
    for (int64_t row = 0; row < crop->height; row += step_y)
        for (int64_t column = 0; column < crop->width; column += step_x)
            count += crop->bitmap[row * crop->width + column];
    int64_t stride = count / SAMPLES > 1 ? count / SAMPLES : 1, number = 0;
    for (int64_t row = 0; row < crop->height; row += step_y)
        for (int64_t column = 0; column < crop->width; column += step_x) {
            if (!crop->bitmap[row * crop->width + column] || number++ % stride)
                continue;
            places[2 * kept] = (double)(crop->x + column) / scale_x;
            places[2 * kept++ + 1] = (double)(crop->y + row) / scale_y;
        }
    return kept;
}

/* The median motion of a mask in frame pixels, x and y. How many places tell of it; 0: none of them
 * lies in the frame, -1: it has no place on the steps of the flow. */
EXPORTED int64_t videoseg_typical_motion(const Crop *crop, const float *backward, int64_t height,
                                         int64_t width, const int64_t *steps, double *found)
{
    double places[4 * SAMPLES + 2];
    float vectors[2][2 * SAMPLES + 1];
    double scale_x = (double)crop->frame_width / (double)width;
    double scale_y = (double)crop->frame_height / (double)height;
    int64_t count = flow_places(crop, scale_x, scale_y, steps[0], steps[1], places), inside = 0;
    float motion[2] = {0, 0};
    if (count == 0)
        return -1;
    for (int round = 0; round < 2; round++) {
        inside = 0;
        for (int64_t n = 0; n < count; n++) {
            int64_t column = (int64_t)(places[2 * n] + motion[0]);
            int64_t row = (int64_t)(places[2 * n + 1] + motion[1]);
            if (column < 0 || column >= width || row < 0 || row >= height)
                continue;
            vectors[0][inside] = backward[2 * (row * width + column)];
            vectors[1][inside++] = backward[2 * (row * width + column) + 1];
        }
        if (inside == 0)
            return 0;
        for (int axis = 0; axis < 2; axis++)
            motion[axis] = -ranked(vectors[axis], inside, inside / 2);
    }
    found[0] = motion[0] * (float)scale_x, found[1] = motion[1] * (float)scale_y;
    return inside;
}
