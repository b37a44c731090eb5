/*
 * Ctrl-C while the program is sampled. The user's is kept from gdb, which would drop it between two stops, or cease to wait for a program that
 * runs. A remote target can only be stopped by what gdb does at Ctrl-C, and gdb takes a second one, before the stub has answered, for a wish to
 * leave: it is caused once for each run, whoever wants it.
 */
#ifndef SPPROF_GDB_CONTROL_C_H
#define SPPROF_GDB_CONTROL_C_H

#include <stdbool.h>

/*
 * All but control_c_send are to be called on gdb's own thread. on_press is called on another one, again and again once the user has pressed
 * Ctrl-C, until control_c_end. emulator: what spprof_emulator_open gave, to be interrupted in place of gdb. False: no thread can be made that
 * waits for the user.
 */
bool control_c_begin(void (*on_press)(void), int emulator);
void control_c_end(void);

/* A remote target runs, and has stopped: only in between it can be interrupted. */
void control_c_resumed(void);
void control_c_stopped(void);

/*
 * Lets gdb interrupt the target, once for each run, not in its first moment. Where the user has pressed Ctrl-C and no stub answers, it is
 * done again: gdb then leaves the target. May be called on any thread, and again until it is done.
 */
void control_c_send(void);

/* Whether it has been interrupted in the latest run; whether the user has pressed Ctrl-C since control_c_begin. */
bool control_c_was_sent(void);
bool control_c_was_pressed(void);

#endif
