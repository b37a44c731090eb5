#include "spprof/sample.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "sample/clock.h"
#include "sample/holds.h"
#include "sample/sampled_threads.h"
#include "target/budget.h"
#include "target/scheduling.h"
#include "target/target.h"
#include "snapshot/session.h"

enum {
    MS = 1000000, /* ns */
    COMMIT_NS = 20 * MS,
    CHECK_NS = MS - MS / 8, /* not more often than this are new threads looked for, */
    LIST_NS = 5 * MS,       /* and all of them listed anew */
    RELIST_NS = 1000 * MS,  /* though nothing says that they have changed, */
    RELIST_PART = 50,       /* and in no more than this part of the time */
    NAME_NS = 50 * MS,
    PROGRESS_NS = 100 * MS,
    RUNS_PART = 8,     /* of the time, which a thread that runs all the time may lose, */
    STOP_NS = MS / 20, /* beside that in which it was stopped */
    GO_PART = 5,       /* of a period, which a target that is stopped for each look runs at least */
};

struct spprof_sampler {
    struct spprof_target *target;
    struct spprof_session *session;
    struct spprof_sample_options options;
    struct spprof_profile *profile;
    struct sampled_python *pythons; /* those of the session, in its order */
    size_t python_count;
    struct sampled_threads threads; /* of all of them */
    struct holds holds;
    struct ticks ticks;
    struct durations durations;
    int64_t *stopping; /* ids of the threads that are stopped for a look */
    size_t stopping_capacity;
    uint64_t seen_before;                                     /* threads, until the target was another */
    uint64_t goes;                                            /* ns that the target runs before the next look; UINT64_MAX: not known */
    uint64_t now;                                             /* when something was last seen to end */
    uint64_t began, ended, committed_at, checked_at, told_at; /* ns; began 0: not yet */
    uint32_t counted_places;                                  /* of the profile, in place_bytes */
    uint64_t place_bytes;
    bool over;
    bool is_full; /* no more may be kept: sampling ends */
};

static uint64_t dropped(const struct spprof_sample_counts *counts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SPPROF_DROP_REASONS; i++)
        sum += counts->dropped[i];
    return sum;
}

static void commit(struct spprof_sampler *sampler, bool still)
{
    for (size_t i = 0; i < sampler->python_count; i++)
        sample_pending_commit(&sampler->pythons[i].pending, still);
    sampler->committed_at = sampler->now;
}

static bool stops(const struct spprof_sampler *sampler)
{
    return sampler->options.stop && sampler->target->ops->stop_some != NULL;
}

static uint64_t threads_seen(const struct spprof_sampler *sampler)
{
    uint64_t seen = sampler->seen_before;
    for (size_t i = 0; i < sampler->python_count; i++)
        seen += sampler->pythons[i].thread_table.seen;
    return seen;
}

/* Where one has just come to be, it may be about to be released, and the list is read again. */
static void count_left_over(struct spprof_sampler *sampler)
{
    uint64_t count = 0;
    bool unsure = false;
    for (size_t i = 0; i < sampler->python_count; i++) {
        unsure = unsure || sampler->pythons[i].thread_table.unsure;
        count += sampler->pythons[i].thread_table.left_over;
    }
    if (!unsure)
        sampler->profile->counts.left_over = count;
}

/* A list that cannot be read is that of an interpreter which begins or ends: it is tried again. Errors: NO_MEMORY. */
static struct spprof_error *refresh(struct spprof_sampler *sampler, struct sampled_python *python, bool still)
{
    commit(sampler, still);
    spprof_error_free(sample_thread_table_list(&python->thread_table));
    sampler->profile->counts.threads_seen = threads_seen(sampler);
    count_left_over(sampler);
    return sample_threads_gather(&sampler->threads, sampler->pythons, sampler->python_count);
}

static bool lacks_names(const struct thread_table *thread_table)
{
    for (size_t i = 0; i < thread_table->count; i++)
        if (thread_table->threads[i]->name.bytes == NULL)
            return true;
    return false;
}

/* Its memory is there no more: the library that it was in has been unloaded, or the target has ended. */
static struct spprof_error *leave(struct spprof_sampler *sampler, struct sampled_python *python, bool still)
{
    commit(sampler, still);
    sampler->seen_before += python->thread_table.seen;
    sample_thread_table_free(&python->thread_table);
    python->gone = true;
    return sample_threads_gather(&sampler->threads, sampler->pythons, sampler->python_count);
}

