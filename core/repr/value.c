#include "repr/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "object/string.h"
#include "repr/writer.h"

enum {
    DEFAULT_DEPTH = 6,
    DEFAULT_ITEMS = 100,
    DEFAULT_LENGTH = 1000,
    DEFAULT_OBJECTS = 2000,
    PAGE = 4096,
    AHEAD = 96, /* most small objects are not larger: they come with the read that asks for their type */
};

struct values {
    struct spprof_value_limits limits;
    value_place *place;
    void *place_context;
    struct types *types;
};

/* One thing to be written. */
struct task {
    enum { TASK_WORDS, TASK_OBJECT, TASK_CHARACTERS, TASK_CLOSE } kind;
    uint64_t object;    /* TASK_OBJECT, TASK_CHARACTERS */
    const char *what;   /* TASK_CHARACTERS */
    size_t words, size; /* TASK_WORDS: where they stand in writer.later */
};

static bool push_task(struct writer *writer, struct task task)
{
    if (!ARRAY_RESERVE(writer->tasks, writer->task_capacity, writer->task_count + 1)) {
        writer->out.failed = true;
        return false;
    }
    writer->tasks[writer->task_count++] = task;
    return true;
}

/* Words that follow an object are kept until it is written. */
static struct text *text_for(struct writer *writer)
{
    return writer->task_count == writer->first_task ? &writer->out : &writer->later;
}

static void words_added(struct writer *writer, const struct text *text, size_t before)
{
    if (text == &writer->later && text->size > before)
        push_task(writer, (struct task){.kind = TASK_WORDS, .words = before, .size = text->size - before});
}

void repr_put_bytes(struct writer *writer, const char *bytes, size_t size)
{
    struct text *text = text_for(writer);
    size_t before = text->size;
    base_text_add(text, bytes, size);
    words_added(writer, text, before);
}

void repr_put(struct writer *writer, const char *words)
{
    repr_put_bytes(writer, words, strlen(words));
}

void repr_put_text(struct writer *writer, struct spprof_text text)
{
    if (text.bytes != NULL)
        repr_put_bytes(writer, text.bytes, text.size);
}

void repr_put_format(struct writer *writer, const char *format, ...)
{
    struct text *text = text_for(writer);
    size_t before = text->size;
    va_list arguments;
    va_start(arguments, format);
    base_text_format_list(text, format, arguments);
    va_end(arguments);
    words_added(writer, text, before);
}

void repr_put_value(struct writer *writer, uint64_t object)
{
    push_task(writer, (struct task){.kind = TASK_OBJECT, .object = object});
}

void repr_put_characters(struct writer *writer, uint64_t object, const char *what)
{
    push_task(writer, (struct task){.kind = TASK_CHARACTERS, .object = object, .what = what});
}

bool repr_open_container(struct writer *writer, uint64_t object)
{
    if (writer->open_count >= writer->limits->depth)
        return false;
    for (size_t i = 0; i < writer->open_count; i++)
        if (writer->open[i] == object)
            return false;
    if (!ARRAY_RESERVE(writer->open, writer->open_capacity, writer->open_count + 1))
        return false;
    writer->open[writer->open_count++] = object;
    return true;
}

void repr_close_container(struct writer *writer)
{
    push_task(writer, (struct task){.kind = TASK_CLOSE});
}

bool repr_put_separator(struct writer *writer, size_t index)
{
    bool more = index < writer->limits->items;
    if (index > 0)
        repr_put(writer, ", ");
    if (!more)
        repr_put(writer, "...");
    return more;
}

enum read_cache_status repr_read_field(struct writer *writer, uint64_t object, int32_t offset, const char *what, uint64_t *value)
{
    if (offset == LAYOUT_ABSENT)
        return object_reader_fail(writer->reader, "where it keeps %s is not known", what);
    return object_reader_pointer(writer->reader, object + (uint64_t)offset, what, value);
}

