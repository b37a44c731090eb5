/*
 * How one minor version of CPython is walked: everything that is not an offset. This descriptor and layout/ are the only places that
 * know version numbers.
 */
#ifndef SPPROF_LAYOUT_RULES_H
#define SPPROF_LAYOUT_RULES_H

#include <stdbool.h>
#include <stdint.h>

enum frame_style {
    FRAME_OBJECTS,     /* 3.9, 3.10: a chain of PyFrameObject (Include/cpython/frameobject.h, Include/frameobject.h) */
    FRAME_INTERPRETER, /* 3.11 and later: a chain of _PyInterpreterFrame (Include/internal/pycore_frame.h, pycore_interpframe_structs.h) */
};

enum position_style {
    POSITION_LASTI_BYTES, /* 3.9: f_lasti in bytes */
    POSITION_LASTI_UNITS, /* 3.10: f_lasti in code units of two bytes */
    POSITION_PREV_INSTR,  /* 3.11, 3.12: pointer to the last instruction; one unit before the code: nothing has run */
    POSITION_INSTR_PTR,   /* 3.13 and later: pointer to the instruction that runs */
};

enum line_table_style {
    LINE_TABLE_LNOTAB, /* 3.9: Objects/lnotab_notes.txt */
    LINE_TABLE_PEP626, /* 3.10: Objects/lnotab_notes.txt of 3.10 */
    LINE_TABLE_PEP657, /* 3.11 and later: Objects/locations.md */
};

enum gil_place {
    GIL_IN_RUNTIME,         /* 3.9 to 3.11: _PyRuntime.ceval.gil */
    GIL_BEHIND_INTERPRETER, /* 3.12 and later: PyInterpreterState.ceval.gil points to it; interpreters may share one */
};

enum dict_keys_style {
    DICT_KEYS_LOOKUP, /* 3.9, 3.10: dk_size and dk_lookup, index width by dk_size (Objects/dict-common.h) */
    DICT_KEYS_LOG2,   /* 3.11 and later: dk_log2_size, dk_log2_index_bytes, dk_kind (Include/internal/pycore_dict.h) */
};

enum instance_dict_style {
    INSTANCE_DICT_OFFSET,        /* 3.9, 3.10: tp_dictoffset only */
    INSTANCE_DICT_VALUES_BEFORE, /* 3.11: dict pointer at -24, values pointer at -32 where the type has a managed dict */
    INSTANCE_DICT_TAGGED,        /* 3.12: one word at -24; low bit set: values pointer - 1 */
    INSTANCE_DICT_INLINE,        /* 3.13 and later: dict pointer at instance_dict_offset, inline values at tp_basicsize */
};

/* What on the C stack tells which C frame runs a Python frame: a local variable of _PyEval_EvalFrameDefault, Python/ceval.c. */
enum entry_style {
    ENTRY_UNTOLD,    /* 3.9: nothing does */
    ENTRY_BY_COUNT,  /* 3.10: a CFrame; there are as many as frames that run, in the same order */
    ENTRY_BY_CFRAME, /* 3.11: a _PyCFrame, which names the newest frame that its C frame runs */
    ENTRY_BY_SHIM,   /* 3.12 and later: the frame of the interpreter's own that ends what its C frame runs (entry_frame, entry) */
};

enum frame_owner { FRAME_OWNER_THREAD, FRAME_OWNER_GENERATOR, FRAME_OWNER_FRAME_OBJECT, FRAME_OWNER_INTERPRETER, FRAME_OWNER_INVALID };

/* What the state of a generator's frame means; states begin at -GENERATOR_STATE_LOWEST. */
enum generator_state { GENERATOR_CREATED, GENERATOR_SUSPENDED, GENERATOR_RUNNING, GENERATOR_FINISHED };
enum { GENERATOR_STATE_LOWEST = 3, GENERATOR_STATES = 9 };

