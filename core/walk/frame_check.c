#include "walk/frame_check.h"

#include <inttypes.h>
#include <stdio.h>

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
    switch (rules->position) {
    case POSITION_LASTI_BYTES:
        *offset = (int64_t)frame->instruction;
        return true;
    case POSITION_LASTI_UNITS:
        *offset = (int64_t)frame->instruction * CODE_UNIT;
        return true;
    case POSITION_PREV_INSTR:
    case POSITION_INSTR_PTR:
        if (!bytecode_start(frame, &start))
            return false;
        *offset = (int64_t)(frame->instruction - start);
        return true;
    }
    return false;
}

bool frame_instruction(const struct raw_frame *frame, const struct layout_rules *rules, int64_t *offset, char *reason, size_t size)
{
    const struct code_entry *entry = frame->code;
    if (entry->status != COPY_READY) {
        snprintf(reason, size, "frame at 0x%" PRIx64 ": %s", frame->address, entry->reason);
        return false;
    }
    /* One unit before the first instruction: nothing has run. */
    int64_t lowest = rules->position == POSITION_INSTR_PTR ? 0 : rules->position == POSITION_LASTI_BYTES ? -1 : -CODE_UNIT;
    bool found = find_offset(frame, rules, offset);
    if (found && *offset >= lowest && *offset < (int64_t)entry->bytecode_size && (*offset < 0 || *offset % CODE_UNIT == 0))
        return true;
    snprintf(reason, size, "frame at 0x%" PRIx64 " has an instruction outside its code object", frame->address);
    return false;
}

bool frame_is_incomplete(const struct raw_frame *frame, const struct layout_rules *rules, int64_t offset)
{
    if (rules->frames == FRAME_OBJECTS || frame->owner == FRAME_OWNER_GENERATOR)
        return false;
    return offset < (int64_t)frame->code->first_traceable * CODE_UNIT;
}

bool code_is_trampoline(const struct code_entry *code)
{
    return code->bytecode_size > 0 && (int64_t)code->first_traceable * CODE_UNIT >= (int64_t)code->bytecode_size;
}

bool frame_fits_caller(const struct raw_frame *callee, const struct raw_frame *caller)
{
    uint64_t size = caller->code->frame_bytes;
    bool both = callee->owner == FRAME_OWNER_THREAD && caller->owner == FRAME_OWNER_THREAD && size != 0;
    if (!both || callee->chunk == 0 || callee->chunk != caller->chunk)
        return true;
    return callee->address - caller->address == size;
}
