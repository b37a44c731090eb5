/* What a debugger shows in a way of its own: stacks beside its C frames. */
#include "console/console.h"
#include "runtime/runtime.h"

struct spprof_error *spprof_console_stacks(struct spprof_console *console, const struct spprof_snapshot **snapshot, int64_t *tid)
{
    struct spprof_error *error = console_stacks(console, snapshot);
    *tid = error == NULL ? console->ops->selected_thread(console->debugger) : 0;
    return error;
}

struct spprof_error *spprof_console_values(struct spprof_console *console, uint64_t address, const struct spprof_thread **thread)
{
    const struct spprof_snapshot *snapshot;
    return console_values(console, address, &snapshot, thread);
}

void spprof_console_prefer(struct spprof_console *console, uint64_t thread, uint64_t frame)
{
    console->selection.made = false;
    console->selection.preferred_thread = thread;
    console->selection.preferred_frame = frame;
}

bool spprof_console_has_python(struct spprof_console *console)
{
    struct spprof_error *error = console_open_target(console);
    spprof_error_free(error);
    if (error != NULL)
        return false;
    if (console->session != NULL)
        return true;
    if (console->python == SPPROF_UNKNOWN)
        console->python = runtime_is_named(console->target) ? SPPROF_TRUE : SPPROF_FALSE;
    return console->python == SPPROF_TRUE;
}
