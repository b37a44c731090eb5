/*
 * Arrays that grow. Every growth of an array goes through here, so that no size wraps around: how many items there are, is often what a
 * target says.
 */
#ifndef SPPROF_BASE_ARRAY_H
#define SPPROF_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes room for needed items of a size in all, where items is the address of the pointer to the first one (malloc; NULL: none yet) and
 * *capacity how many there is room for. Room grows to the double at least, so that one item after the other costs O(1). False: there is no
 * memory, and the array is as it was.
 */
bool base_array_reserve(void *items, size_t *capacity, size_t needed, size_t item_size);

/*
 * The same for a short list that keeps no capacity: room for exactly so many. Where count is 0 there is room for one, so that the pointer
 * is not NULL.
 */
bool base_array_resize(void *items, size_t count, size_t item_size);

/* Of an array and its capacity, both lvalues. */
#define ARRAY_RESERVE(items, capacity, needed) base_array_reserve(&(items), &(capacity), (needed), sizeof *(items))
#define ARRAY_RESIZE(items, count) base_array_resize(&(items), (count), sizeof *(items))

#endif
