#include "spprof/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "target/budget.h"
#include "target/target.h"
#include "snapshot/snapshot_builder.h"
#include "snapshot/live_stack.h"
#include "snapshot/session.h"
#include "snapshot/snapshot.h"
#include "snapshot/thread_owners.h"
#include "snapshot/walk.h"

struct spprof_error *spprof_session_open(struct spprof_target *target, struct spprof_session **result)
{
    struct runtimes candidates;
    struct spprof_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return spprof_error_no_memory();
    struct spprof_error *error = snapshot_candidates_choose(target, &candidates, &session->pythons);
    runtime_list_free(&candidates);
    if (error == NULL)
        error = target_budget_tell(&target->budget, &target->problems);
    if (error != NULL) {
        spprof_session_close(session);
        return error;
    }
    session->target = target;
    session->chosen = session->pythons.items[0];
    *result = session;
    return NULL;
}

void spprof_session_close(struct spprof_session *session)
{
    if (session != NULL)
        snapshot_pythons_free(&session->pythons);
    free(session);
}

/* What taking a snapshot holds on the way. */
struct taking {
    struct spprof_session *session;
    const struct chosen *chosen; /* the Python whose stacks are taken */
    const struct spprof_snapshot_options *options;
    struct read_cache *cache;
    struct walk *walk;
    struct thread_names names;
    struct kernel_threads kernel;
    struct lived *lived;
    size_t lived_count;
};

static void taking_free(struct taking *taking)
{
    snapshot_walk_free(taking->walk);
    target_read_cache_free(taking->cache);
    snapshot_thread_names_free(&taking->names);
    snapshot_kernel_threads_free(&taking->kernel);
    free(taking->lived);
}

static struct spprof_error *walk_again(struct taking *taking)
{
    snapshot_walk_free(taking->walk);
    taking->walk = NULL;
    TRY(snapshot_walk_new(taking->cache, &taking->chosen->layout, taking->chosen->runtime.address, &taking->walk));
    snapshot_walk_run(taking->walk);
    return NULL;
}

static struct spprof_error *read_values(struct taking *taking)
{
    const struct spprof_snapshot_options *options = taking->options;
    if (!options->locals && !options->exceptions)
        return NULL;
    return snapshot_walk_values(taking->walk, &options->limits, options->locals, options->values_of);
}

static struct spprof_error *walk_with_values(struct taking *taking)
{
    TRY(walk_again(taking));
    if (taking->options->entries)
        snapshot_walk_entries(taking->walk);
    return read_values(taking);
}

static int by_address(const void *left, const void *right)
{
    const struct lived *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

static struct spprof_error *remember_threads(struct taking *taking)
{
    const struct thread_list *list = &taking->walk->list;
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->interpreters[i]->thread_count;
    taking->lived = calloc(count + 1, sizeof *taking->lived);
    if (taking->lived == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < list->count; i++) {
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++) {
            const struct thread_state *thread = list->interpreters[i]->threads[j];
            taking->lived[taking->lived_count++] = (struct lived){thread->address, thread->unique_id, thread->thread_id};
        }
    }
    qsort(taking->lived, taking->lived_count, sizeof *taking->lived, by_address);
    return NULL;
}

static struct spprof_error *read_names(struct taking *taking)
{
    return snapshot_thread_names_read(taking->session->target, &taking->chosen->layout, &taking->walk->list, &taking->names);
}

/* A target that stands still: one walk, then the names. */
static struct spprof_error *take_still(struct taking *taking)
{
    TRY(walk_with_values(taking));
    return read_names(taking);
}

static struct spprof_error *stop_and_walk(struct taking *taking)
{
    struct spprof_target *target = taking->session->target;
    TRY(target_stop(target));
    target_read_cache_refresh(taking->cache);
    struct spprof_error *error = walk_with_values(taking);
    target_resume(target);
    return error;
}

/* Whether the threads were let go too early for want of a CPU, and not since there is much to be read. */
static bool was_starved(const struct taking *taking)
{
    const struct spprof_budget *budget = &taking->session->target->budget;
    return budget->read_late > 0 && budget->stop_worked < BUDGET_STOP_NS / 2;
}

/*
 * A target that runs: the first walk learns where everything is. While the threads stand still that is read once more in one batch, and
 * followed again; only what has moved in between costs more reads.
 */
static struct spprof_error *take_stopped(struct taking *taking)
{
    enum { STOPS = 6, PAUSE_NS = 1000000 }; /* each pause is four times as long as the one before: the thread may have to wait for a CPU */
    TRY(walk_with_values(taking));
    TRY(remember_threads(taking));
    TRY(read_names(taking));
    TRY(stop_and_walk(taking));
    long pause = PAUSE_NS;
    for (int stops = 1; stops < STOPS && (snapshot_walk_met_entering(taking->walk) || was_starved(taking)); stops++) {
        nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        pause *= 4;
        TRY(stop_and_walk(taking));
    }
    return NULL;
}

static struct spprof_error *take_running(struct taking *taking)
{
    TRY(walk_again(taking));
    TRY(remember_threads(taking));
    TRY(read_names(taking));
    TRY(snapshot_live_stacks_read(taking->walk));
    frames_code_table_decode(taking->walk->codes, &taking->walk->reader);
    target_read_cache_clear(taking->cache); /* values are read as they are now; what has changed since its stack was read may be wrong */
    return read_values(taking);
}

static void free_list(struct thread_list *list)
{
    frames_thread_list_free(list);
}

