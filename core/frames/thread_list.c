#include "frames/thread_list.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "frames/thread_tail.h"

#include "base/array.h"
#include "base/cleanup.h"

enum { INTERPRETERS_MAX = 1 << 14, THREADS_MAX = 1 << 18 };

void frames_thread_list_init(struct thread_list *list, uint64_t runtime)
{
    *list = (struct thread_list){.runtime = runtime};
}

static void keep(void *key)
{
    (void)key; /* the tree's keys are the threads, which the list owns */
}

static int by_address(const void *left, const void *right)
{
    const struct thread_state *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

static void interpreter_free(struct interpreter *interpreter)
{
    tdestroy(interpreter->seen, keep);
    for (size_t i = 0; i < interpreter->thread_count; i++) {
        frames_stack_free(&interpreter->threads[i]->stack);
        free(interpreter->threads[i]);
    }
    free(interpreter->threads);
    free(interpreter->truncated);
    free(interpreter->doubt);
    free(interpreter);
}

void frames_thread_list_free(struct thread_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        interpreter_free(list->interpreters[i]);
    free(list->interpreters);
    free(list->truncated);
}

static enum read_cache_status add_interpreter(struct thread_list *list, struct reader *reader, uint64_t address)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->interpreters[i]->address == address)
            return object_reader_fail(reader, "the list of interpreters runs in a circle");
    if (list->count >= INTERPRETERS_MAX)
        return object_reader_fail(reader, "more interpreters than any process has; the rest is left out");
    struct interpreter *interpreter = object_reader_allocate(reader, 1, sizeof *interpreter);
    if (interpreter == NULL || !ARRAY_RESERVE(list->interpreters, list->capacity, list->count + 1)) {
        free(interpreter);
        return object_reader_no_memory(reader);
    }
    interpreter->address = address;
    interpreter->is_main = address == list->main_interpreter;
    list->interpreters[list->count++] = interpreter;
    return READ_CACHE_READY;
}

static enum read_cache_status start(struct thread_list *list, struct reader *reader)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    /* Asked for together: they come in one batch. */
    enum read_cache_status head =
        object_reader_pointer(reader, list->runtime + (uint64_t)LAYOUT(layout, runtime, interpreters_head), "the list of interpreters", &list->next);
    enum read_cache_status main = object_reader_pointer(reader, list->runtime + (uint64_t)LAYOUT(layout, runtime, interpreters_main),
                                                        "the main interpreter", &list->main_interpreter);
    enum read_cache_status ident =
        object_reader_bytes(reader, list->runtime + (uint64_t)LAYOUT(layout, runtime, main_thread), 8, "the main thread", &data);
    STEP(head);
    STEP(main);
    STEP(ident);
    list->main_thread = object_reader_long(reader, data, 0);
    list->started = true;
    return READ_CACHE_READY;
}

static enum read_cache_status list_interpreters(struct thread_list *list, struct reader *reader)
{
    if (!list->started)
        STEP(start(list, reader));
    while (list->next != 0) {
        uint64_t next;
        STEP(object_reader_pointer(reader, list->next + (uint64_t)LAYOUT(reader->layout, interpreter, next), "interpreter", &next));
        STEP(add_interpreter(list, reader, list->next));
        list->next = next;
    }
    return READ_CACHE_READY;
}

static uint64_t field_at(const struct interpreter *interpreter, int32_t offset)
{
    return interpreter->address + (uint64_t)offset;
}

