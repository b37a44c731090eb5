#include "frames/instruction.h"

#include "object/string.h"

enum { BYTECODE_MAX = 1 << 20 };

/* 3.11 and later: behind the code object, or where the thread has its own; before: a bytes object. */
static enum read_cache_status read_bytecode(struct reader *reader, const struct raw_frame *frame, int64_t offset, struct bytes *bytecode)
{
    const struct code_entry *code = frame->code;
    uint64_t object;
    if (code->bytecode_size > BYTECODE_MAX)
        return object_reader_fail(reader, "the bytecode is too long to be searched");
    if (code->bytecode != 0)
        return object_reader_bytes(reader, frame->instruction - (uint64_t)offset, (size_t)code->bytecode_size, "bytecode", bytecode);
    STEP(object_reader_pointer(reader, code->code->address + (uint64_t)LAYOUT(reader->layout, code, bytecode_object), "co_code", &object));
    return object_bytes_read(reader, object, "co_code", BYTECODE_MAX, &bytecode->at, &bytecode->size);
}

enum read_cache_status frames_instruction_at(struct reader *reader, const struct raw_frame *frame, int64_t offset, struct instruction *instruction)
{
    const struct layout_bytecode *rules = reader->layout->rules->bytecode;
    struct bytes bytecode;
    if (rules == NULL)
        return object_reader_fail(reader, "the instructions of this version are not known");
    STEP(read_bytecode(reader, frame, offset, &bytecode));
    *instruction = (struct instruction){.known = true};
    while (instruction->end <= offset && instruction->end + CODE_UNIT <= (int64_t)bytecode.size) {
        uint8_t opcode = field_u8(bytecode, instruction->end);
        instruction->start = instruction->end;
        instruction->kind = (enum instruction_kind)rules->kinds[opcode];
        instruction->known = instruction->known && instruction->kind != INSTRUCTION_HIDDEN;
        instruction->end += CODE_UNIT * (1 + rules->caches[opcode]);
    }
    return offset >= instruction->start && offset < instruction->end ? READ_CACHE_READY
                                                                     : object_reader_fail(reader, "the bytecode ends before an instruction");
}
