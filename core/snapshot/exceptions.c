#include "snapshot/exceptions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash_table.h"
#include "object/dict.h"
#include "object/frame_object.h"
#include "frames/frame_at.h"
#include "frames/position.h"

enum {
    CHAIN_MAX = 16,       /* exceptions that led to one another */
    TRACEBACK_MAX = 1000, /* frames of one traceback that are shown */
    ITEMS_MAX = 1 << 16,  /* of the exc_info chain */
};

/* One entry of a traceback, oldest first. */
struct trace {
    uint64_t frame; /* of the frame object; 0 when its code object is known */
    struct code_entry *code;
    int32_t instruction, line;
};

/* An exception object. */
struct raised {
    uint64_t address;
    bool settled, header_read, listed;
    uint64_t cause, context;
    struct spprof_text type, message;
    enum read_cache_status type_status, message_status;
    struct trace *traces;
    size_t trace_count;
    size_t located; /* traces before it have their code object */
    uint64_t next;  /* the traceback object to be read next */
    char truncated[sizeof((struct reader *)0)->reason];
};

struct thread {
    uint64_t thread_state;
    bool found; /* exception is known, 0 where there is none */
    uint64_t exception;
    bool raising;
};

struct exceptions {
    struct values *values;
    struct code_table *codes;
    struct reader *reader;     /* of the last step, borrowed: memory is taken by it */
    struct hash_table raised;  /* struct raised, by their address */
    struct hash_table threads; /* struct thread, by their thread state */
};

struct spprof_error *snapshot_exceptions_new(struct values *values, struct code_table *codes, struct exceptions **result)
{
    *result = calloc(1, sizeof **result);
    if (*result == NULL)
        return spprof_error_no_memory();
    (*result)->values = values;
    (*result)->codes = codes;
    return NULL;
}

static void raised_free(struct raised *raised)
{
    free(raised->type.bytes);
    free(raised->message.bytes);
    free(raised->traces);
    free(raised);
}

void snapshot_exceptions_free(struct exceptions *exceptions)
{
    if (exceptions == NULL)
        return;
    size_t raised = 0, thread = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_each(&exceptions->raised, &raised)) != NULL;)
        raised_free(entry->item);
    for (const struct hash_entry *entry; (entry = base_hash_table_each(&exceptions->threads, &thread)) != NULL;)
        free(entry->item);
    base_hash_table_free(&exceptions->raised);
    base_hash_table_free(&exceptions->threads);
    free(exceptions);
}

static enum read_cache_status is_exception(struct reader *reader, uint64_t object, bool *is)
{
    uint64_t type, flags;
    *is = false;
    if (object == 0)
        return READ_CACHE_READY;
    STEP(object_reader_type(reader, object, "an exception", &type, &flags));
    *is = (flags & TYPE_FLAG_EXCEPTION) != 0;
    return READ_CACHE_READY;
}

/* What is on its way to a handler: current_exception since 3.12; before, curexc_value, which is not always an exception yet. */
static enum read_cache_status find_raising(struct reader *reader, struct thread *thread)
{
    const struct layout *layout = reader->layout;
    int32_t offset = LAYOUT(layout, thread_state, current_exception);
    if (offset == LAYOUT_ABSENT)
        offset = LAYOUT(layout, thread_state, curexc_value);
    uint64_t object;
    bool is;
    if (offset == LAYOUT_ABSENT)
        return READ_CACHE_READY;
    STEP(object_reader_pointer(reader, thread->thread_state + (uint64_t)offset, "thread state", &object));
    STEP(is_exception(reader, object, &is));
    if (is) {
        thread->exception = object;
        thread->raising = true;
    }
    return READ_CACHE_READY;
}