/* Asks for the whole of a small object at once, but not beyond the page: what is mapped is mapped in pages. */
static void read_ahead(struct writer *writer, uint64_t object)
{
    const uint8_t *data;
    size_t rest = PAGE - (size_t)(object % PAGE);
    if (object != 0 && object % 8 == 0 && object <= UINT64_MAX - PAGE)
        (void)target_read_cache_want(writer->reader->cache, object, rest < AHEAD ? rest : AHEAD, &data);
}

static enum read_cache_status write_object(struct writer *writer, uint64_t object, struct type_info **type)
{
    uint64_t address;
    if (object == 0)
        return object_reader_fail(writer->reader, "a null pointer");
    read_ahead(writer, object);
    STEP(object_reader_pointer(writer->reader, object + (uint64_t)LAYOUT(writer->reader->layout, object, type), "an object", &address));
    struct type_info *found;
    STEP(object_types_find(writer->types, writer->reader, address, &found));
    *type = found;
    if (found->rule == NULL)
        found->rule = repr_rule(found);
    return found->rule(writer, object, found);
}

/* The tasks from first on, of which there may be none. */
static void reverse(struct writer *writer, size_t first)
{
    for (size_t low = first, high = writer->task_count; low + 1 < high; low++) {
        struct task task = writer->tasks[low];
        writer->tasks[low] = writer->tasks[--high];
        writer->tasks[high] = task;
    }
}

static void put_failure(struct writer *writer, uint64_t object, const struct type_info *type)
{
    if (type != NULL)
        repr_put_format(writer, "<%s at 0x%" PRIx64 ": %s>", type->full_name.bytes != NULL ? type->full_name.bytes : "object", object,
                        writer->reader->reason);
    else
        repr_put_format(writer, "<unreadable: %s>", writer->reader->reason);
}

/* Writes one object as far as it stands in no other; what it has put is undone where it must wait or fails. */
static void visit(struct writer *writer, uint64_t object, value_rule *rule)
{
    struct type_info *type = NULL;
    size_t out = writer->out.size, later = writer->later.size, open = writer->open_count, tasks = writer->task_count;
    writer->first_task = tasks;
    writer->visited++;
    enum read_cache_status status = write_object(writer, object, &type);
    if (status == READ_CACHE_READY && rule != NULL) { /* another rule than its own, which has seen to it that the type is there */
        writer->out.size = out, writer->later.size = later, writer->open_count = open, writer->task_count = tasks;
        status = rule(writer, object, type);
    }
    if (status != READ_CACHE_READY)
        writer->out.size = out, writer->later.size = later, writer->open_count = open, writer->task_count = tasks;
    if (status == READ_CACHE_PENDING) {
        writer->pending = true;
        repr_put(writer, "?"); /* counts against the limit */
    } else if (status == READ_CACHE_FAILED) {
        put_failure(writer, object, type);
    }
    reverse(writer, tasks);
    writer->first_task = SIZE_MAX;
}

static void add_characters(struct writer *writer, const struct task *task)
{
    struct spprof_text text = {NULL, 0};
    uint64_t before = writer->reader->taken;
    enum read_cache_status status = object_string_read(writer->reader, task->object, task->what, &text);
    if (status == READ_CACHE_READY)
        base_text_add(&writer->out, text.bytes, text.size);
    else if (status == READ_CACHE_FAILED)
        base_text_format(&writer->out, "<unreadable: %s>", writer->reader->reason);
    else
        writer->pending = true;
    free(text.bytes);
    object_reader_give_back(writer->reader, before);
}

static void run_task(struct writer *writer, const struct task *task)
{
    switch (task->kind) {
    case TASK_WORDS: base_text_add(&writer->out, writer->later.bytes + task->words, task->size); break;
    case TASK_OBJECT: visit(writer, task->object, NULL); break;
    case TASK_CHARACTERS: add_characters(writer, task); break;
    case TASK_CLOSE: writer->open_count--; break;
    }
}

