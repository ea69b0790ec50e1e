/* What videoseg/runlog/codec.py writes of coordinates, without the interpreter: the same text. */
#include "exact_sums.h"
#include "kernels.h"

#include <string.h>

enum { UNITS = 10000, PLACES = 4 };

/* A number in units, without trailing zeros; where the text ends. */
static char *write_units(int64_t units, char *text)
{
    char digits[24];
    int64_t rest = units < 0 ? -units : units, whole = rest / UNITS;
    int fraction = (int)(rest % UNITS), count = 0;
    if (units < 0)
        *text++ = '-';
    do
        digits[count++] = (char)('0' + whole % 10);
    while ((whole /= 10) > 0);
    while (count > 0)
        *text++ = digits[--count];
    if (fraction != 0)
        *text++ = '.';
    for (int place = UNITS / 10; fraction != 0; place /= 10) {
        *text++ = (char)('0' + fraction / place);
        fraction %= place;
    }
    return text;
}

/* codec._floats_to_text, of numbers with commas between them; the length of the text, which needs
 * room for 24 characters a number, or -1 where one is no whole number of units. */
EXPORTED int64_t videoseg_numbers(const float *values, int64_t count, char *text)
{
    const double largest = 9007199254740992.0;
    char *at = text;
    for (int64_t n = 0; n < count; n++) {
        double scaled = rounded((double)values[n] * UNITS);
        if (!(scaled < largest && scaled > -largest))
            return -1;
        float again = (float)(scaled / UNITS);
        int64_t units = (int64_t)scaled;
        /* Compared as bytes: a negative zero is no whole number of units either. */
        if (units == 0)
            again = 0;
        if (memcmp(&again, values + n, sizeof again) != 0)
            return -1;
        if (n > 0)
            *at++ = ',';
        at = write_units(units, at);
    }
    return at - text;
}
