#include "console/console.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "console/commands.h"

struct spprof_error *spprof_console_new(const struct spprof_debugger_ops *target_ops, const struct spprof_console_ops *ops, void *debugger,
                                        struct spprof_console **console)
{
    *console = calloc(1, sizeof **console);
    if (*console == NULL)
        return spprof_error_no_memory();
    (*console)->target_ops = target_ops;
    (*console)->ops = ops;
    (*console)->debugger = debugger;
    (*console)->python = SPPROF_UNKNOWN;
    return NULL;
}

static void inferior_free(struct spprof_debugger_inferior *inferior)
{
    free((char *)(uintptr_t)inferior->executable); /* copied by inferior_copy */
    free((char *)(uintptr_t)inferior->core);
    *inferior = (struct spprof_debugger_inferior){0};
}

static struct spprof_error *inferior_copy(const struct spprof_debugger_inferior *from, struct spprof_debugger_inferior *to)
{
    *to = *from;
    to->executable = from->executable != NULL ? strdup(from->executable) : NULL;
    to->core = from->core != NULL ? strdup(from->core) : NULL;
    if ((from->executable == NULL || to->executable != NULL) && (from->core == NULL || to->core != NULL))
        return NULL;
    inferior_free(to);
    return spprof_error_no_memory();
}

static void forget_what_was_read(struct spprof_console *console)
{
    console_selection_drop(console, false);
    spprof_snapshot_free(console->stacks);
    spprof_snapshot_free(console->values);
    console->stacks = console->values = NULL;
    if (console->target != NULL)
        spprof_debugger_target_resumed(console->target);
}

void spprof_console_changed(struct spprof_console *console)
{
    forget_what_was_read(console);
    spprof_session_close(console->session);
    spprof_target_close(console->target);
    console->session = NULL;
    console->target = NULL;
    console_selection_drop(console, true);
    console->python = SPPROF_UNKNOWN;
    inferior_free(&console->inferior);
}

void spprof_console_free(struct spprof_console *console)
{
    if (console == NULL)
        return;
    spprof_console_changed(console);
    free(console);
}

static bool same_text(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

static bool same_inferior(const struct spprof_debugger_inferior *left, const struct spprof_debugger_inferior *right)
{
    return left->kind == right->kind && left->pid == right->pid && left->local == right->local && left->running == right->running &&
           same_text(left->core, right->core) && same_text(left->executable, right->executable);
}

/* A user may go from one inferior to another without any of them changing. */
struct spprof_error *console_open_target(struct spprof_console *console)
{
    struct spprof_debugger_inferior inferior = {0};
    TRY(console->ops->inferior(console->debugger, &inferior));
    if (console->target != NULL && !same_inferior(&inferior, &console->inferior))
        spprof_console_changed(console);
    if (console->target != NULL)
        return NULL;
    inferior_free(&console->inferior); /* of one that could not be opened */
    TRY(inferior_copy(&inferior, &console->inferior));
    return spprof_debugger_target_open(console->target_ops, console->debugger, &console->inferior, &console->target);
}

struct spprof_error *console_open_session(struct spprof_console *console)
{
    TRY(console_open_target(console));
    return console->session != NULL ? NULL : spprof_session_open(console->target, &console->session);
}

struct spprof_error *console_stacks(struct spprof_console *console, const struct spprof_snapshot **snapshot)
{
    TRY(console_open_session(console));
    const struct spprof_snapshot_options wanted = {.no_stop = console->inferior.running, .entries = true};
    if (console->stacks == NULL)
        TRY(spprof_snapshot_take(console->session, &wanted, &console->stacks));
    *snapshot = console->stacks;
    return NULL;
}

/*
 * One kernel thread may run code of several interpreters, each with a thread state: the newest interpreter's that has frames is where
 * it stands now.
 */
static const struct spprof_thread *find_thread(const struct spprof_snapshot *snapshot, int64_t tid)
{
    const struct spprof_thread *found = NULL;
    for (size_t i = 0; i < snapshot->interpreter_count; i++) {
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++) {
            const struct spprof_thread *thread = &snapshot->interpreters[i].threads[j];
            if (thread->tid == tid && (found == NULL || thread->frame_count > 0))
                found = thread;
        }
    }
    return found;
}

const struct spprof_thread *console_find_thread(const struct spprof_snapshot *snapshot, uint64_t address)
{
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++)
            if (snapshot->interpreters[i].threads[j].address == address)
                return &snapshot->interpreters[i].threads[j];
    return NULL;
}

