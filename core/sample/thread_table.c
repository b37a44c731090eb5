#include "sample/thread_table.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "sample/clock.h"
#include "target/target.h"
#include "snapshot/kernel_threads.h"
#include "frames/thread_list.h"
#include "snapshot/thread_names.h"
#include "snapshot/thread_owners.h"

void sample_thread_table_init(struct thread_table *thread_table, struct spprof_target *target, const struct chosen *chosen)
{
    *thread_table = (struct thread_table){.target = target, .chosen = chosen};
}

static void thread_free(struct sampled_thread *thread)
{
    sample_capture_free(&thread->capture);
    sample_activity_close(&thread->activity);
    free(thread->name.bytes);
    free(thread);
}

void sample_thread_table_free(struct thread_table *thread_table)
{
    for (size_t i = 0; i < thread_table->count; i++)
        thread_free(thread_table->threads[i]);
    free(thread_table->threads);
    free(thread_table->watched);
    base_hash_table_free(&thread_table->by_address);
    *thread_table = (struct thread_table){.target = thread_table->target, .chosen = thread_table->chosen};
}

enum thread_table_state sample_thread_table_check(const struct thread_table *thread_table)
{
    enum { BATCH = 16 };
    for (size_t first = 0; first < thread_table->watched_count; first += BATCH) {
        uint64_t values[BATCH];
        struct spprof_range ranges[BATCH];
        size_t count = thread_table->watched_count - first < BATCH ? thread_table->watched_count - first : BATCH;
        for (size_t i = 0; i < count; i++)
            ranges[i] = (struct spprof_range){.address = thread_table->watched[first + i].address, .size = 8, .buffer = &values[i]};
        target_read_many(thread_table->target, ranges, count);
        if (ranges[0].status != SPPROF_READ_OK && first == 0)
            return THREAD_TABLE_GONE;
        for (size_t i = 0; i < count; i++)
            if (ranges[i].status != SPPROF_READ_OK || values[i] != thread_table->watched[first + i].value)
                return THREAD_TABLE_CHANGED;
    }
    return thread_table->watched_count > 0 && !thread_table->unsure ? THREAD_TABLE_CURRENT : THREAD_TABLE_CHANGED;
}

static struct sampled_thread *find(const struct thread_table *thread_table, const struct thread_state *state)
{
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(&thread_table->by_address, state->address, &cursor)) != NULL;) {
        struct sampled_thread *thread = entry->item;
        if (thread->unique_id == state->unique_id && thread->thread_id == state->thread_id)
            return thread;
    }
    return NULL;
}

/* A thread that has two states of its own in one interpreter looks like one that never begins. */
enum { BIRTH_NS = 1000 * 1000 * 1000 };

static struct spprof_error *add(struct thread_table *thread_table, const struct thread_state *state, struct sampled_thread **added)
{
    struct sampled_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL || !ARRAY_RESERVE(thread_table->threads, thread_table->capacity, thread_table->count + 1) ||
        !base_hash_table_reserve(&thread_table->by_address)) {
        free(thread);
        return spprof_error_no_memory();
    }
    thread->activity = (struct activity){.state_file = -1, .time_file = -1, .cpu = -1};
    struct spprof_error *error = sample_capture_init(&thread->capture, thread_table->target, &thread_table->chosen->layout, state->address);
    if (error != NULL) {
        thread_free(thread);
        return error;
    }
    base_hash_table_add(&thread_table->by_address, state->address)->item = thread;
    thread->address = state->address;
    thread->unique_id = state->unique_id;
    thread->thread_id = state->thread_id;
    thread->born_by = thread_table->listed_at + BIRTH_NS;
    thread->profile_thread = SPPROF_NONE;
    thread_table->threads[thread_table->count++] = thread;
    thread_table->seen++;
    *added = thread;
    return NULL;
}

