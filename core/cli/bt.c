#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "message.h"
#include "operand.h"
#include "options/options.h"
#include "spprof/report.h"
#include "terminal.h"
#include "verb.h"

static double milliseconds_now(void)
{
    return base_clock_seconds() * 1e3;
}

static struct spprof_error *take_snapshot(const struct options *options, struct spprof_target *target, struct spprof_snapshot **snapshot)
{
    const struct spprof_snapshot_options wanted = options_snapshot(options);
    struct spprof_session *session;
    double start = milliseconds_now();
    struct spprof_error *error = spprof_session_open(target, &session);
    if (error != NULL)
        return error;
    double found = milliseconds_now();
    error = spprof_snapshot_take(session, &wanted, snapshot);
    spprof_session_close(session);
    if (error == NULL && options->verbose)
        cli_message("Python found in %.1f ms, stacks read in %.1f ms", found - start, milliseconds_now() - found);
    return error;
}

static void print_snapshot(const struct options *options, struct spprof_target *target, const struct spprof_snapshot *snapshot)
{
    const struct spprof_report_options wanted = {
        .color = cli_terminal_wants_color(options->color),
        .source = !options->no_source,
        .target = target,
    };
    double start = milliseconds_now();
    if (options->json)
        spprof_report_json(stdout, snapshot, &wanted);
    else
        spprof_report_text(stdout, snapshot, &wanted);
    fflush(stdout); /* notes on standard error come after the report */
    if (options->verbose)
        cli_message("printed in %.1f ms; %" PRIu64 " reading calls, %" PRIu64 " bytes, target stopped for %.1f us", milliseconds_now() - start,
                    snapshot->read_calls, snapshot->read_bytes, (double)snapshot->stopped_ns / 1e3);
}

/* Says in one line what the report tells in full. */
static enum exit_status judge(const struct options *options, const struct spprof_snapshot *snapshot)
{
    char *note = spprof_report_note(snapshot);
    bool partial = note != NULL || snapshot->problems.count > 0;
    if (note != NULL && !options->quiet)
        cli_message("%s", note);
    free(note);
    return partial ? STATUS_PARTIAL : STATUS_DONE;
}

static enum exit_status report(const struct options *options, struct spprof_target *target)
{
    struct spprof_snapshot *snapshot;
    struct spprof_error *error = take_snapshot(options, target, &snapshot);
    if (error != NULL) {
        cli_complain_error(error);
        return STATUS_UNREADABLE;
    }
    print_snapshot(options, target, snapshot);
    enum exit_status status = judge(options, snapshot);
    spprof_snapshot_free(snapshot);
    return status;
}

static enum exit_status run(const struct verb *verb, const struct options *options)
{
    struct spprof_target *target;
    enum exit_status status = cli_operand_open(verb, options, &target);
    if (status != STATUS_DONE)
        return status;
    status = report(options, target);
    spprof_target_close(target);
    return status;
}

const struct verb cli_bt = {
    .name = "bt",
    .bit = FOR_BT,
    .operands = "PID|CORE [EXE]",
    .summary = "print the Python stack of every thread of a process or a core file",
    .help = "Prints the Python stack of every thread of a running process or a core file, newest call first.\n"
            "A running process stands still only while its stacks are copied, and is never changed.\n"
            "EXE is the executable that wrote the core, where it does not lie where the core says.\n",
    .examples = "  spprof bt 1234                    a process that hangs\n"
                "  spprof bt core.1234               a crash\n"
                "  spprof bt core.1234 ./python3.11  its executable lies elsewhere\n"
                "  spprof bt --json 1234 | jq        for tools\n"
                "  sudo spprof bt 1234               a process of another user, or where ptrace is restricted\n",
    .run = run,
};
