/* Whether a chain of frames runs in a circle, by Brent's search: it takes no memory, and few steps more than the circle is long. */
#ifndef SPPROF_FRAMES_CYCLE_H
#define SPPROF_FRAMES_CYCLE_H

#include "frames/frame.h"

struct cycle_search {
    uint64_t remembered;  /* an address that was met */
    size_t behind, power; /* so many steps ago; the next is remembered after so many */
};

struct cycle_search frames_cycle_begin(void);

/* Goes on to an address; true where it was met before: then the search is over. */
bool frames_cycle_step(struct cycle_search *search, uint64_t address);

/* How many frames come before the first that comes a second time; count where none does. Where memory is refused fewer may be told. */
size_t frames_cycle_free_length(const struct raw_frame *frames, size_t count);

#endif