static bool is_listed(const struct interpreter *interpreter, const struct thread_state *state)
{
    for (size_t i = 0; i < interpreter->thread_count; i++)
        if (interpreter->threads[i]->address == state->address && interpreter->threads[i]->unique_id == state->unique_id)
            return true;
    return false;
}

/* The threads of a target that runs were listed after its thread states: a state that is gone since was not left over, its thread has ended. */
static struct spprof_error *forget_released(struct taking *taking)
{
    CLEANUP(free_list) struct thread_list now;
    const struct thread_list *list = &taking->walk->list;
    frames_thread_list_init(&now, taking->chosen->runtime.address);
    TRY(frames_thread_list_read(&now, taking->session->target, &taking->chosen->layout));
    for (size_t i = 0; i < list->count; i++) {
        const struct interpreter *before = list->interpreters[i], *after = NULL;
        for (size_t j = 0; j < now.count; j++)
            if (now.interpreters[j]->address == before->address)
                after = now.interpreters[j];
        for (size_t j = 0; j < before->thread_count; j++)
            if (before->threads[j]->owner.life == THREAD_LEFT_OVER && (after == NULL || !is_listed(after, before->threads[j])))
                before->threads[j]->owner = (struct thread_owner){.life = THREAD_UNTOLD};
    }
    return NULL;
}

static bool any_left_over(const struct thread_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++)
            if (list->interpreters[i]->threads[j]->owner.life == THREAD_LEFT_OVER)
                return true;
    return false;
}

static struct spprof_error *find_owners(struct taking *taking, bool runs)
{
    struct spprof_target *target = taking->session->target;
    TRY(snapshot_kernel_threads_read(target, &taking->kernel));
    TRY(snapshot_thread_owners_find(target, &taking->walk->list, &taking->kernel));
    return runs && any_left_over(&taking->walk->list) ? forget_released(taking) : NULL;
}

static bool has_thread(const struct spprof_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        if (snapshot->interpreters[i].thread_count > 0)
            return true;
    return false;
}

static struct spprof_error *take(struct taking *taking, const struct spprof_snapshot_options *options, struct spprof_snapshot **snapshot)
{
    struct spprof_target *target = taking->session->target;
    bool stops = target->ops->stop != NULL, runs = options->no_stop && target->kind == SPPROF_TARGET_PROCESS;
    TRY(target_read_cache_new(target, &taking->cache));
    TRY(runs ? take_running(taking) : stops ? take_stopped(taking) : take_still(taking));
    TRY(find_owners(taking, runs));
    struct snapshot_builder builder = {
        .walk = taking->walk,
        .target = target,
        .chosen = taking->chosen,
        .kernel = &taking->kernel,
        .names = &taking->names,
        .lived = taking->lived,
        .lived_count = taking->lived_count,
        .runs = runs,
        .only_tid = options->only_tid,
    };
    target_budget_release(&target->budget);
    frames_code_table_decode(taking->walk->codes, &taking->walk->reader);
    target_read_cache_clear(taking->cache); /* the snapshot needs the room */
    TRY(snapshot_build(&builder, snapshot));
    for (size_t i = 0; i < target->problems.count; i++)
        spprof_problems_add(&(*snapshot)->problems, "%s", target->problems.texts[i]);
    (*snapshot)->has_locals = options->locals;
    (*snapshot)->has_exceptions = options->exceptions;
    (*snapshot)->stopped_ns = target->stopped_ns;
    (*snapshot)->read_calls = target->read_calls;
    (*snapshot)->read_bytes = target->read_bytes;
    return NULL;
}

static struct spprof_error *take_python(struct spprof_session *session, const struct chosen *chosen, const struct spprof_snapshot_options *options,
                                        struct spprof_snapshot **snapshot)
{
    struct taking taking = {.session = session, .chosen = chosen, .options = options};
    target_budget_reserve(&session->target->budget);
    struct spprof_error *error = take(&taking, options, snapshot);
    taking_free(&taking);
    return error;
}

/* One Python after the other, each with a stop of its own. What cannot be read of one costs no other its stacks. */
static struct spprof_error *take_all(struct spprof_session *session, const struct spprof_snapshot_options *options, struct spprof_snapshot **snapshot)
{
    struct spprof_error *failed = NULL;
    *snapshot = NULL;
    for (size_t i = 0; i < session->pythons.count; i++) {
        struct spprof_snapshot *one;
        struct spprof_error *error = take_python(session, &session->pythons.items[i], options, &one);
        if (error == NULL)
            error = snapshot_join(snapshot, one);
        if (error != NULL && failed == NULL)
            failed = error;
        else
            spprof_error_free(error);
    }
    if (*snapshot == NULL)
        return failed;
    if (failed != NULL)
        spprof_problems_add(&(*snapshot)->problems, "one of the Pythons in it is not shown: %s", failed->message);
    spprof_error_free(failed);
    return NULL;
}

struct spprof_error *spprof_snapshot_take(struct spprof_session *session, const struct spprof_snapshot_options *options,
                                          struct spprof_snapshot **snapshot)
{
    struct spprof_budget *budget = &session->target->budget;
    target_budget_begin(budget);
    uint64_t before = budget->memory;
    struct spprof_error *error = take_all(session, options, snapshot);
    target_budget_release(budget);
    target_budget_give(budget, budget->memory - before); /* what is in the snapshot is its owner's now */
    if (error != NULL)
        return error;
    if (options->only_tid == 0 || has_thread(*snapshot))
        return NULL;
    spprof_snapshot_free(*snapshot);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "no Python thread has the id %" PRId64 "; without --thread all of them are shown",
                            options->only_tid);
}
