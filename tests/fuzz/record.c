/*
 * fuzz_record OUT CORE                      records a core file
 * fuzz_record OUT --program FILE COMMAND... starts COMMAND -c FILE's text, waits for its first line of output, records it, ends it
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recording.h"

static char *text_of(const char *path)
{
    char *text = NULL;
    size_t capacity = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL || getdelim(&text, &capacity, '\0', file) < 0) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return text;
}

static void start(char **arguments, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    execvp(arguments[0], arguments);
    perror(arguments[0]);
    _exit(2);
}

/* The command, parked; its stdout tells when. */
static pid_t start_parked(char **command, size_t count, const char *program)
{
    int ends[2];
    char byte = 0;
    CLEANUP_FREE char **arguments = calloc(count + 3, sizeof *arguments);
    CLEANUP_FREE char *text = text_of(program);
    char option[] = "-c";
    if (arguments == NULL || pipe(ends) != 0)
        exit(2);
    memcpy(arguments, command, count * sizeof *arguments);
    arguments[count] = option;
    arguments[count + 1] = text;
    pid_t pid = fork();
    if (pid == 0)
        start(arguments, ends[1]);
    close(ends[1]);
    while (pid > 0 && byte != '\n' && read(ends[0], &byte, 1) == 1)
        continue;
    if (byte != '\n') {
        fprintf(stderr, "%s did not start\n", command[0]);
        exit(2);
    }
    return pid;
}

static struct spprof_error *record_process(char **command, size_t count, const char *program, const char *path)
{
    struct spprof_target *target;
    pid_t pid = start_parked(command, count, program);
    struct spprof_error *error = spprof_process_open(pid, &target);
    if (error == NULL) {
        error = recording_write(target, path);
        spprof_target_close(target);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return error;
}

static struct spprof_error *record_core(const char *core, const char *path)
{
    struct spprof_target *target;
    TRY(spprof_core_open(core, &(struct spprof_core_options){NULL, NULL, 0}, &target));
    struct spprof_error *error = recording_write(target, path);
    spprof_target_close(target);
    return error;
}

int main(int count, char **arguments)
{
    struct spprof_error *error;
    if (count > 4 && strcmp(arguments[2], "--program") == 0) {
        error = record_process(arguments + 4, (size_t)count - 4, arguments[3], arguments[1]);
    } else if (count == 3) {
        error = record_core(arguments[2], arguments[1]);
    } else {
        fprintf(stderr, "usage: fuzz_record OUT CORE, or fuzz_record OUT --program FILE COMMAND...\n");
        return 2;
    }
    if (error != NULL)
        fprintf(stderr, "%s\n", error->message);
    return error != NULL;
}