static enum read_cache_status read_header(struct interpreter *interpreter, struct reader *reader, uint64_t runtime)
{
    const struct layout *layout = reader->layout;
    struct bytes collecting = bytes_none();
    uint64_t id = 0, gil = 0, gc_frame = 0;
    bool behind = layout->rules->gil == GIL_BEHIND_INTERPRETER;
    int32_t frame_offset = LAYOUT(layout, interpreter, gc_frame);
    enum read_cache_status parts[] = {
        object_reader_pointer(reader, field_at(interpreter, LAYOUT(layout, interpreter, id)), "interpreter", &id),
        object_reader_pointer(reader, field_at(interpreter, LAYOUT(layout, interpreter, threads_head)), "interpreter", &interpreter->next_thread),
        object_reader_pointer(reader, field_at(interpreter, LAYOUT(layout, interpreter, modules)), "interpreter", &interpreter->modules),
        object_reader_bytes(reader, field_at(interpreter, LAYOUT(layout, interpreter, gc_collecting)), 4, "interpreter", &collecting),
        behind ? object_reader_pointer(reader, field_at(interpreter, LAYOUT(layout, interpreter, gil)), "interpreter", &gil) : READ_CACHE_READY,
        frame_offset != LAYOUT_ABSENT ? object_reader_pointer(reader, field_at(interpreter, frame_offset), "interpreter", &gc_frame)
                                      : READ_CACHE_READY,
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        STEP(parts[i]);
    interpreter->id = (int64_t)id;
    interpreter->collecting = field_i32(collecting, 0) != 0;
    interpreter->gc_frame = gc_frame;
    interpreter->gil = behind ? gil : runtime + (uint64_t)LAYOUT(layout, runtime, gil);
    interpreter->header_read = true;
    return READ_CACHE_READY;
}

/* struct _gil_runtime_state (Include/internal/pycore_gil.h): a GIL that cannot be read leaves its facts unknown, nothing more. */
static enum read_cache_status read_gil(struct interpreter *interpreter, struct reader *reader)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    enum read_cache_status status = object_reader_struct(reader, interpreter->gil, (size_t)LAYOUT(layout, gil, locked) + 4, "GIL", &data);
    if (status == READ_CACHE_PENDING)
        return status;
    interpreter->gil_read = true;
    if (status == READ_CACHE_FAILED)
        return READ_CACHE_READY;
    int32_t enabled = LAYOUT(layout, gil, enabled);
    interpreter->gil_known = true;
    interpreter->gil_enabled = !layout->free_threaded || enabled == LAYOUT_ABSENT || field_i32(data, enabled) != 0;
    interpreter->gil_locked = field_i32(data, LAYOUT(layout, gil, locked)) == 1;
    interpreter->gil_holder = field_u64(data, LAYOUT(layout, gil, last_holder));
    return READ_CACHE_READY;
}

static void add_doubt(struct interpreter *interpreter, const char *text)
{
    if (interpreter->doubt == NULL)
        interpreter->doubt = strdup(text);
}

/* Whether the neighbours of a thread state lead to it and back, which proves it to be one of the list. */
static enum read_cache_status is_linked(const struct interpreter *interpreter, struct reader *reader, struct bytes data, bool *linked)
{
    const struct layout *layout = reader->layout;
    const size_t count = interpreter->thread_count;
    uint64_t newer = count > 0 ? interpreter->threads[count - 1]->address : 0, older = field_u64(data, LAYOUT(layout, thread_state, next));
    *linked = field_u64(data, LAYOUT(layout, thread_state, prev)) == newer;
    if (!*linked || newer != 0)
        return READ_CACHE_READY;
    uint64_t back = 0;
    *linked = older != 0;
    if (*linked)
        STEP(object_reader_pointer(reader, older + (uint64_t)LAYOUT(layout, thread_state, prev), "thread state", &back));
    *linked = back == interpreter->next_thread;
    return READ_CACHE_READY;
}

static enum read_cache_status check_interpreter(struct interpreter *interpreter, struct reader *reader, struct bytes data)
{
    bool linked = false;
    if (field_u64(data, LAYOUT(reader->layout, thread_state, interp)) == interpreter->address)
        return READ_CACHE_READY;
    if (is_linked(interpreter, reader, data, &linked) == READ_CACHE_PENDING)
        return READ_CACHE_PENDING;
    (void)object_reader_fail(reader, "the thread state at 0x%" PRIx64 " does not belong to its interpreter", interpreter->next_thread);
    if (!linked)
        return READ_CACHE_FAILED;
    add_doubt(interpreter, reader->reason);
    return READ_CACHE_READY;
}

static bool is_listed(const struct interpreter *interpreter, uint64_t address)
{
    struct thread_state key = {.address = address};
    return tfind(&key, &interpreter->seen, by_address) != NULL;
}

