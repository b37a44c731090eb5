/* bt, bt-all, bt-full: stacks of the selected thread and of all. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "console/console.h"

/* What makes no sense where a debugger has opened the target. */
static struct spprof_error *check_options(const struct spprof_console *console, const struct options *options, const char *command)
{
    const char *name = console->ops->debugger_name;
    if (options->operand_count > 0)
        return spprof_error_new(SPPROF_ERROR_USAGE, "%s takes no operand: it shows the process or core that %s has open, not '%s'", command, name,
                                options->operands[0]);
    if (options->sysroot != NULL)
        return spprof_error_new(SPPROF_ERROR_USAGE, "--sysroot is for a shell; %s has its own setting for it, and has opened the files already",
                                name);
    return NULL;
}

static struct spprof_error *parse(const struct spprof_console *console, struct words *words, struct options *options)
{
    *options = (struct options){.verb = FOR_BT};
    struct spprof_error *error = options_parse(options, words->count, words->items);
    if (error == NULL)
        error = check_options(console, options, words->items[0]);
    return error;
}

static bool print_help(const struct options *options, struct console_output *output)
{
    if (options->help)
        fputs("Options:\n", output->stream);
    if (options->help)
        options_print(output->stream, FOR_BT);
    return options->help;
}

/* Reports of all threads tell their problems themselves. */
static void tell_note(const struct options *options, const struct spprof_snapshot *snapshot, const struct spprof_thread *only,
                      struct console_output *output)
{
    if (only != NULL && !options->quiet)
        output->result->note = spprof_report_note(snapshot);
    if (options->verbose)
        fprintf(output->stream, "%" PRIu64 " reading calls, %" PRIu64 " bytes\n", snapshot->read_calls, snapshot->read_bytes);
}

static void print(struct spprof_console *console, const struct options *options, const struct spprof_snapshot *snapshot,
                  const struct spprof_thread *only, struct console_output *output)
{
    const struct spprof_report_options wanted = console_report_options(console, options);
    if (options->json)
        spprof_report_json(output->stream, snapshot, &wanted);
    else if (only != NULL)
        spprof_report_thread(output->stream, snapshot, only, &wanted);
    else
        spprof_report_text(output->stream, snapshot, &wanted);
    tell_note(options, snapshot, only, output);
}

/* What no other command can use again is read for this one alone. */
static struct spprof_error *print_fresh(struct spprof_console *console, const struct options *options, struct console_output *output)
{
    struct spprof_snapshot_options wanted = options_snapshot(options);
    struct spprof_snapshot *snapshot;
    TRY(console_open_session(console));
    wanted.no_stop = console->inferior.running;
    console->target->budget.memory_limit = options->memory;
    struct spprof_error *error = spprof_snapshot_take(console->session, &wanted, &snapshot);
    console->target->budget.memory_limit = 0;
    TRY(error);
    print(console, options, snapshot, NULL, output);
    spprof_snapshot_free(snapshot);
    return NULL;
}

static struct spprof_error *print_all(struct spprof_console *console, const struct options *options, struct console_output *output)
{
    const struct spprof_snapshot *snapshot;
    if (options->locals || options->thread != 0 || options->memory != 0)
        return print_fresh(console, options, output);
    TRY(console_stacks(console, &snapshot));
    print(console, options, snapshot, NULL, output);
    return NULL;
}

static struct spprof_error *print_selected(struct spprof_console *console, struct options *options, struct console_output *output)
{
    const struct spprof_snapshot *snapshot;
    const struct spprof_thread *thread;
    if (options->thread != 0)
        return print_fresh(console, options, output);
    TRY(console_selected_thread(console, &thread));
    snapshot = console->stacks;
    if (options->locals && options->value_length == 0)
        TRY(console_values(console, thread->address, &snapshot, &thread));
    if (options->json || options->memory != 0 || (options->locals && options->value_length != 0)) {
        options->thread = thread->tid;
        return print_fresh(console, options, output);
    }
    print(console, options, snapshot, thread, output);
    return NULL;
}

struct spprof_error *console_bt(struct spprof_console *console, struct words *words, struct console_output *output)
{
    struct options options;
    bool all = words->count > 1 && strcmp(words->items[1], "all") == 0;
    if (all) { /* the name of the command takes its place */
        words->items[1] = words->items[0];
        struct words rest = {.items = words->items + 1, .count = words->count - 1};
        return console_bt_all(console, &rest, output);
    }
    TRY(parse(console, words, &options));
    return print_help(&options, output) ? NULL : print_selected(console, &options, output);
}

struct spprof_error *console_bt_full(struct spprof_console *console, struct words *words, struct console_output *output)
{
    struct options options;
    TRY(parse(console, words, &options));
    options.locals = true;
    return print_help(&options, output) ? NULL : print_selected(console, &options, output);
}

struct spprof_error *console_bt_all(struct spprof_console *console, struct words *words, struct console_output *output)
{
    struct options options;
    TRY(parse(console, words, &options));
    return print_help(&options, output) ? NULL : print_all(console, &options, output);
}

struct spprof_error *console_spprof_bt(struct spprof_console *console, struct words *words, struct console_output *output)
{
    return console_bt_all(console, words, output);
}
