/* A command that spprof starts to sample it. */
#ifndef SPPROF_CLI_CHILD_H
#define SPPROF_CLI_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "spprof/error.h"

/* Starts argv (ended by NULL, looked up in PATH); it shares the terminal. Signals are passed on to it until its end. Errors: it cannot be started. */
struct spprof_error *cli_child_start(char **argv, pid_t *pid);

/* Whether it has ended; then *status is its exit code, 128 + N where signal N ended it. */
bool cli_child_has_ended(pid_t pid, int *status);

/* Waits until it has ended, and gives its exit code. */
int cli_child_wait(pid_t pid);

#endif
