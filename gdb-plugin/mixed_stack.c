#include "mixed_stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb.h"
#include "spprof/report.h"

char *mixed_stack_escaped(const char *bytes, size_t size)
{
    char *text = NULL;
    size_t text_size;
    FILE *stream = bytes != NULL ? open_memstream(&text, &text_size) : NULL;
    if (stream == NULL)
        return NULL;
    spprof_write_escaped(stream, bytes, size);
    return fclose(stream) == 0 ? text : NULL;
}

struct mixed_stack *mixed_stack_keep(struct mixed_stack *stacks)
{
    stacks->references++;
    return stacks;
}

void mixed_stack_release(struct mixed_stack *stacks)
{
    if (stacks == NULL || --stacks->references > 0)
        return;
    for (size_t i = 0; i < stacks->python_frame_count; i++) {
        free(stacks->python_frames[i].function);
        free(stacks->python_frames[i].file);
    }
    free(stacks->python_frames);
    free(stacks->begins);
    free(stacks->truncated);
    spprof_native_pairs_free(stacks->pairs);
    c_stack_close(&stacks->c_stack);
    free(stacks);
}

bool mixed_stack_run(struct mixed_stack *stacks, size_t level, struct spprof_native_run *run)
{
    if (!spprof_native_pairs_run(stacks->pairs, level, run))
        return false;
    if (run->role == SPPROF_NATIVE_EVALUATOR)
        run->first += stacks->begins[run->thread];
    return true;
}

size_t *mixed_stack_apart(struct mixed_stack *stacks, size_t *count)
{
    size_t *apart = calloc(stacks->python_frame_count + 1, sizeof *apart), frame_count;
    *count = 0;
    for (size_t i = 0; apart != NULL && i < spprof_native_pairs_thread_count(stacks->pairs); i++) {
        spprof_native_pairs_thread(stacks->pairs, i, &frame_count);
        for (size_t depth = spprof_native_pairs_matched(stacks->pairs, i); depth < frame_count; depth++)
            apart[(*count)++] = stacks->begins[i] + depth;
    }
    return apart;
}

static bool copy_frame(const struct spprof_thread *thread, size_t depth, struct python_frame *copy)
{
    const struct spprof_frame *frame = &thread->frames[depth];
    const struct spprof_text *name = frame->code->qualified_name.bytes != NULL ? &frame->code->qualified_name : &frame->code->name;
    *copy = (struct python_frame){
        .function = mixed_stack_escaped(name->bytes != NULL ? name->bytes : "?", name->bytes != NULL ? name->size : 1),
        .file = mixed_stack_escaped(frame->code->file.bytes, frame->code->file.size),
        .line = frame->line,
        .thread = thread->address,
        .address = frame->address,
        .depth = depth,
    };
    return copy->function != NULL;
}

static const struct spprof_thread *find_thread(const struct spprof_snapshot *snapshot, uint64_t address)
{
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++)
            if (snapshot->interpreters[i].threads[j].address == address)
                return &snapshot->interpreters[i].threads[j];
    return NULL;
}

static bool copy_thread(struct mixed_stack *stacks, const struct spprof_thread *thread)
{
    for (size_t depth = 0; depth < thread->frame_count; depth++)
        if (!copy_frame(thread, depth, &stacks->python_frames[stacks->python_frame_count++]))
            return false;
    if (thread->truncated != NULL && stacks->truncated == NULL)
        stacks->truncated = mixed_stack_escaped(thread->truncated, strlen(thread->truncated));
    return true;
}

/* The frames of all threads one behind another. */
static bool copy_frames(struct mixed_stack *stacks, const struct spprof_snapshot *snapshot)
{
    size_t threads = spprof_native_pairs_thread_count(stacks->pairs), all = 0, frame_count;
    for (size_t i = 0; i < threads; i++) {
        spprof_native_pairs_thread(stacks->pairs, i, &frame_count);
        all += frame_count;
    }
    stacks->python_frames = calloc(all + 1, sizeof *stacks->python_frames);
    stacks->begins = calloc(threads + 1, sizeof *stacks->begins);
    if (stacks->python_frames == NULL || stacks->begins == NULL)
        return false;
    for (size_t i = 0; i < threads; i++) {
        const struct spprof_thread *thread = find_thread(snapshot, spprof_native_pairs_thread(stacks->pairs, i, &frame_count));
        stacks->begins[i] = stacks->python_frame_count;
        if (thread != NULL && !copy_thread(stacks, thread))
            return false;
    }
    return true;
}

/* A thread may well run C alone; where the reading met problems it may be one that was missed. */
static struct spprof_error *no_python_here(const struct spprof_snapshot *snapshot)
{
    if (snapshot->problems.count == 0)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "no Python was found in this thread, but not everything could be read: %s",
                            snapshot->problems.texts[0]);
}

static bool fill(struct mixed_stack *stacks, const struct spprof_snapshot *snapshot, int64_t tid)
{
    stacks->references = 1;
    if (!c_stack_open(&stacks->c_stack))
        return false;
    stacks->pairs = spprof_native_pairs_new(&(struct spprof_native_source){c_stack_describe, &stacks->c_stack}, snapshot, tid);
    return stacks->pairs != NULL && copy_frames(stacks, snapshot);
}

struct spprof_error *mixed_stack_read(struct spprof_console *console, struct mixed_stack **result)
{
    const struct spprof_snapshot *snapshot;
    int64_t tid;
    *result = NULL;
    struct spprof_error *error = spprof_console_stacks(console, &snapshot, &tid);
    if (error != NULL)
        return error;
    struct mixed_stack *stacks = calloc(1, sizeof *stacks);
    if (stacks == NULL)
        return spprof_error_no_memory();
    bool filled = fill(stacks, snapshot, tid), runs = filled && spprof_native_pairs_thread_count(stacks->pairs) > 0;
    if (runs && !gdb_interrupted()) {
        *result = stacks;
        return NULL;
    }
    mixed_stack_release(stacks);
    if (!filled)
        return spprof_error_no_memory();
    return runs ? NULL : no_python_here(snapshot);
}
