/*
 * Sampling from a debugger: the inferior runs for that time and is then put back. A process of this machine is read while it runs, by a
 * thread of ours past the debugger; any other, or with --stop, is stopped for each look.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "console/console.h"
#include "options/profile_output.h"
#include "target/scheduling.h"

enum { DEFAULT_SECONDS = 10 };
#define LONGEST_PIECE_S 0.02

struct console_sampling {
    struct spprof_console *console;
    struct spprof_sampler *sampler;
    struct spprof_error *error; /* of the work */
    double rest_s;              /* until the next look */
    volatile int ended;
};

static void run_sampler(void *context)
{
    struct console_sampling *sampling = context;
    target_scheduling_wake_exactly();
    sampling->error = spprof_sampler_run(sampling->sampler, &sampling->ended, NULL, NULL);
}

/* In pieces, since it may be cancelled. */
static void rest(void *context)
{
    struct console_sampling *sampling = context;
    target_scheduling_wake_exactly();
    double end = base_clock_seconds() + sampling->rest_s;
    for (double left = sampling->rest_s; !sampling->ended && left > 0; left = end - base_clock_seconds()) {
        double piece = left < LONGEST_PIECE_S ? left : LONGEST_PIECE_S;
        nanosleep(&(struct timespec){.tv_nsec = (long)(piece * 1e9)}, NULL);
    }
}

static void cancel(void *context)
{
    struct console_sampling *sampling = context;
    sampling->ended = 1;
}

/* One run for the whole time; the sampler has a target of its own, which knows nothing of the debugger. */
static struct spprof_error *sample_running(struct console_sampling *sampling, const struct spprof_sample_options *wanted,
                                           struct spprof_target **target, struct spprof_run *run)
{
    const struct spprof_console *console = sampling->console;
    TRY(spprof_process_open(console->inferior.pid, target));
    (*target)->budget.memory_limit = console->target->budget.memory_limit;
    TRY(spprof_sampler_new(*target, wanted, &sampling->sampler));
    *run = (struct spprof_run){.work = run_sampler, .cancel = cancel, .context = sampling, .last = true};
    TRY(console->ops->run(console->debugger, run));
    return sampling->error;
}

/* A run for each look. */
static struct spprof_error *sample_stopped(struct console_sampling *sampling, const struct spprof_sample_options *wanted, struct spprof_run *run)
{
    struct spprof_console *console = sampling->console;
    TRY(spprof_sampler_new(console->target, wanted, &sampling->sampler));
    double end = base_clock_seconds() + wanted->duration_s;
    while (base_clock_seconds() < end) {
        *run = (struct spprof_run){.work = rest, .cancel = cancel, .context = sampling};
        double left = end - base_clock_seconds(), due = spprof_sampler_due(sampling->sampler);
        sampling->rest_s = due < left ? due : left;
        TRY(console->ops->run(console->debugger, run));
        spprof_debugger_target_resumed(console->target);
        if (run->end != SPPROF_RUN_DONE)
            return NULL;
        TRY(spprof_sampler_look(sampling->sampler));
    }
    return NULL;
}

static void tell_end(FILE *stream, const struct spprof_run *run)
{
    static const char *const reasons[] = {
        [SPPROF_RUN_STOPPED] = "the program stopped", [SPPROF_RUN_EXITED] = "the program ended", [SPPROF_RUN_INTERRUPTED] = "interrupted"};
    if (run->end == SPPROF_RUN_DONE)
        return;
    fprintf(stream, "Sampling ended early: %s", reasons[run->end]);
    if (run->why[0] != '\0')
        fputs(" (", stream);
    spprof_write_escaped(stream, run->why, strlen(run->why));
    fputs(run->why[0] != '\0' ? ")\n" : "\n", stream);
}

/* The table tells them itself. */
static void tell_problems(FILE *stream, const struct spprof_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        spprof_write_escaped(stream, problems->texts[i], strlen(problems->texts[i]));
        fputc('\n', stream);
    }
}

static struct spprof_error *write_profile(struct console_sampling *sampling, const struct options *options, struct profile_output *output,
                                          FILE *stream)
{
    struct spprof_console *console = sampling->console;
    struct spprof_profile *profile;
    TRY(spprof_sampler_finish(sampling->sampler, &profile));
    const struct profile_streams streams = {.standard = stream, .table = stream, .color = console_report_options(console, options).color};
    struct spprof_error *error = options_profile_output_write(output, profile, &streams);
    if (error == NULL && options_profile_output_has_file(options)) {
        fprintf(stream, "%llu samples written to ", (unsigned long long)profile->samples);
        spprof_write_escaped(stream, options->output, strlen(options->output));
        fputc('\n', stream);
        tell_problems(stream, &profile->problems);
    }
    spprof_profile_free(profile);
    return error;
}

static struct spprof_error *sample(struct console_sampling *sampling, const struct options *options, FILE *stream)
{
    struct spprof_console *console = sampling->console;
    struct spprof_sample_options wanted = options_sample(options);
    struct spprof_target *own = NULL;
    struct spprof_run run = {.end = SPPROF_RUN_DONE};
    struct profile_output output;
    TRY(options_profile_output_open(options, &output));
    struct spprof_error *error = console->ops->run_begin(console->debugger);
    if (error != NULL) {
        options_profile_output_close(&output);
        return error;
    }
    error = console->inferior.local && !options->stop ? sample_running(sampling, &wanted, &own, &run) : sample_stopped(sampling, &wanted, &run);
    console->ops->run_end(console->debugger);
    if (error == NULL) {
        tell_end(stream, &run);
        error = write_profile(sampling, options, &output, stream);
    }
    options_profile_output_close(&output);
    spprof_sampler_free(sampling->sampler);
    spprof_target_close(own);
    return error;
}

static struct spprof_error *read_options(struct spprof_console *console, struct words *words, struct options *options)
{
    enum spprof_profile_format format;
    TRY(options_parse(options, words->count, words->items));
    TRY(options_profile_output_check(options, &format));
    if (options->operand_count > 1)
        return spprof_error_new(SPPROF_ERROR_USAGE, "spprof sample takes one duration, not '%s'", options->operands[1]);
    if (options->operand_count == 1 && !options_duration(options->operands[0], &options->duration_s))
        return spprof_error_new(SPPROF_ERROR_USAGE, "'%s' is no duration: 10s, 500ms, 2m; what is sampled is what %s has open", options->operands[0],
                                console->ops->debugger_name);
    if (options->duration_s == 0)
        options->duration_s = DEFAULT_SECONDS;
    return NULL;
}

struct spprof_error *console_sample(struct spprof_console *console, struct words *words, struct console_output *output)
{
    struct options options = {.verb = FOR_SAMPLE};
    struct console_sampling sampling = {.console = console};
    TRY(read_options(console, words, &options));
    if (options.help) {
        fputs("Options:\n", output->stream);
        options_print(output->stream, FOR_SAMPLE);
        return NULL;
    }
    TRY(console_open_session(console)); /* says what is wrong before anything runs */
    if (console->inferior.kind == SPPROF_TARGET_CORE)
        return spprof_error_new(SPPROF_ERROR_USAGE, "a core file stands still: only a process that lives can be sampled; 'spprof bt' shows the core");
    if (console->ops->run == NULL)
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "%s cannot let the program run for a while from a command", console->ops->debugger_name);
    console->target->budget.memory_limit = options.memory;
    struct spprof_error *error = sample(&sampling, &options, output->stream);
    console->target->budget.memory_limit = 0;
    output->complete = true;
    spprof_console_changed(console);
    return error;
}
