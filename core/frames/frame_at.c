#include "frames/frame_at.h"

#include <inttypes.h>

#include "object/string.h"
#include "frames/frame_operations.h"
#include "frames/position.h"

enum { LINE_TABLE_MAX = 1 << 26 };

enum read_cache_status frames_frame_at(struct reader *reader, struct code_table *codes, uint64_t address, struct raw_frame *frame)
{
    const struct frame_operations *frames = frames_of(reader->layout->rules);
    uint64_t code = 0;
    struct bytes data;
    *frame = (struct raw_frame){.address = address};
    STEP(object_reader_struct(reader, address, frames->size(reader->layout), "a frame", &data));
    frames->decode(reader->layout, data, frame, &code, &frame->previous);
    if (code == 0 || code % 8 != 0)
        return object_reader_fail(reader, "the frame at 0x%" PRIx64 " has no code object", address);
    frame->code = frames_code_table_get(codes, code);
    return frame->code != NULL ? READ_CACHE_READY : object_reader_no_memory(reader);
}

enum read_cache_status frames_line_at(struct reader *reader, const struct code_entry *code, int64_t offset, int32_t *line)
{
    const uint8_t *table;
    size_t size;
    if (code->status == READ_CACHE_PENDING)
        return READ_CACHE_PENDING;
    if (code->status == READ_CACHE_FAILED)
        return object_reader_fail(reader, "%s", code->reason);
    STEP(object_bytes_read(reader, code->line_table, "the line table", LINE_TABLE_MAX, &table, &size));
    *line = frames_position_find(reader->layout->rules->line_table, table, size, code->code->first_line, offset).line;
    return READ_CACHE_READY;
}
