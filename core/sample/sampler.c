#include "spprof/sample.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "sample/clock.h"
#include "sample/holds.h"
#include "sample/tally.h"
#include "target/budget.h"
#include "target/scheduling.h"
#include "target/target.h"
#include "walk/session.h"

enum {
    MS = 1000000, /* ns */
    COMMIT_NS = 20 * MS,
    CHECK_NS = MS - MS / 8, /* not more often than this are new threads looked for, */
    LIST_NS = 5 * MS,       /* and all of them listed anew */
    RELIST_NS = 1000 * MS, /* though nothing says that they have changed, */
    RELIST_PART = 50,      /* and in no more than this part of the time */
    NAME_NS = 50 * MS,
    PROGRESS_NS = 100 * MS,
    CODES_MAX = 1 << 15,   /* code objects that are remembered */
    RUNS_PART = 8,         /* of the time, which a thread that runs all the time may lose, */
    STOP_NS = MS / 20,     /* beside that in which it was stopped */
    GO_PART = 5,           /* of a period, which a target that is stopped for each look runs at least */
};

struct spprof_sampler {
    struct spprof_target *target;
    struct spprof_session *session;
    struct spprof_sample_options options;
    struct spprof_profile *profile;
    struct capture_context context;
    struct roster roster;
    struct holds holds;
    struct tally tally;
    struct ticks ticks;
    struct durations durations;
    int64_t *stopping;    /* ids of the threads that are stopped for a look */
    size_t stopping_capacity;
    uint64_t seen_before; /* threads, until the target was another */
    uint64_t goes;        /* ns that the target runs before the next look; UINT64_MAX: not known */
    uint64_t now;         /* when something was last seen to end */
    uint64_t began, ended, committed_at, checked_at, told_at; /* ns; began 0: not yet */
    uint32_t counted_places; /* of the profile, in place_bytes */
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
    tally_commit(&sampler->tally, still);
    sampler->committed_at = sampler->now;
}

static struct spprof_error *new_codes(struct spprof_sampler *sampler)
{
    TRY(code_table_new(&sampler->context.codes));
    code_table_draw_from(sampler->context.codes, &sampler->target->budget);
    code_table_keep_ranges(sampler->context.codes);
    return NULL;
}

/* Code objects that come and go would fill the memory: now and then all of them are forgotten. */
static struct spprof_error *forget_codes(struct spprof_sampler *sampler)
{
    const struct spprof_budget *budget = &sampler->target->budget;
    if (code_table_count(sampler->context.codes) < CODES_MAX && budget->memory < budget_memory_limit(budget) / 2)
        return NULL;
    tally_forget(&sampler->tally);
    call_sites_clear(sampler->context.sites);
    paths_clear(sampler->context.paths);
    copy_clear(sampler->context.mentions.copy);
    for (size_t i = 0; i < sampler->roster.count; i++) {
        capture_forget(&sampler->roster.threads[i]->capture);
        sampler->roster.threads[i]->path_count = 0;
    }
    code_table_free(sampler->context.codes);
    sampler->context.codes = NULL;
    return new_codes(sampler);
}

static bool stops(const struct spprof_sampler *sampler)
{
    return sampler->options.stop && sampler->target->ops->stop_some != NULL;
}

/* A list that cannot be read is that of an interpreter which begins or ends: it is tried again. */
static void refresh(struct spprof_sampler *sampler, bool still)
{
    commit(sampler, still);
    spprof_error_free(roster_list(&sampler->roster));
    sampler->profile->counts.threads_seen = sampler->seen_before + sampler->roster.seen;
}

static bool lacks_names(const struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++)
        if (roster->threads[i]->name.bytes == NULL)
            return true;
    return false;
}

/* Brings the list of threads up to date. */
static void look_around(struct spprof_sampler *sampler, uint64_t now, bool still)
{
    struct roster *roster = &sampler->roster;
    if (sampler->checked_at != 0 && now - sampler->checked_at < CHECK_NS)
        return;
    sampler->checked_at = now;
    enum roster_state state = roster_check(roster);
    if (state == ROSTER_GONE) {
        sampler->over = true;
        return;
    }
    uint64_t listed = now - roster->listed_at; /* a thread that ends and leaves its state behind changes no list of the target's */
    bool old = sampler->target->local && listed >= RELIST_NS && listed / RELIST_PART >= roster->listing;
    if ((state == ROSTER_CHANGED && (roster->listed_at == 0 || listed >= LIST_NS)) || old)
        refresh(sampler, still);
    else if (now - roster->named_at >= NAME_NS && lacks_names(roster))
        roster_name(roster);
}

