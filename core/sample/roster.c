#include "sample/roster.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "sample/clock.h"
#include "target/target.h"
#include "snapshot/kernel_threads.h"
#include "frames/thread_list.h"
#include "snapshot/thread_names.h"
#include "snapshot/thread_owners.h"

void roster_init(struct roster *roster, struct spprof_target *target, const struct chosen *chosen)
{
    *roster = (struct roster){.target = target, .chosen = chosen};
}

static void thread_free(struct sampled_thread *thread)
{
    capture_free(&thread->capture);
    activity_close(&thread->activity);
    free(thread->name.bytes);
    free(thread);
}

void roster_free(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++)
        thread_free(roster->threads[i]);
    free(roster->threads);
    free(roster->watched);
    base_hash_table_free(&roster->by_address);
    *roster = (struct roster){.target = roster->target, .chosen = roster->chosen};
}

enum roster_state roster_check(const struct roster *roster)
{
    enum { BATCH = 16 };
    for (size_t first = 0; first < roster->watched_count; first += BATCH) {
        uint64_t values[BATCH];
        struct spprof_range ranges[BATCH];
        size_t count = roster->watched_count - first < BATCH ? roster->watched_count - first : BATCH;
        for (size_t i = 0; i < count; i++)
            ranges[i] = (struct spprof_range){.address = roster->watched[first + i].address, .size = 8, .buffer = &values[i]};
        target_read_many(roster->target, ranges, count);
        if (ranges[0].status != SPPROF_READ_OK && first == 0)
            return ROSTER_GONE;
        for (size_t i = 0; i < count; i++)
            if (ranges[i].status != SPPROF_READ_OK || values[i] != roster->watched[first + i].value)
                return ROSTER_CHANGED;
    }
    return roster->watched_count > 0 && !roster->unsure ? ROSTER_CURRENT : ROSTER_CHANGED;
}

static struct sampled_thread *find(const struct roster *roster, const struct thread_state *state)
{
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(&roster->by_address, state->address, &cursor)) != NULL;) {
        struct sampled_thread *thread = entry->item;
        if (thread->unique_id == state->unique_id && thread->thread_id == state->thread_id)
            return thread;
    }
    return NULL;
}

/* A thread that has two states of its own in one interpreter looks like one that never begins. */
enum { BIRTH_NS = 1000 * 1000 * 1000 };

static struct spprof_error *add(struct roster *roster, const struct thread_state *state, struct sampled_thread **added)
{
    struct sampled_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL || !ARRAY_RESERVE(roster->threads, roster->capacity, roster->count + 1) ||
        !base_hash_table_reserve(&roster->by_address)) {
        free(thread);
        return spprof_error_no_memory();
    }
    thread->activity = (struct activity){.state_file = -1, .time_file = -1, .cpu = -1};
    struct spprof_error *error = capture_init(&thread->capture, roster->target, &roster->chosen->layout, state->address);
    if (error != NULL) {
        thread_free(thread);
        return error;
    }
    base_hash_table_add(&roster->by_address, state->address)->item = thread;
    thread->address = state->address;
    thread->unique_id = state->unique_id;
    thread->thread_id = state->thread_id;
    thread->born_by = roster->listed_at + BIRTH_NS;
    thread->profile_thread = SPPROF_NONE;
    roster->threads[roster->count++] = thread;
    roster->seen++;
    *added = thread;
    return NULL;
}

static void describe(const struct roster *roster, struct sampled_thread *thread, const struct spprof_native_thread *native)
{
    if (native == NULL && thread->activity.ended) {
        activity_close(&thread->activity);
        thread->activity.ended = false;
    }
    if (native == NULL || thread->tid == native->tid)
        return;
    thread->tid = native->tid;
    memcpy(thread->os_name, native->name, sizeof thread->os_name);
    activity_close(&thread->activity);
    if (roster->target->local)
        activity_open(&thread->activity, roster->target->pid, native->tid);
}

static void drop_ended(struct roster *roster)
{
    size_t kept = 0;
    for (size_t i = 0; i < roster->count; i++) {
        struct sampled_thread *thread = roster->threads[i];
        if (thread->listed) {
            roster->threads[kept++] = thread;
            continue;
        }
        base_hash_table_remove(&roster->by_address, thread->address, thread);
        thread_free(thread);
    }
    roster->count = kept;
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
static struct spprof_error *take_thread(struct roster *roster, const struct thread_list *list, const struct interpreter *interpreter,
                                        size_t number, struct hash_table *known)
{
    const struct thread_state *state = interpreter->threads[number];
    struct sampled_thread *thread = find(roster, state);
    if (thread == NULL)
        TRY(add(roster, state, &thread));
    thread->listed = true;
    thread->interpreter = interpreter->address;
    thread->main = interpreter->is_main && state->thread_id == list->main_thread;
    bool taken = is_taken(interpreter, number, known);
    if (state->owner.life == THREAD_FURTHER)
        thread->born_by = UINT64_MAX;
    else if (state->owner.life == THREAD_LIVES || (!taken && state->thread_id != 0))
        thread->born_by = 0;
    describe(roster, thread, state->owner.native);
    return NULL;
}

static struct spprof_error *take_interpreter(struct roster *roster, const struct thread_list *list, const struct interpreter *interpreter,
                                             struct hash_table *known)
{
    for (size_t i = interpreter->thread_count; i-- > 0;)
        if (interpreter->threads[i]->owner.life != THREAD_LEFT_OVER)
            TRY(take_thread(roster, list, interpreter, i, known));
    return NULL;
}

static void count_left_over(struct roster *roster, const struct thread_list *list)
{
    size_t before = roster->left_over;
    roster->left_over = 0;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++)
            roster->left_over += list->interpreters[i]->threads[j]->owner.life == THREAD_LEFT_OVER;
    roster->unsure = roster->left_over > before;
}

