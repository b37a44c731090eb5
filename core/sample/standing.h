/* Which frames of the samples before still stand in the newest reading. */
#ifndef SPPROF_SAMPLE_STANDING_H
#define SPPROF_SAMPLE_STANDING_H

#include "sample/capture.h"

/* How many of the oldest frames lie below the first byte of the chunk that has changed since they were climbed: they are as they were. */
size_t standing_untouched(const struct capture *capture);

/* How many of the oldest frames are as they were, frame by frame. 3.11 and later. */
size_t standing_frames(struct capture *capture, const struct layout *layout);

/* How many of the oldest frames the chain that begins at the newest frame has, too, as they were. */
size_t standing_in_chain(const struct captured_frames *frames, const struct stack *stack);

/* Whether all of capture->frames stand as they did; the newest may have run on. */
bool standing_all(struct capture *capture, const struct layout *layout);

/*
 * Whether the chain led to another oldest frame than the one that is known, or to the first one ever. It has most likely gone astray; if it
 * does so again the thread may have begun with another frame, which has to prove itself now and then. To be asked once for each reading.
 */
bool standing_root_is_in_doubt(struct capture *capture, struct raw_frame *root);

/* Whether the chain led to the oldest frame that is known. */
bool standing_chain_is_right(struct capture *capture);

#endif