/* The thread state that holds the GIL; 0: none, or it cannot be told. */
static uint64_t gil_holder(struct spprof_sampler *sampler, uint64_t interpreter)
{
    const struct chosen *chosen = &sampler->session->chosen;
    const struct layout *layout = &chosen->layout;
    uint64_t gil = chosen->runtime.address + (uint64_t)LAYOUT(layout, runtime, gil), holder = 0;
    if (layout->rules->gil == GIL_BEHIND_INTERPRETER &&
        target_try_read(sampler->target, interpreter + (uint64_t)LAYOUT(layout, interpreter, gil), &gil, 8) != SPPROF_READ_OK)
        return 0;
    int32_t locked = 0;
    struct spprof_range ranges[] = {
        {.address = gil + (uint64_t)LAYOUT(layout, gil, last_holder), .size = 8, .buffer = &holder},
        {.address = gil + (uint64_t)LAYOUT(layout, gil, locked), .size = 4, .buffer = &locked},
    };
    target_read_many(sampler->target, ranges, 2);
    return ranges[0].status == SPPROF_READ_OK && ranges[1].status == SPPROF_READ_OK && locked == 1 ? holder : 0;
}

/* 3.13 and later: whether the thread is attached to its interpreter; true where it cannot be told. */
static bool is_attached(const struct spprof_sampler *sampler, const struct sampled_thread *thread)
{
    int32_t offset = LAYOUT(&sampler->session->chosen.layout, thread_state, attach_state), state = 1;
    if (offset != LAYOUT_ABSENT &&
        target_try_read(sampler->target, thread->address + (uint64_t)offset, &state, sizeof state) != SPPROF_READ_OK)
        return false;
    return state == 1;
}

static bool has_gil(struct spprof_sampler *sampler, const struct sampled_thread *thread)
{
    uint64_t holder = gil_holder(sampler, thread->interpreter);
    return sampler->session->chosen.layout.free_threaded && holder == 0 ? is_attached(sampler, thread) : holder == thread->address;
}

/* Whether the thread counts at this moment. Where the kernel has no word, one that runs Python code is one that holds the GIL. */
static bool counts_now(struct spprof_sampler *sampler, struct sampled_thread *thread, uint64_t now, bool still)
{
    const struct spprof_sample_options *options = &sampler->options;
    if (options->gil)
        return has_gil(sampler, thread);
    if (options->idle) {
        activity_of(&thread->activity, now); /* one that has ended may have left its state, and what it ran, behind */
        sampler->roster.unsure = sampler->roster.unsure || thread->activity.ended;
        return !thread->activity.ended;
    }
    /* One that stands still was asked before it was made to. */
    switch (still ? thread->activity.state : activity_of(&thread->activity, now)) {
    case SPPROF_ACTIVITY_RUNNING: return true;
    case SPPROF_ACTIVITY_IDLE: return false;
    default: return (still || thread->activity.state_file < 0) && has_gil(sampler, thread);
    }
}

static void sample(struct spprof_sampler *sampler, struct sampled_thread *thread, bool still)
{
    uint64_t start = sampler->now;
    thread->outcome = capture_take(&thread->capture, &sampler->context, still);
    thread->taken = true;
    sampler->now = clock_now();
    durations_add(&sampler->durations, sampler->now - start);
}

static void count(struct spprof_sampler *sampler, struct sampled_thread *thread)
{
    struct spprof_sample_counts *counts = &sampler->profile->counts;
    if (!thread->taken)
        return;
    thread->taken = false;
    if (thread->outcome.result == CAPTURE_DROPPED)
        counts->dropped[thread->outcome.reason]++;
    else if (!tally_add(&sampler->tally, thread, &thread->outcome))
        counts->dropped[SPPROF_DROP_UNREADABLE]++;
}

/* Whether there is anything to look at. */
static bool begin_look(struct spprof_sampler *sampler, bool still)
{
    if (sampler->began == 0)
        sampler->began = sampler->now;
    look_around(sampler, sampler->now, still);
    if (!sampler->over)
        sampler->profile->counts.ticks++;
    return !sampler->over;
}

