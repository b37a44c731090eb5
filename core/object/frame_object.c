#include "object/frame_object.h"

enum read_cache_status object_frame_of_object(struct reader *reader, uint64_t object, const char *what, uint64_t *frame)
{
    int32_t offset = LAYOUT(reader->layout, frame_object, frame);
    *frame = object;
    return offset == LAYOUT_ABSENT ? READ_CACHE_READY : object_reader_pointer(reader, object + (uint64_t)offset, what, frame);
}
