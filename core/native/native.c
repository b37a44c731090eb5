#include "spprof/native.h"

#include <stdlib.h>

#include "base/array.h"
#include "native/machinery.h"

/*
 * Machinery between two Python frames is told from machinery below the last one by looking for the next evaluator, but not for ever: behind that
 * many frames it is shown.
 */
enum { LOOK_AHEAD = 1000, FRAMES_MAX = 1 << 24 };

/* What is needed of a Python thread. */
struct python_thread {
    uint64_t address;
    struct python_frame *frames;
    size_t frame_count, matched; /* so far */
    bool truncated;
};

/* Where a file lies. */
struct file {
    uint64_t start, end;
};

struct python_frame {
    uint64_t entry;
    bool delegates;
};

struct spprof_native_pairs {
    struct spprof_native_source source;
    struct file *files; /* of the Pythons in the process */
    size_t file_count;
    struct python_thread *threads;
    size_t thread_count;
    struct spprof_native_frame *frames;
    struct spprof_native_run *runs; /* decided evaluators; the others stand as OTHER */
    size_t count, capacity, decided;
    size_t first_evaluator, last_evaluator; /* of those decided; SIZE_MAX: none */
    bool ended;                             /* there are no more C frames */
};

static bool copy_thread(struct python_thread *copy, const struct spprof_thread *thread)
{
    *copy = (struct python_thread){.address = thread->address, .frame_count = thread->frame_count, .truncated = thread->truncated != NULL};
    copy->frames = calloc(thread->frame_count + 1, sizeof *copy->frames);
    for (size_t i = 0; copy->frames != NULL && i < thread->frame_count; i++)
        copy->frames[i] = (struct python_frame){thread->frames[i].entry, thread->frames[i].delegates};
    return copy->frames != NULL;
}

/* Of several interpreters, each has a thread state of its own for the kernel thread. */
static bool copy_threads(struct spprof_native_pairs *pairs, const struct spprof_interpreter *interpreter, int64_t tid)
{
    if (!ARRAY_RESIZE(pairs->threads, pairs->thread_count + interpreter->thread_count + 1))
        return false;
    for (size_t i = 0; i < interpreter->thread_count; i++) {
        const struct spprof_thread *thread = &interpreter->threads[i];
        bool runs = tid != 0 && thread->tid == tid && (thread->frame_count > 0 || thread->truncated != NULL);
        if (runs && !copy_thread(&pairs->threads[pairs->thread_count++], thread))
            return false;
    }
    return true;
}

static bool copy_files(struct spprof_native_pairs *pairs, const struct spprof_snapshot *snapshot)
{
    size_t count = spprof_snapshot_python_count(snapshot);
    pairs->files = calloc(count + 1, sizeof *pairs->files);
    for (; pairs->files != NULL && pairs->file_count < count; pairs->file_count++) {
        const struct spprof_python *python = spprof_snapshot_python(snapshot, pairs->file_count);
        pairs->files[pairs->file_count] = (struct file){python->file_start, python->file_end};
    }
    return pairs->files != NULL;
}

struct spprof_native_pairs *spprof_native_pairs_new(const struct spprof_native_source *source, const struct spprof_snapshot *snapshot, int64_t tid)
{
    struct spprof_native_pairs *pairs = calloc(1, sizeof *pairs);
    bool copied = pairs != NULL && copy_files(pairs, snapshot);
    for (size_t i = 0; copied && i < snapshot->interpreter_count; i++)
        copied = copy_threads(pairs, &snapshot->interpreters[i], tid);
    if (!copied) {
        spprof_native_pairs_free(pairs);
        return NULL;
    }
    pairs->source = *source;
    pairs->first_evaluator = pairs->last_evaluator = SIZE_MAX;
    return pairs;
}

void spprof_native_pairs_free(struct spprof_native_pairs *pairs)
{
    if (pairs == NULL)
        return;
    for (size_t i = 0; i < pairs->thread_count; i++)
        free(pairs->threads[i].frames);
    free(pairs->threads);
    free(pairs->files);
    free(pairs->frames);
    free(pairs->runs);
    free(pairs);
}

size_t spprof_native_pairs_thread_count(const struct spprof_native_pairs *pairs)
{
    return pairs->thread_count;
}

