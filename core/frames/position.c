#include "frames/position.h"

#include "spprof/snapshot.h"

static const struct position nowhere = {SPPROF_NO_POSITION, SPPROF_NO_POSITION, SPPROF_NO_POSITION, SPPROF_NO_POSITION};

static struct position line_only(int64_t line)
{
    struct position position = nowhere;
    if (line >= 0 && line <= INT32_MAX)
        position.line = (int32_t)line;
    return position;
}

/* Pairs of address delta (unsigned) and line delta (signed): Objects/lnotab_notes.txt of 3.9. The last line has no end. */
static bool next_in_lnotab(const uint8_t *table, size_t size, struct position_range *range)
{
    if (range->end == INT64_MAX)
        return false;
    if (range->at > 0)
        range->line += (int8_t)table[range->at - 1];
    range->start = range->end;
    range->end = range->at + 1 < size ? range->end + table[range->at] : INT64_MAX;
    range->at += 2;
    range->position = line_only(range->line);
    return true;
}

/* Pairs of range length (unsigned) and line delta (signed, -128: no line): Objects/lnotab_notes.txt of 3.10. */
static bool next_in_pep626(const uint8_t *table, size_t size, struct position_range *range)
{
    if (range->at + 1 >= size)
        return false;
    int8_t delta = (int8_t)table[range->at + 1];
    if (delta != INT8_MIN)
        range->line += delta;
    range->start = range->end;
    range->end += table[range->at];
    range->at += 2;
    range->position = delta == INT8_MIN ? nowhere : line_only(range->line);
    return true;
}

struct cursor {
    const uint8_t *at, *end;
    bool damaged;
};

static uint8_t next_byte(struct cursor *cursor)
{
    if (cursor->at == cursor->end) {
        cursor->damaged = true;
        return 0;
    }
    return *cursor->at++;
}

/* Six bits a byte, bit 6 says that more follow. */
static uint32_t next_varint(struct cursor *cursor)
{
    uint8_t byte = next_byte(cursor);
    uint32_t value = byte & 63;
    for (unsigned shift = 6; byte & 64; shift += 6) {
        byte = next_byte(cursor);
        if (shift > 24 || cursor->damaged) {
            cursor->damaged = true;
            return 0;
        }
        value |= (uint32_t)(byte & 63) << shift;
    }
    return value;
}

static int32_t next_signed_varint(struct cursor *cursor)
{
    uint32_t value = next_varint(cursor);
    return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

/* The kinds of entries: Objects/locations.md, InternalDocs/code_objects.md. */
enum { ENTRY_ONE_LINE_FIRST = 10, ENTRY_NO_COLUMNS = 13, ENTRY_LONG = 14, ENTRY_NONE = 15 };

/* Decodes what follows the first byte of an entry and moves line on; the position holds if the entry is the one looked for. */
static struct position next_position(struct cursor *cursor, unsigned kind, int64_t *line)
{
    struct position position = nowhere;
    int32_t lines = 0;
    if (kind == ENTRY_NONE)
        return position;
    if (kind == ENTRY_LONG) {
        *line += next_signed_varint(cursor);
        lines = (int32_t)next_varint(cursor);
        position.column = (int32_t)next_varint(cursor) - 1;
        position.end_column = (int32_t)next_varint(cursor) - 1;
    } else if (kind == ENTRY_NO_COLUMNS) {
        *line += next_signed_varint(cursor);
    } else if (kind >= ENTRY_ONE_LINE_FIRST) {
        *line += kind - ENTRY_ONE_LINE_FIRST;
        position.column = next_byte(cursor);
        position.end_column = next_byte(cursor);
    } else {
        uint8_t byte = next_byte(cursor);
        position.column = (int32_t)(kind << 3 | (byte >> 4 & 7));
        position.end_column = position.column + (byte & 15);
    }
    if (*line < 0 || *line + lines > INT32_MAX)
        return nowhere;
    position.line = (int32_t)*line;
    position.end_line = position.line + lines;
    return position;
}

static bool next_in_pep657(const uint8_t *table, size_t size, struct position_range *range)
{
    struct cursor cursor = {table + range->at, table + size, false};
    if (range->at >= size)
        return false;
    uint8_t first = next_byte(&cursor);
    range->start = range->end;
    range->end += ((first & 7) + 1) * 2;
    range->position = next_position(&cursor, first >> 3 & 15, &range->line);
    range->at = (size_t)(cursor.at - table);
    return !cursor.damaged && (first & 128) != 0;
}

bool frames_position_next(enum line_table_style style, const uint8_t *table, size_t size, struct position_range *range)
{
    if (table == NULL) /* it could not be read; an empty one of 3.9 says that all is on the first line */
        return false;
    switch (style) {
    case LINE_TABLE_LNOTAB: return next_in_lnotab(table, size, range);
    case LINE_TABLE_PEP626: return next_in_pep626(table, size, range);
    case LINE_TABLE_PEP657: return next_in_pep657(table, size, range);
    }
    return false;
}

struct position frames_position_find(enum line_table_style style, const uint8_t *table, size_t size, int32_t first_line, int64_t offset)
{
    struct position_range range = {.line = first_line};
    if (offset < 0)
        return line_only(first_line);
    while (frames_position_next(style, table, size, &range))
        if (offset < range.end)
            return range.position;
    return nowhere;
}
