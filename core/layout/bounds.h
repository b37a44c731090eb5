/* Whether offsets can be those of CPython's structures at all, whoever says so: bounds that are made from fields.def for every field. */
#ifndef SPPROF_LAYOUT_BOUNDS_H
#define SPPROF_LAYOUT_BOUNDS_H

#include "layout/layout.h"

/*
 * False: they cannot, and text says why. Every field lies where it may lie by far (twice as deep as in any version that is known), not
 * behind the end of its structure, and on no other field of it.
 */
bool layout_bounds_hold(const int32_t offset[LAYOUT_FIELD_COUNT], char *text, size_t size);

#endif