/* Brings the list of a Python's threads up to date. */
static struct spprof_error *look_around(struct spprof_sampler *sampler, struct sampled_python *python, bool still)
{
    struct thread_table *thread_table = &python->thread_table;
    uint64_t now = sampler->checked_at;
    enum thread_table_state state = sample_thread_table_check(thread_table);
    if (state == THREAD_TABLE_GONE)
        return leave(sampler, python, still);
    uint64_t listed = now - thread_table->listed_at; /* a thread that ends and leaves its state behind changes no list of the target's */
    bool old = sampler->target->local && listed >= RELIST_NS && listed / RELIST_PART >= thread_table->listing;
    if ((state == THREAD_TABLE_CHANGED && (thread_table->listed_at == 0 || listed >= LIST_NS)) || old)
        return refresh(sampler, python, still);
    if (now - thread_table->named_at >= NAME_NS && lacks_names(thread_table))
        sample_thread_table_name(thread_table);
    return NULL;
}

/* Brings the lists of threads up to date. */
static struct spprof_error *look_around_all(struct spprof_sampler *sampler, uint64_t now, bool still)
{
    if (sampler->checked_at != 0 && now - sampler->checked_at < CHECK_NS)
        return NULL;
    sampler->checked_at = now;
    sampler->over = true;
    for (size_t i = 0; i < sampler->python_count; i++) {
        if (!sampler->pythons[i].gone)
            TRY(look_around(sampler, &sampler->pythons[i], still));
        sampler->over = sampler->over && sampler->pythons[i].gone;
    }
    return NULL;
}

/* Whether a thread has the GIL of one of its Pythons and interpreters. */
static bool has_gil(const struct sampled_thread *thread)
{
    while (thread != NULL && !sample_python_runs(thread->python, thread))
        thread = thread->elsewhere;
    return thread != NULL;
}

/* Whether the thread counts at this moment. Where the kernel has no word, one that runs Python code is one that holds the GIL. */
static bool counts_now(struct spprof_sampler *sampler, struct sampled_thread *thread, uint64_t now, bool still)
{
    const struct spprof_sample_options *options = &sampler->options;
    if (options->gil)
        return has_gil(thread);
    if (options->idle) {
        sample_activity_of(&thread->activity, now); /* one that has ended may have left its state, and what it ran, behind */
        thread->python->thread_table.unsure = thread->python->thread_table.unsure || thread->activity.ended;
        return !thread->activity.ended;
    }
    /* One that stands still was asked before it was made to. */
    switch (still ? thread->activity.state : sample_activity_of(&thread->activity, now)) {
    case SPPROF_ACTIVITY_RUNNING: return true;
    case SPPROF_ACTIVITY_IDLE: return false;
    default: return (still || thread->activity.state_file < 0) && has_gil(thread);
    }
}

static void sample(struct spprof_sampler *sampler, struct sampled_thread *thread, bool still)
{
    uint64_t start = sampler->now;
    thread->outcome = sample_capture_take(&thread->capture, &thread->python->context, still);
    thread->taken = true;
    sampler->now = base_clock_now();
    sample_durations_add(&sampler->durations, sampler->now - start);
}

static void count(struct spprof_sampler *sampler, struct sampled_thread *thread)
{
    struct spprof_sample_counts *counts = &sampler->profile->counts;
    if (!thread->taken)
        return;
    thread->taken = false;
    if (thread->outcome.result == CAPTURE_DROPPED)
        counts->dropped[thread->outcome.reason]++;
    else if (!sample_pending_add(&thread->python->pending, thread, &thread->outcome))
        counts->dropped[SPPROF_DROP_UNREADABLE]++;
}

/* Where the target has ended, it is over, and there is nothing to look at. */
static struct spprof_error *begin_look(struct spprof_sampler *sampler, bool still)
{
    if (sampler->began == 0)
        sampler->began = sampler->now;
    TRY(look_around_all(sampler, sampler->now, still));
    sampler->profile->counts.ticks += !sampler->over;
    return NULL;
}

/* Whether a thread that stands counts at this moment. */
static bool counts_standing(const struct spprof_sampler *sampler, struct sampled_thread *thread)
{
    /* All of this is time in which it stands: the registers, by which it is known whether it waited, cost more than most of its frames. */
    bool any = sampler->options.idle || sampler->options.gil;
    bool waited = !any && !thread->runs && sampler->target->ops->waited(sampler->target, thread->tid);
    thread->waits = waited ? sample_activity_use(&thread->activity).turns : 0;
    return !waited;
}

