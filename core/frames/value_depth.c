#include "frames/value_depth.h"

#include <stdlib.h>

#include "layout/stack_effect.h"

enum {
    UNIT = 2,
    BYTECODE_MAX = 1 << 16,
    DEPTH_MAX = 1 << 16,
    CONFLICTING = -2, /* it was come to with different depths: there is more to it than is known here */
    NOT_MET = VALUE_DEPTH_UNKNOWN,
    EXTENSIONS_MAX = 3,
};

struct old_instruction frames_old_instruction_at(struct bytes bytecode, int64_t offset)
{
    struct old_instruction instruction = {.opcode = field_u8(bytecode, offset), .argument = field_u8(bytecode, offset + 1), .next = offset + UNIT};
    for (int i = 0; i < EXTENSIONS_MAX && instruction.opcode == OLD_EXTENDED_ARG; i++, instruction.next += UNIT) {
        instruction.opcode = field_u8(bytecode, instruction.next);
        instruction.argument = instruction.argument << 8 | field_u8(bytecode, instruction.next + 1);
    }
    return instruction;
}

/* What is known of a place, when it is come to with such a depth. True: something has changed. */
static bool meet(struct value_depth *depth, int64_t offset, int64_t values)
{
    if (offset < 0 || offset / UNIT >= depth->units)
        return false;
    int32_t *known = &depth->before[offset / UNIT], before = *known;
    *known = before == NOT_MET && values >= 0 && values <= DEPTH_MAX ? (int32_t)values : before == values ? before : CONFLICTING;
    return *known != before;
}

static bool follow(struct value_depth *depth, struct bytes bytecode, int64_t offset, const struct old_instruction *instruction, int64_t jump_unit)
{
    int64_t effect, values = depth->before[offset / UNIT];
    bool changed = false;
    enum jump_style jump = layout_stack_effect_jump(instruction->opcode);
    if (values < 0 || (size_t)instruction->next > bytecode.size)
        return false;
    if (jump != JUMP_NONE && layout_stack_effect(instruction->opcode, instruction->argument, true, &effect))
        changed = meet(depth, (int64_t)instruction->argument * jump_unit + (jump == JUMP_RELATIVE ? instruction->next : 0), values + effect);
    if (!layout_stack_effect_ends(instruction->opcode) && layout_stack_effect(instruction->opcode, instruction->argument, false, &effect))
        changed = meet(depth, instruction->next, values + effect) || changed;
    return changed;
}

static bool follow_all(struct value_depth *depth, struct bytes bytecode, int64_t jump_unit)
{
    bool changed = false;
    for (int64_t offset = 0; offset / UNIT < depth->units;) {
        struct old_instruction instruction = frames_old_instruction_at(bytecode, offset);
        changed = follow(depth, bytecode, offset, &instruction, jump_unit) || changed;
        offset = instruction.next;
    }
    return changed;
}

bool frames_value_depth_find(struct value_depth *depth, struct bytes bytecode, bool by_units)
{
    *depth = (struct value_depth){.before = NULL, .units = (int64_t)(bytecode.size / UNIT)};
    if (depth->units == 0 || bytecode.size > BYTECODE_MAX)
        return false;
    depth->before = malloc((size_t)depth->units * sizeof *depth->before);
    if (depth->before == NULL)
        return false;
    for (int64_t i = 0; i < depth->units; i++)
        depth->before[i] = NOT_MET;
    /* 3.10: what a generator was sent first lies on its stack, and GEN_START takes it off. */
    depth->before[0] = frames_old_instruction_at(bytecode, 0).opcode == OLD_GEN_START;
    for (int i = 0; i < VALUE_DEPTH_ROUNDS && follow_all(depth, bytecode, by_units ? UNIT : 1); i++)
        continue;
    return true;
}

void frames_value_depth_free(struct value_depth *depth)
{
    free(depth->before);
    depth->before = NULL;
}

int64_t frames_value_depth_at(const struct value_depth *depth, int64_t offset)
{
    if (depth->before == NULL || offset < 0 || offset / UNIT >= depth->units || depth->before[offset / UNIT] < 0)
        return VALUE_DEPTH_UNKNOWN;
    return depth->before[offset / UNIT];
}