static enum read_cache_status add_thread(struct interpreter *interpreter, struct reader *reader, struct bytes data)
{
    const struct layout *layout = reader->layout;
    STEP(check_interpreter(interpreter, reader, data));
    if (is_listed(interpreter, interpreter->next_thread))
        return object_reader_fail(reader, "the list of threads runs in a circle");
    if (interpreter->thread_count >= THREADS_MAX)
        return object_reader_fail(reader, "more threads than any process has; the rest is left out");
    struct thread_state *thread = object_reader_allocate(reader, 1, sizeof *thread);
    if (thread == NULL || !ARRAY_RESERVE(interpreter->threads, interpreter->thread_capacity, interpreter->thread_count + 1)) {
        free(thread);
        return object_reader_no_memory(reader);
    }
    int32_t native = LAYOUT(layout, thread_state, native_thread_id);
    int32_t attach = LAYOUT(layout, thread_state, attach_state);
    int32_t requested = LAYOUT(layout, thread_state, gil_requested);
    int32_t executor = LAYOUT(layout, thread_state, current_executor);
    thread->address = interpreter->next_thread;
    thread->previous = field_u64(data, LAYOUT(layout, thread_state, prev));
    thread->thread_id = object_reader_long(reader, data, LAYOUT(layout, thread_state, thread_id));
    thread->native_thread_id = native == LAYOUT_ABSENT ? 0 : object_reader_long(reader, data, native);
    thread->unique_id = field_u64(data, LAYOUT(layout, thread_state, id));
    thread->attach_state = attach == LAYOUT_ABSENT ? -1 : field_i32(data, attach);
    thread->gil_requested = requested != LAYOUT_ABSENT && field_i32(data, requested) != 0;
    thread->in_jit = executor != LAYOUT_ABSENT && field_u64(data, executor) != 0;
    frames_stack_init(&thread->stack, thread->address);
    interpreter->threads[interpreter->thread_count++] = thread;
    return tsearch(thread, &interpreter->seen, by_address) != NULL ? READ_CACHE_READY : object_reader_no_memory(reader);
}

/*
 * What a link leads over is found from its other end: the thread states there name the one before, up to the last that is listed. In a process
 * a thread state may just come or go.
 */
static enum read_cache_status find_skipped(struct interpreter *interpreter, struct reader *reader)
{
    const struct layout *layout = reader->layout;
    const size_t count = interpreter->thread_count;
    uint64_t newest = count > 0 ? interpreter->threads[count - 1]->address : 0, at = interpreter->next_thread;
    if (target_read_cache_target(reader->cache)->kind != SPPROF_TARGET_CORE)
        return READ_CACHE_READY;
    for (size_t steps = 0; steps < THREADS_MAX; steps++) {
        struct bytes data;
        enum read_cache_status status = object_reader_struct(reader, at, frames_stack_thread_state_size(layout), "thread state", &data);
        if (status == READ_CACHE_PENDING)
            return status;
        if (status == READ_CACHE_FAILED || field_u64(data, LAYOUT(layout, thread_state, interp)) != interpreter->address)
            return READ_CACHE_READY;
        uint64_t newer = field_u64(data, LAYOUT(layout, thread_state, prev));
        if (newer == newest && at != interpreter->next_thread)
            add_doubt(interpreter, "the list does not lead to every thread state");
        if (newer == newest)
            interpreter->next_thread = at;
        if (newer == newest || newer == 0 || newer == interpreter->next_thread || is_listed(interpreter, newer))
            return READ_CACHE_READY;
        at = newer;
    }
    return READ_CACHE_READY;
}

static enum read_cache_status list_threads(struct interpreter *interpreter, struct reader *reader)
{
    while (interpreter->next_thread != 0) {
        struct bytes data;
        STEP(find_skipped(interpreter, reader));
        STEP(object_reader_struct(reader, interpreter->next_thread, frames_stack_thread_state_size(reader->layout), "thread state", &data));
        STEP(add_thread(interpreter, reader, data));
        interpreter->next_thread = field_u64(data, LAYOUT(reader->layout, thread_state, next));
    }
    return READ_CACHE_READY;
}

static bool has_thread(const struct interpreter *interpreter, uint64_t thread_id)
{
    for (size_t i = 0; i < interpreter->thread_count; i++)
        if (interpreter->threads[i]->thread_id == thread_id)
            return true;
    return false;
}

