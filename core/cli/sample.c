#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "child.h"
#include "message.h"
#include "operand.h"
#include "options/number.h"
#include "options/profile_output.h"
#include "progress.h"
#include "signals.h"
#include "spprof/host.h"
#include "spprof/sample.h"
#include "target/scheduling.h"
#include "terminal.h"
#include "verb.h"

enum { DEFAULT_SECONDS = 10, START_POLL_US = 2000, EXEC_SECONDS = 5 };

#define LONG_ATTEMPT_S 0.05
#define PAUSE_MAX_S 0.5

/* What one run of the command holds. */
struct sampling {
    const struct options *options;
    int64_t pid;
    pid_t child; /* 0: the process was there before */
    struct spprof_target *target;
    struct spprof_sampler *sampler;
    char *command; /* owned; what is sampled, for the profile */
    struct profile_output output;
    struct progress progress;
    bool left; /* the time was over, and nothing else ended the sampling */
};

static void show_progress(void *context, const struct spprof_sample_progress *progress)
{
    const struct sampling *sampling = context;
    char line[160];
    snprintf(line, sizeof line, "%.1f s  %" PRIu64 " samples  %" PRIu64 " dropped  %" PRIu32 " thread%s  (Ctrl-C ends)", progress->elapsed_s,
             progress->samples, progress->dropped, progress->threads, progress->threads == 1 ? "" : "s");
    cli_progress_show(&sampling->progress, line);
}

/* Until the next attempt; one that took long, in a large program that is no Python, is not made again and again. */
static void pause_after(double attempt_s)
{
    double pause_s = attempt_s < LONG_ATTEMPT_S ? START_POLL_US / 1e6 : 10 * attempt_s < PAUSE_MAX_S ? 10 * attempt_s : PAUSE_MAX_S;
    nanosleep(&(struct timespec){.tv_sec = (time_t)pause_s, .tv_nsec = (long)((pause_s - (double)(time_t)pause_s) * 1e9)}, NULL);
}

/* Of one that is not ours also where its entry waits for its parent. */
static bool has_ended(const struct sampling *sampling)
{
    int status;
    struct spprof_target *target;
    if (sampling->child != 0)
        return cli_child_has_ended(sampling->child, &status);
    struct spprof_error *error = spprof_process_open(sampling->pid, &target);
    bool ended_meanwhile = error != NULL && error->kind == SPPROF_ERROR_NOT_FOUND;
    if (error == NULL)
        spprof_target_close(target);
    spprof_error_free(error);
    return ended_meanwhile;
}

static struct spprof_error *attach(struct sampling *sampling)
{
    struct spprof_sample_options wanted = options_sample(sampling->options);
    struct spprof_error *error = spprof_process_open(sampling->pid, &sampling->target);
    if (error != NULL)
        return error;
    sampling->target->budget.memory_limit = sampling->options->memory;
    if (sampling->sampler == NULL)
        error = spprof_sampler_new(sampling->target, &wanted, &sampling->sampler);
    else
        error = spprof_sampler_rebind(sampling->sampler, sampling->target);
    if (error == NULL)
        return NULL;
    spprof_target_close(sampling->target);
    sampling->target = NULL;
    return error;
}

/* A program that has just begun has no interpreter yet: tries again until it has, it ends, or the time is over (0: none). */
static struct spprof_error *attach_soon(struct sampling *sampling, double seconds)
{
    double until = base_clock_seconds() + seconds;
    for (;;) {
        double began = base_clock_seconds();
        struct spprof_error *error = attach(sampling);
        double took = base_clock_seconds() - began;
        if (error != NULL && sampling->child != 0 && sampling->sampler == NULL && has_ended(sampling)) {
            spprof_error_free(error);
            return spprof_error_new(SPPROF_ERROR_NOT_PYTHON, "'%s' has ended, and no Python interpreter was found in it while it ran",
                                    sampling->options->operands[0]);
        }
        if (error == NULL || error->kind == SPPROF_ERROR_PERMISSION || cli_signals_ended || has_ended(sampling) ||
            (seconds > 0 && base_clock_seconds() > until))
            return error;
        spprof_error_free(error);
        pause_after(took);
    }
}

