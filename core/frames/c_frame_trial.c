#include "frames/c_frame_trial.h"

#include <stdio.h>
#include <stdlib.h>

#include "layout/cframe.h"

const char frames_C_FRAME_ENTERING[] = "the thread is just entering the interpreter, and nothing tells yet which frame it runs; look again";

void frames_c_frame_trial_free(struct c_frame_trial *trial)
{
    free(trial->rejected.frames);
    free(trial->rejected.reason);
}

/* Whether what a C frame says counts: layout/cframe.h. */
static enum read_cache_status check_chain(struct reader *reader, uint64_t thread_state, uint64_t address, bool *sound)
{
    struct cframe_chain chain = layout_cframe_chain_of(thread_state, address);
    enum cframe_progress progress = CFRAME_MORE;
    while (progress == CFRAME_MORE) {
        struct c_frame c_frame;
        enum read_cache_status status = frames_c_frame_read(reader, chain.at, &c_frame);
        if (status == READ_CACHE_PENDING || (status == READ_CACHE_FAILED && object_reader_is_short(reader)))
            return status;
        progress = status == READ_CACHE_READY ? layout_cframe_chain_step(&chain, c_frame.before) : CFRAME_BROKEN;
    }
    *sound = progress == CFRAME_SOUND;
    return READ_CACHE_READY;
}

enum read_cache_status frames_c_frame_trial_begin(struct c_frame_trial *trial, struct reader *reader, uint64_t thread_state,
                                                  const struct c_frame *current)
{
    bool sound;
    struct c_frame before;
    STEP(check_chain(reader, thread_state, current->address, &sound));
    trial->entering = !sound;
    if (!sound || current->before == 0)
        return READ_CACHE_READY;
    STEP(frames_c_frame_read(reader, current->before, &before));
    trial->before = before.newest;
    trial->is_on = true;
    return READ_CACHE_READY;
}

bool frames_c_frame_trial_goes_on(struct c_frame_trial *trial, const struct raw_frame *frame, bool popped)
{
    if (trial->is_on && (popped || (frame->entered && frame->previous != trial->before)))
        return false;
    trial->count += trial->is_on && frame->owner != FRAME_OWNER_INTERPRETER;
    if (frame->entered)
        trial->is_on = false;
    return true;
}

void frames_c_frame_trial_reject(struct c_frame_trial *trial, struct raw_frame *frames, size_t count, bool popped, const char *reason)
{
    char *copy;
    trial->rejected.frames = frames;
    trial->rejected.count = count;
    trial->rejected.popped = popped;
    trial->rejected.reason = asprintf(&copy, "%s", reason) < 0 ? NULL : copy;
    trial->is_on = false;
    trial->count = 0;
    trial->entering = trial->before == 0; /* its first frame, or what was believed to be before is long gone */
}
