/*
 * Python objects as text: what repr() says of them, made from memory alone. No code of the target runs.
 *
 * The text equals repr() until a limit cuts it, which "..." marks. Where repr() is a program (a class with a __repr__ of its own), the text
 * has the shape that people know: enums and their members, named tuples and dataclasses as those modules print them, any other instance as
 * <module.Class at 0x… attribute=value, …>. What cannot be read says so in its place: <list at 0x…: ob_item at 0x… is not mapped>.
 */
#ifndef SPPROF_REPR_VALUE_H
#define SPPROF_REPR_VALUE_H

#include "object/reader.h"
#include "spprof/snapshot.h"

struct values;

/* Says where a frame stands (a _PyInterpreterFrame, before 3.11 a PyFrameObject); *code is 0 where that cannot be told. */
typedef enum read_cache_status value_place(void *context, struct reader *reader, uint64_t frame, uint64_t *code, int32_t *line);

/* What all values of one snapshot share: their types, each read once. Copies limits; 0 in it is the default. place may be NULL. */
struct spprof_error *repr_values_new(const struct spprof_value_limits *limits, value_place *place, void *context, struct values **values);
void repr_values_free(struct values *values); /* NULL is allowed */

/*
 * The text of the object at an address, owned by the caller. PENDING: to be called again after target_read_cache_fetch. FAILED: out of memory; whatever
 * is wrong with the object itself is told in its text.
 */
enum read_cache_status repr_value_text(struct values *values, struct reader *reader, uint64_t object, struct spprof_text *text);

/* The same as str() gives it for an exception: its message. */
enum read_cache_status repr_value_message(struct values *values, struct reader *reader, uint64_t exception, struct spprof_text *text);

/* Replaces a cell by what it holds, 0 where it is empty; leaves any other object as it is. */
enum read_cache_status repr_value_see_through_cell(struct values *values, struct reader *reader, uint64_t *object);

/* Module and qualified name of an object's type. */
enum read_cache_status repr_value_type_name(struct values *values, struct reader *reader, uint64_t object, struct spprof_text *text);

#endif
