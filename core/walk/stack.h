/*
 * The frames of one thread, newest first, as the target holds them: Python/ceval.c, Include/internal/pycore_frame.h (3.11 to 3.13),
 * pycore_interpframe_structs.h (3.14, 3.15), Include/cpython/frameobject.h (3.9, 3.10).
 */
#ifndef SPPROF_WALK_STACK_H
#define SPPROF_WALK_STACK_H

#include "object/reader.h"
#include "walk/code_table.h"
#include "walk/crowd.h"

struct raw_frame {
    uint64_t address;
    uint64_t chunk; /* of the data stack that the frame lies in; 0: in none that was read */
    struct code_entry *code;
    uint64_t previous; /* as it was read: the caller, or a frame of the interpreter's own between */
    uint64_t instruction; /* prev_instr or instr_ptr; before 3.11 f_lasti, sign-extended */
    int32_t thread_bytecode; /* which copy of the bytecode runs; 0: the main one */
    enum frame_owner owner;
    bool entered; /* the interpreter was entered from C with this frame */
    uint64_t entry; /* on the C stack, in the C frame that runs this one; 0 unknown: see enum entry_style */
    bool misplaced; /* its instruction is none: what line it is at is not known */
    bool delegates; /* a generator of 3.9 or 3.10 that waits for another, to which it handed throw() or close() on: no C frame runs it */
};

/* A CFrame of 3.10, a _PyCFrame of 3.11. */
struct c_frame {
    uint64_t address, newest; /* newest: the newest Python frame that it runs; 0 in 3.10, which does not say */
};

enum { STACK_FRAMES_MAX = 2 * 1000 * 1000 };

/* In place of the address of a frame: the version does not tell, or what it says is none. */
#define STACK_UNTOLD UINT64_MAX

/* What kind of thing truncated tells. */
enum stack_fault { STACK_SOUND, STACK_BAD_POINTER, STACK_NOT_CODE, STACK_CYCLE, STACK_UNREADABLE };

/*
 * Of a target that runs: which frame a frame was called by when that was last seen, by address and code object. A generator that has
 * yielded since, and a frame object that has returned (3.9, 3.10), have forgotten it. Of a C frame of 3.12: which frame it was entered with
 * (previous), when that was called by a frame (code).
 */
enum { FRAME_LINKS = 1 << 12 };

struct frame_link {
    uint64_t address, code, previous;
};

struct stack_memory;

struct stack {
    uint64_t thread_state;
    enum { STACK_NEW, STACK_ENTERED, STACK_DONE } progress;
    uint64_t head;   /* the newest frame */
    uint64_t head_caller; /* where the target runs: the frame that called the C code that runs the newest one; 0: none; or STACK_UNTOLD */
    uint64_t cframe; /* that names it; 0: none does (3.11 and 3.12) */
    uint32_t shims;  /* so often nobody knew what a C frame ran */
    /*
     * 3.11 and 3.12: a C frame becomes the current one before it names its newest frame (the first lines of _PyEval_EvalFrameDefault), so
     * until then it names whatever was on the C stack. What it names is on trial until the frame where the interpreter was entered is
     * met, which must lead to the newest frame of the C frame before; else that is where the stack begins.
     */
    bool on_trial;
    uint64_t head_before; /* the newest frame of the C frame before */
    bool contradicts_itself; /* what was checked of it: of a thread that was stopped in the middle of a call, a moment later it does not */
    bool entering; /* the C frame says neither what it runs nor which one was before it (layout/cframe.h): a moment later it does */
    size_t trial_count;   /* frames that came while on trial: should one of them prove to be none, the stack begins behind them */
    /*
     * What did not stand the trial. Of a target that stands still it is kept: the data stack tells whether the C frame had not named its newest
     * frame yet, or one of its frames is damaged (stack_check.h).
     */
    struct {
        struct raw_frame *frames;
        size_t count;
        char *reason; /* owned; NULL: nothing was rejected */
        bool popped;  /* it named what had been popped */
    } rejected;
    uint64_t top, limit;  /* of the data stack: what lies between was popped */
    uint64_t cursor; /* the frame to be read next */
    struct raw_frame *frames;
    size_t frame_count, frame_capacity;
    /*
     * The target runs: the newest frame may have returned since its address was read, and its slot still tells what it was (from 3.14 on
     * it has lost its code object, and is known by its instruction). There is no trial: what the current C frame names is taken as
     * it is, and whether it can be is for others to judge.
     */
    bool speculative;
    struct crowd *crowd; /* of all stacks of the walk, borrowed; NULL: none are counted */
    struct stack_memory *memory; /* of the walk before, borrowed; NULL: each walk is whole */
    struct frame_link *links; /* FRAME_LINKS of them, borrowed; NULL: none are kept */
    bool reads_ahead; /* chunks are read to the end of their page: what is pushed meanwhile, and the next reading, find room there */
    size_t entered_count; /* frames whose entry is known: those behind are run by the C frame whose shim comes next */
    struct c_frame *c_frames; /* newest first, by entries.h */
    size_t c_frame_count, c_frame_capacity;
    enum { ENTRIES_NEW, ENTRIES_READ, ENTRIES_SETTLED } entries;
    uint64_t next_c_frame;
    size_t steps; /* frames gone by, shown or not */
    char *truncated; /* why the stack ends early; owned */
    enum stack_fault fault;
    bool checked; /* by stack_check.h */
    char *doubt;  /* what in the stack contradicts itself, though no frame is known to be missing; NULL: nothing; owned */
    /* The piece of the data stack that the cursor is in: [chunk, chunk + chunk_used). */
    uint64_t chunk, chunk_used, older_chunk;
    const uint8_t *chunk_data; /* in the copy, for the time of one step; NULL: not looked up yet */
    uint64_t lowest_in_chunk; /* frames of a chunk are pushed upwards: each older one lies lower */
    /* Brent's search for a cycle: a remembered frame, how far it is behind, and when the next is remembered. */
    uint64_t remembered;
    size_t behind, power;
};

/* How many bytes of a thread state walking needs. */
size_t stack_thread_state_size(const struct layout *layout);

void stack_init(struct stack *stack, uint64_t thread_state);
void stack_restart(struct stack *stack); /* to be walked anew; what was walked goes to its memory */
void stack_free(struct stack *stack); /* its contents */

/* How many bytes of a frame walking needs; of a _PyInterpreterFrame those up to its localsplus. */
size_t stack_frame_size(const struct layout *layout);

/* Takes a frame apart, from these bytes. False: it has an owner that does not exist. */
bool stack_decode_frame(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code, uint64_t *previous);

/* What is remembered of a generator's frame, or a frame object, in FRAME_LINKS links, or none (NULL); NULL: nothing. */
const struct frame_link *frame_link_find(const struct frame_link *links, uint64_t address);

/* The first part of a walk: the thread state, and the newest piece of the data stack. False: memory is to be fetched. */
bool stack_enter(struct stack *stack, struct reader *reader);

/* Walks as far as memory is there. The stack is whole, or truncated says why not, when progress is DONE. */
void stack_step(struct stack *stack, struct reader *reader, struct code_table *codes);

#endif
