#include "layout/rules.h"

#include <stddef.h>

#include "layout/opcodes.inc"

/* _PyInterpreterFrame.owner: enum _frameowner in Include/internal/pycore_frame.h of 3.11 to 3.13, pycore_interpframe_structs.h later. */
#define NONE FRAME_OWNER_INVALID
/* clang-format off */
#define OWNERS_NONE {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE}
#define OWNERS(shim, c_stack) {FRAME_OWNER_THREAD, FRAME_OWNER_GENERATOR, FRAME_OWNER_FRAME_OBJECT, shim, c_stack, NONE, NONE, NONE}
/* clang-format on */
#define OWNERS_3_11 OWNERS(NONE, NONE)
#define OWNERS_3_12 OWNERS(FRAME_OWNER_INTERPRETER, NONE)                    /* CSTACK 3 */
#define OWNERS_3_14 OWNERS(FRAME_OWNER_INTERPRETER, FRAME_OWNER_INTERPRETER) /* INTERPRETER 3, CSTACK 4 */
#define OWNERS_3_15 OWNERS(FRAME_OWNER_INTERPRETER, NONE)                    /* INTERPRETER 3 */

/*
 * PyASCIIObject.state, Include/cpython/unicodeobject.h: interned has two bits, then come kind (3), compact, ascii. Free-threaded
 * builds of 3.14 and later give interned a byte of its own; 3.13t does not yet.
 */
#define STATE_BITS .unicode_kind_shift = 2, .unicode_compact_shift = 5, .unicode_ascii_shift = 6
#define STATE_BYTE .unicode_kind_shift = 8, .unicode_compact_shift = 11, .unicode_ascii_shift = 12

/* PyObject, Include/object.h of 3.13: with the GIL reference count and type, without it ob_tid, flags and counts, ob_ref_shared, type. */
#define HEADER_GIL .free_threaded = false, .object_header_words = 2
#define HEADER_FREE_THREADED .free_threaded = true, .object_header_words = 4

/* MANAGED_DICT_OFFSET, Include/internal/pycore_object.h of 3.13; 3.11 and 3.12 have the same -3 words in _PyObject_ManagedDictPointer. */
#define DICT_GIL .instance_dict_offset = -24
#define DICT_FREE_THREADED .instance_dict_offset = -8

/*
 * Stack references, Include/internal/pycore_stackref.h. 3.13 has them, but frames hold plain pointers in it, free-threaded too
 * (Include/internal/pycore_frame.h). 3.14: Py_TAG_BITS is 3 with the GIL and 1 without; tagged integers have Py_INT_TAG, 3, in both.
 * 3.15: Py_TAG_BITS is 3 in both.
 */
#define REFERENCES_PLAIN .reference_tag_mask = 0, .integer_tag = 0
#define REFERENCES_3_14T .reference_tag_mask = 1, .integer_tag = 3
#define REFERENCES_TAGGED .reference_tag_mask = 3, .integer_tag = 3

/*
 * _framestate: Include/internal/pycore_frame.h of 3.10 to 3.14 (pycore_interpframe_structs.h), from -3 on. 3.13 tells "suspended in yield
 * from" (-1) from "suspended" (-2), 3.15 counts from 0: created, suspended, yield from, yield from locked, executing, cleared.
 */
/* clang-format off */
#define STATES_3_10 {NEW, NEW, HELD, RUNS, DONE, DONE, DONE, DONE, DONE}
#define STATES_3_13 {NEW, HELD, HELD, RUNS, DONE, DONE, DONE, DONE, DONE}
#define STATES_3_15 {DONE, DONE, DONE, NEW, HELD, HELD, HELD, RUNS, DONE}
/* clang-format on */
#define NEW GENERATOR_CREATED
#define HELD GENERATOR_SUSPENDED
#define RUNS GENERATOR_RUNNING
#define DONE GENERATOR_FINISHED

#define OLD_TEXT .ordered_dict_pairs = true, .bytearray_escapes_quotes = true
#define TEXT_3_9 OLD_TEXT, .weakref_module_names_until = UINT32_MAX
#define TEXT_3_11 OLD_TEXT, .enum_tells_flags = true, .weakref_module_names_until = 0x030b04f0
#define TEXT_3_12 .bytearray_escapes_quotes = true, .enum_tells_flags = true
#define TEXT_3_13 TEXT_3_12, .weakref_full_names = true
#define TEXT_3_15 .descriptor_hides_object = true, .enum_tells_flags = true, .weakref_full_names = true

#define RULES_3_11 .frames = FRAME_INTERPRETER, .line_table = LINE_TABLE_PEP657, .dict_keys = DICT_KEYS_LOG2, .has_qualified_names = true

#define RULES_3_13                                                                                                                                   \
    RULES_3_11, .position = POSITION_INSTR_PTR, .entry = ENTRY_BY_SHIM, .gil = GIL_BEHIND_INTERPRETER, .instance_dict = INSTANCE_DICT_INLINE

#define RULES_3_15                                                                                                                                   \
    TEXT_3_15, .generator_states = STATES_3_15, RULES_3_13, .generator_depth = 2, .owners = OWNERS_3_15, REFERENCES_TAGGED, HEADER_GIL, STATE_BITS,  \
               DICT_GIL

