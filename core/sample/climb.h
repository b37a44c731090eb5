/*
 * Where the chain of frames that begins at the newest one cannot be followed, since that one has gone: the stack is climbed from its old end.
 * A frame lies right behind the one that pushed it, and names it, so the callers that still stand lead to those that they have called.
 */
#ifndef SPPROF_SAMPLE_CLIMB_H
#define SPPROF_SAMPLE_CLIMB_H

#include "sample/capture.h"

/*
 * Puts into capture->frames what stands in the copy of the newest chunk: the callers of the sample before that are as they were, and
 * whoever was called above them, up to the frame at the address limit at most, pair by pair known to be one. False: nothing stands.
 */
bool climb(struct capture *capture, struct capture_context *context, uint64_t limit);

#endif
