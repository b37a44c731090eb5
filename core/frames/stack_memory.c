#include "frames/stack_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void frames_stack_memory_free(struct stack_memory *memory)
{
    free(memory->bytes);
    free(memory->frames);
    *memory = (struct stack_memory){.chunk = 0};
}

/* The newest frame from which on all lie in the chunk. */
static size_t first_in_chunk(const struct raw_frame *frames, size_t count, uint64_t chunk)
{
    while (count > 0 && frames[count - 1].chunk == chunk)
        count--;
    return count;
}

void frames_stack_memory_take(struct stack_memory *memory, struct raw_frame **frames, size_t *capacity, size_t count)
{
    struct raw_frame *spare = memory->frames;
    size_t spare_capacity = memory->frame_capacity;
    memory->fresh = false;
    memory->frames = *frames;
    memory->frame_capacity = *capacity;
    memory->count = count;
    memory->next = first_in_chunk(memory->frames, memory->count, memory->chunk);
    *frames = spare;
    *capacity = spare_capacity;
}

static uint64_t common(const uint8_t *a, const uint8_t *b, size_t size)
{
    enum { BLOCK = 128 };
    size_t at = 0;
    while (at + BLOCK <= size && memcmp(a + at, b + at, BLOCK) == 0)
        at += BLOCK;
    while (at < size && a[at] == b[at])
        at++;
    return at;
}

void frames_stack_memory_compare(struct stack_memory *memory, const struct data_stack *data_stack)
{
    const size_t size = (size_t)data_stack->used;
    memory->same = 0;
    if (data_stack->chunk == 0 || data_stack->data == NULL) {
        memory->chunk = 0;
        return;
    }
    if (!ARRAY_RESERVE(memory->bytes, memory->capacity, size)) {
        memory->chunk = 0;
        return;
    }
    if (data_stack->chunk == memory->chunk)
        memory->same = common(memory->bytes, data_stack->data, size < memory->size ? size : memory->size);
    else
        memory->count = memory->next = 0;
    memcpy(memory->bytes + memory->same, data_stack->data + memory->same, size - memory->same);
    memory->chunk = data_stack->chunk;
    memory->size = size;
    memory->fresh = true;
}

const struct raw_frame *frames_stack_memory_find(struct stack_memory *memory, uint64_t cursor, size_t size, size_t *count)
{
    *count = 0;
    if (cursor < memory->chunk || cursor - memory->chunk + size > memory->same)
        return NULL;
    while (memory->next < memory->count && memory->frames[memory->next].address > cursor)
        memory->next++;
    if (memory->next == memory->count || memory->frames[memory->next].address != cursor)
        return NULL;
    *count = memory->count - memory->next;
    return &memory->frames[memory->next];
}
