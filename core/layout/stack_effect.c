#include "layout/stack_effect.h"

/* Offset by 1, as 0 means that there is no such instruction; those whose effect depends on more are in varying(). */
#define BY(effect) ((effect) + 100)

static const uint8_t fixed[256] = {
    [1] = BY(-1),                                                                                  /* POP_TOP */
    [2] = BY(0),    [3] = BY(0),    [4] = BY(1),    [5] = BY(2),    [6] = BY(0),    [9] = BY(0),   /* ROT_TWO to NOP */
    [10] = BY(0),   [11] = BY(0),   [12] = BY(0),   [15] = BY(0),                                  /* UNARY_ */
    [16] = BY(-1),  [17] = BY(-1),  [19] = BY(-1),  [20] = BY(-1),  [22] = BY(-1),  [23] = BY(-1), /* BINARY_ */
    [24] = BY(-1),  [25] = BY(-1),  [26] = BY(-1),  [27] = BY(-1),  [28] = BY(-1),  [29] = BY(-1), /* BINARY_, INPLACE_ */
    [30] = BY(1),   [31] = BY(1),   [32] = BY(1),   [33] = BY(2),   [34] = BY(0),                  /* GET_LEN, MATCH_, COPY_DICT_WITHOUT_KEYS */
    [48] = BY(-3),  [49] = BY(1),                                                                  /* RERAISE of 3.9, WITH_EXCEPT_START */
    [50] = BY(0),   [51] = BY(1),   [52] = BY(1),   [54] = BY(-7),                                 /* GET_AITER to END_ASYNC_FOR */
    [55] = BY(-1),  [56] = BY(-1),  [57] = BY(-1),  [59] = BY(-1),  [60] = BY(-3),  [61] = BY(-2), /* INPLACE_, STORE_SUBSCR, DELETE_SUBSCR */
    [62] = BY(-1),  [63] = BY(-1),  [64] = BY(-1),  [65] = BY(-1),  [66] = BY(-1),  [67] = BY(-1), /* BINARY_, INPLACE_POWER */
    [68] = BY(0),   [69] = BY(0),   [70] = BY(-1),  [71] = BY(1),   [72] = BY(-1),  [73] = BY(0),  /* GET_ITER to GET_AWAITABLE */
    [74] = BY(1),   [75] = BY(-1),  [76] = BY(-1),  [77] = BY(-1),  [78] = BY(-1),  [79] = BY(-1), /* LOAD_ASSERTION_ERROR, INPLACE_ */
    [82] = BY(0),   [83] = BY(-1),  [84] = BY(-1),  [85] = BY(0),   [86] = BY(0),   [87] = BY(0),  /* LIST_TO_TUPLE to POP_BLOCK */
    [89] = BY(-3),  [90] = BY(-1),  [91] = BY(0),   [95] = BY(-2),  [96] = BY(-1),  [97] = BY(-1), /* POP_EXCEPT to STORE_GLOBAL */
    [98] = BY(0),   [99] = BY(0),   [100] = BY(1),  [101] = BY(1),                                 /* DELETE_GLOBAL, ROT_N, LOAD_CONST, LOAD_NAME */
    [106] = BY(0),  [107] = BY(-1), [108] = BY(-1), [109] = BY(1),  [110] = BY(0),  [113] = BY(0), /* LOAD_ATTR to JUMP_ABSOLUTE */
    [114] = BY(-1), [115] = BY(-1), [116] = BY(1),  [117] = BY(-1), [118] = BY(-1),                /* POP_JUMP_IF_, LOAD_GLOBAL, IS_OP, CONTAINS_OP */
    [119] = BY(-3), [121] = BY(-2), [124] = BY(1),  [125] = BY(-1), [126] = BY(0),  [129] = BY(-1), /* RERAISE of 3.10 to GEN_START */
    [135] = BY(1),  [136] = BY(1),  [137] = BY(-1), [138] = BY(0),  [144] = BY(0),                  /* LOAD_CLOSURE to DELETE_DEREF, EXTENDED_ARG */
    [145] = BY(-1), [146] = BY(-1), [147] = BY(-2), [148] = BY(1),  [152] = BY(-1),                 /* LIST_APPEND to MATCH_CLASS */
    [160] = BY(1),  [162] = BY(-1), [163] = BY(-1), [164] = BY(-1), [165] = BY(-1),                 /* LOAD_METHOD, LIST_EXTEND to DICT_UPDATE */
};