/* What an instruction does to its frame. */
enum instruction_kind {
    INSTRUCTION_OTHER,
    INSTRUCTION_LEAVES,   /* hands control back to the caller */
    INSTRUCTION_CALLS,    /* pushes the frame of a function, or calls C code */
    INSTRUCTION_MAY_CALL, /* pushes the frame of a function, where it is specialised for that (BINARY_SUBSCR_GETITEM, LOAD_ATTR_PROPERTY, ...) */
    INSTRUCTION_HIDDEN,   /* a monitoring tool has put another one in its place */
    INSTRUCTION_RESUMES,  /* may go on with a generator, whose frame runs in place of this one */
};

/* What is to be known of the bytecode to see what a line calls: Include/opcode.h, Include/internal/pycore_opcode*.h. */
struct layout_bytecode {
    uint8_t extended_arg;    /* the instruction that holds the higher bits of the next one's argument */
    uint8_t caches[256];     /* code units of inline cache behind an instruction, which may be a specialised one */
    uint8_t name_shift[256]; /* not 0: the argument, shifted right by one less than this, is an index into co_names */
    uint8_t kinds[256];      /* enum sample_instruction_kind */
};

struct layout_rules {
    uint32_t minor; /* 0x030e for 3.14 */
    bool free_threaded;
    const struct layout_bytecode *bytecode;
    enum frame_style frames;
    enum position_style position;
    enum line_table_style line_table;
    enum entry_style entry;
    enum gil_place gil;
    enum dict_keys_style dict_keys;
    enum instance_dict_style instance_dict;
    bool has_cframe;                /* 3.11, 3.12: the thread state points to a _PyCFrame, which points to the top frame */
    bool has_thread_local_bytecode; /* free-threaded 3.14 and later: instr_ptr points into co_tlbc->entries[tlbc_index] */
    bool has_qualified_names;       /* co_qualname, 3.11 and later */
    bool legacy_strings;            /* strings that are not compact, 3.9 to 3.11 */
    uint8_t owners[8];              /* enum frame_owner of each value of _PyInterpreterFrame.owner */
    uint64_t reference_tag_mask;    /* tag bits of a stack reference; 0: plain pointers */
    uint64_t integer_tag;           /* tag of an integer that stands in a stack reference; 0: none */
    /*
     * How deep in the value stack of a frame the generator lies that runs in its place, 1 for the top: FOR_ITER_GEN and SEND_GEN in
     * Python/generated_cases.c.h, as they leave the stack (3.15 keeps an index above the iterator). 0: none does, C code runs it.
     */
    uint8_t generator_depth;
    int32_t instance_dict_offset;                                           /* INSTANCE_DICT_INLINE: of the dict pointer before the object */
    uint8_t unicode_kind_shift, unicode_compact_shift, unicode_ascii_shift; /* in the 32-bit state word of PyASCIIObject */
    uint8_t object_header_words;                                            /* ob_refcnt and ob_type: 2; free-threaded: 4 */
    uint8_t generator_states[GENERATOR_STATES];                             /* enum generator_state of each; 3.9 keeps none */
    bool ordered_dict_pairs;                                                /* repr of an OrderedDict shows pairs, before 3.12 */
    bool bytearray_escapes_quotes;       /* repr of a bytearray escapes single quotes between double ones, too, before 3.15 */
    bool weakref_full_names;             /* repr of a weak reference has the class's module, 3.13 and later */
    uint32_t weakref_module_names_until; /* repr of a weak reference to a module has its name in versions before this one */
    bool descriptor_hides_object;        /* repr of a descriptor leaves "of 'object' objects" out, 3.15 and later */
    bool enum_tells_flags;               /* repr of an enum.Flag class says "flag", 3.11 and later */
};

/*
 * The rules of a version and build; of the newest version known where minor is newer than that (*newer is set then). NULL for one older
 * than 3.9, and for a free-threaded one older than 3.13.
 */
const struct layout_rules *layout_rules_find(uint32_t minor, bool free_threaded, bool *newer);

#endif
