/* The interpreters and thread states of a program made by a test (memory.h), in lists as every version keeps them. */
#ifndef TESTS_UNIT_INTERPRETERS_H
#define TESTS_UNIT_INTERPRETERS_H

#include "memory.h"

enum { INTERPRETER_SIZE = 1 << 14, THREAD_SIZE = 1024, MAIN_THREAD = 0x7e57 };

static inline uint64_t make_runtime(struct memory *memory)
{
    uint64_t runtime = place_apart(memory, 1 << 12);
    put_u64(memory, FIELD_AT(memory, runtime, runtime, main_thread), MAIN_THREAD);
    return runtime;
}

static inline uint64_t make_interpreter(struct memory *memory, uint64_t runtime, int64_t id, uint64_t next)
{
    uint64_t interpreter = place_apart(memory, INTERPRETER_SIZE);
    put_u64(memory, FIELD_AT(memory, interpreter, interpreter, id), (uint64_t)id);
    put_u64(memory, FIELD_AT(memory, interpreter, interpreter, next), next);
    put_u64(memory, FIELD_AT(memory, runtime, runtime, interpreters_head), interpreter);
    if (id == 0)
        put_u64(memory, FIELD_AT(memory, runtime, runtime, interpreters_main), interpreter);
    return interpreter;
}

/* A thread state in front of the others. */
static inline uint64_t make_thread(struct memory *memory, uint64_t interpreter, uint64_t number)
{
    uint64_t thread = place_apart(memory, THREAD_SIZE), head = FIELD_AT(memory, interpreter, interpreter, threads_head);
    put_u64(memory, FIELD_AT(memory, thread, thread_state, next), field_u64((struct bytes){at(memory, head), 8}, 0));
    put_u64(memory, FIELD_AT(memory, thread, thread_state, interp), interpreter);
    put_u64(memory, FIELD_AT(memory, thread, thread_state, thread_id), MAIN_THREAD + number);
    put_u64(memory, FIELD_AT(memory, thread, thread_state, id), number);
    if (LAYOUT(&memory->layout, thread_state, native_thread_id) != LAYOUT_ABSENT)
        put_u64(memory, FIELD_AT(memory, thread, thread_state, native_thread_id), 1000 + number);
    put_u64(memory, head, thread);
    return thread;
}

#endif
