/* From an instruction to lines and columns. Pure functions of a code object's line table. */
#ifndef SPPROF_FRAMES_POSITION_H
#define SPPROF_FRAMES_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout/rules.h"

struct position {
    int32_t line, end_line, column, end_column; /* SPPROF_NO_POSITION where there is none */
};

/*
 * The position of the instruction at a byte offset into the bytecode; a negative offset, that of a frame that has run nothing, has the
 * first line of its function (PyCode_Addr2Line, Objects/codeobject.c, 3.9 to 3.15). A damaged table gives no position; size bounds it.
 */
struct position frames_position_find(enum line_table_style style, const uint8_t *table, size_t size, int32_t first_line, int64_t offset);

/* What a line table says of one range of the bytecode, half-open, in bytes; and where the next one begins. */
struct position_range {
    int64_t start, end;
    struct position position;
    int64_t line; /* so far; to be set to the function's first line */
    size_t at;    /* in the table */
};

/* The range behind range, the first one where that holds nothing but the line. False: there is none, or the table is damaged. */
bool frames_position_next(enum line_table_style style, const uint8_t *table, size_t size, struct position_range *range);

#endif
