/* Interpreters and their thread states: Include/internal/pycore_interp.h, Include/cpython/pystate.h, 3.9 to 3.15. */
#ifndef SPPROF_FRAMES_THREAD_LIST_H
#define SPPROF_FRAMES_THREAD_LIST_H

#include "object/reader.h"
#include "spprof/snapshot.h"
#include "frames/stack.h"

/* Whose a thread state is: thread_owners.h. */
enum thread_life {
    THREAD_UNTOLD,    /* nothing tells whether its thread lives */
    THREAD_LIVES,     /* it is the state that its living thread runs with */
    THREAD_FURTHER,   /* its thread lives, and runs with another state of the same interpreter */
    THREAD_LEFT_OVER, /* its thread is gone */
};

struct thread_owner {
    enum thread_life life;
    const struct spprof_native_thread *native; /* NULL: none, or unknown */
    enum spprof_left_over left_over;
    bool superseded;  /* a newer state of the interpreter names the same pthread_t */
    bool stack_taken; /* a later thread has got its pthread_t, and with it the C stack */
};

struct thread_state {
    uint64_t address;
    uint64_t previous;         /* in the list, as it says itself */
    uint64_t thread_id;        /* pthread_t */
    uint64_t native_thread_id; /* kernel thread id as the target sees it; 0 before 3.11 */
    uint64_t unique_id;        /* PyThreadState.id: an address may be used again, an id never is */
    int32_t attach_state;      /* 0 detached, 1 attached, 2 suspended, 3 shutting down; -1 before 3.13 */
    bool gil_requested;        /* 3.15 */
    bool in_jit;               /* 3.14 and later: its newest frame is run by code of the JIT (ENTER_EXECUTOR in Python/bytecodes.c; cleared by every
                                * interpreter loop inside it, _PyEval_EvalFrameDefault in Python/ceval.c) */
    struct thread_owner owner; /* by snapshot_thread_owners_find */
    struct stack stack;
};

struct interpreter {
    uint64_t address;
    int64_t id;
    bool is_main;
    uint64_t modules;  /* sys.modules */
    bool collecting;   /* garbage collection runs */
    uint64_t gc_frame; /* 3.15: the frame in which it was started */
    uint64_t gil;      /* address of the GIL's state; 0 unknown */
    bool gil_known;    /* holder and locked were read */
    bool gil_enabled;  /* false in a free-threaded build that runs without it */
    bool gil_locked;
    uint64_t gil_holder; /* the thread state that took it last */
    struct thread_state **threads;
    size_t thread_count, thread_capacity;
    uint64_t next_thread;
    void *seen; /* the addresses of its thread states: a tree of tsearch(3) */
    bool header_read, gil_read, listed;
    bool searched;   /* for threads that the list does not lead to */
    char *truncated; /* why the list of threads ends early; owned */
    char *doubt;     /* what in the list is damaged, though it was gone on with; NULL: nothing; owned */
};

struct thread_list {
    uint64_t runtime;
    struct interpreter **interpreters;
    size_t count, capacity;
    uint64_t main_interpreter;
    uint64_t main_thread; /* pthread_t of the process's main thread */
    uint64_t next;
    bool started, listed;
    char *truncated; /* why the list of interpreters ends early; owned */
};

void frames_thread_list_init(struct thread_list *list, uint64_t runtime);
void frames_thread_list_free(struct thread_list *list); /* its contents, with the stacks */

/* Lists as far as memory is there; true when everything is settled. */
bool frames_thread_list_step(struct thread_list *list, struct reader *reader);

/* Lists all of it, without stacks. Errors: there is none that can be read. */
struct spprof_error *frames_thread_list_read(struct thread_list *list, struct spprof_target *target, const struct layout *layout);

#endif
