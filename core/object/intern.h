/*
 * Texts and tables that many code objects share, or have equal ones of, kept once: what is shared in the target costs no more here.
 * Each holder has a reference, and the bytes live as long as the last one.
 */
#ifndef SPPROF_OBJECT_INTERN_H
#define SPPROF_OBJECT_INTERN_H

#include <stddef.h>

#include "spprof/budget.h"

struct intern;

/* NULL: no memory. */
struct intern *object_intern_new(void);

/* From now on memory is taken from a budget, borrowed. To be called before the first text comes. */
void object_intern_draw_from(struct intern *intern, struct spprof_budget *budget);

/* Gives up its own references, and what it has drawn. NULL is allowed. */
void object_intern_free(struct intern *intern);

/* Bytes equal to these, ended by NUL, with a reference for the caller; NULL: no memory. */
const char *object_intern_bytes(struct intern *intern, const void *bytes, size_t size);

/* Gives up a reference. NULL is allowed. */
void object_intern_release(const void *bytes);

#endif
