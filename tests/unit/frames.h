/* A thread of a program made by a test (memory.h): its state, its data stack, and the frames on it, as every version builds them. */
#ifndef TESTS_UNIT_FRAMES_H
#define TESTS_UNIT_FRAMES_H

#include "memory.h"
#include "frames/stack.h"

enum { UNITS = 10, FRAME_ROOM = 128, CHUNK_HEAD = 24 };

/* _PyInterpreterFrame.owner as the versions number it; what 3.12 and 3.13 call the C stack 3.14 calls the interpreter. */
enum { OWNER_THREAD, OWNER_GENERATOR, OWNER_FRAME_OBJECT, OWNER_INTERPRETER };

struct program {
    struct memory *memory;
    uint64_t thread, code;
    struct code_table *codes;
    struct stack stack;
    bool walked;
};

static inline int program_setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct program *program = calloc(1, sizeof *program);
    struct memory *memory = *state;
    program->memory = memory;
    program->thread = place_apart(memory, 1024);
    program->code = make_code(memory, &(struct code){.name = "f", .first_line = 1, .units = UNITS});
    assert_null(frames_code_table_new(&program->codes));
    *state = program;
    return 0;
}

static inline void forget_walk(struct program *program)
{
    if (program->walked)
        frames_stack_free(&program->stack);
    program->walked = false;
}

static inline int program_teardown(void **state)
{
    struct program *program = *state;
    forget_walk(program);
    frames_code_table_free(program->codes);
    *state = program->memory;
    free(program);
    return memory_teardown(state);
}

static inline const struct layout *layout_in(const struct program *program)
{
    return &program->memory->layout;
}

static inline bool frames_are_objects(const struct program *program)
{
    return layout_in(program)->rules->frames == FRAME_OBJECTS;
}

/* What stands in a frame whose code is about to run, or runs, the instruction of this number. */
static inline uint64_t instruction_of(const struct program *program, uint64_t code, int64_t unit)
{
    switch (layout_in(program)->rules->position) {
    case POSITION_LASTI_BYTES: return (uint64_t)(unit < 0 ? -1 : unit * 2);
    case POSITION_LASTI_UNITS: return (uint64_t)unit;
    default: return FIELD_AT(program->memory, code, code, bytecode) + (uint64_t)(unit * 2);
    }
}

struct frame {
    uint64_t previous, code;
    int64_t unit;
    uint8_t owner;
};

static inline void put_frame(struct program *program, uint64_t address, const struct frame *frame)
{
    struct memory *memory = program->memory;
    uint64_t instruction = instruction_of(program, frame->code, frame->unit);
    if (frames_are_objects(program)) {
        put_u64(memory, FIELD_AT(memory, address, frame_object, back), frame->previous);
        put_u64(memory, FIELD_AT(memory, address, frame_object, code), frame->code);
        put_u32(memory, FIELD_AT(memory, address, frame_object, lasti), (uint32_t)instruction);
        return;
    }
    put_u64(memory, FIELD_AT(memory, address, frame, previous), frame->previous);
    put_u64(memory, FIELD_AT(memory, address, frame, executable), frame->code | (layout_in(program)->rules->reference_tag_mask & 1));
    put_u64(memory, FIELD_AT(memory, address, frame, instruction), instruction);
    put_u8(memory, FIELD_AT(memory, address, frame, owner), frame->owner);
}

/* A frame of the heap, as generators and 3.9 have them. */
static inline uint64_t make_frame(struct program *program, uint64_t previous, uint8_t owner)
{
    uint64_t address = place(program->memory, FRAME_ROOM);
    put_frame(program, address, &(struct frame){previous, program->code, 1, owner});
    return address;
}

enum { ROOT_CFRAME = 512 }; /* in the thread state, somewhere */

static inline void set_newest(struct program *program, uint64_t frame)
{
    struct memory *memory = program->memory;
    if (layout_in(program)->rules->has_cframe) {
        uint64_t cframe = program->thread + ROOT_CFRAME; /* which has none before it */
        put_u64(memory, FIELD_AT(memory, program->thread, thread_state, cframe), cframe);
        put_u64(memory, FIELD_AT(memory, cframe, cframe, current_frame), frame);
    } else {
        put_u64(memory, FIELD_AT(memory, program->thread, thread_state, current_frame), frame);
    }
}

/* A piece of data stack with room for count frames; the thread state says that `top` is the end of what is used. */
static inline uint64_t make_chunk(struct program *program, uint64_t older, size_t count)
{
    struct memory *memory = program->memory;
    size_t size = CHUNK_HEAD + 8 + count * FRAME_ROOM;
    uint64_t chunk = place_apart(memory, size);
    put_u64(memory, FIELD_AT(memory, chunk, stack_chunk, previous), older);
    put_u64(memory, FIELD_AT(memory, chunk, stack_chunk, size), size);
    put_u64(memory, FIELD_AT(memory, chunk, stack_chunk, top), (size - CHUNK_HEAD) / 8);
    return chunk;
}

static inline uint64_t frame_in_chunk(uint64_t chunk, size_t index)
{
    return chunk + CHUNK_HEAD + 8 + index * FRAME_ROOM;
}

static inline void set_chunk(struct program *program, uint64_t chunk, uint64_t top)
{
    put_u64(program->memory, FIELD_AT(program->memory, program->thread, thread_state, datastack_chunk), chunk);
    put_u64(program->memory, FIELD_AT(program->memory, program->thread, thread_state, datastack_top), top);
}

/* Pushes count frames on a chunk, the first above previous; gives the newest. */
static inline uint64_t push_frames(struct program *program, uint64_t chunk, size_t count, uint64_t previous)
{
    for (size_t i = 0; i < count; i++) {
        put_frame(program, frame_in_chunk(chunk, i), &(struct frame){previous, program->code, 1, OWNER_THREAD});
        previous = frame_in_chunk(chunk, i);
    }
    return previous;
}

#endif