/* Whether a thread that stands counts at this moment. */
static bool counts_standing(const struct spprof_sampler *sampler, struct sampled_thread *thread)
{
    /* All of this is time in which it stands: the registers, by which it is known whether it waited, cost more than most of its frames. */
    bool any = sampler->options.idle || sampler->options.gil;
    bool waited = !any && !thread->runs && sampler->target->ops->waited(sampler->target, thread->tid);
    thread->waits = waited ? activity_use(&thread->activity).turns : 0;
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

static void take_samples(struct spprof_sampler *sampler, bool still)
{
    uint64_t now = sampler->now;
    for (size_t i = 0; i < sampler->roster.count; i++) {
        struct sampled_thread *thread = sampler->roster.threads[i];
        bool stands = still;
        if (is_to_look_at(sampler, thread, &stands) && thread->born_by <= now && counts_now(sampler, thread, now, stands))
            sample(sampler, thread, stands);
    }
}

static void count_samples(struct spprof_sampler *sampler)
{
    for (size_t i = 0; i < sampler->roster.count; i++)
        count(sampler, sampler->roster.threads[i]);
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
    return bytes > budget_memory_limit(&sampler->target->budget);
}

/* Counts what waits, if it has waited long enough. */
static struct spprof_error *settle(struct spprof_sampler *sampler, bool still)
{
    if (!tally_is_full(&sampler->tally) && sampler->now - sampler->committed_at < COMMIT_NS && !still)
        return NULL;
    commit(sampler, still);
    sampler->target->budget.searched = 0; /* that was one look; there may be any number of them */
    if (profile_is_full(sampler))
        sampler->is_full = sampler->target->budget.memory_refused = true;
    return forget_codes(sampler);
}

/* A process that holds several Pythons is sampled in one of them. */
static void tell_others(struct spprof_sampler *sampler)
{
    const struct pythons *pythons = &sampler->session->pythons;
    char version[32];
    for (size_t i = 1; i < pythons->count; i++) {
        const struct runtime *runtime = &pythons->items[i].runtime;
        spprof_version_text(pythons->items[i].layout.version, version, sizeof version);
        spprof_problems_add(&sampler->target->problems, "the process holds another Python, %s in %s, whose threads are not sampled; 'spprof bt' shows them",
                            version, runtime->module != NULL && runtime->module->path[0] != '\0' ? runtime->module->path : "memory of no file");
    }
}

static struct spprof_error *prepare(struct spprof_sampler *sampler)
{
    TRY(spprof_session_open(sampler->target, &sampler->session));
    tell_others(sampler);
    const struct chosen *chosen = &sampler->session->chosen;
    sampler->context.layout = sampler->context.reader.layout = sampler->context.mentions.layout = &chosen->layout;
    TRY(copy_new(sampler->target, &sampler->context.reader.copy));
    TRY(copy_new(sampler->target, &sampler->context.mentions.copy));
    TRY(new_codes(sampler));
    TRY(call_sites_new(&sampler->context.sites));
    TRY(paths_new(&sampler->context.paths));
    roster_init(&sampler->roster, sampler->target, chosen);
    return NULL;
}

static void take_problems(struct spprof_profile *profile, const struct spprof_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        spprof_problems_add(&profile->problems, "%s", problems->texts[i]);
}

static struct spprof_error *describe(struct spprof_sampler *sampler)
{
    struct spprof_profile *profile = sampler->profile;
    const struct chosen *chosen = &sampler->session->chosen;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    if (profile->started_at == 0)
        profile->started_at = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    profile->pid = sampler->target->pid;
    take_problems(profile, &sampler->target->problems);
    profile->python = (struct spprof_python){
        .version = chosen->layout.version,
        .free_threaded = chosen->layout.free_threaded,
        .debug = chosen->layout.debug,
        .finalizing = layout_is_finalizing(sampler->target, chosen->runtime.address, &chosen->layout),
        .layout = chosen->layout.source,
        .runtime = chosen->runtime.address,
    };
    if (sampler->target->executable != NULL && profile->executable == NULL) {
        profile->executable = strdup(sampler->target->executable);
        if (profile->executable == NULL)
            return spprof_error_no_memory();
    }
    return NULL;
}

static struct spprof_error *start(struct spprof_sampler *sampler)
{
    TRY(prepare(sampler));
    TRY(spprof_profile_new(&sampler->profile));
    TRY(describe(sampler));
    return tally_init(&sampler->tally, sampler->profile, &sampler->context);
}

struct spprof_error *spprof_sampler_new(struct spprof_target *target, const struct spprof_sample_options *options,
                                        struct spprof_sampler **result)
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
    roster_free(&sampler->roster);
    call_sites_free(sampler->context.sites);
    paths_free(sampler->context.paths);
    code_table_free(sampler->context.codes);
    copy_free(sampler->context.reader.copy);
    copy_free(sampler->context.mentions.copy);
    spprof_session_close(sampler->session);
    sampler->context = (struct capture_context){.codes = NULL};
    sampler->session = NULL;
}

void spprof_sampler_free(struct spprof_sampler *sampler)
{
    if (sampler == NULL)
        return;
    release(sampler);
    tally_free(&sampler->tally);
    spprof_profile_free(sampler->profile);
    free(sampler->stopping);
    free(sampler);
}

struct spprof_error *spprof_sampler_unbind(struct spprof_sampler *sampler)
{
    if (sampler->target == NULL)
        return NULL;
    commit(sampler, true);
    tally_forget(&sampler->tally);
    sampler->seen_before += sampler->roster.seen;
    release(sampler);
    struct spprof_error *error = budget_tell(&sampler->target->budget, &sampler->profile->problems);
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
    uint64_t now = sampler->now = clock_now();
    for (size_t i = 0; i < sampler->roster.count; i++)
        activity_since(&sampler->roster.threads[i]->activity, now, sampler->goes);
    if (begin_look(sampler, true))
        look(sampler, true);
    sampler->ended = sampler->now;
    return settle(sampler, true);
}

