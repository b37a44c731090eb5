#include "snapshot/thread_names.h"

#include <stdlib.h>

#include "base/array.h"
#include "object/dict.h"
#include "object/integer.h"
#include "object/string.h"

void snapshot_thread_names_free(struct thread_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i].name.bytes);
    free(names->items);
}

static bool add_name(struct thread_names *names, const struct thread_name *name)
{
    if (!ARRAY_RESERVE(names->items, names->capacity, names->count + 1))
        return false;
    names->items[names->count++] = *name;
    return true;
}

/* One key of a dict: threading in sys.modules, _active in the module's dict. */
static enum read_cache_status find_active(struct reader *reader, const struct interpreter *interpreter, uint64_t *active)
{
    uint64_t module, dict;
    *active = 0;
    STEP(object_dict_find(reader, interpreter->modules, "sys.modules", "threading", &module));
    if (module == 0)
        return READ_CACHE_READY;
    STEP(object_reader_pointer(reader, module + (uint64_t)LAYOUT(reader->layout, module, dict), "the threading module", &dict));
    return object_dict_find(reader, dict, "the threading module's dict", "_active", active);
}

/* A thread that has not begun has None; that it cannot be read costs nothing but this number. */
static enum read_cache_status read_native_id(struct reader *reader, uint64_t object, int64_t *native_id)
{
    uint64_t number = 0, value = 0;
    bool fits = false;
    *native_id = 0;
    if (LAYOUT(reader->layout, thread_state, native_thread_id) != LAYOUT_ABSENT)
        return READ_CACHE_READY;
    enum read_cache_status status = object_instance_find(reader, object, "a Thread", "_native_id", &number);
    if (status == READ_CACHE_READY && number != 0)
        status = object_integer_read(reader, number, "a Thread's native id", &fits, &value);
    if (status == READ_CACHE_READY && fits)
        *native_id = (int64_t)value;
    return status == READ_CACHE_PENDING ? READ_CACHE_PENDING : READ_CACHE_READY;
}

static enum read_cache_status read_thread_object(struct reader *reader, uint64_t ident, uint64_t object, struct thread_name *name)
{
    bool fits;
    uint64_t text;
    STEP(object_integer_read(reader, ident, "a thread's ident", &fits, &name->thread_id));
    if (!fits)
        return object_reader_fail(reader, "a key of threading._active is no thread id");
    STEP(object_instance_find(reader, object, "a Thread", "_name", &text));
    if (text == 0)
        return object_reader_fail(reader, "a Thread has no name");
    STEP(read_native_id(reader, object, &name->native_id));
    return object_string_read(reader, text, "a thread's name", &name->name);
}

/* Every thread is asked for before one is waited for; the pass that finds all memory there reads them. */
static enum read_cache_status read_names(struct reader *reader, const struct interpreter *interpreter, struct thread_names *names)
{
    struct dict_view view;
    uint64_t active;
    STEP(find_active(reader, interpreter, &active));
    if (active == 0)
        return READ_CACHE_READY;
    STEP(object_dict_open(reader, active, "threading._active", &view));
    enum read_cache_status all = READ_CACHE_READY;
    size_t before = names->count;
    for (size_t i = 0; i < view.count; i++) {
        struct thread_name name = {.interpreter = interpreter->address};
        uint64_t ident, object;
        STEP(object_dict_entry(reader, &view, i, &ident, &object));
        if (ident == 0)
            continue;
        enum read_cache_status status = read_thread_object(reader, ident, object, &name);
        if (status == READ_CACHE_FAILED)
            spprof_problems_add(&target_read_cache_target(reader->cache)->problems, "the name of a thread could not be read: %s", reader->reason);
        if (status == READ_CACHE_PENDING)
            all = READ_CACHE_PENDING;
        if (status == READ_CACHE_READY && !add_name(names, &name))
            free(name.name.bytes);
    }
    while (all == READ_CACHE_PENDING && names->count > before) /* read again in the next pass */
        free(names->items[--names->count].name.bytes);
    return all;
}

static void read_interpreter(struct reader *reader, const struct interpreter *interpreter, struct thread_names *names)
{
    enum read_cache_status status;
    do {
        status = read_names(reader, interpreter, names);
    } while (status == READ_CACHE_PENDING && target_read_cache_fetch(reader->cache));
    if (status == READ_CACHE_FAILED)
        spprof_problems_add(&target_read_cache_target(reader->cache)->problems, "the names of the threads of interpreter %lld could not be read: %s",
                            (long long)interpreter->id, reader->reason);
}

static int compare(const void *left, const void *right)
{
    const struct thread_name *a = left, *b = right;
    if (a->interpreter != b->interpreter)
        return a->interpreter > b->interpreter ? 1 : -1;
    return (a->thread_id > b->thread_id) - (a->thread_id < b->thread_id);
}

struct spprof_error *snapshot_thread_names_read(struct spprof_target *target, const struct layout *layout, const struct thread_list *list,
                                                struct thread_names *names)
{
    struct reader reader = {.layout = layout};
    struct spprof_error *error = target_read_cache_new(target, &reader.cache);
    if (error != NULL)
        return error;
    for (size_t i = 0; i < list->count; i++)
        if (list->interpreters[i]->modules != 0)
            read_interpreter(&reader, list->interpreters[i], names);
    object_reader_give_back(&reader, 0);
    target_read_cache_free(reader.cache);
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare);
    return NULL;
}

const struct thread_name *snapshot_thread_names_find(const struct thread_names *names, const struct interpreter *interpreter,
                                                     const struct thread_state *state)
{
    struct thread_name key = {.interpreter = interpreter->address, .thread_id = state->thread_id};
    return names->count == 0 ? NULL : bsearch(&key, names->items, names->count, sizeof key, compare);
}