#define RULES_3_15T                                                                                                                                  \
    TEXT_3_15, .generator_states = STATES_3_15, RULES_3_13, .generator_depth = 2, .owners = OWNERS_3_15, REFERENCES_TAGGED,                          \
               .has_thread_local_bytecode = true, HEADER_FREE_THREADED, STATE_BYTE, DICT_FREE_THREADED

static const struct layout_rules all_rules[] = {
    {
        .minor = 0x0309,
        .bytecode = &bytecode_3_9,
        TEXT_3_9,
        .frames = FRAME_OBJECTS,
        .position = POSITION_LASTI_BYTES,
        .line_table = LINE_TABLE_LNOTAB,
        .entry = ENTRY_UNTOLD,
        .gil = GIL_IN_RUNTIME,
        .dict_keys = DICT_KEYS_LOOKUP,
        .instance_dict = INSTANCE_DICT_OFFSET,
        .legacy_strings = true,
        .owners = OWNERS_NONE,
        HEADER_GIL,
        STATE_BITS,
        REFERENCES_PLAIN,
    },
    {
        .minor = 0x030a,
        .bytecode = &bytecode_3_10,
        TEXT_3_9,
        .generator_states = STATES_3_10,
        .frames = FRAME_OBJECTS,
        .position = POSITION_LASTI_UNITS, /* PyFrame_GetLineNumber, Objects/frameobject.c of 3.10.0: f_lasti*sizeof(_Py_CODEUNIT) */
        .line_table = LINE_TABLE_PEP626,
        .entry = ENTRY_BY_COUNT,
        .gil = GIL_IN_RUNTIME,
        .dict_keys = DICT_KEYS_LOOKUP,
        .instance_dict = INSTANCE_DICT_OFFSET,
        .legacy_strings = true,
        .owners = OWNERS_NONE,
        HEADER_GIL,
        STATE_BITS,
        REFERENCES_PLAIN,
    },
    {
        .minor = 0x030b,
        .bytecode = &bytecode_3_11,
        TEXT_3_11,
        .generator_states = STATES_3_10,
        RULES_3_11,
        .entry = ENTRY_BY_CFRAME,
        .position = POSITION_PREV_INSTR,
        .gil = GIL_IN_RUNTIME,
        .instance_dict = INSTANCE_DICT_VALUES_BEFORE,
        .has_cframe = true,
        .legacy_strings = true,
        .owners = OWNERS_3_11,
        HEADER_GIL,
        STATE_BITS,
        REFERENCES_PLAIN,
        DICT_GIL,
    },
    {
        .minor = 0x030c,
        .bytecode = &bytecode_3_12,
        TEXT_3_12,
        .generator_states = STATES_3_10,
        RULES_3_11,
        .entry = ENTRY_BY_SHIM,
        .position = POSITION_PREV_INSTR,
        .gil = GIL_BEHIND_INTERPRETER,
        .instance_dict = INSTANCE_DICT_TAGGED,
        .has_cframe = true,
        .generator_depth = 1,
        .owners = OWNERS_3_12,
        HEADER_GIL,
        STATE_BITS,
        REFERENCES_PLAIN,
        DICT_GIL,
    },
    {
        .minor = 0x030d,
        .bytecode = &bytecode_3_13,
        TEXT_3_13,
        .generator_states = STATES_3_13,
        RULES_3_13,
        .generator_depth = 1,
        .owners = OWNERS_3_12,
        HEADER_GIL,
        STATE_BITS,
        REFERENCES_PLAIN,
        DICT_GIL,
    },
    {
        .minor = 0x030d,
        .bytecode = &bytecode_3_13,
        TEXT_3_13,
        .generator_states = STATES_3_13,
        RULES_3_13,
        .generator_depth = 1,
        .owners = OWNERS_3_12,
        HEADER_FREE_THREADED,
        STATE_BITS,
        REFERENCES_PLAIN,
        DICT_FREE_THREADED,
    },
    {
        .minor = 0x030e,
        .bytecode = &bytecode_3_14,
        TEXT_3_13,
        .generator_states = STATES_3_13,
        RULES_3_13,
        .generator_depth = 1,
        .owners = OWNERS_3_14,
        HEADER_GIL,
        STATE_BITS,
        REFERENCES_TAGGED,
        DICT_GIL,
    },
    {
        .minor = 0x030e,
        .bytecode = &bytecode_3_14,
        TEXT_3_13,
        .generator_states = STATES_3_13,
        RULES_3_13,
        .has_thread_local_bytecode = true,
        .generator_depth = 1,
        .owners = OWNERS_3_14,
        HEADER_FREE_THREADED,
        STATE_BYTE,
        REFERENCES_3_14T,
        DICT_FREE_THREADED,
    },
    {.minor = 0x030f, .bytecode = &bytecode_3_15, RULES_3_15},
    {.minor = 0x030f, .bytecode = &bytecode_3_15, RULES_3_15T},
    {.minor = 0x0310, .bytecode = &bytecode_3_16, RULES_3_15},
    {.minor = 0x0310, .bytecode = &bytecode_3_16, RULES_3_15T},
};

const struct layout_rules *layout_rules_find(uint32_t minor, bool free_threaded, bool *newer)
{
    const struct layout_rules *newest = NULL;
    for (size_t i = 0; i < sizeof all_rules / sizeof *all_rules; i++) {
        if (all_rules[i].free_threaded == free_threaded && all_rules[i].minor <= minor)
            newest = &all_rules[i];
    }
    *newer = newest != NULL && newest->minor < minor;
    return newest;
}
