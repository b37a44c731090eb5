#include "frames/c_frame.h"

#include "layout/extent.h"

enum read_cache_status frames_c_frame_read(struct reader *reader, uint64_t address, struct c_frame *c_frame)
{
    static const enum layout_field fields[] = {FIELD_cframe_current_frame, FIELD_cframe_previous};
    const struct layout *layout = reader->layout;
    int32_t newest = LAYOUT(layout, cframe, current_frame), before = LAYOUT(layout, cframe, previous);
    int32_t start = newest != LAYOUT_ABSENT && newest < before ? newest : before;
    struct bytes data;
    size_t size = layout_extent(layout, fields, sizeof fields / sizeof *fields) - (size_t)start;
    STEP(object_reader_struct(reader, address + (uint64_t)start, size, "C frame", &data));
    *c_frame = (struct c_frame){.address = address, .before = field_u64(data, before - start)};
    if (newest != LAYOUT_ABSENT)
        c_frame->newest = field_u64(data, newest - start);
    return READ_CACHE_READY;
}

enum read_cache_status frames_c_frame_current(struct reader *reader, uint64_t thread_state, uint64_t *address)
{
    return object_reader_pointer(reader, thread_state + (uint64_t)LAYOUT(reader->layout, thread_state, cframe), "C frame", address);
}
