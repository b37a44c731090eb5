#include "frames/cycle.h"

#include <stdlib.h>

struct cycle_search frames_cycle_begin(void)
{
    return (struct cycle_search){.power = 1};
}

bool frames_cycle_step(struct cycle_search *search, uint64_t address)
{
    if (address == search->remembered && address != 0)
        return true;
    if (++search->behind == search->power) {
        search->remembered = address;
        search->behind = 0;
        search->power *= 2;
    }
    return false;
}

static int by_address(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* False also where memory is refused. */
static bool all_differ(const struct raw_frame *frames, size_t count)
{
    uint64_t *addresses = calloc(count, sizeof *addresses);
    bool differ = addresses != NULL;
    for (size_t i = 0; differ && i < count; i++)
        addresses[i] = frames[i].address;
    if (differ)
        qsort(addresses, count, sizeof *addresses, by_address);
    for (size_t i = 1; differ && i < count; i++)
        differ = addresses[i] != addresses[i - 1];
    free(addresses);
    return differ;
}

size_t frames_cycle_free_length(const struct raw_frame *frames, size_t count)
{
    size_t low = 0, high = count;
    while (low < high) { /* the longest beginning without a repetition */
        size_t middle = (low + high + 1) / 2;
        if (all_differ(frames, middle))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}