static struct spprof_error *take_threads(struct roster *roster, const struct thread_list *list)
{
    for (size_t i = 0; i < roster->count; i++)
        roster->threads[i]->listed = false;
    for (size_t i = 0; i < list->count; i++) {
        struct hash_table known = {.entries = NULL};
        struct spprof_error *error = take_interpreter(roster, list, list->interpreters[i], &known);
        base_hash_table_free(&known);
        TRY(error);
    }
    drop_ended(roster);
    return NULL;
}

/*
 * New interpreters and new threads are put at the head of their lists: new_interpreter and add_threadstate, Python/pystate.c. What a thread
 * that begins writes into its state is its identifier.
 */
static struct spprof_error *watch(struct roster *roster, const struct thread_list *list)
{
    const struct layout *layout = &roster->chosen->layout;
    free(roster->watched);
    roster->watched_count = 0;
    roster->watched = calloc(list->count + roster->count + 1, sizeof *roster->watched);
    if (roster->watched == NULL)
        return spprof_error_no_memory();
    uint64_t head = list->count > 0 ? list->interpreters[0]->address : 0;
    roster->watched[roster->watched_count++] =
        (struct watched){roster->chosen->runtime.address + (uint64_t)LAYOUT(layout, runtime, interpreters_head), head};
    for (size_t i = 0; i < list->count; i++) {
        const struct interpreter *interpreter = list->interpreters[i];
        uint64_t first = interpreter->thread_count > 0 ? interpreter->threads[0]->address : 0;
        roster->watched[roster->watched_count++] =
            (struct watched){interpreter->address + (uint64_t)LAYOUT(layout, interpreter, threads_head), first};
    }
    for (size_t i = 0; i < roster->count; i++) {
        const struct sampled_thread *thread = roster->threads[i];
        if (thread->born_by != 0)
            roster->watched[roster->watched_count++] =
                (struct watched){thread->address + (uint64_t)LAYOUT(layout, thread_state, thread_id), thread->thread_id};
    }
    return NULL;
}

static void take_names(struct roster *roster, const struct thread_list *list)
{
    struct thread_names names = {NULL, 0, 0};
    struct spprof_problems *problems = &roster->target->problems;
    size_t told = problems->count;
    struct spprof_error *error = thread_names_read(roster->target, &roster->chosen->layout, list, &names);
    spprof_error_free(error);
    while (problems->count > told) /* of a list that changes under the reading; it is read again */
        free(problems->texts[--problems->count]);
    for (size_t i = 0; i < list->count; i++) {
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++) {
            const struct thread_state *state = list->interpreters[i]->threads[j];
            struct sampled_thread *thread = find(roster, state);
            const struct thread_name *name = thread_names_find(&names, list->interpreters[i], state);
            if (thread == NULL || name == NULL || thread->name.bytes != NULL)
                continue;
            thread->name.bytes = calloc(1, name->name.size + 1);
            if (thread->name.bytes == NULL)
                continue;
            memcpy(thread->name.bytes, name->name.bytes, name->name.size);
            thread->name.size = name->name.size;
        }
    }
    thread_names_free(&names);
    roster->named_at = clock_now();
}

static void free_list(struct thread_list *list)
{
    thread_list_free(list);
}

struct spprof_error *roster_list(struct roster *roster)
{
    CLEANUP(free_list) struct thread_list list;
    struct kernel_threads kernel = {.known = NULL};
    thread_list_init(&list, roster->chosen->runtime.address);
    roster->listed_at = clock_now();
    TRY(thread_list_read(&list, roster->target, &roster->chosen->layout));
    struct spprof_error *error = kernel_threads_read(roster->target, &kernel);
    if (error == NULL)
        error = thread_owners_find(roster->target, &list, &kernel);
    if (error == NULL)
        error = take_threads(roster, &list);
    kernel_threads_free(&kernel);
    if (error != NULL)
        return error;
    count_left_over(roster, &list);
    take_names(roster, &list);
    roster->listing = clock_now() - roster->listed_at;
    return watch(roster, &list);
}

void roster_name(struct roster *roster)
{
    CLEANUP(free_list) struct thread_list list;
    thread_list_init(&list, roster->chosen->runtime.address);
    struct spprof_error *error = thread_list_read(&list, roster->target, &roster->chosen->layout);
    if (error == NULL)
        take_names(roster, &list);
    spprof_error_free(error);
}
