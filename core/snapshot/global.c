#include "snapshot/global.h"

#include <stdlib.h>
#include <string.h>

#include "object/dict.h"
#include "object/string.h"
#include "repr/value.h"
#include "frames/frame_operations.h"
#include "snapshot/session.h"

struct name_search {
    struct reader reader;
    struct values *values;
    uint64_t frame;
    const char *name;
    enum name_scope scope;
    struct spprof_text *value;
};

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* An object that is no str, or cannot be read, is not the name. */
static enum read_cache_status has_name(struct name_search *search, uint64_t key, bool *equal)
{
    struct spprof_text text = {0};
    *equal = false;
    if (is_ascii(search->name))
        return object_string_equals(&search->reader, key, search->name, equal);
    enum read_cache_status status = object_string_read(&search->reader, key, "a name", &text);
    if (status == READ_CACHE_READY)
        *equal = text.size == strlen(search->name) && memcmp(text.bytes, search->name, text.size) == 0;
    free(text.bytes);
    return status;
}

/* Goes through all keys even when one waits for memory, so that all are asked for in one batch. */
static enum read_cache_status find_in(struct name_search *search, const struct dict_view *view, uint64_t *object)
{
    enum read_cache_status all = READ_CACHE_READY;
    *object = 0;
    for (size_t i = 0; i < view->count; i++) {
        uint64_t key, value;
        bool equal;
        STEP(object_dict_entry(&search->reader, view, i, &key, &value));
        if (key == 0)
            continue;
        enum read_cache_status status = has_name(search, key, &equal);
        if (status == READ_CACHE_READY && equal) {
            *object = value;
            return READ_CACHE_READY;
        }
        if (status == READ_CACHE_PENDING)
            all = status;
    }
    return all;
}

static enum read_cache_status find_globals(struct name_search *search, uint64_t *globals)
{
    enum layout_field field = frames_of(search->reader.layout->rules)->globals;
    return frames_frame_reference(&search->reader, search->frame, field, "the globals of the frame", globals);
}

/* The globals name their built-ins: the module in __main__, its dict elsewhere. */
static enum read_cache_status open_builtins(struct name_search *search, uint64_t globals, struct dict_view *view, bool *has)
{
    uint64_t builtins, type, flags;
    *has = false;
    STEP(object_dict_find(&search->reader, globals, "the globals of the frame", "__builtins__", &builtins));
    if (builtins == 0)
        return READ_CACHE_READY;
    STEP(object_reader_type(&search->reader, builtins, "__builtins__", &type, &flags));
    if ((flags & TYPE_FLAG_DICT) == 0)
        return object_instance_open(&search->reader, builtins, "__builtins__", view, has);
    *has = true;
    return object_dict_open(&search->reader, builtins, "__builtins__", view);
}

static enum read_cache_status step(struct name_search *search)
{
    struct dict_view view;
    uint64_t globals, object;
    bool has;
    STEP(find_globals(search, &globals));
    STEP(object_dict_open(&search->reader, globals, "the globals of the frame", &view));
    STEP(find_in(search, &view, &object));
    search->scope = NAME_GLOBAL;
    if (object == 0) {
        search->scope = NAME_BUILTIN;
        STEP(open_builtins(search, globals, &view, &has));
        if (has)
            STEP(find_in(search, &view, &object));
    }
    if (object != 0)
        return repr_value_text(search->values, &search->reader, object, search->value);
    search->scope = NAME_UNKNOWN;
    return READ_CACHE_READY;
}

static struct spprof_error *run(struct name_search *search)
{
    enum { IDLE_MAX = 4 }; /* passes that read nothing */
    enum read_cache_status status = step(search);
    for (int idle = 0; status == READ_CACHE_PENDING && idle < IDLE_MAX; idle++) {
        if (target_read_cache_fetch(search->reader.cache))
            idle = -1;
        status = step(search);
    }
    if (status == READ_CACHE_READY)
        return NULL;
    const char *reason = status == READ_CACHE_FAILED ? search->reader.reason : "its memory does not settle";
    return spprof_error_new(SPPROF_ERROR_UNREADABLE, "cannot look up '%s': %s", search->name, reason);
}

static const struct layout *layout_of(const struct spprof_session *session, uint64_t runtime)
{
    for (size_t i = 0; i < session->pythons.count; i++)
        if (session->pythons.items[i].runtime.address == runtime)
            return &session->pythons.items[i].layout;
    return &session->chosen.layout;
}

struct spprof_error *snapshot_global_find(struct spprof_session *session, uint64_t runtime, uint64_t frame, const char *name,
                                          const struct spprof_value_limits *limits, enum name_scope *scope, struct spprof_text *value)
{
    struct name_search search = {.frame = frame, .name = name, .value = value};
    *value = (struct spprof_text){0};
    struct spprof_error *error = target_read_cache_new(session->target, &search.reader.cache);
    search.reader.layout = layout_of(session, runtime);
    if (error == NULL)
        error = repr_values_new(limits, NULL, NULL, &search.values);
    if (error == NULL)
        error = run(&search);
    *scope = error == NULL ? search.scope : NAME_UNKNOWN;
    repr_values_free(search.values);
    if (search.reader.cache != NULL)
        object_reader_give_back(&search.reader, 0);
    target_read_cache_free(search.reader.cache);
    return error;
}
