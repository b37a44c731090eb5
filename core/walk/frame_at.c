#include "walk/frame_at.h"

#include <inttypes.h>

#include "object/string.h"
#include "walk/position.h"

enum { LINE_TABLE_MAX = 1 << 26 };

static enum copy_status read_frame_object(struct reader *reader, uint64_t address, struct raw_frame *frame, uint64_t *code)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(reader_struct(reader, address, (size_t)LAYOUT(layout, frame_object, lasti) + 4, "a frame", &data));
    *code = field_u64(data, LAYOUT(layout, frame_object, code));
    frame->instruction = (uint64_t)(int64_t)field_i32(data, LAYOUT(layout, frame_object, lasti));
    return COPY_READY;
}

static enum copy_status read_interpreter_frame(struct reader *reader, uint64_t address, struct raw_frame *frame, uint64_t *code)
{
    const struct layout *layout = reader->layout;
    const struct layout_rules *rules = layout->rules;
    struct bytes data;
    STEP(reader_struct(reader, address, (size_t)LAYOUT(layout, frame, localsplus), "a frame", &data));
    uint8_t owner = field_u8(data, LAYOUT(layout, frame, owner));
    frame->owner = owner < sizeof rules->owners ? (enum frame_owner)rules->owners[owner] : FRAME_OWNER_INVALID;
    *code = field_u64(data, LAYOUT(layout, frame, executable)) & ~rules->reference_tag_mask;
    frame->instruction = field_u64(data, LAYOUT(layout, frame, instruction));
    if (rules->has_thread_local_bytecode)
        frame->thread_bytecode = field_i32(data, LAYOUT(layout, frame, tlbc_index));
    return COPY_READY;
}

enum copy_status frame_at(struct reader *reader, struct code_table *codes, uint64_t address, struct raw_frame *frame)
{
    uint64_t code = 0;
    *frame = (struct raw_frame){.address = address};
    if (reader->layout->rules->frames == FRAME_OBJECTS)
        STEP(read_frame_object(reader, address, frame, &code));
    else
        STEP(read_interpreter_frame(reader, address, frame, &code));
    if (code == 0 || code % 8 != 0)
        return reader_fail(reader, "the frame at 0x%" PRIx64 " has no code object", address);
    frame->code = code_table_get(codes, code);
    return frame->code != NULL ? COPY_READY : reader_no_memory(reader);
}

enum copy_status line_at(struct reader *reader, const struct code_entry *code, int64_t offset, int32_t *line)
{
    const uint8_t *table;
    size_t size;
    if (code->status == COPY_PENDING)
        return COPY_PENDING;
    if (code->status == COPY_FAILED)
        return reader_fail(reader, "%s", code->reason);
    STEP(bytes_read(reader, code->line_table, "the line table", LINE_TABLE_MAX, &table, &size));
    *line = position_find(reader->layout->rules->line_table, table, size, code->code->first_line, offset).line;
    return COPY_READY;
}
