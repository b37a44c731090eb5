#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb.h"

/* A setting that has the unwanted value, NULL: any, gets the wanted one. */
static const struct change {
    const char *name, *unwanted, *wanted;
} changes[SETTINGS] = {
    {"pagination", "on", "off"}, /* a full screen of what is not shown would wait for a key */
    {"confirm", "on", "off"},
    {"scheduler-locking", "on", "replay"},        /* all threads are to run */
    {"print frame-info", NULL, "short-location"}, /* no look for a source file at each stop */
};

char *settings_value(const char *name)
{
    OWNED parameter = gdb_get("parameter");
    OWNED value = parameter != NULL ? PyObject_CallFunction(parameter, "s", name) : NULL;
    if (value == NULL)
        gdb_forget_error();
    if (value == Py_True || value == Py_False)
        return strdup(value == Py_True ? "on" : "off");
    return gdb_text(value);
}

static bool set(const char *name, const char *value)
{
    char command[128];
    snprintf(command, sizeof command, "set %s %s", name, value);
    char *said = gdb_execute(command);
    free(said);
    return said != NULL;
}

/* "SIGURG        No\tNo\tYes\t\tUrgent I/O condition": whether it stops, is printed, is passed. */
static char *handling_of(const char *signal)
{
    char command[64], stop[8], print[8], pass[8], *handling = NULL;
    snprintf(command, sizeof command, "info signals %s", signal);
    char *said = gdb_execute(command);
    const char *line = said != NULL ? strstr(said, signal) : NULL;
    if (line != NULL && sscanf(line + strlen(signal), "%7s %7s %7s", stop, print, pass) == 3 &&
        asprintf(&handling, "handle %s %sstop %sprint %spass", signal, stop[0] == 'Y' ? "" : "no", print[0] == 'Y' ? "" : "no",
                 pass[0] == 'Y' ? "" : "no") < 0)
        handling = NULL;
    free(said);
    return handling;
}

void settings_change(struct settings *settings, const char *signal, bool shared)
{
    char command[64];
    *settings = (struct settings){0};
    for (size_t i = 0; i < SETTINGS; i++) {
        char *value = settings_value(changes[i].name);
        bool unwanted = value != NULL && (changes[i].unwanted == NULL || strcmp(value, changes[i].unwanted) == 0);
        if (unwanted && set(changes[i].name, changes[i].wanted))
            settings->before[i] = value;
        else
            free(value);
    }
    settings->handled = handling_of(signal);
    snprintf(command, sizeof command, "handle %s stop print%s", signal, shared ? "" : " nopass");
    if (settings->handled != NULL && strcmp(settings->handled, command) != 0)
        free(gdb_execute(command));
}

bool settings_restore(struct settings *settings)
{
    bool restored = true;
    if (settings->handled != NULL) {
        char *said = gdb_execute(settings->handled);
        restored = said != NULL;
        free(said);
    }
    for (size_t i = SETTINGS; i-- > 0;) {
        restored = (settings->before[i] == NULL || set(changes[i].name, settings->before[i])) && restored;
        free(settings->before[i]);
    }
    free(settings->handled);
    *settings = (struct settings){0};
    return restored;
}
