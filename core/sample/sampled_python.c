#include "sample/sampled_python.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/budget.h"
#include "target/target.h"

enum { CODES_MAX = 1 << 15 /* code objects that are remembered */ };

static struct spprof_error *new_codes(struct sampled_python *python)
{
    TRY(frames_code_table_new(&python->context.codes));
    frames_code_table_draw_from(python->context.codes, &python->target->budget);
    frames_code_table_keep_ranges(python->context.codes);
    return NULL;
}

struct spprof_error *sample_python_init(struct sampled_python *python, struct spprof_target *target, const struct chosen *chosen,
                                        struct spprof_profile *profile)
{
    struct capture_context *context = &python->context;
    *python = (struct sampled_python){.target = target, .chosen = chosen};
    context->layout = context->reader.layout = context->mentions.layout = &chosen->layout;
    sample_thread_table_init(&python->thread_table, target, chosen);
    TRY(target_read_cache_new(target, &context->reader.cache));
    TRY(target_read_cache_new(target, &context->mentions.cache));
    TRY(new_codes(python));
    TRY(sample_call_sites_new(&context->sites));
    TRY(sample_contexts_new(&context->contexts));
    return sample_pending_init(&python->pending, profile, context);
}

void sample_python_free(struct sampled_python *python)
{
    sample_thread_table_free(&python->thread_table);
    sample_pending_free(&python->pending);
    sample_call_sites_free(python->context.sites);
    sample_contexts_free(python->context.contexts);
    frames_code_table_free(python->context.codes);
    target_read_cache_free(python->context.reader.cache);
    target_read_cache_free(python->context.mentions.cache);
}

struct spprof_error *sample_python_settle(struct sampled_python *python)
{
    const struct spprof_budget *budget = &python->target->budget;
    struct capture_context *context = &python->context;
    if (frames_code_table_count(context->codes) < CODES_MAX && budget->memory < target_budget_memory_limit(budget) / 2)
        return NULL;
    sample_pending_forget(&python->pending);
    sample_call_sites_clear(context->sites);
    sample_contexts_clear(context->contexts);
    target_read_cache_clear(context->mentions.cache);
    for (size_t i = 0; i < python->thread_table.count; i++)
        sample_capture_forget(&python->thread_table.threads[i]->capture);
    frames_code_table_free(context->codes);
    context->codes = NULL;
    return new_codes(python);
}

struct spprof_error *sample_python_name(struct sampled_python *python)
{
    const struct layout *layout = &python->chosen->layout;
    const struct spprof_module *module = python->chosen->runtime.module;
    char version[32], name[80];
    spprof_version_text(layout->version, version, sizeof version);
    int size = snprintf(name, sizeof name, "Python %s%s%s", version, layout->free_threaded ? " free-threaded" : "", layout->debug ? " debug" : "");
    struct spprof_place place = {.function = {.bytes = name, .size = (size_t)size}, .line = SPPROF_NO_POSITION};
    if (module != NULL)
        place.file = (struct spprof_text){.bytes = module->path, .size = strlen(module->path)};
    python->pending.root = spprof_profile_place(python->pending.profile, &place);
    return python->pending.root == SPPROF_NONE ? spprof_error_no_memory() : NULL;
}

/* The thread state that holds the GIL; 0: none, or it cannot be told. */
static uint64_t gil_holder(const struct sampled_python *python, uint64_t interpreter)
{
    const struct layout *layout = &python->chosen->layout;
    uint64_t gil = python->chosen->runtime.address + (uint64_t)LAYOUT(layout, runtime, gil), holder = 0;
    if (layout->rules->gil == GIL_BEHIND_INTERPRETER &&
        target_try_read(python->target, interpreter + (uint64_t)LAYOUT(layout, interpreter, gil), &gil, 8) != SPPROF_READ_OK)
        return 0;
    int32_t locked = 0;
    struct spprof_range ranges[] = {
        {.address = gil + (uint64_t)LAYOUT(layout, gil, last_holder), .size = 8, .buffer = &holder},
        {.address = gil + (uint64_t)LAYOUT(layout, gil, locked), .size = 4, .buffer = &locked},
    };
    target_read_many(python->target, ranges, 2);
    return ranges[0].status == SPPROF_READ_OK && ranges[1].status == SPPROF_READ_OK && locked == 1 ? holder : 0;
}

/* 3.13 and later: whether the thread is attached to its interpreter; true where it cannot be told. */
static bool is_attached(const struct sampled_python *python, const struct sampled_thread *thread)
{
    int32_t offset = LAYOUT(&python->chosen->layout, thread_state, attach_state), state = 1;
    if (offset != LAYOUT_ABSENT && target_try_read(python->target, thread->address + (uint64_t)offset, &state, sizeof state) != SPPROF_READ_OK)
        return false;
    return state == 1;
}

bool sample_python_runs(const struct sampled_python *python, const struct sampled_thread *thread)
{
    uint64_t holder = gil_holder(python, thread->interpreter);
    return python->chosen->layout.free_threaded && holder == 0 ? is_attached(python, thread) : holder == thread->address;
}
