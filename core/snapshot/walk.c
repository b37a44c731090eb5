#include "snapshot/walk.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "object/string.h"
#include "target/target.h"
#include "frames/entries.h"
#include "frames/stack_check.h"

struct spprof_error *snapshot_walk_new(struct read_cache *cache, const struct layout *layout, uint64_t runtime, struct walk **result)
{
    struct walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return spprof_error_no_memory();
    walk->reader = (struct reader){.cache = cache, .layout = layout};
    frames_thread_list_init(&walk->list, runtime);
    struct spprof_error *error = frames_code_table_new(&walk->codes);
    if (error != NULL) {
        snapshot_walk_free(walk);
        return error;
    }
    frames_code_table_draw_from(walk->codes, &target_read_cache_target(cache)->budget);
    *result = walk;
    return NULL;
}

void snapshot_walk_free(struct walk *walk)
{
    if (walk == NULL)
        return;
    frames_thread_list_free(&walk->list);
    frames_crowd_free(&walk->crowd);
    snapshot_exceptions_free(walk->exceptions);
    snapshot_locals_free(walk->locals);
    frames_code_table_free(walk->codes);
    object_reader_give_back(&walk->reader, 0);
    free(walk);
}

static void step_stacks(struct walk *walk)
{
    for (size_t i = 0; i < walk->list.count; i++) {
        for (size_t j = 0; j < walk->list.interpreters[i]->thread_count; j++) {
            struct stack *stack = &walk->list.interpreters[i]->threads[j]->stack;
            stack->crowd = &walk->crowd;
            if (stack->progress != STACK_DONE)
                frames_stack_step(stack, &walk->reader, walk->codes);
        }
    }
}

static void check_stacks(struct walk *walk)
{
    for (size_t i = 0; i < walk->list.count; i++)
        for (size_t j = 0; j < walk->list.interpreters[i]->thread_count; j++)
            frames_stack_check_step(&walk->list.interpreters[i]->threads[j]->stack, &walk->reader, walk->codes);
}

void snapshot_walk_run(struct walk *walk)
{
    do {
        frames_thread_list_step(&walk->list, &walk->reader);
        step_stacks(walk);
        frames_code_table_step(walk->codes, &walk->reader);
        check_stacks(walk); /* needs code objects that are settled */
    } while (target_read_cache_fetch(walk->reader.cache));
}

bool snapshot_walk_met_entering(const struct walk *walk)
{
    bool met = false;
    for (size_t i = 0; i < walk->list.count; i++)
        for (size_t j = 0; j < walk->list.interpreters[i]->thread_count; j++)
            met = met || walk->list.interpreters[i]->threads[j]->stack.trial.entering ||
                  walk->list.interpreters[i]->threads[j]->stack.verdict.contradicts_itself;
    return met;
}

void snapshot_walk_entries(struct walk *walk)
{
    do {
        for (size_t i = 0; i < walk->list.count; i++)
            for (size_t j = 0; j < walk->list.interpreters[i]->thread_count; j++)
                frames_entries_step(&walk->list.interpreters[i]->threads[j]->stack, &walk->reader);
    } while (target_read_cache_fetch(walk->reader.cache));
}

/*
 * The dict of the sys module, in a core whose main thread has left the program's own code: it was about to report an exception. Where the
 * program still runs, sys.last_exc is of an earlier time (an interactive session). 0: none; true when that is known.
 */
static bool find_sys(struct walk *walk, const struct interpreter *interpreter, const struct thread_state *thread, uint64_t *sys)
{
    const struct stack *stack = &thread->stack;
    bool in_module = false;
    *sys = 0;
    if (target_read_cache_target(walk->reader.cache)->kind != SPPROF_TARGET_CORE || !interpreter->is_main ||
        thread->thread_id != walk->list.main_thread)
        return true;
    if (stack->frame_count > 0) {
        const struct code_entry *oldest = stack->frames[stack->frame_count - 1].code;
        enum read_cache_status status =
            oldest->status == READ_CACHE_READY ? object_string_equals(&walk->reader, oldest->name, "<module>", &in_module) : oldest->status;
        if (status != READ_CACHE_READY || in_module)
            return status != READ_CACHE_PENDING;
    }
    uint64_t place = interpreter->address + (uint64_t)LAYOUT(walk->reader.layout, interpreter, sysdict);
    return object_reader_pointer(&walk->reader, place, "the sys module's dict", sys) != READ_CACHE_PENDING;
}

static bool step_values(struct walk *walk, bool locals, uint64_t only_thread)
{
    bool settled = true;
    for (size_t i = 0; i < walk->list.count; i++) {
        for (size_t j = 0; j < walk->list.interpreters[i]->thread_count; j++) {
            const struct thread_state *thread = walk->list.interpreters[i]->threads[j];
            const struct stack *stack = &thread->stack;
            uint64_t sys;
            if (only_thread != 0 && stack->thread_state != only_thread)
                continue;
            bool exception = find_sys(walk, walk->list.interpreters[i], thread, &sys) &&
                             snapshot_exceptions_step(walk->exceptions, &walk->reader, stack->thread_state, sys);
            bool frames = !locals || snapshot_locals_step(walk->locals, &walk->reader, stack);
            settled = settled && exception && frames;
        }
    }
    return settled;
}

struct spprof_error *snapshot_walk_values(struct walk *walk, const struct spprof_value_limits *limits, bool locals, uint64_t only_thread)
{
    enum { IDLE_MAX = 4 }; /* passes that read nothing: one settles what the next needs, as code objects */
    TRY(snapshot_locals_new(limits, walk->codes, &walk->locals));
    TRY(snapshot_exceptions_new(snapshot_locals_values(walk->locals), walk->codes, &walk->exceptions));
    for (int idle = 0; idle < IDLE_MAX && !step_values(walk, locals, only_thread); idle++) {
        frames_code_table_step(walk->codes, &walk->reader);
        if (target_read_cache_fetch(walk->reader.cache))
            idle = -1;
    }
    return NULL;
}

const struct thread_state *snapshot_walk_find_thread(const struct walk *walk, uint64_t address, const struct interpreter **interpreter)
{
    for (size_t i = 0; i < walk->list.count; i++) {
        *interpreter = walk->list.interpreters[i];
        for (size_t j = 0; j < (*interpreter)->thread_count; j++)
            if ((*interpreter)->threads[j]->address == address)
                return (*interpreter)->threads[j];
    }
    return NULL;
}
