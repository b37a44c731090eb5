#include "snapshot/snapshot_builder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "target/budget.h"
#include "snapshot/crash.h"
#include "frames/frame_check.h"
#include "frames/frame_operations.h"
#include "frames/position.h"

enum {
    POSITION_CACHE = 1 << 10,
    TOLD_MAX = 20,
    /* struct _gil_runtime_state with its two mutexes and condition variables: 208 bytes on x86-64, a few more on aarch64. */
    GIL_SIZE = 256,
};

/* Deep recursion asks for the same positions over and over. */
struct cached_position {
    const struct code_entry *code;
    int64_t offset;
    struct position position;
};

struct context {
    const struct snapshot_builder *builder;
    const struct layout *layout;
    struct spprof_snapshot *snapshot;
    struct cached_position *positions;
    int64_t main_tid;       /* of the main thread, as the target sees it; 0: unknown */
    int64_t main_native_id; /* that the Thread object of the main thread says, before 3.11; 0: unknown */
};

static char *words(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

static struct position cached_position(struct context *context, const struct code_entry *entry, int64_t offset)
{
    size_t slot = (size_t)((entry->code->address >> 4) ^ (uint64_t)(offset * 31)) & (POSITION_CACHE - 1);
    struct cached_position *cached = &context->positions[slot];
    if (cached->code != entry || cached->offset != offset)
        *cached = (struct cached_position){entry, offset, frames_code_position(entry, &context->builder->walk->reader, offset)};
    return cached->position;
}

static enum spprof_owner public_owner(const struct context *context, enum frame_owner owner)
{
    if (!frames_of(context->layout->rules)->tells_owner)
        return SPPROF_OWNER_UNKNOWN;
    switch (owner) {
    case FRAME_OWNER_THREAD: return SPPROF_OWNER_THREAD;
    case FRAME_OWNER_GENERATOR: return SPPROF_OWNER_GENERATOR;
    case FRAME_OWNER_FRAME_OBJECT: return SPPROF_OWNER_FRAME_OBJECT;
    default: return SPPROF_OWNER_INTERPRETER;
    }
}

static struct spprof_frame build_frame(struct context *context, const struct raw_frame *raw, int64_t offset)
{
    const struct position none = {SPPROF_NO_POSITION, SPPROF_NO_POSITION, SPPROF_NO_POSITION, SPPROF_NO_POSITION};
    struct position position = raw->misplaced ? none : cached_position(context, raw->code, offset);
    return (struct spprof_frame){
        .code = raw->code->code,
        .address = raw->address,
        .line = position.line,
        .end_line = position.end_line,
        .column = position.column,
        .end_column = position.end_column,
        .owner = public_owner(context, raw->owner),
        .entry = raw->entry,
        .delegates = raw->delegates,
    };
}

/* What a frame takes in a report, roughly: its texts, a line of source, and what stands between them. */
static uint64_t shown_size(const struct spprof_frame *frame)
{
    enum { AROUND = 160 };
    const struct spprof_code *code = frame->code;
    uint64_t size = AROUND + code->file.size + (code->qualified_name.bytes != NULL ? code->qualified_name.size : code->name.size);
    for (size_t i = 0; i < frame->variable_count; i++)
        size += frame->variables[i].name.size + frame->variables[i].value.size;
    return size;
}

static uint64_t shown_size_of_exception(const struct spprof_exception *exception)
{
    uint64_t size = 0;
    for (; exception != NULL; exception = exception->cause != NULL ? exception->cause : exception->context) {
        size += exception->type.size + exception->message.size;
        for (size_t i = 0; i < exception->frame_count; i++)
            size += shown_size(&exception->frames[i]);
    }
    return size;
}

/* Frames until the end, or until one that cannot be a frame: what lies behind that is not to be believed. in_jit: the newest one is
 * run by code of the JIT, which does not store every instruction that it comes to. */
static struct spprof_error *build_frames(struct context *context, const struct stack *stack, bool in_jit, struct spprof_thread *thread)
{
    const struct layout_rules *rules = context->layout->rules;
    char reason[256];
    struct reader *reader = &context->builder->walk->reader;
    size_t room = stack->frame_count;
    while ((thread->frames = object_reader_allocate(reader, room + 1, sizeof *thread->frames)) == NULL && room > 0)
        room /= 2;
    thread->truncated = room < stack->frame_count ? words(reader->reason) : words(stack->truncated);
    for (size_t i = 0; thread->frames != NULL && i < stack->frame_count && thread->frame_count < room; i++) {
        const struct raw_frame *raw = &stack->frames[i];
        int64_t offset;
        bool sound = frames_frame_instruction(raw, rules, &offset, reason, sizeof reason);
        if (!sound && i < stack->trial.count) { /* the frames so far were never the newest ones: see c_frame_trial.h */
            thread->frame_count = 0;
            i = stack->trial.count - 1;
            continue;
        }
        if (!sound) {
            free(thread->truncated);
            thread->truncated = words(reason);
            break;
        }
        if (frames_frame_is_incomplete(raw, rules, offset))
            continue;
        struct spprof_frame *frame = &thread->frames[thread->frame_count];
        *frame = build_frame(context, raw, offset);
        frame->line_about = in_jit && thread->frame_count == 0;
        if (context->builder->walk->locals != NULL)
            snapshot_locals_take(context->builder->walk->locals, stack, i, &frame->variables, &frame->variable_count);
        thread->frame_count++;
        if (!target_budget_show(&context->builder->target->budget, shown_size(frame))) {
            free(thread->truncated);
            thread->truncated = words("the budget of output is used up (--memory)");
            break;
        }
    }
    return NULL;
}

static int by_address(const void *left, const void *right)
{
    const struct lived *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

/* A name belongs to the thread if the thread state lived from before the names were read until now. */
static bool name_holds(const struct snapshot_builder *builder, const struct thread_state *state)
{
    if (builder->lived == NULL)
        return true;
    struct lived key = {.address = state->address};
    const struct lived *lived = bsearch(&key, builder->lived, builder->lived_count, sizeof key, by_address);
    return lived != NULL && lived->unique_id == state->unique_id && lived->thread_id == state->thread_id;
}

/* Its Thread object tells the id that it had. Ids are handed out upwards: a thread of the parent had a lower one than the child. */
static void judge_by_object(const struct context *context, const struct thread_name *name, struct spprof_thread *thread)
{
    int64_t main_id = context->main_native_id, now = context->main_tid;
    if (name->native_id == 0 || snapshot_natives_find(&context->builder->kernel->natives, name->native_id) != NULL)
        return;
    thread->tid = name->native_id;
    if (thread->left_over == SPPROF_LEFT_OVER_GONE && main_id != 0 && main_id < now) /* else they began anew at a low one in between */
        thread->left_over = name->native_id < now ? SPPROF_LEFT_OVER_FORK : SPPROF_LEFT_OVER_ENDED;
}

static struct spprof_error *build_name(const struct context *context, const struct interpreter *interpreter, const struct thread_state *state,
                                       struct spprof_thread *thread)
{
    const struct snapshot_builder *builder = context->builder;
    const struct thread_name *name = snapshot_thread_names_find(builder->names, interpreter, state);
    bool anothers = state->owner.life == THREAD_LEFT_OVER && state->owner.superseded;
    if (name == NULL || anothers || !name_holds(builder, state))
        return NULL;
    thread->name.bytes = malloc(name->name.size + 1);
    if (thread->name.bytes == NULL)
        return spprof_error_no_memory();
    memcpy(thread->name.bytes, name->name.bytes, name->name.size + 1);
    thread->name.size = name->name.size;
    if (thread->left_over != SPPROF_LEFT_OVER_NOT)
        judge_by_object(context, name, thread);
    return NULL;
}

static enum spprof_gil gil_of(const struct context *context, const struct interpreter *interpreter, const struct thread_state *state,
                              const struct spprof_native_thread *native)
{
    if (!interpreter->gil_known || !interpreter->gil_enabled)
        return SPPROF_GIL_UNKNOWN;
    if (interpreter->gil_locked && interpreter->gil_holder == state->address)
        return SPPROF_GIL_HELD;
    if (state->gil_requested)
        return SPPROF_GIL_WAITING;
    if (native == NULL)
        return SPPROF_GIL_UNKNOWN;
    switch (snapshot_kernel_thread_waits_in(native, context->builder->target->architecture, interpreter->gil, GIL_SIZE)) {
    case SPPROF_TRUE: return SPPROF_GIL_WAITING;
    case SPPROF_FALSE: return SPPROF_GIL_NONE;
    default: return SPPROF_GIL_UNKNOWN;
    }
}

static bool has_frame(const struct stack *stack, uint64_t address)
{
    for (size_t i = 0; i < stack->frame_count; i++)
        if (stack->frames[i].address == address)
            return true;
    return false;
}

/*
 * The thread in which garbage is collected; NULL where that cannot be told. 3.15 says in which frame it began. Before, the collector is
 * the thread that holds the GIL, or without a GIL the one thread that is attached while all others are suspended.
 */
static const struct thread_state *collector(const struct interpreter *interpreter)
{
    const struct thread_state *found = NULL;
    bool gil = interpreter->gil_known && interpreter->gil_enabled;
    size_t candidates = 0;
    for (size_t i = 0; i < interpreter->thread_count; i++) {
        const struct thread_state *thread = interpreter->threads[i];
        bool is_candidate;
        if (interpreter->gc_frame != 0)
            is_candidate = has_frame(&thread->stack, interpreter->gc_frame);
        else if (gil)
            is_candidate = interpreter->gil_locked && interpreter->gil_holder == thread->address;
        else
            is_candidate = thread->attach_state == 1;
        if (is_candidate)
            found = thread;
        candidates += is_candidate;
    }
    if (interpreter->thread_count == 1)
        return interpreter->threads[0];
    return candidates == 1 ? found : NULL;
}

static enum spprof_truth collecting(const struct interpreter *interpreter, const struct thread_state *state)
{
    if (!interpreter->collecting)
        return SPPROF_FALSE;
    const struct thread_state *thread = collector(interpreter);
    if (thread == NULL)
        return SPPROF_UNKNOWN;
    return thread == state ? SPPROF_TRUE : SPPROF_FALSE;
}

static void apply_kernel_facts(struct spprof_thread *thread, const struct spprof_native_thread *native)
{
    thread->tid = native->tid;
    snprintf(thread->os_name, sizeof thread->os_name, "%s", native->name);
    thread->signal = native->signal;
    thread->has_fault_address = native->has_fault_address;
    thread->fault_address = native->fault_address;
    thread->held = native->held;
    snprintf(thread->held_by, sizeof thread->held_by, "%s", native->held_by);
    if (native->activity != SPPROF_ACTIVITY_UNKNOWN)
        thread->idle = native->activity == SPPROF_ACTIVITY_IDLE ? SPPROF_TRUE : SPPROF_FALSE;
}

static struct spprof_error *describe_thread(struct context *context, const struct interpreter *interpreter, const struct thread_state *state,
                                            struct spprof_thread *thread)
{
    const struct snapshot_builder *builder = context->builder;
    thread->main = state->thread_id == builder->walk->list.main_thread && !state->owner.superseded;
    thread->gil = gil_of(context, interpreter, state, state->owner.native);
    thread->collecting = collecting(interpreter, state);
    if (builder->walk->exceptions != NULL)
        thread->exception = snapshot_exceptions_take(builder->walk->exceptions, state->address);
    if (!target_budget_show(&builder->target->budget, shown_size_of_exception(thread->exception))) {
        snapshot_exception_free(thread->exception);
        thread->exception = NULL;
    }
    TRY(build_name(context, interpreter, state, thread));
    return build_frames(context, &state->stack, state->in_jit, thread);
}

static struct spprof_error *build_thread(struct context *context, const struct interpreter *interpreter, const struct thread_state *state,
                                         struct spprof_interpreter *result)
{
    const struct snapshot_builder *builder = context->builder;
    const struct spprof_native_thread *native = state->owner.native;
    struct spprof_thread *thread = &result->threads[result->thread_count];
    *thread = (struct spprof_thread){.address = state->address, .idle = SPPROF_UNKNOWN, .tid = (int64_t)state->native_thread_id};
    if (native != NULL)
        apply_kernel_facts(thread, native);
    if (builder->only_tid != 0 && thread->tid != builder->only_tid)
        return NULL;
    if (state->owner.life == THREAD_FURTHER && state->stack.frame_count == 0 && state->stack.truncated == NULL) {
        context->snapshot->further_count++;
        return NULL;
    }
    result->thread_count++;
    if (state->stack.verdict.doubt != NULL)
        spprof_problems_add(&context->snapshot->problems, "the stack of thread %" PRId64 " may be wrong: %s", thread->tid,
                            state->stack.verdict.doubt);
    return describe_thread(context, interpreter, state, thread);
}

/* The C stack of a thread that is gone is another's, or nobody's: what was read from there says nothing of it. */
static size_t sound_frames(const struct context *context, const struct thread_state *state)
{
    const struct layout_rules *rules = context->layout->rules;
    const struct stack *stack = &state->stack;
    size_t count = 0;
    bool foreign = state->owner.left_over != SPPROF_LEFT_OVER_FORK && stack->frame_count > 0 && stack->frames[0].chunk == 0;
    if (frames_of(rules)->on_heap)
        return stack->frame_count;
    if (rules->has_cframe) /* which names the newest frame, on the C stack */
        return state->owner.stack_taken || foreign ? 0 : stack->frame_count;
    if (!state->owner.stack_taken)
        return stack->frame_count;
    while (count < stack->frame_count && (count == 0 || stack->frames[count - 1].previous == stack->frames[count].address))
        count++;
    return count;
}

static char *gone_stack(const struct thread_state *state, const char *truncated)
{
    const char *why = state->owner.stack_taken || truncated == NULL ? "its C stack, which told the rest, is another's now" : truncated;
    return base_text_formatted("the thread is gone: %s", why);
}

static struct spprof_error *build_left_over(struct context *context, const struct interpreter *interpreter, struct thread_state *state)
{
    struct spprof_snapshot *snapshot = context->snapshot;
    struct spprof_thread *thread = &snapshot->left_over[snapshot->left_over_count];
    int64_t tid = (int64_t)state->native_thread_id;
    *thread = (struct spprof_thread){
        .address = state->address, .idle = SPPROF_UNKNOWN, .left_over = state->owner.left_over, .interpreter = interpreter->id};
    if (context->builder->only_tid != 0)
        return NULL;
    if (thread->left_over == SPPROF_LEFT_OVER_GONE && context->main_tid != 0 && context->main_native_id == context->main_tid)
        thread->left_over = SPPROF_LEFT_OVER_ENDED; /* it was not forked since it began */
    thread->tid = snapshot_natives_find(&context->builder->kernel->natives, tid) == NULL ? tid : 0;
    snapshot->left_over_count++;
    size_t all = state->stack.frame_count, sound = sound_frames(context, state);
    state->stack.frame_count = sound;
    TRY(describe_thread(context, interpreter, state, thread));
    if (sound == all && thread->truncated == NULL)
        return NULL;
    char *told = gone_stack(state, thread->truncated);
    free(thread->truncated);
    thread->truncated = told;
    return told != NULL ? NULL : spprof_error_no_memory();
}

static struct spprof_error *build_state(struct context *context, const struct interpreter *interpreter, struct thread_state *state,
                                        struct spprof_interpreter *result)
{
    if (state->owner.life == THREAD_LEFT_OVER)
        return build_left_over(context, interpreter, state);
    return build_thread(context, interpreter, state, result);
}

/* The list leads back as it leads on: where it does not, it may leave threads out. */
static void check_links(const struct context *context, const struct interpreter *interpreter)
{
    uint64_t newer = 0;
    for (size_t i = 0; i < interpreter->thread_count; i++) {
        const struct thread_state *thread = interpreter->threads[i];
        if (thread->previous != newer && !context->builder->runs) {
            spprof_problems_add(&context->snapshot->problems,
                                "the list of the threads of interpreter %" PRId64 " may leave some out: the thread state at 0x%" PRIx64
                                " says that another one comes before it",
                                interpreter->id, thread->address);
            return;
        }
        newer = thread->address;
    }
}

static struct spprof_error *build_interpreter(struct context *context, const struct interpreter *interpreter)
{
    struct spprof_interpreter *result = &context->snapshot->interpreters[context->snapshot->interpreter_count++];
    result->id = interpreter->id;
    result->threads = calloc(interpreter->thread_count + 1, sizeof *result->threads);
    if (result->threads == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < interpreter->thread_count; i++)
        TRY(build_state(context, interpreter, interpreter->threads[i], result));
    if (interpreter->truncated != NULL)
        spprof_problems_add(&context->snapshot->problems, "the list of the threads of interpreter %" PRId64 " ends early: %s", interpreter->id,
                            interpreter->truncated);
    if (interpreter->doubt != NULL)
        spprof_problems_add(&context->snapshot->problems, "the list of the threads of interpreter %" PRId64 " is damaged: %s", interpreter->id,
                            interpreter->doubt);
    check_links(context, interpreter);
    return NULL;
}

static int by_id(const void *left, const void *right)
{
    const struct spprof_interpreter *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Every code object moves into the snapshot: the frames point to them. */
static struct spprof_error *take_codes(struct context *context)
{
    struct code_table *table = context->builder->walk->codes;
    struct spprof_snapshot *snapshot = context->snapshot;
    size_t count = frames_code_table_count(table), told = 0;
    snapshot->codes = calloc(count + 1, sizeof *snapshot->codes);
    if (snapshot->codes == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < count; i++) {
        struct code_entry *entry = frames_code_table_at(table, i);
        if (entry->missing[0] != '\0' && ++told <= TOLD_MAX)
            spprof_problems_add(&snapshot->problems, "a part of the code object at 0x%" PRIx64 " could not be read: %s", entry->code->address,
                                entry->missing);
        entry->code->version = context->layout->version;
        snapshot->codes[snapshot->code_count++] = entry->code;
        entry->code = NULL;
    }
    if (told > TOLD_MAX)
        spprof_problems_add(&snapshot->problems, "parts of %zu more code objects could not be read", told - TOLD_MAX);
    return NULL;
}

static void describe_target(struct context *context)
{
    const struct snapshot_builder *builder = context->builder;
    const struct spprof_target *target = builder->target;
    struct spprof_snapshot *snapshot = context->snapshot;
    snapshot->kind = target->kind;
    snapshot->architecture = builder->chosen->architecture;
    snapshot->pid = target->pid;
    snapshot->executable = words(target->executable);
    snapshot->signal = target->signal;
    snapshot->python = (struct spprof_python){
        .version = context->layout->version,
        .free_threaded = context->layout->free_threaded,
        .debug = context->layout->debug,
        .finalizing = layout_is_finalizing(builder->target, builder->chosen->runtime.address, context->layout),
        .layout = context->layout->source,
        .runtime = builder->chosen->runtime.address,
    };
    if (builder->chosen->runtime.module != NULL) {
        snapshot->python.file = words(builder->chosen->runtime.module->path);
        snapshot->python.file_start = builder->chosen->runtime.module->start;
        snapshot->python.file_end = builder->chosen->runtime.module->end;
    }
    if (builder->walk->list.truncated != NULL)
        spprof_problems_add(&snapshot->problems, "the list of interpreters ends early: %s", builder->walk->list.truncated);
}

/* Stacks that end early are problems as well: who reads only those must not take the report for whole. */
static void tell_truncated(struct spprof_snapshot *snapshot)
{
    size_t told = 0;
    for (size_t i = 0; i < snapshot->interpreter_count; i++) {
        const struct spprof_interpreter *interpreter = &snapshot->interpreters[i];
        for (size_t j = 0; j < interpreter->thread_count; j++)
            if (interpreter->threads[j].truncated != NULL && ++told <= TOLD_MAX)
                spprof_problems_add(&snapshot->problems, "the stack of thread %" PRId64 " is not whole: %s", interpreter->threads[j].tid,
                                    interpreter->threads[j].truncated);
    }
    if (told > TOLD_MAX)
        spprof_problems_add(&snapshot->problems, "%zu more stacks are not whole", told - TOLD_MAX);
}

/* How the main thread is known: before 3.11 its Thread object alone tells whether the process was forked since. */
static void find_main(struct context *context)
{
    const struct snapshot_builder *builder = context->builder;
    for (size_t i = 0; i < builder->walk->list.count; i++) {
        const struct interpreter *interpreter = builder->walk->list.interpreters[i];
        for (size_t j = 0; j < interpreter->thread_count; j++) {
            const struct thread_owner *owner = &interpreter->threads[j]->owner;
            if (owner->life != THREAD_LIVES || owner->native->tid != builder->target->pid)
                continue;
            const struct thread_name *name = snapshot_thread_names_find(builder->names, interpreter, interpreter->threads[j]);
            context->main_tid = owner->native->target_tid;
            context->main_native_id = name != NULL ? name->native_id : 0;
            if (name != NULL)
                return;
        }
    }
}

static size_t count_left_over(const struct thread_list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++)
            count += list->interpreters[i]->threads[j]->owner.life == THREAD_LEFT_OVER;
    return count;
}

static struct spprof_error *fill(struct context *context)
{
    const struct thread_list *list = &context->builder->walk->list;
    describe_target(context);
    find_main(context);
    context->positions = calloc(POSITION_CACHE, sizeof *context->positions);
    context->snapshot->interpreters = calloc(list->count + 1, sizeof *context->snapshot->interpreters);
    context->snapshot->left_over = calloc(count_left_over(list) + 1, sizeof *context->snapshot->left_over);
    if (context->snapshot->interpreters == NULL || context->snapshot->left_over == NULL || context->positions == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < list->count; i++)
        TRY(build_interpreter(context, list->interpreters[i]));
    qsort(context->snapshot->interpreters, list->count, sizeof *context->snapshot->interpreters, by_id);
    tell_truncated(context->snapshot);
    TRY(target_budget_tell(&context->builder->target->budget, &context->snapshot->problems));
    TRY(snapshot_crash_describe(context->builder->target, context->builder->kernel, context->snapshot));
    context->snapshot->native_thread_count = context->builder->kernel->natives.count;
    context->snapshot->unknown_thread_count = snapshot_kernel_threads_unknown(context->builder->kernel);
    TRY(snapshot_kernel_threads_unknown_tids(context->builder->kernel, &context->snapshot->unknown_tids));
    return take_codes(context);
}

struct spprof_error *snapshot_build(const struct snapshot_builder *builder, struct spprof_snapshot **snapshot)
{
    struct context context = {.builder = builder, .layout = builder->walk->reader.layout, .snapshot = calloc(1, sizeof **snapshot)};
    if (context.snapshot == NULL)
        return spprof_error_no_memory();
    struct spprof_error *error = fill(&context);
    free(context.positions);
    if (error != NULL) {
        spprof_snapshot_free(context.snapshot);
        return error;
    }
    *snapshot = context.snapshot;
    return NULL;
}