uint64_t spprof_native_pairs_thread(const struct spprof_native_pairs *pairs, size_t index, size_t *frame_count)
{
    *frame_count = pairs->threads[index].frame_count;
    return pairs->threads[index].address;
}

static bool grow(struct spprof_native_pairs *pairs)
{
    size_t frames = pairs->capacity, runs = pairs->capacity;
    if (!ARRAY_RESERVE(pairs->frames, frames, pairs->count + 1) || !ARRAY_RESERVE(pairs->runs, runs, pairs->count + 1))
        return false;
    pairs->capacity = runs;
    return true;
}

/* Whether there is a C frame of this level; the newer ones are there already. */
static bool has_frame(struct spprof_native_pairs *pairs, size_t level)
{
    while (pairs->count <= level && !pairs->ended) {
        bool fits = pairs->count < FRAMES_MAX && (pairs->count < pairs->capacity || grow(pairs));
        pairs->ended = !fits || !pairs->source.frame(pairs->source.context, pairs->count, &pairs->frames[pairs->count]);
        if (!pairs->ended)
            pairs->runs[pairs->count++] = (struct spprof_native_run){.role = SPPROF_NATIVE_OTHER};
    }
    return level < pairs->count;
}

static bool holds(const struct spprof_native_frame *frame, uint64_t address)
{
    return address != 0 && frame->stack_pointer != 0 && frame->stack_pointer <= address && address < frame->caller_stack_pointer;
}

static bool is_in_interpreter(const struct spprof_native_pairs *pairs, const struct spprof_native_frame *frame)
{
    for (size_t i = 0; i < pairs->file_count; i++)
        if (frame->pc >= pairs->files[i].start && frame->pc < pairs->files[i].end)
            return true;
    return false;
}

static bool is_named_evaluator(const struct spprof_native_frame *frame)
{
    return frame->function != NULL && native_machinery_is_evaluator(frame->function);
}

/* The evaluator's file is the interpreter's; a program that was linked against libpython may hold its data, though. */
static bool can_evaluate(const struct spprof_native_pairs *pairs, const struct spprof_native_frame *frame)
{
    return is_in_interpreter(pairs, frame) || is_named_evaluator(frame);
}

static void set_evaluator(struct spprof_native_pairs *pairs, size_t level, size_t thread, size_t count)
{
    pairs->runs[level] = (struct spprof_native_run){SPPROF_NATIVE_EVALUATOR, thread, pairs->threads[thread].matched, count};
    pairs->threads[thread].matched += count;
    pairs->last_evaluator = level;
    if (pairs->first_evaluator == SIZE_MAX)
        pairs->first_evaluator = level;
}

/* The frames from first on that have the same entry. */
static size_t run_length(const struct python_thread *thread, size_t first)
{
    size_t end = first;
    while (end < thread->frame_count && thread->frames[end].entry == thread->frames[first].entry)
        end++;
    return end - first;
}

/* The C stack and the chain of Python frames run the same way, so a thread's next frames have to be met before those behind them. */
static void match_by_entry(struct spprof_native_pairs *pairs, size_t level)
{
    const struct spprof_native_frame *frame = &pairs->frames[level];
    for (size_t i = 0; i < pairs->thread_count && can_evaluate(pairs, frame); i++) {
        const struct python_thread *thread = &pairs->threads[i];
        if (thread->matched == thread->frame_count || !holds(frame, thread->frames[thread->matched].entry))
            continue;
        set_evaluator(pairs, level, i, run_length(thread, thread->matched));
        return;
    }
}

/* Whether its version tells entries. */
static bool has_entries(const struct python_thread *thread)
{
    for (size_t i = 0; i < thread->frame_count; i++)
        if (thread->frames[i].entry != 0)
            return true;
    return false;
}

static size_t count_evaluators(struct spprof_native_pairs *pairs)
{
    size_t evaluators = 0;
    for (size_t level = 0; has_frame(pairs, level); level++)
        evaluators += is_named_evaluator(&pairs->frames[level]);
    return evaluators;
}

static size_t count_running(const struct python_thread *thread)
{
    size_t running = 0;
    for (size_t i = 0; i < thread->frame_count; i++)
        running += !thread->frames[i].delegates;
    return running;
}