/* Samples until the end; a process that becomes another program by exec is sampled on. */
static struct spprof_error *run_on(struct sampling *sampling)
{
    for (;;) {
        struct spprof_error *error = spprof_sampler_run(sampling->sampler, &cli_signals_ended, show_progress, sampling);
        if (error != NULL || cli_signals_ended || !spprof_sampler_is_over(sampling->sampler) || has_ended(sampling))
            return error;
        error = spprof_sampler_unbind(sampling->sampler);
        if (error != NULL)
            return error;
        spprof_target_close(sampling->target);
        sampling->target = NULL;
        error = attach_soon(sampling, EXEC_SECONDS);
        if (error != NULL) { /* it is no Python program any more: what was sampled until now counts */
            spprof_error_free(error);
            return NULL;
        }
    }
}

static char *joined(char **words, int count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return NULL;
    for (int i = 0; i < count; i++)
        fprintf(stream, "%s%s", i > 0 ? " " : "", words[i]);
    fclose(stream);
    return text;
}

/* A table stays away from what a command writes, and from statistics that are to be read by a program. */
static struct profile_streams streams_of(const struct sampling *sampling)
{
    const struct options *options = sampling->options;
    bool apart = sampling->child != 0 || (options->stats != NULL && strcmp(options->stats, "-") == 0);
    bool asked = options->output != NULL && !options_profile_output_has_file(options);
    int fd = apart && !asked ? STDERR_FILENO : STDOUT_FILENO;
    return (struct profile_streams){.standard = stdout,
                                    .table = apart ? stderr : stdout,
                                    .color = cli_terminal_wants_color_on(options->color, fd),
                                    .width = cli_terminal_width(fd)};
}

/* failed: something ended the sampling that should not have; where there is nothing yet, there is nothing to write. */
/* The table tells them itself. */
static void tell_problems(const struct options *options, const struct spprof_problems *problems)
{
    for (size_t i = 0; options->output != NULL && !options->quiet && i < problems->count; i++)
        cli_message("%s", problems->texts[i]);
}

static void tell_written(const struct spprof_profile *profile, const char *path)
{
    uint64_t left_over = profile->counts.left_over;
    cli_message("%" PRIu64 " samples written to '%s'", profile->samples, path);
    if (left_over > 0)
        cli_message("%" PRIu64 " thread state%s that no living thread runs %s left out; 'spprof bt' shows %s", left_over, left_over == 1 ? "" : "s",
                    left_over == 1 ? "was" : "were", left_over == 1 ? "it" : "them");
}

static enum exit_status write_profile(struct sampling *sampling, bool failed)
{
    const struct options *options = sampling->options;
    const struct profile_streams streams = streams_of(sampling);
    struct spprof_profile *profile;
    struct spprof_error *error = spprof_sampler_finish(sampling->sampler, &profile);
    enum exit_status status = failed ? STATUS_UNREADABLE : STATUS_DONE;
    if (error == NULL)
        profile->command = sampling->command;
    sampling->command = NULL;
    if (error == NULL && (!failed || profile->samples > 0)) {
        error = options_profile_output_write(&sampling->output, profile, &streams);
        status = failed || profile->problems.count > 0 ? STATUS_PARTIAL : STATUS_DONE;
        if (error == NULL && options_profile_output_has_file(options) && !options->quiet)
            tell_written(profile, options->output);
        tell_problems(options, &profile->problems);
    }
    fflush(stdout);
    spprof_profile_free(profile);
    if (error == NULL)
        return status;
    cli_complain_error(error);
    return STATUS_UNREADABLE;
}

