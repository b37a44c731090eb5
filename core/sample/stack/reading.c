#include "sample/stack/reading.h"

#include <stdlib.h>

#include "frames/frame_operations.h"
#include "sample/rules.h"

struct bytes sample_reading_in_chunk(const struct reading *reading, uint64_t address, uint64_t size)
{
    bool there = reading->chunk != 0 && address >= reading->chunk;
    if (!there || size > reading->bytes.size || address - reading->chunk > reading->bytes.size - size)
        return bytes_none();
    return (struct bytes){reading->bytes.at + (address - reading->chunk), size};
}

bool sample_reading_is_in_chunk(const struct reading *reading, uint64_t address)
{
    return sample_reading_in_chunk(reading, address, 1).at != NULL;
}

enum read_cache_status sample_reading_piece(const struct reading *reading, uint64_t address, uint64_t size, struct bytes *bytes)
{
    *bytes = bytes_none();
    if (reading->pieces == NULL || address == 0 || address % 8 != 0)
        return READ_CACHE_FAILED;
    const uint8_t *data;
    enum read_cache_status status = target_read_cache_look(reading->pieces, address, (size_t)size, &data);
    if (status == READ_CACHE_READY)
        *bytes = (struct bytes){data, (size_t)size};
    return status;
}

const struct frame_link *sample_reading_link(const struct reading *reading, uint64_t address)
{
    return frames_frame_link_find(reading->links, address);
}

enum frame_work sample_frame_work(const struct layout *layout, struct bytes header)
{
    int32_t stacktop = LAYOUT(layout, frame, stacktop);
    if (stacktop == LAYOUT_ABSENT || header.at == NULL || !RULE(HEIGHT))
        return FRAME_UNTOLD;
    return field_i32(header, stacktop) < 0 ? FRAME_RUNS : FRAME_WAITS;
}

struct spprof_error *sample_stack_reader_init(struct stack_reader *reader, struct spprof_target *target, const struct layout *layout,
                                              uint64_t thread_state)
{
    *reader = (struct stack_reader){.reader = {.layout = layout}};
    frames_stack_init(&reader->stack, thread_state);
    reader->stack.memory = &reader->memory;
    return target_read_cache_new(target, &reader->reader.cache);
}

void sample_stack_reader_free(struct stack_reader *reader)
{
    if (reader->reader.cache != NULL)
        object_reader_give_back(&reader->reader, 0);
    target_read_cache_free(reader->reader.cache);
    frames_stack_free(&reader->stack);
    frames_stack_memory_free(&reader->memory);
    free(reader->links);
}

void sample_stack_reader_forget(struct stack_reader *reader)
{
    reader->stack.frame_count = 0;
    reader->memory.count = reader->memory.next = 0;
    reader->reading.frame_count = 0;
}

/* What there is by now. Whatever was fetched may have moved the pieces, but not the copy of the chunk. */
static void show(struct stack_reader *reader, bool followed)
{
    const struct stack *stack = &reader->stack;
    const struct stack_memory *memory = &reader->memory;
    bool whole = followed && stack->truncated == NULL;
    reader->reading = (struct reading){
        .layout = reader->reader.layout,
        .head = stack->head,
        .head_caller = stack->head_caller,
        .chunk = memory->fresh ? memory->chunk : 0,
        .bytes = memory->fresh ? (struct bytes){memory->bytes, memory->size} : bytes_none(),
        .steady = reader->reading.steady,
        .followed = whole,
        .frames = stack->frames,
        .frame_count = whole ? stack->frame_count : 0,
        .links = reader->links,
        .pieces = reader->reader.cache,
    };
}

bool sample_stack_reader_begin(struct stack_reader *reader, bool still)
{
    struct stack *stack = &reader->stack;
    bool at_once = true;
    /* Threads that never run need no links; without memory there are none. */
    if (!still && reader->links == NULL)
        reader->links = calloc(FRAME_LINKS, sizeof *reader->links);
    stack->mode = still ? STACK_STILL : STACK_RUNNING;
    stack->guess.links = still ? NULL : reader->links;
    target_read_cache_reread(reader->reader.cache, frames_of(reader->reader.layout->rules)->on_heap);
    frames_stack_restart(stack);
    while (!frames_stack_enter(stack, &reader->reader) && target_read_cache_fetch(reader->reader.cache))
        at_once = false;
    uint64_t same = reader->memory.fresh ? reader->memory.same : 0;
    reader->reading.steady = same < reader->reading.steady ? same : reader->reading.steady;
    show(reader, false);
    return at_once;
}

bool sample_stack_reader_follow(struct stack_reader *reader, struct code_table *codes)
{
    struct stack *stack = &reader->stack;
    frames_stack_step(stack, &reader->reader, codes);
    bool at_once = stack->progress == STACK_DONE;
    while (target_read_cache_fetch(reader->reader.cache))
        frames_stack_step(stack, &reader->reader, codes);
    show(reader, true);
    return at_once;
}

bool sample_stack_reader_add(struct stack_reader *reader, uint64_t address, uint64_t size)
{
    const uint8_t *data;
    enum read_cache_status status;
    do {
        status = target_read_cache_want(reader->reader.cache, address, (size_t)size, &data);
    } while (status == READ_CACHE_PENDING && target_read_cache_fetch(reader->reader.cache));
    return status == READ_CACHE_READY;
}

void sample_stack_reader_settle(struct stack_reader *reader)
{
    reader->reading.steady = UINT64_MAX;
}