/* Delegating generators stand before the caller that began it, and share its C frame. */
static void match_by_count(struct spprof_native_pairs *pairs)
{
    const struct python_thread *thread = &pairs->threads[0];
    if (thread->truncated || count_evaluators(pairs) != count_running(thread))
        return;
    for (size_t level = 0; level < pairs->count; level++) {
        if (!is_named_evaluator(&pairs->frames[level]))
            continue;
        size_t last = thread->matched;
        while (thread->frames[last].delegates)
            if (++last == thread->frame_count)
                return;
        set_evaluator(pairs, level, 0, last + 1 - thread->matched);
    }
}

/* Decides of the next C frame whether it runs Python frames. False: there is none. */
static bool decide_next(struct spprof_native_pairs *pairs)
{
    if (!has_frame(pairs, pairs->decided))
        return false;
    if (pairs->decided == 0 && pairs->thread_count == 1 && !has_entries(&pairs->threads[0])) {
        match_by_count(pairs);
        pairs->decided = pairs->count;
        return true;
    }
    match_by_entry(pairs, pairs->decided++);
    return true;
}

static bool all_matched(const struct spprof_native_pairs *pairs)
{
    for (size_t i = 0; i < pairs->thread_count; i++)
        if (pairs->threads[i].matched != pairs->threads[i].frame_count || pairs->threads[i].truncated)
            return false;
    return true;
}

/*
 * Code that is made at run time calls the evaluator itself only in one case: CPython's trampolines for perf, which need not have a name. gdb, which
 * knows nothing of their frames, may take a word of one for a frame of its own, between it and the interpreter that called it.
 */
static bool is_trampoline(struct spprof_native_pairs *pairs, size_t level)
{
    if (!pairs->frames[level].generated)
        return false;
    if (pairs->runs[level - 1].role == SPPROF_NATIVE_EVALUATOR)
        return true;
    return level >= 2 && pairs->frames[level - 1].generated && pairs->runs[level - 2].role == SPPROF_NATIVE_EVALUATOR &&
           has_frame(pairs, level + 1) && is_in_interpreter(pairs, &pairs->frames[level + 1]);
}

/* In front of the newest Python frame only what is known to call something: there the interpreter may be at work, or have died. */
static bool is_machinery(struct spprof_native_pairs *pairs, size_t level)
{
    if (pairs->frames[level].function == NULL && is_trampoline(pairs, level))
        return true;
    const struct spprof_native_frame *frame = &pairs->frames[level];
    bool below_python = pairs->first_evaluator < level;
    if (frame->function == NULL)
        return below_python && is_in_interpreter(pairs, frame);
    if (native_machinery_is_generated(frame->function))
        return !is_in_interpreter(pairs, frame);
    if (!is_in_interpreter(pairs, frame) || native_machinery_is_evaluator(frame->function))
        return false;
    return below_python ? native_machinery_connects(frame->function) : native_machinery_calls(frame->function);
}

/* Below the last evaluator machinery is left out only where nothing is missing there. */
static bool leads_to_python(struct spprof_native_pairs *pairs, size_t level)
{
    while ((pairs->last_evaluator == SIZE_MAX || pairs->last_evaluator < level) && pairs->decided - level <= LOOK_AHEAD && !all_matched(pairs))
        if (!decide_next(pairs))
            break;
    if (pairs->last_evaluator == SIZE_MAX)
        return false;
    return pairs->last_evaluator > level || all_matched(pairs);
}

bool spprof_native_pairs_run(struct spprof_native_pairs *pairs, size_t level, struct spprof_native_run *run)
{
    while (pairs->decided <= level)
        if (!decide_next(pairs))
            return false;
    *run = pairs->runs[level];
    /* The newest frame is where the thread is: it always stands. */
    if (run->role == SPPROF_NATIVE_OTHER && level > 0 && is_machinery(pairs, level) && leads_to_python(pairs, level))
        run->role = SPPROF_NATIVE_MACHINERY;
    return true;
}

size_t spprof_native_pairs_matched(struct spprof_native_pairs *pairs, size_t thread)
{
    while (decide_next(pairs))
        continue;
    return pairs->threads[thread].matched;
}

bool spprof_native_pairs_all_matched(struct spprof_native_pairs *pairs)
{
    while (decide_next(pairs))
        continue;
    return all_matched(pairs);
}
