/* 3.9 and 3.10, a PyFrameObject: Include/cpython/frameobject.h, Include/frameobject.h of 3.9. */
#include "layout/extent.h"
#include "frames/frame_operations.h"

static size_t header_size(const struct layout *layout)
{
    static const enum layout_field fields[] = {
        FIELD_frame_object_back,      FIELD_frame_object_code,     FIELD_frame_object_lasti,
        FIELD_frame_object_generator, FIELD_frame_object_stacktop, FIELD_frame_object_stackdepth,
    };
    return layout_extent(layout, fields, sizeof fields / sizeof *fields);
}

/*
 * Whether a generator's frame only waits for the one that it handed throw() or close() on to: _gen_throw of 3.9 and 3.10 makes it the current
 * frame without running it. What runs has no value stack in its frame.
 */
static bool delegates(const struct layout *layout, struct bytes data)
{
    int32_t generator = LAYOUT(layout, frame_object, generator), top = LAYOUT(layout, frame_object, stacktop);
    int32_t depth = LAYOUT(layout, frame_object, stackdepth);
    if (generator == LAYOUT_ABSENT || field_u64(data, generator) == 0)
        return false;
    if (depth != LAYOUT_ABSENT)
        return field_i32(data, depth) > 0;
    return top != LAYOUT_ABSENT && field_u64(data, top) != 0;
}

static bool decode(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code, uint64_t *previous)
{
    *previous = field_u64(data, LAYOUT(layout, frame_object, back));
    *code = field_u64(data, LAYOUT(layout, frame_object, code));
    frame->instruction = (uint64_t)(int64_t)field_i32(data, LAYOUT(layout, frame_object, lasti));
    frame->owner = FRAME_OWNER_THREAD;
    frame->delegates = delegates(layout, data);
    return true;
}

static bool find_offset(const struct raw_frame *frame, const struct layout_rules *rules, int64_t *offset)
{
    *offset = (int64_t)frame->instruction * (rules->position == POSITION_LASTI_UNITS ? CODE_UNIT : 1);
    return true;
}

static bool is_incomplete(const struct raw_frame *frame, int64_t offset)
{
    (void)frame, (void)offset;
    return false;
}

static bool forgets_caller(const struct raw_frame *frame)
{
    (void)frame;
    return true;
}

const struct frame_operations frames_frame_objects = {
    .on_heap = true,
    .tells_owner = false,
    .code = FIELD_frame_object_code,
    .globals = FIELD_frame_object_globals,
    .locals = FIELD_frame_object_locals,
    .variables = FIELD_frame_object_localsplus,
    .size = header_size,
    .decode = decode,
    .offset = find_offset,
    .is_incomplete = is_incomplete,
    .forgets_caller = forgets_caller,
};
