#include "frames/frame_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "frames/frame_operations.h"

bool frames_frame_instruction(const struct raw_frame *frame, const struct layout_rules *rules, int64_t *offset, char *reason, size_t size)
{
    const struct code_entry *entry = frame->code;
    if (entry->status != READ_CACHE_READY) {
        snprintf(reason, size, "frame at 0x%" PRIx64 ": %s", frame->address, entry->reason);
        return false;
    }
    /* One unit before the first instruction: nothing has run. */
    int64_t lowest = rules->position == POSITION_INSTR_PTR ? 0 : rules->position == POSITION_LASTI_BYTES ? -1 : -CODE_UNIT;
    bool found = frames_of(rules)->offset(frame, rules, offset);
    if (found && *offset >= lowest && *offset < (int64_t)entry->bytecode_size && (*offset < 0 || *offset % CODE_UNIT == 0))
        return true;
    snprintf(reason, size, "frame at 0x%" PRIx64 " has an instruction outside its code object", frame->address);
    return false;
}

bool frames_frame_is_incomplete(const struct raw_frame *frame, const struct layout_rules *rules, int64_t offset)
{
    return frames_of(rules)->is_incomplete(frame, offset);
}

bool frames_code_is_trampoline(const struct code_entry *code)
{
    return code->bytecode_size > 0 && (int64_t)code->first_traceable * CODE_UNIT >= (int64_t)code->bytecode_size;
}

bool frames_frame_fits_caller(const struct raw_frame *callee, const struct raw_frame *caller)
{
    uint64_t size = caller->code->frame_bytes;
    bool both = callee->owner == FRAME_OWNER_THREAD && caller->owner == FRAME_OWNER_THREAD && size != 0;
    if (!both || callee->chunk == 0 || callee->chunk != caller->chunk)
        return true;
    return callee->address - caller->address == size;
}
