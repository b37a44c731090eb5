#include "layout/cframe.h"

enum { THREAD_STATE_MAX = 1 << 12, STEPS = 64 };

bool layout_cframe_is_root(uint64_t thread_state, uint64_t cframe)
{
    return cframe - thread_state < THREAD_STATE_MAX;
}

struct cframe_chain layout_cframe_chain_of(uint64_t thread_state, uint64_t cframe)
{
    return (struct cframe_chain){.thread_state = thread_state, .at = cframe, .upwards = true};
}

enum cframe_progress layout_cframe_chain_step(struct cframe_chain *chain, uint64_t previous)
{
    if (layout_cframe_is_root(chain->thread_state, chain->at) || layout_cframe_is_root(chain->thread_state, previous))
        return CFRAME_SOUND;
    chain->upwards = chain->upwards && previous > chain->at;
    chain->at = previous;
    if (previous == 0)
        return CFRAME_BROKEN;
    return ++chain->steps < STEPS ? CFRAME_MORE : chain->upwards ? CFRAME_SOUND : CFRAME_BROKEN;
}
