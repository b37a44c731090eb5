/* From an instruction to lines and columns. Pure functions of a code object's line table. */
#ifndef SPPROF_WALK_POSITION_H
#define SPPROF_WALK_POSITION_H

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
struct position position_find(enum line_table_style style, const uint8_t *table, size_t size, int32_t first_line, int64_t offset);

#endif