/* _PyErr_GetTopmostException, Python/errors.c: the newest item that holds an exception. */
static enum read_cache_status find_handled(struct reader *reader, struct thread *thread)
{
    const struct layout *layout = reader->layout;
    uint64_t item, object;
    STEP(object_reader_pointer(reader, thread->thread_state + (uint64_t)LAYOUT(layout, thread_state, exc_info), "thread state", &item));
    for (int i = 0; item != 0 && i < ITEMS_MAX; i++) {
        bool is;
        STEP(object_reader_pointer(reader, item + (uint64_t)LAYOUT(layout, exc_stack_item, exc_value), "an item of exc_info", &object));
        STEP(is_exception(reader, object, &is));
        if (is) {
            thread->exception = object;
            break;
        }
        STEP(object_reader_pointer(reader, item + (uint64_t)LAYOUT(layout, exc_stack_item, previous_item), "an item of exc_info", &item));
    }
    return READ_CACHE_READY;
}

static struct raised *raised_get(struct exceptions *exceptions, uint64_t address)
{
    struct raised *raised = base_hash_table_item(&exceptions->raised, address);
    if (raised != NULL)
        return raised;
    raised = object_reader_allocate_in(exceptions->reader, &exceptions->raised, address, sizeof *raised);
    if (raised == NULL)
        return NULL;
    raised->address = address;
    raised->type_status = raised->message_status = READ_CACHE_PENDING;
    return raised;
}

static enum read_cache_status read_header(struct reader *reader, struct raised *raised)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    size_t size = (size_t)LAYOUT(layout, exception, suppress_context) + 1;
    STEP(object_reader_struct(reader, raised->address, size, "an exception", &data));
    raised->next = field_u64(data, LAYOUT(layout, exception, traceback));
    raised->cause = field_u64(data, LAYOUT(layout, exception, cause));
    if (field_u8(data, LAYOUT(layout, exception, suppress_context)) == 0)
        raised->context = field_u64(data, LAYOUT(layout, exception, context));
    raised->header_read = true;
    return READ_CACHE_READY;
}

static enum read_cache_status list_traces(struct reader *reader, struct raised *raised)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    while (raised->next != 0) {
        STEP(object_reader_struct(reader, raised->next, (size_t)LAYOUT(layout, traceback, lineno) + 4, "a traceback", &data));
        if (raised->trace_count >= TRACEBACK_MAX)
            return object_reader_fail(reader, "the traceback has more than %d frames", TRACEBACK_MAX);
        struct trace *grown = object_reader_grow(reader, raised->traces, raised->trace_count, raised->trace_count + 1, sizeof *grown);
        if (grown == NULL)
            return READ_CACHE_FAILED;
        raised->traces = grown;
        raised->traces[raised->trace_count++] = (struct trace){
            .frame = field_u64(data, LAYOUT(layout, traceback, frame)),
            .instruction = field_i32(data, LAYOUT(layout, traceback, lasti)),
            .line = field_i32(data, LAYOUT(layout, traceback, lineno)),
        };
        raised->next = field_u64(data, LAYOUT(layout, traceback, next));
    }
    return READ_CACHE_READY;
}

static enum read_cache_status locate(struct reader *reader, struct code_table *codes, struct trace *trace)
{
    uint64_t frame;
    struct raw_frame raw;
    STEP(object_frame_of_object(reader, trace->frame, "a frame", &frame));
    STEP(frames_frame_at(reader, codes, frame, &raw));
    trace->code = raw.code;
    return raw.code->status == READ_CACHE_FAILED ? object_reader_fail(reader, "%s", raw.code->reason) : raw.code->status;
}

/* Every frame is asked for before one is waited for. */
static enum read_cache_status locate_all(struct reader *reader, struct code_table *codes, struct raised *raised)
{
    enum read_cache_status all = READ_CACHE_READY;
    for (size_t i = raised->located; i < raised->trace_count; i++) {
        enum read_cache_status status = locate(reader, codes, &raised->traces[i]);
        if (status == READ_CACHE_FAILED) {
            raised->trace_count = i;
            return status;
        }
        if (status == READ_CACHE_PENDING)
            all = status;
        else if (i == raised->located)
            raised->located++;
    }
    return all;
}