/* FVS_MASK, FVS_HAVE_SPEC: Include/ceval.h */
enum { SPECIFICATION = 4 };

static bool varying(unsigned opcode, int64_t argument, bool jumps, int64_t *effect)
{
    switch (opcode) {
    case OLD_UNPACK_SEQUENCE: *effect = argument - 1; return true;
    case OLD_UNPACK_EX: *effect = (argument & 0xff) + (argument >> 8); return true;
    case OLD_FOR_ITER: *effect = jumps ? -1 : 1; return true;
    case OLD_BUILD_TUPLE:
    case OLD_BUILD_LIST:
    case OLD_BUILD_SET:
    case OLD_BUILD_STRING: *effect = 1 - argument; return true;
    case OLD_BUILD_MAP: *effect = 1 - 2 * argument; return true;
    case OLD_BUILD_CONST_KEY_MAP:
    case OLD_RAISE_VARARGS:
    case OLD_CALL_FUNCTION: *effect = -argument; return true;
    case OLD_CALL_METHOD:
    case OLD_CALL_FUNCTION_KW: *effect = -argument - 1; return true;
    case OLD_CALL_FUNCTION_EX: *effect = -1 - (argument & 1); return true;
    case OLD_MAKE_FUNCTION: *effect = -1 - (argument & 1) - (argument >> 1 & 1) - (argument >> 2 & 1) - (argument >> 3 & 1); return true;
    case OLD_BUILD_SLICE: *effect = argument == 3 ? -2 : -1; return true;
    case OLD_FORMAT_VALUE: *effect = (argument & SPECIFICATION) != 0 ? -1 : 0; return true;
    case OLD_JUMP_IF_FALSE_OR_POP:
    case OLD_JUMP_IF_TRUE_OR_POP: *effect = jumps ? 0 : -1; return true;
    case OLD_SETUP_FINALLY: *effect = jumps ? 6 : 0; return true;
    case OLD_SETUP_WITH: *effect = jumps ? 6 : 1; return true;
    case OLD_SETUP_ASYNC_WITH: *effect = jumps ? 5 : 0; return true;
    default: return false;
    }
}

bool layout_stack_effect(unsigned opcode, uint32_t argument, bool jumps, int64_t *effect)
{
    if (opcode < sizeof fixed && fixed[opcode] != 0) {
        *effect = (int64_t)fixed[opcode] - BY(0);
        return true;
    }
    return varying(opcode, argument, jumps, effect);
}

enum jump_style layout_stack_effect_jump(unsigned opcode)
{
    switch (opcode) {
    case OLD_FOR_ITER:
    case OLD_JUMP_FORWARD:
    case OLD_SETUP_FINALLY:
    case OLD_SETUP_WITH:
    case OLD_SETUP_ASYNC_WITH: return JUMP_RELATIVE;
    case OLD_JUMP_IF_FALSE_OR_POP:
    case OLD_JUMP_IF_TRUE_OR_POP:
    case OLD_JUMP_ABSOLUTE:
    case OLD_POP_JUMP_IF_FALSE:
    case OLD_POP_JUMP_IF_TRUE:
    case OLD_JUMP_IF_NOT_EXC_MATCH: return JUMP_ABSOLUTE;
    default: return JUMP_NONE;
    }
}

bool layout_stack_effect_ends(unsigned opcode)
{
    switch (opcode) {
    case OLD_RERAISE_3_9:
    case OLD_RERAISE_3_10:
    case OLD_RETURN_VALUE:
    case OLD_JUMP_FORWARD:
    case OLD_JUMP_ABSOLUTE:
    case OLD_RAISE_VARARGS: return true;
    default: return false;
    }
}

bool layout_stack_effect_is_inert(unsigned opcode)
{
    switch (opcode) {
    case OLD_ROT_TWO:
    case OLD_ROT_THREE:
    case OLD_ROT_FOUR:
    case OLD_DUP_TOP:
    case OLD_DUP_TOP_TWO:
    case OLD_NOP:
    case OLD_LOAD_CONST:
    case OLD_LOAD_FAST: return true;
    default: return false;
    }
}
