#include "report/bytecode.h"

#include <stdbool.h>
#include <string.h>

/* Lib/importlib/_bootstrap_external.py: magic, flags, then time and size of the source where flags are 0. */
enum { HEADER_FLAGS = 4, HEADER_TIME = 8, HEADER_SIZE = 12, HEADER_END = 16 };

/* Python/marshal.c */
enum { TYPE_STRING = 's', TYPE_REF = 'r', FLAG_REF = 0x80 };

enum {
    LINE_TABLE_MIN = 2, /* with the first line and the length before it that makes 11 bytes: enough not to be met by chance */
    FIRST_LINE_AND_TYPE = 4 + 1,
};

/* marshal is little-endian everywhere */
static uint32_t get_32(const char *bytes)
{
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--)
        value = value << 8 | (unsigned char)bytes[i];
    return value;
}

static void put_32(char *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(value >> (8 * i) & 0xff);
}

/* Whether pyc holds a code object with this first line and, right behind it, this line table. */
static bool holds_code(const char *pyc, size_t size, const struct spprof_code *code)
{
    char length[4];
    put_32(length, (uint32_t)code->line_table_size);
    const char *at = pyc + HEADER_END, *end = pyc + size;
    while ((at = memmem(at, (size_t)(end - at), code->line_table, code->line_table_size)) != NULL) {
        const char *first_line = at - sizeof length - FIRST_LINE_AND_TYPE;
        if (first_line >= pyc + HEADER_END && get_32(first_line) == (uint32_t)code->first_line &&
            ((unsigned char)first_line[4] & ~FLAG_REF) == TYPE_STRING && memcmp(at - sizeof length, length, sizeof length) == 0)
            return true;
        at++;
    }
    return false;
}

/* Code objects of one file that have equal line tables share one: all but the first only refer to it, and then nothing can be told. */
static bool may_share_line_table(const char *pyc, size_t size, const struct spprof_code *code)
{
    char reference[FIRST_LINE_AND_TYPE];
    put_32(reference, (uint32_t)code->first_line);
    reference[4] = TYPE_REF;
    return memmem(pyc + HEADER_END, size - HEADER_END, reference, sizeof reference) != NULL;
}

enum bytecode_answer report_bytecode_ask(const char *pyc, size_t size, int64_t modified_at, uint64_t source_size, const struct spprof_code *code)
{
    if (size < HEADER_END || get_32(pyc + HEADER_FLAGS) != 0)
        return BYTECODE_SILENT;
    if (get_32(pyc + HEADER_TIME) != (uint32_t)modified_at || get_32(pyc + HEADER_SIZE) != (uint32_t)source_size)
        return BYTECODE_CONTRADICTS;
    if (code->line_table == NULL || code->line_table_size < LINE_TABLE_MIN)
        return BYTECODE_SILENT;
    if (holds_code(pyc, size, code))
        return BYTECODE_PROVES;
    return may_share_line_table(pyc, size, code) ? BYTECODE_SILENT : BYTECODE_CONTRADICTS;
}