static void step_traceback(struct reader *reader, struct code_table *codes, struct raised *raised, bool *pending)
{
    enum read_cache_status status = raised->header_read ? READ_CACHE_READY : read_header(reader, raised);
    enum read_cache_status listed = status == READ_CACHE_READY ? list_traces(reader, raised) : status;
    if (listed == READ_CACHE_FAILED) {
        snprintf(raised->truncated, sizeof raised->truncated, "%s", reader->reason);
        raised->next = 0;
        raised->header_read = true;
    }
    enum read_cache_status located = locate_all(reader, codes, raised);
    if (located == READ_CACHE_FAILED)
        snprintf(raised->truncated, sizeof raised->truncated, "%s", reader->reason);
    *pending = *pending || listed == READ_CACHE_PENDING || located == READ_CACHE_PENDING;
}

static void step_raised(struct exceptions *exceptions, struct reader *reader, struct raised *raised)
{
    bool pending = false;
    if (raised->settled)
        return;
    step_traceback(reader, exceptions->codes, raised, &pending);
    if (raised->type_status == READ_CACHE_PENDING)
        raised->type_status = repr_value_type_name(exceptions->values, reader, raised->address, &raised->type);
    if (raised->message_status == READ_CACHE_PENDING)
        raised->message_status = repr_value_message(exceptions->values, reader, raised->address, &raised->message);
    raised->settled = !pending && raised->type_status != READ_CACHE_PENDING && raised->message_status != READ_CACHE_PENDING;
}

static struct thread *thread_get(struct exceptions *exceptions, uint64_t thread_state)
{
    struct thread *thread = base_hash_table_item(&exceptions->threads, thread_state);
    if (thread != NULL)
        return thread;
    thread = object_reader_allocate_in(exceptions->reader, &exceptions->threads, thread_state, sizeof *thread);
    if (thread != NULL)
        thread->thread_state = thread_state;
    return thread;
}

/* The exception and those that led to it, as far as they are known: each once, so that a circle ends. */
static size_t list_chain(struct exceptions *exceptions, uint64_t first, struct raised **chain)
{
    size_t count = 0;
    chain[0] = raised_get(exceptions, first);
    count += chain[0] != NULL;
    for (size_t i = 0; i < count; i++) {
        const uint64_t next[] = {chain[i]->cause, chain[i]->context};
        for (size_t j = 0; j < 2; j++) {
            struct raised *other = next[j] != 0 && count < CHAIN_MAX ? raised_get(exceptions, next[j]) : NULL;
            for (size_t k = 0; k < count && other != NULL; k++)
                if (chain[k] == other)
                    other = NULL;
            if (other != NULL)
                chain[count++] = other;
        }
    }
    return count;
}

/* _PyErr_PrintEx, Python/pythonrun.c, keeps an exception that nobody caught in the sys module before it calls sys.excepthook. */
static enum read_cache_status find_last(struct reader *reader, struct thread *thread, uint64_t sys)
{
    static const char *const names[] = {"last_exc", "last_value"};
    for (size_t i = 0; i < sizeof names / sizeof *names && thread->exception == 0; i++) {
        uint64_t object;
        bool is;
        STEP(object_dict_find(reader, sys, "the sys module's dict", names[i], &object));
        STEP(is_exception(reader, object, &is));
        thread->exception = is ? object : 0;
        thread->raising = is;
    }
    return READ_CACHE_READY;
}

/* True when it is known which exception the thread has. */
static bool find_exception(struct reader *reader, struct thread *thread, uint64_t sys)
{
    enum read_cache_status status = find_raising(reader, thread);
    if (status != READ_CACHE_PENDING && thread->exception == 0)
        status = find_handled(reader, thread);
    if (status != READ_CACHE_PENDING && thread->exception == 0 && sys != 0)
        status = find_last(reader, thread, sys);
    return status != READ_CACHE_PENDING;
}