static struct spprof_error *no_python_thread(const struct spprof_console *console, int64_t tid)
{
    const char *name = console->ops->debugger_name;
    if (tid == 0)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "Unable to locate python frame: %s has no thread selected", name);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND,
                            "Unable to locate python frame: thread %" PRId64 ", which %s has selected, runs no Python code; py-bt-all shows those "
                            "that do",
                            tid, name);
}

struct spprof_error *console_selected_thread(struct spprof_console *console, const struct spprof_thread **thread)
{
    const struct spprof_snapshot *snapshot;
    TRY(console_stacks(console, &snapshot));
    int64_t tid = console->ops->selected_thread(console->debugger);
    *thread = tid != 0 ? find_thread(snapshot, tid) : NULL;
    if (*thread == NULL)
        return no_python_thread(console, tid);
    if (tid != console->selection.tid)
        console->selection.made = false; /* the user has gone to another thread */
    return NULL;
}

struct spprof_error *console_values(struct spprof_console *console, uint64_t address, const struct spprof_snapshot **snapshot,
                                    const struct spprof_thread **thread)
{
    TRY(console_open_session(console));
    const struct spprof_snapshot_options wanted = {
        .locals = true,
        .exceptions = true,
        .values_of = address,
        .no_stop = console->inferior.running,
    };
    if (console->values != NULL && console->values_of != wanted.values_of) {
        spprof_snapshot_free(console->values);
        console->values = NULL;
    }
    if (console->values == NULL)
        TRY(spprof_snapshot_take(console->session, &wanted, &console->values));
    console->values_of = wanted.values_of;
    *snapshot = console->values;
    *thread = console_find_thread(console->values, wanted.values_of);
    return *thread != NULL ? NULL : no_python_thread(console, console->ops->selected_thread(console->debugger));
}

static void write_label(void *context, int64_t tid, char *label, size_t size)
{
    struct spprof_console *console = context;
    char number[32] = "";
    console->ops->thread_label(console->debugger, tid, number, sizeof number);
    if (number[0] != '\0')
        snprintf(label, size, "%s thread %s", console->ops->debugger_name, number);
}

struct spprof_report_options console_report_options(struct spprof_console *console, const struct options *options)
{
    bool color = options->color == COLOR_ALWAYS;
    if (options->color == COLOR_AUTO && console->ops->wants_color != NULL)
        color = console->ops->wants_color(console->debugger);
    return (struct spprof_report_options){
        .color = color,
        .source = !options->no_source,
        .target = console->target,
        .thread_label = console->ops->thread_label != NULL ? write_label : NULL,
        .context = console,
    };
}

static struct spprof_error *run_words(struct spprof_console *console, const struct command *command, const char *arguments,
                                      struct console_output *output)
{
    CLEANUP(console_words_free) struct words words = {0};
    TRY(console_words_split(command->description->name, arguments, &words));
    return command->run(console, &words, output);
}

/* Nothing that an interrupted command has read is kept. */
static struct spprof_error *check_interrupted(struct spprof_console *console, struct spprof_console_result *result, struct spprof_error *error)
{
    result->interrupted = (console->target != NULL && spprof_debugger_target_interrupted(console->target)) ||
                          (console->target_ops->interrupted != NULL && console->target_ops->interrupted(console->debugger));
    if (!result->interrupted)
        return error;
    spprof_console_changed(console);
    spprof_error_free(error);
    free(result->text);
    result->text = NULL;
    result->size = 0;
    return spprof_error_new(SPPROF_ERROR_USAGE, "interrupted; the program stands as it stood");
}

struct spprof_error *spprof_console_run(struct spprof_console *console, const char *name, const char *arguments, struct spprof_console_result *result)
{
    const struct command *command = console_command_find(name);
    *result = (struct spprof_console_result){0};
    if (command == NULL)
        return spprof_error_new(SPPROF_ERROR_USAGE, "there is no command %s", name);
    struct console_output output = {.stream = open_memstream(&result->text, &result->size), .result = result};
    if (output.stream == NULL)
        return spprof_error_no_memory();
    struct spprof_error *error = run_words(console, command, arguments != NULL ? arguments : "", &output);
    fclose(output.stream);
    if (!output.complete)
        error = check_interrupted(console, result, error);
    if (console->inferior.running)
        forget_what_was_read(console);
    return error;
}

void spprof_console_result_free(struct spprof_console_result *result)
{
    free(result->text);
    free(result->note);
    *result = (struct spprof_console_result){0};
}