static void describe(const struct thread_table *thread_table, struct sampled_thread *thread, const struct spprof_native_thread *native)
{
    if (native == NULL && thread->activity.ended) {
        sample_activity_close(&thread->activity);
        thread->activity.ended = false;
    }
    if (native == NULL || thread->tid == native->tid)
        return;
    thread->tid = native->tid;
    memcpy(thread->os_name, native->name, sizeof thread->os_name);
    sample_activity_close(&thread->activity);
    if (thread_table->target->local)
        sample_activity_open(&thread->activity, thread_table->target->pid, native->tid);
}

static void drop_ended(struct thread_table *thread_table)
{
    size_t kept = 0;
    for (size_t i = 0; i < thread_table->count; i++) {
        struct sampled_thread *thread = thread_table->threads[i];
        if (thread->listed) {
            thread_table->threads[kept++] = thread;
            continue;
        }
        base_hash_table_remove(&thread_table->by_address, thread->address, thread);
        thread_free(thread);
    }
    thread_table->count = kept;
}

/* Whether an older thread of the interpreter has the identifier of this one; it is added to those that are known. */
static bool is_taken(const struct interpreter *interpreter, size_t number, struct hash_table *known)
{
    uint64_t id = interpreter->threads[number]->thread_id;
    if (base_hash_table_item(known, id) != NULL)
        return true;
    if (base_hash_table_reserve(known))
        base_hash_table_add(known, id)->item = interpreter->threads[number];
    return false;
}

/*
 * The oldest first, which come last in the list. Until a thread takes over the state that was made for it, that has no identifier, or the
 * one of the thread that has made it (new_threadstate, Python/pystate.c), which is older.
 */
static struct spprof_error *take_thread(struct thread_table *thread_table, const struct thread_list *list, const struct interpreter *interpreter,
                                        size_t number, struct hash_table *known)
{
    const struct thread_state *state = interpreter->threads[number];
    struct sampled_thread *thread = find(thread_table, state);
    if (thread == NULL)
        TRY(add(thread_table, state, &thread));
    thread->listed = true;
    thread->interpreter = interpreter->address;
    thread->main = interpreter->is_main && state->thread_id == list->main_thread;
    bool taken = is_taken(interpreter, number, known);
    if (state->owner.life == THREAD_FURTHER)
        thread->born_by = UINT64_MAX;
    else if (state->owner.life == THREAD_LIVES || (!taken && state->thread_id != 0))
        thread->born_by = 0;
    describe(thread_table, thread, state->owner.native);
    return NULL;
}

static struct spprof_error *take_interpreter(struct thread_table *thread_table, const struct thread_list *list, const struct interpreter *interpreter,
                                             struct hash_table *known)
{
    for (size_t i = interpreter->thread_count; i-- > 0;)
        if (interpreter->threads[i]->owner.life != THREAD_LEFT_OVER)
            TRY(take_thread(thread_table, list, interpreter, i, known));
    return NULL;
}

static void count_left_over(struct thread_table *thread_table, const struct thread_list *list)
{
    size_t before = thread_table->left_over;
    thread_table->left_over = 0;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++)
            thread_table->left_over += list->interpreters[i]->threads[j]->owner.life == THREAD_LEFT_OVER;
    thread_table->unsure = thread_table->left_over > before;
}

static struct spprof_error *take_threads(struct thread_table *thread_table, const struct thread_list *list)
{
    for (size_t i = 0; i < thread_table->count; i++)
        thread_table->threads[i]->listed = false;
    for (size_t i = 0; i < list->count; i++) {
        struct hash_table known = {.entries = NULL};
        struct spprof_error *error = take_interpreter(thread_table, list, list->interpreters[i], &known);
        base_hash_table_free(&known);
        TRY(error);
    }
    drop_ended(thread_table);
    return NULL;
}

/*
 * New interpreters and new threads are put at the head of their lists: new_interpreter and add_threadstate, Python/pystate.c. What a thread
 * that begins writes into its state is its identifier.
 */