bool snapshot_exceptions_step(struct exceptions *exceptions, struct reader *reader, uint64_t thread_state, uint64_t sys)
{
    struct raised *chain[CHAIN_MAX];
    exceptions->reader = reader;
    struct thread *thread = thread_get(exceptions, thread_state);
    if (thread == NULL)
        return true;
    if (!thread->found)
        thread->found = find_exception(reader, thread, sys);
    if (!thread->found || thread->exception == 0)
        return thread->found;
    bool settled = true;
    for (size_t count = 0, i = 0; i <= count; i++) { /* the chain grows while it is followed */
        count = list_chain(exceptions, thread->exception, chain);
        if (i == count)
            break;
        step_raised(exceptions, reader, chain[i]);
        settled = settled && chain[i]->settled;
    }
    return settled;
}

static bool copy_text(struct reader *reader, struct spprof_text *to, const struct spprof_text *from)
{
    if (from->bytes == NULL)
        return true;
    to->bytes = object_reader_allocate(reader, from->size + 1, 1);
    if (to->bytes == NULL)
        return false;
    memcpy(to->bytes, from->bytes, from->size + 1);
    to->size = from->size;
    return true;
}

/* Several threads may handle the same exception: each gets its own copy. */
static struct spprof_exception *build(struct reader *reader, const struct raised *raised)
{
    struct spprof_exception *result = object_reader_allocate(reader, 1, sizeof *result);
    if (result == NULL)
        return NULL;
    result->frames = object_reader_allocate(reader, raised->trace_count + 1, sizeof *result->frames);
    bool copied = copy_text(reader, &result->type, &raised->type) && copy_text(reader, &result->message, &raised->message);
    if (result->frames == NULL || !copied) {
        snapshot_exception_free(result);
        return NULL;
    }
    for (size_t i = raised->trace_count; i-- > 0;) {
        const struct trace *trace = &raised->traces[i];
        const struct spprof_code *code = trace->code->code;
        struct position position = frames_code_position(trace->code, reader, trace->instruction);
        if (trace->line > 0) /* else it has not been asked for yet */
            position.line = trace->line;
        result->frames[result->frame_count++] = (struct spprof_frame){
            .code = code,
            .line = position.line,
            .end_line = position.end_line,
            .column = position.column,
            .end_column = position.end_column,
        };
    }
    if (raised->truncated[0] != '\0' && asprintf(&result->truncated, "%s", raised->truncated) < 0)
        result->truncated = NULL;
    return result;
}

struct spprof_exception *snapshot_exceptions_take(struct exceptions *exceptions, uint64_t thread_state)
{
    struct raised *chain[CHAIN_MAX];
    struct spprof_exception *built[CHAIN_MAX] = {NULL};
    bool linked[CHAIN_MAX] = {false};
    struct thread *thread = thread_get(exceptions, thread_state);
    if (thread == NULL || thread->exception == 0)
        return NULL;
    size_t count = list_chain(exceptions, thread->exception, chain);
    for (size_t i = 0; i < count; i++)
        built[i] = build(exceptions->reader, chain[i]);
    linked[0] = true;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 1; j < count && built[i] != NULL; j++) {
            if (linked[j] || built[j] == NULL)
                continue;
            bool is_cause = chain[i]->cause == chain[j]->address, is_context = chain[i]->context == chain[j]->address;
            if (is_cause)
                built[i]->cause = built[j];
            else if (is_context)
                built[i]->context = built[j];
            linked[j] = is_cause || is_context;
        }
    }
    for (size_t i = 1; i < count; i++)
        if (!linked[i])
            snapshot_exception_free(built[i]);
    if (built[0] != NULL)
        built[0]->raising = thread->raising;
    return built[0];
}

void snapshot_exception_free(struct spprof_exception *exception)
{
    struct spprof_exception *rest = exception; /* those whose parts are still to be freed, linked by context */
    while (rest != NULL) {
        struct spprof_exception *next = rest->context, *last = rest;
        if (rest->cause != NULL) { /* put in front of what is left */
            for (last = rest->cause; last->context != NULL;)
                last = last->context;
            last->context = next;
            next = rest->cause;
        }
        free(rest->type.bytes);
        free(rest->message.bytes);
        free(rest->frames);
        free(rest->truncated);
        free(rest);
        rest = next;
    }
}
