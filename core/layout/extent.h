/* How much of a structure must be read to have some of its fields. */
#ifndef SPPROF_LAYOUT_EXTENT_H
#define SPPROF_LAYOUT_EXTENT_H

#include <stddef.h>

#include "layout/layout.h"

/* Where the last of the fields ends, none being longer than a pointer; those that the version does not have do not count. */
size_t layout_extent(const struct layout *layout, const enum layout_field *fields, size_t count);

#endif