static struct spprof_error *watch(struct thread_table *thread_table, const struct thread_list *list)
{
    const struct layout *layout = &thread_table->chosen->layout;
    free(thread_table->watched);
    thread_table->watched_count = 0;
    thread_table->watched = calloc(list->count + thread_table->count + 1, sizeof *thread_table->watched);
    if (thread_table->watched == NULL)
        return spprof_error_no_memory();
    uint64_t head = list->count > 0 ? list->interpreters[0]->address : 0;
    thread_table->watched[thread_table->watched_count++] =
        (struct watched){thread_table->chosen->runtime.address + (uint64_t)LAYOUT(layout, runtime, interpreters_head), head};
    for (size_t i = 0; i < list->count; i++) {
        const struct interpreter *interpreter = list->interpreters[i];
        uint64_t first = interpreter->thread_count > 0 ? interpreter->threads[0]->address : 0;
        thread_table->watched[thread_table->watched_count++] =
            (struct watched){interpreter->address + (uint64_t)LAYOUT(layout, interpreter, threads_head), first};
    }
    for (size_t i = 0; i < thread_table->count; i++) {
        const struct sampled_thread *thread = thread_table->threads[i];
        if (thread->born_by != 0)
            thread_table->watched[thread_table->watched_count++] =
                (struct watched){thread->address + (uint64_t)LAYOUT(layout, thread_state, thread_id), thread->thread_id};
    }
    return NULL;
}

static void take_names(struct thread_table *thread_table, const struct thread_list *list)
{
    struct thread_names names = {NULL, 0, 0};
    struct spprof_problems *problems = &thread_table->target->problems;
    size_t told = problems->count;
    struct spprof_error *error = snapshot_thread_names_read(thread_table->target, &thread_table->chosen->layout, list, &names);
    spprof_error_free(error);
    while (problems->count > told) /* of a list that changes under the reading; it is read again */
        free(problems->texts[--problems->count]);
    for (size_t i = 0; i < list->count; i++) {
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++) {
            const struct thread_state *state = list->interpreters[i]->threads[j];
            struct sampled_thread *thread = find(thread_table, state);
            const struct thread_name *name = snapshot_thread_names_find(&names, list->interpreters[i], state);
            if (thread == NULL || name == NULL || thread->name.bytes != NULL)
                continue;
            thread->name.bytes = calloc(1, name->name.size + 1);
            if (thread->name.bytes == NULL)
                continue;
            memcpy(thread->name.bytes, name->name.bytes, name->name.size);
            thread->name.size = name->name.size;
        }
    }
    snapshot_thread_names_free(&names);
    thread_table->named_at = base_clock_now();
}

static void free_list(struct thread_list *list)
{
    frames_thread_list_free(list);
}

struct spprof_error *sample_thread_table_list(struct thread_table *thread_table)
{
    CLEANUP(free_list) struct thread_list list;
    struct kernel_threads kernel = {.known = NULL};
    frames_thread_list_init(&list, thread_table->chosen->runtime.address);
    thread_table->listed_at = base_clock_now();
    TRY(frames_thread_list_read(&list, thread_table->target, &thread_table->chosen->layout));
    struct spprof_error *error = snapshot_kernel_threads_read(thread_table->target, &kernel);
    if (error == NULL)
        error = snapshot_thread_owners_find(thread_table->target, &list, &kernel);
    if (error == NULL)
        error = take_threads(thread_table, &list);
    snapshot_kernel_threads_free(&kernel);
    if (error != NULL)
        return error;
    count_left_over(thread_table, &list);
    take_names(thread_table, &list);
    thread_table->listing = base_clock_now() - thread_table->listed_at;
    return watch(thread_table, &list);
}

void sample_thread_table_name(struct thread_table *thread_table)
{
    CLEANUP(free_list) struct thread_list list;
    frames_thread_list_init(&list, thread_table->chosen->runtime.address);
    struct spprof_error *error = frames_thread_list_read(&list, thread_table->target, &thread_table->chosen->layout);
    if (error == NULL)
        take_names(thread_table, &list);
    spprof_error_free(error);
}
