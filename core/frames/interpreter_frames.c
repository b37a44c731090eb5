/*
 * 3.11 and later, a _PyInterpreterFrame: Include/internal/pycore_frame.h (3.11 to 3.13), pycore_interpframe_structs.h and
 * pycore_interpframe.h (3.14 and later).
 */
#include "frames/frame_operations.h"

static size_t header_size(const struct layout *layout)
{
    return (size_t)LAYOUT(layout, frame, localsplus);
}

/* Whether this frame is where the interpreter was entered from C. */
static bool is_entry(const struct layout *layout, const struct raw_frame *frame, struct bytes data)
{
    int32_t flag = LAYOUT(layout, frame, is_entry);
    return flag == LAYOUT_ABSENT ? frame->owner == FRAME_OWNER_INTERPRETER : field_u8(data, flag) != 0;
}

static bool decode(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code, uint64_t *previous)
{
    const struct layout_rules *rules = layout->rules;
    uint8_t owner = field_u8(data, LAYOUT(layout, frame, owner));
    frame->owner = owner < sizeof rules->owners ? (enum frame_owner)rules->owners[owner] : FRAME_OWNER_INVALID;
    *previous = field_u64(data, LAYOUT(layout, frame, previous));
    *code = field_u64(data, LAYOUT(layout, frame, executable)) & ~rules->reference_tag_mask;
    frame->instruction = field_u64(data, LAYOUT(layout, frame, instruction));
    frame->entered = is_entry(layout, frame, data);
    if (rules->has_thread_local_bytecode)
        frame->thread_bytecode = field_i32(data, LAYOUT(layout, frame, tlbc_index));
    return frame->owner != FRAME_OWNER_INVALID;
}

/* Where the bytecode that this frame runs begins: _PyFrame_GetBytecode, Include/internal/pycore_interpframe.h of 3.14. */
static bool bytecode_start(const struct raw_frame *frame, uint64_t *start)
{
    const struct code_entry *entry = frame->code;
    *start = entry->bytecode;
    if (entry->thread_bytecode == NULL || frame->thread_bytecode == 0)
        return frame->thread_bytecode == 0;
    if (frame->thread_bytecode < 0 || (size_t)frame->thread_bytecode >= entry->thread_bytecode_count)
        return false;
    *start = entry->thread_bytecode[frame->thread_bytecode];
    return *start != 0;
}

static bool find_offset(const struct raw_frame *frame, const struct layout_rules *rules, int64_t *offset)
{
    uint64_t start;
    (void)rules;
    if (!bytecode_start(frame, &start))
        return false;
    *offset = (int64_t)(frame->instruction - start);
    return true;
}

static bool is_incomplete(const struct raw_frame *frame, int64_t offset)
{
    return frame->owner != FRAME_OWNER_GENERATOR && offset < (int64_t)frame->code->first_traceable * CODE_UNIT;
}

static bool forgets_caller(const struct raw_frame *frame)
{
    return frame->owner == FRAME_OWNER_GENERATOR;
}

const struct frame_operations frames_interpreter_frames = {
    .on_heap = false,
    .tells_owner = true,
    .code = FIELD_frame_executable,
    .globals = FIELD_frame_globals,
    .locals = FIELD_frame_locals,
    .variables = FIELD_frame_localsplus,
    .size = header_size,
    .decode = decode,
    .offset = find_offset,
    .is_incomplete = is_incomplete,
    .forgets_caller = forgets_caller,
};