static enum exit_status sample(struct sampling *sampling)
{
    const struct options *options = sampling->options;
    enum exit_status status = STATUS_UNREADABLE;
    sampling->command = sampling->child != 0 ? joined(options->operands, options->operand_count) : spprof_host_command_line(sampling->pid);
    sampling->progress.fd = -1;
    target_scheduling_wake_exactly();
    struct spprof_error *error = sampling->child != 0 ? attach_soon(sampling, 0) : attach(sampling);
    if (error == NULL) {
        if (sampling->child == 0 && !options->quiet) /* a command has the terminal for itself */
            cli_progress_open(&sampling->progress);
        error = run_on(sampling);
        cli_progress_close(&sampling->progress);
        sampling->left = error == NULL && !cli_signals_ended && !spprof_sampler_is_over(sampling->sampler);
        status = write_profile(sampling, error != NULL);
    }
    if (error != NULL)
        cli_complain_error(error);
    free(sampling->command);
    spprof_sampler_free(sampling->sampler);
    spprof_target_close(sampling->target);
    return status;
}

static enum exit_status sample_command(struct sampling *sampling)
{
    struct spprof_error *error = cli_child_start(sampling->options->operands, &sampling->child);
    if (error != NULL) {
        cli_complain_error(error);
        return STATUS_UNREADABLE;
    }
    sampling->pid = sampling->child;
    enum exit_status status = sample(sampling);
    if (sampling->left && !has_ended(sampling)) {
        if (!sampling->options->quiet)
            cli_message("the time is over; '%s' runs on as process %d", sampling->options->operands[0], (int)sampling->child);
        return status;
    }
    int code = cli_child_wait(sampling->child);
    return code != 0 ? (enum exit_status)code : status;
}

/* Whether the operands name a process; else what is wrong has been said. */
static enum exit_status find_process(const struct verb *verb, struct sampling *sampling)
{
    const struct options *options = sampling->options;
    if (options->operand_count != 1 || !options_number_is_digits(options->operands[0])) {
        cli_complain_usage(verb, options->operand_count == 0 ? "sample needs a process id, or '--' and a command"
                                                             : "sample takes one process id; a command stands behind '--'");
        return STATUS_USAGE;
    }
    if (!options_number_parse(options->operands[0], &sampling->pid) || sampling->pid == 0 || sampling->pid > INT32_MAX) {
        cli_message("there is no process %s; 'ps -ef' lists the processes", options->operands[0]);
        return STATUS_UNREADABLE;
    }
    return STATUS_DONE;
}

static enum exit_status open_output(const struct verb *verb, struct sampling *sampling)
{
    struct spprof_error *error = options_profile_output_open(sampling->options, &sampling->output);
    if (error == NULL)
        return STATUS_DONE;
    if (error->kind == SPPROF_ERROR_USAGE) {
        cli_complain_usage_error(verb, error);
        return STATUS_USAGE;
    }
    cli_complain_error(error);
    return STATUS_UNREADABLE;
}

static enum exit_status run(const struct verb *verb, const struct options *options)
{
    struct options settled = *options;
    struct sampling sampling = {.options = &settled};
    bool command = options->command && options->operand_count > 0;
    if (settled.duration_s == 0 && !command)
        settled.duration_s = DEFAULT_SECONDS;
    enum exit_status status = command ? STATUS_DONE : find_process(verb, &sampling);
    if (status == STATUS_DONE)
        status = open_output(verb, &sampling);
    if (status != STATUS_DONE)
        return status;
    cli_signals_catch(command);
    status = command ? sample_command(&sampling) : sample(&sampling);
    options_profile_output_close(&sampling.output);
    return status;
}

const struct verb cli_sample = {
    .name = "sample",
    .bit = FOR_SAMPLE,
    .operands = "PID | -- COMMAND...",
    .summary = "sample a running process, or a command from its start to its end",
    .help = "Looks at a process again and again while it runs, and tells where its time goes: by function, as a flame graph, or for\n"
            "other tools. The process is not stopped unless --stop is given, and never changed. Only threads that run are counted.\n"
            "Every sample that could not be taken is counted by its reason. Ctrl-C ends early, with the result.\n"
            "A command ends with its own exit status; it gets the SIGTERM or SIGHUP that ends spprof, and the table goes to standard error.\n",
    .examples = "  spprof sample 1234                      ten seconds, a table\n"
                "  spprof sample -d 1m -o out.html 1234    a flame graph for a browser\n"
                "  spprof sample -r 1000 -- python3 job.py from its first line to its end\n"
                "  spprof sample --idle --threads 1234     what every thread does or waits for\n",
    .run = run,
};