/* Goes from a thread state to newer ones, up to the first that the list does not lead to. *first is 0 where there is none. */
static enum read_cache_status go_back(const struct interpreter *interpreter, struct reader *reader, uint64_t address, uint64_t *first)
{
    const struct layout *layout = reader->layout;
    *first = 0;
    for (size_t steps = 0; steps < THREADS_MAX && address != 0 && !is_listed(interpreter, address); steps++) {
        struct bytes data;
        enum read_cache_status status = object_reader_struct(reader, address, frames_stack_thread_state_size(layout), "thread state", &data);
        if (status == READ_CACHE_PENDING)
            return status;
        if (status == READ_CACHE_FAILED || field_u64(data, LAYOUT(layout, thread_state, interp)) != interpreter->address)
            return READ_CACHE_READY;
        *first = address;
        address = field_u64(data, LAYOUT(layout, thread_state, prev));
    }
    return READ_CACHE_READY;
}

/* What the list does not lead to may be found from its other end, or by the GIL. */
static enum read_cache_status find_lost(struct interpreter *interpreter, struct reader *reader, uint64_t main_thread, uint64_t *first)
{
    uint64_t tail = 0;
    *first = 0;
    if (interpreter->is_main && !has_thread(interpreter, main_thread))
        STEP(frames_thread_tail_find(reader, interpreter->address, main_thread, &tail));
    STEP(go_back(interpreter, reader, tail, first));
    return *first != 0 ? READ_CACHE_READY : go_back(interpreter, reader, interpreter->gil_holder, first);
}

/* Lists the threads; where the list breaks off, goes on behind the place if it can. The oldest one is the main thread's. */
static enum read_cache_status list_all_threads(struct interpreter *interpreter, struct reader *reader, uint64_t main_thread)
{
    char reason[sizeof reader->reason] = "the list does not lead to every thread state";
    uint64_t first;
    enum read_cache_status status = list_threads(interpreter, reader);
    bool is_whole = status == READ_CACHE_READY && (!interpreter->is_main || has_thread(interpreter, main_thread));
    if (status == READ_CACHE_PENDING || is_whole || interpreter->searched)
        return status;
    if (status == READ_CACHE_FAILED)
        snprintf(reason, sizeof reason, "%s", reader->reason);
    if (find_lost(interpreter, reader, main_thread, &first) == READ_CACHE_PENDING)
        return READ_CACHE_PENDING;
    interpreter->searched = true;
    if (first == 0)
        return status == READ_CACHE_FAILED ? object_reader_fail(reader, "%s", reason) : status;
    add_doubt(interpreter, reason);
    interpreter->next_thread = first;
    return list_threads(interpreter, reader);
}

static void step_interpreter(struct interpreter *interpreter, struct reader *reader, uint64_t runtime, uint64_t main_thread)
{
    enum read_cache_status status = interpreter->header_read ? READ_CACHE_READY : read_header(interpreter, reader, runtime);
    if (interpreter->header_read && !interpreter->gil_read)
        (void)read_gil(interpreter, reader);
    if (status == READ_CACHE_READY)
        status = list_all_threads(interpreter, reader, main_thread);
    if (status == READ_CACHE_FAILED)
        interpreter->truncated = strdup(reader->reason);
    interpreter->listed = status == READ_CACHE_FAILED || (status == READ_CACHE_READY && interpreter->gil_read);
}

bool frames_thread_list_step(struct thread_list *list, struct reader *reader)
{
    if (!list->listed) {
        enum read_cache_status status = list_interpreters(list, reader);
        if (status == READ_CACHE_FAILED)
            list->truncated = strdup(reader->reason);
        list->listed = status != READ_CACHE_PENDING;
    }
    bool settled = list->listed;
    for (size_t i = 0; i < list->count; i++) {
        if (!list->interpreters[i]->listed)
            step_interpreter(list->interpreters[i], reader, list->runtime, list->main_thread);
        settled = settled && list->interpreters[i]->listed;
    }
    return settled;
}

struct spprof_error *frames_thread_list_read(struct thread_list *list, struct spprof_target *target, const struct layout *layout)
{
    struct reader reader = {.layout = layout};
    TRY(target_read_cache_new(target, &reader.cache));
    do {
        frames_thread_list_step(list, &reader);
    } while (target_read_cache_fetch(reader.cache));
    object_reader_give_back(&reader, 0); /* who reads a list by itself forgets it soon */
    target_read_cache_free(reader.cache);
    if (list->count > 0)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_UNREADABLE, "the list of Python's threads cannot be read: %s",
                            list->truncated != NULL ? list->truncated : "it is empty");
}
