/* Which Python frame is selected: the one that py-up or py-down went to, or else the one that the debugger's selected C frame runs. */
#include <inttypes.h>

#include "base/cleanup.h"
#include "console/console.h"
#include "spprof/native.h"

static bool give_frame(void *context, size_t level, struct spprof_native_frame *frame)
{
    const struct spprof_console *console = context;
    return console->ops->native_frame(console->debugger, level, frame);
}

void console_selection_drop(struct spprof_console *console, bool forget)
{
    spprof_native_pairs_free(console->selection.pairs);
    console->selection.pairs = NULL;
    if (forget)
        console->selection = (struct console_selection){.made = false};
}

static struct spprof_error *make_pairs(struct spprof_console *console)
{
    const struct spprof_snapshot *snapshot;
    TRY(console_stacks(console, &snapshot));
    if (console->selection.pairs == NULL)
        console->selection.pairs = spprof_native_pairs_new(&(struct spprof_native_source){give_frame, console}, snapshot, console->selection.tid);
    return console->selection.pairs != NULL ? NULL : spprof_error_no_memory();
}

/* Of the Python frames that the selected C frame runs, the one that the user looks at. */
static size_t preferred_of(const struct spprof_console *console, const struct spprof_native_run *run)
{
    const struct console_selection *selection = &console->selection;
    const struct spprof_thread *thread = console_find_thread(console->stacks, selection->thread);
    for (size_t i = run->first; thread != NULL && i < run->first + run->count && i < thread->frame_count; i++)
        if (thread->address == selection->preferred_thread && thread->frames[i].address == selection->preferred_frame)
            return i;
    return run->first;
}

static struct spprof_error *no_python_frame(const struct spprof_console *console)
{
    const char *name = console->ops->debugger_name;
    const struct console_selection *selection = &console->selection;
    if (spprof_native_pairs_all_matched(selection->pairs))
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND,
                                "Unable to locate python frame: frame #%zu, which %s has selected, is older than all Python code of this thread; "
                                "'down' selects a newer one",
                                selection->level, name);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND,
                            "Unable to locate python frame: which one frame #%zu, which %s has selected, runs cannot be told for sure; select "
                            "frame 0, and go through the Python frames from there by py-up",
                            selection->level, name);
}

/* The newest Python frame of the C frame, or of the next older one that runs any: on its behalf the C code runs. */
static struct spprof_error *find_by_level(struct spprof_console *console)
{
    struct console_selection *selection = &console->selection;
    struct spprof_native_run run;
    size_t frame_count;
    TRY(make_pairs(console));
    for (size_t level = selection->level; spprof_native_pairs_run(selection->pairs, level, &run); level++) {
        if (run.role != SPPROF_NATIVE_EVALUATOR)
            continue;
        selection->thread = spprof_native_pairs_thread(selection->pairs, run.thread, &frame_count);
        selection->depth = level == selection->level ? preferred_of(console, &run) : run.first;
        return NULL;
    }
    return no_python_frame(console);
}

/* All Python code is older than the newest C frame, which needs no proof. */
static struct spprof_error *find(struct spprof_console *console)
{
    const struct spprof_thread *thread;
    struct console_selection *selection = &console->selection;
    TRY(console_selected_thread(console, &thread));
    selection->thread = thread->address;
    selection->depth = 0;
    if (selection->level == 0 && selection->preferred_frame == 0)
        return NULL;
    struct spprof_error *error = find_by_level(console);
    if (selection->level > 0)
        return error;
    spprof_error_free(error);
    return NULL;
}

struct spprof_error *console_selection_update(struct spprof_console *console)
{
    const struct spprof_snapshot *snapshot;
    struct console_selection *selection = &console->selection;
    TRY(console_stacks(console, &snapshot)); /* forgets what was selected in another inferior */
    int64_t tid = console->ops->selected_thread(console->debugger);
    size_t level = console->ops->native_frame != NULL ? console->ops->selected_frame(console->debugger) : 0;
    if (selection->made && selection->tid == tid && selection->level == level)
        return NULL;
    if (selection->tid != tid)
        console_selection_drop(console, false);
    selection->tid = tid;
    selection->level = level;
    struct spprof_error *error = find(console);
    selection->made = error == NULL;
    selection->preferred_thread = selection->preferred_frame = 0;
    return error;
}

static bool runs(const struct spprof_native_pairs *pairs, const struct spprof_native_run *run, uint64_t thread, size_t depth)
{
    size_t frame_count;
    return run->role == SPPROF_NATIVE_EVALUATOR && spprof_native_pairs_thread(pairs, run->thread, &frame_count) == thread && depth >= run->first &&
           depth < run->first + run->count;
}

/* The C frame that runs a Python frame of the selected stack. */
static bool find_level(struct spprof_console *console, size_t depth, size_t *level)
{
    struct spprof_native_run run;
    struct spprof_error *error = make_pairs(console);
    spprof_error_free(error);
    struct spprof_native_pairs *pairs = console->selection.pairs;
    for (*level = 0; error == NULL && spprof_native_pairs_run(pairs, *level, &run); (*level)++)
        if (runs(pairs, &run, console->selection.thread, depth))
            return true;
    return false;
}

bool console_selection_move(struct spprof_console *console, size_t depth)
{
    size_t level;
    console->selection.depth = depth;
    if (console->ops->native_frame == NULL || !find_level(console, depth, &level) || !console->ops->select_frame(console->debugger, level))
        return false;
    console->selection.level = level;
    return true;
}
