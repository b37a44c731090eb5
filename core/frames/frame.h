/* One frame of a stack, as its version keeps it. */
#ifndef SPPROF_FRAMES_FRAME_H
#define SPPROF_FRAMES_FRAME_H

#include "layout/rules.h"
#include "frames/code_table.h"

/* In place of the address of a frame: the version does not tell, or what it says is none. */
#define STACK_UNTOLD UINT64_MAX

struct raw_frame {
    uint64_t address;
    uint64_t chunk; /* of the data stack that the frame lies in; 0: in none that was read */
    struct code_entry *code;
    uint64_t previous;       /* as it was read: the caller, or a frame of the interpreter's own between */
    uint64_t instruction;    /* prev_instr or instr_ptr; before 3.11 f_lasti, sign-extended */
    int32_t thread_bytecode; /* which copy of the bytecode runs; 0: the main one */
    enum frame_owner owner;
    bool entered;   /* the interpreter was entered from C with this frame */
    uint64_t entry; /* on the C stack, in the C frame that runs this one; 0 unknown: see enum entry_style */
    bool misplaced; /* its instruction is none: what line it is at is not known */
    bool delegates; /* a generator of 3.9 or 3.10 that waits for another, to which it handed throw() or close() on: no C frame runs it */
};

#endif
