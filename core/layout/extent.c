#include "layout/extent.h"

size_t layout_extent(const struct layout *layout, const enum layout_field *fields, size_t count)
{
    enum { POINTER = 8 };
    int32_t end = 0;
    for (size_t i = 0; i < count; i++)
        if (layout->offset[fields[i]] != LAYOUT_ABSENT && layout->offset[fields[i]] + POINTER > end)
            end = layout->offset[fields[i]] + POINTER;
    return (size_t)end;
}
