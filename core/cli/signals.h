/* The signals that end sampling: Ctrl-C, a polite kill, a terminal that hangs up. */
#ifndef SPPROF_CLI_SIGNALS_H
#define SPPROF_CLI_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* Not 0: one of them has come. */
extern volatile int cli_signals_ended;

/*
 * From now on they only end the sampling; what was collected is written. Without a command a second Ctrl-C ends spprof; with one, which gets
 * Ctrl-C as well, it is for the command to say. Who has spprof ignore hang-ups (nohup) is heeded.
 */
void cli_signals_catch(bool command);

/* SIGTERM and SIGHUP that somebody sends to spprof are sent on to this process; 0: to none. The kernel sends its own to the command, too. */
void cli_signals_pass_on(pid_t process);

/* In a child that is to become another program: as they were before cli_signals_catch. */
void cli_signals_restore(void);

#endif
