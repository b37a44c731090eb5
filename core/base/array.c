#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 16 };

bool base_array_resize(void *items, size_t count, size_t item_size)
{
    void *old;
    memcpy(&old, items, sizeof old);
    void *grown = reallocarray(old, count == 0 ? 1 : count, item_size);
    if (grown == NULL)
        return false;
    memcpy(items, &grown, sizeof grown);
    return true;
}

bool base_array_reserve(void *items, size_t *capacity, size_t needed, size_t item_size)
{
    if (needed <= *capacity)
        return true;
    size_t larger = *capacity > SIZE_MAX / 2 ? needed : *capacity * 2;
    if (larger < CAPACITY_MIN)
        larger = CAPACITY_MIN;
    if (larger < needed)
        larger = needed;
    if (!base_array_resize(items, larger, item_size))
        return false;
    *capacity = larger;
    return true;
}
