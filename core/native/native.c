#include "spprof/native.h"

#include "native/machinery.h"

static bool holds(const struct spprof_native_frame *frame, uint64_t address)
{
    return address != 0 && frame->stack_pointer != 0 && frame->stack_pointer <= address && address < frame->caller_stack_pointer;
}

/* The evaluator's file is the interpreter's; a program that was linked against libpython may hold its data, though. */
static bool can_evaluate(const struct spprof_native_frame *frame)
{
    return frame->in_interpreter || (frame->function != NULL && machinery_is_evaluator(frame->function));
}

static void set_evaluator(struct spprof_native_run *run, size_t thread, size_t first, size_t count)
{
    *run = (struct spprof_native_run){SPPROF_NATIVE_EVALUATOR, thread, first, count};
}

/* The frames from first on that have the same entry. */
static size_t run_length(const struct spprof_thread *thread, size_t first)
{
    size_t end = first;
    while (end < thread->frame_count && thread->frames[end].entry == thread->frames[first].entry)
        end++;
    return end - first;
}

/* The C stack and the chain of Python frames run the same way, so a thread's next frames have to be met before those behind them. */
static void match_by_entry(const struct spprof_native_frame *frames, size_t frame_count, const struct spprof_thread *const *threads,
                           size_t thread_count, struct spprof_native_run *runs, size_t *matched)
{
    for (size_t i = 0; i < frame_count; i++) {
        for (size_t j = 0; j < thread_count && can_evaluate(&frames[i]) && runs[i].role == SPPROF_NATIVE_OTHER; j++) {
            const struct spprof_thread *thread = threads[j];
            if (matched[j] == thread->frame_count || !holds(&frames[i], thread->frames[matched[j]].entry))
                continue;
            set_evaluator(&runs[i], j, matched[j], run_length(thread, matched[j]));
            matched[j] += runs[i].count;
        }
    }
}

/* Whether its version tells entries. */
static bool has_entries(const struct spprof_thread *thread)
{
    for (size_t i = 0; i < thread->frame_count; i++)
        if (thread->frames[i].entry != 0)
            return true;
    return false;
}

static size_t count_evaluators(const struct spprof_native_frame *frames, size_t count)
{
    size_t evaluators = 0;
    for (size_t i = 0; i < count; i++)
        evaluators += frames[i].function != NULL && machinery_is_evaluator(frames[i].function);
    return evaluators;
}

static size_t count_running(const struct spprof_thread *thread)
{
    size_t running = 0;
    for (size_t i = 0; i < thread->frame_count; i++)
        running += !thread->frames[i].delegates;
    return running;
}

/* Delegating generators stand before the caller that began it, and share its C frame. */
static void match_by_count(const struct spprof_native_frame *frames, size_t frame_count, const struct spprof_thread *thread,
                           struct spprof_native_run *runs, size_t *matched)
{
    if (thread->truncated != NULL || has_entries(thread) || count_evaluators(frames, frame_count) != count_running(thread))
        return;
    for (size_t i = 0; i < frame_count; i++) {
        if (frames[i].function == NULL || !machinery_is_evaluator(frames[i].function))
            continue;
        size_t last = *matched;
        while (thread->frames[last].delegates)
            if (++last == thread->frame_count)
                return;
        set_evaluator(&runs[i], 0, *matched, last + 1 - *matched);
        *matched = last + 1;
    }
}

/* In front of the newest Python frame only what is known to call something: there the interpreter may be at work, or have died. */
static bool is_machinery(const struct spprof_native_frame *frame, bool below_python)
{
    if (!frame->in_interpreter)
        return false;
    if (frame->function == NULL)
        return below_python;
    if (machinery_is_evaluator(frame->function))
        return false;
    return below_python ? machinery_connects(frame->function) : machinery_calls(frame->function);
}

/* Below the last evaluator only where nothing is missing there. */
static void mark_machinery(const struct spprof_native_frame *frames, size_t frame_count, struct spprof_native_run *runs, bool all_matched)
{
    size_t last = frame_count;
    while (last > 0 && runs[last - 1].role != SPPROF_NATIVE_EVALUATOR)
        last--;
    bool below_python = false;
    for (size_t i = 0; i < (all_matched && last > 0 ? frame_count : last); i++) {
        if (runs[i].role == SPPROF_NATIVE_EVALUATOR)
            below_python = true;
        else if (i > 0 && is_machinery(&frames[i], below_python)) /* the newest frame is where the thread is: it always stands */
            runs[i].role = SPPROF_NATIVE_MACHINERY;
    }
}

void spprof_native_match(const struct spprof_native_frame *frames, size_t frame_count, const struct spprof_thread *const *threads,
                         size_t thread_count, struct spprof_native_run *runs, size_t *matched)
{
    bool all_matched = true;
    for (size_t i = 0; i < frame_count; i++)
        runs[i] = (struct spprof_native_run){.role = SPPROF_NATIVE_OTHER};
    for (size_t j = 0; j < thread_count; j++)
        matched[j] = 0;
    match_by_entry(frames, frame_count, threads, thread_count, runs, matched);
    if (thread_count == 1 && matched[0] == 0)
        match_by_count(frames, frame_count, threads[0], runs, matched);
    for (size_t j = 0; j < thread_count; j++)
        all_matched = all_matched && matched[j] == threads[j]->frame_count && threads[j]->truncated == NULL;
    mark_machinery(frames, frame_count, runs, all_matched);
}