/* Whether a thread is to be looked at. Of those that were to be stopped, one that has not in time is read while it runs. */
static bool is_to_look_at(const struct spprof_sampler *sampler, struct sampled_thread *thread, bool *still)
{
    if (!stops(sampler) || !thread->stops || thread->tid == 0)
        return !stops(sampler) || thread->stops;
    enum spprof_standing standing = sampler->target->ops->stands(sampler->target, thread->tid);
    *still = standing == SPPROF_STANDS;
    return standing != SPPROF_HAS_ENDED && (!*still || counts_standing(sampler, thread));
}

/* How much speaks for it that the thread is in the frames of this state of it, and not in those of another. */
static int weight_of(const struct sampled_thread *thread)
{
    bool any = thread->outcome.result == CAPTURE_DROPPED || sample_capture_depth(&thread->capture) > 0;
    return 2 * any + sample_python_runs(thread->python, thread);
}

/* One thread at one look is one sample, however many states it has: of those that are as likely, that which was made last calls no other. */
static void keep_one(struct sampled_thread *thread)
{
    struct sampled_thread *best = thread;
    int most = weight_of(thread);
    for (struct sampled_thread *other = thread->elsewhere; other != NULL; other = other->elsewhere) {
        int weight = weight_of(other);
        struct sampled_thread *worse = weight >= most ? best : other;
        best = weight >= most ? other : best;
        most = weight >= most ? weight : most;
        worse->taken = false;
    }
}

static void take_samples(struct spprof_sampler *sampler, bool still)
{
    uint64_t now = sampler->now;
    for (size_t i = 0; i < sampler->threads.count; i++) {
        struct sampled_thread *thread = sampler->threads.items[i];
        bool stands = still;
        if (!is_to_look_at(sampler, thread, &stands) || thread->born_by > now || !counts_now(sampler, thread, now, stands))
            continue;
        for (struct sampled_thread *state = thread; state != NULL; state = state->elsewhere)
            sample(sampler, state, stands);
        if (thread->elsewhere != NULL)
            keep_one(thread);
    }
}

static void count_samples(struct spprof_sampler *sampler)
{
    for (size_t i = 0; i < sampler->threads.count; i++)
        for (struct sampled_thread *state = sampler->threads.items[i]; state != NULL; state = state->elsewhere)
            count(sampler, state);
}

static void look(struct spprof_sampler *sampler, bool still)
{
    take_samples(sampler, still);
    count_samples(sampler);
}

/* Whether the profile takes as much as may be kept: a program may have no end of stacks that differ. */
static bool profile_is_full(struct spprof_sampler *sampler)
{
    const struct spprof_profile *profile = sampler->profile;
    for (; sampler->counted_places < profile->place_count; sampler->counted_places++) {
        const struct spprof_place *place = &profile->places[sampler->counted_places];
        sampler->place_bytes += 2 * sizeof *place + place->function.size + place->file.size;
    }
    uint64_t bytes = sampler->place_bytes + 2 * sizeof *profile->nodes * profile->node_count; /* twice: they have an index each */
    return bytes > target_budget_memory_limit(&sampler->target->budget);
}

/* Counts what waits, if it has waited long enough. */
static struct spprof_error *settle(struct spprof_sampler *sampler, bool still)
{
    bool full = false;
    for (size_t i = 0; i < sampler->python_count; i++)
        full = full || sample_pending_is_full(&sampler->pythons[i].pending);
    if (!full && sampler->now - sampler->committed_at < COMMIT_NS && !still)
        return NULL;
    commit(sampler, still);
    sampler->target->budget.searched = 0; /* that was one look; there may be any number of them */
    if (profile_is_full(sampler))
        sampler->is_full = sampler->target->budget.memory_refused = true;
    for (size_t i = 0; i < sampler->python_count; i++)
        TRY(sample_python_settle(&sampler->pythons[i]));
    return NULL;
}

