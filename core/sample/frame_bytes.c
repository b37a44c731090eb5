#include "sample/frame_bytes.h"

enum { FRAME_BYTES_MAX = 1 << 16 };

const uint8_t *frame_bytes_copied(const struct capture *capture, uint64_t address, uint64_t size)
{
    const struct stack_memory *memory = &capture->memory;
    bool there = memory->fresh && memory->chunk != 0 && address >= memory->chunk;
    if (!there || size > memory->size || address - memory->chunk > memory->size - size)
        return NULL;
    return memory->bytes + (address - memory->chunk);
}

const uint8_t *frame_bytes_beside(struct capture *capture, uint64_t address, uint64_t size)
{
    struct reader *reader = &capture->reader;
    const uint8_t *data;
    enum copy_status status;
    do {
        status = reader_struct(reader, address, (size_t)size, "frame", &data);
    } while (status == COPY_PENDING && copy_fetch(reader->copy));
    return status == COPY_READY ? data : NULL;
}

const uint8_t *frame_bytes_whole(struct capture *capture, const struct layout *layout, const struct captured_frame *frame)
{
    uint64_t size = frame->code->frame_bytes;
    if (size < stack_frame_size(layout) || size > FRAME_BYTES_MAX)
        return NULL;
    const uint8_t *data = frame_bytes_copied(capture, frame->address, size);
    return data == NULL && frame->generator ? frame_bytes_beside(capture, frame->address, size) : data;
}

const uint8_t *frame_header(struct capture *capture, const struct layout *layout, const struct captured_frame *frame)
{
    uint64_t size = stack_frame_size(layout), before = frame->address - frame->chunk;
    const uint8_t *data = frame_bytes_copied(capture, frame->address, size);
    if (data != NULL)
        return data;
    if (frame->chunk == 0)
        return frame_bytes_beside(capture, frame->address, size);
    data = frame_bytes_beside(capture, frame->chunk, before + size);
    return data != NULL ? data + before : NULL;
}

enum frame_work frame_work(const struct layout *layout, const uint8_t *header)
{
    int32_t stacktop = LAYOUT(layout, frame, stacktop);
    if (stacktop == LAYOUT_ABSENT || header == NULL)
        return FRAME_UNTOLD;
    return field_i32(header, stacktop) < 0 ? FRAME_RUNS : FRAME_WAITS;
}
