/*
 * The _PyCFrame of 3.11 and 3.12 (Include/cpython/pystate.h): a variable of each C function that runs Python, which names the newest frame
 * that it runs, and the one before. Compilers let it become the current one before it says either (gcc 12 with 3.11.2: for six instructions);
 * until then both are whatever was on the C stack. What it says counts where it leads, one by one, to the thread state's own.
 */
#ifndef SPPROF_LAYOUT_CFRAME_H
#define SPPROF_LAYOUT_CFRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Whether it is the thread state's own (PyThreadState.root_cframe), which has none before it, and names no frame. */
bool layout_cframe_is_root(uint64_t thread_state, uint64_t cframe);

/* Goes along a chain of them. */
struct cframe_chain {
    uint64_t thread_state, at; /* to be read next */
    int steps;
    bool upwards; /* each lies further up on the C stack than the one that it leads to */
};

enum cframe_progress { CFRAME_MORE, CFRAME_SOUND, CFRAME_BROKEN };

struct cframe_chain layout_cframe_chain_of(uint64_t thread_state, uint64_t cframe);

/* previous: what the one at chain->at says is before it. A long chain is sound where it leads upwards so far. */
enum cframe_progress layout_cframe_chain_step(struct cframe_chain *chain, uint64_t previous);

#endif