static struct spprof_error *prepare(struct spprof_sampler *sampler)
{
    TRY(spprof_session_open(sampler->target, &sampler->session));
    const struct pythons *pythons = &sampler->session->pythons;
    sampler->pythons = calloc(pythons->count, sizeof *sampler->pythons);
    if (sampler->pythons == NULL)
        return spprof_error_no_memory();
    for (; sampler->python_count < pythons->count; sampler->python_count++) {
        struct sampled_python *python = &sampler->pythons[sampler->python_count];
        struct spprof_error *error = sample_python_init(python, sampler->target, &pythons->items[sampler->python_count], sampler->profile);
        if (error == NULL && pythons->count > 1)
            error = sample_python_name(python);
        if (error != NULL) {
            sample_python_free(python);
            return error;
        }
    }
    return NULL;
}

static void take_problems(struct spprof_profile *profile, const struct spprof_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        spprof_problems_add(&profile->problems, "%s", problems->texts[i]);
}

static struct spprof_python python_of(const struct spprof_sampler *sampler, size_t index)
{
    const struct chosen *chosen = &sampler->session->pythons.items[index];
    return (struct spprof_python){
        .version = chosen->layout.version,
        .free_threaded = chosen->layout.free_threaded,
        .debug = chosen->layout.debug,
        .finalizing = layout_is_finalizing(sampler->target, chosen->runtime.address, &chosen->layout),
        .layout = chosen->layout.source,
        .runtime = chosen->runtime.address,
    };
}

static struct spprof_error *describe(struct spprof_sampler *sampler)
{
    struct spprof_profile *profile = sampler->profile;
    const struct pythons *pythons = &sampler->session->pythons;
    if (profile->started_at == 0)
        profile->started_at = (int64_t)base_clock_read(CLOCK_REALTIME);
    profile->pid = sampler->target->pid;
    take_problems(profile, &sampler->target->problems);
    if (!ARRAY_RESIZE(profile->others, pythons->count - 1))
        return spprof_error_no_memory();
    profile->python = python_of(sampler, 0);
    for (profile->other_count = 0; profile->other_count + 1 < pythons->count; profile->other_count++)
        profile->others[profile->other_count] = python_of(sampler, profile->other_count + 1);
    if (sampler->target->executable != NULL && profile->executable == NULL) {
        profile->executable = strdup(sampler->target->executable);
        if (profile->executable == NULL)
            return spprof_error_no_memory();
    }
    return NULL;
}

static struct spprof_error *start(struct spprof_sampler *sampler)
{
    TRY(spprof_profile_new(&sampler->profile));
    TRY(prepare(sampler));
    return describe(sampler);
}

struct spprof_error *spprof_sampler_new(struct spprof_target *target, const struct spprof_sample_options *options, struct spprof_sampler **result)
{
    struct spprof_sampler *sampler = calloc(1, sizeof *sampler);
    if (sampler == NULL)
        return spprof_error_no_memory();
    sampler->target = target;
    sampler->options = *options;
    sampler->goes = UINT64_MAX;
    if (sampler->options.rate_hz <= 0)
        sampler->options.rate_hz = 100;
    struct spprof_error *error = start(sampler);
    if (error != NULL) {
        spprof_sampler_free(sampler);
        return error;
    }
    *result = sampler;
    return NULL;
}

/* What belongs to the target, and not to the profile. */
static void release(struct spprof_sampler *sampler)
{
    sample_threads_free(&sampler->threads);
    for (size_t i = 0; i < sampler->python_count; i++)
        sample_python_free(&sampler->pythons[i]);
    free(sampler->pythons);
    spprof_session_close(sampler->session);
    sampler->pythons = NULL;
    sampler->python_count = 0;
    sampler->session = NULL;
}

void spprof_sampler_free(struct spprof_sampler *sampler)
{
    if (sampler == NULL)
        return;
    release(sampler);
    spprof_profile_free(sampler->profile);
    free(sampler->stopping);
    free(sampler);
}

struct spprof_error *spprof_sampler_unbind(struct spprof_sampler *sampler)
{
    if (sampler->target == NULL)
        return NULL;
    commit(sampler, true);
    sampler->seen_before = threads_seen(sampler);
    release(sampler);
    struct spprof_error *error = target_budget_tell(&sampler->target->budget, &sampler->profile->problems);
    sampler->target = NULL;
    return error;
}

struct spprof_error *spprof_sampler_rebind(struct spprof_sampler *sampler, struct spprof_target *target)
{
    TRY(spprof_sampler_unbind(sampler));
    sampler->target = target;
    struct spprof_error *error = prepare(sampler);
    if (error != NULL) {
        release(sampler);
        sampler->target = NULL;
        return error;
    }
    sampler->over = false;
    sampler->checked_at = 0;
    return describe(sampler);
}

