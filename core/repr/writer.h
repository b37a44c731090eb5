/*
 * How one value becomes text. A rule of a type puts the parts of an object in their order: words, and the objects in it, which are not
 * written at once but when the rule has returned: there is no recursion, and a part that waits for memory keeps none behind it from asking
 * for its own.
 */
#ifndef SPPROF_REPR_WRITER_H
#define SPPROF_REPR_WRITER_H

#include "base/text.h"
#include "object/type.h"
#include "repr/value.h"

struct writer {
    struct reader *reader;
    struct types *types;
    const struct spprof_value_limits *limits;
    value_place *place;
    void *place_context;

    struct text out;    /* what is written */
    struct text later;  /* words that stand behind an object which is not written yet */
    struct task *tasks; /* what is to be written, the next one last */
    size_t task_count, task_capacity;
    size_t first_task; /* of the rule that runs: its tasks are still in their order */
    uint64_t *open;    /* the containers around the object that is written */
    size_t open_count, open_capacity;
    size_t visited;
    bool pending;
};

/* A value_rule (type.h) writes an object. PENDING and FAILED undo what it has put. */

void repr_put(struct writer *writer, const char *words);
void repr_put_bytes(struct writer *writer, const char *bytes, size_t size);
void repr_put_format(struct writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void repr_put_text(struct writer *writer, struct spprof_text text);
void repr_put_value(struct writer *writer, uint64_t object);

/* The characters of a str object as they are; what names it where it cannot be read. */
void repr_put_characters(struct writer *writer, uint64_t object, const char *what);

/* Begins a container; false where it stands in itself or too deep: the rule then puts what CPython puts there. */
bool repr_open_container(struct writer *writer, uint64_t object);
void repr_close_container(struct writer *writer);

/* Puts what stands before an item; false where the limit of items is reached, which it marks. */
bool repr_put_separator(struct writer *writer, size_t index);

/* The rule of a type, which is chosen by its name, or by its flags where that cannot be read (rule.c). */
value_rule *repr_rule(const struct type_info *type);

/* The rules of the types that types.def has. */
#define BUILT_IN(type, rule) value_rule rule;
#define PYTHON(class, rule) value_rule rule;
#include "repr/types.def"

/* Rules of the kinds of classes that have no name of their own (instance.c, numpy.c). */
value_rule repr_instance, repr_enum_member, repr_named_tuple, repr_dataclass, repr_numpy_scalar;

/* The message of an exception, as str() gives it. */
value_rule repr_write_message;

/* Pieces that several rules share. */
void repr_put_float(struct writer *writer, double value);
void repr_put_single(struct writer *writer, float value);
void repr_put_quoted(struct writer *writer, const uint8_t *data, size_t length, unsigned width);
void repr_put_quoted_bytes(struct writer *writer, const uint8_t *data, size_t size, bool always_escape);
enum read_cache_status repr_put_tuple_items(struct writer *writer, uint64_t object, const char *what);
enum read_cache_status repr_put_list_items(struct writer *writer, uint64_t object);
enum read_cache_status repr_put_dict_items(struct writer *writer, uint64_t dict);

/* The value of an attribute that stands in a slot or in the instance's dict; 0: it has none. */
enum read_cache_status repr_find_attribute(struct writer *writer, uint64_t object, const struct type_info *type, const char *name, uint64_t *value);

/* One pointer field of an object. */
enum read_cache_status repr_read_field(struct writer *writer, uint64_t object, int32_t offset, const char *what, uint64_t *value);

#endif
