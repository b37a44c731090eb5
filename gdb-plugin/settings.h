/* gdb's settings that would be in the way while the program runs: changed for that time, and then as they were. */
#ifndef SPPROF_GDB_SETTINGS_H
#define SPPROF_GDB_SETTINGS_H

#include <stdbool.h>

enum { SETTINGS = 4 };

struct settings {
    char *before[SETTINGS]; /* owned; NULL: not changed */
    char *handled;          /* owned; the command that lets gdb treat the signal as before; NULL: not changed */
};

/*
 * signal is the one by which the program is interrupted ("SIGURG"): it stops the program. shared: one of the program's own is passed on to it
 * as ever; else none is.
 */
void settings_change(struct settings *settings, const char *signal, bool shared);

/* False: gdb has refused one of them. */
bool settings_restore(struct settings *settings);

/* The value of one, owned by the caller: "on", "off", a word; NULL: this gdb has none of this name. */
char *settings_value(const char *name);

#endif
