#include "frames/frame_links.h"

#include <stddef.h>

static size_t place_of(uint64_t address)
{
    return (size_t)((address * UINT64_C(0x9e3779b97f4a7c15)) >> 52); /* FRAME_LINKS has so many bits */
}

const struct frame_link *frames_frame_link_find(const struct frame_link *links, uint64_t address)
{
    const struct frame_link *link = links != NULL ? &links[place_of(address)] : NULL;
    return link != NULL && link->address == address && link->code != 0 ? link : NULL;
}

void frames_frame_link_remember(struct frame_link *links, struct frame_link link)
{
    if (links != NULL)
        links[place_of(link.address)] = link;
}

uint64_t frames_frame_link_caller(struct frame_link *links, uint64_t frame, uint64_t code, uint64_t previous)
{
    const struct frame_link *link = links != NULL ? &links[place_of(frame)] : NULL;
    if (previous == 0)
        return link != NULL && link->address == frame && link->code == code ? link->previous : 0;
    frames_frame_link_remember(links, (struct frame_link){frame, code, previous});
    return previous;
}
