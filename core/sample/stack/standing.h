/* Which frames that are known still stand in a reading. */
#ifndef SPPROF_SAMPLE_STACK_STANDING_H
#define SPPROF_SAMPLE_STACK_STANDING_H

#include "sample/stack/inquiry.h"

/* How many of the oldest frames lie below the first byte of the chunk that has changed since they were found: they are as they were. */
size_t sample_standing_untouched(const struct reading *reading, const struct sampled_frames *frames);

/* How many of the oldest frames are as they were, frame by frame. 3.11 and later. */
size_t sample_standing_frames(struct inquiry *inquiry, const struct sampled_frames *frames);

/* How many of the oldest frames the chain that begins at the newest frame has, too, as they were. */
size_t sample_standing_in_chain(const struct reading *reading, const struct sampled_frames *frames);

/* Whether all frames stand as they did; the newest may have run on. */
bool sample_standing_all(struct inquiry *inquiry, const struct sampled_frames *frames);

#endif