double spprof_sampler_due(struct spprof_sampler *sampler)
{
    uint64_t now = clock_now();
    if (sampler->ticks.period == 0)
        ticks_start(&sampler->ticks, sampler->options.rate_hz);
    else if (sampler->ticks.due <= now)
        ticks_next(&sampler->ticks, now);
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
                                              (uint32_t)sampler->roster.count};
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
    if (activity_ask(&thread->activity, sampler->now) == SPPROF_ACTIVITY_IDLE)
        return false;
    /* The kernel counts up to the stop before, soon after it was asked last. */
    thread->use = activity_use(&thread->activity);
    thread->runs = before.time != 0 && thread->use.time - before.time + STOP_NS >= went - went / RUNS_PART;
    return thread->waits == 0 || thread->waits != thread->use.turns;
}

/* Not to run where those run that are about to be stopped: they could not stop before they have got the CPU back. */
static void keep_apart(const struct roster *roster)
{
    cpu_set_t used;
    CPU_ZERO(&used);
    for (size_t i = 0; i < roster->count; i++) {
        const struct sampled_thread *thread = roster->threads[i];
        if (thread->stops && thread->activity.cpu >= 0 && thread->activity.cpu < CPU_SETSIZE)
            CPU_SET((unsigned)thread->activity.cpu, &used);
    }
    scheduling_avoid(&used);
}

/* Which threads are stopped by the next stop. *all: all of them, where one of those is not known to the kernel by its id. */
static size_t choose(struct spprof_sampler *sampler, bool *all)
{
    const struct roster *roster = &sampler->roster;
    size_t count = 0;
    for (size_t i = 0; i < roster->count; i++) {
        struct sampled_thread *thread = roster->threads[i];
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
    if (sampler->roster.count > sampler->stopping_capacity) {
        int64_t *larger = reallocarray(sampler->stopping, sampler->roster.count, sizeof *larger);
        if (larger == NULL)
            return spprof_error_no_memory();
        sampler->stopping = larger;
        sampler->stopping_capacity = sampler->roster.count;
    }
    keep_apart(&sampler->roster); /* which takes its time: by what was known at the look before */
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
    if (!begin_look(sampler, !stops(sampler) && sampler->target->ops->stop == NULL))
        return NULL;
    if (stops(sampler))
        TRY(look_at_stopped(sampler));
    else
        look(sampler, sampler->target->ops->stop == NULL);
    if (sampler->target->local)
        holds_count(&sampler->holds, &sampler->roster, sampler->target->pid, sampler->now, &sampler->profile->counts);
    return settle(sampler, false);
}

struct spprof_error *spprof_sampler_run(struct spprof_sampler *sampler, volatile int *ended,
                                        void (*progress)(void *context, const struct spprof_sample_progress *progress), void *context)
{
    if (sampler->ticks.period == 0)
        ticks_start(&sampler->ticks, sampler->options.rate_hz);
    sampler->now = clock_now();
    if (sampler->began == 0)
        sampler->began = sampler->now;
    scheduling_take_short_turns();
    while (*ended == 0 && !sampler->over && !is_time_over(sampler)) {
        tell(sampler, progress, context);
        if (sampler->now < sampler->ticks.due) {
            ticks_wait(&sampler->ticks, sampler->now + PROGRESS_NS);
            sampler->now = clock_now();
            continue;
        }
        TRY(tick(sampler));
        ticks_next(&sampler->ticks, sampler->now);
        if (sampler->roster.count == 0)
            sampler->now = clock_now();
    }
    commit(sampler, false);
    sampler->ended = clock_now();
    return NULL;
}

struct spprof_error *spprof_sampler_finish(struct spprof_sampler *sampler, struct spprof_profile **profile)
{
    struct spprof_sample_counts *counts = &sampler->profile->counts;
    if (sampler->target != NULL)
        commit(sampler, true);
    if (sampler->target != NULL)
        TRY(budget_tell(&sampler->target->budget, &sampler->profile->problems));
    counts->duration_s = sampler->ended == 0 ? 0 : (double)(sampler->ended - sampler->began) / 1e9;
    counts->rate_hz = sampler->options.rate_hz;
    counts->overruns = sampler->ticks.overruns;
    counts->capture_p50_us = durations_quantile_us(&sampler->durations, 0.5);
    counts->capture_p99_us = durations_quantile_us(&sampler->durations, 0.99);
    counts->capture_max_us = (double)sampler->durations.longest / 1e3;
    spprof_profile_finish(sampler->profile);
    *profile = sampler->profile;
    sampler->profile = NULL;
    return NULL;
}