bool spprof_sampler_is_over(const struct spprof_sampler *sampler)
{
    return sampler->over;
}

struct spprof_error *spprof_sampler_look(struct spprof_sampler *sampler)
{
    uint64_t now = sampler->now = base_clock_now();
    for (size_t i = 0; i < sampler->threads.count; i++)
        sample_activity_since(&sampler->threads.items[i]->activity, now, sampler->goes);
    TRY(begin_look(sampler, true));
    if (!sampler->over)
        look(sampler, true);
    sampler->ended = sampler->now;
    return settle(sampler, true);
}

double spprof_sampler_due(struct spprof_sampler *sampler)
{
    uint64_t now = base_clock_now();
    if (sampler->ticks.period == 0)
        sample_ticks_start(&sampler->ticks, sampler->options.rate_hz);
    else if (sampler->ticks.due <= now)
        sample_ticks_next(&sampler->ticks, now);
    sampler->goes = sampler->ticks.due > now ? sampler->ticks.due - now : 0;
    if (sampler->goes < sampler->ticks.period / GO_PART)
        sampler->goes = sampler->ticks.period / GO_PART;
    return (double)sampler->goes / 1e9;
}

static void tell(struct spprof_sampler *sampler, void (*progress)(void *context, const struct spprof_sample_progress *progress), void *context)
{
    uint64_t now = sampler->now;
    if (progress == NULL || now - sampler->told_at < PROGRESS_NS)
        return;
    sampler->told_at = now;
    const struct spprof_sample_counts *counts = &sampler->profile->counts;
    struct spprof_sample_progress now_told = {(double)(now - sampler->began) / 1e9, counts->captured, dropped(counts),
                                              (uint32_t)sampler->threads.count};
    progress(context, &now_told);
}

static bool is_time_over(const struct spprof_sampler *sampler)
{
    if (sampler->is_full)
        return true;
    return sampler->options.duration_s > 0 && (double)(sampler->now - sampler->began) / 1e9 >= sampler->options.duration_s;
}

/*
 * Who runs is asked before anybody stands; who does not count need not be stopped. One that was stopped while it waited seems to run until it
 * has got a CPU to wait again on, which can take longer than the next look.
 */
static bool is_to_stop(const struct spprof_sampler *sampler, struct sampled_thread *thread)
{
    if (sampler->options.idle || sampler->options.gil)
        return true;
    struct cpu_use before = thread->use;
    uint64_t went = thread->went;
    thread->went = sampler->now - thread->asked_at;
    thread->asked_at = sampler->now;
    thread->use = (struct cpu_use){0};
    if (sample_activity_ask(&thread->activity, sampler->now) == SPPROF_ACTIVITY_IDLE)
        return false;
    /* The kernel counts up to the stop before, soon after it was asked last. */
    thread->use = sample_activity_use(&thread->activity);
    thread->runs = before.time != 0 && thread->use.time - before.time + STOP_NS >= went - went / RUNS_PART;
    return thread->waits == 0 || thread->waits != thread->use.turns;
}

/* Not to run where those run that are about to be stopped: they could not stop before they have got the CPU back. */
static void keep_apart(const struct sampled_threads *threads)
{
    struct cpus used = {0};
    for (size_t i = 0; i < threads->count; i++) {
        const struct sampled_thread *thread = threads->items[i];
        if (thread->stops)
            target_cpus_add(&used, thread->activity.cpu);
    }
    target_scheduling_avoid(&used);
}

/* Which threads are stopped by the next stop. *all: all of them, where one of those is not known to the kernel by its id. */
static size_t choose(struct spprof_sampler *sampler, bool *all)
{
    const struct sampled_threads *threads = &sampler->threads;
    size_t count = 0;
    for (size_t i = 0; i < threads->count; i++) {
        struct sampled_thread *thread = threads->items[i];
        thread->stops = is_to_stop(sampler, thread);
        *all = *all || (thread->stops && thread->tid == 0);
        if (thread->stops)
            sampler->stopping[count++] = thread->tid;
    }
    return count;
}

