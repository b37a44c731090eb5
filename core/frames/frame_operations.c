#include "frames/frame_operations.h"

const struct frame_operations *frames_of(const struct layout_rules *rules)
{
    static const struct frame_operations *const operations[] = {
        [FRAME_OBJECTS] = &frames_frame_objects,
        [FRAME_INTERPRETER] = &frames_interpreter_frames,
    };
    return operations[rules->frames];
}

enum read_cache_status frames_frame_reference(struct reader *reader, uint64_t frame, enum layout_field field, const char *what, uint64_t *object)
{
    const struct layout *layout = reader->layout;
    STEP(object_reader_pointer(reader, frame + (uint64_t)layout->offset[field], what, object));
    *object &= ~layout->rules->reference_tag_mask;
    return READ_CACHE_READY;
}
