/* Ctrl-C by the user, told apart from the same signal when the helper sends it to gdb, whose way to interrupt a remote target it is. */
#ifndef SPPROF_GDB_CONTROL_C_H
#define SPPROF_GDB_CONTROL_C_H

#include <stdbool.h>

/* From now on it is told apart. To be called on gdb's own thread. */
void control_c_watch(void);
void control_c_unwatch(void);

/* Sends it, once for each control_c_watch. May be called on any thread. */
void control_c_send(void);
bool control_c_was_sent(void);

/* Whether somebody else has since control_c_watch. */
bool control_c_was_pressed(void);

#endif