static struct spprof_error *look_at_stopped(struct spprof_sampler *sampler)
{
    struct spprof_target *target = sampler->target;
    if (!ARRAY_RESERVE(sampler->stopping, sampler->stopping_capacity, sampler->threads.count))
        return spprof_error_no_memory();
    keep_apart(&sampler->threads); /* which takes its time: by what was known at the look before */
    bool all = false;
    size_t count = choose(sampler, &all);
    if (count == 0)
        return NULL;
    struct spprof_error *error = target->ops->stop_some(target, all ? NULL : sampler->stopping, count);
    if (error != NULL && error->kind == SPPROF_ERROR_NOT_FOUND) { /* it has just ended */
        spprof_error_free(error);
        sampler->over = true;
        return NULL;
    }
    TRY(error);
    take_samples(sampler, true);
    target->ops->resume(target);
    count_samples(sampler);
    return NULL;
}

static struct spprof_error *tick(struct spprof_sampler *sampler)
{
    TRY(begin_look(sampler, !stops(sampler) && sampler->target->ops->stop == NULL));
    if (sampler->over)
        return NULL;
    if (stops(sampler))
        TRY(look_at_stopped(sampler));
    else
        look(sampler, sampler->target->ops->stop == NULL);
    if (sampler->target->local)
        sample_holds_count(&sampler->holds, &sampler->threads, sampler->target->pid, sampler->now, &sampler->profile->counts);
    return settle(sampler, false);
}

struct spprof_error *spprof_sampler_run(struct spprof_sampler *sampler, volatile int *ended,
                                        void (*progress)(void *context, const struct spprof_sample_progress *progress), void *context)
{
    if (sampler->ticks.period == 0)
        sample_ticks_start(&sampler->ticks, sampler->options.rate_hz);
    sampler->now = base_clock_now();
    if (sampler->began == 0)
        sampler->began = sampler->now;
    target_scheduling_take_short_turns();
    while (*ended == 0 && !sampler->over && !is_time_over(sampler)) {
        tell(sampler, progress, context);
        if (sampler->now < sampler->ticks.due) {
            sample_ticks_wait(&sampler->ticks, sampler->now + PROGRESS_NS);
            sampler->now = base_clock_now();
            continue;
        }
        TRY(tick(sampler));
        sample_ticks_next(&sampler->ticks, sampler->now);
        if (sampler->threads.count == 0)
            sampler->now = base_clock_now();
    }
    commit(sampler, false);
    sampler->ended = base_clock_now();
    return NULL;
}

/* How many Pythons run in the process now, by a look that knows nothing of those before; 0: that cannot be told any more. */
static size_t count_pythons(int64_t pid)
{
    struct spprof_target *target = NULL;
    struct spprof_session *session = NULL;
    struct spprof_error *error = spprof_process_open(pid, &target);
    if (error == NULL)
        error = spprof_session_open(target, &session);
    size_t count = session != NULL ? session->pythons.count : 0;
    spprof_session_close(session);
    spprof_target_close(target);
    spprof_error_free(error);
    return count;
}

/* A Python that begins while another is sampled is not found then. */
static void tell_new_pythons(struct spprof_sampler *sampler)
{
    bool lives = sampler->target != NULL && sampler->target->local && !sampler->over;
    size_t count = lives ? count_pythons(sampler->target->pid) : 0;
    if (count > sampler->python_count)
        spprof_problems_add(&sampler->profile->problems,
                            "%zu more Python%s been started in the process while it was sampled, and %s not in the profile: "
                            "sample it again",
                            count - sampler->python_count, count - sampler->python_count == 1 ? " has" : "s have",
                            count - sampler->python_count == 1 ? "is" : "are");
}

struct spprof_error *spprof_sampler_finish(struct spprof_sampler *sampler, struct spprof_profile **profile)
{
    struct spprof_sample_counts *counts = &sampler->profile->counts;
    if (sampler->target != NULL)
        commit(sampler, true);
    tell_new_pythons(sampler);
    if (sampler->target != NULL)
        TRY(target_budget_tell(&sampler->target->budget, &sampler->profile->problems));
    counts->duration_s = sampler->ended == 0 ? 0 : (double)(sampler->ended - sampler->began) / 1e9;
    counts->rate_hz = sampler->options.rate_hz;
    counts->overruns = sampler->ticks.overruns;
    counts->capture_p50_us = sample_durations_quantile_us(&sampler->durations, 0.5);
    counts->capture_p99_us = sample_durations_quantile_us(&sampler->durations, 0.99);
    counts->capture_max_us = (double)sampler->durations.longest / 1e3;
    spprof_profile_finish(sampler->profile);
    *profile = sampler->profile;
    sampler->profile = NULL;
    return NULL;
}
