/*
 * The frames of one thread, newest first, as the target holds them: Python/ceval.c, Include/internal/pycore_frame.h (3.11 to 3.13),
 * pycore_interpframe_structs.h (3.14, 3.15), Include/cpython/frameobject.h (3.9, 3.10).
 */
#ifndef SPPROF_FRAMES_STACK_H
#define SPPROF_FRAMES_STACK_H

#include "object/reader.h"
#include "frames/c_frame.h"
#include "frames/c_frame_guess.h"
#include "frames/c_frame_trial.h"
#include "frames/code_table.h"
#include "frames/crowd.h"
#include "frames/cycle.h"
#include "frames/data_stack.h"
#include "frames/frame.h"

enum { STACK_FRAMES_MAX = 2 * 1000 * 1000 };

enum stack_mode {
    STACK_STILL, /* the target stands still */
    /*
     * The target runs: the newest frame may have returned since its address was read, and its slot still tells what it was (from 3.14 on
     * it has lost its code object, and is known by its instruction).
     */
    STACK_RUNNING,
};

/* What kind of thing truncated tells. */
enum stack_fault { STACK_SOUND, STACK_BAD_POINTER, STACK_NOT_CODE, STACK_CYCLE, STACK_UNREADABLE };

struct stack_memory;

/* The search for the C frame that runs each frame: entries.h. */
struct stack_entries {
    enum { ENTRIES_NEW, ENTRIES_READ, ENTRIES_SETTLED } progress;
    size_t by_shim;        /* of so many frames it is known: those behind are run by the C frame whose shim comes next */
    struct c_frame *chain; /* newest first; owned */
    size_t count, capacity;
    uint64_t next; /* to be read */
};

/* What was found when the stack was checked: stack_check.h. */
struct stack_verdict {
    bool is_settled;
    bool contradicts_itself; /* of a thread that was stopped in the middle of a call, a moment later it does not */
    bool has_codes;          /* all code objects of its frames are settled */
    struct c_frame c_frame;  /* so far the chain of C frames was followed; */
    size_t c_frames;         /* so many were met */
    char *doubt;             /* what in the stack contradicts itself, though no frame is known to be missing; NULL: nothing; owned */
};

struct stack {
    /* What is walked, and how: to be set before. */
    uint64_t thread_state;
    enum stack_mode mode;
    struct crowd *crowd;         /* of all stacks of the walk, borrowed; NULL: none are counted */
    struct stack_memory *memory; /* of the walk before, borrowed; NULL: each walk is whole */

    /* How far it has come. */
    enum { STACK_NEW, STACK_ENTERED, STACK_DONE } progress;
    uint64_t cursor; /* the frame to be read next */
    size_t steps;    /* frames gone by, shown or not */
    struct data_stack data_stack;
    struct cycle_search cycle;
    struct c_frame_trial trial; /* 3.11 and 3.12, where the target stands still */
    struct c_frame_guess guess; /* the same, where it runs; its links serve all versions */

    /* What comes of it. */
    uint64_t head;        /* the newest frame */
    uint64_t head_caller; /* where the target runs: the frame that called the C code that runs the newest one; 0: none; or STACK_UNTOLD */
    struct raw_frame *frames;
    size_t frame_count, frame_capacity;
    char *truncated; /* why the stack ends early; owned */
    enum stack_fault fault;
    struct stack_entries entries;
    struct stack_verdict verdict;
};

/* How many bytes of a thread state walking needs. */
size_t frames_stack_thread_state_size(const struct layout *layout);

void frames_stack_init(struct stack *stack, uint64_t thread_state);
void frames_stack_restart(struct stack *stack); /* to be walked anew; what was walked goes to its memory */
void frames_stack_free(struct stack *stack);    /* its contents */

/* How many bytes of a frame walking needs; of a _PyInterpreterFrame those up to its localsplus. */
size_t frames_stack_frame_size(const struct layout *layout);

/* Takes a frame apart, from these bytes. False: it has an owner that does not exist. */
bool frames_stack_decode_frame(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code, uint64_t *previous);

/* The first part of a walk: the thread state, and the newest piece of the data stack. False: memory is to be fetched. */
bool frames_stack_enter(struct stack *stack, struct reader *reader);

/* Walks as far as memory is there. The stack is whole, or truncated says why not, when progress is DONE. */
void frames_stack_step(struct stack *stack, struct reader *reader, struct code_table *codes);

#endif