static bool run(struct writer *writer, uint64_t object, value_rule *rule)
{
    const struct spprof_value_limits *limits = writer->limits;
    visit(writer, object, rule);
    while (writer->task_count > 0 && writer->out.size <= limits->length && writer->visited < limits->objects) {
        struct task task = writer->tasks[--writer->task_count];
        run_task(writer, &task);
    }
    return writer->task_count == 0 && writer->out.size <= limits->length;
}

static enum read_cache_status finish(struct writer *writer, bool whole, struct spprof_text *text)
{
    if (writer->pending && !writer->out.failed)
        return READ_CACHE_PENDING;
    if (!whole) {
        base_text_cut(&writer->out, writer->limits->length);
        base_text_add_string(&writer->out, "...");
    }
    if (!object_reader_take(writer->reader, writer->out.size + 1))
        return READ_CACHE_FAILED;
    return base_text_take(&writer->out, text) ? READ_CACHE_READY : object_reader_no_memory(writer->reader);
}

static enum read_cache_status write_with(struct values *values, struct reader *reader, uint64_t object, value_rule *rule, struct spprof_text *text)
{
    struct writer writer = {
        .reader = reader,
        .types = values->types,
        .limits = &values->limits,
        .place = values->place,
        .place_context = values->place_context,
        .first_task = SIZE_MAX,
    };
    bool whole = run(&writer, object, rule);
    enum read_cache_status status = finish(&writer, whole, text);
    base_text_free(&writer.out);
    base_text_free(&writer.later);
    free(writer.tasks);
    free(writer.open);
    return status;
}

enum read_cache_status repr_value_text(struct values *values, struct reader *reader, uint64_t object, struct spprof_text *text)
{
    return write_with(values, reader, object, NULL, text);
}

enum read_cache_status repr_value_message(struct values *values, struct reader *reader, uint64_t exception, struct spprof_text *text)
{
    return write_with(values, reader, exception, repr_write_message, text);
}

enum read_cache_status repr_value_see_through_cell(struct values *values, struct reader *reader, uint64_t *object)
{
    uint64_t address;
    struct type_info *type;
    if (*object == 0)
        return READ_CACHE_READY;
    STEP(object_reader_pointer(reader, *object + (uint64_t)LAYOUT(reader->layout, object, type), "an object", &address));
    STEP(object_types_find(values->types, reader, address, &type));
    if (strcmp(type->name, "cell") != 0)
        return READ_CACHE_READY;
    return object_reader_pointer(reader, *object + (uint64_t)LAYOUT(reader->layout, cell, contents), "a cell", object);
}

enum read_cache_status repr_value_type_name(struct values *values, struct reader *reader, uint64_t object, struct spprof_text *text)
{
    uint64_t address;
    struct type_info *type;
    STEP(object_reader_pointer(reader, object + (uint64_t)LAYOUT(reader->layout, object, type), "an object", &address));
    STEP(object_types_find(values->types, reader, address, &type));
    struct text cache = {0};
    base_text_add(&cache, type->full_name.bytes, type->full_name.size);
    return base_text_take(&cache, text) ? READ_CACHE_READY : object_reader_no_memory(reader);
}

struct spprof_error *repr_values_new(const struct spprof_value_limits *limits, value_place *place, void *context, struct values **result)
{
    struct values *values = calloc(1, sizeof *values);
    if (values == NULL)
        return spprof_error_no_memory();
    struct spprof_error *error = object_types_new(&values->types);
    if (error != NULL) {
        free(values);
        return error;
    }
    values->limits = *limits;
    if (values->limits.depth == 0)
        values->limits.depth = DEFAULT_DEPTH;
    if (values->limits.items == 0)
        values->limits.items = DEFAULT_ITEMS;
    if (values->limits.length == 0)
        values->limits.length = DEFAULT_LENGTH;
    if (values->limits.objects == 0)
        values->limits.objects = DEFAULT_OBJECTS;
    values->place = place;
    values->place_context = context;
    *result = values;
    return NULL;
}

void repr_values_free(struct values *values)
{
    if (values == NULL)
        return;
    object_types_free(values->types);
    free(values);
}
