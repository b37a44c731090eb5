#include "walk/position.h"

#include <stdbool.h>

#include "spprof/snapshot.h"

static const struct position nowhere = {SPPROF_NO_POSITION, SPPROF_NO_POSITION, SPPROF_NO_POSITION, SPPROF_NO_POSITION};

static struct position line_only(int64_t line)
{
    struct position position = nowhere;
    if (line >= 0 && line <= INT32_MAX)
        position.line = (int32_t)line;
    return position;
}

/* Pairs of address delta (unsigned) and line delta (signed): Objects/lnotab_notes.txt of 3.9. */
static struct position find_in_lnotab(const uint8_t *table, size_t size, int64_t line, int64_t offset)
{
    int64_t address = 0;
    for (size_t i = 0; i + 1 < size; i += 2) {
        address += table[i];
        if (address > offset)
            break;
        line += (int8_t)table[i + 1];
    }
    return line_only(line);
}

/* Pairs of range length (unsigned) and line delta (signed, -128: no line): Objects/lnotab_notes.txt of 3.10. */
static struct position find_in_pep626(const uint8_t *table, size_t size, int64_t line, int64_t offset)
{
    int64_t end = 0;
    for (size_t i = 0; i + 1 < size; i += 2) {
        int8_t delta = (int8_t)table[i + 1];
        end += table[i];
        if (delta != INT8_MIN)
            line += delta;
        if (offset < end)
            return delta == INT8_MIN ? nowhere : line_only(line);
    }
    return nowhere;
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

static struct position find_in_pep657(const uint8_t *table, size_t size, int64_t line, int64_t offset)
{
    struct cursor cursor = {table, table + size, false};
    int64_t end = 0;
    while (cursor.at < cursor.end) {
        uint8_t first = next_byte(&cursor);
        end += ((first & 7) + 1) * 2;
        struct position position = next_position(&cursor, first >> 3 & 15, &line);
        if (cursor.damaged || (first & 128) == 0)
            return nowhere;
        if (offset < end)
            return position;
    }
    return nowhere;
}

struct position position_find(enum line_table_style style, const uint8_t *table, size_t size, int32_t first_line, int64_t offset)
{
    if (offset < 0)
        return line_only(first_line);
    if (table == NULL) /* it could not be read; an empty one of 3.9 says that all is on the first line */
        return nowhere;
    switch (style) {
    case LINE_TABLE_LNOTAB: return find_in_lnotab(table, size, first_line, offset);
    case LINE_TABLE_PEP626: return find_in_pep626(table, size, first_line, offset);
    case LINE_TABLE_PEP657: return find_in_pep657(table, size, first_line, offset);
    }
    return nowhere;
}
