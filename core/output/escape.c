#include "output/escape.h"

#include <inttypes.h>

#include "spprof/report.h"

enum { ESCAPE_MAX = 12 }; /* "\uffff" and its end */

static bool is_printable_ascii(char byte)
{
    return byte >= ' ' && byte <= '~';
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Bytes in the sequence that lead begins; 0 where it begins none. */
static unsigned sequence_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

struct text_unit output_text_unit_next(const char *bytes, size_t size, enum text_encoding encoding)
{
    static const uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)bytes[0];
    const struct text_unit broken = {.value = lead, .size = 1, .is_byte = true};

    unsigned length = sequence_length(lead);
    if (length == 0 || length > size)
        return broken;
    struct text_unit unit = {.value = lead & lead_bits[length], .size = length};
    for (unsigned i = 1; i < length; i++) {
        if (!is_continuation(bytes[i]))
            return broken;
        unit.value = unit.value << 6 | ((unsigned char)bytes[i] & 0x3f);
    }
    if (unit.value < smallest[length] || unit.value > 0x10ffff)
        return broken;
    if (encoding == TEXT_STRICT && output_text_unit_is_surrogate(unit))
        return broken;
    return unit;
}

bool output_text_unit_is_surrogate(struct text_unit unit)
{
    return !unit.is_byte && unit.value >= 0xd800 && unit.value <= 0xdfff;
}

/* What changes the direction of the text around it, and so can make one name look like another. */
static bool is_bidirectional_control(uint32_t value)
{
    return (value >= 0x202a && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069) || value == 0x200e || value == 0x200f || value == 0x061c;
}

bool output_text_unit_is_plain(struct text_unit unit)
{
    bool is_control = unit.value < 0x20 || (unit.value >= 0x7f && unit.value <= 0x9f);
    bool is_line_break = unit.value == 0x2028 || unit.value == 0x2029;
    bool is_byte_order_mark = unit.value == 0xfeff;
    return !unit.is_byte && !is_control && !is_line_break && !is_byte_order_mark && !output_text_unit_is_surrogate(unit) &&
           !is_bidirectional_control(unit.value);
}

/* Gives the escape of a unit that is not plain, and its length. */
static size_t make_escape(struct text_unit unit, char escape[ESCAPE_MAX])
{
    int length = snprintf(escape, ESCAPE_MAX, unit.value <= 0xff ? "\\x%02" PRIx32 : "\\u%04" PRIx32, unit.value);
    return (size_t)length;
}

/* Writes the longest start of the text that fits into *columns, lowers that and returns how many bytes it took. */
static size_t write_within(FILE *stream, const char *bytes, size_t size, size_t *columns)
{
    size_t done = 0;
    while (*columns > 0 && done < size) {
        size_t run = 0; /* of ASCII, which most text is */
        while (done + run < size && run < *columns && is_printable_ascii(bytes[done + run]))
            run++;
        if (run > 0) {
            fwrite(bytes + done, 1, run, stream);
            done += run;
            *columns -= run;
            continue;
        }
        struct text_unit unit = output_text_unit_next(bytes + done, size - done, TEXT_GENERALISED);
        char escape[ESCAPE_MAX];
        bool plain = output_text_unit_is_plain(unit);
        size_t width = plain ? 1 : make_escape(unit, escape);
        if (width > *columns)
            break;
        fwrite(plain ? bytes + done : escape, 1, plain ? unit.size : width, stream);
        done += unit.size;
        *columns -= width;
    }
    return done;
}

void spprof_write_escaped(FILE *stream, const char *bytes, size_t size)
{
    size_t columns = SIZE_MAX;
    write_within(stream, bytes, size, &columns);
}

void output_escape_write_cut(FILE *stream, const char *bytes, size_t size, size_t limit)
{
    if (write_within(stream, bytes, size, &limit) < size)
        fputs("...", stream);
}
