/* What videoseg/formats/svg_path.py writes of whole numbers of units, without the interpreter. */
#include "kernels.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char *at;
    int64_t one; /* units of 1 */
    int decimals;
    int pointed; /* whether the number before has a point */
    char letter; /* of the command before */
} Writer;

/* A number without trailing zeros, and without a zero before its point. */
static void write_number(Writer *writer, int64_t units)
{
    char digits[24];
    int64_t rest = units < 0 ? -units : units, whole = rest / writer->one;
    int64_t fraction = rest % writer->one;
    int count = 0;
    if (units < 0)
        *writer->at++ = '-';
    for (int64_t left = whole; left > 0; left /= 10)
        digits[count++] = (char)('0' + left % 10);
    if (whole == 0 && fraction == 0)
        digits[count++] = '0';
    while (count > 0)
        *writer->at++ = digits[--count];
    if (fraction != 0) {
        *writer->at++ = '.';
        for (int64_t place = writer->one / 10; fraction != 0; place /= 10) {
            *writer->at++ = (char)('0' + fraction / place);
            fraction %= place;
        }
    }
}

/* Some arguments of a command; its letter too, where it is not the one before. */
static void write_command(Writer *writer, char letter, const int64_t *numbers, int count)
{
    int said = (letter == writer->letter && letter != 'm') ||
               (letter == 'l' && writer->letter == 'm');
    for (int n = 0; n < count; n++) {
        int64_t units = numbers[n];
        int pointed = units % writer->one != 0;
        if (n == 0 && !said)
            *writer->at++ = letter;
        else if (units >= 0 && !(pointed && writer->pointed && units < writer->one))
            *writer->at++ = ' '; /* ".5" may stand right behind "1.5" */
        write_number(writer, units);
        writer->pointed = pointed;
    }
    writer->letter = letter;
}

static int64_t distance(int64_t a, int64_t b) { return a > b ? a - b : b - a; }

/* Whether a segment, relative to its begin, is a line: handles on its ends, or on its thirds. */
static int is_line(const int64_t *numbers)
{
    int64_t x = numbers[4], y = numbers[5];
    if (numbers[0] == 0 && numbers[1] == 0 && numbers[2] == x && numbers[3] == y)
        return 1;
    return distance(3 * numbers[0], x) <= 3 && distance(3 * numbers[1], y) <= 3 &&
           distance(3 * numbers[2], 2 * x) <= 3 && distance(3 * numbers[3], 2 * y) <= 3;
}

/* svg_path.format_path: `units` has the 4 points of each segment, `sizes` the segments of each
 * ring. Returns the length of `text`, which needs room for 25 characters a number. */
EXPORTED int64_t videoseg_path(const int64_t *units, const int64_t *sizes, int64_t rings,
                               int decimals, int uniform, char *text)
{
    Writer writer = {text, 1, decimals, 0, 0};
    int64_t begun[2] = {0, 0};
    int unwritten = 0; /* whether the segment before is a line of no length */
    for (int n = 0; n < decimals; n++)
        writer.one *= 10;
    for (int64_t ring = 0; ring < rings; ring++) {
        int64_t into[2] = {0, 0};
        const int64_t move[2] = {units[0] - begun[0], units[1] - begun[1]};
        begun[0] = units[0], begun[1] = units[1];
        write_command(&writer, 'm', move, 2);
        for (int64_t left = sizes[ring]; left > 0; left--, units += 8) {
            int64_t numbers[6];
            for (int n = 0; n < 6; n++)
                numbers[n] = units[2 + n] - units[n % 2];
            int64_t x = numbers[4], y = numbers[5];
            if (uniform) {
                write_command(&writer, 'c', numbers, 6);
            } else if (is_line(numbers)) {
                unwritten = x == 0 && y == 0;
                into[0] = into[1] = 0;
                if (left == 1 || unwritten) /* z draws the last one */
                    continue;
                if (x == 0)
                    write_command(&writer, 'v', numbers + 5, 1);
                else if (y == 0)
                    write_command(&writer, 'h', numbers + 4, 1);
                else
                    write_command(&writer, 'l', numbers + 4, 2);
            } else {
                int mirrored = !unwritten && distance(numbers[0], into[0]) <= 1 &&
                               distance(numbers[1], into[1]) <= 1;
                unwritten = 0;
                into[0] = x - numbers[2], into[1] = y - numbers[3];
                write_command(&writer, mirrored ? 's' : 'c', numbers + 2 * mirrored,
                              6 - 2 * mirrored);
            }
        }
        *writer.at++ = 'z';
    }
    return writer.at - text;
}
