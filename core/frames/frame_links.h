/*
 * Of a target that runs: which frame a frame was called by when that was last seen, by address and code object. A generator that has
 * yielded since, and a frame object that has returned (3.9, 3.10), have forgotten it. Of a C frame of 3.12: which frame it was entered with
 * (previous), when that was called by a frame (code).
 */
#ifndef SPPROF_FRAMES_FRAME_LINKS_H
#define SPPROF_FRAMES_FRAME_LINKS_H

#include <stdint.h>

/* That many stand in a table, each at a place of its own by its address; another one may take that. All zero: empty. */
enum { FRAME_LINKS = 1 << 12 };

struct frame_link {
    uint64_t address, code, previous;
};

/* What is remembered of an address, where its code object is known, too; NULL: nothing, or links is NULL. */
const struct frame_link *frames_frame_link_find(const struct frame_link *links, uint64_t address);

/* Nothing is remembered where links is NULL. */
void frames_frame_link_remember(struct frame_link *links, struct frame_link link);

/* The caller of a frame that forgets it: remembers previous, or where that is 0 gives what is remembered of this code object's frame; 0: nothing. */
uint64_t frames_frame_link_caller(struct frame_link *links, uint64_t frame, uint64_t code, uint64_t previous);

#endif
