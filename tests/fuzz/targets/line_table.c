/* Line tables: a style, a first line, an offset, and the table. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spprof/snapshot.h"
#include "targets/target.h"
#include "frames/position.h"

enum { STYLES = 3 };

static bool same(struct position left, struct position right)
{
    return left.line == right.line && left.end_line == right.end_line && left.column == right.column && left.end_column == right.end_column;
}

static void check_position(struct position position)
{
    REQUIRE(position.line >= SPPROF_NO_POSITION && position.column >= SPPROF_NO_POSITION && position.end_column >= SPPROF_NO_POSITION);
    REQUIRE(position.end_line == SPPROF_NO_POSITION || position.end_line >= position.line);
}

/* Every range follows the one before it, and each of its offsets has its position. */
static void check_ranges(enum line_table_style style, const uint8_t *table, size_t size, int32_t first_line)
{
    struct position_range range = {.line = first_line};
    int64_t end = 0;
    while (frames_position_next(style, table, size, &range)) {
        REQUIRE(range.start == end && range.end >= range.start);
        check_position(range.position);
        if (range.end > range.start)
            REQUIRE(same(frames_position_find(style, table, size, first_line, range.start), range.position));
        end = range.end;
        if (end > 4096) /* each look begins at the start */
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const enum line_table_style styles[STYLES] = {LINE_TABLE_LNOTAB, LINE_TABLE_PEP626, LINE_TABLE_PEP657};
    enum line_table_style style = styles[take_number(&input, &size, 1) % STYLES];
    int32_t first_line = (int32_t)take_number(&input, &size, 4);
    int64_t offset = (int64_t)take_number(&input, &size, 4) - 2;
    CLEANUP_FREE uint8_t *table = malloc(size + (size == 0)); /* of just this size: one byte beyond is a crash */
    REQUIRE(table != NULL);
    memcpy(table, input, size);
    check_position(frames_position_find(style, table, size, first_line, offset));
    check_ranges(style, table, size, first_line);
    return 0;
}
