/* spprof COMMAND: finds the command and lets it run. No locale is ever set: what spprof prints does not depend on one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "options/number.h"
#include "options/options.h"
#include "verb.h"

static const struct verb *const verbs[] = {&cli_bt, &cli_sample, &cli_doctor};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0], OUTPUT_BUFFER = 64 << 10 };

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static void print_exit_statuses(void)
{
    puts("\nExit status:\n"
         "  0  done\n"
         "  1  the target cannot be read or is no Python process\n"
         "  2  wrong usage\n"
         "  3  partial: something was printed, something could not be read");
}

static void print_help(void)
{
    puts("Usage: spprof COMMAND [OPTIONS] OPERANDS\n\n"
         "Shows what the Python code of a process is doing, from outside: exact stacks of running processes and core\n"
         "files, CPython 3.9 to " SPPROF_NEWEST_PYTHON ".\n\n"
         "Commands:");
    for (size_t i = 0; i < VERB_COUNT; i++)
        printf("  %-8s %s\n", verbs[i]->name, verbs[i]->summary);
    puts("\nOptions of every command:");
    options_print(stdout, FOR_ALL);
    puts("\nExamples:\n"
         "  spprof bt 1234           what process 1234 is doing now\n"
         "  spprof bt core.1234      where it crashed\n"
         "  spprof sample 1234       where its time goes\n"
         "  spprof bt --help         more about a command");
    print_exit_statuses();
}

static void print_verb_help(const struct verb *verb)
{
    printf("Usage: spprof %s [OPTIONS] %s\n\n%s\nOptions:\n", verb->name, verb->operands, verb->help);
    options_print(stdout, verb->bit);
    printf("\nOptions may stand before or behind the operands; '--' ends them. An operand of digits only is a process id,\n"
           "or a core file where there is no such process; './1234' is always a file.\n"
           "\nExamples:\n%s",
           verb->examples);
    print_exit_statuses();
}

/* Says what to type where a target was given without a command. */
static enum exit_status complain_verb(const char *name)
{
    if (options_number_is_digits(name) || access(name, F_OK) == 0)
        cli_complain_usage(NULL, "'%s' is no command; for its stacks type 'spprof bt %s'", name, name);
    else
        cli_complain_usage(NULL, "unknown command '%s'", name);
    return STATUS_USAGE;
}

/* What --help and --version ask for; true when that was all. */
static bool print_asked(const struct verb *verb, const struct options *options)
{
    if (options->version)
        puts("spprof " SPPROF_VERSION);
    else if (options->help && verb != NULL)
        print_verb_help(verb);
    else if (options->help)
        print_help();
    return options->help || options->version;
}

/* Reads the options of a command (NULL: those before it). Returns whether they make sense; else what is wrong has been said. */
static bool parse(const struct verb *verb, struct options *options, int argc, char **argv)
{
    options->verb = verb != NULL ? verb->bit : FOR_ALL;
    struct spprof_error *error = options_parse(options, argc, argv);
    if (error != NULL)
        cli_complain_usage_error(verb, error);
    return error == NULL;
}

static enum exit_status run(int argc, char **argv)
{
    struct options options = {0};
    if (!parse(NULL, &options, argc, argv))
        return STATUS_USAGE;
    if (print_asked(NULL, &options))
        return STATUS_DONE;
    if (options.operand_count == 0) {
        cli_complain_usage(NULL, "no command given");
        return STATUS_USAGE;
    }
    const struct verb *verb = find_verb(options.operands[0]);
    if (verb == NULL)
        return complain_verb(options.operands[0]);
    if (!parse(verb, &options, options.operand_count, options.operands))
        return STATUS_USAGE;
    return print_asked(verb, &options) ? STATUS_DONE : verb->run(verb, &options);
}

/* A standard stream that the caller closed would be taken by the next file that is opened, and the report written into it. */
static void hold_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY); /* writing a report to nowhere stays an error */
}

/* Why nothing more could be written: asked once more, since the first refusal has been forgotten. */
static void complain_output(int reason)
{
    bool closed = (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY; /* see hold_standard_streams */
    if (!closed && reason == 0 && write(STDOUT_FILENO, "\n", 1) < 0)
        reason = errno;
    if (closed)
        cli_message("cannot write the report to standard output: it is closed; let it be a terminal, a file or a pipe");
    else if (reason == ENOSPC || reason == EDQUOT)
        cli_message("cannot write the report to standard output: %s; what stands there is not whole: make room, or write it elsewhere",
                    strerror(reason));
    else
        cli_message("cannot write the report to standard output: %s; what stands there is not whole",
                    reason != 0 ? strerror(reason) : "it took no more");
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    signal(SIGPIPE, SIG_DFL); /* who ignores it would see an error where a reader had enough */
    setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER);
    enum exit_status status = run(argc, argv);
    errno = 0;
    bool failed = ferror(stdout) || fflush(stdout) != 0;
    if (failed || fclose(stdout) != 0) {
        complain_output(errno);
        return STATUS_UNREADABLE;
    }
    return (int)status;
}
