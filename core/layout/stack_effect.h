/*
 * What an instruction of 3.9 or 3.10 does to the value stack, and where it goes on: stack_effect in Python/compile.c, Lib/opcode.py. The numbers
 * of both versions are in one table: one that the other version has, too, means the same there. Both store how deep the stack is nowhere while
 * a frame runs, so that it is to be found from the bytecode.
 */
#ifndef SPPROF_LAYOUT_STACK_EFFECT_H
#define SPPROF_LAYOUT_STACK_EFFECT_H

#include <stdbool.h>
#include <stdint.h>

/* Those that are looked at by themselves: Include/opcode.h of 3.9 and 3.10. */
enum old_opcode {
    OLD_ROT_TWO = 2,
    OLD_ROT_THREE = 3,
    OLD_DUP_TOP = 4,
    OLD_DUP_TOP_TWO = 5,
    OLD_ROT_FOUR = 6,
    OLD_NOP = 9,
    OLD_RERAISE_3_9 = 48,
    OLD_WITH_EXCEPT_START = 49,
    OLD_GET_ITER = 68,
    OLD_YIELD_FROM = 72,
    OLD_RETURN_VALUE = 83,
    OLD_UNPACK_SEQUENCE = 92,
    OLD_FOR_ITER = 93,
    OLD_UNPACK_EX = 94,
    OLD_LOAD_CONST = 100,
    OLD_BUILD_TUPLE = 102,
    OLD_BUILD_LIST = 103,
    OLD_BUILD_SET = 104,
    OLD_BUILD_MAP = 105,
    OLD_JUMP_FORWARD = 110,
    OLD_JUMP_IF_FALSE_OR_POP = 111,
    OLD_JUMP_IF_TRUE_OR_POP = 112,
    OLD_JUMP_ABSOLUTE = 113,
    OLD_POP_JUMP_IF_FALSE = 114,
    OLD_POP_JUMP_IF_TRUE = 115,
    OLD_RERAISE_3_10 = 119,
    OLD_JUMP_IF_NOT_EXC_MATCH = 121,
    OLD_SETUP_FINALLY = 122,
    OLD_LOAD_FAST = 124,
    OLD_STORE_FAST = 125,
    OLD_DELETE_FAST = 126,
    OLD_GEN_START = 129,
    OLD_RAISE_VARARGS = 130,
    OLD_CALL_FUNCTION = 131,
    OLD_MAKE_FUNCTION = 132,
    OLD_BUILD_SLICE = 133,
    OLD_LOAD_CLOSURE = 135,
    OLD_CALL_FUNCTION_KW = 141,
    OLD_CALL_FUNCTION_EX = 142,
    OLD_SETUP_WITH = 143,
    OLD_EXTENDED_ARG = 144,
    OLD_SETUP_ASYNC_WITH = 154,
    OLD_FORMAT_VALUE = 155,
    OLD_BUILD_CONST_KEY_MAP = 156,
    OLD_BUILD_STRING = 157,
    OLD_CALL_METHOD = 161,
    OLD_DICT_MERGE = 164,
};

/* How many values lie on the stack more than before, if the next instruction comes next, or where it jumps. False: there is no such instruction. */
bool layout_stack_effect(unsigned opcode, uint32_t argument, bool jumps, int64_t *effect);

enum jump_style { JUMP_NONE, JUMP_RELATIVE /* counted from the next instruction */, JUMP_ABSOLUTE };

enum jump_style layout_stack_effect_jump(unsigned opcode);

/* Whether the next instruction never comes next. */
bool layout_stack_effect_ends(unsigned opcode);

/* Whether it runs no other code and cannot fail, and the next one comes without a look at what else is to be done (FAST_DISPATCH of 3.9). */
bool layout_stack_effect_is_inert(unsigned opcode);

#endif
