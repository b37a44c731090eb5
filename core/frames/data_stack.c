#include "frames/data_stack.h"

#include <inttypes.h>

enum { CHUNK_MAX = 1 << 27 };

static void enter_chunk(struct data_stack *data_stack, uint64_t chunk, uint64_t end)
{
    /* Chunks are made of whole pages (_PyObject_VirtualAlloc in push_chunk, Python/pystate.c), so that the rest of a page is theirs. */
    enum { PAGE = 4096 };
    if (data_stack->reads_ahead && end < UINT64_MAX - PAGE)
        end = (end + PAGE - 1) / PAGE * PAGE;
    bool sane = chunk != 0 && chunk % 8 == 0 && end > chunk && end - chunk <= CHUNK_MAX;
    data_stack->chunk = sane ? chunk : 0;
    data_stack->used = sane ? end - chunk : 0;
    data_stack->data = NULL;
    data_stack->older = 0;
    data_stack->lowest = UINT64_MAX;
}

void frames_data_stack_begin(struct data_stack *data_stack, uint64_t chunk, uint64_t top, uint64_t limit)
{
    data_stack->top = top;
    data_stack->limit = limit;
    enter_chunk(data_stack, chunk, top);
}

enum read_cache_status frames_data_stack_load(struct data_stack *data_stack, struct reader *reader)
{
    if (data_stack->chunk == 0 || data_stack->data != NULL)
        return READ_CACHE_READY;
    struct bytes data = bytes_none();
    enum read_cache_status status = object_reader_struct(reader, data_stack->chunk, (size_t)data_stack->used, "data stack", &data);
    data_stack->data = data.at;
    if (status == READ_CACHE_READY)
        data_stack->older = field_u64(data, LAYOUT(reader->layout, stack_chunk, previous));
    if (status == READ_CACHE_FAILED)
        data_stack->chunk = data_stack->used = 0;
    return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
}

bool frames_data_stack_holds(const struct data_stack *data_stack, uint64_t address, size_t size)
{
    return data_stack->chunk != 0 && address >= data_stack->chunk && address - data_stack->chunk < data_stack->used &&
           size <= data_stack->used - (address - data_stack->chunk);
}

bool frames_data_stack_has_popped(const struct data_stack *data_stack, uint64_t frame)
{
    return frame >= data_stack->top && frame < data_stack->limit;
}

/* Moves on to the next older chunk where a frame is in it. */
static enum read_cache_status follow_chunks(struct data_stack *data_stack, struct reader *reader, uint64_t frame)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t older = data_stack->older;
    if (older == 0 || frame < older || frame - older >= CHUNK_MAX)
        return READ_CACHE_READY;
    size_t header = (size_t)LAYOUT(layout, stack_chunk, data);
    enum read_cache_status status = object_reader_struct(reader, older, header, "data stack", &data);
    if (status != READ_CACHE_READY)
        return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
    uint64_t size = field_u64(data, LAYOUT(layout, stack_chunk, size));
    uint64_t top = field_u64(data, LAYOUT(layout, stack_chunk, top));
    if (size > CHUNK_MAX || frame - older >= size)
        return READ_CACHE_READY;
    uint64_t used = top <= size / 8 ? header + top * 8 : size;
    enter_chunk(data_stack, older, older + (used <= size ? used : size));
    return frames_data_stack_load(data_stack, reader);
}

enum read_cache_status frames_data_stack_frame(struct data_stack *data_stack, struct reader *reader, uint64_t frame, size_t size, struct bytes *data)
{
    if (frame % 8 != 0)
        return object_reader_fail(reader, "frame at 0x%" PRIx64 " is not aligned", frame);
    STEP(frames_data_stack_load(data_stack, reader)); /* before it is said to hold something: a chunk just entered may not be there */
    if (!frames_data_stack_holds(data_stack, frame, size))
        STEP(follow_chunks(data_stack, reader, frame));
    if (!frames_data_stack_holds(data_stack, frame, size))
        return object_reader_struct(reader, frame, size, "frame", data);
    if (frame >= data_stack->lowest)
        return object_reader_fail(reader, "frame at 0x%" PRIx64 " lies above the frame that it called", frame);
    *data = (struct bytes){data_stack->data + (frame - data_stack->chunk), size};
    return READ_CACHE_READY;
}

void frames_data_stack_pass(struct data_stack *data_stack, uint64_t frame)
{
    if (frames_data_stack_holds(data_stack, frame, 1))
        data_stack->lowest = frame;
}
