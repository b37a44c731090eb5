#include "stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb.h"

static bool is_of_type(PyObject *event, const char *name)
{
    OWNED type = gdb_get(name);
    return type != NULL && PyObject_IsInstance(event, type) == 1;
}

static bool is_one_of(int64_t type, const char *const *names)
{
    for (; *names != NULL; names++) {
        OWNED value = gdb_get(*names);
        if (value != NULL && gdb_number(value, -1) == type)
            return true;
    }
    return false;
}

static const char *kind_of(PyObject *breakpoint)
{
    static const char *const catches[] = {"BP_CATCHPOINT", NULL};
    static const char *const watches[] = {"BP_WATCHPOINT", "BP_HARDWARE_WATCHPOINT", "BP_READ_WATCHPOINT", "BP_ACCESS_WATCHPOINT", NULL};
    OWNED type = gdb_get_of(breakpoint, "type");
    int64_t number = gdb_number(type, -2);
    return is_one_of(number, catches) ? "catchpoint" : is_one_of(number, watches) ? "watchpoint" : "breakpoint";
}

static void read_breakpoint(PyObject *event, struct stop *stop)
{
    OWNED all = gdb_get_of(event, "breakpoints");
    OWNED first = all != NULL ? PySequence_GetItem(all, 0) : NULL;
    OWNED number = gdb_get_of(first, "number");
    stop->kind = STOP_BREAKPOINT;
    snprintf(stop->why, sizeof stop->why, "%s %" PRId64, kind_of(first), gdb_number(number, 0));
}

static void read_signal(PyObject *event, struct stop *stop)
{
    OWNED signal = gdb_get_of(event, "stop_signal");
    char *name = gdb_text(signal);
    stop->kind = STOP_SIGNAL;
    snprintf(stop->signal, sizeof stop->signal, "%s", name != NULL ? name : "");
    snprintf(stop->why, sizeof stop->why, "signal %s", stop->signal);
    free(name);
}

/* A program that a signal has ended has no exit code. */
static void read_exit(PyObject *event, struct stop *stop)
{
    OWNED code = gdb_get_of(event, "exit_code");
    stop->kind = STOP_EXIT;
    if (code != NULL)
        snprintf(stop->why, sizeof stop->why, "exit code %" PRId64, gdb_number(code, 0));
    else
        snprintf(stop->why, sizeof stop->why, "by a signal");
}

void stop_read(PyObject *event, struct stop *stop)
{
    *stop = (struct stop){.kind = STOP_NONE};
    if (is_of_type(event, "ContinueEvent"))
        stop->kind = STOP_RESUMED;
    else if (is_of_type(event, "ExitedEvent"))
        read_exit(event, stop);
    else if (is_of_type(event, "SignalEvent"))
        read_signal(event, stop);
    else if (is_of_type(event, "BreakpointEvent"))
        read_breakpoint(event, stop);
    else if (is_of_type(event, "StopEvent"))
        stop->kind = STOP_OTHER;
}
