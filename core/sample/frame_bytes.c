#include "sample/frame_bytes.h"

enum { FRAME_BYTES_MAX = 1 << 16 };

struct bytes frame_bytes_copied(const struct capture *capture, uint64_t address, uint64_t size)
{
    const struct stack_memory *memory = &capture->memory;
    bool there = memory->fresh && memory->chunk != 0 && address >= memory->chunk;
    if (!there || size > memory->size || address - memory->chunk > memory->size - size)
        return bytes_none();
    return (struct bytes){memory->bytes + (address - memory->chunk), size};
}

struct bytes frame_bytes_beside(struct capture *capture, uint64_t address, uint64_t size)
{
    struct reader *reader = &capture->reader;
    struct bytes data;
    enum copy_status status;
    do {
        status = reader_struct(reader, address, (size_t)size, "frame", &data);
    } while (status == COPY_PENDING && copy_fetch(reader->copy));
    return status == COPY_READY ? data : bytes_none();
}

struct bytes frame_bytes_whole(struct capture *capture, const struct layout *layout, const struct captured_frame *frame)
{
    uint64_t size = frame->code->frame_bytes;
    if (size < stack_frame_size(layout) || size > FRAME_BYTES_MAX)
        return bytes_none();
    struct bytes data = frame_bytes_copied(capture, frame->address, size);
    return data.at == NULL && frame->generator ? frame_bytes_beside(capture, frame->address, size) : data;
}

struct bytes frame_header(struct capture *capture, const struct layout *layout, const struct captured_frame *frame)
{
    uint64_t size = stack_frame_size(layout), before = frame->address - frame->chunk;
    struct bytes data = frame_bytes_copied(capture, frame->address, size);
    if (data.at != NULL)
        return data;
    if (frame->chunk == 0)
        return frame_bytes_beside(capture, frame->address, size);
    data = frame_bytes_beside(capture, frame->chunk, before + size);
    return bytes_from(data, before);
}

enum frame_work frame_work(const struct layout *layout, struct bytes header)
{
    int32_t stacktop = LAYOUT(layout, frame, stacktop);
    if (stacktop == LAYOUT_ABSENT || header.at == NULL)
        return FRAME_UNTOLD;
    return field_i32(header, stacktop) < 0 ? FRAME_RUNS : FRAME_WAITS;
}
